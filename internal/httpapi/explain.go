package httpapi

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/pricing"
	"github.com/fleetcost/fleetcost/internal/query"
)

// Bucket is where the objects lie, for statements that read them elsewhere.
type Bucket struct {
	URL              string // as Bucket.String of package bucket: file:///data, s3://name/prefix, …
	Region, Endpoint string // of S3, where the configuration names them
	Insecure         bool   // of S3: plain HTTP
	VirtualHosted    bool   // of S3: the bucket's name is in the host, also at an endpoint of its own
}

// RowParams pick rows of an answer.
type RowParams struct {
	Row    string `query:"row" doc:"Name of the row to explain; absent or *: all rows together."`
	Except string `query:"except" doc:"Comma-separated names of rows to leave out of all rows together." example:"__idle__,__overhead__"`
}

// ExplainAllocationParams are the parameters of /api/v1/explain/allocation.
type ExplainAllocationParams struct {
	AllocationParams
	RowParams
}

// ExplainAssetParams are the parameters of /api/v1/explain/assets.
type ExplainAssetParams struct {
	AssetParams
	RowParams
}

// Explanation is the data of the explain routes: why a number is what it is.
type Explanation struct {
	Row        ExploreRow      `json:"row" doc:"what is explained, over the whole window"`
	Rows       int             `json:"rows" doc:"rows of the answer in it"`
	Lines      []ExplainLine   `json:"lines" nullable:"false" doc:"their costs add up to the total"`
	Prices     []PriceCost     `json:"prices" nullable:"false" doc:"by the price source of each row, which is that of its node; the volumes and balancers in a row may have another. Shares given to the row are not in them"`
	AssetCost  Amount          `json:"assetCost" doc:"what all assets of the clusters of the question cost"`
	Default    Amount          `json:"assetDefaultCost" doc:"the part of assetCost that rests on default prices"`
	Objects    []ExplainObject `json:"objects" nullable:"false" doc:"of the bucket, by key"`
	ObjectRows int64           `json:"objectRows"`
	Bytes      int64           `json:"bytes"`
	SQL        string          `json:"sql" doc:"a DuckDB statement over those objects that gives the number"`
	SQLSetup   string          `json:"sqlSetup" doc:"what DuckDB needs before it can read the bucket"`
	SQLLeftOut []string        `json:"sqlLeftOut" nullable:"false" doc:"what the statement does not compute"`
	CLI        string          `json:"cli" doc:"arguments of the fleetcost command that asks the same; the answer has the row"`
}

// ExplainLine is one part of a cost.
type ExplainLine struct {
	Column   string          `json:"column" doc:"the column of the row that it belongs to"`
	Name     string          `json:"name"`
	Factors  []ExplainFactor `json:"factors" nullable:"false" doc:"their product is the cost but for rounding; none where amounts are only added up"`
	Cost     Amount          `json:"cost"`
	Rounding Amount          `json:"rounding" doc:"cost − product of the factors as they stand here"`
	Note     string          `json:"note,omitempty"`
}

// ExplainFactor is one factor of a product.
type ExplainFactor struct {
	Value Amount `json:"value"`
	Unit  string `json:"unit"`
}

// PriceCost is the part of a cost whose prices came from one source.
type PriceCost struct {
	Source string `json:"source" doc:"as price_source of the bucket format; several where it changed within a day"`
	Cost   Amount `json:"cost"`
	AsOf   string `json:"asOf,omitempty" doc:"of an embedded price book: the date of its prices, in the server's version of fleetcost; an agent of another version may have used other ones"`
}

// ExplainObject is an object of the bucket.
type ExplainObject struct {
	SourceObject
	Written Time   `json:"writtenAt" doc:"when the agent computed its newest hour"`
	Agent   string `json:"agentVersion" doc:"of the agent that writes for the cluster now"`
}

func (a *API) registerExplain() {
	const description = "Takes the question of the matching explore route, and one row of its answer: the formula with its numbers, " +
		"where the prices came from, the objects of the bucket, and a DuckDB statement over them that gives the same number."
	register[ExplainAllocationParams, Explanation](a, Dialect{}, route{
		path: "/api/v1/explain/allocation", tag: uiTag, data: true, summary: "Why the cost of a workload is what it is", description: description,
	}, a.explainAllocation)
	register[ExplainAssetParams, Explanation](a, Dialect{}, route{
		path: "/api/v1/explain/assets", tag: uiTag, data: true, summary: "Why the cost of an asset is what it is", description: description,
	}, a.explainAsset)
}

func (p RowParams) choice() query.RowChoice {
	c := query.RowChoice{Except: list(p.Except)}
	if name := strings.TrimSpace(p.Row); name != "*" {
		c.Name = name
	}
	return c
}

// noRow is what is said where a row is not in the answer: it costs nothing in
// the window, which is a number to explain too.
func noRow(rows query.RowChoice) string {
	return fmt.Sprintf("the answer has no %s: it costs nothing in this window", rows)
}

func (a *API) explainAllocation(r *request, in *ExplainAllocationParams) (*reply, error) {
	plan, err := planAllocation(ownPages, &in.AllocationParams, r.values, r.now)
	if err != nil {
		return nil, err
	}
	q, rows := plan.query, in.choice()
	q.SortBy, q.Offset, q.Limit = "", 0, 0
	if q.ByHour() { // as the rows of Explore
		q.StepHours, q.Accumulate = 0, query.AccumulateAll
	}
	ans, err := a.cfg.Questions.Allocations(r.Context(), q)
	if err != nil {
		return nil, err
	}
	var row query.AllocationRow
	var waste cost.Sum
	names := map[string]*query.AllocationRow{}
	for s := range ans.Sets {
		for i := range ans.Sets[s].Rows {
			if part := &ans.Sets[s].Rows[i]; rows.Has(part.Name) {
				if names[part.Name] == nil {
					names[part.Name] = &query.AllocationRow{}
				}
				joinAllocation(names[part.Name], part)
				joinAllocation(&row, part)
				widen(&row.Start, &row.End, part.Start, part.End)
				row.CPUReserved.AddSum(&part.CPUReserved)
				row.RAMReserved.AddSum(&part.RAMReserved)
				shareOf(&row, part)
			}
		}
	}
	if len(names) == 0 && rows.Name != "" {
		plan.warnings = append(plan.warnings, noRow(rows))
	}
	for _, n := range names {
		if n.Kind == cost.KindContainer {
			waste.AddSum(n.Waste())
		}
	}
	out := Explanation{Row: exploreAllocation(rows.Name, &row), Rows: len(names), Lines: allocationLines(&row), Prices: []PriceCost{}}
	out.Row.Total, out.Row.Waste = amount(row.Total()), amount(&waste)
	prices, err := a.cfg.Questions.PriceSources(r.Context(), q, rows)
	if err != nil {
		return nil, err
	}
	for i := range prices {
		out.Prices = append(out.Prices, PriceCost{prices[i].Source, amount(&prices[i].Cost), pricing.BookDate(prices[i].Source)})
	}
	o, err := a.cfg.Questions.ObjectsSQL(r.Context(), q, rows, a.cfg.Bucket.location)
	if err != nil {
		return nil, err
	}
	out.objects(o, a.cfg.Bucket)
	if err := a.defaults(r, &out, q.Window); err != nil {
		return nil, err
	}
	out.CLI = allocationCommand(&in.AllocationParams, &q)
	meta := metaJSON(&ans.Answer)
	meta.TotalCost = amount(totalAllocations(ans.Sets))
	return &reply{meta: meta, warnings: append(plan.warnings, ans.Warnings...), data: out}, nil
}

func (a *API) explainAsset(r *request, in *ExplainAssetParams) (*reply, error) {
	d := ownPages
	d.AssetSets = true
	plan, err := planAssets(d, &in.AssetParams, r.values, r.now)
	if err != nil {
		return nil, err
	}
	q, rows := plan.query, in.choice()
	q.SortBy, q.Offset, q.Limit, q.StepHours, q.Accumulate = "", 0, 0, 0, query.AccumulateAll
	ans, err := a.cfg.Questions.Assets(r.Context(), q)
	if err != nil {
		return nil, err
	}
	// Without a grouping the page names assets by what tells them apart, SQL by
	// their own names, which two may share: then all of one name are picked.
	finest := len(q.Aggregate) == 0 && !q.All
	var row query.AssetRow
	var byDefault cost.Sum
	n := 0
	for s := range ans.Sets {
		namer := assetNamer{finest: finest, seen: map[string]int{}}
		for i := range ans.Sets[s].Rows {
			part := &ans.Sets[s].Rows[i]
			if name := namer.name(part); !rows.Has(name) {
				continue
			}
			n++
			joinAsset(&row, part)
			row.GPUHours += part.GPUHours
			row.ByteHours += part.ByteHours
			widen(&row.Start, &row.End, part.Start, part.End)
		}
	}
	if n == 0 && rows.Name != "" {
		plan.warnings = append(plan.warnings, noRow(rows))
	}
	byDefault.AddSum(&row.DefaultPriced)
	out := Explanation{Row: exploreAsset(rows.Name, &row), Rows: n, Lines: assetLines(&row)}
	out.Row.Total = amount(row.Total())
	var other cost.Sum
	other.AddBig(new(big.Int).Sub(row.Total().Big(), byDefault.Big()))
	out.Prices = []PriceCost{}
	for _, p := range []PriceCost{{Source: "default", Cost: amount(&byDefault)}, {Source: "other", Cost: amount(&other)}} {
		if p.Cost.nano != 0 || p.Cost.wide != nil {
			out.Prices = append(out.Prices, p)
		}
	}
	o, err := a.cfg.Questions.AssetObjectsSQL(r.Context(), q, rows, a.cfg.Bucket.location)
	if err != nil {
		return nil, err
	}
	if finest && rows.Name != "" {
		o.LeftOut = append(o.LeftOut, "the choice of one asset by its number: group by name and cluster to have it alone")
	}
	out.objects(o, a.cfg.Bucket)
	if err := a.defaults(r, &out, q.Window); err != nil {
		return nil, err
	}
	out.CLI = command("assets", in.Aggregate, in.Filter, q.Window)
	meta := metaJSON(&ans.Answer)
	meta.TotalCost = amount(totalAssets(ans.Sets))
	return &reply{meta: meta, warnings: append(plan.warnings, ans.Warnings...), data: out}, nil
}

// defaults fills in how much of the cost of the clusters rests on default prices.
func (a *API) defaults(r *request, out *Explanation, w cost.Window) error {
	match := query.Match{Property: "cluster", Op: query.OpEquals}
	for i := range out.Objects {
		if c := out.Objects[i].Cluster; !slices.Contains(match.Values, c) {
			match.Values = append(match.Values, c)
		}
	}
	if len(match.Values) == 0 {
		return nil
	}
	ans, err := a.cfg.Questions.Assets(r.Context(), query.AssetQuery{
		Window: w, Aggregate: []query.Dimension{{Property: "cluster"}}, Accumulate: query.AccumulateAll, Filter: query.Filter{Root: match},
	})
	if err != nil {
		return err
	}
	var byDefault cost.Sum
	for s := range ans.Sets {
		for i := range ans.Sets[s].Rows {
			byDefault.AddSum(&ans.Sets[s].Rows[i].DefaultPriced)
		}
	}
	out.AssetCost, out.Default = amount(totalAssets(ans.Sets)), amount(&byDefault)
	return nil
}

func widen(start, end *time.Time, from, to time.Time) {
	if from.IsZero() {
		return
	}
	if start.IsZero() || from.Before(*start) {
		*start = from
	}
	if to.After(*end) {
		*end = to
	}
}

// shareOf adds what part was given of shared cost, by whom.
func shareOf(row, part *query.AllocationRow) {
	for from, amount := range part.SharedBreakdown {
		if row.SharedBreakdown == nil {
			row.SharedBreakdown = map[string]cost.Sum{}
		}
		s := row.SharedBreakdown[from]
		var sum cost.Sum
		sum.AddSum(&s)
		sum.AddSum(&amount)
		row.SharedBreakdown[from] = sum
	}
}

func (e *Explanation) objects(o *query.ObjectsSQL, b Bucket) {
	e.SQL, e.SQLSetup, e.SQLLeftOut = o.SQL, b.setup(), o.LeftOut
	if e.SQLLeftOut == nil {
		e.SQLLeftOut = []string{}
	}
	e.Objects = make([]ExplainObject, len(o.Sources))
	for i := range o.Sources {
		s := &o.Sources[i]
		e.Objects[i] = ExplainObject{sourceObject(s), Time(s.Written.Truncate(time.Second)), s.Agent}
		e.ObjectRows += s.Rows
		e.Bytes += s.Bytes
	}
}

// location is an object as DuckDB reads it.
func (b Bucket) location(key string) string {
	base := strings.TrimSuffix(b.URL, "/")
	switch {
	case strings.HasPrefix(base, "file://"):
		base = strings.TrimPrefix(base, "file://")
	case strings.HasPrefix(base, "azure://"): // account/container/prefix
		if _, container, ok := strings.Cut(strings.TrimPrefix(base, "azure://"), "/"); ok {
			base = "az://" + container
		}
	}
	return base + "/" + key
}

// setup is what DuckDB must be told before it reads the bucket: nothing of a
// directory, else the extension and where credentials come from.
func (b Bucket) setup() string {
	scheme, rest, _ := strings.Cut(b.URL, "://")
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	switch scheme {
	case "s3":
		secret := "CREATE OR REPLACE SECRET fleetcost (TYPE s3, PROVIDER credential_chain"
		if b.Region != "" {
			secret += ", REGION " + quote(b.Region)
		}
		if host := strings.TrimPrefix(strings.TrimPrefix(b.Endpoint, "https://"), "http://"); host != "" && !strings.Contains(host, "amazonaws.com") {
			style := "path"
			if b.VirtualHosted {
				style = "vhost"
			}
			secret += ", ENDPOINT " + quote(host) + ", URL_STYLE " + quote(style)
		}
		if b.Insecure || strings.HasPrefix(b.Endpoint, "http://") {
			secret += ", USE_SSL false"
		}
		return "INSTALL httpfs; LOAD httpfs; INSTALL aws; LOAD aws;\n" + secret + ");\n"
	case "gs":
		return "-- An HMAC key of a service account that may read the bucket:\n" +
			"INSTALL httpfs; LOAD httpfs;\nCREATE OR REPLACE SECRET fleetcost (TYPE gcs, KEY_ID '…', SECRET '…');\n"
	case "azure":
		account, _, _ := strings.Cut(rest, "/")
		return "INSTALL azure; LOAD azure;\nCREATE OR REPLACE SECRET fleetcost (TYPE azure, PROVIDER credential_chain, ACCOUNT_NAME " + quote(account) + ");\n"
	}
	return ""
}

// shell quotes an argument.
func shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func command(name, aggregate, filter string, w cost.Window) string {
	out := name + " --window " + shell(w.Start.Start().Format(time.RFC3339)+","+w.End.Start().Format(time.RFC3339))
	if aggregate = strings.TrimSpace(aggregate); aggregate != "" {
		out += " --aggregate " + shell(aggregate)
	}
	if filter = strings.TrimSpace(filter); filter != "" {
		out += " --filter " + shell(filter)
	}
	return out
}

// allocationCommand asks the same question with the command line. What it has
// no flag for (shareCost, shareLabels, shareSplit, splitIdle) is not in it.
func allocationCommand(in *AllocationParams, q *query.AllocationQuery) string {
	aggregate := in.Aggregate
	if strings.TrimSpace(aggregate) == "" {
		aggregate = "cluster,node,namespace,pod,container"
	}
	out := command("allocation", aggregate, in.Filter, q.Window)
	flag := func(on bool, text string) {
		if on {
			out += " " + text
		}
	}
	flag(q.Idle == query.IdleHide, "--idle=false")
	flag(q.Idle == query.IdleShareByCluster || q.Idle == query.IdleShareByNode, "--share-idle")
	flag(q.IdleByNode, "--idle-by-node")
	flag(q.Overhead == query.OverheadHide, "--overhead=false")
	flag(q.Overhead == query.OverheadShare, "--share-overhead")
	flag(len(q.ShareNamespaces) > 0, "--share-namespaces "+shell(strings.Join(q.ShareNamespaces, ",")))
	flag(q.ShareScope == query.ShareWithinFleet, "--share-scope fleet")
	return out
}

// The scales of quantities.
const giB = 1 << 30

// allocationLines are the parts of a row's cost.
func allocationLines(r *query.AllocationRow) []ExplainLine {
	l := lines{}
	hours := spanHours(r.Start, r.End)
	note := func(requested, used float64, unit string) string {
		if r.Kind != cost.KindContainer {
			return ""
		}
		return fmt.Sprintf("max(request, usage), taken per minute; requested %s, used %s %s", plain(requested), plain(used), unit)
	}
	l.product("cpu", "CPU", &r.CPU, hours, float64(r.CPUAllocated)/micro, "cores", "core-hour",
		note(float64(r.CPURequest)/micro, float64(r.CPUUsage)/micro, "core-hours"))
	l.product("ram", "Memory", &r.RAM, hours, r.RAMAllocated/giB, "GiB", "GiB-hour", note(r.RAMRequest/giB, r.RAMUsage/giB, "GiB-hours"))
	l.product("gpu", "GPU", &r.GPU, hours, float64(r.GPUAllocated)/micro, "units", "unit-hour", "")
	l.product("pv", "Storage", &r.PV, hours, r.PVByteHours/giB, "GiB", "GiB-hour", "its share of the volumes it mounts")
	l.plain("loadBalancer", "Load balancers", &r.LB, "shared by the services behind each")
	l.plain("network", "Network between zones", &r.NetworkCrossZone, "")
	l.plain("network", "Network between regions", &r.NetworkCrossRegion, "")
	l.plain("network", "Network to the internet", &r.NetworkInternet, "")
	l.plain("overhead", "Overhead", &r.Overhead, "boot disks and control planes")
	const idle = "given by its cluster or node, hour by hour, in proportion to cost"
	l.plain("idleShare", "Idle CPU", &r.IdleCPU, idle)
	l.plain("idleShare", "Idle memory", &r.IdleRAM, idle)
	l.plain("idleShare", "Idle GPU", &r.IdleGPU, idle)
	var told cost.Sum
	for _, from := range slices.Sorted(maps.Keys(r.SharedBreakdown)) {
		s := r.SharedBreakdown[from]
		if from == cost.OverheadName {
			from = "overhead"
		}
		if from == query.ShareCostName {
			from = "the monthly amount"
		}
		l.plain("sharedShare", "Share of "+from, &s, "given day by day, in proportion to cost")
		told.AddSum(&s)
	}
	var rest cost.Sum
	rest.AddBig(new(big.Int).Sub(r.Shared.Big(), told.Big()))
	l.plain("sharedShare", "Share of shared cost", &rest, "")
	for column, kept := range map[string]*cost.Sum{"cpu": &r.CPUReserved, "ram": &r.RAMReserved} {
		if kept.Big().Sign() != 0 {
			v, _ := new(big.Rat).SetFrac(kept.Big(), big.NewInt(nano)).Float64()
			l.notes(column, "of its idle, the nodes keep "+plain(v)+" for the system")
		}
	}
	return l
}

// assetLines are the parts of an asset row's cost.
func assetLines(r *query.AssetRow) []ExplainLine {
	l := lines{}
	hours := spanHours(r.Start, r.End)
	const had = "what the nodes have, used or not"
	l.product("cpu", "CPU", &r.CPU, hours, float64(r.CPUCoreHours)/micro, "cores", "core-hour", had)
	l.product("ram", "Memory", &r.RAM, hours, r.RAMByteHours/giB, "GiB", "GiB-hour", had)
	l.product("gpu", "GPU", &r.GPU, hours, float64(r.GPUHours)/micro, "units", "unit-hour", had)
	if r.CPU.Big().Sign() == 0 && r.RAM.Big().Sign() == 0 && r.ByteHours > 0 {
		l.product("other", "Storage", &r.Other, hours, r.ByteHours/giB, "GiB", "GiB-hour", "")
	} else {
		l.plain("other", "Disks and services", &r.Other, "volumes, balancers, control planes")
	}
	return l
}

type lines []ExplainLine

func (l *lines) plain(column, name string, c *cost.Sum, note string) {
	if c.Big().Sign() != 0 {
		*l = append(*l, ExplainLine{Column: column, Name: name, Factors: []ExplainFactor{}, Cost: amount(c), Note: note})
	}
}

func (l lines) notes(column, text string) {
	for i := range l {
		if l[i].Column == column {
			l[i].Note = strings.TrimPrefix(l[i].Note+"; "+text, "; ")
		}
	}
}

// product writes a cost as hours × quantity on average × average rate, each as
// a decimal that a calculator takes.
func (l *lines) product(column, name string, c *cost.Sum, hours *big.Rat, quantityHours float64, unit, perUnit, note string) {
	line := ExplainLine{Column: column, Name: name, Factors: []ExplainFactor{}, Cost: amount(c), Note: note}
	total := new(big.Rat).SetFrac(c.Big(), big.NewInt(nano))
	quantity := new(big.Rat).SetFloat64(quantityHours)
	if quantity == nil || quantity.Sign() <= 0 {
		l.plain(column, name, c, note)
		return
	}
	factors := []ExplainFactor{}
	if hours.Sign() > 0 {
		quantity.Quo(quantity, hours)
		factors = append(factors, ExplainFactor{amountOf(hours), "hours"})
		unit += " on average"
	} else {
		unit = perUnit + "s"
		hours = big.NewRat(1, 1)
	}
	places := 4
	if quantity.Cmp(big.NewRat(1, 1)) < 0 {
		places = 9
	}
	quantity = rounded(quantity, places)
	base := new(big.Rat).Mul(hours, quantity)
	if base.Sign() == 0 {
		l.plain(column, name, c, note)
		return
	}
	rate := rounded(new(big.Rat).Quo(total, base), 9)
	line.Factors = append(factors, ExplainFactor{amountOf(quantity), unit}, ExplainFactor{amountOf(rate), "per " + perUnit + " on average"})
	line.Rounding = amountOf(rounded(new(big.Rat).Sub(total, base.Mul(base, rate)), 9))
	*l = append(*l, line)
}

const nano = 1_000_000_000

// spanHours is the time between two moments in hours, to a thousandth.
func spanHours(start, end time.Time) *big.Rat {
	if start.IsZero() || !end.After(start) {
		return new(big.Rat)
	}
	return rounded(big.NewRat(end.Sub(start).Microseconds(), 3_600_000_000), 3)
}

// rounded is v to some decimals, half away from zero.
func rounded(v *big.Rat, places int) *big.Rat {
	out, ok := new(big.Rat).SetString(v.FloatString(places))
	if !ok {
		return v
	}
	return out
}

func amountOf(v *big.Rat) Amount {
	scaled := new(big.Rat).Mul(v, big.NewRat(nano, 1))
	var s cost.Sum
	s.AddBig(new(big.Int).Quo(scaled.Num(), scaled.Denom()))
	return amount(&s)
}

// plain is a quantity in a note.
func plain(v float64) string {
	r := new(big.Rat).SetFloat64(v)
	if r == nil {
		return "0"
	}
	text := r.FloatString(2)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
