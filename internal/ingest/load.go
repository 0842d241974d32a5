package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/store"
)

// bytesPerRow is what a row takes in the bucket, roughly; it sizes batches
// before anything is fetched.
const bytesPerRow = 24

// maxBatchUnits bounds a batch of small units.
const maxBatchUnits = 512

// loadAll fetches and loads the units in batches; the next batch is fetched
// while one is loaded.
func (in *Ingester) loadAll(ctx context.Context, units []*unit, r *Report) error {
	type ready struct {
		units []*unit
		got   []fetched
	}
	batches := make(chan ready)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(batches)
		for len(units) > 0 {
			n := in.batchEnd(units)
			var want []candidate
			for _, u := range units[:n] {
				want = append(want, u.want...)
			}
			got, err := in.fetchAll(ctx, want, in.arrived)
			if err != nil {
				return err
			}
			select {
			case batches <- ready{units[:n], got}:
			case <-ctx.Done():
				return ctx.Err()
			}
			units = units[n:]
		}
		return nil
	})
	g.Go(func() error {
		for b := range batches {
			if err := in.loadFetched(ctx, b.units, b.got, r); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// batchEnd says how many of the units make the next batch.
func (in *Ingester) batchEnd(units []*unit) int {
	var bytes int64
	for n, u := range units {
		if bytes += u.bytes(); n > 0 && (bytes > in.cfg.BatchRows*bytesPerRow || n >= maxBatchUnits) {
			return n
		}
	}
	return len(units)
}

// loadFetched loads one batch, leaving out what could not be fetched or is
// refused.
func (in *Ingester) loadFetched(ctx context.Context, units []*unit, got []fetched, r *Report) error {
	if err := in.acquire(ctx); err != nil {
		return err
	}
	defer in.release()
	var rows int64
	for _, f := range got {
		if f.err == nil {
			for _, h := range f.object.Hours {
				rows += h.Rows
			}
		}
	}
	in.setProgress(func(p *Progress) { p.RowsLoading = rows })
	err := in.loadTurn(ctx, units, got, r)
	in.setProgress(func(p *Progress) { p.Rows, p.RowsLoading, p.Step = r.Rows, 0, "" })
	return err
}

// loadTurn is loadFetched for a caller that holds the turn.
func (in *Ingester) loadTurn(ctx context.Context, units []*unit, got []fetched, r *Report) error {
	in.checkCurrency(got)
	objects := map[string]*store.Object{}
	for _, f := range got {
		switch {
		case f.err == nil:
			objects[f.name] = f.object
			in.clear(f.key.Cluster, f.name)
		case in.skip(ctx, f, r):
		default:
			return f.err
		}
	}
	if err := in.quarantine(ctx, got, r); err != nil {
		return err
	}
	for _, u := range units {
		u.dailies = map[string]*store.Object{}
		for _, c := range u.want {
			if o := objects[c.name]; o != nil {
				u.dailies[c.name] = o
			}
		}
		in.holdBack(u, r)
	}
	err := in.loadUnits(ctx, in.settled(units, r), r)
	for _, o := range objects {
		_ = os.Remove(o.Path) // daily objects are not needed again
	}
	return err
}

// loadUnits loads units in one transaction. When the store refuses objects,
// they are quarantined and the rest is tried again. When it fails for a reason
// that some file may have caused, the files that our own reader finds damaged
// are; if it finds none, each half is tried by itself, so that one file costs a
// few transactions and not one per unit.
func (in *Ingester) loadUnits(ctx context.Context, units []*unit, r *Report) error {
	for {
		b, err := in.batch(ctx, units, r)
		if err != nil || (len(b.Loaded) == 0 && len(b.Forgotten) == 0 && len(b.Parts) == 0) {
			return err
		}
		err = in.store.Load(ctx, b)
		var refused *store.RefusedError
		switch {
		case err == nil:
			in.committed(b, r)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &refused):
			if err := in.dropRefused(ctx, units, b, refused.Reasons, r); err != nil {
				return err
			}
		case !store.IsDamage(err):
			return err
		default:
			reasons := unreadable(b.Loaded, in.cfg.Limits)
			if len(reasons) == 0 && len(units) > 1 {
				half := len(units) / 2
				in.logger.Warn("batch failed, loading it in halves", "cluster_days", len(units), "error", err)
				if err := in.loadUnits(ctx, units[:half], r); err != nil {
					return err
				}
				units = units[half:]
				continue
			}
			if len(reasons) == 0 && store.IsValue(err) {
				reasons = blamed(b.Loaded, err)
			}
			if len(reasons) == 0 {
				return err // it may be the machine
			}
			if err := in.dropRefused(ctx, units, b, reasons, r); err != nil {
				return err
			}
		}
	}
}

// unreadable names the objects that our own reader finds damaged.
func unreadable(objects []*store.Object, lim costfile.Limits) map[string]string {
	out := map[string]string{}
	for _, o := range objects {
		if err := readThrough(o, lim); err != nil {
			out[o.Key] = err.Error()
		}
	}
	return out
}

// blamed names all objects of a load that failed because of a value.
func blamed(objects []*store.Object, cause error) map[string]string {
	out := map[string]string{}
	for _, o := range objects {
		out[o.Key] = "cannot be loaded: " + cause.Error()
	}
	return out
}

// readThrough decodes all rows of an object's local copy.
func readThrough(o *store.Object, lim costfile.Limits) error {
	switch o.Dataset {
	case store.Allocation:
		return drain[cost.Allocation](o, lim)
	case store.Asset:
		return drain[cost.Asset](o, lim)
	case store.Attachment:
		return drain[cost.Attachment](o, lim)
	}
	return fmt.Errorf("unknown dataset %q", o.Dataset)
}

// dropRefused quarantines objects of a batch and takes them out of its units.
func (in *Ingester) dropRefused(ctx context.Context, units []*unit, b store.Batch, reasons map[string]string, r *Report) error {
	var out []*store.Object
	for _, o := range b.Loaded {
		if reason, ok := reasons[o.Key]; ok {
			o.Reason = reason
			out = append(out, o)
		}
	}
	if len(out) == 0 {
		return fmt.Errorf("the store refused objects that were loaded before: %v", reasons)
	}
	for _, u := range units {
		for _, o := range out {
			delete(u.dailies, o.Key)
			if u.lives[o.Dataset] == o {
				delete(u.lives, o.Dataset)
			}
		}
	}
	return in.refuse(ctx, out, r)
}

// batch assembles what a transaction shall change, from the units and what is
// loaded. A unit that lacks something now is left for the next Sync.
func (in *Ingester) batch(ctx context.Context, units []*unit, r *Report) (store.Batch, error) {
	b := store.Batch{NowUS: in.cfg.Now().UnixMicro(), OnStep: in.step}
	for _, u := range units {
		in.holdBack(u, r) // the store may just have refused something
		parts, err := in.parts(ctx, u)
		if err != nil {
			if ctx.Err() != nil {
				return b, ctx.Err()
			}
			in.postpone(u, err, r)
			continue
		}
		b.Parts = append(b.Parts, parts...)
		for _, key := range slices.Sorted(maps.Keys(u.dailies)) {
			b.Loaded = append(b.Loaded, u.dailies[key])
		}
		for _, data := range costfile.Datasets {
			if o := u.lives[store.Dataset(data)]; o != nil {
				b.Loaded = append(b.Loaded, o)
			}
		}
		b.Forgotten = append(b.Forgotten, u.gone...)
	}
	return b, nil
}

// postpone leaves a unit's objects for the next Sync.
func (in *Ingester) postpone(u *unit, err error, r *Report) {
	for key := range u.dailies {
		r.Failed++
		in.fail(u.cluster, key, err)
	}
	for _, o := range u.lives {
		if o != nil {
			r.Failed++
			in.fail(u.cluster, o.Key, err)
		}
	}
}

// parts says what the datasets of a unit's days shall hold, for those that
// change.
func (in *Ingester) parts(ctx context.Context, u *unit) ([]store.Part, error) {
	var out []store.Part
	for _, day := range u.days {
		for _, data := range costfile.Datasets {
			p, ok, err := in.part(ctx, u, store.Dataset(data), day)
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// part says what a dataset of a unit's day shall hold; ok is false if nothing
// of it changes.
func (in *Ingester) part(ctx context.Context, u *unit, data store.Dataset, day cost.Day) (p store.Part, ok bool, err error) {
	dailyKey := costfile.DailyKey(costfile.Dataset(data), day, u.cluster)
	liveKey := costfile.LiveKey(costfile.Dataset(data), u.cluster)
	old, oldLive := in.loaded[dailyKey], in.loaded[liveKey]
	gone := slices.Contains(u.gone, dailyKey)
	live, liveChanged := u.lives[data]
	if !liveChanged {
		live = oldLive
	}
	daily := u.dailies[dailyKey]
	fresh := daily != nil
	if !fresh && !gone {
		daily = old
	}
	after := liveOnly(live, daily, day)
	if !fresh && !gone && !u.hours && (!liveChanged || (!after && !liveOnly(oldLive, old, day))) {
		return p, false, nil
	}
	p = store.Part{Dataset: data, Cluster: u.cluster, Day: day, Hours: u.hours || in.hasHours(day)}
	if after {
		if err := in.localCopy(ctx, live); err != nil {
			return p, false, err
		}
		p.Live = live
	}
	switch {
	case daily == nil:
	case !fresh && in.hasHours(day):
		p.Keep = make([]cost.Hour, 0, len(daily.Hours))
		for _, h := range daily.Hours {
			p.Keep = append(p.Keep, h.Hour)
		}
	case !fresh:
		// A live hour of a day without hourly rows: the rollups need the daily
		// object again.
		k := costfile.Key{Kind: costfile.KeyDaily, Dataset: costfile.Dataset(data), Day: day, Cluster: u.cluster}
		if daily, err = in.fetch(ctx, candidate{key: k, name: dailyKey}); err != nil {
			return p, false, err
		}
		u.dailies[dailyKey] = daily
		p.Daily = daily
	default:
		p.Daily = daily
	}
	return p, true, nil
}

// localCopy makes sure that the loaded version of a live object is on disk.
func (in *Ingester) localCopy(ctx context.Context, o *store.Object) error {
	if o.Path != "" {
		return nil
	}
	k, err := costfile.ParseKey(o.Key)
	if err != nil {
		return err
	}
	again, err := in.fetch(ctx, candidate{key: k, name: o.Key, etag: o.ETag})
	if err != nil {
		return err
	}
	o.Path, o.Hours = again.Path, again.Hours
	return nil
}

// liveOnly tells whether a live object has hours of the day that the daily
// object lacks.
func liveOnly(live, daily *store.Object, day cost.Day) bool {
	if live == nil {
		return false
	}
	return slices.ContainsFunc(live.Hours, func(h store.Hour) bool {
		return h.Hour.Day() == day && (daily == nil ||
			!slices.ContainsFunc(daily.Hours, func(d store.Hour) bool { return d.Hour == h.Hour }))
	})
}

// committed brings the memory up to a batch that was loaded.
func (in *Ingester) committed(b store.Batch, r *Report) {
	for _, key := range b.Forgotten {
		if o := in.loaded[key]; o != nil && o.Path != "" {
			_ = os.Remove(o.Path)
		}
		delete(in.loaded, key)
		delete(in.missing, key)
		delete(in.refused, key)
		delete(in.quarantined, key)
		r.Forgotten++
	}
	for _, o := range b.Loaded {
		if old := in.loaded[o.Key]; old != nil && old.Path != "" && old.Path != o.Path {
			_ = os.Remove(old.Path)
		}
		for _, h := range o.Hours {
			r.Rows += h.Rows
		}
		r.Loaded++
		r.Bytes += o.Bytes
		kept := *o
		if !o.Live {
			kept.Path = ""
		}
		in.loaded[o.Key] = &kept
		delete(in.missing, o.Key)
		delete(in.refused, o.Key)
		delete(in.quarantined, o.Key)
	}
}

// drain decodes an object of one dataset to its end.
func drain[T costfile.Row](o *store.Object, lim costfile.Limits) error {
	f, err := os.Open(o.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := costfile.Open[T](f, o.Bytes, lim)
	if err != nil {
		return err
	}
	defer r.Close()
	buf := make([]T, 1024)
	for {
		if _, err := r.Read(buf); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
