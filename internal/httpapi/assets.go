package httpapi

import (
	"fmt"
	"strings"

	"github.com/fleetcost/fleetcost/internal/query"
)

// The sources of autocomplete.
const (
	sourceAllocation = query.SourceAllocation
	sourceAsset      = query.SourceAsset
)

// AssetTopline is the data of /assets/topline: Kubecost's flat fields, and the
// combined form of the allocation toplines.
type AssetTopline struct {
	NumResults int    `json:"numResults"`
	TotalCost  Amount `json:"totalCost"`
	Adjustment Number `json:"adjustment"`
	Window     Window `json:"window"`
}

func (a *API) askAssets(r *request, in *AssetParams, change func(*query.AssetQuery)) (assetPlan, *query.AssetAnswer, *reply, error) {
	plan, err := planAssets(r.dialect, in, r.values, r.now)
	if err != nil {
		return plan, nil, nil, err
	}
	if change != nil {
		change(&plan.query)
	}
	ans, err := a.cfg.Questions.Assets(r.Context(), plan.query)
	if err != nil {
		return plan, nil, nil, err
	}
	meta, warnings := metaJSON(&ans.Answer), append(plan.warnings, ans.Warnings...)
	whole := totalAssets(ans.Sets)
	if isCut(plan.query.Offset, plan.query.Limit, &ans.Answer) {
		page := amount(whole)
		meta.PageCost = &page
		var version string
		if whole, version, err = a.wholeAssets(r.Context(), plan.query); err != nil {
			return plan, nil, nil, err
		}
		if version != ans.DataVersion {
			warnings = append(warnings, mixedVersions)
		}
	}
	meta.TotalCost = amount(whole)
	return plan, ans, &reply{meta: meta, warnings: warnings}, nil
}

// assets answers /assets: an object at the root, an array of maps under /model.
func (a *API) assets(r *request, in *AssetParams) (*reply, error) {
	plan, ans, rep, err := a.askAssets(r, in, nil)
	if err != nil {
		return nil, err
	}
	if plan.format == formatCSV {
		return assetCSV(rep, ans, plan), nil
	}
	names := assetNamer{finest: len(plan.query.Aggregate) == 0 && !plan.query.All}
	rep.stream = func(j *jsonWriter) {
		if r.dialect.AssetSets {
			j.raw("[")
		}
		for s := range ans.Sets {
			if s > 0 {
				if !r.dialect.AssetSets {
					break // the question was for one set
				}
				j.raw(",")
			}
			a.assetSet(j, &ans.Sets[s], names)
		}
		switch {
		case r.dialect.AssetSets:
			j.raw("]")
		case len(ans.Sets) == 0:
			j.raw("{}")
		}
	}
	return rep, nil
}

func (a *API) assetSet(j *jsonWriter, set *query.AssetSet, names assetNamer) {
	names.seen = make(map[string]int, len(set.Rows))
	j.raw("{")
	for i := range set.Rows {
		row := assetJSON(&set.Rows[i], set.Window)
		a.member(j, i, names.name(&set.Rows[i]), a.assetRow, &row)
	}
	j.raw("}")
}

// assetNamer gives every row of a set a key of its own: two assets that differ
// in nothing the key shows must both be in the map.
type assetNamer struct {
	finest bool
	seen   map[string]int
}

func (n *assetNamer) name(r *query.AssetRow) string {
	key := r.Name
	if n.finest {
		key = assetKey(&r.Props)
	}
	n.seen[key]++
	if c := n.seen[key]; c > 1 {
		return fmt.Sprintf("%s~%d", key, c)
	}
	return key
}

func (a *API) assetTopline(r *request, in *AssetParams) (*reply, error) {
	plan, ans, rep, err := a.askAssets(r, in, func(q *query.AssetQuery) {
		q.StepHours, q.Accumulate, q.Offset, q.Limit = 0, query.AccumulateAll, 0, 0
		if strings.EqualFold(strings.TrimSpace(in.Format), formatCSV) {
			q.Aggregate, q.All = nil, true // a table of one line, the total
		}
	})
	if err != nil {
		return nil, err
	}
	if plan.format == formatCSV {
		total := query.AssetRow{Name: totalName}
		for s := range ans.Sets {
			for i := range ans.Sets[s].Rows {
				total = ans.Sets[s].Rows[i]
				total.Name = totalName
			}
		}
		one := query.AssetAnswer{Answer: ans.Answer, Sets: []query.AssetSet{{Window: ans.Window, Rows: []query.AssetRow{total}}}}
		return assetCSV(rep, &one, plan), nil
	}
	rep.data = AssetTopline{NumResults: ans.RowCount, TotalCost: rep.meta.TotalCost, Window: windowOf(ans.Window)}
	return rep, nil
}

// defaultCompletions is the limit clients assume.
const defaultCompletions = 25

// complete answers the autocomplete routes of a source.
func (a *API) complete(source string) func(*request, *AutocompleteParams) (*reply, error) {
	return func(r *request, in *AutocompleteParams) (*reply, error) {
		var p reader
		q := query.CompletionQuery{
			Window: p.window(in.Window, r.now), Source: source,
			Field: strings.TrimSpace(in.Field), Search: in.Search, Limit: p.count("limit", in.Limit, defaultCompletions),
		}
		if q.Field == "" {
			p.fail("field", "is missing", "name a property, e.g. field=namespace, label, or label:app")
		}
		f, err := query.ParseFilter(in.Filter, source)
		p.check(err)
		q.Filter = f
		if p.err != nil {
			return nil, p.err
		}
		values, err := a.cfg.Questions.Complete(r.Context(), q)
		if err != nil {
			return nil, err
		}
		if values == nil {
			values = []string{}
		}
		return &reply{data: values, warnings: p.warnings}, nil
	}
}
