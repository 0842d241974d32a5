// Package collect turns what a source saw of a cluster into container-hours.
//
// A Source (one sub-package per kind: prometheus, …) reads samples; the
// Integrator, shared by all sources, integrates them per step into
// cost.HourUsage by the rules of docs/model.md. So there is one model of usage
// whatever the source.
//
// # Terms
//
// The step grid is aligned to the Unix epoch; step k of an hour is the
// half-open interval [start + k·step, start + (k+1)·step). Within one series
// only the latest sample of each step counts and stands for that whole step,
// which makes the result independent of the order, the duplication and the
// splitting of samples. A step without a sample is a gap: it is never filled
// from a sample further away.
//
// Edges come from the container's own started and finished times where the
// source has them; otherwise a container lasts from the start of the step of
// its first sample to the end of the step of its last.
//
// # Use
//
//	in, err := collect.NewIntegrator(collect.Config{Hour: h, Step: time.Minute})
//	c := in.Container(collect.PodKey{Namespace: "shop", Pod: "web-0", UID: "u"}, "app")
//	in.ObserveObject(&c.Running, ms, 1)
//	usage := in.Finish()
//
// An Integrator holds one hour of one cluster; its memory follows the number
// of containers times the steps of an hour, never the length of a backfill.
// The package does no I/O, reads no clock and never logs.
package collect
