package query_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/query"
)

// show writes a filter back in the grammar's own words.
func show(n query.Node) string {
	join := func(of []query.Node, with string) string {
		var parts []string
		for _, p := range of {
			parts = append(parts, show(p))
		}
		return "(" + strings.Join(parts, with) + ")"
	}
	switch n := n.(type) {
	case nil:
		return ""
	case query.And:
		return join(n.Of, "+")
	case query.Or:
		return join(n.Of, "|")
	case query.Match:
		s := n.Property
		if n.Key != "" {
			s += "[" + n.Key + "]"
		}
		if n.Not {
			s += "!"
		}
		s += string(n.Op)
		for i, v := range n.Values {
			if i > 0 {
				s += ","
			}
			s += `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
		}
		return s
	}
	return fmt.Sprintf("%T", n)
}

func TestParseFilter(t *testing.T) {
	for in, want := range map[string]string{
		``:                                       ``,
		`namespace:"a"`:                          `namespace:"a"`,
		` namespace : "a" , "b" `:                `namespace:"a","b"`,
		`namespace!:"a","b"`:                     `namespace!:"a","b"`,
		`cluster~:"a"+node<~:"b"+pod!~>:"c"`:     `(cluster~:"a"+node<~:"b"+pod!~>:"c")`,
		`cluster:"a"|(node:"b"+pod!<~:"c")`:      `(cluster:"a"|(node:"b"+pod!<~:"c"))`,
		`cluster:"a" node:"b"`:                   `(cluster:"a"+node:"b")`,
		`cluster:"a" (node:"b"|node:"c")`:        `(cluster:"a"+(node:"b"|node:"c"))`,
		`controllerName:"statefulset:redis"`:     `(controllerKind:"statefulset"+controller:"redis")`,
		`controllerName!:"job:a","b"`:            `((controllerKind!:"job"|controller!:"a")+controller!:"b")`,
		`provider:"aws","AZURE","other"`:         `provider:"AWS","Azure","other"`,
		`((cluster:"a"))`:                        `cluster:"a"`,
		`controllerName:"web"`:                   `controller:"web"`,
		`services:"svc"`:                         `service:"svc"`,
		`label[app.kubernetes.io/name]:"x"`:      `label[app_kubernetes_io_name]:"x"`,
		`label["app"]!~:"x"`:                     `label[app]!~:"x"`,
		`label:"app-name"`:                       `label:"app_name"`,
		`annotation[teamName]:"__unallocated__"`: `annotation[team_name]:"__unallocated__"`,
		`team:"x"`:                               `team:"x"`,
		`controllerKind:deployment`:              `controllerKind:"deployment"`,
		`namespace:kube-system+pod!:web-0 , "b"`: `(namespace:"kube-system"+pod!:"web-0","b")`,
		`(cluster:a|node:b) pod:c:d`:             `((cluster:"a"|node:"b")+pod:"c:d")`,
		`pod:"a\"b\\c"`:                          `pod:"a\"b\\c"`,
	} {
		f, err := query.ParseFilter(in, query.SourceAllocation)
		if err != nil || show(f.Root) != want {
			t.Errorf("%s = %s, %v; want %s", in, show(f.Root), err, want)
		}
	}
}

func TestParseFilterErrors(t *testing.T) {
	for in, want := range map[string]string{
		`cluster:"a"+node:"b"|pod:"c"`:   `at position 21: '|' after '+' on one level`,
		`cluster:"a"|node:"b" pod:"c"`:   `at position 22: '+' after '|' on one level`,
		`nampace:"a"`:                    `at position 1: unknown key "nampace" (did you mean "namespace"?`,
		`Namespace:"a"`:                  `did you mean "namespace"?`,
		`controller:"a"`:                 `did you mean "controllerKind"? known: `,
		`service:"a"`:                    `did you mean "services"?`,
		`namespace`:                      `at position 10: the end where an operator is expected`,
		`namespace="a"`:                  `at position 10: '=' where an operator`,
		`namespace:`:                     `at position 11: a value is expected`,
		`namespace:a"b"`:                 `at position 12: '"' within a value`,
		`namespace:apod:"b"`:             `at position 16: '"' within a value`,
		`namespace:a(b)`:                 `at position 12: '(' within a value`,
		`namespace:+pod:b`:               `at position 11: a value is expected`,
		`namespace:'a'`:                  `at position 11: a value in single quotes`,
		`namespace:a,`:                   `at position 13: a value is expected`,
		`namespace:"a`:                   `at position 11: the quote is not closed`,
		`namespace:"a",`:                 `at position 15: a value is expected`,
		`(namespace:"a"`:                 `at position 1: "(" is not closed`,
		`namespace:"a")`:                 `at position 14: ')' closes nothing`,
		`namespace:"a"+`:                 `at position 15: ends where a comparison is expected`,
		`namespace:"a"pod:"b"`:           `at position 14: 'p' where + (and)`,
		`()`:                             `at position 2: ')' where a key is expected`,
		`namespace[x]:"a"`:               `namespace takes no key in brackets`,
		`label[]:"a"`:                    `no key in the brackets`,
		`label[app:"a"`:                  `"[" is not closed`,
		`label[pod-template-hash]:"abc"`: `differs for every pod`,
		strings.Repeat("(", 100):         `nested parentheses`,
	} {
		_, err := query.ParseFilter(in, query.SourceAllocation)
		var e *query.Error
		if !errors.As(err, &e) || e.Code != query.CodeInvalid || e.Param != "filter" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

func TestParseFilterParameters(t *testing.T) {
	f, err := query.ParseFilterParameters(map[string][]string{
		"filterNamespaces":  {"a, b*,c"},
		"filterClusters":    {""},
		"filterLabels":      {"app:web,app:api"},
		"filterControllers": {"deployment:x*,y"},
		"window":            {"7d"},
	}, query.SourceAllocation)
	want := `(((controllerKind:"deployment"+controller<~:"x")|controller:"y")+label[app]:"web","api"+(namespace:"a","c"|namespace<~:"b"))`
	if err != nil || show(f.Root) != want {
		t.Errorf("%s, %v; want %s", show(f.Root), err, want)
	}
	if _, err := query.ParseFilterParameters(map[string][]string{"filterLabels": {"app"}}, query.SourceAllocation); err == nil {
		t.Error("filterLabels=app must fail")
	}
	if f, _ := query.ParseFilterParameters(map[string][]string{"filterTypes": {"Node"}}, query.SourceAsset); show(f.Root) != `type:"Node"` {
		t.Errorf("assets: %s", show(f.Root))
	}
}

// What is written in the grammar reads back as itself.
func TestFilterRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := query.Filter{Root: drawNode(t, 3)}
		text := show(f.Root)
		got, err := query.ParseFilter(text, query.SourceAllocation)
		if err != nil || show(got.Root) != text {
			t.Fatalf("%s reads as %s, %v", text, show(got.Root), err)
		}
	})
}

func drawNode(t *rapid.T, depth int) query.Node {
	if depth > 0 && rapid.Bool().Draw(t, "group") {
		var of []query.Node
		for range rapid.IntRange(2, 4).Draw(t, "n") {
			of = append(of, drawNode(t, depth-1))
		}
		if rapid.Bool().Draw(t, "and") {
			return query.And{Of: of}
		}
		return query.Or{Of: of}
	}
	return query.Match{
		Property: rapid.SampledFrom([]string{"cluster", "namespace", "pod", "team"}).Draw(t, "property"),
		Op:       rapid.SampledFrom([]query.Op{query.OpEquals, query.OpContains, query.OpPrefix, query.OpSuffix}).Draw(t, "op"),
		Not:      rapid.Bool().Draw(t, "not"),
		Values:   rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "values"),
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{`namespace:"a"+(cluster!:"b"|label[app]~>:"x","y")`, `label:"app"`, `namespace:a,b+(pod:c|pod~:d)`, `((`, `a:"`, `label[`, "x\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := query.ParseFilter(s, query.SourceAllocation)
		if err != nil {
			var e *query.Error
			if !errors.As(err, &e) || e.Code != query.CodeInvalid {
				t.Fatalf("%q: %v is no invalid-question error", s, err)
			}
			return
		}
		if got.Root == nil && strings.TrimSpace(s) != "" {
			t.Fatalf("%q reads as no filter", s)
		}
	})
}
