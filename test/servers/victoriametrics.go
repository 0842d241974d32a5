package servers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	victoriaVersion = "v1.150.0"
	victoriaReady   = 30 * time.Second
	victoriaStop    = 10 * time.Second
)

// VictoriaMetrics is a real single-node VictoriaMetrics: a database that speaks
// Prometheus' query API, without remote read.
type VictoriaMetrics struct {
	process
}

// StartVictoriaMetrics starts a VictoriaMetrics on a free loopback port over a
// directory of the test's own, fills it with what samples writes (OpenMetrics
// text with timestamps, as for StartPrometheus) and stops it at the end of the
// test.
func StartVictoriaMetrics(t testing.TB, samples func(w io.Writer) error) *VictoriaMetrics {
	t.Helper()
	binary := findTool(t, "victoria-metrics", victoriaVersion)
	dir := t.TempDir()
	v := &VictoriaMetrics{}
	v.process = process{
		t: t, name: "VictoriaMetrics", health: "/health", patience: victoriaReady, grace: victoriaStop,
		command: func(address string) *exec.Cmd {
			return exec.Command(
				binary, "-httpListenAddr="+address, "-storageDataPath="+filepath.Join(dir, "data"), "-retentionPeriod=100y",
				"-loggerLevel=WARN", "-memory.allowedBytes=256MiB",
				// What was written is found at once.
				"-search.latencyOffset=0s", "-search.disableCache",
			)
		},
	}
	v.launch()
	v.write(samples)
	return v
}

// write imports OpenMetrics text and makes it visible to queries.
func (v *VictoriaMetrics) write(samples func(w io.Writer) error) {
	v.t.Helper()
	text := filepath.Join(v.t.TempDir(), "samples.om")
	if err := writeFile(text, samples); err != nil {
		v.t.Fatalf("write the samples for VictoriaMetrics: %v", err)
	}
	f, err := os.Open(text)
	if err != nil {
		v.t.Fatal(err)
	}
	defer f.Close()
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(inMilliseconds(w, f)) }()
	v.post("/api/v1/import/prometheus", r)
	v.post("/internal/force_flush", http.NoBody)
}

func (v *VictoriaMetrics) post(path string, body io.Reader) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.URL()+path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatalf("VictoriaMetrics %s: %v", path, err)
	}
	defer func() { _ = res.Body.Close() }()
	if answer, _ := io.ReadAll(res.Body); res.StatusCode/100 != 2 {
		v.t.Fatalf("VictoriaMetrics %s: %s: %s", path, res.Status, last(answer, 1000))
	}
}

// inMilliseconds turns the timestamps of OpenMetrics (seconds) into those of
// the older text format (milliseconds), which the import takes.
func inMilliseconds(w io.Writer, r io.Reader) error {
	out := bufio.NewWriter(w)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		seconds, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			return fmt.Errorf("the time of %q: %w", line, err)
		}
		if _, err := fmt.Fprintf(out, "%s %.0f\n", line[:i], seconds*1000); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return out.Flush()
}
