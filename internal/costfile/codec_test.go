package costfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// sampleDay makes the rows of one cluster-day as an agent would: containers
// that mostly sit at their request, some above it, one idle row per node.
func sampleDay(seed uint64, containers int, hours ...cost.Hour) []cost.Allocation {
	rng := rand.New(rand.NewPCG(seed, 1))
	rates := [...]int64{23_963_412, 31_611_000, 27_100_000}
	rows := make([]cost.Allocation, 0, containers*len(hours))
	for c := range containers {
		ns, dep := fmt.Sprintf("team-%02d", c%17), fmt.Sprintf("svc-%03d", c/3)
		req := int64(1+rng.IntN(16)) * 62_500
		ramReq := int64(1+rng.IntN(32)) << 26
		base := float64(req) * (0.1 + rng.ExpFloat64()*0.3)
		for _, h := range hours {
			use := int64(base * (0.8 + 0.4*rng.Float64()))
			ram := int64(float64(ramReq) * (0.5 + 0.4*rng.Float64()))
			node := c % 25
			r := cost.Allocation{
				WindowStart: h.Micros(), Cluster: "test", Kind: cost.KindContainer,
				Node: fmt.Sprintf("node-%02d", node), AssetID: fmt.Sprintf("aws:///us-east-1a/i-%017x", node),
				Namespace: ns, ControllerKind: "deployment", Controller: dep,
				Pod: fmt.Sprintf("%s-%08x-%05x", dep, c/3*7919, c), PodUID: fmt.Sprintf("%08x-0000-4000-8000-%012x", c, c*31), Container: "app",
				Services: dep, Labels: cost.LabelsOf(map[string]string{"app": dep, "team": ns, "pod_template_hash": fmt.Sprintf("%08x", c/3*7919)}),
				NamespaceLabels: cost.LabelsOf(map[string]string{"team": ns}),
				EndSeconds:      3600, RunSeconds: 3600, CoverageSeconds: 3600,
				CPURequestCoreHours: req, CPUUsageCoreHours: use, CPUAllocatedCoreHours: max(req, use), CPULimitCoreHours: 2 * req,
				CPUUsageMaxCores:    use + use/3,
				RAMRequestByteHours: ramReq, RAMUsageByteHours: ram &^ 4095, RAMAllocatedByteHours: max(ramReq, ram), RAMLimitByteHours: ramReq * 2,
				RAMUsageMaxBytes:     (ram + ram/8) &^ 4095,
				NetworkTransferBytes: int64(float64(use) * 90), NetworkReceiveBytes: int64(float64(use) * 70),
				PriceSource: "book:aws/us-east-1",
			}
			r.CPUCost = cost.Money(r.CPUAllocatedCoreHours * rates[node%3] / 1_000_000)
			r.RAMCost = cost.Money(float64(r.RAMAllocatedByteHours) / (1 << 30) * 4_237_000)
			rows = append(rows, r)
		}
	}
	costfile.Sort(rows)
	return rows
}

func metaFor(hours ...cost.Hour) costfile.Meta {
	m := costfile.Meta{Dataset: costfile.AllocationData, Cluster: "test", Date: hours[0].Day().String(), Currency: "USD", Writer: "test"}
	for _, h := range hours {
		m.Hours = append(m.Hours, costfile.HourMeta{Hour: h, Coverage: 3600, Generation: 1})
	}
	return m
}

func hours(n int) []cost.Hour {
	var out []cost.Hour
	for i := range n {
		out = append(out, cost.Hour(24*20000+i))
	}
	return out
}

func encode(t testing.TB, meta costfile.Meta, rows []cost.Allocation) ([]byte, costfile.Meta) {
	t.Helper()
	var buf bytes.Buffer
	w := costfile.NewWriter[cost.Allocation](&buf, meta)
	if err := w.Write(rows...); err != nil {
		t.Fatal(err)
	}
	m, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), m
}

func decode(t testing.TB, b []byte) ([]cost.Allocation, costfile.Meta) {
	t.Helper()
	rows, m, err := costfile.ReadAll[cost.Allocation](bytes.NewReader(b), int64(len(b)), costfile.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	return rows, m
}

func TestRoundTrip(t *testing.T) {
	rows := sampleDay(1, 60, hours(24)...)
	b, want := encode(t, metaFor(hours(24)...), rows)
	got, meta := decode(t, b)
	if d := cmp.Diff(rows, got); d != "" {
		t.Fatalf("rows changed (-want +got):\n%s", d)
	}
	if d := cmp.Diff(want, meta); d != "" {
		t.Fatalf("metadata changed (-want +got):\n%s", d)
	}
	again, _ := encode(t, metaFor(hours(24)...), rows)
	if !bytes.Equal(b, again) {
		t.Fatal("the same rows gave different bytes: an unchanged day would be rewritten")
	}
}

func TestMergeReplacesHoursAndKeepsOrder(t *testing.T) {
	all := hours(24)
	old := sampleDay(1, 60, all[:20]...)
	b, _ := encode(t, metaFor(all[:20]...), old)
	fresh := sampleDay(2, 70, all[18:]...)
	r, err := costfile.Open[cost.Allocation](bytes.NewReader(b), int64(len(b)), costfile.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	meta, err := costfile.Merge(&out, metaFor(all...), r, func(h cost.Hour) bool { return h < all[18] }, fresh)
	if err != nil {
		t.Fatal(err)
	}
	var want []cost.Allocation
	for _, x := range old {
		if x.WindowStart < all[18].Micros() {
			want = append(want, x)
		}
	}
	want = append(want, fresh...)
	costfile.Sort(want)
	got, _ := decode(t, out.Bytes())
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("merge (-want +got):\n%s", d)
	}
	if meta.Rows() != int64(len(want)) {
		t.Fatalf("meta has %d rows, want %d", meta.Rows(), len(want))
	}
}

func TestWriterRefuses(t *testing.T) {
	rows := sampleDay(1, 3, hours(2)...)
	for name, c := range map[string]func([]cost.Allocation) []cost.Allocation{
		"unsorted":        func(r []cost.Allocation) []cost.Allocation { r[0], r[1] = r[1], r[0]; return r },
		"unlisted hour":   func(r []cost.Allocation) []cost.Allocation { r[0].WindowStart += 3_600_000_000 * 99; return r },
		"inside an hour":  func(r []cost.Allocation) []cost.Allocation { r[0].WindowStart++; return r },
		"another cluster": func(r []cost.Allocation) []cost.Allocation { r[0].Cluster = "other"; return r },
		"above the range": func(r []cost.Allocation) []cost.Allocation { r[0].CPUCost = cost.MaxMoney + 1; return r },
		"negative":        func(r []cost.Allocation) []cost.Allocation { r[0].CPUCost = -1 << 40; return r },
	} {
		w := costfile.NewWriter[cost.Allocation](&bytes.Buffer{}, metaFor(hours(2)...))
		if err := w.Write(c(append([]cost.Allocation(nil), rows...))...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	b, _ := encode(t, metaFor(hours(3)...), sampleDay(1, 20, hours(3)...))
	open := func(b []byte, lim costfile.Limits) error {
		_, _, err := costfile.ReadAll[cost.Allocation](bytes.NewReader(b), int64(len(b)), lim)
		return err
	}
	if err := open(b[:len(b)/2], costfile.DefaultLimits); !errors.Is(err, costfile.ErrCorrupt) {
		t.Errorf("truncated: %v", err)
	}
	if err := open(bytes.Replace(b, []byte("fleetcost.version\x18\x031.0"), []byte("fleetcost.version\x18\x032.0"), 1), costfile.DefaultLimits); !errors.Is(err, costfile.ErrVersion) {
		t.Errorf("unknown major: %v", err)
	}
	if err := open(b, costfile.Limits{Bytes: 100, Rows: 1e6, Hours: 99}); !errors.Is(err, costfile.ErrCorrupt) {
		t.Errorf("too large: %v", err)
	}
	if err := open(b, costfile.Limits{Bytes: 1e9, Rows: 10, Hours: 99}); !errors.Is(err, costfile.ErrCorrupt) {
		t.Errorf("too many rows: %v", err)
	}
	// A byte flipped anywhere is either noticed or harmless to the decoder: it
	// never panics. The fuzz test goes further.
	for i := 0; i < len(b); i += 41 {
		c := bytes.Clone(b)
		c[i] ^= 0x55
		_ = open(c, costfile.DefaultLimits)
	}
}

func FuzzOpen(f *testing.F) {
	b, _ := encode(f, metaFor(hours(2)...), sampleDay(1, 4, hours(2)...))
	f.Add(b)
	f.Add(b[:len(b)-9])
	f.Add([]byte("PAR1"))
	lim := costfile.Limits{Bytes: 1 << 20, Rows: 10_000, Hours: 48}
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _, _ = costfile.ReadAll[cost.Allocation](bytes.NewReader(b), int64(len(b)), lim)
		_, _, _ = costfile.ReadAll[cost.Asset](bytes.NewReader(b), int64(len(b)), lim)
		_, _ = costfile.ReadMeta(bytes.NewReader(b), int64(len(b)), lim)
	})
}

func TestKeys(t *testing.T) {
	day, _ := cost.ParseDay("2026-11-22")
	for _, c := range []struct {
		key  string
		want costfile.Key
	}{
		{costfile.DailyKey(costfile.AllocationData, day, "prod-us"), costfile.Key{Kind: costfile.KeyDaily, Dataset: costfile.AllocationData, Day: day, Cluster: "prod-us"}},
		{costfile.LiveKey(costfile.AssetData, "a.b"), costfile.Key{Kind: costfile.KeyLive, Dataset: costfile.AssetData, Cluster: "a.b"}},
		{costfile.OwnerKey("x"), costfile.Key{Kind: costfile.KeyOwner, Cluster: "x"}},
		{costfile.StatusKey("x"), costfile.Key{Kind: costfile.KeyStatus, Cluster: "x"}},
	} {
		got, err := costfile.ParseKey(c.key)
		if err != nil || got != c.want {
			t.Errorf("ParseKey(%q) = %+v, %v; want %+v", c.key, got, err, c.want)
		}
	}
	for _, bad := range []string{
		"", "v1", "v2/allocation/date=2026-11-22/cluster_id=x/data.parquet", "v1/allocation/date=2026-13-22/cluster_id=x/data.parquet",
		"v1/allocation/date=2026-11-22/cluster_id=/data.parquet", "v1/allocation/date=2026-11-22/cluster_id=../data.parquet",
		"v1/other/date=2026-11-22/cluster_id=x/data.parquet", "v1/allocation/date=2026-11-22/cluster_id=x/part-1.parquet",
		"v1/cluster/cluster_id=x/other.json", "federated/x/etl/bingen/allocations/1d/1-2",
	} {
		if k, err := costfile.ParseKey(bad); !errors.Is(err, costfile.ErrForeignKey) {
			t.Errorf("ParseKey(%q) = %+v, %v; want ErrForeignKey", bad, k, err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	rows := sampleDay(1, 500, hours(24)...)
	meta := metaFor(hours(24)...)
	size := 0
	for b.Loop() {
		x, _ := encode(b, meta, rows)
		size = len(x)
	}
	b.ReportMetric(float64(size)/float64(len(rows)), "B/row")
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkDecode(b *testing.B) {
	rows := sampleDay(1, 500, hours(24)...)
	x, _ := encode(b, metaFor(hours(24)...), rows)
	for b.Loop() {
		decode(b, x)
	}
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}
