package prometheus

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"

	"github.com/fleetcost/fleetcost/internal/cost"
)

const oneSeries = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1767225600.5,"42.25"]}]}}`

func file(t *testing.T, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func noWait(s *Source) *Source {
	s.client.wait = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return s
}

// An answer without a part of the data looks like any other, but for a field
// beside it. Nothing is computed from it.
func TestPartialAnswersAreRefused(t *testing.T) {
	for extra, want := range map[string]string{
		`"warnings":["store 10.0.0.7: connection refused"]`: "store 10.0.0.7: connection refused",
		`"isPartial":true`:                                              "isPartial",
		`"isPartial":false,"warnings":null`:                             "",
		`"warnings":["PromQL info: metric might not be a counter"]`:     "",
		`"warnings":["PromQL warning: a mix","no store matches query"]`: "no store matches",
	} {
		var asked atomic.Int32
		var form string
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			form = r.Form.Get("partial_response") + r.Form.Get("deny_partial_response")
			asked.Add(1)
			_, _ = io.WriteString(w, strings.TrimSuffix(oneSeries, "}")+","+extra+"}")
		}))
		s := noWait(newSource(t, srv.URL, func(c *Config) { c.Retries = 2 }))
		_, err := s.scalar(contextFor(t), "x", time.Time{})
		srv.Close()
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "in part")) {
			t.Errorf("%s: %v", extra, err)
		}
		if n := asked.Load(); err != nil && n != 3 || err == nil && n != 1 {
			t.Errorf("%s: asked %d times", extra, n)
		}
		if form != "false1" {
			t.Errorf("partial answers are not declined: %q", form)
		}
	}
}

func TestCredentialsAndHeaders(t *testing.T) {
	token := file(t, "first\n")
	var got *http.Request
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = r
		_, _ = io.WriteString(w, oneSeries)
	}))
	defer srv.Close()
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
	s := newSource(t, srv.URL+"/prometheus/", func(c *Config) {
		c.TLS.CAFile, c.TLS.ServerName = ca, "example.com"
		c.BearerTokenFile = token
		c.Headers = map[string]string{"X-Scope-OrgID": "tenant"}
	})
	for _, want := range []string{"first", "second"} { // tokens rotate
		if err := os.WriteFile(token, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := s.scalar(contextFor(t), "x", time.Unix(1767225600, 0))
		if err != nil || v != 42.25 {
			t.Fatalf("%v, %v", v, err)
		}
		if got.Header.Get("Authorization") != "Bearer "+want || got.Header.Get("X-Scope-OrgID") != "tenant" || got.URL.Path != "/prometheus/api/v1/query" || got.Form.Get("time") != "1767225600.000" {
			t.Errorf("request: %v %v", got.Header, got.URL)
		}
	}
	untrusted := noWait(newSource(t, srv.URL, func(c *Config) { c.Retries = -1 }))
	if _, err := untrusted.Check(contextFor(t)); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server of an unknown authority is trusted: %v", err)
	}
	basic := newSource(t, srv.URL, func(c *Config) {
		c.TLS.InsecureSkipVerify = true
		c.Username, c.PasswordFile = "u", file(t, "p\n")
	})
	if _, err := basic.scalar(contextFor(t), "x", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if u, p, _ := got.BasicAuth(); u != "u" || p != "p" {
		t.Errorf("basic auth %q %q", u, p)
	}
}

func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name  string
		codes []int
		tries int32
		ok    bool
	}{
		{"passing faults", []int{503, 429, 502, 200}, 4, true},
		{"refused for good", []int{400, 200}, 1, false},
		{"too large", []int{422, 200}, 1, false},
		{"too long", []int{500, 500, 500, 500, 500, 500, 500, 200}, 5, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				code := c.codes[n.Add(1)-1]
				if code == 200 {
					_, _ = io.WriteString(w, oneSeries)
					return
				}
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(code)
				_, _ = fmt.Fprintf(w, `{"status":"error","errorType":"execution","error":"query processing would load too many samples (%d)"}`, code)
			}))
			defer srv.Close()
			s := noWait(newSource(t, srv.URL, nil))
			if c.name == "passing faults" || c.name == "too long" {
				srv.Config.Handler = stripBody(srv.Config.Handler)
			}
			_, err := s.scalar(contextFor(t), "x", time.Time{})
			if (err == nil) != c.ok || n.Load() != c.tries {
				t.Errorf("%d tries, %v; want %d, ok %v", n.Load(), err, c.tries, c.ok)
			}
			if !c.ok && c.codes[0] == 422 && !strings.Contains(err.Error(), "max_samples") {
				t.Errorf("%v names no next step", err)
			}
		})
	}
}

// stripBody replaces the body of errors by one that says nothing.
func stripBody(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		w.WriteHeader(rec.Code)
		if rec.Code == http.StatusOK {
			_, _ = w.Write(rec.Body.Bytes())
		}
	})
}

// TestSecretsStayOut asserts that no error repeats a password or token.
func TestSecretsStayOut(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer srv.Close()
	s := newSource(t, srv.URL, func(c *Config) { c.BearerTokenFile = file(t, "hunter2") })
	_, err := s.Check(contextFor(t))
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "token") {
		t.Errorf("%v", err)
	}
}

// TestServerLimit reads from a Prometheus that refuses what our own limit
// allows: the reads are cut until they pass.
func TestServerLimit(t *testing.T) {
	url := startServer(t, smallCluster().String(), "--query.max-samples=70")
	w := cost.Window{Start: cost.HourOf(origin), End: cost.HourOf(origin) + 1}
	s := newSource(t, url, func(c *Config) { c.NoRemoteRead, c.Concurrency = true, 1 })
	u := hours(t, s, w)[w.Start]
	if len(u.Containers) != 1 || u.Containers[0].Span.Seconds != 2970 || u.CoverageSeconds != 3600 {
		t.Errorf("%+v", u)
	}
}

// TestShards reads a step that holds more series than a query may return.
func TestShards(t *testing.T) {
	e := &exposition{}
	for i := range 1500 {
		id := fmt.Sprintf(`namespace="n",pod="p-%c%c",uid="u%d",container="c%d"`, 'a'+i%26, '0'+i/26%10, i, i)
		e.add(`kube_pod_container_status_running{`+id+`}`, origin, 1)
		e.add(`kube_pod_labels{namespace="n",pod="`+fmt.Sprintf("p-%c%c", 'a'+i%26, '0'+i/26%10)+fmt.Sprintf(`",uid="u%d",label_app="x"}`, i), origin, 1)
	}
	url := startServer(t, e.String())
	for _, remote := range []bool{true, false} {
		s := newSource(t, url, func(c *Config) { c.MaxSamples, c.NoRemoteRead = minSamples, !remote })
		h := cost.HourOf(origin)
		u := hours(t, s, cost.Window{Start: h, End: h + 1})[h]
		if len(u.Containers) != 1500 || u.Containers[7].Labels != `{"app":"x"}` {
			t.Errorf("remote read %v: %d containers, want 1500", remote, len(u.Containers))
		}
	}
}

func TestHoursEndsWithTheCallersError(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/read" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
	}))
	defer srv.Close()
	stop := errors.New("stop")
	n := 0
	err := newSource(t, srv.URL, nil).Hours(contextFor(t), cost.Window{Start: 100, End: 500}, func(u cost.HourUsage) error {
		if n++; n == 40 {
			return stop
		}
		if u.CoverageSeconds != 0 || u.Cluster != "test" {
			t.Errorf("%+v", u)
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 40 {
		t.Errorf("%v after %d hours", err, n)
	}
}

func TestValidate(t *testing.T) {
	good := Config{URL: "http://prometheus:9090", Now: time.Now}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"url":               func(c *Config) { c.URL = "prometheus:9090" },
		"holds credentials": func(c *Config) { c.URL = "http://u:secret@h" },
		"basic_auth":        func(c *Config) { c.Username = "u" },
		"bearer_token_file": func(c *Config) { c.BearerTokenFile, c.Username, c.PasswordFile = "f", "u", "p" },
		"tls":               func(c *Config) { c.TLS.CertFile = "f" },
		"step":              func(c *Config) { c.Step = 7 * time.Second },
		"max_samples":       func(c *Config) { c.MaxSamples = 10 },
		"concurrency":       func(c *Config) { c.Concurrency = 1000 },
		"timeout":           func(c *Config) { c.Timeout = time.Millisecond },
		"matcher":           func(c *Config) { c.Matcher = `cluster=prod` },
		"joined by commas":  func(c *Config) { c.Matcher = `a="b" c="d"` },
		"not closed":        func(c *Config) { c.Matcher = `a="b` },
		"set twice":         func(c *Config) { c.BearerTokenFile, c.Headers = "f", map[string]string{"authorization": "x"} },
		"clock":             func(c *Config) { c.Now = nil },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", want, err)
		}
	}
	for in, want := range map[string]int{`{cluster="a, b",x!~"c|\"d"}`: 2, `cluster = "prod" , `: 1, ``: 0} {
		c := Config{Matcher: in}.withDefaults()
		if m, err := parseMatchers(c.Matcher); err != nil || len(m) != want {
			t.Errorf("%s: %v, %v", in, m, err)
		}
	}
}

func TestRegistersItsMetrics(t *testing.T) {
	reg := prom.NewRegistry()
	s := newSource(t, "http://127.0.0.1:1", nil)
	if _, err := New(s.cfg, s.log, reg); err != nil {
		t.Fatal(err)
	}
	if _, err := New(s.cfg, s.log, reg); err == nil {
		t.Error("a second registration passes unnoticed")
	}
}
