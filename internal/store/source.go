package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// source is the staged view of a set of files: the temporary view src has
// every column of the dataset, and fi and rn, the file's index and the row's
// number in it, also as one number rk. Columns that an older minor version lacks read as zero.
type source struct {
	files []*Object
	// wide says that an amount is so large that doubles would not carry it
	// exactly: slower 128-bit expressions are used.
	wide bool
	// idle tells which resources have idle cost; the table share has columns
	// for those only.
	idle map[string]bool
	// zero are measures that are zero in all files, by the files' statistics:
	// nothing of them is read. Most fleets have no GPU and no network costs.
	zero map[string]bool
}

// exactInDouble bounds an hour's total, in nano-units, below which the sums of
// a whole day survive a division by 1e9 and the multiplication back in doubles:
// 2^51 over 24 hours.
const exactInDouble = 1 << 51 / 24

// sumType is the SQL type for running sums of nano-units.
func (s *source) sumType() string {
	if s.wide {
		return "HUGEINT"
	}
	return "DOUBLE"
}

// integer is the SQL expression for a column as the integer the store holds.
// DuckDB has no cheap way to read the integer behind a DECIMAL. Doubles are
// cheap and exact below 2^51; above, what they lost is added back, which 64-bit
// decimals can tell exactly.
func (s *source) integer(column string, sc scale) string {
	factor, unit := "1000000000", "0.000000001"
	if s.zero[column] {
		return "0::BIGINT"
	}
	switch sc {
	case asIs:
		return column + "::BIGINT"
	case micro:
		factor, unit = "1000000", "0.000001"
	case nano:
	}
	near := "(" + column + "::DOUBLE * " + factor + ")::BIGINT"
	if !s.wide {
		return near
	}
	return "(" + near + " + ((" + column + " - " + near + "::DECIMAL(18,0) * " + unit + ")::DOUBLE * " + factor + ")::BIGINT)"
}

// summed is the SQL expression for the sum of a column over the rows of a day,
// as integer.
func (s *source) summed(column string, m measure) string {
	if s.zero[column] {
		return "0::BIGINT"
	}
	if m.roll == rollSum && !s.wide && m.scale != asIs {
		return s.integer("sum("+column+")", m.scale)
	}
	return m.roll.function() + "(" + s.integer(column, m.scale) + ")::BIGINT"
}

// columnTypes are the Parquet columns of a dataset as DuckDB types them.
func (d *dataset) columnTypes() map[string]string {
	out := map[string]string{"window_start": "TIMESTAMP WITH TIME ZONE"}
	for _, k := range slices.Concat(d.keys, d.labels) {
		out[k] = "VARCHAR"
	}
	for _, k := range d.flags {
		out[k] = "BOOLEAN"
	}
	if d.span {
		out["start_seconds"], out["end_seconds"], out["price_source"] = "INTEGER", "INTEGER", "VARCHAR"
	}
	for _, m := range d.measures {
		switch {
		case m.scale == micro:
			out[m.name] = "DECIMAL(18,6)"
		case m.scale == nano:
			out[m.name] = "DECIMAL(18,9)"
		case strings.HasSuffix(m.name, "_seconds"):
			out[m.name] = "INTEGER"
		default:
			out[m.name] = "BIGINT"
		}
	}
	return out
}

// openSource makes the view src over the files. It refuses files whose
// columns are of another type, and files without the columns that identify a
// row; then it returns nil.
func (l *loader) openSource(ctx context.Context, spec *dataset, files []*Object) (*source, error) {
	list := fileList(files)
	rows, err := l.tx.QueryContext(ctx, `SELECT file_name, name, coalesce(duckdb_type, ''), coalesce(repetition_type, '')
		FROM parquet_schema(`+list+`) WHERE type IS NOT NULL`)
	if err != nil {
		return nil, fmt.Errorf("read the columns: %w", err)
	}
	defer rows.Close()
	byPath := make(map[string]*Object, len(files))
	for _, o := range files {
		byPath[o.Path] = o
	}
	want := spec.columnTypes()
	seen := map[string]int{}     // columns: in how many files
	nullable := map[string]int{} // …optional in how many
	starts := map[string]bool{}
	for rows.Next() {
		var path, name, typ, repetition string
		if err := rows.Scan(&path, &name, &typ, &repetition); err != nil {
			return nil, fmt.Errorf("read the columns: %w", err)
		}
		expect, known := want[name]
		switch {
		case !known: // of a newer minor version, or derived data of somebody else
			continue
		case typ != expect:
			l.refused[byPath[path].Key] = fmt.Sprintf("column %s is %s, the format says %s", name, typ, expect)
		}
		seen[name]++
		if repetition != "REQUIRED" {
			nullable[name]++
		}
		if name == "window_start" {
			starts[path] = true
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the columns: %w", err)
	}
	for path, o := range byPath {
		if !starts[path] {
			l.refused[o.Key] = "no column window_start"
		}
	}
	if len(l.refused) > 0 {
		return nil, nil
	}
	src := &source{files: files}
	if src.zero, err = l.zeroMeasures(ctx, spec, list); err != nil {
		return nil, err
	}
	for name := range src.zero {
		seen[name] = 0 // read as if the files lacked it
	}
	return src, l.makeView(ctx, want, seen, nullable, list, len(files))
}

// zeroMeasures are the measures that are zero in every row of the files, as
// their statistics tell. Measures without statistics are not among them.
func (l *loader) zeroMeasures(ctx context.Context, spec *dataset, list string) (map[string]bool, error) {
	rows, err := l.tx.QueryContext(ctx, `SELECT path_in_schema FROM parquet_metadata(`+list+`) GROUP BY 1
		HAVING bool_and(coalesce(TRY_CAST(stats_min_value AS DOUBLE) = 0 AND TRY_CAST(stats_max_value AS DOUBLE) = 0, false))`)
	if err != nil {
		return nil, fmt.Errorf("read the statistics: %w", err)
	}
	defer rows.Close()
	zero := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("read the statistics: %w", err)
		}
		if slices.ContainsFunc(spec.measures, func(m measure) bool { return m.name == name }) {
			zero[name] = true
		}
	}
	return zero, rows.Err()
}

func (l *loader) makeView(ctx context.Context, want map[string]string, seen, nullable map[string]int, list string, files int) error {
	names := make([]string, 0, len(want))
	for name := range want {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("CREATE OR REPLACE TEMP VIEW src AS SELECT file_index AS fi, file_row_number AS rn, (file_index::BIGINT * 4294967296 + file_row_number) AS rk")
	for _, name := range names {
		zero := "0"
		switch want[name] {
		case "VARCHAR":
			zero = "''"
		case "BOOLEAN":
			zero = "false"
		case "TIMESTAMP WITH TIME ZONE":
			zero = "'epoch'"
		}
		switch {
		case seen[name] == 0:
			fmt.Fprintf(&b, ", %s::%s AS %s", zero, want[name], name)
		case seen[name] < files || nullable[name] > 0:
			fmt.Fprintf(&b, ", coalesce(%s, %s::%s) AS %s", name, zero, want[name], name)
		default:
			b.WriteString(", " + name)
		}
	}
	fmt.Fprintf(&b, " FROM read_parquet(%s, union_by_name=true, hive_partitioning=false, file_row_number=true)", list)
	return l.exec(ctx, b.String())
}

func fileList(files []*Object) string {
	quoted := make([]string, len(files))
	for i, o := range files {
		quoted[i] = quote(o.Path)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// verify compares the files with their metadata: cluster, hours, and rows and
// total of each hour. As a by-product it leaves the temporary table piece, the
// rows and costs per file, hour and asset.
func (l *loader) verify(ctx context.Context, spec *dataset, src *source) error {
	total := strings.Join(spec.costs, " + ")
	low := spec.costs[0]
	if len(spec.costs) > 1 {
		low = "least(" + strings.Join(spec.costs, ", ") + ")"
	}
	group, extra := "fi, window_start", ""
	if spec.name == Allocation {
		group += ", asset_id"
		var sums strings.Builder
		sums.WriteString(", count(*) FILTER (kind NOT IN ('container', 'idle', 'unmounted', 'overhead')) AS odd")
		for _, r := range resources {
			fmt.Fprintf(&sums, `, coalesce(sum(%[1]s_cost) FILTER (kind = 'container'), 0) AS t_%[1]s,
				coalesce(sum(%[1]s_cost) FILTER (kind = 'idle'), 0) AS i_%[1]s`, r)
		}
		extra = sums.String()
	} else {
		extra = ", 0 AS odd"
	}
	if err := l.exec(ctx, fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE piece AS SELECT %s, count(*) AS n, sum(%s) AS total,
		min(%s) AS low, min(cluster) AS c0, max(cluster) AS c1%s FROM src GROUP BY ALL`,
		group, total, low, extra)); err != nil {
		return err
	}
	rows, err := l.tx.QueryContext(ctx, `SELECT fi, epoch_us(window_start), sum(n)::BIGINT, (sum(total)::DECIMAL(38,9) * 1000000000)::HUGEINT::VARCHAR,
		(min(low)::DECIMAL(38,9) * 1000000000)::HUGEINT::BIGINT,
		min(c0), max(c1), sum(odd)::BIGINT FROM piece GROUP BY ALL ORDER BY ALL`)
	if err != nil {
		return fmt.Errorf("count rows: %w", err)
	}
	defer rows.Close()
	found := make([]map[cost.Hour]counted, len(src.files))
	for rows.Next() {
		var fi int
		var us int64
		var c counted
		if err := rows.Scan(&fi, &us, &c.rows, &c.total, &c.low, &c.first, &c.last, &c.odd); err != nil {
			return fmt.Errorf("count rows: %w", err)
		}
		h, ok := cost.HourOfMicros(us)
		if !ok {
			l.refused[src.files[fi].Key] = fmt.Sprintf("a row starts at %d µs, which is not the start of an hour", us)
			continue
		}
		total, fits := new(big.Int).SetString(c.total, 10)
		c.wide = !fits || total.CmpAbs(big.NewInt(exactInDouble)) >= 0
		if found[fi] == nil {
			found[fi] = map[cost.Hour]counted{}
		}
		found[fi][h] = c
		src.wide = src.wide || c.wide
	}
	for fi, o := range src.files {
		if reason := disagreement(o, found[fi]); reason != "" && l.refused[o.Key] == "" {
			l.refused[o.Key] = reason
		}
	}
	return rows.Err()
}

// counted is what a file holds of one hour.
type counted struct {
	rows        int64
	total       string // nano-units
	low         int64  // least single cost
	wide        bool   // the total is beyond exactInDouble
	first, last string // clusters
	odd         int64  // rows of unknown kind
}

// disagreement says how a file's rows differ from its metadata, "" if they do
// not.
func disagreement(o *Object, found map[cost.Hour]counted) string {
	listed := make(map[cost.Hour]bool, len(o.Hours))
	for _, h := range o.Hours {
		listed[h.Hour] = true
		c, ok := found[h.Hour]
		if !ok {
			c.total, c.first, c.last = "0", o.Cluster, o.Cluster
		}
		want := strconv.FormatInt(int64(h.Total), 10)
		switch {
		case c.first != o.Cluster || c.last != o.Cluster:
			return fmt.Sprintf("rows of cluster %q in an object of %q", otherThan(o.Cluster, c.first, c.last), o.Cluster)
		case c.rows != h.Rows:
			return fmt.Sprintf("hour %v has %d rows, the footer says %d", h.Hour, c.rows, h.Rows)
		case c.low < 0:
			return fmt.Sprintf("hour %v has a negative cost, %v", h.Hour, cost.Money(c.low))
		case c.odd > 0:
			return fmt.Sprintf("hour %v has %d rows of an unknown kind", h.Hour, c.odd)
		case c.total != want:
			return fmt.Sprintf("hour %v costs %s nano-units, the footer says %s", h.Hour, c.total, want)
		}
	}
	for h := range found {
		if !listed[h] {
			return fmt.Sprintf("rows of hour %v, which the footer does not list", h)
		}
	}
	return ""
}

func otherThan(cluster, a, b string) string {
	if a != cluster {
		return a
	}
	return b
}

// stage fills a temporary table from Go values. columns is its definition;
// the JSON names of the values are its column names.
func (l *loader) stage(ctx context.Context, table, columns string, values any) error {
	if err := l.exec(ctx, "CREATE OR REPLACE TEMP TABLE "+table+" ("+columns+")"); err != nil {
		return err
	}
	return l.insertJSON(ctx, table, columns, values)
}

// insertJSON inserts Go values into a table by column name.
func (l *loader) insertJSON(ctx context.Context, table, columns string, values any) error {
	text, err := json.Marshal(values)
	if err != nil {
		return fmt.Errorf("stage %s: %w", table, err)
	}
	shape := map[string]any{}
	for c := range strings.SplitSeq(columns, ", ") {
		name, typ, _ := strings.Cut(strings.TrimSpace(c), " ")
		if elem, ok := strings.CutSuffix(typ, "[]"); ok {
			shape[name] = []string{elem}
		} else {
			shape[name] = typ
		}
	}
	form, err := json.Marshal([]any{shape})
	if err != nil {
		return fmt.Errorf("stage %s: %w", table, err)
	}
	return l.exec(ctx, "INSERT INTO "+table+" BY NAME SELECT unnest(from_json(?::JSON, "+quote(string(form))+"), recursive := true)", string(text))
}
