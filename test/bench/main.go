package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/demo"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/simulate"
)

type bench struct {
	clusters, containers, days int
	binary, cache, server      string
	runs                       int
	generate                   bool
	limit                      time.Duration
}

func main() {
	var b bench
	flag.IntVar(&b.clusters, "clusters", 10, "clusters in the fleet")
	flag.IntVar(&b.containers, "containers", 500, "containers per cluster")
	flag.IntVar(&b.days, "days", 90, "days of history")
	flag.StringVar(&b.binary, "binary", "bin/fleetcost", "the program under test")
	flag.StringVar(&b.cache, "cache", defaultCache(), "where the generated bucket is kept")
	flag.StringVar(&b.server, "server", "", "ask this server, which has loaded the bucket, instead of starting one")
	flag.IntVar(&b.runs, "runs", 20, "different windows per question")
	flag.DurationVar(&b.limit, "limit", time.Hour, "give up on the rebuild after this time")
	flag.BoolVar(&b.generate, "generate", false, "only generate the bucket")
	flag.Parse()
	ctx, stop := ops.SignalContext(context.Background())
	defer stop()
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "fleetcost-bench")
}

func (b *bench) run(ctx context.Context) error {
	fmt.Printf("%d clusters × %d containers × %d days, %d CPUs\n", b.clusters, b.containers, b.days, runtime.NumCPU())
	dir, window, err := b.bucket(ctx)
	if err != nil {
		return fmt.Errorf("generate the bucket: %w", err)
	}
	rows, bytes, objects, err := census(dir)
	if err != nil {
		return err
	}
	fmt.Printf("bucket: %d objects, %.1f MB, %d allocation rows, %.1f B/row (allocation), %.1f B/row (all datasets)\n",
		objects, float64(bytes.all)/1e6, rows, float64(bytes.allocation)/float64(rows), float64(bytes.all)/float64(rows))
	if b.generate {
		return nil
	}
	if b.server != "" {
		return b.ask(ctx, b.server, window)
	}
	return b.measure(ctx, dir, window, rows)
}

// bucket returns the directory of a filled bucket, made now or found in the
// cache, and the window of its history.
func (b *bench) bucket(ctx context.Context) (string, cost.Window, error) {
	dir := filepath.Join(b.cache, fmt.Sprintf("v2-%dx%dx%d", b.clusters, b.containers, b.days))
	mark := filepath.Join(dir, "done")
	if text, err := os.ReadFile(mark); err == nil {
		end, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		// A bucket that has aged would fall out of the hourly retention and
		// measure something else.
		if err == nil && cost.HourOf(time.Now())-cost.Hour(end) < 5*24 {
			return filepath.Join(dir, "bucket"), cost.Window{Start: cost.Hour(end) - cost.Hour(b.days*24), End: cost.Hour(end)}, nil
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", cost.Window{}, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "bucket"), 0o755); err != nil {
		return "", cost.Window{}, err
	}
	end := cost.DayOf(time.Now()).FirstHour()
	w := cost.Window{Start: end - cost.Hour(b.days*24), End: end}
	fleet := simulate.NewFleet(simulate.Options{
		Seed: 1, Clusters: b.clusters, Containers: b.clusters * b.containers, Start: w.Start, End: w.End, Uniform: true,
	})
	store, err := bucket.OpenFilesystem(filepath.Join(dir, "bucket"), time.Now)
	if err != nil {
		return "", w, err
	}
	defer store.Close()
	start := time.Now()
	// The agents stop at the end of the history: there is nothing live.
	now := func() time.Time { return w.End.Start().Add(10 * time.Minute) }
	cfg := demo.Config{Days: b.days, Progress: os.Stderr, Now: now, Logger: ops.Discard(), PushInterval: time.Minute}
	if _, err := demo.Fill(ctx, cfg, fleet, store, filepath.Join(dir, "spool")); err != nil {
		return "", w, err
	}
	fmt.Printf("generated in %.0f s (once; kept in %s)\n", time.Since(start).Seconds(), dir)
	if err := os.RemoveAll(filepath.Join(dir, "spool")); err != nil {
		return "", w, err
	}
	return filepath.Join(dir, "bucket"), w, os.WriteFile(mark, []byte(strconv.FormatInt(int64(w.End), 10)), 0o644)
}

type sizes struct{ all, allocation int64 }

// census counts what lies in the bucket, from the agents' status documents.
func census(dir string) (rows int64, bytes sizes, objects int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch filepath.Base(path) {
		case "data.parquet":
			objects++
			bytes.all += info.Size()
			if strings.Contains(path, "v1/allocation/") {
				bytes.allocation += info.Size()
			}
		case "status.json":
			n, err := statusRows(path)
			if err != nil {
				return err
			}
			rows += n
		}
		return nil
	})
	return rows, bytes, objects, err
}

func statusRows(path string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var s struct {
		Days map[string]struct {
			Objects map[string]struct{ Rows int64 }
		}
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	var n int64
	for _, d := range s.Days {
		n += d.Objects["allocation"].Rows
	}
	return n, nil
}

// measure starts a server with an empty store over the bucket and asks it.
func (b *bench) measure(ctx context.Context, dir string, w cost.Window, rows int64) error {
	data, err := os.MkdirTemp(b.cache, "store-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	storage := filepath.Join(data, "federated-store.yaml")
	if err := os.WriteFile(storage, []byte(fmt.Sprintf("type: FILESYSTEM\nconfig:\n  directory: %q\n", dir)), 0o644); err != nil {
		return err
	}
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.binary, "server", "--storage-config", storage, "--data-dir", filepath.Join(data, "db"), "--listen", addr)
	cmd.Stderr = io.Discard
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s (make build first): %w", b.binary, err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	base := "http://" + addr
	if err := b.ready(ctx, base); err != nil {
		return err
	}
	took := time.Since(start).Seconds()
	cpu := cpuSeconds(cmd.Process.Pid)
	fmt.Printf("cold rebuild: %.1f s wall, %.1f s CPU, %.0f rows/s wall, %.0f rows/s/core; peak RSS %.0f MiB; store %.0f MB\n",
		took, cpu, float64(rows)/took, float64(rows)/cpu, memory(cmd.Process.Pid, "VmHWM"), float64(treeSize(filepath.Join(data, "db")))/1e6)
	if err := b.ask(ctx, base, w); err != nil {
		return err
	}
	fmt.Printf("server RSS after the questions: %.0f MiB\n", memory(cmd.Process.Pid, "VmRSS"))
	return nil
}

func (b *bench) ready(ctx context.Context, base string) error {
	deadline := time.Now().Add(b.limit)
	for time.Now().Before(deadline) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return errors.New("the server was not ready in time")
}

// question is one of the usual ones: parameters, and how many days its window
// has. Each run moves the window, so that no answer comes from the cache.
type question struct {
	name, path string
	days       int
	params     map[string]string
}

var questions = []question{
	{"by cluster, 30 d", "/allocation", 30, map[string]string{"aggregate": "cluster", "includeIdle": "true"}},
	{"by namespace, 30 d", "/allocation", 30, map[string]string{"aggregate": "namespace", "includeIdle": "true"}},
	{"by namespace and day, 30 d", "/allocation", 30, map[string]string{"aggregate": "namespace", "step": "1d"}},
	{"by cluster and day, 60 d", "/allocation", 60, map[string]string{"aggregate": "cluster", "step": "1d", "includeIdle": "true"}},
	{"by label team, 30 d", "/allocation", 30, map[string]string{"aggregate": "label:team"}},
	{"by controller, 7 d, top 100", "/allocation", 7, map[string]string{"aggregate": "cluster,namespace,controller", "limit": "100"}},
	{"one cluster, one day, by pod", "/allocation", 1, map[string]string{"aggregate": "pod", "filter": `cluster:"CLUSTER"`}},
	{"by namespace, idle shared, 30 d", "/allocation", 30, map[string]string{"aggregate": "namespace", "includeIdle": "true", "shareIdle": "true"}},
	{"by namespace where label, 30 d", "/allocation", 30, map[string]string{"aggregate": "namespace", "filter": `label[team]:"payments"`}},
	{"by namespace, kube-system shared, 30 d", "/allocation", 30, map[string]string{"aggregate": "namespace", "shareNamespaces": "kube-system"}},
	{"assets by type, 30 d", "/assets", 30, map[string]string{"aggregate": "type"}},
	{"one namespace by hour, 1 d", "/allocation", 1, map[string]string{"aggregate": "controller", "step": "1h", "filter": `namespace:"payments"`}},
}

func (b *bench) ask(ctx context.Context, base string, w cost.Window) error {
	cluster, err := someCluster(ctx, base)
	if err != nil {
		return err
	}
	fmt.Printf("%-42s %8s %8s %8s %10s\n", "question (uncached, over HTTP)", "p50 ms", "p95 ms", "max ms", "bytes")
	var all []float64
	for _, q := range questions {
		var ms []float64
		var size int64
		for i := range b.runs {
			end := w.End - cost.Hour(24*(i%max(1, min(b.runs, b.days-q.days))))
			v := url.Values{"window": {(end - cost.Hour(q.days*24)).Start().Format(time.RFC3339) + "," + end.Start().Format(time.RFC3339)}}
			for k, x := range q.params {
				v.Set(k, strings.ReplaceAll(x, "CLUSTER", cluster))
			}
			t, n, err := get(ctx, base+q.path+"?"+v.Encode())
			if err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			ms, size = append(ms, t), n
		}
		all = append(all, ms...)
		slices.Sort(ms)
		fmt.Printf("%-42s %8.1f %8.1f %8.1f %10d\n", q.name, at(ms, 0.5), at(ms, 0.95), ms[len(ms)-1], size)
	}
	slices.Sort(all)
	fmt.Printf("%-42s %8.1f %8.1f %8.1f\n", "all", at(all, 0.5), at(all, 0.95), all[len(all)-1])
	return nil
}

func at(sorted []float64, q float64) float64 { return sorted[int(q*float64(len(sorted)-1)+0.5)] }

func get(ctx context.Context, u string) (ms float64, size int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, 0, err
	}
	if res.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("%s: %s: %.300s", u, res.Status, body)
	}
	return float64(time.Since(start).Microseconds()) / 1000, int64(len(body)), nil
}

func someCluster(ctx context.Context, base string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/allocation/autocomplete?window=90d&field=cluster&limit=1", nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var v struct{ Data []string }
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
		return "", err
	}
	if len(v.Data) == 0 {
		return "", errors.New("the server knows no cluster")
	}
	return v.Data[0], nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// memory reads a field of /proc/PID/status in MiB.
func memory(pid int, field string) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, field+":"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(v)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

// cpuSeconds reads user and system time of a process from /proc/PID/stat.
func cpuSeconds(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100 // USER_HZ
}

func treeSize(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}
