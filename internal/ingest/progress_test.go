package ingest_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/ingest"
)

// watched calls look before each data object is read.
type watched struct {
	bucket.Bucket
	look func()
}

func (w watched) Get(ctx context.Context, key string) (io.ReadCloser, bucket.Object, error) {
	if strings.HasSuffix(key, ".parquet") {
		w.look()
	}
	return w.Bucket.Get(ctx, key)
}

// TestProgressMovesWithEachObject: objects and bytes count as they come, not
// after the batch, and come out even.
func TestProgressMovesWithEachObject(t *testing.T) {
	memory := bucket.NewMemory()
	for d := range cost.Day(3) {
		putDay(t, memory, 1, "a", 5, today-1-d, span(today-1-d, 0, 2)...)
	}
	putLive(t, memory, 1, "a", 5, span(today, 0, 2)...)
	var s server
	var seen []ingest.Progress
	b := watched{memory, func() { seen = append(seen, s.Progress()) }}
	s = open(t, b, t.TempDir(), func(c *ingest.Config) { c.Downloads = 1 })
	r := s.sync(t)
	if len(seen) != 12 || r.Loaded != 12 {
		t.Fatalf("%d objects were read, report %+v", len(seen), r)
	}
	for i, p := range seen {
		if p.ObjectsDone != i || (i > 0 && p.BytesFetched <= seen[i-1].BytesFetched) {
			t.Errorf("before object %d: %+v", i, p)
		}
	}
	if p := s.Progress(); p.Objects != 12 || p.ObjectsDone != 12 || p.Bytes != p.BytesFetched || p.Rows != r.Rows || p.RowsLoading != 0 || p.Step != "" {
		t.Errorf("at the end: %+v, report %+v", p, r)
	}
}
