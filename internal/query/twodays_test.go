package query_test

import (
	"context"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// twoDays is a fleet of one cluster that was whole on two days.
type twoDays struct {
	query.Questions
	before, after query.AllocationSet
}

func (d *twoDays) Allocations(_ context.Context, q query.AllocationQuery) (*query.AllocationAnswer, error) {
	set := d.before
	if q.Window == d.after.Window {
		set = d.after
	}
	return &query.AllocationAnswer{Answer: query.Answer{Window: q.Window, DataVersion: "1"}, Sets: []query.AllocationSet{set}}, nil
}

func (d *twoDays) Coverage(_ context.Context, sets []cost.Window, _ query.Filter) (*query.CoverageAnswer, error) {
	whole := query.Completeness{Clusters: []query.ClusterCompleteness{{Cluster: "a", HoursExpected: 24, HoursPresent: 24}}}
	out := &query.CoverageAnswer{DataVersion: "1", Settled: d.after.Window.End}
	for range sets {
		out.Sets = append(out.Sets, whole)
	}
	return out, nil
}
