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
	spoolFiles  prometheus.Gauge
	spoolBytes  prometheus.Gauge
	spoolErrors prometheus.Counter
	dropped     prometheus.Counter
}

// newMetrics makes the metrics and registers them, unless reg is nil.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	m := &metrics{
		pushes:      vec("fleetcost_push_total", "Pushes, by result.", "result"),
		objects:     vec("fleetcost_push_objects_total", "Objects written to the bucket, by dataset.", "dataset"),
		bytes:       counter("fleetcost_push_bytes_total", "Bytes of objects written to the bucket."),
		conflicts:   counter("fleetcost_push_conflicts_total", "Conditional writes that another writer, or a lost answer, made fail; they were merged and tried again."),
		lastSuccess: gauge("fleetcost_push_last_success_timestamp_seconds", "When the last push succeeded, in seconds since the epoch."),
		spoolFiles:  gauge("fleetcost_push_spool_files", "Files in the spool, one for each UTC day that waits."),
		spoolBytes:  gauge("fleetcost_push_spool_bytes", "Bytes in the spool."),
		spoolErrors: counter("fleetcost_push_spool_errors_total", "Days to which hours could not be added in the spool."),
		dropped:     counter("fleetcost_push_spool_dropped_total", "Hours dropped because the spool was full."),
	}
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.pushes, m.objects, m.bytes, m.conflicts, m.lastSuccess, m.spoolFiles, m.spoolBytes, m.spoolErrors, m.dropped} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}
