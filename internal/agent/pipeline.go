package agent

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"time"

	"github.com/fleetcost/fleetcost/internal/allocate"
	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/collect"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/push"
)

// Schedule says when the pipeline does what.
type Schedule struct {
	PushInterval time.Duration // between pushes of the live object
	CloseDelay   time.Duration // an hour closes this long after its end
	Backfill     time.Duration // how far back missing hours are filled at start
	Recompute    int           // closed hours computed again at each close, for late samples
	// BatchRows bounds memory: collected hours go to the spool when this many
	// rows have come together.
	BatchRows int
}

// DefaultSchedule is what the agent does unless told otherwise.
var DefaultSchedule = Schedule{
	PushInterval: 10 * time.Minute,
	CloseDelay:   5 * time.Minute,
	Backfill:     15 * 24 * time.Hour,
	Recompute:    3,
	BatchRows:    60_000,
}

// Pipeline is one cluster's way from usage to the bucket. One goroutine uses
// it: the bucket has one writer per agent.
type Pipeline struct {
	Source   collect.Source
	Prices   allocate.Prices
	Policy   allocate.Policy
	Pusher   *push.Pusher
	Schedule Schedule
	// Cluster is the cluster id; it also spreads pushes over the interval.
	Cluster string
	Now     func() time.Time
	Logger  *slog.Logger
	Report  *Report // what goes into status.json
	// Inspect asks the source again what it is and what it lacks; nil for never.
	Inspect func(context.Context) error

	closed cost.Hour // every hour before it was computed or found in the bucket
	// lacking holds closed hours of which the source had nothing, or half: they
	// are asked for again, ever more seldom. Samples may come late (remote write
	// after an outage), but most gaps stay.
	lacking map[cost.Hour]patience
	open    int // hours of the live object
}

// patience says when to ask again for what was not there.
type patience struct {
	next time.Time
	wait time.Duration
}

// The waits of patience: the first one, and how far back hours that are there
// in part are asked for again.
const (
	firstPatience = 6 * time.Hour
	lateSamples   = 48
)

// Start makes the pusher ready and looks at what the bucket has. After an
// error that Final does not call final the pipeline works all the same: hours
// go to the spool, and the bucket is tried again at every push.
func (p *Pipeline) Start(ctx context.Context) error {
	p.closed = p.closing()
	p.lacking = map[cost.Hour]patience{}
	if err := p.Pusher.Start(ctx); err != nil {
		return fmt.Errorf("start pushing: %w", err)
	}
	return nil
}

// Final tells whether an error of the pipeline will not pass by itself: the
// cluster id belongs to another cluster, or the store refuses the agent.
func Final(err error) bool {
	return errors.Is(err, push.ErrNotOwner) || errors.Is(err, bucket.ErrDenied) || errors.Is(err, bucket.ErrCredentials)
}

// closing is the first hour that is not closed yet.
func (p *Pipeline) closing() cost.Hour { return cost.HourOf(p.Now().Add(-p.Schedule.CloseDelay)) }

// Backfill fills the closed hours that the bucket lacks, newest first. It can
// be stopped at any point and takes up where it left: what is in the bucket or
// the spool is never asked for again. between is called after each batch and
// may push or do whatever else is due.
func (p *Pipeline) Backfill(ctx context.Context, between func(context.Context) error) error {
	end := p.closing()
	window := cost.Window{Start: end - cost.Hour(p.Schedule.Backfill/time.Hour), End: end}
	missing, err := p.Pusher.Missing(ctx, window, end-lateSamples)
	if err != nil {
		return fmt.Errorf("find missing hours: %w", err)
	}
	now := p.Now()
	missing = slices.DeleteFunc(missing, func(h cost.Hour) bool { return now.Before(p.lacking[h].next) })
	if len(missing) == 0 {
		return nil
	}
	p.Logger.Info("backfill begins", "hours", len(missing), "newest", missing[0].String(), "oldest", missing[len(missing)-1].String())
	p.Report.backfillBegins(missing)
	for _, w := range stretches(missing) {
		if err := p.compute(ctx, w); err != nil {
			return fmt.Errorf("backfill %v: %w", w, err)
		}
		done, all := p.Report.backfillDone(int(w.Hours()))
		p.Logger.Info("backfill", "done", done, "of", all, "hour", w.Start.String())
		if err := between(ctx); err != nil {
			return err
		}
	}
	p.Logger.Info("backfill ends", "hours", len(missing), "empty", p.Report.backfilled().Empty)
	return nil
}

// stretches joins hours, which come newest first, into windows of neighbours
// that do not leave their UTC day, newest first: a day is one object.
func stretches(hours []cost.Hour) []cost.Window {
	var out []cost.Window
	for _, h := range hours {
		if n := len(out) - 1; n >= 0 && out[n].Start == h+1 && h.Day() == out[n].Start.Day() {
			out[n].Start = h
			continue
		}
		out = append(out, cost.Window{Start: h, End: h + 1})
	}
	return out
}

// Recompute computes the closed hours of w anew and replaces them, never with
// less coverage. Rows whose source no longer has them stay as they are.
func (p *Pipeline) Recompute(ctx context.Context, w cost.Window) error {
	w = w.Intersect(cost.Window{Start: w.Start, End: p.closing()})
	for _, day := range w.Days() {
		part := w.Intersect(cost.Window{Start: day.FirstHour(), End: day.FirstHour() + 24})
		if err := p.compute(ctx, part); err != nil {
			return fmt.Errorf("recompute %v: %w", part, err)
		}
	}
	return nil
}

// compute collects and allocates the hours of w and makes them durable in the
// spool.
func (p *Pipeline) compute(ctx context.Context, w cost.Window) error {
	var batch []push.Hour
	rows := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := p.Pusher.Add(ctx, batch...)
		if errors.Is(err, push.ErrSpoolFull) {
			// What waits can make room by going where it belongs.
			if perr := p.Push(ctx); perr != nil {
				return errors.Join(err, perr)
			}
			err = p.Pusher.Add(ctx, batch...)
		}
		batch, rows = nil, 0
		return err
	}
	err := p.Source.Hours(ctx, w, func(u cost.HourUsage) error {
		h, ok, err := p.allocate(u, false)
		if err != nil || !ok {
			return err
		}
		batch = append(batch, h)
		if rows += len(h.Allocations) + len(h.Assets) + len(h.Attachments); rows >= p.Schedule.BatchRows {
			return flush()
		}
		return nil
	})
	// What was computed before an error is good and kept.
	return errors.Join(err, flush())
}

// allocate turns one hour's usage into rows. ok is false for an hour of which
// the source knows nothing: it stays a gap.
func (p *Pipeline) allocate(u cost.HourUsage, partial bool) (h push.Hour, ok bool, err error) {
	u.Cluster = p.Cluster
	if !partial && u.CoverageSeconds < cost.WholeHour {
		wait := max(firstPatience, 2*p.lacking[u.Hour].wait)
		p.lacking[u.Hour] = patience{p.Now().Add(wait), wait}
	}
	if u.CoverageSeconds == 0 {
		if !partial {
			p.Report.empty()
		}
		return h, false, nil
	}
	res, err := allocate.Run(u, p.Prices, p.Policy)
	if err != nil {
		return h, false, fmt.Errorf("allocate %v: %w", u.Hour, err)
	}
	p.Report.priced(u.Hour, res.Assets)
	return push.Hour{
		HourMeta: costfile.HourMeta{
			Hour: u.Hour, Coverage: u.CoverageSeconds, Generation: p.Now().UnixMicro(), Partial: partial,
		},
		Allocations: res.Allocations, Assets: res.Assets, Attachments: res.Attachments,
	}, true, nil
}

// Tick is one round of following the cluster: hours that closed since the last
// round are computed (and the last ones again, for late samples), the open
// hours go to the live object, and everything is pushed, status last.
func (p *Pipeline) Tick(ctx context.Context) error {
	var errs []error
	if end := p.closing(); end > p.closed {
		w := cost.Window{Start: p.closed - cost.Hour(p.Schedule.Recompute), End: end}
		if err := p.compute(ctx, w); err != nil {
			errs = append(errs, err)
		} else {
			p.closed = end
		}
	}
	if err := p.live(ctx); err != nil {
		errs = append(errs, err)
	}
	// A source that fails must not keep what is already durable from the bucket.
	errs = append(errs, p.Push(ctx))
	return errors.Join(errs...)
}

// live computes the hours that are not closed yet, up to now.
func (p *Pipeline) live(ctx context.Context) error {
	now := p.Now().Truncate(time.Second)
	var hours []push.Hour
	for h := p.closing(); h.Start().Before(now); h++ {
		u, err := p.Source.Open(ctx, h, now)
		if err != nil {
			return fmt.Errorf("collect open hour %v: %w", h, err)
		}
		if hour, ok, err := p.allocate(u, true); err != nil {
			return err
		} else if ok {
			hours = append(hours, hour)
		}
	}
	p.Pusher.SetLive(hours...)
	p.open = len(hours)
	return nil
}

// Push sends what waits in the spool, the live object and status.json.
func (p *Pipeline) Push(ctx context.Context) error {
	rep, err := p.Pusher.Push(ctx, p.Report.fill)
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	p.Logger.Debug("pushed", "report", rep)
	return nil
}

// backfillEvery is how often Follow looks for hours that are missing although
// they are closed: dropped from a full spool, or not to be had when the source
// was away.
const backfillEvery = time.Hour

// inspectEvery is how often Follow asks the source again what it lacks.
const inspectEvery = time.Hour

// Follow keeps the bucket up to date until ctx ends. It ticks soon after start,
// then every PushInterval at an offset made of the cluster id, so that a fleet
// does not push in step; in between it fills what is missing. Failures are
// reported and tried again; nothing durable is lost.
func (p *Pipeline) Follow(ctx context.Context) error {
	due := p.Now()
	inspected := due // by whoever made the pipeline
	for {
		if err := p.try(ctx, roundFailed, p.Tick); errors.Is(err, push.ErrNotOwner) {
			return err // somebody took the id over; writing on would be wrong
		}
		if !p.Now().Before(due) {
			if p.try(ctx, backfillFailed, p.fillGaps) == nil {
				due = p.Now().Add(backfillEvery)
			}
		}
		if p.Inspect != nil && p.Now().Sub(inspected) >= inspectEvery {
			inspected = p.Now()
			_ = p.try(ctx, inspectionFailed, p.Inspect) // reported
		}
		t := time.NewTimer(p.untilNext())
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

// try does one piece of work and keeps its outcome in the report, under a code
// of its own: that one kind of work succeeds says nothing of another's failure.
func (p *Pipeline) try(ctx context.Context, code string, work func(context.Context) error) error {
	err := work(ctx)
	switch {
	case err == nil:
		p.Report.succeeded(code)
	case ctx.Err() == nil:
		p.Report.failed(code, err)
		p.Logger.Error("round failed; what is in the spool stays and is tried again", p.Report.explain.attrs(err)...)
	}
	return err
}

// fillGaps backfills and goes on pushing meanwhile.
func (p *Pipeline) fillGaps(ctx context.Context) error {
	last := p.Now()
	filled := false
	err := p.Backfill(ctx, func(ctx context.Context) error {
		filled = true
		if p.Now().Sub(last) >= p.Schedule.PushInterval {
			last = p.Now()
			_ = p.try(ctx, roundFailed, p.Tick) // reported; the backfill goes on
		}
		return ctx.Err()
	})
	if filled {
		err = errors.Join(err, p.Push(ctx))
	}
	return err
}

func (p *Pipeline) untilNext() time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(p.Cluster)) // never fails
	interval := max(p.Schedule.PushInterval, time.Second)
	offset := time.Duration(h.Sum32()) * time.Millisecond % interval
	now := p.Now()
	next := now.Truncate(interval).Add(offset)
	for !next.After(now) {
		next = next.Add(interval)
	}
	return next.Sub(now)
}
