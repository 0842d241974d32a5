package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// ObjectsSQL computes an allocation answer from the bucket's own objects,
// without the server.
type ObjectsSQL struct {
	DataVersion string
	// SQL is one DuckDB statement. Its rows are those of the answer, or the one
	// asked for, over the whole window: name, the parts of the cost, total.
	SQL string
	// LeftOut says what of the answer the statement does not compute; empty
	// where it gives the answer's own numbers.
	LeftOut []string
	Sources []Source // the objects it reads
}

// RowChoice picks rows of an answer: the one named, or, without a name, all but
// those left out.
type RowChoice struct {
	Name   string
	Except []string
}

// Has tells whether a row is picked.
func (c RowChoice) Has(name string) bool {
	if c.Name != "" {
		return name == c.Name
	}
	return !slices.Contains(c.Except, name)
}

// sql is the condition on the column name.
func (c RowChoice) sql() string {
	switch {
	case c.Name != "":
		return "\nWHERE name = " + literal(c.Name)
	case len(c.Except) > 0:
		return "\nWHERE name NOT IN (" + literals(c.Except) + ")"
	}
	return ""
}

func (c RowChoice) String() string {
	switch {
	case c.Name != "":
		return "row " + c.Name
	case len(c.Except) > 0:
		return "all rows but " + strings.Join(c.Except, ", ")
	}
	return "all rows"
}

// ObjectsSQL writes the statement for the picked rows of a question's answer.
// location tells where an object lies, as DuckDB reads it.
//
// Costs are exact. Idle shares are computed as at ingest. Shares of overhead and of
// shared namespaces are given by DOUBLE division, so they may differ from the
// answer's by a few billionths per row and day.
func (e *Engine) ObjectsSQL(ctx context.Context, q AllocationQuery, rows RowChoice, location func(key string) string) (*ObjectsSQL, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	out := &ObjectsSQL{}
	err := e.atOneVersion(ctx, func(version string) error {
		r, err := e.allocRun(ctx, q, version)
		if err != nil {
			return err
		}
		o := &objectsText{allocRun: r, objectReader: &objectReader{e: e, ctx: ctx, meta: r.meta, window: q.Window, scope: r.scope, location: location}}
		*out = ObjectsSQL{DataVersion: version}
		if out.SQL, err = o.text(rows); err != nil {
			return err
		}
		out.LeftOut, out.Sources = o.leftOut, o.sources
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// objectsText is the statement in the making.
type objectsText struct {
	*allocRun
	*objectReader
	leftOut []string
}

// sharing tells what becomes of cost that is shared within its cluster.
func (o *objectsText) sharing() (overhead, pools bool) {
	q := &o.q
	pools = len(q.ShareNamespaces)+len(q.ShareLabels) > 0
	overhead = q.Overhead == OverheadShare
	if q.ShareCostMonthly != 0 {
		o.leftOut = append(o.leftOut, "shareCost, which is not in the bucket")
	}
	if pools && q.ShareScope == ShareWithinFleet {
		o.leftOut = append(o.leftOut, "shares of shared namespaces and labels, because they are shared by the whole fleet")
		pools = false
	}
	if pools && q.ShareSplit == SplitEven {
		o.leftOut = append(o.leftOut, "shares of shared namespaces and labels, because they are split evenly")
		pools = false
	}
	return overhead, pools
}

func (o *objectsText) text(rows RowChoice) (string, error) {
	sharedOverhead, sharedPools := o.sharing()
	s := o.statement()
	parts, err := s.group(o.dims)
	if err != nil {
		return "", err
	}
	wanted, err := s.flag(andNode(o.allocRun.scope, o.rest))
	if err != nil {
		return "", err
	}
	pooled := "FALSE"
	if p := o.poolTest(s); p != "" {
		pooled = p
	}
	name := literal(allName)
	if !o.q.All {
		name = strings.ReplaceAll(nameSQL(parts, groupExprs(parts)), "t_kind", "kind")
	}
	read, err := o.read("allocation")
	if errors.Is(err, errNoObjects) {
		return noObjects(o.q.Window, o.allocRun.meta, rows), nil
	}
	if err != nil {
		return "", err
	}
	idle := o.q.Idle != IdleHide && (o.q.Idle != IdleSeparate || !o.wholeIdle())
	steps := []string{read}
	from := "object"
	if idle {
		steps = append(steps, o.idleSteps())
		from = "given"
	}
	if slices.Contains(s.columns, "labels_id") {
		steps = append(steps, labelSteps(from, false))
		from = "labelled"
	}
	if len(s.joins) > 0 && strings.Contains(strings.Join(s.joins, " "), "asset_day") {
		assets, err := o.assets()
		if err != nil {
			return "", err
		}
		steps = append(steps, assets)
	}
	steps = append(steps, o.costed(from, s, name, wanted, pooled, idle))
	answer := o.answer(idle, sharedOverhead, sharedPools, &steps)
	const sums = `sum(cpu) AS cpu, sum(ram) AS ram, sum(gpu) AS gpu, sum(pv) AS storage, sum(lb) AS load_balancers,
    sum(network) AS network, sum(overhead) AS overhead, sum(idle) AS idle_share, sum(shared) AS shared_share,
    sum(cpu) + sum(ram) + sum(gpu) + sum(pv) + sum(lb) + sum(network) + sum(overhead) + sum(idle) + sum(shared) AS total`
	return objectsHead(o.q.Window, o.allocRun.meta, rows, o.leftOut) + "WITH " + strings.Join(steps, ",\n") + ",\nanswer AS (\n  " + strings.Join(answer, "\n  UNION ALL BY NAME\n  ") +
		"\n)\nSELECT name, " + sums + "\nFROM answer" + rows.sql() + "\nGROUP BY name ORDER BY total DESC, name;\n", nil
}

func andNode(nodes ...Node) Node {
	return allOf(slices.DeleteFunc(slices.Clone(nodes), func(n Node) bool { return n == nil }))
}

// objectsHead says what a statement is, in comments.
func objectsHead(w cost.Window, meta *storeMeta, rows RowChoice, leftOut []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- What the bucket's own objects say of %s, %s.\n", w, oneLine(rows.String()))
	fmt.Fprintf(&b, "-- Amounts are in %s. Costs are exact sums of what the objects hold.\n", oneLine(meta.currency))
	for _, l := range leftOut {
		b.WriteString("-- Not in it: " + oneLine(l) + ".\n")
	}
	for _, w := range meta.warnings() {
		b.WriteString("-- " + oneLine(w) + ".\n")
	}
	return b.String()
}

// oneLine keeps a comment within its line.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
}

// errNoObjects says that a window has nothing to read.
var errNoObjects = errors.New("no object of the bucket has hours of this window")

// noObjects is the statement of such a window: no rows.
func noObjects(w cost.Window, meta *storeMeta, rows RowChoice) string {
	return objectsHead(w, meta, rows, nil) + "-- " + errNoObjects.Error() + ".\nSELECT '' AS name, 0.0 AS total WHERE false;\n"
}

// objectReader writes the part of a statement that reads the objects.
type objectReader struct {
	e        *Engine
	ctx      context.Context
	meta     *storeMeta
	window   cost.Window
	scope    Node
	location func(key string) string
	sources  []Source
}

// read selects the rows of the window: daily objects, and the hours of live
// ones that no daily object has.
func (o *objectReader) read(dataset string) (string, error) {
	all, err := o.e.sourcesAt(o.ctx, dataset, o.window, o.scope, o.meta.inCurrency())
	if err != nil {
		return "", err
	}
	o.sources = all
	var daily, live []string
	for _, s := range all {
		if s.Live {
			live = append(live, s.Key)
		} else {
			daily = append(daily, s.Key)
		}
	}
	w := o.window
	var parts []string
	const options = ", union_by_name = true, hive_partitioning = false, filename = 'object', file_row_number = true)"
	if len(daily) > 0 {
		parts = append(parts, "  SELECT * FROM read_parquet("+o.list(daily)+options+
			fmt.Sprintf("\n  WHERE epoch_us(window_start) // 3600000000 BETWEEN %d AND %d -- hours since 1970: %s", w.Start, w.End-1, w))
	}
	if len(live) > 0 {
		hours, err := o.liveHours()
		if err != nil {
			return "", err
		}
		if len(hours) > 0 {
			parts = append(parts, "  -- hours that no daily object has yet\n  SELECT p.* FROM read_parquet("+o.list(live)+options+
				" p\n  JOIN (VALUES "+strings.Join(hours, ", ")+") h(cluster, hour) ON h.cluster = p.cluster AND h.hour = epoch_us(window_start) // 3600000000")
		}
	}
	if len(parts) == 0 {
		return "", errNoObjects
	}
	return "object AS (\n" + strings.Join(parts, "\n  UNION ALL BY NAME\n") + "\n)", nil
}

func (o *objectReader) list(keys []string) string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = literal(o.location(k))
	}
	return "[\n    " + strings.Join(out, ",\n    ") + "]"
}

// liveHours are the (cluster, hour) pairs that were taken from live objects.
func (o *objectReader) liveHours() ([]string, error) {
	var out []string
	q := fmt.Sprintf("SELECT cluster, hour FROM coverage WHERE live AND hour >= %d AND hour < %d AND %s ORDER BY cluster, hour",
		o.window.Start, o.window.End, o.meta.inCurrency())
	return out, o.e.each(o.ctx, q, func(v []any) error {
		if cluster := textOf(v[0]); matchesCluster(o.scope, cluster) {
			out = append(out, fmt.Sprintf("(%s, %d)", literal(cluster), integer(v[1])))
		}
		return nil
	})
}

// assets is the step that knows the provider of each asset.
func (o *objectsText) assets() (string, error) {
	all, err := o.allocRun.e.sourcesAt(o.allocRun.ctx, "asset", o.q.Window, o.allocRun.scope, o.allocRun.meta.inCurrency())
	keys := make([]string, len(all))
	for i, s := range all {
		keys[i] = s.Key
	}
	return "asset_day AS (\n  SELECT cluster, asset_id, provider FROM read_parquet(" + o.list(keys) + ", union_by_name = true, hive_partitioning = false)\n)", err
}

// idleSteps share idle cost over what ran, hour by hour, as the store does at
// ingest: in proportion to cost, cut at running sums so that the shares add up.
func (o *objectsText) idleSteps() string {
	within := "object, window_start"
	if o.byNode {
		within += ", asset_id"
	}
	var sums, given strings.Builder
	for _, r := range []string{"cpu", "ram", "gpu"} {
		fmt.Fprintf(&sums, `,
    (%[1]s_cost::DOUBLE * 1000000000)::BIGINT::DOUBLE AS v_%[1]s,
    sum(CASE WHEN kind = 'container' THEN v_%[1]s ELSE 0 END) OVER upto AS c_%[1]s,
    sum(CASE WHEN kind = 'container' THEN v_%[1]s ELSE 0 END) OVER whole AS t_%[1]s,
    sum(CASE WHEN kind = 'idle' THEN v_%[1]s ELSE 0 END) OVER whole AS i_%[1]s`, r)
		fmt.Fprintf(&given, `,
    (CASE WHEN kind = 'container' AND v_%[1]s > 0 THEN (%[2]s) - (%[3]s)
      WHEN kind = 'idle' AND t_%[1]s = 0 THEN v_%[1]s::BIGINT ELSE 0 END)::DECIMAL(18,0) * 0.000000001 AS idle_%[1]s`,
			r, upTo("c_"+r, r), upTo("(c_"+r+" - v_"+r+")", r))
	}
	return "summed AS (\n  SELECT *" + sums.String() + "\n  FROM object\n  WINDOW upto AS (PARTITION BY " + within +
		" ORDER BY asset_id, file_row_number ROWS UNBOUNDED PRECEDING), whole AS (PARTITION BY " + within + ")\n),\n" +
		"given AS ( -- idle cost given to each row, and on idle rows what found no consumer\n  SELECT *" + given.String() + "\n  FROM summed\n)"
}

// upTo is round(i·c/t), exactly i at the end and never falling as c grows.
func upTo(c, r string) string {
	return fmt.Sprintf("CASE WHEN %[1]s >= t_%[2]s THEN i_%[2]s::BIGINT ELSE least(i_%[2]s::BIGINT, (i_%[2]s * (%[1]s / t_%[2]s))::BIGINT) END", c, r)
}

// labelSteps give each distinct set of labels a number and list its pairs; a
// pod's label wins over its namespace's.
func labelSteps(from string, assets bool) string {
	pairs := func(scope, maps string) string {
		return "  SELECT labels_id, " + literal(scope) + " AS scope, unnest(map_entries(" + maps + ")) AS pair FROM label_set"
	}
	m := func(c string) string {
		return "CASE WHEN " + c + " = '' THEN MAP {} ELSE " + c + "::JSON::MAP(VARCHAR, VARCHAR) END"
	}
	columns := "labels, namespace_labels, annotations, namespace_annotations"
	scopes := []string{
		pairs("label", "map_concat("+m("namespace_labels")+", "+m("labels")+")"),
		pairs("annotation", "map_concat("+m("namespace_annotations")+", "+m("annotations")+")"),
	}
	if assets {
		columns, scopes = "labels", []string{pairs("label", m("labels"))}
	}
	return "label_set AS MATERIALIZED (\n  SELECT *, row_number() OVER () AS labels_id FROM (SELECT DISTINCT " + columns + " FROM " + from + ")\n),\n" +
		"label_kv AS MATERIALIZED (\n  SELECT labels_id, scope, pair.key AS key, pair.value AS value FROM (\n" +
		strings.Join(scopes, "\n  UNION ALL\n") +
		"\n  ) WHERE pair.key NOT IN (" + literals(cost.PerPodLabels()) + ")\n),\n" +
		"labelled AS (\n  SELECT * FROM " + from + " JOIN label_set USING (" + columns + ")\n)"
}

// costed is every row with its name in the answer, whether the filter wants it, whether
// its cost is shared by others, and its cost.
func (o *objectsText) costed(from string, s *statement, name, wanted, pooled string, idle bool) string {
	unit := "epoch_us(window_start) // 86400000000"
	switch hour := "epoch_us(window_start) // 3600000000"; {
	case o.plan.byHour:
		unit = hour
	case o.plan.step > 0 && len(o.plan.sets) > 1: // steps cut days: each part shares for itself
		unit = fmt.Sprintf("((%s - %d) // %d, %s)", hour, o.plan.start, o.plan.step, unit)
	}
	split := literal(cost.IdleName)
	if o.q.SplitIdle {
		split = "cluster || '/' || " + literal(cost.IdleName)
		if o.q.IdleByNode {
			split = "cluster || '/' || node || '/' || " + literal(cost.IdleName)
		}
	}
	shares := "0.0 AS idle_cpu, 0.0 AS idle_ram, 0.0 AS idle_gpu"
	if idle {
		shares = "idle_cpu, idle_ram, idle_gpu"
	}
	joins := ""
	if len(s.joins) > 0 {
		joins = "\n  " + strings.Join(s.joins, "\n  ")
	}
	return "costed AS (\n  SELECT " + name + " AS name, " + split + " AS idle_name, cluster, kind, " + unit + " AS unit,\n    " +
		wanted + " AS wanted, " + pooled + ` AS pooled,
    cpu_cost AS cpu, ram_cost AS ram, gpu_cost AS gpu, pv_cost AS pv, lb_cost AS lb,
    network_cross_zone_cost + network_cross_region_cost + network_internet_cost AS network, overhead_cost AS overhead,
    cpu_cost + ram_cost + gpu_cost + pv_cost + lb_cost + network_cross_zone_cost + network_cross_region_cost
      + network_internet_cost + overhead_cost AS own,
    ` + shares + "\n  FROM " + from + joins + "\n)"
}

// answer is the SELECTs whose rows make the answer; it may add steps.
func (o *objectsText) answer(idle, sharedOverhead, sharedPools bool, steps *[]string) []string {
	const parts = "cpu, ram, gpu, pv, lb, network, overhead"
	share := o.q.Idle == IdleShareByCluster || o.q.Idle == IdleShareByNode
	given := "0.0"
	if share {
		given = "idle_cpu + idle_ram + idle_gpu"
	}
	out := []string{"SELECT name, " + parts + ", " + given + " AS idle, 0.0 AS shared FROM costed\n  WHERE kind IN ('container', 'unmounted') AND wanted AND NOT pooled"}
	const asIdle = "SELECT idle_name AS name, idle_cpu AS cpu, idle_ram AS ram, idle_gpu AS gpu, 0.0 AS pv, 0.0 AS lb, 0.0 AS network, 0.0 AS overhead, 0.0 AS idle, 0.0 AS shared FROM costed\n  WHERE "
	switch {
	case o.q.Idle == IdleHide:
	case share:
		out = append(out, asIdle+"kind = 'idle' AND wanted -- idle without a consumer in its hour")
	case idle:
		out = append(out, asIdle+"kind IN ('container', 'idle') AND wanted -- the idle that goes with what the filter wants")
	default:
		out = append(out, "SELECT idle_name AS name, "+parts+", 0.0 AS idle, 0.0 AS shared FROM costed\n  WHERE kind = 'idle' AND wanted")
	}
	if o.q.Overhead == OverheadSeparate {
		out = append(out, "SELECT "+literal(cost.OverheadName)+" AS name, "+parts+", 0.0 AS idle, 0.0 AS shared FROM costed\n  WHERE kind = 'overhead' AND wanted AND NOT pooled")
	}
	if !sharedOverhead && !sharedPools {
		return out
	}
	var pots []string
	if sharedOverhead {
		pots = append(pots, "SELECT cluster, unit, "+literal(cost.OverheadName)+" AS pot, sum(own) AS amount, coalesce(sum(own) FILTER (wanted), 0) AS matched FROM costed\n  WHERE kind = 'overhead' GROUP BY ALL")
	}
	if sharedPools {
		amount := "own"
		if share {
			amount = "own + " + given
		}
		pots = append(pots, fmt.Sprintf("SELECT cluster, unit, %s AS pot, sum(%s) AS amount, coalesce(sum(%[2]s) FILTER (wanted), 0) AS matched FROM costed\n  WHERE kind IN ('container', 'unmounted') AND pooled GROUP BY ALL", literal(SharedName), amount))
	}
	*steps = append(*steps,
		"pot AS ( -- what is shared within each cluster and day\n  "+strings.Join(pots, "\n  UNION ALL\n  ")+"\n)",
		"taker AS ( -- who takes it, in proportion to own cost\n  SELECT cluster, unit, name, wanted, sum(own) AS weight FROM costed\n  WHERE kind = 'container' AND NOT pooled GROUP BY ALL\n)",
		"takers AS (\n  SELECT cluster, unit, sum(weight) AS whole FROM taker GROUP BY ALL HAVING sum(weight) > 0\n)")
	const nothing = "0.0 AS cpu, 0.0 AS ram, 0.0 AS gpu, 0.0 AS pv, 0.0 AS lb, 0.0 AS network"
	return append(out,
		"SELECT name, "+nothing+", 0.0 AS overhead, 0.0 AS idle, amount::DOUBLE * weight::DOUBLE / whole::DOUBLE AS shared\n  FROM pot JOIN takers USING (cluster, unit) JOIN taker USING (cluster, unit) WHERE wanted",
		"SELECT pot AS name, "+nothing+", CASE WHEN pot = "+literal(cost.OverheadName)+" THEN matched ELSE 0 END AS overhead, 0.0 AS idle, CASE WHEN pot = "+literal(cost.OverheadName)+
			" THEN 0 ELSE matched END AS shared\n  FROM pot ANTI JOIN takers USING (cluster, unit) WHERE matched <> 0 -- nobody was there to take it")
}

// AssetObjectsSQL is ObjectsSQL for a question about assets: exact sums.
func (e *Engine) AssetObjectsSQL(ctx context.Context, q AssetQuery, rows RowChoice, location func(key string) string) (*ObjectsSQL, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	out := &ObjectsSQL{}
	err := e.atOneVersion(ctx, func(version string) error {
		meta, err := e.metaAt(ctx, version)
		if err != nil {
			return err
		}
		scope, _ := scopeOf(q.Filter)
		o := &objectReader{e: e, ctx: ctx, meta: meta, window: q.Window, scope: scope, location: location}
		*out = ObjectsSQL{DataVersion: version}
		out.SQL, err = o.assetText(q, rows)
		out.Sources = o.sources
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (o *objectReader) assetText(q AssetQuery, rows RowChoice) (string, error) {
	b := newTextBuilder(SourceAsset, o.e.cfg.LabelAliases, o.meta)
	dims := q.Aggregate
	if len(dims) == 0 && !q.All {
		dims = assetDimensions()
	}
	parts, err := b.group(dims)
	if err != nil {
		return "", err
	}
	where, err := b.condition(q.Filter.Root)
	if err != nil {
		return "", err
	}
	name := literal(allName)
	if !q.All {
		names := make([]string, len(parts))
		for i, p := range parts {
			names[i] = "coalesce(nullif(" + p.exprs[0] + ", ''), " + literal(UndefinedName) + ")"
		}
		name = strings.Join(names, " || '/' || ")
	}
	read, err := o.read("asset")
	if errors.Is(err, errNoObjects) {
		return noObjects(q.Window, o.meta, rows), nil
	}
	if err != nil {
		return "", err
	}
	steps, from := []string{read}, "object"
	if slices.Contains(b.columns, "labels_id") {
		steps, from = append(steps, labelSteps(from, true)), "labelled"
	}
	joins := ""
	if len(b.joins) > 0 {
		joins = "\n  " + strings.Join(b.joins, "\n  ")
	}
	steps = append(steps, "answer AS (\n  SELECT "+name+" AS name, cpu_cost, ram_cost, gpu_cost, cost FROM "+from+joins+"\n  WHERE "+where+"\n)")
	return objectsHead(q.Window, o.meta, rows, nil) + "WITH " + strings.Join(steps, ",\n") +
		"\nSELECT name, sum(cpu_cost) AS cpu, sum(ram_cost) AS ram, sum(gpu_cost) AS gpu, sum(cost) AS disks_and_services,\n" +
		"    sum(cpu_cost) + sum(ram_cost) + sum(gpu_cost) + sum(cost) AS total\nFROM answer" + rows.sql() +
		"\nGROUP BY name ORDER BY total DESC, name;\n", nil
}

// PriceCost is how much of a cost rests on prices of one source.
type PriceCost struct {
	// Source as docs/format/v1.md names it; "several" where it changed within a
	// day of a row that is kept by the day, "" for rows that cost nothing.
	Source string
	Cost   cost.Sum
}

// PriceSources parts the own cost of the picked rows of an answer, without what is shared with
// them, by where its prices came from; largest first.
func (e *Engine) PriceSources(ctx context.Context, q AllocationQuery, rows RowChoice) ([]PriceCost, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	var out []PriceCost
	err := e.atOneVersion(ctx, func(version string) error {
		r, err := e.allocRun(ctx, q, version)
		if err != nil {
			return err
		}
		out, err = r.priceSources(rows)
		return err
	})
	return out, err
}

func (r *allocRun) priceSources(rows RowChoice) ([]PriceCost, error) {
	s := r.statement()
	parts, err := s.group(r.dims)
	if err != nil {
		return nil, err
	}
	if err := s.filter(r.scope, r.rest); err != nil {
		return nil, err
	}
	kinds := []cost.Kind{cost.KindContainer, cost.KindUnmounted}
	if r.q.Idle == IdleSeparate {
		kinds = append(kinds, cost.KindIdle)
	}
	if r.q.Overhead == OverheadSeparate {
		kinds = append(kinds, cost.KindOverhead)
	}
	s.kinds(kinds...)
	if pool := r.poolTest(s); pool != "" {
		s.where = append(s.where, "NOT "+pool)
	}
	exprs := groupExprs(parts)
	amount, columns := r.meta.ownCost()
	s.need(columns...)
	s.need("price_source")
	s.groups = append([]string{"kind", "coalesce(price_source, 'several')"}, exprs...)
	s.values = []string{sumInt(amount, true)}
	found := map[string]*cost.Sum{}
	names := make([]string, len(exprs))
	err = r.e.each(r.ctx, s.sqlFrom(r, "alloc_day_container"), func(v []any) error {
		for i := range names {
			names[i] = textOf(v[2+i])
		}
		_, name := r.rowKey(parts, names, cost.Kind(textOf(v[0])))
		switch cost.Kind(textOf(v[0])) {
		case cost.KindIdle:
			name = cost.IdleName
		case cost.KindOverhead:
			name = cost.OverheadName
		case cost.KindContainer, cost.KindUnmounted:
		}
		if !rows.Has(name) {
			return nil
		}
		source := textOf(v[1])
		if found[source] == nil {
			found[source] = &cost.Sum{}
		}
		addMoney(found[source], v[2+len(names)])
		return nil
	})
	var out []PriceCost
	for source, sum := range found {
		if sum.Big().Sign() != 0 {
			out = append(out, PriceCost{source, *sum})
		}
	}
	slices.SortFunc(out, func(a, b PriceCost) int {
		return cmp.Or(b.Cost.Big().Cmp(a.Cost.Big()), strings.Compare(a.Source, b.Source))
	})
	return out, err
}
