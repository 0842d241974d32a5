package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Comparison says what changed from one period to another, like for like: only
// days of a cluster that are whole in both periods count, so that neither a gap
// nor a cluster that joined looks like a change. A day that the window cuts, or
// that is not over, counts with its hours against the same hours of the earlier
// day, where all of them are whole.
type Comparison struct {
	DataVersion string
	// Current and Previous reach from the first hour compared to the last, or
	// over what was looked at where nothing can be compared.
	Current, Previous cost.Window
	// Pairs are the cluster-days of the window so far, a day with a part of its
	// hours among them; Used those that were compared.
	Pairs, Used int
	// LeftOut are the clusters with days that were not compared.
	LeftOut []LeftOut
	Rows    []ChangedRow // by size of change, largest first
	Total   ChangedRow
}

// LeftOut says why days of a cluster were not compared.
type LeftOut struct {
	Cluster string
	Days    int // a day with a part of its hours counts as one
	// Reason is "new" where the cluster was not there before, "gone" where it is
	// no longer expected, "incomplete" where hours are missing or late, "hours"
	// where a part of a day can no longer be told from the rest of it.
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

// Compare asks q for the settled hours of its window and for those shift days
// earlier.
func Compare(ctx context.Context, qs Questions, q AllocationQuery, shift int) (*Comparison, error) {
	q.StepHours, q.Offset, q.Limit, q.SortBy, q.IncludeAttachments, q.Accumulate = 0, 0, 0, "", false, AccumulateAll
	return compareRows(ctx, qs, q.Window, q.Filter, shift, func(w cost.Window, without []ClusterDays) (string, []measured, error) {
		q := q
		q.Window, q.Without = w, without
		ans, err := qs.Allocations(ctx, q)
		if err != nil {
			return "", nil, err
		}
		return ans.DataVersion, measure(ans.Sets[0].Rows, measuredAllocation), nil
	})
}

// CompareAssets is Compare for assets. Price is told of CPU, memory and GPU by
// what nodes have, and of disks by their size; the rest is volume.
func CompareAssets(ctx context.Context, qs Questions, q AssetQuery, shift int) (*Comparison, error) {
	q.StepHours, q.Offset, q.Limit, q.SortBy, q.Accumulate = 0, 0, 0, "", AccumulateAll
	return compareRows(ctx, qs, q.Window, q.Filter, shift, func(w cost.Window, without []ClusterDays) (string, []measured, error) {
		q := q
		q.Window, q.Without = w, without
		ans, err := qs.Assets(ctx, q)
		if err != nil {
			return "", nil, err
		}
		return ans.DataVersion, measure(ans.Sets[0].Rows, measuredAsset), nil
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

func measure[R any](rows []R, of func(*R) measured) []measured {
	out := make([]measured, len(rows))
	for i := range rows {
		out[i] = of(&rows[i])
	}
	return out
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

// askRows answers a question about a window, without days of clusters.
type askRows func(w cost.Window, without []ClusterDays) (version string, rows []measured, err error)

func compareRows(ctx context.Context, qs Questions, w cost.Window, f Filter, shift int, ask askRows) (*Comparison, error) {
	if shift <= 0 {
		return nil, invalid("compare", "is no number of days back", "compare with at least one day earlier")
	}
	for range maxAttempts { // at one version of the data
		c, err := compareOnce(ctx, qs, w, f, shift, ask)
		if e := (*Error)(nil); errors.As(err, &e) && e.Reason == errMoved {
			continue
		}
		return c, err
	}
	return nil, movedError()
}

func compareOnce(ctx context.Context, qs Questions, w cost.Window, f Filter, shift int, ask askRows) (*Comparison, error) {
	c := &Comparison{}
	pairs, err := c.pair(ctx, qs, w, f, shift)
	if err != nil {
		return nil, err
	}
	before, after, err := c.ask(ask, pairs, shift)
	if isWithoutHours(err) && pairs.dropParts() {
		before, after, err = c.ask(ask, pairs, shift)
	}
	if err != nil {
		return nil, err
	}
	c.count(pairs)
	c.rows(before, after)
	return c, nil
}

// ask asks for both periods, from the first to the last day that a cluster is
// compared on, without the days that clusters are not compared on.
func (c *Comparison) ask(ask askRows, pairs *pairedDays, shift int) (before, after map[string]*measured, err error) {
	now, without, ok := pairs.used()
	if !ok {
		return nil, nil, nil
	}
	c.Current, c.Previous = now, earlier(now, shift)
	get := func(back int) (map[string]*measured, error) {
		moved := make([]ClusterDays, len(without))
		for i, w := range without {
			moved[i] = ClusterDays{w.Clusters, make([]cost.Day, len(w.Days))}
			for j, d := range w.Days {
				moved[i].Days[j] = d - cost.Day(back)
			}
		}
		version, rows, err := ask(earlier(now, back), moved)
		if err != nil {
			return nil, err
		}
		if version != c.DataVersion {
			return nil, movedError()
		}
		of := make(map[string]*measured, len(rows))
		for i := range rows {
			of[rows[i].name] = &rows[i]
		}
		return of, nil
	}
	if after, err = get(0); err != nil {
		return nil, nil, err
	}
	before, err = get(shift)
	return before, after, err
}

// pairedDays are the days of a window, of which the first and the last may be
// parts, and what becomes of each with each cluster.
type pairedDays struct {
	days     []cost.Window
	clusters []string
	why      [][]string // by cluster and day: "" is compared, else the reason; absent where there is nothing to pair
}

const absent = "absent"

// dropParts leaves out the parts of days: their hours are kept by the day only.
// It is false where there are none.
func (p *pairedDays) dropParts() bool {
	any := false
	for i, d := range p.days {
		if d.Hours() == 24 {
			continue
		}
		for k := range p.why {
			if p.why[k][i] == "" {
				p.why[k][i], any = "hours", true
			}
		}
	}
	return any
}

// used is the window from the first day to the last that is compared, and the
// days within it that are not. ok is false where nothing is.
func (p *pairedDays) used() (w cost.Window, without []ClusterDays, ok bool) {
	first, last := len(p.days), -1
	for i := range p.days {
		for k := range p.why {
			if p.why[k][i] == "" {
				first, last = min(first, i), i
			}
		}
	}
	if last < 0 {
		return w, nil, false
	}
	at := map[string]int{} // clusters without the same days are one
	for k, name := range p.clusters {
		var days []cost.Day
		for i := first; i <= last; i++ {
			if p.why[k][i] != "" {
				days = append(days, p.days[i].Start.Day())
			}
		}
		if len(days) == 0 {
			continue
		}
		key := fmt.Sprint(days)
		if _, known := at[key]; !known {
			at[key] = len(without)
			without = append(without, ClusterDays{Days: days})
		}
		of := &without[at[key]]
		of.Clusters = append(of.Clusters, name)
	}
	return cost.Window{Start: p.days[first].Start, End: p.days[last].End}, without, true
}

// count tells how many cluster-days were compared and why others were not.
func (c *Comparison) count(p *pairedDays) {
	for k, name := range p.clusters {
		reasons := map[string]int{}
		for _, why := range p.why[k] {
			if why != absent {
				c.Pairs++
				reasons[why]++
			}
		}
		c.Used += reasons[""]
		for _, reason := range []string{"new", "gone", "incomplete", "hours"} {
			if reasons[reason] > 0 {
				c.LeftOut = append(c.LeftOut, LeftOut{name, reasons[reason], reason})
			}
		}
	}
}

// earlier is a window shift days before.
func earlier(w cost.Window, shift int) cost.Window {
	back := cost.Hour(24 * shift)
	return cost.Window{Start: w.Start - back, End: w.End - back}
}

// daysOf cuts a window into its UTC days; the first and the last may be parts.
func daysOf(w cost.Window) []cost.Window {
	var out []cost.Window
	for _, d := range w.Days() {
		out = append(out, w.Intersect(cost.Window{Start: d.FirstHour(), End: (d + 1).FirstHour()}))
	}
	return out
}

// pair finds the days of the window, and which cluster is whole on which of
// them and shift days earlier.
func (c *Comparison) pair(ctx context.Context, qs Questions, w cost.Window, f Filter, shift int) (*pairedDays, error) {
	probe, err := qs.Coverage(ctx, nil, f)
	if err != nil {
		return nil, err
	}
	c.DataVersion = probe.DataVersion
	settled := probe.Settled <= w.End
	w.End = min(w.End, probe.Settled)
	if w.Empty() {
		return &pairedDays{}, nil
	}
	now, err := c.coverage(ctx, qs, w, f)
	if err != nil {
		return nil, err
	}
	if newest := newestHour(w, now); settled && newest < w.End {
		w.End = newest
		days := daysOf(w)
		part, err := c.coverage(ctx, qs, days[len(days)-1], f)
		if err != nil {
			return nil, err
		}
		now = append(now[:len(days)-1], part...)
	}
	then, err := c.coverage(ctx, qs, earlier(w, shift), f)
	if err != nil {
		return nil, err
	}
	c.Current, c.Previous = w, earlier(w, shift)
	return newPairedDays(daysOf(w), now, then), nil
}

// coverage is what is there of each day of a window.
func (c *Comparison) coverage(ctx context.Context, qs Questions, w cost.Window, f Filter) ([]Completeness, error) {
	cov, err := qs.Coverage(ctx, daysOf(w), f)
	if err != nil {
		return nil, err
	}
	if cov.DataVersion != c.DataVersion {
		return nil, movedError()
	}
	return cov.Sets, nil
}

// newestHour is where the last day of a window ends for the cluster that has
// most of it: hours that no cluster has yet are late for the whole fleet, which
// is no reason to leave the day out. It is the window's end where no cluster has
// anything of the day.
func newestHour(w cost.Window, sets []Completeness) cost.Hour {
	days := daysOf(w)
	last := days[len(days)-1]
	var most int64
	for _, cluster := range sets[len(days)-1].Clusters {
		most = max(most, cluster.HoursPresent)
	}
	if most == 0 {
		return w.End
	}
	return last.Start + cost.Hour(most)
}

// newPairedDays pairs the days of each cluster.
func newPairedDays(days []cost.Window, now, then []Completeness) *pairedDays {
	p := &pairedDays{days: days}
	for k := range now[0].Clusters {
		why := make([]string, len(days))
		for i, day := range days {
			now, then := now[i].Clusters[k], then[i].Clusters[k]
			switch {
			case isWhole(now, day) && isWhole(then, day):
			case now.HoursExpected == 0 && then.HoursExpected == 0:
				why[i] = absent
			default:
				why[i] = whyNot(now, then)
			}
		}
		p.clusters, p.why = append(p.clusters, now[0].Clusters[k].Cluster), append(p.why, why)
	}
	return p
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

// isWhole tells whether a day of a cluster, or the part of one that is asked
// about, has all its hours, each measured from end to end.
func isWhole(c ClusterCompleteness, day cost.Window) bool {
	return c.HoursPresent == day.Hours() && c.HoursPartial == 0
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
