package httpapi

import (
	"cmp"
	"context"
	"encoding/csv"
	"io"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// ExploreAllocationParams are the parameters of /api/v1/explore/allocation.
type ExploreAllocationParams struct {
	AllocationParams
	Compare string `query:"compare" doc:"previous, or days back as 7d: rows carry what they cost then, like for like; of a day that is cut or not over, the hours so far count. Default: no comparison."`
}

// ExploreAssetParams are the parameters of /api/v1/explore/assets.
type ExploreAssetParams struct {
	AssetParams
	Compare string `query:"compare" doc:"As of the allocation route."`
}

// Explore is the data of the explore routes: a table of rows over the whole
// window, and along time for the largest of them.
type Explore struct {
	Sets    []ExploreSet `json:"sets" nullable:"false" doc:"the steps of the series"`
	Rows    []ExploreRow `json:"rows" nullable:"false" doc:"by cost, largest first"`
	Changes *Changes     `json:"changes,omitempty" doc:"where compare was asked for; its rows stand in rows"`
}

// ExploreSet is one step along time.
type ExploreSet struct {
	Window Window `json:"window"`
	Total  Amount `json:"total" doc:"of all rows, those without a series included"`
	Coverage
}

// ExploreRow is one group over the whole window.
type ExploreRow struct {
	Name string   `json:"name"`
	Key  []string `json:"key" nullable:"false" doc:"one part per dimension of aggregate"`
	Kind string   `json:"kind" doc:"container, idle, unmounted, overhead, shared; asset of assets"`

	Total    Amount `json:"total"`
	CPU      Amount `json:"cpu" doc:"without idle that was shared with the row"`
	RAM      Amount `json:"ram"`
	GPU      Amount `json:"gpu"`
	PV       Amount `json:"pv"`
	LB       Amount `json:"loadBalancer"`
	Network  Amount `json:"network"`
	Overhead Amount `json:"overhead"`
	Other    Amount `json:"other" doc:"of assets: what is neither CPU nor memory nor GPU"`
	Idle     Amount `json:"idleShare" doc:"idle that was shared with the row"`
	Shared   Amount `json:"sharedShare" doc:"shared cost that the row was given"`
	Waste    Amount `json:"workloadIdle" doc:"part of total: asked for and not used, at the row's average rates"`
	Default  Amount `json:"defaultCost" doc:"of assets: part of total that rests on default rates"`

	Hours        Number `json:"hours" doc:"run hours"`
	CPUCoreHours Number `json:"cpuCoreHours" doc:"of workloads max(request, usage), taken per step; of assets what they have"`
	CPURequested Number `json:"cpuRequestedCoreHours"`
	CPUUsed      Number `json:"cpuUsedCoreHours"`
	RAMByteHours Number `json:"ramByteHours"`
	RAMRequested Number `json:"ramRequestedByteHours"`
	RAMUsed      Number `json:"ramUsedByteHours"`
	GPUHours     Number `json:"gpuHours"`
	PVByteHours  Number `json:"pvByteHours"`

	Series []Amount `json:"series,omitempty" doc:"cost per set; only of the largest rows"`

	Before *Amount `json:"before,omitempty" doc:"the earlier period, like for like"`
	After  *Amount `json:"after,omitempty" doc:"this period, like for like"`
	Price  *Amount `json:"price,omitempty"`
	Volume *Amount `json:"volume,omitempty"`
	State  string  `json:"state,omitempty" doc:"same, new or gone"`
}

// seriesRows is how many rows have a series.
const seriesRows = 12

func (a *API) registerExplore() {
	const description = "The same questions as /allocation and /assets, at one version of the data: every row over the whole window, " +
		"a series along time for the largest twelve, completeness per step, and, where asked, the change since an earlier period, like for like. " +
		"Idle and overhead are shown unless a parameter says otherwise, so that the total is what the assets cost."
	register[ExploreAllocationParams, Explore](a, Dialect{}, route{
		path: "/api/v1/explore/allocation", tag: uiTag, data: true, summary: "Workloads as a table and along time", description: description,
	}, a.exploreAllocations)
	register[ExploreAssetParams, Explore](a, Dialect{}, route{
		path: "/api/v1/explore/assets", tag: uiTag, data: true, summary: "Assets as a table and along time", description: description,
	}, a.exploreAssets)
}

// ownPages is the dialect of our pages: nothing is hidden by default.
var ownPages = Dialect{Idle: true, Overhead: query.OverheadSeparate, DailySets: true}

func (a *API) exploreAllocations(r *request, in *ExploreAllocationParams) (*reply, error) {
	plan, err := planAllocation(ownPages, &in.AllocationParams, r.values, r.now)
	p := reader{err: err, warnings: plan.warnings}
	shift := p.shift(in.Compare)
	p.largestFirst(in.ListParams)
	if p.err != nil {
		return nil, p.err
	}
	q := plan.query
	offset, limit := q.Offset, q.Limit
	q.SortBy, q.Offset, q.Limit, q.Detail = "", 0, 0, query.DetailUsage
	x := explorer{qs: a.cfg.Questions}
	ans, along, sets, err := x.allocations(r.Context(), q)
	if err != nil {
		return nil, err
	}
	meta := metaJSON(&ans.Answer)
	out := Explore{Rows: gatherAllocations(ans.Sets)}
	if along != nil {
		withSeries(out.Rows, gatherAllocations(along.Sets))
	}
	if out.Sets, err = x.sets(r.Context(), sets, q.Filter, ans.DataVersion); err != nil {
		return nil, err
	}
	meta.TotalCost, meta.RowCount = amount(totalAllocations(ans.Sets)), len(out.Rows)
	if strings.TrimSpace(in.Compare) != "" {
		if shift == 0 {
			shift = query.PreviousShift(q.Window)
		}
		q.Detail = query.DetailRates
		c, err := query.Compare(r.Context(), a.cfg.Questions, q, shift)
		if err != nil {
			return nil, err
		}
		p.warnings = append(p.warnings, out.compared(c, ans.DataVersion, string(cost.KindContainer))...)
	}
	out.Rows = page(out.Rows, offset, limit)
	rep := &reply{meta: meta, warnings: append(p.warnings, append(ans.Warnings, x.warnings...)...), data: out}
	if plan.format == formatCSV {
		exploreCSV(rep, "explore-allocation", &ans.Answer, &out)
	}
	return rep, nil
}

func (a *API) exploreAssets(r *request, in *ExploreAssetParams) (*reply, error) {
	d := ownPages
	d.AssetSets = true
	plan, err := planAssets(d, &in.AssetParams, r.values, r.now)
	p := reader{err: err, warnings: plan.warnings}
	shift := p.shift(in.Compare)
	p.largestFirst(in.ListParams)
	if p.err != nil {
		return nil, p.err
	}
	q := plan.query
	offset, limit := q.Offset, q.Limit
	q.SortBy, q.Offset, q.Limit = "", 0, 0
	finest := len(q.Aggregate) == 0 && !q.All
	if !finest { // whose rows are named by their properties
		q.Detail = query.DetailUsage
	}
	ans, err := a.cfg.Questions.Assets(r.Context(), q)
	if err != nil {
		return nil, err
	}
	meta := metaJSON(&ans.Answer)
	meta.TotalCost = amount(totalAssets(ans.Sets))
	x := explorer{qs: a.cfg.Questions}
	totals := make([]setTotal, len(ans.Sets))
	for i := range ans.Sets {
		totals[i] = setTotal{ans.Sets[i].Window, amount(totalAssets(ans.Sets[i : i+1]))}
	}
	out := Explore{Rows: gatherAssets(ans.Sets, assetNamer{finest: finest})}
	if out.Sets, err = x.sets(r.Context(), totals, q.Filter, ans.DataVersion); err != nil {
		return nil, err
	}
	meta.RowCount = len(out.Rows)
	if strings.TrimSpace(in.Compare) != "" {
		if shift == 0 {
			shift = query.PreviousShift(q.Window)
		}
		q.Detail = query.DetailRates
		c, err := query.CompareAssets(r.Context(), a.cfg.Questions, q, shift)
		if err != nil {
			return nil, err
		}
		p.warnings = append(p.warnings, out.compared(c, ans.DataVersion, sourceAsset)...)
	}
	out.Rows = page(out.Rows, offset, limit)
	rep := &reply{meta: meta, warnings: append(p.warnings, append(ans.Warnings, x.warnings...)...), data: out}
	if plan.format == formatCSV {
		exploreCSV(rep, "explore-assets", &ans.Answer, &out)
	}
	return rep, nil
}

// compared adds a comparison to the rows. It warns where that is of other data.
func (e *Explore) compared(c *query.Comparison, version, kind string) (warnings []string) {
	if c.DataVersion != version {
		warnings = append(warnings, "new data arrived between the rows and their comparison; ask again for both of one version")
	}
	changes := changesJSON(c, 0)
	e.Rows = withChanges(e.Rows, changes.Rows, kind)
	changes.Rows = []Change{}
	e.Changes = &changes
	return warnings
}

// explorer asks the questions of one answer.
type explorer struct {
	qs       query.Questions
	warnings []string
}

type setTotal struct {
	window cost.Window
	total  Amount
}

// allocations asks for rows along time or, where those are too many to hold,
// for the whole window and the total along time.
//
// Where steps are shorter than a day, the rows are those of the whole window, and
// along has the costs of the steps: shares by the hour are not those by the day,
// and a row costs the same everywhere. Many small rows come the same way, because
// reading no more than the costs of each step is faster.
func (x *explorer) allocations(ctx context.Context, q query.AllocationQuery) (ans, along *query.AllocationAnswer, totals []setTotal, err error) {
	apart := q.ByHour() || q.Stepped() && len(q.Aggregate) > 1 && !q.Fine() && !q.Shares()
	steps := q
	if apart {
		steps.Detail = query.DetailCosts
	}
	for range 3 { // both of one version of the data
		ans, err = x.qs.Allocations(ctx, steps)
		if query.IsTooManyRows(err) && q.Accumulate != query.AccumulateAll {
			ans, totals, err = x.coarse(ctx, q)
			return ans, nil, totals, err
		}
		if err != nil {
			return nil, nil, nil, err
		}
		totals = totalsOf(ans)
		if !apart {
			return ans, nil, totals, nil
		}
		along = ans
		if ans, err = x.qs.Allocations(ctx, whole(q)); err != nil {
			return nil, nil, nil, err
		}
		if along.DataVersion == ans.DataVersion {
			return ans, along, totals, nil
		}
	}
	x.warnings = append(x.warnings, mixedVersions)
	return ans, along, totals, nil
}

// whole asks for the window as one.
func whole(q query.AllocationQuery) query.AllocationQuery {
	q.StepHours, q.Accumulate, q.Detail = 0, query.AccumulateAll, query.DetailUsage
	return q
}

// withSeries gives rows the series of the rows of the same name.
func withSeries(rows, along []ExploreRow) {
	series := make(map[string][]Amount, seriesRows)
	for i := range along {
		if along[i].Series != nil {
			series[along[i].Name] = along[i].Series
		}
	}
	for i := range rows {
		rows[i].Series = series[rows[i].Name]
	}
}

func totalsOf(ans *query.AllocationAnswer) []setTotal {
	totals := make([]setTotal, len(ans.Sets))
	for i := range ans.Sets {
		totals[i] = setTotal{ans.Sets[i].Window, amount(totalAllocations(ans.Sets[i : i+1]))}
	}
	return totals
}

func (x *explorer) coarse(ctx context.Context, q query.AllocationQuery) (*query.AllocationAnswer, []setTotal, error) {
	all := q
	all.Aggregate, all.All, all.Detail = nil, true, query.DetailCosts
	x.warnings = append(x.warnings, "too many rows for a series each: the chart shows the total alone")
	ans, err := x.qs.Allocations(ctx, whole(q))
	if err != nil {
		return nil, nil, err
	}
	along, err := x.qs.Allocations(ctx, all)
	if err != nil {
		return nil, nil, err
	}
	if along.DataVersion != ans.DataVersion {
		x.warnings = append(x.warnings, mixedVersions)
	}
	return ans, totalsOf(along), nil
}

// sets adds to each step how much of it is there.
func (x *explorer) sets(ctx context.Context, totals []setTotal, f query.Filter, version string) ([]ExploreSet, error) {
	windows := make([]cost.Window, len(totals))
	for i := range totals {
		windows[i] = totals[i].window
	}
	cov, err := x.qs.Coverage(ctx, windows, f)
	if err != nil {
		return nil, err
	}
	if cov.DataVersion != version {
		x.warnings = append(x.warnings, "new data arrived between the rows and their completeness; ask again for both of one version")
	}
	out := make([]ExploreSet, len(totals))
	for i := range totals {
		out[i] = ExploreSet{windowOf(totals[i].window), totals[i].total, Coverage{
			cov.Sets[i].HoursExpected, cov.Sets[i].HoursPresent, cov.Sets[i].HoursPartial, windows[i].End <= cov.Settled,
		}}
	}
	return out, nil
}

// gather adds up the rows of each name over the sets and orders them by cost;
// the largest get a series.
func gather[T any](sets int, each func(set int, add func(name string, row *T)), join func(into, row *T), total func(*T) *cost.Sum, write func(string, *T) ExploreRow) []ExploreRow {
	type group struct {
		name   string
		row    T
		total  cost.Sum
		series []*cost.Sum
	}
	groups := map[string]*group{}
	for s := range sets {
		each(s, func(name string, row *T) {
			g := groups[name]
			if g == nil {
				g = &group{name: name, series: make([]*cost.Sum, sets)}
				groups[name] = g
			}
			join(&g.row, row)
			t := total(row)
			g.total.AddSum(t)
			g.series[s] = t
		})
	}
	order := make([]*group, 0, len(groups))
	for _, g := range groups {
		order = append(order, g)
	}
	slices.SortFunc(order, func(a, b *group) int {
		return cmp.Or(b.total.Big().Cmp(a.total.Big()), strings.Compare(a.name, b.name))
	})
	out := make([]ExploreRow, len(order))
	for i, g := range order {
		out[i] = write(g.name, &g.row)
		out[i].Total = amount(&g.total)
		if i < seriesRows && sets > 1 {
			out[i].Series = make([]Amount, sets)
			for s, v := range g.series {
				if v != nil {
					out[i].Series[s] = amount(v)
				}
			}
		}
	}
	return out
}

func gatherAllocations(sets []query.AllocationSet) []ExploreRow {
	return gather(len(sets), func(s int, add func(string, *query.AllocationRow)) {
		for i := range sets[s].Rows {
			add(sets[s].Rows[i].Name, &sets[s].Rows[i])
		}
	}, joinAllocation, (*query.AllocationRow).Total, exploreAllocation)
}

// joinAllocation adds what an explore row shows.
func joinAllocation(t, r *query.AllocationRow) {
	if t.Kind == "" {
		t.Key, t.Kind = r.Key, r.Kind
	}
	mine, theirs := t.Costs(), r.Costs()
	for i := range mine {
		mine[i].AddSum(theirs[i])
	}
	t.CPURequest += r.CPURequest
	t.CPUUsage += r.CPUUsage
	t.CPUAllocated += r.CPUAllocated
	t.RAMRequest += r.RAMRequest
	t.RAMUsage += r.RAMUsage
	t.RAMAllocated += r.RAMAllocated
	t.GPUUsage += r.GPUUsage
	t.GPUAllocated += r.GPUAllocated
	t.PVByteHours += r.PVByteHours
	t.RunHours += r.RunHours
}

func exploreAllocation(name string, r *query.AllocationRow) ExploreRow {
	row := ExploreRow{
		Name: name, Key: r.Key, Kind: string(r.Kind),
		CPU: amount(&r.CPU), RAM: amount(&r.RAM), GPU: amount(&r.GPU), PV: amount(&r.PV), LB: amount(&r.LB),
		Network:  amount(&r.NetworkCrossZone, &r.NetworkCrossRegion, &r.NetworkInternet),
		Overhead: amount(&r.Overhead), Idle: amount(&r.IdleCPU, &r.IdleRAM, &r.IdleGPU), Shared: amount(&r.Shared),
		Hours: Number(r.RunHours), CPUCoreHours: Number(float64(r.CPUAllocated) / micro), RAMByteHours: Number(r.RAMAllocated),
		CPURequested: Number(float64(r.CPURequest) / micro), CPUUsed: Number(float64(r.CPUUsage) / micro),
		RAMRequested: Number(r.RAMRequest), RAMUsed: Number(r.RAMUsage),
		GPUHours: Number(float64(r.GPUAllocated) / micro), PVByteHours: Number(r.PVByteHours),
	}
	if r.Kind == cost.KindContainer {
		row.Waste = amount(r.Waste())
	}
	if row.Key == nil {
		row.Key = []string{}
	}
	return row
}

func gatherAssets(sets []query.AssetSet, names assetNamer) []ExploreRow {
	return gather(len(sets), func(s int, add func(string, *query.AssetRow)) {
		names.seen = make(map[string]int, len(sets[s].Rows))
		for i := range sets[s].Rows {
			add(names.name(&sets[s].Rows[i]), &sets[s].Rows[i])
		}
	}, joinAsset, (*query.AssetRow).Total, exploreAsset)
}

// joinAsset adds what an explore row shows.
func joinAsset(t, r *query.AssetRow) {
	t.Key = r.Key
	for to, from := range map[*cost.Sum]*cost.Sum{&t.CPU: &r.CPU, &t.RAM: &r.RAM, &t.GPU: &r.GPU, &t.Other: &r.Other, &t.DefaultPriced: &r.DefaultPriced} {
		to.AddSum(from)
	}
	t.RunHours += r.RunHours
	t.CPUCoreHours += r.CPUCoreHours
	t.RAMByteHours += r.RAMByteHours
}

func exploreAsset(name string, r *query.AssetRow) ExploreRow {
	key := r.Key
	if len(key) == 0 {
		key = []string{name}
	}
	return ExploreRow{
		Name: name, Key: key, Kind: sourceAsset, CPU: amount(&r.CPU), RAM: amount(&r.RAM), GPU: amount(&r.GPU), Other: amount(&r.Other),
		Default: amount(&r.DefaultPriced), Hours: Number(r.RunHours), CPUCoreHours: Number(float64(r.CPUCoreHours) / micro), RAMByteHours: Number(r.RAMByteHours),
	}
}

// withChanges gives rows their change, and adds those that are gone, of a kind.
func withChanges(rows []ExploreRow, changes []Change, kind string) []ExploreRow {
	at := make(map[string]int, len(rows))
	for i := range rows {
		at[rows[i].Name] = i
	}
	for _, c := range changes {
		i, ok := at[c.Name]
		if !ok {
			rows = append(rows, ExploreRow{Name: c.Name, Key: strings.Split(c.Name, "/"), Kind: kind})
			i = len(rows) - 1
		}
		r := &rows[i]
		r.Before, r.After, r.Price, r.Volume, r.State = &c.Before, &c.After, &c.Price, &c.Volume, c.State
	}
	return rows
}

func page[T any](rows []T, offset, limit int) []T {
	rows = rows[min(offset, len(rows)):]
	if limit > 0 {
		rows = rows[:min(limit, len(rows))]
	}
	return rows
}

// largestFirst refuses any other order: the series are those of the largest.
func (p *reader) largestFirst(in ListParams) {
	if by := strings.TrimSpace(in.SortBy); by != "" && by != "totalCost" || p.order(in) {
		p.fail("sortBy", "rows come by cost, largest first", "leave sortBy and sortByOrder out, and order the rows yourself")
	}
}

// exploreCSV writes the rows as one table, a line each, over the whole window.
// The last column says which hours before and after are of.
func exploreCSV(rep *reply, name string, ans *query.Answer, e *Explore) {
	rows, period := e.Rows, ""
	if e.Changes != nil {
		period = e.Changes.Period
	}
	rep.filename = name + "-" + fileWindow(ans) + ".csv"
	rep.csv = func(out io.Writer) error {
		names, index := numberColumns[ExploreRow]()
		w := csv.NewWriter(out)
		_ = w.Write(append(append([]string{"name", "kind"}, names...), "before", "after", "price", "volume", "state", "currency", "compared")) // w.Error tells
		for i := range rows {
			r := &rows[i]
			record := append([]string{text(r.Name), r.Kind}, cells(r, index)...)
			for _, a := range []*Amount{r.Before, r.After, r.Price, r.Volume} {
				cell := ""
				if a != nil {
					cell = string(a.appendJSON(nil))
				}
				record = append(record, cell)
			}
			if err := w.Write(append(record, r.State, ans.Currency, period)); err != nil {
				return err
			}
		}
		w.Flush()
		return w.Error()
	}
}
