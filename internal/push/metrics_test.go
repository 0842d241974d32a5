package push_test

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/internal/push"
)

// TestMetrics: what an operator can alert on.
func TestMetrics(t *testing.T) {
	ctx := context.Background()
	f := buckettest.WithFaults(bucket.NewMemory())
	reg := prometheus.NewRegistry()
	p, err := push.New(config(t, &clock{noon}), f, quiet, reg)
	must(t, err)
	defer p.Close()
	must(t, p.Add(ctx, hourOf(midnight, 3600, 1), hourOf(midnight+24, 3600, 1)))
	f.Outage(true)
	if _, err := p.Push(ctx, nil); err == nil {
		t.Fatal("push succeeded without a bucket")
	}
	if got := values(t, reg); got["fleetcost_push_spool_files"] != 2 || got["fleetcost_push_spool_bytes"] == 0 || got["fleetcost_push_total failure"] != 1 {
		t.Errorf("metrics in an outage: %v", got)
	}
	f.Clear()
	// A retry beneath sends a put whose answer was lost once more.
	f.Inject(buckettest.Fault{Op: buckettest.OpPut, Key: "v1/asset/", Times: 1, LostResponse: true, Err: bucket.ErrPrecondition})
	_, err = p.Push(ctx, nil)
	must(t, err)
	got := values(t, reg)
	for name, want := range map[string]float64{
		"fleetcost_push_spool_files": 0, "fleetcost_push_spool_bytes": 0, "fleetcost_push_total success": 1,
		"fleetcost_push_objects_total allocation": 2, "fleetcost_push_objects_total asset": 1, "fleetcost_push_conflicts_total": 1,
		"fleetcost_push_last_success_timestamp_seconds": float64(noon.Unix()),
	} {
		if got[name] != want {
			t.Errorf("%s is %v; want %v", name, got[name], want)
		}
	}
}

// values reads all counters and gauges, named with their label's value.
func values(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}
