package cost

// HourUsage is what one cluster ran, had and used in one UTC hour, integrated
// over the step grid by a source in internal/collect. It is the whole input of
// an hour's allocation besides prices.
//
// Integrals are integers so that the order of summation never matters:
// CPU in micro-core-seconds, memory and storage in byte-seconds, GPU in
// micro-unit-seconds, shares of time in microseconds.
type HourUsage struct {
	Hour    Hour
	Cluster string
	// CoverageSeconds is how much of the hour the source had data for at all,
	// 0 to 3600. Less than 3600 is a gap, shown as such, never stretched.
	CoverageSeconds int32

	Nodes         []NodeUsage
	Containers    []ContainerUsage
	Volumes       []VolumeUsage
	LoadBalancers []LoadBalancerUsage
	Management    []ManagementUsage
}

// Span is where in an hour something existed: offsets in seconds from the
// hour's start, and the seconds within them that were observed.
type Span struct {
	Start, End, Seconds int32
}

// PriceSourceNone marks what is recorded but costs nothing, because its class
// is unknown.
const PriceSourceNone = "none"

// NodeUsage is one node in one hour.
type NodeUsage struct {
	AssetID      string // identity; the provider ID, or made of name and UID where there is none
	Name         string
	ProviderID   string
	Provider     string // AWS, Azure, GCP, or "" when unknown
	Region, Zone string
	InstanceType string
	CapacityType string // on-demand, spot, fargate or ""
	NodePool     string
	GPUModel     string
	Labels       Labels
	Span         Span
	PodBilled    bool // the capacity is what the provider bills for one pod (Fargate, Autopilot)

	CPUCapacity, CPUAllocatable int64 // micro-core-seconds
	RAMCapacity, RAMAllocatable int64 // byte-seconds
	GPUCapacity                 int64 // micro-unit-seconds, in schedulable units
	BootDisk                    int64 // byte-seconds of the boot and instance-local disk; 0 when unknown

	// Price is what price metrics in the source say (OpenCost's
	// node_*_hourly_cost), nil when there are none.
	Price *SourceNodePrice
}

// SourceNodePrice holds hourly prices found in the source itself, in units of
// currency: per core-hour, per GiB-hour and per GPU-hour.
type SourceNodePrice struct {
	CPUCoreHour, RAMGiBHour, GPUHour float64
	Spot                             bool
}

// ContainerUsage is one container of one pod in one hour. Several cgroups of
// one container (restarts) are already added up; two pods of one name are two
// entries, told apart by PodUID.
type ContainerUsage struct {
	NodeAssetID, Node          string
	Namespace                  string
	ControllerKind, Controller string
	Pod, PodUID, Container     string
	Services                   []string
	Labels, NamespaceLabels    Labels
	Annotations                Labels
	NamespaceAnnotations       Labels
	Span                       Span

	CPURequest, CPUUsage, CPUAllocated, CPULimit int64 // micro-core-seconds; Allocated = ∫ max(request, usage) per step
	CPUUsageMax                                  int64 // micro-cores
	RAMRequest, RAMUsage, RAMAllocated, RAMLimit int64 // byte-seconds
	RAMUsageMax                                  int64 // bytes
	GPURequest, GPUUsage, GPUAllocated           int64 // micro-unit-seconds

	NetworkTransferBytes, NetworkReceiveBytes int64 // its even share of the pod's; 0 for host-network pods
}

// Share is a container's part in something shared, as a weight: microseconds
// of the hour for which the container held it, divided by the number of
// holders at each step.
type Share struct {
	Container int // index into HourUsage.Containers
	Weight    int64
}

// NamespaceShare is a part that no pod held, by the namespace that answers for
// it ("" for the cluster).
type NamespaceShare struct {
	Namespace string
	Weight    int64
}

// VolumeKind tells which prices can apply to a volume.
type VolumeKind string

// The kinds of volume. Only block volumes have a default price; the others
// cost 0 unless the operator gives a rate, because their claimed capacity is
// not what is paid for.
const (
	VolumeBlock    VolumeKind = "block"
	VolumeShared   VolumeKind = "shared" // NFS, EFS, Azure Files, Filestore
	VolumeHostPath VolumeKind = "hostpath"
	VolumeLocal    VolumeKind = "local"
)

// VolumeUsage is one persistent volume in one hour. Two PVs with one volume
// handle are one entry.
type VolumeUsage struct {
	AssetID                   string // the volume handle, or the PV's name
	Name, ProviderID          string
	Provider, Region, Zone    string
	StorageClass              string
	DiskType                  string // provider's volume type where known (gp3, pd-ssd, …)
	Kind                      VolumeKind
	ClaimNamespace, ClaimName string // last claim, also after release; "" if never claimed
	Labels                    Labels
	Span                      Span
	Capacity                  int64 // byte-seconds

	Shares    []Share
	Unmounted int64 // weight of the time when no pod held it

	// PriceGiBHour is what the source's own price metric says, nil without one.
	PriceGiBHour *float64
}

// LoadBalancerUsage is one load balancer (an address, not a Service) in one
// hour.
type LoadBalancerUsage struct {
	AssetID          string // its address or hostname
	Name             string // one of its services, "namespace/name"
	ProviderID       string
	Provider, Region string
	OnPremises       bool // MetalLB and the like: costs 0
	Span             Span
	Shares           []Share
	Unmounted        []NamespaceShare

	PriceHour *float64 // source's own price metric, nil without one
}

// ManagementUsage is the cluster itself in one hour: its control plane.
type ManagementUsage struct {
	AssetID          string
	Name             string
	Provider, Region string
	Service          string // EKS, AKS, GKE or ""
	Span             Span
	PriceHour        *float64
}

// NodePrice is what a node costs per hour while it exists, for its whole
// reported capacity, already split over its resources and discounted.
type NodePrice struct {
	CPU, RAM, GPU Money // per hour
	Source        string
}

// Price is what something without parts costs per hour while it exists.
type Price struct {
	Hourly Money
	Source string
}
