package httpapi

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// uiTag groups the routes that our own pages ask first of all.
const uiTag = "pages"

// OverviewParams are the parameters of /api/v1/overview.
type OverviewParams struct {
	WindowParam
	By      string `query:"by" doc:"What the changes are told by: as aggregate; default namespace." example:"namespace"`
	Changes string `query:"changes" doc:"The period whose changes are told, as window; default: the window. Days that it cuts, and the day that is not over, count with their hours." example:"last7d"`
	Compare string `query:"compare" doc:"Days back to compare that period with, as 7d; default: the period before it, which for one that begins with a month is the same days of the month before."`
}

// Overview is the data of /api/v1/overview.
type Overview struct {
	Parts       CostParts         `json:"parts"`
	DefaultCost Amount            `json:"defaultCost" doc:"part of the total that rests on default rates"`
	Reserved    Amount            `json:"reservedCost" doc:"part of idle that the nodes keep for the system"`
	Waste       Amount            `json:"workloadIdle" doc:"part of allocated: asked for and not used, per namespace at its average rates"`
	Buckets     []OverviewBucket  `json:"buckets" nullable:"false"`
	Clusters    []OverviewCluster `json:"clusters" nullable:"false" doc:"by cost, largest first; a cluster's cost has its own idle and overhead in it"`
	Waste10     []OverviewWaste   `json:"worstWorkloads" nullable:"false" doc:"the ten namespaces with most workload idle"`
	Changes     Changes           `json:"changes"`
}

// CostParts are the parts of the cost of a scope; they add to its total.
type CostParts struct {
	Allocated Amount `json:"allocated"`
	Idle      Amount `json:"idle"`
	Unmounted Amount `json:"unmounted"`
	Overhead  Amount `json:"overhead"`
	Total     Amount `json:"total"`
}

// OverviewBucket is one step of the trend: a day, or an hour of short windows.
type OverviewBucket struct {
	Window Window    `json:"window"`
	Parts  CostParts `json:"parts"`
	Coverage
}

// Coverage says whether a stretch of time is whole.
type Coverage struct {
	HoursExpected int64 `json:"hoursExpected" doc:"cluster-hours due so far"`
	HoursPresent  int64 `json:"hoursPresent"`
	HoursPartial  int64 `json:"hoursPartial" doc:"of those present, measured only in part"`
	Over          bool  `json:"over" doc:"false while more hours are to come, or where the window cuts a day"`
}

// OverviewCluster is one cluster of the overview.
type OverviewCluster struct {
	Cluster     string `json:"cluster"`
	Cost        Amount `json:"cost"`
	DefaultCost Amount `json:"defaultCost"`
	Idle        Amount `json:"idle"`
	Reserved    Amount `json:"reservedCost"`
	Waste       Amount `json:"workloadIdle"`
}

// OverviewWaste is one namespace of a cluster.
type OverviewWaste struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Cost      Amount `json:"cost"`
	Waste     Amount `json:"workloadIdle"`
}

// Changes is what changed against an earlier period, like for like.
type Changes struct {
	Current  Window    `json:"current" doc:"from the first hour compared to the last; it may begin and end within a day"`
	Previous Window    `json:"previous" doc:"the same hours of the earlier days"`
	Period   string    `json:"period" doc:"both in words: 2026-11-01 to 2026-11-24 until 14:00 UTC, against 2026-10-01 to 2026-10-24 until 14:00 UTC"`
	Pairs    int       `json:"pairs" doc:"cluster-days of the period so far; a day that is cut or not over counts as one"`
	Used     int       `json:"used" doc:"those whose hours are all there and whole in both periods, and so compared"`
	LeftOut  []LeftOut `json:"leftOut" nullable:"false"`
	Total    Change    `json:"total"`
	Rows     []Change  `json:"rows" nullable:"false" doc:"by size of change, largest first"`
	RowCount int       `json:"rowCount"`
}

// LeftOut says why days of a cluster were not compared.
type LeftOut struct {
	Cluster string `json:"cluster"`
	Days    int    `json:"days"`
	Reason  string `json:"reason" doc:"new, gone, incomplete (hours are missing or late), or hours (a part of a day, whose hours are kept by the day only)"`
}

// Change is what changed of one group: change = price + volume.
type Change struct {
	Name   string `json:"name"`
	Before Amount `json:"before"`
	After  Amount `json:"after"`
	Change Amount `json:"change"`
	Price  Amount `json:"price" doc:"the same quantities at other rates"`
	Volume Amount `json:"volume" doc:"other quantities at the earlier rates"`
	State  string `json:"state" doc:"same, new or gone"`
}

// maxChanges bounds the changes of the overview.
const maxChanges = 20

func (a *API) registerOverview() {
	register[OverviewParams, Overview](a, Dialect{}, route{
		path: "/api/v1/overview", tag: uiTag, data: true,
		summary:     "The fleet on one page: total and its parts, trend, clusters, idle, what changed",
		description: "All at one version of the data. Incomplete days are marked and left out of the comparison.",
	}, a.overview)
}

func (a *API) overview(r *request, in *OverviewParams) (*reply, error) {
	var p reader
	q := query.OverviewQuery{Window: p.window(in.Window, r.now), Shift: p.shift(in.Compare)}
	dims, all, err := query.ParseAggregate(in.By, query.SourceAllocation)
	p.check(err)
	if all {
		p.fail("by", "all is no grouping", "use namespace, cluster, controller, label:x, …")
	}
	q.By = dims
	if in.Changes != "" {
		changes, err := query.ParseWindow(in.Changes, r.now)
		if e := (*query.Error)(nil); errors.As(err, &e) {
			e.Param = "changes"
		}
		p.check(err)
		q.Changes = changes.Window
	}
	if p.err != nil {
		return nil, p.err
	}
	o, err := query.Overviews(r.Context(), a.cfg.Questions, q)
	if err != nil {
		return nil, err
	}
	meta := metaJSON(&o.Answer)
	meta.TotalCost, meta.RowCount = amount(o.Total()), len(o.Clusters)
	out := Overview{
		Parts: partsJSON(&o.Parts), DefaultCost: amount(&o.Default), Reserved: amount(&o.Reserved), Waste: amount(&o.Waste),
		Buckets: make([]OverviewBucket, len(o.Buckets)), Clusters: make([]OverviewCluster, len(o.Clusters)),
		Waste10: make([]OverviewWaste, len(o.Waste10)), Changes: changesJSON(o.Changes, maxChanges),
	}
	for i := range o.Buckets {
		b := &o.Buckets[i]
		out.Buckets[i] = OverviewBucket{windowOf(b.Window), partsJSON(&b.Parts), Coverage{b.HoursExpected, b.HoursPresent, b.HoursPartial, b.Over}}
	}
	for i := range o.Clusters {
		c := &o.Clusters[i]
		out.Clusters[i] = OverviewCluster{c.Cluster, amount(&c.Cost), amount(&c.Default), amount(&c.Idle), amount(&c.Reserved), amount(&c.Waste)}
	}
	for i := range o.Waste10 {
		w := &o.Waste10[i]
		out.Waste10[i] = OverviewWaste{w.Cluster, w.Namespace, amount(&w.Cost), amount(&w.Waste)}
	}
	return &reply{meta: meta, warnings: append(p.warnings, o.Warnings...), data: out}, nil
}

// shift reads a number of days back: "7d", "4w"; 0 where absent.
func (p *reader) shift(text string) int {
	text = strings.TrimSpace(text)
	if text == "" || text == "previous" {
		return 0
	}
	unit := map[byte]int{'d': 1, 'w': 7}[text[len(text)-1]]
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 16)
	if err != nil || n <= 0 || unit == 0 {
		p.fail("compare", strconv.Quote(text)+" is no number of days", "write 7d, 4w or previous")
		return 0
	}
	return int(n) * unit
}

func partsJSON(p *query.Parts) CostParts {
	return CostParts{amount(&p.Allocated), amount(&p.Idle), amount(&p.Unmounted), amount(&p.Overhead), amount(p.Total())}
}

func changesJSON(c *query.Comparison, limit int) Changes {
	out := Changes{
		Current: spanOf(c.Current), Previous: spanOf(c.Previous), Period: comparedPeriod(c), Pairs: c.Pairs, Used: c.Used,
		LeftOut: make([]LeftOut, 0, len(c.LeftOut)), Total: changeJSON(&c.Total), Rows: []Change{}, RowCount: len(c.Rows),
	}
	out.Total.Name = totalName
	for _, l := range c.LeftOut {
		out.LeftOut = append(out.LeftOut, LeftOut(l))
	}
	for i := range c.Rows {
		if limit > 0 && i == limit {
			break
		}
		out.Rows = append(out.Rows, changeJSON(&c.Rows[i]))
	}
	return out
}

// comparedPeriod says in words which hours were compared with which, "" where
// there are none.
func comparedPeriod(c *query.Comparison) string {
	if c.Current.Empty() {
		return ""
	}
	return periodText(c.Current) + ", against " + periodText(c.Previous)
}

func periodText(w cost.Window) string {
	first, last := w.Start.Day(), (w.End - 1).Day()
	text := first.String()
	if h := w.Start.OfDay(); h > 0 {
		text += fmt.Sprintf(" from %02d:00 UTC", h)
	}
	if last > first {
		text += " to " + last.String()
	}
	if h := w.End.OfDay(); h > 0 {
		text += fmt.Sprintf(" until %02d:00 UTC", h)
	}
	return text
}

func changeJSON(r *query.ChangedRow) Change {
	out := Change{
		Name: r.Name, Before: amount(&r.Before), After: amount(&r.After), Change: amount(r.Change()),
		Price: amount(&r.Price), Volume: amount(&r.Volume), State: "same",
	}
	switch {
	case r.New:
		out.State = "new"
	case r.Gone:
		out.State = "gone"
	}
	return out
}

// spanOf is a window, null at both ends where it is empty.
func spanOf(w cost.Window) Window {
	if w.Empty() {
		return Window{Time(time.Time{}), Time(time.Time{})}
	}
	return windowOf(w)
}
