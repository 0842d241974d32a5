package servers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is a server of a test: a program that listens on one loopback
// address and says at a path of its own when it is ready.
type process struct {
	t        testing.TB
	name     string       // for messages
	health   string       // path that answers when the server is ready
	ready    int          // the status that it then answers with; 0 for 200
	scheme   string       // "" for http
	client   *http.Client // that trusts the server; nil for the default
	patience time.Duration
	grace    time.Duration // between an interrupt and a kill
	command  func(address string) *exec.Cmd
	address  string

	mu   sync.Mutex
	cmd  *exec.Cmd
	done <-chan struct{}
}

// launch starts the server on a free port and stops it at the end of the test.
func (p *process) launch() {
	p.t.Helper()
	p.t.Cleanup(p.Stop)
	var err error
	for range 3 { // another process may take a free port before the server does
		p.address = freeAddress(p.t)
		if err = p.start(); err == nil {
			return
		}
	}
	p.t.Fatal(err)
}

// URL is the server's base, without a final slash. It stays the same over Stop
// and Restart.
func (p *process) URL() string { return cmp.Or(p.scheme, "http") + "://" + p.address }

// httpClient trusts the server.
func (p *process) httpClient() *http.Client { return cmp.Or(p.client, http.DefaultClient) }

// Stop interrupts the server and waits until it has ended; a server that does
// not end in time is killed. Stopping a stopped server does nothing.
func (p *process) Stop() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended already
	select {
	case <-p.done:
	case <-time.After(p.grace):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	p.cmd = nil
}

// Restart starts the server again over the same data and on the same address,
// stopping it first if it runs.
func (p *process) Restart() {
	p.t.Helper()
	p.Stop()
	if err := p.start(); err != nil {
		p.t.Fatal(err)
	}
}

// start runs the server and returns when it is ready. After an error no
// process is left.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	log := &logBuffer{}
	cmd := p.command(p.address)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // how it ended is in its log
	}()
	if err := p.waitAnswer(done); err != nil {
		_ = cmd.Process.Kill()
		<-done
		return fmt.Errorf("start %s on %s: %w; its last words:\n%s", p.name, p.address, err, log)
	}
	p.cmd, p.done = cmd, done
	return nil
}

// waitAnswer asks the health path until it answers as it should, the process
// ends or time is up.
func (p *process) waitAnswer(done <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.patience)
	defer cancel()
	client, url := p.httpClient(), p.URL()+p.health
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return fmt.Errorf("ask for readiness: %w", err)
		}
		if res, err := client.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == cmp.Or(p.ready, http.StatusOK) {
				return nil
			}
		}
		select {
		case <-done:
			return errors.New("the process ended")
		case <-ctx.Done():
			return fmt.Errorf("not ready after %s", p.patience)
		case <-time.After(20 * time.Millisecond):
		}
	}
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
