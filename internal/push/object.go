package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// A conditional put that lost against another writer is tried again with what
// the other wrote, this often, with a jittered pause that doubles up to the
// longest.
const (
	maxAttempts  = 12
	firstPause   = 20 * time.Millisecond
	longestPause = 2 * time.Second
)

// ErrCurrency says that the bucket's hours of a day are in another currency.
// Different currencies never stand in one object.
var ErrCurrency = errors.New("object is in another currency")

// target is one object to bring up to date.
type target struct {
	key   string
	meta  costfile.Meta // with Dataset, Cluster, Currency, Date or Live; hours are set by the merge
	hours []costfile.HourMeta
	rows  func(keep map[cost.Hour]bool) input
	drop  func(costfile.HourMeta) bool
}

// result is one object as the store has it after an update.
type result struct {
	meta     costfile.Meta
	object   bucket.Object
	absent   bool // there was nothing to write
	wrote    bool
	replaced []costfile.HourMeta // earlier versions of hours
}

func (r *result) status() costfile.ObjectStatus {
	return costfile.ObjectStatus{ETag: r.object.ETag, Rows: r.meta.Rows(), Bytes: r.object.Size, Total: r.meta.Total().String()}
}

// update reads an object, merges fresh hours into it and writes it back on the
// condition that nobody else did in between; if somebody did, it starts again.
// An object that would not change is not written.
func (p *Pusher) update(ctx context.Context, t target) (result, error) {
	denied := false // a read was denied, and yet the object exists
	for attempt := range maxAttempts {
		if err := pause(ctx, attempt); err != nil {
			return result{}, err
		}
		old, err := p.fetch(ctx, t.key, t.meta)
		if err != nil {
			return result{}, err
		}
		if old.denied != nil && denied {
			old.close()
			return result{}, p.explainDenied(ctx, t.key, old.denied)
		}
		res, err := p.write(ctx, t, old)
		old.close()
		if !errors.Is(err, bucket.ErrPrecondition) {
			return res, err
		}
		denied = old.denied != nil
		p.metrics.conflicts.Inc()
		p.logger.Debug("another writer was first", "key", t.key, "attempt", attempt+1)
	}
	return result{}, p.errBusy(t.key)
}

// pause waits before a further attempt.
func pause(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return ctx.Err()
	}
	d := min(firstPause<<(attempt-1), longestPause)
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// fetched is an object as read from the store.
type fetched struct {
	object bucket.Object
	meta   costfile.Meta
	data   *scratch
	absent bool
	denied error // the store denied the read: absent, or not ours to read
	broken error // it exists, and nobody can read it
}

func (f *fetched) close() {
	if f.data != nil {
		f.data.Close()
	}
}

// fetch reads an object. want says whose it must be. A damaged object is
// reported as broken: nothing can be kept of it. A newer format is an error.
func (p *Pusher) fetch(ctx context.Context, key string, want costfile.Meta) (*fetched, error) {
	f := &fetched{data: &scratch{dir: p.spool.dir}}
	err := p.download(ctx, key, f)
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		f.absent = true
		return f, nil
	case errors.Is(err, bucket.ErrDenied):
		f.absent, f.denied = true, err
		return f, nil
	case err != nil:
		f.close()
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	p.checkClass(key, f.object)
	f.meta, err = costfile.ReadMeta(f.data, f.data.size, limits)
	if err == nil && (f.meta.Dataset != want.Dataset || f.meta.Cluster != want.Cluster || f.meta.Date != want.Date || f.meta.Live != want.Live) {
		err = fmt.Errorf("it says to be %s of %q, date %q: %w", f.meta.Dataset, f.meta.Cluster, f.meta.Date, costfile.ErrCorrupt)
	}
	switch {
	case errors.Is(err, costfile.ErrCorrupt):
		f.broken, f.meta = err, costfile.Meta{}
	case err != nil:
		f.close()
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return f, nil
}

func (p *Pusher) download(ctx context.Context, key string, f *fetched) error {
	body, obj, err := p.bucket.Get(ctx, key)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.Copy(f.data, body); err != nil {
		return err
	}
	f.object = obj
	return nil
}

// write puts the merge of old and the target's hours, if that is a change.
func (p *Pusher) write(ctx context.Context, t target, old *fetched) (result, error) {
	if old.broken != nil {
		p.problem(problemBrokenObject, fmt.Sprintf("%s was damaged and was replaced: %v", t.key, old.broken),
			"its hours are computed again where the source still has them; find out who or what damaged it")
	}
	if old.meta.Live && old.meta.Currency != t.meta.Currency {
		old.meta.Hours = nil // hours of two currencies never share an object; these are about to close anew
	}
	c := choose(old.meta.Hours, t.hours, t.drop)
	res := result{meta: old.meta, object: old.object, absent: old.absent, replaced: c.replaced}
	if (old.absent && len(c.hours) == 0) || (!old.absent && old.broken == nil && !c.changed) {
		return res, nil
	}
	if len(c.old) > 0 && old.meta.Currency != t.meta.Currency {
		return result{}, fmt.Errorf("%s has %d hours in %s, the agent is set to %s; rebuild the day with --recompute: %w",
			t.key, len(c.old), old.meta.Currency, t.meta.Currency, ErrCurrency)
	}
	meta, body, size, done, err := p.merge(t, old, c)
	if err != nil {
		return result{}, fmt.Errorf("merge %s: %w", t.key, err)
	}
	defer done()
	obj, err := p.put(ctx, t.key, body, size, old.object.ETag, old.denied)
	if err != nil {
		return result{}, err
	}
	p.metrics.objects.WithLabelValues(string(t.meta.Dataset)).Inc()
	p.metrics.bytes.Add(float64(size))
	p.checkClass(t.key, obj)
	obj.Size = size
	return result{meta: meta, object: obj, wrote: true, replaced: c.replaced}, nil
}

// merge puts the chosen hours together. What the spool already holds in the
// very shape is taken as it is.
func (p *Pusher) merge(t target, old *fetched, c choice) (meta costfile.Meta, body io.ReadSeeker, size int64, done func(), err error) {
	done = func() {}
	fresh := t.rows(c.fresh)
	if fresh.object != nil && len(c.old) == 0 && len(c.fresh) == len(t.hours) {
		meta, err = costfile.ReadMeta(fresh.object, fresh.object.size, limits)
		return meta, io.NewSectionReader(fresh.object, 0, fresh.object.size), fresh.object.size, done, err
	}
	meta = t.meta
	meta.Hours = c.hours
	meta.LabelNames = union(old.meta.LabelNames, t.meta.LabelNames)
	out := &scratch{dir: p.spool.dir}
	meta, err = mergeObject(out, meta, input{object: old.data.section(), keep: c.old}, fresh)
	if err != nil {
		out.Close()
		return meta, nil, 0, done, err
	}
	return meta, out.body(), out.size, out.Close, nil
}

// explainDenied tells why an object that exists could not be read.
func (p *Pusher) explainDenied(ctx context.Context, key string, denied error) error {
	if obj, err := p.bucket.Stat(ctx, key); err == nil && archived(obj.StorageClass) {
		p.checkClass(key, obj)
		return fmt.Errorf("read %s: it is in storage class %s, which cannot be read back; restore it and keep the class off these objects: %w", key, obj.StorageClass, denied)
	}
	return fmt.Errorf("read %s: it exists but may not be read; the agent needs Get on its own keys: %w", key, denied)
}
