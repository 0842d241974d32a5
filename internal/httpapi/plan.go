package httpapi

import (
	"net/url"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// Formats of an answer.
const (
	formatJSON = "json"
	formatCSV  = "csv"
)

// allocationPlan is a decoded allocation request.
type allocationPlan struct {
	query     query.AllocationQuery
	breakdown bool
	format    string
	warnings  []string
}

// planAllocation decodes the parameters of an allocation route in a dialect.
func planAllocation(d Dialect, in *AllocationParams, raw url.Values, now time.Time) (allocationPlan, error) {
	var p reader
	q := query.AllocationQuery{
		SortBy:          strings.TrimSpace(in.SortBy),
		ShareNamespaces: list(in.ShareNamespaces),
	}
	q.Window = p.window(in.Window, now)
	dims, all, err := query.ParseAggregate(in.Aggregate, query.SourceAllocation)
	p.check(err)
	q.Aggregate, q.All = dims, all
	q.StepHours, q.Accumulate = p.sets(d, in.SetParams)
	q.Filter = p.filter(in.Filter, raw, query.SourceAllocation)
	p.idle(d, in, &q)
	q.Overhead = p.overhead(d, in)
	q.ShareLabels = p.shareLabels(in.ShareLabels)
	q.ShareCostMonthly = p.money("shareCost", in.ShareCost)
	q.ShareSplit = query.ShareSplit(p.choice("shareSplit", in.ShareSplit, string(query.SplitWeighted),
		string(query.SplitWeighted), string(query.SplitEven)))
	q.ShareScope = query.ShareScope(p.choice("shareScope", in.ShareScope, string(query.ShareWithinCluster),
		string(query.ShareWithinCluster), string(query.ShareWithinFleet)))
	q.Ascending, q.Offset, q.Limit = p.order(in.ListParams), p.count("offset", in.Offset, 0), p.count("limit", in.Limit, 0)
	plan := allocationPlan{
		breakdown: p.booleanOr("includeSharedCostBreakdown", in.IncludeSharedCostBreakdown, d.SharedBreakdown),
		format:    p.choice("format", in.Format, formatJSON, formatJSON, formatCSV),
	}
	p.ignored(map[string]string{
		"reconcile": in.Reconcile, "includeAggregatedMetadata": in.Metadata,
		"includeProportionalAssetResourceCosts": in.Proportional, "sharelb": in.ShareLB,
	})
	plan.query, plan.warnings = q, p.warnings
	return plan, p.err
}

// assetPlan is a decoded asset request.
type assetPlan struct {
	query    query.AssetQuery
	format   string
	warnings []string
}

// planAssets decodes the parameters of an asset route in a dialect.
func planAssets(d Dialect, in *AssetParams, raw url.Values, now time.Time) (assetPlan, error) {
	var p reader
	q := query.AssetQuery{SortBy: strings.TrimSpace(in.SortBy), Window: p.window(in.Window, now)}
	dims, all, err := query.ParseAggregate(in.Aggregate, query.SourceAsset)
	p.check(err)
	q.Aggregate, q.All = dims, all
	q.StepHours, q.Accumulate = p.sets(d, in.SetParams)
	q.Filter = p.filter(in.Filter, raw, query.SourceAsset)
	q.Ascending, q.Offset, q.Limit = p.order(in.ListParams), p.count("offset", in.Offset, 0), p.count("limit", in.Limit, 0)
	plan := assetPlan{format: p.choice("format", in.Format, formatJSON, formatJSON, formatCSV)}
	p.ignored(map[string]string{
		"includeIdle": in.IncludeIdle, "disableAdjustments": in.DisableAdjustments, "reconcile": in.Reconcile,
	})
	if !d.AssetSets && plan.format == formatJSON && q.Accumulate != query.AccumulateAll {
		if q.StepHours != 0 || q.Accumulate != query.AccumulateNone {
			p.warn("%s/assets is one object: step and accumulate are answered as the whole window; ask /model/assets for sets along time", d.Prefix)
		}
		q.StepHours, q.Accumulate = 0, query.AccumulateAll
	}
	plan.query, plan.warnings = q, p.warnings
	return plan, p.err
}

func (p *reader) window(text string, now time.Time) cost.Window {
	w, err := query.ParseWindow(text, now)
	p.check(err)
	p.warnings = append(p.warnings, w.Warnings...)
	return w.Window
}

// sets reads step and accumulate. Absent both, a dialect's sets are the whole
// window or UTC days; days are asked for as calendar days, so that a window
// that starts at noon has its sets cut at midnight.
func (p *reader) sets(d Dialect, in SetParams) (step int64, acc query.Accumulate) {
	step, err := query.ParseStep(in.Step)
	p.check(err)
	text, param := strings.TrimSpace(in.Accumulate), "accumulate"
	if text == "" {
		text, param = strings.TrimSpace(in.AccumulateBy), "accumulateBy"
	}
	if strings.EqualFold(text, "weeknow") {
		p.warn("%s=weeknow is answered as week: weeks begin on Sunday", param)
		text = string(query.AccumulateWeek)
	}
	acc, err = query.ParseAccumulate(text)
	p.check(err)
	if unit := unitHours(acc); unit > 0 && step > unit {
		p.fail("step", "is longer than the unit of "+param, "use a step of at most one "+string(acc)+", or leave it out")
	}
	if step == 0 && acc == query.AccumulateNone && d.DailySets {
		acc = query.AccumulateDay
	}
	return step, acc
}

// unitHours is the shortest length of an accumulation unit; 0 for those that
// hold any step.
func unitHours(a query.Accumulate) int64 {
	switch a {
	case query.AccumulateHour:
		return 1
	case query.AccumulateDay:
		return 24
	case query.AccumulateWeek:
		return 7 * 24
	case query.AccumulateMonth:
		return 28 * 24
	case query.AccumulateQuarter:
		return 90 * 24
	}
	return 0
}

// filter reads filter or, where it is absent, the v1 parameters.
func (p *reader) filter(text string, raw url.Values, source string) query.Filter {
	v1, err := query.ParseFilterParameters(raw, source)
	if strings.TrimSpace(text) == "" {
		p.check(err)
		return v1
	}
	f, ferr := query.ParseFilter(text, source)
	p.check(ferr)
	if v1.Root != nil || err != nil {
		p.warn("the filterX parameters are not read beside filter")
	}
	return f
}

// idle reads the idle parameters. Sharing wins over showing: what is shared is
// not shown, and idle=false with shareIdle=true still shares.
func (p *reader) idle(d Dialect, in *AllocationParams, q *query.AllocationQuery) {
	show, given := p.boolean("idle", in.Idle)
	include, givenInclude := p.boolean("includeIdle", in.IncludeIdle)
	switch {
	case given && givenInclude && show != include:
		p.warn("idle and includeIdle differ: idle=%t is used", show)
	case !given && givenInclude:
		show = include
	case !given:
		show = d.Idle
	}
	q.IdleByNode = p.booleanOr("idleByNode", in.IdleByNode, false)
	q.SplitIdle = p.booleanOr("splitIdle", in.SplitIdle, false)
	share := false
	switch strings.ToLower(strings.TrimSpace(in.ShareIdle)) {
	case "weighted":
		share = true
	case "separate", "none":
	default:
		share = p.booleanOr("shareIdle", in.ShareIdle, false)
	}
	switch {
	case share && q.IdleByNode:
		q.Idle = query.IdleShareByNode
	case share:
		q.Idle = query.IdleShareByCluster
	case show:
		q.Idle = query.IdleSeparate
	default:
		q.Idle = query.IdleHide
	}
}

// overhead reads what becomes of overhead. The dialect's default holds only
// where neither parameter is given.
func (p *reader) overhead(d Dialect, in *AllocationParams) query.OverheadMode {
	include, givenInclude := p.boolean("includeOverhead", in.IncludeOverhead)
	share, givenShare := p.boolean("shareTenancyCosts", in.ShareTenancyCosts)
	switch {
	case share:
		return query.OverheadShare
	case include:
		return query.OverheadSeparate
	case givenInclude || givenShare:
		return query.OverheadHide
	}
	return d.Overhead
}

func (p *reader) shareLabels(text string) []query.LabelMatch {
	var out []query.LabelMatch
	for _, part := range list(text) {
		key, value, ok := strings.Cut(part, ":")
		if key = cost.SanitizeLabel(strings.TrimSpace(key)); !ok || key == "" {
			p.fail("shareLabels", "\""+part+"\" is not key:value", "write shareLabels=app:ingress")
			return nil
		}
		out = append(out, query.LabelMatch{Key: key, Value: strings.TrimSpace(value)})
	}
	return out
}

func (p *reader) order(in ListParams) (ascending bool) {
	switch p.choice("sortByOrder", in.SortByOrder, "desc", "desc", "asc", "descending", "ascending") {
	case "asc", "ascending":
		return true
	}
	return false
}

// ignored checks the values of switches that are accepted without effect: a
// client that sends nonsense should hear of it all the same.
func (p *reader) ignored(switches map[string]string) {
	for name, text := range switches {
		p.boolean(name, text)
	}
}
