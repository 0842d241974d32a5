package query

import (
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// statement is one SELECT over allocation rows in the making.
type statement struct {
	*textBuilder
	where  []string
	groups []string
	values []string
}

func (r *allocRun) statement() *statement {
	return &statement{textBuilder: newTextBuilder(SourceAllocation, r.e.aliases.Load().keys, r.meta)}
}

// filter adds a condition of the grammar.
func (s *statement) filter(nodes ...Node) error {
	for _, n := range nodes {
		text, err := s.condition(n)
		if err != nil {
			return err
		}
		s.where = append(s.where, text)
	}
	return nil
}

func (s *statement) kinds(kinds ...cost.Kind) {
	s.need("kind")
	if len(kinds) == 1 {
		s.where = append(s.where, "kind = "+literal(string(kinds[0])))
		return
	}
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	s.where = append(s.where, "kind IN ("+literals(names)+")")
}

func (s *statement) measures(ms []allocMeasure, wide bool) {
	for _, m := range ms {
		s.need(m.column)
		s.values = append(s.values, m.expr(wide))
	}
}

// limit restricts the groups to those of top, if there is one. With others set
// there are rows of other kinds, which stay.
func (s *statement) limit(t *top, others bool) {
	if t == nil {
		return
	}
	kind := "JOIN "
	if others {
		kind = "LEFT JOIN "
		s.where = append(s.where, "(t_n IS NOT NULL OR kind NOT IN ("+literals([]string{string(cost.KindContainer), string(cost.KindUnmounted)})+"))")
	}
	s.joins = append(s.joins, kind+t.join+" top ON "+t.on)
	s.values = append(s.values, "any_value(t_n)")
}

// sql writes the statement over the smallest tables that can answer it.
func (s *statement) sql(r *allocRun) string { return s.sqlFrom(r, dayTable(s.columns)) }

func (s *statement) sqlFrom(r *allocRun, dayTable string) string {
	if odd := r.meta.inCurrency(); odd != "TRUE" {
		s.need("cluster")
		s.where = append(s.where, odd)
	}
	list := append(slices.Clone(s.groups), s.values...)
	text := "SELECT " + strings.Join(list, ", ") + "\nFROM (" + r.plan.source(dayTable, "alloc_hour", s.columns, "") + ") r"
	if len(s.joins) > 0 {
		text += "\n" + strings.Join(s.joins, "\n")
	}
	if w := andAll(s.where...); w != "TRUE" {
		text += "\nWHERE " + w
	}
	if len(s.groups) > 0 {
		text += "\nGROUP BY " + ordinals(len(s.groups))
	}
	return text
}
