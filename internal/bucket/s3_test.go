package bucket_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/test/servers"
)

// openYAML opens the bucket of a federated-store.yaml.
func openYAML(t *testing.T, text string) bucket.Bucket {
	t.Helper()
	cfg, _, err := bucket.ParseConfig("federated-store.yaml", []byte(text), bucket.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := bucket.Open(t.Context(), cfg, bucket.Deps{Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestS3(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	var n atomic.Int32
	open := func(extra string) func(t *testing.T) bucket.Bucket {
		return func(t *testing.T) bucket.Bucket {
			name := fmt.Sprintf("bucket-%d", n.Add(1))
			gateway.CreateBucket(name)
			return openYAML(t, gateway.ConfigYAML(name)+extra)
		}
	}
	t.Run("multipart", func(t *testing.T) {
		buckettest.AcceptanceTest(t, open("  part_size: 5242880\n"))
	})
	t.Run("prefix, single put, v1 listing", func(t *testing.T) {
		buckettest.AcceptanceTest(t, open("  list_objects_version: v1\n  disable_multipart: true\n  send_content_md5: false\nprefix: team/costs\n"))
	})
}
