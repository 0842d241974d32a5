package bucket

import (
	"testing"
	"time"
)

// TestDeadlineGrows: a slow uplink gets the time that its object needs.
func TestDeadlineGrows(t *testing.T) {
	tr := &storeTransport{header: 2 * time.Minute}
	for size, want := range map[int64]time.Duration{
		-1:        2 * time.Minute,
		0:         2 * time.Minute,
		64 << 10:  2*time.Minute + time.Second,
		128 << 20: 2*time.Minute + 2048*time.Second,
	} {
		if got := tr.deadline(size); got.Round(time.Second) != want {
			t.Errorf("deadline of %d bytes is %s, want %s", size, got, want)
		}
	}
}

// TestBackoffSpreads: two agents that fail together do not come back together.
func TestBackoffSpreads(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		b := newBackoff()
		var total time.Duration
		for range 5 {
			total += b.NextBackOff()
		}
		if total <= 0 || total > 5*2*backoffMost {
			t.Errorf("five waits take %s", total)
		}
		seen[total] = true
	}
	if len(seen) < 90 {
		t.Errorf("100 agents share %d schedules", len(seen))
	}
}
