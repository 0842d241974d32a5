// Command licences collects the licences of everything that a program is built
// of, as JSON for the pages:
//
//	go run ./scripts/licences ./cmd/fleetcost ui/dist/licences-go.json
//
// It asks the go command which packages are linked, reads the licence files in
// their directories and those above, up to the module's root, and fails where
// a module has none or one of a kind that nobody looked at yet.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("want a package and a file to write")
	}
	list, err := collect(ctx, args[0])
	if err != nil {
		return err
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("write the list: %w", err)
	}
	return os.WriteFile(args[1], append(text, '\n'), 0o644)
}

// List is the licences of a program. Texts are kept once, as most are the same.
type List struct {
	Texts []string `json:"texts"`
	List  []Entry  `json:"list"` // by name
}

// Entry is one module.
type Entry struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Licence string `json:"licence"` // SPDX, " AND " between several
	Texts   []int  `json:"texts"`   // places in List.Texts
}

type goPackage struct {
	Dir      string
	Standard bool
	Module   *goModule
}

type goModule struct {
	Path, Version, Dir string
	Main               bool
	Replace            *goModule
}

func collect(ctx context.Context, program string) (*List, error) {
	packages, err := linked(ctx, program)
	if err != nil {
		return nil, err
	}
	dirs := map[goModule]map[string]bool{}
	for _, p := range packages {
		m := p.Module
		if p.Standard || m == nil || m.Main {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		if dirs[*m] == nil {
			dirs[*m] = map[string]bool{}
		}
		for d := p.Dir; len(d) >= len(m.Dir); d = filepath.Dir(d) {
			dirs[*m][d] = true
		}
	}
	out := &List{}
	c := collector{list: out, places: map[string]int{}}
	errs := []error{c.add("Go standard library and runtime", strings.TrimPrefix(runtime.Version(), "go"), map[string]bool{filepath.Join(goroot(ctx)): true})}
	for m, of := range dirs {
		errs = append(errs, c.add(m.Path, m.Version, of))
	}
	slices.SortFunc(out.List, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	return out, errors.Join(errs...)
}

func goroot(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func linked(ctx context.Context, program string) ([]goPackage, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,Standard,Module", program)
	var said bytes.Buffer
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ask go list what %s is built of: %w: %s", program, err, said.String())
	}
	var out []goPackage
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		var p goPackage
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("read what go list says: %w", err)
		}
		out = append(out, p)
	}
}

type collector struct {
	list   *List
	places map[string]int // of texts
}

// licenceFile is how files are called that must go with a program.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// add reads the licence files of a module's directories.
func (c *collector) add(name, version string, dirs map[string]bool) error {
	e := Entry{Name: name, Version: version}
	var kinds []string
	for _, dir := range sorted(dirs) {
		files, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, f := range files {
			if f.IsDir() || !licenceFile.MatchString(f.Name()) || strings.HasSuffix(f.Name(), ".go") {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if place := c.place(string(text)); !slices.Contains(e.Texts, place) {
				e.Texts = append(e.Texts, place)
			}
			kind := kindOf(string(text))
			if kind == "" && isLicence(f.Name()) {
				return fmt.Errorf("%s: %s in %s is of no known kind; look at it and teach kindOf", name, f.Name(), dir)
			}
			if kind != "" && isLicence(f.Name()) && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	if len(kinds) == 0 {
		return fmt.Errorf("%s %s: no licence file", name, version)
	}
	e.Licence = strings.Join(kinds, " AND ")
	c.list.List = append(c.list.List, e)
	return nil
}

// isLicence leaves out notices and patent grants, which go with a licence.
func isLicence(file string) bool {
	lower := strings.ToLower(file)
	return !strings.HasPrefix(lower, "notice") && !strings.HasPrefix(lower, "patents")
}

func (c *collector) place(text string) int {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if at, ok := c.places[text]; ok {
		return at
	}
	c.places[text] = len(c.list.Texts)
	c.list.Texts = append(c.list.Texts, text)
	return c.places[text]
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

var space = regexp.MustCompile(`\s+`)

// kindOf names a licence by the words that only it has; "" for none that is
// known. Copyleft is none of them, on purpose.
func kindOf(text string) string {
	t := strings.ToLower(space.ReplaceAllString(text, " "))
	has := func(words string) bool { return strings.Contains(t, words) }
	switch {
	case has("gnu general public license") || has("gnu affero") || has("gnu lesser"):
		return ""
	case has("mozilla public license version 2.0") || has("mozilla public license, version 2.0"):
		return "MPL-2.0"
	case has("apache license") && has("version 2.0"):
		return "Apache-2.0"
	case has("redistribution and use in source and binary forms"):
		if has("neither the name") || has("may not be used to endorse") || has("names of its contributors") {
			return "BSD-3-Clause"
		}
		return "BSD-2-Clause"
	case has("permission is hereby granted, free of charge"):
		return "MIT"
	case has("permission to use, copy, modify, and/or distribute") || has("permission to use, copy, modify, and distribute"):
		return "ISC"
	case has("this is free and unencumbered software"):
		return "Unlicense"
	case has("cc0 1.0 universal"):
		return "CC0-1.0"
	}
	return ""
}
