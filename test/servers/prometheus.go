package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// How long a started Prometheus may take to answer /-/ready, and to end after
// an interrupt before it is killed.
const (
	prometheusReady = 60 * time.Second
	prometheusStop  = 20 * time.Second
)

// Prometheus is a real Prometheus over a TSDB of a test's own. It scrapes
// nothing: what it knows was written as blocks before it started.
type Prometheus struct {
	t       testing.TB
	binary  string
	dir     string
	address string

	mu   sync.Mutex
	cmd  *exec.Cmd
	done <-chan struct{}
}

// StartPrometheus writes what blocks writes (OpenMetrics text with timestamps,
// ending in "# EOF") into TSDB blocks with promtool and starts a Prometheus
// over them on a free loopback port. It returns when the server is ready and
// stops it at the end of the test. A nil blocks gives an empty database.
//
// The samples may be of any time: retention is longer than any test's history.
// A missing binary, rejected text or a server that does not come up fails the
// test with the reason and what to do.
func StartPrometheus(t testing.TB, blocks func(w io.Writer) error) *Prometheus {
	t.Helper()
	p := &Prometheus{t: t, binary: findPrometheusTool(t, "prometheus"), dir: t.TempDir()}
	config := "global:\n  scrape_interval: 1h\n"
	if err := os.WriteFile(p.path("prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatalf("write the configuration of Prometheus: %v", err)
	}
	if err := os.Mkdir(p.path("data"), 0o700); err != nil {
		t.Fatalf("make the data directory of Prometheus: %v", err)
	}
	if blocks != nil {
		p.writeBlocks(blocks)
	}
	t.Cleanup(p.Stop)
	var err error
	for range 3 { // another process may take a free port before the server does
		p.address = freeAddress(t)
		if err = p.start(); err == nil {
			return p
		}
	}
	t.Fatal(err)
	return nil
}

// URL is the server's base, without a final slash. It stays the same over Stop
// and Restart.
func (p *Prometheus) URL() string { return "http://" + p.address }

// Stop interrupts the server and waits until it has ended; a server that does
// not end in time is killed. Stopping a stopped server does nothing.
func (p *Prometheus) Stop() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended already
	select {
	case <-p.done:
	case <-time.After(prometheusStop):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	p.cmd = nil
}

// Restart starts the server again over the same data and on the same address,
// stopping it first if it runs.
func (p *Prometheus) Restart() {
	p.t.Helper()
	p.Stop()
	if err := p.start(); err != nil {
		p.t.Fatal(err)
	}
}

// start runs the server and returns when it is ready. After an error no
// process is left.
func (p *Prometheus) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	log := &logBuffer{}
	cmd := exec.Command(
		p.binary,
		"--config.file="+p.path("prometheus.yml"),
		"--storage.tsdb.path="+p.path("data"),
		"--storage.tsdb.retention.time=100y",
		"--web.listen-address="+p.address,
		"--log.level=warn",
	)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.binary, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // how it ended is in its log
	}()
	if err := waitReady(p.URL(), done); err != nil {
		_ = cmd.Process.Kill()
		<-done
		return fmt.Errorf("start Prometheus on %s: %w; its last words:\n%s", p.address, err, log)
	}
	p.cmd, p.done = cmd, done
	return nil
}

// waitReady asks /-/ready until it answers 200, the process ends or time is up.
func waitReady(base string, done <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), prometheusReady)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/-/ready", http.NoBody)
		if err != nil {
			return fmt.Errorf("ask for readiness: %w", err)
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-done:
			return errors.New("the process ended")
		case <-ctx.Done():
			return fmt.Errorf("not ready after %s", prometheusReady)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// writeBlocks turns OpenMetrics text into TSDB blocks.
func (p *Prometheus) writeBlocks(blocks func(w io.Writer) error) {
	p.t.Helper()
	promtool := findPrometheusTool(p.t, "promtool")
	text := p.path("samples.om")
	if err := writeFile(text, blocks); err != nil {
		p.t.Fatalf("write the samples for Prometheus: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, promtool, "tsdb", "create-blocks-from", "openmetrics", text, p.path("data")).CombinedOutput()
	if err != nil {
		p.t.Fatalf("promtool refused the samples: %v\n%s", err, last(out, 2000))
	}
	if err := os.Remove(text); err != nil {
		p.t.Fatalf("remove the samples' text: %v", err)
	}
}

func (p *Prometheus) path(name string) string { return filepath.Join(p.dir, name) }

func writeFile(path string, content func(w io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := content(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// findPrometheusTool returns the path of prometheus or promtool: from PATH, or
// from the tool cache (<cache>/fleetcost-tools/prometheus-<version>-<go>/).
func findPrometheusTool(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if cache, err := os.UserCacheDir(); err == nil {
		found, _ := filepath.Glob(filepath.Join(cache, "fleetcost-tools", "prometheus-*", name))
		if len(found) > 0 {
			return found[len(found)-1]
		}
	}
	t.Fatalf("%s is neither on PATH nor in the tool cache: run `make test-tools`, or `apt-get install prometheus`", name)
	return ""
}

// freeAddress returns a loopback address that was free a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// logBuffer keeps the end of what a process says. It is safe for concurrent
// use.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const logKept = 1 << 20

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf.Len() > logKept {
		b.buf.Next(b.buf.Len() - logKept/2)
	}
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return last(b.buf.Bytes(), 4000)
}

// last returns at most n bytes of the end of b.
func last(b []byte, n int) string { return strings.TrimSpace(string(b[max(0, len(b)-n):])) }
