package simulate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/simulate"
	"github.com/fleetcost/fleetcost/test/servers"
)

var rates = simulate.Rates{
	Node: simulate.NodeRates{CPUCoreHour: 0.03, RAMGiBHour: 0.004, GPUHour: 0.9},
	Instance: map[string]simulate.NodeRates{
		"g5.xlarge":        {CPUCoreHour: 0.05, RAMGiBHour: 0.006, GPUHour: 0.7},
		"c6i.2xlarge/spot": {CPUCoreHour: 0.01, RAMGiBHour: 0.001},
	},
	DiskGiBHour: 0.0001, BootDiskGiBHour: 0.00011, LoadBalancerHour: 0.025, ManagementHour: 0.1,
}

func window(s *simulate.Scenario) cost.Window {
	return cost.Window{Start: s.Start, End: s.Start + cost.Hour(s.Hours)}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a)) }

// TestTruthAddsUp checks the identity of docs/model.md on the truth itself.
func TestTruthAddsUp(t *testing.T) {
	for seed := range uint64(2) {
		s := simulate.Small(seed)
		w := window(s)
		whole := s.Truth(w, rates)
		assets := whole.Overhead
		for _, n := range whole.Nodes {
			assets += n.Cost.Total()
			if n.Idle.CPU < 0 || n.Idle.RAM < 0 || n.Idle.GPU < 0 {
				t.Errorf("seed %d: negative idle on %s", seed, n.Name)
			}
		}
		for _, m := range []map[string]simulate.SharedTruth{whole.Volumes, whole.Balancers} {
			for _, v := range m {
				assets += v.Cost
			}
		}
		if !near(assets, whole.Total) {
			t.Errorf("seed %d: assets %v, allocations %v", seed, assets, whole.Total)
		}
		parts := 0.0
		for h := w.Start; h < w.End; h++ {
			parts += s.Truth(cost.Window{Start: h, End: h + 1}, rates).Total
		}
		if !near(parts, whole.Total) {
			t.Errorf("seed %d: hours add to %v, the window to %v", seed, parts, whole.Total)
		}
		if want := w.Hours()*3600 - 7*60; whole.CoverageSeconds != want {
			t.Errorf("seed %d: %d s covered, want %d", seed, whole.CoverageSeconds, want)
		}
	}
}

// TestTruthByHand compares single figures with what one can compute on paper
// from the description of SmallAt.
func TestTruthByHand(t *testing.T) {
	s := simulate.Small(1)
	truth := s.Truth(window(s), rates)
	covered := 4 - 7.0/60 // hours
	shared := func(m map[string]simulate.SharedTruth, find func(k string, v simulate.SharedTruth) bool) simulate.SharedTruth {
		for k, v := range m {
			if find(k, v) {
				return v
			}
		}
		t.Fatal("no such thing")
		return simulate.SharedTruth{}
	}
	sum := func(pod func(k simulate.ContainerKey) bool) (c simulate.Cost, q simulate.Quantity) {
		for k, v := range truth.Containers {
			if pod(k) {
				c.PV, c.LB, c.GPU = c.PV+v.PV, c.LB+v.LB, c.GPU+v.GPU
				q.Hours += truth.Quantities[k].Hours
				q.CPURequest += truth.Quantities[k].CPURequest
			}
		}
		return c, q
	}
	db, _ := sum(func(k simulate.ContainerKey) bool { return k.Pod == "db-0" })
	zero, _ := sum(func(k simulate.ContainerKey) bool { return k.Pod == "encoder-0" })
	one, _ := sum(func(k simulate.ContainerKey) bool { return k.Pod == "encoder-1" })
	infer, _ := sum(func(k simulate.ContainerKey) bool { return k.Namespace == "ml" })
	web, _ := sum(func(k simulate.ContainerKey) bool { return strings.HasPrefix(k.Pod, "web-") })
	api, resized := sum(func(k simulate.ContainerKey) bool { return strings.HasPrefix(k.Pod, "api-") })
	_, flaky := sum(func(k simulate.ContainerKey) bool { return strings.HasPrefix(k.Pod, "flaky-") })
	_, slow := sum(func(k simulate.ContainerKey) bool { return k.Pod == "slow-image" })
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"database volume, mounted", db.PV, 50 * rates.DiskGiBHour * (covered - 3.0/60)},
		{"old backup, unmounted in its namespace", truth.Unmounted["shop"].PV, rates.DiskGiBHour * (200*covered + 50*3.0/60)},
		{"released volume, unmounted in its last namespace", truth.Unmounted["legacy"].PV, rates.DiskGiBHour * 30 * covered},
		{"never claimed, the cluster's", truth.Unmounted[""].PV, rates.DiskGiBHour * 20 * covered},
		{"one volume under two PVs", truth.Unmounted["media"].PV, rates.DiskGiBHour * 10 * covered},
		{"volume of minutes 66 to 186", truth.Unmounted["batch"].PV, rates.DiskGiBHour * 40 * (2 - 7.0/60)},
		{"scratch, alone and by half", zero.PV, 100 * rates.DiskGiBHour * (covered - 70.0/60/2)},
		{"scratch, the other half", one.PV, 100 * rates.DiskGiBHour * 70.0 / 60 / 2},
		{"GPU in use", infer.GPU, 0.7 * 130.0 / 60},
		{"GPU idle", truth.Idle.GPU, 0.7 * (covered - 130.0/60)},
		{"balancer, half by web", web.LB, rates.LoadBalancerHour / 2 * covered},
		{"balancer, half by api, and from minute 45 half of the ingresses'", api.LB, rates.LoadBalancerHour / 2 * (covered + covered - 0.75)},
		{"balancers without pods: a service's and an ingress's", truth.Unmounted["legacy"].LB, 2 * rates.LoadBalancerHour * covered},
		{"balancer of two ingresses", truth.Balancers["ingress/alb/public"].Cost, rates.LoadBalancerHour * covered},
		{"balancer of minute 30 on", shared(truth.Balancers, func(k string, _ simulate.SharedTruth) bool { return strings.Contains(k, "k8s-media") }).Cost, rates.LoadBalancerHour * (covered - 0.5)},
		{"network file system", shared(truth.Volumes, func(k string, _ simulate.SharedTruth) bool { return strings.HasPrefix(k, "fs-") }).Cost, 0},
		{"resized request", resized.CPURequest, 0.3*75/60 + 0.6*(165-7.0)/60},
		{"restarts", flaky.Hours, covered - 35.0/3600},
		{"an image being pulled costs nothing", slow.Hours, 32.0 / 60},
	} {
		if !near(c.got, c.want) {
			t.Errorf("%s: %.12f, want %.12f", c.what, c.got, c.want)
		}
	}
	short, seen := 0, 0
	for k, q := range truth.Quantities {
		if strings.HasPrefix(k.Pod, "report-") {
			seen++
			if q.Hours*3600 < 60 {
				short++
			}
		}
		if q.CPUAllocated < max(q.CPURequest, q.CPUUsage)-1e-12 || q.RAMAllocated < max(q.RAMRequest, q.RAMUsage)-1e-3 {
			t.Errorf("%v allocated less than request or usage: %+v", k, q)
		}
	}
	if short == 0 || short != seen {
		t.Errorf("%d of %d jobs are shorter than a step", short, seen)
	}
	scaled := 0.0
	for k, c := range truth.Containers {
		if k.Namespace == "over" {
			scaled += c.CPU
		}
	}
	var node simulate.NodeTruth
	for _, n := range truth.Nodes {
		if n.Name == "ip-10-0-0-11.ec2.internal" {
			node = n
		}
	}
	if node.Idle.CPU != 0 || scaled <= 0 || scaled >= node.Cost.CPU {
		t.Errorf("the over-committed node: idle %v, its containers %v of %v", node.Idle.CPU, scaled, node.Cost.CPU)
	}
	if len(truth.Nodes) != 5 {
		t.Errorf("%d machines, want 5: a name used again is another machine", len(truth.Nodes))
	}
}

func TestScrapeIsDeterministic(t *testing.T) {
	page := func(seed uint64) []byte {
		var b bytes.Buffer
		if err := simulate.Small(seed).WriteOpenMetrics(&b, 5*time.Minute); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	a := page(4)
	if !bytes.Equal(a, page(4)) || bytes.Equal(a, page(5)) {
		t.Error("the same seed must give the same bytes, another seed others")
	}
	if !bytes.HasSuffix(a, []byte("# EOF\n")) || bytes.Count(a, []byte("# EOF")) != 1 {
		t.Error("no # EOF at the end")
	}
	t.Logf("%d bytes, %d samples", len(a), bytes.Count(a, []byte("\n")))
}

func TestScrapeChoices(t *testing.T) {
	s := simulate.Small(1)
	page := func(o simulate.Scrape) string {
		o.Interval = 15 * time.Minute
		var b strings.Builder
		if err := s.Scrape(&b, o); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	plain := page(simulate.Scrape{})
	if p := page(simulate.Scrape{Without: []string{"kube_node_labels"}}); strings.Contains(p, "kube_node_labels") || !strings.Contains(plain, "kube_node_labels{") {
		t.Error("a family left out is there, or missing without being asked")
	}
	if p := page(simulate.Scrape{Continues: true}); p+"# EOF\n" != plain {
		t.Error("a page that continues differs in more than its end")
	}
	if n, m := strings.Count(plain, "\nkube_pod_info{"), strings.Count(page(simulate.Scrape{Replicas: 3}), "\nkube_pod_info{"); n == 0 || m != 3*n {
		t.Errorf("%d samples of kube_pod_info, %d from three replicas", n, m)
	}
	if strings.Contains(plain, "pv_hourly_cost") || !strings.Contains(page(simulate.Scrape{Prices: &rates}), "pv_hourly_cost{") {
		t.Error("price metrics come when asked for, and only then")
	}
	for _, trap := range []string{`container="",`, `image="registry.k8s.io/pause:3.10"`, `host_network="true"`, `interface="eth0"`, `device="/dev/shm"`, `owner_kind="Rollout"`, `kube_pod_init_container_status_running{`} {
		if !strings.Contains(plain, trap) {
			t.Errorf("the scrape has no %s", trap)
		}
	}
	if err := s.Scrape(failing{}, simulate.Scrape{}); err == nil {
		t.Error("a writer's error is lost")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// TestPrometheusHoldsTheScenario loads the samples into a real Prometheus and
// asks it for figures that the truth also knows.
func TestPrometheusHoldsTheScenario(t *testing.T) {
	s := simulate.Small(2)
	p := servers.StartPrometheus(t, func(w io.Writer) error {
		o := simulate.Scrape{Prices: &rates, Replicas: 2, Labels: []string{"cluster", "a"}, Continues: true}
		if err := s.Scrape(w, o); err != nil {
			return err
		}
		return simulate.Small(3).Scrape(w, simulate.Scrape{Interval: 5 * time.Minute, Labels: []string{"cluster", "b"}})
	})
	truth := s.Truth(window(s), rates)
	at := s.Start.Start().Add(100*time.Minute + 30*time.Second)
	usage := 0.0
	for k, q := range s.Truth(cost.Window{Start: s.Start, End: s.Start + 1}, rates).Quantities {
		if k.Namespace == "over" {
			usage += q.CPUUsage * 3600
		}
	}
	for _, c := range []struct {
		query string
		at    time.Time
		want  float64
	}{
		{`count(kube_node_info{cluster="a",instance=~".*9:8080"})`, at, 4},
		{`count(kube_node_info{cluster="a"})`, at, 8},
		{`count(count by (cluster) (kube_pod_info))`, at, 2},
		{`sum(kube_pod_container_status_running{cluster="a",pod="slow-image",instance=~".*9:8080"})`, at, 0},
		{`sum(kube_pod_init_container_status_running{cluster="a",container="proxy",instance=~".*9:8080"})`, at, 3},
		{`sum(node_gpu_hourly_cost{cluster="a",instance_type="g5.xlarge"})`, at, 0.7},
		{`count(kube_pod_container_resource_requests{cluster="b",resource="nvidia_com_gpu"})`, at, 1},
		{`count(count_over_time(kube_node_info{cluster="a"}[4m]))`, s.Start.Start().Add(161 * time.Minute), math.NaN()},
		{
			// An hour of counters, read at its two ends.
			fmt.Sprintf(`sum(container_cpu_usage_seconds_total{cluster="a",namespace="over",container!=""} - container_cpu_usage_seconds_total{cluster="a",namespace="over",container!=""} @ %d)`, s.Start.Start().Unix()),
			s.Start.End(), usage,
		},
	} {
		got := ask(t, p.URL(), c.query, c.at)
		if math.IsNaN(c.want) != math.IsNaN(got) || !math.IsNaN(got) && math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%s = %v, want %v", c.query, got, c.want)
		}
	}
	if truth.Total <= 0 {
		t.Error("the truth costs nothing")
	}
}

// ask returns the one value of an instant query, NaN for none.
func ask(t *testing.T, base, query string, at time.Time) float64 {
	t.Helper()
	res, err := http.Get(base + "/api/v1/query?time=" + strconv.FormatInt(at.Unix(), 10) + "&query=" + url.QueryEscape(query)) //nolint:noctx // loopback, the test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var body struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || body.Status != "success" {
		t.Fatalf("query %s: %v %s", query, err, body.Error)
	}
	if len(body.Data.Result) == 0 {
		return math.NaN()
	}
	v, err := strconv.ParseFloat(body.Data.Result[0].Value[1].(string), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// BenchmarkTruth keeps an eye on what each accuracy test pays.
func BenchmarkTruth(b *testing.B) {
	s := simulate.Small(1)
	for b.Loop() {
		s.Truth(window(s), rates)
	}
}
