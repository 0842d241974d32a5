package agent

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// Report gathers what an agent says of itself in status.json: where usage
// comes from and what is missing there, how much rests on default prices, how
// far a backfill is, and what went wrong.
type Report struct {
	// Default tells whether a price source is a default rate.
	Default func(source string) bool
	Now     func() time.Time
	// StorageRefused tells why the storage config on disk is not in force; nil, or
	// nil from it, when it is.
	StorageRefused func() error

	explain explainer

	mu       sync.Mutex
	source   costfile.SourceStatus
	provider string
	region   string
	prices   map[cost.Hour]map[string]cost.Money
	newest   cost.Hour
	backfill *costfile.BackfillStatus
	problems map[string]costfile.Problem
	doubts   []costfile.Problem // about the source
}

// NewReport returns an empty report.
func NewReport(isDefault func(string) bool, now func() time.Time) *Report {
	return &Report{
		Default: isDefault, Now: now,
		prices: map[cost.Hour]map[string]cost.Money{}, problems: map[string]costfile.Problem{},
	}
}

// SetSource says where usage comes from, and what is doubtful about it.
func (r *Report) SetSource(s costfile.SourceStatus, provider, region string, warnings ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.source, r.provider, r.region = s, provider, region
	old := r.doubts
	r.doubts = nil
	for _, w := range warnings {
		p := costfile.Problem{Code: "source", Message: w, Since: r.Now().UTC()}
		for _, o := range old {
			if o.Message == w {
				p.Since = o.Since
			}
		}
		r.doubts = append(r.doubts, p)
	}
}

// known tells whether the source was already said to lack a metric.
func (r *Report) known(metric string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.source.Missing, func(m costfile.MissingMetric) bool { return m.Metric == metric })
}

// doubted tells whether the source was already warned about so.
func (r *Report) doubted(warning string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.doubts, func(p costfile.Problem) bool { return p.Message == warning })
}

// SetProblem adds or renews a problem; its Since stays that of the first time.
func (r *Report) SetProblem(p costfile.Problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.problems[p.Code]; ok {
		p.Since = old.Since
	} else if p.Since.IsZero() {
		p.Since = r.Now().UTC()
	}
	r.problems[p.Code] = p
}

// Codes of the problems that the agent itself reports.
const (
	roundFailed      = "round-failed"
	backfillFailed   = "backfill-failed"
	inspectionFailed = "inspection-failed"
	sourceAway       = "source-away"
	storageRefused   = "storage-config-refused"
)

func (r *Report) failed(code string, err error) {
	p := costfile.Problem{
		Code: code, Message: err.Error(),
		Fix: "see the agent's log; what is in its spool is kept and tried again at the next push",
	}
	r.explain.problem(err, &p)
	r.SetProblem(p)
}

func (r *Report) succeeded(code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.problems, code)
	r.source.LastRead = r.Now().UTC()
}

func (r *Report) backfillBegins(missing []cost.Hour) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.backfill = &costfile.BackfillStatus{
		From: missing[len(missing)-1].Day(), To: missing[0].Day(), Hours: len(missing),
	}
}

func (r *Report) backfillDone(hours int) (done, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.backfill.Done += hours
	return r.backfill.Done, r.backfill.Hours
}

// backfilled is how the last backfill went, nil without one.
func (r *Report) backfilled() *costfile.BackfillStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.backfill == nil {
		return nil
	}
	b := *r.backfill
	return &b
}

func (r *Report) empty() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.backfill != nil && r.backfill.Done < r.backfill.Hours {
		r.backfill.Empty++
	}
}

// priced notes what the assets of an hour cost by price source, for the last
// 24 hours seen.
func (r *Report) priced(h cost.Hour, assets []cost.Asset) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.newest = max(r.newest, h)
	if h <= r.newest-24 {
		return
	}
	sum := map[string]cost.Money{}
	for i := range assets {
		sum[assets[i].PriceSource] += assets[i].Total()
	}
	r.prices[h] = sum
	for old := range r.prices {
		if old <= r.newest-24 {
			delete(r.prices, old)
		}
	}
}

// storage reports a storage config that is refused for as long as it is.
func (r *Report) storage() {
	if r.StorageRefused == nil {
		return
	}
	if err := r.StorageRefused(); err != nil {
		r.SetProblem(costfile.Problem{
			Code: storageRefused, Message: "the storage config on disk is refused and the one before stays in force: " + err.Error(),
			Fix: "correct the file (or the Secret that it comes from); it is read again by itself",
		})
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.problems, storageRefused)
}

// fill writes the report into a status document.
func (r *Report) fill(s *costfile.Status) {
	r.storage()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.source.Kind != "" { // else the source has not answered yet
		s.Source, s.Provider, s.Region = r.source, r.provider, r.region
	}
	if r.backfill != nil {
		b := *r.backfill
		s.Backfill = &b
	}
	var all, byDefault cost.Money
	by := map[string]cost.Money{}
	for _, hour := range r.prices {
		for src, m := range hour {
			by[src] += m
			all += m
			if r.Default(src) {
				byDefault += m
			}
		}
	}
	if all > 0 {
		s.Prices = costfile.PriceStatus{DefaultShare: byDefault.Float() / all.Float(), BySource: map[string]float64{}}
		for src, m := range by {
			s.Prices.BySource[src] = m.Float()
		}
	}
	for _, p := range r.problems {
		s.Problems = append(s.Problems, p)
	}
	s.Problems = append(s.Problems, r.doubts...)
	slices.SortFunc(s.Problems, func(a, b costfile.Problem) int { return strings.Compare(a.Code, b.Code) })
}
