package ingest_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// TestOneBadFileCostsFewTransactions: an object whose values no table can hold
// is found by halving, and the rest of the batch is loaded.
func TestOneBadFileCostsFewTransactions(t *testing.T) {
	const clusters, bad = 32, "c-20"
	day, hours := today-1, span(today-1, 0, 2)
	b := bucket.NewMemory()
	for c := range clusters {
		putDay(t, b, 1, fmt.Sprintf("c-%02d", c), 5, day, hours...)
	}
	rows := allocations(1, bad, 5, hours...)
	for i := range rows { // the hours fit, their sum over the day does not
		rows[i].CPURequestCoreHours = math.MaxInt64 - 1
	}
	put(t, b, costfile.DailyKey(costfile.AllocationData, day, bad), object(t,
		costfile.Meta{Dataset: costfile.AllocationData, Cluster: bad, Date: day.String()}, hours, rows))
	s := open(t, b, t.TempDir())
	r := s.sync(t)
	if r.Loaded != (clusters-1)*3 || r.Quarantined == 0 {
		t.Fatalf("report %+v", r)
	}
	q := s.cluster(t, bad).Quarantined
	if len(q) == 0 || !strings.Contains(q[0].Reason, "cannot be loaded") || !strings.Contains(q[0].Reason, day.String()+" is missing because of it") {
		t.Errorf("quarantine %+v", q)
	}
	// Each commit has its own time: log2(32) halves, not 31 cluster-days.
	if n := s.text(t, "SELECT count(DISTINCT loaded_us) FROM ledger WHERE state = 'loaded'"); n != "5\n" {
		t.Errorf("%s transactions, want 5", n)
	}
}
