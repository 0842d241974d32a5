package servers

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// cached returns the path of a file of the tool cache, which scripts/tools.sh
// fills. A missing file fails the test.
func cached(t testing.TB, path ...string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatalf("find the tool cache: %v", err)
	}
	full := filepath.Join(append([]string{cache, "fleetcost-tools"}, path...)...)
	if _, err := os.Stat(full); err != nil {
		t.Fatalf("%s is missing: run `make test-tools` (of MinIO: `scripts/tools.sh minio`)", full)
	}
	return full
}

// findTool returns the path of a Go program in the tool cache. One on PATH is
// not taken: its version decides what it can do.
func findTool(t testing.TB, name, version string) string {
	t.Helper()
	return cached(t, name+"-"+version+"-"+runtime.Version(), name)
}
