// Package demo runs a whole fleet on one machine: simulated clusters, each
// with the agent's own pipeline pushing to a directory bucket, and the server
// that reads it. It is what `make run` shows, and the shortest way to try
// fleetcost without a cluster. Only the source of usage is not real.
package demo
