package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Store is what the engine needs of the store: statements that read its
// tables, and the name of what they would see now.
type Store interface {
	Query(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	DataVersion(ctx context.Context) (string, error)
}

// Hydrator brings the hours of days back that are kept by the day only.
type Hydrator interface {
	// EnsureHours returns once the hourly rows of days are in the store, or an
	// error that says why they cannot be. It is idempotent and bounded.
	EnsureHours(ctx context.Context, days []cost.Day) error
}

// Config is what an Engine is told by its owner.
type Config struct {
	// LabelAliases are the labels behind department, environment, owner, product
	// and team, the first present wins; nil means DefaultLabelAliases.
	LabelAliases map[string][]string
	// Now is the clock. It is required.
	Now func() time.Time
	// Retired tells when a cluster was retired; nil means none was.
	Retired func(cluster string) (at time.Time, ok bool)
	// Settle is how long after its end an hour is expected to be there; 0 means
	// 15 minutes (an agent's close delay and push interval).
	Settle time.Duration
	// CacheBytes bounds the answers kept; 0 means 64 MiB, less than 0 none.
	CacheBytes int64
	// MaxRows bounds the rows of all sets of one answer that are held at once,
	// and with them its memory (about 1.5 KiB each); 0 means 500,000.
	MaxRows int
	Logger  *slog.Logger
}

// Engine answers questions from a store. It is safe for concurrent use.
//
// Answers may be shared between callers: they must not be changed.
type Engine struct {
	store    Store
	hydrator Hydrator
	cfg      Config
	aliases  atomic.Pointer[aliasSet]
	cache    *answerCache
	meta     metaCache
	recent   recentQuestions
}

var _ Questions = (*Engine)(nil)

// New returns an engine over a store. hydrator may be nil: then hours that are
// not in the store are not in an answer, which says so in its completeness.
func New(db Store, hydrator Hydrator, cfg Config) (*Engine, error) {
	if db == nil || cfg.Now == nil {
		return nil, errors.New("query.New: a store and a clock are needed")
	}
	if cfg.Retired == nil {
		cfg.Retired = func(string) (time.Time, bool) { return time.Time{}, false }
	}
	if cfg.Settle == 0 {
		cfg.Settle = 15 * time.Minute
	}
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = 64 << 20
	}
	if cfg.MaxRows <= 0 {
		cfg.MaxRows = 500_000
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{store: db, hydrator: hydrator, cfg: cfg, cache: newAnswerCache(cfg.CacheBytes)}
	e.SetLabelAliases(cfg.LabelAliases)
	return e, nil
}

// DataVersion implements Questions. What the alias properties stand for is part
// of the version: other labels, other answers.
func (e *Engine) DataVersion(ctx context.Context) (string, error) {
	v, err := e.store.DataVersion(ctx)
	if err != nil {
		return "", internal("read the data version", err)
	}
	return v + e.aliases.Load().mark, nil
}

// maxAttempts is how often an answer is begun anew because data were loaded
// while it was computed.
const maxAttempts = 4

// atOneVersion runs fn, which may ask several statements, until the data did
// not change in between.
func (e *Engine) atOneVersion(ctx context.Context, fn func(version string) error) error {
	for range maxAttempts {
		before, err := e.DataVersion(ctx)
		if err != nil {
			return err
		}
		if err := fn(before); err != nil {
			return err
		}
		after, err := e.DataVersion(ctx)
		if err != nil {
			return err
		}
		if before == after {
			return nil
		}
	}
	return &Error{Code: CodeUnavailable, Reason: "data are being loaded faster than the question can be answered", Hint: "ask again in a moment"}
}

// each runs a statement and calls scan for every row, with the row's values.
func (e *Engine) each(ctx context.Context, text string, scan func(v []any) error) error {
	rows, err := e.store.Query(ctx, text)
	if err != nil {
		return asError(ctx, fmt.Errorf("run %s: %w", clip(text), err))
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return asError(ctx, err)
	}
	values, pointers := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		pointers[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			return asError(ctx, err)
		}
		if err := scan(values); err != nil {
			return err
		}
	}
	return asError(ctx, rows.Err())
}

// asError gives a failure of the store its code; a cancelled context stays
// what it is.
func asError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return internal("read the store", err)
}

func internal(act string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Code: CodeInternal, Reason: act, Err: err}
}

func tooManyRows(most int) error {
	return &Error{
		Code: CodeInvalid, tooMany: true, Param: "aggregate", Reason: fmt.Sprintf("the answer has more than %d rows", most),
		Hint: "aggregate by fewer properties, filter, or use a longer step or a shorter window",
	}
}

func clip(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
