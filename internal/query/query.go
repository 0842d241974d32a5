package query

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// IdleMode says what becomes of infrastructure idle in an answer.
type IdleMode int

// The idle modes.
const (
	IdleHide           IdleMode = iota // left out
	IdleSeparate                       // rows of its own, __idle__
	IdleShareByCluster                 // spread over the cluster's consumers, per resource and hour
	IdleShareByNode                    // spread over the node's consumers, per resource and hour
)

// OverheadMode says what becomes of overhead (boot disks, control plane).
type OverheadMode int

// The overhead modes. OverheadShare is what Kubecost calls tenancy costs.
const (
	OverheadHide OverheadMode = iota
	OverheadSeparate
	OverheadShare // weighted by cost, within the cluster
)

// Accumulate says how the sets of an answer are merged along time.
type Accumulate string

// The accumulation units. AccumulateNone leaves the sets of Step apart.
const (
	AccumulateNone    Accumulate = ""
	AccumulateAll     Accumulate = "all"
	AccumulateHour    Accumulate = "hour"
	AccumulateDay     Accumulate = "day"
	AccumulateWeek    Accumulate = "week" // beginning Sunday, as OpenCost's
	AccumulateMonth   Accumulate = "month"
	AccumulateQuarter Accumulate = "quarter"
)

// Dimension is something to group by: a property, or one label or annotation.
type Dimension struct {
	// Property is one of: cluster, node, namespace, controller, controllerKind,
	// pod, container, service, provider, label, annotation (these two with Key),
	// department, environment, owner, product, team (aliases of labels); for
	// assets also: account, project, providerID, type, category, name, service,
	// region, zone, instanceType, capacityType, nodePool, storageClass.
	Property string
	Key      string // canonical label or annotation key (cost.SanitizeLabel)
	// Kind narrows Property "controller" to one kind ("deployment", …).
	Kind string
}

// ShareSplit says how shared cost is divided over the rest.
type ShareSplit string

// The ways to split.
const (
	SplitWeighted ShareSplit = "weighted" // in proportion to cost
	SplitEven     ShareSplit = "even"
)

// ShareScope says with whom shared namespaces and labels share.
type ShareScope string

// The scopes.
const (
	ShareWithinCluster ShareScope = "cluster" // each cluster's with its own workloads; the default
	ShareWithinFleet   ShareScope = "fleet"   // all clusters' with all workloads
)

// Stepped tells whether the window is cut into sets.
func (q *AllocationQuery) Stepped() bool {
	return q.Accumulate != AccumulateAll && (q.Accumulate != AccumulateNone || q.StepHours > 0)
}

// Fine tells whether rows are as fine as a controller or a node.
func (q *AllocationQuery) Fine() bool { return fineGroups(q.Aggregate) }

// Shares tells whether cost is shared: idle cost aside, which ingest shares.
func (q *AllocationQuery) Shares() bool {
	return q.Overhead == OverheadShare || len(q.ShareNamespaces)+len(q.ShareLabels) > 0 || q.ShareCostMonthly != 0
}

// ByHour tells whether the question's steps are shorter than a day, or cut days:
// it is then answered from the hours, and shared cost is shared per step, which
// gives a row other shares than per UTC day.
func (q *AllocationQuery) ByHour() bool {
	return q.Accumulate == AccumulateHour || q.Accumulate == AccumulateNone && q.StepHours%24 != 0
}

// LabelMatch is one key and value of shareLabels.
type LabelMatch struct{ Key, Value string }

// AllocationQuery asks for allocations.
type AllocationQuery struct {
	Window     cost.Window
	StepHours  int64 // length of a set in hours; 0 means the whole window
	Aggregate  []Dimension
	All        bool // aggregate=all: one row named by the whole
	Filter     Filter
	Accumulate Accumulate

	Idle       IdleMode
	IdleByNode bool // separate idle rows per node rather than per cluster
	SplitIdle  bool // keep __idle__ apart per cluster (or node) in the answer
	Overhead   OverheadMode

	ShareNamespaces  []string
	ShareLabels      []LabelMatch
	ShareCostMonthly cost.Money // once per fleet; ÷ 730 × elapsed hours
	ShareSplit       ShareSplit
	ShareScope       ShareScope // of namespaces and labels; "" is the cluster

	SortBy    string // totalCost (default), cpuCost, ramCost, name, …
	Ascending bool
	Offset    int
	Limit     int // 0: no limit

	// IncludeAttachments asks for the volumes and balancers behind each row;
	// only container, pod and all finer groupings carry them.
	IncludeAttachments bool

	Without []ClusterDays // left out of the answer; its completeness does not know of it
	Detail  Detail
}

// ClusterDays are days of clusters.
type ClusterDays struct {
	Clusters []string // nil means all
	Days     []cost.Day
}

// Detail is how much of each row is read; each level holds what the ones after
// it hold. Less is answered faster: names, keys, kinds, spans and costs are
// the same at every level.
type Detail int

// The levels of detail.
const (
	DetailAll   Detail = iota // every measure, properties and labels
	DetailUsage               // run hours; CPU, RAM and GPU asked for, used and allocated; byte-hours of volumes
	DetailRates               // the quantities that prices are of: CPU, RAM and GPU allocated; byte-hours of volumes
	DetailCosts               // costs alone
)

// AllocationRow is one row of an answer. Quantities are integrals in
// millionths (CPU, GPU) or plain units (bytes); costs are exact sums.
// Averages and efficiencies are derived by the caller, at the end only.
type AllocationRow struct {
	Name  string
	Key   []string // one part per dimension
	Kind  cost.Kind
	Props Properties

	Start, End time.Time // union of its rows' spans

	CPURequest, CPUUsage, CPUAllocated, CPULimit int64   // micro-core-hours
	CPUUsageMax                                  int64   // micro-cores
	RAMRequest, RAMUsage, RAMAllocated, RAMLimit float64 // byte-hours
	RAMUsageMax                                  int64   // bytes
	GPURequest, GPUUsage, GPUAllocated           int64   // micro-unit-hours
	PVByteHours                                  float64
	NetworkTransferBytes, NetworkReceiveBytes    float64
	RunHours                                     float64

	CPU, RAM, GPU, PV, LB                                 cost.Sum // without shares
	NetworkCrossZone, NetworkCrossRegion, NetworkInternet cost.Sum
	Overhead                                              cost.Sum
	IdleCPU, IdleRAM, IdleGPU                             cost.Sum // shared idle it was given
	Shared                                                cost.Sum // shared cost it was given
	SharedBreakdown                                       map[string]cost.Sum
	CPUReserved, RAMReserved                              cost.Sum // of idle rows

	Attachments []AttachmentRow
}

// Total is everything the row costs, shares included.
func (r *AllocationRow) Total() *cost.Sum {
	const most = math.MaxInt64 / 16
	var t cost.Sum
	var small int64 // of the parts that fit 64 bits with room to add all
	for _, s := range r.Costs() {
		v := s.Big()
		if n := v.Int64(); v.IsInt64() && n < most && n > -most {
			small += n
		} else {
			t.AddSum(s)
		}
	}
	t.Add(cost.Money(small))
	return &t
}

// Costs are the parts of Total, each in it once.
func (r *AllocationRow) Costs() []*cost.Sum {
	return []*cost.Sum{
		&r.CPU, &r.RAM, &r.GPU, &r.PV, &r.LB, &r.NetworkCrossZone, &r.NetworkCrossRegion, &r.NetworkInternet,
		&r.Overhead, &r.IdleCPU, &r.IdleRAM, &r.IdleGPU, &r.Shared,
	}
}

// Properties are what all rows behind an answer row have in common; "" or nil
// where they differ.
type Properties struct {
	Cluster, Node, Namespace              string
	ControllerKind, Controller            string
	Pod, Container, ProviderID            string
	Services                              []string
	Labels, Annotations                   map[string]string
	NamespaceLabels, NamespaceAnnotations map[string]string
}

// AttachmentRow is a volume or balancer behind an allocation row.
type AttachmentRow struct {
	Type          cost.AssetType
	Cluster, Name string
	ProviderID    string
	ByteHours     float64
	Hours         float64
	Cost          cost.Sum
}

// AllocationSet is the rows of one step.
type AllocationSet struct {
	Window cost.Window
	Rows   []AllocationRow
}

// Answer is what every question comes back with besides its sets.
type Answer struct {
	Window       cost.Window // the window answered, on whole hours
	DataVersion  string      // same data, same string; changes with every load
	Completeness Completeness
	Warnings     []string
	Currency     string
	RowCount     int // before offset and limit, of the largest set
}

// Completeness tells how much of what was expected is there.
type Completeness struct {
	HoursExpected  int64
	HoursPresent   int64
	HoursPartial   int64 // of those present, covered less than cost.WholeHour
	SecondsCovered int64 // of the hours present
	Clusters       []ClusterCompleteness
}

// ClusterCompleteness is one cluster's part.
type ClusterCompleteness struct {
	Cluster                     string
	HoursExpected, HoursPresent int64
	HoursPartial                int64
	SecondsCovered              int64
	// SilentSince is set when the cluster's last hour lies more than two hours
	// back and it is not retired.
	SilentSince time.Time
}

// AllocationAnswer answers an AllocationQuery.
type AllocationAnswer struct {
	Answer
	Sets []AllocationSet
}

// AssetQuery asks for assets.
type AssetQuery struct {
	Window     cost.Window
	StepHours  int64
	Aggregate  []Dimension // nil: one row per asset
	All        bool
	Filter     Filter
	Accumulate Accumulate
	SortBy     string
	Ascending  bool
	Offset     int
	Limit      int
	Without    []ClusterDays // as in AllocationQuery
	Detail     Detail        // of assets, DetailUsage and DetailRates leave out what ran on nodes, and properties
}

// AssetRow is one row of an asset answer.
type AssetRow struct {
	Name  string
	Key   []string
	Props AssetProperties

	Start, End time.Time

	CPUCoreHours, CPUAllocatableCoreHours int64 // micro-core-hours
	RAMByteHours, RAMAllocatableByteHours float64
	GPUHours                              int64
	ByteHours                             float64
	TransferBytes, ReceiveBytes           float64
	RunHours                              float64

	CPU, RAM, GPU, Other cost.Sum
	// CPUUsed and RAMUsed are the usage integrals of what ran on a node.
	CPUUsed                      int64
	RAMUsed                      float64
	CPUScale, RAMScale, GPUScale float64  // smallest factor in the window, 1 = not scaled
	DefaultPriced                cost.Sum // the part of the cost that rests on default rates
	PriceSource                  string   // "" where several
}

// Total is everything the row costs.
func (r *AssetRow) Total() *cost.Sum {
	var t cost.Sum
	for _, s := range []*cost.Sum{&r.CPU, &r.RAM, &r.GPU, &r.Other} {
		t.AddSum(s)
	}
	return &t
}

// AssetProperties are what all rows behind an asset row have in common.
type AssetProperties struct {
	Cluster, Type, Name, ProviderID, Provider, Region, Zone string
	InstanceType, CapacityType, NodePool, GPUModel          string
	StorageClass, ClaimNamespace, ClaimName, VolumeName     string
	Local, Inferred                                         bool
	Labels                                                  map[string]string
}

// AssetSet is the rows of one step.
type AssetSet struct {
	Window cost.Window
	Rows   []AssetRow
}

// AssetAnswer answers an AssetQuery.
type AssetAnswer struct {
	Answer
	Sets []AssetSet
}

// CompletionQuery asks for the values a property has in a window.
type CompletionQuery struct {
	Window cost.Window
	Source string // allocation or asset
	Field  string // a Property of Dimension, "label" for label keys, "label:app" for the values of one
	Search string // substring, case-insensitive
	Filter Filter
	Limit  int
}

// Questions is what the API asks; Engine implements it.
type Questions interface {
	Allocations(ctx context.Context, q AllocationQuery) (*AllocationAnswer, error)
	Assets(ctx context.Context, q AssetQuery) (*AssetAnswer, error)
	Complete(ctx context.Context, q CompletionQuery) ([]string, error)
	Coverage(ctx context.Context, sets []cost.Window, f Filter) (*CoverageAnswer, error)
	Sources(ctx context.Context, w cost.Window, f Filter) (*SourcesAnswer, error)
	ObjectsSQL(ctx context.Context, q AllocationQuery, rows RowChoice, location func(key string) string) (*ObjectsSQL, error)
	AssetObjectsSQL(ctx context.Context, q AssetQuery, rows RowChoice, location func(key string) string) (*ObjectsSQL, error)
	PriceSources(ctx context.Context, q AllocationQuery, rows RowChoice) ([]PriceCost, error)
	// DataVersion identifies the data an answer given now would rest on.
	DataVersion(ctx context.Context) (string, error)
}

// ErrorCode is what callers map to codes of their own (HTTP status, exit code).
type ErrorCode string

// The codes.
const (
	CodeInvalid     ErrorCode = "invalid"     // the question itself is wrong
	CodeUnavailable ErrorCode = "unavailable" // right question, data not at hand (detail beyond retention, still loading)
	CodeInternal    ErrorCode = "internal"
)

// Error is a failure a caller can show: which parameter, why, and what to do.
type Error struct {
	Code   ErrorCode
	Param  string // the parameter at fault, "" if none
	Reason string
	Hint   string
	Err    error

	tooMany bool // see IsTooManyRows
	noHours bool // see isWithoutHours
}

// isWithoutHours tells whether an answer was refused because days are kept
// without their hours.
func isWithoutHours(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.noHours
}

// IsTooManyRows tells whether an answer was refused for its number of rows:
// fewer sets or groups may do.
func IsTooManyRows(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.tooMany
}

func (e *Error) Error() string {
	s := e.Reason
	if e.Param != "" {
		s = e.Param + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }
