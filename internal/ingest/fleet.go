package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/store"
)

// ClusterView is what the server knows of one cluster.
type ClusterView struct {
	ClusterID string           `json:"clusterId"`
	Owner     *costfile.Owner  `json:"owner,omitempty"`
	Status    *costfile.Status `json:"status,omitempty"` // as the agent last wrote it
	Currency  string           `json:"currency,omitempty"`
	FirstHour cost.Hour        `json:"firstHour"` // 0 with LastHour when nothing is loaded
	LastHour  cost.Hour        `json:"lastHour"`

	Days    []store.DayCoverage `json:"days"` // ascending
	Objects int                 `json:"objects"`
	Rows    int64               `json:"rows"`
	Bytes   int64               `json:"bytes"`

	// Errors are what kept objects of the cluster from being read at the last
	// Sync, by key; they are tried again.
	Errors      map[string]string `json:"errors,omitempty"`
	Quarantined []Quarantined     `json:"quarantined,omitempty"`
	// Uneven are days loaded although their datasets do not hold the same hours,
	// and how they differ: a push ended half-way and was not taken up again.
	Uneven map[cost.Day]string `json:"uneven,omitempty"`
	// Expired says that the bucket deletes days that the server would still keep,
	// and the youngest such day; "" if it does not. It is noticed by this process.
	Expired string `json:"expired,omitempty"`
}

// Quarantined is an object that was refused, or one whose key looks like the
// format's and is not.
type Quarantined struct {
	Key    string    `json:"key"`
	ETag   string    `json:"etag"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// Fleet describes every cluster the bucket or the store knows, by id.
func (in *Ingester) Fleet(ctx context.Context) ([]ClusterView, error) {
	views := map[string]*ClusterView{}
	view := func(id string) *ClusterView {
		v := views[id]
		if v == nil {
			v = &ClusterView{ClusterID: id}
			views[id] = v
		}
		return v
	}
	clusters, err := in.store.Clusters(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range clusters {
		v := view(c.ID)
		v.Currency, v.FirstHour, v.LastHour = c.Currency, c.FirstHour, c.LastHour
		if err := decodeDocuments(c, v); err != nil {
			return nil, err
		}
	}
	days, err := in.store.CoverageByDay(ctx)
	if err != nil {
		return nil, err
	}
	for id, d := range days {
		view(id).Days = d
	}
	holdings, refused, err := in.store.Holdings(ctx)
	if err != nil {
		return nil, err
	}
	for id, h := range holdings {
		v := view(id)
		v.Objects, v.Bytes, v.Rows = h.Objects, h.Bytes, h.Rows
	}
	for _, o := range refused {
		v := view(o.Cluster)
		v.Quarantined = append(v.Quarantined, Quarantined{o.Key, o.ETag, o.Reason, time.UnixMicro(o.LoadedUS).UTC()})
	}
	in.viewMu.Lock()
	for id, c := range in.clusters {
		v := view(id)
		if c.owner != nil {
			v.Owner = c.owner
		}
		if c.status != nil {
			v.Status = c.status
		}
		v.Errors = maps.Clone(c.errs)
		v.Uneven = maps.Clone(c.uneven)
		v.Expired = c.expired
	}
	for _, key := range slices.Sorted(maps.Keys(in.strays)) {
		v := view(in.strays[key].cluster)
		v.Quarantined = append(v.Quarantined, in.strays[key].Quarantined)
	}
	in.viewMu.Unlock()
	out := make([]ClusterView, 0, len(views))
	for _, v := range views {
		out = append(out, *v)
	}
	slices.SortFunc(out, func(a, b ClusterView) int { return strings.Compare(a.ClusterID, b.ClusterID) })
	return out, nil
}

func decodeDocuments(c store.Cluster, v *ClusterView) error {
	if c.Owner != "" {
		if err := json.Unmarshal([]byte(c.Owner), &v.Owner); err != nil {
			return fmt.Errorf("stored owner of %s: %w", c.ID, err)
		}
	}
	if c.Status != "" {
		if err := json.Unmarshal([]byte(c.Status), &v.Status); err != nil {
			return fmt.Errorf("stored status of %s: %w", c.ID, err)
		}
	}
	return nil
}

// saveClusters writes the clusters' documents into the store, for SQL.
func (in *Ingester) saveClusters(ctx context.Context, now time.Time) error {
	if err := in.acquire(ctx); err != nil {
		return err
	}
	defer in.release()
	in.viewMu.Lock()
	var out []store.Cluster
	for _, id := range slices.Sorted(maps.Keys(in.clusters)) {
		c := in.clusters[id]
		if !c.dirty {
			continue
		}
		row := store.Cluster{ID: id, UpdatedUS: now.UnixMicro()}
		if c.owner != nil {
			row.Owner = mustJSON(c.owner)
		}
		if c.status != nil {
			row.Status, row.Currency = mustJSON(c.status), c.status.Currency
		}
		out = append(out, row)
		c.dirty = false
	}
	in.viewMu.Unlock()
	return in.store.SaveClusters(ctx, out)
}

// mustJSON encodes a document that was decoded from JSON, which cannot fail.
func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
