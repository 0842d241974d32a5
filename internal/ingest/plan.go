package ingest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/store"
)

// unit is what must become visible at once: all datasets of one cluster-day;
// or, where a live object changed, of all the days that it touched or touches.
type unit struct {
	cluster string
	days    []cost.Day
	want    []candidate // daily objects to fetch
	gone    []string    // keys that left the bucket
	// lives holds the new live objects, nil for one that is gone; datasets
	// whose live object did not change are absent.
	lives map[store.Dataset]*store.Object
	// hours asks for hourly rows of days that otherwise have none.
	hours bool

	dailies map[string]*store.Object // fetched; by key
}

func (u *unit) bytes() (n int64) {
	for _, c := range u.want {
		n += c.bytes
	}
	for _, o := range u.lives {
		if o != nil {
			n += o.Bytes
		}
	}
	return n
}

// plan turns a discovery into units, newest day first. Live objects are
// fetched here, because only their footers tell which days they touch.
func (in *Ingester) plan(ctx context.Context, d discovery, r *Report) ([]*unit, error) {
	if err := in.acquire(ctx); err != nil {
		return nil, err
	}
	defer in.release()
	var daily, live []candidate
	for _, c := range in.withHeld(d.changed) {
		if c.key.Kind == costfile.KeyLive {
			live = append(live, c)
		} else {
			daily = append(daily, c)
		}
	}
	in.expect(live)
	got, err := in.fetchAll(ctx, live, in.arrived)
	if err != nil {
		return nil, err
	}
	in.checkCurrency(got)
	p := planner{in: in, live: map[string]*unit{}, daily: map[string]*unit{}}
	for _, f := range got {
		switch {
		case f.err == nil:
			p.liveUnit(f.key.Cluster, store.Dataset(f.key.Dataset), f.object)
			in.clear(f.key.Cluster, f.name)
		case in.skip(ctx, f, r):
		default:
			return nil, f.err
		}
	}
	for _, kind := range []costfile.KeyKind{costfile.KeyLive, costfile.KeyDaily} {
		for _, key := range d.gone {
			k, err := costfile.ParseKey(key)
			if err != nil || k.Kind != kind {
				continue
			}
			u := (*unit)(nil)
			if kind == costfile.KeyLive {
				u = p.liveUnit(k.Cluster, store.Dataset(k.Dataset), nil)
			} else {
				u = p.dailyUnit(k.Cluster, k.Day)
			}
			u.gone = append(u.gone, key)
		}
	}
	for _, c := range daily {
		u := p.dailyUnit(c.key.Cluster, c.key.Day)
		u.want = append(u.want, c)
	}
	return p.units(), in.quarantine(ctx, got, r)
}

// planner gathers units: one per cluster whose live objects changed, and one
// per other cluster-day.
type planner struct {
	in    *Ingester
	live  map[string]*unit // by cluster
	daily map[string]*unit // by cluster and day
}

// liveUnit returns the cluster's live unit, with the days that the live object
// of a dataset touched before or touches now.
func (p *planner) liveUnit(cluster string, data store.Dataset, o *store.Object) *unit {
	u := p.live[cluster]
	if u == nil {
		u = &unit{cluster: cluster, lives: map[store.Dataset]*store.Object{}}
		p.live[cluster] = u
	}
	u.lives[data] = o
	for _, x := range []*store.Object{o, p.in.loaded[costfile.LiveKey(costfile.Dataset(data), cluster)]} {
		if x == nil {
			continue
		}
		for _, h := range x.Hours {
			if !slices.Contains(u.days, h.Hour.Day()) {
				u.days = append(u.days, h.Hour.Day())
			}
		}
	}
	return u
}

// dailyUnit returns the unit of a cluster-day. All live units must be known.
func (p *planner) dailyUnit(cluster string, day cost.Day) *unit {
	if u := p.live[cluster]; u != nil && slices.Contains(u.days, day) {
		return u
	}
	id := cluster + "/" + day.String()
	u := p.daily[id]
	if u == nil {
		u = &unit{cluster: cluster, days: []cost.Day{day}}
		p.daily[id] = u
	}
	return u
}

// units lists all units: live ones first, then by day, newest first.
func (p *planner) units() []*unit {
	var out []*unit
	for _, u := range p.live {
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b *unit) int { return strings.Compare(a.cluster, b.cluster) })
	n := len(out)
	for _, u := range p.daily {
		out = append(out, u)
	}
	slices.SortFunc(out[n:], func(a, b *unit) int {
		return cmp.Or(cmp.Compare(b.days[0], a.days[0]), strings.Compare(a.cluster, b.cluster))
	})
	return out
}

// skip deals with an object that could not be fetched or must not be loaded;
// it answers false for an error that concerns more than this object.
func (in *Ingester) skip(ctx context.Context, f fetched, r *Report) bool {
	var why refusal
	switch {
	case ctx.Err() != nil:
		return false
	case errors.Is(f.err, errMoved):
		in.clear(f.key.Cluster, f.name)
		return true
	case errors.As(f.err, &why):
		return true // quarantined by the caller
	}
	r.Failed++
	in.fail(f.key.Cluster, f.name, f.err)
	return true
}

// quarantine records the refused among fetched objects.
func (in *Ingester) quarantine(ctx context.Context, got []fetched, r *Report) error {
	var refused []*store.Object
	for _, f := range got {
		var why refusal
		if errors.As(f.err, &why) {
			f.object.Reason = why.reason
			refused = append(refused, f.object)
		}
	}
	return in.refuse(ctx, refused, r)
}

// refuse puts objects, each with its Reason, into quarantine.
func (in *Ingester) refuse(ctx context.Context, objects []*store.Object, r *Report) error {
	if len(objects) == 0 {
		return nil
	}
	for _, o := range objects {
		o.Reason += "; " + in.consequence(o)
	}
	if err := in.store.Quarantine(ctx, objects, in.cfg.Now().UnixMicro()); err != nil {
		return err
	}
	for _, o := range objects {
		in.logger.Warn("object quarantined", "cluster", o.Cluster, "key", o.Key, "reason", o.Reason)
		in.quarantined[o.Key] = o.ETag
		in.refused[o.Key] = true
		in.clear(o.Cluster, o.Key)
		r.Quarantined++
	}
	return nil
}
