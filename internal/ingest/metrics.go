package ingest

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	syncs       *prometheus.CounterVec
	objects     *prometheus.CounterVec
	rows, bytes prometheus.Counter
	duration    prometheus.Histogram
	lastSuccess prometheus.Gauge
	foreign     prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fleetcost_ingest_syncs_total", Help: "Looks at the bucket, by result.",
		}, []string{"result"}),
		objects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fleetcost_ingest_objects_total", Help: "Objects dealt with, by outcome: loaded, quarantined, held, forgotten, failed.",
		}, []string{"outcome"}),
		rows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fleetcost_ingest_rows_total", Help: "Rows loaded into the store.",
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fleetcost_ingest_bytes_total", Help: "Bytes of the objects loaded.",
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "fleetcost_ingest_sync_duration_seconds", Help: "Time that a look at the bucket and the loading took.",
			Buckets: []float64{.05, .2, 1, 5, 20, 60, 300, 1800},
		}),
		lastSuccess: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fleetcost_ingest_last_success_timestamp_seconds", Help: "When the store was last brought up to the bucket.",
		}),
		foreign: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fleetcost_ingest_foreign_keys", Help: "Keys of the last complete listing that are not of the format.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.syncs, m.objects, m.rows, m.bytes, m.duration, m.lastSuccess, m.foreign)
	}
	return m
}

func (m *metrics) synced(r Report, end float64, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	} else {
		m.lastSuccess.Set(end)
	}
	if r.Sweep {
		m.foreign.Set(float64(r.Foreign))
	}
	m.syncs.WithLabelValues(result).Inc()
	for outcome, n := range map[string]int{
		"loaded": r.Loaded, "quarantined": r.Quarantined, "held": r.Held, "forgotten": r.Forgotten, "failed": r.Failed,
	} {
		m.objects.WithLabelValues(outcome).Add(float64(n))
	}
	m.rows.Add(float64(r.Rows))
	m.bytes.Add(float64(r.Bytes))
	m.duration.Observe(r.Duration.Seconds())
}
