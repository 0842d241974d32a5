package query

import (
	"slices"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// assetMeasure is allocMeasure for assets.
type assetMeasure struct {
	column string
	fold   fold
	add    func(r *AssetRow, v any)
}

// assetDetailOf is detailOf for assets.
var assetDetailOf = map[string]Detail{
	"cpu_cost": DetailCosts, "ram_cost": DetailCosts, "gpu_cost": DetailCosts, "cost": DetailCosts, "default_cost": DetailCosts,
	"cpu_core_hours": DetailRates, "ram_byte_hours": DetailRates, "gpu_hours": DetailRates, "byte_hours": DetailRates,
	"run_seconds": DetailUsage,
}

// assetMeasures are those of a detail.
func (d Detail) assetMeasures() []assetMeasure {
	return slices.DeleteFunc(assetMeasures(), func(m assetMeasure) bool { return assetDetailOf[m.column] < d })
}

// assetProperties are those of a detail: what kind of thing it is, always.
func (d Detail) assetProperties() []assetProperty {
	return slices.DeleteFunc(assetProperties(), func(p assetProperty) bool { return d != DetailAll && p.column != "type" })
}

func assetMeasures() []assetMeasure {
	money := func(c string, to func(r *AssetRow) *cost.Sum) assetMeasure {
		return assetMeasure{c, foldSum, func(r *AssetRow, v any) { addMoney(to(r), v) }}
	}
	whole := func(c string, to func(r *AssetRow) *int64) assetMeasure {
		return assetMeasure{c, foldSum, func(r *AssetRow, v any) { *to(r) += integer(v) }}
	}
	amount := func(c string, to func(r *AssetRow) *float64) assetMeasure {
		return assetMeasure{c, foldFloat, func(r *AssetRow, v any) { *to(r) += float(v) }}
	}
	scale := func(c string, to func(r *AssetRow) *float64) assetMeasure {
		return assetMeasure{c, foldMin, func(r *AssetRow, v any) {
			if v != nil {
				*to(r) = min(*to(r), float(v)/1e6)
			}
		}}
	}
	return []assetMeasure{
		money("cpu_cost", func(r *AssetRow) *cost.Sum { return &r.CPU }),
		money("ram_cost", func(r *AssetRow) *cost.Sum { return &r.RAM }),
		money("gpu_cost", func(r *AssetRow) *cost.Sum { return &r.GPU }),
		money("cost", func(r *AssetRow) *cost.Sum { return &r.Other }),
		money("default_cost", func(r *AssetRow) *cost.Sum { return &r.DefaultPriced }),
		{"run_seconds", foldSum, func(r *AssetRow, v any) { r.RunHours += float64(integer(v)) / 3600 }},
		whole("cpu_core_hours", func(r *AssetRow) *int64 { return &r.CPUCoreHours }),
		whole("cpu_allocatable_core_hours", func(r *AssetRow) *int64 { return &r.CPUAllocatableCoreHours }),
		whole("gpu_hours", func(r *AssetRow) *int64 { return &r.GPUHours }),
		amount("ram_byte_hours", func(r *AssetRow) *float64 { return &r.RAMByteHours }),
		amount("ram_allocatable_byte_hours", func(r *AssetRow) *float64 { return &r.RAMAllocatableByteHours }),
		amount("byte_hours", func(r *AssetRow) *float64 { return &r.ByteHours }),
		amount("transfer_bytes", func(r *AssetRow) *float64 { return &r.TransferBytes }),
		amount("receive_bytes", func(r *AssetRow) *float64 { return &r.ReceiveBytes }),
		scale("cpu_scale", func(r *AssetRow) *float64 { return &r.CPUScale }),
		scale("ram_scale", func(r *AssetRow) *float64 { return &r.RAMScale }),
		scale("gpu_scale", func(r *AssetRow) *float64 { return &r.GPUScale }),
	}
}

// assetProperty is a column that all rows behind an asset row may share.
type assetProperty struct {
	column string
	to     func(p *AssetProperties) *string
}

func assetProperties() []assetProperty {
	return []assetProperty{
		{"cluster", func(p *AssetProperties) *string { return &p.Cluster }},
		{"type", func(p *AssetProperties) *string { return &p.Type }},
		{"name", func(p *AssetProperties) *string { return &p.Name }},
		{"provider_id", func(p *AssetProperties) *string { return &p.ProviderID }},
		{"provider", func(p *AssetProperties) *string { return &p.Provider }},
		{"region", func(p *AssetProperties) *string { return &p.Region }},
		{"zone", func(p *AssetProperties) *string { return &p.Zone }},
		{"instance_type", func(p *AssetProperties) *string { return &p.InstanceType }},
		{"capacity_type", func(p *AssetProperties) *string { return &p.CapacityType }},
		{"node_pool", func(p *AssetProperties) *string { return &p.NodePool }},
		{"gpu_model", func(p *AssetProperties) *string { return &p.GPUModel }},
		{"storage_class", func(p *AssetProperties) *string { return &p.StorageClass }},
		{"claim_namespace", func(p *AssetProperties) *string { return &p.ClaimNamespace }},
		{"claim_name", func(p *AssetProperties) *string { return &p.ClaimName }},
		{"volume_name", func(p *AssetProperties) *string { return &p.VolumeName }},
	}
}
