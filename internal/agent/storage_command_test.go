package agent_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/agent"
	"github.com/fleetcost/fleetcost/internal/storagecheck"
)

// TestStorage: in the agent's pod no flag is needed, and the agent's other
// settings are in nobody's way.
func TestStorage(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "federated-store.yaml")
	if err := os.WriteFile(config, []byte("type: FILESYSTEM\nconfig:\n  directory: "+dir+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(dir, "agent.yaml")
	if err := os.WriteFile(settings, []byte("cluster-id: prod-eu\nstorage-config: "+config+"\nprometheus-url: http://p:9090\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pod := []string{"FLEETCOST_CLUSTER_ID=prod-us", "FLEETCOST_STORAGE_CONFIG=" + config, "FLEETCOST_PROMETHEUS_URL=http://p:9090"}
	for _, c := range []struct {
		name    string
		environ []string
		args    string
		code    int
		want    string
	}{
		{"environment", pod, "storage check", 0, "as agent of prod-us: "},
		{"settings", nil, "storage check --config " + settings, 0, "as agent of prod-eu: "},
		{"flag wins", pod, "storage check --cluster-id prod-ap", 0, "as agent of prod-ap: "},
		{"server", pod, "storage check --role server", 0, "as server: "},
		{"policy", pod, "storage policy --bucket fleet-costs", 0, "cluster_id=prod-us/*"},
		{"nothing", nil, "storage check", 2, "needs --cluster-id"},
		{"misspelt", pod, "storage check --cluster prod", 2, "did you mean --cluster-id"},
		{"no command", pod, "storage chekc", 2, `unknown command "chekc"`},
		{"failure", pod, "storage check -f " + settings, 1, "unknown key"},
		{"misspelt variable", append([]string{"FLEETCOST_CLUSTERID=x"}, pod...), "storage check", 0, "FLEETCOST_CLUSTERID is no setting"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			getenv := func(name string) string {
				for _, kv := range c.environ {
					if v, ok := strings.CutPrefix(kv, name+"="); ok {
						return v
					}
				}
				return ""
			}
			code := agent.Storage(t.Context(), storagecheck.Surroundings{
				Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Now: time.Now, Getenv: getenv,
			}, c.environ, strings.Fields(c.args))
			if code != c.code || !strings.Contains(out.String(), c.want) {
				t.Errorf("exit code %d, want %d and %q in:\n%s", code, c.code, c.want, out.String())
			}
		})
	}
}
