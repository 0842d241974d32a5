package store

import (
	"fmt"
	"strings"
)

// layoutVersion stamps the file. Change it with every change to a table or to
// the meaning of a column: files of another version are rebuilt.
const layoutVersion = "3"

// How a measure column is rolled up.
type rollup int

const (
	rollSum rollup = iota
	rollMin
	rollMax
)

// function is the SQL aggregate.
func (r rollup) function() string {
	switch r {
	case rollMin:
		return "min"
	case rollMax:
		return "max"
	case rollSum:
	}
	return "sum"
}

// The scale with which a column stands in Parquet, relative to the integer
// that the store holds.
type scale int

const (
	asIs  scale = iota // BIGINT or INTEGER already
	micro              // DECIMAL(18,6), stored as millionths
	nano               // DECIMAL(18,9), stored as nano-units
)

// measure is one numeric column of a dataset.
type measure struct {
	name  string
	scale scale
	roll  rollup
}

// allocMeasures are the measures of the allocation tables in their order,
// without the idle shares.
var allocMeasures = []measure{
	{"run_seconds", asIs, rollSum},
	{"coverage_seconds", asIs, rollSum},
	{"cpu_request_core_hours", micro, rollSum},
	{"cpu_usage_core_hours", micro, rollSum},
	{"cpu_allocated_core_hours", micro, rollSum},
	{"cpu_limit_core_hours", micro, rollSum},
	{"cpu_usage_max_cores", micro, rollMax},
	{"cpu_cost", nano, rollSum},
	{"ram_request_byte_hours", asIs, rollSum},
	{"ram_usage_byte_hours", asIs, rollSum},
	{"ram_allocated_byte_hours", asIs, rollSum},
	{"ram_limit_byte_hours", asIs, rollSum},
	{"ram_usage_max_bytes", asIs, rollMax},
	{"ram_cost", nano, rollSum},
	{"gpu_request_hours", micro, rollSum},
	{"gpu_usage_hours", micro, rollSum},
	{"gpu_allocated_hours", micro, rollSum},
	{"gpu_cost", nano, rollSum},
	{"pv_byte_hours", asIs, rollSum},
	{"pv_cost", nano, rollSum},
	{"lb_cost", nano, rollSum},
	{"network_transfer_bytes", asIs, rollSum},
	{"network_receive_bytes", asIs, rollSum},
	{"network_cross_zone_cost", nano, rollSum},
	{"network_cross_region_cost", nano, rollSum},
	{"network_internet_cost", nano, rollSum},
	{"overhead_cost", nano, rollSum},
	{"cpu_reserved_cost", nano, rollSum},
	{"ram_reserved_cost", nano, rollSum},
}

// idleShares are the columns that Load computes: the idle cost given to a row,
// per resource, by its node and by its cluster.
var idleShares = []string{
	"idle_cpu_by_node", "idle_ram_by_node", "idle_gpu_by_node",
	"idle_cpu_by_cluster", "idle_ram_by_cluster", "idle_gpu_by_cluster",
}

// allocKeys are the text columns that tell allocation rows apart.
var allocKeys = []string{
	"cluster", "kind", "node", "asset_id", "namespace", "controller_kind",
	"controller", "pod", "pod_uid", "container", "services",
}

// assetKeys are the text and flag columns of assets.
var assetKeys = []string{
	"cluster", "type", "asset_id", "name", "provider_id", "provider", "region", "zone",
	"instance_type", "capacity_type", "node_pool", "gpu_model",
	"storage_class", "claim_namespace", "claim_name", "volume_name",
}

var assetFlags = []string{"local", "overhead", "inferred"}

var assetMeasures = []measure{
	{"run_seconds", asIs, rollSum},
	{"coverage_seconds", asIs, rollSum},
	{"cpu_core_hours", micro, rollSum},
	{"cpu_allocatable_core_hours", micro, rollSum},
	{"ram_byte_hours", asIs, rollSum},
	{"ram_allocatable_byte_hours", asIs, rollSum},
	{"gpu_hours", micro, rollSum},
	{"byte_hours", asIs, rollSum},
	{"transfer_bytes", asIs, rollSum},
	{"receive_bytes", asIs, rollSum},
	{"cpu_cost", nano, rollSum},
	{"ram_cost", nano, rollSum},
	{"gpu_cost", nano, rollSum},
	{"cost", nano, rollSum},
	{"cpu_scale", micro, rollMin},
	{"ram_scale", micro, rollMin},
	{"gpu_scale", micro, rollMin},
}

var attachmentKeys = []string{
	"cluster", "type", "asset_id", "name", "provider_id", "node", "namespace",
	"controller", "pod", "pod_uid", "container",
}

var attachmentMeasures = []measure{
	{"byte_hours", asIs, rollSum},
	{"hours", micro, rollSum},
	{"cost", nano, rollSum},
}

// schema returns the statements that make an empty store.
func schema() []string {
	alloc := cols("VARCHAR", allocKeys...) + ", labels_id BIGINT, start_us BIGINT, end_us BIGINT, price_source VARCHAR, " +
		measureCols(allocMeasures) + ", " + cols("BIGINT", idleShares...)
	asset := cols("VARCHAR", assetKeys...) + ", " + cols("BOOLEAN", assetFlags...) +
		", labels_id BIGINT, start_us BIGINT, end_us BIGINT, price_source VARCHAR, " + measureCols(assetMeasures) + ", default_cost BIGINT"
	attachment := cols("VARCHAR", attachmentKeys...) + ", " + measureCols(attachmentMeasures)
	return []string{
		"CREATE TABLE layout (version VARCHAR, created_us BIGINT)",
		"CREATE TABLE setting (name VARCHAR, value VARCHAR)",
		"CREATE TABLE alloc_hour (day DATE, hour INTEGER, " + alloc + ")",
		"CREATE TABLE alloc_day_container (day DATE, " + alloc + ")",
		"CREATE TABLE alloc_day_controller (day DATE, " + alloc + ")",
		"CREATE TABLE alloc_day_namespace (day DATE, " + alloc + ")",
		"CREATE TABLE asset_hour (day DATE, hour INTEGER, " + asset + ")",
		"CREATE TABLE asset_day (day DATE, " + asset + ")",
		"CREATE TABLE attachment_hour (day DATE, hour INTEGER, " + attachment + ")",
		"CREATE TABLE attachment_day (day DATE, " + attachment + ")",
		"CREATE TABLE label_kv (labels_id BIGINT, scope VARCHAR, key VARCHAR, value VARCHAR)",
		"CREATE TABLE label_name (key VARCHAR, name VARCHAR)",
		`CREATE TABLE coverage (cluster VARCHAR, day DATE, hour INTEGER, coverage_seconds INTEGER,
			partial BOOLEAN, live BOOLEAN, generation BIGINT, rows BIGINT, total BIGINT)`,
		`CREATE TABLE cluster (cluster VARCHAR, status VARCHAR, owner VARCHAR, first_hour INTEGER,
			last_hour INTEGER, currency VARCHAR, updated_us BIGINT)`,
		`CREATE TABLE ledger (key VARCHAR, etag VARCHAR, cluster VARCHAR, dataset VARCHAR, day DATE, bytes BIGINT,
			rows BIGINT, total DECIMAL(38,0), generation BIGINT, state VARCHAR, reason VARCHAR, loaded_us BIGINT,
			currency VARCHAR, hours INTEGER[], generations BIGINT[])`,
		"CREATE TABLE ensured_day (day DATE, used_us BIGINT)",
	}
}

func cols(typ string, names ...string) string {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s", n, typ)
	}
	return b.String()
}

func measureCols(ms []measure) string {
	names := make([]string, len(ms))
	for i, m := range ms {
		names[i] = m.name
	}
	return cols("BIGINT", names...)
}
