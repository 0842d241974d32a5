package bucket

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
	"github.com/minio/minio-go/v7"
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

func s3Of(b Bucket) *s3Bucket {
	if p, ok := b.(*prefixed); ok {
		b = p.Bucket
	}
	return b.(*s3Bucket)
}

// TransportOf returns the HTTP transport of an S3 bucket.
func TransportOf(b Bucket) *http.Transport { return s3Of(b).transport.base }

// KnownKeys returns the names of all keys of a federated-store.yaml.
func KnownKeys() []string {
	keys := make([]string, 0, len(homes))
	for key := range homes {
		keys = append(keys, key)
	}
	return keys
}

// OfferedKeys returns the path of every key that the parser looks for in a file
// of type S3 with the sections that data has.
func OfferedKeys(data []byte) []string {
	d := &decoder{anchors: map[string]ast.Node{}, places: map[string]*token.Position{}, offered: map[string]bool{}}
	var config ast.Node
	d.mapping(d.parseTree(data), "", fields{
		"type": func(ast.Node, string) {}, "prefix": func(ast.Node, string) {},
		"config": func(n ast.Node, _ string) { config = n },
	})
	d.decodeConfig(&Config{}, string(TypeS3), config)
	return slices.Sorted(maps.Keys(d.offered))
}

// CRC64 is the CRC64NVME checksum of a text as S3 writes it.
func CRC64(s string) string { return minio.ChecksumCRC64NVME.EncodeToString([]byte(s)) }

// Location tells where the data of a configuration lives.
func LocationText(c Config) string { return c.location() }
