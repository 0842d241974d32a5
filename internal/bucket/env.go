package bucket

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand puts values of the environment in place of references ${NAME}. $${ is
// a literal ${, and any other $ stands for itself: a secret taken over from
// another product may well hold one. Errors name the variable, never the text
// around it.
func expand(s string, getenv func(string) string) (string, error) {
	var out strings.Builder
	for s != "" {
		switch {
		case strings.HasPrefix(s, "$${"):
			out.WriteString("${")
			s = s[len("$${"):]
		case strings.HasPrefix(s, "${"):
			name, rest, closed := strings.Cut(s[len("${"):], "}")
			if !closed || !variableName.MatchString(name) {
				return "", errors.New("holds ${ without a variable's name and }: write ${NAME} for the variable NAME of the environment, or $${ for the text ${ itself")
			}
			value := ""
			if getenv != nil {
				value = getenv(name)
			}
			if value == "" {
				return "", fmt.Errorf("refers to the environment variable %s, which is not set or empty: set it for this program, or write the value here", name)
			}
			if hasControl(value) {
				return "", fmt.Errorf("the value of the environment variable %s holds a control character, perhaps a line's end: remove it", name)
			}
			out.WriteString(value)
			s = rest
		default:
			out.WriteByte(s[0])
			s = s[1:]
		}
	}
	return out.String(), nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// expanded reads text that may refer to variables of the environment. No
// message shows its value, except a placeholder where show is set.
func (d *decoder) expanded(show bool, set func(string)) func(ast.Node, string) {
	return func(n ast.Node, path string) {
		switch n.(type) {
		case *ast.StringNode, *ast.LiteralNode:
		default: // without showing what was found
			d.problemAt(n.GetToken().Position, path, "must be text: write it in quotes")
			return
		}
		s, ok := d.text(n, path)
		if !ok {
			return
		}
		s, err := expand(s, d.getenv)
		if err != nil {
			d.problemAt(n.GetToken().Position, path, "%v", err)
			return
		}
		shown := "of an example" // a real secret could look like one
		if show {
			shown = s
		}
		if d.plausible(n, path, s, shown) {
			set(s)
		}
	}
}
