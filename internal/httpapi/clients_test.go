package httpapi

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// The structs below are what real clients decode, written down from their
// published field lists: a change that breaks one of them breaks users.

// clientAllocation is what kubectl-cost and the OpenCost UI read of a row.
type clientAllocation struct {
	Name       string
	Properties struct {
		Cluster, Node, Container, Controller, ControllerKind, Namespace, Pod, ProviderID string
		Services                                                                         []string
		Labels, Annotations                                                              map[string]string
	}
	Window struct {
		Start, End *time.Time
	}
	Start, End time.Time
	Minutes    float64

	CPUCores                   float64 `json:"cpuCores"`
	CPUCoreRequestAverage      float64 `json:"cpuCoreRequestAverage"`
	CPUCoreUsageAverage        float64 `json:"cpuCoreUsageAverage"`
	CPUCoreHours               float64 `json:"cpuCoreHours"`
	CPUCost                    float64 `json:"cpuCost"`
	CPUCostAdjustment          float64 `json:"cpuCostAdjustment"`
	CPUCostIdle                float64 `json:"cpuCostIdle"`
	CPUEfficiency              float64 `json:"cpuEfficiency"`
	GPUCount                   float64 `json:"gpuCount"`
	GPURequestAverage          float64 `json:"gpuRequestAverage"`
	GPUHours                   float64 `json:"gpuHours"`
	GPUCost                    float64 `json:"gpuCost"`
	GPUCostIdle                float64 `json:"gpuCostIdle"`
	NetworkTransferBytes       float64 `json:"networkTransferBytes"`
	NetworkReceiveBytes        float64 `json:"networkReceiveBytes"`
	NetworkCost                float64 `json:"networkCost"`
	NetworkCrossZoneCost       float64 `json:"networkCrossZoneCost"`
	NetworkCrossRegionCost     float64 `json:"networkCrossRegionCost"`
	NetworkInternetCost        float64 `json:"networkInternetCost"`
	NetworkCostAdjustment      float64 `json:"networkCostAdjustment"`
	LoadBalancerCost           float64 `json:"loadBalancerCost"`
	LoadBalancerCostAdjustment float64 `json:"loadBalancerCostAdjustment"`
	PVBytes                    float64 `json:"pvBytes"`
	PVByteHours                float64 `json:"pvByteHours"`
	PVCost                     float64 `json:"pvCost"`
	PVs                        map[string]struct {
		ByteHours, Cost, Adjustment float64
		ProviderID                  string
	} `json:"pvs"`
	PVCostAdjustment    float64 `json:"pvCostAdjustment"`
	RAMBytes            float64 `json:"ramBytes"`
	RAMBytesRequest     float64 `json:"ramByteRequestAverage"`
	RAMBytesUsage       float64 `json:"ramByteUsageAverage"`
	RAMByteHours        float64 `json:"ramByteHours"`
	RAMCost             float64 `json:"ramCost"`
	RAMCostAdjustment   float64 `json:"ramCostAdjustment"`
	RAMCostIdle         float64 `json:"ramCostIdle"`
	RAMEfficiency       float64 `json:"ramEfficiency"`
	SharedCost          float64 `json:"sharedCost"`
	ExternalCost        float64 `json:"externalCost"`
	TotalCost           float64 `json:"totalCost"`
	TotalEfficiency     float64 `json:"totalEfficiency"`
	RawAllocationOnly   *struct{ CPUCoreUsageMax, RAMByteUsageMax float64 }
	LBAllocations       map[string]struct{ Service string } `json:"lbAllocations"`
	SharedCostBreakdown map[string]struct {
		Name      string
		TotalCost float64
	} `json:"sharedCostBreakdown"`
}

// clientAsset is what kubectl-cost and the OpenCost UI read of an asset.
type clientAsset struct {
	Type       string
	Properties struct{ Category, Provider, Cluster, Name, ProviderID, Service string }
	Labels     map[string]string
	Start, End time.Time
	Minutes    float64
	Adjustment float64
	TotalCost  float64
	NodeType   string
	CPUCores   float64
	RAMBytes   float64
	CPUCost    float64
	GPUCost    float64
	RAMCost    float64
	GPUHours   float64 `json:"GPUHours"`
	Preemptible,
	Discount float64
	CPUBreakdown *struct{ Idle, Other, System, User float64 }
	Bytes        float64
	StorageClass string
	Local        float64
}

func TestAllocationClient(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/model/allocation?accumulate=true&includeIdle=true&idle=true&filterNamespaces=a", "/allocation/compute?accumulate=true"} {
		var data []map[string]clientAllocation
		s.get(t, path+"&window=1d&aggregate=cluster,namespace", &data)
		if len(data) != 1 || len(data[0]) != 3 {
			t.Fatalf("%s: %d sets", path, len(data))
		}
		a := data[0]["ns-b"] // i = 1, n = 2
		parts := a.CPUCost + a.RAMCost + a.GPUCost + a.PVCost + a.LoadBalancerCost + a.NetworkCost + a.SharedCost + a.ExternalCost
		if math.Abs(parts-a.TotalCost) > 1e-9 {
			t.Errorf("%s: the parts are %v, totalCost %v", path, parts, a.TotalCost)
		}
		for name, got := range map[string][2]float64{
			"minutes":       {a.Minutes, 1440},
			"cpuCoreHours":  {a.CPUCoreHours, 5},
			"cpuCores":      {a.CPUCores, 5. / 24},
			"request":       {a.CPUCoreRequestAverage, 4. / 24},
			"ramBytes":      {a.RAMBytes, 4e9 / 24},
			"cpuCost":       {a.CPUCost, 2.000000072},
			"cpuCostIdle":   {a.CPUCostIdle, 70e-9},
			"cpuEfficiency": {a.CPUEfficiency, .5},
			"ramEfficiency": {a.RAMEfficiency, 2},
			"network":       {a.NetworkCost, 9e-9},
			"networkPart":   {a.NetworkInternetCost, 6e-9},
			"pv":            {a.PVs["cluster=a:name=pv-1"].Cost, 4.5},
			"ram max":       {a.RawAllocationOnly.RAMByteUsageMax, 5 << 20},
		} {
			if math.Abs(got[0]-got[1]) > 1e-9*math.Max(1, math.Abs(got[1])) {
				t.Errorf("%s: %s is %v, want %v", path, name, got[0], got[1])
			}
		}
		if a.Properties.Cluster != "a" || a.Properties.Labels["app"] != `we"b<` || len(a.Properties.Services) != 2 || a.Window.Start == nil {
			t.Errorf("%s: properties %+v window %+v", path, a.Properties, a.Window)
		}
		if wantBreakdown := strings.HasPrefix(path, "/model"); (len(a.SharedCostBreakdown) == 1) != wantBreakdown {
			t.Errorf("%s: sharedCostBreakdown %v", path, a.SharedCostBreakdown)
		}
	}
}

func TestSummaryClient(t *testing.T) {
	s := newServer(t)
	var data struct {
		Step int64
		Sets []struct {
			Allocations map[string]struct {
				Name                                                 string
				CPUCost, RAMCost, TotalCost, Efficiency, CPUCostIdle float64
				RAMByteUsageAverage                                  float64
			}
			Window struct{ Start, End time.Time }
		}
		Window struct{ Start, End time.Time }
	}
	s.get(t, "/model/allocation/summary?window=2d&aggregate=namespace", &data)
	if len(data.Sets) != 2 || time.Duration(data.Step) != 24*time.Hour || data.Window.End.Sub(data.Window.Start) != 48*time.Hour {
		t.Errorf("summary: %d sets of %v over %v", len(data.Sets), time.Duration(data.Step), data.Window)
	}
	if a := data.Sets[1].Allocations["ns-a"]; a.CPUCost != 1.000000071 || a.RAMByteUsageAverage == 0 {
		t.Errorf("summary row %+v", a)
	}
}

func TestAssetClient(t *testing.T) {
	s := newServer(t)
	var sets []map[string]clientAsset
	s.get(t, "/model/assets?window=1d&accumulate=true&filterTypes=Node", &sets)
	var set map[string]clientAsset
	s.get(t, "/assets?window=1d", &set)
	for _, m := range []map[string]clientAsset{sets[0], set} {
		node := m["AWS/__undefined__/__undefined__/Compute/a/Node/Kubernetes/i-1/n1"]
		if node.Type != "Node" || node.CPUCores != 2 || node.Preemptible != 1 || node.CPUBreakdown.User != .25 || node.NodeType != "m5.large" {
			t.Errorf("node %+v", node)
		}
		var total float64
		for _, a := range m {
			total += a.TotalCost
		}
		if len(m) != 4 || math.Abs(total-3.100000005) > 1e-12 {
			t.Errorf("%d assets of %v: two of one name must both be there", len(m), total)
		}
	}
}

func TestEmptyBills(t *testing.T) {
	s := newServer(t)
	var cloud struct {
		Sets []struct {
			CloudCosts map[string]any
			Window     struct{ Start, End time.Time }
		}
		Window struct{ Start, End time.Time }
	}
	s.get(t, "/model/cloudCost?window=7d&aggregate=service&accumulate=day&costMetric=amortizedNetCost", &cloud)
	if len(cloud.Sets) != 1 || cloud.Sets[0].Window.End.IsZero() || cloud.Sets[0].CloudCosts == nil {
		t.Errorf("cloudCost %+v: clients need the window", cloud)
	}
	var graph []struct {
		Start, End time.Time
		Items      []any
	}
	s.get(t, "/model/cloudCost/view/graph?window=7d", &graph)
	if len(graph) != 1 || graph[0].Start.IsZero() || graph[0].Items == nil {
		t.Errorf("graph %+v", graph)
	}
	var custom struct{ CustomCosts, Timeseries []any }
	s.get(t, "/customCost/timeseries?window=7d", &custom)
	s.get(t, "/customCost/total?window=7d", &custom)
	if custom.CustomCosts == nil || len(custom.Timeseries) != 1 {
		t.Errorf("custom costs %+v", custom)
	}
}

func TestClusterRoutes(t *testing.T) {
	s := newServer(t)
	var info struct{ ID string }
	s.get(t, "/model/clusterInfo", &info)
	var infos map[string]struct{ ID, Provider string }
	s.get(t, "/model/clusterInfoMap", &infos)
	var configs struct{ CurrencyCode string }
	s.get(t, "/model/getConfigs", &configs)
	if info.ID != "fleetcost" || infos["a"].Provider != "AWS" || len(infos) != 2 || configs.CurrencyCode != "EUR" {
		t.Errorf("info %+v, map %+v, configs %+v", info, infos, configs)
	}
	var values []string
	s.get(t, "/allocation/autocomplete?window=1d&field=label:app&search=a", &values)
	if q := s.fake.completion; len(values) != 2 || q.Field != "label:app" || q.Limit != 25 || q.Source != "allocation" {
		t.Errorf("values %v, asked %+v", values, q)
	}
}

// CSV carries the same money as JSON, to the last digit.
func TestCSVTotals(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/allocation?window=2d&step=1d", "/model/allocation/summary?window=1d", "/assets?window=1d", "/model/assets?window=2d"} {
		var env struct {
			Meta struct{ TotalCost json.Number }
		}
		_, body := s.raw(t, path)
		if err := json.Unmarshal(body, &env); err != nil {
			t.Fatal(err)
		}
		status, table := s.raw(t, path+"&format=csv")
		records, err := csv.NewReader(strings.NewReader(string(table))).ReadAll()
		if err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %v", path, status, err)
		}
		column := -1
		for i, name := range records[0] {
			if name == "totalCost" {
				column = i
			}
		}
		var total cost.Sum
		for _, r := range records[1:] {
			m, err := parseMoney(r[column])
			if err != nil {
				t.Fatal(err)
			}
			total.Add(m)
		}
		if got, want := decimal(&total), env.Meta.TotalCost.String(); got != want {
			t.Errorf("%s: CSV adds up to %s, JSON says %s", path, got, want)
		}
	}
}

func parseMoney(s string) (cost.Money, error) {
	whole, frac, _ := strings.Cut(s, ".")
	v, err := json.Number(whole + (frac + "000000000")[:9]).Int64()
	return cost.Money(v), err
}

func TestCSVGuardsFormulas(t *testing.T) {
	for in, want := range map[string]string{"=cmd()": "'=cmd()", "@x": "'@x", "plain-name": "plain-name", "": ""} {
		if got := text(in); got != want {
			t.Errorf("text(%q) = %q, want %q", in, got, want)
		}
	}
}
