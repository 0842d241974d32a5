package store_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/fleetcost/fleetcost/internal/store"
)

// TestLoadTellsItsSteps: who waits for a large batch sees it move.
func TestLoadTellsItsSteps(t *testing.T) {
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "s.duckdb"), Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var steps []string
	err = s.Load(t.Context(), store.Batch{
		Parts:  []store.Part{{Dataset: store.Allocation, Cluster: "a", Day: 20_000}, {Dataset: store.Asset, Cluster: "a", Day: 20_000}},
		OnStep: func(step string) { steps = append(steps, step) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"allocation: writing rows and rollups", "asset: reading"} {
		if !slices.Contains(steps, want) {
			t.Errorf("%q is missing in %q", want, steps)
		}
	}
}
