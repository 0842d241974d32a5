package bucket_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/test/servers"
)

// The ten faults of the field's obvious library for this file format
// (thanos-io/objstore at 2025-08-13, over minio-go), each proven against it
// before this package was written. TestFaultNN shows that fault NN is not ours.

// TestFault01SecondOpenInOneProcess: a file opens as often as one likes, and
// nothing of one bucket's metadata reaches another.
func TestFault01SecondOpenInOneProcess(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { ok(w, "") })
	const acl = "  put_user_metadata: {X-Amz-Acl: bucket-owner-full-control}\n"
	for i, extra := range []string{acl, acl, ""} {
		b, _ := v.open(t, extra)
		if _, err := put(t.Context(), b, "k", "x", bucket.Condition{}); err != nil {
			t.Fatal(err)
		}
		want := ""
		if extra != "" {
			want = "bucket-owner-full-control"
		}
		if got := v.requests[i].Header.Get("X-Amz-Acl"); got != want {
			t.Errorf("bucket %d sends the ACL %q, want %q", i+1, got, want)
		}
	}
}

// TestFault02SignatureVersion2: what the file asks for is what is sent.
func TestFault02SignatureVersion2(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { ok(w, "") })
	b, _ := v.open(t, "  signature_version2: true\n")
	if _, err := put(t.Context(), b, "k", "x", bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
	if auth := v.requests[0].Header.Get("Authorization"); !strings.HasPrefix(auth, "AWS AKIAIOSFODNN7EXAMPLE:") {
		t.Errorf("not version 2: %s", auth)
	}
}

// TestFault02TemporaryKeys: version 2 cannot carry a session token, so that
// temporary keys are refused instead of sent without it.
func TestFault02TemporaryKeys(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { ok(w, "") })
	text := strings.NewReplacer("  access_key: AKIAIOSFODNN7EXAMPLE\n", "", "  secret_key: secret-of-the-test\n", "").Replace(v.yaml("  signature_version2: true\n"))
	env := map[string]string{"AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
	b := openEnv(t, text, env, slog.DiscardHandler)
	_, err := b.Stat(t.Context(), "k")
	if !errors.Is(err, bucket.ErrCredentials) || !strings.Contains(err.Error(), "remove signature_version2") || v.count() != 0 {
		t.Errorf("%v after %d requests", err, v.count())
	}
}

// TestFault03ReasonOfCredentials: why credentials cannot be had is what the caller
// reads, not "Access Denied" of an anonymous request.
func TestFault03ReasonOfCredentials(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { s3Error(w, 403, "AccessDenied") })
	text := strings.NewReplacer("  access_key: AKIAIOSFODNN7EXAMPLE\n", "", "  secret_key: secret-of-the-test\n", "").Replace(v.yaml(""))
	env := map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::1:role/fleet", "AWS_WEB_IDENTITY_TOKEN_FILE": "/no/such/token"}
	b := openEnv(t, text, env, slog.DiscardHandler)
	_, err := b.Stat(t.Context(), "k")
	if !errors.Is(err, bucket.ErrCredentials) || !strings.Contains(err.Error(), "role arn:aws:iam::1:role/fleet with token file /no/such/token") ||
		!strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
	if v.count() != 0 {
		t.Errorf("%d anonymous requests", v.count())
	}
}

// TestFault04EitherSkipVerify: insecure_skip_verify holds in both places where it
// is written.
func TestFault04EitherSkipVerify(t *testing.T) {
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { ok(w, "") }))
	defer secure.Close()
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	for extra, works := range map[string]bool{
		"": false,
		"  http_config: {insecure_skip_verify: true}\n":                                            true,
		"  http_config: {tls_config: {insecure_skip_verify: true}}\n":                              true,
		"  http_config: {insecure_skip_verify: false, tls_config: {insecure_skip_verify: true}}\n": true,
		"  http_config: {insecure_skip_verify: true, tls_config: {insecure_skip_verify: false}}\n": true,
	} {
		b := openYAML(t, secureYAML(secure, extra))
		if _, err := b.Stat(t.Context(), "k"); (err == nil) != works {
			t.Errorf("%q: %v", extra, err)
		}
	}
}

// TestFault05StalledStore: a store that never answers is given up on, and said so.
func TestFault05StalledStore(t *testing.T) {
	release := make(chan struct{})
	v := newWire(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	// Ten times the retries do not make ten times the wait.
	b, _ := v.open(t, "  max_retries: 10\n  http_config: {response_header_timeout: 50ms}\n")
	_, err := b.Stat(t.Context(), "k")
	if !errors.Is(err, bucket.ErrUnavailable) || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("got %v", err)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Errorf("our own deadline looks like the caller's: %v", err)
	}
	if v.count() != 2 {
		t.Errorf("%d requests, want 2", v.count())
	}
}

// TestFault06PartSize: part_size is the size of a part, and objects up to it are one
// request.
func TestFault06PartSize(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	gateway.CreateBucket("fleet")
	b := openYAML(t, gateway.ConfigYAML("fleet")+"  part_size: 6291456\n")
	for size, parts := range map[int]string{6 << 20: "", 6<<20 + 1: "-2", 13 << 20: "-3"} {
		o := buckettest.Put(t, b, "k", make([]byte, size))
		_, suffix, multi := strings.Cut(o.ETag, "-") // S3's ETag of n parts ends in -n
		if multi {
			suffix = "-" + suffix
		}
		if suffix != parts {
			t.Errorf("%d bytes: ETag %s, want one ending in %q", size, o.ETag, parts)
		}
	}
}

// TestFault07TraceKeepsSecrets: every request is one line at debug level, and no
// line holds a secret.
func TestFault07TraceKeepsSecrets(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.Header().Set("X-Amz-Request-Id", "REQ7")
		ok(w, "")
	})
	var log bytes.Buffer
	b := openEnv(t, v.yaml("  session_token: token-of-the-test\n  trace: {enable: true}\n  put_user_metadata: {X-Amz-Acl: private}\n"), nil,
		slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if _, err := put(t.Context(), b, "a/k", "x", bucket.Condition{Absent: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"method=PUT", "key=/fleet/a/k", "status=200", "request_id=REQ7", "duration=", "host=127.0.0.1",
		`authorization="AWS4-HMAC-SHA256 <redacted>"`, "X-Amz-Acl:private", "If-None-Match:*",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the trace lacks %s:\n%s", want, &log)
		}
	}
	for _, secret := range []string{"secret-of-the-test", "token-of-the-test", "Signature=", "Credential=", "AKIAIOSFODNN7EXAMPLE"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the trace shows %s:\n%s", secret, &log)
		}
	}
	if v.requests[0].Header.Get("X-Amz-Security-Token") != "token-of-the-test" {
		t.Error("the session token was not sent")
	}
}

// TestFault08GzipStaysGzip: an object stored with Content-Encoding comes as stored.
func TestFault08GzipStaysGzip(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("plain"))
	_ = z.Close()
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("Content-Encoding", "gzip")
		ok(w, packed.String())
	})
	b, _ := v.open(t, "")
	if got := buckettest.Get(t, b, "k"); !bytes.Equal(got, packed.Bytes()) {
		t.Errorf("got %q", got)
	}
	if got := v.requests[0].Header.Get("Accept-Encoding"); got != "" && got != "identity" {
		t.Errorf("asked for %q", got)
	}
}

// TestFault09DeleteOfMissing: the contract says that it is no error, and the
// stores keep it.
func TestFault09DeleteOfMissing(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	gateway.CreateBucket("fleet")
	for name, b := range map[string]bucket.Bucket{
		"S3": openYAML(t, gateway.ConfigYAML("fleet")), "memory": bucket.NewMemory(),
		"filesystem": openYAML(t, "type: FILESYSTEM\nconfig: {directory: "+t.TempDir()+"}\n"),
	} {
		if err := b.Delete(t.Context(), "never/was"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { s3Error(w, 404, "NoSuchBucket") })
	b, _ := v.open(t, "")
	if err := b.Delete(t.Context(), "k"); !errors.Is(err, bucket.ErrUnavailable) {
		t.Errorf("a missing bucket: %v", err)
	}
}

// endingReader ends the context in the middle of a body.
type endingReader struct {
	io.ReadSeeker
	left int
	end  func()
}

func (r *endingReader) Read(p []byte) (int, error) {
	n, err := r.ReadSeeker.Read(p)
	if r.left -= n; r.left < 0 {
		r.end()
	}
	return n, err
}

// TestFault10CancelledMultipart: no parts stay behind, nor does an object.
func TestFault10CancelledMultipart(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	gateway.CreateBucket("fleet")
	b := openYAML(t, gateway.ConfigYAML("fleet")+"  part_size: 5242880\n  send_content_md5: false\n")
	const size = 20 << 20
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	body := &endingReader{bytes.NewReader(make([]byte, size)), 12 << 20, cancel}
	_, err := b.Put(ctx, "large", body, size, bucket.Condition{})
	wantError(t, "put", err, context.Canceled)
	_, err = b.Stat(t.Context(), "large")
	wantError(t, "stat", err, bucket.ErrNotFound)

	client, err := minio.New(gateway.Endpoint(), &minio.Options{
		Creds: credentials.NewStaticV4(gateway.AccessKey(), gateway.SecretKey(), ""), Region: gateway.Region(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for upload := range client.ListIncompleteUploads(t.Context(), "fleet", "", true) {
		t.Errorf("left behind: %+v", upload)
	}
}
