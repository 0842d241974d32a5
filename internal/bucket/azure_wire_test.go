package bucket_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/bucket"
)

// The answers of this file are our double of Azure Blob Storage, for what
// Azurite does not do: refuse as Azure does, throttle, and break. Codes and
// shape are those of
// https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2.

func (v *wire) openAzure(t *testing.T, extra string) (bucket.Bucket, *[]time.Duration) {
	t.Helper()
	b := openYAML(t, fmt.Sprintf("type: AZURE\nconfig:\n  storage_account: fleetcosts\n  storage_account_key: c2VjcmV0\n  container: fleet\n  endpoint: %s\n%s", v.URL, extra))
	return b, bucket.WithoutWaits(b)
}

func azureError(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Ms-Error-Code", code)
	w.Header().Set("X-Ms-Request-Id", "REQ1")
	w.WriteHeader(status)
	fmt.Fprintf(w, "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code><Message>message of %s\nRequestId:REQ1\nTime:2026-11-23T01:00:00Z</Message>%s</Error>", code, code, detail)
}

func azureStored(w http.ResponseWriter) {
	w.Header().Set("ETag", `"0x8D"`)
	w.Header().Set("Last-Modified", "Mon, 23 Nov 2026 01:00:00 GMT")
	w.WriteHeader(http.StatusCreated)
}

func TestAzureErrors(t *testing.T) {
	const old = "<AuthenticationErrorDetail>Request date header too old: 'Mon, 23 Nov 2026 01:00:00 GMT'</AuthenticationErrorDetail>"
	const mac = "<AuthenticationErrorDetail>The MAC signature found in the HTTP request 'c2VjcmV0' is not the same as any computed signature.</AuthenticationErrorDetail>"
	for _, c := range []struct {
		code     string
		status   int
		detail   string
		want     error
		text     string
		requests int
	}{
		{"AuthenticationFailed", 403, mac, bucket.ErrCredentials, "azure:PutBlob on fleetcosts/fleet/k: credentials: the store does not accept the storage_account_key of the file: AuthenticationFailed: message of AuthenticationFailed (request REQ1)", 1},
		{"AuthenticationFailed", 403, old, bucket.ErrCredentials, "this machine's clock differs from the store's", 1},
		{"KeyBasedAuthenticationNotPermitted", 403, "", bucket.ErrCredentials, "the account forbids its keys", 1},
		{"AuthorizationPermissionMismatch", 403, "", bucket.ErrDenied, "grant Storage Blob Data Contributor", 1},
		{"AuthorizationFailure", 403, "", bucket.ErrDenied, "firewall", 1},
		{"InsufficientAccountPermissions", 403, "", bucket.ErrDenied, "", 1},
		{"ContainerNotFound", 404, "", bucket.ErrUnavailable, "the container does not exist: create it", 1},
		{"BlobNotFound", 404, "", bucket.ErrPrecondition, "", 1}, // If-Match of a missing object
		{"ConditionNotMet", 412, "", bucket.ErrPrecondition, "", 1},
		{"BlobAlreadyExists", 409, "", bucket.ErrPrecondition, "", 1},
		{"LeaseIdMissing", 412, "", bucket.ErrDenied, "lease", 1},
		{"Md5Mismatch", 400, "", nil, "Md5Mismatch", 1},
		{"ServerBusy", 503, "", bucket.ErrThrottled, "after 3 attempts", 3},
		{"OperationTimedOut", 500, "", bucket.ErrThrottled, "", 3},
		{"InternalError", 500, "", bucket.ErrUnavailable, "after 3 attempts", 3},
		{"", 502, "", bucket.ErrUnavailable, "HTTP 502", 3},
		{"TooMany", 429, "", bucket.ErrThrottled, "", 3},
	} {
		t.Run(c.code+c.detail, func(t *testing.T) {
			v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { azureError(w, c.status, c.code, c.detail) })
			b, waits := v.openAzure(t, "  pipeline_config:\n    max_tries: 3\n")
			_, err := put(t.Context(), b, "k", "x", bucket.Condition{ETag: "0x8D"})
			var op *bucket.OpError
			if !errors.As(err, &op) || op.Code != c.code || op.Status != c.status {
				t.Fatalf("got %#v", err)
			}
			if c.want != nil && !errors.Is(err, c.want) || c.want == nil && op.Kind != nil {
				t.Errorf("got kind %v, want %v", op.Kind, c.want)
			}
			if !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "c2VjcmV0") {
				t.Errorf("%q does not say %q, or shows a signature", err, c.text)
			}
			if v.count() != c.requests || len(*waits) != c.requests-1 {
				t.Errorf("%d requests and %d waits, want %d", v.count(), len(*waits), c.requests)
			}
		})
	}
}

// TestAzureRequests looks at what a write carries, and that each attempt carries
// the same.
func TestAzureRequests(t *testing.T) {
	for name, c := range map[string]struct {
		cond        bucket.Condition
		match, none string
	}{
		"create": {bucket.Condition{Absent: true}, "", "*"},
		"update": {bucket.Condition{ETag: "0x8C"}, `"0x8C"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := newWire(t, func(w http.ResponseWriter, _ *http.Request, n int) {
				if n <= 3 {
					azureError(w, 503, "ServerBusy", "")
					return
				}
				azureStored(w)
			})
			b, waits := v.openAzure(t, "  pipeline_config:\n    retry_delay: 1s\n    max_retry_delay: 2s\n")
			o, err := put(t.Context(), b, "k", "hello", c.cond)
			if err != nil || o.ETag != "0x8D" || o.LastModified.IsZero() {
				t.Fatalf("%+v, %v", o, err)
			}
			for i, r := range v.requests {
				h := r.Header
				if r.URL.Path != "/fleet/k" || string(v.bodies[i]) != "hello" || h.Get("If-Match") != c.match || h.Get("If-None-Match") != c.none ||
					h.Get("X-Ms-Blob-Type") != "BlockBlob" || h.Get("Content-Md5") != "XUFAKrxLKna5cZ2REBfFkg==" {
					t.Errorf("attempt %d: %s %v %q", i, r.URL, h, v.bodies[i])
				}
			}
			for i, wait := range *waits {
				if most := min(1<<i, 2) * 1900 * int(time.Millisecond); wait <= 0 || wait > time.Duration(most) {
					t.Errorf("wait %d is %v, at most %v", i, wait, time.Duration(most))
				}
			}
		})
	}
}

func TestAzureLostResponse(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			hijack(w, "")
			return
		}
		azureError(w, 409, "BlobAlreadyExists", "")
	})
	b, _ := v.openAzure(t, "")
	_, err := put(t.Context(), b, "k", "x", bucket.Condition{Absent: true})
	if !errors.Is(err, bucket.ErrPrecondition) || v.count() != 2 {
		t.Errorf("%v after %d requests", err, v.count())
	}
}

// TestAzureDamagedGet: a download that is cut short, or whose bytes changed.
func TestAzureDamagedGet(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nETag: \"0x8D\"\r\nContent-MD5: XUFAKrxLKna5cZ2REBfFkg==\r\nContent-Length: "
	for _, c := range []struct {
		name, raw, read string
		fails           bool
	}{
		{"whole", head + "5\r\n\r\nhello", "hello", false},
		{"cut", head + "10\r\n\r\nhello", "hello", true},
		{"changed", head + "5\r\n\r\nhallo", "hallo", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { hijack(w, c.raw) })
			b, _ := v.openAzure(t, "")
			r, _, err := b.Get(t.Context(), "k")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close() }()
			data, err := io.ReadAll(r)
			if string(data) != c.read || (err != nil) != c.fails || c.fails && !errors.Is(err, bucket.ErrUnavailable) {
				t.Errorf("read %q, %v", data, err)
			}
		})
	}
}

// TestAzureContinuedGet: with reader_config.max_retry_requests a broken
// download goes on where it broke, unless the object was replaced meanwhile.
func TestAzureContinuedGet(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		v := newWire(t, func(w http.ResponseWriter, r *http.Request, n int) {
			switch {
			case n == 1:
				hijack(w, "HTTP/1.1 200 OK\r\nETag: \"0x8D\"\r\nContent-MD5: XUFAKrxLKna5cZ2REBfFkg==\r\nContent-Length: 5\r\n\r\nhel")
			case r.Header.Get("X-Ms-Range") != "bytes=3-" || r.Header.Get("If-Match") != `"0x8D"`:
				t.Errorf("continued with %v", r.Header)
				azureError(w, 400, "InvalidHeaderValue", "")
			case replaced:
				azureError(w, 412, "ConditionNotMet", "")
			default:
				hijack(w, "HTTP/1.1 206 Partial Content\r\nETag: \"0x8D\"\r\nContent-Range: bytes 3-4/5\r\nContent-Length: 2\r\n\r\nlo")
			}
		})
		b, _ := v.openAzure(t, "  reader_config:\n    max_retry_requests: 2\n")
		r, _, err := b.Get(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		_ = r.Close()
		if !replaced && (string(data) != "hello" || err != nil) {
			t.Errorf("read %q, %v", data, err)
		}
		if replaced && (!errors.Is(err, bucket.ErrUnavailable) || !strings.Contains(err.Error(), "ConditionNotMet")) {
			t.Errorf("replaced: read %q, %v", data, err)
		}
	}
}

// TestAzureListing: directories of a hierarchical namespace are no objects and
// their order is not passed on, a page that fails is asked for again, and any
// other order than that of keys is refused rather than believed. Azurite has no
// hierarchical namespace.
func TestAzureListing(t *testing.T) {
	page := func(next string, names ...string) string {
		var b strings.Builder
		b.WriteString("<EnumerationResults><Blobs>")
		for _, name := range names {
			kind := "file"
			if strings.HasSuffix(name, "!") {
				name, kind = strings.TrimSuffix(name, "!"), "directory"
			}
			fmt.Fprintf(&b, "<Blob><Name>%s</Name><Properties><Etag>0x8D</Etag><Content-Length>1</Content-Length><ResourceType>%s</ResourceType></Properties></Blob>", name, kind)
		}
		fmt.Fprintf(&b, "</Blobs><NextMarker>%s</NextMarker></EnumerationResults>", next)
		return b.String()
	}
	list := func(answers ...string) ([]string, error) {
		v := newWire(t, func(w http.ResponseWriter, r *http.Request, n int) {
			if n%2 == 1 {
				azureError(w, 503, "ServerBusy", "")
				return
			}
			if want := []string{"", "m1"}[n/2-1]; r.URL.Query().Get("marker") != want {
				t.Errorf("request %d: marker %q, want %q", n, r.URL.Query().Get("marker"), want)
			}
			w.Header().Set("Content-Type", "application/xml")
			_, _ = io.WriteString(w, answers[n/2-1])
		})
		b, _ := v.openAzure(t, "")
		var got []string
		err := b.List(t.Context(), "", "a", func(o bucket.Object) error { got = append(got, o.Key); return nil })
		return got, err
	}
	got, err := list(page("m1", "a", "b", "c/d"), page("", "e"))
	if diff := cmp.Diff([]string{"b", "c/d", "e"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	got, err = list(page("m1", "a", "aa", "b!", "b/c"), page("", "b/d", "b-c", "e"))
	if diff := cmp.Diff([]string{"aa", "b-c", "b/c", "b/d", "e"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if got, err := list(page("", "b/c", "b-c")); err == nil || !strings.Contains(err.Error(), "not in the order of keys") {
		t.Errorf("%v, %v", got, err)
	}
}

// TestAzureKeys: names that Azure would alter are refused.
func TestAzureKeys(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { azureStored(w) })
	b, _ := v.openAzure(t, "")
	for _, key := range []string{"a.", "a./b", "..."} {
		if _, err := put(t.Context(), b, key, "x", bucket.Condition{}); err == nil || v.count() != 0 {
			t.Errorf("%s: %v, %d requests", key, err, v.count())
		}
	}
}

// TestAzureStall: a store that takes the request and never answers is given up
// on, under the operator's name for it.
// It is tried once more, not max_retries times: each costs the whole timeout.
func TestAzureStall(t *testing.T) {
	release := make(chan struct{})
	v := newWire(t, func(http.ResponseWriter, *http.Request, int) { <-release })
	t.Cleanup(func() { close(release) })
	b, _ := v.openAzure(t, "  pipeline_config:\n    try_timeout: 50ms\n")
	_, err := b.Stat(context.Background(), "k")
	if !errors.Is(err, bucket.ErrUnavailable) || !strings.Contains(err.Error(), "after 2 attempts: no answer within 50ms") {
		t.Errorf("%v", err)
	}
}

// TestAzureBadCredentials: what is configured by halves is said when the bucket
// is opened.
func TestAzureBadCredentials(t *testing.T) {
	noKey := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(noKey, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	id := map[string]string{"AZURE_TENANT_ID": testTenant, "AZURE_CLIENT_ID": "app"}
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"AZURE_FEDERATED_TOKEN_FILE": "/token"}, "AZURE_FEDERATED_TOKEN_FILE is set without AZURE_TENANT_ID and AZURE_CLIENT_ID"},
		{map[string]string{"AZURE_CLIENT_SECRET": "s", "AZURE_CLIENT_ID": "app"}, "AZURE_CLIENT_SECRET is set without"},
		{map[string]string{"AZURE_CLIENT_CERTIFICATE_PATH": "/nowhere"}, "read AZURE_CLIENT_CERTIFICATE_PATH"},
		{map[string]string{"AZURE_CLIENT_CERTIFICATE_PATH": noKey}, "read AZURE_CLIENT_CERTIFICATE_PATH " + noKey},
	} {
		cfg, _, err := bucket.ParseConfig("f", []byte("type: AZURE\nconfig:\n  storage_account: fleetcosts\n  container: fleet\n"), bucket.ParseOptions{})
		if err != nil {
			t.Fatal(err)
		}
		getenv := func(k string) string {
			if strings.Contains(c.want, "read ") && c.env[k] == "" {
				return id[k]
			}
			return c.env[k]
		}
		_, err = bucket.Open(t.Context(), cfg, bucket.Deps{Logger: slog.New(slog.DiscardHandler), Getenv: getenv, Now: time.Now})
		if !errors.Is(err, bucket.ErrCredentials) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.env, err, c.want)
		}
		if strings.Contains(c.want, "is set without") {
			explained(t, "azure-credentials-by-halves", err)
		}
	}
}

// TestCloudSecretsStayHidden: no verb shows what a file holds of secrets.
func TestCloudSecretsStayHidden(t *testing.T) {
	for _, name := range []string{"gcs-all-keys", "azure-all-keys", "azure-key", "azure-connection-string"} {
		cfg, _, err := parse(t, "testdata/good/"+name+".yaml", bucket.ParseOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		fmt.Fprintf(&b, "%v %+v %#v", cfg, cfg, cfg)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "config", cfg)
		for _, secret := range []string{"PRIVATE KEY", "secret-of-the-test", base64.StdEncoding.EncodeToString([]byte("secret of the test"))} {
			if strings.Contains(b.String(), secret) {
				t.Errorf("%s: %q shows", name, secret)
			}
		}
	}
}

// TestCloudTLS: what is wrong with a certificate is said, and not tried again.
func TestCloudTLS(t *testing.T) {
	url, ca := secureWire(t, func(w http.ResponseWriter, _ *http.Request) { azureStored(w) })
	azure := fmt.Sprintf("type: AZURE\nconfig:\n  storage_account: fleetcosts\n  storage_account_key: c2VjcmV0\n  container: fleet\n  endpoint: %s\n", url)
	gcs := gcsYAML(url, "  anonymous: true\n")
	plain := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { azureStored(w) })
	for _, c := range []struct{ name, text, want string }{
		{"Azure, unknown CA", azure, "set http_config.tls_config.ca_file"},
		{"GCS, unknown CA", gcs, "set http_config.tls_config.ca_file"},
		{"GCS, other name", gcs + "  http_config:\n    tls_config:\n      server_name: other\n      ca_file: " + ca + "\n", "is for another name"},
		{"GCS, plain port", strings.Replace(gcs, url, strings.Replace(plain.URL, "http:", "https:", 1), 1), "answers plain HTTP"},
	} {
		b := openYAML(t, c.text)
		waits := bucket.WithoutWaits(b)
		_, err := put(t.Context(), b, "k", "x", bucket.Condition{})
		if !errors.Is(err, bucket.ErrUnavailable) || !strings.Contains(err.Error(), c.want) || len(*waits) != 0 {
			t.Errorf("%s: %v after %d waits, want %s", c.name, err, len(*waits), c.want)
		}
	}
	b := openYAML(t, azure+"  http_config:\n    tls_config:\n      ca_file: "+ca+"\n")
	if _, err := put(t.Context(), b, "k", "x", bucket.Condition{}); err != nil {
		t.Error(err)
	}
}
