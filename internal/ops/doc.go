// Package ops is what both programs need to be operated: a logger, a metrics
// registry, the probes /healthz, /readyz and /metrics, a group of named actors
// that start and stop together, and what build this is.
//
// It makes loggers and registries; every other package receives them as
// arguments. It imports nothing of ours and keeps no global state.
package ops
