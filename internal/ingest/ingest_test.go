package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/ingest"
)

func TestSyncIsIdempotent(t *testing.T) {
	b := bucket.NewMemory()
	putDay(t, b, 1, "a", 60, today-1, span(today-1, 0, 24)...)
	putDay(t, b, 1, "a", 60, today-9, span(today-9, 0, 24)...)
	putLive(t, b, 1, "a", 60, span(today, 9, 3)...)
	s := open(t, b, t.TempDir())
	if r := s.sync(t); r.Loaded != 9 || r.Quarantined != 0 || r.Failed != 0 {
		t.Fatalf("report %+v", r)
	}
	before := s.dump(t)
	if r := s.sync(t); r.Loaded != 0 || r.Rows != 0 {
		t.Errorf("second sync loaded again: %+v", r)
	}
	if s.dump(t) != before {
		t.Error("second sync changed rows")
	}
}

// TestDayIsDailyAndLive: what a day holds equals the sums over the rows of the
// daily object and of those live hours that it lacks, in the hourly rows and in
// both rollups, for days with and without hourly rows.
func TestDayIsDailyAndLive(t *testing.T) {
	for _, day := range []cost.Day{today, today - 9} {
		t.Run(day.String(), func(t *testing.T) {
			b := bucket.NewMemory()
			putDay(t, b, 1, "a", 60, day, span(day, 0, 10)...)
			// Hours 8 and 9 of the live object differ from the daily ones: ignored.
			putLive(t, b, 99, "a", 60, span(day, 8, 4)...)
			s := open(t, b, t.TempDir())
			s.sync(t)
			rows := append(allocations(1, "a", 60, span(day, 0, 10)...), allocations(99, "a", 60, span(day, 10, 2)...)...)
			var cpu, ram, idle, request int64
			for _, r := range rows {
				if r.Kind == cost.KindIdle {
					idle += int64(r.CPUCost)
				}
				cpu += int64(r.CPUCost)
				ram += int64(r.RAMCost)
				request += r.CPURequestCoreHours
			}
			want := fmt.Sprintln(cpu, ram, request, idle, idle)
			tables := []string{"alloc_day_container", "alloc_day_controller", "alloc_day_namespace"}
			if day == today {
				tables = append(tables, "alloc_hour")
			}
			for _, table := range tables {
				if got := s.text(t, `SELECT sum(cpu_cost), sum(ram_cost), sum(cpu_request_core_hours), sum(idle_cpu_by_node), sum(idle_cpu_by_cluster) FROM `+table); got != want {
					t.Errorf("%s: %swant %s", table, got, want)
				}
			}
			if got := s.text(t, "SELECT count(*), count(*) FILTER (live), min(hour) - min(day - DATE '1970-01-01') * 24, max(hour) - min(day - DATE '1970-01-01') * 24 FROM coverage"); got != "12 2 0 11\n" {
				t.Errorf("coverage: %s", got)
			}
			if got := s.text(t, "SELECT min(cpu_scale), sum(default_cost), sum(cpu_cost + ram_cost) FROM asset_day WHERE asset_id LIKE '%0'"); got != fmt.Sprintln(1_000_000-11, 12*164_000_000, 12*164_000_000) {
				t.Errorf("assets: %s", got)
			}
			if got := s.text(t, "SELECT sum(cost), sum(hours) FROM attachment_day"); got != fmt.Sprintln(12*54_794, 12_000_000) {
				t.Errorf("attachments: %s", got)
			}
		})
	}
}

// TestSameObjectsSameRows: a store that followed many changes, in small
// batches, holds the same as one loaded at once, and names it the same.
func TestSameObjectsSameRows(t *testing.T) {
	b := bucket.NewMemory()
	followed := open(t, b, t.TempDir(), func(c *ingest.Config) { c.BatchRows = 100; c.Downloads = 1 })
	for h := 1; h <= 6; h++ {
		// The live object holds the last hours, the daily object follows late.
		putLive(t, b, 5, "a", 45, span(today, max(0, h-2), min(h, 2))...)
		followed.sync(t)
		if h > 1 {
			putDay(t, b, 5, "a", 45, today, span(today, 0, h-1)...)
		}
		if h%2 == 0 {
			putDay(t, b, uint64(h), "b", 20, today-cost.Day(h), span(today-cost.Day(h), 0, 24)...)
		}
		followed.sync(t)
	}
	// A correction of a cold day, and live hours on a day that was left.
	putDay(t, b, 77, "b", 25, today-6, span(today-6, 0, 23)...)
	putLive(t, b, 5, "b", 20, append(span(today-6, 22, 2), span(today-2, 3, 2)...)...)
	followed.sync(t)
	putLive(t, b, 6, "b", 20, append(span(today-6, 23, 1), span(today, 0, 2)...)...)
	followed.sync(t)

	fresh := open(t, b, t.TempDir())
	fresh.sync(t)
	if want, got := fresh.dump(t), followed.dump(t); got != want {
		t.Error(firstDifference(got, want))
	}
	v1, err1 := followed.st.DataVersion(t.Context())
	v2, err2 := fresh.st.DataVersion(t.Context())
	if v1 != v2 || err1 != nil || err2 != nil {
		t.Errorf("data versions %q, %q (%v, %v)", v1, v2, err1, err2)
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d:\n got %s\nwant %s", i, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

func TestRefusedObjects(t *testing.T) {
	day := today - 1
	hours := span(day, 0, 3)
	meta := func(cluster string) costfile.Meta {
		return costfile.Meta{Dataset: costfile.AllocationData, Cluster: cluster, Date: day.String()}
	}
	good := func(cluster string) []byte {
		return object(t, meta(cluster), hours, allocations(1, cluster, 20, hours...))
	}
	with := func(change func(*costfile.Meta)) func(string) []byte {
		return func(cluster string) []byte {
			m := meta(cluster)
			change(&m)
			return object(t, m, hours, allocations(1, cluster, 20, hours...))
		}
	}
	at := func(d cost.Day, hours ...cost.Hour) func(string) []byte {
		return func(cluster string) []byte {
			m := meta(cluster)
			m.Date = d.String()
			return object(t, m, hours, allocations(1, cluster, 20, hours...))
		}
	}
	cases := []struct {
		cluster string
		body    func(cluster string) []byte
		reason  string
	}{
		{"not-parquet", func(string) []byte { return []byte("hello, this is not a parquet file") }, "corrupt object"},
		{"truncated", func(c string) []byte { return good(c)[:len(good(c))/2] }, "corrupt object"},
		{"damaged-page", func(c string) []byte { return damaged(good(c)) }, "corrupt object"},
		{"flipped-bit", func(c string) []byte { return flipped(t, good(c)) }, "checksum"},
		{"unknown-major", func(c string) []byte {
			return falsified(t, good(c), "fleetcost.version\x18\x031.0", "fleetcost.version\x18\x039.0")
		}, "upgrade fleetcost"},
		{"other-date", with(func(m *costfile.Meta) { m.Date = "2024-01-01" }), `the footer says date "2024-01-01"`},
		{"other-dataset", with(func(m *costfile.Meta) { m.Dataset = costfile.AssetData }), `the footer says dataset "asset"`},
		{"live-in-daily", with(func(m *costfile.Meta) { m.Live = true }), "live=true"},
		{"other-currency", with(func(m *costfile.Meta) { m.Currency = "EUR" }), "its currency is EUR, the fleet's is USD"},
		{"false-rows", func(c string) []byte { return falsified(t, good(c), `"rows":23`, `"rows":21`) }, "the footer says"},
		{"swapped-rows", func(c string) []byte {
			return falsified(t, falsified(t, good(c), `"rows":23`, `"rows":22`), `"rows":23`, `"rows":24`)
		}, "the footer says 22"},
		{"false-total", func(c string) []byte { return falsifiedTotal(t, good(c)) }, "nano-units, the footer says"},
		{"other-cluster", func(string) []byte { return good("good") }, `the footer says cluster "good"`},
		{"foreign-rows", func(c string) []byte {
			other := "X" + c[1:]
			return falsified(t, good(other), `"cluster":"`+other, `"cluster":"`+c)
		}, `rows of cluster "Xoreign-rows"`},
		{"next-day", at(day, span(day+1, 0, 1)...), "does not belong to"},
		{"future", at(today, span(today, 20, 1)...), "in the future"},
	}
	b := bucket.NewMemory()
	putDay(t, b, 1, "good", 20, day, hours...)
	keys := map[string]string{}
	for _, c := range cases {
		keys[c.cluster] = costfile.DailyKey(costfile.AllocationData, day, c.cluster)
		if c.cluster == "future" {
			keys[c.cluster] = costfile.DailyKey(costfile.AllocationData, today, c.cluster)
		}
		put(t, b, keys[c.cluster], c.body(c.cluster))
	}
	s := open(t, b, t.TempDir(), func(c *ingest.Config) { c.Currency, c.Patience = "USD", -1 })
	if r := s.sync(t); r.Loaded != 3 || r.Quarantined != len(cases) {
		t.Errorf("report %+v", r)
	}
	for _, c := range cases {
		if q := s.cluster(t, c.cluster).Quarantined; len(q) != 1 || q[0].Key != keys[c.cluster] || !strings.Contains(q[0].Reason, c.reason) {
			t.Errorf("%s: quarantine %+v, want the reason %q", c.cluster, q, c.reason)
		}
	}
	if got := s.text(t, "SELECT DISTINCT cluster FROM alloc_hour"); got != "good\n" {
		t.Errorf("loaded clusters %q", got)
	}
	if r := s.sync(t); r.Quarantined != 0 {
		t.Error("the same bytes were tried again")
	}
	// Put right, they are loaded and leave quarantine.
	for _, c := range cases {
		k, err := costfile.ParseKey(keys[c.cluster])
		if err != nil {
			t.Fatal(err)
		}
		putDay(t, b, 1, c.cluster, 20, k.Day, span(k.Day, 0, 2)...)
	}
	if r := s.sync(t); r.Loaded != 3*len(cases) {
		t.Errorf("after the correction: %+v", r)
	}
	for _, c := range cases {
		if v := s.cluster(t, c.cluster); len(v.Quarantined) != 0 || v.Objects != 3 || v.Days[0].Hours != 2 {
			t.Errorf("%s after the correction: %+v", c.cluster, v)
		}
	}
}

func (s server) cluster(t testing.TB, id string) ingest.ClusterView {
	t.Helper()
	fleet, err := s.Fleet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range fleet {
		if c.ClusterID == id {
			return c
		}
	}
	t.Fatalf("no cluster %q in %+v", id, fleet)
	return ingest.ClusterView{}
}

// damaged overwrites bytes in the middle of the pages, leaving the footer.
func damaged(b []byte) []byte {
	b = bytes.Clone(b)
	for i := range 200 {
		b[len(b)/8+i] ^= 0xa5
	}
	return b
}

// flipped flips one bit of the last column chunk: a quantity differs, and the
// file opens as before.
func flipped(t testing.TB, b []byte) []byte {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	columns := f.Metadata().RowGroups[0].Columns
	last := columns[len(columns)-1].MetaData
	b = bytes.Clone(b)
	start := last.DataPageOffset
	if last.DictionaryPageOffset > 0 {
		start = last.DictionaryPageOffset
	}
	b[start+last.TotalCompressedSize-1] ^= 1
	if _, err := costfile.ReadMeta(bytes.NewReader(b), int64(len(b)), costfile.DefaultLimits); err != nil {
		t.Fatalf("the footer is damaged: %v", err)
	}
	return b
}

// falsified replaces text in the footer by text of the same length.
func falsified(t testing.TB, b []byte, from, to string) []byte {
	t.Helper()
	if !bytes.Contains(b, []byte(from)) || len(from) != len(to) {
		t.Fatalf("cannot replace %q", from)
	}
	return bytes.Replace(b, []byte(from), []byte(to), 1)
}

func falsifiedTotal(t testing.TB, b []byte) []byte {
	t.Helper()
	m := regexp.MustCompile(`"total":\d+`).Find(b)
	if m == nil {
		t.Fatal("no total in the footer")
	}
	to := []byte(string(m))
	to[len(to)-1] = '0' + (to[len(to)-1]-'0'+1)%10
	return falsified(t, b, string(m), string(to))
}

// TestBadReplacementKeepsTheOld: a damaged new version does not take the old
// one's numbers away.
func TestBadReplacementKeepsTheOld(t *testing.T) {
	b := bucket.NewMemory()
	putDay(t, b, 1, "a", 20, today-1, span(today-1, 0, 24)...)
	s := open(t, b, t.TempDir())
	s.sync(t)
	before := s.dump(t)
	put(t, b, costfile.DailyKey(costfile.AllocationData, today-1, "a"), []byte("rubbish"))
	if r := s.sync(t); r.Quarantined != 1 {
		t.Fatalf("report %+v", r)
	}
	if s.dump(t) != before {
		t.Error("rows changed")
	}
	if v := s.cluster(t, "a"); len(v.Quarantined) != 1 || v.Objects != 3 {
		t.Errorf("%+v", v)
	}
}

func TestForgetAfterTwoSweeps(t *testing.T) {
	b := bucket.NewMemory()
	putDay(t, b, 1, "a", 20, today-1, span(today-1, 0, 24)...)
	putDay(t, b, 1, "b", 20, today-1, span(today-1, 0, 24)...)
	putLive(t, b, 1, "a", 20, span(today-1, 22, 2)...)
	s := open(t, b, t.TempDir())
	s.sync(t)
	for _, data := range costfile.Datasets {
		if err := b.Delete(t.Context(), costfile.DailyKey(data, today-1, "a")); err != nil {
			t.Fatal(err)
		}
	}
	if r := s.sync(t); r.Forgotten != 0 {
		t.Fatalf("forgotten after one sweep: %+v", r)
	}
	if r := s.sync(t); r.Forgotten != 3 {
		t.Fatalf("not forgotten after two sweeps: %+v", r)
	}
	// The live hours, no longer in a daily object, count again.
	fresh := open(t, b, t.TempDir())
	fresh.sync(t)
	if got, want := s.dump(t), fresh.dump(t); got != want {
		t.Error(firstDifference(got, want))
	}
	if got := s.text(t, "SELECT cluster, count(*), count(*) FILTER (live) FROM coverage GROUP BY 1 ORDER BY 1"); got != "a 2 2\nb 24 0\n" {
		t.Errorf("coverage %q", got)
	}
}

func TestRetentionAndEnsureHours(t *testing.T) {
	b := bucket.NewMemory()
	for d := range cost.Day(6) {
		putDay(t, b, 1, "a", 20, today-d, span(today-d, 0, 12)...)
	}
	clock, later := ticking(), time.Duration(0)
	s := open(t, b, t.TempDir(), func(c *ingest.Config) {
		c.HourlyDays, c.DailyDays, c.EnsuredDays = 2, 5, 2
		c.Now = func() time.Time { return clock().Add(later) }
	})
	s.sync(t)
	days := func(table string) string {
		return strings.TrimSpace(s.text(t, "SELECT count(DISTINCT day) FROM "+table))
	}
	if h, d := days("alloc_hour"), days("alloc_day_container"); h != "2" || d != "5" {
		t.Fatalf("%s days of hours, %s of rollups; want 2 and 5", h, d)
	}
	rollups := s.text(t, "SELECT * FROM alloc_day_container ORDER BY ALL")
	if err := s.EnsureHours(t.Context(), []cost.Day{today, today - 3, today - 2}); err != nil {
		t.Fatal(err)
	}
	if h := days("alloc_hour"); h != "4" {
		t.Errorf("%s days of hours after EnsureHours, want 4", h)
	}
	if s.text(t, "SELECT * FROM alloc_day_container ORDER BY ALL") != rollups {
		t.Error("EnsureHours changed the rollups")
	}
	if got := s.text(t, "SELECT count(*) FROM (SELECT day, cluster, sum(cpu_cost) FROM alloc_hour GROUP BY ALL EXCEPT SELECT day, cluster, sum(cpu_cost) FROM alloc_day_container GROUP BY ALL)"); got != "0\n" {
		t.Errorf("hours and rollups differ on %s days", got)
	}
	if err := s.EnsureHours(t.Context(), []cost.Day{today - 4}); err != nil {
		t.Fatal(err)
	}
	if h := days("alloc_hour"); h != "4" {
		t.Errorf("%s days of hours: the longest unused day did not make room", h)
	}
	if err := s.EnsureHours(t.Context(), []cost.Day{today - 4, today - 3, today - 2}); err == nil || !strings.Contains(err.Error(), "at most 2") {
		t.Errorf("three days beyond a bound of two: %v", err)
	}
	later = 24 * time.Hour
	s.sync(t)
	if d := days("alloc_day_container"); d != "4" {
		t.Errorf("%s days of rollups a day later, want 4", d)
	}
}

// TestChangesFollowStatus: between sweeps only what changed status documents
// name is fetched.
func TestChangesFollowStatus(t *testing.T) {
	b := &counting{Bucket: bucket.NewMemory()}
	putDay(t, b, 1, "a", 20, today, span(today, 0, 5)...)
	putDay(t, b, 1, "b", 20, today, span(today, 0, 5)...)
	putStatus(t, b, "a", today)
	putStatus(t, b, "b", today)
	s := open(t, b, t.TempDir(), func(c *ingest.Config) { c.SweepEvery = time.Hour })
	s.sync(t)
	putDay(t, b, 1, "a", 20, today, span(today, 0, 6)...)
	putDay(t, b, 1, "b", 20, today, span(today, 0, 6)...)
	putStatus(t, b, "a", today)
	b.gets.Store(0)
	b.lists.Store(0)
	if r := s.sync(t); r.Sweep || r.Loaded != 3 || b.lists.Load() != 1 || b.gets.Load() != 4 {
		t.Errorf("report %+v, %d lists, %d gets; want one list, the status and three objects", r, b.lists.Load(), b.gets.Load())
	}
	if v := s.cluster(t, "a"); v.Status == nil || v.Status.AgentVersion != "test" || v.Days[0].Hours != 6 {
		t.Errorf("%+v", v)
	}
}

// putObjectStatus writes a status naming today's daily objects, or the live
// ones, as far as they exist.
func putObjectStatus(t testing.TB, b bucket.Bucket, cluster string, live bool) {
	t.Helper()
	objects := map[costfile.Dataset]costfile.ObjectStatus{}
	for _, data := range costfile.Datasets {
		key := costfile.DailyKey(data, today, cluster)
		if live {
			key = costfile.LiveKey(data, cluster)
		}
		o, err := b.Stat(t.Context(), key)
		switch {
		case err == nil:
			objects[data] = costfile.ObjectStatus{ETag: o.ETag, Bytes: o.Size}
		case !errors.Is(err, bucket.ErrNotFound):
			t.Fatal(err)
		}
	}
	s := costfile.Status{Version: "1.0", ClusterID: cluster, Currency: "USD"}
	if live {
		s.Live.Objects = objects
	} else {
		s.Days = map[cost.Day]costfile.DayStatus{today: {Objects: objects}}
	}
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	put(t, b, costfile.StatusKey(cluster), body)
}

func putStatus(t testing.TB, b bucket.Bucket, cluster string, days ...cost.Day) {
	t.Helper()
	s := costfile.Status{Version: "1.0", ClusterID: cluster, AgentVersion: "test", Currency: "USD", Days: map[cost.Day]costfile.DayStatus{}}
	for _, d := range days {
		objects := map[costfile.Dataset]costfile.ObjectStatus{}
		for _, data := range costfile.Datasets {
			o, err := b.Stat(t.Context(), costfile.DailyKey(data, d, cluster))
			if err != nil {
				t.Fatal(err)
			}
			objects[data] = costfile.ObjectStatus{ETag: o.ETag, Bytes: o.Size}
		}
		s.Days[d] = costfile.DayStatus{Objects: objects}
	}
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	put(t, b, costfile.StatusKey(cluster), body)
}

// counting counts requests, and fails those for a key while it is set.
type counting struct {
	bucket.Bucket
	gets, lists atomic.Int64
	failing     string
}

func (c *counting) Get(ctx context.Context, key string) (io.ReadCloser, bucket.Object, error) {
	c.gets.Add(1)
	if c.failing != "" && strings.Contains(key, c.failing) {
		return nil, bucket.Object{}, fmt.Errorf("get %s: %w", key, bucket.ErrUnavailable)
	}
	return c.Bucket.Get(ctx, key)
}

func (c *counting) List(ctx context.Context, prefix, after string, fn func(bucket.Object) error) error {
	c.lists.Add(1)
	return c.Bucket.List(ctx, prefix, after, fn)
}

// TestOneClusterAway: objects that cannot be fetched are shown and tried again;
// the rest is loaded.
func TestOneClusterAway(t *testing.T) {
	b := &counting{Bucket: bucket.NewMemory(), failing: "cluster_id=b/"}
	for _, c := range []string{"a", "b", "c"} {
		putDay(t, b, 1, c, 20, today-1, span(today-1, 0, 5)...)
		putStatus(t, b, c, today-1)
	}
	s := open(t, b, t.TempDir(), func(c *ingest.Config) { c.SweepEvery = time.Hour; c.Downloads = 1 })
	if r := s.sync(t); r.Loaded != 6 || r.Failed != 4 {
		t.Fatalf("report %+v", r)
	}
	if v := s.cluster(t, "b"); len(v.Errors) != 4 {
		t.Errorf("errors %v", v.Errors)
	}
	b.failing = ""
	if r := s.sync(t); r.Loaded != 3 || r.Failed != 0 {
		t.Fatalf("after recovery: %+v", r)
	}
	if v := s.cluster(t, "b"); len(v.Errors) != 0 || v.Objects != 3 {
		t.Errorf("after recovery: %+v", v)
	}
}

// TestCurrencyOfMost: without a status or a setting, the currency of most
// objects is the fleet's, and it stays so in a restarted process.
func TestCurrencyOfMost(t *testing.T) {
	b, dir := bucket.NewMemory(), t.TempDir()
	hours := span(today-1, 0, 2)
	odd := func(cluster, currency string) {
		m := costfile.Meta{Dataset: costfile.AllocationData, Cluster: cluster, Date: (today - 1).String(), Currency: currency}
		put(t, b, costfile.DailyKey(costfile.AllocationData, today-1, cluster), object(t, m, hours, allocations(1, cluster, 20, hours...)))
	}
	odd("a", "AUD")
	odd("b", "EUR")
	odd("c", "EUR")
	alone := func(c *ingest.Config) { c.Patience = -1 } // there is no other dataset
	s := open(t, b, dir, alone)
	if r := s.sync(t); r.Loaded != 2 || r.Quarantined != 1 {
		t.Fatalf("report %+v", r)
	}
	if err := s.st.Close(); err != nil {
		t.Fatal(err)
	}
	odd("d", "AUD")
	odd("e", "AUD")
	s = open(t, b, dir, alone)
	if r := s.sync(t); r.Loaded != 0 || r.Quarantined != 3 {
		t.Errorf("after a restart: %+v", r)
	}
	if q := s.cluster(t, "d").Quarantined; len(q) != 1 || !strings.Contains(q[0].Reason, "its currency is AUD, the fleet's is EUR") {
		t.Errorf("quarantine %+v", q)
	}
}

func TestSyncFailsWithTheBucket(t *testing.T) {
	s := open(t, listless{bucket.NewMemory()}, t.TempDir())
	if _, err := s.Sync(t.Context()); !errors.Is(err, bucket.ErrDenied) {
		t.Errorf("Sync: %v, want ErrDenied", err)
	}
	if s.Progress().Ready {
		t.Error("ready although nothing could be listed")
	}
}

type listless struct{ bucket.Bucket }

func (listless) List(context.Context, string, string, func(bucket.Object) error) error {
	return fmt.Errorf("list: %w", bucket.ErrDenied)
}
