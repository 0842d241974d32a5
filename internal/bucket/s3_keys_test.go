package bucket_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/test/servers"
)

// audit is the proof that one key of type S3 does something: look sees want
// where the file has the line with, and something else where it has without.
type audit struct {
	key           string
	with, without string // lines of a file; those without indentation are top-level
	look          func(t *testing.T, lines string) string
	want          string
}

// file makes a federated-store.yaml of base values and lines that replace or
// add to them. Values of base are kept unless the lines set the key.
func file(lines string, base ...string) string {
	var config, top []string
	set := map[string]bool{}
	for line := range strings.Lines(lines) {
		key, _, _ := strings.Cut(line, ":")
		set[key] = true
		if strings.HasPrefix(line, " ") {
			config = append(config, line)
		} else {
			top = append(top, line)
		}
	}
	for _, line := range append(base, "  bucket: fleet", "  region: us-east-1", "  access_key: AKIAIOSFODNN7EXAMPLE", "  secret_key: secret-of-the-test") {
		if key, _, _ := strings.Cut(line, ":"); !set[key] {
			set[key] = true
			config = append(config, line+"\n")
		}
	}
	if !set["type"] {
		top = append(top, "type: S3\n")
	}
	return strings.Join(top, "") + "config:\n" + strings.Join(config, "")
}

// plain looks at what a plain HTTP server is asked.
func plain(do func(t *testing.T, b bucket.Bucket), see func(r *http.Request) string) func(*testing.T, string) string {
	return func(t *testing.T, lines string) string {
		v := newWire(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			switch {
			case r.URL.Query().Has("uploads"):
				_, _ = io.WriteString(w, `<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>`)
			case r.Method == http.MethodPost:
				_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><Bucket>fleet</Bucket><Key>k</Key><ETag>"e-2"</ETag></CompleteMultipartUploadResult>`)
			case r.Method == http.MethodGet:
				ok(w, page(false))
			default:
				ok(w, "")
			}
		})
		do(t, openYAML(t, file(lines, "  insecure: true", "  endpoint: "+strings.TrimPrefix(v.URL, "http://"))))
		return see(v.requests[0])
	}
}

func putX(t *testing.T, b bucket.Bucket) {
	t.Helper()
	if _, err := put(t.Context(), b, "k", "x", bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
}

func put6MiB(t *testing.T, b bucket.Bucket) {
	t.Helper()
	if _, err := b.Put(t.Context(), "k", bytes.NewReader(make([]byte, 6<<20)), 6<<20, bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, b bucket.Bucket) {
	t.Helper()
	if err := b.List(t.Context(), "", "", func(bucket.Object) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

func header(name string) func(*http.Request) string {
	return func(r *http.Request) string { return r.Header.Get(name) }
}

func path(r *http.Request) string { return r.URL.Path }

// transport looks at the settings of the HTTP transport.
func transport(see func(tr *http.Transport) any) func(*testing.T, string) string {
	return func(t *testing.T, lines string) string {
		return fmt.Sprint(see(bucket.TransportOf(openYAML(t, file(lines)))))
	}
}

// asked looks at the host that a request goes to, from the view of a proxy of
// the environment.
func asked(t *testing.T, lines string) string {
	host := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host = r.URL.Host
		ok(w, "")
	}))
	defer proxy.Close()
	putX(t, openEnv(t, file(lines, "  insecure: true"), map[string]string{"HTTP_PROXY": proxy.URL}, slog.DiscardHandler))
	return host
}

// secured looks at the outcome of a request to a TLS server with a certificate
// of a private authority for "store.internal"; the server wants a client
// certificate where clients is set.
func secured(a *servers.Authority, clients bool, see func(r *http.Request) string) func(*testing.T, string) string {
	return func(t *testing.T, lines string) string {
		var seen string
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = see(r)
			ok(w, "")
		}))
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
		server.TLS = a.ServerTLS("store.internal")
		if clients {
			server.TLS.ClientAuth, server.TLS.ClientCAs = tls.RequireAndVerifyClientCert, a.Pool()
		}
		server.StartTLS()
		defer server.Close()
		b := openYAML(t, file(lines, "  endpoint: "+strings.TrimPrefix(server.URL, "https://"), "  max_retries: 1"))
		bucket.WithoutWaits(b)
		if _, err := put(t.Context(), b, "k", "x", bucket.Condition{}); err != nil {
			return err.Error()
		}
		return seen
	}
}

func reached(*http.Request) string { return "reached" }

// signedWith tells whether a request of signature version 2 is signed with the
// secret of the test; the text to sign is that of
// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html.
func signedWith(secret string) func(r *http.Request) string {
	return func(r *http.Request) string {
		var amz []string
		for name, values := range r.Header {
			if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
				amz = append(amz, name+":"+strings.Join(values, ",")+"\n")
			}
		}
		slices.Sort(amz)
		text := strings.Join([]string{r.Method, r.Header.Get("Content-Md5"), r.Header.Get("Content-Type"), r.Header.Get("Date")}, "\n") +
			"\n" + strings.Join(amz, "") + r.URL.Path
		h := hmac.New(sha1.New, []byte(secret))
		_, _ = io.WriteString(h, text)
		_, signature, _ := strings.Cut(r.Header.Get("Authorization"), ":")
		return fmt.Sprint(signature == base64.StdEncoding.EncodeToString(h.Sum(nil)))
	}
}

// exchange looks at which STS a web identity goes to.
func exchange(t *testing.T, lines string) string {
	asked := ""
	sts := func(name string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked = name
			s3Error(w, 403, "AccessDenied")
		}))
		t.Cleanup(s.Close)
		return s
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a.b.c"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := openEnv(t, file(strings.ReplaceAll(lines, "STS", sts("of the file").URL), "  insecure: true", "  endpoint: 127.0.0.1:1", "  access_key: ", "  secret_key: "), map[string]string{
		"AWS_ROLE_ARN": "arn:aws:iam::1:role/fleet", "AWS_WEB_IDENTITY_TOKEN_FILE": token,
		"AWS_ENDPOINT_URL_STS": sts("of the environment").URL,
	}, slog.DiscardHandler)
	if _, err := b.Stat(t.Context(), "k"); err == nil {
		t.Error("no error without credentials")
	}
	return asked
}

// signer looks at whose key signs, with one key in the environment that the
// program hands over and another in that of the process.
func signer(t *testing.T, lines string) string {
	t.Setenv("AWS_CA_BUNDLE", "")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAPROCESS")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { ok(w, "") })
	b := openEnv(t, file(lines, "  insecure: true", "  endpoint: "+strings.TrimPrefix(v.URL, "http://"), "  access_key: ", "  secret_key: "),
		map[string]string{"AWS_ACCESS_KEY_ID": "AKIAGIVEN", "AWS_SECRET_ACCESS_KEY": "s"}, slog.DiscardHandler)
	putX(t, b)
	_, rest, _ := strings.Cut(v.requests[0].Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// traces looks for a line of a trace in the log.
func traces(t *testing.T, lines string) string {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { ok(w, "") })
	var log bytes.Buffer
	putX(t, openEnv(t, file(lines, "  insecure: true", "  endpoint: "+strings.TrimPrefix(v.URL, "http://")), nil,
		slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	return fmt.Sprint(strings.Contains(log.String(), "request to the store"))
}

// TestTraceAtWhichLevel: where a trace is asked for and the log is not at debug
// level, the log says how to see it.
func TestTraceAtWhichLevel(t *testing.T) {
	for level, says := range map[slog.Level]bool{slog.LevelInfo: true, slog.LevelDebug: false} {
		var log bytes.Buffer
		openEnv(t, file("  trace: {enable: true}\n"), nil, slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
		if got := strings.Contains(log.String(), "--log-level debug shows them"); got != says {
			t.Errorf("at level %v: said %v, want %v:\n%s", level, got, says, &log)
		}
	}
}

// tries counts the requests to a store that always fails.
func tries(t *testing.T, lines string) string {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { s3Error(w, 500, "InternalError") })
	b := openYAML(t, file(lines, "  insecure: true", "  endpoint: "+strings.TrimPrefix(v.URL, "http://")))
	bucket.WithoutWaits(b)
	_, _ = b.Stat(t.Context(), "k")
	return fmt.Sprint(v.count())
}

// warned counts the warnings about a file.
func warned(t *testing.T, lines string) string {
	_, warnings, err := bucket.ParseConfig("f.yaml", []byte(file(lines)), bucket.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(len(warnings))
}

// givesUpAfter looks at how long a store may be silent.
func givesUpAfter(t *testing.T, lines string) string {
	release := make(chan struct{})
	v := newWire(t, func(http.ResponseWriter, *http.Request, int) { <-release })
	t.Cleanup(func() { close(release) })
	b := openYAML(t, file(lines, "  insecure: true", "  endpoint: "+strings.TrimPrefix(v.URL, "http://")))
	bucket.WithoutWaits(b)
	_, err := b.Stat(t.Context(), "k")
	_, after, _ := strings.Cut(err.Error(), "no answer within ")
	after, _, _ = strings.Cut(after, " ")
	return after
}

// TestEveryKeyHasAnEffect: each key that the parser knows has a row here, and
// each row shows that the key does what it says, on the wire or in the
// transport. A key that is parsed and forgotten fails.
func TestEveryKeyHasAnEffect(t *testing.T) {
	private := servers.NewAuthority(t)
	cert, key := private.Issue("client", time.Now().Add(time.Hour))
	sse := filepath.Join(t.TempDir(), "sse.key")
	if err := os.WriteFile(sse, bytes.Repeat([]byte("k"), 32), 0o600); err != nil {
		t.Fatal(err)
	}
	const kms = "  sse_config: {type: SSE-KMS, kms_key_id: alias/fleet"
	clientTLS := func(line string) string {
		return "  http_config:\n    tls_config:\n      ca_file: " + private.CAFile() + "\n      server_name: store.internal\n" + line
	}
	both := fmt.Sprintf("      cert_file: %s\n      key_file: %s\n", cert, key)
	rows := []audit{
		{"type", "type: s3\n", "type: S3\n", plain(putX, func(*http.Request) string { return "any case" }), "any case"},
		{"prefix", "prefix: team/costs\n", "", plain(putX, path), "/fleet/team/costs/k"},
		{"config", "", "  bucket: other\n", plain(putX, path), "/fleet/k"},
		{"config.bucket", "  bucket: other\n", "", plain(putX, path), "/other/k"},
		{"config.endpoint", "  endpoint: store.example.com:9000\n", "", asked, "store.example.com:9000"},
		{"config.region", "  region: eu-west-1\n", "", plain(putX, func(r *http.Request) string {
			return fmt.Sprint(strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/s3/aws4_request"))
		}), "true"},
		{"config.access_key", "  access_key: AKIAOTHER\n", "", plain(putX, func(r *http.Request) string {
			return fmt.Sprint(strings.Contains(r.Header.Get("Authorization"), "Credential=AKIAOTHER/"))
		}), "true"},
		{"config.secret_key", "  secret_key: another\n  signature_version2: true\n", "  signature_version2: true\n", plain(putX, signedWith("another")), "true"},
		{"config.session_token", "  session_token: tok\n", "", plain(putX, header("X-Amz-Security-Token")), "tok"},
		{"config.aws_sdk_auth", "  aws_sdk_auth: true\n", "", signer, "AKIAPROCESS"},
		{"config.sts_endpoint", "  sts_endpoint: STS\n", "", exchange, "of the file"},
		{"config.insecure", "  insecure: true\n", "  insecure: false\n  max_retries: 1\n", func(t *testing.T, lines string) string {
			v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { ok(w, "") })
			_, err := openYAML(t, file(lines, "  endpoint: "+strings.TrimPrefix(v.URL, "http://"))).Stat(t.Context(), "k")
			return fmt.Sprint(err)
		}, "<nil>"},
		{"config.signature_version2", "  signature_version2: true\n", "", plain(putX, signedWith("secret-of-the-test")), "true"},
		{"config.list_objects_version", "  list_objects_version: v1\n", "", plain(list, func(r *http.Request) string { return r.URL.Query().Get("list-type") }), ""},
		{"config.bucket_lookup_type", "  bucket_lookup_type: path\n", "", asked, "s3.dualstack.us-east-1.amazonaws.com"},
		{"config.disable_dualstack", "  disable_dualstack: true\n", "", asked, "fleet.s3.us-east-1.amazonaws.com"},
		{"config.put_user_metadata", "  put_user_metadata: {X-Amz-Acl: private, team: finops}\n", "", plain(putX, func(r *http.Request) string {
			return r.Header.Get("X-Amz-Acl") + " " + r.Header.Get("X-Amz-Meta-Team")
		}), "private finops"},
		{"config.part_size", "  part_size: 5242880\n", "", plain(put6MiB, func(r *http.Request) string { return r.URL.RawQuery }), "uploads="},
		{"config.disable_multipart", "  part_size: 5242880\n  disable_multipart: true\n", "  part_size: 5242880\n", plain(put6MiB, func(r *http.Request) string { return r.URL.RawQuery }), ""},
		{"config.send_content_md5", "  send_content_md5: false\n", "", plain(putX, header("Content-Md5")), ""},
		{"config.max_retries", "  max_retries: 6\n", "", tries, "7"},
		{"config.trace", "  trace: {enable: true}\n", "", traces, "true"},
		{"config.trace.enable", "  trace: {enable: true}\n", "  trace: {enable: false}\n", traces, "true"},
		{"config.sse_config", "  sse_config: {type: SSE-S3}\n", "", plain(putX, header("X-Amz-Server-Side-Encryption")), "AES256"},
		{"config.sse_config.type", kms + "}\n", "  sse_config: {type: SSE-S3}\n", plain(putX, header("X-Amz-Server-Side-Encryption")), "aws:kms"},
		{"config.sse_config.kms_key_id", kms + "}\n", "", plain(putX, header("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")), "alias/fleet"},
		{
			"config.sse_config.kms_encryption_context", kms + ", kms_encryption_context: {app: costs}}\n", kms + "}\n",
			plain(putX, header("X-Amz-Server-Side-Encryption-Context")), base64.StdEncoding.EncodeToString([]byte(`{"app":"costs"}`)),
		},
		{
			"config.sse_config.encryption_key", "  http_config: {insecure_skip_verify: true}\n  sse_config: {type: SSE-C, encryption_key: " + sse + "}\n",
			"  http_config: {insecure_skip_verify: true}\n",
			secured(private, false, header("X-Amz-Server-Side-Encryption-Customer-Key")), base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32)),
		},
		{"config.http_config", "  http_config: {max_idle_conns: 7}\n", "", transport(func(tr *http.Transport) any { return tr.MaxIdleConns }), "7"},
		{"config.http_config.idle_conn_timeout", "  http_config: {idle_conn_timeout: 7s}\n", "", transport(func(tr *http.Transport) any { return tr.IdleConnTimeout }), "7s"},
		{"config.http_config.response_header_timeout", "  http_config: {response_header_timeout: 70ms}\n", "  http_config: {response_header_timeout: 80ms}\n", givesUpAfter, "70ms"},
		{"config.http_config.tls_handshake_timeout", "  http_config: {tls_handshake_timeout: 7s}\n", "", transport(func(tr *http.Transport) any { return tr.TLSHandshakeTimeout }), "7s"},
		{"config.http_config.expect_continue_timeout", "  http_config: {expect_continue_timeout: 0s}\n", "", plain(put6MiB, header("Expect")), ""},
		{"config.http_config.max_idle_conns", "  http_config: {max_idle_conns: 7}\n", "", transport(func(tr *http.Transport) any { return tr.MaxIdleConns }), "7"},
		{"config.http_config.max_idle_conns_per_host", "  http_config: {max_idle_conns_per_host: 7}\n", "", transport(func(tr *http.Transport) any { return tr.MaxIdleConnsPerHost }), "7"},
		{"config.http_config.max_conns_per_host", "  http_config: {max_conns_per_host: 7}\n", "", transport(func(tr *http.Transport) any { return tr.MaxConnsPerHost }), "7"},
		{"config.http_config.insecure_skip_verify", "  http_config: {insecure_skip_verify: true}\n", "", secured(private, false, reached), "reached"},
		{"config.http_config.disable_compression", "  http_config: {disable_compression: false}\n", "  http_config: {disable_compression: true}\n", warned, "1"},
		{"config.http_config.tls_config", clientTLS(""), "", secured(private, false, reached), "reached"},
		{"config.http_config.tls_config.ca_file", clientTLS(""), "  http_config: {tls_config: {server_name: store.internal}}\n", secured(private, false, reached), "reached"},
		{"config.http_config.tls_config.cert_file", clientTLS(both), clientTLS(""), secured(private, true, reached), "reached"},
		{"config.http_config.tls_config.key_file", clientTLS(both), clientTLS(""), secured(private, true, reached), "reached"},
		{"config.http_config.tls_config.server_name", clientTLS(""), "  http_config: {tls_config: {ca_file: " + private.CAFile() + "}}\n", secured(private, false, reached), "reached"},
		{"config.http_config.tls_config.insecure_skip_verify", "  http_config: {tls_config: {insecure_skip_verify: true}}\n", "", secured(private, false, reached), "reached"},
	}
	data, err := os.ReadFile("testdata/good/all-keys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range bucket.OfferedKeys(data) {
		if !slices.ContainsFunc(rows, func(r audit) bool { return r.key == key }) {
			t.Errorf("nothing shows that %s has an effect", key)
		}
	}
	for _, row := range rows {
		t.Run(row.key, func(t *testing.T) {
			if got := row.look(t, row.with); got != row.want {
				t.Errorf("with it: %q, want %q", got, row.want)
			}
			if row.key == "type" { // without it there is no S3 at all
				return
			}
			if got := row.look(t, row.without); got == row.want {
				t.Errorf("without it: %q too", got)
			}
		})
	}
}
