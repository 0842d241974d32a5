package query

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Assets implements Questions. Without dimensions there is one row per asset,
// named provider/account/project/category/cluster/type/service/providerID/name
// as in OpenCost, with __undefined__ for what is missing.
func (e *Engine) Assets(ctx context.Context, q AssetQuery) (*AssetAnswer, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	question := fmt.Sprintf("%#v", q)
	answer := func(ctx context.Context) (*assetResult, error) { return e.assets(ctx, q, question) }
	out, err := answer(ctx)
	if err != nil {
		return nil, err
	}
	e.recent.note("asset "+question, e.cfg.Now(), func(ctx context.Context) error { _, err := answer(ctx); return err })
	a := out.answer
	a.Completeness = e.completeness(out.present, q.Window)
	return &a, nil
}

// assets answers a question, named by its text, from what is kept or from the store.
func (e *Engine) assets(ctx context.Context, q AssetQuery, question string) (*assetResult, error) {
	var out *assetResult
	err := e.atOneVersion(ctx, func(version string) error {
		key := e.questionKey("asset", version, question)
		if hit, ok := e.cache.get(key); ok {
			out = hit.(*assetResult)
			return nil
		}
		var err error
		if out, err = e.assetsAt(ctx, q, version, false); isOverflow(err) {
			out, err = e.assetsAt(ctx, q, version, true)
		}
		if err == nil {
			e.cache.put(key, out, out.bytes())
		}
		return err
	})
	return out, err
}

func (q *AssetQuery) check() error {
	for _, d := range q.Aggregate {
		if d.Property == "label" && d.Key == "" {
			return invalid("aggregate", "label without a key", "write label:app")
		}
	}
	switch {
	case q.Offset < 0:
		return invalid("offset", "is negative", "")
	case q.Limit < 0:
		return invalid("limit", "is negative", "0 means no limit")
	}
	_, err := assetOrder(q.SortBy)
	return err
}

type assetResult struct {
	answer  AssetAnswer
	present *presence
}

func (a *assetResult) bytes() int64 {
	n := int64(4096)
	for _, s := range a.answer.Sets {
		n += int64(len(s.Rows)) * 1200
		for i := range s.Rows {
			n += int64(len(s.Rows[i].Props.Labels)) * 100
		}
	}
	return n
}

// assetDimensions are the parts of an asset's own name.
func assetDimensions() []Dimension {
	return []Dimension{
		{Property: "provider"},
		{Property: "account"},
		{Property: "project"},
		{Property: "category"},
		{Property: "cluster"},
		{Property: "type"},
		{Property: "service"},
		{Property: "providerID"},
		{Property: "name"},
	}
}

func (e *Engine) assetsAt(ctx context.Context, q AssetQuery, version string, wide bool) (*assetResult, error) {
	meta, err := e.metaAt(ctx, version)
	if err != nil {
		return nil, err
	}
	plan, err := e.plan(ctx, meta, q.Window, q.StepHours, q.Accumulate, q.Without)
	if err != nil {
		return nil, err
	}
	r := &assetRun{e: e, ctx: ctx, q: q, meta: meta, plan: plan, wide: wide, dims: q.Aggregate, labels: map[int64][]*AssetRow{}}
	if len(r.dims) == 0 && !q.All {
		r.dims = assetDimensions()
	}
	if q.All {
		r.dims = nil
	}
	r.sets = make([]map[string]*AssetRow, len(plan.sets))
	for i := range r.sets {
		r.sets[i] = map[string]*AssetRow{}
	}
	if err := r.grouped(); err != nil {
		return nil, err
	}
	return r.result(version)
}

type assetRun struct {
	e      *Engine
	ctx    context.Context
	q      AssetQuery
	meta   *storeMeta
	plan   *timePlan
	wide   bool
	dims   []Dimension
	sets   []map[string]*AssetRow
	labels map[int64][]*AssetRow
}

// sql writes the main statement of an asset question.
func (r *assetRun) sql(b *textBuilder, exprs []string, measures []assetMeasure, props []assetProperty) (string, error) {
	where, err := b.condition(r.q.Filter.Root)
	if err != nil {
		return "", err
	}
	b.need("cluster", "start_us", "end_us")
	values := []string{"min(start_us)", "max(end_us)"}
	for _, m := range measures {
		b.need(m.column)
		values = append(values, foldExpr(m.fold, m.column, r.wide))
	}
	for _, p := range props {
		b.need(p.column)
		values = append(values, onlyText(p.column))
	}
	if r.q.Detail == DetailAll {
		b.need("labels_id", "price_source", "local", "inferred")
		values = append(values, onlyText("price_source"), onlyInt("labels_id"), "bool_and(local)", "bool_and(inferred)")
	}
	groups := append([]string{"s"}, exprs...)
	text := "SELECT " + strings.Join(slices.Concat(groups, values), ", ") +
		"\nFROM (" + r.plan.source("asset_day", "asset_hour", b.columns, r.meta.inCurrency()) + ") r"
	if len(b.joins) > 0 {
		text += "\n" + strings.Join(b.joins, "\n")
	}
	if where != "TRUE" {
		text += "\nWHERE " + where
	}
	return text + "\nGROUP BY " + ordinals(len(groups)), nil
}

// usedSQL writes the statement for what the containers on the nodes of each
// group used. A node counts once, in one of its groups, should it change
// between them within a set.
func (r *assetRun) usedSQL(exprs []string) (string, error) {
	b := newTextBuilder(SourceAsset, r.e.aliases.Load().keys, r.meta)
	if _, err := b.group(r.dims); err != nil { // for its columns and joins
		return "", err
	}
	where, err := b.condition(r.q.Filter.Root)
	if err != nil {
		return "", err
	}
	scope, _ := scopeOf(r.q.Filter)
	clusters, err := newTextBuilder(SourceAsset, nil, r.meta).condition(scope)
	if err != nil {
		return "", err
	}
	b.need("cluster", "asset_id", "type")
	var picked, names []string
	for i, x := range exprs {
		names = append(names, fmt.Sprintf("x%d", i))
		picked = append(picked, fmt.Sprintf("any_value(%s) AS x%d", x, i))
	}
	groups := append([]string{"s"}, names...)
	return fmt.Sprintf(`SELECT %s, %s, %s
FROM (SELECT s, cluster, asset_id, sum(cpu_usage_core_hours) AS cpu_used, sum(ram_usage_byte_hours) AS ram_used FROM (%s) w GROUP BY ALL) u
JOIN (SELECT %s FROM (%s) r %s WHERE %s GROUP BY s, cluster, asset_id) a USING (s, cluster, asset_id)
GROUP BY %s`,
		strings.Join(groups, ", "), sumInt("cpu_used", r.wide), sumFloat("ram_used"),
		r.plan.source("alloc_day_container", "alloc_hour", []string{"cluster", "asset_id", "cpu_usage_core_hours", "ram_usage_byte_hours"}, andAll("kind = 'container'", clusters)),
		strings.Join(append([]string{"s, cluster, asset_id"}, picked...), ", "),
		r.plan.source("asset_day", "asset_hour", b.columns, r.meta.inCurrency()), strings.Join(b.joins, " "), andAll("type = 'Node'", where),
		ordinals(len(groups))), nil
}

// used adds to the rows what ran on their nodes.
func (r *assetRun) used(exprs []string, rows map[string]*AssetRow) error {
	text, err := r.usedSQL(exprs)
	if err != nil {
		return err
	}
	return r.e.each(r.ctx, text, func(v []any) error {
		if row := rows[groupID(v[:1+len(exprs)])]; row != nil {
			row.CPUUsed += integer(v[1+len(exprs)])
			row.RAMUsed += float(v[2+len(exprs)])
		}
		return nil
	})
}

// groupID names a group of a statement by its set and values.
func groupID(v []any) string {
	var b strings.Builder
	b.WriteString(idLiteral(integer(v[0])))
	for _, x := range v[1:] {
		b.WriteByte(0)
		b.WriteString(textOf(x))
	}
	return b.String()
}

func (r *assetRun) grouped() error {
	b := newTextBuilder(SourceAsset, r.e.aliases.Load().keys, r.meta)
	parts, err := b.group(r.dims)
	if err != nil {
		return err
	}
	exprs := groupExprs(parts)
	own := len(r.q.Aggregate) == 0 && !r.q.All
	if own { // two assets may share all parts of their name
		b.need("asset_id")
		exprs = append(exprs, "asset_id")
	}
	measures, props := r.q.Detail.assetMeasures(), r.q.Detail.assetProperties()
	measures = slices.DeleteFunc(measures, func(m assetMeasure) bool { return m.fold != foldMin && r.meta.zero[SourceAsset][m.column] })
	text, err := r.sql(b, exprs, measures, props)
	if err != nil {
		return err
	}
	names := make([]string, len(exprs))
	rows := map[string]*AssetRow{}
	err = r.e.each(r.ctx, text, func(v []any) error {
		for i := range names {
			names[i] = textOf(v[1+i])
		}
		if len(rows) >= r.e.cfg.MaxRows {
			return tooManyRows(r.e.cfg.MaxRows)
		}
		key, name := []string{}, allName
		if !r.q.All {
			key = keyOf(parts, names, UndefinedName)
			name = nameOf(key)
		}
		row := r.row(int(integer(v[0])), key, name, own)
		rows[groupID(v[:1+len(exprs)])] = row
		v = v[1+len(exprs):]
		row.widen(v[0], v[1])
		v = v[2:]
		for i, m := range measures {
			m.add(row, v[i])
		}
		v = v[len(measures):]
		for i, p := range props {
			*p.to(&row.Props) = textOf(v[i])
		}
		if v = v[len(props):]; len(v) == 0 {
			return nil
		}
		row.PriceSource = textOf(v[0])
		if id := integer(v[1]); id != 0 {
			r.labels[id] = append(r.labels[id], row)
		}
		row.Props.Local, _ = v[2].(bool)
		row.Props.Inferred, _ = v[3].(bool)
		return nil
	})
	if err != nil || r.q.Detail != DetailAll {
		return err
	}
	return r.used(exprs, rows)
}

// widen extends a row's span.
func (r *AssetRow) widen(startUS, endUS any) {
	start, end := micros(integer(startUS)), micros(integer(endUS))
	if r.Start.IsZero() || start.Before(r.Start) {
		r.Start = start
	}
	if end.After(r.End) {
		r.End = end
	}
}

// row makes a row. Assets of one name are told apart by a number, so that
// none is lost.
func (r *assetRun) row(set int, key []string, name string, own bool) *AssetRow {
	base := name
	for n := 2; own && r.sets[set][name] != nil; n++ {
		name = fmt.Sprintf("%s#%d", base, n)
	}
	row := r.sets[set][name]
	if row == nil {
		row = &AssetRow{Name: name, Key: slices.Clone(key), CPUScale: 1, RAMScale: 1, GPUScale: 1}
		r.sets[set][name] = row
	}
	return row
}

func (r *assetRun) result(version string) (*assetResult, error) {
	q := &r.q
	by, err := assetOrder(q.SortBy)
	if err != nil {
		return nil, err
	}
	out := &assetResult{answer: AssetAnswer{Answer: Answer{
		Window: q.Window, DataVersion: version, Currency: r.meta.currency, Warnings: r.meta.warnings(),
	}}}
	if err := r.fillLabels(); err != nil {
		return nil, err
	}
	for i, set := range r.sets {
		rows := make([]*AssetRow, 0, len(set))
		for _, row := range set {
			rows = append(rows, row)
		}
		out.answer.RowCount = max(out.answer.RowCount, len(rows))
		page := arrange(rows, by, func(r *AssetRow) string { return r.Name }, q.Ascending, q.Offset, q.Limit)
		s := AssetSet{Window: r.plan.sets[i], Rows: make([]AssetRow, len(page))}
		for j, row := range page {
			s.Rows[j] = *row
		}
		out.answer.Sets = append(out.answer.Sets, s)
	}
	scope, _ := scopeOf(q.Filter)
	out.present, err = r.e.presenceOf(r.ctx, r.meta, q.Window, scope)
	return out, err
}

func (r *assetRun) fillLabels() error {
	return chunks(r.labels, idLiteral, func(list string) error {
		q := "SELECT labels_id, key, value FROM label_kv WHERE scope = 'label' AND labels_id IN (" + list + ")"
		return r.e.each(r.ctx, q, func(v []any) error {
			for _, row := range r.labels[integer(v[0])] {
				setPair(&row.Props.Labels, textOf(v[1]), textOf(v[2]))
			}
			return nil
		})
	})
}

func assetOrder(by string) (func(*AssetRow) *cost.Sum, error) {
	one := func(f func(*AssetRow) *cost.Sum) func(*AssetRow) *cost.Sum { return f }
	count := func(f func(*AssetRow) float64) func(*AssetRow) *cost.Sum {
		return func(r *AssetRow) *cost.Sum {
			var t cost.Sum
			n, _ := new(big.Float).SetFloat64(f(r)).Int(nil)
			t.AddBig(n)
			return &t
		}
	}
	return orderNamed(by, map[string]func(*AssetRow) *cost.Sum{
		"": (*AssetRow).Total, "cost": (*AssetRow).Total, "totalCost": (*AssetRow).Total,
		"cpuCost":      one(func(r *AssetRow) *cost.Sum { return &r.CPU }),
		"ramCost":      one(func(r *AssetRow) *cost.Sum { return &r.RAM }),
		"gpuCost":      one(func(r *AssetRow) *cost.Sum { return &r.GPU }),
		"cpuCoreHours": count(func(r *AssetRow) float64 { return float64(r.CPUCoreHours) }),
		"ramByteHours": count(func(r *AssetRow) float64 { return r.RAMByteHours }),
		"byteHours":    count(func(r *AssetRow) float64 { return r.ByteHours }),
		"name":         nil,
	})
}
