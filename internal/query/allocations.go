package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Allocations implements Questions.
//
// Rows of containers and of unmounted volumes are grouped by q.Aggregate;
// idle, overhead and, where nobody is left to take it, shared cost are rows of
// their own under the names __idle__, __overhead__ and __shared__. docs/model.md
// states what they hold.
func (e *Engine) Allocations(ctx context.Context, q AllocationQuery) (*AllocationAnswer, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	question := fmt.Sprintf("%#v", q)
	answer := func(ctx context.Context) (*allocResult, error) { return e.allocations(ctx, q, question) }
	out, err := answer(ctx)
	if err != nil {
		return nil, err
	}
	e.recent.note("allocation "+question, e.cfg.Now(), func(ctx context.Context) error { _, err := answer(ctx); return err })
	a := out.answer
	a.Completeness = e.completeness(out.present, q.Window)
	return &a, nil
}

// allocations answers a question, named by its text, from what is kept or from the store.
func (e *Engine) allocations(ctx context.Context, q AllocationQuery, question string) (*allocResult, error) {
	var out *allocResult
	err := e.atOneVersion(ctx, func(version string) error {
		key := e.questionKey("allocation", version, question)
		if hit, ok := e.cache.get(key); ok {
			out = hit.(*allocResult)
			return nil
		}
		var err error
		if out, err = e.allocationsAt(ctx, q, version, false); isOverflow(err) {
			out, err = e.allocationsAt(ctx, q, version, true)
		}
		if err == nil {
			e.cache.put(key, out, out.bytes())
		}
		return err
	})
	return out, err
}

// allocResult is a computed answer without what depends on the clock.
type allocResult struct {
	answer  AllocationAnswer
	present *presence
}

// bytes estimates what the result holds in memory.
func (a *allocResult) bytes() int64 {
	n := int64(4096)
	for _, s := range a.answer.Sets {
		for i := range s.Rows {
			r := &s.Rows[i]
			n += 1500 + int64(len(r.Attachments))*200 + int64(len(r.Props.Labels)+len(r.Props.NamespaceLabels))*100
		}
	}
	return n
}

// check refuses what no answer could honour.
func (q *AllocationQuery) check() error {
	for _, d := range q.Aggregate {
		if (d.Property == "label" || d.Property == "annotation") && d.Key == "" {
			return invalid("aggregate", d.Property+" without a key", "write "+d.Property+":app")
		}
	}
	switch {
	case q.Offset < 0:
		return invalid("offset", "is negative", "")
	case q.Limit < 0:
		return invalid("limit", "is negative", "0 means no limit")
	case q.ShareCostMonthly < 0:
		return invalid("shareCost", "is negative", "")
	case q.ShareSplit != "" && q.ShareSplit != SplitWeighted && q.ShareSplit != SplitEven:
		return invalid("shareSplit", fmt.Sprintf("%q is not known", q.ShareSplit), "use weighted or even")
	}
	if q.ShareScope != "" && q.ShareScope != ShareWithinCluster && q.ShareScope != ShareWithinFleet {
		return invalid("shareScope", fmt.Sprintf("%q is not known", q.ShareScope), "use cluster or fleet")
	}
	for _, l := range q.ShareLabels {
		if l.Key == "" || l.Value == "" {
			return invalid("shareLabels", fmt.Sprintf("%q is not key:value", l.Key+":"+l.Value), "write app:web")
		}
		if cost.PerPodLabel(cost.SanitizeLabel(l.Key)) {
			return droppedLabelError("shareLabels", l.Key)
		}
	}
	_, err := allocationOrder(q.SortBy)
	return err
}

// allocRun is the work on one allocation question at one version of the data.
type allocRun struct {
	e    *Engine
	ctx  context.Context
	q    AllocationQuery
	meta *storeMeta
	plan *timePlan
	wide bool
	dims []Dimension

	scope, rest Node // the filter's conditions on clusters, and the others
	byNode      bool // the basis of idle shares

	sets     []map[string]*AllocationRow
	rows     int   // of all sets
	unread   []int // rows of each set that no page shows, see top
	props    propertyTable
	warnings []string
}

func (e *Engine) allocationsAt(ctx context.Context, q AllocationQuery, version string, wide bool) (*allocResult, error) {
	r, err := e.allocRun(ctx, q, version)
	if err != nil {
		return nil, err
	}
	r.wide = wide
	for _, step := range []func() error{r.grouped, r.idle, r.shares} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return r.result(version)
}

// allocRun begins the work on a question.
func (e *Engine) allocRun(ctx context.Context, q AllocationQuery, version string) (*allocRun, error) {
	meta, err := e.metaAt(ctx, version)
	if err != nil {
		return nil, err
	}
	plan, err := e.plan(ctx, meta, q.Window, q.StepHours, q.Accumulate, q.Without)
	if err != nil {
		return nil, err
	}
	r := &allocRun{e: e, ctx: ctx, q: q, meta: meta, plan: plan, dims: q.Aggregate, props: propertyTable{}, warnings: meta.warnings()}
	if len(r.dims) == 0 && !q.All {
		r.dims = containerDimensions()
	}
	if q.All {
		r.dims = nil
	}
	r.scope, r.rest = scopeOf(q.Filter)
	r.byNode = q.IdleByNode || q.Idle == IdleShareByNode || mentions(q.Filter.Root, "node")
	if r.byNode && q.Idle == IdleShareByCluster {
		r.warnings = append(r.warnings, "idle is shared by node, because the question is about nodes")
	}
	r.sets = make([]map[string]*AllocationRow, len(plan.sets))
	for i := range r.sets {
		r.sets[i] = map[string]*AllocationRow{}
	}
	return r, nil
}

// plan chooses the tables for a window and sees to its hours.
func (e *Engine) plan(ctx context.Context, meta *storeMeta, w cost.Window, stepHours int64, acc Accumulate, without []ClusterDays) (*timePlan, error) {
	sets, err := setsOf(w, stepHours, acc)
	if err != nil {
		return nil, err
	}
	plan := newTimePlan(w, stepHours, acc, sets, func(d cost.Day) (first, last cost.Hour, ok bool) {
		span, ok := meta.days[d]
		return span.first, span.last, ok
	})
	plan.without = notOf(without)
	if days := plan.hourDays(); len(days) > 0 && e.hydrator != nil {
		if err := e.hydrator.EnsureHours(ctx, days); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, &Error{
				Code: CodeUnavailable, Param: "window", Reason: "the hours of a part of this window are not at hand", Err: err,
				Hint: "ask for whole UTC days, or a later window", noHours: true,
			}
		}
	}
	return plan, nil
}

// row returns the row of a set by its key, made if need be.
func (r *allocRun) row(set int, key []string, name string) *AllocationRow {
	row, ok := r.sets[set][name]
	if !ok {
		row = &AllocationRow{Name: name, Key: slices.Clone(key)}
		r.rows++
		r.sets[set][name] = row
	}
	return row
}

// widen extends a row's span.
func (r *AllocationRow) widen(startUS, endUS any) {
	if startUS == nil || endUS == nil {
		return
	}
	start, end := micros(integer(startUS)), micros(integer(endUS))
	if r.Start.IsZero() || start.Before(r.Start) {
		r.Start = start
	}
	if end.After(r.End) {
		r.End = end
	}
}

// allName is the one row of aggregate=all.
const allName = "all"

// rowKey is the key and name of what a row of this kind with these values
// belongs to.
func (r *allocRun) rowKey(parts []groupPart, values []string, kind cost.Kind) ([]string, string) {
	if r.q.All {
		return []string{}, allName
	}
	key := keyOf(parts, values, missingName(kind))
	return key, nameOf(key)
}

// result sorts, pages and completes the rows.
func (r *allocRun) result(version string) (*allocResult, error) {
	q := &r.q
	by, err := allocationOrder(q.SortBy)
	if err != nil {
		return nil, err
	}
	out := &allocResult{answer: AllocationAnswer{Answer: Answer{
		Window: q.Window, DataVersion: version, Currency: r.meta.currency, Warnings: r.warnings,
	}}}
	var shown []*AllocationRow
	pages := make([][]*AllocationRow, len(r.sets))
	for i, set := range r.sets {
		rows := make([]*AllocationRow, 0, len(set))
		for _, row := range set {
			rows = append(rows, row)
		}
		count := len(rows)
		if r.unread != nil {
			count += r.unread[i]
		}
		out.answer.RowCount = max(out.answer.RowCount, count)
		pages[i] = arrange(rows, by, func(r *AllocationRow) string { return r.Name }, q.Ascending, q.Offset, q.Limit)
		shown = append(shown, pages[i]...)
	}
	if q.Detail == DetailAll {
		if err := r.fillProperties(shown); err != nil {
			return nil, err
		}
	}
	if err := r.attach(pages); err != nil {
		return nil, err
	}
	for i, page := range pages {
		set := AllocationSet{Window: r.plan.sets[i], Rows: make([]AllocationRow, len(page))}
		for j, row := range page {
			set.Rows[j] = *row
		}
		out.answer.Sets = append(out.answer.Sets, set)
	}
	out.present, err = r.e.presenceOf(r.ctx, r.meta, q.Window, r.scope)
	return out, err
}
