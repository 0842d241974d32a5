package query

import (
	"fmt"
	"math/big"
	"slices"
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

// scope is who shares with whom in a unit: a cluster, or the fleet where
// cluster is "".
type scope struct {
	unit
	cluster string
}

// pot is an amount to be shared within a scope.
type pot struct {
	scope
	name    string
	amount  int64
	matched int64 // the part whose own rows the filter matches
	kind    cost.Kind
}

// poolTest is the condition for rows whose cost is shared, "" without any.
func (r *allocRun) poolTest(s *statement) string {
	var tests []string
	if len(r.q.ShareNamespaces) > 0 {
		s.need("namespace")
		tests = append(tests, sharedNamespace(r.q.ShareNamespaces))
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

// sharedNamespace is the condition for rows of the namespaces named; a name that
// ends in * stands for all that begin so.
func sharedNamespace(names []string) string {
	tests := make([]string, len(names))
	for i, n := range names {
		if prefix, ok := strings.CutSuffix(n, "*"); ok {
			tests[i] = compare("namespace", OpPrefix, prefix)
		} else {
			tests[i] = compare("namespace", OpEquals, n)
		}
	}
	return orAll(tests)
}

// warnUnmatched names what is to be shared and cost nothing: a misspelt name
// would otherwise look like a cluster without shared cost.
func (r *allocRun) warnUnmatched(pots []pot) {
	shared := func(match func(name string) bool) bool {
		return slices.ContainsFunc(pots, func(p pot) bool { return p.kind == cost.KindContainer && match(p.name) })
	}
	for _, n := range r.q.ShareNamespaces {
		prefix, wild := strings.CutSuffix(n, "*")
		if !shared(func(name string) bool { return name == n || wild && strings.HasPrefix(name, prefix) }) {
			r.warnings = append(r.warnings, fmt.Sprintf("shareNamespaces: namespace %q has no cost in this window, so nothing of it is shared", n))
		}
	}
	if len(r.q.ShareNamespaces) > 0 {
		return // workloads with the label may be in those
	}
	for _, l := range r.q.ShareLabels {
		if name := l.Key + ":" + l.Value; !shared(func(n string) bool { return n == name }) {
			r.warnings = append(r.warnings, fmt.Sprintf("shareLabels: nothing with the label %s has cost in this window, so nothing of it is shared", name))
		}
	}
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
		fmt.Fprintf(&b, " WHEN %s THEN namespace", sharedNamespace(r.q.ShareNamespaces))
	}
	for _, l := range r.q.ShareLabels {
		fmt.Fprintf(&b, " WHEN %s THEN %s", shareLabelTest(l), literal(l.Key+":"+l.Value))
	}
	b.WriteString(" ELSE '' END")
	return b.String()
}

// shares gives shared namespaces and labels, overhead and shareCost to the
// rows, scope by scope. What is given never differs from what was taken: amounts
// are split by largest remainder, first between what the filter matches and
// the rest, then over the rows.
//
// What a cluster shares with itself needs the rows of the filter's clusters
// only. What the fleet shares needs them all: clusters outside the filter take
// their part too.
func (r *allocRun) shares() error {
	own := division{r: r, clusters: r.scope, match: r.rest, byCluster: true}
	fleet := division{r: r, match: r.q.Filter.Root}
	var ofOwn, ofFleet []pot
	if len(r.q.ShareNamespaces)+len(r.q.ShareLabels) > 0 {
		d, to := &own, &ofOwn
		if r.q.ShareScope == ShareWithinFleet {
			d, to = &fleet, &ofFleet
		}
		p, err := d.pooled()
		if err != nil {
			return err
		}
		*to = append(*to, p...)
		r.warnUnmatched(p)
	}
	if r.q.Overhead == OverheadShare {
		p, err := own.overhead()
		if err != nil {
			return err
		}
		ofOwn = append(ofOwn, p...)
	}
	if r.q.ShareCostMonthly != 0 {
		ofFleet = append(ofFleet, r.monthlyPots()...)
	}
	if err := own.give(ofOwn); err != nil {
		return err
	}
	return fleet.give(ofFleet)
}

// division is how pots are divided: among which rows, and which of them belong
// to the answer.
type division struct {
	r         *allocRun
	clusters  Node // the filter on clusters, nil for all
	match     Node // what of the rest belongs to the answer
	byCluster bool // each cluster shares with itself; else the fleet does
}

// statement begins one over the division's rows, in groups of set, unit,
// whether they belong to the answer, and cluster.
func (d *division) statement() (*statement, error) {
	s := d.r.statement()
	if err := s.filter(d.clusters); err != nil {
		return nil, err
	}
	flag, err := s.flag(d.match)
	if err != nil {
		return nil, err
	}
	s.groups = []string{"s", "u", flag, "''"}
	if d.byCluster {
		s.need("cluster")
		s.groups[3] = "cluster"
	}
	return s, nil
}

// flag is the expression for whether a filter matches a row.
func (s *statement) flag(n Node) (string, error) {
	if n == nil {
		return "TRUE", nil
	}
	return s.condition(n)
}

// pooled sums what is shared of namespaces and labels.
func (d *division) pooled() ([]pot, error) {
	r := d.r
	s, err := d.statement()
	if err != nil {
		return nil, err
	}
	s.where = append(s.where, r.poolTest(s))
	s.kinds(cost.KindContainer, cost.KindUnmounted)
	s.groups = append(s.groups, r.poolName())
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
	return r.readPots(s, cost.KindContainer)
}

// overhead sums the overhead of each cluster.
func (d *division) overhead() ([]pot, error) {
	s, err := d.statement()
	if err != nil {
		return nil, err
	}
	s.kinds(cost.KindOverhead)
	amount, columns := d.r.meta.ownCost()
	s.need(columns...)
	s.groups = append(s.groups, literal(cost.OverheadName))
	s.values = []string{sumInt(amount, d.r.wide)}
	return d.r.readPots(s, cost.KindOverhead)
}

// readPots reads rows of a division's groups, name and amount, and adds up the
// two parts of each pot.
func (r *allocRun) readPots(s *statement, kind cost.Kind) ([]pot, error) {
	type id struct {
		scope
		name string
	}
	sums := map[id]*pot{}
	err := r.e.each(r.ctx, s.sql(r), func(v []any) error {
		amount, err := narrow(v[5])
		if err != nil {
			return err
		}
		k := id{scopeAt(v), textOf(v[4])}
		p := sums[k]
		if p == nil {
			p = &pot{scope: k.scope, name: k.name, kind: kind}
			sums[k] = p
		}
		p.amount += amount
		if matched, _ := v[2].(bool); matched {
			p.matched += amount
		}
		return nil
	})
	pots := make([]pot, 0, len(sums))
	for _, p := range sums {
		pots = append(pots, *p)
	}
	return pots, err
}

// scopeAt reads the scope of a row of a division's groups.
func scopeAt(v []any) scope {
	return scope{unit{int(integer(v[0])), integer(v[1])}, textOf(v[3])}
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
			p := pot{scope: scope{unit: unit{i, at}}, name: ShareCostName, amount: amount}
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
// outside the pools, sorted by name. Those the filter does not match are one
// recipient, unless the split is even, which must know how many they are.
func (d *division) takers() (map[scope][]recipient, error) {
	r := d.r
	s, err := d.statement()
	if err != nil {
		return nil, err
	}
	parts, err := s.group(r.dims)
	if err != nil {
		return nil, err
	}
	if pool := r.poolTest(s); pool != "" {
		s.where = append(s.where, "NOT "+pool)
	}
	s.kinds(cost.KindContainer)
	exprs, flag := groupExprs(parts), s.groups[2]
	for _, x := range exprs {
		if d.match != nil && r.q.ShareSplit != SplitEven {
			x = "CASE WHEN " + flag + " THEN " + x + " END"
		}
		s.groups = append(s.groups, x)
	}
	amount, columns := r.meta.ownCost()
	s.need(columns...)
	s.values = []string{sumInt(amount, r.wide)}
	found := map[scope][]recipient{}
	values := make([]string, len(exprs))
	err = r.e.each(r.ctx, s.sql(r), func(v []any) error {
		weight, err := narrow(v[len(v)-1])
		if err != nil {
			return err
		}
		in, _ := v[2].(bool)
		var to recipient
		if in || r.q.ShareSplit == SplitEven {
			for i := range values {
				values[i] = textOf(v[4+i])
			}
			_, to.name = r.rowKey(parts, values, cost.KindContainer)
		}
		if in {
			to.in = max(0, weight)
		} else {
			to.out = max(0, weight)
		}
		k := scopeAt(v)
		found[k] = append(found[k], to)
		return nil
	})
	for k, list := range found {
		found[k] = mergeRecipients(list)
	}
	return found, err
}

// mergeRecipients sorts by name and adds up equal names, in place.
func mergeRecipients(list []recipient) []recipient {
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

// give splits every pot over its scope's recipients. Without any recipient the
// part whose own rows the filter matches stays: overhead as __overhead__, the
// rest as __shared__.
func (d *division) give(pots []pot) error {
	if len(pots) == 0 {
		return nil
	}
	r := d.r
	found, err := d.takers()
	if err != nil {
		return err
	}
	// Parts are collected as integers first: a row takes one of every scope.
	given := map[string]map[*AllocationRow]cost.Money{}
	for _, p := range pots {
		if p.amount == 0 {
			continue
		}
		list := found[p.scope]
		even := r.q.ShareSplit == SplitEven && p.kind != cost.KindOverhead
		amounts, ok := splitPot(cost.Money(p.amount), list, even)
		if !ok {
			r.keep(p)
			continue
		}
		of := given[p.name]
		if of == nil {
			of = map[*AllocationRow]cost.Money{}
			given[p.name] = of
		}
		for i, a := range amounts {
			if a == 0 {
				continue
			}
			row, ok := r.sets[p.set][list[i].name]
			if !ok {
				return &Error{Code: CodeInternal, Reason: fmt.Sprintf("shared cost for %q, which is not in the answer", list[i].name)}
			}
			if sum := of[row] + a; sum > -cost.MaxMoney && sum < cost.MaxMoney {
				of[row] = sum
			} else {
				row.share(p.name, a)
			}
		}
	}
	for name, of := range given {
		for row, amount := range of {
			row.share(name, amount)
		}
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
