package query_test

import (
	"math/big"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// The reference answers an allocation question the slow and obvious way: row
// by row over the hours, with no table to choose and nothing rolled up.

type refAnswerRow struct{ cpu, ram, gpu, pv, lb, net, overhead, idle, shared int64 }

func (r *refAnswerRow) total() int64 {
	return r.cpu + r.ram + r.gpu + r.pv + r.lb + r.net + r.overhead + r.idle + r.shared
}

func (r *refAnswerRow) add(x *refRow) {
	r.cpu, r.ram, r.gpu, r.pv = r.cpu+x.cpu, r.ram+x.ram, r.gpu+x.gpu, r.pv+x.pv
	r.lb, r.net, r.overhead = r.lb+x.lb, r.net+x.net, r.overhead+x.overhead
}

type refSet map[string]*refAnswerRow

func (s refSet) row(name string) *refAnswerRow {
	if s[name] == nil {
		s[name] = &refAnswerRow{}
	}
	return s[name]
}

func missingOf(k cost.Kind) string {
	return map[cost.Kind]string{
		cost.KindContainer: "__unallocated__", cost.KindUnmounted: "__unmounted__",
		cost.KindIdle: "__idle__", cost.KindOverhead: "__overhead__",
	}[k]
}

// raw is a property's value, "" when missing.
func (x *refRow) raw(property, key string) string {
	switch property {
	case "cluster":
		return x.cluster
	case "node":
		return x.node
	case "namespace":
		return x.namespace
	case "controllerKind":
		return x.kindOf
	case "controller":
		return x.controller
	case "pod":
		return x.pod
	case "container":
		return x.container
	case "service":
		return x.service
	case "provider":
		return "AWS"
	case "label":
		return x.labels[key]
	case "annotation":
		return x.annotations[key]
	case "team", "owner", "department":
		return x.labels[property]
	case "product":
		return x.labels["app"]
	case "environment":
		return x.labels["env"]
	}
	panic(property)
}

func (x *refRow) key(dims []query.Dimension) string {
	var parts []string
	for _, d := range dims {
		v := x.raw(d.Property, d.Key)
		switch {
		case d.Property == "controller" && d.Kind != "" && x.kindOf != d.Kind:
			v = ""
		case d.Property == "controller" && d.Kind == "" && v != "" && x.kindOf != "":
			v = x.kindOf + ":" + v
		}
		if v == "" {
			v = missingOf(x.kind)
		}
		parts = append(parts, v)
	}
	return strings.Join(parts, "/")
}

func (x *refRow) matches(n query.Node) bool {
	switch n := n.(type) {
	case nil:
		return true
	case query.And:
		for _, p := range n.Of {
			if !x.matches(p) {
				return false
			}
		}
		return true
	case query.Or:
		for _, p := range n.Of {
			if x.matches(p) {
				return true
			}
		}
		return false
	case query.Match:
		return x.matchesAny(n) != n.Not
	}
	panic("unknown node")
}

func (x *refRow) matchesAny(m query.Match) bool {
	values := []string{x.raw(m.Property, m.Key)}
	if m.Property == "service" {
		values = strings.Split(x.services, ",")
	}
	if m.Key == "" && (m.Property == "label" || m.Property == "annotation") {
		from := x.labels
		if m.Property == "annotation" {
			from = x.annotations
		}
		values = nil
		for k := range from {
			values = append(values, k)
		}
		if values == nil {
			values = []string{""}
		}
	}
	for _, have := range values {
		for _, want := range m.Values {
			var ok bool
			switch {
			case m.Op == query.OpContains:
				ok = strings.Contains(have, want)
			case m.Op == query.OpPrefix:
				ok = strings.HasPrefix(have, want)
			case m.Op == query.OpSuffix:
				ok = strings.HasSuffix(have, want)
			case strings.HasPrefix(want, "__"):
				ok = (have == "" || have == want) && want == missingOf(x.kind)
			default:
				ok = have == want
			}
			if ok {
				return true
			}
		}
	}
	return false
}

func mentionsNode(n query.Node) bool {
	switch n := n.(type) {
	case query.And:
		return slices.ContainsFunc(n.Of, mentionsNode)
	case query.Or:
		return slices.ContainsFunc(n.Of, mentionsNode)
	case query.Match:
		return n.Property == "node"
	}
	return false
}

type refRun struct {
	q      query.AllocationQuery
	rows   []refRow
	dims   []query.Dimension
	byNode bool
	now    time.Time
}

func reference(rows []refRow, q query.AllocationQuery, now time.Time) []refSet {
	r := &refRun{q: q, rows: rows, dims: q.Aggregate, now: now}
	if len(r.dims) == 0 {
		for _, p := range []string{"cluster", "node", "namespace", "pod", "container"} {
			r.dims = append(r.dims, query.Dimension{Property: p})
		}
	}
	r.byNode = q.IdleByNode || q.Idle == query.IdleShareByNode || mentionsNode(q.Filter.Root)
	var out []refSet
	for h := q.Window.Start; h < q.Window.End; {
		end := refSetEnd(q, h)
		out = append(out, r.set(cost.Window{Start: h, End: end}))
		h = end
	}
	return out
}

func refSetEnd(q query.AllocationQuery, start cost.Hour) cost.Hour {
	for h := start + 1; h < q.Window.End; h++ {
		t := h.Start()
		var cut bool
		switch q.Accumulate {
		case query.AccumulateAll:
		case query.AccumulateHour:
			cut = true
		case query.AccumulateDay:
			cut = t.Hour() == 0
		case query.AccumulateWeek:
			cut = t.Hour() == 0 && t.Weekday() == time.Sunday
		case query.AccumulateMonth:
			cut = t.Hour() == 0 && t.Day() == 1
		case query.AccumulateQuarter:
			cut = t.Hour() == 0 && t.Day() == 1 && t.Month()%3 == 1
		default:
			cut = q.StepHours > 0 && int64(h-start) == q.StepHours
		}
		if cut {
			return h
		}
	}
	return q.Window.End
}

func (r *refRun) name(x *refRow) string {
	if r.q.All {
		return "all"
	}
	return x.key(r.dims)
}

// pool is the name of the shared pot a row belongs to, "" for none.
func (r *refRun) pool(x *refRow) string {
	if x.kind != cost.KindContainer && x.kind != cost.KindUnmounted {
		return ""
	}
	for _, n := range r.q.ShareNamespaces {
		if prefix, wild := strings.CutSuffix(n, "*"); n == x.namespace || wild && strings.HasPrefix(x.namespace, prefix) {
			return x.namespace
		}
	}
	for _, l := range r.q.ShareLabels {
		if v, ok := x.labels[l.Key]; ok && v == l.Value {
			return l.Key + ":" + l.Value
		}
	}
	return ""
}

func (r *refRun) set(w cost.Window) refSet {
	out := refSet{}
	sharesIdle := r.q.Idle == query.IdleShareByCluster || r.q.Idle == query.IdleShareByNode
	for i := range r.rows {
		x := &r.rows[i]
		if !w.Contains(x.hour) || !x.matches(r.q.Filter.Root) {
			continue
		}
		idle := x.idle[r.byNode]
		switch {
		case x.kind == cost.KindIdle && sharesIdle, // what nobody took
			x.kind == cost.KindIdle && r.q.Idle == query.IdleSeparate,
			x.kind == cost.KindContainer && r.q.Idle == query.IdleSeparate:
			if idle != [3]int64{} {
				row := out.row(r.idleName(x))
				row.cpu, row.ram, row.gpu = row.cpu+idle[0], row.ram+idle[1], row.gpu+idle[2]
			}
		case x.kind == cost.KindOverhead && r.q.Overhead == query.OverheadSeparate:
			out.row("__overhead__").add(x)
		}
		if (x.kind == cost.KindContainer || x.kind == cost.KindUnmounted) && r.pool(x) == "" {
			row := out.row(r.name(x))
			row.add(x)
			if sharesIdle {
				row.idle += idle[0] + idle[1] + idle[2]
			}
		}
	}
	r.share(w, out, sharesIdle)
	return out
}

func (r *refRun) idleName(x *refRow) string {
	switch {
	case !r.q.SplitIdle:
		return "__idle__"
	case r.q.IdleByNode:
		return x.cluster + "/" + x.node + "/__idle__"
	}
	return x.cluster + "/__idle__"
}

type refPot struct{ amount, matched int64 }

// share divides, for each day (or hour) of the set, every pot over its takers.
func (r *refRun) share(w cost.Window, out refSet, sharesIdle bool) {
	stretch := int64(24)
	if r.q.Accumulate == query.AccumulateHour || r.q.Accumulate == query.AccumulateNone && r.q.StepHours > 0 && r.q.StepHours < 24 {
		stretch = 1
	}
	for h := w.Start; h < w.End; {
		end := min(w.End, cost.Hour((int64(h)/stretch+1)*stretch))
		u := cost.Window{Start: h, End: end}
		pots := map[[2]string]*refPot{} // name, cluster
		for i := range r.rows {
			x := &r.rows[i]
			if !u.Contains(x.hour) {
				continue
			}
			amount, id := x.own(), [2]string{r.pool(x), x.cluster}
			if r.q.ShareScope == query.ShareWithinFleet {
				id[1] = ""
			}
			if sharesIdle && id[0] != "" {
				amount += x.idle[r.byNode][0] + x.idle[r.byNode][1] + x.idle[r.byNode][2]
			}
			if x.kind == cost.KindOverhead && r.q.Overhead == query.OverheadShare {
				id = [2]string{"__overhead__", x.cluster}
			}
			if id[0] == "" {
				continue
			}
			if pots[id] == nil {
				pots[id] = &refPot{}
			}
			pots[id].amount += amount
			if x.matches(r.q.Filter.Root) {
				pots[id].matched += amount
			}
		}
		for id, p := range pots {
			r.divide(u, out, id[0], id[1], p)
		}
		if r.q.ShareCostMonthly > 0 {
			elapsed := u.Intersect(cost.Window{Start: u.Start, End: cost.NewWindow(r.now, r.now.Add(time.Nanosecond)).End})
			p := &refPot{amount: part730(r.q.ShareCostMonthly, elapsed.End) - part730(r.q.ShareCostMonthly, elapsed.Start)}
			if r.q.Filter.Root == nil {
				p.matched = p.amount
			}
			r.divide(u, out, query.ShareCostName, "", p)
		}
		h = end
	}
}

func part730(m cost.Money, h cost.Hour) int64 {
	n := new(big.Int).Mul(big.NewInt(int64(m)), big.NewInt(int64(h)))
	return n.Div(n, big.NewInt(730)).Int64()
}

// divide gives a pot to the containers of a cluster, or of the fleet without
// one.
func (r *refRun) divide(u cost.Window, out refSet, name, cluster string, p *refPot) {
	if p.amount == 0 {
		return
	}
	in, outside := map[string]int64{}, map[string]int64{}
	var names []string
	for i := range r.rows {
		x := &r.rows[i]
		if x.kind != cost.KindContainer || !u.Contains(x.hour) || r.pool(x) != "" || cluster != "" && x.cluster != cluster {
			continue
		}
		k := r.name(x)
		if _, a := in[k]; !a {
			in[k], outside[k] = 0, 0
			names = append(names, k)
		}
		if x.matches(r.q.Filter.Root) {
			in[k] += x.own()
		} else {
			outside[k] += x.own()
		}
	}
	sort.Strings(names)
	ws, ones := make([]int64, len(names)), make([]int64, len(names))
	var sumIn, sumOut int64
	for i, k := range names {
		ws[i] = in[k]
		if in[k]+outside[k] > 0 {
			ones[i] = 1
		}
		sumIn += in[k]
		sumOut += outside[k]
	}
	if sumIn+sumOut == 0 {
		if name == "__overhead__" {
			out.row(name).overhead += p.matched
		} else if p.matched != 0 {
			out.row(query.SharedName).shared += p.matched
		}
		return
	}
	if r.q.ShareSplit == query.SplitEven && name != "__overhead__" {
		whole, _ := cost.Split(cost.Money(p.amount), ones)
		for i, k := range names {
			two, _ := cost.Split(whole[i], []int64{in[k], outside[k]})
			if in[k] > 0 {
				out.row(k).shared += int64(two[0])
			}
		}
		return
	}
	two, _ := cost.Split(cost.Money(p.amount), []int64{sumIn, sumOut})
	parts, _ := cost.Split(two[0], ws)
	for i, k := range names {
		if parts[i] != 0 {
			out.row(k).shared += int64(parts[i])
		}
	}
}
