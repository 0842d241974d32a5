package cost

// Kind says what an allocation row stands for.
type Kind string

// The kinds of allocation row. Their costs add up to the assets' cost, per
// cluster and hour, exactly (docs/model.md, "The identity").
const (
	// KindContainer is what one container used or reserved.
	KindContainer Kind = "container"
	// KindIdle is what a node cost and no container used or reserved.
	KindIdle Kind = "idle"
	// KindUnmounted is the part of a volume or load balancer that no pod held.
	KindUnmounted Kind = "unmounted"
	// KindOverhead is what a cluster costs as such: boot disks, control plane,
	// unattributed network.
	KindOverhead Kind = "overhead"
)

// Reserved names, in the spelling of the OpenCost API; OverheadName is ours.
const (
	IdleName        = "__idle__"
	UnallocatedName = "__unallocated__"
	UnmountedName   = "__unmounted__"
	OverheadName    = "__overhead__"
	// PodContainer is the container that carries pod overhead and pod-level
	// requests above the sum of the containers' own.
	PodContainer = "__pod__"
)

// Allocation is one row of the allocation dataset: a container, a node's idle
// part, an unmounted volume or an overhead item, in one UTC hour.
//
// The parquet tags are the column names, types and order of the bucket format
// 1.0 (docs/format/v1.md); internal/costfile owns the encoding. Quantities
// named …CoreHours, GPU…Hours and …Cores are in millionths, costs in nano-units.
type Allocation struct {
	WindowStart int64  `parquet:"window_start,timestamp(microsecond),delta"` // µs since epoch, start of the hour
	Cluster     string `parquet:"cluster,dict"`
	Kind        Kind   `parquet:"kind,dict"`

	Node           string `parquet:"node,dict"`
	AssetID        string `parquet:"asset_id,dict"` // the node's (or volume's, for unmounted rows) asset
	Namespace      string `parquet:"namespace,dict"`
	ControllerKind string `parquet:"controller_kind,dict"` // lower case: deployment, statefulset, …
	Controller     string `parquet:"controller,dict"`
	Pod            string `parquet:"pod,dict"`
	PodUID         string `parquet:"pod_uid,dict"`
	Container      string `parquet:"container,dict"`
	Services       string `parquet:"services,dict"` // sorted, comma-separated

	Labels               Labels `parquet:"labels,dict"`           // the pod's own
	NamespaceLabels      Labels `parquet:"namespace_labels,dict"` // its namespace's
	Annotations          Labels `parquet:"annotations,dict"`
	NamespaceAnnotations Labels `parquet:"namespace_annotations,dict"`

	StartSeconds    int32 `parquet:"start_seconds,dict"`    // first second within the hour, 0..3600
	EndSeconds      int32 `parquet:"end_seconds,dict"`      // end of the last, 0..3600
	RunSeconds      int32 `parquet:"run_seconds,dict"`      // seconds it ran; gaps inside are not counted
	CoverageSeconds int32 `parquet:"coverage_seconds,dict"` // seconds of the hour for which the source had data

	CPURequestCoreHours   int64 `parquet:"cpu_request_core_hours,decimal(6:18),dict"`
	CPUUsageCoreHours     int64 `parquet:"cpu_usage_core_hours,decimal(6:18),delta"`
	CPUAllocatedCoreHours int64 `parquet:"cpu_allocated_core_hours,decimal(6:18),dict"` // ∫ max(request, usage)
	CPULimitCoreHours     int64 `parquet:"cpu_limit_core_hours,decimal(6:18),dict"`
	CPUUsageMaxCores      int64 `parquet:"cpu_usage_max_cores,decimal(6:18),delta"`
	CPUCost               Money `parquet:"cpu_cost,decimal(9:18),dict"`

	RAMRequestByteHours   int64 `parquet:"ram_request_byte_hours,dict"`
	RAMUsageByteHours     int64 `parquet:"ram_usage_byte_hours,delta"`
	RAMAllocatedByteHours int64 `parquet:"ram_allocated_byte_hours,dict"`
	RAMLimitByteHours     int64 `parquet:"ram_limit_byte_hours,dict"`
	RAMUsageMaxBytes      int64 `parquet:"ram_usage_max_bytes,delta"`
	RAMCost               Money `parquet:"ram_cost,decimal(9:18),dict"`

	GPURequestHours   int64 `parquet:"gpu_request_hours,decimal(6:18),dict"`
	GPUUsageHours     int64 `parquet:"gpu_usage_hours,decimal(6:18),dict"`
	GPUAllocatedHours int64 `parquet:"gpu_allocated_hours,decimal(6:18),dict"`
	GPUCost           Money `parquet:"gpu_cost,decimal(9:18),dict"`

	PVByteHours int64 `parquet:"pv_byte_hours,dict"`
	PVCost      Money `parquet:"pv_cost,decimal(9:18),dict"`
	LBCost      Money `parquet:"lb_cost,decimal(9:18),dict"`

	NetworkTransferBytes   int64 `parquet:"network_transfer_bytes,delta"`
	NetworkReceiveBytes    int64 `parquet:"network_receive_bytes,delta"`
	NetworkCrossZoneCost   Money `parquet:"network_cross_zone_cost,decimal(9:18),dict"`
	NetworkCrossRegionCost Money `parquet:"network_cross_region_cost,decimal(9:18),dict"`
	NetworkInternetCost    Money `parquet:"network_internet_cost,decimal(9:18),dict"`

	// OverheadCost is the cost of an overhead row; zero in every other.
	OverheadCost Money `parquet:"overhead_cost,decimal(9:18),dict"`

	// The parts of an idle row's cost that lie between the node's capacity and
	// its allocatable (kubelet and system reservations). Included in CPUCost and
	// RAMCost, not added to them.
	CPUReservedCost Money `parquet:"cpu_reserved_cost,decimal(9:18),dict"`
	RAMReservedCost Money `parquet:"ram_reserved_cost,decimal(9:18),dict"`

	PriceSource string `parquet:"price_source,dict"`
}

// Total is the row's whole cost.
func (a *Allocation) Total() Money {
	return a.CPUCost + a.RAMCost + a.GPUCost + a.PVCost + a.LBCost +
		a.NetworkCrossZoneCost + a.NetworkCrossRegionCost + a.NetworkInternetCost + a.OverheadCost
}

// AssetType says what an asset is, in the spelling of the OpenCost API.
type AssetType string

// The types of asset.
const (
	AssetNode              AssetType = "Node"
	AssetDisk              AssetType = "Disk"
	AssetLoadBalancer      AssetType = "LoadBalancer"
	AssetClusterManagement AssetType = "ClusterManagement"
	AssetNetwork           AssetType = "Network"
)

// Asset is one row of the asset dataset: one thing with a price in one UTC
// hour. Scales and units as in Allocation.
type Asset struct {
	WindowStart int64     `parquet:"window_start,timestamp(microsecond),delta"`
	Cluster     string    `parquet:"cluster,dict"`
	Type        AssetType `parquet:"type,dict"`
	AssetID     string    `parquet:"asset_id,dict"` // unique within the cluster
	Name        string    `parquet:"name,dict"`
	ProviderID  string    `parquet:"provider_id,dict"`
	Provider    string    `parquet:"provider,dict"` // AWS, Azure, GCP, …; "" when unknown
	Region      string    `parquet:"region,dict"`
	Zone        string    `parquet:"zone,dict"`

	InstanceType string `parquet:"instance_type,dict"`
	CapacityType string `parquet:"capacity_type,dict"` // on-demand, spot, fargate or ""
	NodePool     string `parquet:"node_pool,dict"`
	GPUModel     string `parquet:"gpu_model,dict"`

	StorageClass   string `parquet:"storage_class,dict"`
	ClaimNamespace string `parquet:"claim_namespace,dict"`
	ClaimName      string `parquet:"claim_name,dict"`
	VolumeName     string `parquet:"volume_name,dict"`
	Local          bool   `parquet:"local"`    // boot or instance-local disk
	Overhead       bool   `parquet:"overhead"` // its cost is in __overhead__ rows
	Inferred       bool   `parquet:"inferred"` // no record of the asset itself; made from what ran on it
	Labels         Labels `parquet:"labels,dict"`

	StartSeconds    int32 `parquet:"start_seconds,dict"`
	EndSeconds      int32 `parquet:"end_seconds,dict"`
	RunSeconds      int32 `parquet:"run_seconds,dict"`
	CoverageSeconds int32 `parquet:"coverage_seconds,dict"`

	CPUCoreHours            int64 `parquet:"cpu_core_hours,decimal(6:18),dict"` // capacity
	CPUAllocatableCoreHours int64 `parquet:"cpu_allocatable_core_hours,decimal(6:18),dict"`
	RAMByteHours            int64 `parquet:"ram_byte_hours,dict"` // capacity
	RAMAllocatableByteHours int64 `parquet:"ram_allocatable_byte_hours,dict"`
	GPUHours                int64 `parquet:"gpu_hours,decimal(6:18),dict"`
	ByteHours               int64 `parquet:"byte_hours,dict"` // disks: capacity
	TransferBytes           int64 `parquet:"transfer_bytes,dict"`
	ReceiveBytes            int64 `parquet:"receive_bytes,dict"`

	CPUCost Money `parquet:"cpu_cost,decimal(9:18),dict"`
	RAMCost Money `parquet:"ram_cost,decimal(9:18),dict"`
	GPUCost Money `parquet:"gpu_cost,decimal(9:18),dict"`
	// Cost is the cost of whatever is not CPU, RAM or GPU: the disk, the
	// balancer, the control plane.
	Cost Money `parquet:"cost,decimal(9:18),dict"`

	// Scale factors in millionths by which the containers' cost was scaled so
	// that an over-committed node has idle 0; 1,000,000 means not scaled.
	CPUScale int64 `parquet:"cpu_scale,decimal(6:18),dict"`
	RAMScale int64 `parquet:"ram_scale,decimal(6:18),dict"`
	GPUScale int64 `parquet:"gpu_scale,decimal(6:18),dict"`

	PriceSource string `parquet:"price_source,dict"`
}

// Total is the row's whole cost.
func (a *Asset) Total() Money { return a.CPUCost + a.RAMCost + a.GPUCost + a.Cost }

// Attachment is one row of the attachment dataset: what one container paid
// for one volume or load balancer in one UTC hour. Its costs are contained in
// the allocation rows' PVCost and LBCost; they are detail, never added to a
// total. Clients show them as `pvs` and `lbAllocations`.
type Attachment struct {
	WindowStart int64     `parquet:"window_start,timestamp(microsecond),delta"`
	Cluster     string    `parquet:"cluster,dict"`
	Type        AssetType `parquet:"type,dict"` // Disk or LoadBalancer
	AssetID     string    `parquet:"asset_id,dict"`
	Name        string    `parquet:"name,dict"` // volume name, or service of the balancer
	ProviderID  string    `parquet:"provider_id,dict"`
	Node        string    `parquet:"node,dict"`
	Namespace   string    `parquet:"namespace,dict"`
	Controller  string    `parquet:"controller,dict"`
	Pod         string    `parquet:"pod,dict"`
	PodUID      string    `parquet:"pod_uid,dict"`
	Container   string    `parquet:"container,dict"`
	ByteHours   int64     `parquet:"byte_hours,dict"`
	Hours       int64     `parquet:"hours,decimal(6:18),dict"` // share of the hour, in millionths
	Cost        Money     `parquet:"cost,decimal(9:18),dict"`
}
