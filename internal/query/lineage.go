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
	Generation int64    // of the agent; grows with every push
	Rows       int64    // of the object, in the window or not
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
	err := e.atOneVersion(ctx, func(version string) error {
		out.DataVersion, out.Sources = version, []Source{}
		q := fmt.Sprintf("SELECT key, etag, cluster, %s, generation, rows, bytes, loaded_us FROM ledger"+
			" WHERE dataset = 'allocation' AND state = 'loaded' AND len(list_filter(hours, lambda h: h >= %d AND h < %d)) > 0 ORDER BY key LIMIT %d",
			dayNumber, w.Start, w.End, maxSources)
		return e.each(ctx, q, func(v []any) error {
			s := Source{Key: textOf(v[0]), ETag: textOf(v[1]), Cluster: textOf(v[2]), Generation: integer(v[4]), Rows: integer(v[5]), Bytes: integer(v[6])}
			if !matchesCluster(scope, s.Cluster) {
				return nil
			}
			if v[3] != nil {
				s.Day = cost.Day(integer(v[3]))
			}
			s.Loaded = micros(integer(v[7]))
			out.Sources = append(out.Sources, s)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
