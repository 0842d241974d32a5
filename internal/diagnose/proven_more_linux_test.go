package diagnose_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/fleetcost/fleetcost/internal/awsid"
	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/test/servers"
)

// changed are requests that something on the way changed, and those of the
// wrong signature, region or class.
func (p *prover) changed(t *testing.T) {
	v := servers.StartVersityGW(t)
	v.CreateBucket("fleet")
	now := raw{t: t, v: v, at: time.Now()}
	fails := func(id string, r raw, method, path, body string, header ...string) {
		t.Helper()
		_, err := r.do(method, path, body, header...)
		p.want(t, id, err)
	}
	unsigned := now
	unsigned.after = func(r *http.Request) { r.Header.Del("Authorization") }
	fails("s3-denied", unsigned, http.MethodGet, "/fleet", "")
	added := now
	added.after = func(r *http.Request) { r.Header.Set("X-Amz-Acl", "private") }
	fails("s3-request-changed", added, http.MethodPut, "/fleet/k", "x")
	fails("s3-region-constraint", now, http.MethodPut, "/elsewhere", `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-west-9</LocationConstraint></CreateBucketConfiguration>`)
	p.want(t, "s3-sigv2-refused", list(t.Context(), open(t, v.ConfigYAML("fleet")+"  signature_version2: true\n")))

	large := open(t, v.ConfigYAML("fleet")+"  disable_multipart: true\n")
	_, err := large.Put(t.Context(), "k", io.NewSectionReader(strings.NewReader(""), 0, 6<<30), 6<<30, bucket.Condition{})
	p.want(t, "s3-too-large", err)
}

// gateway is what a load balancer says whose stores are gone, and what a web
// server says that is no store.
func (p *prover) gateway(t *testing.T) {
	gone := &url.URL{Scheme: "http", Host: listen(t, nil)}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(gone) }, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
	})
	defer proxy.Close()
	host := strings.TrimPrefix(proxy.URL, "http://")
	p.want(t, "s3-internal-error", list(t.Context(), open(t, "type: S3\nconfig:\n"+noRetry+"  insecure: true\n  endpoint: "+host+"\n")))
	p.want(t, "gcs-internal-error", list(t.Context(), open(t, "type: GCS\nconfig:\n  bucket: fleet\n  max_retries: 1\n  anonymous: true\n  endpoint: "+proxy.URL+"\n")))
	p.want(t, "azure-internal-error", list(t.Context(), open(t, "type: AZURE\nconfig:\n  storage_account: fleetcosts\n  storage_account_key: a2V5\n  container: fleet\n  max_retries: 1\n  endpoint: "+proxy.URL+"/fleetcosts\n")))

	page := filepath.Join(t.TempDir(), "console.html") // as consoles do, the same for every path
	if err := os.WriteFile(page, []byte("<!DOCTYPE html><html><body>Console</body></html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, page) }))
	defer web.Close()
	wrong := open(t, "type: S3\nconfig:\n"+noRetry+"  insecure: true\n  endpoint: "+strings.TrimPrefix(web.URL, "http://")+"\n")
	p.want(t, "s3-wrong-port", list(t.Context(), wrong))
	p.want(t, "s3-wrong-port", put(t.Context(), wrong, "k", bucket.Condition{}))
}

// unreachable are servers that do not answer at all.
func (p *prover) unreachable(t *testing.T) {
	// A listener that accepts nothing: when its queue is full, the kernel leaves
	// further connections unanswered.
	full, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(full) }()
	if err := syscall.Bind(full, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(full, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(full)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	dialer := &net.Dialer{Timeout: 200 * time.Millisecond}
	for range 100 {
		c, dialErr := dialer.DialContext(t.Context(), "tcp", address)
		if err = dialErr; err != nil {
			break
		}
		defer func() { _ = c.Close() }()
	}
	if err == nil {
		t.Fatal("the queue is never full")
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
	p.want(t, "network-timeout", get(client, "http://"+address+"/"))

	certificate, roots := certificate(t, time.Now().Add(time.Hour))
	modern := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13})
	client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12}}}
	p.want(t, "tls-handshake", get(client, modern))
	silent := listen(t, func(c net.Conn) { t.Cleanup(func() { _ = c.Close() }) })
	client = &http.Client{Transport: &http.Transport{TLSHandshakeTimeout: 50 * time.Millisecond}}
	p.want(t, "tls-handshake", get(client, "https://"+silent+"/"))
}

// identity are failures of the AWS SDK before a store is asked.
func (p *prover) identity(t *testing.T) {
	retrieve := func(ctx context.Context, env map[string]string, o awsid.Options) error {
		o.Getenv = func(k string) string { return env[k] }
		s, err := awsid.Choose(ctx, o)
		if err == nil {
			_, err = s.Retrieve(ctx)
		}
		return err
	}
	closed := "http://" + listen(t, nil)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a.b.c"), 0o600); err != nil {
		t.Fatal(err)
	}
	role := map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/cost-agent"}
	p.want(t, "sts-unreachable", retrieve(t.Context(), role, awsid.Options{STSEndpoint: closed}))

	p.want(t, "pod-identity-token-missing", retrieve(t.Context(), map[string]string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token + "-absent",
	}, awsid.Options{}))

	// Metadata that do not answer, as behind a hop limit of one.
	silent := "http://" + listen(t, func(c net.Conn) { t.Cleanup(func() { _ = c.Close() }) })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	p.want(t, "imds-unreachable", retrieve(ctx, map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": silent}, awsid.Options{}))

	_, err := sts.NewFromConfig(aws.Config{Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}).GetCallerIdentity(t.Context(), nil)
	p.want(t, "aws-missing-region", err)
}

// kernel are what the kernel says of a directory; the SDKs have no part in it.
func (p *prover) kernel(t *testing.T) {
	_, err := os.ReadFile("/proc/self/mem") // nothing is mapped at address 0
	p.want(t, "disk-io-error", err)

	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.want(t, "too-many-files", without(t, func() error { return os.WriteFile(file, nil, 0o600) }))

	dir := filepath.Join(t.TempDir(), "bucket")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b := open(t, "type: FILESYSTEM\nconfig: {directory: "+dir+"}\n")
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	p.want(t, "disk-permission", asNobody(func() error { return put(t.Context(), b, "k", bucket.Condition{}) }))
}

// without runs do while the process may open no more files.
func without(t *testing.T, do func() error) error {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 1, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	err := do()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	return err
}

// asNobody runs do with no right to others' files, where the test runs as root.
func asNobody(do func() error) error {
	result := make(chan error)
	go func() {
		if os.Getuid() == 0 {
			runtime.LockOSThread() // the thread ends with the goroutine
			_ = syscall.Setfsuid(65534)
		}
		result <- do()
	}()
	return <-result
}
