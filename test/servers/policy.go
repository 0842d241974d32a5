package servers

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// policy is an identity policy, as far as this package reads one: statements
// that allow actions on resources, with * in both.
type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid      string `json:",omitempty"`
	Effect   string
	Action   oneOrMany
	Resource oneOrMany
}

// oneOrMany is a string or a list of strings.
type oneOrMany []string

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMany) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*o = oneOrMany{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(o))
}

func parsePolicy(document string) (policy, error) {
	var p policy
	if err := json.Unmarshal([]byte(document), &p); err != nil {
		return p, fmt.Errorf("read a policy: %w", err)
	}
	for _, s := range p.Statement {
		if s.Effect != "Allow" {
			return p, fmt.Errorf("read a policy: effect %q is not understood here", s.Effect)
		}
	}
	return p, nil
}

// allows tells whether a statement allows the action on the resource.
func (p policy) allows(action, resource string) bool {
	return slices.ContainsFunc(p.Statement, func(s statement) bool {
		return matches(s.Action, action) && matches(s.Resource, resource)
	})
}

func matches(patterns []string, value string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return wildcard(pattern, value) })
}

// wildcard is IAM's matching: * stands for any characters, / included.
func wildcard(pattern, value string) bool {
	const slash = "\x00" // path.Match stops at slashes, IAM does not
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", slash), strings.ReplaceAll(value, "/", slash))
	return err == nil && ok
}

// without returns the document less one action; statements left without an
// action go too.
func (p policy) without(action string) string {
	kept := policy{Version: p.Version}
	for _, s := range p.Statement {
		s.Action = slices.DeleteFunc(slices.Clone(s.Action), func(a string) bool { return a == action })
		if len(s.Action) > 0 {
			kept.Statement = append(kept.Statement, s)
		}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		panic("servers: " + err.Error())
	}
	return string(text)
}

// PolicyWithout returns a policy document less one action, as a test of what
// the action is for wants it. A document that does not parse panics.
func PolicyWithout(document, action string) string {
	p, err := parsePolicy(document)
	if err != nil {
		panic(err)
	}
	return p.without(action)
}
