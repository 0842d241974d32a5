// Package storage tests every way to log in to a bucket, and what each store
// can do, against real servers that enforce it: versitygw and MinIO, and a gate
// of ours before MinIO for the rules of AWS that neither has (see
// test/servers).
//
// `go test ./...` runs the part on versitygw. `make e2e` runs all of it and
// compares what it measured with the table in docs/operate/storage.md;
// `go test -tags e2e ./test/storage -update` rewrites the table.
package storage
