package query

import (
	"fmt"
	"sort"
	"strings"

	"github.com/agnivade/levenshtein"
)

// The sources a question can be about, as CompletionQuery.Source and the
// parsers name them.
const (
	SourceAllocation = "allocation"
	SourceAsset      = "asset"
	SourceCloudCost  = "cloudCost"
)

// aliasProperties are labels under a name of their own; which labels they
// stand for is configuration (Config.LabelAliases).
var aliasProperties = []string{"department", "environment", "owner", "product", "team"}

// DefaultLabelAliases returns the labels behind the alias properties where the
// operator says nothing. The first label present wins.
func DefaultLabelAliases() map[string][]string {
	return map[string][]string{
		"department":  {"department"},
		"environment": {"env"},
		"owner":       {"owner"},
		"product":     {"app"},
		"team":        {"team"},
	}
}

// filterKeys maps the keys of the filter grammar to properties, by source.
func filterKeys(source string) map[string]string {
	var m map[string]string
	switch source {
	case SourceAsset:
		m = map[string]string{
			"name": "name", "assetType": "type", "category": "category", "cluster": "cluster", "project": "project",
			"provider": "provider", "providerID": "providerID", "account": "account", "service": "service", "label": "label",
			"region": "region", "zone": "zone", "instanceType": "instanceType", "capacityType": "capacityType",
			"nodePool": "nodePool", "storageClass": "storageClass",
		}
	case SourceCloudCost:
		m = map[string]string{
			"invoiceEntityID": "invoiceEntityID", "invoiceEntityName": "invoiceEntityName", "accountID": "accountID",
			"accountName": "accountName", "regionID": "regionID", "availabilityZone": "availabilityZone", "provider": "provider",
			"providerID": "providerID", "category": "category", "service": "service", "label": "label",
		}
	default:
		m = map[string]string{
			"cluster": "cluster", "node": "node", "namespace": "namespace", "controllerName": "controller",
			"controllerKind": "controllerKind", "pod": "pod", "container": "container", "provider": "provider",
			"services": "service", "label": "label", "annotation": "annotation",
		}
	}
	for _, a := range aliasProperties {
		m[a] = a
	}
	return m
}

// aggregateKeys maps the lower-case words of the aggregate parameter to
// dimensions, by source; label:x and annotation:x are read apart.
func aggregateKeys(source string) map[string]Dimension {
	m := map[string]Dimension{}
	add := func(names ...string) {
		for _, n := range names {
			m[strings.ToLower(n)] = Dimension{Property: n}
		}
	}
	if source == SourceAsset {
		add("account", "cluster", "project", "providerID", "provider", "type", "category", "name", "service",
			"region", "zone", "instanceType", "capacityType", "nodePool", "storageClass")
		m["assettype"] = Dimension{Property: "type"}
		m["nodetype"] = Dimension{Property: "instanceType"}
	} else {
		add("cluster", "node", "namespace", "controller", "controllerKind", "pod", "container", "service", "provider")
		m["services"] = Dimension{Property: "service"}
		m["controllername"] = Dimension{Property: "controller"}
		for _, k := range []string{"deployment", "statefulset", "daemonset", "job", "cronjob", "replicaset", "rollout"} {
			m[k] = Dimension{Property: "controller", Kind: k}
		}
	}
	add(aliasProperties...)
	return m
}

// droppedLabelError refuses a question about a label that differs for every
// pod (cost.PerPodLabel). Such labels are not kept, and answering as if no pod
// had one would be wrong.
func droppedLabelError(param, key string) *Error {
	return invalid(param, fmt.Sprintf("label %q differs for every pod and is not kept", key), "ask by pod or controller instead")
}

// maxWordBytes bounds the words that are compared with the known ones.
const maxWordBytes = 64

// nearest returns the known word closest to s, or "" when none is close.
func nearest(s string, known []string) string {
	if len(s) > maxWordBytes {
		return ""
	}
	sort.Strings(known)
	most := max(1, len(s)/3)
	best, bestDistance := "", 1+most
	for _, k := range known {
		d := levenshtein.ComputeDistance(strings.ToLower(s), strings.ToLower(k))
		if d == 0 || strings.EqualFold(s+"s", k) || strings.EqualFold(s, k+"s") {
			return k
		}
		if d < bestDistance && d < len(k) {
			best, bestDistance = k, d
		}
	}
	if best == "" {
		for _, k := range known { // controller → controllerName
			if len(s) > 2 && strings.HasPrefix(strings.ToLower(k), strings.ToLower(s)) {
				return k
			}
		}
		return ""
	}
	return best
}

// unknownKey is the error for a word that is no property, with the nearest.
func unknownKey(param, where, key string, known []string) *Error {
	sort.Strings(known)
	hint := "known: " + strings.Join(known, ", ")
	if n := nearest(key, known); n != "" {
		hint = fmt.Sprintf("did you mean %q? %s", n, hint)
	}
	return invalid(param, fmt.Sprintf("unknown key %q%s", key, where), hint)
}
