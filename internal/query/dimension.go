package query

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// groupPart is how one dimension is grouped by in SQL, and how a part of a
// key is made of the values that come back.
type groupPart struct {
	exprs []string
	part  func(values []string) string // "" when missing
}

func firstValue(v []string) string { return v[0] }

// containerDimensions is what an answer is grouped by when nothing is asked
// for: the finest rows, as in OpenCost.
func containerDimensions() []Dimension {
	return []Dimension{{Property: "cluster"}, {Property: "node"}, {Property: "namespace"}, {Property: "pod"}, {Property: "container"}}
}

// group writes the dimensions of an aggregate.
func (b *textBuilder) group(dims []Dimension) ([]groupPart, error) {
	parts := make([]groupPart, len(dims))
	for i, d := range dims {
		var err error
		if parts[i], err = b.groupPart(d); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

func (b *textBuilder) groupPart(d Dimension) (groupPart, error) {
	one := func(expr string) (groupPart, error) { return groupPart{[]string{expr}, firstValue}, nil }
	switch {
	case d.Property == "label" || d.Property == "annotation" && b.source == SourceAllocation:
		if d.Property == "label" && cost.PerPodLabel(d.Key) {
			return groupPart{}, droppedLabelError("aggregate", d.Key)
		}
		return one(b.labelValue(d.Property, d.Key))
	case slices.Contains(aliasProperties, d.Property):
		return one(b.aliasValue(b.aliases[d.Property]))
	case b.source == SourceAllocation && d.Property == "service":
		b.need("services")
		return one(firstOfList("services"))
	case b.source == SourceAllocation && d.Property == "controller":
		b.need("controller_kind", "controller")
		if d.Kind != "" {
			return one("CASE WHEN controller_kind = " + literal(d.Kind) + " THEN controller ELSE '' END")
		}
		return groupPart{[]string{"controller_kind", "controller"}, controllerKey}, nil
	}
	expr, err := b.property(d.Property)
	if err != nil {
		return groupPart{}, invalid("aggregate", fmt.Sprintf("%q cannot be asked of %s rows", d.Property, b.source), "")
	}
	return one(expr)
}

// controllerKey is OpenCost's: kind:name.
func controllerKey(v []string) string {
	if v[1] == "" || v[0] == "" {
		return v[1]
	}
	return v[0] + ":" + v[1]
}

// groupExprs is the list of expressions of all parts.
func groupExprs(parts []groupPart) []string {
	var out []string
	for _, p := range parts {
		out = append(out, p.exprs...)
	}
	return out
}

// keyOf makes a key of the values of groupExprs; missing stands for "".
func keyOf(parts []groupPart, values []string, missing string) []string {
	key := make([]string, len(parts))
	for i, p := range parts {
		n := len(p.exprs)
		if key[i] = p.part(values[:n]); key[i] == "" {
			key[i] = missing
		}
		values = values[n:]
	}
	return key
}

// nameOf joins a key as OpenCost does.
func nameOf(key []string) string { return strings.Join(key, "/") }

// dayTable is the smallest daily rollup of allocations that has all of these
// columns. What a rollup has not as a key it holds where it is single, which
// serves properties but no group and no filter.
func dayTable(columns []string) string {
	table := "alloc_day_namespace"
	for _, c := range columns {
		switch c {
		case "node", "asset_id", "pod", "pod_uid", "container":
			return "alloc_day_container"
		case "controller_kind", "controller", "services", "labels_id":
			table = "alloc_day_controller"
		}
	}
	return table
}

// assetCategoryText is the category of an asset by its type.
const assetCategoryText = "CASE type WHEN 'Node' THEN 'Compute' WHEN 'Disk' THEN 'Storage' WHEN 'LoadBalancer' THEN 'Network' " +
	"WHEN 'Network' THEN 'Network' WHEN 'ClusterManagement' THEN 'Management' ELSE 'Other' END"

func assetTypeNamed(s string) (string, bool) {
	for _, t := range []cost.AssetType{cost.AssetNode, cost.AssetDisk, cost.AssetLoadBalancer, cost.AssetClusterManagement, cost.AssetNetwork} {
		if strings.EqualFold(s, string(t)) {
			return string(t), true
		}
	}
	return "", false
}
