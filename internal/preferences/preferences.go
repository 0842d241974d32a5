package preferences

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/settings"
)

// Document is what was saved. Its zero value is that nothing was.
type Document struct {
	LabelAliases   map[string][]string `json:"labelAliases,omitempty" doc:"labels behind department, environment, owner, product and team, the first present wins; an alias left out is that of the server's --label-aliases"`
	CurrencyFormat *CurrencyFormat     `json:"currencyFormat,omitempty" doc:"how the pages write amounts; nothing is ever exchanged"`
	Views          *Views              `json:"views,omitempty" doc:"what the pages ask where their address says nothing; never acts on the API"`
}

// CurrencyFormat is how the pages write amounts.
type CurrencyFormat struct {
	Display  Display `json:"display,omitempty" doc:"symbol ($1.00), code (USD 1.00) or none (1.00, the currency stands in the heads); default symbol"`
	Decimals *int    `json:"decimals,omitempty" doc:"0 to 4; default: those of the currency"`
	Locale   string  `json:"locale,omitempty" doc:"whose marks group digits and begin decimals, in amounts and all other numbers; default en-US"`
}

// Display says how an amount carries its currency.
type Display string

// The displays.
const (
	DisplaySymbol Display = "symbol"
	DisplayCode   Display = "code"
	DisplayNone   Display = "none"
)

// Views are the defaults of pages that show allocations.
type Views struct {
	Idle             Treatment `json:"idle,omitempty" doc:"separate, share (within the cluster), sharenode (within the node) or hide; default separate"`
	Overhead         Treatment `json:"overhead,omitempty" doc:"separate, share or hide; default separate"`
	SharedNamespaces []string  `json:"sharedNamespaces,omitempty" doc:"whose cost the other namespaces of the cluster bear; kube-* stands for all that begin so; default none"`
}

// Treatment is what becomes of idle or of overhead.
type Treatment string

// The treatments. TreatShareNode is for idle only.
const (
	TreatSeparate  Treatment = "separate"
	TreatShare     Treatment = "share"
	TreatShareNode Treatment = "sharenode"
	TreatHide      Treatment = "hide"
)

// Aliases are the properties that stand for labels.
func Aliases() []string { return []string{"department", "environment", "owner", "product", "team"} }

// Locales are the locales whose numbers the pages can write.
func Locales() []string {
	return []string{"de-CH", "de-DE", "en-GB", "en-IN", "en-US", "es-ES", "fr-FR", "ja-JP", "pt-BR", "sv-SE"}
}

// Bounds of a document: generous for people, and nothing that hurts a server.
const (
	MaxBytes          = 64 << 10
	maxLabels         = 16  // of one alias
	maxLabelBytes     = 317 // prefix, slash and name
	maxNamespaces     = 64
	maxNamespaceBytes = 63
	maxDecimals       = 4
)

// Error says everything that is wrong with a document.
type Error struct{ Problems []Problem }

// Problem is one thing that is wrong: where, what, and what to do.
type Problem struct {
	Path   string // "labelAliases.team[1]"; "" for the whole
	Reason string
	Hint   string
}

func (e *Error) Error() string {
	parts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		parts[i] = p.String()
	}
	return strings.Join(parts, "; ")
}

// String is the problem in one line: where, what and what to do.
func (p Problem) String() string {
	s := p.Reason
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Encode writes the document as it is kept.
func (d Document) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the settings: %w", err)
	}
	return append(text, '\n'), nil
}

// Parse reads a document. It is strict: an unknown key, a key that stands
// twice, or a value that is none of the known ones is an *Error with all that
// is wrong.
func Parse(text []byte) (Document, error) {
	var d Document
	var p parser
	p.object("", text, map[string]func(path string, v json.RawMessage){
		"labelAliases": func(path string, v json.RawMessage) { d.LabelAliases = p.aliases(path, v) },
		"currencyFormat": func(path string, v json.RawMessage) {
			d.CurrencyFormat = new(CurrencyFormat)
			p.currencyFormat(path, v, d.CurrencyFormat)
		},
		"views": func(path string, v json.RawMessage) {
			d.Views = new(Views)
			p.views(path, v, d.Views)
		},
	})
	if len(p.problems) > 0 {
		return Document{}, &Error{p.problems}
	}
	return d, nil
}

// parser collects what is wrong.
type parser struct{ problems []Problem }

func (p *parser) fail(path, reason, hint string) {
	p.problems = append(p.problems, Problem{path, reason, hint})
}

func (p *parser) aliases(path string, v json.RawMessage) map[string][]string {
	out := map[string][]string{}
	fields := map[string]func(string, json.RawMessage){}
	for _, name := range Aliases() {
		fields[name] = func(path string, v json.RawMessage) {
			if labels := p.list(path, v, maxLabels, "labels", p.label); len(labels) > 0 {
				out[name] = labels
			} else {
				p.fail(path, "names no label", "leave the alias out to have its default")
			}
		}
	}
	p.object(path, v, fields)
	if len(out) == 0 {
		return nil
	}
	return out
}

// label checks the key of a label; same tells which spellings are one label.
func (p *parser) label(path, s string) (same string) {
	same = cost.SanitizeLabel(s)
	switch {
	case strings.Trim(same, "_") == "" || len(s) > maxLabelBytes || strings.ContainsFunc(s, notInLabel):
		p.fail(path, fmt.Sprintf("%q is no label key", clip(s)), "write it as in Kubernetes, as app.kubernetes.io/part-of or team")
	case cost.PerPodLabel(same):
		p.fail(path, fmt.Sprintf("label %q differs for every pod and is not kept", s), "name a label that says who pays")
	}
	return same
}

func notInLabel(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_-./", r)
}

func (p *parser) currencyFormat(path string, v json.RawMessage, f *CurrencyFormat) {
	p.object(path, v, map[string]func(string, json.RawMessage){
		"display": func(path string, v json.RawMessage) {
			f.Display = Display(p.choice(path, v, string(DisplaySymbol), string(DisplayCode), string(DisplayNone)))
		},
		"decimals": func(path string, v json.RawMessage) {
			var n int
			if err := json.Unmarshal(v, &n); err != nil || n < 0 || n > maxDecimals || string(v) == null {
				p.fail(path, fmt.Sprintf("%s is no number of decimals", clip(string(v))), fmt.Sprintf("write 0 to %d, or leave it out for those of the currency", maxDecimals))
				return
			}
			f.Decimals = &n
		},
		"locale": func(path string, v json.RawMessage) { f.Locale = p.choice(path, v, Locales()...) },
	})
}

func (p *parser) views(path string, v json.RawMessage, out *Views) {
	p.object(path, v, map[string]func(string, json.RawMessage){
		"idle": func(path string, v json.RawMessage) {
			out.Idle = Treatment(p.choice(path, v, string(TreatSeparate), string(TreatShare), string(TreatShareNode), string(TreatHide)))
		},
		"overhead": func(path string, v json.RawMessage) {
			out.Overhead = Treatment(p.choice(path, v, string(TreatSeparate), string(TreatShare), string(TreatHide)))
		},
		"sharedNamespaces": func(path string, v json.RawMessage) {
			out.SharedNamespaces = p.list(path, v, maxNamespaces, "namespaces", p.namespace)
		},
	})
}

func (p *parser) namespace(path, s string) (same string) {
	name := strings.TrimSuffix(s, "*")
	bad := name == "" || len(name) > maxNamespaceBytes || strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
	if bad {
		p.fail(path, fmt.Sprintf("%q is no namespace", clip(s)), "write kube-system, or kube-* for all that begin so")
	}
	return s
}

const null = "null"

// object reads an object of known keys, each once.
func (p *parser) object(path string, text json.RawMessage, fields map[string]func(path string, v json.RawMessage)) {
	known := slices.Sorted(maps.Keys(fields))
	members, err := readObject(text)
	if err != nil {
		p.fail(path, err.Error(), "write an object of "+strings.Join(known, ", "))
		return
	}
	seen := map[string]bool{}
	for _, m := range members {
		at := m.key
		if path != "" {
			at = path + "." + m.key
		}
		read, ok := fields[m.key]
		switch {
		case !ok:
			hint := "known: " + strings.Join(known, ", ")
			if near := settings.Nearest(clip(m.key), known); near != "" {
				hint = fmt.Sprintf("did you mean %q? %s", near, hint)
			}
			p.fail(clip(at), "unknown key", hint)
		case seen[m.key]:
			p.fail(at, "stands twice", "keep one")
		default:
			read(at, m.value)
		}
		seen[m.key] = true
	}
}

func (p *parser) choice(path string, v json.RawMessage, known ...string) string {
	var s string
	if err := json.Unmarshal(v, &s); err == nil && slices.Contains(known, s) {
		return s
	}
	hint := "write " + strings.Join(known, ", ")
	if near := settings.Nearest(clip(s), known); near != "" {
		hint = fmt.Sprintf("did you mean %q? %s", near, hint)
	}
	p.fail(path, clip(string(v))+" is not known", hint)
	return ""
}

// list reads a list of texts, none of which stands twice.
func (p *parser) list(path string, v json.RawMessage, most int, what string, check func(path, s string) (same string)) []string {
	var out []string
	if err := json.Unmarshal(v, &out); err != nil || string(v) == null {
		p.fail(path, "is no list of "+what, `write ["a", "b"]`)
		return []string{""} // said already
	}
	if len(out) > most {
		p.fail(path, fmt.Sprintf("has %d %s, at most %d are taken", len(out), what, most), "leave out what is not needed")
		return out[:1]
	}
	seen := map[string]string{}
	for i, s := range out {
		at := fmt.Sprintf("%s[%d]", path, i)
		same := check(at, s)
		if other, ok := seen[same]; ok {
			p.fail(at, fmt.Sprintf("%q is %q again", clip(s), clip(other)), "keep one")
		}
		seen[same] = s
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func clip(s string) string {
	const most = 64
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
