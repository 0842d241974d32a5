package ingest

import (
	"fmt"
	"os"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/store"
)

// An agent writes the datasets one after the other. Who looks in between finds
// workloads of one moment and assets of another, which do not add up. Every
// hour carries the generation of its version, the same in all datasets, so such
// a cluster-day is recognized and left as it was until the next Sync.

// clusterDay is one day of one cluster.
type clusterDay struct {
	cluster string
	day     cost.Day
}

// settled returns the units whose days would hold the same hours in all
// datasets, and those that were waited for long enough. The rest is looked at
// again at the next Sync.
func (in *Ingester) settled(units []*unit, r *Report) []*unit {
	out := make([]*unit, 0, len(units))
	for _, u := range units {
		if in.wait(u) {
			in.setAside(u, r)
			continue
		}
		out = append(out, u)
	}
	return out
}

// wait tells whether a unit shall wait for the next Sync. A unit that takes
// away what is gone, or loads known objects again, never does.
func (in *Ingester) wait(u *unit) bool {
	if u.hours || len(u.gone) > 0 {
		return false
	}
	wait := false
	found := map[cost.Day]string{}
	for _, day := range u.days {
		id := clusterDay{u.cluster, day}
		how := in.unevenness(u, day)
		if how == "" {
			delete(in.uneven, id)
			continue
		}
		found[day] = how
		in.uneven[id]++
		wait = wait || in.uneven[id] <= in.cfg.Patience
	}
	in.viewMu.Lock()
	defer in.viewMu.Unlock()
	state := in.clusterState(u.cluster)
	for _, day := range u.days {
		switch how, uneven := found[day]; {
		case !uneven:
			delete(state.uneven, day)
		case !wait:
			if state.uneven == nil {
				state.uneven = map[cost.Day]string{}
			}
			if state.uneven[day] != how {
				in.logger.Warn("day loaded although its datasets differ: a push seems to have ended half-way",
					"cluster", u.cluster, "day", day.String(), "difference", how)
			}
			state.uneven[day] = how
		}
	}
	return wait
}

// unevenness says how the datasets of a cluster-day would differ with the
// unit's objects loaded, "" if they would not. Datasets in quarantine are left
// out: no push is going to finish them.
func (in *Ingester) unevenness(u *unit, day cost.Day) string {
	var first map[cost.Hour]int64
	var firstData costfile.Dataset
	for _, data := range costfile.Datasets {
		dailyKey, liveKey := costfile.DailyKey(data, day, u.cluster), costfile.LiveKey(data, u.cluster)
		if in.refused[dailyKey] || in.refused[liveKey] {
			continue
		}
		daily := u.dailies[dailyKey]
		if daily == nil {
			daily = in.loaded[dailyKey]
		}
		live, changed := u.lives[store.Dataset(data)]
		if !changed {
			live = in.loaded[liveKey]
		}
		hours := generations(daily, live, day)
		if first == nil {
			first, firstData = hours, data
			continue
		}
		for h := day.FirstHour(); h < day.FirstHour()+24; h++ {
			a, inFirst := first[h]
			b, here := hours[h]
			switch {
			case inFirst && !here:
				return fmt.Sprintf("hour %v is in the %s data and not in the %s data", h, firstData, data)
			case here && !inFirst:
				return fmt.Sprintf("hour %v is in the %s data and not in the %s data", h, data, firstData)
			case a != b:
				return fmt.Sprintf("hour %v has generation %d in the %s data and %d in the %s data", h, a, firstData, b, data)
			}
		}
	}
	return ""
}

// generations are those of the hours that a dataset has of a day: the daily
// object's, and the live object's where that has none.
func generations(daily, live *store.Object, day cost.Day) map[cost.Hour]int64 {
	out := map[cost.Hour]int64{}
	for _, o := range []*store.Object{live, daily} {
		if o == nil {
			continue
		}
		for _, h := range o.Hours {
			if h.Hour.Day() == day {
				out[h.Hour] = h.Generation
			}
		}
	}
	return out
}

// setAside leaves a unit's objects for the next Sync.
func (in *Ingester) setAside(u *unit, r *Report) {
	in.viewMu.Lock()
	defer in.viewMu.Unlock()
	state := in.clusterState(u.cluster)
	if state.waiting == nil {
		state.waiting = map[string]bool{}
	}
	for key := range u.dailies {
		state.waiting[key] = true
		r.Waiting++
	}
	for _, o := range u.lives {
		if o == nil {
			continue
		}
		state.waiting[o.Key] = true
		r.Waiting++
		if old := in.loaded[o.Key]; old == nil || old.Path != o.Path {
			_ = os.Remove(o.Path)
		}
	}
	in.logger.Debug("a push is under way; its objects wait for the next look", "cluster", u.cluster)
}
