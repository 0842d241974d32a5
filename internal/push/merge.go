package push

import (
	"errors"
	"fmt"
	"io"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// limits bound what a pusher reads back: its own cluster's objects, which may
// be larger than what a server takes from strangers.
var limits = costfile.Limits{Bytes: 64 << 30, Rows: 1 << 34, Hours: 24 * 366}

// choice is the outcome of comparing an object's hours with fresh ones.
type choice struct {
	hours    []costfile.HourMeta // of the result, ascending
	old      map[cost.Hour]bool  // hours taken from the object
	fresh    map[cost.Hour]bool  // hours taken from the fresh ones
	replaced []costfile.HourMeta // the object's versions that fresh ones replace
	changed  bool
}

// choose takes the better version of every hour and leaves out those for which
// drop answers true. It is commutative and idempotent, which is why writers
// that retry it end with the same hours in whatever order they come.
func choose(old, fresh []costfile.HourMeta, drop func(costfile.HourMeta) bool) choice {
	c := choice{old: map[cost.Hour]bool{}, fresh: map[cost.Hour]bool{}}
	had, got := hourMap(old), hourMap(fresh)
	for _, o := range old {
		n, both := got[o.Hour]
		if both && n.Better(o) {
			continue // below
		}
		if drop != nil && drop(o) {
			c.changed = true
			continue
		}
		c.old[o.Hour] = true
		c.hours = append(c.hours, o)
	}
	for _, n := range fresh {
		o, both := had[n.Hour]
		if both && !n.Better(o) {
			continue
		}
		if drop != nil && drop(n) {
			c.changed = c.changed || both
			continue
		}
		c.changed = true
		c.fresh[n.Hour] = true
		c.hours = append(c.hours, n)
		if both {
			c.replaced = append(c.replaced, o)
		}
	}
	sortHours(c.hours)
	return c
}

// input is where rows come from: a stored object, or hours in memory.
type input struct {
	object *section
	hours  []*Hour
	keep   map[cost.Hour]bool
}

// section is an object somewhere in a file or in memory.
type section struct {
	io.ReaderAt
	size int64
}

// mergeObject writes one object of a dataset from its inputs, streaming. The
// kept hours of different inputs must be disjoint and be those of meta.
func mergeObject(out io.Writer, meta costfile.Meta, in ...input) (costfile.Meta, error) {
	switch meta.Dataset {
	case costfile.AllocationData:
		return mergeRows[cost.Allocation](out, meta, in)
	case costfile.AssetData:
		return mergeRows[cost.Asset](out, meta, in)
	case costfile.AttachmentData:
		return mergeRows[cost.Attachment](out, meta, in)
	}
	return costfile.Meta{}, fmt.Errorf("unknown dataset %q", meta.Dataset)
}

// batch is how many rows are decoded at a time per input.
const batch = 256

// stream yields the kept rows of one input in order.
type stream[T costfile.Row] struct {
	reader *costfile.Reader[T] // nil: buf is all there is
	keep   map[cost.Hour]bool
	buf    []T // capacity is reused
	at     int
	end    bool
}

// fill makes buf[at] the next row; it answers false at the end.
func (s *stream[T]) fill() (bool, error) {
	for s.at >= len(s.buf) {
		if s.reader == nil || s.end {
			return false, nil
		}
		n, err := s.reader.Read(s.buf[:cap(s.buf)])
		if errors.Is(err, io.EOF) {
			s.end = true
		} else if err != nil {
			return false, err
		}
		s.at = 0
		kept := s.buf[:0]
		for i := range s.buf[:n:n] {
			row := &s.buf[:n][i]
			h, ok := cost.HourOfMicros(startOf(row))
			if !ok {
				return false, fmt.Errorf("row at %d µs is not at an hour: %w", startOf(row), costfile.ErrCorrupt)
			}
			if s.keep[h] {
				kept = append(kept, *row)
			}
		}
		s.buf = kept
	}
	return true, nil
}

func startOf[T costfile.Row](r *T) int64 {
	switch x := any(r).(type) {
	case *cost.Allocation:
		return x.WindowStart
	case *cost.Asset:
		return x.WindowStart
	case *cost.Attachment:
		return x.WindowStart
	}
	return -1 // Row is a closed set
}

func mergeRows[T costfile.Row](out io.Writer, meta costfile.Meta, in []input) (costfile.Meta, error) {
	streams, done, err := openStreams[T](in)
	defer done()
	if err != nil {
		return costfile.Meta{}, err
	}
	w := costfile.NewWriter[T](out, meta)
	buf := make([]T, 0, batch)
	for {
		var least *stream[T]
		for _, s := range streams {
			ok, err := s.fill()
			if err != nil {
				return costfile.Meta{}, err
			}
			if ok && (least == nil || costfile.Compare(&s.buf[s.at], &least.buf[least.at]) < 0) {
				least = s
			}
		}
		if least == nil {
			break
		}
		buf = append(buf, least.buf[least.at])
		least.at++
		if len(buf) == batch {
			if err := w.Write(buf...); err != nil {
				return costfile.Meta{}, err
			}
			buf = buf[:0]
		}
	}
	if err := w.Write(buf...); err != nil {
		return costfile.Meta{}, err
	}
	return w.Close()
}

func openStreams[T costfile.Row](in []input) (streams []*stream[T], done func(), err error) {
	var readers []*costfile.Reader[T]
	done = func() {
		for _, r := range readers {
			_ = r.Close() // releases memory only
		}
	}
	for _, x := range in {
		if x.object != nil && len(x.keep) > 0 {
			r, err := costfile.Open[T](x.object, x.object.size, limits)
			if err != nil {
				return nil, done, err
			}
			readers = append(readers, r)
			streams = append(streams, &stream[T]{reader: r, keep: x.keep, buf: make([]T, 0, batch)})
		}
		for _, h := range x.hours {
			if x.keep[h.Hour] {
				streams = append(streams, &stream[T]{buf: rowsOf[T](h)})
			}
		}
	}
	return streams, done, nil
}
