package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// v1Filters maps the filterX parameters of the old APIs to properties.
func v1Filters(source string) map[string]string {
	m := map[string]string{
		"filterClusters": "cluster", "filterServices": "service", "filterLabels": "label",
		"filterDepartments": "department", "filterEnvironments": "environment", "filterOwners": "owner",
		"filterProducts": "product", "filterTeams": "team", "filterProviders": "provider",
	}
	add := map[string]string{
		"filterNodes": "node", "filterNamespaces": "namespace", "filterControllerKinds": "controllerKind",
		"filterControllers": "controller", "filterPods": "pod", "filterContainers": "container",
		"filterAnnotations": "annotation",
	}
	if source == SourceAsset {
		add = map[string]string{
			"filterTypes": "type", "filterCategories": "category", "filterProjects": "project",
			"filterProviderIDs": "providerID", "filterAccounts": "account", "filterNames": "name",
		}
	}
	maps.Copy(m, add)
	return m
}

// FilterParameters returns the names of the v1 filter parameters of a source,
// sorted.
func FilterParameters(source string) []string {
	return slices.Sorted(maps.Keys(v1Filters(source)))
}

// ParseFilterParameters reads the v1 filter parameters (filterNamespaces=a,b*
// and the like) of a request: values are any of a comma-separated list, a
// trailing * means prefix, parameters are joined by and. filterLabels and
// filterAnnotations take key:value, filterControllers also kind:name.
// Parameters that are not v1 filters are ignored, empty ones are absent.
func ParseFilterParameters(params map[string][]string, source string) (Filter, error) {
	known := v1Filters(source)
	var all []Node
	for _, name := range slices.Sorted(maps.Keys(known)) {
		var either []Node
		for _, list := range params[name] {
			for value := range strings.SplitSeq(list, ",") {
				value = strings.TrimSpace(value)
				if value == "" {
					continue
				}
				n, err := v1Match(name, known[name], value)
				if err != nil {
					return Filter{}, err
				}
				either = append(either, n)
			}
		}
		if n := anyOf(mergeEquals(either)); n != nil {
			all = append(all, n)
		}
	}
	switch len(all) {
	case 0:
		return Filter{}, nil
	case 1:
		return Filter{Root: all[0]}, nil
	}
	return Filter{Root: And{Of: all}}, nil
}

func v1Match(param, property, value string) (Node, error) {
	m := Match{Property: property, Op: OpEquals}
	if strings.HasSuffix(value, "*") {
		m.Op, value = OpPrefix, strings.TrimSuffix(value, "*")
	}
	switch property {
	case "label", "annotation":
		key, v, ok := strings.Cut(value, ":")
		if !ok || strings.TrimSpace(key) == "" {
			return nil, invalid(param, fmt.Sprintf("%q is not key:value", value), "write "+param+"=app:web")
		}
		m.Key, value = cost.SanitizeLabel(strings.TrimSpace(key)), strings.TrimSpace(v)
		if property == "label" && cost.PerPodLabel(m.Key) {
			return nil, droppedLabelError(param, m.Key)
		}
	case "controller":
		if kind, name, ok := strings.Cut(value, ":"); ok {
			m.Values = []string{name}
			return And{Of: []Node{Match{Property: "controllerKind", Op: OpEquals, Values: []string{kind}}, m}}, nil
		}
	}
	m.Values = []string{value}
	return m, nil
}

// mergeEquals puts the values of matches that differ in nothing else into one
// match.
func mergeEquals(nodes []Node) []Node {
	var out []Node
	for _, n := range nodes {
		m, ok := n.(Match)
		if !ok {
			out = append(out, n)
			continue
		}
		merged := false
		for i := range out {
			if o, ok := out[i].(Match); ok && o.Property == m.Property && o.Key == m.Key && o.Op == m.Op {
				o.Values = append(o.Values, m.Values...)
				out[i], merged = o, true
				break
			}
		}
		if !merged {
			out = append(out, m)
		}
	}
	return out
}

func anyOf(nodes []Node) Node {
	switch len(nodes) {
	case 0:
		return nil
	case 1:
		return nodes[0]
	}
	return Or{Of: nodes}
}

// Join returns the filter that matches what all of fs match.
func Join(fs ...Filter) Filter {
	var all []Node
	for _, f := range fs {
		if f.Root != nil {
			all = append(all, f.Root)
		}
	}
	switch len(all) {
	case 0:
		return Filter{}
	case 1:
		return Filter{Root: all[0]}
	}
	return Filter{Root: And{Of: all}}
}
