package query

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Comparison says what changed from one period to another, like for like: only
// days of a cluster that are whole in both periods count, so that neither a day
// that is not over, nor a gap, nor a cluster that joined looks like a change.
type Comparison struct {
	DataVersion       string
	Current, Previous cost.Window // the whole UTC days looked at
	// Pairs are the cluster-days of Current; Used those that were compared.
	Pairs, Used int
	// LeftOut are the clusters with days that were not compared.
	LeftOut []LeftOut
	Rows    []ChangedRow // by size of change, largest first
	Total   ChangedRow
}

// LeftOut says why days of a cluster were not compared.
type LeftOut struct {
	Cluster string
	Days    int
	// Reason is "new" where the cluster was not there before, "gone" where it is
	// no longer expected, "incomplete" where hours are missing.
	Reason string
}

// ChangedRow is what changed of one group: Change = Price + Volume, exactly.
type ChangedRow struct {
	Name          string
	Before, After cost.Sum
	// Price is what the same quantities cost more or less; Volume what more or
	// less quantity costs at the earlier price. What has no quantity (balancers,
	// network, overhead, shares) is volume.
	Price, Volume cost.Sum
	New, Gone     bool // nothing before; nothing now
}

// Change is After − Before.
func (r *ChangedRow) Change() *cost.Sum { return minus(&r.After, &r.Before) }

// Compare asks q for its whole UTC days and for those shift days earlier.
func Compare(ctx context.Context, qs Questions, q AllocationQuery, shift int) (*Comparison, error) {
	q.StepHours, q.Offset, q.Limit, q.SortBy, q.IncludeAttachments = 0, 0, 0, "", false
	return compareRows(ctx, qs, q.Window, q.Filter, shift, func(w cost.Window, f Filter, acc Accumulate) (string, []measuredSet, error) {
		q := q
		q.Window, q.Filter, q.Accumulate = w, f, acc
		ans, err := qs.Allocations(ctx, q)
		if err != nil {
			return "", nil, err
		}
		sets := make([]measuredSet, len(ans.Sets))
		for s := range ans.Sets {
			sets[s] = measure(ans.Sets[s].Window, ans.Sets[s].Rows, measuredAllocation)
		}
		return ans.DataVersion, sets, nil
	})
}

// CompareAssets is Compare for assets. Price is told of CPU, memory and GPU by
// what nodes have, and of disks by their size; the rest is volume.
func CompareAssets(ctx context.Context, qs Questions, q AssetQuery, shift int) (*Comparison, error) {
	q.StepHours, q.Offset, q.Limit, q.SortBy = 0, 0, 0, ""
	return compareRows(ctx, qs, q.Window, q.Filter, shift, func(w cost.Window, f Filter, acc Accumulate) (string, []measuredSet, error) {
		q := q
		q.Window, q.Filter, q.Accumulate = w, f, acc
		ans, err := qs.Assets(ctx, q)
		if err != nil {
			return "", nil, err
		}
		sets := make([]measuredSet, len(ans.Sets))
		for s := range ans.Sets {
			sets[s] = measure(ans.Sets[s].Window, ans.Sets[s].Rows, measuredAsset)
		}
		return ans.DataVersion, sets, nil
	})
}

// measured is what a comparison needs of a row: its cost, and the parts of it
// that have a quantity.
type measured struct {
	name  string
	total cost.Sum
	parts [4]measuredPart
}

type measuredPart struct {
	cost     cost.Sum
	quantity float64
}

type measuredSet struct {
	window cost.Window
	rows   []measured
}

func measure[R any](w cost.Window, rows []R, of func(*R) measured) measuredSet {
	set := measuredSet{window: w, rows: make([]measured, len(rows))}
	for i := range rows {
		set.rows[i] = of(&rows[i])
	}
	return set
}

func (m *measured) add(o *measured) {
	m.total.AddSum(&o.total)
	for i := range m.parts {
		m.parts[i].cost.AddSum(&o.parts[i].cost)
		m.parts[i].quantity += o.parts[i].quantity
	}
}

func measuredAllocation(r *AllocationRow) measured {
	return measured{r.Name, *r.Total(), [4]measuredPart{
		{r.CPU, float64(r.CPUAllocated)}, {r.RAM, r.RAMAllocated}, {r.GPU, float64(r.GPUAllocated)}, {r.PV, r.PVByteHours},
	}}
}

func measuredAsset(r *AssetRow) measured {
	m := measured{r.Name, *r.Total(), [4]measuredPart{
		{r.CPU, float64(r.CPUCoreHours)}, {r.RAM, r.RAMByteHours}, {r.GPU, float64(r.GPUHours)},
	}}
	if r.Props.Type == string(cost.AssetDisk) { // a row of several types has no one quantity
		m.parts[3] = measuredPart{r.Other, r.ByteHours}
	}
	return m
}

// askRows answers a question about a window and a filter, in sets.
type askRows func(w cost.Window, f Filter, acc Accumulate) (version string, sets []measuredSet, err error)

func compareRows(ctx context.Context, qs Questions, w cost.Window, f Filter, shift int, ask askRows) (*Comparison, error) {
	if shift <= 0 {
		return nil, invalid("compare", "is no number of days back", "compare with at least one day earlier")
	}
	c := &Comparison{}
	classes, err := c.pair(ctx, qs, w, f, shift)
	if err != nil {
		return nil, err
	}
	before, after := map[string]*measured{}, map[string]*measured{}
	for _, class := range classes {
		for _, part := range []struct {
			back int
			into map[string]*measured
		}{{0, after}, {shift, before}} {
			if err := c.collect(ask, f, class, part.back, part.into); err != nil {
				return nil, err
			}
		}
	}
	c.rows(before, after)
	return c, nil
}

// comparedDays are the days that some clusters are compared on.
type comparedDays struct {
	clusters []string
	days     []cost.Day
	all      bool // every cluster there is
}

// pair finds the whole days of the window, and which cluster is whole on which
// of them and shift days earlier. Clusters with the same days are one class, so
// that a healthy fleet is one question.
func (c *Comparison) pair(ctx context.Context, qs Questions, w cost.Window, f Filter, shift int) ([]comparedDays, error) {
	first, end := (w.Start + 23).Day(), w.End.Day()
	if probe, err := qs.Coverage(ctx, nil, f); err != nil {
		return nil, err
	} else if end = min(end, probe.Settled.Day()); end <= first {
		c.DataVersion = probe.DataVersion
		return nil, nil
	}
	var sets []cost.Window
	for _, from := range []cost.Day{first, first - cost.Day(shift)} {
		for d := range end - first {
			sets = append(sets, dayWindow(from+d))
		}
	}
	n := len(sets) / 2
	c.Current = cost.Window{Start: sets[0].Start, End: sets[n-1].End}
	c.Previous = cost.Window{Start: sets[n].Start, End: sets[2*n-1].End}
	cov, err := qs.Coverage(ctx, sets, f)
	if err != nil {
		return nil, err
	}
	c.DataVersion = cov.DataVersion
	byDays := map[string]*comparedDays{}
	var order []string
	for k := range cov.Sets[0].Clusters {
		var days []cost.Day
		reasons := map[string]int{}
		for i := range n {
			now, then := cov.Sets[i].Clusters[k], cov.Sets[n+i].Clusters[k]
			switch {
			case isWhole(now) && isWhole(then):
				days = append(days, first+cost.Day(i))
			case now.HoursExpected == 0 && then.HoursExpected == 0:
				continue // not there at all: nothing to pair
			default:
				reasons[whyNot(now, then)]++
			}
			c.Pairs++
		}
		name := cov.Sets[0].Clusters[k].Cluster
		c.Used += len(days)
		for _, reason := range []string{"new", "gone", "incomplete"} {
			if reasons[reason] > 0 {
				c.LeftOut = append(c.LeftOut, LeftOut{name, reasons[reason], reason})
			}
		}
		if len(days) == 0 {
			continue
		}
		key := fmt.Sprint(days)
		if byDays[key] == nil {
			byDays[key] = &comparedDays{days: days}
			order = append(order, key)
		}
		byDays[key].clusters = append(byDays[key].clusters, name)
	}
	var out []comparedDays
	for _, key := range order {
		class := *byDays[key]
		class.all = len(class.clusters) == len(cov.Sets[0].Clusters)
		out = append(out, class)
	}
	return out, nil
}

// whyNot is why a day of a cluster is not compared with an earlier one; see
// LeftOut. A cluster that joined or ended within the day had fewer hours to have.
func whyNot(now, then ClusterCompleteness) string {
	switch {
	case then.HoursExpected < now.HoursExpected && now.HoursPresent == now.HoursExpected && now.HoursPartial == 0:
		return "new"
	case now.HoursExpected < then.HoursExpected:
		return "gone"
	}
	return "incomplete"
}

// isWhole tells whether a day of a cluster has all its hours, each measured
// from end to end.
func isWhole(c ClusterCompleteness) bool { return c.HoursPresent == 24 && c.HoursPartial == 0 }

func dayWindow(d cost.Day) cost.Window {
	return cost.Window{Start: d.FirstHour(), End: (d + 1).FirstHour()}
}

// collect adds what a class costs on its days, back days earlier, to into.
func (c *Comparison) collect(ask askRows, f Filter, class comparedDays, back int, into map[string]*measured) error {
	if !class.all {
		match := Match{Property: "cluster", Op: OpEquals, Values: class.clusters}
		if f.Root == nil {
			f.Root = match
		} else {
			f.Root = And{Of: []Node{f.Root, match}}
		}
	}
	first, last := class.days[0], class.days[len(class.days)-1]
	whole, acc := int(last-first)+1 == len(class.days), AccumulateAll
	if !whole {
		acc = AccumulateDay
	}
	version, sets, err := ask(cost.Window{Start: (first - cost.Day(back)).FirstHour(), End: (last + 1 - cost.Day(back)).FirstHour()}, f, acc)
	if err != nil {
		return err
	}
	if version != c.DataVersion {
		return movedError()
	}
	for s := range sets {
		if !whole && !slices.Contains(class.days, sets[s].window.Start.Day()+cost.Day(back)) {
			continue
		}
		for i := range sets[s].rows {
			row := &sets[s].rows[i]
			if into[row.name] == nil {
				into[row.name] = &measured{name: row.name}
			}
			into[row.name].add(row)
		}
	}
	return nil
}

func (c *Comparison) rows(before, after map[string]*measured) {
	names := map[string]bool{}
	for n := range before {
		names[n] = true
	}
	for n := range after {
		names[n] = true
	}
	var nothing measured
	for name := range names {
		b, a := before[name], after[name]
		row := ChangedRow{Name: name, New: b == nil, Gone: a == nil}
		if b == nil {
			b = &nothing
		}
		if a == nil {
			a = &nothing
		}
		row.split(b, a)
		c.Rows = append(c.Rows, row)
		c.Total.Before.AddSum(&row.Before)
		c.Total.After.AddSum(&row.After)
		c.Total.Price.AddSum(&row.Price)
		c.Total.Volume.AddSum(&row.Volume)
	}
	// The changes are worked out once: a fleet has thousands of workloads.
	type sized struct {
		row    ChangedRow
		change *big.Int
	}
	bySize := make([]sized, len(c.Rows))
	for i := range c.Rows {
		bySize[i] = sized{c.Rows[i], c.Rows[i].Change().Big()}
	}
	slices.SortFunc(bySize, func(a, b sized) int {
		return cmp.Or(b.change.CmpAbs(a.change), strings.Compare(a.row.Name, b.row.Name))
	})
	for i := range bySize {
		c.Rows[i] = bySize[i].row
	}
}

// split parts the change of a group into price and volume.
func (r *ChangedRow) split(b, a *measured) {
	r.Before, r.After = b.total, a.total
	for i := range b.parts {
		before, after := &b.parts[i], &a.parts[i]
		// A price is told only where there is a quantity in both periods.
		if before.quantity <= 0 || after.quantity <= 0 {
			continue
		}
		atOldPrice := new(big.Float).Mul(new(big.Float).SetInt(before.cost.Big()), big.NewFloat(after.quantity/before.quantity))
		rounded, _ := atOldPrice.Int(nil)
		r.Price.AddBig(new(big.Int).Sub(after.cost.Big(), rounded))
	}
	r.Volume = *minus(r.Change(), &r.Price)
}

func minus(a, b *cost.Sum) *cost.Sum {
	var s cost.Sum
	s.AddBig(new(big.Int).Sub(a.Big(), b.Big()))
	return &s
}

// movedError says that the data changed between the questions of one answer.
func movedError() error {
	return &Error{Code: CodeUnavailable, Reason: errMoved, Hint: "ask again in a moment"}
}

const errMoved = "data are being loaded faster than the question can be answered"
