package query_test

import (
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// whole is what a window costs, asked for as one row.
func whole(t *testing.T, e *query.Engine, w cost.Window, f query.Filter) *cost.Sum {
	t.Helper()
	ans := ask(t, t, e, query.AllocationQuery{Window: w, Filter: f, All: true, Idle: query.IdleSeparate, Overhead: query.OverheadSeparate})
	return totalOf(ans)
}

func totalOf(ans *query.AllocationAnswer) *cost.Sum {
	var sum cost.Sum
	for s := range ans.Sets {
		for i := range ans.Sets[s].Rows {
			sum.AddSum(ans.Sets[s].Rows[i].Total())
		}
	}
	return &sum
}

// The overview's total is what the window costs; its parts and its buckets add
// to it, for windows that cut days too. (Claimed volumes have no assets in this
// fleet, so its clusters cost what its assets do.)
func TestOverviewAddsUp(t *testing.T) {
	f := newFleet(t, 5)
	e := f.engine(t)
	for _, w := range []cost.Window{f.window(), {Start: f.window().Start + 5, End: f.window().End - 7}, {Start: f.window().Start, End: f.window().Start + 30}} {
		o, err := query.Overviews(t.Context(), e, query.OverviewQuery{Window: w})
		if err != nil {
			t.Fatal(err)
		}
		assets, err := e.Assets(t.Context(), query.AssetQuery{Window: w, All: true, Accumulate: query.AccumulateAll})
		if err != nil {
			t.Fatal(err)
		}
		want, ofAssets := whole(t, e, w, query.Filter{}), assets.Sets[0].Rows[0].Total()
		var buckets query.Parts
		for i := range o.Buckets {
			for to, from := range map[*cost.Sum]*cost.Sum{
				&buckets.Allocated: &o.Buckets[i].Allocated, &buckets.Idle: &o.Buckets[i].Idle,
				&buckets.Unmounted: &o.Buckets[i].Unmounted, &buckets.Overhead: &o.Buckets[i].Overhead,
			} {
				to.AddSum(from)
			}
		}
		var clusters, idle, waste cost.Sum
		for i := range o.Clusters {
			clusters.AddSum(&o.Clusters[i].Cost)
			idle.AddSum(&o.Clusters[i].Idle)
			waste.AddSum(&o.Clusters[i].Waste)
		}
		if want.Big().Sign() <= 0 || !o.Total().Equal(want) || !buckets.Total().Equal(want) || !clusters.Equal(ofAssets) {
			t.Errorf("%v: total %s, buckets %s, clusters %s, want %s and %s", w, o.Total(), buckets.Total(), &clusters, want, ofAssets)
		}
		if !idle.Equal(&o.Idle) || !waste.Equal(&o.Waste) || o.Waste.Big().Cmp(o.Allocated.Big()) > 0 {
			t.Errorf("%v: idle of the clusters %s, of the fleet %s; workload idle %s, %s", w, &idle, &o.Idle, &waste, &o.Waste)
		}
		if hourly := w.Hours() <= 48; hourly != (o.Buckets[0].Window.Hours() == 1) {
			t.Errorf("%v: the first bucket is %v", w, o.Buckets[0].Window)
		}
	}
}

// A comparison takes the days that are whole in both periods, of each cluster
// apart, and its parts add up.
func TestCompareIsLikeForLike(t *testing.T) {
	f := newFleet(t, 7)
	e := f.engine(t)
	w := f.window()
	now := cost.Window{Start: w.End - 48, End: w.End} // two days; c2 was not there on the first day before
	ask := func(dims ...query.Dimension) *query.Comparison {
		t.Helper()
		c, err := query.Compare(t.Context(), e, query.AllocationQuery{
			Window: now, Aggregate: dims, Idle: query.IdleSeparate, Overhead: query.OverheadSeparate,
		}, 2)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := ask(query.Dimension{Property: "namespace"})
	if c.Pairs != 6 || c.Used != 5 || len(c.LeftOut) != 1 || c.LeftOut[0] != (query.LeftOut{Cluster: "c2", Days: 1, Reason: "new"}) {
		t.Fatalf("%d of %d cluster-days, left out %v", c.Used, c.Pairs, c.LeftOut)
	}
	// What must come out, asked for cluster by cluster and day by day.
	var before, after cost.Sum
	for _, part := range []struct {
		clusters []string
		day      int
	}{{[]string{"c0", "c1"}, 2}, {[]string{"c0", "c1", "c2"}, 3}} {
		for back, into := range map[int]*cost.Sum{0: &after, 2: &before} {
			first := (f.first + cost.Day(part.day-back)).FirstHour()
			only := query.Filter{Root: query.Match{Property: "cluster", Op: query.OpEquals, Values: part.clusters}}
			into.AddSum(whole(t, e, cost.Window{Start: first, End: first + 24}, only))
		}
	}
	if !c.Total.Before.Equal(&before) || !c.Total.After.Equal(&after) {
		t.Errorf("before %s, after %s; want %s, %s", &c.Total.Before, &c.Total.After, &before, &after)
	}
	for _, by := range []string{"cluster", "controller", "namespace"} {
		c := ask(query.Dimension{Property: by})
		var sum cost.Sum
		last := new(big.Int)
		for i := range c.Rows {
			r := &c.Rows[i]
			if parts := new(big.Int).Add(r.Price.Big(), r.Volume.Big()); parts.Cmp(r.Change().Big()) != 0 {
				t.Errorf("%s %s: price and volume make %v, the change is %v", by, r.Name, parts, r.Change())
			}
			if i > 0 && r.Change().Big().CmpAbs(last) > 0 {
				t.Errorf("%s: %s is out of order", by, r.Name)
			}
			last = r.Change().Big()
			sum.AddSum(r.Change())
		}
		if !sum.Equal(c.Total.Change()) || !c.Total.After.Equal(&after) {
			t.Errorf("by %s: rows make %s, total %s", by, &sum, c.Total.Change())
		}
	}
}

// Parts of days count too: a day that the window cuts or that is not over is
// compared with the same hours of the earlier day, of each cluster that has all
// of them in both.
func TestCompareTakesPartsOfDays(t *testing.T) {
	f := newFleet(t, 11)
	rapid.Check(t, func(rt *rapid.T) {
		now := f.now.Add(-time.Duration(rapid.IntRange(0, 40).Draw(rt, "hoursAgo")) * time.Hour)
		retired := f.window().Start + cost.Hour(rapid.Int64Range(50, 100).Draw(rt, "retired"))
		e := f.engine(t, func(cfg *query.Config) {
			cfg.Now = func() time.Time { return now }
			cfg.Retired = func(c string) (time.Time, bool) { return retired.Start(), c == "c1" }
		})
		shift := rapid.IntRange(1, 2).Draw(rt, "shift")
		w := drawWindow(rt, f)
		q := query.AllocationQuery{Window: w, Aggregate: dims(t, "namespace"), Idle: query.IdleSeparate, Overhead: query.OverheadSeparate}
		c, err := query.Compare(t.Context(), e, q, shift)
		if err != nil {
			rt.Fatal(err)
		}
		settled := cost.HourOf(now.Add(-15 * time.Minute))
		var before, after cost.Sum
		pairs, used := 0, 0
		reached := cost.Window{Start: w.End, End: w.Start}
		for _, d := range w.Days() {
			part := w.Intersect(cost.Window{Start: d.FirstHour(), End: min((d + 1).FirstHour(), settled)})
			if part.Empty() {
				continue
			}
			earlier := cost.Window{Start: part.Start - cost.Hour(24*shift), End: part.End - cost.Hour(24*shift)}
			cov, err := e.Coverage(t.Context(), []cost.Window{part, earlier}, query.Filter{})
			if err != nil {
				rt.Fatal(err)
			}
			for k, is := range cov.Sets[0].Clusters {
				was := cov.Sets[1].Clusters[k]
				if is.HoursExpected+was.HoursExpected > 0 {
					pairs++
				}
				if is.HoursPresent != part.Hours() || was.HoursPresent != part.Hours() || is.HoursPartial+was.HoursPartial > 0 {
					continue
				}
				used++
				only := query.Filter{Root: query.Match{Property: "cluster", Op: query.OpEquals, Values: []string{is.Cluster}}}
				after.AddSum(whole(t, e, part, only))
				before.AddSum(whole(t, e, earlier, only))
				reached = cost.Window{Start: min(reached.Start, part.Start), End: max(reached.End, part.End)}
			}
		}
		if c.Pairs != pairs || c.Used != used {
			rt.Fatalf("%v, settled %v: %d of %d cluster-days, want %d of %d; left out %v", w, settled, c.Used, c.Pairs, used, pairs, c.LeftOut)
		}
		if !c.Total.After.Equal(&after) || !c.Total.Before.Equal(&before) {
			rt.Fatalf("%v, settled %v: before %s, after %s; want %s, %s", w, settled, &c.Total.Before, &c.Total.After, &before, &after)
		}
		back := cost.Hour(24 * shift)
		if used > 0 && (c.Current != reached || c.Previous != (cost.Window{Start: reached.Start - back, End: reached.End - back})) {
			rt.Fatalf("%v, settled %v: compared %v with %v, want %v", w, settled, c.Current, c.Previous, reached)
		}
	})
}

// Other rates are price, other quantities volume.
func TestPriceAndVolume(t *testing.T) {
	day := func(n int, quantity, amount int64) query.AllocationSet {
		var s cost.Sum
		s.Add(cost.Money(amount))
		first := cost.Day(20000 + n).FirstHour()
		return query.AllocationSet{
			Window: cost.Window{Start: first, End: first + 24},
			Rows:   []query.AllocationRow{{Name: "web", Kind: cost.KindContainer, CPUAllocated: quantity, CPU: s}},
		}
	}
	qs := &twoDays{before: day(0, 1000, 500), after: day(1, 3000, 1800)}
	c, err := query.Compare(t.Context(), qs, query.AllocationQuery{Window: qs.after.Window, All: true}, 1)
	if err != nil {
		t.Fatal(err)
	}
	// Three times the quantity at 0.5 is 1500; the rest, 300, is the rate.
	if r := c.Rows[0]; r.Volume.Big().Int64() != 1000 || r.Price.Big().Int64() != 300 || r.New || r.Gone {
		t.Errorf("volume %v, price %v", r.Volume.Big(), r.Price.Big())
	}
	qs.before.Rows = nil
	if c, err = query.Compare(t.Context(), qs, query.AllocationQuery{Window: qs.after.Window, All: true}, 1); err != nil || !c.Rows[0].New || c.Rows[0].Volume.Big().Int64() != 1800 {
		t.Errorf("new: %+v %v", c, err)
	}
}

func TestPreviousShift(t *testing.T) {
	at := func(s string) cost.Hour {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return cost.HourOf(v)
	}
	for _, c := range []struct {
		start, end string
		want       int
	}{
		{"2026-11-01T00:00:00Z", "2026-11-24T13:00:00Z", 31}, // with 1 to 24 October
		{"2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", 28}, // with February
		{"2026-11-17T00:00:00Z", "2026-11-24T00:00:00Z", 7},
		{"2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", 1},
		{"2026-11-24T05:00:00Z", "2026-11-24T09:00:00Z", 1},
	} {
		if got := query.PreviousShift(cost.Window{Start: at(c.start), End: at(c.end)}); got != c.want {
			t.Errorf("%s to %s: %d days back, want %d", c.start, c.end, got, c.want)
		}
	}
}

// The sources of a window are its objects, of the clusters that the filter
// takes, in the versions that were loaded.
func TestSources(t *testing.T) {
	f := newFleet(t, 9)
	e := f.engine(t)
	first := f.window().Start
	keys := func(w cost.Window, filter query.Filter) []string {
		t.Helper()
		ans, err := e.Sources(t.Context(), w, filter)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, s := range ans.Sources {
			if s.ETag != "1" || s.Rows <= 0 || ans.DataVersion == "" {
				t.Errorf("source %+v", s)
			}
			out = append(out, s.Cluster+" "+s.Day.String())
		}
		return out
	}
	if got := keys(cost.Window{Start: first + 20, End: first + 26}, query.Filter{}); !slices.Equal(got, []string{"c0 2026-10-30", "c1 2026-10-30", "c0 2026-10-31", "c1 2026-10-31", "c2 2026-10-31"}) {
		t.Errorf("six hours about midnight rest on %v", got)
	}
	only := query.Filter{Root: query.And{Of: []query.Node{
		query.Match{Property: "cluster", Op: query.OpEquals, Values: []string{"c2"}}, query.Match{Property: "namespace", Op: query.OpEquals, Values: []string{"web"}},
	}}}
	if got := keys(f.window(), only); len(got) != 3 {
		t.Errorf("c2 rests on %v", got)
	}
}

// Assets are compared by the same law: whole cluster-days of both periods, and
// price and volume that add up to the change, exactly, row by row and in all.
func TestAssetsAreComparedLikeForLike(t *testing.T) {
	f := newFleet(t, 3)
	e := f.engine(t)
	w := f.window()
	for _, aggregate := range []string{"", "type", "cluster", "nodePool,instanceType", "all"} {
		dims, all, err := query.ParseAggregate(aggregate, query.SourceAsset)
		if err != nil {
			t.Fatal(err)
		}
		c, err := query.CompareAssets(t.Context(), e, query.AssetQuery{
			Window: cost.Window{Start: w.End - 48, End: w.End}, Aggregate: dims, All: all,
		}, 2)
		if err != nil {
			t.Fatal(err)
		}
		if c.Pairs != 6 || c.Used != 5 {
			t.Fatalf("%s: %d of %d cluster-days, left out %v", aggregate, c.Used, c.Pairs, c.LeftOut)
		}
		var parts, before, after cost.Sum
		for i := range c.Rows {
			r := &c.Rows[i]
			if got, want := sum(&r.Price, &r.Volume), sum(r.Change()); got != want {
				t.Errorf("%s %s: price and volume make %d, the change is %d", aggregate, r.Name, got, want)
			}
			parts.AddSum(&r.Price)
			parts.AddSum(&r.Volume)
			before.AddSum(&r.Before)
			after.AddSum(&r.After)
		}
		if sum(&before) != sum(&c.Total.Before) || sum(&after) != sum(&c.Total.After) || sum(&parts) != sum(c.Total.Change()) {
			t.Errorf("%s: the rows do not add up to the total", aggregate)
		}
		// The clusters that were whole on all days cost what they cost there.
		pair, err := query.ParseFilter(`cluster:"c0","c1"`, query.SourceAsset)
		if err != nil {
			t.Fatal(err)
		}
		two, err := query.CompareAssets(t.Context(), e, query.AssetQuery{Window: cost.Window{Start: w.End - 48, End: w.End}, Aggregate: dims, All: all, Filter: pair}, 2)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := e.Assets(t.Context(), query.AssetQuery{Window: cost.Window{Start: w.End - 48, End: w.End}, Aggregate: dims, All: all, Filter: pair, Accumulate: query.AccumulateAll})
		if err != nil {
			t.Fatal(err)
		}
		var now cost.Sum
		for i := range plain.Sets[0].Rows {
			now.AddSum(plain.Sets[0].Rows[i].Total())
		}
		if sum(&two.Total.After) != sum(&now) {
			t.Errorf("%s: compared %d, they cost %d", aggregate, sum(&two.Total.After), sum(&now))
		}
	}
}
