package prometheus

import (
	"io"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/simulate"
	"github.com/fleetcost/fleetcost/test/servers"
)

// TestScenario compares what the source makes of the scrape of a simulated
// cluster with what its definition says, container by container.
func TestScenario(t *testing.T) {
	s := simulate.Small(1)
	w := cost.Window{Start: s.Start, End: s.Start + cost.Hour(s.Hours)}
	for _, c := range []struct {
		name      string
		scrape    simulate.Scrape
		tolerance float64 // edges of load blur when samples are off the grid
	}{
		{name: "samples on the step grid, two exporters", scrape: simulate.Scrape{Replicas: 2}, tolerance: 0.0002},
		{name: "kubelets lag behind the scrape", scrape: simulate.Scrape{KubeletLag: 11 * time.Second}, tolerance: 0.02},
		{name: "two samples in a step", scrape: simulate.Scrape{Interval: 30 * time.Second}, tolerance: 0.015},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := servers.StartPrometheus(t, func(w io.Writer) error { return s.Scrape(w, c.scrape) })
			compareQuantities(t, s, w, hours(t, newSource(t, p.URL(), nil), w), c.tolerance)
		})
	}
}

// TestSharedDatabase reads one of two clusters whose samples lie in one
// database, whole and in small queries.
func TestSharedDatabase(t *testing.T) {
	one, two := simulate.Small(1), simulate.Small(2)
	w := cost.Window{Start: one.Start, End: one.Start + cost.Hour(one.Hours)}
	p := servers.StartPrometheus(t, func(w io.Writer) error {
		if err := one.Scrape(w, simulate.Scrape{Labels: []string{"cluster", "a"}, Continues: true}); err != nil {
			return err
		}
		return two.Scrape(w, simulate.Scrape{Labels: []string{"cluster", "b"}})
	})
	of := func(matcher string, maxSamples int) *Source {
		return newSource(t, p.URL(), func(c *Config) { c.Matcher, c.MaxSamples = matcher, maxSamples })
	}
	whole := hours(t, of(`cluster="a"`, 0), w)
	compareQuantities(t, one, w, whole, 0.0002)
	compareQuantities(t, two, w, hours(t, of(`{cluster="b"}`, 0), w), 0.0002)
	if d := cmp.Diff(whole, hours(t, of(`cluster="a"`, minSamples), w)); d != "" {
		t.Errorf("small queries give another answer: %s", d)
	}
}

// unseen tells whether no sample can show what a container used: jobs that
// run between two scrapes, and runs of a crash loop that one scrape meets.
func unseen(k simulate.ContainerKey) bool { return k.Container == "report" || k.Container == "looper" }

func compareQuantities(t *testing.T, s *simulate.Scenario, w cost.Window, got map[cost.Hour]cost.HourUsage, tolerance float64) {
	t.Helper()
	truth := s.Truth(w, simulate.Rates{})
	sum := map[simulate.ContainerKey]simulate.Quantity{}
	var coverage int64
	for _, u := range got {
		coverage += int64(u.CoverageSeconds)
		for _, c := range u.Containers {
			k := simulate.ContainerKey{Namespace: c.Namespace, Pod: c.Pod, PodUID: c.PodUID, Container: c.Container}
			q := sum[k]
			core, bytes := 1e6*3600., 3600.
			q.Hours += float64(c.Span.Seconds) / 3600
			q.CPURequest += float64(c.CPURequest) / core
			q.CPUUsage += float64(c.CPUUsage) / core
			q.CPUAllocated += float64(c.CPUAllocated) / core
			q.RAMRequest += float64(c.RAMRequest) / bytes
			q.RAMUsage += float64(c.RAMUsage) / bytes
			q.RAMAllocated += float64(c.RAMAllocated) / bytes
			q.GPUAllocated += float64(c.GPUAllocated) / core
			sum[k] = q
		}
	}
	// A kubelet's samples may be stamped in the step before their scrape.
	if coverage != truth.CoverageSeconds && coverage != truth.CoverageSeconds+60 {
		t.Errorf("coverage %d s, want %d", coverage, truth.CoverageSeconds)
	}
	for k := range sum {
		if _, ok := truth.Quantities[k]; !ok {
			t.Errorf("%v ran %v h, but never did", k, sum[k].Hours)
		}
	}
	for k, want := range truth.Quantities {
		have := sum[k]
		for _, m := range []struct {
			name       string
			have, want float64
		}{
			{"hours", have.Hours, want.Hours},
			{"CPU request", have.CPURequest, want.CPURequest},
			{"CPU usage", have.CPUUsage, want.CPUUsage},
			{"CPU allocated", have.CPUAllocated, want.CPUAllocated},
			{"RAM request", have.RAMRequest, want.RAMRequest},
			{"RAM usage", have.RAMUsage, want.RAMUsage},
			{"RAM allocated", have.RAMAllocated, want.RAMAllocated},
			{"GPU allocated", have.GPUAllocated, want.GPUAllocated},
		} {
			if unseen(k) && (m.name == "CPU usage" || m.name == "RAM usage") {
				continue
			}
			if math.Abs(m.have-m.want) > tolerance*m.want+1e-9 {
				t.Errorf("%s/%s/%s: %s is %.6g, want %.6g (%+.3f %%)", k.Namespace, k.Pod, k.Container, m.name, m.have, m.want, 100*(m.have/m.want-1))
			}
		}
	}
}
