package query

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// propertyColumns are the columns whose value all rows behind an answer row
// may have in common, and, last, the one that is a number.
var propertyColumns = [...]string{
	"cluster", "namespace", "controller_kind", "controller", "node", "pod", "container", "services", "asset_id", "labels_id",
}

const (
	propCluster = iota
	propNamespace
	propControllerKind
	propController
	propNode
	propPod
	propContainer
	propServices
	propAsset
	propLabels
)

// propertyReader tells where the properties of a row come from: from the
// dimensions it is grouped by, or from columns computed beside its measures.
type propertyReader struct {
	known    [][2]int // property, index into the values of the group expressions
	computed []int    // properties, in the order of their columns
}

// newPropertyReader chooses the columns. Those that only a workload can have
// in common are computed only when something as fine as a controller or a node
// is asked for: over a namespace or a cluster they would cost more than the
// sums.
func newPropertyReader(dims []Dimension, exprs []string) *propertyReader {
	p := &propertyReader{}
	fine := fineGroups(dims)
	for i, c := range propertyColumns {
		if at := slices.Index(exprs, c); at >= 0 {
			p.known = append(p.known, [2]int{i, at})
		} else if fine || i <= propNamespace {
			p.computed = append(p.computed, i)
		}
	}
	return p
}

// fineGroups tells whether rows are as fine as a controller or a node.
func fineGroups(dims []Dimension) bool {
	return slices.ContainsFunc(dims, func(d Dimension) bool {
		switch d.Property {
		case "node", "pod", "container", "controller":
			return true
		}
		return false
	})
}

// expr is the one value of a property in a group, NULL where there are
// several.
func (p *propertyReader) expr(property int) string {
	if property == propLabels {
		return onlyInt(propertyColumns[property])
	}
	return onlyText(propertyColumns[property])
}

// rowProperties are the values seen of the properties of a row.
type rowProperties struct {
	seen    [len(propertyColumns)]bool
	several [len(propertyColumns)]bool
	text    [len(propertyColumns)]string
	labels  int64
}

// propertyTable holds the properties of the rows of an answer in the making.
type propertyTable map[*AllocationRow]*rowProperties

// merge takes in the properties of one more part of a row.
func (t propertyTable) merge(row *AllocationRow, p *propertyReader, group []string, computed []any) {
	props := t[row]
	if props == nil {
		props = &rowProperties{}
		t[row] = props
	}
	note := func(i int, text string, labels int64, several bool) {
		switch {
		case several || props.seen[i] && (props.text[i] != text || i == propLabels && props.labels != labels):
			props.several[i] = true
		case i == propLabels:
			props.labels = labels
		default:
			props.text[i] = text
		}
		props.seen[i] = true
	}
	for _, k := range p.known {
		note(k[0], group[k[1]], 0, false)
	}
	for i, property := range p.computed {
		v := computed[i]
		if property == propLabels {
			note(property, "", integer(v), v == nil)
		} else {
			note(property, textOf(v), 0, v == nil)
		}
	}
}

// only returns a property's value, "" where there are several.
func (p *rowProperties) only(i int) string {
	if p.several[i] {
		return ""
	}
	return p.text[i]
}

// fillProperties writes the properties of the rows of an answer and reads
// their labels and provider IDs.
func (r *allocRun) fillProperties(rows []*AllocationRow) error {
	labels := map[int64][]*AllocationRow{}
	assets := map[string][]*AllocationRow{}
	for _, row := range rows {
		seen, ok := r.props[row]
		if !ok {
			continue
		}
		p := &row.Props
		p.Cluster, p.Namespace = seen.only(propCluster), seen.only(propNamespace)
		p.ControllerKind, p.Controller = seen.only(propControllerKind), seen.only(propController)
		p.Node, p.Pod, p.Container = seen.only(propNode), seen.only(propPod), seen.only(propContainer)
		if s := seen.only(propServices); s != "" {
			p.Services = strings.Split(s, ",")
		}
		if !seen.several[propLabels] && seen.labels != 0 {
			labels[seen.labels] = append(labels[seen.labels], row)
		}
		if a := seen.only(propAsset); a != "" && p.Cluster != "" {
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

func idLiteral(id int64) string { return strconv.FormatInt(id, 10) }

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

// fillLabels reads label sets. Rows of one set share its maps.
func (e *Engine) fillLabels(ctx context.Context, rows map[int64][]*AllocationRow) error {
	sets := make(map[int64]*Properties, len(rows))
	for id := range rows {
		sets[id] = &Properties{}
	}
	err := chunks(rows, idLiteral, func(list string) error {
		q := "SELECT labels_id, scope, key, value FROM label_kv WHERE labels_id IN (" + list + ")"
		return e.each(ctx, q, func(v []any) error {
			p, key, value := sets[integer(v[0])], textOf(v[2]), textOf(v[3])
			switch textOf(v[1]) {
			case "label":
				setPair(&p.Labels, key, value)
			case "annotation":
				setPair(&p.Annotations, key, value)
			case "namespace":
				setPair(&p.NamespaceLabels, key, value)
			case "namespace_annotation":
				setPair(&p.NamespaceAnnotations, key, value)
			}
			return nil
		})
	})
	for id, of := range rows {
		p := sets[id]
		for _, row := range of {
			row.Props.Labels, row.Props.Annotations = p.Labels, p.Annotations
			row.Props.NamespaceLabels, row.Props.NamespaceAnnotations = p.NamespaceLabels, p.NamespaceAnnotations
		}
	}
	return err
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
