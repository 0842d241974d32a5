package ingest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/ingest"
)

// pushing writes objects of cluster a one at a time, as an agent does.
type pushing struct {
	t    *testing.T
	b    bucket.Bucket
	live bool
}

// put writes one dataset of today with the given generation of its last hour.
func (p pushing) put(data costfile.Dataset, generation int64, hours ...cost.Hour) {
	meta := costfile.Meta{Dataset: data, Cluster: "a", Live: p.live, Currency: "USD"}
	key := costfile.LiveKey(data, "a")
	if !p.live {
		meta.Date, key = today.String(), costfile.DailyKey(data, today, "a")
	}
	for _, h := range hours {
		meta.Hours = append(meta.Hours, costfile.HourMeta{Hour: h, Coverage: 3600, Generation: 1})
	}
	meta.Hours[len(hours)-1].Generation = generation
	seed := uint64(generation)
	switch data {
	case costfile.AllocationData:
		put(p.t, p.b, key, encode(p.t, meta, allocations(seed, "a", 25, hours...)))
	case costfile.AssetData:
		put(p.t, p.b, key, encode(p.t, meta, assets("a", 1+int(generation%5), hours...)))
	case costfile.AttachmentData:
		put(p.t, p.b, key, encode(p.t, meta, attachments("a", hours...)))
	}
}

func (p pushing) all(generation int64, hours ...cost.Hour) {
	for _, data := range costfile.Datasets {
		p.put(data, generation, hours...)
	}
}

// TestPushUnderWay: a cluster-day keeps what it was while its datasets differ,
// whichever was written last, by listing and by status; a push that nobody ends
// is shown after a while, as such.
func TestPushUnderWay(t *testing.T) {
	for name, mode := range map[string]struct {
		live  bool
		every time.Duration
	}{
		"daily, listed": {false, time.Nanosecond}, "live, listed": {true, time.Nanosecond},
		"daily, by status": {false, time.Hour}, "live, by status": {true, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			p := pushing{t, bucket.NewMemory(), mode.live}
			s := open(t, p.b, t.TempDir(), func(c *ingest.Config) { c.SweepEvery = mode.every })
			sync := func() ingest.Report {
				t.Helper()
				putObjectStatus(t, p.b, "a", p.live)
				return s.sync(t)
			}
			p.put(costfile.AttachmentData, 1, span(today, 0, 2)...)
			if r := sync(); r.Loaded != 0 || r.Waiting != 1 {
				t.Fatalf("a first push under way: %+v", r)
			}
			p.all(1, span(today, 0, 2)...)
			if r := sync(); r.Loaded != 3 || r.Waiting != 0 {
				t.Fatalf("a whole push: %+v", r)
			}
			before := s.dump(t)
			// A new hour, then a new version of an hour.
			for g := int64(2); g <= 3; g++ {
				hours := span(today, 0, 3)
				p.put(costfile.AttachmentData, g, hours...)
				p.put(costfile.AssetData, g, hours...)
				if r := sync(); r.Loaded != 0 || r.Waiting != 2 || s.dump(t) != before {
					t.Fatalf("between the datasets of a push: %+v", r)
				}
				p.put(costfile.AllocationData, g, hours...)
				if r := sync(); r.Loaded != 3 {
					t.Fatalf("after the push: %+v", r)
				}
				fresh := open(t, p.b, t.TempDir())
				fresh.sync(t)
				if before = s.dump(t); before != fresh.dump(t) {
					t.Fatal(firstDifference(before, fresh.dump(t)))
				}
			}
			// The agent dies between two datasets.
			p.put(costfile.AttachmentData, 4, span(today, 0, 4)...)
			for range 3 {
				if r := sync(); r.Loaded != 0 || s.dump(t) != before {
					t.Fatalf("not yet given up: %+v", r)
				}
			}
			if r := sync(); r.Loaded != 1 {
				t.Fatalf("given up: %+v", r)
			}
			if how := s.cluster(t, "a").Uneven[today]; !strings.Contains(how, " in the attachment data and 3 in the asset data") {
				t.Errorf("uneven: %q", how)
			}
			p.all(5, span(today, 0, 4)...)
			if r := sync(); r.Loaded != 3 || len(s.cluster(t, "a").Uneven) != 0 {
				t.Errorf("taken up again: %+v, %v", r, s.cluster(t, "a").Uneven)
			}
		})
	}
}

// TestUnevenAfterRestart: the generations of what was loaded outlive the
// process.
func TestUnevenAfterRestart(t *testing.T) {
	p := pushing{t, bucket.NewMemory(), true}
	dir := t.TempDir()
	s := open(t, p.b, dir)
	p.all(1, span(today, 0, 2)...)
	s.sync(t)
	before := s.dump(t)
	if err := s.st.Close(); err != nil {
		t.Fatal(err)
	}
	p.put(costfile.AttachmentData, 2, span(today, 0, 2)...)
	s = open(t, p.b, dir)
	if r := s.sync(t); r.Loaded != 0 || r.Waiting != 1 || s.dump(t) != before {
		t.Errorf("%+v", r)
	}
}
