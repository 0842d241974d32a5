package costfile_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/fleetcost/fleetcost/internal/costfile"
)

// TestCheckPagesFindsFlippedBits flips a bit in each column's data in turn:
// every one is found, though the file still opens and has as many rows.
func TestCheckPagesFindsFlippedBits(t *testing.T) {
	b, _ := encode(t, metaFor(hours(24)...), sampleDay(1, 60, hours(24)...))
	check := func(b []byte) error {
		return costfile.CheckPages(bytes.NewReader(b), int64(len(b)), costfile.DefaultLimits)
	}
	if err := check(b); err != nil {
		t.Fatalf("a good file: %v", err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	flips := 0
	for _, group := range f.Metadata().RowGroups {
		for _, c := range group.Columns {
			start := c.MetaData.DataPageOffset
			if d := c.MetaData.DictionaryPageOffset; d > 0 && d < start {
				start = d
			}
			// The last byte of a chunk is always data of its last page.
			bad := bytes.Clone(b)
			bad[start+c.MetaData.TotalCompressedSize-1] ^= 1
			if err := check(bad); !errors.Is(err, costfile.ErrCorrupt) {
				t.Errorf("a flipped bit in %v passes: %v", c.MetaData.PathInSchema, err)
			}
			flips++
		}
	}
	if flips < 40 {
		t.Fatalf("only %d flips", flips)
	}
}

func BenchmarkCheckPages(b *testing.B) {
	rows := sampleDay(1, 500, hours(24)...)
	x, _ := encode(b, metaFor(hours(24)...), rows)
	for b.Loop() {
		if err := costfile.CheckPages(bytes.NewReader(x), int64(len(x)), costfile.DefaultLimits); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}
