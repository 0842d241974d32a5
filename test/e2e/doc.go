// Package e2e tests the programs as users run them: real processes, a real
// Prometheus, a real S3 server, a real browser, and what happens when any of
// them is killed or goes away. `make e2e` builds the programs and runs it; the
// build tag keeps it out of `go test ./...`.
package e2e
