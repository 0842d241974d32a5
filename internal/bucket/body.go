package bucket

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
)

// attemptBody is the body of one attempt to send an object. An HTTP client may
// go on reading after it answered; end makes sure that it no longer does when
// the next attempt rewinds the same body.
type attemptBody struct {
	mu   sync.Mutex
	body *section
	over bool
}

func newAttemptBody(body io.ReadSeeker, size int64) (*attemptBody, error) {
	s, err := newSection(body, 0, size)
	if err != nil {
		return nil, err
	}
	return &attemptBody{body: s}, nil
}

var errAttemptOver = errors.New("the attempt that reads this body has ended")

// Read implements io.Reader.
func (b *attemptBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, errAttemptOver
	}
	return b.body.Read(p)
}

// Seek implements io.Seeker.
func (b *attemptBody) Seek(offset int64, whence int) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, errAttemptOver
	}
	return b.body.Seek(offset, whence)
}

// Close implements io.Closer and does nothing: clients close between attempts
// of their own.
func (b *attemptBody) Close() error { return nil }

// end stops all reading for good.
func (b *attemptBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

// checksumOf reads body from its start into h and returns the sum.
func checksumOf(body io.ReadSeeker, h hash.Hash) ([]byte, error) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("rewind body: %w", err)
	}
	if _, err := io.Copy(h, body); err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	return h.Sum(nil), nil
}

// summedBody fails at its end if its content does not have the sum that the
// store announced.
type summedBody struct {
	io.ReadCloser
	sum  hash.Hash
	want []byte
	left int64
}

// Read implements io.Reader.
func (b *summedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.sum.Write(p[:n]) // never fails
	b.left -= int64(n)
	if b.left == 0 && (err == nil || errors.Is(err, io.EOF)) && !bytes.Equal(b.sum.Sum(nil), b.want) {
		return n, errors.New("the content does not have the checksum that the store announced: it was damaged on the way")
	}
	return n, err
}
