package ops

import (
	"encoding/json"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Readiness tells whether a program can do its job now. detail is shown as
// JSON in the body of /readyz: what is being waited for and how far it is.
type Readiness func() (ready bool, detail any)

// RegisterProbes adds the routes every program serves to mux:
//
//	GET /healthz  200, empty: the process is alive
//	GET /readyz   200 or 503 with {"ready":…,"detail":…}
//	GET /metrics  the Prometheus exposition of reg
func RegisterProbes(mux *http.ServeMux, reg *prometheus.Registry, ready Readiness) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		ok, detail := ready()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !ok {
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		// The client may be gone; there is nobody left to tell.
		_ = json.NewEncoder(w).Encode(struct {
			Ready  bool `json:"ready"`
			Detail any  `json:"detail,omitempty"`
		}{ok, detail})
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
}
