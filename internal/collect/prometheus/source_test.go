package prometheus

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/collect"
	"github.com/fleetcost/fleetcost/internal/cost"
)

var (
	origin  = time.Date(2026, 3, 10, 8, 0, 0, 0, time.UTC)
	minute  = time.Minute
	podOf   = `namespace="shop",pod="web-7d4-abcde",uid="11111111-1111-1111-1111-111111111111"`
	oneNode = `node="n1"`
)

// smallCluster is one node of 4 cores and 8 GiB and one pod with one container
// that runs from 08:10:30 to 09:40:20: requests 1 core, uses 0.5 for the first
// half hour and 2 from then on; requests 1 GiB and holds 2 GiB.
func smallCluster() *exposition {
	e := &exposition{}
	end := origin.Add(2 * time.Hour)
	e.every(`kube_node_info{`+oneNode+`,provider_id="aws:///eu-west-1a/i-1",kubelet_version="v1.33.0-eks-1",internal_ip="10.0.0.1",system_uuid="s"}`, origin, end, minute, constant(1))
	e.every(`kube_node_created{`+oneNode+`}`, origin, end, minute, constant(float64(origin.Add(-time.Hour).Unix())))
	e.every(`kube_node_labels{`+oneNode+`,label_node_kubernetes_io_instance_type="m5.xlarge",label_topology_kubernetes_io_region="eu-west-1",label_topology_kubernetes_io_zone="eu-west-1a",label_karpenter_sh_capacity_type="spot"}`, origin, end, minute, constant(1))
	for _, m := range []string{"capacity", "allocatable"} {
		e.every(`kube_node_status_`+m+`{`+oneNode+`,resource="cpu",unit="core"}`, origin, end, minute, constant(4))
		e.every(`kube_node_status_`+m+`{`+oneNode+`,resource="memory",unit="byte"}`, origin, end, minute, constant(8<<30))
	}
	// As kube-state-metrics exports it unless labels are allowed.
	e.every(`kube_namespace_labels{namespace="shop"}`, origin, end, minute, constant(1))
	start, stop := origin.Add(10*minute+30*time.Second), origin.Add(100*minute+20*time.Second)
	first := origin.Add(11 * minute)
	running := func(t time.Time) float64 {
		if t.Before(stop) {
			return 1
		}
		return 0
	}
	e.every(`kube_pod_info{`+podOf+`,node="n1",host_network="false",pod_ip="10.1.0.7",created_by_kind="ReplicaSet",created_by_name="web-7d4"}`, first, end, minute, constant(1))
	e.every(`kube_pod_owner{`+podOf+`,owner_kind="ReplicaSet",owner_name="web-7d4",owner_is_controller="true"}`, first, end, minute, constant(1))
	e.every(`kube_replicaset_owner{namespace="shop",replicaset="web-7d4",owner_kind="Deployment",owner_name="web",owner_is_controller="true"}`, origin, end, minute, constant(1))
	e.every(`kube_pod_labels{`+podOf+`,label_app="web"}`, first, end, minute, constant(1))
	e.every(`kube_pod_container_status_running{`+podOf+`,container="app"}`, first, end, minute, running)
	e.every(`kube_pod_container_state_started{`+podOf+`,container="app"}`, first, end, minute, constant(float64(start.Unix())))
	e.every(`kube_pod_completion_time{`+podOf+`}`, stop.Add(40*time.Second), end, minute, constant(float64(stop.Unix())))
	e.every(`kube_pod_container_resource_requests{`+podOf+`,container="app",node="n1",resource="cpu",unit="core"}`, first, end, minute, constant(1))
	e.every(`kube_pod_container_resource_requests{`+podOf+`,container="app",node="n1",resource="memory",unit="byte"}`, first, end, minute, constant(1<<30))
	const cgroup = `namespace="shop",pod="web-7d4-abcde",cpu="total",id="/kubepods/burstable/pod11111111-1111-1111-1111-111111111111/c1",name="c1",image="web"`
	used := func(t time.Time) float64 {
		half := start.Add(30 * minute)
		if t.Before(half) {
			return t.Sub(start).Seconds() * 0.5
		}
		return 900 + t.Sub(half).Seconds()*2
	}
	e.every(`container_cpu_usage_seconds_total{container="app",`+cgroup+`}`, first, stop, minute, used)
	e.every(`container_cpu_usage_seconds_total{container="",`+cgroup+`}`, first, stop, minute, constant(1e6))
	e.every(`container_memory_working_set_bytes{container="app",`+cgroup+`}`, first, stop, minute, constant(2<<30))
	return e
}

func hours(t *testing.T, s *Source, w cost.Window) map[cost.Hour]cost.HourUsage {
	t.Helper()
	out := map[cost.Hour]cost.HourUsage{}
	var order []cost.Hour
	if err := s.Hours(contextFor(t), w, func(u cost.HourUsage) error {
		out[u.Hour] = u
		order = append(order, u.Hour)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(order); i++ {
		if order[i] != order[i-1]-1 {
			t.Fatalf("hours came in the order %v, want newest first without gaps", order)
		}
	}
	if int64(len(order)) != w.Hours() {
		t.Fatalf("%d hours came, want %d", len(order), w.Hours())
	}
	return out
}

func TestSmallCluster(t *testing.T) {
	url := startServer(t, smallCluster().String())
	h := cost.HourOf(origin)
	w := cost.Window{Start: h - 1, End: h + 3}
	got := hours(t, newSource(t, url, nil), w)

	if c := got[h-1].CoverageSeconds; c != 0 {
		t.Errorf("coverage of the hour before is %d, want 0", c)
	}
	if c := got[h].CoverageSeconds; c != 3600 {
		t.Errorf("coverage is %d, want 3600", c)
	}
	c := got[h].Containers[0]
	if want := (cost.Span{Start: 630, End: 3600, Seconds: 2970}); c.Span != want {
		t.Errorf("span %+v, want %+v", c.Span, want)
	}
	// 30 min at max(1, 0.5), then 2 cores: 1800 s and 1170 s.
	if want := int64(1800+2*1170) * 1e6; c.CPUAllocated < want-20e6 || c.CPUAllocated > want+20e6 {
		t.Errorf("CPU allocated %d, want %d", c.CPUAllocated, want)
	}
	if want := int64(900+2*1170) * 1e6; c.CPUUsage < want-20e6 || c.CPUUsage > want+20e6 {
		t.Errorf("CPU usage %d, want %d", c.CPUUsage, want)
	}
	if want := int64(2970) << 30; c.RAMRequest != want || c.RAMUsage != 2*want || c.RAMAllocated != 2*want {
		t.Errorf("RAM request %d usage %d allocated %d, want %d and twice that", c.RAMRequest, c.RAMUsage, c.RAMAllocated, want)
	}
	if c.ControllerKind != "deployment" || c.Controller != "web" || c.NodeAssetID != "aws:///eu-west-1a/i-1" || c.Labels != `{"app":"web"}` {
		t.Errorf("facts: %+v", c)
	}
	c = got[h+1].Containers[0]
	if want := (cost.Span{Start: 0, End: 2420, Seconds: 2420}); c.Span != want {
		t.Errorf("span %+v, want %+v", c.Span, want)
	}
	if want := int64(2420) * 2e6; c.CPUUsage != want {
		t.Errorf("CPU usage %d, want %d", c.CPUUsage, want)
	}
	n := got[h].Nodes[0]
	if n.CPUCapacity != 4*3600e6 || n.RAMCapacity != 8<<30*3600 || n.CapacityType != "spot" || n.InstanceType != "m5.xlarge" || n.Provider != "AWS" || n.Region != "eu-west-1" {
		t.Errorf("node: %+v", n)
	}
	if m := got[h].Management[0]; m.Service != "EKS" {
		t.Errorf("management: %+v", m)
	}

	t.Run("small queries give the same", func(t *testing.T) {
		few := newSource(t, url, func(c *Config) { c.MaxSamples = minSamples; c.Concurrency = 1 })
		if d := cmp.Diff(got, hours(t, few, w)); d != "" {
			t.Error(d)
		}
	})
	t.Run("check and identity", func(t *testing.T) {
		s := newSource(t, url, func(c *Config) { c.Now = func() time.Time { return origin.Add(3 * time.Hour) } })
		r, err := s.Check(contextFor(t))
		if err != nil {
			t.Fatal(err)
		}
		if !r.Oldest.Equal(origin.Add(-time.Hour)) && !r.Oldest.Equal(origin) || !r.Newest.Equal(origin.Add(119*minute)) || r.ScrapeInterval < 58*time.Second || r.ScrapeInterval > minute {
			t.Errorf("range %s to %s every %s", r.Oldest, r.Newest, r.ScrapeInterval)
		}
		if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "clock") || !strings.Contains(r.Backend, "2.") {
			t.Errorf("%q of %q", r.Warnings, r.Backend)
		}
		want := collect.Missing{Metric: "kube_namespace_labels{label_*}", Effect: "labels of namespaces will be empty", Fix: "add --metric-labels-allowlist=namespaces=[*] to kube-state-metrics"}
		if !slices.Contains(r.Missing, want) {
			t.Errorf("missing: %v", r.Missing)
		}
		if !slices.ContainsFunc(r.Missing, func(m collect.Missing) bool { return m.Metric == "kube_endpointslice_endpoints" }) {
			t.Errorf("what lies behind services is not missed: %v", r.Missing)
		}
		id, err := s.Identity(contextFor(t))
		if err != nil || id.UID != "" || id.Provider != "AWS" || id.Region != "eu-west-1" {
			t.Errorf("%+v, %v", id, err)
		}
	})
	t.Run("a coarser step", func(t *testing.T) {
		s := newSource(t, url, func(c *Config) { c.Step = 5 * minute })
		c := hours(t, s, cost.Window{Start: h, End: h + 1})[h].Containers[0]
		if want := (cost.Span{Start: 630, End: 3600, Seconds: 2970}); c.Span != want {
			t.Errorf("span %+v, want %+v", c.Span, want)
		}
	})
	t.Run("the open hour", func(t *testing.T) {
		u, err := newSource(t, url, nil).Open(contextFor(t), h, origin.Add(30*minute))
		if err != nil {
			t.Fatal(err)
		}
		if want := (cost.Span{Start: 630, End: 1800, Seconds: 1170}); u.Containers[0].Span != want || u.CoverageSeconds != 1800 || u.Containers[0].Controller != "web" {
			t.Errorf("coverage %d, %+v", u.CoverageSeconds, u.Containers[0])
		}
	})
	t.Run("a wrong matcher", func(t *testing.T) {
		s := newSource(t, url, func(c *Config) {
			c.Matcher, c.Now = `cluster="none"`, func() time.Time { return origin.Add(3 * time.Hour) }
		})
		r, err := s.Check(contextFor(t))
		if err != nil || !r.Newest.IsZero() || !strings.Contains(strings.Join(r.Warnings, " "), `cluster="none"`) {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
