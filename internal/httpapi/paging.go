package httpapi

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// mixedVersions is said when new data came between two questions of one answer.
const mixedVersions = "new data arrived between the rows and their total; ask again for both of one version"

// isCut tells whether offset and limit left rows out of an answer.
func isCut(offset, limit int, ans *query.Answer) bool {
	return offset > 0 || (limit > 0 && ans.RowCount > limit)
}

func totalAllocations(sets []query.AllocationSet) *cost.Sum {
	var total cost.Sum
	for s := range sets {
		for i := range sets[s].Rows {
			total.AddSum(sets[s].Rows[i].Total())
		}
	}
	return &total
}

func totalAssets(sets []query.AssetSet) *cost.Sum {
	var total cost.Sum
	for s := range sets {
		for i := range sets[s].Rows {
			total.AddSum(sets[s].Rows[i].Total())
		}
	}
	return &total
}

// wholeAllocations is what all rows of a question cost, those included that
// offset and limit leave out. The total is the same however rows are grouped,
// so one group is asked for, unless the split of shared cost is over the groups.
func (a *API) wholeAllocations(ctx context.Context, q query.AllocationQuery) (total *cost.Sum, version string, err error) {
	q.Offset, q.Limit, q.SortBy, q.IncludeAttachments = 0, 0, "", false
	if q.ShareSplit != query.SplitEven {
		q.Aggregate, q.All = nil, true
	}
	ans, err := a.cfg.Questions.Allocations(ctx, q)
	if err != nil {
		return nil, "", err
	}
	return totalAllocations(ans.Sets), ans.DataVersion, nil
}

// wholeAssets is wholeAllocations of assets.
func (a *API) wholeAssets(ctx context.Context, q query.AssetQuery) (total *cost.Sum, version string, err error) {
	q.Offset, q.Limit, q.SortBy, q.Aggregate, q.All = 0, 0, "", nil, true
	ans, err := a.cfg.Questions.Assets(ctx, q)
	if err != nil {
		return nil, "", err
	}
	return totalAssets(ans.Sets), ans.DataVersion, nil
}

// efficiencyOrder returns what rows are sorted by when it is an efficiency.
// The engine has sums only; a ratio is made here, of all rows.
func efficiencyOrder(by string) func(*derived) float64 {
	switch by {
	case "totalEfficiency", "efficiency":
		return func(d *derived) float64 { return d.totalEfficiency }
	case "cpuEfficiency":
		return func(d *derived) float64 { return d.cpuEfficiency }
	case "ramEfficiency":
		return func(d *derived) float64 { return d.ramEfficiency }
	}
	return nil
}

// efficiencyOrders are the orders that efficiencyOrder knows, for messages.
const efficiencyOrders = "cpuEfficiency, ramEfficiency, totalEfficiency"

// nameOrders adds the orders made here to the engine's list of those it knows.
func nameOrders(err error) error {
	var q *query.Error
	if !errors.As(err, &q) || q.Param != "sortBy" || q.Hint == "" {
		return err
	}
	named := *q
	named.Hint += ", " + efficiencyOrders
	return &named
}

// byEfficiency sorts the rows of every set, ties by name, and returns the page
// that offset and limit name. ans may be shared, so it is left as it is.
func byEfficiency(ans *query.AllocationAnswer, by func(*derived) float64, ascending bool, offset, limit int) *query.AllocationAnswer {
	type keyed struct {
		row   *query.AllocationRow
		value float64
	}
	out := &query.AllocationAnswer{Answer: ans.Answer, Sets: make([]query.AllocationSet, len(ans.Sets))}
	for s := range ans.Sets {
		rows := ans.Sets[s].Rows
		keys := make([]keyed, len(rows))
		for i := range rows {
			d := derive(&rows[i])
			keys[i] = keyed{&rows[i], by(&d)}
		}
		slices.SortStableFunc(keys, func(x, y keyed) int {
			c := cmp.Compare(x.value, y.value)
			if !ascending {
				c = -c
			}
			return cmp.Or(c, strings.Compare(x.row.Name, y.row.Name))
		})
		keys = keys[min(offset, len(keys)):]
		if limit > 0 {
			keys = keys[:min(limit, len(keys))]
		}
		out.Sets[s] = query.AllocationSet{Window: ans.Sets[s].Window, Rows: make([]query.AllocationRow, len(keys))}
		for i, k := range keys {
			out.Sets[s].Rows[i] = *k.row
		}
	}
	return out
}
