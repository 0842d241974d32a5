package push

import (
	"context"
	"errors"
	"fmt"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// Missing returns the hours of w that neither the bucket nor the spool holds
// whole, newest first: those nobody computed, those that were dropped or
// damaged, and those folded in as partial; of the hours from late on also those
// that samples cover only in part, since more may have come. It reads
// status.json, and the objects of days about which status.json is not up to
// date.
func (p *Pusher) Missing(ctx context.Context, w cost.Window, late cost.Hour) ([]cost.Hour, error) {
	unlock, err := p.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := p.ensure(ctx); err != nil {
		return nil, err
	}
	for _, day := range w.Days() {
		if err := p.checkDay(ctx, day); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []cost.Hour
	whole := func(m costfile.HourMeta) bool {
		return !m.Partial && (m.Hour < late || m.Coverage >= cost.WholeHour)
	}
	for h := w.End - 1; h >= w.Start; h-- {
		if m, ok := p.days[h.Day()].hour(h); ok && whole(m) {
			continue
		}
		if m, ok := p.spool.hour(h); ok && whole(m) {
			continue
		}
		out = append(out, h)
	}
	return out, nil
}

// checkDay makes sure, once per process, that what is known of a day is what
// the bucket has.
func (p *Pusher) checkDay(ctx context.Context, day cost.Day) error {
	p.mu.Lock()
	known := p.days[day]
	p.mu.Unlock()
	if known != nil && known.checked {
		return nil
	}
	// The allocation object is written last: if it is the one that status.json
	// speaks of, the others are.
	obj, err := p.bucket.Stat(ctx, costfile.DailyKey(costfile.AllocationData, day, p.cfg.ClusterID))
	switch {
	case errors.Is(err, bucket.ErrNotFound), errors.Is(err, bucket.ErrDenied):
		// Denied may mean missing; computing an hour again is no harm, and the
		// conditional create will tell.
		p.mu.Lock()
		delete(p.days, day)
		p.mu.Unlock()
		return nil
	case err != nil:
		return fmt.Errorf("look at %v: %w", day, err)
	case known != nil && known.objects[costfile.AllocationData].ETag == obj.ETag:
		p.mu.Lock()
		known.checked = true
		p.mu.Unlock()
		return nil
	}
	return p.loadDay(ctx, day)
}
