package bucket

import (
	"context"
	"time"
)

// WithoutWaits makes a bucket of a cloud retry at once and returns the waits it
// would have made.
func WithoutWaits(b Bucket) *[]time.Duration {
	waits := &[]time.Duration{}
	wait := func(ctx context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return ctx.Err()
	}
	if p, ok := b.(*prefixed); ok {
		b = p.Bucket
	}
	switch v := b.(type) {
	case *s3Bucket:
		v.wait = wait
	case *gcsBucket:
		v.retrier.wait = wait
	case *azureBucket:
		v.retrier.wait = wait
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
