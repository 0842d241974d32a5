package httpapi

import (
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// micro is how many of the stored units of CPU and GPU quantities make one.
const micro = 1e6

// minutesPerHour turns an hour integral into an average over minutes.
const minutesPerHour = 60

// Allocation is one row of /allocation, in the fields of OpenCost's
// Allocation. Averages are integrals over Minutes; CPUCost, GPUCost and
// RAMCost include the idle the row was given, which the fields …CostIdle show.
type Allocation struct {
	Name       string     `json:"name"`
	Properties Properties `json:"properties"`
	Window     Window     `json:"window"`
	Start      Time       `json:"start"`
	End        Time       `json:"end"`
	Minutes    Number     `json:"minutes" doc:"length of start..end; not additive"`

	CPUCores              Number `json:"cpuCores"`
	CPUCoreRequestAverage Number `json:"cpuCoreRequestAverage"`
	CPUCoreUsageAverage   Number `json:"cpuCoreUsageAverage"`
	CPUCoreLimitAverage   Number `json:"cpuCoreLimitAverage"`
	CPUCoreHours          Number `json:"cpuCoreHours"`
	CPUCost               Amount `json:"cpuCost"`
	CPUCostAdjustment     Number `json:"cpuCostAdjustment"`
	CPUCostIdle           Amount `json:"cpuCostIdle"`
	CPUEfficiency         Number `json:"cpuEfficiency" doc:"usage over request; 1 where there is usage without request"`

	GPUCount          Number         `json:"gpuCount"`
	GPURequestAverage Number         `json:"gpuRequestAverage"`
	GPUUsageAverage   Number         `json:"gpuUsageAverage"`
	GPUHours          Number         `json:"gpuHours"`
	GPUCost           Amount         `json:"gpuCost"`
	GPUCostAdjustment Number         `json:"gpuCostAdjustment"`
	GPUCostIdle       Amount         `json:"gpuCostIdle"`
	GPUEfficiency     Number         `json:"gpuEfficiency"`
	GPUAllocation     *GPUAllocation `json:"gpuAllocation"`

	NetworkTransferBytes   Number `json:"networkTransferBytes"`
	NetworkReceiveBytes    Number `json:"networkReceiveBytes"`
	NetworkCost            Amount `json:"networkCost"`
	NetworkCrossZoneCost   Amount `json:"networkCrossZoneCost" doc:"part of networkCost"`
	NetworkCrossRegionCost Amount `json:"networkCrossRegionCost" doc:"part of networkCost"`
	NetworkInternetCost    Amount `json:"networkInternetCost" doc:"part of networkCost"`
	NetworkCostAdjustment  Number `json:"networkCostAdjustment"`

	LoadBalancerCost           Amount `json:"loadBalancerCost"`
	LoadBalancerCostAdjustment Number `json:"loadBalancerCostAdjustment"`

	PVBytes          Number              `json:"pvBytes"`
	PVByteHours      Number              `json:"pvByteHours"`
	PVCost           Amount              `json:"pvCost"`
	PVs              map[string]PVDetail `json:"pvs"`
	PVCostAdjustment Number              `json:"pvCostAdjustment"`

	RAMBytes              Number `json:"ramBytes"`
	RAMByteRequestAverage Number `json:"ramByteRequestAverage"`
	RAMByteUsageAverage   Number `json:"ramByteUsageAverage"`
	RAMByteLimitAverage   Number `json:"ramByteLimitAverage"`
	RAMByteHours          Number `json:"ramByteHours"`
	RAMCost               Amount `json:"ramCost"`
	RAMCostAdjustment     Number `json:"ramCostAdjustment"`
	RAMCostIdle           Amount `json:"ramCostIdle"`
	RAMEfficiency         Number `json:"ramEfficiency"`

	ExternalCost Number `json:"externalCost"`
	SharedCost   Amount `json:"sharedCost" doc:"shared cost the row was given; of an __overhead__ row its own cost"`
	TotalCost    Amount `json:"totalCost"`

	TotalEfficiency Number `json:"totalEfficiency" doc:"CPU and RAM efficiency weighted by their cost"`

	RawAllocationOnly RawAllocation `json:"rawAllocationOnly"`
	// Proportional asset costs are not computed; clients expect the key.
	ProportionalAssetResourceCosts *NotComputed              `json:"proportionalAssetResourceCosts"`
	LBAllocations                  map[string]LBDetail       `json:"lbAllocations"`
	SharedCostBreakdown            map[string]SharedCostPart `json:"sharedCostBreakdown"`
}

// Properties are what all rows behind an answer's row have in common.
type Properties struct {
	Cluster              string            `json:"cluster,omitempty"`
	Node                 string            `json:"node,omitempty"`
	Container            string            `json:"container,omitempty"`
	Controller           string            `json:"controller,omitempty"`
	ControllerKind       string            `json:"controllerKind,omitempty"`
	Namespace            string            `json:"namespace,omitempty"`
	Pod                  string            `json:"pod,omitempty"`
	Services             []string          `json:"services,omitempty"`
	ProviderID           string            `json:"providerID,omitempty"`
	Labels               map[string]string `json:"labels,omitempty"`
	Annotations          map[string]string `json:"annotations,omitempty"`
	NamespaceLabels      map[string]string `json:"namespaceLabels,omitempty"`
	NamespaceAnnotations map[string]string `json:"namespaceAnnotations,omitempty"`
}

func (p *Properties) appendJSON(b []byte) []byte {
	o := beginObject(b)
	o.text("cluster", p.Cluster)
	o.text("node", p.Node)
	o.text("container", p.Container)
	o.text("controller", p.Controller)
	o.text("controllerKind", p.ControllerKind)
	o.text("namespace", p.Namespace)
	o.text("pod", p.Pod)
	o.list("services", p.Services)
	o.text("providerID", p.ProviderID)
	o.labels("labels", p.Labels)
	o.labels("annotations", p.Annotations)
	o.labels("namespaceLabels", p.NamespaceLabels)
	o.labels("namespaceAnnotations", p.NamespaceAnnotations)
	return o.end()
}

// GPUAllocation is OpenCost's newer place for GPU averages.
type GPUAllocation struct {
	GPURequestAverage Number `json:"gpuRequestAverage"`
	GPUUsageAverage   Number `json:"gpuUsageAverage"`
}

// NotComputed stands for a field that is always null.
type NotComputed struct{}

// PVDetail is a volume behind a row, keyed "cluster=…:name=…".
type PVDetail struct {
	ByteHours  Number `json:"byteHours"`
	Cost       Amount `json:"cost"`
	ProviderID string `json:"providerID"`
	Adjustment Number `json:"adjustment"`
}

// LBDetail is a load balancer behind a row, keyed by its service.
type LBDetail struct {
	Service string `json:"service"`
	Cost    Amount `json:"cost"`
	Private bool   `json:"private"`
	IP      string `json:"ip"`
	Hours   Number `json:"hours"`
}

// RawAllocation holds maxima, which do not add up.
type RawAllocation struct {
	CPUCoreUsageMax Number `json:"cpuCoreUsageMax"`
	RAMByteUsageMax Number `json:"ramByteUsageMax"`
	GPUUsageMax     Number `json:"gpuUsageMax"`
}

func (r *RawAllocation) appendJSON(b []byte) []byte {
	b = append(b, `{"cpuCoreUsageMax":`...)
	b = r.CPUCoreUsageMax.appendJSON(b)
	b = append(b, `,"ramByteUsageMax":`...)
	b = r.RAMByteUsageMax.appendJSON(b)
	b = append(b, `,"gpuUsageMax":`...)
	b = r.GPUUsageMax.appendJSON(b)
	return append(b, '}')
}

// SharedCostPart is one item of what was shared with a row.
type SharedCostPart struct {
	Name      string `json:"name"`
	TotalCost Amount `json:"totalCost"`
}

// SummaryAllocation is one row of /allocation/summary.
type SummaryAllocation struct {
	Name                  string `json:"name"`
	Start                 Time   `json:"start"`
	End                   Time   `json:"end"`
	CPUCoreRequestAverage Number `json:"cpuCoreRequestAverage"`
	CPUCoreUsageAverage   Number `json:"cpuCoreUsageAverage"`
	CPUCost               Amount `json:"cpuCost"`
	CPUCostIdle           Amount `json:"cpuCostIdle"`
	GPURequestAverage     Number `json:"gpuRequestAverage"`
	GPUUsageAverage       Number `json:"gpuUsageAverage"`
	GPUCost               Amount `json:"gpuCost"`
	GPUCostIdle           Amount `json:"gpuCostIdle"`
	NetworkCost           Amount `json:"networkCost"`
	LoadBalancerCost      Amount `json:"loadBalancerCost"`
	PVCost                Amount `json:"pvCost"`
	RAMByteRequestAverage Number `json:"ramByteRequestAverage"`
	RAMByteUsageAverage   Number `json:"ramByteUsageAverage"`
	RAMCost               Amount `json:"ramCost"`
	RAMCostIdle           Amount `json:"ramCostIdle"`
	SharedCost            Amount `json:"sharedCost"`
	ExternalCost          Number `json:"externalCost"`
	Efficiency            Number `json:"efficiency"`
	TotalCost             Amount `json:"totalCost"`
	TotalEfficiency       Number `json:"totalEfficiency"`
}

// allocationJSON is a row as clients read it. breakdown asks for
// sharedCostBreakdown.
func allocationJSON(r *query.AllocationRow, w cost.Window, breakdown bool) Allocation {
	d := derive(r)
	a := Allocation{
		Name: r.Name, Properties: propertiesJSON(&r.Props), Window: windowOf(w),
		Start: Time(r.Start), End: Time(r.End), Minutes: Number(d.minutes),

		CPUCores: d.average(float64(r.CPUAllocated) / micro), CPUCoreRequestAverage: d.cpuRequest, CPUCoreUsageAverage: d.cpuUsage,
		CPUCoreLimitAverage: d.average(float64(r.CPULimit) / micro), CPUCoreHours: Number(float64(r.CPUAllocated) / micro),
		CPUCost: amount(&r.CPU, &r.IdleCPU), CPUCostIdle: amount(&r.IdleCPU), CPUEfficiency: Number(d.cpuEfficiency),

		GPUCount: d.average(float64(r.GPUAllocated) / micro), GPURequestAverage: d.gpuRequest, GPUUsageAverage: d.gpuUsage,
		GPUHours: Number(float64(r.GPUAllocated) / micro),
		GPUCost:  amount(&r.GPU, &r.IdleGPU), GPUCostIdle: amount(&r.IdleGPU), GPUEfficiency: Number(d.gpuEfficiency),

		NetworkTransferBytes: Number(r.NetworkTransferBytes), NetworkReceiveBytes: Number(r.NetworkReceiveBytes),
		NetworkCost:          amount(&r.NetworkCrossZone, &r.NetworkCrossRegion, &r.NetworkInternet),
		NetworkCrossZoneCost: amount(&r.NetworkCrossZone), NetworkCrossRegionCost: amount(&r.NetworkCrossRegion),
		NetworkInternetCost: amount(&r.NetworkInternet),

		LoadBalancerCost: amount(&r.LB),
		PVBytes:          d.average(r.PVByteHours), PVByteHours: Number(r.PVByteHours), PVCost: amount(&r.PV),

		RAMBytes: d.average(r.RAMAllocated), RAMByteRequestAverage: d.ramRequest, RAMByteUsageAverage: d.ramUsage,
		RAMByteLimitAverage: d.average(r.RAMLimit), RAMByteHours: Number(r.RAMAllocated),
		RAMCost: amount(&r.RAM, &r.IdleRAM), RAMCostIdle: amount(&r.IdleRAM), RAMEfficiency: Number(d.ramEfficiency),

		SharedCost: amount(&r.Shared, &r.Overhead), TotalCost: amount(r.Costs()...), TotalEfficiency: Number(d.totalEfficiency),
		RawAllocationOnly: RawAllocation{
			CPUCoreUsageMax: Number(float64(r.CPUUsageMax) / micro), RAMByteUsageMax: Number(r.RAMUsageMax),
		},
	}
	if r.GPUAllocated > 0 {
		a.GPUAllocation = &GPUAllocation{GPURequestAverage: d.gpuRequest, GPUUsageAverage: d.gpuUsage}
	}
	a.attach(r.Attachments)
	if breakdown {
		a.SharedCostBreakdown = breakdownJSON(r.SharedBreakdown)
	}
	return a
}

func (a *Allocation) attach(rows []query.AttachmentRow) {
	for i := range rows {
		t := &rows[i]
		if t.Type == cost.AssetLoadBalancer {
			if a.LBAllocations == nil {
				a.LBAllocations = map[string]LBDetail{}
			}
			a.LBAllocations[t.Cluster+"/"+t.Name] = LBDetail{Service: t.Name, Cost: amount(&t.Cost), Hours: Number(t.Hours)}
			continue
		}
		if a.PVs == nil {
			a.PVs = map[string]PVDetail{}
		}
		a.PVs["cluster="+t.Cluster+":name="+t.Name] = PVDetail{
			ByteHours: Number(t.ByteHours), Cost: amount(&t.Cost), ProviderID: t.ProviderID,
		}
	}
}

func breakdownJSON(parts map[string]cost.Sum) map[string]SharedCostPart {
	out := make(map[string]SharedCostPart, len(parts))
	for name, sum := range parts {
		out[name] = SharedCostPart{Name: name, TotalCost: amount(&sum)}
	}
	return out
}

func summaryJSON(r *query.AllocationRow) SummaryAllocation {
	d := derive(r)
	return SummaryAllocation{
		Name: r.Name, Start: Time(r.Start), End: Time(r.End),
		CPUCoreRequestAverage: d.cpuRequest, CPUCoreUsageAverage: d.cpuUsage,
		CPUCost: amount(&r.CPU, &r.IdleCPU), CPUCostIdle: amount(&r.IdleCPU),
		GPURequestAverage: d.gpuRequest, GPUUsageAverage: d.gpuUsage,
		GPUCost: amount(&r.GPU, &r.IdleGPU), GPUCostIdle: amount(&r.IdleGPU),
		NetworkCost:      amount(&r.NetworkCrossZone, &r.NetworkCrossRegion, &r.NetworkInternet),
		LoadBalancerCost: amount(&r.LB), PVCost: amount(&r.PV),
		RAMByteRequestAverage: d.ramRequest, RAMByteUsageAverage: d.ramUsage,
		RAMCost: amount(&r.RAM, &r.IdleRAM), RAMCostIdle: amount(&r.IdleRAM),
		SharedCost: amount(&r.Shared, &r.Overhead),
		Efficiency: Number(d.totalEfficiency), TotalCost: amount(r.Costs()...), TotalEfficiency: Number(d.totalEfficiency),
	}
}

func propertiesJSON(p *query.Properties) Properties {
	return Properties{
		Cluster: p.Cluster, Node: p.Node, Container: p.Container, Controller: p.Controller, ControllerKind: p.ControllerKind,
		Namespace: p.Namespace, Pod: p.Pod, Services: p.Services, ProviderID: p.ProviderID,
		Labels: p.Labels, Annotations: p.Annotations,
		NamespaceLabels: p.NamespaceLabels, NamespaceAnnotations: p.NamespaceAnnotations,
	}
}

// derived holds what is computed from a row's sums, at the end only.
type derived struct {
	minutes                                                      float64
	cpuRequest, cpuUsage, ramRequest, ramUsage                   Number
	gpuRequest, gpuUsage                                         Number
	cpuEfficiency, ramEfficiency, gpuEfficiency, totalEfficiency float64
}

// derive follows docs/model.md, "Answers": averages are integrals over the
// minutes of start..end; efficiency is usage over request, and the total
// weighs CPU and RAM by the row's own cost, so that sharing does not move it.
func derive(r *query.AllocationRow) derived {
	d := derived{minutes: r.End.Sub(r.Start).Minutes()}
	d.cpuRequest, d.cpuUsage = d.average(float64(r.CPURequest)/micro), d.average(float64(r.CPUUsage)/micro)
	d.ramRequest, d.ramUsage = d.average(r.RAMRequest), d.average(r.RAMUsage)
	d.gpuRequest, d.gpuUsage = d.average(float64(r.GPURequest)/micro), d.average(float64(r.GPUUsage)/micro)
	if r.Kind == cost.KindIdle || strings.HasSuffix(r.Name, cost.IdleName) {
		return d
	}
	cpu, ram := units(&r.CPU), units(&r.RAM)
	d.cpuEfficiency = efficiency(float64(r.CPUUsage), float64(r.CPURequest), cpu)
	d.ramEfficiency = efficiency(r.RAMUsage, r.RAMRequest, ram)
	d.gpuEfficiency = efficiency(float64(r.GPUUsage), float64(r.GPURequest), units(&r.GPU))
	if cpu+ram > 0 {
		d.totalEfficiency = (d.cpuEfficiency*cpu + d.ramEfficiency*ram) / (cpu + ram)
	}
	return d
}

// average is an hour integral over the row's minutes; 0 for a row of no length.
func (d *derived) average(hours float64) Number {
	if d.minutes <= 0 {
		return 0
	}
	return Number(hours * minutesPerHour / d.minutes)
}

func efficiency(usage, request, cost float64) float64 {
	switch {
	case request > 0:
		return usage / request
	case usage > 0 && cost > 0:
		return 1
	}
	return 0
}

// sumAllocations adds rows into one named name, for the toplines.
func sumAllocations(name string, rows []query.AllocationRow) query.AllocationRow {
	t := query.AllocationRow{Name: name}
	for i := range rows {
		r := &rows[i]
		if t.Start.IsZero() || (!r.Start.IsZero() && r.Start.Before(t.Start)) {
			t.Start = r.Start
		}
		if r.End.After(t.End) {
			t.End = r.End
		}
		t.CPURequest += r.CPURequest
		t.CPUUsage += r.CPUUsage
		t.CPUAllocated += r.CPUAllocated
		t.CPULimit += r.CPULimit
		t.CPUUsageMax = max(t.CPUUsageMax, r.CPUUsageMax)
		t.RAMRequest += r.RAMRequest
		t.RAMUsage += r.RAMUsage
		t.RAMAllocated += r.RAMAllocated
		t.RAMLimit += r.RAMLimit
		t.RAMUsageMax = max(t.RAMUsageMax, r.RAMUsageMax)
		t.GPURequest += r.GPURequest
		t.GPUUsage += r.GPUUsage
		t.GPUAllocated += r.GPUAllocated
		t.PVByteHours += r.PVByteHours
		t.NetworkTransferBytes += r.NetworkTransferBytes
		t.NetworkReceiveBytes += r.NetworkReceiveBytes
		t.RunHours += r.RunHours
		for _, p := range [][2]*cost.Sum{
			{&t.CPU, &r.CPU},
			{&t.RAM, &r.RAM},
			{&t.GPU, &r.GPU},
			{&t.PV, &r.PV},
			{&t.LB, &r.LB},
			{&t.NetworkCrossZone, &r.NetworkCrossZone},
			{&t.NetworkCrossRegion, &r.NetworkCrossRegion},
			{&t.NetworkInternet, &r.NetworkInternet},
			{&t.Overhead, &r.Overhead},
			{&t.IdleCPU, &r.IdleCPU},
			{&t.IdleRAM, &r.IdleRAM},
			{&t.IdleGPU, &r.IdleGPU},
			{&t.Shared, &r.Shared},
		} {
			p[0].AddSum(p[1])
		}
	}
	return t
}
