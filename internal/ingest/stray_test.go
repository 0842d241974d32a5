package ingest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// TestStrayKeys: keys that are not of the format are counted; those that look
// like it are shown, with the reason, while they are there.
func TestStrayKeys(t *testing.T) {
	strays := []struct{ key, cluster, reason string }{
		{"v1/allocation/date=2026-13-99/cluster_id=a/data.parquet", "a", `date "2026-13-99" is no day`},
		{"v1/allocation/date=2026-11-01/cluster_id=a/data.parquet.bak", "a", "not one of the format's"},
		{"v1/live/asset/cluster_id=b d/data.parquet", "b d", "cluster id"},
		{"v1/cluster/cluster_id=.bad id/owner.json", ".bad id", "cluster id"},
		{"v2/allocation/date=2026-11-01/cluster_id=new/data.parquet", "new", "format 2.x, this build reads 1.x"},
		{"v10/cluster/cluster_id=new/status.json", "new", "format 10.x"},
	}
	b := bucket.NewMemory()
	for _, s := range strays {
		put(t, b, s.key, []byte("x"))
	}
	put(t, b, "v1/asset/README", []byte("x"))
	put(t, b, "v2/something", []byte("x"))
	put(t, b, "velero/backup", []byte("x"))
	putDay(t, b, 1, "a", 20, today-1, span(today-1, 0, 2)...)
	s := open(t, b, t.TempDir())
	if r := s.sync(t); r.Foreign != len(strays)+2 || r.Loaded != 3 {
		t.Fatalf("report %+v", r)
	}
	for _, x := range strays {
		found := false
		for _, q := range s.cluster(t, x.cluster).Quarantined {
			found = found || (q.Key == x.key && strings.Contains(q.Reason, x.reason))
		}
		if !found {
			t.Errorf("%s: %+v, want the reason %q", x.key, s.cluster(t, x.cluster).Quarantined, x.reason)
		}
	}
	if err := b.Delete(t.Context(), strays[0].key); err != nil {
		t.Fatal(err)
	}
	s.sync(t)
	if q := s.cluster(t, "a").Quarantined; len(q) != 1 {
		t.Errorf("after one is gone: %+v", q)
	}
	for i := range 150 {
		put(t, b, fmt.Sprintf("v3/asset/cluster_id=c/%d", i), []byte("x"))
	}
	s.sync(t)
	if q := s.cluster(t, "c").Quarantined; len(q) != 100-len(strays)+1 {
		t.Errorf("%d keys are shown, the bound is 100", len(q)+len(strays)-1)
	}
}

// TestDoctorsProbes: what `storage check` may leave behind when it is killed is
// not even listed.
func TestDoctorsProbes(t *testing.T) {
	b := bucket.NewMemory()
	put(t, b, "v1/check/cluster_id=a/ohb4qz7cx2ma/put", []byte("x"))
	put(t, b, "v1/check/ohb4qz7cx2ma/multipart", []byte("x"))
	putDay(t, b, 1, "a", 20, today-1, span(today-1, 0, 2)...)
	s := open(t, b, t.TempDir())
	if r := s.sync(t); r.Foreign != 0 || r.Loaded != 3 || len(s.cluster(t, "a").Quarantined) > 0 {
		t.Errorf("report %+v, quarantined %+v", r, s.cluster(t, "a").Quarantined)
	}
}

func TestOwnerThatSaysNothing(t *testing.T) {
	for name, body := range map[string]string{"empty": "{}", "not JSON": "hello"} {
		t.Run(name, func(t *testing.T) {
			b := bucket.NewMemory()
			put(t, b, costfile.OwnerKey("a"), []byte(body))
			s := open(t, b, t.TempDir())
			s.sync(t)
			if v := s.cluster(t, "a"); v.Owner != nil || v.Errors[costfile.OwnerKey("a")] == "" {
				t.Errorf("%+v", v)
			}
			put(t, b, costfile.OwnerKey("a"), []byte(`{"uid":"u-1"}`))
			s.sync(t)
			if v := s.cluster(t, "a"); v.Owner == nil || len(v.Errors) != 0 {
				t.Errorf("put right: %+v", v)
			}
		})
	}
}
