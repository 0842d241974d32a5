package server

import (
	"context"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/httpapi"
	"github.com/fleetcost/fleetcost/internal/ingest"
	"github.com/fleetcost/fleetcost/internal/store"
)

// silentAfter is how long after its last hour a cluster counts as silent.
const silentAfter = 2 * time.Hour

// The states of a cluster.
const (
	stateFresh   = "fresh"
	stateSilent  = "silent"
	stateRetired = "retired"
	stateEmpty   = "empty"   // it has a status, but no hour
	stateLoading = "loading" // what the bucket has of it is not loaded yet
)

// fleet is the API's view of ingest and of the retirements.
type fleet struct {
	s       *Server
	version func(context.Context) (string, error) // of the answers

	// What ingest knows changes with every look at the bucket; reading it costs
	// a pass over the ledger, so it is kept from one look to the next.
	mu    sync.Mutex
	after *lastSync
	views []ingest.ClusterView
}

// clusters returns what ingest knows. The caller must not change it.
func (f *fleet) clusters(ctx context.Context) ([]ingest.ClusterView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.s.last.Load()
	if last != nil && last == f.after {
		return f.views, nil
	}
	views, err := f.s.ingest.Fleet(ctx)
	if err != nil {
		return nil, fmt.Errorf("describe the fleet: %w", err)
	}
	f.after, f.views = last, views
	return views, nil
}

// Fleet implements httpapi.Fleet.
func (f *fleet) Fleet(ctx context.Context) (*httpapi.FleetStatus, error) {
	s := f.s
	views, err := f.clusters(ctx)
	if err != nil {
		return nil, err
	}
	version, err := f.version(ctx)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Now().UTC()
	out := &httpapi.FleetStatus{
		Now: now, Ready: s.ready.Load(), Progress: progressLine(s.ingest.Progress()), DataVersion: version,
		Bucket: s.bucket.String(), Version: s.cfg.Build.Version,
		Clusters: make([]httpapi.ClusterStatus, 0, len(views)), Quarantine: []httpapi.Quarantined{},
	}
	if last := s.last.Load(); last != nil {
		out.LastSync = &last.at
		if last.err != nil {
			out.SyncProblem = s.syncProblem(last)
			out.SyncError = out.SyncProblem.Message
		}
	}
	currencies := map[string]int{}
	for i := range views {
		v := &views[i]
		at, retired := s.retired.at(v.ClusterID)
		c := clusterStatus(v, now, at, retired)
		if c.State == stateEmpty && !out.Ready {
			c.State = stateLoading
		}
		for i := range c.Problems {
			explainText(&c.Problems[i], s.names)
		}
		if c.Currency != "" {
			currencies[c.Currency]++
		}
		out.Clusters = append(out.Clusters, c)
		for _, q := range v.Quarantined {
			out.Quarantine = append(out.Quarantine, httpapi.Quarantined{Key: q.Key, Cluster: v.ClusterID, Reason: q.Reason, Since: moment(q.Since)})
		}
	}
	for _, cur := range slices.Sorted(maps.Keys(currencies)) {
		if out.Currency == "" || currencies[cur] > currencies[out.Currency] {
			out.Currency = cur
		}
	}
	return out, nil
}

// Retire implements httpapi.Fleet.
func (f *fleet) Retire(ctx context.Context, id string, at time.Time) (known bool, err error) {
	if known, err = f.knows(ctx, id); !known {
		return false, err
	}
	return true, f.s.retired.retire(ctx, id, at, f.s.cfg.Now())
}

// Unretire implements httpapi.Fleet.
func (f *fleet) Unretire(ctx context.Context, id string) (known bool, err error) {
	if known, err = f.knows(ctx, id); !known {
		return false, err
	}
	return true, f.s.retired.unretire(ctx, id)
}

func (f *fleet) knows(ctx context.Context, id string) (bool, error) {
	views, err := f.clusters(ctx)
	return slices.ContainsFunc(views, func(v ingest.ClusterView) bool { return v.ClusterID == id }), err
}

func clusterStatus(v *ingest.ClusterView, now, retiredAt time.Time, retired bool) httpapi.ClusterStatus {
	c := httpapi.ClusterStatus{
		ID: v.ClusterID, Currency: v.Currency, Rows: v.Rows, Bytes: v.Bytes, State: stateEmpty,
		Days: []httpapi.DayCoverage{}, Problems: []httpapi.FleetProblem{}, Missing: []httpapi.FleetProblem{},
	}
	if o := v.Owner; o != nil {
		c.OwnerUID, c.OwnerProof = o.UID, string(o.Proof)
	}
	if v.Status != nil {
		describe(&c, v.Status)
	}
	for _, key := range slices.Sorted(maps.Keys(v.Errors)) {
		c.Problems = append(c.Problems, httpapi.FleetProblem{Code: "unreadable", Message: key + ": " + v.Errors[key]})
	}
	for _, q := range v.Quarantined {
		c.Problems = append(c.Problems, httpapi.FleetProblem{Code: "quarantined", Message: q.Key + ": " + q.Reason, Since: moment(q.Since)})
	}
	if v.Expired != "" {
		c.Problems = append(c.Problems, httpapi.FleetProblem{
			Code: "expires early", Message: v.Expired,
			Fix: "lengthen the bucket's lifecycle rule, or lower --daily-retention-days to what it keeps",
		})
	}
	for _, day := range slices.Sorted(maps.Keys(v.Uneven)) {
		c.Problems = append(c.Problems, httpapi.FleetProblem{
			Code: "uneven", Message: day.String() + ": " + v.Uneven[day],
			Fix: "the next push of the cluster's agent puts it right; if it never comes, run it with --recompute for that day",
		})
	}
	if retired {
		c.RetiredAt, c.State = moment(retiredAt), stateRetired
	}
	if len(v.Days) == 0 {
		return c
	}
	gone := v.LastHour.End()
	c.FirstHour, c.LastHour = moment(v.FirstHour.Start()), moment(gone)
	expected := cost.Window{Start: v.FirstHour, End: cost.HourOf(now.Add(-settle))}
	switch {
	case retired:
		expected.End = min(expected.End, cost.HourOf(retiredAt))
		if !v.LastHour.Start().Before(retiredAt) {
			c.Problems = append(c.Problems, stillPushes(retiredAt, gone))
		}
	case now.Sub(gone) > silentAfter:
		c.State, c.SilentSince = stateSilent, moment(gone)
	default:
		c.State = stateFresh
	}
	coverDays(&c, v.Days, expected)
	return c
}

// stillPushes says that a cluster has data of after its end.
func stillPushes(retiredAt, last time.Time) httpapi.FleetProblem {
	return httpapi.FleetProblem{
		Code: "pushes after its retirement",
		Message: fmt.Sprintf("pushes after its retirement: retired at %s, data until %s",
			retiredAt.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339)),
		Fix:   "take the retirement back with `fleetcost clusters unretire`, retire it at its real end, or stop its agent",
		Since: moment(retiredAt),
	}
}

// coverDays fills the days from the first to the last expected one, also those
// of which nothing is there: a gap must be seen.
func coverDays(c *httpapi.ClusterStatus, days []store.DayCoverage, expected cost.Window) {
	have := make(map[cost.Day]store.DayCoverage, len(days))
	all := expected.Days()
	for _, d := range days {
		have[d.Day] = d
		all = append(all, d.Day)
	}
	slices.Sort(all)
	for _, day := range slices.Compact(all) {
		d := have[day]
		first := day.FirstHour()
		due := expected.Intersect(cost.Window{Start: first, End: first + 24})
		var want uint32 // a bit for each expected hour
		for h := due.Start; h < due.End; h++ {
			want |= 1 << (h - first)
		}
		low := d.Low & want
		if expected.Start >= first && expected.Start < first+24 {
			low &^= 1 << (expected.Start - first) // nothing is expected before the first sample
		}
		out := httpapi.DayCoverage{
			Date: day.String(), HoursExpected: bits.OnesCount32(want), HoursPresent: bits.OnesCount32(d.Present & want),
			PartialHours: bits.OnesCount32(low), CoverageSeconds: d.CoverageSeconds, Rows: d.Rows,
		}
		c.Days = append(c.Days, out)
		c.HoursExpected += int64(out.HoursExpected)
		c.HoursPresent += int64(out.HoursPresent)
		c.HoursPartial += int64(out.PartialHours)
	}
}

// describe copies what the agent says of itself.
func describe(c *httpapi.ClusterStatus, s *costfile.Status) {
	c.AgentVersion, c.Provider, c.Region, c.Source = s.AgentVersion, s.Provider, s.Region, s.Source.Kind
	c.StartedAt, c.LastPush = moment(s.StartedAt), moment(s.PushedAt)
	if c.Currency == "" {
		c.Currency = s.Currency
	}
	if c.OwnerUID == "" {
		c.OwnerUID = s.OwnerUID
	}
	c.SourceTarget, c.SourceRead, c.PriceSources = s.Source.Target, moment(s.Source.LastRead), shares(s.Prices.BySource)
	if len(s.Prices.BySource) > 0 { // an agent that has priced nothing knows no share
		c.DefaultShare = &s.Prices.DefaultShare
	}
	if b := s.Backfill; b != nil {
		c.BackfillHours, c.BackfillDone = b.Hours, b.Done
	}
	c.SpoolDays, c.DroppedHours = s.Spool.Days, s.Spool.Dropped
	for _, p := range s.Problems {
		c.Problems = append(c.Problems, httpapi.FleetProblem{
			Code: p.Code, Message: p.Message, ID: p.ID, Cause: p.Cause, Fix: p.Fix, Doc: p.Doc, Since: moment(p.Since),
		})
	}
	for _, m := range s.Source.Missing {
		c.Missing = append(c.Missing, httpapi.FleetProblem{Code: m.Metric, Message: m.Effect, Fix: m.Fix})
	}
}

// shares turns amounts into shares of their sum.
func shares(amounts map[string]float64) map[string]float64 {
	var sum float64
	for _, name := range slices.Sorted(maps.Keys(amounts)) { // in one order: sums of floats depend on it
		sum += amounts[name]
	}
	if sum <= 0 {
		return nil
	}
	out := make(map[string]float64, len(amounts))
	for name, v := range amounts {
		if v > 0 {
			out[name] = v / sum
		}
	}
	return out
}

// moment is a time for JSON; nil when unknown.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
