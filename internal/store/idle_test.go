package store_test

import (
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/store"
)

func open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "fleet.duckdb"), Threads: 2, MemoryLimit: "256MiB"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// daily writes rows as the daily allocation object of a cluster-day and
// describes it as ingest would.
func daily(t testing.TB, dir, cluster string, day cost.Day, rows []cost.Allocation) *store.Object {
	t.Helper()
	meta := costfile.Meta{Dataset: costfile.AllocationData, Cluster: cluster, Date: day.String(), Currency: "USD"}
	for h := range 24 {
		meta.Hours = append(meta.Hours, costfile.HourMeta{Hour: day.FirstHour() + cost.Hour(h), Coverage: 3600, Generation: 1})
	}
	costfile.Sort(rows)
	f, err := os.CreateTemp(dir, "*.parquet")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := costfile.NewWriter[cost.Allocation](f, meta)
	if err := w.Write(rows...); err != nil {
		t.Fatal(err)
	}
	if meta, err = w.Close(); err != nil {
		t.Fatal(err)
	}
	o := &store.Object{
		Key: costfile.DailyKey(costfile.AllocationData, day, cluster), ETag: f.Name(), Cluster: cluster,
		Dataset: store.Allocation, Day: day, Currency: "USD", Path: f.Name(),
	}
	for _, h := range meta.Hours {
		o.Hours = append(o.Hours, store.Hour(h))
	}
	return o
}

func loadDay(t testing.TB, s *store.Store, o *store.Object, hours bool) {
	t.Helper()
	err := s.Load(t.Context(), store.Batch{
		Parts:  []store.Part{{Dataset: o.Dataset, Cluster: o.Cluster, Day: o.Day, Daily: o, Hours: hours}},
		Loaded: []*store.Object{o},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestIdleIsSharedExactly: per resource, what the rows of a node and hour (of
// a cluster and hour) were given adds up to its idle cost to the last
// nano-unit, every share lies within one nano-unit of its exact part, and idle
// without a consumer stays where it is. Amounts go far beyond the exact range
// of doubles.
func TestIdleIsSharedExactly(t *testing.T) {
	s := open(t)
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		cluster := fmt.Sprintf("c%d", n)
		day := cost.Day(20_000)
		top := int64(1) << rapid.IntRange(1, 58).Draw(rt, "magnitude")
		nodes := rapid.IntRange(1, 4).Draw(rt, "nodes")
		money := func(name string) cost.Money {
			if rapid.IntRange(0, 3).Draw(rt, "zero") == 0 {
				return 0
			}
			return cost.Money(rapid.Int64Range(0, top).Draw(rt, name))
		}
		var rows []cost.Allocation
		for h := range rapid.IntRange(1, 2).Draw(rt, "hours") {
			for i := range rapid.IntRange(0, 12).Draw(rt, "containers") {
				node := i % nodes
				rows = append(rows, cost.Allocation{
					WindowStart: (day.FirstHour() + cost.Hour(h)).Micros(), Cluster: cluster, Kind: cost.KindContainer,
					AssetID: fmt.Sprint("node", node), Pod: fmt.Sprint("pod", i), CPUCost: money("cpu"), RAMCost: money("ram"), GPUCost: money("gpu"),
				})
			}
			for node := range nodes {
				rows = append(rows, cost.Allocation{
					WindowStart: (day.FirstHour() + cost.Hour(h)).Micros(), Cluster: cluster, Kind: cost.KindIdle,
					AssetID: fmt.Sprint("node", node), CPUCost: money("cpu"), RAMCost: money("ram"), GPUCost: money("gpu"),
				})
			}
		}
		loadDay(t, s, daily(t, dir, cluster, day, rows), true)
		for _, r := range []string{"cpu", "ram", "gpu"} {
			checkShares(rt, s, cluster, r, "node", "asset_id")
			checkShares(rt, s, cluster, r, "cluster", "''")
		}
	})
}

func checkShares(t *rapid.T, s *store.Store, cluster, resource, by, group string) {
	rows, err := s.Query(t.Context(), fmt.Sprintf(`SELECT kind = 'idle', %[1]s_cost, idle_%[1]s_by_%[2]s,
		sum(%[1]s_cost) FILTER (kind = 'container') OVER g, sum(%[1]s_cost) FILTER (kind = 'idle') OVER g, sum(idle_%[1]s_by_%[2]s) OVER g
		FROM alloc_hour WHERE cluster = ? WINDOW g AS (PARTITION BY hour, %[3]s)`, resource, by, group), cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var idleRow bool
		var own, share int64
		var t0, i0, given *big.Int
		if err := rows.Scan(&idleRow, &own, &share, &t0, &i0, &given); err != nil {
			t.Fatal(err)
		}
		total, idle := orZero(t0), orZero(i0)
		if given.Cmp(idle) != 0 {
			t.Fatalf("%s by %s: shares add up to %v, idle is %v", resource, by, given, idle)
		}
		want := new(big.Rat)
		switch {
		case idleRow && total.Sign() == 0:
			want.SetInt64(own)
		case !idleRow && total.Sign() > 0:
			want.SetFrac(new(big.Int).Mul(idle, big.NewInt(own)), total)
		}
		got := new(big.Rat).SetInt64(share)
		diff := new(big.Rat).Sub(got, want)
		// Doubles carry 53 bits: beyond them a share is exact to 2^-50 of idle.
		tolerance := new(big.Rat).Add(big.NewRat(1, 1), new(big.Rat).SetFrac(idle, new(big.Int).Lsh(big.NewInt(1), 50)))
		if diff.Abs(diff).Cmp(tolerance) > 0 || share < 0 {
			t.Fatalf("%s by %s: a row that costs %d of %v got %d of %v idle", resource, by, own, total, share, idle)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func orZero(v *big.Int) *big.Int {
	if v == nil {
		return new(big.Int)
	}
	return v
}
