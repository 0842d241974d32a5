package prometheus

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/test/servers"
)

func TestRealCluster(t *testing.T) {
	first := time.UnixMilli(1762283373682) // when the node was recorded: 2025-11-04T19:09:33Z
	p := servers.StartPrometheus(t, func(w io.Writer) error {
		return servers.Replay(w, []servers.Page{
			{File: "testdata/minikube-1.33/kube-state-metrics.txt", Target: `instance="10.244.0.7:8080",job="kube-state-metrics"`},
			{File: "testdata/minikube-1.33/cadvisor.txt", Target: `instance="192.168.67.2:10250",job="kubelet"`},
		}, first, 20, 0.1)
	})
	h := cost.HourOf(first)
	s := newSource(t, p.URL(), func(c *Config) { c.Now = func() time.Time { return first.Add(time.Hour) } })
	u := hours(t, s, cost.Window{Start: h, End: h + 1})[h]

	if u.CoverageSeconds < 20*60 || u.CoverageSeconds > 21*60 {
		t.Errorf("coverage %d s, want 20 minutes", u.CoverageSeconds)
	}
	if len(u.Nodes) != 1 {
		t.Fatalf("nodes: %+v", u.Nodes)
	}
	n := u.Nodes[0]
	if n.Name != "datagen-1-33" || n.AssetID != "node/datagen-1-33/1762283261" || n.CPUCapacity != 10e6*int64(n.Span.Seconds) ||
		n.RAMCapacity/int64(n.Span.Seconds) != 16485224448 || n.BootDisk/int64(n.Span.Seconds) != 1081100128256 {
		t.Errorf("node: %+v", n)
	}
	type count struct{ pods, containers int }
	got := map[string]count{}
	seen := map[string]bool{}
	for _, c := range u.Containers {
		x := got[c.Namespace]
		x.containers++
		if !seen[c.PodUID] {
			seen[c.PodUID] = true
			x.pods++
		}
		got[c.Namespace] = x
		if c.Container == "" || c.Container == "POD" || c.PodUID == "" {
			t.Errorf("no container of a pod: %+v", c)
		}
		if c.NodeAssetID != n.AssetID {
			t.Errorf("%s/%s runs on %q", c.Pod, c.Container, c.NodeAssetID)
		}
		// Every counter grows by a tenth of a core, the pods' own too; before
		// its first sample a container used what the recorded value says.
		if perSecond := c.CPUUsage / int64(c.Span.Seconds); c.Span.Seconds > 600 && (perSecond < 95_000 || perSecond > 101_000) {
			t.Errorf("%s/%s uses %d micro-cores, want 100,000", c.Pod, c.Container, perSecond)
		}
		if c.Span.Seconds > 600 && (c.RAMUsage == 0 || c.RAMUsage/int64(c.Span.Seconds) > 2<<30) {
			t.Errorf("%s/%s holds %d bytes", c.Pod, c.Container, c.RAMUsage/int64(c.Span.Seconds))
		}
	}
	if want := (count{9, 9}); got["kube-system"] != want {
		t.Errorf("kube-system has %+v, want %+v", got["kube-system"], want)
	}
	for _, want := range []struct{ pod, kind, controller, services string }{
		{"coredns-", "deployment", "coredns", "kube-dns"},
		{"kube-proxy-", "daemonset", "kube-proxy", ""},
		{"e2e-statefulset-0", "statefulset", "e2e-statefulset", "e2e-statefulset"},
		{"e2e-hpa-", "deployment", "e2e-hpa", "e2e-hpa"},
		{"etcd-", "", "", ""},
		{"e2e-cronjob-", "cronjob", "e2e-cronjob", ""},
	} {
		found := false
		for _, c := range u.Containers {
			if strings.HasPrefix(c.Pod, want.pod) {
				found = true
				if c.ControllerKind != want.kind || c.Controller != want.controller || strings.Join(c.Services, ",") != want.services {
					t.Errorf("%s is of %s %s behind %v, want %+v", c.Pod, c.ControllerKind, c.Controller, c.Services, want)
				}
				if host := want.pod == "kube-proxy-" || want.pod == "etcd-"; host != (c.NetworkReceiveBytes == 0) && c.Span.Seconds > 600 {
					t.Errorf("%s received %d bytes", c.Pod, c.NetworkReceiveBytes)
				}
			}
		}
		if !found {
			t.Errorf("%s… did not run", want.pod)
		}
	}
	if len(u.Volumes) != 1 || u.Volumes[0].Kind != cost.VolumeHostPath || u.Volumes[0].ClaimName != "e2e-pv-claim" || len(u.Volumes[0].Shares) != 2 {
		t.Errorf("volumes: %+v", u.Volumes)
	}
	if len(u.LoadBalancers) != 1 || u.LoadBalancers[0].AssetID != "127.1.2.3" || !u.LoadBalancers[0].OnPremises || len(u.LoadBalancers[0].Unmounted) != 1 {
		t.Errorf("balancers: %+v", u.LoadBalancers)
	}

	r, err := s.Check(contextFor(t))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Newest.Equal(first.Add(19*time.Minute).Truncate(time.Second)) && r.Newest.Before(first.Add(18*time.Minute)) {
		t.Errorf("newest %s", r.Newest)
	}
	var missing []string
	for _, m := range r.Missing {
		missing = append(missing, m.Metric)
	}
	if d := cmp.Diff([]string{"kube_node_labels"}, missing); d != "" {
		t.Error(d)
	}
	id, err := s.Identity(contextFor(t))
	if err != nil || id.UID != "kube-system-created-1762283261" {
		t.Errorf("identity %+v, %v", id, err)
	}
}

// TestPodCgroupsAreNotContainers loads a page in which the rows with
// container="" hold as much as all others together, and no object metrics.
func TestPodCgroupsAreNotContainers(t *testing.T) {
	first := time.UnixMilli(1795390010000)
	p := servers.StartPrometheus(t, func(w io.Writer) error {
		return servers.Replay(w, []servers.Page{{File: "testdata/kubelet-1.36.3/cadvisor.txt", Target: `instance="real-1:10250"`}}, first, 10, 0.05)
	})
	h := cost.HourOf(first)
	u := hours(t, newSource(t, p.URL(), nil), cost.Window{Start: h, End: h + 1})[h]
	var names []string
	for _, c := range u.Containers {
		names = append(names, c.Namespace+"/"+c.Container)
		if perSecond := c.CPUUsage / int64(c.Span.Seconds); perSecond < 49_000 || perSecond > 51_000 {
			t.Errorf("%s/%s uses %d micro-cores, want 50,000", c.Pod, c.Container, perSecond)
		}
	}
	if got := strings.Join(names, " "); got != "kubecost/rec real/main real/sidecar real/main real/sidecar" {
		t.Errorf("containers: %s", got)
	}
}
