package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Bounds on a filter, so that no request can make the planner work without
// end.
const (
	maxFilterBytes = 64 << 10
	maxFilterDepth = 64
)

// ParseFilter reads the v2 filter grammar, in the keys of a source:
//
//	filter     = element { ("+" | "|") element }      + is and, | is or
//	element    = comparison | "(" filter ")"
//	comparison = key op value { "," value }
//	key        = name | ("label" | "annotation") "[" key "]"
//	op         = ":" | "!:" | "~:" | "!~:" | "<~:" | "!<~:" | "~>:" | "!~>:"
//	value      = "…" | word                            \" and \\ are escapes
//	word       = any bytes but + | ( ) , " and white space
//
// Both + and | on one level need parentheses. White space between two
// elements is read as +, because that is what an unescaped plus of a URL
// becomes. Keys are case-sensitive; label keys are brought to their canonical
// spelling. label:"app" asks whether there is such a label. "" gives the
// filter that matches everything. The error names the position, counted in
// bytes from 1.
func ParseFilter(s, source string) (Filter, error) {
	if strings.TrimSpace(s) == "" {
		return Filter{}, nil
	}
	if len(s) > maxFilterBytes {
		return Filter{}, invalid("filter", fmt.Sprintf("is longer than %d bytes", maxFilterBytes), "")
	}
	p := &filterParser{s: s, keys: filterKeys(source)}
	root, err := p.filter(0)
	if err != nil {
		return Filter{}, err
	}
	if p.skipSpace(); p.i < len(p.s) {
		return Filter{}, p.fail(p.i, fmt.Sprintf("%q closes nothing", p.s[p.i]), "remove it")
	}
	return Filter{Root: root}, nil
}

type filterParser struct {
	s    string
	i    int
	keys map[string]string
}

func (p *filterParser) fail(at int, reason, hint string) error {
	return invalid("filter", fmt.Sprintf("at position %d: %s", at+1, reason), hint)
}

// skipSpace tells whether there was white space.
func (p *filterParser) skipSpace() bool {
	from := p.i
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
	return p.i > from
}

func (p *filterParser) filter(depth int) (Node, error) {
	if depth > maxFilterDepth {
		return nil, p.fail(p.i, fmt.Sprintf("more than %d nested parentheses", maxFilterDepth), "")
	}
	first, err := p.element(depth)
	if err != nil {
		return nil, err
	}
	nodes, joiner := []Node{first}, byte(0)
	for {
		space := p.skipSpace()
		if p.i >= len(p.s) || p.s[p.i] == ')' {
			break
		}
		at, c := p.i, p.s[p.i]
		switch {
		case c == '+' || c == '|':
			p.i++
		case space && (isNameByte(c) || c == '('):
			c = '+'
		default:
			return nil, p.fail(at, fmt.Sprintf("%q where + (and), | (or) or the end is expected", c), "")
		}
		if joiner != 0 && c != joiner {
			return nil, p.fail(at, fmt.Sprintf("%q after %q on one level", c, joiner), "put parentheses around the part that belongs together")
		}
		joiner = c
		next, err := p.element(depth)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, next)
	}
	switch {
	case len(nodes) == 1:
		return first, nil
	case joiner == '|':
		return Or{Of: nodes}, nil
	default:
		return And{Of: nodes}, nil
	}
}

func (p *filterParser) element(depth int) (Node, error) {
	p.skipSpace()
	if p.i >= len(p.s) {
		return nil, p.fail(p.i, "ends where a comparison is expected", `write key:"value"`)
	}
	if p.s[p.i] != '(' {
		return p.comparison()
	}
	open := p.i
	p.i++
	inner, err := p.filter(depth + 1)
	if err != nil {
		return nil, err
	}
	if p.skipSpace(); p.i >= len(p.s) {
		return nil, p.fail(open, `"(" is not closed`, `add ")"`)
	}
	p.i++ // filter stops only at the end or at ")"
	return inner, nil
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func (p *filterParser) comparison() (Node, error) {
	m, keyAt, err := p.key()
	if err != nil {
		return nil, err
	}
	if err := p.operator(&m); err != nil {
		return nil, err
	}
	if m.Values, err = p.values(); err != nil {
		return nil, err
	}
	if m.Property == "provider" {
		for i, v := range m.Values {
			m.Values[i] = providerName(v)
		}
	}
	if m.Property == "controller" && m.Op == OpEquals {
		return controllerMatch(m), nil
	}
	isMap := m.Property == "label" || m.Property == "annotation"
	if isMap && m.Key == "" {
		return p.hasKey(m, keyAt)
	}
	if m.Property == "label" && cost.PerPodLabel(m.Key) {
		return nil, p.fail(keyAt, droppedLabelError("filter", m.Key).Reason, "ask by pod or controller instead")
	}
	return m, nil
}

// providerName is a provider as rows spell it: clients write aws for AWS.
func providerName(s string) string {
	for _, known := range []string{"AWS", "Azure", "GCP"} {
		if strings.EqualFold(s, known) {
			return known
		}
	}
	return s
}

// controllerMatch reads kind:name among the names of controllers, which is how
// answers show them; the names of Kubernetes have no colon.
func controllerMatch(m Match) Node {
	var of []Node
	plain := m
	plain.Values = nil
	for _, v := range m.Values {
		kind, name, ok := strings.Cut(v, ":")
		if !ok {
			plain.Values = append(plain.Values, v)
			continue
		}
		both := []Node{
			Match{Property: "controllerKind", Op: OpEquals, Not: m.Not, Values: []string{kind}},
			Match{Property: "controller", Op: OpEquals, Not: m.Not, Values: []string{name}},
		}
		if m.Not {
			of = append(of, Or{Of: both})
		} else {
			of = append(of, And{Of: both})
		}
	}
	if len(plain.Values) > 0 {
		of = append(of, plain)
	}
	switch {
	case len(of) == 1:
		return of[0]
	case m.Not:
		return And{Of: of}
	}
	return Or{Of: of}
}

// hasKey finishes label:"app", which compares the keys there are.
func (p *filterParser) hasKey(m Match, at int) (Node, error) {
	for i, v := range m.Values {
		m.Values[i] = cost.SanitizeLabel(v)
		if m.Property == "label" && m.Op == OpEquals && cost.PerPodLabel(m.Values[i]) {
			return nil, p.fail(at, droppedLabelError("filter", m.Values[i]).Reason, "ask by pod or controller instead")
		}
	}
	return m, nil
}

func (p *filterParser) key() (m Match, at int, err error) {
	at = p.i
	for p.i < len(p.s) && isNameByte(p.s[p.i]) {
		p.i++
	}
	name := p.s[at:p.i]
	if name == "" {
		return m, at, p.fail(at, fmt.Sprintf("%q where a key is expected", p.s[at]), `write key:"value"`)
	}
	property, ok := p.keys[name]
	if !ok {
		known := slices.Collect(maps.Keys(p.keys))
		e := unknownKey("filter", "", name, known)
		return m, at, p.fail(at, e.Reason, e.Hint)
	}
	m.Property = property
	p.skipSpace()
	if p.i < len(p.s) && p.s[p.i] == '[' {
		open := p.i
		if property != "label" && property != "annotation" {
			return m, at, p.fail(open, fmt.Sprintf("%s takes no key in brackets", name), "only label and annotation do")
		}
		end := strings.IndexByte(p.s[open:], ']')
		if end < 0 {
			return m, at, p.fail(open, `"[" is not closed`, `write label[app]:"x"`)
		}
		key := strings.Trim(strings.TrimSpace(p.s[open+1:open+end]), `"`)
		if key == "" {
			return m, at, p.fail(open, "no key in the brackets", `write label[app]:"x"`)
		}
		m.Key = cost.SanitizeLabel(key)
		p.i = open + end + 1
		p.skipSpace()
	}
	return m, at, nil
}

// operator reads one of the eight operators.
func (p *filterParser) operator(m *Match) error {
	at := p.i
	if p.i < len(p.s) && p.s[p.i] == '!' {
		m.Not = true
		p.i++
	}
	for _, op := range []Op{OpPrefix, OpSuffix, OpContains, OpEquals} {
		if strings.HasPrefix(p.s[p.i:], string(op)) {
			m.Op = op
			p.i += len(op)
			return nil
		}
	}
	got := "the end"
	if at < len(p.s) {
		got = fmt.Sprintf("%q", p.s[at])
	}
	return p.fail(at, got+" where an operator is expected", "use : !: ~: !~: <~: !<~: ~>: or !~>:")
}

func (p *filterParser) values() ([]string, error) {
	var out []string
	for {
		p.skipSpace()
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		save := p.i
		p.skipSpace()
		if p.i >= len(p.s) || p.s[p.i] != ',' {
			p.i = save // the space may stand for +
			return out, nil
		}
		p.i++
	}
}

func (p *filterParser) value() (string, error) {
	at := p.i
	if at >= len(p.s) || p.s[at] != '"' {
		return p.word()
	}
	var b strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return b.String(), nil
		case c == '\\' && p.i+1 < len(p.s) && (p.s[p.i+1] == '"' || p.s[p.i+1] == '\\'):
			p.i++
			b.WriteByte(p.s[p.i])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail(at, "the quote is not closed", `add "`)
}

// word reads a value without quotes, as Backstage's Kubecost plugin sends them
// (controllerKind:deployment).
func (p *filterParser) word() (string, error) {
	at := p.i
	if n := strings.IndexAny(p.s[at:], "+|),(\" \t\r\n"); n >= 0 {
		p.i += n
	} else {
		p.i = len(p.s)
	}
	switch {
	case p.i == at:
		return "", p.fail(at, "a value is expected", `write key:"value"`)
	case p.s[at] == '\'':
		return "", p.fail(at, "a value in single quotes", `use double quotes: key:"value"`)
	case p.i < len(p.s) && (p.s[p.i] == '"' || p.s[p.i] == '('):
		return "", p.fail(p.i, fmt.Sprintf("%q within a value", p.s[p.i]), "put double quotes around the whole value")
	}
	return p.s[at:p.i], nil
}
