package bucket_test

import (
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
)

func TestMemory(t *testing.T) {
	buckettest.AcceptanceTest(t, func(*testing.T) bucket.Bucket { return bucket.NewMemory() })
}

func TestWithPrefix(t *testing.T) {
	buckettest.AcceptanceTest(t, func(t *testing.T) bucket.Bucket {
		inner := bucket.NewMemory()
		// Neighbours that only look like the prefix must stay invisible.
		buckettest.Put(t, inner, "team/costs-old/a", []byte("x"))
		buckettest.Put(t, inner, "team/cost", []byte("x"))
		b, err := bucket.WithPrefix(inner, "team/costs/")
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
}

func TestWithPrefixInvalid(t *testing.T) {
	for _, prefix := range []string{"/abs", "a//b", "../up", "a/../b"} {
		if b, err := bucket.WithPrefix(bucket.NewMemory(), prefix); err == nil {
			t.Errorf("prefix %q was accepted: %s", prefix, b)
		}
	}
}
