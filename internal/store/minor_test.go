package store_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/store"
)

// rewritten makes a copy of an object's file with other columns, as another
// minor version of the format would have.
func rewritten(t *testing.T, s *store.Store, o *store.Object, columns string) *store.Object {
	t.Helper()
	out := *o
	out.Path = filepath.Join(t.TempDir(), "other.parquet")
	rows, err := s.Query(t.Context(), fmt.Sprintf("COPY (SELECT %s FROM read_parquet('%s')) TO '%s' (FORMAT parquet)", columns, o.Path, out.Path))
	if err != nil {
		t.Fatal(err)
	}
	rows.Close()
	return &out
}

func minorRows(cluster string, day cost.Day) []cost.Allocation {
	var rows []cost.Allocation
	for h := range 3 {
		us := (day.FirstHour() + cost.Hour(h)).Micros()
		rows = append(rows,
			cost.Allocation{
				WindowStart: us, Cluster: cluster, Kind: cost.KindContainer, AssetID: "n", Namespace: "ns", Pod: "p", Container: "c",
				Labels: cost.LabelsOf(map[string]string{"app": "x", "pod_template_hash": fmt.Sprint(h)}), EndSeconds: 3600,
				CPUCost: 1_000, RAMCost: 70, CPUUsageMaxCores: int64(h), PriceSource: "book",
			},
			cost.Allocation{WindowStart: us, Cluster: cluster, Kind: cost.KindIdle, AssetID: "n", CPUCost: 333, RAMCost: 7, EndSeconds: 3600})
	}
	return rows
}

// TestMinorVersionsMix: files without a column, files with one more, and
// today's files load together, in any order; what is missing is zero or empty.
func TestMinorVersionsMix(t *testing.T) {
	s := open(t)
	dir := t.TempDir()
	day := cost.Day(20_000)
	older := func(cluster string) *store.Object {
		return rewritten(t, s, daily(t, dir, cluster, day, minorRows(cluster, day)),
			"* EXCLUDE (network_internet_cost, services, gpu_cost, gpu_usage_hours, annotations)")
	}
	newer := func(cluster string) *store.Object {
		return rewritten(t, s, daily(t, dir, cluster, day, minorRows(cluster, day)), "'x' AS first_new, *, 7 AS carbon_grams")
	}
	current := func(cluster string) *store.Object { return daily(t, dir, cluster, day, minorRows(cluster, day)) }
	for i, makers := range [][]func(string) *store.Object{
		{older}, {newer}, {older, current, newer}, {newer, current, older}, {current, older},
	} {
		var b store.Batch
		for k, make := range makers {
			o := make(fmt.Sprintf("c%d-%d", i, k))
			b.Loaded = append(b.Loaded, o)
			b.Parts = append(b.Parts, store.Part{Dataset: o.Dataset, Cluster: o.Cluster, Day: o.Day, Daily: o, Hours: true})
		}
		if err := s.Load(t.Context(), b); err != nil {
			t.Fatalf("mix %d: %v", i, err)
		}
	}
	rows, err := s.Query(t.Context(), `SELECT DISTINCT count(*), sum(cpu_cost)::BIGINT, sum(ram_cost)::BIGINT, sum(gpu_cost)::BIGINT, sum(network_internet_cost)::BIGINT,
		max(cpu_usage_max_cores), sum(idle_cpu_by_node)::BIGINT, sum(idle_gpu_by_cluster)::BIGINT, max(services), count(DISTINCT labels_id)
		FROM alloc_hour GROUP BY cluster`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	answers := 0
	for rows.Next() {
		answers++
		var v [8]int64
		var services string
		var labels int64
		if err := rows.Scan(&v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &services, &labels); err != nil {
			t.Fatal(err)
		}
		// Two label sets: that of the container rows, whose per-pod label is
		// dropped, and the empty one.
		if v != [8]int64{6, 3999, 231, 0, 0, 2, 999, 0} || services != "" || labels != 2 {
			t.Errorf("got %v, services %q, %d label sets", v, services, labels)
		}
	}
	if err := rows.Err(); err != nil || answers != 1 {
		t.Errorf("%d different answers, want one for all clusters (%v)", answers, err)
	}
}

// TestColumnOfAnotherType is refused by name.
func TestColumnOfAnotherType(t *testing.T) {
	s := open(t)
	o := daily(t, t.TempDir(), "c", 20_000, minorRows("c", 20_000))
	bad := rewritten(t, s, o, "* REPLACE (cpu_cost::DOUBLE AS cpu_cost)")
	err := s.Load(t.Context(), store.Batch{
		Parts:  []store.Part{{Dataset: store.Allocation, Cluster: "c", Day: 20_000, Daily: bad, Hours: true}},
		Loaded: []*store.Object{bad},
	})
	if want := "refused: " + o.Key + ": column cpu_cost is DOUBLE, the format says DECIMAL(18,9)"; err == nil || err.Error() != "load: "+want {
		t.Errorf("got %v, want %s", err, want)
	}
}
