package ingest

import (
	"context"
	"fmt"
	"slices"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/store"
)

// EnsureHours makes sure that the hourly tables hold the given days, loading
// those beyond the hourly retention from the bucket again. At most
// Config.EnsuredDays such days are kept; the longest unused ones make room. It
// fails, with the reason, when the days are more than that or an object cannot
// be read.
func (in *Ingester) EnsureHours(ctx context.Context, days []cost.Day) error {
	if err := in.acquire(ctx); err != nil {
		return err
	}
	defer in.release()
	now := in.cfg.Now()
	var cold, lacking []cost.Day
	for _, d := range days {
		if d >= in.hoursFrom || slices.Contains(cold, d) {
			continue
		}
		cold = append(cold, d)
		if _, ok := in.ensured[d]; !ok {
			lacking = append(lacking, d)
		}
	}
	if len(cold) > in.cfg.EnsuredDays {
		return fmt.Errorf("the question needs the hours of %d days before %v, and at most %d can be loaded again at once; "+
			"ask for less, use daily steps, or raise the hourly retention (%d days)",
			len(cold), in.hoursFrom, in.cfg.EnsuredDays, in.cfg.HourlyDays)
	}
	for _, d := range lacking {
		if err := in.loadHours(ctx, d); err != nil {
			return fmt.Errorf("load the hours of %v again: %w", d, err)
		}
	}
	if len(cold) == 0 {
		return nil
	}
	for _, d := range cold {
		in.ensured[d] = now.UnixMicro()
	}
	if len(lacking) == 0 {
		return nil // their use is recorded with the next change
	}
	in.evict(cold)
	daysFrom := in.daysFrom(now)
	return in.store.Retain(ctx, in.hoursFrom, daysFrom, in.ensured)
}

// evict forgets the longest unused days beyond the bound, never those in use.
func (in *Ingester) evict(use []cost.Day) {
	for len(in.ensured) > in.cfg.EnsuredDays {
		var victim cost.Day
		found := false
		for d, used := range in.ensured {
			if !slices.Contains(use, d) && (!found || used < in.ensured[victim] || (used == in.ensured[victim] && d < victim)) {
				victim, found = d, true
			}
		}
		if !found {
			return
		}
		delete(in.ensured, victim)
	}
}

// loadHours loads all clusters' objects of one day again, with hourly rows.
func (in *Ingester) loadHours(ctx context.Context, day cost.Day) error {
	var units []*unit
	byCluster := map[string]*unit{}
	for key, o := range in.loaded {
		touches := !o.Live && o.Day == day
		if o.Live {
			touches = slices.ContainsFunc(o.Hours, func(h store.Hour) bool { return h.Hour.Day() == day })
		}
		if !touches {
			continue
		}
		u := byCluster[o.Cluster]
		if u == nil {
			u = &unit{cluster: o.Cluster, days: []cost.Day{day}, hours: true}
			byCluster[o.Cluster] = u
			units = append(units, u)
		}
		if !o.Live {
			k := costfile.Key{Kind: costfile.KeyDaily, Dataset: costfile.Dataset(o.Dataset), Day: day, Cluster: o.Cluster}
			u.want = append(u.want, candidate{k, key, o.ETag, o.Bytes})
		}
	}
	slices.SortFunc(units, func(a, b *unit) int {
		if a.cluster < b.cluster {
			return -1
		}
		return 1
	})
	var r Report
	for len(units) > 0 {
		n := in.batchEnd(units)
		var want []candidate
		for _, u := range units[:n] {
			want = append(want, u.want...)
		}
		got, err := in.fetchAll(ctx, want, nil)
		if err != nil {
			return err
		}
		for _, f := range got {
			if f.err != nil {
				return f.err
			}
		}
		if err := in.loadTurn(ctx, units[:n], got, &r); err != nil {
			return err
		}
		units = units[n:]
	}
	if r.Failed+r.Quarantined > 0 {
		return fmt.Errorf("%d objects cannot be read; see the fleet's errors", r.Failed+r.Quarantined)
	}
	return nil
}
