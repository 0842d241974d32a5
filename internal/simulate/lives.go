package simulate

import "github.com/fleetcost/fleetcost/internal/cost"

// All instants in this file are seconds since the Unix epoch.

const (
	daySeconds = 24 * 3600
	// forever bounds lives that have no beginning or end of their own.
	forever = int64(1) << 40
)

// life is one uninterrupted existence of a node or pod, [from, to). key tells
// it from every other life of the same thing.
type life struct {
	from, to int64
	key      uint64
	gen      int64 // rollout generation, for pods of a deployment
}

// turnover describes when a thing is replaced by a new one of its kind.
type turnover struct {
	period, phase int64 // a new life begins at phase + k × period; period 0: never
	down          int64 // seconds between one life and the next
	daily         bool  // lives from up to down of each day only
	up, until     int64 // seconds from the start of the UTC day; may lie outside it
	jitter        int64 // each day's up and until move by less than this
	workdays      bool  // no life on Saturday and Sunday
}

// within appends to out the lives that overlap [from, to).
func (t turnover) within(key uint64, from, to int64, out []life) []life {
	if t.daily {
		return t.dailyWithin(key, from, to, out)
	}
	if t.period == 0 {
		return append(out, life{from: -forever, to: forever, key: key})
	}
	for k := floorDiv(from-t.phase, t.period); ; k++ {
		l := life{from: t.phase + k*t.period, to: t.phase + (k+1)*t.period - t.down, key: mix(key, uint64(k)), gen: k}
		if l.from >= to {
			return out
		}
		if l.to > from {
			out = append(out, l)
		}
	}
}

func (t turnover) dailyWithin(key uint64, from, to int64, out []life) []life {
	for d := floorDiv(from-t.until, daySeconds) + 1; d*daySeconds+t.up < to; d++ {
		if w := weekday(d); t.workdays && (w == 0 || w == 6) {
			continue
		}
		k := mix(key, uint64(d))
		l := life{from: d*daySeconds + t.up, to: d*daySeconds + t.until, key: k, gen: d}
		if t.jitter > 0 {
			l.from += int64(k % uint64(t.jitter))
			l.to -= int64((k >> 32) % uint64(t.jitter))
		}
		if l.from < to && l.to > from && l.from < l.to {
			out = append(out, l)
		}
	}
	return out
}

// weekday returns the day of the week of a day since the epoch, 0 = Sunday.
func weekday(day int64) int64 { return ((day+4)%7 + 7) % 7 }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// observed is the part of an hour for which the source has data:
// [lo, hi) without [gapLo, gapHi).
type observed struct {
	base         int64 // start of the hour
	lo, hi       int64
	gapLo, gapHi int64 // equal without a gap
}

// observe returns what can be seen of hour h up to `until` seconds into it.
func (c *Cluster) observe(h cost.Hour, until int64) observed {
	base := int64(h) * 3600
	o := observed{base: base, lo: base, hi: base + min(max(until, 0), 3600)}
	if !c.Habits.GapStart.Before(c.Habits.GapEnd) {
		return o
	}
	o.gapLo = min(max(c.Habits.GapStart.Unix(), o.lo), o.hi)
	o.gapHi = min(max(c.Habits.GapEnd.Unix(), o.lo), o.hi)
	return o
}

// total returns the observed seconds of the hour.
func (o observed) total() int32 { return int32(o.hi - o.lo - (o.gapHi - o.gapLo)) }

// span returns where [from, to) was observed within the hour; Seconds is 0
// when none of it was.
func (o observed) span(from, to int64) cost.Span {
	from, to = max(from, o.lo), min(to, o.hi)
	if from >= to {
		return cost.Span{}
	}
	hidden := int64(0)
	if o.gapLo < o.gapHi {
		hidden = max(0, min(to, o.gapHi)-max(from, o.gapLo))
		if from >= o.gapLo && from < o.gapHi {
			from, hidden = o.gapHi, hidden-(min(to, o.gapHi)-from)
		}
		if to > o.gapLo && to <= o.gapHi && from < to {
			to, hidden = o.gapLo, hidden-(to-max(from, o.gapLo))
		}
		if from >= to {
			return cost.Span{}
		}
	}
	return cost.Span{Start: int32(from - o.base), End: int32(to - o.base), Seconds: int32(to - from - hidden)}
}
