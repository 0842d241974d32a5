// Package agent is the program that runs in each cluster: it wires
// collect → pricing → allocate → push and keeps them going.
//
// Pipeline is the heart and readable top to bottom: which hours are missing,
// collect them, allocate them, hand them to the spool, push. Run adds what a
// process needs: configuration, the bucket, probes, metrics and an orderly
// stop. The demo runs the same Pipeline over simulated sources.
//
// It never links DuckDB: agent and server meet only in the bucket.
package agent
