package query_test

import (
	"context"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// todaysFleet is a fleet at 14:20 of its last day: c0 is in time, c1 two hours
// late, c2 joined at 10:00 of the second day and has a gap of an hour on the
// third.
func todaysFleet(t *testing.T) (*fleet, func(cluster string, h cost.Hour) bool) {
	t.Helper()
	first, err := cost.ParseDay("2026-10-30")
	if err != nil {
		t.Fatal(err)
	}
	settled := (first + 3).FirstHour() + 14
	has := func(cluster string, h cost.Hour) bool {
		switch cluster {
		case "c0":
			return h < settled
		case "c1":
			return h < settled-2
		}
		return h < settled && h >= (first+1).FirstHour()+10 && h != (first+2).FirstHour()+20
	}
	f := newFleetOf(t, 11, has)
	f.now = settled.Start().Add(20 * time.Minute)
	return f, has
}

// The slow and obvious comparison: cluster by cluster, day by day, hour by hour.
func referenceComparison(f *fleet, has func(string, cost.Hour) bool, w cost.Window, shift int, dims []query.Dimension) (before, after map[string]int64, used, pairs int) {
	before, after = map[string]int64{}, map[string]int64{}
	first := map[string]cost.Hour{}
	for i := range f.rows {
		x := &f.rows[i]
		if at, ok := first[x.cluster]; !ok || x.hour < at {
			first[x.cluster] = x.hour
		}
	}
	for _, cluster := range []string{"c0", "c1", "c2"} {
		for _, day := range w.Days() {
			part := w.Intersect(cost.Window{Start: day.FirstHour(), End: day.FirstHour() + 24})
			all := true
			for h := part.Start; h < part.End; h++ {
				all = all && has(cluster, h) && has(cluster, h-cost.Hour(24*shift)) && h-cost.Hour(24*shift) >= first[cluster]
			}
			if part.End > first[cluster] {
				pairs++
			}
			if !all {
				continue
			}
			used++
			only := query.Filter{Root: query.Match{Property: "cluster", Op: query.OpEquals, Values: []string{cluster}}}
			for back, into := range map[int]map[string]int64{0: after, shift: before} {
				q := query.AllocationQuery{
					Window:    cost.Window{Start: part.Start - cost.Hour(24*back), End: part.End - cost.Hour(24*back)},
					Aggregate: dims, Filter: only, Accumulate: query.AccumulateAll, Idle: query.IdleSeparate, Overhead: query.OverheadSeparate,
				}
				for _, set := range reference(f.rows, q, f.now) {
					for name, row := range set {
						into[name] += row.total()
					}
				}
			}
		}
	}
	return before, after, used, pairs
}

// Any window, cut anywhere, is compared as the reference does it.
func TestComparisonOfPartsOfDays(t *testing.T) {
	f, has := todaysFleet(t)
	e := f.engine(t)
	settled := (f.first + 3).FirstHour() + 14
	rapid.Check(t, func(t *rapid.T) {
		w := drawWindow(t, f)
		shift := rapid.IntRange(1, 3).Draw(t, "shift")
		by := rapid.SampledFrom([]string{"cluster", "namespace", "controllerKind"}).Draw(t, "by")
		dims := []query.Dimension{{Property: by}}
		c, err := query.Compare(context.Background(), e, query.AllocationQuery{
			Window: w, Aggregate: dims, Idle: query.IdleSeparate, Overhead: query.OverheadSeparate,
		}, shift)
		if err != nil {
			t.Fatal(err)
		}
		elapsed := cost.Window{Start: w.Start, End: min(w.End, settled)}
		// Where no cluster is in time for the last day, it ends where the best one does;
		// c0 always is in this fleet.
		before, after, used, pairs := referenceComparison(f, has, elapsed, shift, dims)
		if c.Used != used || c.Pairs < pairs {
			t.Fatalf("%v, %d days back: %d of %d cluster-days, want %d of %d; left out %v", w, shift, c.Used, c.Pairs, used, pairs, c.LeftOut)
		}
		left := 0
		for _, l := range c.LeftOut {
			left += l.Days
		}
		if left+c.Used != c.Pairs {
			t.Fatalf("%d used and %d left out of %d", c.Used, left, c.Pairs)
		}
		var total cost.Sum
		for i := range c.Rows {
			r := &c.Rows[i]
			if r.Before.Big().Int64() != before[r.Name] || r.After.Big().Int64() != after[r.Name] {
				t.Errorf("%s: %s with %s, want %d with %d", r.Name, &r.After, &r.Before, after[r.Name], before[r.Name])
			}
			if parts := new(big.Int).Add(r.Price.Big(), r.Volume.Big()); parts.Cmp(r.Change().Big()) != 0 {
				t.Errorf("%s: price and volume make %v, the change is %v", r.Name, parts, r.Change())
			}
			delete(before, r.Name)
			delete(after, r.Name)
			total.AddSum(r.Change())
		}
		for _, rest := range []map[string]int64{before, after} {
			for name, amount := range rest {
				if amount != 0 {
					t.Errorf("%s is not compared: %d", name, amount)
				}
			}
		}
		if !total.Equal(c.Total.Change()) {
			t.Errorf("rows make %s, total %s", &total, c.Total.Change())
		}
		if c.Used > 0 && (c.Current.Start < elapsed.Start || c.Current.End > elapsed.End || c.Previous.Hours() != c.Current.Hours()) {
			t.Errorf("%v: compared %v with %v", w, c.Current, c.Previous)
		}
	})
}

// A late cluster is left out of the day that is not over, and only of that; one
// that joined is new; and the period says which hours were compared.
func TestTodayIsComparedByItsHours(t *testing.T) {
	f, _ := todaysFleet(t)
	e := f.engine(t)
	today := (f.first + 3).FirstHour()
	for _, c := range []struct {
		name    string
		w       cost.Window
		shift   int
		used    int
		left    []query.LeftOut
		current cost.Window
	}{
		{
			"today",
			cost.Window{Start: today, End: today + 24},
			1, 2,
			[]query.LeftOut{{Cluster: "c1", Days: 1, Reason: "incomplete"}},
			cost.Window{Start: today, End: today + 14},
		},
		{
			"to date",
			cost.Window{Start: today - 24, End: today + 15},
			2, 3,
			[]query.LeftOut{
				{Cluster: "c1", Days: 1, Reason: "incomplete"}, {Cluster: "c2", Days: 1, Reason: "new"}, {Cluster: "c2", Days: 1, Reason: "incomplete"},
			},
			cost.Window{Start: today - 24, End: today + 14},
		},
		{
			"its first ten hours", cost.Window{Start: today, End: today + 10}, 1, 3, nil, cost.Window{Start: today, End: today + 10},
		},
	} {
		got, err := query.Compare(t.Context(), e, query.AllocationQuery{Window: c.w, All: true}, c.shift)
		if err != nil {
			t.Fatal(err)
		}
		back := cost.Hour(24 * c.shift)
		if got.Used != c.used || !slices.Equal(got.LeftOut, c.left) || got.Current != c.current ||
			got.Previous != (cost.Window{Start: c.current.Start - back, End: c.current.End - back}) {
			t.Errorf("%s: %d of %d, left out %v, %v with %v", c.name, got.Used, got.Pairs, got.LeftOut, got.Current, got.Previous)
		}
		assets, err := query.CompareAssets(t.Context(), e, query.AssetQuery{Window: c.w, All: true}, c.shift)
		if err != nil {
			t.Fatal(err)
		}
		if assets.Used != got.Used || assets.Current != got.Current || !slices.Equal(assets.LeftOut, got.LeftOut) {
			t.Errorf("%s: assets are compared on %v, workloads on %v", c.name, assets.Current, got.Current)
		}
	}
}

// An hour that no cluster has yet does not take the day out of the comparison.
func TestLateForTheWholeFleet(t *testing.T) {
	f, _ := todaysFleet(t)
	f.now = f.now.Add(2 * time.Hour)
	today := (f.first + 3).FirstHour()
	c, err := query.Compare(t.Context(), f.engine(t), query.AllocationQuery{Window: cost.Window{Start: today, End: today + 24}, All: true}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := (cost.Window{Start: today, End: today + 14}); c.Used != 2 || c.Current != want {
		t.Errorf("%d of %d cluster-days, %v, want %v", c.Used, c.Pairs, c.Current, want)
	}
}

// counted counts the questions about costs.
type counted struct {
	query.Questions
	asked int
}

func (q *counted) Allocations(ctx context.Context, a query.AllocationQuery) (*query.AllocationAnswer, error) {
	q.asked++
	return q.Questions.Allocations(ctx, a)
}

// A healthy fleet is two questions, though its last day is not over.
func TestHealthyFleetIsTwoQuestions(t *testing.T) {
	f := newFleet(t, 4)
	f.now = ((f.first + 3).FirstHour() + 13).Start().Add(20 * time.Minute)
	qs := &counted{Questions: f.engine(t)}
	today := (f.first + 3).FirstHour()
	c, err := query.Compare(t.Context(), qs, query.AllocationQuery{Window: cost.Window{Start: today, End: today + 24}, All: true}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if qs.asked != 2 || c.Used != 3 {
		t.Errorf("%d questions for %d cluster-days", qs.asked, c.Used)
	}
}

// Days whose hours are no longer kept take the parts of days out, with the
// reason; whole days are compared all the same.
func TestComparisonWithoutHours(t *testing.T) {
	f := newFleet(t, 6)
	f.now = ((f.first + 3).FirstHour() + 13).Start().Add(20 * time.Minute)
	e, err := query.New(f.store, &hydrator{err: errors.New("gone")}, query.Config{Now: func() time.Time { return f.now }, CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	today := (f.first + 3).FirstHour()
	c, err := query.Compare(t.Context(), e, query.AllocationQuery{Window: cost.Window{Start: today - 24, End: today + 24}, All: true}, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := []query.LeftOut{{Cluster: "c0", Days: 1, Reason: "hours"}, {Cluster: "c1", Days: 1, Reason: "hours"}, {Cluster: "c2", Days: 1, Reason: "hours"}}
	if c.Used != 3 || c.Pairs != 6 || !slices.Equal(c.LeftOut, want) || c.Current != (cost.Window{Start: today - 24, End: today}) {
		t.Errorf("%d of %d, left out %v, %v", c.Used, c.Pairs, c.LeftOut, c.Current)
	}
	if !c.Total.After.Equal(workloads(t, f.engine(t), c.Current)) || !c.Total.Before.Equal(workloads(t, f.engine(t), c.Previous)) {
		t.Errorf("%s with %s", &c.Total.After, &c.Total.Before)
	}
	c, err = query.Compare(t.Context(), e, query.AllocationQuery{Window: cost.Window{Start: today, End: today + 24}, All: true}, 1)
	if err != nil || c.Used != 0 || c.Pairs != 3 || !slices.Equal(c.LeftOut, want) || len(c.Rows) != 0 {
		t.Errorf("today alone: %d of %d, left out %v, %v", c.Used, c.Pairs, c.LeftOut, err)
	}
}

// workloads is what a window's workloads cost, without idle and overhead.
func workloads(t *testing.T, e *query.Engine, w cost.Window) *cost.Sum {
	t.Helper()
	return totalOf(ask(t, t, e, query.AllocationQuery{Window: w, All: true}))
}
