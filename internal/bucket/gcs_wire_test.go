package bucket_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
)

// The answers of this file are our double of Google Cloud Storage, for what
// fake-gcs-server does not do: refuse, throttle, and break. Their shape is that
// of https://docs.cloud.google.com/storage/docs/json_api/v1/status-codes.

func gcsYAML(endpoint, extra string) string {
	return fmt.Sprintf("type: GCS\nconfig:\n  bucket: fleet\n  endpoint: %q\n%s", endpoint, extra)
}

func (v *wire) openGCS(t *testing.T, extra string) (bucket.Bucket, *[]time.Duration) {
	t.Helper()
	b := openYAML(t, gcsYAML(v.URL, "  anonymous: true\n"+extra))
	return b, bucket.WithoutWaits(b)
}

func gcsError(w http.ResponseWriter, status int, reason, message string) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"code": status, "message": message, "errors": []any{map[string]any{"domain": "global", "reason": reason, "message": message}},
	}})
}

func gcsStored(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"name":"k","size":"1","generation":"7","updated":"2026-11-23T01:00:00.123Z"}`)
}

func TestGCSErrors(t *testing.T) {
	for _, c := range []struct {
		name     string
		status   int
		reason   string
		message  string
		want     error
		text     string
		requests int
	}{
		{"denied", 403, "forbidden", "x@y does not have storage.objects.create access", bucket.ErrDenied, "gcs:storage.objects.create on fleet/k: access denied: HTTP 403: forbidden: x@y does not have", 1},
		{"may not replace", 403, "forbidden", "x@y does not have storage.objects.delete access", bucket.ErrDenied, "grant roles/storage.objectUser", 1},
		{"no bucket", 404, "notFound", "The specified bucket does not exist.", bucket.ErrUnavailable, "the bucket does not exist: create it", 1},
		{"condition", 412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.", bucket.ErrPrecondition, "", 1},
		{"no token", 401, "required", "Anonymous caller", bucket.ErrCredentials, "does not accept the none (anonymous is true)", 1},
		{"too many", 429, "rateLimitExceeded", "The object exceeded the rate limit", bucket.ErrThrottled, "after 3 attempts", 3},
		{"too many, as 403", 403, "userRateLimitExceeded", "slow down", bucket.ErrThrottled, "", 3},
		{"backend", 503, "backendError", "Backend Error", bucket.ErrUnavailable, "after 3 attempts", 3},
		{"timeout", 408, "", "", bucket.ErrUnavailable, "", 3},
		{"bad request", 400, "invalid", "Invalid argument.", nil, "Invalid argument.", 1},
		{"not implemented", 501, "notImplemented", "", nil, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { gcsError(w, c.status, c.reason, c.message) })
			b, waits := v.openGCS(t, "  max_retries: 2\n")
			_, err := put(t.Context(), b, "k", "x", bucket.Condition{ETag: "5"})
			var op *bucket.OpError
			if !errors.As(err, &op) || op.Code != c.reason || op.Status != c.status {
				t.Fatalf("got %#v", err)
			}
			if c.want != nil && !errors.Is(err, c.want) || c.want == nil && op.Kind != nil {
				t.Errorf("got kind %v, want %v", op.Kind, c.want)
			}
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("%q does not say %q", err, c.text)
			}
			if v.count() != c.requests || len(*waits) != c.requests-1 {
				t.Errorf("%d requests and %d waits, want %d", v.count(), len(*waits), c.requests)
			}
		})
	}
}

// TestGCSMissing: reading answers in plain text, and tells a lost bucket from a
// missing object.
func TestGCSMissing(t *testing.T) {
	for message, want := range map[string]error{
		"No such object: fleet/k":              bucket.ErrNotFound,
		"The specified bucket does not exist.": bucket.ErrUnavailable,
	} {
		v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { http.Error(w, message, http.StatusNotFound) })
		b, _ := v.openGCS(t, "")
		_, _, err := b.Get(t.Context(), "k")
		wantError(t, message, err, want)
	}
}

// TestGCSRequests looks at what a write carries, and that each attempt carries
// the same.
func TestGCSRequests(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n <= 3 {
			gcsError(w, 503, "backendError", "")
			return
		}
		gcsStored(w)
	})
	b, waits := v.openGCS(t, "")
	o, err := put(t.Context(), b, "k", "hello", bucket.Condition{Absent: true})
	if err != nil || o.ETag != "7" || o.LastModified.IsZero() {
		t.Fatalf("%+v, %v", o, err)
	}
	for i, r := range v.requests {
		q := r.URL.Query()
		if q.Get("ifGenerationMatch") != "0" || q.Get("uploadType") != "multipart" || r.URL.Path != "/upload/storage/v1/b/fleet/o" {
			t.Errorf("attempt %d: %s", i, r.URL)
		}
		// CRC32C of "hello" is 9a71bb4c (RFC 3720, B.4 describes the polynomial).
		if !bytes.Contains(v.bodies[i], []byte("\r\nhello\r\n")) || !bytes.Contains(v.bodies[i], []byte(`"crc32c":"mnG7TA=="`)) {
			t.Errorf("attempt %d: %s", i, v.bodies[i])
		}
		if r.Header.Get("Authorization") != "" {
			t.Errorf("attempt %d: anonymous, and yet %s", i, r.Header.Get("Authorization"))
		}
	}
	if len(*waits) != 3 || (*waits)[0] == (*waits)[1] {
		t.Errorf("waits %v, want three with jitter", *waits)
	}
	// An ETag of another store matches nothing, and needs no request.
	before := v.count()
	_, err = put(t.Context(), b, "k", "x", bucket.Condition{ETag: "0123456789abcdef"})
	wantError(t, "a foreign ETag", err, bucket.ErrPrecondition)
	if v.count() != before {
		t.Error("a request was made for a condition that cannot hold")
	}
}

// TestGCSLostResponse: the store took the object, the answer was lost, and the
// retried condition fails.
func TestGCSLostResponse(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			hijack(w, "")
			return
		}
		gcsError(w, 412, "conditionNotMet", "")
	})
	b, _ := v.openGCS(t, "")
	_, err := put(t.Context(), b, "k", "x", bucket.Condition{Absent: true})
	if !errors.Is(err, bucket.ErrPrecondition) || v.count() != 2 {
		t.Errorf("%v after %d requests", err, v.count())
	}
}

// TestGCSDamagedGet: a download that is cut short, or whose bytes changed.
func TestGCSDamagedGet(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nX-Goog-Generation: 7\r\nX-Goog-Hash: crc32c=mnG7TA==\r\nX-Goog-Hash: md5=AAAA\r\nContent-Length: "
	for _, c := range []struct {
		name, raw, read string
		fails           bool
	}{
		{"whole", head + "5\r\n\r\nhello", "hello", false},
		{"cut", head + "10\r\n\r\nhello", "hello", true},
		{"changed", head + "5\r\n\r\nhallo", "hallo", true},
		{"longer", "HTTP/1.1 200 OK\r\nX-Goog-Generation: 7\r\nX-Goog-Stored-Content-Length: 3\r\nConnection: close\r\n\r\nhello", "hello", true},
		{"chunked", "HTTP/1.1 200 OK\r\nX-Goog-Generation: 7\r\nX-Goog-Stored-Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { hijack(w, c.raw) })
			b, _ := v.openGCS(t, "")
			r, _, err := b.Get(t.Context(), "k")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close() }()
			data, err := io.ReadAll(r)
			if string(data) != c.read || (err != nil) != c.fails || c.fails && !errors.Is(err, bucket.ErrUnavailable) {
				t.Errorf("read %q, %v", data, err)
			}
			if got := v.requests[0].Header.Get("Accept-Encoding"); got != "gzip" {
				t.Errorf("Accept-Encoding %q: the store would decompress what is stored compressed", got)
			}
		})
	}
}

// TestGCSNoRedirect: a token goes to no host that a store may name.
func TestGCSNoRedirect(t *testing.T) {
	var strangers atomic.Int32
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers.Add(1) }))
	t.Cleanup(stranger.Close)
	v := newWire(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		http.Redirect(w, r, stranger.URL, http.StatusFound)
	})
	b, _ := v.openGCS(t, "")
	if _, err := b.Stat(t.Context(), "k"); err == nil || strangers.Load() != 0 {
		t.Errorf("%v, %d requests elsewhere", err, strangers.Load())
	}
}

// serviceAccount is the JSON of a key whose tokens come from tokenURI.
func serviceAccount(t *testing.T, tokenURI string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "fleetcost@fleet.iam.gserviceaccount.com", "private_key_id": "k1", "token_uri": tokenURI,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// secureWire is a wire with TLS, and the file of its certificate.
func secureWire(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) (url, ca string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(answer))
	t.Cleanup(server.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return server.URL, ca
}

// openIn opens a bucket in an environment, and returns what it logs.
func openIn(t *testing.T, text string, env map[string]string) (bucket.Bucket, *bytes.Buffer) {
	t.Helper()
	cfg, _, err := bucket.ParseConfig("federated-store.yaml", []byte(text), bucket.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	b, err := bucket.Open(t.Context(), cfg, bucket.Deps{
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Getenv: func(k string) string { return env[k] }, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	bucket.WithoutWaits(b)
	return b, &log
}

// TestGCSLogins: each way to log in puts its token on the request, and is named
// in the log; no secret is.
func TestGCSLogins(t *testing.T) {
	var fetches atomic.Int32
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetches.Add(1)
		kind := "key"
		if r.URL.Path == "/computeMetadata/v1/instance/service-accounts/default/token" {
			if r.Header.Get("Metadata-Flavor") != "Google" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			kind = "metadata"
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"token-of-%s","token_type":"Bearer","expires_in":3600}`, kind)
	}))
	t.Cleanup(tokens.Close)
	var auth atomic.Value
	store, ca := secureWire(t, func(w http.ResponseWriter, r *http.Request) {
		auth.Store(r.Header.Get("Authorization"))
		gcsStored(w)
	})
	key := serviceAccount(t, tokens.URL)
	home := t.TempDir()
	for _, dir := range []string{"", ".config", ".config/gcloud"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"key.json", ".config/gcloud/application_default_credentials.json"} {
		if err := os.WriteFile(filepath.Join(home, path), []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tls := fmt.Sprintf("  trace: {enable: true}\n  http_config:\n    tls_config:\n      ca_file: %s\n", ca)
	metadata := map[string]string{"GCE_METADATA_HOST": strings.TrimPrefix(tokens.URL, "http://")}
	for _, c := range []struct {
		name, extra string
		env         map[string]string
		token, says string
	}{
		{"file", "  service_account: '" + key + "'\n", map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere"}, "token-of-key", "the service_account of the file (service_account fleetcost@fleet.iam.gserviceaccount.com)"},
		{"environment", "", map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": home + "/key.json", "HOME": "/nowhere"}, "token-of-key", "GOOGLE_APPLICATION_CREDENTIALS " + home + "/key.json"},
		{"gcloud", "", map[string]string{"HOME": home}, "token-of-key", "application_default_credentials.json"},
		{"metadata", "", metadata, "token-of-metadata", "the metadata server"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fetches.Store(0)
			b, log := openIn(t, gcsYAML(store, c.extra+tls), c.env)
			for range 3 {
				if _, err := b.Stat(t.Context(), "k"); err != nil {
					t.Fatal(err)
				}
			}
			if auth.Load() != "Bearer "+c.token || fetches.Load() != 1 {
				t.Errorf("%v after %d fetches", auth.Load(), fetches.Load())
			}
			if !strings.Contains(log.String(), c.says) || !strings.Contains(log.String(), "request to the store") {
				t.Errorf("the log does not say %q:\n%s", c.says, log)
			}
			for _, secret := range []string{"token-of", "PRIVATE KEY"} {
				if strings.Contains(log.String(), secret) {
					t.Errorf("the log shows %q:\n%s", secret, log)
				}
			}
		})
	}
}

// TestGCSLoginRefused: the token endpoint's own reason reaches the operator, once.
func TestGCSLoginRefused(t *testing.T) {
	var fetches atomic.Int32
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetches.Add(1)
		if strings.HasPrefix(r.URL.Path, "/computeMetadata") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`)
	}))
	t.Cleanup(tokens.Close)
	key := gcsYAML("https://127.0.0.1:1", "  service_account: '"+serviceAccount(t, tokens.URL)+"'\n")
	b, _ := openIn(t, key, nil)
	_, err := put(t.Context(), b, "k", "x", bucket.Condition{})
	wantError(t, "put", err, bucket.ErrCredentials)
	if want := "get credentials from the service_account of the file (service_account fleetcost@fleet.iam.gserviceaccount.com): invalid_grant: Invalid JWT Signature."; !strings.Contains(err.Error(), want) || fetches.Load() != 1 {
		t.Errorf("%v after %d fetches, want %s", err, fetches.Load(), want)
	}
	b, _ = openIn(t, gcsYAML("https://127.0.0.1:1", ""), map[string]string{"GCE_METADATA_HOST": strings.TrimPrefix(tokens.URL, "http://")})
	if _, err = b.Stat(t.Context(), "k"); !errors.Is(err, bucket.ErrCredentials) || !strings.Contains(err.Error(), "knows no service account") {
		t.Errorf("no account on the machine: %v", err)
	}
	b, _ = openIn(t, gcsYAML("https://127.0.0.1:1", "  max_retries: 1\n"), map[string]string{"GCE_METADATA_HOST": "127.0.0.1:1"})
	_, err = b.Stat(t.Context(), "k")
	explained(t, "gcs-metadata", err)
}

// TestGCSLoginCancelled: a caller who gives up does not wait for the token.
func TestGCSLoginCancelled(t *testing.T) {
	release := make(chan struct{})
	tokens := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(tokens.Close)
	t.Cleanup(func() { close(release) })
	b, _ := openIn(t, gcsYAML("https://127.0.0.1:1", "  service_account: '"+serviceAccount(t, tokens.URL)+"'\n"), nil)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := b.Stat(ctx, "k")
	wantError(t, "stat", err, context.Canceled)
}

// TestGCSBadCredentials: what is wrong with a file is said when the bucket is
// opened.
func TestGCSBadCredentials(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ content, want string }{
		"absent.json":   {"", "no such file"},
		"text.json":     {"key", "is not the JSON of a Google credentials file"},
		"type.json":     {`{"type":"installed"}`, `has the type "installed"`},
		"no-email.json": {`{"type":"service_account"}`, "has no client_email"},
	} {
		path := filepath.Join(dir, name)
		if c.content != "" {
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cfg, _, err := bucket.ParseConfig("f", []byte("type: GCS\nconfig:\n  bucket: fleet\n"), bucket.ParseOptions{})
		if err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": path}
		_, err = bucket.Open(t.Context(), cfg, bucket.Deps{Logger: slog.New(slog.DiscardHandler), Getenv: func(k string) string { return env[k] }, Now: time.Now})
		if !errors.Is(err, bucket.ErrCredentials) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if c.content != "" {
			explained(t, "gcs-bad-key", err)
		}
	}
}
