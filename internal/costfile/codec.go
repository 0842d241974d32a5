package costfile

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Row is a row of any dataset.
type Row interface {
	cost.Allocation | cost.Asset | cost.Attachment
}

// RowGroup is the number of rows of a row group: what a reader or writer holds
// in memory at a time, and the grain at which engines skip.
const RowGroup = 32_768

// Compare is the sort order of a dataset's rows: a total order over distinct
// rows, by workload first and hour last, so that equal values stand together.
func Compare[T Row](a, b *T) int {
	switch x := any(a).(type) {
	case *cost.Allocation:
		y := any(b).(*cost.Allocation)
		return cmp.Or(
			strings.Compare(x.Namespace, y.Namespace), strings.Compare(x.Controller, y.Controller),
			strings.Compare(x.Pod, y.Pod), strings.Compare(x.Container, y.Container),
			strings.Compare(x.PodUID, y.PodUID), strings.Compare(x.Node, y.Node),
			strings.Compare(x.AssetID, y.AssetID), strings.Compare(string(x.Kind), string(y.Kind)),
			strings.Compare(x.ControllerKind, y.ControllerKind),
			cmp.Compare(x.WindowStart, y.WindowStart))
	case *cost.Asset:
		y := any(b).(*cost.Asset)
		return cmp.Or(
			strings.Compare(string(x.Type), string(y.Type)), strings.Compare(x.Name, y.Name),
			strings.Compare(x.AssetID, y.AssetID), cmp.Compare(x.WindowStart, y.WindowStart))
	case *cost.Attachment:
		y := any(b).(*cost.Attachment)
		return cmp.Or(
			strings.Compare(x.Namespace, y.Namespace), strings.Compare(x.Controller, y.Controller),
			strings.Compare(x.Pod, y.Pod), strings.Compare(x.Container, y.Container),
			strings.Compare(x.PodUID, y.PodUID), strings.Compare(x.AssetID, y.AssetID),
			cmp.Compare(x.WindowStart, y.WindowStart))
	}
	panic("unreachable: Row is a closed set")
}

// Sort sorts rows by Compare.
func Sort[T Row](rows []T) {
	slices.SortStableFunc(rows, func(a, b T) int { return Compare(&a, &b) })
}

func rowHour[T Row](r *T) (micros int64, total cost.Money, cluster string) {
	switch x := any(r).(type) {
	case *cost.Allocation:
		return x.WindowStart, x.Total(), x.Cluster
	case *cost.Asset:
		return x.WindowStart, x.Total(), x.Cluster
	case *cost.Attachment:
		return x.WindowStart, x.Cost, x.Cluster
	}
	panic("unreachable: Row is a closed set")
}

// Writer streams rows into one object. Rows must come sorted by Compare and
// belong to hours that the meta lists.
type Writer[T Row] struct {
	w     *parquet.GenericWriter[T]
	meta  Meta
	hours map[int64]int // µs → index into meta.Hours
	last  *T
}

// NewWriter starts an object. The hours' Rows and Total in meta are ignored
// and counted anew.
func NewWriter[T Row](out io.Writer, meta Meta) *Writer[T] {
	meta.Hours = slices.Clone(meta.Hours)
	slices.SortFunc(meta.Hours, func(a, b HourMeta) int { return cmp.Compare(a.Hour, b.Hour) })
	w := &Writer[T]{
		meta:  meta,
		hours: make(map[int64]int, len(meta.Hours)),
		w: parquet.NewGenericWriter[T](out,
			parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
			parquet.MaxRowsPerRowGroup(RowGroup),
			parquet.DataPageStatistics(false),
			parquet.CreatedBy("fleetcost", version(), ""),
		),
	}
	for i := range w.meta.Hours {
		w.meta.Hours[i].Rows, w.meta.Hours[i].Total = 0, 0
		w.hours[w.meta.Hours[i].Hour.Micros()] = i
	}
	return w
}

// Write appends rows. It fails on a row out of order, of another cluster, of
// an hour the meta does not list, or with a cost above the range of a row.
func (w *Writer[T]) Write(rows ...T) error {
	for i := range rows {
		r := &rows[i]
		us, total, cluster := rowHour(r)
		k, ok := w.hours[us]
		switch {
		case !ok:
			return fmt.Errorf("row of %d µs: the hour is not in the object's metadata", us)
		case cluster != w.meta.Cluster:
			return fmt.Errorf("row of cluster %q in an object of %q", cluster, w.meta.Cluster)
		case total > cost.MaxMoney || total < 0:
			return fmt.Errorf("row of hour %v costs %v: %w", w.meta.Hours[k].Hour, total, cost.ErrRange)
		case w.last != nil && Compare(w.last, r) > 0:
			return errors.New("rows are not sorted")
		}
		w.last = r
		w.meta.Hours[k].Rows++
		w.meta.Hours[k].Total += total
	}
	if len(rows) > 0 {
		last := rows[len(rows)-1]
		w.last = &last
	}
	if _, err := w.w.Write(rows); err != nil {
		return fmt.Errorf("encode %s rows: %w", w.meta.Dataset, err)
	}
	return nil
}

// Close writes the footer and returns the metadata with the rows and totals
// counted. It does not close the underlying writer.
func (w *Writer[T]) Close() (Meta, error) {
	text, err := json.Marshal(w.meta)
	if err != nil {
		return Meta{}, fmt.Errorf("encode footer: %w", err)
	}
	w.w.SetKeyValueMetadata(versionKey, version())
	w.w.SetKeyValueMetadata(metaKey, string(text))
	if err := w.w.Close(); err != nil {
		return Meta{}, fmt.Errorf("encode %s object: %w", w.meta.Dataset, err)
	}
	return w.meta, nil
}

// Limits bound what a reader takes from an untrusted object.
type Limits struct {
	Bytes int64 // of the object
	Rows  int64
	Hours int
}

// DefaultLimits admit a cluster of about 100,000 containers.
var DefaultLimits = Limits{Bytes: 2 << 30, Rows: 200_000_000, Hours: 24 * 64}

// Reader streams the rows of one object.
type Reader[T Row] struct {
	r    *parquet.GenericReader[T]
	meta Meta
}

// Open reads the footer of an object and checks version, metadata, limits and
// that the columns of T that the file has are of the expected type; columns
// that a newer minor version added are skipped, and those of an older one read
// as zero. Errors wrap ErrVersion or ErrCorrupt, or come from in.
func Open[T Row](in io.ReaderAt, size int64, lim Limits) (r *Reader[T], err error) {
	defer recovered(&err)
	if size > lim.Bytes {
		return nil, fmt.Errorf("object of %d bytes, the limit is %d: %w", size, lim.Bytes, ErrCorrupt)
	}
	f, err := openParquet(in, size)
	if err != nil {
		return nil, err
	}
	meta, err := fileMeta(f, lim)
	if err != nil {
		return nil, err
	}
	return &Reader[T]{r: parquet.NewGenericReader[T](f), meta: meta}, nil
}

// ReadMeta reads and checks only the footer of an object of any dataset.
func ReadMeta(in io.ReaderAt, size int64, lim Limits) (m Meta, err error) {
	defer recovered(&err)
	if size > lim.Bytes {
		return m, fmt.Errorf("object of %d bytes, the limit is %d: %w", size, lim.Bytes, ErrCorrupt)
	}
	f, err := openParquet(in, size)
	if err != nil {
		return m, err
	}
	return fileMeta(f, lim)
}

func openParquet(in io.ReaderAt, size int64) (*parquet.File, error) {
	f, err := parquet.OpenFile(in, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("read footer: %w: %w", ErrCorrupt, err)
	}
	return f, nil
}

func fileMeta(f *parquet.File, lim Limits) (Meta, error) {
	v, _ := f.Lookup(versionKey)
	text, _ := f.Lookup(metaKey)
	m, err := decodeMeta(v, text)
	if err != nil {
		return m, err
	}
	switch {
	case f.NumRows() > lim.Rows:
		return m, fmt.Errorf("%d rows, the limit is %d: %w", f.NumRows(), lim.Rows, ErrCorrupt)
	case len(m.Hours) > lim.Hours:
		return m, fmt.Errorf("%d hours, the limit is %d: %w", len(m.Hours), lim.Hours, ErrCorrupt)
	case f.NumRows() != m.Rows():
		return m, fmt.Errorf("%d rows, the footer says %d: %w", f.NumRows(), m.Rows(), ErrCorrupt)
	}
	return m, nil
}

// Meta returns the object's metadata.
func (r *Reader[T]) Meta() Meta { return r.meta }

// Read fills buf and returns how many rows it wrote; io.EOF when no more
// follow. Damaged data is ErrCorrupt.
func (r *Reader[T]) Read(buf []T) (n int, err error) {
	defer recovered(&err)
	n, err = r.r.Read(buf)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read rows: %w: %w", ErrCorrupt, err)
	}
	return n, err
}

// Close releases the reader's buffers.
func (r *Reader[T]) Close() error { return r.r.Close() }

// ReadAll reads the whole object and checks it against its metadata: rows and
// totals per hour, cluster and hours. It is for small objects and tests.
func ReadAll[T Row](in io.ReaderAt, size int64, lim Limits) ([]T, Meta, error) {
	r, err := Open[T](in, size, lim)
	if err != nil {
		return nil, Meta{}, err
	}
	defer r.Close()
	var out []T
	buf := make([]T, 1024)
	seen := map[cost.Hour]*HourMeta{}
	for {
		n, err := r.Read(buf)
		for i := range buf[:n] {
			us, total, cluster := rowHour(&buf[i])
			h, ok := cost.HourOfMicros(us)
			if !ok || cluster != r.meta.Cluster {
				return nil, Meta{}, fmt.Errorf("row of cluster %q at %d µs in an object of %q: %w", cluster, us, r.meta.Cluster, ErrCorrupt)
			}
			if seen[h] == nil {
				seen[h] = &HourMeta{}
			}
			seen[h].Rows++
			seen[h].Total += total
		}
		out = append(out, buf[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, Meta{}, err
		}
	}
	for _, h := range r.meta.Hours {
		got := seen[h.Hour]
		if got == nil {
			got = &HourMeta{}
		}
		if got.Rows != h.Rows || got.Total != h.Total {
			return nil, Meta{}, fmt.Errorf("hour %v has %d rows for %v, the footer says %d for %v: %w", h.Hour, got.Rows, got.Total, h.Rows, h.Total, ErrCorrupt)
		}
	}
	return out, r.meta, nil
}

// Merge writes one object from an existing one and fresh rows: the existing
// rows of the hours for which keep answers true, and all of fresh, which must
// be sorted by Compare. Memory is one row group. existing may be nil.
// meta.Hours must list exactly the hours of the result.
func Merge[T Row](out io.Writer, meta Meta, existing *Reader[T], keep func(cost.Hour) bool, fresh []T) (Meta, error) {
	w := NewWriter[T](out, meta)
	if existing != nil {
		buf := make([]T, 512)
		for {
			n, err := existing.Read(buf)
			for i := range buf[:n] {
				us, _, _ := rowHour(&buf[i])
				h, ok := cost.HourOfMicros(us)
				if !ok {
					return Meta{}, fmt.Errorf("row at %d µs is not at an hour: %w", us, ErrCorrupt)
				}
				if !keep(h) {
					continue
				}
				j := 0
				for j < len(fresh) && Compare(&fresh[j], &buf[i]) <= 0 {
					j++
				}
				if err := w.Write(fresh[:j]...); err != nil {
					return Meta{}, err
				}
				fresh = fresh[j:]
				if err := w.Write(buf[i]); err != nil {
					return Meta{}, err
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return Meta{}, err
			}
		}
	}
	if err := w.Write(fresh...); err != nil {
		return Meta{}, err
	}
	return w.Close()
}

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("decode: %w: %v", ErrCorrupt, p)
	}
}
