package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"golang.org/x/sync/semaphore"
)

// Config says where the store lives and what it may use.
type Config struct {
	// Path is the database file. Its directory is created; spilled data goes to
	// Path + ".tmp". Everything there may be deleted while the store is closed.
	Path string
	// Threads is the number of DuckDB threads; 0 means one per core.
	Threads int
	// MemoryLimit is DuckDB's own limit, in its notation ("1GB", "800MiB");
	// "" means 1 GiB. The process needs some 300 MiB more.
	MemoryLimit string
	// TempLimit bounds the spilled data, in the same notation; "" means "20GB".
	TempLimit string
	// HeavyQueries is how many queries run at once; further ones wait. 0 means
	// two per core.
	HeavyQueries int
	Logger       *slog.Logger
}

// Store is an open store. Its methods are safe for concurrent use; there is
// one writer at a time.
type Store struct {
	cfg     Config
	db      *sql.DB
	rebuilt bool
	heavy   *semaphore.Weighted
	writer  sync.Mutex // one writing transaction at a time
	labels  labelCache // the writer's

	versionMu sync.Mutex
	version   string // DataVersion; "" when it must be computed anew
	writes    int64  // grows before and after each commit: odd while one is under way
}

// Open opens the store at cfg.Path, or makes an empty one. A file of another
// layout version, or one that DuckDB cannot read, is deleted and made anew;
// Rebuilt tells. A file that another process holds is an error.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o755); err != nil {
		return nil, fmt.Errorf("make the store's directory: %w", err)
	}
	s, err := open(ctx, cfg)
	if err == nil {
		return s, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if isLocked(err) {
		return nil, fmt.Errorf("open %s: another process holds it; stop it or give another data directory: %w", cfg.Path, err)
	}
	cfg.Logger.Warn("store is rebuilt from the bucket", "path", cfg.Path, "reason", err.Error())
	if err := remove(cfg.Path); err != nil {
		return nil, err
	}
	if s, err = open(ctx, cfg); err != nil {
		return nil, fmt.Errorf("make a new store at %s: %w", cfg.Path, err)
	}
	s.rebuilt = true
	return s, nil
}

func (c Config) withDefaults() Config {
	if c.Threads <= 0 {
		c.Threads = runtime.GOMAXPROCS(0)
	}
	if c.MemoryLimit == "" {
		c.MemoryLimit = "1GiB"
	}
	if c.TempLimit == "" {
		c.TempLimit = "20GB"
	}
	if c.HeavyQueries <= 0 {
		c.HeavyQueries = 2 * runtime.GOMAXPROCS(0)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) tempDir() string { return c.Path + ".tmp" }

// remove deletes the database, its log and its temporary files.
func remove(path string) error {
	for _, p := range []string{path, path + ".wal", path + ".tmp"} {
		if err := os.RemoveAll(p); err != nil {
			return fmt.Errorf("delete old store: %w", err)
		}
	}
	return nil
}

func isLocked(err error) bool { return strings.Contains(err.Error(), "Could not set lock on file") }

var errOtherVersion = errors.New("the file is of another layout version")

func open(ctx context.Context, cfg Config) (*Store, error) {
	// The newest storage format: its string compression halves the time to
	// write a batch. Older engines need not read the file, it is rebuilt.
	c, err := duckdb.NewConnector(cfg.Path+"?storage_compatibility_version=latest", nil)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	s := &Store{cfg: cfg, db: db, heavy: semaphore.NewWeighted(int64(cfg.HeavyQueries)), labels: labelCache{}}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// prepare sets the instance up and checks or makes the tables.
func (s *Store) prepare(ctx context.Context) error {
	for _, q := range []string{
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET allow_community_extensions = false",
		fmt.Sprintf("SET threads = %d", s.cfg.Threads),
		"SET memory_limit = " + quote(s.cfg.MemoryLimit),
		"SET temp_directory = " + quote(s.cfg.tempDir()),
		"SET max_temp_directory_size = " + quote(s.cfg.TempLimit),
		"SET preserve_insertion_order = false",
		"SET TimeZone = 'UTC'",
		"SET enable_progress_bar = false",
		"SET checkpoint_threshold = '512MiB'",
	} {
		if _, err := s.db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	var n int
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM duckdb_tables()").Scan(&n); err != nil {
		return fmt.Errorf("read the list of tables: %w", err)
	}
	if n == 0 {
		return s.create(ctx)
	}
	var version string
	if err := s.db.QueryRowContext(ctx, "SELECT version FROM layout").Scan(&version); err != nil || version != layoutVersion {
		return fmt.Errorf("version %q, this build has %q: %w", version, layoutVersion, errors.Join(errOtherVersion, err))
	}
	return nil
}

func (s *Store) create(ctx context.Context) error {
	tx, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // no effect after Commit
	for _, q := range schema() {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO layout VALUES (?, 0)", layoutVersion); err != nil {
		return err
	}
	return tx.Commit()
}

// Rebuilt tells whether Open found a file it could not use and deleted it.
func (s *Store) Rebuilt() bool { return s.rebuilt }

// Close writes everything out and closes the file.
//
// Close waits for statements under way, whose contexts should have ended, and
// for rows that are read: DuckDB never frees a database that is closed under a
// connection in use, and whoever opens the same file again in this process
// would wait for ever (https://github.com/duckdb/duckdb/issues/25965).
func (s *Store) Close() error {
	const grace, look = 30 * time.Second, 5 * time.Millisecond
	for waited := time.Duration(0); s.db.Stats().InUse > 0; waited += look {
		if waited >= grace {
			return fmt.Errorf("close the store: %d statements still run after %s", s.db.Stats().InUse, grace)
		}
		time.Sleep(look)
	}
	return s.db.Close()
}

// begin begins a transaction that ends when its function ends it. Had it ctx,
// database/sql would roll it back in the background after a cancellation, with
// its connection in use for who knows how long; the statements have ctx.
func (s *Store) begin(ctx context.Context) (*sql.Tx, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.db.BeginTx(context.WithoutCancel(ctx), nil)
}

// Query runs a reading statement. It waits while too many others run. The
// whole result is computed before Query returns, so rows left open hold
// memory but no turn. Cancelling ctx interrupts the statement.
func (s *Store) Query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if err := s.heavy.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for a turn to query: %w", err)
	}
	defer s.heavy.Release(1)
	return s.db.QueryContext(ctx, text, args...)
}

// Querier runs statements within one snapshot.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Snapshot runs fn, whose statements all see the store as of one moment;
// version is the DataVersion of that moment. It counts as one query.
func (s *Store) Snapshot(ctx context.Context, fn func(q Querier, version string) error) error {
	if err := s.heavy.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait for a turn to query: %w", err)
	}
	defer s.heavy.Release(1)
	known, writes := s.knownVersion()
	tx, err := s.begin(ctx)
	if err != nil {
		return fmt.Errorf("begin snapshot: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // reading only
	var one int
	if err := tx.QueryRowContext(ctx, "SELECT 1 FROM layout").Scan(&one); err != nil { // fixes the moment
		return fmt.Errorf("begin snapshot: %w", err)
	}
	if _, now := s.knownVersion(); known == "" || now != writes {
		if known, err = dataVersion(ctx, tx); err != nil {
			return err
		}
	}
	return fn(tx, known)
}

// Engine names the database engine and its version: "DuckDB v1.5.6".
func (s *Store) Engine(ctx context.Context) (string, error) {
	var version string
	if err := s.db.QueryRowContext(ctx, "SELECT version()").Scan(&version); err != nil {
		return "", fmt.Errorf("ask the store for its version: %w", err)
	}
	return "DuckDB " + version, nil
}

// DataVersion names what the store holds: a hash of the keys and ETags of the
// objects loaded. Equal data have equal names, in a rebuilt store as well.
func (s *Store) DataVersion(ctx context.Context) (string, error) {
	known, writes := s.knownVersion()
	if known != "" {
		return known, nil
	}
	version, err := dataVersion(ctx, s.db)
	if err != nil {
		return "", err
	}
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	if s.writes == writes && writes%2 == 0 {
		s.version = version
	}
	return version, nil
}

// knownVersion returns the data version, if it need not be computed, and a
// number that changes with every write.
func (s *Store) knownVersion() (version string, writes int64) {
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	return s.version, s.writes
}

type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func dataVersion(ctx context.Context, q rowQuerier) (string, error) {
	// Addition of 64-bit halves of MD5 does not depend on the order of rows.
	const text = `SELECT printf('%016x',
		(coalesce(sum(md5_number_lower(key || chr(10) || etag)::HUGEINT), 0) % 18446744073709551616)::UBIGINT)
		FROM ledger WHERE state = 'loaded'`
	var v string
	if err := q.QueryRowContext(ctx, text).Scan(&v); err != nil {
		return "", fmt.Errorf("compute the data version: %w", err)
	}
	return v, nil
}

// writing is called before and after each commit: it forgets the data version.
func (s *Store) writing() {
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	s.version = ""
	s.writes++
}

// quote makes a SQL string literal.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
