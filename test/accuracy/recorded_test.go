package accuracy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/server"
	"github.com/fleetcost/fleetcost/internal/simulate"
	"github.com/fleetcost/fleetcost/test/servers"
)

// TestRecordedClusterGoesTheWholeWay takes the pages recorded from a live
// Kubernetes 1.33 cluster through Prometheus, agent, bucket, server and API.
func TestRecordedClusterGoesTheWholeWay(t *testing.T) {
	const pages = "../../internal/collect/prometheus/testdata/minikube-1.33/" // origin and licence: README.md beside them
	first := time.UnixMilli(1762283373682)
	prom := servers.StartPrometheus(t, func(w io.Writer) error {
		return servers.Replay(w, []servers.Page{
			{File: pages + "kube-state-metrics.txt", Target: `instance="10.244.0.7:8080",job="kube-state-metrics"`},
			{File: pages + "cadvisor.txt", Target: `instance="192.168.67.2:10250",job="kubelet"`},
		}, first, 20, 0.1)
	})
	// runAgent wants to know which hours; the cluster itself is the recorded one.
	s := &simulate.Scenario{Name: "minikube", Start: cost.HourOf(first) - 1, Hours: 3}
	b := runAgent(t, s, prom.URL(), t.TempDir())

	identity := map[int64]cost.Money{}
	var want cost.Sum
	containers := map[string]bool{}
	for _, r := range daily[cost.Allocation](t, b, costfile.AllocationData) {
		identity[r.WindowStart] += r.Total()
		want.Add(r.Total())
		if r.Kind == cost.KindContainer {
			containers[r.Namespace+"/"+r.Container] = true
		}
	}
	for _, a := range daily[cost.Asset](t, b, costfile.AssetData) {
		identity[a.WindowStart] -= a.Total()
	}
	for us, diff := range identity {
		if diff != 0 {
			t.Errorf("hour at %d µs: allocations and assets differ by %v", us, diff)
		}
	}
	for _, c := range []string{"kube-system/etcd", "kube-system/coredns", "kube-system/kube-apiserver"} {
		if !containers[c] {
			t.Errorf("no row for %s; there are %v", c, containers)
		}
	}
	w := cost.Window{Start: s.Start, End: s.Start + cost.Hour(s.Hours)}
	if got := serverTotal(t, b, w); math.Abs(got-want.Float()) > 1e-6 {
		t.Errorf("the API says %.9f, the bucket holds %v", got, &want)
	}
}

// serverTotal runs a server over the bucket and adds up what its API answers
// for everything in w.
func serverTotal(t *testing.T, b bucket.Bucket, w cost.Window) (sum float64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	now := w.End.Start().Add(time.Hour)
	srv, err := server.New(ctx, server.Config{
		Bucket: b, DataDir: t.TempDir(), Listen: "127.0.0.1:0", PollInterval: time.Minute, SweepInterval: time.Hour,
		HourlyDays: 32, DailyDays: 400, MemoryLimit: "512MiB", QueryTimeout: time.Minute, StopGrace: time.Second,
		Now: func() time.Time { return now }, Logger: ops.Discard(), Getenv: func(string) string { return "" },
	})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	}()
	base := fmt.Sprintf("http://%s", srv.Addr())
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if res, err := http.Get(base + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(end) {
			t.Fatal("the server was not ready within a minute")
		}
	}
	q := url.Values{
		"window":    {w.Start.Start().Format(time.RFC3339) + "," + w.End.Start().Format(time.RFC3339)},
		"aggregate": {"namespace"}, "includeIdle": {"true"}, "includeOverhead": {"true"},
	}
	res, err := http.Get(base + "/allocation?" + q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Data []map[string]struct{ TotalCost float64 }
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	for _, set := range answer.Data {
		for _, a := range set {
			sum += a.TotalCost
		}
	}
	return sum
}
