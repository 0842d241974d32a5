package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// labelSet is the four sets of a row: the pod's labels, its namespace's, and
// their annotations. Assets have the first only.
type labelSet [4]cost.Labels

// labelHash is the SQL expression that tells label sets of one load apart.
// A hash of one dictionary-encoded column costs next to nothing.
func labelHash(columns []string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = "hash(" + c + ")"
	}
	return "hash(" + strings.Join(parts, ", ") + ")"
}

// labelCacheSize bounds the label sets remembered between loads.
const labelCacheSize = 1 << 15

// internLabels leaves the temporary table labelset (lk → labels_id) for the
// files, and adds unknown sets to label_kv.
func (l *loader) internLabels(ctx context.Context, spec *dataset) error {
	if spec.labels == nil {
		return nil
	}
	any4 := make([]string, 4)
	for i := range any4 {
		any4[i] = "''"
		if i < len(spec.labels) {
			any4[i] = "any_value(" + spec.labels[i] + ")"
		}
	}
	rows, err := l.tx.QueryContext(ctx, fmt.Sprintf("SELECT (%s >> 1)::BIGINT AS lk, %s FROM src GROUP BY 1",
		labelHash(spec.labels), strings.Join(any4, ", ")))
	if err != nil {
		return fmt.Errorf("read labels: %w", err)
	}
	defer rows.Close()
	type row struct {
		LK int64 `json:"lk"`
		ID int64 `json:"labels_id"`
	}
	var found []row
	sets := map[int64]labelSet{} // not yet known to be in label_kv
	for rows.Next() {
		var r row
		var set labelSet
		if err := rows.Scan(&r.LK, &set[0], &set[1], &set[2], &set[3]); err != nil {
			return fmt.Errorf("read labels: %w", err)
		}
		e := l.store.labels.reduce(set)
		r.ID = e.id
		if r.ID != 0 {
			sets[r.ID] = e.reduced
		}
		found = append(found, r)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read labels: %w", err)
	}
	if err := l.stage(ctx, "labelset", "lk BIGINT, labels_id BIGINT", found); err != nil {
		return err
	}
	return l.addLabels(ctx, sets)
}

// addLabels inserts the sets that label_kv lacks.
func (l *loader) addLabels(ctx context.Context, sets map[int64]labelSet) error {
	rows, err := l.tx.QueryContext(ctx, `SELECT DISTINCT labels_id FROM label_kv WHERE labels_id IN (SELECT labels_id FROM labelset)`)
	if err != nil {
		return fmt.Errorf("read known labels: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("read known labels: %w", err)
		}
		delete(sets, id)
	}
	if err := rows.Err(); err != nil || len(sets) == 0 {
		return err
	}
	var out []labelRow
	for _, id := range slices.Sorted(maps.Keys(sets)) {
		out = append(out, sets[id].rows(id)...)
	}
	return l.insertJSON(ctx, "label_kv", "labels_id BIGINT, scope VARCHAR, key VARCHAR, value VARCHAR", out)
}

// labelRow is one row of label_kv.
type labelRow struct {
	ID    int64  `json:"labels_id"`
	Scope string `json:"scope"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

// The scopes of label_kv.
const (
	scopeLabel               = "label" // effective: the pod's over the namespace's
	scopePod                 = "pod"
	scopeNamespace           = "namespace"
	scopeAnnotation          = "annotation" // effective
	scopeNamespaceAnnotation = "namespace_annotation"
)

// rows returns the dictionary's rows of a reduced set.
func (s labelSet) rows(id int64) []labelRow {
	pod, namespace := s[0].Map(), s[1].Map()
	annotations, nsAnnotations := s[2].Map(), s[3].Map()
	var out []labelRow
	add := func(scope string, m map[string]string) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			out = append(out, labelRow{id, scope, k, m[k]})
		}
	}
	add(scopeLabel, over(pod, namespace))
	add(scopePod, pod)
	add(scopeNamespace, namespace)
	add(scopeAnnotation, over(annotations, nsAnnotations))
	add(scopeNamespaceAnnotation, nsAnnotations)
	return out
}

func over(strong, weak map[string]string) map[string]string {
	m := maps.Clone(weak)
	if m == nil {
		m = map[string]string{}
	}
	maps.Copy(m, strong)
	return m
}

// reduce drops the labels that differ from pod to pod (docs/model.md says so)
// and brings every set into canonical form.
func (s labelSet) reduce() labelSet {
	for i := range s {
		m := s[i].Map()
		maps.DeleteFunc(m, func(k, _ string) bool { return cost.PerPodLabel(k) })
		s[i] = cost.LabelsOf(m)
	}
	return s
}

// id is the set's identity: 63 bits of a SHA-256 over the reduced set, the same
// in every store; 0 for no labels at all.
func (s labelSet) id() int64 {
	if s == (labelSet{}) {
		return 0
	}
	h := sha256.New()
	for _, part := range s {
		_ = binary.Write(h, binary.BigEndian, int64(len(part)))
		h.Write([]byte(part))
	}
	return int64(binary.BigEndian.Uint64(h.Sum(nil)) >> 1)
}

// labelCache remembers the reduction of label sets as they stand in files. It
// is used by the writer only.
type labelCache map[labelSet]labelEntry

type labelEntry struct {
	id      int64
	reduced labelSet
}

func (c labelCache) reduce(set labelSet) labelEntry {
	e, ok := c[set]
	if !ok {
		reduced := set.reduce()
		e = labelEntry{reduced.id(), reduced}
		if len(c) >= labelCacheSize {
			clear(c)
		}
		c[set] = e
	}
	return e
}
