package cost

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Labels is a set of labels as canonical JSON: an object of strings with its
// keys sorted and no white space, or "" for the empty set. Two equal sets are
// the same string, so a set can be compared, interned and dictionary-encoded
// without being parsed.
type Labels string

// LabelsOf returns the canonical form of m. Keys are expected in their
// canonical spelling (see SanitizeLabel).
func LabelsOf(m map[string]string) Labels {
	if len(m) == 0 {
		return ""
	}
	b, err := json.Marshal(m) // sorts keys
	if err != nil {
		return "" // unreachable: map[string]string always marshals
	}
	return Labels(b)
}

// Map returns the set as a new map; nil for the empty set or for text that is
// not an object of strings.
func (l Labels) Map() map[string]string {
	if l == "" {
		return nil
	}
	var m map[string]string
	if json.Unmarshal([]byte(l), &m) != nil {
		return nil
	}
	return m
}

// SanitizeLabel returns the canonical spelling of a label key: the one that
// kube-state-metrics v2 gives it, snake case with every character outside
// [A-Za-z0-9_] replaced by "_" ("app.kubernetes.io/name" →
// "app_kubernetes_io_name", "teamName" → "team_name"). It is applied to keys
// of every source and to the keys a filter or an aggregate names, so they
// always meet.
func SanitizeLabel(key string) string {
	var b strings.Builder
	prevLower := false
	for _, r := range key {
		switch {
		case r >= 'A' && r <= 'Z':
			// kube-state-metrics turns camel case into snake case: an upper-case
			// letter after a lower-case letter or a digit begins a new word.
			if prevLower {
				b.WriteByte('_')
			}
			b.WriteRune(r + ('a' - 'A'))
			prevLower = false
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
			prevLower = true
		default:
			b.WriteByte('_')
			prevLower = false
		}
	}
	return b.String()
}

// perPodLabels are labels that Kubernetes itself sets and that differ from pod
// to pod or from rollout to rollout, in canonical spelling.
var perPodLabels = map[string]bool{
	"rollouts_pod_template_hash":               true,
	"pod_template_hash":                        true,
	"controller_revision_hash":                 true,
	"pod_template_generation":                  true,
	"statefulset_kubernetes_io_pod_name":       true,
	"apps_kubernetes_io_pod_index":             true,
	"controller_uid":                           true,
	"job_name":                                 true,
	"batch_kubernetes_io_controller_uid":       true,
	"batch_kubernetes_io_job_name":             true,
	"batch_kubernetes_io_job_completion_index": true,
}

// PerPodLabel tells whether a canonical label key is one of those that name a
// single pod or rollout. They say nothing about who pays, repeat what the
// controller columns hold, and make label sets as many as pods (a third of an
// object's bytes, measured on a fleet with job churn), so sources drop them and
// nothing groups or filters by them.
func PerPodLabel(key string) bool { return perPodLabels[key] }

// PerPodLabels lists the keys that PerPodLabel is true of, sorted.
func PerPodLabels() []string { return slices.Sorted(maps.Keys(perPodLabels)) }
