package buckettest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
)

// Op names an operation of a bucket.
type Op string

// The operations that faults can be injected into.
const (
	OpGet    Op = "get"
	OpStat   Op = "stat"
	OpPut    Op = "put"
	OpDelete Op = "delete"
	OpList   Op = "list"
)

// Fault says what goes wrong with which calls. What it leaves zero matches
// everything, and its zero effect is the store being unavailable at once.
type Fault struct {
	Op   Op     // the operation; "" for any
	Key  string // part of the key, or of the prefix of a List; "" for any
	Skip int    // let this many matching calls through first
	// Times is how many calls it strikes, then it is spent; 0 for all.
	Times int

	Delay time.Duration // wait before the call, or until its context ends
	Do    func()        // called when the fault strikes, before anything else

	// Err is what the call returns, wrapped with the operation and the key; nil
	// means bucket.ErrUnavailable, or no error where only Delay or Do is set.
	Err error
	// LostResponse carries the call out, then returns the error: the store did
	// it and nobody knows.
	LostResponse bool
	// Half lets a Get deliver half of the bytes and a List half of the objects
	// before the error.
	Half bool
}

// Call is one operation that was asked of a bucket with faults.
type Call struct {
	Op  Op
	Key string
}

// Faults is a bucket that fails as told, for tests. It is safe for concurrent
// use.
type Faults struct {
	bucket.Bucket

	mu     sync.Mutex
	faults []*Fault
	outage bool
	caps   *bucket.Capabilities
	calls  []Call
}

// WithFaults returns b with faults to be injected; without any it behaves as b.
func WithFaults(b bucket.Bucket) *Faults { return &Faults{Bucket: b} }

// Inject adds a fault. The first that matches a call strikes.
func (f *Faults) Inject(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &fault)
}

// Throttle makes the next n calls fail as a store under load does (503
// SlowDown).
func (f *Faults) Throttle(n int) { f.Inject(Fault{Times: n, Err: bucket.ErrThrottled}) }

// Outage switches the store off (every call is unavailable) or on again.
func (f *Faults) Outage(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outage = on
}

// Claim makes Capabilities answer c, whatever the bucket can do.
func (f *Faults) Claim(c bucket.Capabilities) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.caps = &c
}

// Clear removes all faults and ends an outage; the calls stay recorded.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults, f.outage, f.caps = nil, false, nil
}

// Calls returns the calls of an operation so far ("" for all) whose key
// contains part.
func (f *Faults) Calls(op Op, part string) []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []Call
	for _, c := range f.calls {
		if (op == "" || c.Op == op) && strings.Contains(c.Key, part) {
			found = append(found, c)
		}
	}
	return found
}

// strike records a call and returns the fault that strikes it, or nil.
func (f *Faults) strike(op Op, key string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, Call{op, key})
	if f.outage {
		return &Fault{Err: fmt.Errorf("%w: outage", bucket.ErrUnavailable)}
	}
	for i, fault := range f.faults {
		if (fault.Op != "" && fault.Op != op) || !strings.Contains(key, fault.Key) {
			continue
		}
		if fault.Skip > 0 {
			fault.Skip--
			continue
		}
		struck := *fault
		if fault.Times > 0 {
			if fault.Times--; fault.Times == 0 {
				f.faults = slices.Delete(f.faults, i, i+1)
			}
		}
		return &struck
	}
	return nil
}

// before carries out what comes first and returns the fault's error; harmless
// faults, and calls that none strikes, have none.
func (f *Faults) before(ctx context.Context, op Op, key string) (fault Fault, err error) {
	struck := f.strike(op, key)
	if struck == nil {
		return Fault{}, nil
	}
	if struck.Do != nil {
		struck.Do()
	}
	if struck.Delay > 0 {
		timer := time.NewTimer(struck.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return Fault{}, fmt.Errorf("%s of %s: %w", op, key, ctx.Err())
		}
	}
	if err = struck.Err; err == nil {
		if struck.Do != nil || struck.Delay > 0 {
			if !struck.Half && !struck.LostResponse {
				return Fault{}, nil
			}
		}
		err = bucket.ErrUnavailable
	}
	return *struck, fmt.Errorf("%s of %s: injected fault: %w", op, key, err)
}

// Get implements bucket.Bucket.
func (f *Faults) Get(ctx context.Context, key string) (io.ReadCloser, bucket.Object, error) {
	fault, err := f.before(ctx, OpGet, key)
	if err != nil && !fault.Half {
		return nil, bucket.Object{}, err
	}
	r, o, getErr := f.Bucket.Get(ctx, key)
	if getErr == nil && fault.Half {
		r = &halfReader{ReadCloser: r, left: o.Size / 2, err: errors.Join(err, io.ErrUnexpectedEOF)}
	}
	return r, o, getErr
}

// halfReader fails in the middle.
type halfReader struct {
	io.ReadCloser
	left int64
	err  error
}

func (r *halfReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, r.err
	}
	n, err := r.ReadCloser.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}

// Stat implements bucket.Bucket.
func (f *Faults) Stat(ctx context.Context, key string) (bucket.Object, error) {
	if _, err := f.before(ctx, OpStat, key); err != nil {
		return bucket.Object{}, err
	}
	return f.Bucket.Stat(ctx, key)
}

// Put implements bucket.Bucket.
func (f *Faults) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond bucket.Condition) (bucket.Object, error) {
	fault, err := f.before(ctx, OpPut, key)
	if err != nil && !fault.LostResponse {
		return bucket.Object{}, err
	}
	o, putErr := f.Bucket.Put(ctx, key, body, size, cond)
	if err != nil {
		return bucket.Object{}, err
	}
	return o, putErr
}

// Delete implements bucket.Bucket.
func (f *Faults) Delete(ctx context.Context, key string) error {
	fault, err := f.before(ctx, OpDelete, key)
	if err != nil && !fault.LostResponse {
		return err
	}
	return errors.Join(err, f.Bucket.Delete(ctx, key))
}

// List implements bucket.Bucket.
func (f *Faults) List(ctx context.Context, prefix, after string, fn func(bucket.Object) error) error {
	fault, err := f.before(ctx, OpList, prefix)
	if err != nil && !fault.Half {
		return err
	}
	if !fault.Half {
		return f.Bucket.List(ctx, prefix, after, fn)
	}
	var all []bucket.Object
	listErr := f.Bucket.List(ctx, prefix, after, func(o bucket.Object) error {
		all = append(all, o)
		return nil
	})
	if listErr != nil {
		return listErr
	}
	for _, o := range all[:len(all)/2] {
		if err := fn(o); err != nil {
			return err
		}
	}
	return err
}

// Capabilities implements bucket.Bucket.
func (f *Faults) Capabilities(ctx context.Context) (bucket.Capabilities, error) {
	f.mu.Lock()
	caps, outage := f.caps, f.outage
	f.mu.Unlock()
	switch {
	case outage:
		return bucket.Capabilities{}, fmt.Errorf("capabilities: %w: outage", bucket.ErrUnavailable)
	case caps != nil:
		return *caps, nil
	default:
		return f.Bucket.Capabilities(ctx)
	}
}
