package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// The output formats.
const (
	outTable = "table"
	outWide  = "wide"
	outJSON  = "json"
	outYAML  = "yaml"
	outCSV   = "csv"
)

func outputs() []string { return []string{outTable, outWide, outJSON, outYAML, outCSV} }

func (r *remote) check(allowed ...string) error {
	if len(allowed) == 0 {
		allowed = outputs()
	}
	if !slices.Contains(allowed, r.output) {
		return &usageError{fmt.Errorf("-o %s: use one of %s", r.output, strings.Join(allowed, ", "))}
	}
	return nil
}

// dump writes an answer as JSON or YAML, with every number as the server wrote
// it.
func dump(w io.Writer, format string, body []byte) error {
	if format == outYAML {
		text, err := yaml.JSONToYAML(body)
		if err != nil {
			return fmt.Errorf("write YAML: %w", err)
		}
		_, err = w.Write(text)
		return err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(body), "", "  "); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	out.WriteByte('\n')
	_, err := w.Write(out.Bytes())
	return err
}

// newTable returns a plain table: columns, no frames, numbers to the right.
func newTable(env *Env, header []string, numbers int) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(env.Stdout)
	t.SuppressTrailingSpaces()
	style := table.StyleDefault
	style.Name = "fleetcost"
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "   "
	style.Options = table.Options{SeparateFooter: true}
	style.Box.MiddleHorizontal = "-"
	style.Format = table.FormatOptions{}
	if env.color() {
		style.Color = table.ColorOptions{Header: text.Colors{text.Bold}, Footer: text.Colors{text.Bold}}
	}
	t.SetStyle(style)
	row := make(table.Row, len(header))
	configs := make([]table.ColumnConfig, 0, numbers)
	for i, h := range header {
		row[i] = h
		if i >= len(header)-numbers {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight, AlignFooter: text.AlignRight})
		}
	}
	t.AppendHeader(row)
	t.SetColumnConfigs(configs)
	return t
}

// money rounds an exact amount for people.
func money(n json.Number) string {
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return "-"
	}
	return group(r.FloatString(2))
}

// exact adds amounts without rounding.
func exact(parts ...json.Number) *big.Rat {
	sum := new(big.Rat)
	for _, p := range parts {
		if r, ok := new(big.Rat).SetString(p.String()); ok {
			sum.Add(sum, r)
		}
	}
	return sum
}

// decimal writes an exact amount as a number; amounts end at the ninth decimal.
func decimal(r *big.Rat) json.Number {
	s := strings.TrimRight(r.FloatString(9), "0")
	return json.Number(strings.TrimSuffix(s, "."))
}

// group puts a comma between every three digits before the point.
func group(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, frac, _ := strings.Cut(s, ".")
	var b strings.Builder
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	if frac != "" {
		b.WriteString("." + frac)
	}
	return sign + b.String()
}

func number(n json.Number, decimals int) string {
	f, err := n.Float64()
	if err != nil {
		return "-"
	}
	return group(strconv.FormatFloat(f, 'f', decimals, 64))
}

func percent(n json.Number) string {
	f, err := n.Float64()
	if err != nil {
		return "-"
	}
	return strconv.FormatFloat(100*f, 'f', 1, 64) + "%"
}

// gib is the number of bytes of a GiB.
const gib = 1 << 30

func gibibytes(n json.Number, decimals int) string {
	f, err := n.Float64()
	if err != nil {
		return "-"
	}
	return group(strconv.FormatFloat(f/gib, 'f', decimals, 64))
}

// showMeta writes the line of currency and period and the line of
// completeness.
func showMeta(w io.Writer, m *meta, shown int) {
	rows := fmt.Sprintf("%d rows", shown)
	if m.RowCount > shown {
		rows = fmt.Sprintf("%d of %d rows", shown, m.RowCount)
	}
	currency := m.Currency
	if currency == "" {
		currency = "no currency yet"
	}
	fmt.Fprintf(w, "\n%s, %s to %s (UTC), %s\n", currency, m.Window.Start, m.Window.End, rows)
	fmt.Fprintln(w, completeness(m))
}

// maxNamed bounds how many incomplete clusters one line names.
const maxNamed = 5

func completeness(m *meta) string {
	c := &m.Completeness
	if c.HoursExpected == 0 {
		return "complete: no hour of any cluster is expected in this period"
	}
	if !m.partial() {
		return fmt.Sprintf("complete: %s of %s cluster-hours", group(strconv.FormatInt(c.HoursPresent, 10)), group(strconv.FormatInt(c.HoursExpected, 10)))
	}
	line := fmt.Sprintf("partial: %s of %s cluster-hours (%.1f%%)", group(strconv.FormatInt(c.HoursPresent, 10)),
		group(strconv.FormatInt(c.HoursExpected, 10)), 100*float64(c.HoursPresent)/float64(c.HoursExpected))
	if c.HoursPartial > 0 {
		line += fmt.Sprintf(", %s of them covered in part", group(strconv.FormatInt(c.HoursPartial, 10)))
	}
	var named []string
	missing := 0
	for _, k := range c.Clusters {
		if k.HoursPresent >= k.HoursExpected && k.HoursPartial == 0 {
			continue
		}
		if missing++; missing > maxNamed {
			continue
		}
		s := fmt.Sprintf("%s %d of %d", k.Cluster, k.HoursPresent, k.HoursExpected)
		if k.HoursPartial > 0 {
			s += fmt.Sprintf(", %d in part", k.HoursPartial)
		}
		if k.SilentSince != "" {
			s += ", silent since " + k.SilentSince
		}
		named = append(named, s)
	}
	if len(named) > 0 {
		line += ": " + strings.Join(named, "; ")
	}
	if missing > maxNamed {
		line += fmt.Sprintf("; and %d more", missing-maxNamed)
	}
	return line
}

// finish turns a partial answer into its exit code. Formats for machines have
// no line of completeness among their rows: it goes to the standard error.
func (r *remote) finish(env *Env, m *meta) error {
	if !m.partial() || r.allowPartial {
		return nil
	}
	if r.output != outTable && r.output != outWide {
		fmt.Fprintln(env.Stderr, completeness(m))
	}
	return errPartial
}

func warn(env *Env, warning string) {
	if warning != "" {
		fmt.Fprintln(env.Stderr, "warning: "+warning)
	}
}
