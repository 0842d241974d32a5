package query

import (
	"context"
	"fmt"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// CoverageAnswer tells how much of each of several windows is there.
type CoverageAnswer struct {
	DataVersion string
	// Settled is the first hour that is not expected yet: a window that ends
	// after it is not over.
	Settled cost.Hour
	Sets    []Completeness // one per window asked for, in their order
}

// Coverage tells, for each of sets, which hours the clusters have that pass the
// filter's conditions on clusters. Sets may overlap and have gaps between them.
func (e *Engine) Coverage(ctx context.Context, sets []cost.Window, f Filter) (*CoverageAnswer, error) {
	out := &CoverageAnswer{}
	scope, _ := scopeOf(f)
	err := e.atOneVersion(ctx, func(version string) error {
		meta, err := e.metaAt(ctx, version)
		if err != nil {
			return err
		}
		out.DataVersion, out.Settled, out.Sets = version, e.settled(), make([]Completeness, len(sets))
		present, err := e.presencesOf(ctx, meta, sets, scope)
		if err != nil {
			return err
		}
		for i, w := range sets {
			out.Sets[i] = e.completeness(present[i], w)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// presencesOf is presenceOf for several windows.
func (e *Engine) presencesOf(ctx context.Context, meta *storeMeta, sets []cost.Window, scope Node) ([]*presence, error) {
	if len(sets) == 1 {
		p, err := e.presenceOf(ctx, meta, sets[0], scope)
		return []*presence{p}, err
	}
	key := e.questionKey("presences", meta.version, fmt.Sprintf("%v %#v", sets, scope))
	if hit, ok := e.cache.get(key); ok {
		return hit.([]*presence), nil
	}
	present, bytes := make([]*presence, len(sets)), int64(0)
	for i := range present {
		present[i] = e.presence(meta, scope)
		bytes += present[i].bytes()
	}
	if err := e.countHours(ctx, sets, e.presence(meta, scope), func(set int, cluster string, c covered) {
		of := present[set].of[cluster]
		present[set].of[cluster] = covered{of.hours + c.hours, of.partly + c.partly, of.seconds + c.seconds}
	}); err != nil {
		return nil, err
	}
	e.cache.put(key, present, bytes)
	return present, nil
}

// countHours calls add for every set with what each cluster has in it. One
// statement counts by the longest step that no border of a set cuts.
func (e *Engine) countHours(ctx context.Context, sets []cost.Window, p *presence, add func(set int, cluster string, c covered)) error {
	var whole cost.Window
	step := cost.Hour(24)
	for _, w := range sets {
		if w.Empty() {
			continue
		}
		if whole.Empty() {
			whole = w
		}
		whole = cost.Window{Start: min(whole.Start, w.Start), End: max(whole.End, w.End)}
	}
	for _, w := range sets {
		for _, border := range []cost.Hour{w.Start, w.End} {
			if border%24 != 0 && border != whole.Start && border != whole.End {
				step = 1
			}
		}
	}
	whole.End = min(whole.End, p.end)
	if whole.Empty() {
		return nil
	}
	at := make([][]int, (whole.End-1)/step-whole.Start/step+1) // the sets that hold each step
	for i, w := range sets {
		for b := max(w.Start, whole.Start) / step; b <= (min(w.End, whole.End)-1)/step && !w.Empty(); b++ {
			at[b-whole.Start/step] = append(at[b-whole.Start/step], i)
		}
	}
	q := fmt.Sprintf("SELECT cluster, hour // %d AS b, %s FROM coverage JOIN cluster USING (cluster) WHERE %s GROUP BY cluster, b",
		step, coveredColumns, e.expected(p.clusters, whole))
	return e.each(ctx, q, func(v []any) error {
		cluster, c := textOf(v[0]), covered{integer(v[2]), integer(v[3]), integer(v[4])}
		// Only the first and the last step may be cut, and there the statement
		// has counted what is within the windows.
		for _, set := range at[cost.Hour(integer(v[1]))-whole.Start/step] {
			add(set, cluster, c)
		}
		return nil
	})
}
