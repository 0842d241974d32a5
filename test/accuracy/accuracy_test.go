package accuracy_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/fleetcost/fleetcost/internal/agent"
	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/simulate"
	"github.com/fleetcost/fleetcost/test/servers"
)

// tolerance is the promise: within 0.1 % of the truth, for every resource of
// every namespace, node and volume.
const tolerance = 0.001

var rates = simulate.Rates{
	Node:        simulate.NodeRates{CPUCoreHour: 0.03, RAMGiBHour: 0.004, GPUHour: 0.9},
	Instance:    map[string]simulate.NodeRates{"c6i.2xlarge/spot": {CPUCoreHour: 0.01, RAMGiBHour: 0.001}},
	DiskGiBHour: 0.0001, BootDiskGiBHour: 0.00011, LoadBalancerHour: 0.025, ManagementHour: 0.1,
}

// price passes the same rates to the agent as an operator would.
var price = []string{
	"--custom-prices", "--rate-cpu=0.03", "--rate-ram=0.004", "--rate-gpu=0.9", "--rate-spot-cpu=0.01", "--rate-spot-ram=0.001",
	"--rate-storage=0.0001", "--rate-boot-disk=0.00011", "--rate-load-balancer=0.025", "--rate-eks=0.1", "--rate-aks=0.1", "--rate-gke=0.1",
}

// runAgent runs the agent once over a Prometheus into a directory bucket, with
// the clock ten minutes after the scenario's end.
func runAgent(t *testing.T, s *simulate.Scenario, prometheusURL, dir string, args ...string) bucket.Bucket {
	t.Helper()
	store := filepath.Join(dir, "bucket")
	if err := os.MkdirAll(store, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "federated-store.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "type: FILESYSTEM\nconfig:\n  directory: %q\n", store), 0o644); err != nil {
		t.Fatal(err)
	}
	fs := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	cfg := agent.Flags(fs)
	args = append(append([]string{
		"--cluster-id=" + s.Name, "--storage-config=" + file, "--prometheus-url=" + prometheusURL, "--once",
		"--backfill=" + strconv.Itoa(s.Hours) + "h", "--spool-dir=" + filepath.Join(dir, "spool"),
	}, price...), args...)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	end := (s.Start + cost.Hour(s.Hours)).Start().Add(10 * time.Minute)
	cfg.Now, cfg.Getenv = func() time.Time { return end }, func(string) string { return "" }
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.ReadStorage(); err != nil {
		t.Fatal(err)
	}
	logger, err := ops.NewLogger(t.Output(), ops.LogConfig{Level: "warn", Format: "text"})
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Run(context.Background(), *cfg, logger); err != nil {
		t.Fatal(err)
	}
	b, err := bucket.OpenFilesystem(store, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// daily reads all daily objects of a dataset.
func daily[T costfile.Row](t *testing.T, b bucket.Bucket, d costfile.Dataset) (out []T) {
	t.Helper()
	err := b.List(context.Background(), costfile.DailyPrefix(d), "", func(o bucket.Object) error {
		r, _, err := b.Get(context.Background(), o.Key)
		if err != nil {
			return err
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		rows, _, err := costfile.ReadAll[T](bytes.NewReader(data), int64(len(data)), costfile.DefaultLimits)
		out = append(out, rows...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sums is what the pipeline says, by the keys of simulate.Truth.
type sums struct {
	namespaces map[string]simulate.Cost
	nodes      map[string]simulate.Cost
	nodeIdle   map[string]simulate.Cost
	volumes    map[string]float64
	unmounted  map[string]simulate.Cost
	overhead   float64
	total      float64
}

func add(m map[string]simulate.Cost, k string, r *cost.Allocation) {
	c := m[k]
	c.CPU += r.CPUCost.Float()
	c.RAM += r.RAMCost.Float()
	c.GPU += r.GPUCost.Float()
	c.PV += r.PVCost.Float()
	c.LB += r.LBCost.Float()
	c.Overhead += r.OverheadCost.Float()
	m[k] = c
}

func sum(allocations []cost.Allocation, assets []cost.Asset) sums {
	s := sums{
		namespaces: map[string]simulate.Cost{}, nodes: map[string]simulate.Cost{}, nodeIdle: map[string]simulate.Cost{},
		volumes: map[string]float64{}, unmounted: map[string]simulate.Cost{},
	}
	for i := range allocations {
		r := &allocations[i]
		switch r.Kind {
		case cost.KindContainer:
			add(s.namespaces, r.Namespace, r)
		case cost.KindIdle:
			add(s.nodeIdle, r.AssetID, r)
		case cost.KindUnmounted:
			ns := r.Namespace
			if ns == cost.UnmountedName {
				ns = ""
			}
			add(s.unmounted, ns, r)
		case cost.KindOverhead:
			s.overhead += r.OverheadCost.Float()
		}
	}
	for i := range assets {
		a := &assets[i]
		s.total += a.Total().Float()
		switch {
		case a.Type == cost.AssetNode:
			c := s.nodes[a.AssetID]
			c.CPU += a.CPUCost.Float()
			c.RAM += a.RAMCost.Float()
			c.GPU += a.GPUCost.Float()
			s.nodes[a.AssetID] = c
		case a.Type == cost.AssetDisk && !a.Overhead:
			s.volumes[a.AssetID] += a.Total().Float()
		}
	}
	return s
}

func compare(t *testing.T, what string, want, got float64) {
	t.Helper()
	if diff := math.Abs(want - got); diff > tolerance*math.Abs(want)+1e-9 {
		t.Errorf("%s: %.9f, the truth is %.9f (%.3f %% off)", what, got, want, 100*diff/math.Max(math.Abs(want), 1e-12))
	}
}

func compareCost(t *testing.T, what string, want, got simulate.Cost) {
	t.Helper()
	compare(t, what+" CPU", want.CPU, got.CPU)
	compare(t, what+" RAM", want.RAM, got.RAM)
	compare(t, what+" GPU", want.GPU, got.GPU)
	compare(t, what+" PV", want.PV, got.PV)
	compare(t, what+" LB", want.LB, got.LB)
	compare(t, what+" total", want.Total(), got.Total())
}

func TestAgreesWithTheTruth(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			s := simulate.Small(seed)
			prom := servers.StartPrometheus(t, func(w io.Writer) error { return s.WriteOpenMetrics(w, s.Step) })
			b := runAgent(t, s, prom.URL(), t.TempDir())
			got := sum(daily[cost.Allocation](t, b, costfile.AllocationData), daily[cost.Asset](t, b, costfile.AssetData))
			want := s.Truth(cost.Window{Start: s.Start, End: s.Start + cost.Hour(s.Hours)}, rates)
			for ns, c := range want.Namespaces {
				compareCost(t, "namespace "+ns, c, got.namespaces[ns])
			}
			for ns := range got.namespaces {
				if _, ok := want.Namespaces[ns]; !ok {
					t.Errorf("namespace %s does not exist", ns)
				}
			}
			for id, n := range want.Nodes {
				compareCost(t, "node "+n.Name, n.Cost, got.nodes[id])
				compareCost(t, "idle of "+n.Name, n.Idle, got.nodeIdle[id])
			}
			for id, v := range want.Volumes {
				compare(t, "volume "+v.Name, v.Cost, got.volumes[id])
			}
			for ns, c := range want.Unmounted {
				compareCost(t, "unmounted of "+strconv.Quote(ns), c, got.unmounted[ns])
			}
			compare(t, "overhead", want.Overhead, got.overhead)
			compare(t, "total", want.Total, got.total)
		})
	}
}

// TestStatusNamesWhatIsMissing reads a Prometheus whose kube-state-metrics
// exports no labels: costs are there all the same, and status.json says what
// to change.
func TestStatusNamesWhatIsMissing(t *testing.T) {
	s := simulate.Small(3)
	prom := servers.StartPrometheus(t, func(w io.Writer) error {
		return s.Scrape(w, simulate.Scrape{Interval: s.Step, Without: []string{"kube_pod_labels", "kube_node_labels"}})
	})
	b := runAgent(t, s, prom.URL(), t.TempDir())
	r, _, err := b.Get(context.Background(), costfile.StatusKey(s.Name))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kube_pod_labels", "kube_node_labels", "--metric-labels-allowlist"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("status.json does not mention %s:\n%s", want, text)
		}
	}
	got := sum(daily[cost.Allocation](t, b, costfile.AllocationData), daily[cost.Asset](t, b, costfile.AssetData))
	if got.total <= 0 {
		t.Error("without labels nothing was priced at all")
	}
}
