package query

import (
	"slices"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// allocMeasure is one measure of an allocation row: how it is summed and where
// it goes.
type allocMeasure struct {
	column string
	fold   fold
	add    func(r *AllocationRow, v any)
}

// fold is how the rows of a group become one value.
type fold int

const (
	foldSum   fold = iota // exact, integer
	foldFloat             // exact, rounded once at the end
	foldMax
	foldMin
)

func (m allocMeasure) expr(wide bool) string { return foldExpr(m.fold, m.column, wide) }

func foldExpr(f fold, column string, wide bool) string {
	switch f {
	case foldMax:
		return "max(" + column + ")"
	case foldMin:
		return "min(" + column + ")"
	case foldFloat:
		return sumFloat(column)
	}
	return sumInt(column, wide)
}

// money is a measure that is a cost.
func money(column string, to func(r *AllocationRow) *cost.Sum) allocMeasure {
	return allocMeasure{column, foldSum, func(r *AllocationRow, v any) { addMoney(to(r), v) }}
}

func micro(column string, to func(r *AllocationRow) *int64) allocMeasure {
	return allocMeasure{column, foldSum, func(r *AllocationRow, v any) { *to(r) += integer(v) }}
}

func amount(column string, to func(r *AllocationRow) *float64) allocMeasure {
	return allocMeasure{column, foldFloat, func(r *AllocationRow, v any) { *to(r) += float(v) }}
}

func peak(column string, to func(r *AllocationRow) *int64) allocMeasure {
	return allocMeasure{column, foldMax, func(r *AllocationRow, v any) { *to(r) = max(*to(r), integer(v)) }}
}

// costMeasures are a row's own costs.
func costMeasures() []allocMeasure {
	return []allocMeasure{
		money("cpu_cost", func(r *AllocationRow) *cost.Sum { return &r.CPU }),
		money("ram_cost", func(r *AllocationRow) *cost.Sum { return &r.RAM }),
		money("gpu_cost", func(r *AllocationRow) *cost.Sum { return &r.GPU }),
		money("pv_cost", func(r *AllocationRow) *cost.Sum { return &r.PV }),
		money("lb_cost", func(r *AllocationRow) *cost.Sum { return &r.LB }),
		money("network_cross_zone_cost", func(r *AllocationRow) *cost.Sum { return &r.NetworkCrossZone }),
		money("network_cross_region_cost", func(r *AllocationRow) *cost.Sum { return &r.NetworkCrossRegion }),
		money("network_internet_cost", func(r *AllocationRow) *cost.Sum { return &r.NetworkInternet }),
		money("overhead_cost", func(r *AllocationRow) *cost.Sum { return &r.Overhead }),
	}
}

// detailOf is the least detail that has a quantity; those not named here are in
// DetailAll alone.
var detailOf = map[string]Detail{
	"run_seconds": DetailUsage, "cpu_request_core_hours": DetailUsage, "cpu_usage_core_hours": DetailUsage,
	"ram_request_byte_hours": DetailUsage, "ram_usage_byte_hours": DetailUsage, "gpu_usage_hours": DetailUsage,
	"cpu_allocated_core_hours": DetailRates, "ram_allocated_byte_hours": DetailRates, "gpu_allocated_hours": DetailRates, "pv_byte_hours": DetailRates,
}

// quantities are the quantityMeasures of a detail.
func (d Detail) quantities() []allocMeasure {
	return slices.DeleteFunc(quantityMeasures(), func(m allocMeasure) bool { return detailOf[m.column] < d })
}

// quantityMeasures are what a row ran, asked for and used.
func quantityMeasures() []allocMeasure {
	return []allocMeasure{
		{"run_seconds", foldSum, func(r *AllocationRow, v any) { r.RunHours += float64(integer(v)) / 3600 }},
		micro("cpu_request_core_hours", func(r *AllocationRow) *int64 { return &r.CPURequest }),
		micro("cpu_usage_core_hours", func(r *AllocationRow) *int64 { return &r.CPUUsage }),
		micro("cpu_allocated_core_hours", func(r *AllocationRow) *int64 { return &r.CPUAllocated }),
		micro("cpu_limit_core_hours", func(r *AllocationRow) *int64 { return &r.CPULimit }),
		peak("cpu_usage_max_cores", func(r *AllocationRow) *int64 { return &r.CPUUsageMax }),
		amount("ram_request_byte_hours", func(r *AllocationRow) *float64 { return &r.RAMRequest }),
		amount("ram_usage_byte_hours", func(r *AllocationRow) *float64 { return &r.RAMUsage }),
		amount("ram_allocated_byte_hours", func(r *AllocationRow) *float64 { return &r.RAMAllocated }),
		amount("ram_limit_byte_hours", func(r *AllocationRow) *float64 { return &r.RAMLimit }),
		peak("ram_usage_max_bytes", func(r *AllocationRow) *int64 { return &r.RAMUsageMax }),
		micro("gpu_request_hours", func(r *AllocationRow) *int64 { return &r.GPURequest }),
		micro("gpu_usage_hours", func(r *AllocationRow) *int64 { return &r.GPUUsage }),
		micro("gpu_allocated_hours", func(r *AllocationRow) *int64 { return &r.GPUAllocated }),
		amount("pv_byte_hours", func(r *AllocationRow) *float64 { return &r.PVByteHours }),
		amount("network_transfer_bytes", func(r *AllocationRow) *float64 { return &r.NetworkTransferBytes }),
		amount("network_receive_bytes", func(r *AllocationRow) *float64 { return &r.NetworkReceiveBytes }),
	}
}

// idleShareMeasures are the idle cost given to rows, by node or by cluster.
func idleShareMeasures(byNode bool) []allocMeasure {
	by := idleBasis(byNode)
	return []allocMeasure{
		money("idle_cpu_"+by, func(r *AllocationRow) *cost.Sum { return &r.IdleCPU }),
		money("idle_ram_"+by, func(r *AllocationRow) *cost.Sum { return &r.IdleRAM }),
		money("idle_gpu_"+by, func(r *AllocationRow) *cost.Sum { return &r.IdleGPU }),
	}
}

// idleRowMeasures fill an __idle__ row from the same columns: on idle rows
// they hold what found no consumer, on others what was given to them.
func idleRowMeasures(byNode bool) []allocMeasure {
	by := idleBasis(byNode)
	return []allocMeasure{
		money("idle_cpu_"+by, func(r *AllocationRow) *cost.Sum { return &r.CPU }),
		money("idle_ram_"+by, func(r *AllocationRow) *cost.Sum { return &r.RAM }),
		money("idle_gpu_"+by, func(r *AllocationRow) *cost.Sum { return &r.GPU }),
	}
}

// reservedMeasures are the part of idle that the nodes keep for themselves.
func reservedMeasures() []allocMeasure {
	return []allocMeasure{
		money("cpu_reserved_cost", func(r *AllocationRow) *cost.Sum { return &r.CPUReserved }),
		money("ram_reserved_cost", func(r *AllocationRow) *cost.Sum { return &r.RAMReserved }),
	}
}

func idleBasis(byNode bool) string {
	if byNode {
		return "by_node"
	}
	return "by_cluster"
}

func measureColumns(ms []allocMeasure) []string {
	out := make([]string, len(ms))
	for i, m := range ms {
		out[i] = m.column
	}
	return out
}
