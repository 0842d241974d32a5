package bucket_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
)

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	now := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Second); return now }
	b, err := bucket.WithMetrics(bucket.NewMemory(bucket.MemoryNow(clock)), reg, clock)
	if err != nil {
		t.Fatal(err)
	}
	// A second bucket of the program counts into the same metrics.
	second, err := bucket.WithMetrics(bucket.NewMemory(), reg, clock)
	if err != nil {
		t.Fatal(err)
	}
	buckettest.Put(t, b, "a", []byte("12345"))
	buckettest.Put(t, second, "a", []byte("678"))
	buckettest.Get(t, b, "a")
	buckettest.Keys(t, b, "")
	_, _ = b.Stat(t.Context(), "none")
	_, _ = put(t.Context(), b, "a", "x", bucket.Condition{Absent: true})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = b.Delete(ctx, "a")
	want := `
# HELP fleetcost_bucket_bytes_total Bytes of objects read (get) and written (put).
# TYPE fleetcost_bucket_bytes_total counter
fleetcost_bucket_bytes_total{operation="get"} 5
fleetcost_bucket_bytes_total{operation="put"} 8
# HELP fleetcost_bucket_operation_errors_total Bucket operations that ended with an error, by kind; not_found and precondition are part of normal work.
# TYPE fleetcost_bucket_operation_errors_total counter
fleetcost_bucket_operation_errors_total{kind="cancelled",operation="delete"} 1
fleetcost_bucket_operation_errors_total{kind="not_found",operation="stat"} 1
fleetcost_bucket_operation_errors_total{kind="precondition",operation="put"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "fleetcost_bucket_bytes_total", "fleetcost_bucket_operation_errors_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(reg, "fleetcost_bucket_operation_duration_seconds"); err != nil || n != 5 {
		t.Errorf("%d durations, want one per operation: %v", n, err)
	}
}

func TestMetricsAcceptance(t *testing.T) {
	reg := prometheus.NewRegistry()
	buckettest.AcceptanceTest(t, func(t *testing.T) bucket.Bucket {
		b, err := bucket.WithMetrics(bucket.NewMemory(), reg, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
}
