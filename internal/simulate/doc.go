// Package simulate makes synthetic fleets: the same options always give the
// same fleet, the same pods and the same bytes, on every machine. The demo,
// the tests and the benchmarks live on it.
//
// It has two halves that share nothing:
//
//   - Fleet is wide and fast. NewFleet draws clusters of different sizes,
//     clouds and habits; Cluster.Usage gives one whole hour of one cluster as a
//     cost.HourUsage, a pure function of seed, cluster and hour, ready for
//     allocation. Nothing is simulated step by step: each pod's life, load and
//     volumes are computed from hashes in closed form, so any hour can be asked
//     for in any order, from several goroutines.
//   - Scenario is small and exact. Small describes one cluster on a step grid;
//     from that one definition come the scrape a real Prometheus would have
//     stored (WriteOpenMetrics) and the cost that is right by definition
//     (Truth), computed plainly and without any other package of this project.
//
// The package imports internal/cost and the standard library only. It reads no
// clock and no environment.
package simulate
