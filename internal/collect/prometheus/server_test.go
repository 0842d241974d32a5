package prometheus

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startServer loads OpenMetrics text into a real Prometheus on a free loopback
// port and returns its address.
func startServer(t testing.TB, openMetrics string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	text := filepath.Join(dir, "metrics.txt")
	if err := os.WriteFile(text, []byte(openMetrics), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if out, err := exec.Command("promtool", "tsdb", "create-blocks-from", "openmetrics", text, data).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, out)
	}
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte("global: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command("prometheus", append(flags, "--config.file="+config, "--storage.tsdb.path="+data,
		"--storage.tsdb.retention.time=100y", "--web.listen-address="+addr, "--log.level=warn")...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() && log.Len() > 0 {
			t.Logf("prometheus: %s", log.String())
		}
	})
	base := "http://" + addr
	for range 200 {
		if resp, err := http.Get(base + "/-/ready"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return base
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("prometheus did not become ready")
	return ""
}

// exposition collects series and writes them as OpenMetrics text.
type exposition struct {
	order   []string
	samples map[string][]string
}

// add appends samples of one series: name{labels}.
func (e *exposition) add(series string, at time.Time, v float64) {
	name, _, _ := strings.Cut(series, "{")
	if e.samples == nil {
		e.samples = map[string][]string{}
	}
	if _, ok := e.samples[name]; !ok {
		e.order = append(e.order, name)
	}
	e.samples[name] = append(e.samples[name], fmt.Sprintf("%s %v %.3f\n", series, v, float64(at.UnixMilli())/1000))
}

// every adds f's value at each step from start to end, exclusive.
func (e *exposition) every(series string, start, end time.Time, step time.Duration, f func(time.Time) float64) {
	for t := start; t.Before(end); t = t.Add(step) {
		e.add(series, t, f(t))
	}
}

func (e *exposition) String() string {
	var b strings.Builder
	for _, name := range e.order {
		for _, s := range e.samples[name] {
			b.WriteString(s)
		}
	}
	b.WriteString("# EOF\n")
	return b.String()
}

func constant(v float64) func(time.Time) float64 { return func(time.Time) float64 { return v } }

func newSource(t testing.TB, url string, change func(*Config)) *Source {
	t.Helper()
	cfg := Config{URL: url, ClusterID: "test", Now: time.Now}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func contextFor(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
