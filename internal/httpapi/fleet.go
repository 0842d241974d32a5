package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/query"
)

// Fleet is the API's view of the clusters and of what ingest did with them.
type Fleet interface {
	// Fleet describes all clusters, ascending by id.
	Fleet(ctx context.Context) (*FleetStatus, error)
	// Retire records that a cluster ended at a moment: nothing is expected of
	// it afterwards. known is false when there is no such cluster.
	Retire(ctx context.Context, id string, at time.Time) (known bool, err error)
	// Unretire takes a retirement back; without one it does nothing.
	Unretire(ctx context.Context, id string) (known bool, err error)
}

// FleetStatus is the data of /api/v1/fleet.
type FleetStatus struct {
	Now         time.Time       `json:"now"`
	Ready       bool            `json:"ready" doc:"what the bucket held at start is loaded"`
	Progress    string          `json:"progress,omitempty"`
	DataVersion string          `json:"dataVersion"`
	Bucket      string          `json:"bucket" doc:"where the objects lie, without secrets"`
	Version     string          `json:"version" doc:"of the server"`
	Currency    string          `json:"currency"`
	LastSync    *time.Time      `json:"lastSync,omitempty"`
	SyncError   string          `json:"syncError,omitempty" doc:"why the last look at the bucket failed"`
	SyncProblem *FleetProblem   `json:"syncProblem,omitempty" doc:"the same, with cause and fix"`
	Clusters    []ClusterStatus `json:"clusters"`
	Quarantine  []Quarantined   `json:"quarantine" doc:"objects that were refused, and why"`
}

// ClusterStatus is one cluster of the fleet.
type ClusterStatus struct {
	ID           string     `json:"id"`
	OwnerUID     string     `json:"ownerUid,omitempty"`
	OwnerProof   string     `json:"ownerProof,omitempty"`
	AgentVersion string     `json:"agentVersion,omitempty"`
	Provider     string     `json:"provider,omitempty"`
	Region       string     `json:"region,omitempty"`
	Currency     string     `json:"currency,omitempty"`
	Source       string     `json:"source,omitempty" doc:"where its usage comes from: prometheus, kubernetes, simulated"`
	SourceTarget string     `json:"sourceTarget,omitempty" doc:"what answers there, as the agent found it: Prometheus, Thanos, …"`
	SourceRead   *time.Time `json:"sourceRead,omitempty" doc:"when the agent last looked the source over"`
	StartedAt    *time.Time `json:"startedAt,omitempty" doc:"of the agent"`
	LastPush     *time.Time `json:"lastPush,omitempty"`
	FirstHour    *time.Time `json:"firstHour,omitempty"`
	LastHour     *time.Time `json:"lastHour,omitempty" doc:"end of the last hour present"`
	State        string     `json:"state" doc:"fresh, silent, retired, empty, or loading until the server is ready"`
	SilentSince  *time.Time `json:"silentSince,omitempty"`
	RetiredAt    *time.Time `json:"retiredAt,omitempty"`

	HoursExpected int64 `json:"hoursExpected"`
	HoursPresent  int64 `json:"hoursPresent" doc:"of those expected"`
	HoursPartial  int64 `json:"hoursPartial" doc:"of those present: covered by samples less than 95 % of the time"`
	Rows          int64 `json:"rows"`
	Bytes         int64 `json:"bytes"`
	// DefaultShare is nil while the agent has priced nothing.
	DefaultShare *float64 `json:"defaultShare" doc:"share of the last day's asset cost at default prices, as the agent tells; null while it is unknown"`

	// PriceSources has the shares of the last day's asset cost.
	PriceSources map[string]float64 `json:"priceSources,omitempty" doc:"share of the last day's asset cost by the source of its prices: book:<provider>/<region>, csv, custom, metric, default, …"`

	Days     []DayCoverage  `json:"days" doc:"ascending"`
	Problems []FleetProblem `json:"problems"`
	Missing  []FleetProblem `json:"missing" doc:"metrics the source lacks"`

	BackfillHours int   `json:"backfillHours,omitempty"`
	BackfillDone  int   `json:"backfillDone,omitempty"`
	SpoolDays     int   `json:"spoolDays,omitempty"`
	DroppedHours  int64 `json:"droppedHours,omitempty"`
}

// DayCoverage is what is there of one cluster's UTC day.
type DayCoverage struct {
	Date            string `json:"date"`
	HoursExpected   int    `json:"hoursExpected"`
	HoursPresent    int    `json:"hoursPresent" doc:"of those expected; the hour that is running is not"`
	PartialHours    int    `json:"partialHours,omitempty" doc:"of those present: covered by samples less than 95 % of the time"`
	CoverageSeconds int64  `json:"coverageSeconds"`
	Rows            int64  `json:"rows"`
}

// FleetProblem is something an operator should know of.
type FleetProblem struct {
	Code    string     `json:"code"`
	Message string     `json:"message"`
	ID      string     `json:"id,omitempty" doc:"row of the catalogue of failures, where it is known"`
	Cause   string     `json:"cause,omitempty" doc:"what happened, in prose"`
	Fix     string     `json:"fix,omitempty"`
	Doc     string     `json:"doc,omitempty" doc:"page and anchor about it"`
	Since   *time.Time `json:"since,omitempty"`
}

// Quarantined is an object that was refused.
type Quarantined struct {
	Key     string     `json:"key"`
	Cluster string     `json:"cluster,omitempty"`
	Reason  string     `json:"reason"`
	Since   *time.Time `json:"since,omitempty"`
}

// ClusterInfo is the data of /clusterInfo and an entry of /clusterInfoMap.
type ClusterInfo struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Provider string `json:"provider,omitempty"`
	Region   string `json:"region,omitempty"`
	Profile  string `json:"clusterProfile,omitempty"`
	Version  string `json:"version,omitempty"`
}

// Configs is the data of /getConfigs, as far as clients read it.
type Configs struct {
	CurrencyCode string `json:"currencyCode"`
	Provider     string `json:"provider"`
	Discount     string `json:"discount"`
	// LabelAliases is ours.
	LabelAliases map[string][]string `json:"labelAliases" doc:"labels behind department, environment, owner, product and team that are in force, the first present wins"`
}

// RetireParams are the parameters of the retire route.
type RetireParams struct {
	ID string `path:"id" doc:"The cluster id."`
	At string `query:"at" doc:"Required. When the cluster ended: RFC 3339, YYYY-MM-DD (its midnight, UTC) or now. Not in the future."`
}

// UnretireParams are the parameters of the unretire route.
type UnretireParams struct {
	ID string `path:"id" doc:"The cluster id."`
}

// Retired is the data of the retire route.
type Retired struct {
	ID string `json:"id"`
	At Time   `json:"at"`
}

// Unretired is the data of the unretire route.
type Unretired struct {
	ID string `json:"id"`
}

const fleetTag = "fleet"

// fleetID names the fleet where a client expects a cluster's id.
const fleetID = "fleetcost"

// defaultCurrency stands where no cluster has told its own yet.
const defaultCurrency = "USD"

func (a *API) registerFleet() {
	register[NoParams, FleetStatus](a, Dialect{}, route{
		path: "/api/v1/fleet", tag: fleetTag, summary: "Every cluster: owner, version, last push, coverage, errors, quarantined objects",
	}, func(r *request, _ *NoParams) (*reply, error) {
		f, err := a.cfg.Fleet.Fleet(r.Context())
		return &reply{data: f}, err
	})
	register[RetireParams, Retired](a, Dialect{}, route{
		method: http.MethodPost, path: "/api/v1/clusters/{id}/retire", tag: fleetTag,
		summary:     "Tell that a cluster ended",
		description: "Nothing is expected of the cluster after that moment, so it no longer counts as silent. Kept in the bucket. Can be repeated with another moment, or taken back with unretire.",
	}, a.retire)
	register[UnretireParams, Unretired](a, Dialect{}, route{
		method: http.MethodPost, path: "/api/v1/clusters/{id}/unretire", tag: fleetTag,
		summary:     "Take a retirement back",
		description: "The cluster is expected to push again, also for the hours since it was retired. Without a retirement nothing changes.",
	}, a.unretire)
}

func (a *API) registerClusters(d Dialect) {
	at := func(path, summary string) route {
		return route{path: d.Prefix + path, tag: d.Name, summary: summary}
	}
	register[NoParams, ClusterInfo](a, d, at("/clusterInfo", "The fleet, or its only cluster"), func(r *request, _ *NoParams) (*reply, error) {
		f, err := a.cfg.Fleet.Fleet(r.Context())
		if err != nil {
			return nil, err
		}
		info := ClusterInfo{ID: fleetID, Name: fleetID, Version: a.cfg.Version}
		if len(f.Clusters) == 1 {
			info = clusterInfo(&f.Clusters[0])
		}
		return &reply{data: info}, nil
	})
	register[NoParams, map[string]ClusterInfo](a, d, at("/clusterInfoMap", "Every cluster by id"), func(r *request, _ *NoParams) (*reply, error) {
		f, err := a.cfg.Fleet.Fleet(r.Context())
		if err != nil {
			return nil, err
		}
		out := make(map[string]ClusterInfo, len(f.Clusters))
		for i := range f.Clusters {
			out[f.Clusters[i].ID] = clusterInfo(&f.Clusters[i])
		}
		return &reply{data: out}, nil
	})
	register[NoParams, Configs](a, d, at("/getConfigs", "The currency, for clients of Kubecost"), func(r *request, _ *NoParams) (*reply, error) {
		f, err := a.cfg.Fleet.Fleet(r.Context())
		if err != nil {
			return nil, err
		}
		c := Configs{CurrencyCode: f.Currency, Provider: "fleet", Discount: "0%", LabelAliases: a.cfg.Settings.LabelAliases()}
		if c.CurrencyCode == "" {
			c.CurrencyCode = defaultCurrency
		}
		return &reply{data: c}, nil
	})
}

func clusterInfo(c *ClusterStatus) ClusterInfo {
	return ClusterInfo{ID: c.ID, Name: c.ID, Provider: c.Provider, Region: c.Region, Version: c.AgentVersion}
}

// maxRetireBody bounds the body of a retire request.
const maxRetireBody = 4 << 10

// retire reads the moment from the query or from a body {"at": …}.
func (a *API) retire(r *request, in *RetireParams) (*reply, error) {
	text := strings.TrimSpace(in.At)
	if text == "" && r.Body != nil {
		var body struct {
			At string `json:"at"`
		}
		dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxRetireBody))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
			return nil, &query.Error{Code: query.CodeInvalid, Param: "body", Reason: err.Error(), Hint: `send {"at":"2026-11-01T00:00:00Z"} or the parameter at`}
		}
		text = strings.TrimSpace(body.At)
	}
	at, err := retireMoment(text, r.now)
	if err != nil {
		return nil, &query.Error{Code: query.CodeInvalid, Param: "at", Reason: err.Error(), Hint: "write 2026-11-01T00:00:00Z, 2026-11-01 or now"}
	}
	known, err := a.cfg.Fleet.Retire(r.Context(), in.ID, at)
	if err != nil {
		return nil, fmt.Errorf("retire cluster %s: %w", in.ID, err)
	}
	if !known {
		return nil, noCluster(in.ID)
	}
	a.retirements.Add(1)
	return &reply{data: Retired{ID: in.ID, At: Time(at)}}, nil
}

func (a *API) unretire(r *request, in *UnretireParams) (*reply, error) {
	known, err := a.cfg.Fleet.Unretire(r.Context(), in.ID)
	if err != nil {
		return nil, fmt.Errorf("unretire cluster %s: %w", in.ID, err)
	}
	if !known {
		return nil, noCluster(in.ID)
	}
	a.retirements.Add(1)
	return &reply{data: Unretired{ID: in.ID}}, nil
}

func noCluster(id string) error {
	return &notFoundError{fmt.Sprintf("no cluster %q", id), "GET /api/v1/fleet lists them"}
}

// retireMoment reads when a cluster ended. There is no default: a retirement
// hides silence, so nobody should get one by leaving a word out. A future
// moment would be a promise, and hide a cluster that falls silent before it.
func retireMoment(text string, now time.Time) (time.Time, error) {
	switch {
	case text == "":
		return now, errors.New("is missing")
	case strings.EqualFold(text, "now"):
		return now, nil
	}
	at, err := parseMoment(text)
	if err == nil && at.After(now) {
		err = fmt.Errorf("%s lies in the future; it is %s", at.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	return at, err
}

func parseMoment(text string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t.UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%q is not a time", text)
	}
	return t.UTC(), nil
}
