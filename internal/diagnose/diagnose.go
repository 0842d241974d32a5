package diagnose

import (
	"cmp"
	"slices"
	"strings"
)

// Facts is what is known about one failure. Only Text is needed.
type Facts struct {
	Text    string // the whole error text or log line
	Code    string // the service's error code, "" when unknown: taken from Text then
	Status  int    // HTTP status, 0 when unknown
	Action  string // what was tried: "s3:PutObject", "sts:AssumeRole"; "" taken from Text
	Service string // "s3", "sts", "athena", "glue", "kms", "gcs", "azure", "filesystem", "network"; "" unknown
	With    Names  // names to fill into cause and fix where Text has none
}

// Names are the operator's own names, so that a fix can be pasted. Empty ones
// become <placeholders>.
type Names struct {
	Bucket, Prefix, Key         string
	Region, Endpoint, Partition string
	Account, CallerARN, RoleARN string
	ClusterID                   string
	KMSKeyARN                   string
	OIDCIssuer                  string // URL, "https://oidc.eks.…"
	Subject, Audience           string // of the service account's token
	Namespace, ServiceAccount   string
}

// SnippetKind tells what a Snippet is.
type SnippetKind string

// The kinds of snippets.
const (
	IAMPolicy    SnippetKind = "iam-policy"
	TrustPolicy  SnippetKind = "trust-policy"
	BucketPolicy SnippetKind = "bucket-policy"
	KeyPolicy    SnippetKind = "key-policy"
	Command      SnippetKind = "command"
	YAML         SnippetKind = "yaml"
)

// Snippet is something to paste.
type Snippet struct {
	Kind  SnippetKind
	Where string // "on role X in account Y"
	Text  string
}

// Basis is the ground on which a row's text is known.
type Basis string

// The grounds, best first.
const (
	// Proven: a test of this repository got the failure from a real server or
	// the real library; Row.ProvenBy names it.
	Proven Basis = "proven"
	// Recorded: the text was recorded from the real service, or quoted in its
	// documentation or an issue thread; Row.Source tells where.
	Recorded Basis = "recorded"
	// Memory: written from memory; only code and short pieces are matched.
	Memory Basis = "memory"
)

// Diagnosis is the explanation of one failure.
type Diagnosis struct {
	ID        string    // stable, kebab case: "sts-assume-role-denied"
	Title     string    // one line
	Cause     string    // what happened, most likely first
	Fix       string    // what to change, one or more sentences
	Snippets  []Snippet // to paste, names filled in
	Doc       string    // "docs/operate/errors.md#<id>"
	Basis     Basis
	Harmless  bool       // no failure: the program deals with it by itself
	RequestID string     // of the request that failed, "" when unknown
	First     *Diagnosis // something to look at before this, or nil
}

// docPage is the generated page that every Diagnosis links to.
const docPage = "docs/operate/errors.md"

// Explain finds the row that fits best and fills in the names. It returns false
// for what is not in the catalogue.
func Explain(f Facts) (Diagnosis, bool) {
	r := read(f)
	var best *row
	bestScore := 0
	for _, c := range table() {
		if s := c.score(r); s > bestScore {
			best, bestScore = c, s
		}
	}
	if best == nil {
		return Diagnosis{}, false
	}
	return best.diagnose(r), true
}

// Lookup explains by id, for callers that found the cause by other means than a
// text, such as a check that tried a write with and without an ACL. It returns
// false for an unknown id.
func Lookup(id string, f Facts) (Diagnosis, bool) {
	c, ok := lookupRow(id)
	if !ok {
		return Diagnosis{}, false
	}
	return c.diagnose(read(f)), true
}

// diagnose fills the row with what was read.
func (c *row) diagnose(r *reading) Diagnosis {
	d := Diagnosis{
		ID: c.ID, Title: capital(r.fill(c.Title)), Cause: r.fill(c.Cause), Fix: r.fill(c.Fix),
		Doc: docPage + "#" + c.ID, Basis: c.Basis, Harmless: c.Harmless, RequestID: r.requestID,
	}
	for _, s := range c.Snippets {
		d.Snippets = append(d.Snippets, Snippet{Kind: s.Kind, Where: r.fill(s.Where), Text: r.fill(s.Text)})
	}
	if c.identity && c.ID != nodeRole && r.onNodeRole() {
		first, _ := lookupRow(nodeRole)
		f := first.diagnose(r)
		f.RequestID = ""
		d.First = &f
	}
	return d
}

// capital lets a line begin with a capital where a name did not stand first.
func capital(title string) string {
	if rest, ok := strings.CutPrefix(title, "the "); ok {
		return "The " + rest
	}
	return title
}

func lookupRow(id string) (*row, bool) {
	rows := table()
	i := slices.IndexFunc(rows, func(c *row) bool { return c.ID == id })
	if i < 0 {
		return nil, false
	}
	return rows[i], true
}

// Row is one failure of the catalogue, as documentation shows it: names are
// <placeholders>.
type Row struct {
	Diagnosis

	Group    string   // heading under which the page shows it
	Codes    []string // error codes that it matches, ascending; may be empty
	Examples []string // texts of which each is explained by this row
	Source   string   // where the text comes from; "" when from memory
	ProvenBy string   // the test that proves it, "package.Test"; only with Proven
}

// Catalogue lists every row, in the order of the page.
func Catalogue() []Row {
	blank := read(Facts{})
	rows := table()
	out := make([]Row, 0, len(rows))
	for _, c := range rows {
		out = append(out, Row{
			Diagnosis: c.diagnose(blank), Group: c.group, Codes: c.codes(),
			Examples: slices.Clone(c.Examples), Source: c.Source, ProvenBy: c.ProvenBy,
		})
	}
	return out
}

// Count counts rows by basis.
func Count(rows []Row) map[Basis]int {
	n := map[Basis]int{}
	for i := range rows {
		n[rows[i].Basis]++
	}
	return n
}

// Brief is the diagnosis in one line, for a log or a table: what happened.
func (d Diagnosis) Brief() string {
	if d.First != nil {
		return d.First.Title + "; then: " + d.Title
	}
	return d.Title
}

// Say is the diagnosis in two pieces of prose, for a log or an API: what
// happened and what to do. What to look at first stands first.
func (d Diagnosis) Say() (cause, fix string) {
	cause, fix = d.Title+". "+d.Cause, d.Fix
	if d.First != nil {
		cause, fix = d.First.Title+". "+d.First.Cause, d.First.Fix+" Then: "+d.Title+": "+d.Fix
	}
	return cause, fix
}

const width = 88

// Text lays the diagnosis out for a terminal: what to look at first, then
// title, cause, fix and what to paste. Paragraphs are wrapped; snippets are not.
func (d Diagnosis) Text() string {
	var b strings.Builder
	if d.First != nil {
		b.WriteString("Look at this first.\n\n")
		b.WriteString(d.First.Text())
		b.WriteString("\nThen:\n\n")
	}
	b.WriteString(wrap("", d.Title+" ["+d.ID+"]"))
	b.WriteString(wrap("Cause: ", d.Cause))
	b.WriteString(wrap("Fix:   ", d.Fix))
	for _, s := range d.Snippets {
		b.WriteString("\n  " + cmp.Or(s.Where, string(s.Kind)) + ":\n\n")
		for line := range strings.Lines(s.Text) {
			b.WriteString("    " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	if len(d.Snippets) > 0 {
		b.WriteByte('\n')
	}
	if d.RequestID != "" {
		b.WriteString("Request: " + d.RequestID + "\n")
	}
	b.WriteString("See:   " + d.Doc + "\n")
	return b.String()
}

// wrap breaks text into lines below width, indented under its label.
func wrap(label, text string) string {
	indent := strings.Repeat(" ", len(label))
	var b strings.Builder
	b.WriteString(label)
	column, start := len(label), true
	for _, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case start:
		case column+1+n > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column, start = column+n, false
	}
	b.WriteByte('\n')
	return b.String()
}
