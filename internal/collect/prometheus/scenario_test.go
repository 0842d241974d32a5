package prometheus

import (
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/simulate"
	"github.com/fleetcost/fleetcost/test/servers"
)

// TestScenario compares what the source makes of the scrape of a simulated
// cluster with what its definition says, container by container. Two samples
// fall into a step and kubelets lag behind, which blurs the edges of load; the
// test below has its samples on the grid and allows nothing.
func TestScenario(t *testing.T) {
	s := simulate.Small(1)
	w := cost.Window{Start: s.Start, End: s.Start + cost.Hour(s.Hours)}
	p := servers.StartPrometheus(t, func(w io.Writer) error {
		return s.Scrape(w, simulate.Scrape{Interval: 30 * time.Second, KubeletLag: 11 * time.Second})
	})
	compareQuantities(t, s, w, hours(t, newSource(t, p.URL(), nil), w), 0.02)
}

// TestSharedDatabase reads one of two clusters whose samples lie in one
// database, one of them from two exporters: by remote read and by queries,
// whole and in small pieces.
func TestSharedDatabase(t *testing.T) {
	one, two := simulate.Small(1), simulate.Small(2)
	w := cost.Window{Start: one.Start, End: one.Start + cost.Hour(one.Hours)}
	p := servers.StartPrometheus(t, func(w io.Writer) error {
		if err := one.Scrape(w, simulate.Scrape{Labels: []string{"cluster", "a"}, Continues: true}); err != nil {
			return err
		}
		return two.Scrape(w, simulate.Scrape{Labels: []string{"cluster", "b"}, Replicas: 2})
	})
	of := func(matcher string, maxSamples int) *Source {
		return newSource(t, p.URL(), func(c *Config) { c.Matcher, c.MaxSamples = matcher, maxSamples })
	}
	whole := hours(t, of(`cluster="a"`, 0), w)
	compareQuantities(t, one, w, whole, 0.0002)
	compareQuantities(t, two, w, hours(t, of(`{cluster="b"}`, 0), w), 0.0002)
	if d := cmp.Diff(whole, hours(t, of(`cluster="a"`, minSamples), w)); d != "" {
		t.Errorf("small reads give another answer: %s", d)
	}
	for _, maxSamples := range []int{0, minSamples} {
		queries := newSource(t, p.URL(), func(c *Config) { c.Matcher, c.MaxSamples, c.NoRemoteRead = `cluster="a"`, maxSamples, true })
		if d := cmp.Diff(whole, hours(t, queries, w)); d != "" {
			t.Errorf("queries of at most %d samples give another answer than remote read: %s", maxSamples, d)
		}
	}
}

// TestVictoriaMetrics reads the same samples from a database without remote
// read. It gives the rows that Prometheus gives, to the last digit.
func TestVictoriaMetrics(t *testing.T) {
	s := simulate.Small(1)
	w := cost.Window{Start: s.Start, End: s.Start + cost.Hour(s.Hours)}
	write := func(w io.Writer) error {
		return s.Scrape(w, simulate.Scrape{Labels: []string{"cluster", "a"}})
	}
	change := func(c *Config) { c.Matcher = `cluster="a"` }
	victoria := newSource(t, servers.StartVictoriaMetrics(t, write).URL(), change)
	got := hours(t, victoria, w)
	compareQuantities(t, s, w, got, 0.0002)
	if d := cmp.Diff(hours(t, newSource(t, servers.StartPrometheus(t, write).URL(), change), w), got); d != "" {
		t.Errorf("VictoriaMetrics and Prometheus give different rows: %s", d)
	}
}

// unseen tells whether no sample can show what a container used: jobs that
// run between two scrapes, and runs of a crash loop that one scrape meets.
func unseen(k simulate.ContainerKey) bool { return k.Container == "report" || k.Container == "looper" }

// TestScenarioAssets compares nodes, volumes and balancers, and who holds them.
func TestScenarioAssets(t *testing.T) {
	s := simulate.Small(3)
	w := cost.Window{Start: s.Start, End: s.Start + cost.Hour(s.Hours)}
	rates := simulate.Rates{Node: simulate.NodeRates{CPUCoreHour: 1, RAMGiBHour: 1, GPUHour: 1}, DiskGiBHour: 1, LoadBalancerHour: 1, BootDiskGiBHour: 1, ManagementHour: 1}
	truth := s.Truth(w, rates)
	p := servers.StartPrometheus(t, func(w io.Writer) error { return s.Scrape(w, simulate.Scrape{Prices: &rates}) })
	const gib = float64(1 << 30)
	nodes, disks, balancers, unmounted, pv, lb := map[string]simulate.Cost{}, map[string]float64{}, map[string]float64{}, map[string]simulate.Cost{}, map[string]float64{}, map[string]float64{}
	var overhead float64
	for _, u := range hours(t, newSource(t, p.URL(), nil), w) {
		for _, n := range u.Nodes {
			c := nodes[n.AssetID]
			c.CPU += float64(n.CPUCapacity) / 3600e6
			c.RAM += float64(n.RAMCapacity) / 3600 / gib
			c.GPU += float64(n.GPUCapacity) / 3600e6
			nodes[n.AssetID] = c
			overhead += float64(n.BootDisk) / 3600 / gib
			if n.Price == nil || n.Price.CPUCoreHour != 1 {
				t.Errorf("node %s has the price %+v", n.Name, n.Price)
			}
		}
		for _, v := range u.Volumes {
			perWeight := float64(v.Capacity) / 3600 / gib / (float64(v.Span.Seconds) * 1e6)
			if v.Kind != cost.VolumeBlock {
				perWeight = 0
			}
			weight := v.Unmounted
			for _, x := range v.Shares {
				pv[u.Containers[x.Container].Namespace] += float64(x.Weight) * perWeight
				weight += x.Weight
			}
			if weight != int64(v.Span.Seconds)*1e6 {
				t.Errorf("weights of %s add up to %d, want %d s", v.Name, weight, v.Span.Seconds)
			}
			c := unmounted[v.ClaimNamespace]
			c.PV += float64(v.Unmounted) * perWeight
			unmounted[v.ClaimNamespace] = c
			disks[v.AssetID] += float64(weight) * perWeight
		}
		for _, b := range u.LoadBalancers {
			for _, x := range b.Shares {
				lb[u.Containers[x.Container].Namespace] += float64(x.Weight) / 3600e6
				balancers[b.AssetID] += float64(x.Weight) / 3600e6
			}
			for _, x := range b.Unmounted {
				c := unmounted[x.Namespace]
				c.LB += float64(x.Weight) / 3600e6
				unmounted[x.Namespace] = c
				balancers[b.AssetID] += float64(x.Weight) / 3600e6
			}
			// OpenCost has a price for balancers of Services only.
			if ingress := strings.HasPrefix(b.AssetID, "ingress/"); ingress != (b.PriceHour == nil) || !ingress && *b.PriceHour != 1 {
				t.Errorf("balancer %s has the price %v", b.Name, b.PriceHour)
			}
		}
		overhead += float64(u.Management[0].Span.Seconds) / 3600
	}
	near := func(what string, have, want float64) {
		t.Helper()
		if math.Abs(have-want) > 0.0005*want+1e-9 {
			t.Errorf("%s is %.6g, want %.6g", what, have, want)
		}
	}
	for id, n := range truth.Nodes {
		near("CPU of "+n.Name, nodes[id].CPU, n.Cost.CPU)
		near("RAM of "+n.Name, nodes[id].RAM, n.Cost.RAM)
		near("GPU of "+n.Name, nodes[id].GPU, n.Cost.GPU)
	}
	for id, v := range truth.Volumes {
		near("volume "+v.Name, disks[id], v.Cost)
	}
	for id, b := range truth.Balancers {
		near("balancer "+b.Name, balancers[id], b.Cost)
	}
	for ns, c := range truth.Unmounted {
		near("unmounted volumes of "+ns, unmounted[ns].PV, c.PV)
		near("unmounted balancers of "+ns, unmounted[ns].LB, c.LB)
	}
	for ns, c := range truth.Namespaces {
		near("volumes of "+ns, pv[ns], c.PV)
		near("balancers of "+ns, lb[ns], c.LB)
	}
	near("overhead", overhead, truth.Overhead)
	if len(nodes) != len(truth.Nodes) || len(disks) != len(truth.Volumes) || len(balancers) != len(truth.Balancers) {
		t.Errorf("%d nodes, %d volumes, %d balancers; want %d, %d, %d", len(nodes), len(disks), len(balancers), len(truth.Nodes), len(truth.Volumes), len(truth.Balancers))
	}
}

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
