package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
)

const (
	backoffFirst   = 200 * time.Millisecond
	backoffMost    = 10 * time.Second
	backoffJitter  = 0.9 // nearly all: thousands of agents must not come back in step, and none at once
	cleanupTimeout = 30 * time.Second
	// patience is the longest wait that a store may ask for by Retry-After. Beyond
	// it the call ends; whoever made it comes back by its own schedule.
	patience = time.Minute
	// timeoutRetries bounds the retries of requests that got no answer in time:
	// one, on another connection. Each costs a whole response_header_timeout, and
	// max_retries of them would keep a caller for many minutes.
	timeoutRetries = 1
)

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func randomName() string { return strconv.FormatUint(rand.Uint64(), 36) }

func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = backoffFirst
	b.MaxInterval = backoffMost
	b.Multiplier = 2
	b.RandomizationFactor = backoffJitter
	return b
}

// attempts decides how often one request is tried.
type attempts struct {
	bucket   *s3Bucket
	waits    *backoff.ExponentialBackOff
	made     int
	timeouts int
}

func (s *s3Bucket) attempts() *attempts { return &attempts{bucket: s, waits: newBackoff()} }

// again waits and returns nil when another attempt is due; otherwise it returns
// the error to give to the caller.
func (a *attempts) again(ctx context.Context, e *OpError) error {
	retryAfter := takeRetryAfter(ctx)
	a.made++
	if ctx.Err() != nil || !e.retryable() {
		return e
	}
	if e.Code == "ExpiredToken" || e.Code == "ExpiredTokenException" || e.Code == nameless400 {
		a.bucket.source.Invalidate()
	}
	var timeout *timeoutError
	if errors.As(e.Err, &timeout) {
		a.timeouts++
	}
	switch {
	case retryAfter > patience:
		e.Err = fmt.Errorf("the store asks to come back in %s: %w", retryAfter, e.Err)
		return e
	case a.made > a.bucket.cfg.MaxRetries || a.timeouts > timeoutRetries:
		e.Err = fmt.Errorf("after %d attempts: %w", a.made, e.Err)
		return e
	}
	wait := retryAfter + a.waits.NextBackOff()
	if retryAfter > 0 {
		wait += rand.N(retryAfter) // the store asks all its clients for the same: they spread
	}
	if err := a.bucket.wait(ctx, wait); err != nil {
		return &OpError{Action: e.Action, Bucket: e.Bucket, Key: e.Key, Err: err}
	}
	return nil
}

// do runs one request, again while its error is worth it. call returns the raw
// error of minio-go.
func (s *s3Bucket) do(ctx context.Context, action, key string, call func() error) error {
	tries := s.attempts()
	for {
		err := ctx.Err()
		if err == nil {
			err = call()
			s.who.say()
		}
		if err == nil {
			return nil
		}
		if err := tries.again(ctx, s.fail(ctx, action, key, err)); err != nil {
			return err
		}
	}
}

// readSSE is the encryption that reading needs too: only customer keys.
func (s *s3Bucket) readSSE() encrypt.ServerSide {
	if s.sse != nil && s.sse.Type() == encrypt.SSEC {
		return s.sse
	}
	return nil
}

func (s *s3Bucket) invalid(action, key string, err error) error {
	return &OpError{Action: "s3:" + action, Bucket: s.cfg.Bucket, Key: key, Err: err}
}

// Get implements Bucket.
func (s *s3Bucket) Get(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	if err := ValidateKey(key); err != nil {
		return nil, Object{}, s.invalid("GetObject", key, err)
	}
	var body *s3Body
	var o Object
	var expected *sum
	ctx = withNotes(ctx)
	err := s.do(ctx, "GetObject", key, func() error {
		// The body outlives this call: its end is tied to the reader's.
		bodyCtx, cancel := context.WithCancel(ctx)
		b, info, header, err := s.core.GetObject(bodyCtx, s.cfg.Bucket, key, s.getOptions(0))
		if err != nil {
			cancel()
			return err
		}
		if info.Size < 0 {
			_ = b.Close()
			cancel()
			return errors.New("the answer has no Content-Length")
		}
		o, expected = objectOf(key, info, header), s.sums.expect(header)
		body = &s3Body{bucket: s, ctx: ctx, object: o, tries: s.attempts(), body: b, cancel: cancel}
		return nil
	})
	if err != nil {
		return nil, Object{}, err
	}
	r := &exactReader{
		ctx:  ctx,
		body: body,
		left: o.Size,
		fail: func(kind, err error) error {
			var op *OpError
			if errors.As(err, &op) {
				return op // of the body itself
			}
			return &OpError{Action: "s3:GetObject", Bucket: s.cfg.Bucket, Key: key, Kind: kind, Err: err}
		},
	}
	if expected != nil {
		r.seen = expected.hash
		r.judge = func() error { return s.sums.judge(key, o.ETag, expected) }
	}
	return r, o, nil
}

func objectOf(key string, info minio.ObjectInfo, header http.Header) Object {
	return Object{
		Key:          key,
		Size:         info.Size,
		ETag:         info.ETag,
		LastModified: info.LastModified.UTC(),
		StorageClass: header.Get("X-Amz-Storage-Class"),
	}
}

// Stat implements Bucket.
func (s *s3Bucket) Stat(ctx context.Context, key string) (Object, error) {
	if err := ValidateKey(key); err != nil {
		return Object{}, s.invalid("HeadObject", key, err)
	}
	var o Object
	ctx = withNotes(ctx)
	err := s.do(ctx, "HeadObject", key, func() error {
		info, err := s.core.StatObject(ctx, s.cfg.Bucket, key, minio.StatObjectOptions{ServerSideEncryption: s.readSSE()})
		o = objectOf(key, info, info.Metadata)
		return err
	})
	if err != nil {
		return Object{}, err
	}
	return o, nil
}

// Delete implements Bucket.
func (s *s3Bucket) Delete(ctx context.Context, key string) error {
	if err := ValidateKey(key); err != nil {
		return s.invalid("DeleteObject", key, err)
	}
	ctx = withNotes(ctx)
	err := s.do(ctx, "DeleteObject", key, func() error {
		return s.core.RemoveObject(ctx, s.cfg.Bucket, key, minio.RemoveObjectOptions{})
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// List implements Bucket. A page that fails is asked for again from the last
// key delivered.
func (s *s3Bucket) List(ctx context.Context, prefix, after string, fn func(Object) error) error {
	if err := validatePrefix(prefix); err != nil {
		return s.invalid("ListBucket", prefix, err)
	}
	if after != "" && !strings.HasPrefix(after, prefix) {
		// Stores differ in what they make of a start outside the prefix.
		if after > prefix {
			return ctx.Err() // it lies behind all that begins with the prefix
		}
		after = ""
	}
	ctx = withNotes(ctx)
	tries := s.attempts()
	for {
		last, final, err := s.listFrom(ctx, prefix, after, fn)
		s.who.say()
		if final != nil || err == nil {
			return final
		}
		if last != after {
			tries = s.attempts() // progress earns a fresh set of attempts
		}
		after = last
		if err := tries.again(ctx, s.fail(ctx, "ListBucket", prefix, err)); err != nil {
			return err
		}
	}
}

// listFrom lists until the end or the first error, and returns the last key
// delivered. final ends the listing for good; err is minio-go's and may be
// worth another attempt.
func (s *s3Bucket) listFrom(ctx context.Context, prefix, after string, fn func(Object) error) (last string, final, err error) {
	noOwner := false
	last = after
	for info := range s.core.ListObjectsIter(ctx, s.cfg.Bucket, minio.ListObjectsOptions{
		Prefix: prefix, Recursive: true, StartAfter: after, UseV1: s.cfg.ListV1, FetchOwner: &noOwner,
	}) {
		if info.Err != nil {
			return last, nil, info.Err
		}
		if info.Key <= last {
			return last, s.invalid("ListBucket", prefix, fmt.Errorf("the store lists %q after %q: its listing is not in the order of keys", info.Key, last)), nil
		}
		last = info.Key
		if ValidateKey(info.Key) != nil {
			continue // the "folder" of a console, or a name no writer of ours makes
		}
		if err := fn(Object{
			Key: info.Key, Size: info.Size, ETag: info.ETag,
			LastModified: info.LastModified.UTC(), StorageClass: info.StorageClass,
		}); err != nil {
			return last, err, nil
		}
	}
	return last, nil, ctx.Err() // an iterator that its context ended just ends
}
