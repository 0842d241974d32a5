package query

import (
	"context"
	"fmt"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// silentAfter is how long after its last hour a cluster counts as silent.
const silentAfter = 2 * time.Hour

// presence is what is there of a window, by cluster, up to the last hour that
// was expected when it was asked.
type presence struct {
	clusters []clusterMeta
	of       map[string]covered
	end      cost.Hour // hours from here on were not expected yet
}

// covered is what is there of a cluster.
type covered struct{ hours, partly, seconds int64 }

// settled is the first hour that is not expected to be there yet.
func (e *Engine) settled() cost.Hour { return cost.HourOf(e.cfg.Now().Add(-e.cfg.Settle)) }

// questionKey names a question at a version of the data and an hour of the
// clock, on which completeness and elapsed time depend.
func (e *Engine) questionKey(what, version, question string) string {
	return fmt.Sprintf("%s %s %d %d %s", what, version, e.settled(), cost.HourOf(e.cfg.Now()), question)
}

// presenceOf counts the hours that the clusters of a scope have in a window, up
// to now and to their retirement. A cluster's first hour is never partly there:
// what came before its first sample is not expected.
//
// Presences are kept like answers: the questions of a page share windows.
func (e *Engine) presenceOf(ctx context.Context, meta *storeMeta, w cost.Window, scope Node) (*presence, error) {
	key := e.questionKey("presence", meta.version, fmt.Sprintf("%v %#v", w, scope))
	if hit, ok := e.cache.get(key); ok {
		return hit.(*presence), nil
	}
	p, err := e.readPresence(ctx, meta, w, scope)
	if err == nil {
		e.cache.put(key, p, p.bytes())
	}
	return p, err
}

// bytes estimates what a presence holds in memory.
func (p *presence) bytes() int64 { return 256 + 200*int64(len(p.clusters)) }

func (e *Engine) readPresence(ctx context.Context, meta *storeMeta, w cost.Window, scope Node) (*presence, error) {
	p := e.presence(meta, scope)
	past := w.Intersect(cost.Window{Start: w.Start, End: p.end})
	if past.Empty() {
		return p, nil
	}
	q := "SELECT cluster, " + coveredColumns + " FROM coverage JOIN cluster USING (cluster) WHERE " + e.expected(p.clusters, past) + " GROUP BY cluster"
	err := e.each(ctx, q, func(v []any) error {
		p.of[textOf(v[0])] = covered{integer(v[1]), integer(v[2]), integer(v[3])}
		return nil
	})
	return p, err
}

// presence is the clusters of a scope, before their hours are counted.
func (e *Engine) presence(meta *storeMeta, scope Node) *presence {
	p := &presence{of: map[string]covered{}, end: e.settled()}
	for _, c := range meta.clusters {
		if matchesCluster(scope, c.name) {
			p.clusters = append(p.clusters, c)
		}
	}
	return p
}

// coveredColumns are the values of covered.
var coveredColumns = fmt.Sprintf("count(*), count(*) FILTER (coverage_seconds < %d AND hour > first_hour), sum(coverage_seconds)::BIGINT", cost.WholeHour)

// expected is the condition that an hour lies in past and before its cluster's
// retirement.
func (e *Engine) expected(clusters []clusterMeta, past cost.Window) string {
	conditions := []string{}
	for _, c := range clusters {
		if at, ok := e.cfg.Retired(c.name); ok {
			conditions = append(conditions, fmt.Sprintf("NOT (cluster = %s AND hour >= %d)", literal(c.name), cost.HourOf(at)))
		}
	}
	return andAll(append(conditions, fmt.Sprintf("day BETWEEN %s AND %s AND hour >= %d AND hour < %d",
		dayLiteral(past.Start.Day()), dayLiteral((past.End-1).Day()), past.Start, past.End))...)
}

// completeness says what of a window was expected and is there. A cluster is
// expected from its first hour to the last settled one, or to its retirement.
func (e *Engine) completeness(p *presence, w cost.Window) Completeness {
	var c Completeness
	now := e.cfg.Now()
	for _, m := range p.clusters {
		end := min(w.End, p.end)
		retired, isRetired := e.cfg.Retired(m.name)
		if isRetired {
			end = min(end, cost.HourOf(retired))
		}
		cc := ClusterCompleteness{Cluster: m.name, HoursExpected: max(0, int64(end-max(w.Start, m.first)))}
		have := p.of[m.name]
		cc.HoursPresent = min(have.hours, cc.HoursExpected)
		cc.HoursPartial = min(have.partly, cc.HoursPresent)
		cc.SecondsCovered = min(have.seconds, 3600*cc.HoursPresent)
		if gone := m.last.End(); !isRetired && now.Sub(gone) > silentAfter {
			cc.SilentSince = gone
		}
		c.HoursExpected += cc.HoursExpected
		c.HoursPresent += cc.HoursPresent
		c.HoursPartial += cc.HoursPartial
		c.SecondsCovered += cc.SecondsCovered
		c.Clusters = append(c.Clusters, cc)
	}
	return c
}
