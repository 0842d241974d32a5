package storagecheck

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// clusterKeys are keys of a cluster, one of each kind, that no object has: the
// names are none of the format's.
func (r *runner) clusterKeys(id string) []string {
	day := r.o.Now().UTC().Format("2006-01-02")
	name := ".check-" + r.run
	return []string{
		clusterPrefix + "cluster_id=" + id + "/" + name,
		"v1/live/allocation/cluster_id=" + id + "/" + name,
		"v1/allocation/date=" + day + "/cluster_id=" + id + "/" + name,
	}
}

// rehearsable tells whether writes can be asked for without writing, having
// tried it on a key of this run; otherwise why not.
func (r *runner) rehearsable(ctx context.Context) (why string) {
	const writes = "cannot be asked without writing among a cluster's objects: the store does not check a body against its Content-MD5"
	switch {
	case r.refuses:
		return ""
	case r.writes:
		return writes
	case r.cfg.Type == bucket.TypeFilesystem:
		return "a directory has no rights per cluster"
	}
	key := r.probeKey("rehearsal")
	told, err := r.inspection.Rehearse(ctx, key, bucket.Condition{}, bucket.Variant{})
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return "cannot be asked of " + string(r.cfg.Type) + " without writing among a cluster's objects"
	case err != nil:
		return "cannot be asked: " + diagnose.Redact(err.Error())
	case told.Wrote:
		r.writes = true
		r.written(key)
		return writes
	}
	r.refuses = true
	return ""
}

// ownKeys asks for writes among the cluster's own objects, without writing.
func (r *runner) ownKeys(ctx context.Context) Check {
	if why := r.rehearsable(ctx); why != "" {
		return skip("%s", why)
	}
	keys := r.clusterKeys(r.in.ClusterID)
	for _, key := range keys {
		told, err := r.inspection.Rehearse(ctx, key, bucket.Condition{}, bucket.Variant{})
		if told.Wrote {
			r.written(key)
		}
		if errors.Is(err, bucket.ErrDenied) {
			return r.putFailed(err, r.rehearsal(ctx, key))
		}
		if err != nil {
			return r.failed(err, "See the error of the store.")
		}
	}
	return okay("may write documents, live and daily objects of %s; nothing was written", r.in.ClusterID)
}

// othersKeys asks the same of a cluster that does not exist. A policy that keeps
// clusters apart refuses it.
func (r *runner) othersKeys(ctx context.Context) Check {
	if why := r.rehearsable(ctx); why != "" {
		return skip("%s", why)
	}
	other := "check-" + r.run
	var open []string
	for _, key := range r.clusterKeys(other) {
		told, err := r.inspection.Rehearse(ctx, key, bucket.Condition{}, bucket.Variant{})
		if told.Wrote {
			r.written(key)
		}
		switch {
		case errors.Is(err, bucket.ErrDenied):
		case err != nil:
			return r.failed(err, "See the error of the store.")
		default:
			open = append(open, r.fullKey(strings.Replace(key, other, "<other>", 1)))
		}
	}
	if len(open) == 0 {
		return okay("may not write those of another cluster")
	}
	for i, key := range open {
		open[i] = key[:strings.LastIndexByte(key, '/')] + "/*"
	}
	return warning("may write "+strings.Join(open, ", "),
		fmt.Sprintf("The agent of %s could change the numbers of every other cluster.", r.in.ClusterID),
		"Give each cluster's agent the policy of its own keys only.", r.policySnippet())
}
