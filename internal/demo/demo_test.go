package demo_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/demo"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/simulate"
)

func read(t *testing.T, b bucket.Bucket, key string) []byte {
	t.Helper()
	r, _, err := b.Get(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func rows[T costfile.Row](t *testing.T, b bucket.Bucket, key string) []T {
	t.Helper()
	data := read(t, b, key)
	out, _, err := costfile.ReadAll[T](bytes.NewReader(data), int64(len(data)), costfile.DefaultLimits)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return out
}

// TestFillHoldsTheIdentity fills a bucket as `make run` does, for a few days,
// and checks in the objects themselves that the assets cost what the
// allocations cost, for every cluster and hour, to the nano-unit.
func TestFillHoldsTheIdentity(t *testing.T) {
	now := time.Date(2026, 11, 22, 7, 20, 0, 0, time.UTC)
	w := cost.Window{Start: cost.HourOf(now) - 3*24, End: cost.HourOf(now)}
	fleet := simulate.NewFleet(simulate.Options{Seed: 3, Clusters: 12, Containers: 600, Start: w.Start, End: w.End})
	b := bucket.NewMemory()
	cfg := demo.Config{Days: 3, Now: func() time.Time { return now }, Logger: ops.Discard(), PushInterval: time.Minute}
	if _, err := demo.Fill(context.Background(), cfg, fleet, b, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	type slot struct {
		cluster string
		us      int64
	}
	sums := map[slot]cost.Money{}
	objects := 0
	err := b.List(context.Background(), "v1/", "", func(o bucket.Object) error {
		k, err := costfile.ParseKey(o.Key)
		if err != nil {
			return err
		}
		if k.Kind != costfile.KeyDaily {
			return nil
		}
		objects++
		switch k.Dataset {
		case costfile.AllocationData:
			for _, r := range rows[cost.Allocation](t, b, o.Key) {
				sums[slot{r.Cluster, r.WindowStart}] += r.Total()
			}
		case costfile.AssetData:
			for _, r := range rows[cost.Asset](t, b, o.Key) {
				sums[slot{r.Cluster, r.WindowStart}] -= r.Total()
			}
		case costfile.AttachmentData:
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if objects < 12*3*3*9/10 || len(sums) < 12*48 {
		t.Fatalf("only %d daily objects and %d cluster-hours", objects, len(sums))
	}
	for s, diff := range sums {
		if diff != 0 {
			t.Errorf("%s at %d µs: allocations and assets differ by %v", s.cluster, s.us, diff)
		}
	}
}
