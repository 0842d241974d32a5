//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/test/servers"
)

func mentions(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("does not mention %q:\n%s", w, tail(text))
		}
	}
}

// s3 starts a real S3 server with a bucket and returns its storage config.
func s3(t *testing.T) (*servers.VersityGW, string) {
	t.Helper()
	gw := servers.StartVersityGW(t)
	gw.CreateBucket("fleet")
	file := filepath.Join(t.TempDir(), "federated-store.yaml")
	if err := os.WriteFile(file, []byte(gw.ConfigYAML("fleet")), 0o600); err != nil {
		t.Fatal(err)
	}
	return gw, file
}

func window(w cost.Window) string {
	return url.QueryEscape(w.Start.Start().Format(time.RFC3339) + "," + w.End.Start().Format(time.RFC3339))
}

// TestFleetOverS3 is the whole path: two clusters, a Prometheus each, agents,
// a real S3 server, the server, both dialects and the CLI, with one total.
func TestFleetOverS3(t *testing.T) {
	_, storage := s3(t)
	var all cost.Window
	for seed := range uint64(2) {
		s, prom := recentScenario(t, 10+seed, 6)
		all = cost.Window{Start: s.Start, End: s.Start + cost.Hour(s.Hours)}
		s.Name = fmt.Sprintf("cluster-%d", seed)
		p := start(t, "fleetcost-agent", agentArgs(t, s, prom, storage, "--once")...)
		if err := p.wait(); err != nil {
			t.Fatalf("agent %d: %v\n%s", seed, err, tail(p.out.String()))
		}
	}
	data := t.TempDir()
	srv := startServer(t, storage, data)
	srv.ready()

	w := window(all)
	one := total(srv.allocations("/allocation?aggregate=cluster&includeIdle=true&includeOverhead=true&window=" + w))
	if one <= 0 {
		t.Fatal("the fleet costs nothing")
	}
	for _, path := range []string{
		"/allocation?aggregate=namespace&includeIdle=true&includeOverhead=true&window=",
		"/allocation?aggregate=cluster&includeIdle=true&shareIdle=true&includeOverhead=true&window=",
		"/allocation?aggregate=pod&step=1h&includeIdle=true&includeOverhead=true&window=",
		"/allocation/compute?aggregate=controller&includeIdle=true&includeOverhead=true&window=",
		"/model/allocation?aggregate=namespace&accumulate=true&idle=true&shareTenancyCosts=true&window=",
	} {
		if got := total(srv.allocations(path + w)); math.Abs(got-one) > 1e-6 {
			t.Errorf("%s…: total %.9f, by cluster it is %.9f", path, got, one)
		}
	}
	cli := exec.Command(program(t, "fleetcost"), "allocation", "--server", srv.url, "--window",
		all.Start.Start().Format(time.RFC3339)+","+all.End.Start().Format(time.RFC3339), "--aggregate", "namespace", "--idle", "-o", "json")
	out, err := cli.Output()
	// Each cluster has a gap of seven minutes in one hour: the answer is partial,
	// and the CLI says so beside its JSON and by its exit code.
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(string(exit.Stderr), "2 of them covered in part") {
		t.Fatalf("CLI: %v\n%s", err, out)
	}
	if !json.Valid(bytes.TrimSpace(out)) {
		t.Errorf("the CLI's JSON is none:\n%s", tail(string(out)))
	}

	// The store is disposable: without it the answers are the same.
	path := "/allocation?aggregate=namespace,controller&includeIdle=true&shareIdle=true&window=" + w
	before := srv.get(path)
	srv.stop()
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	again := startServer(t, storage, data)
	again.ready()
	if after := again.get(path); !bytes.Equal(before, after) {
		t.Errorf("a rebuilt store answers differently:\n%.500s\n%.500s", before, after)
	}
}

// TestBucketAway takes the S3 server away while an agent runs, and brings it
// back: what was collected meanwhile arrives.
func TestBucketAway(t *testing.T) {
	s, prom := recentScenario(t, 4, 12)
	want := undisturbed(t, func(storage string) []string { return agentArgs(t, s, prom, storage, "--once") })
	gw, storage := s3(t)
	args := agentArgs(t, s, prom, storage, "--push-interval", "1s")
	agent := start(t, "fleetcost-agent", args...)
	agent.eventually("the agent to begin", func() bool { return strings.Contains(agent.out.String(), "backfill") })
	gw.Stop()
	time.Sleep(3 * time.Second) // several pushes fail
	gw.Restart()
	srv := startServer(t, storage, t.TempDir(), "--poll-interval", "1s")
	srv.ready()
	w := window(cost.Window{Start: s.Start, End: s.Start + cost.Hour(s.Hours)})
	agent.eventually("everything to arrive", func() bool {
		set := srv.allocations("/allocation?aggregate=cluster&step=1h&window=" + w)
		n := 0
		for _, s := range set {
			if len(s) > 0 {
				n++
			}
		}
		return n == s.Hours
	})
	agent.stop()
	if agent.err != nil {
		t.Errorf("the agent ended with %v:\n%s", agent.err, tail(agent.out.String()))
	}
	sameContents(t, want, contents(t, openStorage(t, storage)))
}

// TestKilledServerAnswersRight kills the server with SIGKILL at random points
// of its first load and of later ones; in the end it answers as one that was
// never disturbed.
func TestKilledServerAnswersRight(t *testing.T) {
	root := t.TempDir()
	demo := start(t, "fleetcost", "demo", "--listen", address(t), "--data-dir", root, "--clusters", "12", "--days", "12", "--seed", "5")
	storage := ""
	demo.eventually("the demo's bucket", func() bool {
		files, _ := filepath.Glob(filepath.Join(root, "*", "*", "federated-store.yaml"))
		if len(files) == 1 {
			storage = files[0]
		}
		return storage != "" && strings.Contains(demo.out.String(), "listening")
	})
	demo.stop() // the bucket stands still from here on

	questions := []string{
		"/allocation?window=12d&aggregate=cluster&includeIdle=true",
		"/allocation?window=12d&aggregate=namespace&step=1d&includeIdle=true&shareIdle=true",
		"/allocation?window=2d&aggregate=pod",
		"/assets?window=12d&aggregate=type",
	}
	answers := func(s *server) (out [][]byte) {
		for _, q := range questions {
			out = append(out, s.get(q))
		}
		return out
	}
	calm := startServer(t, storage, t.TempDir())
	calm.ready()
	want := answers(calm)
	calm.stop()

	data := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 12 {
		s := startServer(t, storage, data)
		time.Sleep(time.Duration(50+rng.IntN(1500)) * time.Millisecond)
		s.kill()
	}
	last := startServer(t, storage, data)
	last.ready()
	for i, got := range answers(last) {
		if !bytes.Equal(want[i], got) {
			t.Errorf("%s answers differently after kills:\n%.400s\n%.400s", questions[i], want[i], got)
		}
	}
}
