package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Dataset is a table of the bucket format, spelled as in its keys.
type Dataset string

// The datasets that Load knows.
const (
	Allocation Dataset = "allocation"
	Asset      Dataset = "asset"
	Attachment Dataset = "attachment"
)

// Hour is what an object's metadata says of one hour.
type Hour struct {
	Hour       cost.Hour
	Coverage   int32 // seconds
	Generation int64
	Partial    bool
	Rows       int64
	Total      cost.Money
}

// Object is one object of the bucket as the ledger knows it.
type Object struct {
	Key      string
	ETag     string
	Cluster  string
	Dataset  Dataset
	Live     bool
	Day      cost.Day // of a daily object
	Bytes    int64
	Currency string
	Hours    []Hour // ascending; in ledger entries read back only Hour and Generation are set

	// Path is the local copy that Load reads. It is not stored.
	Path string
	// LabelNames maps canonical label keys to their original spelling.
	LabelNames map[string]string

	// Set in entries read back.
	Quarantined bool
	Reason      string
	Rows        int64
	LoadedUS    int64
	Total       string // nano-units
	Generation  int64  // newest of its hours
}

// Part is one dataset of one cluster-day as it shall be: the rows of Daily,
// and those of Live's hours of the day that Daily lacks. Either may be nil;
// with both nil the part is emptied.
type Part struct {
	Dataset Dataset
	Cluster string
	Day     cost.Day
	Daily   *Object
	Live    *Object
	// Keep lists hours whose rows, from the daily object, are in the store and
	// stay; Daily is then nil. It serves the frequent case that only the live
	// object changed, and needs Hours.
	Keep []cost.Hour
	// Hours says that the hourly tables hold the day; else only the rollups do.
	Hours bool
}

// Batch is what one transaction changes.
type Batch struct {
	Parts     []Part
	Loaded    []*Object // become the ledger's entries
	Forgotten []string  // keys that leave the ledger
	NowUS     int64     // time of the load, recorded
	// OnStep, if set, is told what Load is doing, every second or so of a large
	// batch.
	OnStep func(text string)
}

// RefusedError names objects of a batch that must not be loaded, with the
// reason of each. Nothing of the batch was loaded.
type RefusedError struct{ Reasons map[string]string }

func (e *RefusedError) Error() string {
	keys := make([]string, 0, len(e.Reasons))
	for k := range e.Reasons {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k + ": " + e.Reasons[k]
	}
	return "refused: " + strings.Join(parts, "; ")
}

// Load applies a batch in one transaction: the rows of its parts are replaced,
// their rollups and coverage made anew, and the ledger updated. Files that
// disagree with their metadata are named in a *RefusedError; then, and on
// every other error, the store is as before.
func (s *Store) Load(ctx context.Context, b Batch) error {
	return s.write(ctx, "load", func(tx *sql.Tx) error {
		l := &loader{store: s, tx: tx, refused: map[string]string{}, onStep: b.OnStep}
		for _, hours := range []bool{true, false} {
			for _, spec := range datasets {
				parts := slices.DeleteFunc(slices.Clone(b.Parts), func(p Part) bool {
					return p.Dataset != spec.name || p.Hours != hours
				})
				if len(parts) == 0 {
					continue
				}
				if err := l.load(ctx, spec, parts, hours); err != nil {
					return fmt.Errorf("%s: %w", spec.name, err)
				}
			}
		}
		if len(l.refused) > 0 {
			return &RefusedError{Reasons: l.refused}
		}
		if err := l.ledger(ctx, b); err != nil {
			return err
		}
		return l.dropStaged(ctx)
	})
}

// dropStaged frees the temporary tables: they would live as long as their
// connection.
func (l *loader) dropStaged(ctx context.Context) error {
	for _, t := range []string{"part", "stale", "take", "piece", "labelset", "node_hour", "share", "rolled", "rolled_controller", "gone", "touched", "named"} {
		if err := l.exec(ctx, "DROP TABLE IF EXISTS temp."+t); err != nil {
			return err
		}
	}
	return nil
}

// write runs fn in the writing transaction.
func (s *Store) write(ctx context.Context, act string, fn func(tx *sql.Tx) error) error {
	s.writer.Lock()
	defer s.writer.Unlock()
	tx, err := s.begin(ctx)
	if err != nil {
		return fmt.Errorf("%s: begin: %w", act, err)
	}
	if err := fn(tx); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return errors.Join(fmt.Errorf("%s: %w", act, err), ignoreDone(tx.Rollback()))
	}
	s.writing()
	defer s.writing()
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%s: commit: %w", act, err)
	}
	return nil
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// loader holds the state of one Load.
type loader struct {
	store   *Store
	tx      *sql.Tx
	refused map[string]string
	onStep  func(string)
}

func (l *loader) step(spec *dataset, act string) {
	if l.onStep != nil {
		l.onStep(string(spec.name) + ": " + act)
	}
}

// load replaces the parts of one dataset.
func (l *loader) load(ctx context.Context, spec *dataset, parts []Part, hours bool) error {
	files, take := planFiles(parts)
	for _, o := range files {
		if o.Path == "" {
			return fmt.Errorf("object %s has no local copy", o.Key)
		}
	}
	if err := l.stageParts(ctx, spec, parts); err != nil {
		return err
	}
	l.step(spec, "reading")
	var src *source
	if len(files) > 0 {
		if err := l.stageTake(ctx, take); err != nil {
			return err
		}
		var err error
		if src, err = l.openSource(ctx, spec, files); err != nil || src == nil {
			return err
		}
		if err := l.verify(ctx, spec, src); err != nil || len(l.refused) > 0 {
			return err
		}
		l.step(spec, "collecting labels")
		if err := l.internLabels(ctx, spec); err != nil {
			return err
		}
	}
	if spec.name == Allocation && src != nil {
		l.step(spec, "sharing idle cost")
		if err := l.shareIdle(ctx, src); err != nil {
			return fmt.Errorf("share idle: %w", err)
		}
	}
	l.step(spec, "writing rows and rollups")
	if err := l.replace(ctx, spec, src, hours, slices.ContainsFunc(parts, func(p Part) bool { return p.Keep != nil })); err != nil {
		return err
	}
	if spec.name == Allocation {
		return l.coverage(ctx, parts)
	}
	return nil
}

// taken is one hour of one file that enters the store.
type taken struct {
	FI   int   `json:"fi"`
	Hour int64 `json:"hour"`
	US   int64 `json:"us"`
}

// planFiles numbers the distinct objects of the parts and says which hours of
// each are taken.
func planFiles(parts []Part) (files []*Object, take []taken) {
	index := map[string]int{}
	number := func(o *Object) int {
		fi, ok := index[o.Key]
		if !ok {
			fi = len(files)
			index[o.Key] = fi
			files = append(files, o)
		}
		return fi
	}
	for _, p := range parts {
		have := map[cost.Hour]bool{}
		for _, h := range p.Keep {
			have[h] = true
		}
		if p.Daily != nil {
			fi := number(p.Daily)
			for _, h := range p.Daily.Hours {
				have[h.Hour] = true
				take = append(take, taken{fi, int64(h.Hour), h.Hour.Micros()})
			}
		}
		if p.Live == nil {
			continue
		}
		fi := number(p.Live)
		for _, h := range p.Live.Hours {
			if h.Hour.Day() == p.Day && !have[h.Hour] {
				take = append(take, taken{fi, int64(h.Hour), h.Hour.Micros()})
			}
		}
	}
	return files, take
}

// dayNumber is the number of days since the epoch of p.day.
const dayNumber = "(p.day - DATE '1970-01-01')"

// stageParts makes the temporary table of the cluster-days to be replaced.
// fresh ones have no rows yet, so nothing needs to be searched for deletion.
func (l *loader) stageParts(ctx context.Context, spec *dataset, parts []Part) error {
	type row struct {
		Cluster string  `json:"cluster"`
		Day     string  `json:"day"`
		Keep    []int64 `json:"keep"`
	}
	rows := make([]row, len(parts))
	for i, p := range parts {
		rows[i] = row{Cluster: p.Cluster, Day: p.Day.String(), Keep: []int64{}}
		for _, h := range p.Keep {
			rows[i].Keep = append(rows[i].Keep, int64(h))
		}
	}
	if err := l.stage(ctx, "part", "cluster VARCHAR, day DATE, keep INTEGER[]", rows); err != nil {
		return err
	}
	return l.exec(ctx, `CREATE OR REPLACE TEMP TABLE stale AS SELECT * FROM part p WHERE EXISTS (
		SELECT 1 FROM ledger g WHERE g.cluster = p.cluster AND g.dataset = `+quote(string(spec.name))+` AND g.state = 'loaded'
		AND (g.day = p.day OR (g.day IS NULL AND list_has_any(g.hours, range(`+dayNumber+` * 24, `+dayNumber+` * 24 + 24)::INTEGER[]))))`)
}

func (l *loader) stageTake(ctx context.Context, take []taken) error {
	return l.stage(ctx, "take", "fi UBIGINT, hour INTEGER, us BIGINT", take)
}

func (l *loader) exec(ctx context.Context, text string, args ...any) error {
	if _, err := l.tx.ExecContext(ctx, text, args...); err != nil {
		return fmt.Errorf("%w\nin: %s", err, shorten(text))
	}
	return nil
}

func shorten(text string) string {
	const limit = 300
	if len(text) > limit {
		return text[:limit] + "…"
	}
	return text
}
