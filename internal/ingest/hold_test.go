package ingest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/ingest"
)

// TestDayIsWholeOrMissing: workloads and assets of a day are loaded together or
// not at all; a refused attachment object costs its own detail only.
func TestDayIsWholeOrMissing(t *testing.T) {
	for name, every := range map[string]time.Duration{"listed": time.Nanosecond, "by status": time.Hour} {
		for _, live := range []bool{false, true} {
			for _, data := range costfile.Datasets {
				t.Run(name+map[bool]string{true: " live "}[live]+string(data), func(t *testing.T) {
					refuseOne(t, data, live, every)
				})
			}
		}
	}
}

func refuseOne(t *testing.T, data costfile.Dataset, live bool, every time.Duration) {
	p := pushing{t, bucket.NewMemory(), live}
	s := open(t, p.b, t.TempDir(), func(c *ingest.Config) { c.SweepEvery = every })
	sync := func() ingest.Report {
		t.Helper()
		putObjectStatus(t, p.b, "a", live)
		return s.sync(t)
	}
	key := costfile.DailyKey(data, today, "a")
	if live {
		key = costfile.LiveKey(data, "a")
	}
	detail := data == costfile.AttachmentData
	// Nothing is loaded yet: the day is missing.
	p.all(1, span(today, 0, 2)...)
	put(t, p.b, key, []byte("rubbish"))
	r := sync()
	hours := s.text(t, "SELECT (SELECT count(*) FROM coverage), (SELECT count(DISTINCT hour) FROM alloc_hour), (SELECT count(DISTINCT hour) FROM asset_hour)")
	q := s.cluster(t, "a").Quarantined
	if len(q) != 1 {
		t.Fatalf("quarantine %+v", q)
	}
	if detail {
		if r.Loaded != 2 || r.Held != 0 || hours != "2 2 2\n" || !strings.Contains(q[0].Reason, "without this detail") {
			t.Fatalf("%+v, hours %s, %s", r, hours, q[0].Reason)
		}
		return
	}
	if r.Loaded != 0 || r.Held != 2 || hours != "0 0 0\n" || !strings.Contains(q[0].Reason, "missing because of it") {
		t.Fatalf("%+v, hours %s, %s", r, hours, q[0].Reason)
	}
	if r = sync(); r.Held != 0 || r.Quarantined != 0 {
		t.Fatalf("the same bytes were fetched again: %+v", r)
	}
	// Put right, all that was held comes with it.
	p.put(data, 1, span(today, 0, 2)...)
	if r = sync(); r.Loaded != 3 {
		t.Fatalf("put right: %+v", r)
	}
	// A refused new version: the day stays as it was.
	before := s.dump(t)
	p.all(2, span(today, 0, 3)...)
	put(t, p.b, key, []byte("rubbish"))
	if r = sync(); r.Loaded != 0 || r.Held != 2 || s.dump(t) != before {
		t.Fatalf("refused new version: %+v", r)
	}
	if q = s.cluster(t, "a").Quarantined; len(q) != 1 || !strings.Contains(q[0].Reason, "as ") {
		t.Fatalf("quarantine %+v", q)
	}
	p.put(data, 2, span(today, 0, 3)...)
	if r = sync(); r.Loaded != 3 || len(s.cluster(t, "a").Quarantined) != 0 {
		t.Fatalf("put right: %+v", r)
	}
	fresh := open(t, p.b, t.TempDir())
	fresh.sync(t)
	if got, want := s.dump(t), fresh.dump(t); got != want {
		t.Error(firstDifference(got, want))
	}
}
