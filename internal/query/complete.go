package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// maxCompletions bounds one list of completions.
const maxCompletions = 1000

// Complete implements Questions: the values a property takes in a window,
// sorted, at most q.Limit (25 when it is 0).
func (e *Engine) Complete(ctx context.Context, q CompletionQuery) ([]string, error) {
	limit := q.Limit
	switch {
	case limit < 0:
		return nil, invalid("limit", "is negative", "")
	case limit == 0:
		limit = 25
	}
	limit = min(limit, maxCompletions)
	if q.Window.Empty() {
		return nil, invalid("window", "holds no hour", "")
	}
	var out []string
	err := e.atOneVersion(ctx, func(version string) error {
		key := e.questionKey("complete", version, fmt.Sprintf("%#v", q))
		if hit, ok := e.cache.get(key); ok {
			out = hit.([]string)
			return nil
		}
		meta, err := e.metaAt(ctx, version)
		if err != nil {
			return err
		}
		text, err := e.completionSQL(q, meta, limit)
		if err != nil {
			return err
		}
		values, bytes := []string{}, int64(0)
		if err := e.each(ctx, text, func(v []any) error {
			values = append(values, textOf(v[0]))
			bytes += int64(len(values[len(values)-1])) + 16
			return nil
		}); err != nil {
			return err
		}
		out = values
		e.cache.put(key, out, bytes)
		return nil
	})
	return out, err
}

// completionSQL asks the rollups: which days a value was seen on is precise
// enough for a list of suggestions.
func (e *Engine) completionSQL(q CompletionQuery, meta *storeMeta, limit int) (string, error) {
	source := SourceAllocation
	if q.Source == SourceAsset {
		source = SourceAsset
	} else if q.Source != SourceAllocation && q.Source != "" {
		return "", invalid("source", fmt.Sprintf("%q has no values to complete", q.Source), "use allocation or asset")
	}
	b := newTextBuilder(source, e.aliases.Load().keys, meta)
	where, err := b.condition(q.Filter.Root)
	if err != nil {
		return "", err
	}
	days := q.Window.Days()
	when := fmt.Sprintf("day BETWEEN %s AND %s", dayLiteral(days[0]), dayLiteral(days[len(days)-1]))
	search := func(expr string) string {
		if q.Search == "" {
			return "TRUE"
		}
		return containsFold(expr, q.Search)
	}
	table := func() string {
		if source == SourceAsset {
			return "asset_day"
		}
		return dayTable(b.columns)
	}
	if scope, key, ok := labelField(q.Field, source); ok {
		column, is := "key", "TRUE"
		if key != "" {
			column, is = "value", "key = "+literal(key)
		}
		b.need("labels_id")
		ids := fmt.Sprintf("SELECT DISTINCT labels_id FROM %s %s WHERE %s", table(), strings.Join(b.joins, " "), andAll(when, where))
		return fmt.Sprintf("SELECT DISTINCT %s FROM label_kv WHERE scope = %s AND %s AND labels_id IN (%s) ORDER BY 1 LIMIT %d",
			column, literal(scope), andAll(is, column+" <> ''", search(column)), ids, limit), nil
	}
	parts, err := b.group([]Dimension{completionDimension(q.Field, source)})
	if err != nil {
		return "", invalid("field", fmt.Sprintf("%q cannot be completed", q.Field), "use "+completable(source)+" or label:app")
	}
	expr := parts[0].exprs[len(parts[0].exprs)-1]
	if source == SourceAllocation && (q.Field == "service" || q.Field == "services") {
		expr = "unnest(string_split(services, ','))"
	}
	// Rows that no container owns have reserved names in place of these.
	none := literals([]string{"", cost.IdleName, cost.OverheadName, cost.UnmountedName})
	return fmt.Sprintf("SELECT v FROM (SELECT DISTINCT %s AS v FROM %s %s WHERE %s) WHERE v NOT IN (%s) AND %s ORDER BY 1 LIMIT %d",
		expr, table(), strings.Join(b.joins, " "), andAll(when, where), none, search("v"), limit), nil
}

// labelField reads "label", "label:app", "annotation" and "annotation:x".
func labelField(field, source string) (scope, key string, ok bool) {
	if property, k, keyed := cutKeyed(field); keyed {
		field, key = property, cost.SanitizeLabel(k)
	}
	if field == "label" || field == "annotation" && source == SourceAllocation {
		return field, key, true
	}
	return "", "", false
}

// completionDimension reads a field in the words of the filter or of the
// aggregate.
func completionDimension(field, source string) Dimension {
	if p, ok := filterKeys(source)[field]; ok {
		return Dimension{Property: p}
	}
	if d, ok := aggregateKeys(source)[strings.ToLower(field)]; ok {
		return d
	}
	return Dimension{Property: field}
}

// completable names fields that a source can complete.
func completable(source string) string {
	if source == SourceAsset {
		return "cluster, name, type, provider, region, instanceType"
	}
	return "cluster, namespace, node, controller, pod, container"
}
