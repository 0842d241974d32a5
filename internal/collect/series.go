package collect

import (
	"math"
	"math/bits"
	"slices"
	"sort"
)

// point is one sample that counts: the latest of its series in its step.
type point struct {
	t int64 // ms since the Unix epoch
	v float64
}

// Series holds what one series said within an hour and its margins: at most
// one sample per step, the latest. Add samples with Integrator.Observe; the
// zero Series is empty.
type Series struct {
	points []point // ascending, one per step
}

// Empty tells whether the series has no sample.
func (s *Series) Empty() bool { return s == nil || len(s.points) == 0 }

// Grow makes room for n more samples.
func (s *Series) Grow(n int) { s.points = slices.Grow(s.points, n) }

// add keeps the sample if it is the latest of its step; of two at one instant
// the greater value stays, so that order never matters.
func (s *Series) add(t int64, v float64, step int64) {
	k := floorDiv(t, step)
	n := len(s.points)
	if n == 0 || floorDiv(s.points[n-1].t, step) < k {
		s.points = append(s.points, point{t, v})
		return
	}
	i := sort.Search(n, func(i int) bool { return floorDiv(s.points[i].t, step) >= k })
	p := s.points[i]
	switch {
	case floorDiv(p.t, step) != k:
		s.points = slices.Insert(s.points, i, point{t, v})
	case t > p.t, t == p.t && v > p.v:
		s.points[i] = point{t, v}
	}
}

// merge adds every point of o.
func (s *Series) merge(o *Series, step int64) {
	for _, p := range o.points {
		s.add(p.t, p.v, step)
	}
}

// at returns the value that holds in the step that ends at end: that of the
// latest point before end, else of the first point after it. ok is false when
// the series is empty.
func (s *Series) at(end int64) (v float64, ok bool) {
	if s.Empty() {
		return 0, false
	}
	i := sort.Search(len(s.points), func(i int) bool { return s.points[i].t >= end })
	if i == 0 {
		return s.points[0].v, true
	}
	return s.points[i-1].v, true
}

// in returns the point within [from, to), if there is one.
func (s *Series) in(from, to int64) (point, bool) {
	if s.Empty() {
		return point{}, false
	}
	i := sort.Search(len(s.points), func(i int) bool { return s.points[i].t >= from })
	if i == len(s.points) || s.points[i].t >= to {
		return point{}, false
	}
	// With from and to on the grid there is only one; otherwise the last wins.
	for i+1 < len(s.points) && s.points[i+1].t < to {
		i++
	}
	return s.points[i], true
}

// max returns the greatest value within [from, to).
func (s *Series) max(from, to int64) float64 {
	var m float64
	for _, p := range s.points {
		if p.t >= from && p.t < to {
			m = max(m, p.v)
		}
	}
	return m
}

// interval is [a, b) in ms since the Unix epoch.
type interval struct{ a, b int64 }

// spans is a set of instants as disjoint intervals, ascending.
type spans []interval

// union returns the set with iv added.
func (s spans) union(iv ...interval) spans {
	all := append(slices.Clone(s), iv...)
	slices.SortFunc(all, func(x, y interval) int {
		if x.a != y.a {
			return cmp64(x.a, y.a)
		}
		return cmp64(x.b, y.b)
	})
	out := all[:0]
	for _, v := range all {
		if v.b <= v.a {
			continue
		}
		if n := len(out); n > 0 && v.a <= out[n-1].b {
			out[n-1].b = max(out[n-1].b, v.b)
			continue
		}
		out = append(out, v)
	}
	return out
}

// clip returns the part of the set within [a, b).
func (s spans) clip(a, b int64) spans {
	var out spans
	for _, v := range s {
		if x := (interval{max(v.a, a), min(v.b, b)}); x.a < x.b {
			out = append(out, x)
		}
	}
	return out
}

// intersect returns what both sets hold.
func (s spans) intersect(o spans) spans {
	var out spans
	for i, j := 0, 0; i < len(s) && j < len(o); {
		if x := (interval{max(s[i].a, o[j].a), min(s[i].b, o[j].b)}); x.a < x.b {
			out = append(out, x)
		}
		if s[i].b < o[j].b {
			i++
		} else {
			j++
		}
	}
	return out
}

// minus returns the set without [a, b).
func (s spans) minus(a, b int64) spans {
	if b <= a {
		return s
	}
	var out spans
	for _, v := range s {
		if x := (interval{v.a, min(v.b, a)}); x.a < x.b {
			out = append(out, x)
		}
		if x := (interval{max(v.a, b), v.b}); x.a < x.b {
			out = append(out, x)
		}
	}
	return out
}

// length returns the set's measure in ms.
func (s spans) length() int64 {
	var n int64
	for _, v := range s {
		n += v.b - v.a
	}
	return n
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func cmp64(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// mulDiv returns v·ms/1000 rounded half up, for v, ms ≥ 0, and saturates: an
// NFS claim may call itself 8 EiB.
func mulDiv(v, ms int64) int64 {
	if v <= 0 || ms <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(v), uint64(ms))
	lo, carry := bits.Add64(lo, 500, 0)
	hi += carry
	if hi >= 1000 {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, 1000)
	return int64(min(q, math.MaxInt64))
}

// addSat returns a+b for a, b ≥ 0, saturating.
func addSat(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// micro returns v in millionths, rounded, never negative; NaN is 0.
func micro(v float64) int64 { return whole(v * 1e6) }

// whole returns v rounded to an integer, never negative; NaN is 0.
func whole(v float64) int64 {
	switch {
	case !(v > 0):
		return 0
	case v >= math.MaxInt64:
		return math.MaxInt64
	}
	return int64(math.Round(v))
}

// splitEven returns part i of total cut into n parts whose sum is total
// exactly; the first parts take the remainder.
func splitEven(total int64, n, i int) int64 {
	q, r := total/int64(n), total%int64(n)
	if int64(i) < r {
		return q + 1
	}
	return q
}
