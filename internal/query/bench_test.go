package query_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
	"github.com/fleetcost/fleetcost/internal/store"
)

// BenchmarkQuestions asks the usual questions of 100 clusters × 20 namespaces ×
// 200 controllers × 500 containers × 30 days of rollup rows, uncached, and
// reports p50 and p95. FLEETCOST_BENCH_CLUSTERS changes the size.
//
//	go test ./internal/query -run '^$' -bench Questions -benchtime 20x
func BenchmarkQuestions(b *testing.B) {
	clusters := 100
	if n, err := strconv.Atoi(os.Getenv("FLEETCOST_BENCH_CLUSTERS")); err == nil {
		clusters = n
	}
	s, err := store.Open(b.Context(), store.Config{Path: filepath.Join(b.TempDir(), "fleet.duckdb"), Threads: 2})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	first, _ := cost.ParseDay("2026-10-20")
	fillBench(b, s, clusters, first)
	end := first + 30
	e, err := query.New(s, nil, query.Config{Now: func() time.Time { return end.Start() }, CacheBytes: -1})
	if err != nil {
		b.Fatal(err)
	}
	month := cost.Window{Start: first.FirstHour(), End: end.FirstHour()}
	day := cost.Window{Start: end.FirstHour() - 24, End: end.FirstHour()}
	oneCluster := query.Filter{Root: query.Match{Property: "cluster", Op: query.OpEquals, Values: []string{"cluster-007"}}}
	team := query.Filter{Root: query.Match{Property: "label", Key: "team", Op: query.OpEquals, Values: []string{"team-03"}}}
	questions := []struct {
		name string
		q    query.AllocationQuery
	}{
		{"by_cluster", query.AllocationQuery{Window: month, Aggregate: dims(b, "cluster"), Idle: query.IdleSeparate, Overhead: query.OverheadSeparate}},
		{"by_namespace_day", query.AllocationQuery{Window: month, StepHours: 24, Aggregate: dims(b, "namespace"), Idle: query.IdleSeparate, Overhead: query.OverheadSeparate}},
		{"by_cluster_namespace", query.AllocationQuery{Window: month, Aggregate: dims(b, "cluster,namespace"), Limit: 50, Idle: query.IdleSeparate}},
		{"by_label", query.AllocationQuery{Window: month, Aggregate: dims(b, "label:app"), Idle: query.IdleSeparate}},
		{"by_controller", query.AllocationQuery{Window: month, Aggregate: dims(b, "controller"), Idle: query.IdleSeparate, Limit: 100}},
		{"one_cluster_day_by_pod", query.AllocationQuery{Window: day, Aggregate: dims(b, "namespace,pod"), Filter: oneCluster, Idle: query.IdleSeparate}},
		{"idle_shared", query.AllocationQuery{Window: month, Aggregate: dims(b, "namespace"), Idle: query.IdleShareByCluster}},
		{"filtered_by_label", query.AllocationQuery{Window: month, StepHours: 24, Aggregate: dims(b, "namespace"), Filter: team, Idle: query.IdleSeparate}},
		{"overhead_shared_daily", query.AllocationQuery{Window: month, StepHours: 24, Aggregate: dims(b, "namespace"), Idle: query.IdleSeparate, Overhead: query.OverheadShare}},
		{"namespace_shared", query.AllocationQuery{Window: month, Aggregate: dims(b, "namespace"), Idle: query.IdleSeparate, ShareNamespaces: []string{"team-00"}}},
		{"kubecost_default", query.AllocationQuery{Window: month, StepHours: 24, Aggregate: dims(b, "cluster"), Idle: query.IdleSeparate, Overhead: query.OverheadShare}},
		{"one_cluster_month", query.AllocationQuery{Window: month, StepHours: 24, Aggregate: dims(b, "controller"), Filter: oneCluster, Idle: query.IdleShareByCluster, Limit: 50}},
		{"week_by_namespace", query.AllocationQuery{Window: cost.Window{Start: month.End - 7*24, End: month.End}, StepHours: 24, Aggregate: dims(b, "namespace"), Idle: query.IdleSeparate, Overhead: query.OverheadShare}},
	}
	for _, c := range questions {
		b.Run(c.name, func(b *testing.B) {
			quantiles(b, func() error {
				_, err := e.Allocations(b.Context(), c.q)
				return err
			})
		})
	}
	assets := []struct {
		name string
		q    query.AssetQuery
	}{
		{"assets_by_type", query.AssetQuery{Window: month, Aggregate: []query.Dimension{{Property: "type"}}}},
		{"assets_one_cluster", query.AssetQuery{Window: day, Filter: oneCluster}},
		{"assets_month_top", query.AssetQuery{Window: month, Limit: 50}},
	}
	for _, c := range assets {
		b.Run(c.name, func(b *testing.B) {
			quantiles(b, func() error {
				_, err := e.Assets(b.Context(), c.q)
				return err
			})
		})
	}
	for _, field := range []string{"namespace", "pod", "label:app", "label"} {
		b.Run("complete_"+strings.ReplaceAll(field, ":", "_"), func(b *testing.B) {
			quantiles(b, func() error {
				_, err := e.Complete(b.Context(), query.CompletionQuery{Window: month, Field: field, Search: "a"})
				return err
			})
		})
	}
}

func quantiles(b *testing.B, fn func() error) {
	var took []time.Duration
	before := cpuTime()
	for b.Loop() {
		start := time.Now()
		if err := fn(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/1000/float64(len(took)), "cpu-ms/op")
	slices.Sort(took)
	ms := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1)+0.5)].Microseconds()) / 1000 }
	b.ReportMetric(ms(0.5), "p50-ms")
	b.ReportMetric(ms(0.95), "p95-ms")
}

// cpuTime is what the process used so far: on a busy machine the figure to
// trust.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fillBench writes rollup rows straight into the tables, as ingest would leave
// them.
func fillBench(b *testing.B, s *store.Store, clusters int, first cost.Day) {
	b.Helper()
	exec := func(q string) { scan(b, s, q, func(*sql.Rows) error { return nil }) }
	columns := func(table string) (out []string) {
		scan(b, s, "SELECT column_name FROM duckdb_columns() WHERE table_name = '"+table+"' ORDER BY column_index", func(r *sql.Rows) error {
			var c string
			err := r.Scan(&c)
			out = append(out, c)
			return err
		})
		return out
	}
	insert := func(table, from string, known map[string]string, measure func(c string) string) {
		var list []string
		for _, c := range columns(table) {
			if x, ok := known[c]; ok {
				list = append(list, x)
			} else {
				list = append(list, measure(c))
			}
		}
		exec("INSERT INTO " + table + " SELECT " + strings.Join(list, ", ") + " " + from)
	}
	start := fmt.Sprintf("(%d + d * 86400000000)::BIGINT", first.FirstHour().Micros())
	base := map[string]string{
		"day": "DATE '" + first.String() + "' + d::INTEGER", "cluster": "printf('cluster-%03d', c)", "start_us": start, "end_us": start + " + 86400000000",
		"price_source": "'book'",
	}
	measure := func(c string) string {
		switch {
		case strings.HasPrefix(c, "gpu") || strings.HasPrefix(c, "network") && strings.HasSuffix(c, "cost") || c == "lb_cost" || c == "overhead_cost" || strings.Contains(c, "reserved") || strings.Contains(c, "idle_gpu"):
			return "0"
		case strings.Contains(c, "request") || strings.Contains(c, "limit"):
			return "(1 + hash(c, i) % 16)::BIGINT * 1500000"
		case strings.HasSuffix(c, "_seconds"):
			return "86400"
		}
		return "(hash(c, i, d, '" + c + "') % 5000000000)::BIGINT"
	}
	with := func(more map[string]string) map[string]string {
		out := map[string]string{}
		for k, v := range base {
			out[k] = v
		}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	for _, t := range []struct {
		table, controller string
		n, idle           int
		coarse            int // 1: no pods; 2: no controllers
	}{{"alloc_day_namespace", "i", 20, 1, 2}, {"alloc_day_controller", "i", 200, 1, 1}, {"alloc_day_container", "(i * 2 // 5)", 500, 25, 0}} {
		upTo := func(level int, s string) string {
			if t.coarse > level {
				return "NULL"
			}
			return s
		}
		one := func(s string) string { return upTo(0, s) }
		insert(t.table, fmt.Sprintf("FROM range(30) t(d), range(%d) u(c), range(%d) v(i) ORDER BY d, c, %s %% 20, i", clusters, t.n, t.controller), with(map[string]string{
			"kind": "'container'", "node": one("printf('node-%02d', i % 25)"), "asset_id": one("printf('aws:///eu-west-1a/i-%03d%014x', c, i % 25)"),
			"namespace": "printf('team-%02d', " + t.controller + " % 20)", "controller_kind": upTo(1, "'deployment'"), "controller": upTo(1, "printf('svc-%03d', "+t.controller+")"),
			"pod": one("printf('svc-%03d-%08x-%05x', i * 2 // 5, d // 7 * 7919, i)"), "pod_uid": one("printf('%08x-0000-4000-8000-%012x', i, c)"), "container": "'app'",
			"services": upTo(1, "printf('svc-%03d', "+t.controller+")"), "labels_id": upTo(1, "(c % 10) * 1000 + "+t.controller+" + 1"),
		}), measure)
		insert(t.table, fmt.Sprintf("FROM range(30) t(d), range(%d) u(c), range(%d) v(i)", clusters, t.idle), with(map[string]string{
			"kind": "'idle'", "node": one("printf('node-%02d', i)"), "asset_id": one("printf('aws:///eu-west-1a/i-%03d%014x', c, i)"), "namespace": "''", "controller_kind": "''",
			"controller": "''", "pod": "''", "pod_uid": "''", "container": "''", "services": "''", "labels_id": "0",
		}), measure)
		insert(t.table, fmt.Sprintf("FROM range(30) t(d), range(%d) u(c)", clusters), with(map[string]string{
			"kind": "'overhead'", "node": "''", "asset_id": "'plane'", "namespace": "''", "controller_kind": "''", "controller": "''", "pod": "''", "pod_uid": "''",
			"container": "''", "services": "''", "labels_id": "0", "overhead_cost": "2400000000", "cpu_cost": "0", "ram_cost": "0", "pv_cost": "0",
		}), func(c string) string { return "0" })
	}
	insert("asset_day", fmt.Sprintf("FROM range(30) t(d), range(%d) u(c), range(25) v(i) ORDER BY d, c, i", clusters), with(map[string]string{
		"type": "'Node'", "asset_id": "printf('aws:///eu-west-1a/i-%03d%014x', c, i)", "name": "printf('node-%02d', i)", "provider_id": "printf('aws:///eu-west-1a/i-%03d%014x', c, i)",
		"provider": "'AWS'", "region": "'eu-west-1'", "zone": "'eu-west-1a'", "instance_type": "'m5.xlarge'", "capacity_type": "'on-demand'", "node_pool": "'main'", "gpu_model": "''",
		"storage_class": "''", "claim_namespace": "''", "claim_name": "''", "volume_name": "''", "local": "false", "overhead": "false", "inferred": "false", "labels_id": "0",
		"cpu_scale": "1000000", "ram_scale": "1000000", "gpu_scale": "1000000",
	}), measure)
	for key, value := range map[string]string{
		"app": "printf('svc-%03d', i)", "team": "printf('team-%02d', i % 20)", "env": "CASE WHEN c % 2 = 0 THEN 'prod' ELSE 'dev' END",
		"app_kubernetes_io_name": "printf('svc-%03d', i)", "owner": "'owner-' || i % 7",
	} {
		exec("INSERT INTO label_kv SELECT c * 1000 + i + 1, 'label', '" + key + "', " + value + " FROM range(10) a(c), range(200) b(i)")
	}
	exec(fmt.Sprintf("INSERT INTO coverage (cluster, day, hour, coverage_seconds, partial, live, generation, rows, total) SELECT printf('cluster-%%03d', c), DATE '%s' + (h // 24)::INTEGER, (%d + h)::INTEGER, 3600, false, false, 1, 500, 0 FROM range(720) t(h), range(%d) u(c)",
		first, first.FirstHour(), clusters))
	exec(fmt.Sprintf("INSERT INTO cluster (cluster, status, owner, first_hour, last_hour, currency, updated_us) SELECT printf('cluster-%%03d', c), '', '', %d, %d, 'USD', 0 FROM range(%d) u(c)",
		first.FirstHour(), first.FirstHour()+719, clusters))
	exec(fmt.Sprintf("INSERT INTO ledger (key, etag, cluster, dataset, day, state) SELECT printf('v1/allocation/date=%%d/cluster_id=cluster-%%03d', d, c), 'e', printf('cluster-%%03d', c), 'allocation', DATE '%s' + d::INTEGER, 'loaded' FROM range(30) t(d), range(%d) u(c)", first, clusters))
	exec("CHECKPOINT")
}
