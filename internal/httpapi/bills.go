package httpapi

import (
	"strings"

	"github.com/fleetcost/fleetcost/internal/query"
)

// The routes of cloud bills and custom costs answer empty, with the window
// that was asked for, until bills are read: clients draw a chart from the
// window and give up on a 404.

// CloudCostParams are the parameters of the cloud cost routes.
type CloudCostParams struct {
	WindowParam
	Aggregate    string `query:"aggregate" doc:"Accepted, without effect: no cloud bills are read yet; so are all others of this route."`
	Accumulate   string `query:"accumulate"`
	Filter       string `query:"filter"`
	CostMetric   string `query:"costMetric"`
	Offset       string `query:"offset"`
	Limit        string `query:"limit"`
	SortBy       string `query:"sortBy"`
	SortByOrder  string `query:"sortByOrder"`
	Format       string `query:"format"`
	IncludeLabel string `query:"includeLabels"`
}

// CustomCostParams are the parameters of the custom cost routes.
type CustomCostParams struct {
	WindowParam
	Aggregate     string `query:"aggregate" doc:"Accepted, without effect: no custom costs are read yet; so are all others of this route."`
	Accumulate    string `query:"accumulate"`
	Filter        string `query:"filter"`
	CostType      string `query:"costType"`
	SortBy        string `query:"sortBy"`
	SortDirection string `query:"sortDirection"`
}

// BillSource is a source of bills; there are none yet.
type BillSource struct{}

// NoParams is a route without parameters.
type NoParams struct{}

// CloudCostSets is the data of /cloudCost.
type CloudCostSets struct {
	Sets   []CloudCostSet `json:"sets"`
	Window Window         `json:"window"`
}

// CloudCostSet is one set of /cloudCost.
type CloudCostSet struct {
	CloudCosts            map[string]CloudCost `json:"cloudCosts"`
	AggregationProperties []string             `json:"aggregationProperties"`
	Window                Window               `json:"window"`
}

// CloudCost is an item of a cloud bill; there are none yet.
type CloudCost struct{}

// GraphItem is one set of /cloudCost/view/graph.
type GraphItem struct {
	Start Time        `json:"start"`
	End   Time        `json:"end"`
	Items []NamedCost `json:"items"`
}

// NamedCost is a bar of a graph.
type NamedCost struct {
	Name  string `json:"name"`
	Value Number `json:"value"`
}

// CloudCostTotals is the data of /cloudCost/view/totals.
type CloudCostTotals struct {
	NumResults int          `json:"numResults"`
	Combined   CloudCostRow `json:"combined"`
}

// CloudCostRow is a row of /cloudCost/view/table.
type CloudCostRow struct {
	Name              string            `json:"name"`
	Labels            map[string]string `json:"labels"`
	KubernetesPercent Number            `json:"kubernetesPercent"`
	Cost              Number            `json:"cost"`
}

// CustomCostTotal is the data of /customCost/total.
type CustomCostTotal struct {
	Window      Window       `json:"window"`
	TotalCost   Number       `json:"totalCost"`
	CustomCosts []CustomCost `json:"customCosts"`
}

// CustomCost is an item of custom cost; there are none yet.
type CustomCost struct{}

// CustomCostSeries is the data of /customCost/timeseries.
type CustomCostSeries struct {
	Window     Window            `json:"window"`
	Timeseries []CustomCostTotal `json:"timeseries"`
}

func (a *API) registerBills(d Dialect) {
	at := func(path, summary string) route {
		return route{
			path: d.Prefix + path, tag: d.Name, summary: summary,
			description: "Empty: no cloud bills or custom costs are read yet.",
		}
	}
	register[CloudCostParams, CloudCostSets](a, d, at("/cloudCost", "Items of cloud bills"), cloudCost(func(w Window, by []string) any {
		return CloudCostSets{Sets: []CloudCostSet{{CloudCosts: map[string]CloudCost{}, AggregationProperties: by, Window: w}}, Window: w}
	}))
	register[CloudCostParams, []GraphItem](a, d, at("/cloudCost/view/graph", "Cloud bills as a graph"), cloudCost(func(w Window, _ []string) any {
		return []GraphItem{{Start: w.Start, End: w.End, Items: []NamedCost{}}}
	}))
	register[CloudCostParams, CloudCostTotals](a, d, at("/cloudCost/view/totals", "Total of cloud bills"), cloudCost(func(Window, []string) any {
		return CloudCostTotals{Combined: CloudCostRow{Labels: map[string]string{}}}
	}))
	register[CloudCostParams, []CloudCostRow](a, d, at("/cloudCost/view/table", "Cloud bills as a table"), cloudCost(func(Window, []string) any {
		return []CloudCostRow{}
	}))
	register[NoParams, []BillSource](a, d, at("/cloudCost/status", "Sources of cloud bills"), none)
	register[AutocompleteParams, []string](a, d, at("/cloudCost/autocomplete", "Values of a cloud bill's property"),
		func(r *request, in *AutocompleteParams) (*reply, error) {
			var p reader
			p.window(in.Window, r.now)
			return &reply{data: []string{}, warnings: p.warnings}, p.err
		})
	register[CustomCostParams, CustomCostTotal](a, d, at("/customCost/total", "Total of custom costs"), customCost(func(w Window) any {
		return CustomCostTotal{Window: w, CustomCosts: []CustomCost{}}
	}))
	register[CustomCostParams, CustomCostSeries](a, d, at("/customCost/timeseries", "Custom costs along time"), customCost(func(w Window) any {
		return CustomCostSeries{Window: w, Timeseries: []CustomCostTotal{{Window: w, CustomCosts: []CustomCost{}}}}
	}))
	register[NoParams, []BillSource](a, d, at("/customCost/status", "Sources of custom costs"), none)
}

func none(*request, *NoParams) (*reply, error) { return &reply{data: []BillSource{}}, nil }

func cloudCost(empty func(w Window, aggregate []string) any) func(*request, *CloudCostParams) (*reply, error) {
	return func(r *request, in *CloudCostParams) (*reply, error) {
		var p reader
		w := windowOf(p.window(in.Window, r.now))
		_, err := query.ParseFilter(in.Filter, query.SourceCloudCost)
		p.check(err)
		by := list(in.Aggregate)
		if by == nil {
			by = []string{}
		}
		if strings.EqualFold(strings.TrimSpace(in.Format), formatCSV) {
			p.warn("format=csv is not offered for cloud costs yet")
		}
		return &reply{data: empty(w, by), warnings: p.warnings}, p.err
	}
}

func customCost(empty func(Window) any) func(*request, *CustomCostParams) (*reply, error) {
	return func(r *request, in *CustomCostParams) (*reply, error) {
		var p reader
		w := windowOf(p.window(in.Window, r.now))
		return &reply{data: empty(w), warnings: p.warnings}, p.err
	}
}
