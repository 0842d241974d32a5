package server

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/httpapi"
)

// Two servers that retire one cluster at once: the last to write wins, no
// write is lost unseen, and both agree after the next look.
func TestRetireConflict(t *testing.T) {
	b := bucket.NewMemory()
	now := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	one, two := newRetirements(b), newRetirements(&racing{Bucket: b, first: func() {
		if err := newRetirements(b).retire(t.Context(), "a", now, now); err != nil {
			t.Fatal(err)
		}
	}})
	if err := two.retire(t.Context(), "a", now.Add(time.Hour), now); err != nil {
		t.Fatal(err)
	}
	if err := one.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at, ok := one.at("a"); !ok || !at.Equal(now.Add(time.Hour)) {
		t.Errorf("retired at %v, %t", at, ok)
	}
	if _, ok := one.at("b"); ok {
		t.Error("b is retired")
	}
}

// racing lets another writer in between reading and the first Put.
type racing struct {
	bucket.Bucket
	first func()
}

func (r *racing) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond bucket.Condition) (bucket.Object, error) {
	if f := r.first; f != nil {
		r.first = nil
		f()
	}
	return r.Bucket.Put(ctx, key, body, size, cond)
}

func TestRetirementsRefuseNonsense(t *testing.T) {
	b := bucket.NewMemory()
	text := []byte(`{"clusterId":"other"}`)
	if _, err := b.Put(t.Context(), "v1/state/retired/cluster_id=a.json", bytes.NewReader(text), int64(len(text)), bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
	if err := newRetirements(b).load(t.Context()); err == nil || !strings.Contains(err.Error(), "cluster_id=a.json") {
		t.Errorf("load: %v", err)
	}
}

// A cluster whose agent has priced nothing yet has no share at default prices.
func TestUnknownDefaultShare(t *testing.T) {
	var c httpapi.ClusterStatus
	describe(&c, &costfile.Status{})
	if c.DefaultShare != nil {
		t.Errorf("share %v of nothing", *c.DefaultShare)
	}
	describe(&c, &costfile.Status{Prices: costfile.PriceStatus{BySource: map[string]float64{"book": 1}}})
	if c.DefaultShare == nil || *c.DefaultShare != 0 {
		t.Errorf("share %v, want 0", c.DefaultShare)
	}
}
