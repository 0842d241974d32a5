package settings

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/pflag"
)

// EnvPrefix begins the name of every environment variable that is a setting.
const EnvPrefix = "FLEETCOST_"

// Env returns the environment variable of a flag: "push-interval" →
// "FLEETCOST_PUSH_INTERVAL".
func Env(flag string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Load fills every flag of fs that the command line did not set, from environ
// ("KEY=value", as os.Environ gives) and then from file. name is the file's
// name for messages; content may be nil when there is no file. All errors are
// reported at once. warnings name variables with our prefix that are no
// setting, of fs or of others: the flag sets of a program's other commands.
func Load(fs *pflag.FlagSet, environ []string, name string, content []byte, others ...*pflag.FlagSet) (warnings []string, err error) {
	var errs []error
	fromEnv, warnings := environment(fs, environ, others)
	done := map[string]bool{}
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			done[f.Name] = true
			return
		}
		v, ok := fromEnv[f.Name]
		if !ok {
			return
		}
		done[f.Name] = true
		if err := fs.Set(f.Name, v); err != nil {
			errs = append(errs, fmt.Errorf("%s=%q: %w", Env(f.Name), v, err))
		}
	})
	if content != nil {
		errs = append(errs, loadFile(fs, done, name, content)...)
	}
	return warnings, errors.Join(errs...)
}

// environment picks the settings out of environ. Kubernetes adds variables for
// every Service of a namespace (FLEETCOST_PORT_9003_TCP, …), so an unknown
// variable can be no error; those that are close to a setting are worth a
// warning.
func environment(fs *pflag.FlagSet, environ []string, others []*pflag.FlagSet) (values map[string]string, warnings []string) {
	values = map[string]string{}
	names, known := map[string]string{}, map[string]bool{}
	for _, set := range append(others, fs) {
		set.VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" {
				return
			}
			known[strings.TrimPrefix(Env(f.Name), EnvPrefix)] = true
			if set == fs {
				names[Env(f.Name)] = f.Name
			}
		})
	}
	for _, kv := range environ {
		k, v, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(k, EnvPrefix) || v == "" { // empty means absent, as for query parameters
			continue
		}
		if flag, ok := names[k]; ok {
			values[flag] = v
			continue
		}
		if known[strings.TrimPrefix(k, EnvPrefix)] || strings.Contains(k, "_SERVICE_") || strings.Contains(k, "_PORT") {
			continue
		}
		w := fmt.Sprintf("environment variable %s is no setting", k)
		// Without the prefix: as all names share it, everything would be near.
		if near := Nearest(strings.TrimPrefix(k, EnvPrefix), keys(known)); near != "" {
			w += fmt.Sprintf("; did you mean %s?", EnvPrefix+near)
		}
		warnings = append(warnings, w)
	}
	sort.Strings(warnings)
	return values, warnings
}

func loadFile(fs *pflag.FlagSet, done map[string]bool, name string, content []byte) []error {
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return []error{fmt.Errorf("%s: %w", name, err)}
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil
	}
	if len(file.Docs) > 1 {
		return []error{fmt.Errorf("%s: holds %d YAML documents, want one", name, len(file.Docs))}
	}
	var errs []error
	seen := map[string]bool{}
	values, err := mapping(file.Docs[0].Body)
	if err != nil {
		return []error{fmt.Errorf("%s: %w", name, err)}
	}
	for _, kv := range values {
		key := kv.Key.String()
		at := fmt.Sprintf("%s:%d", name, kv.Key.GetToken().Position.Line)
		f := fs.Lookup(key)
		switch {
		case f == nil || key == "config" || key == "help":
			errs = append(errs, unknown(fs, at, key))
			continue
		case seen[key]:
			errs = append(errs, fmt.Errorf("%s: key %q stands twice", at, key))
			continue
		}
		seen[key] = true
		if done[key] {
			continue
		}
		if err := set(fs, f, kv.Value); err != nil {
			errs = append(errs, fmt.Errorf("%s: key %q: %w", at, key, err))
		}
	}
	return errs
}

func mapping(n ast.Node) ([]*ast.MappingValueNode, error) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, nil
	default:
		return nil, fmt.Errorf("line %d: want a mapping of settings, found %s", n.GetToken().Position.Line, n.Type())
	}
}

func unknown(fs *pflag.FlagSet, at, key string) error {
	var known []string
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Name != "config" && f.Name != "help" {
			known = append(known, f.Name)
		}
	})
	if near := Nearest(key, known); near != "" {
		return fmt.Errorf("%s: unknown key %q; did you mean %q?", at, key, near)
	}
	return fmt.Errorf("%s: unknown key %q; see docs/operate/settings.md for the known ones", at, key)
}

// set gives a flag the value of a YAML node: a scalar, a list for flags that
// take several values, a mapping for flags of key=value pairs.
func set(fs *pflag.FlagSet, f *pflag.Flag, n ast.Node) error {
	switch v := n.(type) {
	case *ast.SequenceNode:
		sv, ok := f.Value.(pflag.SliceValue)
		if !ok {
			return errors.New("takes one value, found a list")
		}
		var items []string
		for _, x := range v.Values {
			s, err := scalar(x)
			if err != nil {
				return err
			}
			items = append(items, s)
		}
		f.Changed = true
		return sv.Replace(items)
	case *ast.MappingNode, *ast.MappingValueNode:
		if f.Value.Type() != "stringToString" {
			return errors.New("takes one value, found a mapping")
		}
		pairs, err := mapping(v)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			s, err := scalar(p.Value)
			if err != nil {
				return err
			}
			if err := fs.Set(f.Name, p.Key.String()+"="+s); err != nil {
				return err
			}
		}
		return nil
	default:
		s, err := scalar(n)
		if err != nil {
			return err
		}
		return fs.Set(f.Name, s)
	}
}

func scalar(n ast.Node) (string, error) {
	s, ok := n.(ast.ScalarNode)
	if !ok {
		return "", fmt.Errorf("want a plain value, found %s", n.Type())
	}
	if str, ok := n.(*ast.StringNode); ok {
		return str.Value, nil
	}
	return s.GetToken().Value, nil
}

// Nearest returns the known word closest to word, or "" when none is close
// enough to be what was meant.
func Nearest(word string, known []string) string {
	best, at := "", 1+len(word)/3
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(k)); d <= at && (best == "" || d < at) {
			best, at = k, d
		}
	}
	return best
}

func keys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// Suggest adds the nearest flag of fs to an error about an unknown one.
func Suggest(fs *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var known []string
	fs.VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if near := Nearest(unknown.GetSpecifiedName(), known); near != "" {
		return fmt.Errorf("%w; did you mean --%s?", err, near)
	}
	return err
}

// Markdown writes the reference table of fs.
func Markdown(fs *pflag.FlagSet) string {
	var b strings.Builder
	b.WriteString("| flag and file key | environment | type | default | what it does |\n|---|---|---|---|---|\n")
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		def := f.DefValue
		if def == "" || def == "[]" {
			def = "–"
		} else {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", f.Name, Env(f.Name), f.Value.Type(), def, strings.ReplaceAll(f.Usage, "|", "\\|"))
	})
	return b.String()
}
