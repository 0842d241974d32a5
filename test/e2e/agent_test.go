//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
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

// TestRecompute corrects the past: a discount that was forgotten is applied to
// closed days, which are replaced and lose no coverage.
func TestRecompute(t *testing.T) {
	s, prom := recentScenario(t, 5, 4)
	storage, dir := directory(t)
	first := start(t, "fleetcost-agent", agentArgs(t, s, prom, storage, "--once")...)
	if err := first.wait(); err != nil {
		t.Fatalf("%v\n%s", err, tail(first.out.String()))
	}
	before := cpuCost(t, openDirectory(t, dir))
	from, to := s.Start.Day(), (s.Start + cost.Hour(s.Hours)).Day()
	again := start(t, "fleetcost-agent", agentArgs(t, s, prom, storage, "--recompute", from.String()+".."+to.String(), "--discount", "0.5")...)
	if err := again.wait(); err != nil {
		t.Fatalf("%v\n%s", err, tail(again.out.String()))
	}
	after := cpuCost(t, openDirectory(t, dir))
	if len(after) != len(before) || len(before) < s.Hours {
		t.Fatalf("%d hours before, %d after, want at least %d", len(before), len(after), s.Hours)
	}
	for h, c := range before {
		// Half of each row is rounded to a nano-unit by itself.
		if diff := 2*after[h] - c; diff < -1000 || diff > 1000 {
			t.Errorf("hour %v: CPU cost %v became %v, want half", h, c, after[h])
		}
	}
	mentions(t, again.out.String(), "totalBefore", "difference")
}

// cpuCost adds up the CPU cost of every hour in the bucket.
func cpuCost(t *testing.T, b bucket.Bucket) map[cost.Hour]cost.Money {
	t.Helper()
	out := map[cost.Hour]cost.Money{}
	err := b.List(context.Background(), costfile.DailyPrefix(costfile.AllocationData), "", func(o bucket.Object) error {
		r, _, err := b.Get(context.Background(), o.Key)
		if err != nil {
			return err
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		rows, _, err := costfile.ReadAll[cost.Allocation](bytes.NewReader(data), int64(len(data)), costfile.DefaultLimits)
		for _, row := range rows {
			h, _ := cost.HourOfMicros(row.WindowStart)
			out[h] += row.CPUCost
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
