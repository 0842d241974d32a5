package bucket

import (
	"context"
	"time"
)

// WithoutWaits makes an S3 bucket retry at once and returns the waits it would
// have made.
func WithoutWaits(b Bucket) *[]time.Duration {
	waits := &[]time.Duration{}
	b.(*s3Bucket).wait = func(ctx context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return ctx.Err()
	}
	return waits
}

// KnownKeys returns the names of all keys of a federated-store.yaml.
func KnownKeys() []string {
	keys := make([]string, 0, len(homes))
	for key := range homes {
		keys = append(keys, key)
	}
	return keys
}
