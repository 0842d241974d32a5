package push

import (
	"context"
	"fmt"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// dayState is what the process knows of a day in the bucket.
type dayState struct {
	generation int64
	hours      []costfile.HourMeta // of the allocation object
	// uneven are hours that the three objects of the day do not hold in the same
	// version: another pusher is between them, or died there.
	uneven  map[cost.Hour]bool
	objects map[costfile.Dataset]costfile.ObjectStatus
	checked bool // against the bucket, by this process
}

// hour returns the version of an hour that all objects of the day hold.
func (d *dayState) hour(h cost.Hour) (costfile.HourMeta, bool) {
	if d == nil || d.uneven[h] {
		return costfile.HourMeta{}, false
	}
	for _, m := range d.hours {
		if m.Hour == h {
			return m, true
		}
	}
	return costfile.HourMeta{}, false
}

// newDayState reads a day's state off its objects, in the order of
// costfile.Datasets. An absent object has no hours.
func newDayState(results [len(costfile.Datasets)]result) *dayState {
	d := &dayState{uneven: map[cost.Hour]bool{}, objects: map[costfile.Dataset]costfile.ObjectStatus{}, checked: true}
	allocation := results[len(results)-1].meta
	d.hours = allocation.Hours
	for i, ds := range costfile.Datasets {
		r := &results[i]
		if !r.absent {
			d.objects[ds] = r.status()
		}
		here := r.meta.HourMap()
		for _, a := range d.hours {
			o, ok := here[a.Hour]
			if !ok || o.Coverage != a.Coverage || o.Generation != a.Generation {
				d.uneven[a.Hour] = true
			}
		}
	}
	return d
}

// pushDay merges what waits of a day into its three objects. The spool forgets
// the day when status.json, too, tells of it: so a push that ends between the
// two is taken up by the next process.
func (p *Pusher) pushDay(ctx context.Context, day cost.Day) (Report, error) {
	p.mu.Lock()
	waiting := p.spool.days[day]
	if waiting == nil || waiting.confirmed {
		p.mu.Unlock()
		return Report{}, nil
	}
	file, err := waiting.open() // an Add may replace it; this one stays readable
	p.mu.Unlock()
	if err != nil {
		return Report{}, err
	}
	defer file.Close()

	var rep Report
	var results [len(costfile.Datasets)]result
	for i, ds := range costfile.Datasets {
		meta := waiting.meta
		meta.Dataset, meta.Writer = ds, p.cfg.Writer
		results[i], err = p.update(ctx, target{
			key:   costfile.DailyKey(ds, day, p.cfg.ClusterID),
			meta:  meta,
			hours: waiting.meta.Hours,
			rows: func(keep map[cost.Hour]bool) input {
				return input{object: waiting.section(file, i), keep: keep}
			},
		})
		if err != nil {
			return rep, err
		}
		rep.count(&results[i])
	}
	p.logReplaced(&results[len(results)-1])
	state := newDayState(results)

	p.mu.Lock()
	defer p.mu.Unlock()
	p.setDay(day, state)
	waiting.confirmed = true
	rep.Days = 1
	return rep, nil
}

// setDay notes what the bucket has of a day; its generation grows when that is
// not what was known. Callers hold the mutex.
func (p *Pusher) setDay(day cost.Day, state *dayState) {
	old := p.days[day]
	if old != nil && sameObjects(old.objects, state.objects) {
		state.generation = old.generation
	} else {
		state.generation = p.generation
	}
	p.days[day] = state
}

func sameObjects(a, b map[costfile.Dataset]costfile.ObjectStatus) bool {
	for _, ds := range costfile.Datasets {
		if a[ds].ETag != b[ds].ETag {
			return false
		}
	}
	return true
}

// logReplaced reports what a rewrite of hours did to the day's cost.
func (p *Pusher) logReplaced(r *result) {
	now := r.meta.HourMap()
	for _, old := range r.replaced {
		h := now[old.Hour]
		if h.Total == old.Total && h.Coverage == old.Coverage {
			continue
		}
		p.logger.Info("hour replaced", "hour", old.Hour.String(), "partial", old.Partial,
			"coverage", h.Coverage, "coverageBefore", old.Coverage,
			"total", h.Total.String(), "totalBefore", old.Total.String(), "difference", (h.Total - old.Total).String())
	}
}

// loadDay reads a day's state from the bucket.
func (p *Pusher) loadDay(ctx context.Context, day cost.Day) error {
	var results [len(costfile.Datasets)]result
	for i, ds := range costfile.Datasets {
		f, err := p.fetch(ctx, costfile.DailyKey(ds, day, p.cfg.ClusterID),
			costfile.Meta{Dataset: ds, Cluster: p.cfg.ClusterID, Date: day.String()})
		if err != nil {
			return fmt.Errorf("look at %v: %w", day, err)
		}
		results[i] = result{meta: f.meta, object: f.object, absent: f.absent}
		f.close()
	}
	state := newDayState(results)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(state.objects) == 0 {
		delete(p.days, day)
		return nil
	}
	p.setDay(day, state)
	return nil
}
