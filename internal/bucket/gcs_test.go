package bucket_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/test/servers"
)

func TestGCS(t *testing.T) {
	server := servers.StartFakeGCS(t)
	var n atomic.Int32
	open := func(extra string) func(t *testing.T) bucket.Bucket {
		return func(t *testing.T) bucket.Bucket {
			name := fmt.Sprintf("bucket-%d", n.Add(1))
			server.CreateBucket(name)
			return openYAML(t, server.ConfigYAML(name)+extra)
		}
	}
	t.Run("one request", func(t *testing.T) { buckettest.AcceptanceTest(t, open("prefix: team/costs\n")) })
	t.Run("chunks", func(t *testing.T) { buckettest.AcceptanceTest(t, open("  chunk_size_bytes: 1048576\n")) })
}
