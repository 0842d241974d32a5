package allocate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// unscaled is the factor 1 in millionths.
const unscaled = 1_000_000

// nodeAssetID is the identity of the node a container ran on. Where the source
// knows none, the node's name must do; the same name may have been another
// machine an hour ago, but within an hour nothing better is known.
func nodeAssetID(c *cost.ContainerUsage) string {
	switch {
	case c.NodeAssetID != "":
		return c.NodeAssetID
	case c.Node != "":
		return c.Node
	}
	return cost.UnallocatedName
}

// nodes writes asset, container cost and idle of every node, then of the nodes
// that only their containers speak of, and the nodes' boot disks.
func (h *hour) nodes() error {
	on := make(map[string][]int, len(h.u.Nodes))
	for _, i := range h.order {
		id := nodeAssetID(&h.u.Containers[i])
		on[id] = append(on[id], i)
	}
	for i := range h.u.Nodes {
		n := &h.u.Nodes[i]
		if err := h.node(n, h.prices.Node(*n), on[n.AssetID], false); err != nil {
			return fmt.Errorf("node %s (%s): %w", n.Name, n.AssetID, err)
		}
		if err := h.bootDisk(n); err != nil {
			return fmt.Errorf("boot disk of node %s (%s): %w", n.Name, n.AssetID, err)
		}
		delete(on, n.AssetID)
	}
	for _, id := range slices.Sorted(maps.Keys(on)) {
		n := h.inferNode(id, on[id])
		if err := h.node(&n, h.prices.InferredNode(n), on[id], true); err != nil {
			return fmt.Errorf("inferred node %s: %w", id, err)
		}
	}
	return nil
}

// inferNode makes a node out of the containers that ran on it: it was as large
// as what they allocated, so it has no idle.
func (h *hour) inferNode(id string, containers []int) cost.NodeUsage {
	n := cost.NodeUsage{AssetID: id, Span: cost.Span{Start: 3600}}
	for _, i := range containers {
		c := &h.u.Containers[i]
		n.Name = max(n.Name, c.Node)
		n.Span.Start = min(n.Span.Start, c.Span.Start)
		n.Span.End = max(n.Span.End, c.Span.End)
		n.CPUCapacity = addSaturating(n.CPUCapacity, c.CPUAllocated)
		n.RAMCapacity = addSaturating(n.RAMCapacity, c.RAMAllocated)
		n.GPUCapacity = addSaturating(n.GPUCapacity, c.GPUAllocated)
	}
	if n.Name == "" {
		n.Name = id
	}
	n.Span.Seconds = n.Span.End - n.Span.Start
	if n.Span.Seconds <= 0 {
		// A price per hour needs a time to apply to; the whole hour leaves the
		// integrals, and so the cost, what they are.
		n.Span = cost.Span{Start: 0, End: 3600, Seconds: 3600}
	}
	n.CPUAllocatable, n.RAMAllocatable = n.CPUCapacity, n.RAMCapacity
	return n
}

// node allocates one node's cost over the containers that ran on it.
func (h *hour) node(n *cost.NodeUsage, price cost.NodePrice, containers []int, inferred bool) error {
	a := h.asset(cost.AssetNode, n.AssetID, n.Name, n.Span)
	a.ProviderID, a.Provider, a.Region, a.Zone = n.ProviderID, n.Provider, n.Region, n.Zone
	a.InstanceType, a.CapacityType, a.NodePool, a.GPUModel = n.InstanceType, n.CapacityType, n.NodePool, n.GPUModel
	a.Labels, a.Inferred, a.PriceSource = n.Labels, inferred, price.Source
	a.CPUCoreHours, a.CPUAllocatableCoreHours = hours(n.CPUCapacity), hours(n.CPUAllocatable)
	a.RAMByteHours, a.RAMAllocatableByteHours = hours(n.RAMCapacity), hours(n.RAMAllocatable)
	a.GPUHours = hours(n.GPUCapacity)

	idle := h.extraRow(cost.KindIdle, cost.IdleName, n.Span)
	idle.Node, idle.AssetID, idle.PriceSource = n.Name, n.AssetID, price.Source

	for _, i := range containers {
		h.rows[i].PriceSource = price.Source
	}
	cpu, err := h.resource(price.CPU, n.Span, n.CPUCapacity, containers,
		func(c *cost.ContainerUsage) int64 { return c.CPUAllocated },
		func(r *cost.Allocation, m cost.Money) { r.CPUCost = m })
	if err != nil {
		return fmt.Errorf("CPU: %w", err)
	}
	ram, err := h.resource(price.RAM, n.Span, n.RAMCapacity, containers,
		func(c *cost.ContainerUsage) int64 { return c.RAMAllocated },
		func(r *cost.Allocation, m cost.Money) { r.RAMCost = m })
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	gpu, err := h.resource(price.GPU, n.Span, n.GPUCapacity, containers,
		func(c *cost.ContainerUsage) int64 { return c.GPUAllocated },
		func(r *cost.Allocation, m cost.Money) { r.GPUCost = m })
	if err != nil {
		return fmt.Errorf("GPU: %w", err)
	}

	a.CPUCost, a.RAMCost, a.GPUCost = cpu.cost, ram.cost, gpu.cost
	a.CPUScale, a.RAMScale, a.GPUScale = cpu.scale, ram.scale, gpu.scale
	h.assets = append(h.assets, a)

	idle.CPUAllocatedCoreHours, idle.CPUCost = hours(cpu.idle), cpu.idleCost
	idle.RAMAllocatedByteHours, idle.RAMCost = hours(ram.idle), ram.idleCost
	idle.GPUAllocatedHours, idle.GPUCost = hours(gpu.idle), gpu.idleCost
	if idle.CPUReservedCost, err = cpu.reserved(n.CPUCapacity, n.CPUAllocatable); err != nil {
		return fmt.Errorf("reserved CPU: %w", err)
	}
	if idle.RAMReservedCost, err = ram.reserved(n.RAMCapacity, n.RAMAllocatable); err != nil {
		return fmt.Errorf("reserved memory: %w", err)
	}
	if !inferred || idle.Total() != 0 {
		h.extra = append(h.extra, idle)
	}
	return nil
}

// division is how the cost of one resource of one node was divided.
type division struct {
	cost, idleCost cost.Money
	idle           int64 // capacity that nobody allocated
	scale          int64 // millionths
}

// resource divides a resource's cost for the span over the containers'
// allocated integrals and idle. If they allocated more than the capacity, they
// pay the whole cost pro rata and idle is zero.
func (h *hour) resource(hourly cost.Money, s cost.Span, capacity int64, containers []int,
	allocated func(*cost.ContainerUsage) int64, set func(*cost.Allocation, cost.Money),
) (division, error) {
	d := division{scale: unscaled}
	var err error
	if d.cost, err = forSpan(hourly, s); err != nil {
		return d, err
	}
	weights := make([]int64, len(containers), len(containers)+1)
	var sum int64
	for k, i := range containers {
		weights[k] = allocated(&h.u.Containers[i])
		sum = addSaturating(sum, weights[k])
	}
	if sum > capacity {
		d.scale = ratio(capacity, sum)
	} else {
		d.idle = capacity - sum
	}
	parts, ok := cost.Split(d.cost, append(weights, d.idle))
	if !ok {
		// A price without a capacity and without a user: nobody used it.
		d.idleCost = d.cost
		return d, nil
	}
	for k, i := range containers {
		set(&h.rows[i], parts[k])
	}
	d.idleCost = parts[len(containers)]
	return d, nil
}

// ratio is num ÷ den in millionths, rounded half up, for 0 <= num < den.
func ratio(num, den int64) int64 {
	r, err := cost.MulDiv(unscaled, num, den)
	if err != nil {
		return 0 // unreachable: the quotient is at most 1
	}
	return int64(r)
}

// reserved is the part of the idle cost that lies between capacity and
// allocatable, at most all of it. An allocatable of zero is unknown, not none.
func (d *division) reserved(capacity, allocatable int64) (cost.Money, error) {
	if allocatable <= 0 || allocatable >= capacity {
		return 0, nil
	}
	m, err := cost.MulDiv(d.cost, capacity-allocatable, capacity)
	return min(m, d.idleCost), err
}
