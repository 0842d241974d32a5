package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/preferences"
	"github.com/fleetcost/fleetcost/internal/query"
)

// testNow is the tests' clock: a Monday.
var testNow = time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC)

// fake answers every question with the same rows per set and remembers what
// was asked.
type fake struct {
	mu         sync.Mutex
	allocation query.AllocationQuery   // the last asked
	asked      []query.AllocationQuery // all
	asset      query.AssetQuery
	completion query.CompletionQuery
	err        error
	panics     bool
	rows       int
	version    string
	retired    map[string]time.Time
	saved      SettingsState
	refuses    error
}

func (f *fake) Allocations(_ context.Context, q query.AllocationQuery) (*query.AllocationAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.allocation, f.asked = q, append(f.asked, q)
	if f.panics {
		panic("a bug")
	}
	if f.err != nil {
		return nil, f.err
	}
	ans := &query.AllocationAnswer{Answer: f.answer(q.Window)}
	for _, w := range cut(q.Window, q.StepHours, q.Accumulate) {
		set := query.AllocationSet{Window: w}
		for i := range f.rows {
			set.Rows = append(set.Rows, fakeAllocation(i, w))
		}
		ans.Sets = append(ans.Sets, set)
	}
	return ans, nil
}

func (f *fake) Assets(_ context.Context, q query.AssetQuery) (*query.AssetAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asset = q
	if f.err != nil {
		return nil, f.err
	}
	ans := &query.AssetAnswer{Answer: f.answer(q.Window)}
	for _, w := range cut(q.Window, q.StepHours, q.Accumulate) {
		ans.Sets = append(ans.Sets, query.AssetSet{Window: w, Rows: fakeAssets(w)})
	}
	return ans, nil
}

func (f *fake) Complete(_ context.Context, q query.CompletionQuery) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.completion = q
	return []string{"a", "b"}, f.err
}

func (f *fake) DataVersion(context.Context) (string, error) { return f.version, nil }

func (f *fake) answer(w cost.Window) query.Answer {
	return query.Answer{
		Window: w, DataVersion: f.version, Currency: "USD", RowCount: f.rows, Warnings: []string{"from the engine"},
		Completeness: query.Completeness{HoursExpected: 48, HoursPresent: 47, Clusters: []query.ClusterCompleteness{
			{Cluster: "a", HoursExpected: 24, HoursPresent: 24},
			{Cluster: "b", HoursExpected: 24, HoursPresent: 23, SilentSince: testNow.Add(-3 * time.Hour)},
		}},
	}
}

func (f *fake) Fleet(context.Context) (*FleetStatus, error) {
	return &FleetStatus{Ready: true, Currency: "EUR", Clusters: []ClusterStatus{{ID: "a", Provider: "AWS"}, {ID: "b"}}, Quarantine: []Quarantined{}}, nil
}

func (f *fake) Retire(_ context.Context, id string, at time.Time) (bool, error) {
	if id != "a" {
		return false, nil
	}
	f.retired[id] = at
	return true, nil
}

func (f *fake) Unretire(_ context.Context, id string) (bool, error) {
	delete(f.retired, id)
	return id == "a", nil
}

// cut divides a window as the engine would.
func cut(w cost.Window, step int64, acc query.Accumulate) []cost.Window {
	switch acc {
	case query.AccumulateDay:
		step = 24
	case query.AccumulateHour:
		step = 1
	}
	if step == 0 || acc == query.AccumulateAll {
		return []cost.Window{w}
	}
	var out []cost.Window
	for h := w.Start; h < w.End; h += cost.Hour(step) {
		out = append(out, cost.Window{Start: h, End: min(w.End, h+cost.Hour(step))})
	}
	return out
}

func sum(nano int64) (s cost.Sum) { s.Add(cost.Money(nano)); return s }

func fakeAllocation(i int, w cost.Window) query.AllocationRow {
	n := int64(i + 1)
	r := query.AllocationRow{
		Name: "ns-" + string(rune('a'+i%26)) + strings.Repeat("x", i/26), Kind: cost.KindContainer, Key: []string{"a", "ns-" + string(rune('a'+i%26))},
		Props: query.Properties{
			Cluster: "a", Namespace: "ns-" + string(rune('a'+i%26)), Labels: map[string]string{"app": `we"b<`}, Services: []string{"s1", "s2"},
		},
		Start: w.Start.Start(), End: w.End.Start(),
		CPURequest: n * 2_000_000, CPUUsage: n * 1_000_000, CPUAllocated: n * 2_500_000, CPULimit: n * 4_000_000, CPUUsageMax: 3_000_000,
		RAMRequest: float64(n) * 1e9, RAMUsage: float64(n) * 2e9, RAMAllocated: float64(n) * 2e9, RAMUsageMax: 5 << 20,
		GPURequest: n * 1_000_000, GPUAllocated: n * 1_000_000, PVByteHours: 7e9, NetworkTransferBytes: 10, RunHours: 3,
		CPU: sum(n * 1_000_000_001), RAM: sum(n * 2), GPU: sum(3), PV: sum(4_500_000_000), LB: sum(5), NetworkInternet: sum(6),
		NetworkCrossZone: sum(1), NetworkCrossRegion: sum(2), IdleCPU: sum(70), IdleRAM: sum(80), IdleGPU: sum(90),
		Shared: sum(100), Overhead: sum(0), SharedBreakdown: map[string]cost.Sum{"kube-system": sum(100)},
		Attachments: []query.AttachmentRow{
			{Type: cost.AssetDisk, Cluster: "a", Name: "pv-1", ProviderID: "vol-1", ByteHours: 7e9, Cost: sum(4_500_000_000)},
			{Type: cost.AssetLoadBalancer, Cluster: "a", Name: "ingress/nginx", Hours: 1, Cost: sum(5)},
		},
	}
	return r
}

func fakeAssets(w cost.Window) []query.AssetRow {
	node := query.AssetProperties{Cluster: "a", Type: "Node", Name: "n1", ProviderID: "i-1", Provider: "AWS", InstanceType: "m5.large", CapacityType: "spot"}
	disk := query.AssetProperties{Cluster: "a", Type: "Disk", Name: "pv-1", StorageClass: "gp3", ClaimName: "data", Local: true}
	start, end := w.Start.Start(), w.End.Start()
	return []query.AssetRow{
		{
			Name: "n1", Props: node, Start: start, End: end, CPUCoreHours: 48_000_000, CPUAllocatableCoreHours: 46_000_000, CPUUsed: 12_000_000,
			RAMByteHours: 1e12, RAMAllocatableByteHours: 9e11, RAMUsed: 5e11, CPU: sum(3), RAM: sum(2), DefaultPriced: sum(1),
			CPUScale: 1, RAMScale: 1, GPUScale: 1, PriceSource: "book",
		},
		{Name: "pv-1", Props: disk, Start: start, End: end, ByteHours: 24e9, Other: sum(1_500_000_000)},
		{Name: "pv-1", Props: disk, Start: start, End: end, ByteHours: 24e9, Other: sum(1_500_000_000)},
		{Name: "cp", Props: query.AssetProperties{Cluster: "a", Type: "ClusterManagement"}, Start: start, End: end, Other: sum(100_000_000)},
	}
}

type server struct {
	*httptest.Server
	fake  *fake
	api   *API
	ready bool
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{fake: &fake{rows: 3, version: "v1", retired: map[string]time.Time{}, saved: SettingsState{Version: "none"}}, ready: true}
	reg := prometheus.NewRegistry()
	api, err := New(Config{
		Questions: s.fake, Fleet: s.fake, Settings: s.fake, About: s.fake.About, Registry: reg, Logger: ops.Discard(), Now: func() time.Time { return testNow },
		Ready:   func() (bool, string) { return s.ready, "3 of 7 objects" },
		Version: "1.2.3",
		Bucket:  Bucket{URL: "file:///data/bucket"},
		UI: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "page "+r.URL.Path)
		}),
	}, func(mux *http.ServeMux) {
		ops.RegisterProbes(mux, reg, func() (bool, any) { return s.ready, nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	h, err := api.Handler()
	if err != nil {
		t.Fatal(err)
	}
	s.api, s.Server = api, httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// get decodes a 200 into out and returns the envelope's other parts.
func (s *server) get(t *testing.T, path string, out any) (meta Meta, warning string) {
	t.Helper()
	status, body := s.raw(t, path)
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, status, body)
	}
	var env struct {
		Code    int
		Status  string
		Data    json.RawMessage
		Meta    json.RawMessage
		Warning string
	}
	if err := json.Unmarshal(body, &env); err != nil {
		t.Fatalf("GET %s: %v in %s", path, err, body)
	}
	if env.Code != 200 || env.Status != "success" {
		t.Fatalf("GET %s: envelope %d %q", path, env.Code, env.Status)
	}
	if out != nil {
		if err := json.Unmarshal(env.Data, out); err != nil {
			t.Fatalf("GET %s: %v in %s", path, err, env.Data)
		}
	}
	return meta, env.Warning
}

func (s *server) raw(t *testing.T, path string) (int, []byte) {
	t.Helper()
	resp, err := s.Client().Get(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

// Coverage answers that of every set all is there that can be by now.
func (f *fake) Coverage(_ context.Context, sets []cost.Window, _ query.Filter) (*query.CoverageAnswer, error) {
	out := &query.CoverageAnswer{DataVersion: f.version, Settled: cost.HourOf(testNow)}
	for _, w := range sets {
		n := w.Intersect(cost.Window{Start: w.Start, End: out.Settled}).Hours()
		out.Sets = append(out.Sets, query.Completeness{
			HoursExpected: n, HoursPresent: n, Clusters: []query.ClusterCompleteness{{Cluster: "a", HoursExpected: n, HoursPresent: n}},
		})
	}
	return out, f.err
}

func (f *fake) Sources(_ context.Context, w cost.Window, _ query.Filter) (*query.SourcesAnswer, error) {
	return &query.SourcesAnswer{DataVersion: f.version, Sources: []query.Source{
		{Key: "v1/allocation/date=2026-11-22/cluster_id=a/data.parquet", ETag: "e1", Cluster: "a", Generation: 7, Rows: 10, Bytes: 100, Loaded: testNow},
		{Key: "v1/allocation/date=2026-11-22/cluster_id=b/data.parquet", ETag: "e2", Cluster: "b", Generation: 8, Rows: 5, Bytes: 50, Loaded: testNow},
	}}, f.err
}

func (f *fake) Settings(context.Context) (*SettingsState, error) { return &f.saved, nil }

func (f *fake) SaveSettings(_ context.Context, doc *preferences.Document, over string) (*SettingsState, error) {
	if f.refuses != nil {
		return nil, f.refuses
	}
	if over != f.saved.Version {
		return &f.saved, ErrSettingsConflict
	}
	f.saved.Saved, f.saved.Version = *doc, over+"+1"
	return &f.saved, nil
}

func (f *fake) LabelAliases() map[string][]string { return map[string][]string{"team": {"squad"}} }

func (f *fake) About(context.Context) (*About, error) {
	return &About{Version: "1.2.3", Modules: []AboutModule{}, Prices: []AboutPrices{}}, nil
}

func (f *fake) ObjectsSQL(_ context.Context, q query.AllocationQuery, _ query.RowChoice, location func(string) string) (*query.ObjectsSQL, error) {
	src, _ := f.Sources(context.Background(), q.Window, query.Filter{})
	return &query.ObjectsSQL{DataVersion: f.version, SQL: "SELECT '" + location("k") + "'", Sources: src.Sources}, nil
}

func (f *fake) AssetObjectsSQL(_ context.Context, q query.AssetQuery, _ query.RowChoice, location func(string) string) (*query.ObjectsSQL, error) {
	return f.ObjectsSQL(context.Background(), query.AllocationQuery{Window: q.Window}, query.RowChoice{}, location)
}

func (f *fake) PriceSources(context.Context, query.AllocationQuery, query.RowChoice) ([]query.PriceCost, error) {
	return []query.PriceCost{{Source: "book:aws/eu-west-1", Cost: sum(3e9)}, {Source: "book:aws/us-east-1", Cost: sum(2e9)}, {Source: "default", Cost: sum(1e9)}}, nil
}
