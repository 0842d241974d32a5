package diagnose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Markdown is the catalogue as a page: what is counted, then a section per row
// whose anchor is the row's id.
func Markdown() string {
	rows := Catalogue()
	var b strings.Builder
	b.WriteString(`# Errors

Generated from the code by ` + "`make generate`" + `; do not edit.

What a message of object storage, AWS, Google Cloud, Azure or a disk means, and what to change. ` + "`fleetcost storage explain`" + ` reads a message or a log line on standard input and answers from this page, with your own names filled in; logs, ` + "`status.json`" + ` and ` + "`/api/v1/fleet`" + ` link here.

How well a message is known: **proven** means that a test of this repository got it from a real server or the real library; **recorded** that it was recorded from the real service, or stands in its documentation or an issue thread; **memory** that it was written from memory, so that only its error code and short pieces of it are relied on.

`)
	counts(&b, rows)
	for _, group := range groups(rows) {
		fmt.Fprintf(&b, "\n## %s\n", group)
		for i := range rows {
			if rows[i].Group == group {
				rows[i].markdown(&b)
			}
		}
	}
	return b.String()
}

func groups(rows []Row) []string {
	var out []string
	for i := range rows {
		if !slices.Contains(out, rows[i].Group) {
			out = append(out, rows[i].Group)
		}
	}
	return out
}

func counts(b *strings.Builder, rows []Row) {
	b.WriteString("| | proven | recorded | memory | all |\n|---|---|---|---|---|\n")
	line := func(name string, rows []Row) {
		n := Count(rows)
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d |\n", name, n[Proven], n[Recorded], n[Memory], len(rows))
	}
	for _, group := range groups(rows) {
		line(group, slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Group != group }))
	}
	line("**all**", rows)
}

func (r *Row) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n### %s\n\n**%s.** %s\n\n*What to do:* %s\n", r.ID, escape(r.Title), escape(r.Cause), escape(r.Fix))
	for _, s := range r.Snippets {
		language := "json"
		switch s.Kind {
		case Command:
			language = "sh"
		case YAML:
			language = "yaml"
		}
		where := escape(s.Where)
		fmt.Fprintf(b, "\n%s:\n\n```%s\n%s\n```\n", strings.ToUpper(where[:1])+where[1:], language, s.Text)
	}
	b.WriteString("\n*Seen as:*\n\n```text\n")
	for _, text := range r.Examples {
		b.WriteString(text + "\n")
	}
	b.WriteString("```\n\n*Known from:* ")
	switch r.Basis {
	case Proven:
		fmt.Fprintf(b, "proven by `%s`", r.ProvenBy)
		if r.Source != "" {
			fmt.Fprintf(b, "; %s", r.Source)
		}
	case Recorded:
		b.WriteString("recorded: " + r.Source)
	case Memory:
		b.WriteString("memory")
	}
	b.WriteString(".\n")
}

var placeholder = regexp.MustCompile(`<[a-z-]+>`)

// escape keeps the characters that Markdown would take for its own; what
// stands between back quotes stays.
func escape(text string) string {
	parts := strings.Split(text, "`")
	for i := 0; i < len(parts); i += 2 {
		p := strings.NewReplacer("*", `\*`, "_", `\_`).Replace(parts[i])
		parts[i] = placeholder.ReplaceAllString(p, "`$0`")
	}
	return strings.Join(parts, "`")
}
