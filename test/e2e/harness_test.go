//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/simulate"
	"github.com/fleetcost/fleetcost/test/servers"
)

// patience bounds every wait; a test that needs it all has failed.
const patience = 2 * time.Minute

// program returns the path of a built program.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not built: run make build (make e2e does)", path)
	}
	return path
}

// output collects what a process says; safe while it runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is a running program of ours.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
	err  error
}

func start(t testing.TB, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, out: &output{}, done: make(chan struct{})}
	p.cmd = exec.Command(program(t, name), args...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process at once, as the kernel's OOM killer would.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
}

// stop asks the process to end and waits.
func (p *process) stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.wait()
}

// wait waits for the process to end by itself and returns its error.
func (p *process) wait() error {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.kill()
		p.t.Fatalf("%s did not end within %v:\n%s", p.cmd.Path, patience, tail(p.out.String()))
	}
	return p.err
}

func tail(s string) string {
	if len(s) > 4000 {
		return "…" + s[len(s)-4000:]
	}
	return s
}

func address(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// server is a running fleetcost server.
type server struct {
	*process
	url string
}

func startServer(t testing.TB, storageConfig, dataDir string, args ...string) *server {
	t.Helper()
	addr := address(t)
	s := &server{url: "http://" + addr}
	s.process = start(t, "fleetcost", append([]string{"server", "--storage-config", storageConfig, "--data-dir", dataDir, "--listen", addr}, args...)...)
	return s
}

// ready waits until everything the bucket held is loaded.
func (s *server) ready() {
	s.t.Helper()
	s.eventually("the server to be ready", func() bool {
		res, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func (p *process) eventually(what string, ok func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
		select {
		case <-p.done:
			p.t.Fatalf("%s ended while waiting for %s: %v\n%s", p.cmd.Path, what, p.err, tail(p.out.String()))
		default:
		}
	}
	p.t.Fatalf("waited %v for %s:\n%s", patience, what, tail(p.out.String()))
}

// get returns the body of a successful answer.
func (s *server) get(path string) []byte {
	s.t.Helper()
	res, err := http.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: %s\n%s", path, res.Status, tail(string(body)))
	}
	return body
}

// allocations decodes an answer of /allocation as clients do.
func (s *server) allocations(path string) []map[string]allocation {
	s.t.Helper()
	var v struct{ Data []map[string]allocation }
	if err := json.Unmarshal(s.get(path), &v); err != nil {
		s.t.Fatalf("%s: %v", path, err)
	}
	return v.Data
}

type allocation struct {
	Name      string  `json:"name"`
	TotalCost float64 `json:"totalCost"`
}

func total(sets []map[string]allocation) (sum float64) {
	for _, set := range sets {
		for _, a := range set {
			sum += a.TotalCost
		}
	}
	return sum
}

// directory makes a directory bucket and returns its storage config.
func directory(t testing.TB) (config, dir string) {
	t.Helper()
	root := t.TempDir()
	dir = filepath.Join(root, "bucket")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	config = filepath.Join(root, "federated-store.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "type: FILESYSTEM\nconfig:\n  directory: %q\n", dir), 0o644); err != nil {
		t.Fatal(err)
	}
	return config, dir
}

// recentScenario is a cluster whose last whole hour ended at least half an hour
// ago, with a Prometheus that scraped it.
func recentScenario(t testing.TB, seed uint64, hours int) (*simulate.Scenario, *servers.Prometheus) {
	t.Helper()
	end := cost.HourOf(time.Now().Add(-30 * time.Minute))
	s := simulate.SmallAt(seed, end-cost.Hour(hours), hours)
	return s, servers.StartPrometheus(t, func(w io.Writer) error { return s.WriteOpenMetrics(w, s.Step) })
}

// agentArgs are the flags of an agent of the scenario's cluster.
func agentArgs(t testing.TB, s *simulate.Scenario, prom *servers.Prometheus, storageConfig string, more ...string) []string {
	return append([]string{
		"--cluster-id", s.Name, "--storage-config", storageConfig, "--source", "prometheus", "--prometheus-url", prom.URL(),
		"--backfill", fmt.Sprintf("%dh", s.Hours+2), "--spool-dir", filepath.Join(t.TempDir(), "spool"), "--listen", "", "--batch-rows", "400",
	}, more...)
}

// contents returns the decoded rows of every daily object as text, by key: what
// must be the same bit for bit whatever happened on the way.
func contents(t testing.TB, b bucket.Bucket) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, d := range costfile.Datasets {
		err := b.List(context.Background(), costfile.DailyPrefix(d), "", func(o bucket.Object) error {
			r, _, err := b.Get(context.Background(), o.Key)
			if err != nil {
				return err
			}
			defer r.Close()
			data, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			switch d {
			case costfile.AllocationData:
				out[o.Key], err = text[cost.Allocation](data)
			case costfile.AssetData:
				out[o.Key], err = text[cost.Asset](data)
			case costfile.AttachmentData:
				out[o.Key], err = text[cost.Attachment](data)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func text[T costfile.Row](data []byte) (string, error) {
	rows, meta, err := costfile.ReadAll[T](bytes.NewReader(data), int64(len(data)), costfile.DefaultLimits)
	var b strings.Builder
	for _, h := range meta.Hours {
		fmt.Fprintf(&b, "%v coverage %d partial %v\n", h.Hour, h.Coverage, h.Partial)
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "%+v\n", r)
	}
	return b.String(), err
}

func sameContents(t testing.TB, want, got map[string]string) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("the undisturbed run left no daily object")
	}
	for k, w := range want {
		if g, ok := got[k]; !ok {
			t.Errorf("%s is missing", k)
		} else if g != w {
			t.Errorf("%s differs: %d bytes of rows, want %d", k, len(g), len(w))
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			t.Errorf("%s is there and should not be", k)
		}
	}
}

// openStorage opens the bucket of a storage config.
func openStorage(t testing.TB, file string) bucket.Bucket {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cfg, _, err := bucket.ParseConfig(file, text, bucket.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := bucket.Open(context.Background(), cfg, bucket.Deps{Logger: ops.Discard(), Now: time.Now, Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openDirectory(t testing.TB, dir string) bucket.Bucket {
	t.Helper()
	b, err := bucket.OpenFilesystem(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
