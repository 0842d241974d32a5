package servers

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
	process
	dir string
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
	binary := findPrometheusTool(t, "prometheus")
	p := &Prometheus{dir: t.TempDir()}
	p.process = process{
		t: t, name: "Prometheus", health: "/-/ready", patience: prometheusReady, grace: prometheusStop,
		command: func(address string) *exec.Cmd {
			return exec.Command(
				binary,
				"--config.file="+p.path("prometheus.yml"),
				"--storage.tsdb.path="+p.path("data"),
				"--storage.tsdb.retention.time=100y",
				"--web.listen-address="+address,
				"--log.level=warn",
			)
		},
	}
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
	p.launch()
	return p
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
