// Package ingest brings the bucket into the store: it discovers what changed,
// fetches and verifies it, and loads it exactly once. What disagrees with
// itself or with the fleet is quarantined with the reason, and never stops the
// rest.
//
//	in, err := ingest.New(ctx, cfg, bucket, store, logger, reg)
//	report, err := in.Sync(ctx)   // one unit of work; the caller loops
//
// Promises:
//   - An object is loaded once per ETag: rows and ledger change in one
//     transaction, so a kill at any moment leaves whole cluster-days and a
//     ledger that says which.
//   - The same objects give the same rows, whatever the order or the batches.
//   - Hours of a live object that the daily object has are ignored.
//   - A cluster-day changes when its datasets hold the same hours in the same
//     versions. While a push is under way it keeps what it was, for at most
//     Config.Patience Syncs.
//   - Workloads and assets of a cluster-day are taken together or not at all:
//     with one of them in quarantine, the day keeps what it was, or is missing.
//   - A key leaves the store only after two complete sweeps without it.
//   - Memory is bounded by the size of a batch, not by the fleet; the cache
//     directory by a batch, the one fetched ahead, and the live objects.
//
// It has no timers and no goroutines of its own between calls.
package ingest
