package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// IsDamage tells whether an error of Load can come from a damaged file, rather
// than from this machine or this program.
func IsDamage(err error) bool {
	var e *duckdb.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Type {
	case duckdb.ErrorTypeOutOfMemory, duckdb.ErrorTypeInterrupt, duckdb.ErrorTypeTransaction, duckdb.ErrorTypeConnection,
		duckdb.ErrorTypeFatal, duckdb.ErrorTypeParser, duckdb.ErrorTypeBinder, duckdb.ErrorTypeCatalog, duckdb.ErrorTypeSyntax:
		return false
	default:
		return true
	}
}

// IsValue tells whether an error of Load comes from a value in a file that no
// table can hold.
func IsValue(err error) bool {
	var e *duckdb.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Type {
	case duckdb.ErrorTypeOutOfRange, duckdb.ErrorTypeConversion, duckdb.ErrorTypeDecimal, duckdb.ErrorTypeInvalidInput,
		duckdb.ErrorTypeMismatchType, duckdb.ErrorTypeDivideByZero:
		return true
	default:
		return false
	}
}

// Settings reads the named texts kept with the store.
func (s *Store) Settings(ctx context.Context) (map[string]string, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT name, value FROM setting")
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, fmt.Errorf("read settings: %w", err)
		}
		out[name] = value
	}
	return out, rows.Err()
}

// SaveSettings writes those that changed.
func (s *Store) SaveSettings(ctx context.Context, settings map[string]string) error {
	have, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	maps.DeleteFunc(settings, func(name, value string) bool { return have[name] == value })
	if len(settings) == 0 {
		return nil
	}
	return s.write(ctx, "save settings", func(tx *sql.Tx) error {
		for name, value := range settings {
			if _, err := tx.ExecContext(ctx, "DELETE FROM setting WHERE name = ?", name); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO setting VALUES (?, ?)", name, value); err != nil {
				return err
			}
		}
		return nil
	})
}

// dailyTables and hourlyTables hold the rows of objects.
var (
	hourlyTables = []string{"alloc_hour", "asset_hour", "attachment_hour"}
	dailyTables  = []string{"alloc_day_container", "alloc_day_controller", "alloc_day_namespace", "asset_day", "attachment_day", "coverage"}
)

// Retain drops hourly rows of days before hoursFrom, except those of the
// ensured days (which it records, with the time of their last use), and
// everything of days before daysFrom.
func (s *Store) Retain(ctx context.Context, hoursFrom, daysFrom cost.Day, ensured map[cost.Day]int64) error {
	return s.write(ctx, "apply retention", func(tx *sql.Tx) error {
		l := &loader{store: s, tx: tx}
		type row struct {
			Day  string `json:"day"`
			Used int64  `json:"used_us"`
		}
		rows := []row{}
		for _, d := range slices.Sorted(maps.Keys(ensured)) {
			rows = append(rows, row{d.String(), ensured[d]})
		}
		if err := l.exec(ctx, "DELETE FROM ensured_day"); err != nil {
			return err
		}
		if err := l.insertJSON(ctx, "ensured_day", "day DATE, used_us BIGINT", rows); err != nil {
			return err
		}
		for _, t := range hourlyTables {
			if err := l.exec(ctx, "DELETE FROM "+t+" WHERE day < ?::DATE AND day NOT IN (SELECT day FROM ensured_day)", hoursFrom.String()); err != nil {
				return err
			}
		}
		for _, t := range slices.Concat(hourlyTables, dailyTables, []string{"ledger"}) {
			if err := l.exec(ctx, "DELETE FROM "+t+" WHERE day < ?::DATE", daysFrom.String()); err != nil {
				return err
			}
		}
		return l.exec(ctx, `UPDATE cluster SET first_hour = c.first FROM (SELECT cluster, min(hour) AS first FROM coverage GROUP BY 1) c
			WHERE cluster.cluster = c.cluster AND cluster.first_hour <> c.first`)
	})
}

// EnsuredDays reads the days kept by Retain beyond the hourly retention, with
// the time of their last use in µs since the epoch.
func (s *Store) EnsuredDays(ctx context.Context) (map[cost.Day]int64, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT (day - DATE '1970-01-01')::BIGINT, used_us FROM ensured_day")
	if err != nil {
		return nil, fmt.Errorf("read ensured days: %w", err)
	}
	defer rows.Close()
	out := map[cost.Day]int64{}
	for rows.Next() {
		var day cost.Day
		var used int64
		if err := rows.Scan(&day, &used); err != nil {
			return nil, fmt.Errorf("read ensured days: %w", err)
		}
		out[day] = used
	}
	return out, rows.Err()
}

// Reset empties the store.
func (s *Store) Reset(ctx context.Context) error {
	return s.write(ctx, "reset", func(tx *sql.Tx) error {
		l := &loader{store: s, tx: tx}
		for _, t := range slices.Concat(hourlyTables, dailyTables,
			[]string{"ledger", "cluster", "setting", "ensured_day", "label_kv", "label_name"}) {
			if err := l.exec(ctx, "DELETE FROM "+t); err != nil {
				return err
			}
		}
		return nil
	})
}

// Cluster is a row of the table cluster.
type Cluster struct {
	ID                  string
	Status, Owner       string // JSON, "" when unknown
	Currency            string
	FirstHour, LastHour cost.Hour // 0 when nothing is loaded
	UpdatedUS           int64
}

// SaveClusters writes the documents of clusters; hours are kept by Load.
func (s *Store) SaveClusters(ctx context.Context, clusters []Cluster) error {
	if len(clusters) == 0 {
		return nil
	}
	return s.write(ctx, "save clusters", func(tx *sql.Tx) error {
		l := &loader{store: s, tx: tx}
		type row struct {
			Cluster  string `json:"cluster"`
			Status   string `json:"status"`
			Owner    string `json:"owner"`
			Currency string `json:"currency"`
			Updated  int64  `json:"updated_us"`
		}
		rows := make([]row, len(clusters))
		for i, c := range clusters {
			rows[i] = row{c.ID, c.Status, c.Owner, c.Currency, c.UpdatedUS}
		}
		const columns = "cluster VARCHAR, status VARCHAR, owner VARCHAR, currency VARCHAR, updated_us BIGINT"
		if err := l.stage(ctx, "said", columns, rows); err != nil {
			return err
		}
		for _, q := range []string{
			`UPDATE cluster SET status = d.status, owner = d.owner, updated_us = d.updated_us,
				currency = CASE WHEN cluster.currency = '' THEN d.currency ELSE cluster.currency END
				FROM said d WHERE cluster.cluster = d.cluster`,
			"INSERT INTO cluster BY NAME SELECT * FROM said WHERE cluster NOT IN (SELECT cluster FROM cluster)",
		} {
			if err := l.exec(ctx, q); err != nil {
				return err
			}
		}
		return nil
	})
}

// Clusters reads the table cluster, by id.
func (s *Store) Clusters(ctx context.Context) ([]Cluster, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT cluster, status, owner, currency, coalesce(first_hour, 0), coalesce(last_hour, 0), updated_us
		FROM cluster ORDER BY cluster`)
	if err != nil {
		return nil, fmt.Errorf("read clusters: %w", err)
	}
	defer rows.Close()
	var out []Cluster
	for rows.Next() {
		var c Cluster
		if err := rows.Scan(&c.ID, &c.Status, &c.Owner, &c.Currency, &c.FirstHour, &c.LastHour, &c.UpdatedUS); err != nil {
			return nil, fmt.Errorf("read clusters: %w", err)
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// DayCoverage is what is loaded of one cluster-day.
type DayCoverage struct {
	Day             cost.Day `json:"day"`
	Hours           int      `json:"hours"`           // present
	CoverageSeconds int64    `json:"coverageSeconds"` // of those hours
	PartialHours    int      `json:"partialHours,omitempty"`
	LiveHours       int      `json:"liveHours,omitempty"` // from the live object
	// Present has a bit for each hour of the day that is there, Low for those
	// covered less than cost.WholeHour.
	Present uint32     `json:"present"`
	Low     uint32     `json:"low,omitempty"`
	Rows    int64      `json:"rows"`
	Total   cost.Money `json:"total"` // nano-units
}

// CoverageByDay sums the table coverage per cluster and day, days ascending.
func (s *Store) CoverageByDay(ctx context.Context) (map[string][]DayCoverage, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT cluster, (day - DATE '1970-01-01')::BIGINT, count(*), sum(coverage_seconds)::BIGINT,
		count(*) FILTER (partial), count(*) FILTER (live), sum(rows)::BIGINT, sum(total)::BIGINT,
		bit_or(1::BIGINT << (hour % 24)::INTEGER), bit_or(CASE WHEN coverage_seconds < ? THEN 1::BIGINT << (hour % 24)::INTEGER ELSE 0 END)
		FROM coverage GROUP BY 1, 2 ORDER BY 1, 2`, cost.WholeHour)
	if err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	defer rows.Close()
	out := map[string][]DayCoverage{}
	for rows.Next() {
		var id string
		var d DayCoverage
		if err := rows.Scan(&id, &d.Day, &d.Hours, &d.CoverageSeconds, &d.PartialHours, &d.LiveHours, &d.Rows, &d.Total, &d.Present, &d.Low); err != nil {
			return nil, fmt.Errorf("read coverage: %w", err)
		}
		out[id] = append(out[id], d)
	}
	return out, rows.Err()
}

// Holding is what the ledger has of one cluster.
type Holding struct {
	Objects int
	Bytes   int64
	Rows    int64 // of the allocation dataset
}

// Holdings sums the ledger per cluster, and lists the objects in quarantine.
func (s *Store) Holdings(ctx context.Context) (map[string]Holding, []Object, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT cluster, count(*), sum(bytes)::BIGINT, coalesce(sum(rows) FILTER (dataset = 'allocation'), 0)::BIGINT
		FROM ledger WHERE state = 'loaded' GROUP BY 1`)
	if err != nil {
		return nil, nil, fmt.Errorf("sum the ledger: %w", err)
	}
	defer rows.Close()
	out := map[string]Holding{}
	for rows.Next() {
		var id string
		var h Holding
		if err := rows.Scan(&id, &h.Objects, &h.Bytes, &h.Rows); err != nil {
			return nil, nil, fmt.Errorf("sum the ledger: %w", err)
		}
		out[id] = h
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("sum the ledger: %w", err)
	}
	refused, err := s.entries(ctx, "WHERE state = 'quarantined'")
	return out, refused, err
}
