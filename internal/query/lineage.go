package query

import (
	"context"
	"fmt"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Source is an object of the bucket that an answer rests on.
type Source struct {
	Key, ETag  string // as the bucket has them
	Cluster    string
	Day        cost.Day // of a daily object; 0 of a live one
	Live       bool
	Generation int64     // of the agent; grows with every push
	Written    time.Time // when the agent computed its newest hour
	Agent      string    // version of the agent that writes for the cluster now
	Rows       int64     // of the object, in the window or not
	Bytes      int64
	Loaded     time.Time // when the server read it
}

// SourcesAnswer lists the objects behind the allocations of a window.
type SourcesAnswer struct {
	DataVersion string
	Sources     []Source // by key
}

// maxSources bounds an answer: a thousand clusters over a quarter.
const maxSources = 100_000

// Sources lists the allocation objects that hold hours of w, of the clusters
// that pass the filter's conditions on clusters.
func (e *Engine) Sources(ctx context.Context, w cost.Window, f Filter) (*SourcesAnswer, error) {
	if w.Empty() {
		return nil, invalid("window", "holds no hour", "end it later than it starts")
	}
	scope, _ := scopeOf(f)
	out := &SourcesAnswer{}
	err := e.atOneVersion(ctx, func(version string) (err error) {
		out.DataVersion = version
		out.Sources, err = e.sourcesAt(ctx, SourceAllocation, w, scope, "TRUE")
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// sourcesAt lists a dataset's objects of w of the clusters that pass scope and the
// condition where.
func (e *Engine) sourcesAt(ctx context.Context, dataset string, w cost.Window, scope Node, where string) ([]Source, error) {
	out := []Source{}
	q := fmt.Sprintf("SELECT key, etag, cluster, %s, generation, rows, bytes, loaded_us, coalesce(TRY_CAST(c.status AS JSON) ->> 'agentVersion', '')"+
		" FROM ledger LEFT JOIN (SELECT cluster, status FROM cluster) c USING (cluster)"+
		" WHERE dataset = %s AND state = 'loaded' AND len(list_filter(hours, lambda h: h >= %d AND h < %d)) > 0 AND %s ORDER BY key LIMIT %d",
		dayNumber, literal(dataset), w.Start, w.End, where, maxSources)
	return out, e.each(ctx, q, func(v []any) error {
		s := Source{
			Key: textOf(v[0]), ETag: textOf(v[1]), Cluster: textOf(v[2]), Generation: integer(v[4]), Rows: integer(v[5]), Bytes: integer(v[6]),
			Live: v[3] == nil, Loaded: micros(integer(v[7])), Written: micros(integer(v[4])), Agent: textOf(v[8]),
		}
		if !matchesCluster(scope, s.Cluster) {
			return nil
		}
		if !s.Live {
			s.Day = cost.Day(integer(v[3]))
		}
		out = append(out, s)
		return nil
	})
}
