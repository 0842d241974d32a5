package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/store"
)

// refusal says why an object must not be loaded.
type refusal struct{ reason string }

func (r refusal) Error() string { return r.reason }

func refusef(format string, args ...any) error { return refusal{fmt.Sprintf(format, args...)} }

// errMoved says that the object is not what the listing said: it vanished, or
// a live object was rewritten meanwhile. It is looked at again at the next
// Sync.
var errMoved = errors.New("changed since it was listed")

// fetched is the outcome of fetching one candidate.
type fetched struct {
	candidate
	object *store.Object // nil on error
	err    error
}

// fetchAll fetches candidates, a bounded number at once. Errors are in the
// results; only the end of ctx stops it. done, which may be nil, is called
// after each, by several goroutines.
func (in *Ingester) fetchAll(ctx context.Context, cs []candidate, done func(candidate)) ([]fetched, error) {
	out := make([]fetched, len(cs))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(in.cfg.Downloads)
	for i, c := range cs {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			o, err := in.fetch(ctx, c)
			out[i] = fetched{c, o, err}
			if done != nil {
				done(c)
			}
			return ctx.Err()
		})
	}
	return out, g.Wait()
}

// fetch copies an object into the cache and reads its footer.
func (in *Ingester) fetch(ctx context.Context, c candidate) (*store.Object, error) {
	rc, info, err := in.bucket.Get(ctx, c.name)
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		return nil, errMoved
	case err != nil:
		return nil, fmt.Errorf("fetch %s: %w", c.name, err)
	}
	defer rc.Close()
	o := &store.Object{
		Key: c.name, ETag: info.ETag, Cluster: c.key.Cluster, Dataset: store.Dataset(c.key.Dataset),
		Live: c.key.Kind == costfile.KeyLive, Day: c.key.Day, Bytes: info.Size,
	}
	switch {
	case o.Live && c.etag != "" && info.ETag != c.etag:
		return nil, errMoved
	case info.Size > in.cfg.Limits.Bytes:
		return o, refusef("%d bytes, the limit is %d", info.Size, in.cfg.Limits.Bytes)
	}
	o.Path = in.cachePath(c.name, info.ETag)
	if err := writeWhole(o.Path, rc, info.Size); err != nil {
		return nil, fmt.Errorf("fetch %s: %w", c.name, err)
	}
	if err := in.readFooter(o, c.key); err != nil {
		_ = os.Remove(o.Path)
		return o, err
	}
	return o, nil
}

// cachePath is the local name of one version of an object.
func (in *Ingester) cachePath(key, etag string) string {
	sum := sha256.Sum256([]byte(key + "\n" + etag))
	return filepath.Join(in.cfg.CacheDir, hex.EncodeToString(sum[:16])+".parquet")
}

// writeWhole writes r to path, which then exists with all its bytes or not at
// all.
func writeWhole(path string, r io.Reader, size int64) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "fetch-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	n, err := io.Copy(f, io.LimitReader(r, size+1))
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("%d bytes came, %d were announced: %w", n, size, io.ErrUnexpectedEOF)
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// readFooter fills o from the file's metadata and refuses what contradicts the
// key, the clock or the fleet, and a file with a damaged page: the engine does
// not look at the pages' checksums.
func (in *Ingester) readFooter(o *store.Object, k costfile.Key) error {
	f, err := os.Open(o.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	meta, err := costfile.ReadMeta(f, o.Bytes, in.cfg.Limits)
	if err != nil {
		return refusal{err.Error()}
	}
	o.Currency, o.LabelNames = meta.Currency, meta.LabelNames
	for _, h := range meta.Hours {
		o.Hours = append(o.Hours, store.Hour(h))
	}
	if err := in.checkMeta(meta, k); err != nil {
		return err
	}
	switch err := costfile.CheckPages(f, o.Bytes, in.cfg.Limits); {
	case errors.Is(err, costfile.ErrCorrupt):
		return refusal{err.Error()}
	case err != nil:
		return fmt.Errorf("check the pages of %s: %w", o.Key, err)
	}
	return nil
}

// clockSkew is how far a cluster's clock may run ahead of ours.
const clockSkew = 10 * time.Minute

func (in *Ingester) checkMeta(m costfile.Meta, k costfile.Key) error {
	switch {
	case m.Dataset != k.Dataset:
		return refusef("the footer says dataset %q, the key %q", m.Dataset, k.Dataset)
	case m.Cluster != k.Cluster:
		return refusef("the footer says cluster %q, the key %q", m.Cluster, k.Cluster)
	case m.Live != (k.Kind == costfile.KeyLive):
		return refusef("the footer says live=%v, the key the opposite", m.Live)
	case k.Kind == costfile.KeyDaily && m.Date != k.Day.String():
		return refusef("the footer says date %q, the key %q", m.Date, k.Day)
	case m.Currency == "":
		return refusef("the footer names no currency")
	}
	limit := in.cfg.Now().Add(clockSkew)
	for _, h := range m.Hours {
		if k.Kind == costfile.KeyDaily && h.Hour.Day() != k.Day {
			return refusef("hour %v does not belong to %v", h.Hour, k.Day)
		}
		if h.Hour.Start().After(limit) {
			return refusef("hour %v lies in the future (it is %s here)", h.Hour, in.cfg.Now().UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// checkCurrency refuses the fetched objects of another currency than the
// fleet's. Where nothing has told the fleet's yet, it is that of most of these
// objects (ties: alphabetical). The caller holds the turn.
func (in *Ingester) checkCurrency(got []fetched) {
	if in.currency == "" {
		votes := map[string]int{}
		for _, f := range got {
			if f.err == nil {
				votes[f.object.Currency]++
			}
		}
		in.currency = mostVotes(votes)
	}
	for i, f := range got {
		if f.err == nil && f.object.Currency != in.currency {
			_ = os.Remove(f.object.Path)
			got[i].err = refusef("its currency is %s, the fleet's is %s, and different currencies are never added; "+
				"set the agent's currency to %s, or serve this cluster from a bucket of its own", f.object.Currency, in.currency, in.currency)
		}
	}
}

// mostVotes returns the key with the largest number, the first by alphabet of
// several, "" of none.
func mostVotes(votes map[string]int) (best string) {
	for _, k := range slices.Sorted(maps.Keys(votes)) {
		if best == "" || votes[k] > votes[best] {
			best = k
		}
	}
	return best
}
