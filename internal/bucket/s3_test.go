package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

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

// TestS3Outage: a store that goes away and comes back.
func TestS3Outage(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	gateway.CreateBucket("fleet")
	b := openYAML(t, gateway.ConfigYAML("fleet")+"  max_retries: 1\n")
	buckettest.Put(t, b, "k", []byte("before"))
	gateway.Stop()
	_, err := put(t.Context(), b, "k", "during", bucket.Condition{})
	if !errors.Is(err, bucket.ErrUnavailable) {
		t.Errorf("put in an outage: %v", err)
	}
	// A program may start while the store is away.
	late := openYAML(t, gateway.ConfigYAML("fleet"))
	gateway.Restart()
	if got := buckettest.Get(t, late, "k"); string(got) != "before" {
		t.Errorf("after the outage: %q", got)
	}
	store, local := late.Clock()
	if skew := store.Sub(local).Abs(); store.IsZero() || skew > time.Minute {
		t.Errorf("a server on this machine has the time %v, ours is %v", store, local)
	}
}

func TestS3Refusals(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	gateway.CreateBucket("fleet")
	gateway.Admin("create-user", "--access", "stranger", "--secret", "strange", "--role", "user")
	right := gateway.ConfigYAML("fleet")
	for _, c := range []struct {
		name, yaml string
		want       error
	}{
		{"wrong secret", strings.Replace(right, gateway.SecretKey(), "wrong", 1), bucket.ErrCredentials},
		{"unknown key", strings.Replace(right, `access_key: "`+gateway.AccessKey(), `access_key: "nobody`, 1), bucket.ErrCredentials},
		{"no permission", strings.NewReplacer(gateway.SecretKey(), "strange", gateway.AccessKey(), "stranger").Replace(right), bucket.ErrDenied},
		{"no such bucket", strings.Replace(right, `"fleet"`, `"other"`, 1), bucket.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := openYAML(t, c.yaml)
			_, err := put(t.Context(), b, "k", "x", bucket.Condition{})
			wantError(t, "put", err, c.want)
			err = b.List(t.Context(), "", "", func(bucket.Object) error { return nil })
			wantError(t, "list", err, c.want)
			_, _, err = b.Get(t.Context(), "k")
			wantError(t, "get", err, c.want)
		})
	}
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// endingReader ends the context in the middle of a body.
type endingReader struct {
	io.ReadSeeker
	left int
	end  func()
}

func (r *endingReader) Read(p []byte) (int, error) {
	n, err := r.ReadSeeker.Read(p)
	if r.left -= n; r.left < 0 {
		r.end()
	}
	return n, err
}

// TestS3CancelledMultipart: no parts stay behind, nor does an object.
func TestS3CancelledMultipart(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	gateway.CreateBucket("fleet")
	b := openYAML(t, gateway.ConfigYAML("fleet")+"  part_size: 5242880\n  send_content_md5: false\n")
	const size = 20 << 20
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	body := &endingReader{bytes.NewReader(make([]byte, size)), 12 << 20, cancel}
	_, err := b.Put(ctx, "large", body, size, bucket.Condition{})
	wantError(t, "put", err, context.Canceled)
	_, err = b.Stat(t.Context(), "large")
	wantError(t, "stat", err, bucket.ErrNotFound)

	client, err := minio.New(gateway.Endpoint(), &minio.Options{
		Creds: credentials.NewStaticV4(gateway.AccessKey(), gateway.SecretKey(), ""), Region: gateway.Region(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for upload := range client.ListIncompleteUploads(t.Context(), "fleet", "", true) {
		t.Errorf("left behind: %+v", upload)
	}
}

// TestS3PartSize: part_size is the size of a part, and objects up to it are one
// request.
func TestS3PartSize(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	gateway.CreateBucket("fleet")
	b := openYAML(t, gateway.ConfigYAML("fleet")+"  part_size: 6291456\n")
	for size, parts := range map[int]string{6 << 20: "", 6<<20 + 1: "-2", 13 << 20: "-3"} {
		o := buckettest.Put(t, b, "k", make([]byte, size))
		_, suffix, multi := strings.Cut(o.ETag, "-") // S3's ETag of n parts ends in -n
		if multi {
			suffix = "-" + suffix
		}
		if suffix != parts {
			t.Errorf("%d bytes: ETag %s, want one ending in %q", size, o.ETag, parts)
		}
	}
}
