// Package prometheus reads what a cluster used from any API that speaks
// Prometheus' HTTP dialect: Prometheus itself, Thanos, Mimir, VictoriaMetrics,
// Amazon Managed Prometheus behind a signing proxy.
//
// It asks for raw samples (instant queries over range selectors) where time
// within the hour matters, and for one value per series and hour (range
// queries of last_over_time with a step of one hour) where it does not, so a
// server never hands out a value under its five-minute look-back. Every query
// is kept below a configured number of samples, by cutting it in time and then
// by the last letter of names. See docs/adr/0003-prometheus-reads.md for the
// measurements behind this.
//
// What it reads are the metrics of kube-state-metrics v2 and cAdvisor as they
// are named today, DCGM's for GPUs, and OpenCost's for prices. families.go is
// the list. What is absent is reported by Check with its effect and its fix.
package prometheus
