package query

import (
	"fmt"
	"math/big"
	"slices"
	"sort"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// SharedName is the row of shared cost that nobody was left to take;
// ShareCostName is what the shareCost parameter is called in a breakdown.
const (
	SharedName    = "__shared__"
	ShareCostName = "__sharedCost__"
)

// unit is the stretch of time within which cost is shared: a day of a set, or
// an hour where sets are shorter.
type unit struct {
	set int
	at  int64 // the day's or hour's number
}

// recipient is an answer row within a unit: what of its cost the filter
// matches, and what not.
type recipient struct {
	name    string
	in, out int64 // nano-units
}

// takers are the recipients of a unit, sorted by name, by cluster and merged
// over all clusters.
type takers struct {
	clusters map[string][]recipient
	all      []recipient
}

// pot is an amount to be shared within a unit.
type pot struct {
	unit
	name    string
	cluster string // of overhead: shared within it
	amount  int64
	matched int64 // the part whose own rows the filter matches
	kind    cost.Kind
}

// poolTest is the condition for rows whose cost is shared, "" without any.
func (r *allocRun) poolTest(s *statement) string {
	var tests []string
	if len(r.q.ShareNamespaces) > 0 {
		s.need("namespace")
		tests = append(tests, "namespace IN ("+literals(r.q.ShareNamespaces)+")")
	}
	for _, l := range r.q.ShareLabels {
		s.need("labels_id")
		tests = append(tests, shareLabelTest(l))
	}
	if len(tests) == 0 {
		return ""
	}
	return orAll(tests)
}

func shareLabelTest(l LabelMatch) string {
	return labelSets("label", "key = "+literal(cost.SanitizeLabel(l.Key))+" AND value = "+literal(l.Value))
}

// poolName is the expression for the name of the pool a row is in: its
// namespace, or the first shared label it has.
func (r *allocRun) poolName() string {
	var b strings.Builder
	b.WriteString("CASE")
	if len(r.q.ShareNamespaces) > 0 {
		fmt.Fprintf(&b, " WHEN namespace IN (%s) THEN namespace", literals(r.q.ShareNamespaces))
	}
	for _, l := range r.q.ShareLabels {
		fmt.Fprintf(&b, " WHEN %s THEN %s", shareLabelTest(l), literal(l.Key+":"+l.Value))
	}
	b.WriteString(" ELSE '' END")
	return b.String()
}

// shares gives shared namespaces and labels, overhead and shareCost to the
// rows, unit by unit. What is given never differs from what was taken: amounts
// are split by largest remainder, first between what the filter matches and
// the rest, then over the rows.
func (r *allocRun) shares() error {
	pools := len(r.q.ShareNamespaces)+len(r.q.ShareLabels) > 0
	over := r.q.Overhead == OverheadShare
	if !pools && !over && r.q.ShareCostMonthly == 0 {
		return nil
	}
	var pots []pot
	if pools {
		p, err := r.pooled()
		if err != nil {
			return err
		}
		pots = append(pots, p...)
	}
	if over {
		p, err := r.overheadPots()
		if err != nil {
			return err
		}
		pots = append(pots, p...)
	}
	if len(pots) > 0 {
		// Pools are shared over the fleet, so that a part of it takes what it
		// takes within the whole; overhead alone needs only its own clusters.
		scope, match := r.scope, r.rest
		if pools {
			scope, match = nil, r.q.Filter.Root
		}
		t, err := r.takers(scope, match, over)
		if err != nil {
			return err
		}
		if err := r.give(pots, t); err != nil {
			return err
		}
	}
	if r.q.ShareCostMonthly == 0 {
		return nil
	}
	// Once per fleet: clusters outside the scope take their part too.
	t, err := r.takers(nil, r.q.Filter.Root, false)
	if err != nil {
		return err
	}
	return r.give(r.monthlyPots(), t)
}

// flag is the expression for whether a filter matches a row.
func (s *statement) flag(n Node) (string, error) {
	if n == nil {
		return "TRUE", nil
	}
	return s.condition(n)
}

// pooled sums what is shared of namespaces and labels, over the whole fleet.
func (r *allocRun) pooled() ([]pot, error) {
	s := r.statement()
	s.where = append(s.where, r.poolTest(s))
	s.kinds(cost.KindContainer, cost.KindUnmounted)
	flag, err := s.flag(r.q.Filter.Root)
	if err != nil {
		return nil, err
	}
	s.groups = []string{"s", "u", flag, r.poolName()}
	amount, columns := r.meta.ownCost()
	s.need(columns...)
	if r.q.Idle == IdleShareByCluster || r.q.Idle == IdleShareByNode {
		var shares strings.Builder
		for _, m := range idleShareMeasures(r.byNode) {
			s.need(m.column)
			shares.WriteString(" + " + m.column)
		}
		amount += shares.String()
	}
	s.values = []string{sumInt(amount, r.wide)}
	return r.readPots(s, func(p *pot, v []any) { p.name, p.kind = textOf(v[0]), cost.KindContainer })
}

// overheadPots sums the overhead of each cluster.
func (r *allocRun) overheadPots() ([]pot, error) {
	s := r.statement()
	s.kinds(cost.KindOverhead)
	if err := s.filter(r.scope); err != nil {
		return nil, err
	}
	flag, err := s.flag(r.rest)
	if err != nil {
		return nil, err
	}
	s.need("cluster")
	amount, columns := r.meta.ownCost()
	s.need(columns...)
	s.groups = []string{"s", "u", flag, "cluster"}
	s.values = []string{sumInt(amount, r.wide)}
	return r.readPots(s, func(p *pot, v []any) { p.name, p.cluster, p.kind = cost.OverheadName, textOf(v[0]), cost.KindOverhead })
}

// readPots reads rows of (s, u, flag, …, amount) and adds up the two parts of
// each pot.
func (r *allocRun) readPots(s *statement, identify func(p *pot, v []any)) ([]pot, error) {
	type id struct {
		unit
		name, cluster string
	}
	sums := map[id]*pot{}
	err := r.e.each(r.ctx, s.sql(r), func(v []any) error {
		amount, err := narrow(v[len(v)-1])
		if err != nil {
			return err
		}
		p := pot{unit: unit{int(integer(v[0])), integer(v[1])}}
		identify(&p, v[3:])
		k := id{p.unit, p.name, p.cluster}
		if sums[k] == nil {
			sums[k] = &p
		}
		sums[k].amount += amount
		if matched, _ := v[2].(bool); matched {
			sums[k].matched += amount
		}
		return nil
	})
	pots := make([]pot, 0, len(sums))
	for _, p := range sums {
		pots = append(pots, *p)
	}
	sort.Slice(pots, func(i, j int) bool {
		a, b := &pots[i], &pots[j]
		switch {
		case a.set != b.set:
			return a.set < b.set
		case a.at != b.at:
			return a.at < b.at
		case a.cluster != b.cluster:
			return a.cluster < b.cluster
		}
		return a.name < b.name
	})
	return pots, err
}

// narrow reads an amount that must fit an int64: nine billion units of
// currency in one day.
func narrow(v any) (int64, error) {
	if b, ok := v.(*big.Int); ok && !b.IsInt64() {
		return 0, &Error{Code: CodeInternal, Reason: "cost of one day exceeds what can be shared"}
	}
	return integer(v), nil
}

// monthlyPots are shareCost's amounts: monthly ÷ 730 for every elapsed hour,
// cut so that any two windows add up.
func (r *allocRun) monthlyPots() []pot {
	elapsed := cost.NewWindow(r.plan.start.Start(), r.e.cfg.Now()).End
	upTo := func(h cost.Hour) int64 {
		n := new(big.Int).Mul(big.NewInt(int64(r.q.ShareCostMonthly)), big.NewInt(int64(h)))
		return n.Div(n, big.NewInt(730)).Int64()
	}
	var pots []pot
	for i, set := range r.plan.sets {
		for h := set.Start; h < min(set.End, elapsed); {
			next, at := min(h.Day().FirstHour()+24, set.End, elapsed), int64(h.Day())
			if r.plan.byHour {
				next, at = h+1, int64(h)
			}
			amount := upTo(next) - upTo(h)
			p := pot{unit: unit{i, at}, name: ShareCostName, amount: amount}
			if r.q.Filter.Root == nil {
				p.matched = amount
			}
			pots = append(pots, p)
			h = next
		}
	}
	return pots
}

// takers reads the weights of all rows that take shared cost: containers
// outside the pools. Those the filter does not match are one recipient, unless
// the split is even, which must know how many they are.
func (r *allocRun) takers(scope, match Node, byCluster bool) (map[unit]*takers, error) {
	s := r.statement()
	parts, err := s.group(r.dims)
	if err != nil {
		return nil, err
	}
	if err := s.filter(scope); err != nil {
		return nil, err
	}
	if pool := r.poolTest(s); pool != "" {
		s.where = append(s.where, "NOT "+pool)
	}
	s.kinds(cost.KindContainer)
	flag, err := s.flag(match)
	if err != nil {
		return nil, err
	}
	exprs := groupExprs(parts)
	s.groups = []string{"s", "u", flag, "''"}
	if byCluster {
		s.need("cluster")
		s.groups[3] = "cluster"
	}
	for _, x := range exprs {
		if match != nil && r.q.ShareSplit != SplitEven {
			x = "CASE WHEN " + flag + " THEN " + x + " END"
		}
		s.groups = append(s.groups, x)
	}
	amount, columns := r.meta.ownCost()
	s.need(columns...)
	s.values = []string{sumInt(amount, r.wide)}
	found := map[unit]*takers{}
	names := make([]string, len(exprs))
	err = r.e.each(r.ctx, s.sql(r), func(v []any) error {
		weight, err := narrow(v[len(v)-1])
		if err != nil {
			return err
		}
		u := unit{int(integer(v[0])), integer(v[1])}
		if found[u] == nil {
			found[u] = &takers{clusters: map[string][]recipient{}}
		}
		for i := range names {
			names[i] = textOf(v[4+i])
		}
		var to recipient
		if in, _ := v[2].(bool); in {
			_, to.name = r.rowKey(parts, names, cost.KindContainer)
			to.in = max(0, weight)
		} else {
			if r.q.ShareSplit == SplitEven {
				_, to.name = r.rowKey(parts, names, cost.KindContainer)
			}
			to.out = max(0, weight)
		}
		t, c := found[u], textOf(v[3])
		t.clusters[c] = append(t.clusters[c], to)
		return nil
	})
	pools := !byCluster || len(r.q.ShareNamespaces)+len(r.q.ShareLabels) > 0
	for _, t := range found {
		for c, list := range t.clusters {
			if pools {
				t.all = append(t.all, list...)
			}
			t.clusters[c] = mergeRecipients(list)
		}
		t.all = mergeRecipients(t.all)
	}
	return found, err
}

// mergeRecipients sorts by name and adds up equal names.
func mergeRecipients(list []recipient) []recipient {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b recipient) int { return strings.Compare(a.name, b.name) })
	out := list[:0]
	for _, r := range list {
		if n := len(out); n > 0 && out[n-1].name == r.name {
			out[n-1].in += r.in
			out[n-1].out += r.out
			continue
		}
		out = append(out, r)
	}
	return out
}

// give splits every pot over its unit's recipients. Without any recipient the
// part whose own rows the filter matches stays: overhead as __overhead__, the
// rest as __shared__.
func (r *allocRun) give(pots []pot, found map[unit]*takers) error {
	// Parts are collected as integers first: a row takes one of every unit.
	type share struct {
		row  *AllocationRow
		from string
	}
	given := map[share]cost.Money{}
	for _, p := range pots {
		if p.amount == 0 {
			continue
		}
		var list []recipient
		if t := found[p.unit]; t != nil {
			list = t.all
			if p.kind == cost.KindOverhead {
				list = t.clusters[p.cluster]
			}
		}
		even := r.q.ShareSplit == SplitEven && p.kind != cost.KindOverhead
		amounts, ok := splitPot(cost.Money(p.amount), list, even)
		if !ok {
			r.keep(p)
			continue
		}
		for i, a := range amounts {
			if a == 0 {
				continue
			}
			row, ok := r.sets[p.set][list[i].name]
			if !ok {
				return &Error{Code: CodeInternal, Reason: fmt.Sprintf("shared cost for %q, which is not in the answer", list[i].name)}
			}
			s := share{row, p.name}
			if sum := given[s] + a; sum > -cost.MaxMoney && sum < cost.MaxMoney {
				given[s] = sum
			} else {
				row.share(p.name, a)
			}
		}
	}
	for s, amount := range given {
		s.row.share(s.from, amount)
	}
	return nil
}

func (r *AllocationRow) share(from string, amount cost.Money) {
	r.Shared.Add(amount)
	if r.SharedBreakdown == nil {
		r.SharedBreakdown = map[string]cost.Sum{}
	}
	var s cost.Sum
	old := r.SharedBreakdown[from]
	s.AddSum(&old)
	s.Add(amount)
	r.SharedBreakdown[from] = s
}

func (r *allocRun) keep(p pot) {
	if p.matched == 0 {
		return
	}
	if p.kind == cost.KindOverhead {
		r.reserved(p.set, cost.OverheadName, cost.KindOverhead, nil).Overhead.Add(cost.Money(p.matched))
		return
	}
	r.reserved(p.set, SharedName, cost.KindContainer, nil).share(p.name, cost.Money(p.matched))
}

// splitPot returns the part of each recipient that the filter matches. ok is
// false when nobody can take anything.
func splitPot(amount cost.Money, list []recipient, even bool) (parts []cost.Money, ok bool) {
	if amount < 0 {
		parts, ok = splitPot(-amount, list, even)
		for i := range parts {
			parts[i] = -parts[i]
		}
		return parts, ok
	}
	weights := make([]int64, len(list))
	if even { // over those that cost something
		for i, to := range list {
			if to.in > 0 || to.out > 0 {
				weights[i] = 1
			}
		}
		whole, ok := cost.Split(amount, weights)
		if !ok {
			return nil, false
		}
		for i, to := range list {
			if to.out == 0 {
				continue
			}
			two, _ := cost.Split(whole[i], []int64{to.in, to.out})
			whole[i] = two[0]
		}
		return whole, true
	}
	var in, out int64
	for i, to := range list {
		weights[i] = to.in
		in += to.in
		out += to.out
	}
	two, ok := cost.Split(amount, []int64{in, out})
	if !ok {
		return nil, false
	}
	parts, _ = cost.Split(two[0], weights)
	return parts, true
}
