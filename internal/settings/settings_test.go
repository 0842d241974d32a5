package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/fleetcost/fleetcost/internal/settings"
)

func flags() *pflag.FlagSet {
	fs := pflag.NewFlagSet("t", pflag.ContinueOnError)
	fs.String("cluster-id", "", "")
	fs.Duration("push-interval", 10*time.Minute, "")
	fs.StringSlice("label-deny", nil, "")
	fs.StringToString("header", nil, "")
	fs.Bool("once", false, "")
	fs.String("config", "", "")
	return fs
}

func TestPrecedence(t *testing.T) {
	fs := flags()
	if err := fs.Parse([]string{"--cluster-id=from-flag"}); err != nil {
		t.Fatal(err)
	}
	_, err := settings.Load(fs,
		[]string{"FLEETCOST_CLUSTER_ID=from-env", "FLEETCOST_PUSH_INTERVAL=5m", "HOME=/root", "FLEETCOST_ONCE="},
		"agent.yaml", []byte("cluster-id: from-file\npush-interval: 1m\nonce: true\nlabel-deny: [a, b]\nheader:\n  X-Scope-OrgID: fleet\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"cluster-id": "from-flag", "push-interval": "5m0s", "once": "true", "label-deny": "[a,b]", "header": "[X-Scope-OrgID=fleet]",
	} {
		if got := fs.Lookup(name).Value.String(); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
}

func TestStrict(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"push-intervall: 1m\n", `agent.yaml:1: unknown key "push-intervall"; did you mean "push-interval"?`},
		{"once: true\n\nzzz: 1\n", `agent.yaml:3: unknown key "zzz"; see docs/operate/settings.md`},
		{"push-interval: soon\n", `agent.yaml:1: key "push-interval": invalid argument "soon"`},
		{"cluster-id: [a, b]\n", "takes one value, found a list"},
		{"cluster-id: {a: b}\n", "takes one value, found a mapping"},
		{"- a\n", "want a mapping of settings"},
		{"config: x\n", `unknown key "config"`},
		{"a: b: c\n", "agent.yaml"},
	} {
		_, err := settings.Load(flags(), nil, "agent.yaml", []byte(c.file))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.file, err, c.want)
		}
	}
	_, err := settings.Load(flags(), []string{"FLEETCOST_PUSH_INTERVAL=x"}, "", nil)
	if err == nil || !strings.Contains(err.Error(), "FLEETCOST_PUSH_INTERVAL") {
		t.Errorf("bad variable: %v", err)
	}
}

func TestUnknownVariablesWarn(t *testing.T) {
	w, err := settings.Load(flags(), []string{"FLEETCOST_PUSH_INTERVALL=1m", "FLEETCOST_PORT_9003_TCP=tcp://10.0.0.1:9003", "FLEETCOST_SERVICE_HOST=10.0.0.1"}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(w) != 1 || !strings.Contains(w[0], "did you mean FLEETCOST_PUSH_INTERVAL?") {
		t.Fatalf("warnings %q", w)
	}
}

func TestMarkdownListsEveryFlag(t *testing.T) {
	md := settings.Markdown(flags())
	for _, want := range []string{"`push-interval` | `FLEETCOST_PUSH_INTERVAL` | duration | `10m0s`", "`cluster-id`"} {
		if !strings.Contains(md, want) {
			t.Errorf("page lacks %q:\n%s", want, md)
		}
	}
}

// A program has commands: a variable of one is no mistake for the others, and
// help is nothing to set.
func TestOtherCommandsVariables(t *testing.T) {
	other := pflag.NewFlagSet("other", pflag.ContinueOnError)
	other.String("server", "", "")
	fs := flags()
	fs.Bool("help", false, "")
	w, err := settings.Load(fs, []string{"FLEETCOST_SERVER=x", "FLEETCOST_HELPP=x", "FLEETCOST_SERVERR=x"}, "", nil, other)
	if err != nil {
		t.Fatal(err)
	}
	if len(w) != 2 || strings.Contains(w[0], "did you mean") || !strings.Contains(w[1], "did you mean FLEETCOST_SERVER?") {
		t.Fatalf("warnings %q", w)
	}
}

func TestSuggest(t *testing.T) {
	fs := flags()
	err := settings.Suggest(fs, fs.Parse([]string{"--clutser-id=x"}))
	if err == nil || !strings.HasSuffix(err.Error(), "did you mean --cluster-id?") {
		t.Errorf("error %v", err)
	}
	if err := settings.Suggest(fs, fs.Parse([]string{"--zzzzzz"})); err == nil || strings.Contains(err.Error(), "did you mean") {
		t.Errorf("error %v", err)
	}
}
