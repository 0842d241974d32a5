package bucket

import (
	"context"
	"errors"
	"io"
	"time"
)

// Sentinels that every provider's errors wrap.
var (
	ErrNotFound     = errors.New("not found")
	ErrDenied       = errors.New("access denied")
	ErrPrecondition = errors.New("precondition failed") // the object is not in the state the condition names
	ErrThrottled    = errors.New("throttled")
	ErrCredentials  = errors.New("credentials")
	ErrUnavailable  = errors.New("store unavailable") // network, 5xx: worth a retry
)

// Object describes a stored object.
type Object struct {
	Key          string
	Size         int64
	ETag         string // opaque; compared for equality only
	LastModified time.Time
	StorageClass string // "" or STANDARD for immediately readable
}

// Condition guards a Put. The zero value is unconditional.
type Condition struct {
	Absent bool   // succeed only if the key does not exist
	ETag   string // succeed only if the object still has this ETag
}

// Capabilities is what a store can do beyond the minimum.
type Capabilities struct {
	ConditionalPut bool // both forms of Condition are enforced
}

// Bucket is one bucket, or one prefix of one.
//
// Keys are relative to the prefix, without leading slash, "//" or "..". All
// methods are safe for concurrent use, return promptly when ctx ends, and
// assume a store with strong read-after-write consistency.
type Bucket interface {
	// Get opens an object. The reader's content has the returned size, or
	// reading fails: a truncated body is an error (io.ErrUnexpectedEOF wrapped
	// in ErrUnavailable). A missing key is ErrNotFound. The caller closes.
	Get(ctx context.Context, key string) (io.ReadCloser, Object, error)

	// Stat describes an object without reading it. A missing key is ErrNotFound.
	// (A store may answer ErrDenied for a missing key where listing is not
	// allowed; absence is therefore learnt from a conditional Put.)
	Stat(ctx context.Context, key string) (Object, error)

	// Put writes an object whole or not at all and returns it as stored. body
	// may be read more than once (retries). An unmet condition is
	// ErrPrecondition and changes nothing. A lost response may make a retried
	// conditional Put answer ErrPrecondition although it took effect: callers
	// read and compare.
	Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond Condition) (Object, error)

	// Delete removes an object. Deleting a missing key is no error.
	Delete(ctx context.Context, key string) error

	// List calls fn for every object below prefix whose key is greater than
	// after ("" for all), in ascending order of keys. It stops at fn's first
	// error and returns it.
	List(ctx context.Context, prefix, after string, fn func(Object) error) error

	// Capabilities tells what the store can do, asking it if need be.
	Capabilities(ctx context.Context) (Capabilities, error)

	// Clock returns the store's time as its last answer told it, with the local
	// time of that answer; both zero when unknown.
	Clock() (store, local time.Time)

	// String names the bucket for logs, without secrets: "s3://name/prefix".
	String() string

	Close() error
}
