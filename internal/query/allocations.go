package query

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"

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
	var out *allocResult
	err := e.atOneVersion(ctx, func(version string) error {
		key := e.questionKey("allocation", version, fmt.Sprintf("%#v", q))
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
	if err != nil {
		return nil, err
	}
	answer := out.answer
	answer.Completeness = e.completeness(out.present, q.Window)
	return &answer, nil
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
	for _, l := range q.ShareLabels {
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
	props    propertyTable
	warnings []string
}

func (e *Engine) allocationsAt(ctx context.Context, q AllocationQuery, version string, wide bool) (*allocResult, error) {
	meta, err := e.metaAt(ctx, version)
	if err != nil {
		return nil, err
	}
	plan, err := e.plan(ctx, q.Window, q.StepHours, q.Accumulate)
	if err != nil {
		return nil, err
	}
	r := &allocRun{e: e, ctx: ctx, q: q, meta: meta, plan: plan, wide: wide, dims: q.Aggregate, props: propertyTable{}, warnings: meta.warnings()}
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
	for _, step := range []func() error{r.grouped, r.idle, r.shares} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return r.result(version)
}

// plan chooses the tables for a window and sees to its hours.
func (e *Engine) plan(ctx context.Context, w cost.Window, stepHours int64, acc Accumulate) (*timePlan, error) {
	sets, err := setsOf(w, stepHours, acc)
	if err != nil {
		return nil, err
	}
	present, err := e.hoursOfDays(ctx, w)
	if err != nil {
		return nil, err
	}
	plan := newTimePlan(w, stepHours, acc, sets, present)
	if days := plan.hourDays(); len(days) > 0 && e.hydrator != nil {
		if err := e.hydrator.EnsureHours(ctx, days); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, &Error{Code: CodeUnavailable, Param: "window", Reason: "the hours of a part of this window are not at hand", Err: err,
				Hint: "ask for whole UTC days, or a later window"}
		}
	}
	return plan, nil
}

// statement is one SELECT over allocation rows in the making.
type statement struct {
	*textBuilder
	where  []string
	groups []string
	values []string
}

func (r *allocRun) statement() *statement {
	return &statement{textBuilder: newTextBuilder(SourceAllocation, r.e.cfg.LabelAliases, r.meta)}
}

// filter adds a condition of the grammar.
func (s *statement) filter(nodes ...Node) error {
	for _, n := range nodes {
		text, err := s.condition(n)
		if err != nil {
			return err
		}
		s.where = append(s.where, text)
	}
	return nil
}

func (s *statement) kinds(kinds ...cost.Kind) {
	s.need("kind")
	if len(kinds) == 1 {
		s.where = append(s.where, "kind = "+literal(string(kinds[0])))
		return
	}
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	s.where = append(s.where, "kind IN ("+literals(names)+")")
}

func (s *statement) measures(ms []allocMeasure, wide bool) {
	for _, m := range ms {
		s.need(m.column)
		s.values = append(s.values, m.expr(wide))
	}
}

// dayTable is the smallest rollup with the columns needed so far.
func (s *statement) dayTable() string {
	if needsContainers(s.columns) {
		return "alloc_day_container"
	}
	return "alloc_day_controller"
}

// sql writes the statement over the smallest tables that can answer it.
func (s *statement) sql(r *allocRun) string { return s.sqlFrom(r, s.dayTable()) }

func (s *statement) sqlFrom(r *allocRun, dayTable string) string {
	if odd := r.meta.inCurrency(); odd != "TRUE" {
		s.need("cluster")
		s.where = append(s.where, odd)
	}
	list := append(slices.Clone(s.groups), s.values...)
	text := "SELECT " + strings.Join(list, ", ") + "\nFROM (" + r.plan.source(dayTable, "alloc_hour", s.columns, "") + ") r"
	if len(s.joins) > 0 {
		text += "\n" + strings.Join(s.joins, "\n")
	}
	if w := andAll(s.where...); w != "TRUE" {
		text += "\nWHERE " + w
	}
	if len(s.groups) > 0 {
		ordinals := make([]string, len(s.groups))
		for i := range ordinals {
			ordinals[i] = fmt.Sprint(i + 1)
		}
		text += "\nGROUP BY " + strings.Join(ordinals, ", ")
	}
	return text
}

// row returns the row of a set by its key, made if need be.
func (r *allocRun) row(set int, key []string, name string) *AllocationRow {
	row, ok := r.sets[set][name]
	if !ok {
		row = &AllocationRow{Name: name, Key: slices.Clone(key)}
		r.sets[set][name] = row
	}
	return row
}

// widen extends a row's span.
func (row *AllocationRow) widen(startUS, endUS any) {
	if startUS == nil || endUS == nil {
		return
	}
	start, end := micros(integer(startUS)), micros(integer(endUS))
	if row.Start.IsZero() || start.Before(row.Start) {
		row.Start = start
	}
	if end.After(row.End) {
		row.End = end
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

// layout is what the main statement carries besides the rows of containers and
// unmounted volumes. What it can carry saves another pass over the table.
type layout struct {
	idle, overhead bool           // rows of these kinds
	own            []allocMeasure // of every row
	shares         []allocMeasure // idle given to the row, or left over on idle rows
	reserved       []allocMeasure // of idle rows
	apart          bool           // shares go to __idle__, not to the row
}

func (r *allocRun) layout() layout {
	l := layout{own: slices.Concat(quantityMeasures(), costMeasures()), overhead: r.q.Overhead == OverheadSeparate}
	pools := len(r.q.ShareNamespaces)+len(r.q.ShareLabels) > 0
	switch {
	case r.q.Idle == IdleShareByCluster || r.q.Idle == IdleShareByNode:
		l.shares, l.idle = idleShareMeasures(r.byNode), !r.q.SplitIdle
	case r.q.Idle != IdleSeparate || r.q.SplitIdle:
	case r.wholeIdle():
		l.reserved, l.idle = reservedMeasures(), true
	case !pools:
		l.shares, l.idle, l.apart = idleShareMeasures(r.byNode), true, true
	}
	return l
}

// wholeIdle tells whether the filter takes whole clusters (or nodes, where
// idle is by node), so that all idle of those belongs to the answer.
func (r *allocRun) wholeIdle() bool {
	f := r.q.Filter.Root
	return only(f, "cluster") || r.byNode && only(f, "cluster", "node")
}

// grouped fills the rows of containers and unmounted volumes, and those of
// idle and overhead where the layout has them.
func (r *allocRun) grouped() error {
	s := r.statement()
	parts, err := s.group(r.dims)
	if err != nil {
		return err
	}
	if err := s.filter(r.scope, r.rest); err != nil {
		return err
	}
	if pool := r.poolTest(s); pool != "" {
		s.where = append(s.where, "NOT "+pool)
	}
	l := r.layout()
	kinds := []cost.Kind{cost.KindContainer, cost.KindUnmounted}
	if l.idle {
		kinds = append(kinds, cost.KindIdle)
	}
	if l.overhead {
		kinds = append(kinds, cost.KindOverhead)
	}
	s.kinds(kinds...)
	exprs := groupExprs(parts)
	s.groups = append([]string{"s", "kind"}, exprs...)
	s.need("start_us", "end_us")
	s.values = []string{"min(start_us)", "max(end_us)"}
	for _, ms := range [][]allocMeasure{l.own, l.shares, l.reserved} {
		s.measures(ms, r.wide)
	}
	// Properties do not decide the table: the smaller rollup knows where they
	// are several.
	table := s.dayTable()
	props := newPropertyReader(r.dims, exprs)
	for _, c := range props.computed {
		s.need(propertyColumns[c])
		s.values = append(s.values, props.expr(c))
	}
	names := make([]string, len(exprs))
	return r.e.each(r.ctx, s.sqlFrom(r, table), func(v []any) error {
		set, kind := int(integer(v[0])), cost.Kind(textOf(v[1]))
		for i := range names {
			names[i] = textOf(v[2+i])
		}
		p := part{start: v[2+len(exprs)], end: v[3+len(exprs)]}
		v = v[4+len(exprs):]
		p.own, v = v[:len(l.own)], v[len(l.own):]
		p.shares, v = v[:len(l.shares)], v[len(l.shares):]
		p.reserved, v = v[:len(l.reserved)], v[len(l.reserved):]
		if kind == cost.KindIdle || kind == cost.KindOverhead {
			r.addReserved(set, kind, &l, &p)
			return nil
		}
		key, name := r.rowKey(parts, names, kind)
		row := r.row(set, key, name)
		if row.Kind == "" || kind == cost.KindContainer {
			row.Kind = kind
		}
		row.widen(p.start, p.end)
		addAll(row, l.own, p.own)
		if l.apart {
			r.addIdle(set, &p)
		} else {
			addAll(row, l.shares, p.shares)
		}
		r.props.merge(row, props, names, v)
		return nil
	})
}

// part is one row of the main statement: a group's rows of one kind.
type part struct {
	start, end            any
	own, shares, reserved []any
}

func addAll(row *AllocationRow, ms []allocMeasure, values []any) {
	for i, m := range ms {
		m.add(row, values[i])
	}
}

// addReserved adds a part of idle or overhead rows to __idle__ or
// __overhead__.
func (r *allocRun) addReserved(set int, kind cost.Kind, l *layout, p *part) {
	costs := p.own[len(p.own)-len(costMeasures()):]
	switch {
	case kind == cost.KindOverhead && !allZero(costs):
		row := r.reserved(set, cost.OverheadName, kind, nil)
		row.widen(p.start, p.end)
		addAll(row, costMeasures(), costs)
	case kind == cost.KindIdle && len(l.shares) > 0:
		r.addIdle(set, p)
	case kind == cost.KindIdle && !allZero(costs):
		row := r.reserved(set, cost.IdleName, kind, nil)
		row.widen(p.start, p.end)
		addAll(row, costMeasures(), costs)
		addAll(row, l.reserved, p.reserved)
	}
}

// addIdle adds the idle shares of a part to __idle__.
func (r *allocRun) addIdle(set int, p *part) {
	if allZero(p.shares) {
		return
	}
	row := r.reserved(set, cost.IdleName, cost.KindIdle, nil)
	row.widen(p.start, p.end)
	addAll(row, idleRowMeasures(r.byNode), p.shares)
}

// idle fills the __idle__ rows where the main statement does not: all idle,
// what the filtered rows were given of it, or what found no consumer, as the
// mode asks.
func (r *allocRun) idle() error {
	if r.q.Idle == IdleHide || r.layout().idle {
		return nil
	}
	s := r.statement()
	measures := idleRowMeasures(r.byNode)
	switch {
	case r.q.Idle != IdleSeparate:
		s.kinds(cost.KindIdle)
	case r.wholeIdle():
		s.kinds(cost.KindIdle)
		measures = append(costMeasures()[:3], reservedMeasures()...)
	default:
		s.kinds(cost.KindContainer, cost.KindIdle)
	}
	if err := s.filter(r.q.Filter.Root); err != nil {
		return err
	}
	s.groups = []string{"s"}
	if r.q.SplitIdle {
		s.need("cluster")
		s.groups = append(s.groups, "cluster")
		if r.q.IdleByNode {
			s.need("node")
			s.groups = append(s.groups, "node")
		}
	}
	s.need("start_us", "end_us")
	s.values = []string{"min(start_us)", "max(end_us)"}
	s.measures(measures, r.wide)
	split := len(s.groups) - 1
	return r.e.each(r.ctx, s.sql(r), func(v []any) error {
		var where []string
		for _, g := range v[1 : 1+split] {
			where = append(where, textOf(g))
		}
		values := v[1+split+2:]
		if allZero(values) {
			return nil
		}
		row := r.reserved(int(integer(v[0])), cost.IdleName, cost.KindIdle, where)
		row.widen(v[1+split], v[2+split])
		for i, m := range measures {
			m.add(row, values[i])
		}
		return nil
	})
}

// reserved returns the row under a reserved name, or under one for each
// cluster (and node) with where.
func (r *allocRun) reserved(set int, name string, kind cost.Kind, where []string) *AllocationRow {
	key := make([]string, len(r.dims))
	for i, d := range r.dims {
		switch {
		case d.Property == "cluster" && len(where) > 0:
			key[i] = where[0]
		case d.Property == "node" && len(where) > 1:
			key[i] = where[1]
		default:
			key[i] = name
		}
	}
	row := r.row(set, key, nameOf(append(slices.Clone(where), name)))
	row.Kind = kind
	if len(where) > 0 {
		row.Props.Cluster = where[0]
	}
	if len(where) > 1 {
		row.Props.Node = where[1]
	}
	return row
}

func allZero(values []any) bool {
	for _, v := range values {
		if b, ok := v.(*big.Int); ok && b.Sign() != 0 || !ok && integer(v) != 0 {
			return false
		}
	}
	return true
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
		out.answer.RowCount = max(out.answer.RowCount, len(rows))
		pages[i] = arrange(rows, by, func(r *AllocationRow) string { return r.Name }, q.Ascending, q.Offset, q.Limit)
		shown = append(shown, pages[i]...)
	}
	if err := r.fillProperties(shown); err != nil {
		return nil, err
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
