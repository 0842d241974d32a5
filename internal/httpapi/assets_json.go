package httpapi

import (
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// Asset is one entry of /assets, in the fields of OpenCost's assets: those of
// all types, then those of nodes or of disks.
type Asset struct {
	Type       string            `json:"type" doc:"Node, Disk, LoadBalancer, Network, ClusterManagement; Shared where a row holds several types"`
	Properties AssetProperties   `json:"properties"`
	Labels     map[string]string `json:"labels"`
	Window     Window            `json:"window"`
	Start      Time              `json:"start"`
	End        Time              `json:"end"`
	Minutes    Number            `json:"minutes"`
	Adjustment Number            `json:"adjustment"`
	*NodeAsset
	*DiskAsset
	TotalCost Amount `json:"totalCost"`
	// Ours: where the price comes from, and how much of the cost rests on
	// default rates.
	PriceSource string `json:"priceSource,omitempty"`
	DefaultCost Amount `json:"defaultCost" doc:"part of totalCost that rests on default rates"`
	Inferred    bool   `json:"inferred,omitempty" doc:"no record of the asset itself; made from what ran on it"`
}

// AssetProperties say what and where an asset is.
type AssetProperties struct {
	Category   string `json:"category,omitempty"`
	Provider   string `json:"provider,omitempty"`
	Account    string `json:"account,omitempty"`
	Project    string `json:"project,omitempty"`
	Service    string `json:"service,omitempty"`
	Cluster    string `json:"cluster,omitempty"`
	Name       string `json:"name,omitempty"`
	ProviderID string `json:"providerID,omitempty"`
	Region     string `json:"region,omitempty"`
	Zone       string `json:"zone,omitempty"`
}

// NodeAsset holds the fields of nodes.
type NodeAsset struct {
	NodeType     string       `json:"nodeType" required:"false"`
	Pool         string       `json:"pool" required:"false"`
	CPUCores     Number       `json:"cpuCores" required:"false"`
	RAMBytes     Number       `json:"ramBytes" required:"false"`
	CPUCoreHours Number       `json:"cpuCoreHours" required:"false"`
	RAMByteHours Number       `json:"ramByteHours" required:"false"`
	GPUHours     Number       `json:"GPUHours" required:"false"`
	GPUCount     Number       `json:"gpuCount" required:"false"`
	CPUBreakdown Breakdown    `json:"cpuBreakdown" required:"false"`
	RAMBreakdown Breakdown    `json:"ramBreakdown" required:"false"`
	Preemptible  Number       `json:"preemptible" required:"false" doc:"1 for spot capacity"`
	Discount     Number       `json:"discount" required:"false"`
	CPUCost      Amount       `json:"cpuCost" required:"false"`
	GPUCost      Amount       `json:"gpuCost" required:"false"`
	RAMCost      Amount       `json:"ramCost" required:"false"`
	Overhead     NodeOverhead `json:"overhead" required:"false"`
	CPUScale     Number       `json:"cpuScale" required:"false" doc:"smallest factor by which containers' cost was scaled to the node's; 1: not scaled"`
	RAMScale     Number       `json:"ramScale" required:"false"`
	GPUScale     Number       `json:"gpuScale" required:"false"`
}

// Breakdown says which fractions of a capacity were used for what.
type Breakdown struct {
	Idle   Number `json:"idle"`
	Other  Number `json:"other"`
	System Number `json:"system"`
	User   Number `json:"user"`
}

// NodeOverhead says which fractions of a node are reserved (capacity less
// allocatable).
type NodeOverhead struct {
	CPUOverheadFraction  Number `json:"cpuOverheadFraction"`
	RAMOverheadFraction  Number `json:"ramOverheadFraction"`
	OverheadCostFraction Number `json:"overheadCostFraction"`
}

// DiskAsset holds the fields of disks.
type DiskAsset struct {
	ByteHours      Number    `json:"byteHours" required:"false"`
	Bytes          Number    `json:"bytes" required:"false"`
	ByteHoursUsed  *Number   `json:"byteHoursUsed" required:"false" doc:"null: not measured"`
	ByteUsageMax   *Number   `json:"byteUsageMax" required:"false" doc:"null: not measured"`
	Breakdown      Breakdown `json:"breakdown" required:"false"`
	StorageClass   string    `json:"storageClass" required:"false"`
	VolumeName     string    `json:"volumeName" required:"false"`
	ClaimName      string    `json:"claimName" required:"false"`
	ClaimNamespace string    `json:"claimNamespace" required:"false"`
	Local          Number    `json:"local" required:"false" doc:"1 for boot and instance-local disks"`
}

// undefined stands in asset keys where a part is empty.
const undefined = "__undefined__"

// kubernetesService is the service OpenCost gives to a cluster's own assets.
const kubernetesService = "Kubernetes"

func assetCategory(t cost.AssetType) string {
	switch t {
	case cost.AssetNode:
		return "Compute"
	case cost.AssetDisk:
		return "Storage"
	case cost.AssetLoadBalancer, cost.AssetNetwork:
		return "Network"
	case cost.AssetClusterManagement:
		return "Management"
	}
	return ""
}

// assetKey is the name of an unaggregated asset in OpenCost's maps:
// provider/account/project/category/cluster/type/service/providerID/name.
func assetKey(p *query.AssetProperties) string {
	parts := []string{
		p.Provider, "", "", assetCategory(cost.AssetType(p.Type)), p.Cluster, p.Type, kubernetesService, p.ProviderID, p.Name,
	}
	for i, s := range parts {
		if s == "" {
			parts[i] = undefined
		}
	}
	return strings.Join(parts, "/")
}

func assetJSON(r *query.AssetRow, w cost.Window) Asset {
	p := &r.Props
	minutes := r.End.Sub(r.Start).Minutes()
	a := Asset{
		Type: p.Type,
		Properties: AssetProperties{
			Category: assetCategory(cost.AssetType(p.Type)), Provider: p.Provider, Service: kubernetesService, Cluster: p.Cluster,
			Name: p.Name, ProviderID: p.ProviderID, Region: p.Region, Zone: p.Zone,
		},
		Labels: p.Labels, Window: windowOf(w), Start: Time(r.Start), End: Time(r.End), Minutes: Number(minutes),
		TotalCost: amount(r.Total()), PriceSource: r.PriceSource, DefaultCost: amount(&r.DefaultPriced), Inferred: p.Inferred,
	}
	if a.Labels == nil {
		a.Labels = map[string]string{}
	}
	switch cost.AssetType(p.Type) {
	case cost.AssetNode:
		a.NodeAsset = nodeJSON(r, minutes)
	case cost.AssetDisk:
		a.DiskAsset = &DiskAsset{
			ByteHours: Number(r.ByteHours), Bytes: perMinute(r.ByteHours, minutes),
			StorageClass: p.StorageClass, VolumeName: p.VolumeName, ClaimName: p.ClaimName, ClaimNamespace: p.ClaimNamespace,
			Local: truth(p.Local),
		}
	case "":
		a.Type = "Shared"
	}
	return a
}

func nodeJSON(r *query.AssetRow, minutes float64) *NodeAsset {
	cores, ram := float64(r.CPUCoreHours)/micro, r.RAMByteHours
	n := &NodeAsset{
		NodeType: r.Props.InstanceType, Pool: r.Props.NodePool,
		CPUCores: perMinute(cores, minutes), RAMBytes: perMinute(ram, minutes),
		CPUCoreHours: Number(cores), RAMByteHours: Number(ram),
		GPUHours: Number(float64(r.GPUHours) / micro), GPUCount: perMinute(float64(r.GPUHours)/micro, minutes),
		CPUBreakdown: breakdown(float64(r.CPUUsed)/micro, cores), RAMBreakdown: breakdown(r.RAMUsed, ram),
		Preemptible: truth(r.Props.CapacityType == "spot"),
		CPUCost:     amount(&r.CPU), GPUCost: amount(&r.GPU), RAMCost: amount(&r.RAM),
		CPUScale: Number(r.CPUScale), RAMScale: Number(r.RAMScale), GPUScale: Number(r.GPUScale),
	}
	cpuPart := reserved(float64(r.CPUAllocatableCoreHours)/micro, cores)
	ramPart := reserved(r.RAMAllocatableByteHours, ram)
	n.Overhead = NodeOverhead{CPUOverheadFraction: Number(cpuPart), RAMOverheadFraction: Number(ramPart)}
	if total := r.CPU.Float() + r.RAM.Float(); total > 0 {
		n.Overhead.OverheadCostFraction = Number((cpuPart*r.CPU.Float() + ramPart*r.RAM.Float()) / total)
	}
	return n
}

// perMinute is an hour integral averaged over minutes.
func perMinute(hours, minutes float64) Number {
	if minutes <= 0 {
		return 0
	}
	return Number(hours * minutesPerHour / minutes)
}

func breakdown(used, capacity float64) Breakdown {
	if capacity <= 0 {
		return Breakdown{}
	}
	user := min(1, used/capacity)
	return Breakdown{User: Number(user), Idle: Number(1 - user)}
}

// reserved is the fraction of a capacity that is not allocatable; 0 where
// allocatable is unknown.
func reserved(allocatable, capacity float64) float64 {
	if capacity <= 0 || allocatable <= 0 {
		return 0
	}
	return max(0, 1-allocatable/capacity)
}

func truth(b bool) Number {
	if b {
		return 1
	}
	return 0
}
