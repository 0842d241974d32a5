package server_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/demo"
	"github.com/fleetcost/fleetcost/internal/httpapi"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/server"
	"github.com/fleetcost/fleetcost/internal/simulate"
)

var now = time.Date(2026, 11, 22, 7, 20, 0, 0, time.UTC)

// shared is the directory of the bucket that tests read and none changes.
var shared struct {
	once sync.Once
	dir  string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir) // a leftover in the temporary directory
	}
	os.Exit(code)
}

// readOnly is a bucket filled once for all tests that only read it.
func readOnly(t *testing.T) *bucket.Filesystem {
	t.Helper()
	shared.once.Do(func() {
		dir, err := os.MkdirTemp("", "fleetcost-server-test-")
		if err != nil {
			t.Fatal(err)
		}
		shared.dir = dir
		fillDir(t, dir)
	})
	b, err := bucket.OpenFilesystem(shared.dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fillDir makes a directory bucket with two days of a small fleet in it,
// pushed by the agents of the demo.
func fillDir(t *testing.T, dir string) *bucket.Filesystem {
	t.Helper()
	b, err := bucket.OpenFilesystem(dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	end := cost.HourOf(now)
	fleet := simulate.NewFleet(simulate.Options{Seed: 7, Clusters: 3, Containers: 75, Start: end - 2*24, End: end})
	cfg := demo.Config{Days: 2, Now: clock, Logger: ops.Discard(), PushInterval: time.Minute}
	if _, err := demo.Fill(t.Context(), cfg, fleet, b, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return b
}

func clock() time.Time { return now }

func config(b bucket.Bucket, dir string) server.Config {
	return server.Config{
		Bucket: b, DataDir: dir, Listen: "127.0.0.1:0", PollInterval: time.Second, SweepInterval: time.Hour,
		HourlyDays: 32, DailyDays: 400, Threads: 2, MemoryLimit: "512MiB", QueryTimeout: time.Minute, CacheMiB: 8,
		StopGrace: 5 * time.Second, Now: clock, Logger: ops.Discard(), Build: ops.Build{Version: "test"},
	}
}

type running struct {
	t      *testing.T
	url    string
	client *http.Client
	stop   func()
}

// start runs a server and waits until it is ready.
func start(t *testing.T, cfg server.Config) *running {
	t.Helper()
	s, err := server.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	tr := &http.Transport{}
	r := &running{t: t, url: "http://" + s.Addr().String(), client: &http.Client{Transport: tr}}
	r.stop = sync.OnceFunc(func() {
		tr.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	t.Cleanup(r.stop)
	for range 1200 {
		if status, _ := r.get("/readyz"); status == http.StatusOK {
			return r
		}
		time.Sleep(50 * time.Millisecond)
	}
	_, body := r.get("/readyz")
	t.Fatalf("not ready: %s", body)
	return nil
}

func (r *running) get(path string) (int, []byte) {
	r.t.Helper()
	resp, err := r.client.Get(r.url + strings.NewReplacer(`"`, "%22", " ", "%20").Replace(path))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, body
}

// sumOf adds every totalCost of an answer's rows, exactly.
func sumOf(t *testing.T, path string, body []byte) *big.Rat {
	t.Helper()
	sum := new(big.Rat)
	add := func(text string) {
		v, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%s: %q is no number", path, text)
		}
		sum.Add(sum, v)
	}
	if strings.Contains(path, "format=csv") {
		records, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range records[0] {
			for _, rec := range records[1:] {
				if name == "totalCost" {
					add(rec[i])
				}
			}
		}
		return sum
	}
	var env struct{ Data any }
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&env); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var walk func(v any)
	walk = func(v any) {
		switch x := v.(type) {
		case map[string]any:
			if n, ok := x["totalCost"].(json.Number); ok {
				add(n.String())
				return // a breakdown below it is part of it
			}
			for _, c := range x {
				walk(c)
			}
		case []any:
			for _, c := range x {
				walk(c)
			}
		}
	}
	walk(env.Data)
	return sum
}

// The whole cost of a window is one number, to the last digit, whatever the
// route, dialect, aggregation, step, sharing or format.
func TestOneTotal(t *testing.T) {
	s := start(t, config(readOnly(t), t.TempDir()))
	const window = "window=2026-11-20T20:00:00Z,2026-11-22T05:00:00Z"
	_, body := s.get("/assets?" + window)
	want := sumOf(t, "/assets", body)
	if want.Sign() <= 0 {
		t.Fatalf("assets cost %v", want)
	}
	var paths []string
	for _, prefix := range []string{"", "/model"} {
		for _, route := range []string{"/allocation", "/allocation/compute", "/allocation/summary", "/allocation/compute/summary", "/allocation/topline", "/allocation/compute/summary/topline"} {
			paths = append(paths, prefix+route+"?aggregate=namespace&idle=true&includeOverhead=true&"+window)
		}
		for _, params := range []string{
			"aggregate=cluster", "aggregate=cluster,node", "aggregate=controller&step=6h", "aggregate=pod&accumulate=day", "accumulate=true",
			"aggregate=label:app&step=1d", "aggregate=team&accumulate=week", "aggregate=all&accumulate=hour", "aggregate=namespace&shareIdle=true",
			"aggregate=controllerKind&shareIdle=true&idleByNode=true", "aggregate=namespace&shareTenancyCosts=true&accumulate=true",
			"aggregate=namespace&shareNamespaces=kube-system&shareSplit=even&accumulate=true", "aggregate=service&accumulate=true&splitIdle=true",
			"aggregate=namespace&accumulate=true&format=csv", "aggregate=cluster,namespace&step=1d&format=csv",
		} {
			paths = append(paths, prefix+"/allocation?idle=true&includeOverhead=true&"+params+"&"+window)
		}
		for _, params := range []string{"aggregate=cluster", "aggregate=type", "accumulate=true", "aggregate=all", "format=csv", "aggregate=provider&step=1d&format=csv"} {
			paths = append(paths, prefix+"/assets?"+params+"&"+window, prefix+"/assets/topline?"+params+"&"+window)
		}
	}
	paths = append(paths, "/model/allocation?"+window, "/model/assets?"+window)
	for _, path := range paths {
		status, body := s.get(path)
		if status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
			continue
		}
		if got := sumOf(t, path, body); got.Cmp(want) != 0 {
			t.Errorf("%s: rows add up to %s, assets cost %s", path, got.FloatString(9), want.FloatString(9))
		}
	}
	// The parts of a partition add to the whole.
	_, body = s.get("/model/clusterInfoMap")
	var infos struct{ Data map[string]any }
	if err := json.Unmarshal(body, &infos); err != nil || len(infos.Data) != 3 {
		t.Fatalf("clusterInfoMap: %s (%v)", body, err)
	}
	parts := new(big.Rat)
	for id := range infos.Data {
		path := `/allocation?aggregate=namespace&idle=true&includeOverhead=true&filter=cluster:"` + id + `"&` + window
		_, body := s.get(path)
		parts.Add(parts, sumOf(t, path, body))
	}
	if parts.Cmp(want) != 0 {
		t.Errorf("the clusters' parts add up to %s, the whole is %s", parts.FloatString(9), want.FloatString(9))
	}
}

// meta.totalCost is the cost of all rows, whatever page of them is asked for;
// meta.pageCost is the page's.
func TestPageTotals(t *testing.T) {
	s := start(t, config(readOnly(t), t.TempDir()))
	type meta struct{ TotalCost, PageCost json.Number }
	ask := func(path string) (meta, []byte) {
		status, body := s.get(path)
		var ans struct{ Meta meta }
		if err := json.Unmarshal(body, &ans); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s (%v)", path, status, body, err)
		}
		return ans.Meta, body
	}
	const window = "?window=2026-11-20T20:00:00Z,2026-11-22T05:00:00Z&"
	for _, path := range []string{
		"/allocation" + window + "aggregate=namespace&idle=true&includeOverhead=true&",
		"/allocation" + window + "aggregate=pod&accumulate=day&shareIdle=true&",
		"/model/allocation" + window + "aggregate=controller&shareNamespaces=kube-system&shareSplit=even&",
		"/model/allocation/summary" + window + "aggregate=namespace&shareCost=900&filter=namespace!:\"kube-system\"&",
		"/allocation" + window + "aggregate=service&filter=namespace!:\"kube-system\"&shareIdle=true&shareTenancyCosts=true&",
		"/allocation" + window + "aggregate=namespace&sortBy=totalEfficiency&",
		"/assets" + window, "/model/assets" + window + "aggregate=cluster&",
	} {
		all, _ := ask(path)
		if all.PageCost != "" {
			t.Errorf("%s: pageCost %s without a page", path, all.PageCost)
		}
		for _, page := range []string{"limit=2", "offset=1", "offset=1&limit=1"} {
			got, body := ask(path + page)
			if got.TotalCost != all.TotalCost {
				t.Errorf("%s%s: totalCost %s, of all rows %s", path, page, got.TotalCost, all.TotalCost)
			}
			want, _ := new(big.Rat).SetString(got.PageCost.String())
			if want == nil || sumOf(t, path, body).Cmp(want) != 0 {
				t.Errorf("%s%s: pageCost %s, rows add up to %s", path, page, got.PageCost, sumOf(t, path, body).FloatString(9))
			}
		}
	}
}

// Deleting the data directory and starting again gives the same answers.
func TestDataDirIsDisposable(t *testing.T) {
	b := readOnly(t)
	paths := []string{
		"/model/allocation?window=3d&aggregate=namespace&shareIdle=true", "/allocation?window=2d&aggregate=pod&step=6h",
		"/assets?window=3d", "/api/v1/fleet", "/allocation/autocomplete?window=3d&field=namespace",
	}
	ask := func(dir string) (out []string) {
		s := start(t, config(b, dir))
		defer s.stop()
		for _, p := range paths {
			status, body := s.get(p)
			if status != http.StatusOK {
				t.Fatalf("%s: %d %s", p, status, body)
			}
			out = append(out, string(body))
		}
		return out
	}
	dir := t.TempDir()
	first := ask(dir)
	again := ask(dir) // the same store
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	anew := ask(dir)
	for i, p := range paths {
		if first[i] != again[i] || first[i] != anew[i] {
			t.Errorf("%s: answers differ\nagain %s\nanew  %s", p, difference(first[i], again[i]), difference(first[i], anew[i]))
		}
	}
}

// difference shows where two texts part.
func difference(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	from := max(0, i-200)
	return fmt.Sprintf("at byte %d of %d and %d:\n\t%.400s\n\t%.400s", i, len(a), len(b), a[from:], b[from:])
}

// A retirement survives the server: it is in the bucket.
func TestRetire(t *testing.T) {
	b := fillDir(t, t.TempDir())
	later := func() time.Time { return now.Add(6 * time.Hour) }
	cfg := config(b, t.TempDir())
	cfg.Now = later
	s := start(t, cfg)
	type fleet struct {
		Data struct {
			Clusters []struct {
				ID, State                   string
				HoursExpected, HoursPresent int64
				SilentSince, RetiredAt      *time.Time
				Problems                    []struct{ Code string }
				DefaultShare                *float64
			}
		}
	}
	read := func(s *running) (f fleet) {
		status, body := s.get("/api/v1/fleet")
		if err := json.Unmarshal(body, &f); err != nil || status != http.StatusOK || len(f.Data.Clusters) != 3 {
			t.Fatalf("fleet: %d %s (%v)", status, body, err)
		}
		return f
	}
	c := read(s).Data.Clusters[0]
	if c.State != "silent" || c.SilentSince == nil || c.HoursExpected <= c.HoursPresent {
		t.Fatalf("six hours later %+v, want it silent", c)
	}
	post := func(path string, want int) {
		resp, err := s.client.Post(s.url+path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("POST %s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	of := "/api/v1/clusters/" + c.ID
	post(of+"/retire?at=2026-11-22T03:00:00Z", 200)
	late := struct{ Code string }{"pushes after its retirement"}
	if c = read(s).Data.Clusters[0]; !slices.Contains(c.Problems, late) {
		t.Errorf("retired before its last hour: problems %+v", c.Problems)
	}
	if c.DefaultShare == nil {
		t.Error("an agent that prices has no share at default prices")
	}
	post(of+"/retire?at=2026-11-22T08:00:00Z", 200) // corrected
	if c = read(s).Data.Clusters[0]; slices.Contains(c.Problems, late) {
		t.Errorf("retired after its last hour: problems %+v", c.Problems)
	}
	post("/api/v1/clusters/nobody/retire?at=now", 404)
	post("/api/v1/clusters/nobody/unretire", 404)
	post(of+"/unretire", 200)
	if c = read(s).Data.Clusters[0]; c.State != "silent" || c.RetiredAt != nil {
		t.Errorf("taken back: %+v, want it silent", c)
	}
	post(of+"/retire?at=2026-11-22T07:00:00Z", 200)
	s.stop()
	cfg = config(b, t.TempDir())
	cfg.Now = later
	s = start(t, cfg)
	c = read(s).Data.Clusters[0]
	if c.State != "retired" || c.RetiredAt == nil || !c.RetiredAt.Equal(time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)) || c.HoursExpected != c.HoursPresent {
		t.Errorf("on a new server %+v, want it retired and complete", c)
	}
	var ans struct {
		Meta struct {
			Completeness struct {
				Clusters []struct {
					Cluster                     string
					HoursExpected, HoursPresent int64
					SilentSince                 *string
				}
			}
		}
	}
	_, body := s.get("/allocation?window=2d&aggregate=cluster")
	if err := json.Unmarshal(body, &ans); err != nil {
		t.Fatal(err)
	}
	for _, k := range ans.Meta.Completeness.Clusters {
		if k.Cluster == c.ID && (k.HoursExpected != k.HoursPresent || k.SilentSince != nil) {
			t.Errorf("completeness of the retired cluster: %+v", k)
		}
	}
}

// A server that is told to stop leaves nothing running behind.
func TestNothingLeaks(t *testing.T) {
	b := readOnly(t)
	before := goleak.IgnoreCurrent()
	s := start(t, config(b, t.TempDir()))
	s.get("/model/allocation?window=2d&aggregate=namespace")
	s.stop()
	goleak.VerifyNone(t, before)
}

func TestBucketAwayAtStart(t *testing.T) {
	b := readOnly(t)
	flaky := &away{Filesystem: b}
	flaky.set(&bucket.OpError{
		Action: "s3:ListBucket", Bucket: "fleet-costs", Key: "v1/cluster/", Kind: bucket.ErrUnavailable,
		Err: errors.New(`Get "http://127.0.0.1:9/?X-Amz-Security-Token=verysecret": dial tcp 127.0.0.1:9: connect: connection refused`),
	})
	cfg := config(flaky, t.TempDir())
	var log lockedBuffer
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s, err := server.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	r := &running{t: t, url: "http://" + s.Addr().String(), client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	wait := func(what string, ok func(status int, body string) bool) {
		for range 600 {
			status, body := r.get("/readyz")
			if ok(status, string(body)) {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Errorf("never: %s", what)
	}
	wait("the reason on /readyz", func(status int, body string) bool {
		return status == 503 && strings.Contains(body, "connection refused")
	})
	if status, body := r.get("/allocation?window=2d"); status != 503 {
		t.Errorf("a question before anything is loaded: %d %s", status, body)
	}
	// The reason is explained, in the API and in the log, and no secret is shown.
	_, body := r.get("/api/v1/fleet")
	var ans struct{ Data httpapi.FleetStatus }
	if err := json.Unmarshal(body, &ans); err != nil {
		t.Fatal(err)
	}
	p := ans.Data.SyncProblem
	if p == nil || p.ID != "network-refused" || p.Doc != "docs/operate/errors.md#network-refused" || p.Since == nil ||
		!strings.Contains(p.Cause, "127.0.0.1:9") || !strings.Contains(p.Fix, "config.endpoint") || ans.Data.SyncError != p.Message {
		t.Errorf("the API says %s", body)
	}
	for _, want := range []string{"cause=\"Nothing listens at 127.0.0.1:9", "fix=\"Check that the store runs", "doc=docs/operate/errors.md#network-refused"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, &log)
		}
	}
	_, readyz := r.get("/readyz")
	if strings.Contains(log.String()+string(body)+string(readyz), "verysecret") {
		t.Errorf("a secret is shown:\n%s\n%s\n%s", &log, body, readyz)
	}
	flaky.set(nil)
	wait("ready once the bucket is back", func(status int, _ string) bool { return status == 200 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// lockedBuffer takes a log while others read it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A storage config that becomes wrong is told of by /readyz; the server goes on
// with the one before.
func TestStorageConfigIsFollowed(t *testing.T) {
	readOnly(t) // fills the directory
	file := filepath.Join(t.TempDir(), "federated-store.yaml")
	text := fmt.Sprintf("type: FILESYSTEM\nconfig:\n  directory: %q\n", shared.dir)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	cfg := config(nil, t.TempDir())
	cfg.Bucket, cfg.StorageConfig = nil, file
	s := start(t, cfg)
	wait := func(what string, ok func(body string) bool) {
		t.Helper()
		var body []byte
		var status int
		for range 600 {
			if status, body = s.get("/readyz"); status == http.StatusOK && ok(string(body)) {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("never: %s; /readyz says %d %s", what, status, body)
	}
	write(strings.Replace(text, shared.dir, t.TempDir(), 1))
	wait("another directory is refused", func(body string) bool {
		return strings.Contains(body, "storageConfigRefused") && strings.Contains(body, "restart the program")
	})
	write(text)
	wait("it is right again", func(body string) bool { return !strings.Contains(body, "storageConfigRefused") })
	s.stop()
}

// A stray key in the storage config stops the server, unless it is told to be
// lenient.
func TestLenientStorageConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "federated-store.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "type: FILESYSTEM\nconfig: {directory: %q}\nflavour: sweet\n", t.TempDir()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, lenient := range []bool{false, true} {
		var log bytes.Buffer
		cfg := config(nil, t.TempDir())
		cfg.Bucket, cfg.StorageConfig, cfg.LenientStorageConfig = nil, file, lenient
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		s, err := server.New(t.Context(), cfg)
		if (err == nil) != lenient || err != nil && !strings.Contains(err.Error(), "flavour: unknown key") {
			t.Errorf("lenient %v: %v", lenient, err)
		}
		if err != nil {
			continue
		}
		if !strings.Contains(log.String(), "flavour: unknown key, ignored") {
			t.Errorf("the log does not warn:\n%s", &log)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	}
}

// away is a bucket that cannot be listed while an error is set.
type away struct {
	*bucket.Filesystem
	mu  sync.Mutex
	err error
}

func (a *away) set(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
}

func (a *away) List(ctx context.Context, prefix, after string, fn func(bucket.Object) error) error {
	a.mu.Lock()
	err := a.err
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return a.Filesystem.List(ctx, prefix, after, fn)
}

func TestValidate(t *testing.T) {
	good := config(bucket.NewMemory(), t.TempDir())
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for setting, spoil := range map[string]func(*server.Config){
		"storage-config":        func(c *server.Config) { c.Bucket = nil },
		"data-dir":              func(c *server.Config) { c.DataDir = "" },
		"listen":                func(c *server.Config) { c.Listen = "9003" },
		"poll-interval":         func(c *server.Config) { c.PollInterval = 0 },
		"sweep-interval":        func(c *server.Config) { c.SweepInterval = time.Millisecond },
		"hourly-retention-days": func(c *server.Config) { c.HourlyDays = 0 },
		"daily-retention-days":  func(c *server.Config) { c.DailyDays = 3 },
		"query-timeout":         func(c *server.Config) { c.QueryTimeout = 0 },
		"store-threads":         func(c *server.Config) { c.Threads = -1 },
		"cache-mib":             func(c *server.Config) { c.CacheMiB = -1 },
		"label-aliases":         func(c *server.Config) { c.LabelAliases = map[string]string{"squad": "x"} },
	} {
		c := good
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "--"+setting) {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

// What keeps a server from starting is said with the next step.
func TestCannotStart(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("type: FILESYSTEM\nconfig:\n  direktory: x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := start(t, config(bucket.NewMemory(), t.TempDir()))
	for want, change := range map[string]func(*server.Config){
		"federated-store.yaml": func(c *server.Config) { c.Bucket, c.StorageConfig = nil, filepath.Join(dir, "none.yaml") },
		"direktory":            func(c *server.Config) { c.Bucket, c.StorageConfig = nil, bad },
		"--listen":             func(c *server.Config) { c.Listen = strings.TrimPrefix(s.url, "http://") },
	} {
		c := config(bucket.NewMemory(), t.TempDir())
		change(&c)
		if _, err := server.New(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}
