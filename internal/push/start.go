package push

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
)

// maxSkew is how far the agent's clock may be from the store's.
const maxSkew = time.Minute

// Start makes sure that the cluster id is this cluster's, and reads back what
// the bucket has: status.json, the live objects, today and yesterday. Hours
// that only the live objects hold and that are over go into the spool.
//
// ErrNotOwner is final. After any other error, such as a bucket that is away,
// Add and SetLive work and the next Push or Missing starts again.
func (p *Pusher) Start(ctx context.Context) error {
	unlock, err := p.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return p.ensure(ctx)
}

// ensure does what Start does if it was not done yet, and looks whether the
// cluster id is still this cluster's. The caller holds the turn.
func (p *Pusher) ensure(ctx context.Context) error {
	if !p.ready {
		caps, err := p.bucket.Capabilities(ctx)
		if err != nil {
			return fmt.Errorf("ask %s what it can do: %w", p.bucket, err)
		}
		p.caps = caps
		p.warnCapabilities()
	}
	if err := p.own(ctx); err != nil {
		return err
	}
	p.remember()
	p.checkClock()
	if p.ready {
		return nil
	}
	if err := p.readStatus(ctx); err != nil {
		return err
	}
	p.nextGeneration()
	today := cost.DayOf(p.cfg.Now())
	for _, day := range []cost.Day{today, today - 1} {
		if err := p.loadDay(ctx, day); err != nil {
			return err
		}
	}
	if err := p.foldLive(ctx); errors.Is(err, ErrSpoolFull) {
		p.logger.Error("live hours found have no room in the spool; they stay live", "err", err)
	} else if err != nil {
		return fmt.Errorf("fold live hours into their days: %w", err)
	}
	p.ready = true
	return nil
}

// remember keeps the owner beside the spool, for LastOwner. Without it a start
// that cannot ask its source waits for it, so that a failure is no more than
// logged.
func (p *Pusher) remember() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spool.owner == p.cfg.Owner {
		return
	}
	p.spool.owner = p.cfg.Owner
	if err := p.spool.saveState(); err != nil {
		p.logger.Warn("the owner is not kept beside the spool", "err", err)
	}
}

func (p *Pusher) warnCapabilities() {
	if p.caps.ConditionalPut {
		p.clearProblem(problemNoConditions)
		return
	}
	msg := fmt.Sprintf("%s has no conditional puts: two agents of one cluster would overwrite each other's hours", p.bucket)
	fix := "run exactly one agent per cluster: a Deployment with strategy Recreate, or a Lease; no --once beside it"
	p.problem(problemNoConditions, msg, fix)
}

// checkClock compares the agent's clock with the store's.
func (p *Pusher) checkClock() {
	store, local := p.bucket.Clock()
	if store.IsZero() || local.IsZero() {
		return
	}
	skew := local.Sub(store)
	if skew.Abs() <= maxSkew {
		p.clearProblem(problemClock)
		return
	}
	msg := fmt.Sprintf("the agent's clock is %v ahead of the store's", skew.Round(time.Second))
	if skew < 0 {
		msg = fmt.Sprintf("the agent's clock is %v behind the store's", (-skew).Round(time.Second))
	}
	p.problem(problemClock, msg, "synchronise the node's clock (NTP); hours close by it")
}

// checkClass warns about a live or current object that cannot be read back.
func (p *Pusher) checkClass(key string, obj bucket.Object) {
	if !archived(obj.StorageClass) {
		return
	}
	p.archived = true
	msg := fmt.Sprintf("%s is in storage class %s, which cannot be read back at once: neither the server nor the agent can use it", key, obj.StorageClass)
	p.problem(problemArchive, msg, "take the storage class out of put_user_metadata, and let a lifecycle rule move only objects older than the server's retention")
}

// archived tells whether objects of a storage class must be restored before
// they can be read.
func archived(class string) bool {
	switch class {
	case "GLACIER", "DEEP_ARCHIVE", "Archive":
		return true
	}
	return false
}
