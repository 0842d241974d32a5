package ingest_test

import (
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// TestBucketExpiresEarly: the oldest days going while younger ones stay is
// shown; a cluster deleted as a whole, or a day in the middle, is not.
func TestBucketExpiresEarly(t *testing.T) {
	b := bucket.NewMemory()
	for _, c := range []string{"expiring", "deleted", "middle"} {
		for d := range cost.Day(4) {
			putDay(t, b, 1, c, 5, today-d, span(today-d, 0, 1)...)
		}
	}
	s := open(t, b, t.TempDir())
	s.sync(t)
	for c, days := range map[string][]cost.Day{"expiring": {2, 3}, "deleted": {0, 1, 2, 3}, "middle": {1}} {
		for _, d := range days {
			for _, data := range costfile.Datasets {
				if err := b.Delete(t.Context(), costfile.DailyKey(data, today-d, c)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	s.sync(t)
	s.sync(t)
	got := s.cluster(t, "expiring").Expired
	if !strings.Contains(got, (today-2).String()) || !strings.Contains(got, "after about 2 days, daily retention is 30") {
		t.Errorf("expiring: %q", got)
	}
	for _, c := range []string{"deleted", "middle"} {
		if got := s.cluster(t, c).Expired; got != "" {
			t.Errorf("%s: %q", c, got)
		}
	}
}
