// Package store is the server's disposable cache of the bucket: one DuckDB
// file with the hourly rows of the last weeks, daily rollups in two sizes, the
// label dictionary and the ledger of what was loaded. It is the only package
// that knows DuckDB.
//
// It has one writer (Load, Forget, …: called by internal/ingest, one
// transaction each) and many readers (Query, Snapshot: called by
// internal/query). Readers see whole transactions only: a cluster-day is
// replaced at once or not at all.
//
// Nothing in the file is precious. A file of another layout version, or a
// damaged one, is deleted and loaded again from the bucket; it is never
// migrated. docs/adr/0005-store-layout.md gives the reasons for the layout.
//
// DuckDB never touches the network here: extension loading is off and it reads
// only local files whose exact paths it is given.
package store
