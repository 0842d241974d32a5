package diagnose_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/fleetcost/fleetcost/internal/awsid"
	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
	"github.com/fleetcost/fleetcost/test/servers"
)

// prover notes which rows were got from something real.
type prover struct{ rows map[string]bool }

// want explains an error as the program would, and expects the row.
func (p *prover) want(t *testing.T, id string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", id)
		return
	}
	d, ok := diagnose.ExplainError(err, diagnose.Names{})
	if !ok || d.ID != id {
		t.Errorf("%v\nis explained as %q, want %s", err, d.ID, id)
	}
	// The same as a line of text, without the error's structure.
	d, ok = diagnose.Explain(diagnose.Facts{Text: fmt.Sprintf(`time=2026-11-22T10:00:00Z level=ERROR msg="push failed" error=%q`, err.Error())})
	if !ok || d.ID != id {
		t.Errorf("the line %v\nis explained as %q, want %s", err, d.ID, id)
	}
	p.rows[id] = true
}

// TestProven gets failures from real servers, the real libraries and the real
// kernel. It proves the rows that name it, all of them.
func TestProven(t *testing.T) {
	p := &prover{rows: map[string]bool{}}
	t.Run("versitygw", p.versitygw)
	t.Run("requests", p.requests)
	t.Run("network", p.network)
	t.Run("TLS", p.tls)
	t.Run("credentials", p.credentials)
	t.Run("directory", p.directory)
	t.Run("changed requests", p.changed)
	t.Run("gateway", p.gateway)
	t.Run("unreachable", p.unreachable)
	t.Run("identity", p.identity)
	t.Run("kernel", p.kernel)
	for _, row := range diagnose.Catalogue() {
		if (row.ProvenBy == "diagnose.TestProven") != p.rows[row.ID] {
			t.Errorf("%s: proven here %v, says %q", row.ID, p.rows[row.ID], row.ProvenBy)
		}
	}
}

// TestProvenBy: the tests that rows rest on exist, and their packages name
// the rows: the files are read, for some need a build tag.
func TestProvenBy(t *testing.T) {
	for _, row := range diagnose.Catalogue() {
		if row.ProvenBy == "" {
			continue
		}
		pkg, name, _ := strings.Cut(row.ProvenBy, ".")
		exists, named := false, false
		for _, pattern := range []string{"../" + pkg + "/*_test.go", "../../test/" + pkg + "/*_test.go"} {
			files, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				exists = exists || strings.Contains(string(text), "func "+name+"(")
				named = named || strings.Contains(string(text), `"`+row.ID+`"`)
			}
		}
		if !exists || !named {
			t.Errorf("%s rests on %s, which is not there, or whose package does not name the row", row.ID, row.ProvenBy)
		}
	}
}

func open(t *testing.T, text string) bucket.Bucket {
	t.Helper()
	cfg, _, err := bucket.ParseConfig("federated-store.yaml", []byte(text), bucket.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := bucket.Open(t.Context(), cfg, bucket.Deps{Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(ctx context.Context, b bucket.Bucket, key string, cond bucket.Condition) error {
	body := strings.NewReader("x")
	_, err := b.Put(ctx, key, body, body.Size(), cond)
	return err
}

func list(ctx context.Context, b bucket.Bucket) error {
	return b.List(ctx, "", "", func(bucket.Object) error { return nil })
}

func (p *prover) versitygw(t *testing.T) {
	v := servers.StartVersityGW(t)
	v.CreateBucket("fleet")
	v.Admin("create-user", "--access", "stranger", "--secret", "stranger-secret", "--role", "user")
	ctx := t.Context()
	good := open(t, v.ConfigYAML("fleet"))
	if err := put(ctx, good, "there", bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
	p.want(t, "s3-precondition", put(ctx, good, "there", bucket.Condition{Absent: true}))
	_, err := good.Stat(ctx, "missing")
	p.want(t, "s3-no-such-key", err)

	edit := func(from, to string) bucket.Bucket {
		return open(t, strings.Replace(v.ConfigYAML("fleet"), from, to, 1))
	}
	p.want(t, "s3-no-such-bucket", list(ctx, open(t, v.ConfigYAML("no-such-bucket"))))
	p.want(t, "s3-signature-mismatch", list(ctx, edit(v.SecretKey(), "wrong")))
	p.want(t, "s3-invalid-access-key", list(ctx, edit(v.AccessKey(), "nobody")))
	p.want(t, "s3-wrong-region", list(ctx, edit(v.Region(), "eu-west-3")))

	stranger := open(t, strings.NewReplacer(v.AccessKey(), "stranger", v.SecretKey(), "stranger-secret").Replace(v.ConfigYAML("fleet")))
	p.want(t, "s3-list-denied", list(ctx, stranger))
	p.want(t, "s3-put-denied", put(ctx, stranger, "k", bucket.Condition{}))
	p.want(t, "s3-delete-denied", stranger.Delete(ctx, "there"))
	r, _, err := stranger.Get(ctx, "there")
	if err == nil {
		_, err = io.ReadAll(r)
		_ = r.Close()
	}
	p.want(t, "s3-get-denied", err)
}

// raw sends signed requests that our own client never makes.
type raw struct {
	t  *testing.T
	v  *servers.VersityGW
	at time.Time // of the signature

	after func(*http.Request) // what happens to the signed request on the way; nil for nothing
}

// do returns what the server answers. A status of 300 and more is an error with
// the body in it.
func (r raw) do(method, path, body string, header ...string) (string, error) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.v.URL()+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	keys := aws.Credentials{AccessKeyID: r.v.AccessKey(), SecretAccessKey: r.v.SecretKey()}
	if err := v4.NewSigner().SignHTTP(r.t.Context(), keys, req, req.Header.Get("X-Amz-Content-Sha256"), "s3", r.v.Region(), r.at); err != nil {
		r.t.Fatal(err)
	}
	if r.after != nil {
		r.after(req)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s", answer)
	}
	return string(answer), err
}

// requests are failures that only a client with faults of its own gets.
func (p *prover) requests(t *testing.T) {
	v := servers.StartVersityGW(t)
	v.CreateBucket("fleet")
	v.Admin("create-bucket", "--owner", v.AccessKey(), "--bucket", "enforced", "--object-ownership", "BucketOwnerEnforced")
	fails := func(id string, r raw, method, path, body string, header ...string) {
		t.Helper()
		_, err := r.do(method, path, body, header...)
		p.want(t, id, err)
	}
	now := raw{t: t, v: v, at: time.Now()}
	fails("clock-skew", raw{t: t, v: v, at: time.Now().Add(-time.Hour)}, http.MethodGet, "/fleet", "")
	fails("s3-bad-digest", now, http.MethodPut, "/fleet/k", "x", "Content-MD5", "rL0Y20zC+Fzt72VPzMSk2A==")
	fails("s3-bad-digest", now, http.MethodPut, "/fleet/k", "x", "X-Amz-Content-Sha256", strings.Repeat("0", 64))
	fails("s3-bucket-name-invalid", now, http.MethodPut, "/No_Bucket", "")
	// versitygw refuses ACLs of buckets, and ignores those of objects.
	fails("s3-acl-not-supported", now, http.MethodPut, "/enforced?acl=", "", "X-Amz-Acl", "public-read")
	fails("s3-acl-invalid", now, http.MethodPut, "/fleet?acl=", "", "X-Amz-Acl", "fake-acl")

	const complete = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part><Part><PartNumber>2</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>`
	const md5a, md5b = "0cc175b9c0f1b6a831c399e269772661", "92eb5ffee6ae2fec3ad71c777531578f"
	answer, err := now.do(http.MethodPost, "/fleet/m?uploads=", "")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(answer, "<UploadId>")
	id, _, _ := strings.Cut(rest, "<")
	for n, body := range []string{"a", "b"} {
		if _, err := now.do(http.MethodPut, fmt.Sprintf("/fleet/m?partNumber=%d&uploadId=%s", n+1, id), body); err != nil {
			t.Fatal(err)
		}
	}
	fails("s3-part-too-small", now, http.MethodPost, "/fleet/m?uploadId="+id, fmt.Sprintf(complete, md5a, md5b))
	if _, err := now.do(http.MethodDelete, "/fleet/m?uploadId="+id, ""); err != nil {
		t.Fatal(err)
	}
	fails("s3-upload-gone", now, http.MethodPost, "/fleet/m?uploadId="+id, fmt.Sprintf(complete, md5a, md5b))
}

const noRetry = "  bucket: fleet\n  region: us-east-1\n  access_key: a\n  secret_key: b\n  max_retries: 1\n  bucket_lookup_type: path\n"

func (p *prover) network(t *testing.T) {
	at := func(endpoint, more string) bucket.Bucket {
		return open(t, "type: S3\nconfig:\n"+noRetry+"  endpoint: "+endpoint+"\n"+more)
	}
	ctx := t.Context()
	closed := listen(t, nil)
	p.want(t, "network-refused", list(ctx, at(closed, "  insecure: true\n")))
	// A label of more than 63 characters is no name of DNS, so no resolver is asked.
	p.want(t, "network-dns", list(ctx, at(strings.Repeat("x", 70)+".example.com", "  insecure: true\n")))
	reset := listen(t, func(c net.Conn) {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	})
	p.want(t, "network-reset", list(ctx, at(reset, "")))

	proxy := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: closed})}}
	p.want(t, "proxy-refused", get(proxy, "https://s3.example.com/"))
}

// listen serves every connection with serve; with nil nobody listens at the
// address any more.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if serve == nil {
		_ = l.Close()
		return l.Addr().String()
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	return l.Addr().String()
}

func get(client *http.Client, address string) error {
	res, err := client.Get(address)
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	return err
}

func (p *prover) tls(t *testing.T) {
	quiet := slog.NewLogLogger(slog.DiscardHandler, 0)
	answer := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	secure := httptest.NewUnstartedServer(answer)
	secure.Config.ErrorLog = quiet
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(answer)
	defer plain.Close()
	ctx := t.Context()
	at := func(address, more string) bucket.Bucket {
		_, host, _ := strings.Cut(address, "://")
		return open(t, "type: S3\nconfig:\n"+noRetry+"  endpoint: "+host+"\n"+more)
	}
	p.want(t, "tls-unknown-authority", list(ctx, at(secure.URL, "")))
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	p.want(t, "tls-wrong-name", list(ctx, at(secure.URL, "  http_config: {tls_config: {ca_file: "+ca+", server_name: other.test}}\n")))
	p.want(t, "tls-to-plain-port", list(ctx, at(plain.URL, "")))
	p.want(t, "plain-to-tls-port", list(ctx, at(secure.URL, "  insecure: true\n")))

	expired, roots := certificate(t, time.Now().Add(-time.Hour))
	old := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{expired}})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	p.want(t, "tls-expired", get(client, old))

	fresh, roots := certificate(t, time.Now().Add(time.Hour))
	strict := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{fresh}, ClientAuth: tls.RequireAnyClientCert})
	client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	p.want(t, "tls-client-certificate", get(client, strict))
}

func serveTLS(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.TLS = cfg
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// certificate makes a certificate for 127.0.0.1 that ends at a time, and the
// roots that know it.
func certificate(t *testing.T, end time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "store"}, NotBefore: end.Add(-24 * time.Hour), NotAfter: end,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func (p *prover) credentials(t *testing.T) {
	none := httptest.NewServer(http.NotFoundHandler())
	defer none.Close()
	retrieve := func(env map[string]string, o awsid.Options) error {
		o.Getenv = func(k string) string { return env[k] }
		s, err := awsid.Choose(t.Context(), o)
		if err == nil {
			_, err = s.Retrieve(t.Context())
		}
		return err
	}
	p.want(t, "imds-no-role", retrieve(map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": none.URL}, awsid.Options{}))
	p.want(t, "aws-no-credentials", retrieve(map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}, awsid.Options{}))
	p.want(t, "aws-credentials-by-halves", retrieve(nil, awsid.Options{AccessKey: "a"}))
	p.want(t, "aws-credentials-by-halves", retrieve(nil, awsid.Options{SecretKey: "b"}))
	p.want(t, "aws-credentials-by-halves", retrieve(map[string]string{"AWS_ACCESS_KEY_ID": "a"}, awsid.Options{}))
	p.want(t, "aws-credentials-by-halves", retrieve(map[string]string{"AWS_SECRET_ACCESS_KEY": "a"}, awsid.Options{}))
	p.want(t, "aws-credentials-by-halves", retrieve(map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}, awsid.Options{}))
	p.want(t, "aws-profile-missing", retrieve(map[string]string{"AWS_PROFILE": "nobody", "HOME": t.TempDir()}, awsid.Options{}))
	p.want(t, "irsa-token-file-missing", retrieve(map[string]string{
		"AWS_WEB_IDENTITY_TOKEN_FILE": filepath.Join(t.TempDir(), "token"), "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/cost-agent",
	}, awsid.Options{STSEndpoint: none.URL}))
	p.want(t, "container-credentials-refused", retrieve(map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"}, awsid.Options{}))
}

func (p *prover) directory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bucket")
	text := "type: FILESYSTEM\nconfig: {directory: " + dir + "}\n"
	cfg, _, err := bucket.ParseConfig("federated-store.yaml", []byte(text), bucket.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = bucket.Open(t.Context(), cfg, bucket.Deps{Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	p.want(t, "directory-missing", err)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b := open(t, text)
	if err := put(t.Context(), b, "a", bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
	p.want(t, "directory-conflict", put(t.Context(), b, "a/b", bucket.Condition{}))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	p.want(t, "directory-gone", put(t.Context(), b, "a", bucket.Condition{}))
	p.want(t, "disk-full", os.WriteFile("/dev/full", []byte("x"), 0o600)) // the kernel's own full disk
}
