package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestNewLogger(t *testing.T) {
	for _, tc := range []struct {
		cfg  LogConfig
		want string // part of the line of an info message, "" for none
		err  string
	}{
		{LogConfig{}, `"msg":"hello"`, ""},
		{LogConfig{Level: "debug", Format: "text"}, `msg=hello`, ""},
		{LogConfig{Level: "WARN"}, "", ""},
		{LogConfig{Level: "loud"}, "", "debug, info, warn, error"},
		{LogConfig{Format: "xml"}, "", "json, text"},
	} {
		var out bytes.Buffer
		l, err := NewLogger(&out, tc.cfg)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%+v: error %v, want one that has %q", tc.cfg, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%+v: %v", tc.cfg, err)
		}
		l.Info("hello")
		if got := out.String(); !strings.Contains(got, tc.want) || (tc.want == "" && got != "") {
			t.Errorf("%+v wrote %q, want %q in it", tc.cfg, got, tc.want)
		}
	}
}

func TestProbes(t *testing.T) {
	ready := false
	mux := http.NewServeMux()
	RegisterProbes(mux, NewRegistry("server", ReadBuild("1.2.3")), func() (bool, any) {
		return ready, map[string]int{"done": 3, "of": 7}
	})
	get := func(path string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		return rec
	}
	if rec := get("/healthz"); rec.Code != http.StatusOK || rec.Body.Len() != 0 {
		t.Errorf("/healthz: %d %q, want an empty 200", rec.Code, rec.Body)
	}
	rec := get("/readyz")
	if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" {
		t.Errorf("/readyz while loading: %d with Retry-After %q", rec.Code, rec.Header().Get("Retry-After"))
	}
	var body struct {
		Ready  bool
		Detail struct{ Done, Of int }
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil || body.Ready || body.Detail.Done != 3 || body.Detail.Of != 7 {
		t.Errorf("/readyz body %q: %v", rec.Body, err)
	}
	ready = true
	if rec := get("/readyz"); rec.Code != http.StatusOK {
		t.Errorf("/readyz when ready: %d", rec.Code)
	}
	if rec := get("/metrics"); !strings.Contains(rec.Body.String(), `fleetcost_build_info{goversion=`) {
		t.Errorf("/metrics lacks fleetcost_build_info:\n%s", rec.Body)
	}
}

func TestGroupStopsTogether(t *testing.T) {
	defer goleak.VerifyNone(t)
	boom := errors.New("boom")
	g := NewGroup(t.Context(), Discard())
	stopped := make(chan struct{})
	g.Add("waiter", func(ctx context.Context) error {
		<-ctx.Done()
		close(stopped)
		return ctx.Err()
	})
	g.Add("failer", func(context.Context) error { return boom })
	err := g.Run()
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "failer") {
		t.Errorf("Run: %v, want boom of failer", err)
	}
	<-stopped
}

func TestGroupEndsWithContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	g := NewGroup(ctx, Discard())
	g.Add("waiter", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	cancel()
	if err := g.Run(); err != nil {
		t.Errorf("Run after cancel: %v", err)
	}
}

// A request in flight at stop is answered.
func TestGroupHTTPGrace(t *testing.T) {
	defer goleak.VerifyNone(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	in, release := make(chan struct{}), make(chan struct{})
	g := NewGroup(ctx, Discard())
	g.AddHTTP("api", ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(in)
		<-release
		_, _ = io.WriteString(w, "late")
	}), time.Minute)
	done := make(chan error, 1)
	go func() { done <- g.Run() }()

	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	body := make(chan string, 1)
	go func() {
		resp, err := (&http.Client{Transport: tr}).Get("http://" + ln.Addr().String())
		if err != nil {
			body <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		body <- string(b)
	}()
	<-in
	cancel()
	close(release)
	if got := <-body; got != "late" {
		t.Errorf("answer in flight at stop: %q", got)
	}
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestBuildString(t *testing.T) {
	b := Build{Version: "1.2.0", Revision: "0123456789abcdef-dirty", Go: "go1.26.8", Platform: "linux/amd64"}
	if got, want := b.String(), "1.2.0 (0123456789ab-dirty, go1.26.8, linux/amd64)"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	if got := ReadBuild("").Version; got == "" {
		t.Error("ReadBuild without a version gives none")
	}
}
