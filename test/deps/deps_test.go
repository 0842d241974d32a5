package deps_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// forbidden says what a program must not link, and why.
var forbidden = []struct{ program, dependency, why string }{
	{"fleetcost-agent", "github.com/duckdb/", "the agent runs in every cluster: pure Go, static, small"},
	{"fleetcost-agent", "github.com/fleetcost/fleetcost/internal/store", "agent and server meet only in the bucket"},
	{"fleetcost-agent", "github.com/fleetcost/fleetcost/internal/query", "agent and server meet only in the bucket"},
	{"fleetcost-agent", "github.com/fleetcost/fleetcost/internal/httpapi", "the agent serves probes, not the API"},
	{"fleetcost-agent", "github.com/fleetcost/fleetcost/internal/simulate", "only the demo, tests and benchmarks simulate"},
	{"fleetcost-agent", "runtime/cgo", "the agent is a static binary"},
	{"fleetcost-agent", "cloud.google.com/go/storage", "its gRPC, xDS and OpenTelemetry are twice what the JSON API's own client weighs"},
	{"fleetcost-agent", "testing", "test support must not reach a product binary"},
	{"fleetcost", "testing", "test support must not reach a product binary"},
}

func TestForbiddenDependencies(t *testing.T) {
	deps := map[string]string{}
	for _, p := range []string{"fleetcost-agent", "fleetcost"} {
		cmd := exec.Command("go", "list", "-deps", "./cmd/"+p)
		cmd.Dir = "../.."
		if p == "fleetcost-agent" {
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		deps[p] = "\n" + string(out)
	}
	for _, f := range forbidden {
		needle := "\n" + f.dependency
		if !strings.HasSuffix(f.dependency, "/") {
			needle += "\n"
		}
		if strings.Contains(deps[f.program], needle) {
			t.Errorf("%s links %s: %s", f.program, f.dependency, f.why)
		}
	}
}

// maxAgentBytes is the promise of ARCHITECTURE: the agent stays under 60 MB.
const maxAgentBytes = 60e6

func TestAgentSize(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "agent")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "./cmd/fleetcost-agent")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	info, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("fleetcost-agent is %.1f MB", float64(info.Size())/1e6)
	if info.Size() > maxAgentBytes {
		t.Errorf("fleetcost-agent is %.1f MB, the limit is %.0f", float64(info.Size())/1e6, maxAgentBytes/1e6)
	}
}
