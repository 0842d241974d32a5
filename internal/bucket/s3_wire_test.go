package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
)

// wire is an S3 server that answers what the test says and keeps the requests.
type wire struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   [][]byte
}

func newWire(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, n int)) *wire {
	t.Helper()
	v := &wire{}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		v.mu.Lock()
		v.requests = append(v.requests, r)
		v.bodies = append(v.bodies, body)
		n := len(v.requests)
		v.mu.Unlock()
		answer(w, r, n)
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *wire) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.requests)
}

func (v *wire) yaml(extra string) string {
	return fmt.Sprintf(`type: S3
config:
  bucket: fleet
  endpoint: %q
  region: us-east-1
  access_key: AKIAIOSFODNN7EXAMPLE
  secret_key: secret-of-the-test
  insecure: true
%s`, strings.TrimPrefix(v.URL, "http://"), extra)
}

func (v *wire) open(t *testing.T, extra string) (bucket.Bucket, *[]time.Duration) {
	t.Helper()
	b := openYAML(t, v.yaml(extra))
	return b, bucket.WithoutWaits(b)
}

func s3Error(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>message of %s</Message><RequestId>REQ1</RequestId></Error>", code, code)
}

func ok(w http.ResponseWriter, body string) {
	w.Header().Set("ETag", `"e1"`)
	w.Header().Set("Last-Modified", "Mon, 23 Nov 2026 01:00:00 GMT")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = io.WriteString(w, body)
}

func put(ctx context.Context, b bucket.Bucket, key, data string, cond bucket.Condition) (bucket.Object, error) {
	return b.Put(ctx, key, strings.NewReader(data), int64(len(data)), cond)
}

func TestS3Errors(t *testing.T) {
	for _, c := range []struct {
		code     string
		status   int
		want     error
		text     string
		requests int
	}{
		{"AccessDenied", 403, bucket.ErrDenied, "s3:PutObject on fleet/k: access denied: AccessDenied: message of AccessDenied (request REQ1)", 1},
		{"NoSuchBucket", 404, bucket.ErrUnavailable, "the bucket does not exist", 1},
		{"PreconditionFailed", 412, bucket.ErrPrecondition, "", 1},
		{"ConditionalRequestConflict", 409, bucket.ErrPrecondition, "after 3 attempts", 3},
		{"NoSuchKey", 404, bucket.ErrPrecondition, "", 1}, // If-Match of a missing object
		{"InvalidAccessKeyId", 403, bucket.ErrCredentials, "does not accept the configured keys (access key AKIA…MPLE)", 1},
		{"SignatureDoesNotMatch", 403, bucket.ErrCredentials, "", 1},
		{"RequestTimeTooSkewed", 403, bucket.ErrCredentials, "clock", 1},
		{"ExpiredToken", 400, bucket.ErrCredentials, "", 3},
		{"SlowDown", 503, bucket.ErrThrottled, "after 3 attempts", 3},
		{"TooMany", 429, bucket.ErrThrottled, "", 3},
		{"InternalError", 500, bucket.ErrUnavailable, "", 3},
		{"RequestTimeout", 400, bucket.ErrUnavailable, "", 3},
		{"BadGateway", 502, bucket.ErrUnavailable, "", 3},
		{"NotImplemented", 501, nil, "NotImplemented", 1},
		{"AccessControlListNotSupported", 400, nil, "remove X-Amz-Acl", 1},
		{"AuthorizationHeaderMalformed", 400, nil, "check config.region", 1},
	} {
		t.Run(c.code, func(t *testing.T) {
			v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { s3Error(w, c.status, c.code) })
			b, waits := v.open(t, "  max_retries: 2\n")
			_, err := put(t.Context(), b, "k", "x", bucket.Condition{ETag: "e0"})
			var op *bucket.OpError
			if !errors.As(err, &op) || op.Code != c.code || op.Status != c.status {
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

// TestS3HeadWithoutReason: the answer to a HEAD has no body; what may have been
// an expired token or a timeout is tried again.
func TestS3HeadWithoutReason(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		ok(w, "x")
	})
	b, _ := v.open(t, "")
	if o, err := b.Stat(t.Context(), "k"); err != nil || o.Size != 1 || v.count() != 2 {
		t.Errorf("%+v, %v after %d requests", o, err, v.count())
	}
}

func TestS3Retry(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n <= 3 {
			s3Error(w, 503, "SlowDown")
			return
		}
		ok(w, "")
	})
	b, waits := v.open(t, "")
	o, err := put(t.Context(), b, "k", "the same body each time", bucket.Condition{Absent: true})
	if err != nil || o.ETag != "e1" {
		t.Fatalf("%+v, %v", o, err)
	}
	for i, r := range v.requests {
		if !bytes.Contains(v.bodies[i], []byte("the same body each time")) || r.Header.Get("If-None-Match") != "*" {
			t.Errorf("attempt %d: condition %q, body %q", i, r.Header.Get("If-None-Match"), v.bodies[i])
		}
	}
	if len(*waits) != 3 || (*waits)[0] == (*waits)[1] {
		t.Errorf("waits %v, want three with jitter", *waits)
	}
}

// TestS3LostResponse: the store took the object, the answer was lost, and the
// retried condition fails.
func TestS3LostResponse(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			hijack(w, "")
			return
		}
		s3Error(w, 412, "PreconditionFailed")
	})
	b, _ := v.open(t, "")
	_, err := put(t.Context(), b, "k", "x", bucket.Condition{Absent: true})
	if !errors.Is(err, bucket.ErrPrecondition) || v.count() != 2 {
		t.Errorf("%v after %d requests", err, v.count())
	}
}

// hijack sends raw bytes and cuts the connection.
func hijack(w http.ResponseWriter, raw string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, raw)
	_ = conn.Close()
}

func TestS3TruncatedGet(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		hijack(w, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"e\"\r\nLast-Modified: Mon, 23 Nov 2026 01:00:00 GMT\r\n\r\nhalf")
	})
	b, _ := v.open(t, "")
	r, o, err := b.Get(t.Context(), "k")
	if err != nil || o.Size != 10 {
		t.Fatalf("%+v, %v", o, err)
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(r)
	if string(data) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, bucket.ErrUnavailable) {
		t.Errorf("read %q, %v", data, err)
	}
	explained(t, "s3-truncated", err)
}

// TestS3Headers looks at what a write carries.
func TestS3Headers(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { ok(w, "") })
	b, _ := v.open(t, `  put_user_metadata:
    X-Amz-Acl: bucket-owner-full-control
    X-Amz-Storage-Class: STANDARD_IA
    team: finops
  sse_config:
    type: SSE-S3
`)
	o, err := put(t.Context(), b, "k", "hello", bucket.Condition{ETag: "e0"})
	if err != nil || o.StorageClass != "STANDARD_IA" {
		t.Fatalf("%+v, %v", o, err)
	}
	for name, want := range map[string]string{
		"X-Amz-Acl":                    "bucket-owner-full-control",
		"X-Amz-Storage-Class":          "STANDARD_IA",
		"X-Amz-Meta-Team":              "finops",
		"X-Amz-Server-Side-Encryption": "AES256",
		"If-Match":                     `"e0"`,
		"Content-Md5":                  "XUFAKrxLKna5cZ2REBfFkg==",
		"Content-Encoding":             "aws-chunked", // the signature's framing over plain HTTP
	} {
		if got := v.requests[0].Header.Get(name); got != want && name != "Content-Encoding" {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if auth := v.requests[0].Header.Get("Authorization"); !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 ") || !strings.Contains(auth, "x-amz-acl") {
		t.Errorf("the ACL is not signed: %s", auth)
	}
}

func page(truncated bool, keys ...string) string {
	var b strings.Builder
	b.WriteString(`<ListBucketResult><Name>fleet</Name>`)
	if truncated {
		b.WriteString(`<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>`)
	}
	for _, k := range keys {
		fmt.Fprintf(&b, `<Contents><Key>%s</Key><Size>1</Size><ETag>"e"</ETag><LastModified>2026-11-23T01:00:00.000Z</LastModified><StorageClass>GLACIER</StorageClass></Contents>`, k)
	}
	b.WriteString(`</ListBucketResult>`)
	return b.String()
}

// TestS3ListResumes: a page that fails is asked for again after the last key,
// and nothing is delivered twice or left out.
func TestS3ListResumes(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, r *http.Request, n int) {
		after := r.URL.Query().Get("start-after")
		token := r.URL.Query().Get("continuation-token")
		switch {
		case n == 1:
			ok(w, page(true, "a", "folder/"))
		case token != "":
			s3Error(w, 503, "SlowDown")
		case after == "folder/":
			ok(w, page(false, "x", "y"))
		default:
			s3Error(w, 400, "Unexpected")
		}
	})
	b, _ := v.open(t, "")
	var got []string
	err := b.List(t.Context(), "", "", func(o bucket.Object) error {
		got = append(got, o.Key+" "+o.StorageClass)
		return nil
	})
	if err != nil || strings.Join(got, ",") != "a GLACIER,x GLACIER,y GLACIER" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestS3ListOutOfOrder(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { ok(w, page(false, "b", "a")) })
	b, _ := v.open(t, "")
	err := b.List(t.Context(), "", "", func(bucket.Object) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "not in the order of keys") || v.count() != 1 {
		t.Errorf("got %v after %d requests", err, v.count())
	}
	explained(t, "s3-list-order", err)
}

func TestS3Capabilities(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request, n int)
		want   bool
	}{
		{"both forms", func(w http.ResponseWriter, r *http.Request, n int) {
			if r.Method == http.MethodPut && n > 1 {
				s3Error(w, 412, "PreconditionFailed")
				return
			}
			answerOK(w, r)
		}, true},
		{"If-None-Match only", func(w http.ResponseWriter, r *http.Request, n int) {
			if r.Header.Get("If-None-Match") != "" && n > 1 {
				s3Error(w, 412, "PreconditionFailed")
				return
			}
			answerOK(w, r)
		}, false},
		{"ignores conditions", func(w http.ResponseWriter, r *http.Request, _ int) { answerOK(w, r) }, false},
		{"refuses the header", func(w http.ResponseWriter, r *http.Request, _ int) { s3Error(w, 501, "NotImplemented") }, false},
		{"probe denied", func(w http.ResponseWriter, r *http.Request, _ int) { s3Error(w, 403, "AccessDenied") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newWire(t, c.answer)
			b, _ := v.open(t, "")
			for range 2 { // the second answer is remembered
				caps, err := b.Capabilities(t.Context())
				if err != nil || caps.ConditionalPut != c.want {
					t.Errorf("%+v, %v, want %v", caps, err, c.want)
				}
			}
			if v.count() > 4 {
				t.Errorf("%d requests for one question", v.count())
			}
		})
	}
}

func answerOK(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	ok(w, "")
}

func TestS3Clock(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("Date", "Sun, 22 Nov 2026 23:00:00 GMT")
		s3Error(w, 404, "NoSuchKey")
	})
	b, _ := v.open(t, "")
	if store, local := b.Clock(); !store.IsZero() || !local.IsZero() {
		t.Errorf("before any answer: %v, %v", store, local)
	}
	_, _ = b.Stat(t.Context(), "k")
	store, local := b.Clock()
	if !store.Equal(time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)) || local.IsZero() {
		t.Errorf("got %v, %v", store, local)
	}
}

func TestS3TLSMistakes(t *testing.T) {
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { ok(w, "") }))
	defer secure.Close()
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	plain := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { ok(w, "") })
	base := "type: S3\nconfig:\n  bucket: fleet\n  region: us-east-1\n  access_key: a\n  secret_key: b\n  max_retries: 1\n"
	for _, c := range []struct{ name, yaml, want string }{
		{"untrusted", base + "  endpoint: " + strings.TrimPrefix(secure.URL, "https://"), "set http_config.tls_config.ca_file"},
		{"TLS to plain", base + "  endpoint: " + strings.TrimPrefix(plain.URL, "http://"), "set insecure: true"},
		{"skip verify", base + "  endpoint: " + strings.TrimPrefix(secure.URL, "https://") + "\n  http_config: {tls_config: {insecure_skip_verify: true}}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := openYAML(t, c.yaml)
			bucket.WithoutWaits(b)
			_, err := b.Stat(t.Context(), "k")
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, bucket.ErrUnavailable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
		})
	}
}

// TestS3Hosts: which host a request goes to, seen from a proxy of the
// environment.
func TestS3Hosts(t *testing.T) {
	var host string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host = r.URL.Host + r.URL.Path
		ok(w, "")
	}))
	defer proxy.Close()
	for _, c := range []struct{ name, config, want string }{
		{"published example", "endpoint: s3.amazonaws.com\n  region: us-east-1", "fleet.s3.dualstack.us-east-1.amazonaws.com/k"},
		{"without dualstack", "endpoint: s3.amazonaws.com\n  region: us-east-1\n  disable_dualstack: true", "fleet.s3.us-east-1.amazonaws.com/k"},
		{"from the region", "region: eu-central-1", "fleet.s3.dualstack.eu-central-1.amazonaws.com/k"},
		{"China", "region: cn-north-1", "fleet.s3.dualstack.cn-north-1.amazonaws.com.cn/k"},
		{"GovCloud", "region: us-gov-west-1", "fleet.s3.dualstack.us-gov-west-1.amazonaws.com/k"},
		{"GovCloud, FIPS", "endpoint: s3-fips.us-gov-west-1.amazonaws.com\n  region: us-gov-west-1", "fleet.s3-fips.us-gov-west-1.amazonaws.com/k"},
		{"European Sovereign Cloud", "region: eusc-de-east-1", "s3.eusc-de-east-1.amazonaws.eu/fleet/k"},
		{"region wins over another partition", "endpoint: s3.amazonaws.com\n  region: cn-north-1", "fleet.s3.dualstack.cn-north-1.amazonaws.com.cn/k"},
		{"region wins", "endpoint: s3.eu-west-1.amazonaws.com\n  region: us-east-1", "fleet.s3.dualstack.us-east-1.amazonaws.com/k"},
		{"path", "region: us-east-1\n  bucket_lookup_type: path", "s3.dualstack.us-east-1.amazonaws.com/fleet/k"},
		{"another store", "endpoint: store.example.com\n  region: us-east-1", "store.example.com/fleet/k"},
		{"virtual-hosted elsewhere", "endpoint: store.example.com\n  region: x\n  bucket_lookup_type: virtual-hosted", "fleet.store.example.com/k"},
		{"private link", "endpoint: bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com\n  region: us-east-1", "fleet.bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com/k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, _, err := bucket.ParseConfig("f.yaml", []byte("type: S3\nconfig:\n  bucket: fleet\n  access_key: a\n  secret_key: b\n  insecure: true\n  "+c.config+"\n"), bucket.ParseOptions{})
			if err != nil {
				t.Fatal(err)
			}
			b, err := bucket.Open(t.Context(), cfg, bucket.Deps{
				Logger: slog.New(slog.DiscardHandler), Now: time.Now,
				Getenv: func(k string) string { return map[string]string{"HTTP_PROXY": proxy.URL}[k] },
			})
			if err != nil {
				t.Fatal(err)
			}
			host = ""
			if _, err := put(t.Context(), b, "k", "x", bucket.Condition{}); err != nil {
				t.Fatal(err)
			}
			if host != c.want {
				t.Errorf("asked %s, want %s", host, c.want)
			}
		})
	}
}

// TestS3Encryption: what each kind sends when writing and when reading.
func TestS3Encryption(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, bytes.Repeat([]byte("k"), 32), 0o600); err != nil {
		t.Fatal(err)
	}
	var headers http.Header
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers = r.Header
		ok(w, "")
	}))
	defer server.Close()
	const algorithm, kmsKey, customer = "X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "X-Amz-Server-Side-Encryption-Customer-Algorithm"
	for _, c := range []struct {
		name, config string
		put, get     map[string]string
	}{
		{"SSE-S3", "{type: SSE-S3}", map[string]string{algorithm: "AES256"}, map[string]string{algorithm: ""}},
		{"SSE-KMS", "{type: SSE-KMS, kms_key_id: k1}", map[string]string{algorithm: "aws:kms", kmsKey: "k1"}, map[string]string{algorithm: "", kmsKey: ""}},
		{"SSE-C", fmt.Sprintf("{type: SSE-C, encryption_key: %q}", key), map[string]string{customer: "AES256"}, map[string]string{customer: "AES256"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := openYAML(t, fmt.Sprintf(`type: S3
config:
  bucket: fleet
  endpoint: %q
  region: us-east-1
  access_key: a
  secret_key: b
  http_config: {insecure_skip_verify: true}
  sse_config: %s
`, strings.TrimPrefix(server.URL, "https://"), c.config))
			if _, err := put(t.Context(), b, "k", "x", bucket.Condition{}); err != nil {
				t.Fatal(err)
			}
			wantHeaders(t, "put", headers, c.put)
			if _, err := b.Stat(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
			wantHeaders(t, "stat", headers, c.get)
			buckettest.Get(t, b, "k")
			wantHeaders(t, "get", headers, c.get)
		})
	}
}

func wantHeaders(t *testing.T, what string, got http.Header, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got.Get(name) != value {
			t.Errorf("%s: %s is %q, want %q", what, name, got.Get(name), value)
		}
	}
}

// TestS3WebPage: a page is no answer of a store; an empty body that is called
// one is (some stores send such).
func TestS3WebPage(t *testing.T) {
	body := ""
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		ok(w, body)
	})
	b, _ := v.open(t, "  max_retries: 1\n")
	if _, err := put(t.Context(), b, "k", "x", bucket.Condition{}); err != nil {
		t.Errorf("an empty body: %v", err)
	}
	body = "\n<HTML><body>Console</body></HTML>"
	_, err := put(t.Context(), b, "k", "x", bucket.Condition{})
	wantError(t, "put", err, bucket.ErrUnavailable)
	explained(t, "s3-wrong-port", err)
	explained(t, "s3-wrong-port", b.List(t.Context(), "", "", func(bucket.Object) error { return nil }))
}
