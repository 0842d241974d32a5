package store

import (
	"context"
	"fmt"
	"strings"
)

// resources are those whose idle cost is shared.
var resources = []string{"cpu", "ram", "gpu"}

// shareIdle leaves the temporary table share: for each row of the hours taken
// (rk), the idle cost given to it by its node and by its cluster.
//
// A resource's idle cost I of a node (or cluster) and hour is split over the
// containers there in proportion to their cost of that resource. With C_i the
// running sum of those costs and T the whole, row i gets
//
//	round(I·C_i/T) − round(I·C_{i−1}/T)
//
// so the shares add up to I exactly and each is within one nano-unit of its
// exact part. The order is that of assets, then of rows in the file, which the
// format fixes, so equal objects give equal shares. Idle rows keep I where
// T is zero. One running sum per node serves both: a cluster's is the node's
// and what stood before the node.
//
// verify has left the sums per file, hour and asset in piece.
func (l *loader) shareIdle(ctx context.Context, src *source) error {
	active, err := l.activeResources(ctx)
	if err != nil {
		return err
	}
	src.idle = active
	if err := l.exec(ctx, groupSQL(src)); err != nil {
		return err
	}
	return l.exec(ctx, shareSQL(src, active))
}

// activeResources are those with any idle cost in the hours taken.
func (l *loader) activeResources(ctx context.Context) (map[string]bool, error) {
	var some [3]bool
	cols := make([]string, len(resources))
	for i, r := range resources {
		cols[i] = "coalesce(sum(i_" + r + ") > 0, false)"
	}
	err := l.tx.QueryRowContext(ctx, "SELECT "+strings.Join(cols, ", ")+" FROM piece").Scan(&some[0], &some[1], &some[2])
	if err != nil {
		return nil, fmt.Errorf("read idle sums: %w", err)
	}
	out := map[string]bool{}
	for i, r := range resources {
		out[r] = some[i]
	}
	return out, nil
}

// groupSQL makes the table node_hour: per file, hour taken and asset a number
// g, and for each resource T and I of the node (t_, i_) and of the cluster (ct_,
// ci_), and the cluster's costs before the node (off_).
func groupSQL(src *source) string {
	var inner, outer strings.Builder
	for _, r := range resources {
		for _, v := range []string{"t_" + r, "i_" + r} {
			expr := src.integer("p."+v, nano)
			if src.wide {
				expr = "(p." + v + "::DECIMAL(38,9) * 1000000000)::HUGEINT" // a sum may exceed 64 bits
			}
			fmt.Fprintf(&inner, ", %s::%s AS %s", expr, src.sumType(), v)
		}
		fmt.Fprintf(&outer, ", (sum(t_%[1]s) OVER before - t_%[1]s)::%[2]s AS off_%[1]s, (sum(t_%[1]s) OVER whole)::%[2]s AS ct_%[1]s, (sum(i_%[1]s) OVER whole)::%[2]s AS ci_%[1]s", r, src.sumType())
	}
	return `CREATE OR REPLACE TEMP TABLE node_hour AS SELECT *` + outer.String() + ` FROM (
		SELECT p.fi, p.window_start, p.asset_id,
			(row_number() OVER (ORDER BY p.fi, p.window_start, p.asset_id))::INTEGER AS g,
			(dense_rank() OVER (ORDER BY p.fi, p.window_start))::INTEGER AS h` + inner.String() + `
		FROM piece p JOIN take ON take.fi = p.fi AND take.us = epoch_us(p.window_start))
		WINDOW before AS (PARTITION BY h ORDER BY g ROWS UNBOUNDED PRECEDING), whole AS (PARTITION BY h)`
}

// shareSQL makes the table share from src and node_hour. Only what is summed
// goes through the window, which sorts; the rest is joined to its result.
func shareSQL(src *source, active map[string]bool) string {
	var base, running, given, kept strings.Builder
	for _, r := range resources {
		if !active[r] {
			continue
		}
		fmt.Fprintf(&base, ", %s::%s AS v_%s", src.integer(r+"_cost", nano), src.sumType(), r)
		fmt.Fprintf(&running, ", v_%[1]s, sum(v_%[1]s) OVER w AS c_%[1]s", r)
		for _, by := range []struct{ name, t, i, c string }{
			{"node", "t_" + r, "i_" + r, "c_" + r},
			{"cluster", "ct_" + r, "ci_" + r, "(off_" + r + " + c_" + r + ")"},
		} {
			fmt.Fprintf(&given, ", (CASE WHEN v_%[1]s > 0 THEN (%[2]s) - (%[3]s) ELSE 0 END)::BIGINT AS idle_%[1]s_by_%[4]s",
				r, cumulative(by.c, by.i, by.t), cumulative("("+by.c+" - v_"+r+")", by.i, by.t), by.name)
			fmt.Fprintf(&kept, ", CASE WHEN kind = 'idle' AND %s = 0 THEN %s ELSE 0 END", by.t, src.integer(r+"_cost", nano))
		}
	}
	const join = " FROM src JOIN node_hour n ON n.fi = src.fi AND n.window_start = src.window_start AND n.asset_id = src.asset_id"
	return `CREATE OR REPLACE TEMP TABLE share AS
		SELECT rk` + given.String() + ` FROM (
			SELECT rk, g` + running.String() + ` FROM (SELECT rk, rn, g` + base.String() + join + ` WHERE kind = 'container')
			WINDOW w AS (PARTITION BY g ORDER BY rn ROWS UNBOUNDED PRECEDING)) JOIN node_hour USING (g)
		UNION ALL SELECT rk` + kept.String() + join + ` WHERE kind <> 'container'`
}

// cumulative is round(i·c/t) in SQL, exactly i at the end, and never falling as
// c grows.
func cumulative(c, i, t string) string {
	return fmt.Sprintf("CASE WHEN %[1]s >= %[3]s THEN %[2]s::BIGINT ELSE least(%[2]s::BIGINT, (%[2]s::DOUBLE * (%[1]s::DOUBLE / %[3]s::DOUBLE))::BIGINT) END", c, i, t)
}
