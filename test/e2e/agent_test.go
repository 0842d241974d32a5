//go:build e2e

package e2e_test

import (
	"math/rand/v2"
	"testing"
	"time"
)

// undisturbed runs one agent to its end and returns what the bucket then holds.
func undisturbed(t *testing.T, args func(storage string) []string) map[string]string {
	t.Helper()
	storage, dir := directory(t)
	p := start(t, "fleetcost-agent", args(storage)...)
	if err := p.wait(); err != nil {
		t.Fatalf("the undisturbed agent failed: %v\n%s", err, tail(p.out.String()))
	}
	return contents(t, openDirectory(t, dir))
}

// TestKilledAgentLosesNothing kills the agent with SIGKILL at random points of
// collecting, spooling and pushing, again and again, until it once gets through.
func TestKilledAgentLosesNothing(t *testing.T) {
	s, prom := recentScenario(t, 1, 10)
	want := undisturbed(t, func(storage string) []string { return agentArgs(t, s, prom, storage, "--once") })

	storage, dir := directory(t)
	args := agentArgs(t, s, prom, storage, "--once")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	kills := 0
	for finished := false; !finished; {
		p := start(t, "fleetcost-agent", args...)
		// Later tries get longer, so that the loop ends.
		limit := time.Duration(20+rng.IntN(300+40*kills)) * time.Millisecond
		select {
		case <-p.done:
			if p.err != nil {
				t.Fatalf("after %d kills: %v\n%s", kills, p.err, tail(p.out.String()))
			}
			finished = true
		case <-time.After(limit):
			p.kill()
			kills++
		}
		if kills > 200 {
			t.Fatal("the agent never got through")
		}
	}
	t.Logf("%d kills", kills)
	if kills < 3 {
		t.Errorf("only %d kills: the test disturbed too little", kills)
	}
	sameContents(t, want, contents(t, openDirectory(t, dir)))
}

// TestTwoAgentsAtOnce runs two agents of one cluster into one bucket at the
// same time: a rolling update, or --once beside a Deployment.
func TestTwoAgentsAtOnce(t *testing.T) {
	s, prom := recentScenario(t, 2, 10)
	want := undisturbed(t, func(storage string) []string { return agentArgs(t, s, prom, storage, "--once") })

	storage, dir := directory(t)
	a := start(t, "fleetcost-agent", agentArgs(t, s, prom, storage, "--once")...)
	b := start(t, "fleetcost-agent", agentArgs(t, s, prom, storage, "--once")...)
	for _, p := range []*process{a, b} {
		if err := p.wait(); err != nil {
			t.Fatalf("%v\n%s", err, tail(p.out.String()))
		}
	}
	sameContents(t, want, contents(t, openDirectory(t, dir)))
}

// TestAnotherClusterIsRefused gives a second cluster the id of the first.
func TestAnotherClusterIsRefused(t *testing.T) {
	s, prom := recentScenario(t, 3, 4)
	storage, _ := directory(t)
	if p := start(t, "fleetcost-agent", agentArgs(t, s, prom, storage, "--once")...); p.wait() != nil {
		t.Fatalf("first agent:\n%s", tail(p.out.String()))
	}
	_, prom2 := recentScenario(t, 4, 4) // same id, another kube-system namespace
	p := start(t, "fleetcost-agent", agentArgs(t, s, prom2, storage, "--once")...)
	if p.wait() == nil {
		t.Fatal("a second cluster may write under the first one's id")
	}
	mentions(t, p.out.String(), s.Name, "--take-over")
}
