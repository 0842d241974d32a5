package storagecheck_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/storagecheck"
)

// full gives the user agent all rights on the bucket.
func (s *store) full() {
	s.t.Helper()
	s.allow(mustPolicy(s.t, storagecheck.PolicyInput{Role: storagecheck.RoleSeed, Bucket: s.bucket}))
}

// TestTLS: a server whose certificate nobody trusts, then with its CA, then
// without verification.
func TestTLS(t *testing.T) {
	s := newStore(t)
	s.full()
	secure := httptest.NewUnstartedServer(s.handler(rule{}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	config := strings.Replace(s.configAt(secure.Listener.Addr().String(), withACL), "  insecure: true\n", "", 1)

	r := run(t, server(config))
	if got := unhealthy(r); got != "TLS fail, clock skew skip, identity skip, list skip, put skip, get skip, conditional put skip, multipart put skip, delete skip" || r.ExitCode() != 1 {
		t.Errorf("self-signed: %d, %s", r.ExitCode(), got)
	}
	tls := find(t, r, "TLS")
	for _, want := range []string{"certificate", "example.com", "issued by Acme Co"} {
		if !strings.Contains(tls.Evidence, want) {
			t.Errorf("self-signed: %q does not say %q", tls.Evidence, want)
		}
	}
	if list := find(t, r, "list"); list.Evidence != "not tried: TLS failed" {
		t.Errorf("list: %q", list.Evidence)
	}

	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	r = run(t, server(config+"  http_config:\n    tls_config:\n      ca_file: "+ca+"\n"))
	if r.ExitCode() != 0 || !strings.Contains(find(t, r, "TLS").Evidence, "trusted by "+ca) {
		t.Errorf("with its CA: %d, %s, %q", r.ExitCode(), unhealthy(r), find(t, r, "TLS").Evidence)
	}
	r = run(t, server(config+"  http_config:\n    insecure_skip_verify: true\n"))
	if r.ExitCode() != 3 || unhealthy(r) != "TLS warn, identity skip" {
		t.Errorf("unverified: %d, %s", r.ExitCode(), unhealthy(r))
	}
	// Plain HTTP to its port.
	r = run(t, server(s.configAt(secure.Listener.Addr().String(), withACL)))
	if r.ExitCode() != 1 || find(t, r, "credentials").Result != storagecheck.OK {
		t.Errorf("plain HTTP to a TLS port: %d, %s", r.ExitCode(), unhealthy(r))
	}
	s.clean()
}

// TestPlainHTTP to another machine works, and is called insecure. The store is
// reached through a proxy, so that a name can stand for the other machine.
func TestPlainHTTP(t *testing.T) {
	s := newStore(t)
	s.full()
	proxy := httptest.NewServer(s.handler(rule{}))
	t.Cleanup(proxy.Close)
	in := server(s.configAt("store.example.com:9000", withACL))
	in.ConfigName = "federated-store.yaml"
	r, err := storagecheck.Run(t.Context(), in, storagecheck.Options{
		Now:    time.Now,
		Getenv: func(name string) string { return map[string]string{"HTTP_PROXY": proxy.URL}[name] },
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.ExitCode() != 3 || unhealthy(r) != "DNS skip, TLS warn, identity skip" {
		t.Errorf("%d, %s", r.ExitCode(), unhealthy(r))
	}
	if dns := find(t, r, "DNS"); !strings.Contains(dns.Evidence, "pass the proxy 127.0.0.1") {
		t.Errorf("DNS: %q", dns.Evidence)
	}
	s.clean()
}

// TestClockSkew: the gate is our double of a store with another time.
func TestClockSkew(t *testing.T) {
	s := newStore(t)
	s.full()
	for _, c := range []struct {
		ahead time.Duration // of the store's clock
		want  storagecheck.Result
		says  string
	}{
		{0, storagecheck.OK, "none"},
		{30 * time.Second, storagecheck.OK, "behind the store's"},
		{5 * time.Minute, storagecheck.Warn, "behind the store's"},
		{-5 * time.Minute, storagecheck.Warn, "ahead of the store's"},
		{time.Hour, storagecheck.Fail, "behind the store's"},
	} {
		gate := s.behind(rule{after: func(r *http.Response) {
			r.Header.Set("Date", time.Now().Add(c.ahead).UTC().Format(http.TimeFormat))
		}})
		r := run(t, server(s.configAt(gate, withACL)))
		clock := find(t, r, "clock skew")
		if clock.Result != c.want || !strings.Contains(clock.Evidence, c.says) {
			t.Errorf("%s: %s, %q", c.ahead, clock.Result, clock.Evidence)
		}
		if list := find(t, r, "list"); c.want == storagecheck.Fail && (list.Evidence != "not tried: clock skew failed" || clock.Fix == "") {
			t.Errorf("%s: list %q, fix %q", c.ahead, list.Evidence, clock.Fix)
		}
	}
	s.clean()
}

// hosts is a name server of our own.
type hosts map[string]string

func (h hosts) LookupHost(_ context.Context, host string) ([]string, error) {
	if address, ok := h[host]; ok {
		return []string{address}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func TestDNS(t *testing.T) {
	config := "type: S3\nconfig:\n  bucket: fleet-costs\n  endpoint: minio.example.com:9000\n  region: us-east-1\n  access_key: a\n  secret_key: b\n"
	check := func(config string, h hosts) storagecheck.Report {
		t.Helper()
		in := server(config)
		in.ConfigName = "federated-store.yaml"
		r, err := storagecheck.Run(t.Context(), in, storagecheck.Options{Now: time.Now, Resolver: h, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	dns := find(t, check(config, hosts{}), "DNS")
	if dns.Result != storagecheck.Fail || !strings.Contains(dns.Evidence, "lookup minio.example.com") || dns.Fix == "" {
		t.Errorf("unknown host: %+v", dns)
	}
	dns = find(t, check(config+"  bucket_lookup_type: virtual-hosted\n", hosts{"minio.example.com": "127.0.0.1"}), "DNS")
	if dns.Result != storagecheck.Fail || len(dns.Snippets) != 1 || !strings.Contains(dns.Snippets[0].Text, "bucket_lookup_type: path") {
		t.Errorf("no name per bucket: %+v", dns)
	}
	// Where AWS's requests go: the bucket is part of the name.
	aws := "type: S3\nconfig:\n  bucket: fleet-costs\n  region: eu-central-1\n  access_key: a\n  secret_key: b\n"
	dns = find(t, check(aws, hosts{}), "DNS")
	if !strings.Contains(dns.Evidence, "lookup fleet-costs.s3.dualstack.eu-central-1.amazonaws.com") {
		t.Errorf("AWS: %+v", dns)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	r := check(fmt.Sprintf("type: S3\nconfig:\n  bucket: fleet-costs\n  endpoint: %s\n  region: r\n  access_key: a\n  secret_key: b\n", closed.Addr()), nil)
	if tls := find(t, r, "TLS"); tls.Result != storagecheck.Fail || !strings.Contains(tls.Evidence, "connection refused") {
		t.Errorf("nobody listens: %+v", tls)
	}
}

// TestStall: a server that takes connections and says nothing is given up on.
func TestStall(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	config := fmt.Sprintf("type: S3\nconfig:\n  bucket: fleet-costs\n  endpoint: %s\n  region: r\n  access_key: a\n  secret_key: b\n  insecure: true\n", l.Addr())
	r, err := storagecheck.Run(t.Context(), server(config), storagecheck.Options{Now: time.Now, Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if tls := find(t, r, "TLS"); tls.Result != storagecheck.Fail || !strings.Contains(tls.Evidence, "no answer within 200ms") || tls.Cause == "" {
		t.Errorf("%+v", tls)
	}
}

// TestMistakes: what goes wrong at the store is explained once, and what hangs
// on it is not tried.
func TestMistakes(t *testing.T) {
	s := newStore(t)
	s.full()
	config := s.config(withACL)
	for _, c := range []struct {
		name, config string
		fails        string
		says         string
	}{
		{"wrong secret", strings.Replace(config, s.user.SecretKey, "wrong", 1), "list", "SignatureDoesNotMatch"},
		{"unknown key", strings.Replace(config, s.user.AccessKey, "AKIAIOSFODNN7EXAMPLE", 1), "list", "InvalidAccessKeyId"},
		{"no such bucket", strings.Replace(config, "bucket: fleet-costs", "bucket: other", 1), "list", "NoSuchBucket"},
		{"wrong region", strings.Replace(config, "us-east-1", "eu-west-1", 1), "list", "AuthorizationHeaderMalformed"},
		{"misspelt", strings.Replace(config, "region", "regoin", 1), "parse", "did you mean region"},
		{"two halves", strings.Replace(config, fmt.Sprintf("  secret_key: %q\n", s.user.SecretKey), "", 1), "parse", "without secret_key"},
		{"no CA", strings.Replace(config, "  insecure: true\n", "", 1) + "  http_config:\n    tls_config:\n      ca_file: /none.pem\n", "parse", "/none.pem"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, server(c.config))
			if failures(r) != c.fails || r.ExitCode() != 1 {
				t.Fatalf("%d: %s", r.ExitCode(), unhealthy(r))
			}
			check := find(t, r, c.fails)
			if !strings.Contains(check.Evidence, c.says) || check.Cause == "" && check.Fix == "" {
				t.Errorf("%+v", check)
			}
			for _, x := range r.Checks {
				if strings.Contains(x.Evidence+x.Cause+x.Fix, s.user.SecretKey) {
					t.Errorf("%s tells the secret: %+v", x.Name, x)
				}
			}
		})
	}
	s.clean()
}

// TestPublicACL: everything works, and everybody can read.
func TestPublicACL(t *testing.T) {
	s := newStore(t)
	s.full()
	for _, acl := range []string{"public-read", "public-read-write", "authenticated-read"} {
		// The gate takes the ACL for granted: the gateway's buckets refuse it.
		gate := s.behind(rule{before: func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("X-Amz-Acl") == "" || r.Method != http.MethodPut || strings.HasSuffix(r.URL.Path, "/conditional") {
				return false
			}
			w.Header().Set("ETag", `"0"`)
			return true
		}})
		put := find(t, run(t, server(s.configAt(gate, "  put_user_metadata:\n    X-Amz-Acl: "+acl+"\n"))), "put")
		if put.Result != storagecheck.Warn || !strings.Contains(put.Cause, acl) {
			t.Errorf("%s: %+v", acl, put)
		}
	}
}
