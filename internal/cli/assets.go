package cli

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

type assetFlags struct {
	remote
	window, aggregate, filter string
	accumulate, step, sort    string
	ascending                 bool
	limit                     int
}

func newAssets(env *Env) *cobra.Command {
	var f assetFlags
	cmd := &cobra.Command{
		Use:   "assets",
		Short: "What nodes, disks, load balancers and control planes cost",
		Example: `  fleetcost assets --window 7d --aggregate type
  fleetcost assets --window today --filter 'assetType:"node"+cluster:"prod-eu"' -o wide`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), env) },
	}
	fs := cmd.Flags()
	f.register(fs)
	fs.StringVar(&f.window, "window", "7d", "period: today, yesterday, 24h, 7d, lastmonth, or two times 'start,end'; UTC")
	fs.StringVar(&f.aggregate, "aggregate", "", "comma-separated: type, cluster, provider, instanceType, region, label:x, …; default: asset by asset")
	fs.StringVar(&f.filter, "filter", "", `filter v2, e.g. 'assetType:"disk"+cluster:"prod"'`)
	fs.StringVar(&f.accumulate, "accumulate", "", "true, hour, day, week, month or quarter; default: true unless --step is given")
	fs.StringVar(&f.step, "step", "", "length of a set: 1h, 6h, 1d, 1w")
	fs.StringVar(&f.sort, "sort", "totalCost", "totalCost, cpuCost, ramCost, gpuCost, name, …")
	fs.BoolVar(&f.ascending, "ascending", false, "smallest first")
	fs.IntVar(&f.limit, "limit", 0, "rows of each set; 0: all")
	completeFlags(cmd, assetAggregates(), assetSorts())
	return cmd
}

type assetRow struct {
	Key        string `json:"-"`
	Type       string `json:"type"`
	Window     window `json:"window"`
	Properties struct {
		Cluster    string `json:"cluster"`
		Name       string `json:"name"`
		Provider   string `json:"provider"`
		ProviderID string `json:"providerID"`
		Region     string `json:"region"`
	} `json:"properties"`
	NodeType     string      `json:"nodeType"`
	StorageClass string      `json:"storageClass"`
	CPUCores     json.Number `json:"cpuCores"`
	RAMBytes     json.Number `json:"ramBytes"`
	GPUCount     json.Number `json:"gpuCount"`
	Bytes        json.Number `json:"bytes"`
	Minutes      json.Number `json:"minutes"`
	TotalCost    json.Number `json:"totalCost"`
	DefaultCost  json.Number `json:"defaultCost"`
	PriceSource  string      `json:"priceSource"`
}

func (f *assetFlags) params() url.Values {
	p := params{}
	p.set("window", f.window)
	p.set("aggregate", f.aggregate)
	p.set("filter", f.filter)
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

func (f *assetFlags) run(ctx context.Context, env *Env) error {
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
	const path = "/model/assets" // an array of sets, so that --step works
	if f.output == outCSV {
		return f.csv(ctx, env, c, path, q)
	}
	body, err := c.get(ctx, path, q)
	if err != nil {
		return err
	}
	ans, err := decode[[]keyedRows](body)
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
	shown := f.table(env, ans.Data, ans.Meta.TotalCost)
	showMeta(env.Stdout, &ans.Meta, shown)
	return f.finish(env, &ans.Meta)
}

func (f *assetFlags) table(env *Env, sets []keyedRows, total json.Number) (shown int) {
	wide := f.output == outWide
	named := f.aggregate == ""
	header := []string{"NAME"}
	if named {
		header = []string{"CLUSTER", "TYPE", "NAME"}
		if wide {
			header = append(header, "PROVIDER", "REGION", "KIND", "PRICE FROM", "PROVIDER ID")
		}
	}
	numbers := []string{"HOURS", "TOTAL", "AT DEFAULT PRICES"}
	if wide {
		numbers = append([]string{"CORES", "RAM GIB", "GPUS", "DISK GIB"}, numbers...)
	}
	header = append(header, numbers...)
	if len(sets) > 1 {
		header = append([]string{"FROM"}, header...)
	}
	t := newTable(env, header, len(numbers))
	for _, set := range sets {
		shown = max(shown, len(set))
		for i := range set {
			t.AppendRow(assetCells(&set[i], named, wide, len(sets) > 1))
		}
	}
	footer := make(table.Row, len(header))
	for i := range footer {
		footer[i] = ""
	}
	footer[0], footer[slices.Index(header, "TOTAL")] = "TOTAL", money(total)
	t.AppendFooter(footer)
	t.Render()
	return shown
}

func assetCells(r *assetRow, named, wide, dated bool) table.Row {
	var row table.Row
	if dated {
		row = append(row, r.Window.Start)
	}
	if named {
		row = append(row, r.Properties.Cluster, r.Type, r.Properties.Name)
		if wide {
			kind := r.NodeType
			if kind == "" {
				kind = r.StorageClass
			}
			row = append(row, r.Properties.Provider, r.Properties.Region, kind, r.PriceSource, r.Properties.ProviderID)
		}
	} else {
		row = append(row, r.Key)
	}
	if wide {
		row = append(row, optional(r.CPUCores, number), optional(r.RAMBytes, gibibytes), optional(r.GPUCount, number), optional(r.Bytes, gibibytes))
	}
	hours := "-"
	if m, err := r.Minutes.Float64(); err == nil {
		hours = group(strconv.FormatFloat(m/60, 'f', 1, 64))
	}
	return append(row, hours, money(r.TotalCost), money(r.DefaultCost))
}

// optional leaves a cell empty where the asset has no such quantity.
func optional(n json.Number, format func(json.Number, int) string) string {
	if n == "" || n == "0" {
		return ""
	}
	return format(n, 1)
}
