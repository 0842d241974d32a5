package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/fleetcost/fleetcost/internal/bucket"
)

// maxDocument bounds owner.json and status.json.
const maxDocument = 16 << 20

// document is owner.json or status.json as the bucket has it.
type document struct {
	data   []byte
	etag   string // "" when there is none
	denied error  // the read was: there is none, or it is not ours to read
}

// rewrite reads a document, lets change make the next one of it, nil to leave
// it, and writes that on the condition that nobody else wrote in between; if
// somebody did, it starts again.
func (p *Pusher) rewrite(ctx context.Context, key string, change func(document) ([]byte, error)) error {
	denied := false // the last read was, and yet the document exists
	for attempt := range maxAttempts {
		if err := pause(ctx, attempt); err != nil {
			return err
		}
		was, err := p.readDocument(ctx, key)
		if err != nil {
			return err
		}
		if was.denied != nil && denied {
			return p.explainDenied(ctx, key, was.denied)
		}
		data, err := change(was)
		if err != nil || data == nil {
			return err
		}
		if _, err = p.writeDocument(ctx, key, data, was); !errors.Is(err, bucket.ErrPrecondition) {
			return err
		}
		denied = was.denied != nil
		p.metrics.conflicts.Inc()
	}
	return p.errBusy(key)
}

// errBusy says that other writers were first, every time.
func (p *Pusher) errBusy(key string) error {
	return fmt.Errorf("write %s: other writers changed it %d times in a row; is more than one agent running as %q? %w",
		key, maxAttempts, p.cfg.ClusterID, bucket.ErrPrecondition)
}

func (p *Pusher) readDocument(ctx context.Context, key string) (document, error) {
	body, obj, err := p.bucket.Get(ctx, key)
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		return document{}, nil
	case errors.Is(err, bucket.ErrDenied):
		return document{denied: err}, nil
	case err != nil:
		return document{}, fmt.Errorf("read %s: %w", key, err)
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, maxDocument+1))
	if err != nil {
		return document{}, fmt.Errorf("read %s: %w", key, err)
	}
	if len(data) > maxDocument {
		return document{}, fmt.Errorf("read %s: it has more than %d bytes", key, maxDocument)
	}
	return document{data: data, etag: obj.ETag}, nil
}

func (p *Pusher) writeDocument(ctx context.Context, key string, data []byte, was document) (bucket.Object, error) {
	return p.put(ctx, key, bytes.NewReader(data), int64(len(data)), was.etag, was.denied)
}

// put writes an object on the condition that it still has the ETag it was read
// with, or, when that is "", that it does not exist; denied is what reading it
// answered, if that was ErrDenied. Losing to another writer is
// bucket.ErrPrecondition.
func (p *Pusher) put(ctx context.Context, key string, body io.ReadSeeker, size int64, etag string, denied error) (bucket.Object, error) {
	cond := bucket.Condition{Absent: etag == "", ETag: etag}
	if !p.caps.ConditionalPut {
		if denied != nil {
			return bucket.Object{}, fmt.Errorf("%s has no conditional puts and denies reading %s, so nobody can tell whether it exists; allow Get on it, or List on the bucket: %w", p.bucket, key, denied)
		}
		cond = bucket.Condition{}
	}
	obj, err := p.bucket.Put(ctx, key, body, size, cond)
	switch {
	case err == nil:
		return obj, nil
	case errors.Is(err, bucket.ErrNotFound) && cond.ETag != "":
		// S3 answers 404 to If-Match when the object was deleted meanwhile.
		return obj, fmt.Errorf("write %s: it was deleted meanwhile: %w: %w", key, bucket.ErrPrecondition, err)
	}
	return obj, fmt.Errorf("write %s: %w", key, err)
}
