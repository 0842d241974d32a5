package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// propertyReader tells where the properties of a row come from: from the
// dimensions it is grouped by, or from columns computed beside its measures.
type propertyReader struct {
	known    []knownProperty
	computed []computedProperty
}

type knownProperty struct {
	column string
	at     int // index into the values of the group expressions
}

type computedProperty struct {
	column  string
	integer bool
}

func (c computedProperty) expr() string {
	if c.integer {
		return singleInt(c.column)
	}
	return single(c.column)
}

// newPropertyReader chooses the columns. Those that only a workload can have
// in common are computed only when something as fine as a controller or a node
// is asked for: over a namespace or a cluster they would cost more than the
// sums.
func newPropertyReader(dims []Dimension, exprs []string) *propertyReader {
	p := &propertyReader{}
	fine := false
	for _, d := range dims {
		switch d.Property {
		case "node", "pod", "container", "controller":
			fine = true
		}
	}
	for i, c := range []string{"cluster", "namespace", "controller_kind", "controller", "node", "pod", "container", "services", "asset_id"} {
		if at := slices.Index(exprs, c); at >= 0 {
			p.known = append(p.known, knownProperty{c, at})
		} else if fine || i < 2 {
			p.computed = append(p.computed, computedProperty{column: c})
		}
	}
	if fine {
		p.computed = append(p.computed, computedProperty{"labels_id", true})
	}
	return p
}

// propertyTable holds, for each row of an answer in the making, the values
// seen of its properties.
type propertyTable map[*AllocationRow]map[string]propertyValue

type propertyValue struct {
	text    string
	id      int64
	several bool
}

// merge takes in the properties of one more part of a row.
func (t propertyTable) merge(row *AllocationRow, p *propertyReader, group []string, computed []any) {
	seen, old := t[row]
	if !old {
		seen = make(map[string]propertyValue, len(p.known)+len(p.computed))
		t[row] = seen
	}
	note := func(column string, v propertyValue) {
		if was, ok := seen[column]; ok && (was.several || was.text != v.text || was.id != v.id) {
			v = propertyValue{several: true}
		}
		seen[column] = v
	}
	for _, k := range p.known {
		note(k.column, propertyValue{text: group[k.at]})
	}
	for i, c := range p.computed {
		v := computed[3*i : 3*i+3]
		pv := propertyValue{several: integer(v[1]) != integer(v[2])}
		switch {
		case pv.several:
		case c.integer:
			pv.id = integer(v[0])
		default:
			pv.text = textOf(v[0])
		}
		note(c.column, pv)
	}
}

// fill writes the properties of the rows of an answer and reads their labels
// and provider IDs.
func (r *allocRun) fillProperties(rows []*AllocationRow) error {
	labels := map[int64][]*AllocationRow{}
	assets := map[string][]*AllocationRow{}
	for _, row := range rows {
		seen, ok := r.props[row]
		if !ok {
			continue
		}
		p := &row.Props
		p.Cluster, p.Namespace = seen["cluster"].text, seen["namespace"].text
		p.ControllerKind, p.Controller = seen["controller_kind"].text, seen["controller"].text
		p.Node, p.Pod, p.Container = seen["node"].text, seen["pod"].text, seen["container"].text
		if s := seen["services"].text; s != "" {
			p.Services = strings.Split(s, ",")
		}
		if id := seen["labels_id"].id; id != 0 {
			labels[id] = append(labels[id], row)
		}
		if a := seen["asset_id"].text; a != "" && p.Cluster != "" {
			assets[a] = append(assets[a], row)
		}
	}
	if err := r.e.fillLabels(r.ctx, labels); err != nil {
		return err
	}
	return r.fillProviderIDs(assets)
}

// lookupChunk bounds the values of one IN list.
const lookupChunk = 4000

// chunks calls fn with the keys of m as SQL literals, a bounded number at a
// time.
func chunks[K comparable, V any](m map[K]V, lit func(K) string, fn func(list string) error) error {
	list := make([]string, 0, min(len(m), lookupChunk))
	for k := range m {
		list = append(list, lit(k))
		if len(list) == lookupChunk {
			if err := fn(strings.Join(list, ", ")); err != nil {
				return err
			}
			list = list[:0]
		}
	}
	if len(list) == 0 {
		return nil
	}
	return fn(strings.Join(list, ", "))
}

func (e *Engine) fillLabels(ctx context.Context, rows map[int64][]*AllocationRow) error {
	return chunks(rows, func(id int64) string { return fmt.Sprint(id) }, func(list string) error {
		q := "SELECT labels_id, scope, key, value FROM label_kv WHERE labels_id IN (" + list + ")"
		return e.each(ctx, q, func(v []any) error {
			scope, key, value := textOf(v[1]), textOf(v[2]), textOf(v[3])
			for _, row := range rows[integer(v[0])] {
				p := &row.Props
				switch scope {
				case "label":
					setPair(&p.Labels, key, value)
				case "annotation":
					setPair(&p.Annotations, key, value)
				case "namespace":
					setPair(&p.NamespaceLabels, key, value)
				case "namespace_annotation":
					setPair(&p.NamespaceAnnotations, key, value)
				}
			}
			return nil
		})
	})
}

func setPair(m *map[string]string, key, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[key] = value
}

func (r *allocRun) fillProviderIDs(rows map[string][]*AllocationRow) error {
	days := r.q.Window.Days()
	if len(rows) == 0 || len(days) == 0 {
		return nil
	}
	return chunks(rows, literal, func(list string) error {
		q := fmt.Sprintf("SELECT cluster, asset_id, max(provider_id) FROM asset_day WHERE day BETWEEN %s AND %s AND asset_id IN (%s) GROUP BY 1, 2",
			dayLiteral(days[0]), dayLiteral(days[len(days)-1]), list)
		return r.e.each(r.ctx, q, func(v []any) error {
			for _, row := range rows[textOf(v[1])] {
				if row.Props.Cluster == textOf(v[0]) {
					row.Props.ProviderID = textOf(v[2])
				}
			}
			return nil
		})
	})
}
