package storagecheck

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// evidenceWidth is where evidence wraps on a terminal.
const evidenceWidth = 88

// writeReport shows a report to people: what to look at first, one line a
// step, then cause and fix of what is not well.
func writeReport(env *Surroundings, r *Report) {
	w := env.Stdout
	if first := r.first(); first != "" {
		fmt.Fprintf(w, "Look at this first.\n\n%s\n", first)
	}
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SuppressTrailingSpaces()
	style := table.StyleDefault
	style.Name = "fleetcost"
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "   "
	style.Options = table.Options{}
	style.Format = table.FormatOptions{}
	if env.Color {
		style.Color = table.ColorOptions{Header: text.Colors{text.Bold}}
	}
	t.SetStyle(style)
	if env.Wrap {
		t.SetColumnConfigs([]table.ColumnConfig{{Number: 4, WidthMax: evidenceWidth, WidthMaxEnforcer: text.WrapSoft}})
	}
	t.AppendHeader(table.Row{"CHECK", "RESULT", "TIME", "EVIDENCE"})
	for i := range r.Checks {
		c := &r.Checks[i]
		result := string(c.Result)
		if env.Color {
			result = resultColor(c.Result).Sprint(result)
		}
		took := "-"
		if c.Result != Skip {
			took = fmt.Sprintf("%d ms", c.Duration.Milliseconds())
		}
		t.AppendRow(table.Row{c.Name, result, took, c.Evidence})
	}
	t.Render()
	shown := map[diagnose.Snippet]string{}
	for i := range r.Checks {
		c := &r.Checks[i]
		if c.Name == checkIdentity && c.First != "" {
			continue // it stands at the top
		}
		if c.Result == Fail || c.Result == Warn {
			writeCheck(w, c, shown)
		}
	}
	fmt.Fprintf(w, "\n%s\n", r.summary())
	for _, key := range r.Leftover {
		fmt.Fprintf(env.Stderr, "warning: the probe object %s could not be removed: remove it\n", key)
	}
}

func resultColor(r Result) text.Colors {
	switch r {
	case OK:
		return text.Colors{text.FgGreen}
	case Warn:
		return text.Colors{text.FgYellow}
	case Fail:
		return text.Colors{text.FgRed, text.Bold}
	default:
		return text.Colors{text.Faint}
	}
}

// first is what to look at before all else.
func (r *Report) first() string {
	for i := range r.Checks {
		if r.Checks[i].First != "" {
			return r.Checks[i].First
		}
	}
	return ""
}

// writeCheck tells what to do about a step. What is to be pasted is shown once;
// shown remembers under which step.
func writeCheck(w io.Writer, c *Check, shown map[diagnose.Snippet]string) {
	fmt.Fprintf(w, "\n%s: %s\n", c.Name, c.Result)
	for _, p := range []struct{ label, text string }{{"Cause: ", c.Cause}, {"Fix:   ", c.Fix}} {
		if p.text != "" {
			indent := "\n         "
			fmt.Fprintf(w, "  %s%s\n", p.label, strings.ReplaceAll(text.WrapSoft(p.text, evidenceWidth), "\n", indent))
		}
	}
	for _, s := range c.Snippets {
		if under := shown[s]; under != "" {
			fmt.Fprintf(w, "  Paste: as under %s\n", under)
			continue
		}
		shown[s] = c.Name
		fmt.Fprintf(w, "\n  %s:\n\n", where(s))
		for line := range strings.Lines(s.Text) {
			fmt.Fprintf(w, "    %s\n", strings.TrimRight(line, "\n"))
		}
	}
	if c.Doc != "" {
		fmt.Fprintf(w, "  See:   %s\n", c.Doc)
	}
}

func where(s diagnose.Snippet) string {
	if s.Where != "" {
		return s.Where
	}
	return string(s.Kind)
}

func (r *Report) summary() string {
	n := map[Result]int{}
	for i := range r.Checks {
		n[r.Checks[i].Result]++
	}
	parts := []string{fmt.Sprintf("%d ok", n[OK])}
	for _, x := range []struct {
		result Result
		word   string
	}{{Warn, "to improve"}, {Fail, "failed"}, {Skip, "not tried"}} {
		if n[x.result] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[x.result], x.word))
		}
	}
	who := string(r.Role)
	if r.Cluster != "" {
		who += " of " + r.Cluster
	}
	name := r.Bucket
	if name == "" {
		name = "no bucket"
	}
	return fmt.Sprintf("%s, as %s: %s (%.1f s)", name, who, strings.Join(parts, ", "), r.Duration.Seconds())
}

// The JSON forms; they are an interface, so fields are only added.
type (
	reportJSON struct {
		Bucket         string      `json:"bucket"`
		Role           Role        `json:"role"`
		ClusterID      string      `json:"clusterId,omitempty"`
		ExitCode       int         `json:"exitCode"`
		DurationMillis int64       `json:"durationMillis"`
		First          string      `json:"first,omitempty"`
		Checks         []checkJSON `json:"checks"`
		Leftover       []string    `json:"leftover"`
	}
	checkJSON struct {
		Name           string        `json:"name"`
		Result         Result        `json:"result"`
		Evidence       string        `json:"evidence"`
		Cause          string        `json:"cause,omitempty"`
		Fix            string        `json:"fix,omitempty"`
		Snippets       []snippetJSON `json:"snippets,omitempty"`
		ID             string        `json:"id,omitempty"`
		Doc            string        `json:"doc,omitempty"`
		DurationMillis int64         `json:"durationMillis"`
	}
	snippetJSON struct {
		Kind  diagnose.SnippetKind `json:"kind"`
		Where string               `json:"where"`
		Text  string               `json:"text"`
	}
	diagnosisJSON struct {
		ID        string         `json:"id"`
		Title     string         `json:"title"`
		Cause     string         `json:"cause"`
		Fix       string         `json:"fix"`
		Snippets  []snippetJSON  `json:"snippets,omitempty"`
		Doc       string         `json:"doc"`
		Basis     diagnose.Basis `json:"basis"`
		RequestID string         `json:"requestId,omitempty"`
		First     *diagnosisJSON `json:"first,omitempty"`
	}
)

func snippetsJSON(in []diagnose.Snippet) []snippetJSON {
	var out []snippetJSON
	for _, s := range in {
		out = append(out, snippetJSON(s))
	}
	return out
}

func writeReportJSON(w io.Writer, r *Report) error {
	out := reportJSON{
		Bucket: r.Bucket, Role: r.Role, ClusterID: r.Cluster, ExitCode: r.ExitCode(), First: r.first(),
		DurationMillis: r.Duration.Round(time.Millisecond).Milliseconds(), Checks: []checkJSON{}, Leftover: append([]string{}, r.Leftover...),
	}
	for i := range r.Checks {
		c := &r.Checks[i]
		out.Checks = append(out.Checks, checkJSON{
			Name: c.Name, Result: c.Result, Evidence: c.Evidence, Cause: c.Cause, Fix: c.Fix, ID: c.ID, Doc: c.Doc,
			Snippets: snippetsJSON(c.Snippets), DurationMillis: c.Duration.Milliseconds(),
		})
	}
	return writeJSON(w, out)
}

func writeDiagnosesJSON(w io.Writer, found []diagnose.Diagnosis) error {
	out := []*diagnosisJSON{}
	for i := range found {
		out = append(out, toJSON(&found[i]))
	}
	return writeJSON(w, out)
}

func toJSON(d *diagnose.Diagnosis) *diagnosisJSON {
	if d == nil {
		return nil
	}
	return &diagnosisJSON{
		ID: d.ID, Title: d.Title, Cause: d.Cause, Fix: d.Fix, Snippets: snippetsJSON(d.Snippets), Doc: d.Doc,
		Basis: d.Basis, RequestID: d.RequestID, First: toJSON(d.First),
	}
}

func writeJSON(w io.Writer, v any) error {
	body, err := indentJSON(v)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, body)
	return err
}
