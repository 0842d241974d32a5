package bucket

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Memory is a bucket in memory with the semantics of the real ones, for tests
// and for previews. It is safe for concurrent use.
type Memory struct {
	now func() time.Time

	mu      sync.Mutex
	objects map[string]memoryObject
	version uint64 // of the last write; gives every write an ETag of its own
	answer  time.Time
}

type memoryObject struct {
	data []byte // never changed once stored
	meta Object
}

// MemoryOption changes how NewMemory behaves.
type MemoryOption func(*Memory)

// MemoryNow sets the clock of the store: LastModified and Clock. Without it both
// are zero, which means unknown.
func MemoryNow(now func() time.Time) MemoryOption {
	return func(m *Memory) { m.now = now }
}

// NewMemory returns an empty bucket.
func NewMemory(opts ...MemoryOption) *Memory {
	m := &Memory{
		now:     func() time.Time { return time.Time{} },
		objects: map[string]memoryObject{},
	}
	for _, opt := range opts {
		opt(m)
	}
	return m
}

func (m *Memory) fail(action, key string, kind, err error) error {
	return &OpError{Action: "memory:" + action, Bucket: "memory", Key: key, Kind: kind, Err: err}
}

// begin checks what every operation on a key checks and takes the lock.
func (m *Memory) begin(ctx context.Context, action, key string) error {
	if err := ctx.Err(); err != nil {
		return m.fail(action, key, nil, err)
	}
	if err := ValidateKey(key); err != nil {
		return m.fail(action, key, nil, err)
	}
	m.mu.Lock()
	m.answer = m.now()
	return nil
}

// Get implements Bucket.
func (m *Memory) Get(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	if err := m.begin(ctx, "Get", key); err != nil {
		return nil, Object{}, err
	}
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return nil, Object{}, m.fail("Get", key, ErrNotFound, nil)
	}
	return &exactReader{
		ctx:  ctx,
		body: io.NopCloser(bytes.NewReader(o.data)),
		left: o.meta.Size,
		fail: func(kind, err error) error { return m.fail("Get", key, kind, err) },
	}, o.meta, nil
}

// Stat implements Bucket.
func (m *Memory) Stat(ctx context.Context, key string) (Object, error) {
	if err := m.begin(ctx, "Stat", key); err != nil {
		return Object{}, err
	}
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return Object{}, m.fail("Stat", key, ErrNotFound, nil)
	}
	return o.meta, nil
}

// Put implements Bucket.
func (m *Memory) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond Condition) (Object, error) {
	if err := checkCondition(cond); err != nil {
		return Object{}, m.fail("Put", key, nil, err)
	}
	if err := checkBody(body, size); err != nil {
		return Object{}, m.fail("Put", key, nil, err)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(body, data); err != nil {
		return Object{}, m.fail("Put", key, nil, fmt.Errorf("read body: %w", err))
	}
	if err := m.begin(ctx, "Put", key); err != nil {
		return Object{}, err
	}
	defer m.mu.Unlock()
	old, exists := m.objects[key]
	if err := meets(cond, exists, old.meta.ETag); err != nil {
		return Object{}, m.fail("Put", key, ErrPrecondition, err)
	}
	m.version++
	o := memoryObject{data: data, meta: Object{
		Key:          key,
		Size:         size,
		ETag:         strconv.FormatUint(m.version, 10),
		LastModified: m.answer,
	}}
	m.objects[key] = o
	return o.meta, nil
}

// Delete implements Bucket.
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := m.begin(ctx, "Delete", key); err != nil {
		return err
	}
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

// List implements Bucket. It lists what the bucket held when it was called.
func (m *Memory) List(ctx context.Context, prefix, after string, fn func(Object) error) error {
	if err := validatePrefix(prefix); err != nil {
		return m.fail("List", prefix, nil, err)
	}
	m.mu.Lock()
	m.answer = m.now()
	var found []Object
	for key, o := range m.objects {
		if strings.HasPrefix(key, prefix) && key > after {
			found = append(found, o.meta)
		}
	}
	m.mu.Unlock()
	sort.Slice(found, func(i, j int) bool { return found[i].Key < found[j].Key })
	if err := ctx.Err(); err != nil {
		return m.fail("List", prefix, nil, err)
	}
	for _, o := range found {
		if err := ctx.Err(); err != nil {
			return m.fail("List", prefix, nil, err)
		}
		if err := fn(o); err != nil {
			return err
		}
	}
	return nil
}

// Capabilities implements Bucket.
func (m *Memory) Capabilities(context.Context) (Capabilities, error) {
	return Capabilities{ConditionalPut: true}, nil
}

// Clock implements Bucket.
func (m *Memory) Clock() (store, local time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.answer, m.answer
}

// String implements Bucket.
func (m *Memory) String() string { return "memory://" }

// Close implements Bucket. The contents stay.
func (m *Memory) Close() error { return nil }

// meets tells why an object in the given state does not meet the condition.
func meets(c Condition, exists bool, etag string) error {
	switch {
	case c.Absent && exists:
		return fmt.Errorf("the object exists (ETag %s), the condition asks for absence", etag)
	case c.ETag != "" && !exists:
		return fmt.Errorf("the object does not exist, the condition asks for ETag %s", c.ETag)
	case c.ETag != "" && c.ETag != etag:
		return fmt.Errorf("the object has ETag %s, the condition asks for %s", etag, c.ETag)
	default:
		return nil
	}
}
