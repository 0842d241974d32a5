package costfile

import (
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Owner is owner.json: which cluster owns a cluster id. It is created once,
// with a conditional put, and rewritten only by `--take-over`.
type Owner struct {
	ClusterID string    `json:"clusterId"`
	UID       string    `json:"uid"`
	Proof     Proof     `json:"proof"`
	Agent     string    `json:"agent"` // version that wrote it
	Since     time.Time `json:"since"`
}

// Proof is the kind of evidence behind an owner's UID.
type Proof string

// The kinds of proof, weakest first. Upgrading from a weaker to a stronger one
// is no conflict.
const (
	// ProofNamespaceCreated: creation time of the kube-system namespace, as the
	// metric kube_namespace_created tells it.
	ProofNamespaceCreated Proof = "kube_namespace_created"
	// ProofFlag: given by the operator with --cluster-uid.
	ProofFlag Proof = "flag"
	// ProofNamespaceUID: UID of the kube-system namespace, read from the API server.
	ProofNamespaceUID Proof = "kube-system-uid"
)

// Status is status.json, written last at each push. The server reads it to
// find what changed; operators read it to find what is wrong.
type Status struct {
	Version      string    `json:"version"` // of the format
	ClusterID    string    `json:"clusterId"`
	OwnerUID     string    `json:"ownerUid"`
	AgentVersion string    `json:"agentVersion"`
	Currency     string    `json:"currency"`
	Provider     string    `json:"provider,omitempty"`
	Region       string    `json:"region,omitempty"`
	StartedAt    time.Time `json:"startedAt"` // of the agent
	PushedAt     time.Time `json:"pushedAt"`
	Generation   int64     `json:"generation"` // grows with every push

	Source SourceStatus `json:"source"`
	Prices PriceStatus  `json:"prices"`

	// Days holds every day the agent knows of, within its horizon.
	Days map[cost.Day]DayStatus `json:"days"`
	Live LiveStatus             `json:"live"`

	Backfill *BackfillStatus `json:"backfill,omitempty"`
	Spool    SpoolStatus     `json:"spool"`
	Problems []Problem       `json:"problems,omitempty"`
}

// SourceStatus describes where usage comes from.
type SourceStatus struct {
	Kind     string          `json:"kind"` // prometheus, kubernetes, simulated
	Target   string          `json:"target,omitempty"`
	Missing  []MissingMetric `json:"missing,omitempty"`
	LastRead time.Time       `json:"lastRead"`
}

// MissingMetric is a metric the source lacks, what follows from that, and what
// to change.
type MissingMetric struct {
	Metric string `json:"metric"`
	Effect string `json:"effect"`
	Fix    string `json:"fix"`
}

// PriceStatus tells how much of the last day's asset cost rests on default
// rates.
type PriceStatus struct {
	DefaultShare float64            `json:"defaultShare"` // 0 to 1
	BySource     map[string]float64 `json:"bySource,omitempty"`
}

// DayStatus is one day as the agent last pushed it.
type DayStatus struct {
	Generation int64                    `json:"generation"`
	Hours      []HourStatus             `json:"hours"`
	Objects    map[Dataset]ObjectStatus `json:"objects"`
}

// HourStatus is one hour's coverage.
type HourStatus struct {
	Hour     cost.Hour `json:"hour"`
	Coverage int32     `json:"coverage"` // seconds, 0..3600
	Partial  bool      `json:"partial,omitempty"`
}

// ObjectStatus is one object as confirmed by the store.
type ObjectStatus struct {
	ETag  string `json:"etag"`
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
	Total string `json:"total"` // units of currency, nine decimals
}

// LiveStatus describes the live objects.
type LiveStatus struct {
	Hours   []HourStatus             `json:"hours,omitempty"`
	Objects map[Dataset]ObjectStatus `json:"objects,omitempty"`
}

// BackfillStatus is the progress of a backfill.
type BackfillStatus struct {
	From  cost.Day `json:"from"`
	To    cost.Day `json:"to"`
	Hours int      `json:"hours"` // to be filled
	Done  int      `json:"done"`
	Empty int      `json:"empty"` // the source had nothing for them
}

// SpoolStatus describes what waits on the agent's disk.
type SpoolStatus struct {
	Days    int   `json:"days"`
	Bytes   int64 `json:"bytes"`
	Dropped int64 `json:"droppedHours"` // lost since the agent's first start, because the spool was full
}

// Problem is something an operator should know of: what, why, and what to do.
type Problem struct {
	Code    string    `json:"code"`
	Message string    `json:"message"`
	Fix     string    `json:"fix,omitempty"`
	Since   time.Time `json:"since"`

	// What the agent's catalogue of failures makes of it, where it knows it.
	ID    string `json:"id,omitempty"`    // of the catalogue's row, such as "s3-put-denied"
	Cause string `json:"cause,omitempty"` // what happened, in prose
	Doc   string `json:"doc,omitempty"`   // page and anchor, "docs/operate/errors.md#s3-put-denied"
}
