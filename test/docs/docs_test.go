package docs_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/fleetcost/fleetcost/internal/agent"
	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
	"github.com/fleetcost/fleetcost/internal/server"
	"github.com/fleetcost/fleetcost/internal/settings"
)

var update = flag.Bool("update", false, "rewrite generated pages")

const root = "../.."

func agentFlags() (*pflag.FlagSet, *agent.Config) {
	fs := pflag.NewFlagSet("fleetcost-agent", pflag.ContinueOnError)
	fs.SortFlags = false
	cfg := agent.Flags(fs)
	cfg.Now = time.Now
	return fs, cfg
}

func serverFlags() (*pflag.FlagSet, *server.Config) {
	fs := pflag.NewFlagSet("fleetcost server", pflag.ContinueOnError)
	fs.SortFlags = false
	cfg := &server.Config{}
	cfg.Flags(fs)
	return fs, cfg
}

// TestGeneratedSettingsPage keeps docs/operate/settings.md equal to the flags.
// Rewrite it with `make generate`.
func TestGeneratedSettingsPage(t *testing.T) {
	a, _ := agentFlags()
	s, _ := serverFlags()
	tmp := os.TempDir()
	want := strings.ReplaceAll(`# Settings

Generated from the code by `+"`make generate`"+`; do not edit.

Every setting has one name: as a flag (`+"`--push-interval 5m`"+`), as an environment variable (`+"`FLEETCOST_PUSH_INTERVAL=5m`"+`) and as a key of the YAML file given with `+"`--config`"+` (`+"`push-interval: 5m`"+`). A flag wins over the environment, the environment over the file. An unknown key in the file is an error that names the line and the nearest known key. Lists are YAML lists, pairs are YAML mappings. Durations are written 90s, 10m, 1h30m or 15d.

## fleetcost-agent

`+settings.Markdown(a)+`
## fleetcost server

`+settings.Markdown(s), tmp, "$TMPDIR")
	checkGenerated(t, "docs/operate/settings.md", want)
}

// TestGeneratedErrorsPage keeps docs/operate/errors.md equal to the catalogue.
func TestGeneratedErrorsPage(t *testing.T) {
	checkGenerated(t, "docs/operate/errors.md", diagnose.Markdown())
}

// checkGenerated compares a page with what the code says, or rewrites it.
func checkGenerated(t *testing.T, page, want string) {
	t.Helper()
	path := filepath.Join(root, page)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("%s is out of date; run make generate (-want +got):\n%s", page, d)
	}
}

// pages lists all Markdown files of the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "node_modules" || name == "fleetcost-data" || name == ".git" || name == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".md") {
			b, err := os.ReadFile(path)
			out[path] = string(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var (
	link  = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	fence = regexp.MustCompile("(?s)```([a-z]*)\n(.*?)```")
)

func TestLinksLeadSomewhere(t *testing.T) {
	for path, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			target := m[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), target)); err != nil {
				t.Errorf("%s links to %s, which does not exist", path, target)
			}
		}
	}
}

// TestReadmeExamples gives the README's storage config, agent and server
// commands to the code that would read them.
func TestReadmeExamples(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, m := range fence.FindAllStringSubmatch(string(b), -1) {
		text := strings.ReplaceAll(m[2], "\\\n", " ")
		if m[1] == "yaml" {
			found["yaml"]++
			if _, _, err := bucket.ParseConfig("README.md", []byte(dedent(text)), bucket.ParseOptions{}); err != nil {
				t.Errorf("storage config in the README: %v", err)
			}
			continue
		}
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			switch {
			case len(f) > 1 && f[0] == "fleetcost-agent":
				found["agent"]++
				fs, cfg := agentFlags()
				if err := fs.Parse(f[1:]); err != nil {
					t.Errorf("%s: %v", line, err)
				} else if err := cfg.Validate(); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			case len(f) > 2 && f[0] == "fleetcost" && f[1] == "server":
				found["server"]++
				fs, cfg := serverFlags()
				if err := fs.Parse(f[2:]); err != nil {
					t.Errorf("%s: %v", line, err)
				} else if err := cfg.Validate(); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		}
	}
	for _, kind := range []string{"yaml", "agent", "server"} {
		if found[kind] == 0 {
			t.Errorf("the README has no example of %s", kind)
		}
	}
}

// dedent removes the indentation that a list gives a fenced block.
func dedent(s string) string {
	indent := len(s) - len(strings.TrimLeft(s, " "))
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimPrefix(line, strings.Repeat(" ", indent)))
	}
	return b.String()
}
