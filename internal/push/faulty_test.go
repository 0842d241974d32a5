package push_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/fleetcost/fleetcost/internal/bucket"
)

// faulty is a bucket between which and its user things go wrong on demand.
type faulty struct {
	bucket.Bucket

	mu    sync.Mutex
	away  bool // every call answers ErrUnavailable
	after int  // calls until it goes away; negative: it stays
	lose  int  // puts that take effect although the answer is ErrUnavailable
	again int  // puts that take effect, whose answer is lost and which a retry beneath repeats
	short int  // reads that break off in the middle
	puts  map[string]int
	fail  func(action, key string) error // what else goes wrong
}

func newFaulty(b bucket.Bucket) *faulty {
	return &faulty{Bucket: b, after: -1, puts: map[string]int{}}
}

func (f *faulty) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away, f.after, f.lose, f.again, f.short = false, -1, 0, 0, 0
}

func (f *faulty) enter(action, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.after == 0 {
		f.away = true
	}
	if f.after > 0 {
		f.after--
	}
	if f.away {
		return fmt.Errorf("%s %s: %w", action, key, bucket.ErrUnavailable)
	}
	if f.fail != nil {
		return f.fail(action, key)
	}
	return nil
}

// take consumes one of a number of faults.
func (f *faulty) take(n *int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if *n == 0 {
		return false
	}
	*n--
	return true
}

func (f *faulty) Get(ctx context.Context, key string) (io.ReadCloser, bucket.Object, error) {
	if err := f.enter("get", key); err != nil {
		return nil, bucket.Object{}, err
	}
	body, obj, err := f.Bucket.Get(ctx, key)
	if err == nil && f.take(&f.short) {
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(body, obj.Size/2), broken{}), body}, obj, nil
	}
	return body, obj, err
}

type broken struct{}

func (broken) Read([]byte) (int, error) {
	return 0, fmt.Errorf("%w: %w", bucket.ErrUnavailable, io.ErrUnexpectedEOF)
}

func (f *faulty) Stat(ctx context.Context, key string) (bucket.Object, error) {
	if err := f.enter("stat", key); err != nil {
		return bucket.Object{}, err
	}
	return f.Bucket.Stat(ctx, key)
}

func (f *faulty) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond bucket.Condition) (bucket.Object, error) {
	if err := f.enter("put", key); err != nil {
		return bucket.Object{}, err
	}
	f.mu.Lock()
	f.puts[key]++
	f.mu.Unlock()
	obj, err := f.Bucket.Put(ctx, key, body, size, cond)
	switch {
	case err != nil:
		return obj, err
	case f.take(&f.lose):
		return bucket.Object{}, fmt.Errorf("put %s: answer lost: %w", key, bucket.ErrUnavailable)
	case f.take(&f.again):
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return bucket.Object{}, err
		}
		obj, err = f.Bucket.Put(ctx, key, body, size, cond)
	}
	return obj, err
}

func (f *faulty) Capabilities(ctx context.Context) (bucket.Capabilities, error) {
	if err := f.enter("capabilities", ""); err != nil {
		return bucket.Capabilities{}, err
	}
	return f.Bucket.Capabilities(ctx)
}

// outage tells whether an error is one that the faults above explain.
func outage(err error) bool {
	return errors.Is(err, bucket.ErrUnavailable) || errors.Is(err, bucket.ErrPrecondition)
}
