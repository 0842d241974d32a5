package query

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// textBuilder writes the parts of a statement that a filter and a list of
// dimensions ask for, over the rows of one source named r. It collects which
// columns those parts read and which joins they need.
type textBuilder struct {
	source  string
	aliases map[string][]string
	meta    *storeMeta
	columns []string // of the source's tables, in the order first needed
	joins   []string
	joined  map[string]string // what is joined: its expression
}

func newTextBuilder(source string, aliases map[string][]string, meta *storeMeta) *textBuilder {
	return &textBuilder{source: source, aliases: aliases, meta: meta, joined: map[string]string{}}
}

// need notes columns that the inner SELECT must carry.
func (b *textBuilder) need(columns ...string) {
	for _, c := range columns {
		if !slices.Contains(b.columns, c) {
			b.columns = append(b.columns, c)
		}
	}
}

// column is a property that is a text column of its table.
func (b *textBuilder) column(property string) (string, bool) {
	var m map[string]string
	if b.source == SourceAsset {
		m = map[string]string{
			"cluster": "cluster", "name": "name", "type": "type", "providerID": "provider_id", "provider": "provider",
			"region": "region", "zone": "zone", "instanceType": "instance_type", "capacityType": "capacity_type",
			"nodePool": "node_pool", "storageClass": "storage_class",
		}
	} else {
		m = map[string]string{
			"cluster": "cluster", "node": "node", "namespace": "namespace", "controllerKind": "controller_kind",
			"controller": "controller", "pod": "pod", "container": "container",
		}
	}
	c, ok := m[property]
	if ok {
		b.need(c)
	}
	return c, ok
}

// condition writes a filter as a condition; "TRUE" for the empty one.
func (b *textBuilder) condition(n Node) (string, error) {
	switch n := n.(type) {
	case nil:
		return "TRUE", nil
	case And:
		return b.join(n.Of, andAll)
	case Or:
		return b.join(n.Of, func(parts ...string) string { return orAll(parts) })
	case Match:
		text, err := b.match(n)
		if err == nil && n.Not {
			text = "NOT " + text
		}
		return text, err
	default:
		return "", &Error{Code: CodeInternal, Reason: fmt.Sprintf("filter holds a %T", n)}
	}
}

func (b *textBuilder) join(of []Node, with func(...string) string) (string, error) {
	parts := make([]string, len(of))
	for i, n := range of {
		var err error
		if parts[i], err = b.condition(n); err != nil {
			return "", err
		}
	}
	return with(parts...), nil
}

// match writes one comparison without its negation.
func (b *textBuilder) match(m Match) (string, error) {
	if keys, ok := b.aliases[m.Property]; ok && slices.Contains(aliasProperties, m.Property) {
		return b.matchAlias(m, keys)
	}
	switch m.Property {
	case "label", "annotation":
		if m.Key == "" {
			return b.hasKey(m), nil
		}
		return b.matchLabel(m, m.Property, m.Key), nil
	case "service":
		if b.source == SourceAllocation {
			return b.matchService(m), nil
		}
	case "controllerKind":
		lower := make([]string, len(m.Values))
		for i, v := range m.Values {
			lower[i] = strings.ToLower(v)
		}
		m.Values = lower
	case "type":
		for i, v := range m.Values { // assetType:"node" and "Node"
			if t, ok := assetTypeNamed(v); ok && m.Op == OpEquals {
				m.Values = slices.Clone(m.Values)
				m.Values[i] = t
			}
		}
	}
	expr, err := b.property(m.Property)
	if err != nil {
		return "", err
	}
	return b.matchText(expr, m), nil
}

// property is a text expression for anything that has one value per row.
func (b *textBuilder) property(property string) (string, error) {
	if c, ok := b.column(property); ok {
		return c, nil
	}
	if b.source == SourceAsset {
		switch property {
		case "account", "project":
			return "''", nil // not known before cloud bills are read
		case "category":
			b.need("type")
			return assetCategoryText, nil
		case "service":
			return "'Kubernetes'", nil
		}
	}
	if property == "provider" {
		return b.provider(), nil
	}
	return "", invalid("filter", fmt.Sprintf("%q cannot be asked of %s rows", property, b.source), "")
}

// matchText compares a text expression, in which ” stands for missing. The
// names that answers give to what is missing match it, by kind of row.
func (b *textBuilder) matchText(expr string, m Match) string {
	if m.Op != OpEquals {
		parts := make([]string, len(m.Values))
		for i, v := range m.Values {
			parts[i] = compare(expr, m.Op, v)
		}
		return orAll(parts)
	}
	plain, kinds := b.splitReserved(m.Values)
	var parts []string
	if len(plain) > 0 {
		parts = append(parts, expr+" IN ("+literals(plain)+")")
	}
	if len(kinds) > 0 {
		// Rows that no container owns carry the name itself where a container
		// has its namespace, pod and name.
		none := []string{""}
		if b.source == SourceAllocation {
			for _, k := range kinds {
				none = append(none, missingName(cost.Kind(k)))
			}
		}
		parts = append(parts, b.missing(expr+" IN ("+literals(none)+")", kinds))
	}
	return orAll(parts)
}

// missing is the condition that something is missing on rows of these kinds.
func (b *textBuilder) missing(test string, kinds []string) string {
	if b.source == SourceAsset {
		return test
	}
	b.need("kind")
	return "(" + test + " AND kind IN (" + literals(kinds) + "))"
}

// splitReserved parts values into plain ones and the kinds of row that the
// reserved ones stand for.
func (b *textBuilder) splitReserved(values []string) (plain, kinds []string) {
	for _, v := range values {
		if b.source == SourceAsset && (v == UndefinedName || v == cost.UnallocatedName) {
			kinds = append(kinds, "")
			continue
		}
		if k, ok := kindOfMissing[v]; ok && b.source == SourceAllocation {
			kinds = append(kinds, string(k))
			continue
		}
		plain = append(plain, v)
	}
	return plain, kinds
}

// UndefinedName is what asset answers call what is missing, as the OpenCost
// API does.
const UndefinedName = "__undefined__"

// kindOfMissing tells on which kind of row a reserved name stands for what is
// missing; missingName is its inverse.
var kindOfMissing = map[string]cost.Kind{
	cost.UnallocatedName: cost.KindContainer,
	cost.UnmountedName:   cost.KindUnmounted,
	cost.IdleName:        cost.KindIdle,
	cost.OverheadName:    cost.KindOverhead,
}

func missingName(k cost.Kind) string {
	switch k {
	case cost.KindUnmounted:
		return cost.UnmountedName
	case cost.KindIdle:
		return cost.IdleName
	case cost.KindOverhead:
		return cost.OverheadName
	}
	return cost.UnallocatedName
}

// labelSets is a list of labels_id for IN, of the sets with a pair that passes
// a test on key and value.
func labelSets(scope, test string) string {
	return "labels_id IN (SELECT labels_id FROM label_kv WHERE scope = " + literal(scope) + " AND " + test + ")"
}

func (b *textBuilder) matchLabel(m Match, scope, key string) string {
	b.need("labels_id")
	is := "key = " + literal(key) + " AND "
	if m.Op != OpEquals {
		parts := make([]string, len(m.Values))
		for i, v := range m.Values {
			parts[i] = compare("value", m.Op, v)
		}
		return labelSets(scope, is+orAll(parts))
	}
	plain, kinds := b.splitReserved(m.Values)
	var parts []string
	if len(plain) > 0 {
		parts = append(parts, labelSets(scope, is+"value IN ("+literals(plain)+")"))
	}
	if len(kinds) > 0 {
		parts = append(parts, b.missing("NOT "+labelSets(scope, is+"value <> ''"), kinds))
	}
	return orAll(parts)
}

// hasKey writes label:"app": is there such a key.
func (b *textBuilder) hasKey(m Match) string {
	b.need("labels_id")
	plain, kinds := b.splitReserved(m.Values)
	var parts []string
	for _, v := range plain {
		parts = append(parts, compare("key", m.Op, v))
	}
	var out []string
	if len(parts) > 0 {
		out = append(out, labelSets(m.Property, orAll(parts)))
	}
	if len(kinds) > 0 {
		out = append(out, b.missing("NOT "+labelSets(m.Property, "TRUE"), kinds))
	}
	return orAll(out)
}

// matchAlias compares the first label present of those an alias stands for.
func (b *textBuilder) matchAlias(m Match, keys []string) (string, error) {
	if len(keys) == 1 {
		return b.matchLabel(m, "label", keys[0]), nil
	}
	return b.matchText("coalesce("+b.aliasValue(keys)+", '')", m), nil
}

func (b *textBuilder) aliasValue(keys []string) string {
	if len(keys) == 0 {
		return "NULL"
	}
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = "nullif(" + b.labelValue("label", k) + ", '')"
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "coalesce(" + strings.Join(parts, ", ") + ")"
}

// labelValue joins the values of one label and returns their expression; NULL
// where there is none.
func (b *textBuilder) labelValue(scope, key string) string {
	id := scope + "\x00" + key
	if expr, ok := b.joined[id]; ok {
		return expr
	}
	b.need("labels_id")
	name := fmt.Sprintf("l%d", len(b.joined))
	b.joins = append(b.joins, fmt.Sprintf("LEFT JOIN (SELECT labels_id, value FROM label_kv WHERE scope = %s AND key = %s) %s USING (labels_id)",
		literal(scope), literal(key), name))
	b.joined[id] = name + ".value"
	return b.joined[id]
}

// matchService tests any of a row's services.
func (b *textBuilder) matchService(m Match) string {
	b.need("services")
	plain, kinds := m.Values, []string(nil)
	if m.Op == OpEquals {
		plain, kinds = b.splitReserved(m.Values)
	}
	var parts []string
	for _, v := range plain {
		parts = append(parts, anyOfList("services", compare("x", m.Op, v)))
	}
	out := []string{}
	if len(parts) > 0 {
		out = append(out, "(services <> '' AND "+orAll(parts)+")")
	}
	if len(kinds) > 0 {
		out = append(out, b.missing("services = ''", kinds))
	}
	return orAll(out)
}

// provider joins the provider of a row's asset; of its cluster where all
// assets of every cluster have the same.
func (b *textBuilder) provider() string {
	const id = "provider"
	if expr, ok := b.joined[id]; ok {
		return expr
	}
	if b.meta.oneProvider {
		b.need("cluster")
		b.joins = append(b.joins, "LEFT JOIN (SELECT cluster, max(provider) AS provider FROM asset_day GROUP BY cluster) pv USING (cluster)")
	} else {
		b.need("cluster", "asset_id")
		b.joins = append(b.joins, "LEFT JOIN (SELECT cluster, asset_id, max(provider) AS provider FROM asset_day GROUP BY cluster, asset_id) pv USING (cluster, asset_id)")
	}
	b.joined[id] = "coalesce(pv.provider, '')"
	return b.joined[id]
}

// properties calls see for every property that a filter compares.
func properties(n Node, see func(Match)) {
	switch n := n.(type) {
	case And:
		for _, p := range n.Of {
			properties(p, see)
		}
	case Or:
		for _, p := range n.Of {
			properties(p, see)
		}
	case Match:
		see(n)
	}
}

// only tells whether a filter compares nothing but these properties.
func only(n Node, names ...string) bool {
	ok := true
	properties(n, func(m Match) { ok = ok && slices.Contains(names, m.Property) })
	return ok
}

// mentions tells whether a filter compares a property.
func mentions(n Node, name string) bool {
	found := false
	properties(n, func(m Match) { found = found || m.Property == name })
	return found
}

// scopeOf parts a filter into its conditions on clusters alone, the scope
// within which cost is shared, and the rest. Their conjunction is the filter.
func scopeOf(f Filter) (scope, rest Node) {
	if f.Root == nil {
		return nil, nil
	}
	if only(f.Root, "cluster") {
		return f.Root, nil
	}
	and, ok := f.Root.(And)
	if !ok {
		return nil, f.Root
	}
	var in, out []Node
	for _, n := range and.Of {
		if only(n, "cluster") {
			in = append(in, n)
		} else {
			out = append(out, n)
		}
	}
	return allOf(in), allOf(out)
}

func allOf(nodes []Node) Node {
	switch len(nodes) {
	case 0:
		return nil
	case 1:
		return nodes[0]
	}
	return And{Of: nodes}
}

// matchesCluster evaluates a filter on clusters alone.
func matchesCluster(n Node, cluster string) bool {
	switch n := n.(type) {
	case And:
		for _, p := range n.Of {
			if !matchesCluster(p, cluster) {
				return false
			}
		}
		return true
	case Or:
		for _, p := range n.Of {
			if matchesCluster(p, cluster) {
				return true
			}
		}
		return false
	case Match:
		return n.matches(cluster) != n.Not
	}
	return true
}

func (m Match) matches(s string) bool {
	for _, v := range m.Values {
		var ok bool
		switch m.Op {
		case OpContains:
			ok = strings.Contains(s, v)
		case OpPrefix:
			ok = strings.HasPrefix(s, v)
		case OpSuffix:
			ok = strings.HasSuffix(s, v)
		default:
			ok = s == v
		}
		if ok {
			return true
		}
	}
	return false
}
