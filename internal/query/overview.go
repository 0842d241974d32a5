package query

import (
	"cmp"
	"context"
	"errors"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// OverviewQuery asks what the first page of the fleet shows.
type OverviewQuery struct {
	Window cost.Window
	// Changes is the period whose changes are told; empty means Window.
	Changes cost.Window
	// Shift is how many days back the comparison lies; 0 means PreviousShift.
	Shift int
	By    []Dimension // what the changes are told by; nil means namespace
}

// Parts are the parts of the cost of a scope: their sum is what its assets
// cost.
type Parts struct{ Allocated, Idle, Unmounted, Overhead cost.Sum }

// Total is the sum of the parts.
func (p *Parts) Total() *cost.Sum {
	var t cost.Sum
	for _, s := range []*cost.Sum{&p.Allocated, &p.Idle, &p.Unmounted, &p.Overhead} {
		t.AddSum(s)
	}
	return &t
}

func (p *Parts) add(o *Parts) {
	p.Allocated.AddSum(&o.Allocated)
	p.Idle.AddSum(&o.Idle)
	p.Unmounted.AddSum(&o.Unmounted)
	p.Overhead.AddSum(&o.Overhead)
}

// Overview is the fleet at one version of the data.
type Overview struct {
	Answer
	Parts
	Default  cost.Sum // the part of the total that rests on default rates
	Reserved cost.Sum // the part of idle that the nodes keep for the system
	Waste    cost.Sum // workload idle: asked for and not used; a part of Allocated
	Buckets  []OverviewBucket
	Clusters []OverviewCluster // by cost, largest first
	Waste10  []WasteRow        // the namespaces with most workload idle
	Changes  *Comparison
}

// OverviewBucket is one step of the trend.
type OverviewBucket struct {
	Window cost.Window
	Parts
	HoursExpected, HoursPresent, HoursPartial int64
	// Over tells that the bucket has ended and all its hours are due.
	Over bool
}

// OverviewCluster is what one cluster costs: its own idle and overhead are in.
type OverviewCluster struct {
	Cluster                              string
	Cost, Default, Idle, Reserved, Waste cost.Sum
}

// WasteRow is the workload idle of a namespace of a cluster, at the average
// rates of that namespace.
type WasteRow struct {
	Cluster, Namespace string
	Cost, Waste        cost.Sum
}

// trendHours is the longest window whose trend is by the hour.
const trendHours = 48

// Overviews answers q with a few questions, all at one version of the data.
func Overviews(ctx context.Context, qs Questions, q OverviewQuery) (*Overview, error) {
	for range maxAttempts {
		out, err := overviewOnce(ctx, qs, q)
		if e := (*Error)(nil); errors.As(err, &e) && e.Reason == errMoved {
			continue
		}
		return out, err
	}
	return nil, movedError()
}

func overviewOnce(ctx context.Context, qs Questions, q OverviewQuery) (*Overview, error) {
	if len(q.By) == 0 {
		q.By = []Dimension{{Property: "namespace"}}
	}
	if q.Changes.Empty() {
		q.Changes = q.Window
	}
	if q.Shift == 0 {
		q.Shift = PreviousShift(q.Changes)
	}
	out := &Overview{}
	if err := out.trend(ctx, qs, q.Window); err != nil {
		return nil, err
	}
	if err := out.clusters(ctx, qs, q.Window); err != nil {
		return nil, err
	}
	if err := out.waste(ctx, qs, q.Window); err != nil {
		return nil, err
	}
	var err error
	out.Changes, err = Compare(ctx, qs, AllocationQuery{
		Window: q.Changes, Aggregate: q.By, Idle: IdleSeparate, Overhead: OverheadSeparate, Detail: DetailRates,
	}, q.Shift)
	if err == nil && out.Changes.DataVersion != out.DataVersion {
		err = movedError()
	}
	return out, err
}

// PreviousShift is how far back the period before a window lies, in days: the
// same days of the month before for a window that begins with a month, else
// the window's length in days.
func PreviousShift(w cost.Window) int {
	first := w.Start.Start()
	if w.Start.OfDay() == 0 && first.Day() == 1 && w.End.Start().Before(first.AddDate(0, 1, 0).Add(time.Second)) && w.Hours() > 24 {
		return int(first.Sub(first.AddDate(0, -1, 0)).Hours()) / 24
	}
	return max(1, int((w.Hours()+23)/24))
}

// trend fills the total, its parts and the buckets. Controller kinds tell
// unmounted from allocated: only what runs has one.
func (o *Overview) trend(ctx context.Context, qs Questions, w cost.Window) error {
	step := AccumulateDay
	if w.Hours() <= trendHours {
		step = AccumulateHour
	}
	ans, err := qs.Allocations(ctx, AllocationQuery{
		Window: w, Aggregate: []Dimension{{Property: "controllerKind"}}, Accumulate: step, Idle: IdleSeparate, Overhead: OverheadSeparate,
		Detail: DetailCosts,
	})
	if err != nil {
		return err
	}
	o.Answer = ans.Answer
	sets := make([]cost.Window, len(ans.Sets))
	for i := range ans.Sets {
		sets[i] = ans.Sets[i].Window
		b := OverviewBucket{Window: sets[i]}
		for j := range ans.Sets[i].Rows {
			row := &ans.Sets[i].Rows[j]
			switch row.Name {
			case cost.IdleName:
				b.Idle.AddSum(row.Total())
				o.Reserved.AddSum(&row.CPUReserved)
				o.Reserved.AddSum(&row.RAMReserved)
			case cost.OverheadName:
				b.Overhead.AddSum(row.Total())
			case cost.UnmountedName:
				b.Unmounted.AddSum(row.Total())
			default:
				b.Allocated.AddSum(row.Total())
			}
		}
		o.Parts.add(&b.Parts)
		o.Buckets = append(o.Buckets, b)
	}
	cov, err := qs.Coverage(ctx, sets, Filter{})
	if err != nil {
		return err
	}
	if cov.DataVersion != o.DataVersion {
		return movedError()
	}
	for i := range o.Buckets {
		b := &o.Buckets[i]
		c := &cov.Sets[i]
		b.HoursExpected, b.HoursPresent, b.HoursPartial, b.Over = c.HoursExpected, c.HoursPresent, c.HoursPartial, b.Window.End <= cov.Settled
		// A day that the window cuts is not the cost of a day.
		if step == AccumulateDay && b.Window.Hours() < 24 {
			b.Over = false
		}
	}
	return nil
}

// clusters fills what each cluster's assets cost, and how much of it rests on
// default rates.
func (o *Overview) clusters(ctx context.Context, qs Questions, w cost.Window) error {
	ans, err := qs.Assets(ctx, AssetQuery{Window: w, Aggregate: []Dimension{{Property: "cluster"}}, Accumulate: AccumulateAll, Detail: DetailCosts})
	if err != nil {
		return err
	}
	if ans.DataVersion != o.DataVersion {
		return movedError()
	}
	for _, set := range ans.Sets {
		for i := range set.Rows {
			row := &set.Rows[i]
			o.Default.AddSum(&row.DefaultPriced)
			o.Clusters = append(o.Clusters, OverviewCluster{Cluster: row.Name, Cost: *row.Total(), Default: row.DefaultPriced})
		}
	}
	return nil
}

// waste fills idle by cluster and workload idle by cluster and namespace.
func (o *Overview) waste(ctx context.Context, qs Questions, w cost.Window) error {
	ans, err := qs.Allocations(ctx, AllocationQuery{
		Window: w, Aggregate: []Dimension{{Property: "cluster"}, {Property: "namespace"}}, Accumulate: AccumulateAll,
		Idle: IdleSeparate, SplitIdle: true, Detail: DetailUsage,
	})
	if err != nil {
		return err
	}
	if ans.DataVersion != o.DataVersion {
		return movedError()
	}
	at := map[string]*OverviewCluster{}
	for i := range o.Clusters {
		at[o.Clusters[i].Cluster] = &o.Clusters[i]
	}
	for _, set := range ans.Sets {
		for i := range set.Rows {
			row := &set.Rows[i]
			c := at[row.Key[0]]
			if c == nil {
				continue // a cluster without assets has no idle either
			}
			if row.Kind == cost.KindIdle {
				c.Idle.AddSum(row.Total())
				c.Reserved.AddSum(&row.CPUReserved)
				c.Reserved.AddSum(&row.RAMReserved)
				continue
			}
			wasted := row.Waste()
			c.Waste.AddSum(wasted)
			o.Waste.AddSum(wasted)
			if wasted.Big().Sign() > 0 {
				o.Waste10 = append(o.Waste10, WasteRow{Cluster: row.Key[0], Namespace: row.Key[1], Cost: *row.Total(), Waste: *wasted})
			}
		}
	}
	slices.SortFunc(o.Clusters, func(a, b OverviewCluster) int {
		return cmp.Or(b.Cost.Big().Cmp(a.Cost.Big()), strings.Compare(a.Cluster, b.Cluster))
	})
	slices.SortFunc(o.Waste10, func(a, b WasteRow) int {
		return cmp.Or(b.Waste.Big().Cmp(a.Waste.Big()), strings.Compare(a.Cluster, b.Cluster), strings.Compare(a.Namespace, b.Namespace))
	})
	o.Waste10 = o.Waste10[:min(len(o.Waste10), 10)]
	return nil
}

// Waste is the workload idle of a row: what it was given and did not use, at
// its average rates. It is a part of the row's cost, never added to a total.
func (r *AllocationRow) Waste() *cost.Sum {
	var total cost.Sum
	for _, part := range []struct {
		cost            *cost.Sum
		usage, allotted float64
	}{
		{&r.CPU, float64(r.CPUUsage), float64(r.CPUAllocated)},
		{&r.RAM, r.RAMUsage, r.RAMAllocated},
		{&r.GPU, float64(r.GPUUsage), float64(r.GPUAllocated)},
	} {
		if part.allotted <= 0 || part.usage >= part.allotted {
			continue
		}
		unused := new(big.Float).Mul(new(big.Float).SetInt(part.cost.Big()), big.NewFloat(1-part.usage/part.allotted))
		nano, _ := unused.Int(nil)
		total.AddBig(nano)
	}
	return &total
}
