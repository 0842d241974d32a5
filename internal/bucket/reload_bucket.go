package bucket

import (
	"context"
	"io"
	"sync"
	"time"
)

// Get implements Bucket. The version that opened the object stays until the
// reader is closed.
func (r *Reloading) Get(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	v := r.acquire()
	body, o, err := v.Get(ctx, key)
	if err != nil {
		r.release(v)
		return nil, o, err
	}
	return &heldReader{ReadCloser: body, done: sync.OnceFunc(func() { r.release(v) })}, o, nil
}

// heldReader keeps the version that it reads from until it is closed.
type heldReader struct {
	io.ReadCloser
	done func()
}

func (r *heldReader) Close() error {
	defer r.done()
	return r.ReadCloser.Close()
}

// Stat implements Bucket.
func (r *Reloading) Stat(ctx context.Context, key string) (Object, error) {
	v := r.acquire()
	defer r.release(v)
	return v.Stat(ctx, key)
}

// Put implements Bucket.
func (r *Reloading) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond Condition) (Object, error) {
	v := r.acquire()
	defer r.release(v)
	return v.Put(ctx, key, body, size, cond)
}

// Delete implements Bucket.
func (r *Reloading) Delete(ctx context.Context, key string) error {
	v := r.acquire()
	defer r.release(v)
	return v.Delete(ctx, key)
}

// List implements Bucket.
func (r *Reloading) List(ctx context.Context, prefix, after string, fn func(Object) error) error {
	v := r.acquire()
	defer r.release(v)
	return v.List(ctx, prefix, after, fn)
}

// Capabilities implements Bucket.
func (r *Reloading) Capabilities(ctx context.Context) (Capabilities, error) {
	v := r.acquire()
	defer r.release(v)
	return v.Capabilities(ctx)
}

// Clock implements Bucket. Until a new version has heard from the store, the
// clock is the one before's.
func (r *Reloading) Clock() (store, local time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if store, local = r.current.Clock(); store.IsZero() {
		return r.store, r.local
	}
	return store, local
}

// String implements Bucket.
func (r *Reloading) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current.String()
}

// Close stops following the file and closes the bucket, once its users are done.
func (r *Reloading) Close() error {
	r.stop()
	<-r.done
	r.mu.Lock()
	v := r.current
	closed := v.retired
	v.retired = true
	idle := v.users == 0
	r.mu.Unlock()
	if closed || !idle {
		return nil
	}
	return v.Close()
}
