package collect

import (
	"context"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Missing is something a source lacks: a metric or a right, what the answer
// loses by it, and how to get it.
type Missing struct {
	Metric string // name as the source spells it
	Effect string // what will be empty, zero or guessed
	Fix    string // next step for the operator
}

// String is one line for a log: "kube_pod_labels absent: labels will be
// empty; add …".
func (m Missing) String() string { return m.Metric + " absent: " + m.Effect + "; " + m.Fix }

// Identity tells which cluster a source speaks of.
type Identity struct {
	UID    string // of the kube-system namespace, or what stands for it; "" when unknown
	Proof  string // how it is known: "namespace_uid", "kube_namespace_created", "flag"
	Source string // what was read, for messages

	Provider string // AWS, Azure, GCP or ""
	Region   string // of most nodes; "" when unknown
}

// CheckReport is what a source can give.
type CheckReport struct {
	Backend  string        // product and version, as far as it says
	Missing  []Missing     // absent metrics, most harmful first
	Warnings []string      // what else the operator should know, each with its next step
	Oldest   time.Time     // earliest instant with data, zero when unknown
	Newest   time.Time     // latest instant with data, zero when there is none
	Clock    time.Time     // the source's own time
	Skew     time.Duration // source's clock minus ours; beyond 60 s it is also a warning
	// ScrapeInterval is how often the source samples, 0 when unknown.
	ScrapeInterval time.Duration
}

// Source is where usage comes from. Implementations are safe for use by one
// goroutine at a time.
type Source interface {
	// Check asks whether the source can be reached and what it can give. An
	// error means it cannot be read at all.
	Check(ctx context.Context) (CheckReport, error)

	// Identity finds out which cluster this is. A source that cannot tell
	// returns an Identity without a UID and no error.
	Identity(ctx context.Context) (Identity, error)

	// Hours calls fn for every hour of w, newest first, each integrated whole.
	// An hour without any data is reported with CoverageSeconds 0. Memory does
	// not grow with w. An error of fn ends the walk and is returned as it is.
	Hours(ctx context.Context, w cost.Window, fn func(cost.HourUsage) error) error

	// Open integrates the hour h that is still open, up to the instant until.
	Open(ctx context.Context, h cost.Hour, until time.Time) (cost.HourUsage, error)
}
