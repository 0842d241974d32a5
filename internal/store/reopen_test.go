package store_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/store"
)

// A store whose questions are cancelled closes whole: the same file opens
// again. DuckDB waits for ever when a connection outlived the closing.
func TestReopenAfterCancel(t *testing.T) {
	const question = "SELECT range, hash(range) h FROM range(100000) ORDER BY h LIMIT 5000"
	path := filepath.Join(t.TempDir(), "fleet.duckdb")
	for round := range 60 {
		opened := make(chan *store.Store, 1)
		go func() {
			s, err := store.Open(t.Context(), store.Config{Path: path, Threads: 2, MemoryLimit: "256MiB"})
			if err != nil {
				t.Error(err)
			}
			opened <- s
		}()
		var s *store.Store
		select {
		case s = <-opened:
		case <-time.After(time.Minute):
			t.Fatalf("round %d: the file does not open: the last closing left it in use", round)
		}
		if s == nil {
			t.FailNow()
		}
		ctx, cancel := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		ask := func(fn func() error) {
			asking.Go(func() {
				for ctx.Err() == nil {
					if err := fn(); err != nil && ctx.Err() == nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 4 {
			ask(func() error { return readAll(s.Query(ctx, question)) })
			ask(func() error {
				return s.Snapshot(ctx, func(q store.Querier, _ string) error { return readAll(q.QueryContext(ctx, question)) })
			})
		}
		time.Sleep(time.Duration(round) * time.Millisecond)
		cancel()
		if round%2 == 0 { // every other closing meets questions that end
			asking.Wait()
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		asking.Wait()
	}
}

func readAll(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		continue
	}
	return rows.Err()
}
