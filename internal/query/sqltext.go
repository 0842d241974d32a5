package query

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// This file holds everything that is particular to DuckDB's dialect. Another
// engine needs another version of these functions only.

// literal writes a string as an SQL literal.
func literal(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "'", "''")
	if !strings.Contains(s, "\x00") {
		return "'" + s + "'"
	}
	return "('" + strings.ReplaceAll(s, "\x00", "' || chr(0) || '") + "')"
}

// literals writes a list for IN.
func literals(values []string) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(literal(v))
	}
	return b.String()
}

// dayLiteral writes a date.
func dayLiteral(d cost.Day) string { return "DATE '" + d.String() + "'" }

// dayNumber is the day since the epoch of a column day.
const dayNumber = "(day - DATE '1970-01-01')"

// compare writes a comparison of a text expression with one value.
func compare(expr string, op Op, value string) string {
	v := literal(value)
	switch op {
	case OpContains:
		return "contains(" + expr + ", " + v + ")"
	case OpPrefix:
		return "starts_with(" + expr + ", " + v + ")"
	case OpSuffix:
		return "suffix(" + expr + ", " + v + ")"
	default:
		return expr + " = " + v
	}
}

// containsFold tests for a substring without regard to case.
func containsFold(expr, value string) string {
	return "contains(lower(" + expr + "), " + literal(strings.ToLower(value)) + ")"
}

// sumInt is an exact sum. Narrow sums arrive as BIGINT, several times cheaper
// to read; one that does not fit is an error of the statement (see
// isOverflow), which is then run again wide.
func sumInt(expr string, wide bool) string {
	if wide {
		return "sum(" + expr + ")"
	}
	return "sum(" + expr + ")::BIGINT"
}

// sumFloat is an exact sum, rounded once at the end.
func sumFloat(expr string) string { return "sum(" + expr + ")::DOUBLE" }

// isOverflow tells whether a statement failed because a narrow sum, or the
// costs of one row together, did not fit.
func isOverflow(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "Conversion Error") && strings.Contains(text, "INT128") || strings.Contains(text, "Overflow in addition")
}

// topSQL is the groups of a statement over (list, v) whose names rank within
// the first last of their set, ties and reserved names included, and the number
// of names in the set, t_n.
func topSQL(groups, list, name, rank string, last int) string {
	return fmt.Sprintf(`(WITH g AS (SELECT *, %s AS name FROM (%s) x(%s, v)),
p AS (SELECT t_s, name, count(*) OVER (PARTITION BY t_s) AS t_n FROM (SELECT t_s, name, sum(v) AS v FROM g GROUP BY t_s, name)
QUALIFY rank() OVER (PARTITION BY t_s ORDER BY %s) <= %d OR suffix(name, %s) OR suffix(name, %s))
SELECT %s, t_n FROM g JOIN p USING (t_s, name))`,
		name, groups, list, rank, last, literal(cost.IdleName), literal(cost.OverheadName), list)
}

// boundsSQL asks for what the engine knows of the range of columns, without
// reading them. The bounds may be wider than the values.
func boundsSQL(table string, columns []string) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = "stats(" + c + ")"
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + table + " LIMIT 1"
}

// boundsAreZero reads an answer of boundsSQL.
func boundsAreZero(bounds string) bool { return strings.HasPrefix(bounds, "[Min: 0, Max: 0]") }

// onlyText is the one value of a text column in a group, NULL where there are
// several. Comparing hashes by bits costs half of comparing minimum and maximum.
func onlyText(column string) string {
	return fmt.Sprintf("CASE WHEN bit_and(hash(%[1]s)) = bit_or(hash(%[1]s)) THEN any_value(%[1]s) END", column)
}

// onlyInt is onlyText for an integer column.
func onlyInt(column string) string {
	return fmt.Sprintf("CASE WHEN bit_and(%[1]s) = bit_or(%[1]s) THEN any_value(%[1]s) END", column)
}

// firstOfList is the first part of a comma-separated list.
func firstOfList(column string) string {
	return "CASE WHEN contains(" + column + ", ',') THEN split_part(" + column + ", ',', 1) ELSE " + column + " END"
}

// anyOfList tells whether a part of a comma-separated list passes a test of
// the variable x.
func anyOfList(column, test string) string {
	return "len(list_filter(string_split(" + column + ", ','), lambda x: " + test + ")) > 0"
}

// intDiv divides integers, cutting the remainder off.
func intDiv(expr string, by int64) string {
	if by == 1 {
		return "(" + expr + ")"
	}
	return "((" + expr + ") // " + strconv.FormatInt(by, 10) + ")"
}

// whenDays is the condition that a row's day is one of days, which ascend.
func whenDays(days []cost.Day) string {
	var parts []string
	for i := 0; i < len(days); {
		j := i
		for j+1 < len(days) && days[j+1] == days[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, "day = "+dayLiteral(days[i]))
		} else {
			parts = append(parts, fmt.Sprintf("day BETWEEN %s AND %s", dayLiteral(days[i]), dayLiteral(days[j])))
		}
		i = j + 1
	}
	return orAll(parts)
}

// whenHours is the condition that a row of an hourly table lies in one of the
// parts, which ascend. The day is named too, because the tables are sorted by
// it.
func whenHours(parts []hourPart) string {
	var out []string
	for i := 0; i < len(parts); {
		j := i
		for j+1 < len(parts) && parts[j+1].span.Start == parts[j].span.End {
			j++
		}
		out = append(out, fmt.Sprintf("(day BETWEEN %s AND %s AND hour >= %d AND hour < %d)",
			dayLiteral(parts[i].day), dayLiteral(parts[j].day), parts[i].span.Start, parts[j].span.End))
		i = j + 1
	}
	return orAll(out)
}

func orAll(parts []string) string {
	switch len(parts) {
	case 0:
		return "FALSE"
	case 1:
		return parts[0]
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

func andAll(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" && p != "TRUE" {
			out = append(out, p)
		}
	}
	switch len(out) {
	case 0:
		return "TRUE"
	case 1:
		return out[0]
	}
	return "(" + strings.Join(out, " AND ") + ")"
}

// source is one SELECT over the tables of a plan: the set (s), the unit of
// sharing (u, a day or an hour) and the columns asked for.
func (p *timePlan) source(dayTable, hourTable string, columns []string, where string) string {
	list := ""
	if len(columns) > 0 {
		list = ", " + strings.Join(columns, ", ")
	}
	var parts []string
	if len(p.days) > 0 {
		days := make([]cost.Day, len(p.days))
		for i, d := range p.days {
			days[i] = d.day
		}
		set, join := p.setOfDay()
		parts = append(parts, fmt.Sprintf("SELECT %s AS s, %s AS u%s FROM %s%s WHERE %s", set, dayNumber, list, dayTable, join, andAll(whenDays(days), p.without, where)))
	}
	if len(p.hours) > 0 {
		set, join, unit := p.setOfHour()
		parts = append(parts, fmt.Sprintf("SELECT %s AS s, %s AS u%s FROM %s%s WHERE %s", set, unit, list, hourTable, join, andAll(whenHours(p.hours), p.without, where)))
	}
	if len(parts) == 0 {
		return fmt.Sprintf("SELECT 0 AS s, 0 AS u%s FROM %s WHERE FALSE", list, dayTable)
	}
	return strings.Join(parts, "\nUNION ALL\n")
}

// notOf is the condition that a row is not of days of clusters.
func notOf(without []ClusterDays) string {
	var parts []string
	for _, w := range without {
		days := slices.Clone(w.Days)
		slices.Sort(days)
		of := "(" + whenDays(days) + ")"
		if w.Clusters != nil {
			of = "cluster IN (" + literals(w.Clusters) + ") AND " + of
		}
		parts = append(parts, "NOT ("+of+")")
	}
	return andAll(parts...)
}

// setOfDay returns the expression for the set of a rollup row, and a join it
// may need.
func (p *timePlan) setOfDay() (expr, join string) {
	if len(p.sets) == 1 {
		return "0", ""
	}
	if p.step > 0 {
		uniform := true
		for _, d := range p.days {
			first := int64(d.day.FirstHour() - p.start)
			uniform = uniform && first >= 0 && first/p.step == int64(d.set)
		}
		if uniform {
			return intDiv(fmt.Sprintf("%s * 24 - %d", dayNumber, p.start), p.step), ""
		}
	}
	pairs := make([]string, len(p.days))
	for i, d := range p.days {
		pairs[i] = fmt.Sprintf("(%s, %d)", dayLiteral(d.day), d.set)
	}
	return "m.s", " JOIN (VALUES " + strings.Join(pairs, ", ") + ") m(day, s) USING (day)"
}

// setOfHour is setOfDay for hourly rows; unit is the unit of sharing.
func (p *timePlan) setOfHour() (expr, join, unit string) {
	unit = dayNumber
	if p.byHour {
		unit = "hour"
	}
	switch {
	case len(p.sets) == 1:
		return "0", "", unit
	case p.step > 0:
		return intDiv(fmt.Sprintf("hour - %d", p.start), p.step), "", unit
	}
	// Calendar sets: a day lies in one set.
	pairs := make([]string, 0, len(p.hours))
	for _, h := range p.hours {
		pairs = append(pairs, fmt.Sprintf("(%s, %d)", dayLiteral(h.day), h.set))
	}
	return "m.s", " JOIN (VALUES " + strings.Join(pairs, ", ") + ") m(day, s) USING (day)", unit
}
