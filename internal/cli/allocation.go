package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

type allocationFlags struct {
	remote
	window, aggregate, filter   string
	idle, shareIdle, overhead   bool
	shareOverhead, idleByNode   bool
	shareNamespaces, shareScope string
	accumulate, step            string
	sort                        string
	ascending                   bool
	limit                       int
}

func newAllocation(env *Env) *cobra.Command {
	var f allocationFlags
	cmd := &cobra.Command{
		Use:   "allocation",
		Short: "What workloads cost",
		Long: `What workloads cost, by whatever property.

Idle and overhead are shown as rows of their own (__idle__, __overhead__), so
that the total is what the assets cost: all of it, once.`,
		Example: `  fleetcost allocation --window 7d --aggregate cluster
  fleetcost allocation --window lastmonth --aggregate namespace --share-idle --limit 20
  fleetcost allocation --window 30d --aggregate label:team --step 1d -o csv
  fleetcost allocation --window today --aggregate controller --filter 'cluster:"prod-eu"+namespace:"shop"'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), env) },
	}
	fs := cmd.Flags()
	f.register(fs)
	fs.StringVar(&f.window, "window", "7d", "period: today, yesterday, 24h, 7d, lastmonth, or two times 'start,end'; UTC")
	fs.StringVar(&f.aggregate, "aggregate", "namespace", "comma-separated: cluster, node, namespace, controller, pod, container, label:x, team, …, or all")
	fs.StringVar(&f.filter, "filter", "", `filter v2, e.g. 'cluster:"prod"+namespace:"shop","web"'`)
	fs.BoolVar(&f.idle, "idle", true, "show idle as __idle__ rows")
	fs.BoolVar(&f.shareIdle, "share-idle", false, "spread idle over what ran, in proportion to cost")
	fs.BoolVar(&f.idleByNode, "idle-by-node", false, "idle per node instead of per cluster")
	fs.BoolVar(&f.overhead, "overhead", true, "show overhead (boot disks, control planes) as __overhead__ rows")
	fs.BoolVar(&f.shareOverhead, "share-overhead", false, "spread overhead over what ran, within its cluster")
	fs.StringVar(&f.shareNamespaces, "share-namespaces", "", "namespaces whose cost all others share; kube-* for all that begin so")
	fs.StringVar(&f.shareScope, "share-scope", "", "with whom they share: cluster (default: each its own workloads) or fleet")
	fs.StringVar(&f.accumulate, "accumulate", "", "true, hour, day, week, month or quarter; default: true unless --step is given")
	fs.StringVar(&f.step, "step", "", "length of a set: 1h, 6h, 1d, 1w")
	fs.StringVar(&f.sort, "sort", "totalCost", "totalCost, cpuCost, ramCost, gpuCost, pvCost, totalEfficiency, name, …")
	fs.BoolVar(&f.ascending, "ascending", false, "smallest first")
	fs.IntVar(&f.limit, "limit", 0, "rows of each set; 0: all")
	completeFlags(cmd, allocationAggregates(), allocationSorts())
	return cmd
}

func (f *allocationFlags) params() url.Values {
	p := params{}
	p.set("window", f.window)
	p.set("aggregate", f.aggregate)
	p.set("filter", f.filter)
	p.set("idle", strconv.FormatBool(f.idle))
	p.set("shareIdle", strconv.FormatBool(f.shareIdle))
	p.set("idleByNode", strconv.FormatBool(f.idleByNode))
	p.set("includeOverhead", strconv.FormatBool(f.overhead))
	p.set("shareTenancyCosts", strconv.FormatBool(f.shareOverhead))
	p.set("shareNamespaces", f.shareNamespaces)
	p.set("shareScope", f.shareScope)
	p.set("step", f.step)
	p.set("accumulate", f.accumulate)
	if f.accumulate == "" && f.step == "" {
		p.set("accumulate", "true")
	}
	p.set("sortBy", f.sort)
	if f.ascending {
		p.set("sortByOrder", "asc")
	}
	if f.limit > 0 {
		p.set("limit", strconv.Itoa(f.limit))
	}
	return url.Values(p)
}

// allocationRow is what the table shows of a row.
type allocationRow struct {
	Name   string `json:"name"`
	Window window `json:"window"`

	CPUCoreHours json.Number `json:"cpuCoreHours"`
	CPURequest   json.Number `json:"cpuCoreRequestAverage"`
	CPUUsage     json.Number `json:"cpuCoreUsageAverage"`
	CPUCost      json.Number `json:"cpuCost"`
	CPUIdle      json.Number `json:"cpuCostIdle"`
	RAMByteHours json.Number `json:"ramByteHours"`
	RAMRequest   json.Number `json:"ramByteRequestAverage"`
	RAMUsage     json.Number `json:"ramByteUsageAverage"`
	RAMCost      json.Number `json:"ramCost"`
	RAMIdle      json.Number `json:"ramCostIdle"`
	GPUHours     json.Number `json:"gpuHours"`
	GPUCost      json.Number `json:"gpuCost"`
	GPUIdle      json.Number `json:"gpuCostIdle"`
	PVCost       json.Number `json:"pvCost"`
	NetworkCost  json.Number `json:"networkCost"`
	LBCost       json.Number `json:"loadBalancerCost"`
	SharedCost   json.Number `json:"sharedCost"`
	TotalCost    json.Number `json:"totalCost"`
	Efficiency   json.Number `json:"totalEfficiency"`
}

func (f *allocationFlags) run(ctx context.Context, env *Env) error {
	if err := f.check(); err != nil {
		return err
	}
	if err := checkLimit(f.limit); err != nil {
		return err
	}
	c, err := f.client(env)
	if err != nil {
		return err
	}
	q := f.params()
	if f.output == outCSV {
		return f.csv(ctx, env, c, "/allocation", q)
	}
	body, err := c.get(ctx, "/allocation", q)
	if err != nil {
		return err
	}
	ans, err := decode[[]orderedRows[allocationRow]](body)
	if err != nil {
		return err
	}
	warn(env, ans.Warning)
	if f.output == outJSON || f.output == outYAML {
		if err := dump(env.Stdout, f.output, body); err != nil {
			return err
		}
		return f.finish(env, &ans.Meta)
	}
	f.table(env, ans.Data, ans.Meta.TotalCost)
	shown := 0
	for _, set := range ans.Data {
		shown = max(shown, len(set))
	}
	showMeta(env.Stdout, &ans.Meta, shown)
	return f.finish(env, &ans.Meta)
}

// csv copies the server's table, then asks for the answer's completeness in
// its headers' stead: a small second question.
func (r *remote) csv(ctx context.Context, env *Env, c *client, path string, q url.Values) error {
	q.Set("format", outCSV)
	body, err := c.get(ctx, path, q)
	if err != nil {
		return err
	}
	if _, err := env.Stdout.Write(body); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	q.Del("format")
	body, err = c.get(ctx, path+"/topline", q)
	if err != nil {
		return err
	}
	ans, err := decode[json.RawMessage](body)
	if err != nil {
		return err
	}
	warn(env, ans.Warning)
	return r.finish(env, &ans.Meta)
}

func (f *allocationFlags) table(env *Env, sets []orderedRows[allocationRow], total json.Number) {
	wide := f.output == outWide
	header := []string{"NAME", "CPU", "RAM", "GPU", "PV", "NETWORK", "LB", "SHARED", "TOTAL", "EFFICIENCY"}
	if wide {
		header = append(header, "IDLE SHARED", "CORE-HOURS", "CPU REQ", "CPU USED", "GIB-HOURS", "RAM REQ GIB", "RAM USED GIB", "GPU-HOURS")
	}
	numbers := len(header) - 1
	if len(sets) > 1 {
		header = append([]string{"FROM"}, header...)
	}
	t := newTable(env, header, numbers)
	for _, set := range sets {
		for i := range set {
			t.AppendRow(allocationCells(&set[i], len(sets) > 1, wide))
		}
	}
	footer := make(table.Row, len(header))
	for i := range footer {
		footer[i] = ""
	}
	at := slices.Index(header, "TOTAL")
	footer[0], footer[at] = "TOTAL", money(total)
	t.AppendFooter(footer)
	t.Render()
}

func allocationCells(r *allocationRow, dated, wide bool) table.Row {
	var row table.Row
	if dated {
		row = append(row, r.Window.Start)
	}
	row = append(row, r.Name, money(r.CPUCost), money(r.RAMCost), money(r.GPUCost), money(r.PVCost), money(r.NetworkCost),
		money(r.LBCost), money(r.SharedCost), money(r.TotalCost), efficiencyCell(r))
	if wide {
		row = append(row, money(decimal(exact(r.CPUIdle, r.RAMIdle, r.GPUIdle))), number(r.CPUCoreHours, 1), number(r.CPURequest, 2),
			number(r.CPUUsage, 2), gibibytes(r.RAMByteHours, 1), gibibytes(r.RAMRequest, 2), gibibytes(r.RAMUsage, 2), number(r.GPUHours, 1))
	}
	return row
}

// efficiencyCell leaves rows empty that stand for no workload.
func efficiencyCell(r *allocationRow) string {
	if strings.Contains(r.Name, "__idle__") || strings.Contains(r.Name, "__overhead__") || strings.Contains(r.Name, "__unmounted__") {
		return ""
	}
	return percent(r.Efficiency)
}
