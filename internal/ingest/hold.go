package ingest

import (
	"os"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/store"
)

// Workloads and assets of a cluster-day are taken together or not at all: with
// one of them refused, the other alone would look like a whole day whose assets
// cost nothing. What was pushed together with a refused object is held back:
// the day keeps what it was, or is missing, until the object is put right.
// Attachments are detail only; a day loads without them.

// pushGroup is what is pushed together: the daily objects of a cluster-day, or
// the live objects of a cluster.
type pushGroup struct {
	cluster string
	live    bool
	day     cost.Day // of daily objects
}

func groupOf(k costfile.Key) pushGroup {
	if k.Kind == costfile.KeyLive {
		return pushGroup{cluster: k.Cluster, live: true}
	}
	return pushGroup{cluster: k.Cluster, day: k.Day}
}

func (g pushGroup) key(d costfile.Dataset) string {
	if g.live {
		return costfile.LiveKey(d, g.cluster)
	}
	return costfile.DailyKey(d, g.day, g.cluster)
}

// together are the datasets that are loaded together or not at all.
var together = [...]costfile.Dataset{costfile.AllocationData, costfile.AssetData}

// holdBack takes out of a unit what belongs to a refused object.
func (in *Ingester) holdBack(u *unit, r *Report) {
	if u.hours {
		return // known objects, loaded again
	}
	for _, day := range u.days {
		g := pushGroup{cluster: u.cluster, day: day}
		for _, data := range together {
			if key := g.key(data); in.refused[key] && u.dailies[key] == nil {
				in.holdDailies(u, g, r)
			}
		}
	}
	g := pushGroup{cluster: u.cluster, live: true}
	for _, data := range together {
		if in.refused[g.key(data)] && u.lives[store.Dataset(data)] == nil {
			in.holdLives(u, g, r)
		}
	}
}

func (in *Ingester) holdDailies(u *unit, g pushGroup, r *Report) {
	for _, data := range costfile.Datasets {
		key := g.key(data)
		if o := u.dailies[key]; o != nil {
			in.holdObject(g, data, o, r)
			delete(u.dailies, key)
		}
	}
}

func (in *Ingester) holdLives(u *unit, g pushGroup, r *Report) {
	for _, data := range costfile.Datasets {
		o := u.lives[store.Dataset(data)]
		if o == nil {
			continue
		}
		in.holdObject(g, data, o, r)
		delete(u.lives, store.Dataset(data))
		if old := in.loaded[o.Key]; old == nil || old.Path != o.Path {
			_ = os.Remove(o.Path)
		}
	}
}

func (in *Ingester) holdObject(g pushGroup, data costfile.Dataset, o *store.Object, r *Report) {
	if in.held[g] == nil {
		in.held[g] = map[string]candidate{}
	}
	k := costfile.Key{Kind: costfile.KeyDaily, Dataset: data, Day: g.day, Cluster: g.cluster}
	if g.live {
		k = costfile.Key{Kind: costfile.KeyLive, Dataset: data, Cluster: g.cluster}
	}
	in.held[g][o.Key] = candidate{k, o.Key, o.ETag, o.Bytes}
	r.Held++
	in.logger.Debug("object held back: another of its day is in quarantine", "cluster", o.Cluster, "key", o.Key)
}

// withHeld adds to the changed objects those that were held back because of
// them.
func (in *Ingester) withHeld(changed []candidate) []candidate {
	named := make(map[string]bool, len(changed))
	for _, c := range changed {
		named[c.name] = true
	}
	for _, c := range changed { // what is added has no others held
		changed = append(changed, in.letGo(groupOf(c.key), named)...)
	}
	return changed
}

// letGo returns the objects of a group that were held back, but those named.
func (in *Ingester) letGo(g pushGroup, named map[string]bool) (out []candidate) {
	for name, c := range in.held[g] {
		if !named[name] {
			out = append(out, c)
		}
	}
	delete(in.held, g)
	return out
}

// consequence says what the refusal of an object does to the answers.
func (in *Ingester) consequence(o *store.Object) string {
	switch {
	case o.Dataset == store.Attachment:
		return "the rest is loaded without this detail"
	case o.Live && in.loaded[o.Key] != nil:
		return "the newest hours stay as they were until it is put right"
	case o.Live:
		return "the hours that no daily object has yet are missing because of it"
	case in.loaded[o.Key] != nil:
		return o.Day.String() + " stays as it was until it is put right"
	default:
		return o.Day.String() + " is missing because of it"
	}
}
