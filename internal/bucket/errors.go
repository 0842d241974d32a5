package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// OpError is the failure of one operation on one key. It wraps the sentinel
// that classifies it and the cause beneath.
type OpError struct {
	Action string // what was tried, in the store's own words: "s3:PutObject", "filesystem:Put"
	Bucket string // bucket or directory
	Key    string // full key, or the prefix listed; "" for the bucket itself
	Kind   error  // one of the sentinels, or nil when none fits
	Code   string // the store's error code, such as "AccessDenied"; "" when it has none
	Status int    // the HTTP status; 0 when there was none
	Err    error  // the cause
}

// Error reads "s3:PutObject on bucket/key: access denied: <cause>".
func (e *OpError) Error() string {
	var b strings.Builder
	b.WriteString(e.Action)
	b.WriteString(" on ")
	b.WriteString(e.Bucket)
	if e.Key != "" {
		b.WriteByte('/')
		b.WriteString(e.Key)
	}
	if e.Kind != nil {
		b.WriteString(": ")
		b.WriteString(e.Kind.Error())
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap makes errors.Is work for the sentinel and for the cause.
func (e *OpError) Unwrap() []error {
	errs := make([]error, 0, 2)
	if e.Kind != nil {
		errs = append(errs, e.Kind)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// ErrorAction is what was tried. Like the next two methods it is what
// internal/diagnose asks of an error; the AWS SDK's errors have those two too.
func (e *OpError) ErrorAction() string { return e.Action }

// ErrorCode is the store's error code; "" when it has none.
func (e *OpError) ErrorCode() string { return e.Code }

// HTTPStatusCode is the status of the store's answer; 0 when there was none.
func (e *OpError) HTTPStatusCode() int { return e.Status }

// Retryable tells whether the same call may succeed later without anybody
// changing anything: the network, a server fault or throttling. A call that
// ended because its own context did is not.
func Retryable(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrThrottled)
}

// checkBody verifies that body holds exactly size bytes and rewinds it.
func checkBody(body io.ReadSeeker, size int64) error {
	end, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("measure body: %w", err)
	}
	if end != size {
		return fmt.Errorf("body has %d bytes, the caller announced %d", end, size)
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind body: %w", err)
	}
	return nil
}

// checkCondition refuses a condition that asks for two opposite things.
func checkCondition(c Condition) error {
	if c.Absent && c.ETag != "" {
		return errors.New("condition asks for absence and for an ETag at once")
	}
	return nil
}

// exactReader returns an error in place of an early end of file, and stops when
// its context does.
type exactReader struct {
	ctx  context.Context //nolint:containedctx // a reader outlives the call that made it; its context is the caller's
	body io.ReadCloser
	left int64
	// fail turns a cause into an OpError of the object being read.
	fail func(kind, err error) error
	// stop frees what belongs to the reader besides its body; may be nil.
	stop func()
	// seen gets the content as it is read and judge the whole of it; may be nil.
	seen  io.Writer
	judge func() error
}

func (r *exactReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, r.fail(nil, err)
	}
	n, err := r.body.Read(p)
	r.left -= int64(n)
	if r.seen != nil && n > 0 {
		_, _ = r.seen.Write(p[:n]) // a hash never fails
		if r.left == 0 {           // judged now: not every caller reads on to the end of file
			if err := r.judge(); err != nil {
				r.left = -1 // whoever reads on gets no end of file either
				return n, r.fail(ErrUnavailable, err)
			}
		}
	}
	switch {
	case r.left < 0:
		return n, r.fail(ErrUnavailable, errors.New("object is longer than announced"))
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF) && r.left == 0:
		return n, io.EOF
	case errors.Is(err, io.EOF):
		return n, r.fail(ErrUnavailable, fmt.Errorf("%d bytes missing: %w", r.left, io.ErrUnexpectedEOF))
	case r.ctx.Err() != nil:
		return n, r.fail(nil, r.ctx.Err())
	default:
		return n, r.fail(ErrUnavailable, err)
	}
}

func (r *exactReader) Close() error {
	err := r.body.Close()
	if r.stop != nil {
		r.stop()
	}
	return err
}
