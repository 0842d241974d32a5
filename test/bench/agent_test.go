package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/test/servers"
)

// BenchmarkAgent runs the agent's binary once over a real Prometheus that
// scraped 2,000 pods of two containers each for some hours, and reports its
// peak memory, its CPU, how long an hour took, and what it cost Prometheus.
// `make bench` builds the binary first. FLEETCOST_BENCH_PODS and
// FLEETCOST_BENCH_HOURS change the size.
func BenchmarkAgent(b *testing.B) {
	pods, hours := sizeFrom("FLEETCOST_BENCH_PODS", 2000), sizeFrom("FLEETCOST_BENCH_HOURS", 4)
	end := cost.HourOf(time.Now().Add(-30 * time.Minute))
	start := end - cost.Hour(hours)
	prom := servers.StartPrometheus(b, func(w io.Writer) error {
		return largeCluster(w, pods, start.Start().Add(-2*time.Minute), hours*60+4)
	})
	agent, err := filepath.Abs("../../bin/fleetcost-agent")
	if err != nil {
		b.Fatal(err)
	}
	var peak, cpu float64
	idle := selfMetric(b, prom.URL(), "process_cpu_seconds_total")
	for b.Loop() {
		dir := b.TempDir()
		store := filepath.Join(dir, "bucket")
		storage := filepath.Join(dir, "federated-store.yaml")
		if err := os.MkdirAll(store, 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(storage, fmt.Appendf(nil, "type: FILESYSTEM\nconfig:\n  directory: %q\n", store), 0o644); err != nil {
			b.Fatal(err)
		}
		cmd := exec.Command(agent, "--cluster-id", "large", "--cluster-uid", "bench", "--storage-config", storage, "--prometheus-url", prom.URL(),
			"--backfill", fmt.Sprintf("%dh", hours+1), "--spool-dir", filepath.Join(dir, "spool"), "--once")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("agent: %v\n%s", err, out)
		}
		peak = max(peak, float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1024)
		cpu += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	}
	n := float64(b.N * hours)
	b.ReportMetric(peak, "MiB-peak")
	b.ReportMetric(cpu/n, "CPU-s/hour")
	b.ReportMetric(b.Elapsed().Seconds()/n, "s/hour")
	b.ReportMetric((selfMetric(b, prom.URL(), "process_cpu_seconds_total")-idle)/n, "prom-CPU-s/hour")
	b.ReportMetric(selfMetric(b, prom.URL(), "process_resident_memory_bytes")/(1<<20), "prom-MiB")
}

func sizeFrom(variable string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil && n > 0 {
		return n
	}
	return usual
}

// selfMetric reads what a server says of its own process.
func selfMetric(b *testing.B, url, name string) float64 {
	b.Helper()
	res, err := http.Get(url + "/metrics") //nolint:noctx // loopback, the benchmark's own server
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				b.Fatal(err)
			}
			return v
		}
	}
	b.Fatalf("%s/metrics has no %s", url, name)
	return 0
}

// largeCluster writes what kube-state-metrics and cAdvisor say of a cluster of
// 30 pods a node, n samples a minute apart.
func largeCluster(out io.Writer, pods int, first time.Time, n int) error {
	w := bufio.NewWriter(out)
	nodes := (pods + 29) / 30
	series := func(labels string, value func(i int) float64) func(name string) {
		return func(name string) {
			for i := range n {
				fmt.Fprintf(w, "%s{%s} %g %d\n", name, labels, value(i), first.Unix()+int64(i)*60)
			}
		}
	}
	constant := func(v float64) func(int) float64 { return func(int) float64 { return v } }
	perNode := func(name, more string, v float64) {
		for i := range nodes {
			series(fmt.Sprintf(`node="node-%03d"%s`, i, more), constant(v))(name)
		}
	}
	perPod := func(name string, labels func(p int) string, v float64) {
		for p := range pods {
			series(fmt.Sprintf(`namespace="ns-%02d",pod="app-%04d-x",uid="uid-%04d"%s`, p%20, p, p, labels(p)), constant(v))(name)
		}
	}
	perContainer := func(name string, more func(p int) string, v func(p, c, i int) float64) {
		for p := range pods {
			for c, container := range []string{"app", "proxy"} {
				series(fmt.Sprintf(`namespace="ns-%02d",pod="app-%04d-x",container=%q%s`, p%20, p, container, more(p)),
					func(i int) float64 { return v(p, c, i) })(name)
			}
		}
	}
	onNode := func(p int) string { return fmt.Sprintf(`,uid="uid-%04d",node="node-%03d"`, p, p/30) }
	perNode("kube_node_info", `,provider_id="aws:///us-east-1a/i-0123"`, 1)
	perNode("kube_node_labels", `,label_node_kubernetes_io_instance_type="m6i.4xlarge",label_topology_kubernetes_io_region="us-east-1"`, 1)
	for _, f := range []string{"kube_node_status_capacity", "kube_node_status_allocatable"} {
		perNode(f, `,resource="cpu",unit="core"`, 16)
		perNode(f, `,resource="memory",unit="byte"`, 64<<30)
	}
	perPod("kube_pod_info", func(p int) string {
		return fmt.Sprintf(`,node="node-%03d",host_network="false",created_by_kind="ReplicaSet",created_by_name="app-%04d"`, p/30, p)
	}, 1)
	perPod("kube_pod_owner", func(p int) string {
		return fmt.Sprintf(`,owner_kind="ReplicaSet",owner_name="app-%04d",owner_is_controller="true"`, p)
	}, 1)
	perPod("kube_pod_labels", func(p int) string {
		return fmt.Sprintf(`,label_app="app-%04d",label_team="team-%02d"`, p, p%20)
	}, 1)
	uid := func(p int) string { return fmt.Sprintf(`,uid="uid-%04d"`, p) }
	perContainer("kube_pod_container_status_running", uid, func(int, int, int) float64 { return 1 })
	perContainer("kube_pod_container_resource_requests", func(p int) string { return onNode(p) + `,resource="cpu",unit="core"` },
		func(_, c, _ int) float64 { return 0.25 / float64(c+1) })
	perContainer("kube_pod_container_resource_requests", func(p int) string { return onNode(p) + `,resource="memory",unit="byte"` },
		func(_, c, _ int) float64 { return float64(int(512<<20) / (c + 1)) })
	cgroup := func(p int) string {
		return fmt.Sprintf(`,id="/kubepods/pod%04d",instance="node-%03d",job="kubelet",node="node-%03d"`, p, p/30, p/30)
	}
	perContainer("container_cpu_usage_seconds_total", cgroup, func(p, c, i int) float64 { return float64(i) * 60 * (0.05 + float64(p%10)*0.03) / float64(c+1) })
	perContainer("container_memory_working_set_bytes", cgroup, func(p, c, i int) float64 { return float64((100 + (p*7+i*3+c*11)%300) << 20) })
	fmt.Fprintln(w, "# EOF")
	return w.Flush()
}
