package bucket_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/test/servers"
)

func TestAzure(t *testing.T) {
	server := servers.StartAzurite(t)
	var n atomic.Int32
	open := func(extra string) func(t *testing.T) bucket.Bucket {
		return func(t *testing.T) bucket.Bucket {
			name := fmt.Sprintf("container-%d", n.Add(1))
			server.CreateContainer(name)
			return openYAML(t, server.ConfigYAML(name)+extra)
		}
	}
	t.Run("whole container", func(t *testing.T) { buckettest.AcceptanceTest(t, open("")) })
	t.Run("prefix", func(t *testing.T) {
		buckettest.AcceptanceTest(t, open("  reader_config:\n    max_retry_requests: 2\nprefix: team/costs\n"))
	})
}
