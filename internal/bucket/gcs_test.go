package bucket_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
	t.Run("written twice", func(t *testing.T) {
		b := open("")(t)
		buckettest.Put(t, b, "k", []byte("x"))
		_, err := put(t.Context(), b, "k", "y", bucket.Condition{Absent: true})
		explained(t, "gcs-precondition", err)
	})
	t.Run("chunks", func(t *testing.T) { buckettest.AcceptanceTest(t, open("  chunk_size_bytes: 1048576\n")) })
}

// TestGCSOutage: a store that goes away and comes back.
func TestGCSOutage(t *testing.T) {
	server := servers.StartFakeGCS(t)
	server.CreateBucket("fleet")
	b := openYAML(t, server.ConfigYAML("fleet")+"  max_retries: 1\n")
	buckettest.Put(t, b, "k", []byte("before"))
	server.Stop()
	_, err := put(t.Context(), b, "k", "during", bucket.Condition{})
	wantError(t, "put in an outage", err, bucket.ErrUnavailable)
	// A program may start while the store is away.
	late := openYAML(t, server.ConfigYAML("fleet"))
	server.Restart()
	_, err = put(t.Context(), late, "k", "after", bucket.Condition{})
	if wantError(t, "put in a lost bucket", err, bucket.ErrUnavailable); !strings.Contains(fmt.Sprint(err), "the bucket does not exist") {
		t.Errorf("lost bucket: %v", err)
	}
	explained(t, "gcs-no-such-bucket", err)
	wantError(t, "list a lost bucket", late.List(t.Context(), "", "", func(bucket.Object) error { return nil }), bucket.ErrUnavailable)
	server.CreateBucket("fleet")
	buckettest.Put(t, late, "k", []byte("after"))
	store, local := late.Clock()
	if skew := store.Sub(local).Abs(); store.IsZero() || skew > time.Minute {
		t.Errorf("a server on this machine has the time %v, ours is %v", store, local)
	}
}

// TestGCSStoredCompressed: an object stored with Content-Encoding comes as
// stored.
func TestGCSStoredCompressed(t *testing.T) {
	server := servers.StartFakeGCS(t)
	server.CreateBucket("fleet")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("plain"))
	_ = z.Close()
	server.Upload("fleet", "k.gz", "gzip", packed.String())
	b := openYAML(t, server.ConfigYAML("fleet"))
	if got := buckettest.Get(t, b, "k.gz"); !bytes.Equal(got, packed.Bytes()) {
		t.Errorf("%d bytes were stored, %d came back: %q", packed.Len(), len(got), got)
	}
}
