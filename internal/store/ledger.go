package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// coverage replaces the coverage rows of the parts.
func (l *loader) coverage(ctx context.Context, parts []Part) error {
	type row struct {
		Cluster    string `json:"cluster"`
		Day        string `json:"day"`
		Hour       int64  `json:"hour"`
		Coverage   int32  `json:"coverage_seconds"`
		Partial    bool   `json:"partial"`
		Live       bool   `json:"live"`
		Generation int64  `json:"generation"`
		Rows       int64  `json:"rows"`
		Total      int64  `json:"total"`
	}
	rows := []row{}
	for _, p := range parts {
		have := map[cost.Hour]bool{}
		for _, h := range p.Keep {
			have[h] = true
		}
		for _, o := range []*Object{p.Daily, p.Live} {
			if o == nil {
				continue
			}
			for _, h := range o.Hours {
				if h.Hour.Day() != p.Day || have[h.Hour] {
					continue
				}
				have[h.Hour] = true
				rows = append(rows, row{
					p.Cluster, p.Day.String(), int64(h.Hour), h.Coverage,
					h.Partial, o.Live, h.Generation, h.Rows, int64(h.Total),
				})
			}
		}
	}
	if err := l.exec(ctx, `DELETE FROM coverage t USING part p
		WHERE t.cluster = p.cluster AND t.day = p.day AND NOT list_contains(p.keep, t.hour)`); err != nil {
		return err
	}
	return l.insertJSON(ctx, "coverage", "cluster VARCHAR, day DATE, hour INTEGER, coverage_seconds INTEGER, "+
		"partial BOOLEAN, live BOOLEAN, generation BIGINT, rows BIGINT, total BIGINT", rows)
}

// ledgerRow is a row of the table ledger.
type ledgerRow struct {
	Key        string  `json:"key"`
	ETag       string  `json:"etag"`
	Cluster    string  `json:"cluster"`
	Dataset    string  `json:"dataset"`
	Day        *string `json:"day"`
	Bytes      int64   `json:"bytes"`
	Rows       int64   `json:"rows"`
	Total      string  `json:"total"`
	Generation int64   `json:"generation"`
	State      string  `json:"state"`
	Reason     string  `json:"reason"`
	LoadedUS   int64   `json:"loaded_us"`
	Currency   string  `json:"currency"`
	Hours      []int64 `json:"hours"`
	// Generations are those of the hours, in their order.
	Generations []int64 `json:"generations"`
}

const ledgerColumns = "key VARCHAR, etag VARCHAR, cluster VARCHAR, dataset VARCHAR, day DATE, bytes BIGINT, rows BIGINT, " +
	"total DECIMAL(38,0), generation BIGINT, state VARCHAR, reason VARCHAR, loaded_us BIGINT, currency VARCHAR, hours INTEGER[], generations BIGINT[]"

// The states of a ledger row. A key has at most one row of each: what was
// loaded of it, and a later version that was refused.
const (
	stateLoaded      = "loaded"
	stateQuarantined = "quarantined"
)

func rowOf(o *Object, state, reason string, nowUS int64) ledgerRow {
	r := ledgerRow{
		Key: o.Key, ETag: o.ETag, Cluster: o.Cluster, Dataset: string(o.Dataset), Bytes: o.Bytes,
		State: state, Reason: reason, LoadedUS: nowUS, Currency: o.Currency, Hours: []int64{}, Generations: []int64{},
	}
	if !o.Live {
		day := o.Day.String()
		r.Day = &day
	}
	var total cost.Sum
	for _, h := range o.Hours {
		r.Rows += h.Rows
		total.Add(h.Total)
		r.Generation = max(r.Generation, h.Generation)
		r.Hours = append(r.Hours, int64(h.Hour))
		r.Generations = append(r.Generations, h.Generation)
	}
	r.Total = total.Big().String()
	return r
}

// ledger records what the batch loaded and forgot, label names, and the
// clusters' first and last hours.
func (l *loader) ledger(ctx context.Context, b Batch) error {
	type key struct {
		Key string `json:"key"`
	}
	keys, rows := []key{}, []ledgerRow{}
	clusters := map[string]string{}
	names := map[string]string{}
	for _, o := range b.Loaded {
		keys = append(keys, key{o.Key})
		rows = append(rows, rowOf(o, stateLoaded, "", b.NowUS))
		clusters[o.Cluster] = o.Currency
		for k, v := range o.LabelNames {
			names[k] = v
		}
	}
	for _, k := range b.Forgotten {
		keys = append(keys, key{k})
	}
	for _, p := range b.Parts {
		if _, ok := clusters[p.Cluster]; !ok {
			clusters[p.Cluster] = ""
		}
	}
	if err := l.stage(ctx, "gone", "key VARCHAR", keys); err != nil {
		return err
	}
	if err := l.exec(ctx, "DELETE FROM ledger USING gone WHERE ledger.key = gone.key"); err != nil {
		return err
	}
	if err := l.insertJSON(ctx, "ledger", ledgerColumns, rows); err != nil {
		return err
	}
	if err := l.labelNames(ctx, names); err != nil {
		return err
	}
	return l.touchClusters(ctx, clusters, b.NowUS)
}

func (l *loader) labelNames(ctx context.Context, names map[string]string) error {
	if len(names) == 0 {
		return nil
	}
	type row struct {
		Key  string `json:"key"`
		Name string `json:"name"`
	}
	var rows []row
	for k, v := range names {
		rows = append(rows, row{k, v})
	}
	if err := l.stage(ctx, "named", "key VARCHAR, name VARCHAR", rows); err != nil {
		return err
	}
	return l.exec(ctx, "INSERT INTO label_name SELECT * FROM named WHERE key NOT IN (SELECT key FROM label_name)")
}

// touchClusters makes rows for new clusters and brings first and last hours up
// to date.
func (l *loader) touchClusters(ctx context.Context, currencies map[string]string, nowUS int64) error {
	type row struct {
		Cluster  string `json:"cluster"`
		Currency string `json:"currency"`
	}
	rows := []row{}
	for c, cur := range currencies {
		rows = append(rows, row{c, cur})
	}
	if err := l.stage(ctx, "touched", "cluster VARCHAR, currency VARCHAR", rows); err != nil {
		return err
	}
	for _, q := range []string{
		"INSERT INTO cluster BY NAME SELECT cluster, '' AS status, '' AS owner, currency, " + strconv.FormatInt(nowUS, 10) +
			" AS updated_us FROM touched WHERE cluster NOT IN (SELECT cluster FROM cluster)",
		`UPDATE cluster SET first_hour = c.first, last_hour = c.last FROM
			(SELECT t.cluster, min(v.hour) AS first, max(v.hour) AS last FROM touched t LEFT JOIN coverage v USING (cluster) GROUP BY 1) c
			WHERE cluster.cluster = c.cluster`,
		"UPDATE cluster SET currency = t.currency FROM touched t WHERE cluster.cluster = t.cluster AND t.currency <> ''",
	} {
		if err := l.exec(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// Quarantine records objects that were refused, each with its Reason. What was
// loaded of an earlier version of the same key stays.
func (s *Store) Quarantine(ctx context.Context, objects []*Object, nowUS int64) error {
	if len(objects) == 0 {
		return nil
	}
	return s.write(ctx, "quarantine", func(tx *sql.Tx) error {
		l := &loader{store: s, tx: tx}
		rows := make([]ledgerRow, len(objects))
		for i, o := range objects {
			rows[i] = rowOf(o, stateQuarantined, o.Reason, nowUS)
		}
		if err := l.stage(ctx, "refused", ledgerColumns, rows); err != nil {
			return err
		}
		if err := l.exec(ctx, "DELETE FROM ledger USING refused r WHERE ledger.key = r.key AND ledger.state = 'quarantined'"); err != nil {
			return err
		}
		return l.exec(ctx, "INSERT INTO ledger BY NAME SELECT * FROM refused")
	})
}

// Release removes the quarantine entries of keys: the object is again what was
// loaded, or is gone.
func (s *Store) Release(ctx context.Context, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	return s.write(ctx, "release", func(tx *sql.Tx) error {
		l := &loader{store: s, tx: tx}
		type key struct {
			Key string `json:"key"`
		}
		rows := make([]key, len(keys))
		for i, k := range keys {
			rows[i].Key = k
		}
		if err := l.stage(ctx, "gone", "key VARCHAR", rows); err != nil {
			return err
		}
		return l.exec(ctx, "DELETE FROM ledger USING gone WHERE ledger.key = gone.key AND ledger.state = 'quarantined'")
	})
}

// Ledger reads every entry of the ledger, by key.
func (s *Store) Ledger(ctx context.Context) ([]Object, error) { return s.entries(ctx, "") }

func (s *Store) entries(ctx context.Context, where string) ([]Object, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT key, etag, cluster, dataset, coalesce(day - DATE '1970-01-01', 0)::BIGINT, day IS NULL, bytes, rows,
		total::VARCHAR, generation, state, reason, loaded_us, currency, array_to_string(hours, ','), array_to_string(generations, ',') FROM ledger `+where+` ORDER BY key, state`)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	defer rows.Close()
	var out []Object
	for rows.Next() {
		var o Object
		var day int64
		var state, hours, generations string
		if err := rows.Scan(&o.Key, &o.ETag, &o.Cluster, &o.Dataset, &day, &o.Live, &o.Bytes, &o.Rows,
			&o.Total, &o.Generation, &state, &o.Reason, &o.LoadedUS, &o.Currency, &hours, &generations); err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		o.Day, o.Quarantined = cost.Day(day), state == stateQuarantined
		if o.Hours, err = parseHours(hours, generations); err != nil {
			return nil, fmt.Errorf("read the ledger's hours of %s: %w", o.Key, err)
		}
		out = append(out, o)
	}
	return out, rows.Err()
}

// parseHours reads the lists of an entry's hours and their generations.
func parseHours(hours, generations string) ([]Hour, error) {
	if hours == "" {
		return nil, nil
	}
	h, g := strings.Split(hours, ","), strings.Split(generations, ",")
	if len(h) != len(g) {
		return nil, fmt.Errorf("%d hours and %d generations", len(h), len(g))
	}
	out := make([]Hour, len(h))
	for i := range h {
		hour, err1 := strconv.ParseInt(h[i], 10, 64)
		generation, err2 := strconv.ParseInt(g[i], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		out[i] = Hour{Hour: cost.Hour(hour), Generation: generation}
	}
	return out, nil
}
