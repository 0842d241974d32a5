package ops

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry returns a registry with what every program of ours exports: the
// Go runtime, the process, and fleetcost_build_info for program ("agent" or
// "server").
func NewRegistry(program string, b Build) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "fleetcost_build_info",
		Help:        "Always 1; the labels say what build of which program is running.",
		ConstLabels: prometheus.Labels{"program": program, "version": b.Version, "revision": b.Revision, "goversion": b.Go},
	})
	info.Set(1)
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		info,
	)
	return reg
}
