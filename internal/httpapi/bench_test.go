package httpapi

import (
	"bufio"
	"io"
	"testing"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// BenchmarkAllocationRow writes one row as /allocation does.
func BenchmarkAllocationRow(b *testing.B) {
	w := cost.Window{Start: 100, End: 124}
	r := fakeAllocation(1, w)
	e := newRowEncoder[Allocation]()
	j := &jsonWriter{w: bufio.NewWriterSize(io.Discard, 32<<10)}
	b.ReportAllocs()
	for b.Loop() {
		row := allocationJSON(&r, w, true)
		j.row(e, &row)
	}
	if j.err != nil {
		b.Fatal(j.err)
	}
}
