package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fleetcost/fleetcost/internal/store"
)

func TestOpenMakesAndKeeps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "fleet.duckdb")
	for i := range 2 {
		s, err := store.Open(t.Context(), store.Config{Path: path, Threads: 1, MemoryLimit: "256MiB"})
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.DataVersion(t.Context())
		if err != nil || len(v) != 16 {
			t.Errorf("DataVersion = %q, %v", v, err)
		}
		if s.Rebuilt() {
			t.Errorf("open %d: rebuilt", i)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenRebuilds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.duckdb")
	if err := os.WriteFile(path, []byte("not a database, but long enough to be taken for one by somebody in a hurry"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !s.Rebuilt() {
		t.Error("a damaged file was not rebuilt")
	}
	rows, err := s.Query(t.Context(), "SELECT count(*) FROM alloc_hour")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
}
