package query_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

var aggregates = []string{
	"", "cluster", "namespace", "controller", "controllerKind", "deployment", "pod", "container", "node", "service", "provider",
	"label:app", "annotation:note", "team", "cluster,namespace", "namespace,label:team", "controllerKind,controller,pod", "node,container", "label:app,label:env",
}

func drawWindow(t *rapid.T, f *fleet) cost.Window {
	w := f.window()
	if rapid.Bool().Draw(t, "wholeDays") {
		a := rapid.Int64Range(0, int64(f.days)-1).Draw(t, "firstDay")
		b := rapid.Int64Range(a+1, int64(f.days)).Draw(t, "lastDay")
		return cost.Window{Start: w.Start + cost.Hour(a*24), End: w.Start + cost.Hour(b*24)}
	}
	a := rapid.Int64Range(-5, w.Hours()-1).Draw(t, "from")
	b := rapid.Int64Range(max(a, 0)+1, w.Hours()+5).Draw(t, "to")
	return cost.Window{Start: w.Start + cost.Hour(a), End: w.Start + cost.Hour(b)}
}

func drawMatch(t *rapid.T) query.Node {
	values := map[string][]string{
		"cluster":        {"c0", "c1", "c2", "c"},
		"node":           {"node-0", "node-1", "node", "__unallocated__"},
		"namespace":      {"web", "data", "kube-system", "old", "__unmounted__", "__idle__", "__overhead__"},
		"controllerKind": {"deployment", "daemonset", "__unallocated__"},
		"controller":     {"front", "db", "pro", "__unallocated__"},
		"pod":            {"web-front-0-0", "data-db", "-1", "__unmounted__"},
		"container":      {"app", "sidecar"},
		"service":        {"front-internal", "db", "front", "__unallocated__"},
		"provider":       {"AWS", "GCP"},
		"label":          {"front", "db", "red", "__unallocated__", "__idle__"},
		"annotation":     {"x", "__unallocated__"},
		"team":           {"red", "blue", "__unallocated__", "__unmounted__"},
		"owner":          {"Bob's", "O'Neil"},
	}
	m := query.Match{Property: rapid.SampledFrom(slices.Sorted(maps.Keys(values))).Draw(t, "property")}
	if m.Property == "label" {
		m.Key = rapid.SampledFrom([]string{"app", "team", "none", ""}).Draw(t, "key")
		if m.Key == "" {
			values["label"] = []string{"app", "team", "o"}
		}
	}
	if m.Property == "annotation" {
		m.Key = "note"
	}
	m.Op = rapid.SampledFrom([]query.Op{query.OpEquals, query.OpEquals, query.OpContains, query.OpPrefix, query.OpSuffix}).Draw(t, "op")
	m.Not = rapid.Bool().Draw(t, "not")
	m.Values = rapid.SliceOfNDistinct(rapid.SampledFrom(values[m.Property]), 1, 2, rapid.ID[string]).Draw(t, "values")
	if m.Op != query.OpEquals { // reserved names have a meaning in equality only
		m.Values = slices.DeleteFunc(m.Values, func(s string) bool { return s[0] == '_' })
		if len(m.Values) == 0 {
			m.Values = []string{"a"}
		}
	}
	return m
}

func drawFilter(t *rapid.T, depth int) query.Node {
	if depth == 0 || rapid.IntRange(0, 2).Draw(t, "leaf") == 0 {
		return drawMatch(t)
	}
	of := []query.Node{drawFilter(t, depth-1), drawFilter(t, depth-1)}
	if rapid.Bool().Draw(t, "and") {
		return query.And{Of: of}
	}
	return query.Or{Of: of}
}

func drawQuery(t *rapid.T, tb testing.TB, f *fleet) query.AllocationQuery {
	q := query.AllocationQuery{
		Window:     drawWindow(t, f),
		StepHours:  rapid.SampledFrom([]int64{0, 0, 1, 5, 24, 36}).Draw(t, "step"),
		Accumulate: rapid.SampledFrom([]query.Accumulate{"", "", "", "all", "hour", "day", "week", "month", "quarter"}).Draw(t, "accumulate"),
		Idle:       query.IdleMode(rapid.IntRange(0, 3).Draw(t, "idle")),
		IdleByNode: rapid.Bool().Draw(t, "byNode"),
		SplitIdle:  rapid.Bool().Draw(t, "splitIdle"),
		Overhead:   query.OverheadMode(rapid.IntRange(0, 2).Draw(t, "overhead")),
	}
	q.Aggregate = dims(tb, rapid.SampledFrom(aggregates).Draw(t, "aggregate"))
	q.All = rapid.IntRange(0, 9).Draw(t, "all") == 0
	if rapid.Bool().Draw(t, "filtered") {
		q.Filter.Root = drawFilter(t, 2)
	}
	if rapid.IntRange(0, 2).Draw(t, "shared") == 0 {
		q.ShareNamespaces = rapid.SampledFrom([][]string{nil, {"kube-system"}, {"data", "old"}, {"kube-*", "w*"}, {"web", "data", "kube-system", "default"}}).Draw(t, "shareNamespaces")
		q.ShareLabels = rapid.SampledFrom([][]query.LabelMatch{nil, {{Key: "app", Value: "db"}}}).Draw(t, "shareLabels")
		q.ShareCostMonthly = rapid.SampledFrom([]cost.Money{0, 730_000_000_001}).Draw(t, "shareCost")
		q.ShareSplit = rapid.SampledFrom([]query.ShareSplit{"", query.SplitWeighted, query.SplitEven}).Draw(t, "split")
		q.ShareScope = rapid.SampledFrom([]query.ShareScope{"", query.ShareWithinCluster, query.ShareWithinFleet}).Draw(t, "scope")
	}
	return q
}

func ask(t interface{ Fatalf(string, ...any) }, tb testing.TB, e *query.Engine, q query.AllocationQuery) *query.AllocationAnswer {
	a, err := e.Allocations(tb.Context(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return a
}

// The laws of docs/model.md, on one seeded fleet.
func TestLaws(t *testing.T) {
	f := newFleet(t, 1)
	for name, check := range map[string]func(*testing.T, *fleet){
		"AgainstReference":  checkAgainstReference,
		"OneScopeOneTotal":  checkOneScopeOneTotal,
		"FilterOneTotal":    checkFilterOneTotal,
		"SplittingAWindow":  checkSplittingAWindow,
		"PartsOfAPartition": checkPartsOfAPartition,
		"PartsWithShares":   checkPartsWithShares,
		"GroupIsItsFilter":  checkGroupIsItsFilter,
		"PagesOfTheWhole":   checkPagesOfTheWhole,
		"ObjectsSQL":        checkObjectsSQL,
		"ObjectsSQLOfARow":  checkObjectsSQLOfARow,
		"ObjectsSQLOfNone":  checkObjectsSQLOfNothing,
		"AssetObjectsSQL":   checkAssetObjectsSQL,
		"PriceSources":      checkPriceSources,
		"Detail":            checkDetail,
		"AssetDetail":       checkAssetDetail,
	} {
		t.Run(name, func(t *testing.T) { check(t, f) })
	}
}

// The engine and the reference give the same rows and amounts, to the last
// nano-unit, whatever is asked.
func checkAgainstReference(t *testing.T, f *fleet) {
	e := f.engine(t)
	rapid.Check(t, func(rt *rapid.T) {
		q := drawQuery(rt, t, f)
		rows := f.rows
		if rapid.IntRange(0, 3).Draw(rt, "partly") == 0 {
			q.Without = drawClusterDays(rt, f)
			rows = slices.DeleteFunc(slices.Clone(rows), func(x refRow) bool {
				return slices.ContainsFunc(q.Without, func(w query.ClusterDays) bool {
					return (w.Clusters == nil || slices.Contains(w.Clusters, x.cluster)) && slices.Contains(w.Days, x.hour.Day())
				})
			})
		}
		got := ask(rt, t, e, q)
		want := reference(rows, q, f.now)
		if len(got.Sets) != len(want) {
			rt.Fatalf("%+v: %d sets, want %d", q, len(got.Sets), len(want))
		}
		for i := range want {
			if diff := diffSet(&got.Sets[i], want[i]); diff != "" {
				rt.Fatalf("%+v\nset %d %v: %s", q, i, got.Sets[i].Window, diff)
			}
		}
	})
}

func drawClusterDays(rt *rapid.T, f *fleet) []query.ClusterDays {
	first := int64(f.window().Start.Day())
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) query.ClusterDays {
		of := query.ClusterDays{Clusters: rapid.SampledFrom([][]string{nil, {"c0"}, {"c1", "c2"}}).Draw(rt, "clusters")}
		for _, d := range rapid.SliceOfNDistinct(rapid.Int64Range(first, first+int64(f.days)-1), 1, f.days, rapid.ID[int64]).Draw(rt, "days") {
			of.Days = append(of.Days, cost.Day(d))
		}
		return of
	}), 1, 3).Draw(rt, "without")
}

// Less detail has the same rows and costs, the quantities of its level, and no
// others.
func checkDetail(t *testing.T, f *fleet) {
	e := f.engine(t)
	same := cmp.Options{cmp.Comparer(func(a, b cost.Sum) bool { return a.Equal(&b) }), cmpopts.EquateEmpty()}
	rapid.Check(t, func(rt *rapid.T) {
		q := drawQuery(rt, t, f)
		if rapid.Bool().Draw(rt, "paged") {
			q.Limit = rapid.IntRange(1, 8).Draw(rt, "limit")
		}
		whole := ask(rt, t, e, q)
		q.Detail = rapid.SampledFrom([]query.Detail{query.DetailUsage, query.DetailRates, query.DetailCosts}).Draw(rt, "detail")
		got := ask(rt, t, e, q)
		if got.RowCount != whole.RowCount || len(got.Sets) != len(whole.Sets) {
			rt.Fatalf("%+v: %d rows in %d sets, want %d in %d", q, got.RowCount, len(got.Sets), whole.RowCount, len(whole.Sets))
		}
		for i, s := range whole.Sets {
			want := slices.Clone(s.Rows)
			for j := range want {
				w := &want[j]
				w.Props = got.Sets[i].Rows[j].Props // not part of the level, but cheap on some rows
				w.CPULimit, w.CPUUsageMax, w.RAMLimit, w.RAMUsageMax, w.GPURequest = 0, 0, 0, 0, 0
				w.NetworkTransferBytes, w.NetworkReceiveBytes = 0, 0
				if q.Detail > query.DetailUsage {
					w.RunHours, w.CPURequest, w.CPUUsage, w.RAMRequest, w.RAMUsage, w.GPUUsage = 0, 0, 0, 0, 0, 0
				}
				if q.Detail > query.DetailRates {
					w.CPUAllocated, w.RAMAllocated, w.GPUAllocated, w.PVByteHours = 0, 0, 0, 0
				}
			}
			if d := cmp.Diff(want, got.Sets[i].Rows, same); d != "" {
				rt.Fatalf("%+v: set %d: %s", q, i, d)
			}
		}
	})
}

// The same for assets.
func checkAssetDetail(t *testing.T, f *fleet) {
	e := f.engine(t)
	same := cmp.Options{cmp.Comparer(func(a, b cost.Sum) bool { return a.Equal(&b) }), cmpopts.EquateEmpty()}
	rapid.Check(t, func(rt *rapid.T) {
		q := query.AssetQuery{Window: drawWindow(rt, f)}
		for _, p := range rapid.SampledFrom([][]string{{"cluster"}, {"type"}, {"provider", "type"}, {"name"}}).Draw(rt, "aggregate") {
			q.Aggregate = append(q.Aggregate, query.Dimension{Property: p})
		}
		q.Accumulate = rapid.SampledFrom([]query.Accumulate{"", "day", "hour"}).Draw(rt, "accumulate")
		whole, err := e.Assets(t.Context(), q)
		if err != nil {
			rt.Fatal(err)
		}
		q.Detail = rapid.SampledFrom([]query.Detail{query.DetailUsage, query.DetailRates, query.DetailCosts}).Draw(rt, "detail")
		got, err := e.Assets(t.Context(), q)
		if err != nil {
			rt.Fatal(err)
		}
		for i, s := range whole.Sets {
			want := slices.Clone(s.Rows)
			for j := range want {
				w := &want[j]
				props := query.AssetProperties{Type: w.Props.Type}
				w.Props, w.PriceSource, w.CPUUsed, w.RAMUsed = props, "", 0, 0
				w.CPUAllocatableCoreHours, w.RAMAllocatableByteHours, w.TransferBytes, w.ReceiveBytes = 0, 0, 0, 0
				w.CPUScale, w.RAMScale, w.GPUScale = 1, 1, 1
				if q.Detail > query.DetailUsage {
					w.RunHours = 0
				}
				if q.Detail > query.DetailRates {
					w.CPUCoreHours, w.RAMByteHours, w.GPUHours, w.ByteHours = 0, 0, 0, 0
				}
			}
			if d := cmp.Diff(want, got.Sets[i].Rows, same); d != "" {
				rt.Fatalf("%+v: set %d: %s", q, i, d)
			}
		}
	})
}

func diffSet(got *query.AllocationSet, want refSet) string {
	seen := map[string]bool{}
	for i := range got.Rows {
		r := &got.Rows[i]
		w := want[r.Name]
		if seen[r.Name] {
			return "two rows " + r.Name
		}
		seen[r.Name] = true
		if w == nil {
			w = &refAnswerRow{}
			if r.Total().Big().Sign() != 0 {
				return fmt.Sprintf("row %s of %s is not expected", r.Name, r.Total())
			}
		}
		for _, c := range []struct {
			what string
			got  []*cost.Sum
			want int64
		}{
			{"cpu", []*cost.Sum{&r.CPU}, w.cpu},
			{"ram", []*cost.Sum{&r.RAM}, w.ram},
			{"gpu", []*cost.Sum{&r.GPU}, w.gpu},
			{"pv", []*cost.Sum{&r.PV}, w.pv},
			{"lb", []*cost.Sum{&r.LB}, w.lb},
			{"network", []*cost.Sum{&r.NetworkCrossZone, &r.NetworkCrossRegion, &r.NetworkInternet}, w.net},
			{"overhead", []*cost.Sum{&r.Overhead}, w.overhead},
			{"idle", []*cost.Sum{&r.IdleCPU, &r.IdleRAM, &r.IdleGPU}, w.idle},
			{"shared", []*cost.Sum{&r.Shared}, w.shared},
			{"total", []*cost.Sum{r.Total()}, w.total()},
		} {
			if s := sum(c.got...); s != c.want {
				return fmt.Sprintf("%s of %s is %d, want %d", c.what, r.Name, s, c.want)
			}
		}
		var parts cost.Sum
		for _, p := range r.SharedBreakdown {
			parts.AddSum(&p)
		}
		if !parts.Equal(&r.Shared) {
			return "the breakdown of " + r.Name + " does not add up"
		}
	}
	for name, w := range want {
		if !seen[name] && w.total() != 0 {
			return fmt.Sprintf("row %s of %d is missing; got %d rows", name, w.total(), len(got.Rows))
		}
	}
	return ""
}

func sum(parts ...*cost.Sum) int64 {
	var s cost.Sum
	for _, p := range parts {
		s.AddSum(p)
	}
	return s.Big().Int64()
}

func total(a *query.AllocationAnswer) int64 {
	var s cost.Sum
	for i := range a.Sets {
		for j := range a.Sets[i].Rows {
			s.AddSum(a.Sets[i].Rows[j].Total())
		}
	}
	return s.Big().Int64()
}

// One scope has one total, whatever the aggregation, the step and the way sets
// are merged; and nothing shared or hidden from view changes it.
func checkOneScopeOneTotal(t *testing.T, f *fleet) {
	e := f.engine(t)
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWindow(rt, f)
		base := query.AllocationQuery{Window: w, All: true, Idle: query.IdleSeparate, Overhead: query.OverheadSeparate}
		if rapid.Bool().Draw(rt, "oneCluster") {
			base.Filter.Root = query.Match{Property: "cluster", Op: query.OpEquals, Values: []string{"c1"}}
		}
		want := total(ask(rt, t, e, base))
		q := drawQuery(rt, t, f)
		q.Window, q.Filter, q.ShareCostMonthly = w, base.Filter, 0
		if q.Idle == query.IdleHide {
			q.Idle = query.IdleSeparate
		}
		if q.Overhead == query.OverheadHide {
			q.Overhead = query.OverheadShare
		}
		if q.Filter.Root != nil && q.ShareScope == query.ShareWithinFleet {
			q.ShareScope = query.ShareWithinCluster // else a cluster takes from the others
		}
		if got := total(ask(rt, t, e, q)); got != want {
			rt.Fatalf("%+v: total %d, want %d", q, got, want)
		}
	})
}

// Whatever is filtered and shared, the total is the same for every aggregation
// and for sets of one day or many. (An even split is over the rows of the
// aggregation, and idle shown apart has the basis that the question has.)
func checkFilterOneTotal(t *testing.T, f *fleet) {
	e := f.engine(t)
	rapid.Check(t, func(rt *rapid.T) {
		q := drawQuery(rt, t, f)
		drawShares(rt, &q)
		q.Filter.Root, q.ShareSplit = drawFilter(rt, 2), query.SplitWeighted
		q.StepHours, q.Accumulate = 0, rapid.SampledFrom([]query.Accumulate{"", "day", "all", "month"}).Draw(rt, "sets")
		whole := q
		whole.All, whole.Aggregate, whole.Accumulate = true, nil, query.AccumulateAll
		if got, want := total(ask(rt, t, e, q)), total(ask(rt, t, e, whole)); got != want {
			rt.Fatalf("%+v: total %d, ungrouped %d", q, got, want)
		}
	})
}

// Cutting a window at an hour and adding the parts gives each row what the
// whole gives it, shared idle included.
func checkSplittingAWindow(t *testing.T, f *fleet) {
	e := f.engine(t)
	rapid.Check(t, func(rt *rapid.T) {
		q := drawQuery(rt, t, f)
		q.StepHours, q.Accumulate = 0, query.AccumulateAll
		q.ShareNamespaces, q.ShareLabels = nil, nil
		q.Overhead = query.OverheadMode(rapid.IntRange(0, 1).Draw(rt, "overheadApart"))
		if q.Window.Hours() < 2 {
			return
		}
		cut := q.Window.Start + cost.Hour(rapid.Int64Range(1, q.Window.Hours()-1).Draw(rt, "cut"))
		if q.ShareCostMonthly > 0 { // a filter's part of a cut day is by the weights of that part
			q.Filter = query.Filter{}
		}
		whole := byName(ask(rt, t, e, q))
		a, b := q, q
		a.Window.End, b.Window.Start = cut, cut
		parts := byName(ask(rt, t, e, a), ask(rt, t, e, b))
		if q.ShareCostMonthly > 0 { // shared per day: its sum only
			if s, p := sumOf(whole), sumOf(parts); s != p {
				rt.Fatalf("%+v cut at %v: %d and %d", q, cut, s, p)
			}
			return
		}
		if !maps.Equal(whole, parts) {
			rt.Fatalf("%+v cut at %v: whole %v, parts %v", q, cut, whole, parts)
		}
	})
}

func byName(answers ...*query.AllocationAnswer) map[string]int64 {
	out := map[string]int64{}
	for _, a := range answers {
		for i := range a.Sets {
			for j := range a.Sets[i].Rows {
				r := &a.Sets[i].Rows[j]
				out[r.Name] += sum(r.Total())
			}
		}
	}
	maps.DeleteFunc(out, func(_ string, v int64) bool { return v == 0 })
	return out
}

func sumOf(m map[string]int64) int64 {
	var s int64
	for _, v := range m {
		s += v
	}
	return s
}

// A filter and its negation part the whole, idle and overhead included.
func checkPartsOfAPartition(t *testing.T, f *fleet) {
	e := f.engine(t)
	rapid.Check(t, func(rt *rapid.T) {
		q := drawQuery(rt, t, f)
		m := drawMatch(rt).(query.Match)
		m.Not = false
		q.IdleByNode = q.IdleByNode || m.Property == "node" // one basis on both sides
		if q.Idle == query.IdleShareByCluster && m.Property == "node" {
			q.Idle = query.IdleShareByNode
		}
		q.ShareNamespaces, q.ShareLabels, q.ShareCostMonthly = nil, nil, 0
		q.Filter.Root = nil
		whole := byName(ask(rt, t, e, q))
		a, b := q, q
		a.Filter.Root = m
		m.Not = true
		b.Filter.Root = m
		parts := byName(ask(rt, t, e, a), ask(rt, t, e, b))
		if q.Overhead == query.OverheadShare { // rows may differ by the rounding of a split; the sum may not
			if s, p := sumOf(whole), sumOf(parts); s != p {
				rt.Fatalf("%+v by %+v: %d and %d", q, m, s, p)
			}
			return
		}
		if !maps.Equal(whole, parts) {
			rt.Fatalf("%+v by %+v: whole %v, parts %v", q, m, whole, parts)
		}
	})
}

// drawShares sets everything that is shared, on one basis of idle on both
// sides of a cut.
func drawShares(rt *rapid.T, q *query.AllocationQuery) {
	q.ShareNamespaces = rapid.SampledFrom([][]string{{"kube-system"}, {"data", "old"}, {"web"}}).Draw(rt, "sharedNamespaces")
	q.ShareLabels = rapid.SampledFrom([][]query.LabelMatch{nil, {{Key: "app", Value: "db"}}}).Draw(rt, "sharedLabels")
	q.ShareCostMonthly = rapid.SampledFrom([]cost.Money{0, 730_000_000_001}).Draw(rt, "sharedCost")
	q.ShareScope = rapid.SampledFrom([]query.ShareScope{query.ShareWithinCluster, query.ShareWithinFleet}).Draw(rt, "sharedScope")
	q.Overhead = query.OverheadShare
	q.IdleByNode = true
	if q.Idle == query.IdleShareByCluster {
		q.Idle = query.IdleShareByNode
	}
}

// pots bounds how many amounts an answer shares: in each unit every namespace
// and label (of each cluster, or of the fleet), each cluster's overhead, and
// shareCost. A unit is a day or an hour.
func pots(q query.AllocationQuery, sets int) int64 {
	units := int64(len(q.Window.Days()) + sets)
	if q.StepHours > 0 && q.StepHours < 24 || q.Accumulate == query.AccumulateHour {
		units = q.Window.Hours()
	}
	const clusters = 3
	pools := int64(len(q.ShareNamespaces) + len(q.ShareLabels))
	if q.ShareScope != query.ShareWithinFleet {
		pools *= clusters
	}
	return units * (pools + clusters + 1)
}

// negated is the filter that matches what n does not.
func negated(n query.Node) query.Node {
	switch n := n.(type) {
	case query.And:
		of := make([]query.Node, len(n.Of))
		for i := range of {
			of[i] = negated(n.Of[i])
		}
		return query.Or{Of: of}
	case query.Or:
		of := make([]query.Node, len(n.Of))
		for i := range of {
			of[i] = negated(n.Of[i])
		}
		return query.And{Of: of}
	}
	m := n.(query.Match)
	m.Not = !m.Not
	return m
}

// With everything shared, whatever is filtered and its complement add to the
// whole. The only slack is a nano-unit where both sides weigh exactly the same
// and the amount is odd.
func checkPartsWithShares(t *testing.T, f *fleet) {
	e := f.engine(t)
	rapid.Check(t, func(rt *rapid.T) {
		q := drawQuery(rt, t, f)
		drawShares(rt, &q)
		q.Filter.Root = nil
		all := ask(rt, t, e, q)
		whole := sumOf(byName(all))
		for _, s := range all.Sets { // shareCost that nobody ran to take is in no part
			for _, r := range s.Rows {
				if left := r.SharedBreakdown[query.ShareCostName]; r.Name == query.SharedName {
					whole -= sum(&left)
				}
			}
		}
		a, b := q, q
		a.Filter.Root = drawFilter(rt, 2)
		b.Filter.Root = negated(a.Filter.Root)
		parts := sumOf(byName(ask(rt, t, e, a), ask(rt, t, e, b)))
		if whole != parts {
			rt.Fatalf("%+v by %+v: %d and %d", q, a.Filter, whole, parts)
		}
	})
}

// With everything shared, the row of a group is the answer filtered to that
// group, within a nano-unit for each amount shared.
func checkGroupIsItsFilter(t *testing.T, f *fleet) {
	e := f.engine(t)
	rapid.Check(t, func(rt *rapid.T) {
		q := drawQuery(rt, t, f)
		drawShares(rt, &q)
		q.Filter.Root, q.All, q.ShareSplit = nil, false, query.SplitWeighted
		property := rapid.SampledFrom([]string{"cluster", "namespace", "node", "pod", "container", "controllerKind", "team"}).Draw(rt, "group")
		q.Aggregate = []query.Dimension{{Property: property}}
		whole := ask(rt, t, e, q)
		slack := pots(q, len(whole.Sets))
		rows := byName(whole)
		reserved := func(n string) bool {
			return n == "__overhead__" || n == query.SharedName || strings.HasSuffix(n, "__idle__")
		}
		maps.DeleteFunc(rows, func(n string, _ int64) bool { return reserved(n) })
		names := slices.Sorted(maps.Keys(rows))
		if len(names) == 0 {
			return
		}
		name := rapid.SampledFrom(names).Draw(rt, "row")
		part := q
		part.Filter.Root = query.Match{Property: property, Op: query.OpEquals, Values: []string{name}}
		part.Aggregate = dims(t, rapid.SampledFrom([]string{property, "pod", "cluster,namespace"}).Draw(rt, "within"))
		var got int64
		for n, v := range byName(ask(rt, t, e, part)) {
			if !reserved(n) {
				got += v
			}
		}
		if d := got - rows[name]; d > slack || -d > slack {
			rt.Fatalf("%+v: row %s is %d, filtered %d", q, name, rows[name], got)
		}
	})
}

// A page is a part of the whole answer in its order, row for row, however few
// rows are read for it.
func checkPagesOfTheWhole(t *testing.T, f *fleet) {
	e := f.engine(t)
	rapid.Check(t, func(rt *rapid.T) {
		q := drawQuery(rt, t, f)
		q.SortBy = rapid.SampledFrom([]string{"", "cpuCost", "ramCost", "gpuCost", "pvCost", "networkCost", "ramByteHours", "name"}).Draw(rt, "sortBy")
		q.Ascending = rapid.Bool().Draw(rt, "ascending")
		whole := ask(rt, t, e, q)
		q.Offset, q.Limit = rapid.IntRange(0, 8).Draw(rt, "offset"), rapid.IntRange(1, 8).Draw(rt, "limit")
		page := ask(rt, t, e, q)
		if page.RowCount != whole.RowCount || len(page.Sets) != len(whole.Sets) {
			rt.Fatalf("%+v: %d rows in %d sets, want %d in %d", q, page.RowCount, len(page.Sets), whole.RowCount, len(whole.Sets))
		}
		for i, s := range whole.Sets {
			from := min(q.Offset, len(s.Rows))
			want := s.Rows[from:min(from+q.Limit, len(s.Rows))]
			if d := cmp.Diff(want, page.Sets[i].Rows, cmp.Comparer(func(a, b cost.Sum) bool { return a.Equal(&b) }), cmpopts.EquateEmpty()); d != "" {
				rt.Fatalf("%+v: set %d: %s", q, i, d)
			}
		}
	})
}
