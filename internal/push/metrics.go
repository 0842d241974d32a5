package push

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	pushes      *prometheus.CounterVec
	objects     *prometheus.CounterVec
	bytes       prometheus.Counter
	conflicts   prometheus.Counter
	lastSuccess prometheus.Gauge
	spoolDays   prometheus.Gauge
	spoolBytes  prometheus.Gauge
	spoolErrors prometheus.Counter
	dropped     prometheus.Counter
}

// newMetrics makes the metrics and registers them, unless reg is nil.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		pushes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fleetcost_push_total", Help: "Pushes, by result."}, []string{"result"}),
		objects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fleetcost_push_objects_total", Help: "Objects written to the bucket, by dataset."}, []string{"dataset"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fleetcost_push_bytes_total", Help: "Bytes of objects written to the bucket."}),
		conflicts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fleetcost_push_conflicts_total", Help: "Conditional writes that another writer, or a lost answer, made fail; they were merged and tried again."}),
		lastSuccess: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fleetcost_push_last_success_timestamp_seconds", Help: "When the last push succeeded, in seconds since the epoch."}),
		spoolDays: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fleetcost_push_spool_days", Help: "Days that wait in the spool."}),
		spoolBytes: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fleetcost_push_spool_bytes", Help: "Bytes that wait in the spool."}),
		spoolErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fleetcost_push_spool_errors_total", Help: "Hours or batches of hours that could not be written to the spool."}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fleetcost_push_spool_dropped_hours_total", Help: "Hours dropped because the spool was full."}),
	}
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.pushes, m.objects, m.bytes, m.conflicts, m.lastSuccess, m.spoolDays, m.spoolBytes, m.spoolErrors, m.dropped} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}
