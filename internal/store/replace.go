package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// replace deletes the parts' old rows and inserts the new ones: hourly rows if
// hours is set, and the rollups. With keep some hourly rows stay, and the
// rollups are made from the hourly table; otherwise straight from the files.
// src may be nil: then nothing takes the old rows' place.
func (l *loader) replace(ctx context.Context, spec *dataset, src *source, hours, keep bool) error {
	if err := l.deleteStale(ctx, spec); err != nil {
		return err
	}
	if src != nil && hours {
		if err := l.exec(ctx, "INSERT INTO "+spec.hourTable+" BY NAME "+spec.hourSelect(src)); err != nil {
			return err
		}
	}
	if keep {
		from := "(SELECT t.* FROM " + spec.hourTable + " t JOIN part USING (cluster, day))"
		return l.roll(ctx, spec, from)
	}
	if src == nil {
		return nil
	}
	if spec.name == Allocation {
		return l.rollDown(ctx, spec, spec.fileRollByHash(src), "first_row")
	}
	return l.roll(ctx, spec, "("+spec.fileRoll(src)+")")
}

// tables are the dataset's tables: the hourly one first.
func (d *dataset) tables() []string {
	switch d.name {
	case Allocation:
		return []string{d.hourTable, "alloc_day_container", "alloc_day_controller", "alloc_day_namespace"}
	case Asset:
		return []string{d.hourTable, "asset_day"}
	case Attachment:
		return []string{d.hourTable, "attachment_day"}
	}
	return nil
}

func (l *loader) deleteStale(ctx context.Context, spec *dataset) error {
	var n int
	if err := l.tx.QueryRowContext(ctx, "SELECT count(*) FROM stale").Scan(&n); err != nil {
		return fmt.Errorf("count stale parts: %w", err)
	}
	if n == 0 {
		return nil
	}
	for i, table := range spec.tables() {
		kept := ""
		if i == 0 {
			kept = " AND NOT list_contains(s.keep, t.hour)"
		}
		if err := l.exec(ctx, "DELETE FROM "+table+" t USING stale s WHERE t.cluster = s.cluster AND t.day = s.day"+kept); err != nil {
			return err
		}
	}
	return nil
}

// day, hour and µs of a row of src.
const (
	srcDay  = "(DATE '1970-01-01' + (epoch_us(src.window_start) // 86400000000)::INTEGER)"
	srcHour = "(epoch_us(src.window_start) // 3600000000)::INTEGER"
	srcUS   = "epoch_us(src.window_start)"
)

// taken joins to src what belongs to its rows, and leaves only those of the
// hours taken.
func (d *dataset) taken() string {
	if d.name == Allocation {
		return " FROM src JOIN share ON share.rk = src.rk" // has the hours taken only
	}
	return " FROM src JOIN take ON take.fi = src.fi AND take.us = epoch_us(src.window_start)"
}

// hourSelect selects the rows of the hours taken from src, in the columns of
// the hourly table.
func (d *dataset) hourSelect(src *source) string {
	var b strings.Builder
	b.WriteString("SELECT " + srcDay + " AS day, " + srcHour + " AS hour")
	for _, k := range slices.Concat(d.keys, d.flags) {
		b.WriteString(", src." + k)
	}
	if d.labels != nil {
		b.WriteString(", labels_id")
	}
	if d.span {
		b.WriteString(", " + srcUS + " + start_seconds::BIGINT * 1000000 AS start_us, " + srcUS + " + end_seconds::BIGINT * 1000000 AS end_us, price_source")
	}
	for _, m := range d.measures {
		b.WriteString(", " + src.integer(m.name, m.scale) + " AS " + m.name)
	}
	switch d.name {
	case Allocation:
		for _, c := range idleShares {
			b.WriteString(", " + src.idleShare(c) + " AS " + c)
		}
	case Asset:
		b.WriteString(", CASE WHEN starts_with(price_source, 'default') THEN " + sumOf(src, d.costs) + " ELSE 0 END AS default_cost")
	case Attachment:
	}
	b.WriteString(d.taken())
	if d.labels != nil {
		b.WriteString(" JOIN labelset ON lk = (" + labelHash(d.labels) + " >> 1)::BIGINT")
	}
	return b.String()
}

// idleShare is the column of the table share, or 0 where it has none.
func (s *source) idleShare(column string) string {
	if s.idle[strings.Split(column, "_")[1]] {
		return column
	}
	return "0::BIGINT"
}

func sumOf(src *source, costs []string) string {
	parts := make([]string, len(costs))
	for i, c := range costs {
		parts[i] = src.integer(c, nano)
	}
	return "(" + strings.Join(parts, " + ") + ")"
}

// fileRoll aggregates src straight from the files to rows per day: the first
// and by far largest step of a rollup, so it sums the columns as they are and
// converts the sums. It answers with the columns of rollSelect, and may have
// several rows of one key.
func (d *dataset) fileRoll(src *source) string {
	var in, out strings.Builder
	keys := slices.Concat(d.keys, d.flags)
	in.WriteString("SELECT " + srcDay + " AS day")
	out.WriteString("SELECT day")
	for _, k := range keys {
		in.WriteString(", src." + k)
		out.WriteString(", " + k)
	}
	if d.span {
		fmt.Fprintf(&in, ", price_source, min(%[1]s + start_seconds::BIGINT * 1000000) AS start_us, max(%[1]s + end_seconds::BIGINT * 1000000) AS end_us", srcUS)
		out.WriteString(", price_source, start_us, end_us")
	}
	for _, m := range d.measures {
		fmt.Fprintf(&in, ", %s AS %s", src.summed(m.name, m), m.name)
		out.WriteString(", " + m.name)
	}
	if d.name == Asset {
		fmt.Fprintf(&in, ", sum(CASE WHEN starts_with(price_source, 'default') THEN %s ELSE 0 END)::BIGINT AS default_cost", sumOf(src, d.costs))
		out.WriteString(", default_cost")
	}
	if d.labels == nil {
		return in.String() + d.taken() + " GROUP BY ALL"
	}
	fmt.Fprintf(&in, ", (%s >> 1)::BIGINT AS lk%s GROUP BY ALL", labelHash(d.labels), d.taken())
	return out.String() + ", labels_id FROM (" + in.String() + ") JOIN labelset USING (lk)"
}

// fileRollByHash aggregates allocation rows straight from the files to those of
// alloc_day_container, and first_row, which sorts them as the files do. Rows are
// told apart by two independent 64-bit hashes of their text keys instead of by a
// dozen strings: the columns come with dictionaries, so that each distinct
// string is hashed once, and equal hashes of both kinds do not happen by chance.
func (d *dataset) fileRollByHash(src *source) string {
	var b strings.Builder
	b.WriteString("SELECT " + srcDay + " AS day, labels_id")
	texts := slices.DeleteFunc(slices.Clone(d.keys), func(k string) bool { return k == "pod_uid" })
	one, other := make([]string, len(texts)), make([]string, len(texts))
	for i, k := range texts {
		one[i], other[len(texts)-1-i] = "hash(src."+k+")", "hash('#' || src."+k+")"
		fmt.Fprintf(&b, ", any_value(src.%[1]s) AS %[1]s", k)
	}
	for _, k := range []string{"pod_uid", "price_source"} {
		fmt.Fprintf(&b, ", CASE WHEN min(hash(src.%[1]s)) = max(hash(src.%[1]s)) THEN any_value(src.%[1]s) END AS %[1]s", k)
	}
	fmt.Fprintf(&b, ", min(%[1]s + start_seconds::BIGINT * 1000000) AS start_us, max(%[1]s + end_seconds::BIGINT * 1000000) AS end_us", srcUS)
	for _, m := range d.measures {
		b.WriteString(", " + src.summed(m.name, m) + " AS " + m.name)
	}
	for _, c := range idleShares {
		if share := src.idleShare(c); share == c {
			fmt.Fprintf(&b, ", sum(%[1]s)::BIGINT AS %[1]s", c)
		} else {
			b.WriteString(", " + share + " AS " + c)
		}
	}
	fmt.Fprintf(&b, ", min(src.rk) AS first_row%s JOIN labelset ON lk = (%s >> 1)::BIGINT GROUP BY %s, labels_id, hash(%s), hash(%s)",
		d.taken(), labelHash(d.labels), srcDay, strings.Join(one, ", "), strings.Join(other, ", "))
	return b.String()
}

// roll makes the daily rows from hourly ones, given as a FROM item.
func (l *loader) roll(ctx context.Context, spec *dataset, from string) error {
	day := spec.tables()[1]
	text := spec.rollSelect(from, spec.dayKeys())
	if spec.name != Allocation {
		return l.exec(ctx, "INSERT INTO "+day+" BY NAME "+text)
	}
	return l.rollDown(ctx, spec, text, "namespace, controller, pod, container")
}

// rollDown fills the daily allocation tables from the rows that text selects,
// those of the largest; each smaller one is made from the next larger. Within
// a cluster-day rows are sorted by the columns of order.
func (l *loader) rollDown(ctx context.Context, spec *dataset, text, order string) error {
	for _, q := range []string{
		"CREATE OR REPLACE TEMP TABLE rolled AS " + text,
		"INSERT INTO alloc_day_container BY NAME SELECT COLUMNS(c -> c <> 'first_row') FROM rolled ORDER BY day, cluster, " + order,
		"CREATE OR REPLACE TEMP TABLE rolled_controller AS " + spec.rollSelect("rolled", controllerKeys),
		"INSERT INTO alloc_day_controller BY NAME SELECT * FROM rolled_controller ORDER BY day, cluster, namespace, controller",
		"INSERT INTO alloc_day_namespace BY NAME SELECT * FROM (" + spec.rollSelect("rolled_controller", namespaceKeys) +
			") ORDER BY day, cluster, namespace",
	} {
		if err := l.exec(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// controllerKeys and namespaceKeys tell the rows of alloc_day_controller and
// alloc_day_namespace apart.
var (
	controllerKeys = []string{"day", "cluster", "kind", "namespace", "controller_kind", "controller", "services", "labels_id"}
	namespaceKeys  = []string{"day", "cluster", "kind", "namespace"}
)

// dayKeys tell the rows of the dataset's (larger) daily table apart.
func (d *dataset) dayKeys() []string {
	keys := append([]string{"day"}, d.keys...)
	keys = append(keys, d.flags...)
	if d.labels != nil {
		keys = append(keys, "labels_id")
	}
	if d.name == Allocation {
		keys = slices.DeleteFunc(keys, func(k string) bool { return k == "pod_uid" })
	}
	return keys
}

// rollSelect aggregates the rows of from by keys. A text column or label set
// that is not a key keeps its value if it has only one, and is NULL ("several")
// otherwise; several within one of the rows stays several.
func (d *dataset) rollSelect(from string, keys []string) string {
	var b strings.Builder
	b.WriteString("SELECT " + strings.Join(keys, ", "))
	single := slices.Clone(d.keys)
	if d.span {
		single = append(single, "price_source")
		b.WriteString(", min(start_us) AS start_us, max(end_us) AS end_us")
	}
	if d.labels != nil {
		single = append(single, "labels_id")
	}
	for _, k := range single {
		if !slices.Contains(keys, k) {
			fmt.Fprintf(&b, ", CASE WHEN min(hash(%[1]s)) = max(hash(%[1]s)) THEN any_value(%[1]s) END AS %[1]s", k)
		}
	}
	for _, m := range d.measures {
		fmt.Fprintf(&b, ", %s(%s)::BIGINT AS %[2]s", m.roll.function(), m.name)
	}
	extra := []string{}
	switch d.name {
	case Allocation:
		extra = idleShares
	case Asset:
		extra = []string{"default_cost"}
	case Attachment:
	}
	for _, c := range extra {
		fmt.Fprintf(&b, ", sum(%s)::BIGINT AS %[1]s", c)
	}
	b.WriteString(" FROM " + from + " GROUP BY " + strings.Join(keys, ", "))
	return b.String()
}
