package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// retirements are the moments at which clusters ended. They are state that a
// user gave, so they live in the bucket, one small object per cluster, and
// every server of the fleet reads them.
type retirements struct {
	bucket bucket.Bucket

	mu    sync.RWMutex
	known map[string]retirement
}

// retirement is v1/state/retired/cluster_id=<id>.json.
type retirement struct {
	ClusterID string    `json:"clusterId"`
	At        time.Time `json:"at"`
	Recorded  time.Time `json:"recorded"`
	etag      string
}

const (
	retiredPrefix = costfile.StatePrefix + "retired/cluster_id="
	retiredSuffix = ".json"
)

// maxRetirement bounds the size of one object; ours have some 100 bytes.
const maxRetirement = 16 << 10

func newRetirements(b bucket.Bucket) *retirements {
	return &retirements{bucket: b, known: map[string]retirement{}}
}

// at tells when a cluster was retired.
func (r *retirements) at(cluster string) (time.Time, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	x, ok := r.known[cluster]
	return x.At, ok
}

// load reads all retirements again; unchanged objects are not fetched.
func (r *retirements) load(ctx context.Context) error {
	found := map[string]retirement{}
	err := r.bucket.List(ctx, retiredPrefix, "", func(o bucket.Object) error {
		id, ok := strings.CutSuffix(strings.TrimPrefix(o.Key, retiredPrefix), retiredSuffix)
		if foreign := !ok || costfile.CheckClusterID(id) != nil; foreign {
			return nil
		}
		r.mu.RLock()
		have, known := r.known[id]
		r.mu.RUnlock()
		if known && have.etag == o.ETag {
			found[id] = have
			return nil
		}
		x, err := r.get(ctx, id)
		if err == nil {
			found[id] = x
		} else if errors.Is(err, bucket.ErrNotFound) {
			err = nil // deleted since it was listed
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read the retirements: %w", err)
	}
	r.mu.Lock()
	r.known = found
	r.mu.Unlock()
	return nil
}

func (r *retirements) get(ctx context.Context, id string) (retirement, error) {
	key := retiredPrefix + id + retiredSuffix
	body, o, err := r.bucket.Get(ctx, key)
	if err != nil {
		return retirement{}, fmt.Errorf("read %s: %w", key, err)
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxRetirement))
	if err != nil {
		return retirement{}, fmt.Errorf("read %s: %w", key, err)
	}
	var x retirement
	if err := json.Unmarshal(text, &x); err != nil || x.ClusterID != id {
		return retirement{}, fmt.Errorf("read %s: it is not the retirement of %s; delete or repair it", key, id)
	}
	x.etag = o.ETag
	return x, nil
}

// unretire deletes what was recorded of a cluster.
func (r *retirements) unretire(ctx context.Context, id string) error {
	key := retiredPrefix + id + retiredSuffix
	if err := r.bucket.Delete(ctx, key); err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	r.mu.Lock()
	delete(r.known, id)
	r.mu.Unlock()
	return nil
}

// writeAttempts bounds how often a write is begun anew because another server
// wrote in between.
const writeAttempts = 4

// retire records that a cluster ended at a moment, in place of what was
// recorded before.
func (r *retirements) retire(ctx context.Context, id string, at, now time.Time) error {
	caps, err := r.bucket.Capabilities(ctx)
	if err != nil {
		return fmt.Errorf("ask what the bucket can do: %w", err)
	}
	x := retirement{ClusterID: id, At: at.UTC(), Recorded: now.UTC()}
	text, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("write the retirement: %w", err)
	}
	key := retiredPrefix + id + retiredSuffix
	for range writeAttempts {
		var cond bucket.Condition
		if caps.ConditionalPut {
			have, err := r.get(ctx, id)
			switch {
			case err == nil:
				cond.ETag = have.etag
			case errors.Is(err, bucket.ErrNotFound):
				cond.Absent = true
			default:
				return err
			}
		}
		o, err := r.bucket.Put(ctx, key, bytes.NewReader(text), int64(len(text)), cond)
		if errors.Is(err, bucket.ErrPrecondition) {
			continue // written in between: read and decide again
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", key, err)
		}
		x.etag = o.ETag
		r.mu.Lock()
		r.known[id] = x
		r.mu.Unlock()
		return nil
	}
	return fmt.Errorf("write %s: another server keeps changing it; try again", key)
}
