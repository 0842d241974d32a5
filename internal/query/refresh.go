package query

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Open pages ask the same questions again every minute, and every load of new
// data makes the answers kept for them old. Refresh answers them anew before
// they are asked.

const (
	// recentFor is how long a question counts as one that will be asked again:
	// the pages ask every minute.
	recentFor = 2 * time.Minute
	// mostRecent bounds the questions remembered.
	mostRecent = 64
	// refreshFor bounds the time of one Refresh.
	refreshFor = 2 * time.Second
)

// recentQuestions are the questions that were asked lately. It is safe for
// concurrent use.
type recentQuestions struct {
	mu    sync.Mutex
	byKey map[string]recentQuestion
}

type recentQuestion struct {
	asked  time.Time
	answer func(ctx context.Context) error
}

func (r *recentQuestions) note(key string, now time.Time, answer func(ctx context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byKey == nil {
		r.byKey = map[string]recentQuestion{}
	}
	r.byKey[key] = recentQuestion{now, answer}
	for len(r.byKey) > mostRecent {
		oldest := ""
		for k, q := range r.byKey {
			if oldest == "" || q.asked.Before(r.byKey[oldest].asked) {
				oldest = k
			}
		}
		delete(r.byKey, oldest)
	}
}

// list forgets what is too old, and returns the others, the last asked first.
func (r *recentQuestions) list(now time.Time) []recentQuestion {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []recentQuestion
	for k, q := range r.byKey {
		if now.Sub(q.asked) > recentFor {
			delete(r.byKey, k)
			continue
		}
		out = append(out, q)
	}
	slices.SortFunc(out, func(a, b recentQuestion) int { return b.asked.Compare(a.asked) })
	return out
}

// Refresh readies the engine for the data there are now: what it keeps of the
// clusters, and the answers to the questions of the last two minutes, for at
// most two seconds. It is for the owner to call after data were loaded. It
// returns an error only when ctx ended or the store cannot be read.
func (e *Engine) Refresh(ctx context.Context) error {
	version, err := e.DataVersion(ctx)
	if err != nil {
		return err
	}
	if _, err := e.metaAt(ctx, version); err != nil {
		return err
	}
	if e.cfg.CacheBytes < 0 {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, refreshFor)
	defer cancel()
	for _, q := range e.recent.list(e.cfg.Now()) {
		// A question that fails fails again when it is asked, and says why.
		if err := q.answer(within); err != nil && within.Err() != nil {
			break
		}
	}
	return ctx.Err()
}
