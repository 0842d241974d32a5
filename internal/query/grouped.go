package query

import (
	"math/big"
	"slices"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// layout is what the main statement carries besides the rows of containers and
// unmounted volumes. What it can carry saves another pass over the table.
type layout struct {
	idle, overhead bool           // rows of these kinds
	own            []allocMeasure // of every row, the costs last
	costs          []allocMeasure
	shares         []allocMeasure // idle given to the row, or left over on idle rows
	reserved       []allocMeasure // of idle rows
	apart          bool           // shares go to __idle__, not to the row
	idleOfShares   bool           // __idle__ is made of shares, not of costs
}

func (r *allocRun) layout() layout {
	l := layout{costs: r.meta.nonZero(costMeasures()), overhead: r.q.Overhead == OverheadSeparate}
	l.own = append(r.meta.nonZero(r.q.Detail.quantities()), l.costs...)
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
	l.idleOfShares = len(l.shares) > 0
	l.shares, l.reserved = r.meta.nonZero(l.shares), r.meta.nonZero(l.reserved)
	return l
}

// wholeIdle tells whether the filter takes whole clusters (or nodes, where
// idle is by node), so that all idle of those belongs to the answer.
func (r *allocRun) wholeIdle() bool {
	f := r.q.Filter.Root
	return only(f, "cluster") || r.byNode && only(f, "cluster", "node")
}

// mainStatement is the one over the rows of containers and unmounted volumes,
// and of what else the layout has.
type mainStatement struct {
	*statement
	layout
	table string
	parts []groupPart
	props *propertyReader
	top   *top
}

func (r *allocRun) mainStatement() (*mainStatement, error) {
	s := &mainStatement{statement: r.statement(), layout: r.layout()}
	var err error
	if s.parts, err = s.group(r.dims); err != nil {
		return nil, err
	}
	if err := s.filter(r.scope, r.rest); err != nil {
		return nil, err
	}
	if pool := r.poolTest(s.statement); pool != "" {
		s.where = append(s.where, "NOT "+pool)
	}
	kinds := []cost.Kind{cost.KindContainer, cost.KindUnmounted}
	if s.idle {
		kinds = append(kinds, cost.KindIdle)
	}
	if s.overhead {
		kinds = append(kinds, cost.KindOverhead)
	}
	s.kinds(kinds...)
	exprs := groupExprs(s.parts)
	s.groups = append([]string{"s", "kind"}, exprs...)
	s.need("start_us", "end_us")
	s.values = []string{"min(start_us)", "max(end_us)"}
	for _, ms := range [][]allocMeasure{s.own, s.shares, s.layout.reserved} {
		s.measures(ms, r.wide)
	}
	// Properties do not decide the table: a smaller rollup knows where they
	// are several.
	s.table = dayTable(s.columns)
	s.props = &propertyReader{}
	if r.q.Detail == DetailAll {
		s.props = newPropertyReader(r.dims, exprs)
	}
	for _, c := range s.props.computed {
		s.need(propertyColumns[c])
		s.values = append(s.values, s.props.expr(c))
	}
	if s.top, err = r.topOf(&s.layout, s.table); err != nil {
		return nil, err
	}
	s.limit(s.top, s.idle || s.overhead)
	return s, nil
}

// grouped fills the rows of containers and unmounted volumes, and those of
// idle and overhead where the layout has them.
func (r *allocRun) grouped() error {
	s, err := r.mainStatement()
	if err != nil {
		return err
	}
	names := make([]string, len(groupExprs(s.parts)))
	found := make([]int64, len(r.sets)) // names, whether read or not
	err = r.e.each(r.ctx, s.sqlFrom(r, s.table), func(v []any) error {
		set, kind := int(integer(v[0])), cost.Kind(textOf(v[1]))
		for i := range names {
			names[i] = textOf(v[2+i])
		}
		p := part{start: v[2+len(names)], end: v[3+len(names)]}
		v = v[4+len(names):]
		p.own, v = v[:len(s.own)], v[len(s.own):]
		p.shares, v = v[:len(s.shares)], v[len(s.shares):]
		p.reserved, v = v[:len(s.layout.reserved)], v[len(s.layout.reserved):]
		if kind == cost.KindIdle || kind == cost.KindOverhead {
			r.addReserved(set, kind, &s.layout, &p)
			return nil
		}
		key, name := r.rowKey(s.parts, names, kind)
		row := r.row(set, key, name)
		if r.rows > r.e.cfg.MaxRows {
			return tooManyRows(r.e.cfg.MaxRows)
		}
		if s.top != nil {
			v, found[set] = v[:len(v)-1], integer(v[len(v)-1])
		}
		if row.Kind == "" || kind == cost.KindContainer {
			row.Kind = kind
		}
		row.widen(p.start, p.end)
		addAll(row, s.own, p.own)
		if s.apart {
			r.addIdle(set, &p)
		} else {
			addAll(row, s.shares, p.shares)
		}
		if s.top != nil || r.q.Detail == DetailAll {
			r.props.merge(row, s.props, names, v)
		}
		return nil
	})
	if s.top != nil {
		r.countUnread(found)
	}
	return err
}

// countUnread notes how many of the names found in each set were not read.
func (r *allocRun) countUnread(found []int64) {
	for set, n := range found {
		for _, row := range r.sets[set] {
			if _, ok := r.props[row]; ok {
				n--
			}
		}
		r.unread = append(r.unread, int(n))
	}
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
	costs := p.own[len(p.own)-len(l.costs):]
	switch {
	case kind == cost.KindOverhead && !allZero(costs):
		row := r.reserved(set, cost.OverheadName, kind, nil)
		row.widen(p.start, p.end)
		addAll(row, l.costs, costs)
	case kind == cost.KindIdle && l.idleOfShares:
		r.addIdle(set, p)
	case kind == cost.KindIdle && !allZero(costs):
		row := r.reserved(set, cost.IdleName, kind, nil)
		row.widen(p.start, p.end)
		addAll(row, l.costs, costs)
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
	addAll(row, r.meta.nonZero(idleRowMeasures(r.byNode)), p.shares)
}

// idle fills the __idle__ rows where the main statement does not: all idle,
// what the filtered rows were given of it, or what found no consumer, as the
// mode asks.
func (r *allocRun) idle() error {
	if r.q.Idle == IdleHide || r.layout().idle {
		return nil
	}
	s := r.statement()
	measures := r.meta.nonZero(idleRowMeasures(r.byNode))
	switch {
	case r.q.Idle != IdleSeparate:
		s.kinds(cost.KindIdle)
	case r.wholeIdle():
		s.kinds(cost.KindIdle)
		measures = r.meta.nonZero(append(costMeasures()[:3], reservedMeasures()...))
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
