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
	return l.roll(ctx, spec, "("+spec.hourSelect(src)+")")
}

// tables are the dataset's tables: the hourly one first.
func (d *dataset) tables() []string {
	switch d.name {
	case Allocation:
		return []string{d.hourTable, "alloc_day_container", "alloc_day_controller"}
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

// hourSelect selects the rows of the hours taken from src, in the columns of
// the hourly table.
func (d *dataset) hourSelect(src *source) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SELECT DATE '1970-01-01' + (take.hour // 24)::INTEGER AS day, take.hour AS hour")
	for _, k := range slices.Concat(d.keys, d.flags) {
		b.WriteString(", src." + k)
	}
	if d.labels != nil {
		b.WriteString(", labels_id")
	}
	if d.span {
		b.WriteString(", take.us + start_seconds::BIGINT * 1000000 AS start_us, take.us + end_seconds::BIGINT * 1000000 AS end_us, price_source")
	}
	for _, m := range d.measures {
		b.WriteString(", " + src.integer("src."+m.name, m.scale) + " AS " + m.name)
	}
	switch d.name {
	case Allocation:
		for _, c := range idleShares {
			b.WriteString(", " + c)
		}
	case Asset:
		b.WriteString(", CASE WHEN starts_with(price_source, 'default') THEN " + src.integer(strings.Join(d.costs, " + "), nano) + " ELSE 0 END AS default_cost")
	case Attachment:
	}
	b.WriteString(" FROM src JOIN take ON take.fi = src.fi AND take.us = epoch_us(src.window_start)")
	if d.labels != nil {
		b.WriteString(" JOIN labelset ON lk = (" + labelHash(d.labels) + " >> 1)::BIGINT")
	}
	if d.name == Allocation {
		b.WriteString(" JOIN share ON share.rk = src.rk")
	}
	return b.String()
}

// roll makes the daily rows from hourly ones, given as a FROM item.
func (l *loader) roll(ctx context.Context, spec *dataset, from string) error {
	day := spec.tables()[1]
	text := spec.rollSelect(from, spec.dayKeys())
	if spec.name != Allocation {
		return l.exec(ctx, "INSERT INTO "+day+" BY NAME "+text)
	}
	// The smaller rollup is made from the larger: some twenty times fewer rows.
	for _, q := range []string{
		"CREATE OR REPLACE TEMP TABLE rolled AS " + text,
		"INSERT INTO alloc_day_container BY NAME SELECT * FROM rolled ORDER BY day, cluster, namespace, controller, pod, container",
		"INSERT INTO alloc_day_controller BY NAME SELECT * FROM (" + spec.rollSelect("rolled", controllerKeys) +
			") ORDER BY day, cluster, namespace, controller",
	} {
		if err := l.exec(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// controllerKeys tell the rows of alloc_day_controller apart.
var controllerKeys = []string{"day", "cluster", "kind", "namespace", "controller_kind", "controller", "services", "labels_id"}

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

// rollSelect aggregates the rows of from by keys. A text column that is not a
// key keeps its value if it has only one, and is NULL ("several") otherwise.
func (d *dataset) rollSelect(from string, keys []string) string {
	var b strings.Builder
	b.WriteString("SELECT " + strings.Join(keys, ", "))
	single := slices.Clone(d.keys)
	if d.span {
		single = append(single, "price_source")
		b.WriteString(", min(start_us) AS start_us, max(end_us) AS end_us")
	}
	for _, k := range single {
		if !slices.Contains(keys, k) {
			fmt.Fprintf(&b, ", CASE WHEN min(%[1]s) = max(%[1]s) AND count(%[1]s) = count(*) THEN min(%[1]s) END AS %[1]s", k)
		}
	}
	for _, m := range d.measures {
		fn := map[rollup]string{rollSum: "sum", rollMin: "min", rollMax: "max"}[m.roll]
		fmt.Fprintf(&b, ", %s(%s)::BIGINT AS %[2]s", fn, m.name)
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
