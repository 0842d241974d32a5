package ingest_test

import (
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
)

func TestSyncLoadsAndIsIdempotent(t *testing.T) {
	b := bucket.NewMemory()
	putDay(t, b, 1, "a", 60, today-1, span(today-1, 0, 24)...)
	putDay(t, b, 2, "b", 40, today-1, span(today-1, 0, 24)...)
	putDay(t, b, 1, "a", 60, today-9, span(today-9, 0, 24)...)
	putDay(t, b, 1, "a", 60, today, span(today, 0, 10)...)
	putLive(t, b, 1, "a", 60, span(today, 9, 3)...)
	s := open(t, b, t.TempDir())
	r := s.sync(t)
	if r.Loaded != 15 || r.Quarantined != 0 || r.Failed != 0 {
		t.Fatalf("report %+v", r)
	}
	t.Log(s.text(t, "SELECT cluster, day, count(*), sum(cpu_cost), sum(idle_cpu_by_node) FROM alloc_hour GROUP BY ALL ORDER BY ALL"))
	t.Log(s.text(t, "SELECT cluster, day, kind, count(*), sum(cpu_cost), sum(idle_cpu_by_node), sum(idle_cpu_by_cluster), sum(idle_ram_by_cluster) FROM alloc_day_container GROUP BY ALL ORDER BY ALL"))
	before := s.dump(t)
	if r := s.sync(t); r.Loaded != 0 || r.Rows != 0 {
		t.Errorf("second sync loaded again: %+v", r)
	}
	if s.dump(t) != before {
		t.Error("second sync changed rows")
	}
}
