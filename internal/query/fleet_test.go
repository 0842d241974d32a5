package query_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/query"
	"github.com/fleetcost/fleetcost/internal/store"
)

// fleet is a small seeded fleet in a real store, and its rows as plain values
// for the reference implementation.
type fleet struct {
	store *store.Store
	rows  []refRow
	first cost.Day
	days  int
	now   time.Time
	paths map[string]string // where each object's file lies
}

const fleetDays = 4

// newFleet loads a fleet through the bucket format and reads its hourly rows
// back: they are what the reference computes with. Rollups, SQL and sharing
// are what is under test.
func newFleet(t testing.TB, seed uint64) *fleet {
	t.Helper()
	return newFleetOf(t, seed, func(string, cost.Hour) bool { return true })
}

// newFleetOf loads a fleet of the hours that each cluster has.
func newFleetOf(t testing.TB, seed uint64, has func(cluster string, h cost.Hour) bool) *fleet {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "fleet.duckdb"), Threads: 2, MemoryLimit: "512MiB"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	first, err := cost.ParseDay("2026-10-30") // a Friday; the fleet spans a week's and a month's end
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{store: s, first: first, days: fleetDays, now: (first + fleetDays).Start().Add(20 * time.Minute)}
	batch := store.Batch{NowUS: f.now.UnixMicro()}
	for c := range 3 {
		cluster := fmt.Sprintf("c%d", c)
		for d := range fleetDays {
			day := first + cost.Day(d)
			allocs, assets, atts := clusterDay(seed, cluster, c, day)
			var hours []cost.Hour
			for h := day.FirstHour(); h < day.FirstHour()+24; h++ {
				if has(cluster, h) {
					hours = append(hours, h)
				}
			}
			lacks := func(us int64) bool { return !slices.Contains(hours, cost.Hour(us/3_600_000_000)) }
			allocs = slices.DeleteFunc(allocs, func(r cost.Allocation) bool { return lacks(r.WindowStart) })
			assets = slices.DeleteFunc(assets, func(r cost.Asset) bool { return lacks(r.WindowStart) })
			atts = slices.DeleteFunc(atts, func(r cost.Attachment) bool { return lacks(r.WindowStart) })
			if len(allocs) == 0 {
				continue
			}
			loadDay(t, &batch, dir, costfile.AllocationData, cluster, day, hours, allocs)
			loadDay(t, &batch, dir, costfile.AssetData, cluster, day, hours, assets)
			loadDay(t, &batch, dir, costfile.AttachmentData, cluster, day, hours, atts)
		}
	}
	if err := s.Load(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	f.paths = map[string]string{}
	for _, o := range batch.Loaded {
		f.paths[o.Key] = o.Path
	}
	f.rows = readRows(t, s)
	return f
}

func (f *fleet) window() cost.Window {
	return cost.Window{Start: f.first.FirstHour(), End: (f.first + cost.Day(f.days)).FirstHour()}
}

func (f *fleet) engine(t testing.TB, change ...func(*query.Config)) *query.Engine {
	t.Helper()
	cfg := query.Config{Now: func() time.Time { return f.now }, CacheBytes: -1}
	for _, c := range change {
		c(&cfg)
	}
	e, err := query.New(f.store, nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func loadDay[T costfile.Row](t testing.TB, b *store.Batch, dir string, dataset costfile.Dataset, cluster string, day cost.Day, hours []cost.Hour, rows []T) {
	t.Helper()
	meta := costfile.Meta{Dataset: dataset, Cluster: cluster, Date: day.String(), Currency: "USD", Writer: "test"}
	for _, h := range hours {
		meta.Hours = append(meta.Hours, costfile.HourMeta{Hour: h, Coverage: 3600, Generation: 1})
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%s-%s.parquet", dataset, cluster, day))
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	costfile.Sort(rows)
	w := costfile.NewWriter[T](file, meta)
	if err := w.Write(rows...); err != nil {
		t.Fatal(err)
	}
	if meta, err = w.Close(); err != nil {
		t.Fatal(err)
	}
	o := &store.Object{
		Key: costfile.DailyKey(dataset, day, cluster), ETag: "1", Cluster: cluster, Dataset: store.Dataset(dataset),
		Day: day, Currency: "USD", Path: path, Bytes: 1,
	}
	for _, h := range meta.Hours {
		o.Hours = append(o.Hours, store.Hour{Hour: h.Hour, Coverage: h.Coverage, Generation: h.Generation, Rows: h.Rows, Total: h.Total})
	}
	b.Parts = append(b.Parts, store.Part{Dataset: o.Dataset, Cluster: cluster, Day: day, Daily: o, Hours: true})
	b.Loaded = append(b.Loaded, o)
}

// clusterDay makes the rows of one cluster and day. Costs are odd nano-units,
// so that no split comes out even.
func clusterDay(seed uint64, cluster string, c int, day cost.Day) (allocs []cost.Allocation, assets []cost.Asset, atts []cost.Attachment) {
	if c == 2 && day.String() == "2026-10-30" {
		return nil, nil, nil // joins late
	}
	rng := rand.New(rand.NewPCG(seed, uint64(c)<<32|uint64(day)))
	money := func(n int64) cost.Money { return cost.Money(rng.Int64N(n)) }
	for h := range 24 {
		us := (day.FirstHour() + cost.Hour(h)).Micros()
		for n := range 2 + c {
			node := fmt.Sprintf("node-%d", n)
			id := fmt.Sprintf("aws:///%s/i-%d", cluster, n)
			asset := cost.Asset{
				WindowStart: us, Cluster: cluster, Type: cost.AssetNode, AssetID: id, Name: node, ProviderID: id,
				Provider: "AWS", Region: "eu-west-1", InstanceType: "m5.large", EndSeconds: 3600, RunSeconds: 3600, CoverageSeconds: 3600,
				CPUCoreHours: 8_000_000, RAMByteHours: 32 << 30, CPUScale: 1_000_000, RAMScale: 1_000_000, GPUScale: 1_000_000,
				PriceSource: []string{"book", "default"}[n%2], Labels: cost.LabelsOf(map[string]string{"pool": fmt.Sprint("p", n%2)}),
			}
			row := func(kind cost.Kind) cost.Allocation {
				name := missingOf(kind) // as allocate writes them; containers have names of their own
				return cost.Allocation{
					WindowStart: us, Cluster: cluster, Kind: kind, Node: node, AssetID: id, EndSeconds: 3600,
					Namespace: name, Pod: name, Container: name, RunSeconds: 3600, CoverageSeconds: 3600, PriceSource: "book",
				}
			}
			for p := range 4 {
				if rng.IntN(5) == 0 {
					continue
				}
				app := (n + p) % 4
				r := row(cost.KindContainer)
				r.Namespace = []string{"web", "data", "kube-system", ""}[app]
				r.ControllerKind, r.Controller = []string{"deployment", "statefulset", "daemonset", ""}[app], []string{"front", "db", "proxy", ""}[app]
				if r.Namespace == "" {
					r.Namespace = "default" // a bare pod
				}
				r.Pod = fmt.Sprintf("%s-%s-%d-%d", r.Namespace, r.Controller, n, p)
				r.PodUID = fmt.Sprintf("uid-%s-%d-%d", day, n, p)
				r.Container = []string{"app", "sidecar"}[rng.IntN(2)]
				r.Services = []string{"front,front-internal", "db", "", ""}[app]
				r.Labels = []cost.Labels{
					cost.LabelsOf(map[string]string{"app": "front", "team": "red", "env": "prod"}),
					cost.LabelsOf(map[string]string{"app": "db", "owner": "Bob's"}),
					cost.LabelsOf(map[string]string{"app": ""}), "",
				}[app]
				r.NamespaceLabels = []cost.Labels{"", cost.LabelsOf(map[string]string{"team": "blue"}), "", ""}[app]
				r.Annotations = []cost.Labels{cost.LabelsOf(map[string]string{"note": "x"}), "", "", ""}[app]
				r.StartSeconds, r.EndSeconds = int32(rng.IntN(1800)), int32(1800+rng.IntN(1801))
				r.RunSeconds = r.EndSeconds - r.StartSeconds
				r.CPURequestCoreHours, r.CPUUsageCoreHours = rng.Int64N(2_000_000), rng.Int64N(2_000_000)
				r.CPUAllocatedCoreHours = max(r.CPURequestCoreHours, r.CPUUsageCoreHours)
				r.CPUUsageMaxCores = r.CPUUsageCoreHours + 7
				r.RAMRequestByteHours, r.RAMUsageByteHours = rng.Int64N(4<<30), rng.Int64N(4<<30)
				r.RAMAllocatedByteHours = max(r.RAMRequestByteHours, r.RAMUsageByteHours)
				r.CPUCost, r.RAMCost = money(90_000_001), money(50_000_001)
				if app == 1 {
					r.PVCost, r.PVByteHours = money(9_000_001), 10<<30
					r.NetworkInternetCost, r.NetworkTransferBytes = money(1_001), 12345
					atts = append(atts, cost.Attachment{
						WindowStart: us, Cluster: cluster, Type: cost.AssetDisk, AssetID: "vol-" + fmt.Sprint(n), Name: "pv-" + fmt.Sprint(n),
						Node: node, Namespace: r.Namespace, Controller: r.Controller, Pod: r.Pod, PodUID: r.PodUID, Container: r.Container,
						ByteHours: r.PVByteHours, Hours: 1_000_000, Cost: r.PVCost,
					})
				}
				asset.CPUCost += r.CPUCost
				asset.RAMCost += r.RAMCost
				allocs = append(allocs, r)
			}
			if n != 1 || h%2 == 0 { // node 1 is full every other hour
				idle := row(cost.KindIdle)
				idle.CPUCost, idle.RAMCost = money(70_000_001), money(30_000_001)
				idle.CPUReservedCost = idle.CPUCost / 3
				asset.CPUCost += idle.CPUCost
				asset.RAMCost += idle.RAMCost
				allocs = append(allocs, idle)
			}
			assets = append(assets, asset)
			boot := row(cost.KindOverhead)
			boot.OverheadCost = money(5_000_001)
			allocs = append(allocs, boot)
			assets = append(assets, cost.Asset{
				WindowStart: us, Cluster: cluster, Type: cost.AssetDisk, AssetID: id + "/boot", Name: node + "-boot", Provider: "AWS",
				Local: true, Overhead: true, EndSeconds: 3600, RunSeconds: 3600, CoverageSeconds: 3600, ByteHours: 50 << 30, Cost: boot.OverheadCost,
				CPUScale: 1_000_000, RAMScale: 1_000_000, GPUScale: 1_000_000, PriceSource: "default",
			})
		}
		un := cost.Allocation{
			WindowStart: us, Cluster: cluster, Kind: cost.KindUnmounted, AssetID: "vol-u", Namespace: []string{"data", cost.UnmountedName, "old"}[c],
			Pod: cost.UnmountedName, Container: cost.UnmountedName,
			EndSeconds: 3600, RunSeconds: 3600, CoverageSeconds: 3600, PVByteHours: 5 << 30, PVCost: money(700_001), PriceSource: "default",
		}
		allocs = append(allocs, un)
		plane := cost.Allocation{
			WindowStart: us, Cluster: cluster, Kind: cost.KindOverhead, AssetID: "plane", EndSeconds: 3600,
			Namespace: cost.OverheadName, Pod: cost.OverheadName, Container: cost.OverheadName, RunSeconds: 3600,
			CoverageSeconds: 3600, OverheadCost: 100_000_000, PriceSource: "book",
		}
		allocs = append(allocs, plane)
		assets = append(assets, cost.Asset{
			WindowStart: us, Cluster: cluster, Type: cost.AssetClusterManagement, AssetID: "plane", Name: cluster, Provider: "AWS",
			Overhead: true, EndSeconds: 3600, RunSeconds: 3600, CoverageSeconds: 3600, Cost: 100_000_000, CPUScale: 1_000_000, RAMScale: 1_000_000, GPUScale: 1_000_000, PriceSource: "book",
		})
	}
	return allocs, assets, atts
}

// refRow is one hourly row with its idle shares and label sets.
type refRow struct {
	hour                                                       cost.Hour
	cluster, node, namespace, kindOf, controller, pod, service string
	container, services                                        string
	kind                                                       cost.Kind
	cpu, ram, gpu, pv, lb, net, overhead                       int64
	idle                                                       map[bool][3]int64 // by node?
	cpuUsage                                                   int64
	labels, annotations                                        map[string]string
}

func (x *refRow) own() int64 { return x.cpu + x.ram + x.gpu + x.pv + x.lb + x.net + x.overhead }

func readRows(t testing.TB, s *store.Store) []refRow {
	t.Helper()
	labels := map[int64]map[string]map[string]string{}
	scan(t, s, "SELECT labels_id, scope, key, value FROM label_kv", func(r *sql.Rows) error {
		var id int64
		var scope, key, value string
		if err := r.Scan(&id, &scope, &key, &value); err != nil {
			return err
		}
		if labels[id] == nil {
			labels[id] = map[string]map[string]string{}
		}
		if labels[id][scope] == nil {
			labels[id][scope] = map[string]string{}
		}
		labels[id][scope][key] = value
		return nil
	})
	var out []refRow
	scan(t, s, `SELECT hour, cluster, node, namespace, controller_kind, controller, pod, services, container, kind, labels_id,
		cpu_cost, ram_cost, gpu_cost, pv_cost, lb_cost, network_cross_zone_cost + network_cross_region_cost + network_internet_cost, overhead_cost,
		idle_cpu_by_node, idle_ram_by_node, idle_gpu_by_node, idle_cpu_by_cluster, idle_ram_by_cluster, idle_gpu_by_cluster, cpu_usage_core_hours
		FROM alloc_hour`, func(r *sql.Rows) error {
		var x refRow
		var id int64
		var n, c [3]int64
		err := r.Scan(&x.hour, &x.cluster, &x.node, &x.namespace, &x.kindOf, &x.controller, &x.pod, &x.service, &x.container, &x.kind, &id,
			&x.cpu, &x.ram, &x.gpu, &x.pv, &x.lb, &x.net, &x.overhead, &n[0], &n[1], &n[2], &c[0], &c[1], &c[2], &x.cpuUsage)
		x.idle = map[bool][3]int64{true: n, false: c}
		x.labels, x.annotations = labels[id]["label"], labels[id]["annotation"]
		x.services = x.service
		x.service, _, _ = strings.Cut(x.service, ",")
		out = append(out, x)
		return err
	})
	if len(out) < 1000 {
		t.Fatalf("only %d rows in the fleet", len(out))
	}
	return out
}

func scan(t testing.TB, s *store.Store, text string, fn func(*sql.Rows) error) {
	t.Helper()
	rows, err := s.Query(context.Background(), text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}
