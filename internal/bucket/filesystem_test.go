package bucket_test

import (
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
)

func openDirectory(t *testing.T, dir string) *bucket.Filesystem {
	t.Helper()
	b, err := bucket.OpenFilesystem(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFilesystem(t *testing.T) {
	buckettest.AcceptanceTest(t, func(t *testing.T) bucket.Bucket { return openDirectory(t, t.TempDir()) })
}
