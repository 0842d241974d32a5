// Package check tests `storage check` against real servers with IAM roles:
// MinIO behind the gate of test/servers, which adds the rules of AWS that no
// server here has. The tests need the build tag e2e.
package check
