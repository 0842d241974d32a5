package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// errReplaced says that the rest of an object cannot be had any more.
var errReplaced = errors.New("the object was replaced while it was read")

// s3Body is the content of an object. Where a connection breaks it goes on from
// the byte it has got to, on the condition that the object is still the same.
type s3Body struct {
	bucket *s3Bucket
	ctx    context.Context //nolint:containedctx // a reader outlives the call that made it; its context is the caller's
	object Object
	at     int64 // bytes read
	broke  int64 // where the connection broke last
	tries  *attempts

	body   io.ReadCloser
	cancel context.CancelFunc
	failed *OpError // of the last read or attempt, to be dealt with by the next read
}

// Read implements io.Reader.
func (b *s3Body) Read(p []byte) (int, error) {
	for b.failed != nil {
		if err := b.resume(); err != nil {
			return 0, err
		}
	}
	n, err := b.body.Read(p)
	b.at += int64(n)
	if err == nil || b.at >= b.object.Size || b.ctx.Err() != nil {
		return n, err
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%d bytes missing: %w", b.object.Size-b.at, io.ErrUnexpectedEOF)
	}
	if b.at > b.broke {
		b.broke, b.tries = b.at, b.bucket.attempts() // progress earns a fresh set of attempts
	}
	b.failed = &OpError{Action: "s3:GetObject", Bucket: b.bucket.cfg.Bucket, Key: b.object.Key, Kind: ErrUnavailable, Err: err}
	return n, nil
}

// resume opens the rest of the object after a wait, or returns the error for the
// reader.
func (b *s3Body) resume() error {
	s, key := b.bucket, b.object.Key
	_ = b.body.Close() // broken as it is
	b.cancel()
	if err := b.tries.again(b.ctx, b.failed); err != nil {
		return err
	}
	opts := s.getOptions(b.at)
	if err := opts.SetMatchETag(b.object.ETag); err != nil {
		return s.invalid("GetObject", key, err)
	}
	ctx, cancel := context.WithCancel(b.ctx)
	body, info, header, err := s.core.GetObject(ctx, s.cfg.Bucket, key, opts)
	if err == nil && (info.ETag != b.object.ETag || b.at > 0 && header.Get("Content-Range") == "") {
		_ = body.Close()
		cancel()
		return b.failed // there is no way to go on
	}
	if err == nil {
		b.body, b.cancel, b.failed = body, cancel, nil
		return nil
	}
	cancel()
	failure := s.fail(b.ctx, "GetObject", key, err)
	if failure.Status == http.StatusPreconditionFailed || failure.Status == http.StatusNotFound {
		failure.Kind, failure.Err = ErrUnavailable, errReplaced
		return failure
	}
	if !failure.retryable() {
		return failure
	}
	b.body, b.failed = io.NopCloser(nil), failure
	return nil
}

// Close implements io.Closer.
func (b *s3Body) Close() error {
	defer b.cancel()
	return b.body.Close()
}

// getOptions asks for an object from a byte on, and for its checksum, of stores
// that know S3's current signature. Google's S3 dialect takes no headers of
// Amazon's that it does not know.
func (s *s3Bucket) getOptions(from int64) minio.GetObjectOptions {
	o := minio.GetObjectOptions{ServerSideEncryption: s.readSSE()}
	if from > 0 {
		_ = o.SetRange(from, 0) // fails for other arguments only
	} else if !s.cfg.SignatureV2 && !isGoogleHost(s.cfg.Endpoint) {
		o.Set("X-Amz-Checksum-Mode", "ENABLED")
	}
	return o
}
