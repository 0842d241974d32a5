package prometheus

import (
	"fmt"
	"strconv"
	"strings"
)

// matcher is one condition on a label. op is as in prompb: 0 =, 1 !=, 2 =~, 3 !~.
type matcher struct {
	op          uint64
	name, value string
}

var matchOps = []struct {
	text string
	op   uint64
}{{"=~", 2}, {"!~", 3}, {"!=", 1}, {"=", 0}}

// parseMatchers reads what stands between the braces of a selector.
func parseMatchers(s string) ([]matcher, error) {
	var out []matcher
	for rest := strings.TrimSpace(s); rest != ""; {
		i := strings.IndexAny(rest, "=!")
		if i <= 0 || !labelName(strings.TrimSpace(rest[:i])) {
			return nil, fmt.Errorf(`%q is not of the form name="value" (operators =, !=, =~, !~), joined by commas`, s)
		}
		m := matcher{name: strings.TrimSpace(rest[:i])}
		rest = rest[i:]
		found := false
		for _, o := range matchOps {
			if text, ok := strings.CutPrefix(rest, o.text); ok {
				m.op, rest, found = o.op, strings.TrimSpace(text), true
				break
			}
		}
		if !found || rest == "" || rest[0] != '"' {
			return nil, fmt.Errorf("%q: after the name comes =, !=, =~ or !~ and a value in double quotes", s)
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return nil, fmt.Errorf("%q: a quote is not closed", s)
		}
		if m.value, err = strconv.Unquote(quoted); err != nil {
			return nil, fmt.Errorf("%q: %w", s, err)
		}
		out = append(out, m)
		rest = strings.TrimSpace(rest[len(quoted):])
		if rest == "" {
			break
		}
		if rest[0] != ',' {
			return nil, fmt.Errorf("%q: conditions are joined by commas", s)
		}
		rest = strings.TrimSpace(rest[1:])
	}
	return out, nil
}

func labelName(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
