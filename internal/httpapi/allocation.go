package httpapi

import (
	"time"

	"github.com/fleetcost/fleetcost/internal/query"
)

// SummaryData is the data of /allocation/summary.
type SummaryData struct {
	Step   int64        `json:"step" doc:"nanoseconds, the length of the first set"`
	Sets   []SummarySet `json:"sets"`
	Window Window       `json:"window"`
}

// SummarySet is one set of /allocation/summary.
type SummarySet struct {
	Allocations map[string]SummaryAllocation `json:"allocations"`
	Window      Window                       `json:"window"`
}

// AllocationTopline is the data of /allocation/topline.
type AllocationTopline struct {
	NumResults int                `json:"numResults"`
	Combined   CombinedAllocation `json:"combined"`
}

// CombinedAllocation is the total of an allocation answer.
type CombinedAllocation struct {
	Allocations map[string]Allocation `json:"allocations" doc:"one entry, total"`
	Window      Window                `json:"window"`
}

// SummaryTopline is the data of /allocation/summary/topline.
type SummaryTopline struct {
	NumResults int        `json:"numResults"`
	Combined   SummarySet `json:"combined"`
}

// totalName names the one entry of a topline.
const totalName = "total"

// ask decodes and asks an allocation question. change may adapt the question.
func (a *API) ask(r *request, in *AllocationParams, change func(*query.AllocationQuery)) (allocationPlan, *query.AllocationAnswer, *reply, error) {
	plan, err := planAllocation(r.dialect, in, r.values, r.now)
	if err != nil {
		return plan, nil, nil, err
	}
	if change != nil {
		change(&plan.query)
	}
	q := plan.query
	order := efficiencyOrder(q.SortBy)
	if order != nil {
		q.SortBy, q.Offset, q.Limit = "", 0, 0
	}
	ans, err := a.cfg.Questions.Allocations(r.Context(), q)
	if err != nil {
		return plan, nil, nil, nameOrders(err)
	}
	meta, warnings := metaJSON(&ans.Answer), append(plan.warnings, ans.Warnings...)
	whole, version := totalAllocations(ans.Sets), ans.DataVersion
	if order != nil {
		ans = byEfficiency(ans, order, q.Ascending, plan.query.Offset, plan.query.Limit)
	}
	if isCut(plan.query.Offset, plan.query.Limit, &ans.Answer) {
		page := amount(totalAllocations(ans.Sets))
		meta.PageCost = &page
		if order == nil {
			if whole, version, err = a.wholeAllocations(r.Context(), q); err != nil {
				return plan, nil, nil, err
			}
		}
	}
	if version != ans.DataVersion {
		warnings = append(warnings, mixedVersions)
	}
	meta.TotalCost = amount(whole)
	return plan, ans, &reply{meta: meta, warnings: warnings}, nil
}

// allocations answers /allocation: an array of sets, each name → Allocation.
func (a *API) allocations(r *request, in *AllocationParams) (*reply, error) {
	plan, ans, rep, err := a.ask(r, in, func(q *query.AllocationQuery) { q.IncludeAttachments = true })
	if err != nil {
		return nil, err
	}
	if plan.format == formatCSV {
		return allocationCSV(rep, ans), nil
	}
	rep.stream = func(j *jsonWriter) {
		j.raw("[")
		for s := range ans.Sets {
			if s > 0 {
				j.raw(",")
			}
			set := &ans.Sets[s]
			j.raw("{")
			for i := range set.Rows {
				row := allocationJSON(&set.Rows[i], set.Window, plan.breakdown)
				a.member(j, i, row.Name, a.allocationRow, &row)
			}
			j.raw("}")
		}
		j.raw("]")
	}
	return rep, nil
}

// member writes one "name":{…} of a map.
func (a *API) member(j *jsonWriter, i int, name string, e *rowEncoder, row any) {
	if i > 0 {
		j.raw(",")
	}
	j.string(name)
	j.raw(":")
	j.row(e, row)
}

// summary answers /allocation/summary.
func (a *API) summary(r *request, in *AllocationParams) (*reply, error) {
	plan, ans, rep, err := a.ask(r, in, nil)
	if err != nil {
		return nil, err
	}
	if plan.format == formatCSV {
		return allocationCSV(rep, ans), nil
	}
	rep.stream = func(j *jsonWriter) {
		j.raw(`{"step":`)
		j.value(stepOf(ans))
		j.raw(`,"sets":[`)
		for s := range ans.Sets {
			if s > 0 {
				j.raw(",")
			}
			set := &ans.Sets[s]
			j.raw(`{"allocations":{`)
			for i := range set.Rows {
				row := summaryJSON(&set.Rows[i])
				a.member(j, i, row.Name, a.summaryRow, &row)
			}
			j.raw(`},"window":`)
			j.window(windowOf(set.Window))
			j.raw("}")
		}
		j.raw(`],"window":`)
		j.window(windowOf(ans.Window))
		j.raw("}")
	}
	return rep, nil
}

func stepOf(ans *query.AllocationAnswer) int64 {
	w := ans.Window
	if len(ans.Sets) > 0 {
		w = ans.Sets[0].Window
	}
	return w.Hours() * int64(time.Hour)
}

// topline asks for the whole window, all rows, and adds them up.
func (a *API) topline(r *request, in *AllocationParams) (allocationPlan, *query.AllocationAnswer, query.AllocationRow, *reply, error) {
	plan, ans, rep, err := a.ask(r, in, func(q *query.AllocationQuery) {
		q.StepHours, q.Accumulate, q.Offset, q.Limit = 0, query.AccumulateAll, 0, 0
	})
	if err != nil {
		return plan, nil, query.AllocationRow{}, nil, err
	}
	var rows []query.AllocationRow
	for s := range ans.Sets {
		rows = append(rows, ans.Sets[s].Rows...)
	}
	return plan, ans, sumAllocations(totalName, rows), rep, nil
}

func (a *API) allocationTopline(r *request, in *AllocationParams) (*reply, error) {
	plan, ans, total, rep, err := a.topline(r, in)
	if err != nil {
		return nil, err
	}
	if plan.format == formatCSV {
		return allocationCSV(rep, one(ans, total)), nil
	}
	rep.data = AllocationTopline{NumResults: ans.RowCount, Combined: CombinedAllocation{
		Allocations: map[string]Allocation{totalName: allocationJSON(&total, ans.Window, false)}, Window: windowOf(ans.Window),
	}}
	return rep, nil
}

func (a *API) summaryTopline(r *request, in *AllocationParams) (*reply, error) {
	plan, ans, total, rep, err := a.topline(r, in)
	if err != nil {
		return nil, err
	}
	if plan.format == formatCSV {
		return allocationCSV(rep, one(ans, total)), nil
	}
	rep.data = SummaryTopline{NumResults: ans.RowCount, Combined: SummarySet{
		Allocations: map[string]SummaryAllocation{totalName: summaryJSON(&total)}, Window: windowOf(ans.Window),
	}}
	return rep, nil
}

// one is an answer of a single row.
func one(ans *query.AllocationAnswer, row query.AllocationRow) *query.AllocationAnswer {
	return &query.AllocationAnswer{Answer: ans.Answer, Sets: []query.AllocationSet{{Window: ans.Window, Rows: []query.AllocationRow{row}}}}
}
