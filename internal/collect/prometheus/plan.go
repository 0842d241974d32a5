package prometheus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// maxChunk is how many hours are read together at most.
const maxChunk = 24

// chunk returns how many of n hours to read together: as many as hold no more
// samples in all than one query may return, as far as the last read tells. So
// a small cluster takes few queries a day, and memory stays that of one hour of
// a large one.
func (s *Source) chunk(n int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.size) == 0 {
		return 1 // the first hour shows how much there is
	}
	total := 1
	for _, v := range s.size {
		total += v
	}
	return max(1, min(n, maxChunk, int64(s.cfg.MaxSamples/total)))
}

// fetch reads one family for a batch and returns the number of samples.
func (s *Source) fetch(ctx context.Context, f *family, b *batch) (int, error) {
	if f.mode == hourly {
		return s.fetchHourly(ctx, f, b, shards[0], 0)
	}
	from, _ := b.bounds(b.w.Start)
	_, to := b.bounds(b.w.End - 1)
	if !from.Before(to) {
		return 0, nil
	}
	n, err := s.known(ctx, f, from, to)
	if err != nil {
		return 0, err
	}
	return s.fetchRaw(ctx, f, b, from, to, pieces(n, s.cfg.MaxSamples), "", 0)
}

// known returns how many samples a query over [from, to) is to return: counted
// by the server when the last read was near the limit or there was none.
func (s *Source) known(ctx context.Context, f *family, from, to time.Time) (int, error) {
	s.mu.Lock()
	perHour, ok := s.size[f.key()]
	s.mu.Unlock()
	guess := int(float64(perHour) * to.Sub(from).Hours())
	if ok && guess < s.cfg.MaxSamples/4 {
		return guess, nil
	}
	n := 0
	q := fmt.Sprintf("sum(count_over_time(%s[%dms]))", s.selector(f, ""), to.Sub(from).Milliseconds())
	_, err := s.client.instant(ctx, q, to.Add(-time.Millisecond), 1, func(_ labels, p []sample) error {
		n = int(last(p).v)
		return nil
	})
	return n, err
}

func pieces(n, limit int) int { return max(1, (n+limit-1)/limit) }

// fetchRaw reads all samples in [from, to), cut into n slices of time. A slice
// that is still too large is halved, and one of a single step is cut by the
// last letter of the family's names.
func (s *Source) fetchRaw(ctx context.Context, f *family, b *batch, from, to time.Time, n int, extra string, depth int) (int, error) {
	width := to.Sub(from) / time.Duration(n)
	if width < s.cfg.Step {
		width = s.cfg.Step
	}
	width = width.Truncate(time.Millisecond)
	total := 0
	for a := from; a.Before(to); a = a.Add(width) {
		z := a.Add(width)
		if z.After(to) {
			z = to
		}
		ans, err := s.raw(ctx, f, extra, a, z, func(l labels, p []sample) error {
			b.addRaw(f, l, p)
			return nil
		})
		if tooLarge(err) && depth < 12 {
			got := 0
			if z.Sub(a) > s.cfg.Step {
				got, err = s.fetchRaw(ctx, f, b, a, z, 2, extra, depth+1)
			} else if extra == "" && f.shard != "" {
				for _, shard := range shards[1:] {
					var k int
					if k, err = s.fetchRaw(ctx, f, b, a, z, 1, shard.matcher(f.shard), depth+1); err != nil {
						break
					}
					got += k
				}
			}
			total += got
			if err != nil {
				return total, err
			}
			continue
		}
		if err != nil {
			return total, err
		}
		total += ans.samples
	}
	return total, nil
}

// fetchHourly reads one value per series and hour.
func (s *Source) fetchHourly(ctx context.Context, f *family, b *batch, sh shard, depth int) (int, error) {
	from, _ := b.bounds(b.w.Start)
	_, first := b.bounds(b.w.Start)
	_, end := b.bounds(b.w.End - 1)
	if !from.Before(first) {
		return 0, nil
	}
	extra := ""
	if sh.letters != "" || sh.rest {
		extra = sh.matcher(f.shard)
	}
	q := fmt.Sprintf("last_over_time(%s[%dms])", s.selector(f, extra), first.Sub(from).Milliseconds())
	ans, err := s.client.ranged(ctx, q, first.Add(-time.Millisecond), end.Add(-time.Millisecond), time.Hour, s.cfg.MaxSamples,
		func(l labels, p []sample) error {
			b.addHourly(f, l, p)
			return nil
		})
	if !tooLarge(err) || depth > 0 {
		return ans.samples, err
	}
	if hours := b.w.Hours(); hours > 1 {
		return s.halves(ctx, f, b)
	}
	if f.shard == "" {
		return 0, err
	}
	total := 0
	for _, sh := range shards[1:] {
		n, err := s.fetchHourly(ctx, f, b, sh, depth+1)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// halves reads an hourly family for each half of the batch.
func (s *Source) halves(ctx context.Context, f *family, b *batch) (int, error) {
	mid := b.w.Start + cost.Hour(b.w.Hours()/2)
	k := int(mid - b.w.Start)
	lower := &batch{w: cost.Window{Start: b.w.Start, End: mid}, until: b.until, step: b.step, ins: b.ins[:k], mu: b.mu}
	upper := &batch{w: cost.Window{Start: mid, End: b.w.End}, until: b.until, step: b.step, ins: b.ins[k:], mu: b.mu}
	total := 0
	for _, part := range []*batch{lower, upper} {
		n, err := s.fetchHourly(ctx, f, part, shards[0], 0)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// tooLarge tells whether a smaller query may pass where this one did not.
func tooLarge(err error) bool {
	var api *apiError
	return errors.Is(err, errTooManySamples) || errors.As(err, &api) && api.tooLarge()
}

// shard is a part of a family by the last character of a label. The names of
// pods end in random characters, so the parts are of about one size.
type shard struct {
	letters string
	rest    bool // all that no other shard has
}

// shards are the whole and then its parts.
var shards = append([]shard{{}}, parts("0123456789bcdfghjklmnpqrstvwxzaeiouy")...)

func parts(letters string) []shard {
	var out []shard
	const width = 3
	for i := 0; i < len(letters); i += width {
		out = append(out, shard{letters: letters[i:min(i+width, len(letters))]})
	}
	return append(out, shard{letters: letters, rest: true})
}

func (s shard) matcher(label string) string {
	op := "=~"
	if s.rest {
		op = "!~"
	}
	return fmt.Sprintf(`%s%s".*[%s]"`, label, op, s.letters)
}
