package ingest_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/ingest"
	"github.com/fleetcost/fleetcost/internal/store"
)

// allocations makes the rows of one cluster and the given hours: containers
// that mostly sit at their request, one idle row per node, one unmounted
// volume, one overhead row. Equal arguments give equal rows.
func allocations(seed uint64, cluster string, containers int, hours ...cost.Hour) []cost.Allocation {
	rates := [...]int64{23_963_412, 31_611_000, 27_100_000}
	nodes := max(1, containers/20)
	var rows []cost.Allocation
	for _, h := range hours {
		rng := rand.New(rand.NewPCG(seed, uint64(h)))
		used := make([][2]cost.Money, nodes)
		for c := range containers {
			r := container(rng, cluster, h, c, nodes)
			r.CPUCost = cost.Money(r.CPUAllocatedCoreHours * rates[c%nodes%3] / 1_000_000)
			r.RAMCost = cost.Money(float64(r.RAMAllocatedByteHours) / (1 << 30) * 4_237_000)
			used[c%nodes][0] += r.CPUCost
			used[c%nodes][1] += r.RAMCost
			rows = append(rows, r)
		}
		for n, u := range used {
			rows = append(rows, cost.Allocation{
				WindowStart: h.Micros(), Cluster: cluster, Kind: cost.KindIdle,
				Node: fmt.Sprintf("node-%02d", n), AssetID: fmt.Sprintf("aws:///us-east-1a/i-%017x", n),
				EndSeconds: 3600, RunSeconds: 3600, CoverageSeconds: 3600, PriceSource: "book:aws/us-east-1",
				CPUCost: u[0]/3 + cost.Money(rng.IntN(1000)), RAMCost: u[1]/4 + cost.Money(rng.IntN(1000)), CPUReservedCost: u[0] / 50,
			})
		}
		rows = append(rows,
			cost.Allocation{
				WindowStart: h.Micros(), Cluster: cluster, Kind: cost.KindUnmounted, AssetID: "vol-1", Namespace: "team-00",
				EndSeconds: 3600, RunSeconds: 3600, CoverageSeconds: 3600, PriceSource: "default:disk", PVByteHours: 1 << 30, PVCost: 54_794,
			},
			cost.Allocation{
				WindowStart: h.Micros(), Cluster: cluster, Kind: cost.KindOverhead, AssetID: "eks",
				EndSeconds: 3600, RunSeconds: 3600, CoverageSeconds: 3600, PriceSource: "default:management", OverheadCost: 100_000_000,
			})
	}
	costfile.Sort(rows)
	return rows
}

func container(rng *rand.Rand, cluster string, h cost.Hour, c, nodes int) cost.Allocation {
	ns, dep := fmt.Sprintf("team-%02d", c%17), fmt.Sprintf("svc-%03d", c/3)
	shape := rand.New(rand.NewPCG(uint64(c), 7))
	req := int64(1+shape.IntN(16)) * 62_500
	ramReq := int64(1+shape.IntN(32)) << 26
	use := int64(float64(req) * (0.1 + rng.ExpFloat64()*0.3))
	ram := int64(float64(ramReq) * (0.5 + 0.4*rng.Float64()))
	hash := fmt.Sprintf("%08x", c/3*7919)
	return cost.Allocation{
		WindowStart: h.Micros(), Cluster: cluster, Kind: cost.KindContainer,
		Node: fmt.Sprintf("node-%02d", c%nodes), AssetID: fmt.Sprintf("aws:///us-east-1a/i-%017x", c%nodes),
		Namespace: ns, ControllerKind: "deployment", Controller: dep,
		Pod: fmt.Sprintf("%s-%s-%05x", dep, hash, c), PodUID: fmt.Sprintf("%08x-0000-4000-8000-%012x", c, c*31), Container: "app",
		Services: dep, Labels: cost.LabelsOf(map[string]string{"app": dep, "team": ns, "tier": "backend", "pod_template_hash": hash}),
		NamespaceLabels: cost.LabelsOf(map[string]string{"team": "of-" + ns, "kubernetes_io_metadata_name": ns}),
		EndSeconds:      3600, RunSeconds: 3600, CoverageSeconds: 3600,
		CPURequestCoreHours: req, CPUUsageCoreHours: use, CPUAllocatedCoreHours: max(req, use), CPULimitCoreHours: 2 * req,
		CPUUsageMaxCores:    use + use/3,
		RAMRequestByteHours: ramReq, RAMUsageByteHours: ram &^ 4095, RAMAllocatedByteHours: max(ramReq, ram), RAMLimitByteHours: ramReq * 2,
		RAMUsageMaxBytes:     (ram + ram/8) &^ 4095,
		NetworkTransferBytes: use * 90, NetworkReceiveBytes: use * 70,
		PriceSource: "book:aws/us-east-1",
	}
}

// assets makes the asset rows of the same cluster and hours.
func assets(cluster string, nodes int, hours ...cost.Hour) []cost.Asset {
	var rows []cost.Asset
	for _, h := range hours {
		for n := range nodes {
			source := "book:aws/us-east-1"
			if n%3 == 0 {
				source = "default:node"
			}
			rows = append(rows, cost.Asset{
				WindowStart: h.Micros(), Cluster: cluster, Type: cost.AssetNode,
				AssetID: fmt.Sprintf("aws:///us-east-1a/i-%017x", n), Name: fmt.Sprintf("node-%02d", n), Provider: "AWS", Region: "us-east-1",
				Labels: cost.LabelsOf(map[string]string{"pool": "a"}), EndSeconds: 3600, RunSeconds: 3600, CoverageSeconds: 3600,
				CPUCoreHours: 4_000_000, RAMByteHours: 16 << 30, CPUCost: 96_000_000, RAMCost: 68_000_000,
				CPUScale: 1_000_000 - int64(h%24), RAMScale: 1_000_000, GPUScale: 1_000_000, PriceSource: source,
			})
		}
	}
	costfile.Sort(rows)
	return rows
}

func attachments(cluster string, hours ...cost.Hour) []cost.Attachment {
	var rows []cost.Attachment
	for _, h := range hours {
		rows = append(rows, cost.Attachment{
			WindowStart: h.Micros(), Cluster: cluster, Type: cost.AssetDisk, AssetID: "vol-1", Name: "vol-1", Namespace: "team-01",
			Controller: "svc-000", Pod: "svc-000-00000000-00001", Container: "app", ByteHours: 1 << 30, Hours: 1_000_000, Cost: 54_794,
		})
	}
	return rows
}

// span lists n hours from a day's start.
func span(d cost.Day, from, n int) []cost.Hour {
	out := make([]cost.Hour, n)
	for i := range out {
		out[i] = d.FirstHour() + cost.Hour(from+i)
	}
	return out
}

// object encodes rows with the metadata of their hours; change may falsify it.
func object[T costfile.Row](t testing.TB, meta costfile.Meta, hours []cost.Hour, rows []T) []byte {
	t.Helper()
	for _, h := range hours {
		meta.Hours = append(meta.Hours, costfile.HourMeta{Hour: h, Coverage: 3600, Generation: int64(h) * 10})
	}
	if meta.Currency == "" {
		meta.Currency = "USD"
	}
	return encode(t, meta, rows)
}

// encode writes rows with metadata as it is.
func encode[T costfile.Row](t testing.TB, meta costfile.Meta, rows []T) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := costfile.NewWriter[T](&buf, meta)
	if err := w.Write(rows...); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func put(t testing.TB, b bucket.Bucket, key string, body []byte) {
	t.Helper()
	if _, err := b.Put(t.Context(), key, bytes.NewReader(body), int64(len(body)), bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
}

// putDay writes the three daily objects of a cluster-day.
func putDay(t testing.TB, b bucket.Bucket, seed uint64, cluster string, containers int, day cost.Day, hours ...cost.Hour) {
	t.Helper()
	meta := func(d costfile.Dataset) costfile.Meta {
		return costfile.Meta{Dataset: d, Cluster: cluster, Date: day.String()}
	}
	put(t, b, costfile.DailyKey(costfile.AllocationData, day, cluster),
		object(t, meta(costfile.AllocationData), hours, allocations(seed, cluster, containers, hours...)))
	put(t, b, costfile.DailyKey(costfile.AssetData, day, cluster),
		object(t, meta(costfile.AssetData), hours, assets(cluster, max(1, containers/20), hours...)))
	put(t, b, costfile.DailyKey(costfile.AttachmentData, day, cluster),
		object(t, meta(costfile.AttachmentData), hours, attachments(cluster, hours...)))
}

// putLive writes the three live objects of a cluster.
func putLive(t testing.TB, b bucket.Bucket, seed uint64, cluster string, containers int, hours ...cost.Hour) {
	t.Helper()
	meta := func(d costfile.Dataset) costfile.Meta {
		return costfile.Meta{Dataset: d, Cluster: cluster, Live: true}
	}
	put(t, b, costfile.LiveKey(costfile.AllocationData, cluster),
		object(t, meta(costfile.AllocationData), hours, allocations(seed, cluster, containers, hours...)))
	put(t, b, costfile.LiveKey(costfile.AssetData, cluster),
		object(t, meta(costfile.AssetData), hours, assets(cluster, max(1, containers/20), hours...)))
	put(t, b, costfile.LiveKey(costfile.AttachmentData, cluster),
		object(t, meta(costfile.AttachmentData), hours, attachments(cluster, hours...)))
}

// server is a store with its ingester over a bucket.
type server struct {
	*ingest.Ingester
	st *store.Store
}

// today is the day of the tests' clock.
const today = cost.Day(20_000)

func noon() time.Time { return today.Start().Add(12 * time.Hour) }

// ticking is a clock that starts at noon and moves a millisecond at each look.
func ticking() func() time.Time {
	var n atomic.Int64
	return func() time.Time { return noon().Add(time.Duration(n.Add(1)) * time.Millisecond) }
}

func open(t testing.TB, b bucket.Bucket, dir string, change ...func(*ingest.Config)) server {
	t.Helper()
	st, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "fleet.duckdb"), Threads: 2, MemoryLimit: "512MiB"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := ingest.Config{CacheDir: filepath.Join(dir, "cache"), HourlyDays: 3, DailyDays: 30, SweepEvery: time.Nanosecond, Now: ticking()}
	for _, c := range change {
		c(&cfg)
	}
	in, err := ingest.New(t.Context(), cfg, b, st, slog.New(slog.NewTextHandler(t.Output(), nil)), nil)
	if err != nil {
		st.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return server{in, st}
}

func (s server) sync(t testing.TB) ingest.Report {
	t.Helper()
	r, err := s.Sync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// text runs a query and returns its rows as lines.
func (s server) text(t testing.TB, query string, args ...any) string {
	t.Helper()
	rows, err := s.st.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%v\nin %s", err, query)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for rows.Next() {
		vals, ptrs := make([]any, len(cols)), make([]any, len(cols))
		for i := range vals {
			ptrs[i] = &vals[i]
		}
		if err := rows.Scan(ptrs...); err != nil {
			t.Fatal(err)
		}
		for i, v := range vals {
			if i > 0 {
				out.WriteByte(' ')
			}
			fmt.Fprint(&out, v)
		}
		out.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// dump is everything that answers depend on.
func (s server) dump(t testing.TB) string {
	t.Helper()
	var out string
	for _, table := range []string{
		"alloc_hour", "alloc_day_container", "alloc_day_controller", "alloc_day_namespace", "asset_hour", "asset_day",
		"attachment_hour", "attachment_day", "label_kv", "coverage",
	} {
		out += table + "\n" + s.text(t, "SELECT * FROM "+table+" ORDER BY ALL")
	}
	return out
}
