package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// candidate is an object that may have to be loaded.
type candidate struct {
	key   costfile.Key
	name  string
	etag  string
	bytes int64
}

// discovery is what a look at the bucket found.
type discovery struct {
	changed []candidate
	gone    []string // loaded keys that two complete sweeps did not see
}

// discover finds what changed: by a complete listing at first and every
// SweepEvery, otherwise through the status documents.
func (in *Ingester) discover(ctx context.Context, now time.Time, r *Report) (discovery, error) {
	if err := in.acquire(ctx); err != nil {
		return discovery{}, err
	}
	defer in.release()
	r.Sweep = in.lastSweep.IsZero() || now.Sub(in.lastSweep) >= in.cfg.SweepEvery
	if r.Sweep {
		in.viewMu.Lock()
		clear(in.strays) // the listing finds them again
		in.viewMu.Unlock()
	}
	statuses, err := in.readClusters(ctx, now, r)
	if err != nil {
		return discovery{}, err
	}
	if !r.Sweep {
		return discovery{changed: in.fromStatus(statuses, now)}, nil
	}
	d, err := in.sweep(ctx, now, r)
	if err == nil {
		in.lastSweep = now
	}
	return d, err
}

// readClusters lists v1/cluster/ and reads the documents that changed. It
// returns the clusters whose status did. A document that cannot be read is a
// problem of that cluster alone.
func (in *Ingester) readClusters(ctx context.Context, now time.Time, r *Report) ([]string, error) {
	var docs []candidate
	err := in.bucket.List(ctx, costfile.ClusterPrefix, "", func(o bucket.Object) error {
		r.Listed++
		k, err := costfile.ParseKey(o.Key)
		if err != nil {
			in.foreign(o, now, r)
			return nil //nolint:nilerr // not one of ours: counted, and no reason to stop listing
		}
		docs = append(docs, candidate{k, o.Key, o.ETag, o.Size})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list clusters: %w", err)
	}
	var changed []string
	for _, c := range docs {
		etags := in.statusETag
		if c.key.Kind == costfile.KeyOwner {
			etags = in.ownerETag
		}
		if etags[c.key.Cluster] == c.etag {
			continue
		}
		if err := in.readDocument(ctx, c); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			r.Failed++
			in.fail(c.key.Cluster, c.name, err)
			continue
		}
		in.clear(c.key.Cluster, c.name)
		etags[c.key.Cluster] = c.etag
		if c.key.Kind == costfile.KeyStatus {
			changed = append(changed, c.key.Cluster)
		}
	}
	return changed, nil
}

// maxDocument bounds owner.json and status.json: a year of hours is some 600
// KiB.
const maxDocument = 16 << 20

func (in *Ingester) readDocument(ctx context.Context, c candidate) error {
	rc, _, err := in.bucket.Get(ctx, c.name)
	if err != nil {
		return fmt.Errorf("read %s: %w", c.name, err)
	}
	defer rc.Close()
	b, err := io.ReadAll(io.LimitReader(rc, maxDocument+1))
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", c.name, err)
	case len(b) > maxDocument:
		return fmt.Errorf("%s is larger than %d bytes", c.name, maxDocument)
	}
	in.viewMu.Lock()
	defer in.viewMu.Unlock()
	state := in.clusterState(c.key.Cluster)
	if c.key.Kind == costfile.KeyOwner {
		var o costfile.Owner
		if err := json.Unmarshal(b, &o); err != nil {
			return fmt.Errorf("decode %s: %w", c.name, err)
		}
		if o.UID == "" {
			return fmt.Errorf("%s names no uid, so nobody can tell whose cluster it is; the agent writes it anew once it is deleted", c.name)
		}
		state.owner, state.dirty = &o, true
		return nil
	}
	var s costfile.Status
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("decode %s: %w", c.name, err)
	}
	if s.ClusterID != c.key.Cluster {
		return fmt.Errorf("%s says it is of cluster %q", c.name, s.ClusterID)
	}
	state.status, state.dirty = &s, true
	return nil
}

// fromStatus returns the objects that changed status documents name and the
// ledger does not know.
func (in *Ingester) fromStatus(clusters []string, now time.Time) []candidate {
	in.viewMu.Lock()
	defer in.viewMu.Unlock()
	oldest := in.daysFrom(now)
	var out []candidate
	named := map[string]bool{}
	add := func(name string, o costfile.ObjectStatus) {
		k, err := costfile.ParseKey(name)
		if err == nil && in.unknown(name, o.ETag) {
			out = append(out, candidate{k, name, o.ETag, o.Bytes})
			named[name] = true
		}
	}
	for _, id := range clusters {
		s := in.clusters[id].status
		for day, ds := range s.Days {
			if day < oldest {
				continue
			}
			for data, o := range ds.Objects {
				add(costfile.DailyKey(data, day, id), o)
			}
		}
		for data, o := range s.Live.Objects {
			add(costfile.LiveKey(data, id), o)
		}
	}
	// What failed or had to wait last time is not named by a changed status: try
	// it again.
	for id, c := range in.clusters {
		again := slices.AppendSeq(slices.Collect(maps.Keys(c.errs)), maps.Keys(c.waiting))
		for _, name := range again {
			if named[name] {
				continue
			}
			named[name] = true
			if k, err := costfile.ParseKey(name); err == nil && k.Cluster == id && (k.Kind == costfile.KeyDaily || k.Kind == costfile.KeyLive) {
				out = append(out, candidate{key: k, name: name})
			}
		}
		c.waiting = nil
	}
	return out
}

// sweep lists every data object.
func (in *Ingester) sweep(ctx context.Context, now time.Time, r *Report) (discovery, error) {
	var d discovery
	oldest := in.daysFrom(now)
	seen := make(map[string]string, len(in.loaded)) // ETags
	in.viewMu.Lock()
	for _, c := range in.clusters {
		c.waiting = nil // the listing names them again
	}
	in.viewMu.Unlock()
	visit := func(o bucket.Object) error {
		r.Listed++
		k, err := costfile.ParseKey(o.Key)
		if err != nil {
			in.foreign(o, now, r)
			return nil //nolint:nilerr // not one of ours: counted, and no reason to stop listing
		}
		seen[o.Key] = o.ETag
		if k.Kind == costfile.KeyDaily && k.Day < oldest {
			return nil
		}
		if in.unknown(o.Key, o.ETag) {
			d.changed = append(d.changed, candidate{k, o.Key, o.ETag, o.Size})
		}
		return nil
	}
	// Live objects first: an agent lets go of a live hour only after the daily
	// object has it, so no hour can slip between the two listings.
	var prefixes []string
	for _, data := range costfile.Datasets {
		prefixes = append(prefixes, costfile.LivePrefix(data))
	}
	for _, data := range costfile.Datasets {
		prefixes = append(prefixes, costfile.DailyPrefix(data))
	}
	for _, prefix := range prefixes {
		if err := in.bucket.List(ctx, prefix, "", visit); err != nil {
			return d, fmt.Errorf("list %s: %w", prefix, err)
		}
	}
	if err := in.otherMajors(ctx, now, r); err != nil {
		return d, err
	}
	for key := range in.loaded {
		if _, ok := seen[key]; ok {
			delete(in.missing, key)
			continue
		}
		if in.missing[key]++; in.missing[key] >= sweepsToForget {
			d.gone = append(d.gone, key)
		}
	}
	in.noteExpiry(d.gone, now)
	for g, held := range in.held {
		maps.DeleteFunc(held, func(name string, _ candidate) bool { return seen[name] == "" })
		if len(held) == 0 {
			delete(in.held, g)
		}
	}
	over, err := in.releaseQuarantine(ctx, seen)
	for _, key := range over {
		if k, err := costfile.ParseKey(key); err == nil {
			d.changed = append(d.changed, in.letGo(groupOf(k), nil)...)
		}
	}
	return d, err
}

// releaseQuarantine drops the quarantine entries that a complete listing shows
// to be over, and returns their keys: the key is gone, or is again the version that was loaded.
func (in *Ingester) releaseQuarantine(ctx context.Context, seen map[string]string) (over []string, err error) {
	for key := range in.refused {
		etag, ok := seen[key]
		if o := in.loaded[key]; !ok || (o != nil && o.ETag == etag) {
			over = append(over, key)
		}
	}
	if err := in.store.Release(ctx, over); err != nil {
		return nil, err
	}
	for _, key := range over {
		delete(in.refused, key)
		delete(in.quarantined, key)
	}
	return over, nil
}

// sweepsToForget is how many complete sweeps must miss a key before it leaves
// the store.
const sweepsToForget = 2

// unknown tells whether this version of an object was neither loaded, nor
// refused or held back by this process.
func (in *Ingester) unknown(key, etag string) bool {
	if o := in.loaded[key]; o != nil && o.ETag == etag {
		return false
	}
	if k, err := costfile.ParseKey(key); err == nil && in.held[groupOf(k)][key].etag == etag {
		return false
	}
	refused, ok := in.quarantined[key]
	return !ok || refused != etag
}

func (in *Ingester) daysFrom(now time.Time) cost.Day {
	return cost.DayOf(now) - cost.Day(in.cfg.DailyDays) + 1
}

// clusterState returns the cluster's state, made if needed. viewMu is held.
func (in *Ingester) clusterState(id string) *clusterState {
	c := in.clusters[id]
	if c == nil {
		c = &clusterState{errs: map[string]string{}}
		in.clusters[id] = c
	}
	return c
}

// fail records why an object of a cluster could not be read.
func (in *Ingester) fail(cluster, key string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	in.logger.Warn("object skipped, will be tried again", "cluster", cluster, "key", key, "error", err)
	in.viewMu.Lock()
	defer in.viewMu.Unlock()
	in.clusterState(cluster).errs[key] = err.Error()
}

func (in *Ingester) clear(cluster, key string) {
	in.viewMu.Lock()
	defer in.viewMu.Unlock()
	if c := in.clusters[cluster]; c != nil {
		delete(c.errs, key)
	}
}
