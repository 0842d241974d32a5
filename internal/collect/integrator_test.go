package collect

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/cost"
)

var hour = cost.HourOf(time.Date(2026, 3, 10, 8, 0, 0, 0, time.UTC))

// ms returns the instant s seconds into the hour.
func ms(s int) int64 { return hour.Start().UnixMilli() + int64(s)*1000 }

// unix is ms in seconds since the epoch, as exporters give times.
func unix(s int) float64 { return float64(ms(s)) / 1000 }

func newIntegrator(t testing.TB, cfg Config) *Integrator {
	t.Helper()
	cfg.Hour, cfg.Cluster = hour, "c"
	in, err := NewIntegrator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// alive gives the cluster one node that is sampled all the time, so that the
// whole hour is covered.
func alive(in *Integrator) *Node {
	n := in.Node("n1")
	every(in, &n.Present, -120, 3720, 1)
	every(in, n.Info(NodeInfo{ProviderID: "aws:///eu-west-1a/i-1"}), -120, 3720, 1)
	every(in, &n.CPUCapacity, -120, 3720, 4)
	every(in, &n.RAMCapacity, -120, 3720, 1<<33)
	return n
}

func every(in *Integrator, s *Series, from, to int, v float64) {
	for t := from; t < to; t += 60 {
		in.Observe(s, ms(t), v)
	}
}

func running(in *Integrator, c *Container, from, to int, v float64) {
	for t := from; t < to; t += 60 {
		in.ObserveObject(&c.Running, ms(t), v)
	}
}

var web = PodKey{Namespace: "shop", Pod: "web", UID: "u1"}

func TestEdges(t *testing.T) {
	for _, c := range []struct {
		name string
		fill func(in *Integrator, p *Pod, c *Container)
		want cost.Span
	}{
		{"no times known: whole steps", func(in *Integrator, _ *Pod, c *Container) {
			running(in, c, 617, 1200, 1)
		}, cost.Span{Start: 600, End: 1200, Seconds: 600}},
		{"start known", func(in *Integrator, _ *Pod, c *Container) {
			running(in, c, 617, 1200, 1)
			every(in, &c.Started, 617, 1200, unix(609))
		}, cost.Span{Start: 609, End: 1200, Seconds: 591}},
		{"start in the step before its first sample", func(in *Integrator, _ *Pod, c *Container) {
			running(in, c, 617, 1200, 1)
			every(in, &c.Started, 617, 1200, unix(563))
		}, cost.Span{Start: 563, End: 1200, Seconds: 637}},
		{"start long before its first sample is a gap", func(in *Integrator, _ *Pod, c *Container) {
			running(in, c, 617, 1200, 1)
			every(in, &c.Started, 617, 1200, unix(300))
		}, cost.Span{Start: 600, End: 1200, Seconds: 600}},
		{"end known", func(in *Integrator, p *Pod, c *Container) {
			running(in, c, 617, 1200, 1)
			running(in, c, 1217, 3600, 0)
			p.Completed = unix(1211)
		}, cost.Span{Start: 600, End: 1211, Seconds: 611}},
		{"end within the last step", func(in *Integrator, p *Pod, c *Container) {
			running(in, c, 617, 1200, 1)
			p.Completed = unix(1190)
		}, cost.Span{Start: 600, End: 1190, Seconds: 590}},
		{"completion of another container, much later", func(in *Integrator, p *Pod, c *Container) {
			running(in, c, 617, 1200, 1)
			running(in, c, 1217, 3600, 0)
			p.Completed = unix(3000)
		}, cost.Span{Start: 600, End: 1200, Seconds: 600}},
		{"a missing step is a gap", func(in *Integrator, _ *Pod, c *Container) {
			running(in, c, 600, 900, 1)
			running(in, c, 960, 1200, 1)
		}, cost.Span{Start: 600, End: 1200, Seconds: 540}},
		{"restart that the samples stepped over", func(in *Integrator, _ *Pod, c *Container) {
			running(in, c, 600, 1200, 1)
			every(in, &c.Started, 600, 900, unix(0))
			every(in, &c.Started, 900, 1200, unix(890))
			every(in, &c.Terminated, 900, 1200, unix(850))
		}, cost.Span{Start: 600, End: 1200, Seconds: 560}},
		{"began and ended between two samples", func(in *Integrator, p *Pod, c *Container) {
			running(in, c, 660, 3600, 0)
			every(in, &c.Started, 660, 3600, unix(621))
			p.Completed = unix(640)
		}, cost.Span{Start: 621, End: 640, Seconds: 19}},
		{"bound but not running", func(in *Integrator, _ *Pod, c *Container) {
			running(in, c, 0, 3600, 0)
		}, cost.Span{}},
		{"ran in the margins only", func(in *Integrator, _ *Pod, c *Container) {
			running(in, c, -120, 0, 1)
			running(in, c, 3600, 3720, 1)
		}, cost.Span{}},
		{"start seen only after the hour's end", func(in *Integrator, _ *Pod, c *Container) {
			running(in, c, 3605, 3720, 1)
			every(in, &c.Started, 3605, 3720, unix(3580))
		}, cost.Span{Start: 3580, End: 3600, Seconds: 20}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := newIntegrator(t, Config{})
			alive(in)
			c.fill(in, in.Pod(web), in.Container(web, "app"))
			u := in.Finish()
			var got cost.Span
			for _, x := range u.Containers {
				got = x.Span
			}
			if got != c.want {
				t.Errorf("span %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestMaxOfRequestAndUsageIsTakenPerStep(t *testing.T) {
	in := newIntegrator(t, Config{})
	alive(in)
	c := in.Container(web, "app")
	running(in, c, 0, 3720, 1)
	every(in, &c.CPURequest, 0, 1800, 1) // resized in place
	every(in, &c.CPURequest, 1800, 3720, 2)
	g := in.Cgroup(CgroupKey{Namespace: "shop", Pod: "web", UID: "u1", Container: "app", ID: "x"})
	for s := -60; s < 3720; s += 60 { // 3 cores for the first ten minutes, then none
		in.Observe(&g.CPU, ms(s), 3*float64(min(max(s, 0), 600)))
	}
	u := in.Finish().Containers[0]
	want := cost.ContainerUsage{CPURequest: (1800 + 3600) * 1e6, CPUUsage: 1800e6, CPUAllocated: (1800 + 1200 + 3600) * 1e6, CPUUsageMax: 3e6}
	got := cost.ContainerUsage{CPURequest: u.CPURequest, CPUUsage: u.CPUUsage, CPUAllocated: u.CPUAllocated, CPUUsageMax: u.CPUUsageMax}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCountersOfRestartsAddUp(t *testing.T) {
	for _, ids := range [][2]string{{"a", "b"}, {"", ""}} { // one cgroup each, or one series that begins again
		in := newIntegrator(t, Config{})
		alive(in)
		c := in.Container(web, "app")
		running(in, c, 0, 3720, 1)
		every(in, &c.Started, 0, 1800, unix(-5000))
		every(in, &c.Started, 1800, 3720, unix(1790))
		for s := -120; s < 3720; s += 60 {
			id, v := ids[0], 10000+float64(s)
			if s >= 1800 {
				id, v = ids[1], float64(s-1790)
			}
			in.Observe(&in.Cgroup(CgroupKey{Namespace: "shop", Pod: "web", Container: "app", ID: id}).CPU, ms(s), v)
		}
		u := in.Finish().Containers[0]
		if want := int64(3600e6); u.CPUUsage < want-60e6 || u.CPUUsage > want {
			t.Errorf("ids %q: usage %d, want %d but for what ran between the last sample of one and the start of the next", ids, u.CPUUsage, want)
		}
	}
}

func TestPodLevelRow(t *testing.T) {
	in := newIntegrator(t, Config{})
	alive(in)
	p := in.Pod(web)
	for _, name := range []string{"app", "side"} {
		c := in.Container(web, name)
		running(in, c, 0, 1800, 1)
		every(in, &c.CPURequest, 0, 1800, 1)
	}
	in.Note(&p.OverheadCPU, 0.25)
	in.Note(&p.RequestCPU, 3)
	in.Note(&p.OverheadRAM, 1<<20)
	rows := in.Finish().Containers
	if len(rows) != 3 || rows[2].Container != cost.PodContainer {
		t.Fatalf("rows: %+v", rows)
	}
	if r := rows[2]; r.CPURequest != 1800*1.25e6 || r.CPUAllocated != r.CPURequest || r.RAMRequest != 1800<<20 || r.Span != rows[0].Span {
		t.Errorf("pod level: %+v", r)
	}
}

func TestKubeletSamplesFindTheirPod(t *testing.T) {
	in := newIntegrator(t, Config{})
	alive(in)
	old, now := PodKey{"shop", "db-0", "old"}, PodKey{"shop", "db-0", "new"}
	running(in, in.Container(old, "db"), 0, 1800, 1)
	running(in, in.Container(now, "db"), 1860, 3720, 1)
	for s := 0; s < 3720; s += 60 {
		v := 100.0
		if s >= 1860 {
			v = 200
		}
		in.ObserveMemory(in.Cgroup(CgroupKey{Namespace: "shop", Pod: "db-0", Container: "db"}), ms(s), v) // no UID, no ID
	}
	// A mirror pod's cgroup bears the hash of its manifest.
	running(in, in.Container(PodKey{"kube-system", "etcd", "api-uid"}, "etcd"), 0, 3720, 1)
	for s := 0; s < 3720; s += 60 {
		in.ObserveMemory(in.Cgroup(CgroupKey{"kube-system", "etcd", "hash", "etcd", "id"}), ms(s), 300)
	}
	// An ephemeral container is known to the kubelet only.
	for s := 600; s < 1200; s += 60 {
		in.ObserveMemory(in.Cgroup(CgroupKey{"kube-system", "etcd", "hash", "debugger", "id2"}), ms(s), 400)
	}
	got := map[string]int64{}
	for _, c := range in.Finish().Containers {
		got[c.PodUID+"/"+c.Container] = c.RAMUsage
	}
	want := map[string]int64{"old/db": 1800 * 100, "new/db": 1740 * 200, "api-uid/etcd": 3600 * 300, "api-uid/debugger": 600 * 400}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestNetwork(t *testing.T) {
	in := newIntegrator(t, Config{})
	alive(in)
	host := PodKey{"kube-system", "proxy", "u2"}
	in.Pod(host).HostNetwork = true
	running(in, in.Container(host, "proxy"), 0, 3720, 1)
	for _, name := range []string{"a", "b", "c"} {
		running(in, in.Container(web, name), 0, 3720, 1)
	}
	setup := in.Container(web, "setup")
	setup.Init = true
	running(in, setup, 0, 60, 1)
	for s := -60; s < 3720; s += 60 {
		for _, k := range []PodKey{web, host} {
			for _, i := range []string{"eth0", "net1"} {
				n := in.Network(NetworkKey{k.Namespace, k.Pod, k.UID, "sandbox", i})
				in.Observe(&n.Receive, ms(s), float64(s+60)/60*5)
				in.Observe(&n.Transmit, ms(s), 7e9)
			}
		}
	}
	var receive []int64
	for _, c := range in.Finish().Containers {
		receive = append(receive, c.NetworkReceiveBytes)
		if c.NetworkTransferBytes != 0 {
			t.Errorf("%s sent %d bytes, want 0", c.Container, c.NetworkTransferBytes)
		}
	}
	if d := cmp.Diff([]int64{0, 200, 200, 200, 0}, receive); d != "" { // 2 × 60 × 5 bytes
		t.Error(d)
	}
}

func TestVolumes(t *testing.T) {
	in := newIntegrator(t, Config{})
	alive(in)
	volume := func(name, handle, ns, claim string) *Volume {
		v := in.Volume(name)
		v.Handle = handle
		v.SetClaim(ns, claim)
		every(in, &v.Capacity, 0, 3720, 1<<30)
		return v
	}
	volume("pv-a", "vol-1", "shop", "data")
	volume("pv-b", "vol-1", "old", "data") // the same disk, bound again
	volume("pv-c", "", "", "")
	volume("pv-d", "vol-2", "shop", "released")
	for i, k := range []PodKey{web, {"shop", "web2", "u2"}} {
		in.Pod(k).Mount("data")
		running(in, in.Container(k, "app"), 0, 1800+1800*i, 1)
	}
	running(in, in.Container(web, "side"), 0, 900, 1)
	u := in.Finish()
	if len(u.Volumes) != 3 {
		t.Fatalf("volumes: %+v", u.Volumes)
	}
	const second = 1_000_000
	want := []cost.Share{
		{Container: 0, Weight: 900*second/4 + 900*second/2}, {Container: 1, Weight: 900 * second / 4}, // web: app, side
		{Container: 2, Weight: 1800*second/2 + 1800*second},
	}
	for _, v := range u.Volumes {
		switch v.AssetID {
		case "vol-1":
			if d := cmp.Diff(want, v.Shares); d != "" || v.Unmounted != 0 || v.Capacity != 3600<<30 {
				t.Errorf("%+v\n%s", v, d)
			}
		case "vol-2":
			if v.Unmounted != 3600*second || v.ClaimNamespace != "shop" {
				t.Errorf("released: %+v", v)
			}
		case "pv-c":
			if v.Unmounted != 3600*second || v.ClaimNamespace != "" || v.ClaimName != "" {
				t.Errorf("never claimed: %+v", v)
			}
		}
	}
}

func TestBalancers(t *testing.T) {
	in := newIntegrator(t, Config{})
	alive(in)
	service := func(ns, name, address string, to int) *Service {
		s := in.Service(ns, name)
		s.LoadBalancer = true
		s.AddAddress(address)
		every(in, &s.Present, 0, to, 1)
		return s
	}
	in.Pod(web).IP = "10.1.0.1"
	running(in, in.Container(web, "app"), 0, 3720, 1)
	running(in, in.Container(web, "side"), 0, 3720, 1)
	service("shop", "a", "lb-1", 3720).AddPodIP("10.1.0.1")
	service("other", "b", "lb-1", 1800)
	s := in.Service("shop", "pending")
	s.LoadBalancer = true
	every(in, &s.Present, 0, 3720, 1)
	u := in.Finish()
	if len(u.LoadBalancers) != 1 {
		t.Fatalf("balancers: %+v", u.LoadBalancers)
	}
	b := u.LoadBalancers[0]
	const second = 1_000_000
	if d := cmp.Diff([]cost.Share{{Container: 0, Weight: 1350 * second}, {Container: 1, Weight: 1350 * second}}, b.Shares); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]cost.NamespaceShare{{Namespace: "other", Weight: 900 * second}}, b.Unmounted); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"a"}, u.Containers[0].Services); d != "" || b.Provider != "AWS" || b.OnPremises {
		t.Errorf("%+v %s", b, d)
	}
}

func TestIngressesWithBalancers(t *testing.T) {
	const second = 1_000_000
	in := newIntegrator(t, Config{})
	alive(in)
	in.Pod(web).IP = "10.1.0.1"
	running(in, in.Container(web, "app"), 0, 3720, 1)
	running(in, in.Container(web, "side"), 0, 3720, 1)
	in.Service("shop", "a").AddPodIP("10.1.0.1")
	in.Service("shop", "b").AddPodIP("10.1.0.1") // the same pod: it takes one share
	in.SetIngressClass("public", "ingress.k8s.aws/alb")
	in.SetIngressClass("alb", "example.com/other") // what the source says wins over what the name means
	ingress := func(ns, name, class, group string, to int, backends ...string) *Ingress {
		g := in.Ingress(ns, name)
		g.SetClass(class)
		g.SetGroup(group)
		for _, b := range backends {
			g.AddBackend(b)
		}
		every(in, &g.Present, 0, to, 1)
		return g
	}
	ingress("shop", "store", "public", "front", 3720, "a", "b")
	ingress("media", "films", "public", "front", 1800, "gone")
	ingress("media", "own", "public", "", 3720, "gone")
	ingress("media", "inner", "nginx", "", 3720, "gone")
	ingress("media", "odd", "alb", "", 3720, "gone")
	ingress("media", "none", "", "", 3720, "gone")
	lb := in.Service("infra", "gateway")
	lb.LoadBalancer = true
	lb.AddAddress("lb-1")
	every(in, &lb.Present, 0, 3720, 1)
	ingress("shop", "known", "public", "", 3720, "a").AddAddress("lb-1")
	u := in.Finish()
	got := map[string]cost.LoadBalancerUsage{}
	for _, b := range u.LoadBalancers {
		got[b.AssetID] = b
	}
	for id, want := range map[string]cost.LoadBalancerUsage{
		"ingress/public/front": {
			Name:      "media/films",
			Shares:    []cost.Share{{Container: 0, Weight: 1350 * second}, {Container: 1, Weight: 1350 * second}},
			Unmounted: []cost.NamespaceShare{{Namespace: "media", Weight: 900 * second}},
		},
		"ingress/public/media/own": {Name: "media/own", Unmounted: []cost.NamespaceShare{{Namespace: "media", Weight: 3600 * second}}},
		"lb-1": {
			Name:      "infra/gateway",
			Shares:    []cost.Share{{Container: 0, Weight: 900 * second}, {Container: 1, Weight: 900 * second}},
			Unmounted: []cost.NamespaceShare{{Namespace: "infra", Weight: 1800 * second}},
		},
	} {
		b := got[id]
		if d := cmp.Diff(want, cost.LoadBalancerUsage{Name: b.Name, Shares: b.Shares, Unmounted: b.Unmounted}); d != "" {
			t.Errorf("%s: %s", id, d)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d balancers: %+v", len(got), u.LoadBalancers)
	}
}

func TestIngressWithoutClassIsGKEs(t *testing.T) {
	for provider, want := range map[string]string{"gce://project/europe-west1-b/n1": "ingress/gce/shop/store", "aws:///eu-west-1a/i-1": ""} {
		in := newIntegrator(t, Config{})
		n := in.Node("n1")
		every(in, &n.Present, 0, 3720, 1)
		every(in, n.Info(NodeInfo{ProviderID: provider}), 0, 3720, 1)
		g := in.Ingress("shop", "store")
		every(in, &g.Present, 0, 3720, 1)
		var got string
		for _, b := range in.Finish().LoadBalancers {
			got += b.AssetID
		}
		if got != want {
			t.Errorf("%s: %q, want %q", provider, got, want)
		}
	}
}

func TestNodesUnderOneName(t *testing.T) {
	in := newIntegrator(t, Config{})
	n := in.Node("n1")
	every(in, &n.Present, 0, 1200, 1)
	every(in, &n.Created, 0, 1200, unix(-9000))
	every(in, n.Info(NodeInfo{}), 0, 300, 1) // the provider's ID comes later
	every(in, n.Info(NodeInfo{ProviderID: "gce://p/europe-west1-b/x"}), 300, 1200, 1)
	every(in, &n.Present, 1800, 3720, 1)
	every(in, &n.Created, 1800, 3720, unix(1790))
	every(in, n.Info(NodeInfo{}), 1800, 3720, 1)
	every(in, &n.CPUCapacity, 0, 3720, 2)
	every(in, n.GPUCapacity("nvidia_com_mig_3g_20gb"), 0, 3720, 2)
	in.Note(in.Node("10.0.0.1").Disk("/dev/sda"), 1e9)
	every(in, n.Info(NodeInfo{ProviderID: "gce://p/europe-west1-b/x", InternalIP: "10.0.0.1"}), 300, 1200, 1)
	u := in.Finish()
	if len(u.Nodes) != 2 {
		t.Fatalf("nodes: %+v", u.Nodes)
	}
	a, b := u.Nodes[0], u.Nodes[1]
	if a.AssetID != "gce://p/europe-west1-b/x" || a.Span != (cost.Span{Start: 0, End: 1200, Seconds: 1200}) || a.Zone != "europe-west1-b" || a.Region != "europe-west1" || a.Provider != "GCP" {
		t.Errorf("first: %+v", a)
	}
	if !strings.HasPrefix(b.AssetID, "node/n1/") || b.Span != (cost.Span{Start: 1790, End: 3600, Seconds: 1810}) {
		t.Errorf("second: %+v", b)
	}
	if a.CPUCapacity != 2*1200e6 || a.GPUCapacity != 1200*857143 || a.BootDisk != 1200*1e9 {
		t.Errorf("first: %+v", a)
	}
}

func TestFargate(t *testing.T) {
	in := newIntegrator(t, Config{})
	n := alive(in)
	n.SetLabels(1, map[string]string{"eks_amazonaws_com_compute_type": "fargate"})
	in.Pod(web).Node = "n1"
	in.Pod(web).SetAnnotations(1, map[string]string{"capacity_provisioned": "0.25vCPU 0.5GB"})
	running(in, in.Container(web, "app"), 0, 3720, 1)
	u := in.Finish()
	if n := u.Nodes[0]; !n.PodBilled || n.CapacityType != "fargate" || n.CPUCapacity != 3600*250_000 || n.RAMCapacity != 3600<<29 {
		t.Errorf("%+v", n)
	}
	if u.Containers[0].Annotations != "" {
		t.Errorf("annotations are kept though not allowed: %s", u.Containers[0].Annotations)
	}
}

func TestPodsBilledByRequest(t *testing.T) {
	in := newIntegrator(t, Config{})
	n := alive(in)
	n.SetLabels(1, map[string]string{"type": "virtual-kubelet"})
	for _, name := range []string{"a", "b"} {
		k := PodKey{"shop", name, name}
		in.Pod(k).Node = "n1"
		c := in.Container(k, "app")
		running(in, c, 0, 1800, 1)
		every(in, &c.CPURequest, 0, 1800, 2)
	}
	u := in.Finish()
	if len(u.Nodes) != 2 {
		t.Fatalf("nodes: %+v", u.Nodes)
	}
	for i, c := range u.Containers {
		n := u.Nodes[i]
		if c.NodeAssetID != n.AssetID || n.CPUCapacity != 1800*2e6 || n.Span.Seconds != 1800 || !n.PodBilled {
			t.Errorf("%+v on %+v", c, n)
		}
	}
}

func TestFargateSizes(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct{ cores, bytes, wantCores, wantGiB float64 }{
		{0, 0, 0.25, 0.5}, {0.25, 1 * gib, 0.25, 2}, {0.25, 2 * gib, 0.5, 3}, {1, 7.9 * gib, 2, 9}, {5, 20 * gib, 8, 24}, {99, 0, 16, 120},
	} {
		if cores, bytes := fargateSize(c.cores, c.bytes); cores != c.wantCores || bytes != c.wantGiB*gib {
			t.Errorf("%v: %v cores, %v GiB", c, cores, bytes/gib)
		}
	}
}

// TestExporterAway loses kube-state-metrics for ten minutes while the kubelets
// are heard: what they measure ran, on a node that was there. Later one of two
// exporters is away.
func TestExporterAway(t *testing.T) {
	in := newIntegrator(t, Config{})
	n := in.Node("n1")
	c, gone := in.Container(web, "app"), in.Container(PodKey{"shop", "gone", "u2"}, "app")
	in.Pod(web).Node = "n1"
	for s := 0; s < 3720; s += 60 {
		g := in.Cgroup(CgroupKey{"shop", "web", "u1", "app", "x"})
		in.ObserveMemory(g, ms(s+5), 100)
		if s < 600 || s >= 1200 {
			in.ObserveObject(&n.Present, ms(s), 1)
			in.Observe(n.Info(NodeInfo{ProviderID: "p"}), ms(s), 1)
			in.Observe(&n.CPUCapacity, ms(s), 2)
			if s < 1800 || s >= 2400 {
				in.ObserveObject(&c.Running, ms(s), 1)
			}
		}
		if s < 600 {
			in.ObserveObject(&gone.Running, ms(s), 1)
		}
	}
	u := in.Finish()
	full := cost.Span{End: 3600, Seconds: 3600}
	if u.CoverageSeconds != 3600 || len(u.Nodes) != 1 || u.Nodes[0].Span != full || u.Nodes[0].CPUCapacity != 3600*2e6 {
		t.Errorf("coverage %d, nodes %+v", u.CoverageSeconds, u.Nodes)
	}
	if len(u.Containers) != 2 || u.Containers[0].Span != (cost.Span{End: 600, Seconds: 600}) || u.Containers[1].Span != full {
		t.Errorf("containers %+v", u.Containers)
	}
}

func TestLabels(t *testing.T) {
	in := newIntegrator(t, Config{AnnotationAllow: []string{"example.com/owner"}, LabelDeny: []string{"secret*", "pod-template-hash"}, ValueCap: 4})
	alive(in)
	p := in.Pod(web)
	p.SetLabels(1, map[string]string{"app.kubernetes.io/name": "web", "secret_key": "x", "pod_template_hash": "y", "long": "12345678", "teamName": "a"})
	p.SetAnnotations(1, map[string]string{"example_com_owner": "ann", "other": "x"})
	in.SetNamespaceLabels("shop", 1, map[string]string{"team": "old"})
	in.SetNamespaceLabels("shop", 2, map[string]string{"team": "new"})
	running(in, in.Container(web, "app"), 0, 3720, 1)
	c := in.Finish().Containers[0]
	if c.Labels != `{"app_kubernetes_io_name":"web","long":"1234","team_name":"a"}` || c.Annotations != `{"example_com_owner":"ann"}` || c.NamespaceLabels != `{"team":"new"}` {
		t.Errorf("labels %s, annotations %s, namespace's %s", c.Labels, c.Annotations, c.NamespaceLabels)
	}
}

func TestOpenHour(t *testing.T) {
	in := newIntegrator(t, Config{Until: hour.Start().Add(20*time.Minute + 30*time.Second)})
	alive(in)
	running(in, in.Container(web, "app"), 0, 3720, 1)
	u := in.Finish()
	if u.CoverageSeconds != 1230 || u.Containers[0].Span != (cost.Span{End: 1230, Seconds: 1230}) || u.Nodes[0].CPUCapacity != 4*1230e6 {
		t.Errorf("coverage %d, container %+v, node %+v", u.CoverageSeconds, u.Containers[0].Span, u.Nodes[0])
	}
}

func TestEmptyHour(t *testing.T) {
	if u := newIntegrator(t, Config{}).Finish(); u.CoverageSeconds != 0 || len(u.Management) != 0 {
		t.Errorf("%+v", u)
	}
}

func TestGPUUnits(t *testing.T) {
	for r, want := range map[string]float64{
		"nvidia.com/gpu": 1, "nvidia_com_gpu": 1, "nvidia_com_mig_1g_5gb": 1. / 7, "nvidia.com/mig-2g.12gb": 0.5,
		"amd_com_gpu": 1, "cpu": 0, "hugepages_2Mi": 0, "nvidia_com_gpu_memory": 0,
	} {
		if got := GPUUnits(r); got != want {
			t.Errorf("%s is %v units, want %v", r, got, want)
		}
	}
}

// fact is one thing that a source may say.
type fact func(in *Integrator)

// TestOrderAndSplittingChangeNothing feeds the same facts in any order, some
// of them twice, as retries and queries cut in time do.
func TestOrderAndSplittingChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		apply := func(fs []fact) cost.HourUsage {
			in, err := NewIntegrator(Config{Hour: hour, Cluster: "c"})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range fs {
				f(in)
			}
			return in.Finish()
		}
		want := apply(facts)
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 1))
		shuffled := append([]fact{}, facts...)
		shuffled = append(shuffled, facts[:r.IntN(len(facts)+1)]...)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if d := cmp.Diff(want, apply(shuffled)); d != "" {
			t.Fatalf("another order gives another answer: %s", d)
		}
		checkUsage(t, want)
	})
}

// checkUsage asserts what holds of every hour.
func checkUsage(t *rapid.T, u cost.HourUsage) {
	for _, c := range u.Containers {
		if c.Span.Start < 0 || c.Span.End > 3600 || c.Span.Seconds > c.Span.End-c.Span.Start || c.Span.Seconds <= 0 {
			t.Fatalf("span of %s: %+v", c.Container, c.Span)
		}
		if c.CPUAllocated < max(c.CPURequest, c.CPUUsage) || c.CPUAllocated > c.CPURequest+c.CPUUsage {
			t.Fatalf("allocated %d does not lie between max and sum of %d and %d", c.CPUAllocated, c.CPURequest, c.CPUUsage)
		}
		if c.RAMAllocated < max(c.RAMRequest, c.RAMUsage) || c.RAMAllocated > c.RAMRequest+c.RAMUsage {
			t.Fatalf("allocated %d does not lie between max and sum of %d and %d", c.RAMAllocated, c.RAMRequest, c.RAMUsage)
		}
		if c.Span.Seconds > u.CoverageSeconds {
			t.Fatalf("ran for %d s of %d covered", c.Span.Seconds, u.CoverageSeconds)
		}
	}
	for _, v := range u.Volumes {
		sum := v.Unmounted
		for _, s := range v.Shares {
			sum += s.Weight
		}
		if d := sum - int64(v.Span.Seconds)*1e6; d < -1e6 || d > 1e6 {
			t.Fatalf("weights of %s add up to %d µs of %d s", v.Name, sum, v.Span.Seconds)
		}
	}
}

// drawFacts draws a few pods of two containers, their samples at odd times,
// volumes, nodes that come and go, and gaps.
func drawFacts(t *rapid.T) []fact {
	var fs []fact
	span := func(name string) (from, to int64) {
		from = ms(0) + rapid.Int64Range(-150_000, 2_500_000).Draw(t, name+" from")
		return from, from + rapid.Int64Range(0, 3_900_000).Draw(t, name+" length")
	}
	series := func(name string, from, to int64, v func() float64, f func(in *Integrator, t int64, v float64)) {
		for s := from; s < to; s += rapid.Int64Range(20_000, 90_000).Draw(t, name+" interval") {
			x := v()
			fs = append(fs, func(in *Integrator) { f(in, s, x) })
		}
	}
	fixed := func(v float64) func() float64 { return func() float64 { return v } }
	for i := range rapid.IntRange(1, 3).Draw(t, "pods") {
		k := PodKey{"ns", "pod", string(rune('a' + i))}
		from, to := span("pod")
		fs = append(fs, func(in *Integrator) { in.Pod(k).Node = "n1"; in.Pod(k).Mount("data") })
		for _, name := range []string{"x", "y"} {
			start := float64(from)/1000 - rapid.Float64Range(0, 100).Draw(t, "started")
			request := rapid.Float64Range(0, 2).Draw(t, "request")
			series("running", from, to, func() float64 { return float64(rapid.IntRange(0, 4).Draw(t, "on")) }, func(in *Integrator, s int64, v float64) {
				c := in.Container(k, name)
				in.ObserveObject(&c.Running, s, min(v, 1))
				in.Observe(&c.Started, s, start)
				in.Observe(&c.CPURequest, s, request)
				in.Observe(&c.RAMRequest, s, request*1e9)
			})
			cg := CgroupKey{"ns", "pod", rapid.SampledFrom([]string{k.UID, ""}).Draw(t, "uid"), name, rapid.SampledFrom([]string{"1", "2", ""}).Draw(t, "id")}
			used := 0.0
			series("cpu", from, to, func() float64 { used += rapid.Float64Range(-30, 100).Draw(t, "cpu"); return max(0, used) }, func(in *Integrator, s int64, v float64) {
				in.Observe(&in.Cgroup(cg).CPU, s, v)
				in.ObserveMemory(in.Cgroup(cg), s, v*1e6)
			})
		}
	}
	from, to := span("node")
	series("node", from, to, fixed(1), func(in *Integrator, s int64, v float64) {
		n := in.Node("n1")
		in.Observe(&n.Present, s, v)
		in.Observe(&n.CPUCapacity, s, 4)
		in.Observe(n.Info(NodeInfo{ProviderID: "p"}), s, 1)
	})
	from, to = span("volume")
	series("volume", from, to, fixed(1<<30), func(in *Integrator, s int64, v float64) {
		in.Observe(&in.Volume("pv").Capacity, s, v)
		in.Volume("pv").SetClaim("ns", "data")
	})
	return fs
}
