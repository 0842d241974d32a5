package storagecheck_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/fleetcost/fleetcost/internal/storagecheck"
	"github.com/fleetcost/fleetcost/test/servers"
)

// store is a versitygw with one bucket and one IAM user, agent.
type store struct {
	t       *testing.T
	gateway *servers.VersityGW
	root    *minio.Client
	bucket  string
	user    servers.Credentials
}

func newStore(t *testing.T) *store {
	t.Helper()
	s := &store{t: t, gateway: servers.StartVersityIAM(t), bucket: "fleet-costs"}
	s.gateway.CreateBucket(s.bucket)
	var err error
	s.root, err = minio.New(s.gateway.Endpoint(), &minio.Options{
		Creds: credentials.NewStaticV4(s.gateway.AccessKey(), s.gateway.SecretKey(), ""), Region: s.gateway.Region(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.user = s.gateway.CreateUser("agent")
	return s
}

// allow makes policy, as it is, the only rights of the user.
func (s *store) allow(policy string) {
	s.t.Helper()
	s.gateway.PutUserPolicy("agent", policy)
}

// config is a federated-store.yaml of the user agent.
func (s *store) config(extra string) string { return s.configAt(s.gateway.Endpoint(), extra) }

// configAt is the same for a server that stands before the gateway.
func (s *store) configAt(endpoint, extra string) string {
	return fmt.Sprintf("type: S3\nconfig:\n  bucket: %s\n  endpoint: %s\n  region: %s\n  access_key: %q\n  secret_key: %q\n  insecure: true\n%s",
		s.bucket, endpoint, s.gateway.Region(), s.user.AccessKey, s.user.SecretKey, extra)
}

const withACL = "  put_user_metadata:\n    X-Amz-Acl: bucket-owner-full-control\n"

// keys lists what the bucket holds, unfinished uploads included.
func (s *store) keys() []string {
	s.t.Helper()
	var keys []string
	for o := range s.root.ListObjects(context.Background(), s.bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			s.t.Fatal(o.Err)
		}
		keys = append(keys, o.Key)
	}
	for u := range s.root.ListIncompleteUploads(context.Background(), s.bucket, "", true) {
		if u.Err != nil {
			s.t.Fatal(u.Err)
		}
		keys = append(keys, "upload of "+u.Key)
	}
	return keys
}

// clean fails the test if the bucket holds anything.
func (s *store) clean() {
	s.t.Helper()
	if keys := s.keys(); len(keys) > 0 {
		s.t.Errorf("left behind: %q", keys)
	}
}

func run(t *testing.T, in storagecheck.Input) storagecheck.Report {
	t.Helper()
	in.ConfigName = "federated-store.yaml"
	report, err := storagecheck.Run(t.Context(), in, storagecheck.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// results is a report in short: "parse ok, DNS ok, …".
func results(r storagecheck.Report) string {
	out := make([]string, len(r.Checks))
	for i, c := range r.Checks {
		out[i] = c.Name + " " + string(c.Result)
	}
	return strings.Join(out, ", ")
}

func find(t *testing.T, r storagecheck.Report, name string) storagecheck.Check {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no check %q in %s", name, results(r))
	return storagecheck.Check{}
}

// unhealthy is a report's checks that are not ok.
func unhealthy(r storagecheck.Report) string {
	var out []string
	for _, c := range r.Checks {
		if c.Result != storagecheck.OK {
			out = append(out, c.Name+" "+string(c.Result))
		}
	}
	return strings.Join(out, ", ")
}

// rule is what a gate before the store adds: it answers itself and returns
// true, or lets the request pass. after sees the store's answer.
type rule struct {
	before func(w http.ResponseWriter, r *http.Request) bool
	after  func(r *http.Response)
}

// handler passes requests to the gateway under a rule.
func (s *store) handler(x rule) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: s.gateway.Endpoint()})
			r.Out.Host = r.In.Host // the signature covers it
		},
		ModifyResponse: func(r *http.Response) error {
			if x.after != nil {
				x.after(r)
			}
			return nil
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if x.before == nil || !x.before(w, r) {
			proxy.ServeHTTP(w, r)
		}
	})
}

// behind starts a gate before the store and returns its address.
func (s *store) behind(x rule) string {
	gate := httptest.NewServer(s.handler(x))
	s.t.Cleanup(gate.Close)
	return gate.Listener.Addr().String()
}

// denyACL is AWS's rule that an ACL on a write needs a right of its own.
var denyACL = rule{before: func(w http.ResponseWriter, r *http.Request) bool {
	return r.Header.Get("X-Amz-Acl") != "" && deny(w, r)
}}

// deny answers as AWS does.
func deny(w http.ResponseWriter, r *http.Request) bool {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprint(w, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
	return true
}

// endOn ends the caller's context once the store has answered a PUT whose URL
// holds part, before the answer is passed on.
func endOn(part string, cancel context.CancelFunc) rule {
	return rule{after: func(r *http.Response) {
		if r.Request.Method == http.MethodPut && strings.Contains(r.Request.URL.String(), part) {
			cancel()
			select {
			case <-r.Request.Context().Done():
			case <-time.After(200 * time.Millisecond): // a caller that finishes what it began
			}
		}
	}}
}
