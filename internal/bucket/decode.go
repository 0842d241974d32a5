package bucket

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/prometheus/common/model"
)

// decoder walks a YAML tree against known keys and collects every problem with
// its place. A struct decoder would stop at the first, and could not tell a
// number written without quotes from text.
type decoder struct {
	file     string
	lenient  bool
	getenv   func(string) string // for references in secrets; nil for none
	problems []Problem
	warnings []Warning
	anchors  map[string]ast.Node
	places   map[string]*token.Position // of the values of keys that were set
	offered  map[string]bool            // every key that was looked for, for the test that audits them; nil for none
}

// fields maps the keys of one mapping to what reads their values.
type fields map[string]func(n ast.Node, path string)

// parseTree returns the root of the only document in data.
func (d *decoder) parseTree(data []byte) ast.Node {
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		// The error's own text quotes the lines around it, secrets included.
		p := Problem{File: d.file, Message: "not valid YAML"}
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			p.Message += ": " + syntax.GetMessage()
			if tok := syntax.GetToken(); tok != nil {
				p.Line, p.Column = tok.Position.Line, tok.Position.Column
			}
		}
		d.problems = append(d.problems, p)
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		d.problems = append(d.problems, Problem{File: d.file, Message: "the file is empty: it needs at least type and config"})
		return nil
	case 1:
		return bodies[0]
	default:
		d.problemAt(bodies[1].GetToken().Position, "", "the file holds a second YAML document: keep one")
		return nil
	}
}

func (d *decoder) problemAt(pos *token.Position, path, format string, args ...any) {
	d.problems = append(d.problems, d.place(pos, path, fmt.Sprintf(format, args...)))
}

func (d *decoder) place(pos *token.Position, path, message string) Problem {
	p := Problem{File: d.file, Key: path, Message: message}
	if pos != nil {
		p.Line, p.Column = pos.Line, pos.Column
	}
	return p
}

// problem reports what is wrong with the value of a key, found after decoding.
func (d *decoder) problem(path, format string, args ...any) {
	d.problemAt(d.places[path], path, format, args...)
}

func (d *decoder) warn(path, format string, args ...any) {
	d.warnings = append(d.warnings, d.place(d.places[path], path, fmt.Sprintf(format, args...)))
}

// resolve follows anchors and aliases; a null reads as an absent key.
func (d *decoder) resolve(n ast.Node) ast.Node {
	for range 16 { // deeper nesting of aliases is a mistake or an attack
		switch v := n.(type) {
		case *ast.AnchorNode:
			d.anchors[v.Name.String()] = v.Value
			n = v.Value
		case *ast.AliasNode:
			n = d.anchors[v.Value.String()]
		case *ast.NullNode:
			return nil
		default:
			return n
		}
	}
	return nil
}

// mapping reads the keys of a mapping. known names the place of keys that are
// right elsewhere.
func (d *decoder) mapping(n ast.Node, path string, known fields) {
	n = d.resolve(n)
	if n == nil {
		return
	}
	var values []*ast.MappingValueNode
	switch v := n.(type) {
	case *ast.MappingNode:
		values = v.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{v}
	default:
		d.problemAt(n.GetToken().Position, path, "must hold keys and values, found %s", describe(n))
		return
	}
	if d.offered != nil {
		for key := range known {
			d.offered[strings.TrimPrefix(path+"."+key, ".")] = true
		}
	}
	seen := map[string]int{}
	for _, kv := range values {
		d.value(kv, path, known, seen)
	}
}

func (d *decoder) value(kv *ast.MappingValueNode, path string, known fields, seen map[string]int) {
	keyToken := kv.Key.GetToken()
	key := keyToken.Value
	full := key
	if path != "" {
		full = path + "." + key
	}
	if kv.Key.IsMergeKey() {
		d.problemAt(keyToken.Position, full, "merge keys are not supported: write the keys out")
		return
	}
	if line, dup := seen[key]; dup {
		d.problemAt(keyToken.Position, full, "the key is set a second time, first on line %d", line)
		return
	}
	seen[key] = keyToken.Position.Line
	read, ok := known[key]
	if !ok {
		d.unknown(keyToken.Position, path, key, full, known)
		return
	}
	value := d.resolve(kv.Value)
	if value == nil {
		return
	}
	d.places[full] = value.GetToken().Position
	read(value, full)
}

// unknown reports a key that nothing reads.
func (d *decoder) unknown(pos *token.Position, path, key, full string, known fields) {
	p := d.place(pos, full, "unknown key")
	home, ok := homes[key]
	switch {
	case ok && home != path:
		p.Message += ", it belongs " + homeName(home)
	case ok: // right in this place, but in a file of another type
		p.Message = "is not a key of this type"
	default:
		names := make([]string, 0, len(known))
		for name := range known {
			names = append(names, name)
		}
		p.Nearest = nearest(key, names)
	}
	if meant := strings.TrimPrefix(path+"."+p.Nearest, "."); p.Nearest != "" && d.places[meant] == nil {
		d.places[meant] = pos // so that the key that was meant is not also called missing
	}
	if d.lenient {
		p.Message += ", ignored"
		d.warnings = append(d.warnings, p)
		return
	}
	d.problems = append(d.problems, p)
}

func homeName(home string) string {
	if home == "" {
		return "at the top level of the file"
	}
	return "under " + home
}

func isMapping(n ast.Node) bool {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	default:
		return false
	}
}

// describe names a node's type for an error.
func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return "the boolean " + n.GetToken().Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + n.GetToken().Value
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	default:
		return "something else"
	}
}

func (d *decoder) text(n ast.Node, path string) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return strings.TrimSuffix(v.Value.Value, "\n"), true
	}
	hint := ""
	switch n.(type) {
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode:
		hint = fmt.Sprintf(`: write it in quotes, "%s"`, n.GetToken().Value)
	}
	d.problemAt(n.GetToken().Position, path, "must be text, found %s%s", describe(n), hint)
	return "", false
}

// placeholder matches what examples write where a value belongs:
// <your-access-key>, YOUR_ACCESS_KEY, your-bucket-name, CHANGEME, xxxxxx, AKIA...
var placeholder = regexp.MustCompile(`(?i)^(<.*>|your[-_ ].*|change[-_ ]?me|replace[-_ ]?me|x{4,}|.*\.\.\.)$`)

// variable and template match what was to be filled in before.
var (
	variable = regexp.MustCompile(`\$\{[^}]*\}`)
	template = regexp.MustCompile(`\{\{.*\}\}`)
)

// str reads text and refuses placeholders.
func (d *decoder) str(into *string) func(ast.Node, string) {
	return func(n ast.Node, path string) {
		s, ok := d.text(n, path)
		if !ok {
			return
		}
		if variable.MatchString(s) {
			d.problemAt(n.GetToken().Position, path, "holds a variable that nothing has filled in: only keys that hold secrets may refer to the environment")
			return
		}
		if d.plausible(n, path, s, s) {
			*into = s
		}
	}
}

// plausible refuses what an example left behind and what no value can hold.
// shown is how a message calls the value.
func (d *decoder) plausible(n ast.Node, path, s, shown string) bool {
	switch {
	case placeholder.MatchString(s):
		d.problemAt(n.GetToken().Position, path, "still holds the placeholder %s: %s", shown, placeholderHint(path))
	case template.MatchString(s):
		d.problemAt(n.GetToken().Position, path, "holds a template that nothing has filled in")
	case hasControl(s):
		d.problemAt(n.GetToken().Position, path, "holds a control character")
	default:
		return true
	}
	return false
}

func placeholderHint(path string) string {
	switch path {
	case "config.access_key", "config.secret_key", "config.session_token":
		return "put the real key there, or remove access_key and secret_key to use the identity of the pod or machine"
	default:
		return "put the real value there"
	}
}

func (d *decoder) secret(into *Secret) func(ast.Node, string) {
	return d.expanded(false, func(s string) { *into = Secret(s) })
}

func (d *decoder) boolean(into *bool) func(ast.Node, string) {
	return func(n ast.Node, path string) {
		v, ok := n.(*ast.BoolNode)
		if !ok {
			d.problemAt(n.GetToken().Position, path, "must be true or false without quotes, found %q", n.GetToken().Value)
			return
		}
		*into = v.Value
	}
}

// integer reads a whole number from least to most.
func (d *decoder) integer(least, most int64, set func(int64)) func(ast.Node, string) {
	return func(n ast.Node, path string) {
		var value int64
		ok := false
		if v, isInt := n.(*ast.IntegerNode); isInt {
			switch i := v.Value.(type) {
			case int64:
				value, ok = i, true
			case uint64:
				value, ok = int64(min(i, math.MaxInt64)), true //nolint:gosec // bounded in this expression
			}
		}
		if !ok {
			d.problemAt(n.GetToken().Position, path, "must be a whole number%s, found %q", unitHint(path), n.GetToken().Value)
			return
		}
		if value < least || value > most {
			d.problemAt(n.GetToken().Position, path, "must be from %d to %d, found %d", least, most, value)
			return
		}
		set(value)
	}
}

func unitHint(path string) string {
	if strings.HasSuffix(path, "_size") || strings.HasSuffix(path, "_size_bytes") {
		return " of bytes, such as 134217728 for 128 MiB"
	}
	return ""
}

// duration reads a duration as Prometheus writes it: 90s, 2m, 1h30m.
func (d *decoder) duration(into *time.Duration) func(ast.Node, string) {
	return func(n ast.Node, path string) {
		s := ""
		switch v := n.(type) {
		case *ast.StringNode:
			s = v.Value
		case *ast.IntegerNode:
			s = v.GetToken().Value
		}
		v, err := model.ParseDuration(s)
		if err != nil {
			d.problemAt(n.GetToken().Position, path, "must be a duration such as 90s, 2m or 1h30m, found %s", strconv.Quote(n.GetToken().Value))
			return
		}
		*into = time.Duration(v)
	}
}

// oneOf reads one of a few words, in any case where fold is set.
func (d *decoder) oneOf(into *string, words ...string) func(ast.Node, string) {
	return func(n ast.Node, path string) {
		s, ok := d.text(n, path)
		if !ok {
			return
		}
		if s != "" && !slices.Contains(words, s) {
			d.problemAt(n.GetToken().Position, path, "must be one of %s, found %q", strings.Join(words, ", "), s)
			return
		}
		*into = s
	}
}

// texts reads a mapping from text to text.
func (d *decoder) texts(into map[string]string) func(ast.Node, string) {
	return func(n ast.Node, path string) {
		var values []*ast.MappingValueNode
		switch v := n.(type) {
		case *ast.MappingNode:
			values = v.Values
		case *ast.MappingValueNode:
			values = []*ast.MappingValueNode{v}
		default:
			d.problemAt(n.GetToken().Position, path, "must hold keys and values, found %s", describe(n))
			return
		}
		// Every key is known, each once.
		seen := map[string]int{}
		for _, kv := range values {
			key := kv.Key.GetToken().Value
			var s string
			d.value(kv, path, fields{key: d.str(&s)}, seen)
			into[key] = s
		}
	}
}

// finish sorts what was found into the file's order.
func (d *decoder) finish() ([]Warning, error) {
	byPlace := func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	}
	slices.SortStableFunc(d.problems, byPlace)
	slices.SortStableFunc(d.warnings, byPlace)
	if len(d.problems) > 0 {
		return d.warnings, &ConfigError{Problems: d.problems}
	}
	return d.warnings, nil
}

// nearest returns the name that resembles key most, or "" when none does.
func nearest(key string, names []string) string {
	best, bestDistance := "", max(2, len(key)/3)+1
	slices.Sort(names)
	for _, name := range names {
		if dist := distance(strings.ToLower(key), name); dist < bestDistance {
			best, bestDistance = name, dist
		}
	}
	return best
}

// distance is the Levenshtein distance of two short ASCII words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
