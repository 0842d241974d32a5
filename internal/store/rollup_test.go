package store_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/store"
)

// TestRollupsAgree: per day, cluster, kind and namespace, the three daily
// tables and the hours hold the same sums, and a text of the namespace rollup
// is the one value its rows have, or NULL. Each
// check replaces the day of the one before.
func TestRollupsAgree(t *testing.T) {
	s := open(t)
	dir := t.TempDir()
	const cluster = "c"
	rapid.Check(t, func(rt *rapid.T) {
		hours := rapid.Bool().Draw(rt, "hours")
		loadDay(t, s, daily(t, dir, cluster, 20_000, drawRows(rt, cluster, 20_000)), hours)
		tables := []string{"alloc_day_container", "alloc_day_controller", "alloc_day_namespace"}
		if hours {
			tables = append(tables, "alloc_hour")
		}
		want := ""
		for i, table := range tables {
			got := lines(rt, s, `SELECT kind, namespace, sum(cpu_cost), sum(pv_cost), sum(run_seconds), sum(idle_cpu_by_node), sum(idle_ram_by_cluster),
				max(cpu_usage_max_cores), min(start_us), max(end_us) FROM `+table+` GROUP BY ALL ORDER BY ALL`)
			if i == 0 {
				want = got
			} else if got != want {
				rt.Fatalf("%s:\n%swant\n%s", table, got, want)
			}
		}
		checkSingles(rt, s)
		if hours {
			checkContainers(rt, s)
		}
	})
}

// checkContainers compares the container rollup, which is made by hashes, with
// the hours grouped by the texts themselves.
func checkContainers(rt *rapid.T, s *store.Store) {
	const keys = "day, cluster, kind, node, asset_id, namespace, controller_kind, controller, pod, container, services, labels_id, "
	got := lines(rt, s, "SELECT "+keys+"cpu_cost, gpu_cost, run_seconds, cpu_usage_max_cores, pod_uid, price_source FROM alloc_day_container ORDER BY ALL")
	want := lines(rt, s, "SELECT "+keys+`sum(cpu_cost), sum(gpu_cost), sum(run_seconds), max(cpu_usage_max_cores),
		CASE WHEN count(DISTINCT pod_uid) = 1 THEN any_value(pod_uid) END, CASE WHEN count(DISTINCT price_source) = 1 THEN any_value(price_source) END
		FROM alloc_hour GROUP BY ALL ORDER BY ALL`)
	if got != want {
		rt.Fatalf("containers of the day:\n%swant\n%s", got, want)
	}
}

func checkSingles(rt *rapid.T, s *store.Store) {
	var one, single []string
	for _, c := range []string{"node", "asset_id", "controller_kind", "controller", "pod", "pod_uid", "container", "services", "labels_id", "price_source"} {
		one = append(one, c)
		single = append(single, fmt.Sprintf("CASE WHEN bool_or(%[1]s IS NULL) OR count(DISTINCT %[1]s) > 1 THEN NULL ELSE any_value(%[1]s) END", c))
	}
	got := lines(rt, s, "SELECT kind, namespace, "+strings.Join(one, ", ")+" FROM alloc_day_namespace ORDER BY ALL")
	want := lines(rt, s, "SELECT kind, namespace, "+strings.Join(single, ", ")+" FROM alloc_day_container GROUP BY ALL ORDER BY ALL")
	if got != want {
		rt.Fatalf("texts of the namespace rollup:\n%swant\n%s", got, want)
	}
}

// drawRows makes rows with few distinct texts, so that some groups have one
// value and others several.
func drawRows(rt *rapid.T, cluster string, day cost.Day) []cost.Allocation {
	few := func(name string) string { return fmt.Sprint(name, rapid.IntRange(0, 2).Draw(rt, name)) }
	type id struct{ hour, namespace, pod string }
	seen := map[id]bool{}
	var rows []cost.Allocation
	for range rapid.IntRange(0, 20).Draw(rt, "rows") {
		hour := rapid.IntRange(0, 2).Draw(rt, "hour")
		r := cost.Allocation{
			WindowStart: (day.FirstHour() + cost.Hour(hour)).Micros(), Cluster: cluster, Kind: cost.KindContainer,
			Node: few("node"), AssetID: few("asset"), Namespace: few("ns"), ControllerKind: "deployment", Controller: few("ctl"),
			Pod: few("pod"), PodUID: few("uid"), Container: "app", Services: few("svc"), Labels: cost.LabelsOf(map[string]string{"app": few("app")}),
			EndSeconds: 3600, RunSeconds: 3600, PriceSource: few("price"),
			CPUCost: cost.Money(rapid.Int64Range(0, 1e9).Draw(rt, "cpu")), RAMCost: 77, PVCost: 3, CPUUsageMaxCores: int64(rapid.IntRange(0, 9).Draw(rt, "max")),
		}
		if k := (id{fmt.Sprint(hour), r.Namespace, r.Pod}); !seen[k] {
			seen[k] = true
			rows = append(rows, r)
		}
	}
	for hour := range 3 {
		rows = append(rows, cost.Allocation{
			WindowStart: (day.FirstHour() + cost.Hour(hour)).Micros(), Cluster: cluster, Kind: cost.KindIdle,
			AssetID: few("asset"), EndSeconds: 3600, CPUCost: 1000, RAMCost: 333,
		})
	}
	return rows
}

// lines runs a query and returns its rows as lines.
func lines(t *rapid.T, s *store.Store, query string) string {
	rows, err := s.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for rows.Next() {
		vals, ptrs := make([]any, len(cols)), make([]any, len(cols))
		for i := range vals {
			ptrs[i] = &vals[i]
		}
		if err := rows.Scan(ptrs...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&out, vals)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
