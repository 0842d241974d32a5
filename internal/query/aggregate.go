package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// maxDimensions bounds one aggregate; more than this many is a mistake.
const maxDimensions = 12

// ParseAggregate reads the aggregate parameter: a comma-separated list of
// properties, label:x and annotation:x, or "all". Property names are read in
// any case, label keys are brought to their canonical spelling.
//
// "" gives no dimensions and all=false: the finest rows of the source. all is
// true for "all": one row for the whole.
func ParseAggregate(s, source string) (dims []Dimension, all bool, err error) {
	if strings.TrimSpace(s) == "" {
		return nil, false, nil
	}
	known := aggregateKeys(source)
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		d, isAll, err := parseDimension(part, source, known)
		switch {
		case err != nil:
			return nil, false, err
		case isAll:
			all = true
		default:
			dims = append(dims, d)
		}
	}
	if all && len(dims) > 0 {
		return nil, false, invalid("aggregate", `"all" cannot be combined with other properties`, "")
	}
	if len(dims) > maxDimensions {
		return nil, false, invalid("aggregate", fmt.Sprintf("more than %d properties", maxDimensions), "")
	}
	return dims, all, nil
}

func parseDimension(part, source string, known map[string]Dimension) (d Dimension, all bool, err error) {
	if part == "" {
		return d, false, invalid("aggregate", "has an empty part", "remove the extra comma")
	}
	word := strings.ToLower(part)
	if word == "all" {
		return d, true, nil
	}
	if d, ok := known[word]; ok {
		return d, false, nil
	}
	property, key, ok := cutKeyed(part)
	if ok && (property == "label" || (property == "annotation" && source == SourceAllocation)) {
		key = cost.SanitizeLabel(key)
		if key == "" {
			return d, false, invalid("aggregate", fmt.Sprintf("%q names no %s", part, property), "write "+property+":app")
		}
		if property == "label" && cost.PerPodLabel(key) {
			return d, false, droppedLabelError("aggregate", key)
		}
		return Dimension{Property: property, Key: key}, false, nil
	}
	if word == "label" || word == "annotation" {
		return d, false, invalid("aggregate", fmt.Sprintf("%q names no key", part), "write "+word+":app")
	}
	names := append(slices.Collect(maps.Keys(known)), "label:x", "all")
	if source == SourceAllocation {
		names = append(names, "annotation:x")
	}
	return d, false, unknownKey("aggregate", "", part, names)
}

// cutKeyed reads label:x and label[x].
func cutKeyed(part string) (property, key string, ok bool) {
	if before, after, found := strings.Cut(part, ":"); found {
		return strings.ToLower(strings.TrimSpace(before)), strings.TrimSpace(after), true
	}
	if before, after, found := strings.Cut(part, "["); found && strings.HasSuffix(after, "]") {
		return strings.ToLower(strings.TrimSpace(before)), strings.TrimSpace(strings.TrimSuffix(after, "]")), true
	}
	return "", "", false
}
