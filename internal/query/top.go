package query

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// mostTop bounds the rows that are looked for by their order alone.
const mostTop = 2000

// top is what restricts the main statement to the rows that a page can show:
// a first, narrow pass over the same groups sums only what they are ordered
// by. Measures and properties are then read for those rows alone.
//
// The rows found are all whose rank is within the page's end, ties included,
// by the names they have in the answer; the engine orders and cuts them as
// ever. Rows of idle and overhead are not restricted.
type top struct {
	join string // a FROM item with the columns t_s, t_kind, t_0, … and t_n
	on   string
}

// topOf returns nil where every row is needed: without a limit, where rows
// take shared cost or give idle to __idle__, and for groups so coarse that the
// second pass would cost more than it saves.
func (r *allocRun) topOf(l *layout, table string) (*top, error) {
	last := r.q.Offset + r.q.Limit
	order, ok := topOrder(r.q.SortBy, l)
	if !ok || r.q.Limit == 0 || last > mostTop || r.wide || r.q.All || l.apart || r.q.Shares() || !fineGroups(r.dims) {
		return nil, nil
	}
	s := r.statement()
	parts, err := s.group(r.dims)
	if err != nil {
		return nil, err
	}
	if err := s.filter(r.scope, r.rest); err != nil {
		return nil, err
	}
	s.kinds(cost.KindContainer, cost.KindUnmounted)
	exprs := groupExprs(parts)
	s.groups = append([]string{"s", "kind"}, exprs...)
	s.need(order...)
	by := "0"
	if len(order) > 0 {
		by = strings.Join(order, " + ")
	}
	s.values = []string{sumInt(by, true)}
	columns := make([]string, len(exprs))
	conditions := []string{"t_s = s", "t_kind = kind"}
	for i, x := range exprs {
		columns[i] = fmt.Sprintf("t_%d", i)
		conditions = append(conditions, columns[i]+" IS NOT DISTINCT FROM "+x)
	}
	rank := "v"
	if r.q.SortBy == "name" {
		rank = "name"
	}
	if !r.q.Ascending {
		rank += " DESC"
	}
	list := strings.Join(append([]string{"t_s", "t_kind"}, columns...), ", ")
	return &top{
		join: topSQL(s.sqlFrom(r, table), list, nameSQL(parts, columns), rank, last),
		on:   strings.Join(conditions, " AND "),
	}, nil
}

// topOrder returns the columns whose sum rows are ordered by, none for their
// name; ok is false for orders that SQL does not compute.
func topOrder(by string, l *layout) (columns []string, ok bool) {
	all := append(measureColumns(l.costs), measureColumns(l.shares)...)
	having := func(names ...string) ([]string, bool) {
		return slices.DeleteFunc(all, func(c string) bool {
			return !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(c, n) })
		}), true
	}
	switch by {
	case "", "cost", "totalCost":
		return all, true
	case "cpuCost":
		return having("cpu_cost", "idle_cpu_")
	case "ramCost":
		return having("ram_cost", "idle_ram_")
	case "gpuCost":
		return having("gpu_cost", "idle_gpu_")
	case "pvCost":
		return having("pv_cost")
	case "name":
		return nil, true
	}
	return nil, false
}

// nameSQL is keyOf and nameOf in SQL, over columns with the values of the
// groups' expressions.
func nameSQL(parts []groupPart, columns []string) string {
	missing := "CASE t_kind WHEN " + literal(string(cost.KindUnmounted)) + " THEN " + literal(cost.UnmountedName) + " ELSE " + literal(cost.UnallocatedName) + " END"
	names := make([]string, len(parts))
	for i, p := range parts {
		n := len(p.exprs)
		text := "coalesce(" + columns[n-1] + ", '')"
		if n == 2 { // controllerKey
			kind := "coalesce(" + columns[0] + ", '')"
			text = "CASE WHEN '' IN (" + kind + ", " + text + ") THEN " + text + " ELSE " + kind + " || ':' || " + text + " END"
		}
		names[i] = "coalesce(nullif(" + text + ", ''), " + missing + ")"
		columns = columns[n:]
	}
	return strings.Join(names, " || '/' || ")
}
