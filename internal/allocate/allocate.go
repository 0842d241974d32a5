package allocate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Prices says what assets cost per hour while they exist. Answers are never
// negative. Implementations must answer the same for the same question during
// one Run.
type Prices interface {
	// Node is the price of a node for its whole reported capacity.
	Node(cost.NodeUsage) cost.NodePrice
	// InferredNode is the price, at plain rates, of a capacity that is not a
	// node's but what containers allocated on a node nothing else is known of.
	InferredNode(cost.NodeUsage) cost.NodePrice
	// BootDisk is the price of the node's boot and instance-local disk.
	BootDisk(cost.NodeUsage) cost.Price
	// Volume is the price of a volume for its capacity.
	Volume(cost.VolumeUsage) cost.Price
	LoadBalancer(cost.LoadBalancerUsage) cost.Price
	Management(cost.ManagementUsage) cost.Price
}

// Policy holds what an operator may choose about allocation. The zero value is
// the documented default.
type Policy struct {
	// MinCoverageSeconds is the least coverage for which an hour gives rows at
	// all; below it the hour stays a gap. Zero means 1: any data counts.
	MinCoverageSeconds int32
}

// Result is the rows of one hour, each slice in the order of the bucket format
// (workload first, hour last).
type Result struct {
	Allocations []cost.Allocation
	Assets      []cost.Asset
	Attachments []cost.Attachment
}

// Run allocates the cost of every asset of u. Integrals in u are micro-core-,
// byte- and micro-unit-seconds; the rows hold hours in millionths and
// byte-hours, rounded half up. An hour without coverage gives no rows.
//
// It fails on input that no cluster can produce (a negative quantity, two
// assets with one id, a share of a container that is not there), on an amount
// above the range of a row, and if the identity does not hold. The error names
// cluster, hour and thing. u is not changed.
func Run(u cost.HourUsage, p Prices, policy Policy) (Result, error) {
	if u.CoverageSeconds < max(1, policy.MinCoverageSeconds) {
		return Result{}, nil
	}
	if err := validate(&u); err != nil {
		return Result{}, fmt.Errorf("allocate cluster %s hour %s: %w", u.Cluster, u.Hour, err)
	}
	h := newHour(&u, p)
	for _, step := range []func() error{h.nodes, h.volumes, h.loadBalancers, h.management, h.network} {
		if err := step(); err != nil {
			return Result{}, fmt.Errorf("allocate cluster %s hour %s: %w", u.Cluster, u.Hour, err)
		}
	}
	res := h.result()
	if err := CheckIdentity(res); err != nil {
		return Result{}, fmt.Errorf("allocate cluster %s hour %s: %w", u.Cluster, u.Hour, err)
	}
	return res, nil
}

// hour is the work on one cluster-hour.
type hour struct {
	u      *cost.HourUsage
	prices Prices
	micros int64

	order []int             // containers in canonical order
	rank  []int             // its inverse
	rows  []cost.Allocation // one per container, indexed as u.Containers
	extra []cost.Allocation // idle, unmounted, overhead

	assets      []cost.Asset
	attachments []cost.Attachment
}

func newHour(u *cost.HourUsage, p Prices) *hour {
	h := &hour{
		u: u, prices: p, micros: u.Hour.Micros(),
		order: make([]int, len(u.Containers)),
		rank:  make([]int, len(u.Containers)),
		rows:  make([]cost.Allocation, len(u.Containers)),
	}
	for i := range u.Containers {
		h.order[i] = i
		h.rows[i] = containerRow(u, &u.Containers[i])
	}
	slices.SortFunc(h.order, func(a, b int) int {
		return compareContainers(&u.Containers[a], &u.Containers[b])
	})
	for r, i := range h.order {
		h.rank[i] = r
	}
	return h
}

// compareContainers orders containers by identity and, for containers that a
// source could not tell apart, by what they allocated.
func compareContainers(a, b *cost.ContainerUsage) int {
	return cmp.Or(
		strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Pod, b.Pod),
		strings.Compare(a.Container, b.Container), strings.Compare(a.PodUID, b.PodUID),
		strings.Compare(a.NodeAssetID, b.NodeAssetID), strings.Compare(a.Node, b.Node),
		strings.Compare(a.ControllerKind, b.ControllerKind), strings.Compare(a.Controller, b.Controller),
		cmp.Compare(a.CPUAllocated, b.CPUAllocated), cmp.Compare(a.RAMAllocated, b.RAMAllocated),
		cmp.Compare(a.GPUAllocated, b.GPUAllocated), cmp.Compare(a.Span.Start, b.Span.Start),
		cmp.Compare(a.Span.End, b.Span.End))
}

func (h *hour) result() Result {
	return Result{
		Allocations: sorted(append(h.rows, h.extra...), compareAllocations),
		Assets: sorted(h.assets, func(a, b *cost.Asset) int {
			return cmp.Or(strings.Compare(string(a.Type), string(b.Type)),
				strings.Compare(a.Name, b.Name), strings.Compare(a.AssetID, b.AssetID))
		}),
		Attachments: sorted(h.attachments, func(a, b *cost.Attachment) int {
			return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Controller, b.Controller),
				strings.Compare(a.Pod, b.Pod), strings.Compare(a.Container, b.Container),
				strings.Compare(a.PodUID, b.PodUID), strings.Compare(a.AssetID, b.AssetID))
		}),
	}
}

// sorted returns the rows in order. It sorts pointers: a row is hundreds of
// bytes, and a sort that moves them takes most of an hour's time.
func sorted[T any](rows []T, compare func(a, b *T) int) []T {
	order := make([]*T, len(rows))
	for i := range rows {
		order[i] = &rows[i]
	}
	slices.SortStableFunc(order, compare)
	out := make([]T, len(rows))
	for i, r := range order {
		out[i] = *r
	}
	return out
}

// compareAllocations is the sort order of the bucket format within one hour,
// that of costfile.Compare; a test holds the two together.
func compareAllocations(a, b *cost.Allocation) int {
	return cmp.Or(
		strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Controller, b.Controller),
		strings.Compare(a.Pod, b.Pod), strings.Compare(a.Container, b.Container),
		strings.Compare(a.PodUID, b.PodUID), strings.Compare(a.Node, b.Node),
		strings.Compare(a.AssetID, b.AssetID), strings.Compare(string(a.Kind), string(b.Kind)),
		strings.Compare(a.ControllerKind, b.ControllerKind))
}
