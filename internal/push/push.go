package push

import (
	"context"
	"errors"
	"fmt"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// Report says what one Push did.
type Report struct {
	Days      int   // of the spool that the bucket now has
	Objects   int   // written, live ones included, status.json not
	Bytes     int64 // of these
	Unchanged int   // objects that needed no write
	Waiting   int   // days still in the spool
	Dropped   int64 // hours dropped for want of room since the agent's first start; where that grew, look for missing hours
}

func (r *Report) count(x *result) {
	switch {
	case x.wrote:
		r.Objects++
		r.Bytes += x.object.Size
	case !x.absent:
		r.Unchanged++
	}
}

func (r *Report) add(o Report) {
	r.Days += o.Days
	r.Objects += o.Objects
	r.Bytes += o.Bytes
	r.Unchanged += o.Unchanged
}

// Push is one unit of work: every day that waits in the spool, newest first,
// then the live objects, then status.json. fill, which may be nil, completes
// the status: source, prices, backfill, the agent's own problems.
//
// A day that cannot be written does not keep the others, the live objects or
// the status from being written; a bucket that is away, throttles or refuses
// the credentials ends the push. Whatever failed stays in the spool, and the
// next Push tries again. Errors wrap those of the bucket, or ErrNotOwner.
func (p *Pusher) Push(ctx context.Context, fill func(*costfile.Status)) (Report, error) {
	unlock, err := p.lock(ctx)
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	rep, err := p.push(ctx, fill)
	p.mu.Lock()
	rep.Waiting, rep.Dropped = len(p.spool.days), p.spool.dropped
	p.mu.Unlock()
	if err != nil {
		p.metrics.pushes.WithLabelValues("failure").Inc()
		return rep, err
	}
	p.metrics.pushes.WithLabelValues("success").Inc()
	p.metrics.lastSuccess.Set(float64(p.cfg.Now().UnixMicro()) / 1e6)
	return rep, nil
}

func (p *Pusher) push(ctx context.Context, fill func(*costfile.Status)) (rep Report, err error) {
	if err := p.ensure(ctx); err != nil {
		return rep, err
	}
	p.nextGeneration()
	p.archived = false
	p.mu.Lock()
	days := p.spool.newestFirst()
	p.mu.Unlock()
	var errs []error
	for _, day := range days {
		r, err := p.pushDay(ctx, day)
		rep.add(r)
		if err != nil {
			err = fmt.Errorf("push %v: %w", day, err)
			errs = append(errs, err)
		}
		if hopeless(ctx, err) {
			return rep, errors.Join(errs...)
		}
	}
	if err := errors.Join(errs...); err != nil {
		p.problemOf(problemPush, err, "the hours wait in the agent's spool, and each push tries again")
	} else {
		p.clearProblem(problemPush)
	}
	r, err := p.pushLive(ctx)
	rep.add(r)
	if err != nil {
		errs = append(errs, fmt.Errorf("push live: %w", err))
	}
	if hopeless(ctx, err) {
		return rep, errors.Join(errs...)
	}
	if !p.archived {
		p.clearProblem(problemArchive)
	}
	if err := p.pushStatus(ctx, fill); err != nil {
		return rep, errors.Join(append(errs, err)...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.observeSpool()
	return rep, errors.Join(append(errs, p.spool.removeConfirmed())...)
}

// hopeless tells whether going on with the next object makes no sense.
func hopeless(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, bucket.ErrUnavailable) ||
		errors.Is(err, bucket.ErrThrottled) || errors.Is(err, bucket.ErrCredentials)
}
