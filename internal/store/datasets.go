package store

// dataset describes how a dataset of the bucket becomes tables.
type dataset struct {
	name      Dataset
	keys      []string // text columns that tell rows apart
	flags     []string // boolean ones
	measures  []measure
	span      bool // has start_seconds, end_seconds, price_source
	labels    []string
	costs     []string // the columns whose sum is a row's total
	hourTable string
}

var datasets = []*dataset{
	{
		name: Attachment, keys: attachmentKeys, measures: attachmentMeasures,
		costs: []string{"cost"}, hourTable: "attachment_hour",
	},
	{
		name: Asset, keys: assetKeys, flags: assetFlags, measures: assetMeasures, span: true,
		labels: []string{"labels"},
		costs:  []string{"cpu_cost", "ram_cost", "gpu_cost", "cost"}, hourTable: "asset_hour",
	},
	{
		name: Allocation, keys: allocKeys, measures: allocMeasures, span: true,
		labels: []string{"labels", "namespace_labels", "annotations", "namespace_annotations"},
		costs: []string{
			"cpu_cost", "ram_cost", "gpu_cost", "pv_cost", "lb_cost",
			"network_cross_zone_cost", "network_cross_region_cost", "network_internet_cost", "overhead_cost",
		},
		hourTable: "alloc_hour",
	},
}
