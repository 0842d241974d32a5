package simulate_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/simulate"
)

func TestSameOptionsSameBytes(t *testing.T) {
	print := func(seed uint64) []string {
		f := simulate.NewFleet(simulate.Options{Seed: seed, Containers: 300})
		var out []string
		for _, c := range f.Clusters() {
			h := f.Window().Start + 300
			out = append(out, fmt.Sprintf("%#v", c.Usage(h)))
		}
		return out
	}
	a, b := print(7), print(7)
	if d := cmp.Diff(a, b); d != "" {
		t.Fatalf("two fleets of one seed differ:\n%.2000s", d)
	}
	if slices.Equal(a, print(8)) {
		t.Fatal("another seed gave the same fleet")
	}
}

// TestAnyOrder asks for hours forwards, backwards and from several goroutines:
// what is remembered between calls must never show.
func TestAnyOrder(t *testing.T) {
	o := simulate.Options{Seed: 3, Containers: 300}
	f, g := simulate.NewFleet(o), simulate.NewFleet(o)
	w := f.Window()
	var wg sync.WaitGroup
	for i, c := range f.Clusters() {
		wg.Go(func() {
			var back []cost.HourUsage
			for h := w.Start + 24; h >= w.Start; h-- {
				back = append(back, g.Clusters()[i].Usage(h))
			}
			slices.Reverse(back)
			for k, b := range back {
				if d := cmp.Diff(c.Usage(w.Start+cost.Hour(k)), b); d != "" {
					t.Errorf("%s hour %d differs:\n%.500s", c.Name, k, d)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestUsageIsValid checks the invariants of the default fleet's hours.
func TestUsageIsValid(t *testing.T) {
	f := simulate.NewFleet(simulate.Options{Seed: 1})
	w := f.Window()
	for _, c := range f.Clusters() {
		for h := w.Start; h < w.End; h += 19 { // all hours of the day in turn
			u := c.Usage(h)
			checkHour(t, c, h, u)
			if t.Failed() {
				return
			}
		}
		at := (w.Start + 200).Start().Add(20*time.Minute + 7*time.Second)
		u := c.UsageUntil(w.Start+200, at)
		checkHour(t, c, w.Start+200, u)
		for i := range u.Containers {
			if u.Containers[i].Span.End > 1207 {
				t.Fatalf("%s: container runs past the present: %+v", c.Name, u.Containers[i].Span)
			}
		}
	}
}

// TestAnyFleetIsValid draws fleets of any shape and looks at any hour of them,
// also outside their history.
func TestAnyFleetIsValid(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		o := simulate.Options{
			Seed:       rapid.Uint64().Draw(r, "seed"),
			Clusters:   rapid.IntRange(1, 30).Draw(r, "clusters"),
			Containers: rapid.IntRange(1, 900).Draw(r, "containers"),
			Step:       rapid.SampledFrom([]time.Duration{0, time.Minute, 5 * time.Minute, 7 * time.Second}).Draw(r, "step"),
			Uniform:    rapid.Bool().Draw(r, "uniform"),
		}
		if rapid.Bool().Draw(r, "dated") {
			o.End = cost.Hour(rapid.IntRange(400_000, 600_000).Draw(r, "end"))
			o.Start = o.End - cost.Hour(rapid.IntRange(1, 2000).Draw(r, "hours"))
		}
		f := simulate.NewFleet(o)
		c := f.Clusters()[rapid.IntRange(0, len(f.Clusters())-1).Draw(r, "cluster")]
		h := f.Window().Start + cost.Hour(rapid.IntRange(-50, int(f.Window().Hours())+50).Draw(r, "hour"))
		checkHour(t, c, h, c.Usage(h))
		if t.Failed() {
			r.Fatalf("options %+v", o)
		}
	})
}

func checkHour(t *testing.T, c *simulate.Cluster, h cost.Hour, u cost.HourUsage) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s %s: %s", c.Name, h, fmt.Sprintf(format, args...))
	}
	if u.Hour != h || u.Cluster != c.Name {
		fail("is for %s %s", u.Cluster, u.Hour)
	}
	if !c.Has(h) {
		if u.CoverageSeconds != 0 || len(u.Containers)+len(u.Nodes)+len(u.Volumes) > 0 {
			fail("an hour without data has %d containers", len(u.Containers))
		}
		return
	}
	if u.CoverageSeconds <= 0 || u.CoverageSeconds > 3600 {
		fail("coverage %d s", u.CoverageSeconds)
	}
	span := func(what string, s cost.Span) {
		if s.Start < 0 || s.End > 3600 || s.Start >= s.End || s.Seconds <= 0 || s.Seconds > s.End-s.Start || s.Seconds > u.CoverageSeconds {
			fail("%s has span %+v", what, s)
		}
	}
	nodes := map[string]cost.NodeUsage{}
	for _, n := range u.Nodes {
		span(n.Name, n.Span)
		if n.CPUCapacity <= 0 || n.RAMCapacity <= 0 || n.CPUAllocatable > n.CPUCapacity || n.RAMAllocatable > n.RAMCapacity || n.BootDisk <= 0 {
			fail("node %s has capacity %+v", n.Name, n)
		}
		if _, dup := nodes[n.AssetID]; dup || n.AssetID == "" {
			fail("node asset id %q twice or empty", n.AssetID)
		}
		nodes[n.AssetID] = n
	}
	seen := map[string]bool{}
	for i := range u.Containers {
		k := &u.Containers[i]
		span(k.Pod+"/"+k.Container, k.Span)
		s := int64(k.Span.Seconds)
		if k.CPUAllocated < max(k.CPURequest, k.CPUUsage) || k.RAMAllocated < max(k.RAMRequest, k.RAMUsage) || k.GPUAllocated < max(k.GPURequest, k.GPUUsage) {
			fail("%s/%s: allocated is less than request or usage: %+v", k.Pod, k.Container, k)
		}
		if k.CPUAllocated > k.CPURequest+k.CPUUsage || k.CPUUsage > k.CPUUsageMax*s || k.RAMUsage > k.RAMUsageMax*s || k.CPUUsage < 0 {
			fail("%s/%s: integrals disagree: %+v", k.Pod, k.Container, k)
		}
		if n, ok := nodes[k.NodeAssetID]; !ok || n.Name != k.Node || k.Span.Start < n.Span.Start || k.Span.End > n.Span.End {
			fail("%s/%s runs on %s %+v, which is %+v", k.Pod, k.Container, k.Node, k.Span, n.Span)
		}
		id := k.PodUID + "/" + k.Container
		if seen[id] || k.PodUID == "" || k.Pod == "" || k.Namespace == "" {
			fail("container %s (%s/%s) twice or without a name", id, k.Namespace, k.Pod)
		}
		seen[id] = true
	}
	for _, v := range u.Volumes {
		span(v.Name, v.Span)
		checkShares(fail, v.Name, v.Shares, v.Unmounted, v.Span, len(u.Containers))
	}
	for _, lb := range u.LoadBalancers {
		span(lb.Name, lb.Span)
		rest := int64(0)
		for _, n := range lb.Unmounted {
			rest += n.Weight
		}
		checkShares(fail, lb.Name, lb.Shares, rest, lb.Span, len(u.Containers))
	}
	if len(u.Management) != 1 {
		fail("%d control planes", len(u.Management))
	}
}

func checkShares(fail func(string, ...any), name string, shares []cost.Share, rest int64, s cost.Span, containers int) {
	sum, last := rest, -1
	for _, p := range shares {
		if p.Container <= last || p.Container >= containers || p.Weight <= 0 {
			fail("%s: share %+v of %d containers", name, p, containers)
		}
		last = p.Container
		sum += p.Weight
	}
	if sum != int64(s.Seconds)*1_000_000 || rest < 0 {
		fail("%s: weights add to %d µs of %d s", name, sum, s.Seconds)
	}
}

// survey is everything seen of a fleet over its history.
type survey struct {
	clusters               []*simulate.Cluster
	window                 cost.Window
	nodes                  map[string]cost.NodeUsage      // by asset
	containers             map[string]cost.ContainerUsage // by pod UID and container
	volumes                map[string]cost.VolumeUsage
	unmounted              map[string]bool
	balancers              map[string]cost.LoadBalancerUsage
	podUIDs                map[string]map[string]bool // namespace/pod → UIDs
	byHour                 map[string][]int           // cluster → containers per hour
	perHour                map[cost.Hour]int
	partial                int
	daemonOnlyHours, hours map[string]int
}

func look(f *simulate.Fleet) *survey {
	s := &survey{
		clusters: f.Clusters(), window: f.Window(), nodes: map[string]cost.NodeUsage{}, containers: map[string]cost.ContainerUsage{},
		volumes: map[string]cost.VolumeUsage{}, unmounted: map[string]bool{}, balancers: map[string]cost.LoadBalancerUsage{},
		podUIDs: map[string]map[string]bool{}, byHour: map[string][]int{}, perHour: map[cost.Hour]int{},
		daemonOnlyHours: map[string]int{}, hours: map[string]int{},
	}
	for _, c := range s.clusters {
		for h := s.window.Start; h < s.window.End; h++ {
			// A week in full, then every sixth hour; the gap in full.
			if h > s.window.Start+168 && h%6 != 0 && c.Habits.GapStart.IsZero() && h != mid(s.window) {
				continue
			}
			u := c.Usage(h)
			s.perHour[h] += len(u.Containers)
			s.byHour[c.Name] = append(s.byHour[c.Name], len(u.Containers))
			s.add(c, &u)
		}
	}
	return s
}

// mid is a working afternoon in the middle of the history.
func mid(w cost.Window) cost.Hour { return w.Start + 14*24 + 15 }

func (s *survey) add(c *simulate.Cluster, u *cost.HourUsage) {
	if u.CoverageSeconds > 0 && u.CoverageSeconds < 3600 {
		s.partial++
	}
	daemons := true
	for _, n := range u.Nodes {
		s.nodes[c.Name+"/"+n.AssetID] = n
	}
	for _, k := range u.Containers {
		s.containers[k.PodUID+"/"+k.Container] = k
		daemons = daemons && (k.ControllerKind == "daemonset" || k.Namespace == "kube-system")
		id := c.Name + "/" + k.Namespace + "/" + k.Pod
		if s.podUIDs[id] == nil {
			s.podUIDs[id] = map[string]bool{}
		}
		s.podUIDs[id][k.PodUID] = true
	}
	for _, v := range u.Volumes {
		s.volumes[c.Name+"/"+v.AssetID] = v
		s.unmounted[c.Name+"/"+v.AssetID] = v.Unmounted == int64(v.Span.Seconds)*1_000_000
	}
	for _, lb := range u.LoadBalancers {
		s.balancers[c.Name+"/"+lb.AssetID] = lb
	}
	if u.CoverageSeconds > 0 {
		s.hours[c.Name]++
		if daemons {
			s.daemonOnlyHours[c.Name]++
		}
	}
}

func (s *survey) anyNode(ok func(n cost.NodeUsage) bool) bool {
	for _, n := range s.nodes {
		if ok(n) {
			return true
		}
	}
	return false
}

func (s *survey) anyContainer(ok func(k cost.ContainerUsage) bool) bool {
	for _, k := range s.containers {
		if ok(k) {
			return true
		}
	}
	return false
}

func (s *survey) anyVolume(ok func(id string, v cost.VolumeUsage) bool) bool {
	for id, v := range s.volumes {
		if ok(id, v) {
			return true
		}
	}
	return false
}

// TestDefaultFleetKeepsItsPromises is the list of what the demo shows.
func TestDefaultFleetKeepsItsPromises(t *testing.T) {
	s := look(simulate.NewFleet(simulate.Options{Seed: 1}))
	afternoon := s.perHour[mid(s.window)]
	for _, c := range []struct {
		promise string
		kept    bool
	}{
		{"at least 12 clusters", len(s.clusters) >= 12},
		{"about 2,000 containers", afternoon > 1800 && afternoon < 2500},
		{"AWS, Azure, GCP and on premises", s.anyNode(provider("AWS")) && s.anyNode(provider("Azure")) && s.anyNode(provider("GCP")) && s.anyNode(provider(""))},
		{"a spot fleet", s.anyNode(func(n cost.NodeUsage) bool { return n.CapacityType == "spot" })},
		{"GPU nodes of three clouds", s.anyNode(machine("g5.xlarge")) && s.anyNode(machine("Standard_NC4as_T4_v3")) && s.anyNode(machine("a2-highgpu-1g"))},
		{"GPU containers", s.anyContainer(func(k cost.ContainerUsage) bool { return k.GPURequest > 0 && k.GPUUsage > 0 })},
		{"an idle cluster", s.daemonOnlyHours["sandbox-us"] == s.hours["sandbox-us"] && s.hours["sandbox-us"] > 0},
		{"nodes that come and go", len(s.nodes) > 300},
		{"deployments", s.anyContainer(kind("deployment"))},
		{"statefulsets", s.anyContainer(kind("statefulset"))},
		{"daemonsets", s.anyContainer(kind("daemonset"))},
		{"cron jobs", s.anyContainer(kind("cronjob"))},
		{"jobs", s.anyContainer(kind("job"))},
		{"Argo rollouts", s.anyContainer(kind("rollout"))},
		{"bare pods", s.anyContainer(kind(""))},
		{"jobs shorter than a step", s.anyContainer(func(k cost.ContainerUsage) bool { return k.ControllerKind == "cronjob" && k.Span.Seconds < 60 })},
		{"native sidecars", s.anyContainer(func(k cost.ContainerUsage) bool { return k.Container == "istio-proxy" })},
		{"init containers", s.anyContainer(func(k cost.ContainerUsage) bool { return k.Container == "istio-init" && k.Span.Seconds < 60 })},
		{"a crash loop", s.anyContainer(func(k cost.ContainerUsage) bool { return k.Span.Seconds < (k.Span.End-k.Span.Start)/3 })},
		{"usage above the request", s.anyContainer(func(k cost.ContainerUsage) bool { return k.CPURequest > 0 && k.CPUUsage > k.CPURequest })},
		{"containers without requests", s.anyContainer(func(k cost.ContainerUsage) bool { return k.CPURequest == 0 && k.RAMRequest == 0 })},
		{"pod churn", len(s.podUIDs) > 20_000},
		{"one pod name, several pods", s.anyPod(func(id string, uids int) bool { return uids > 1 })},
		{"unmounted claims", s.anyVolume(func(id string, v cost.VolumeUsage) bool { return s.unmounted[id] && v.ClaimName != "" })},
		{"volumes never claimed", s.anyVolume(func(id string, v cost.VolumeUsage) bool { return s.unmounted[id] && v.ClaimName == "" })},
		{"volumes in use", s.anyVolume(func(_ string, v cost.VolumeUsage) bool { return len(v.Shares) > 0 })},
		{"network file systems", s.anyVolume(func(_ string, v cost.VolumeUsage) bool { return v.Kind == cost.VolumeShared && len(v.Shares) > 2 })},
		{"a balancer shared by services", s.anyBalancer(func(lb cost.LoadBalancerUsage) bool { return len(lb.Shares) > 3 })},
		{"a balancer of nobody", s.anyBalancer(func(lb cost.LoadBalancerUsage) bool { return len(lb.Shares) == 0 && len(lb.Unmounted) == 1 })},
		{"MetalLB", s.anyBalancer(func(lb cost.LoadBalancerUsage) bool { return lb.OnPremises })},
		{"labels", s.anyContainer(func(k cost.ContainerUsage) bool {
			m := k.Labels.Map()
			return m["app"] != "" && m["team"] != "" && m["env"] != "" && m["owner"] != "" && m["cost_center"] != "" && m["app_kubernetes_io_name"] != ""
		})},
		{"some labels missing", s.anyContainer(func(k cost.ContainerUsage) bool { m := k.Labels.Map(); return m["app"] != "" && m["team"] == "" })},
		{"namespace labels", s.anyContainer(func(k cost.ContainerUsage) bool { return k.NamespaceLabels.Map()["team"] != "" })},
		{"annotations", s.anyContainer(func(k cost.ContainerUsage) bool { return k.Annotations != "" && k.NamespaceAnnotations != "" })},
		{"two services of one pod", s.anyContainer(func(k cost.ContainerUsage) bool { return len(k.Services) == 2 && slices.IsSorted(k.Services) })},
		{"network bytes", s.anyContainer(func(k cost.ContainerUsage) bool { return k.NetworkTransferBytes > 0 })},
		{"a gap", slices.Contains(s.byHour["onprem-fra"], 0) && s.partial == 2},
		{"a late cluster", s.anyCluster(func(c *simulate.Cluster) bool { return c.Habits.Late > 3*time.Hour })},
		{"a silent cluster", s.anyCluster(func(c *simulate.Cluster) bool { return c.Habits.SilentSince > 0 && !c.Has(s.window.End-1) })},
		{"a young cluster", s.anyCluster(func(c *simulate.Cluster) bool { return c.Habits.First > s.window.Start && !c.Has(s.window.Start) })},
		{"a daily rhythm", swing(s.byHour["prod-us-central"]) > 1.2},
		{"quiet nights", swing(s.byHour["staging-eu"]) > 1.5},
	} {
		if !c.kept {
			t.Errorf("the default fleet has not: %s", c.promise)
		}
	}
	t.Logf("%d nodes, %d pods, %d containers, %d at mid, %d volumes", len(s.nodes), len(s.podUIDs), len(s.containers), afternoon, len(s.volumes))
}

func (s *survey) anyPod(ok func(id string, uids int) bool) bool {
	for id, u := range s.podUIDs {
		if ok(id, len(u)) {
			return true
		}
	}
	return false
}

func (s *survey) anyBalancer(ok func(lb cost.LoadBalancerUsage) bool) bool {
	for _, lb := range s.balancers {
		if ok(lb) {
			return true
		}
	}
	return false
}

func (s *survey) anyCluster(ok func(c *simulate.Cluster) bool) bool {
	return slices.ContainsFunc(s.clusters, ok)
}

func provider(name string) func(cost.NodeUsage) bool {
	return func(n cost.NodeUsage) bool { return n.Provider == name }
}

func machine(name string) func(cost.NodeUsage) bool {
	return func(n cost.NodeUsage) bool { return n.InstanceType == name && n.GPUCapacity > 0 }
}

func kind(name string) func(cost.ContainerUsage) bool {
	return func(k cost.ContainerUsage) bool { return k.ControllerKind == name }
}

// swing is the ratio of the busiest to the quietest hour.
func swing(perHour []int) float64 {
	return float64(slices.Max(perHour)) / float64(max(1, slices.Min(perHour)))
}

func TestClusterNames(t *testing.T) {
	valid := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	f := simulate.NewFleet(simulate.Options{Seed: 5, Clusters: 100, Containers: 4000})
	seen := map[string]bool{}
	for _, c := range f.Clusters() {
		if !valid.MatchString(c.Name) || seen[c.Name] || seen[c.UID] || len(c.UID) != 36 || c.Currency == "" {
			t.Errorf("cluster %q uid %q currency %q", c.Name, c.UID, c.Currency)
		}
		seen[c.Name], seen[c.UID] = true, true
	}
	if len(f.Clusters()) != 100 || !strings.HasPrefix(f.Clusters()[12].Name, f.Clusters()[0].Name) {
		t.Errorf("%d clusters, the 13th is %s", len(f.Clusters()), f.Clusters()[12].Name)
	}
}

// TestLabelsAreCanonical holds the labels that are made of pieces against the
// canonical form.
func TestLabelsAreCanonical(t *testing.T) {
	f := simulate.NewFleet(simulate.Options{Seed: 2, Containers: 500})
	for _, c := range f.Clusters() {
		u := c.Usage(f.Window().End - 200)
		for i := range u.Containers {
			for _, l := range []cost.Labels{u.Containers[i].Labels, u.Containers[i].NamespaceLabels, u.Containers[i].Annotations} {
				if m := l.Map(); l != cost.LabelsOf(m) || l != "" && len(m) == 0 {
					t.Fatalf("%s: labels %s are not canonical", u.Containers[i].Pod, l)
				}
				for k, v := range l.Map() {
					if k != cost.SanitizeLabel(k) || strings.Contains(v, "@") {
						t.Fatalf("%s: label %s=%s", u.Containers[i].Pod, k, v)
					}
				}
			}
		}
	}
}

// TestOpenHourBecomesTheClosedOne checks that an hour seen at its end is the
// hour, that nothing is known before it begins, and that covered time grows.
func TestOpenHourBecomesTheClosedOne(t *testing.T) {
	f := simulate.NewFleet(simulate.Options{Seed: 2, Containers: 500})
	h := f.Window().Start + 500
	for _, c := range f.Clusters() {
		if d := cmp.Diff(c.Usage(h), c.UsageUntil(h, h.End().Add(time.Hour))); d != "" {
			t.Errorf("%s at the end: %.500s", c.Name, d)
		}
		if u := c.UsageUntil(h, h.Start().Add(-time.Second)); u.CoverageSeconds != 0 || len(u.Nodes) > 0 {
			t.Errorf("%s knows %d s before the hour begins", c.Name, u.CoverageSeconds)
		}
		last := int32(0)
		for m := range 60 {
			u := c.UsageUntil(h, h.Start().Add(time.Duration(m)*time.Minute))
			if u.CoverageSeconds < last {
				t.Errorf("%s covers %d s, then %d s", c.Name, last, u.CoverageSeconds)
			}
			last = u.CoverageSeconds
		}
	}
}

// TestUniformFleet is what benchmarks rely on: equal sizes, no habits.
func TestUniformFleet(t *testing.T) {
	f := simulate.NewFleet(simulate.Options{Seed: 1, Clusters: 20, Containers: 20 * 500, Uniform: true})
	for _, c := range f.Clusters() {
		sum, n := 0, 0
		for h := f.Window().Start; h < f.Window().Start+7*24; h += 9 {
			sum += len(c.Usage(h).Containers)
			n++
		}
		if mean := sum / n; mean < 425 || mean > 600 || !c.Has(f.Window().Start) || c.Habits.Late != 0 || c.Habits.SilentSince != 0 {
			t.Errorf("%s: %d containers of about 500, habits %+v", c, mean, c.Habits)
		}
	}
}

func TestClosedHours(t *testing.T) {
	f := simulate.NewFleet(simulate.Options{Seed: 1, Containers: 400})
	w, now := f.Window(), f.Window().End.Start()
	for _, c := range f.Clusters() {
		hours := c.ClosedHours(w, now, 5*time.Minute)
		want := int(w.Hours()) - 1 // the last one has not settled
		switch {
		case c.Habits.SilentSince != 0:
			want = int(c.Habits.SilentSince - w.Start)
		case c.Habits.Late > 0:
			want = int(w.Hours()) - 8
		case c.Habits.First > w.Start:
			want = int(w.End-c.Habits.First) - 1
		case !c.Habits.GapStart.IsZero():
			want -= int(c.Habits.GapEnd.Sub(c.Habits.GapStart)/time.Hour) - 1
		}
		if len(hours) != want {
			t.Errorf("%s has %d closed hours, want %d", c.Name, len(hours), want)
		}
	}
}

// BenchmarkUsage reports container-hours per second of the fleet of
// `make bench-full`: 100 clusters × 500 containers.
func BenchmarkUsage(b *testing.B) {
	f := simulate.NewFleet(simulate.Options{Seed: 1, Clusters: 100, Containers: 50_000, Uniform: true})
	w, n := f.Window(), 0
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c := f.Clusters()[i/24%100]
		u := c.Usage(w.Start + cost.Hour(i%24+i/2400*24))
		n += len(u.Containers)
		i++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "container-hours/s")
	b.ReportMetric(float64(n)/float64(b.N), "containers/hour")
}
