package agent

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

func TestStretchesStayWithinADay(t *testing.T) {
	day := cost.Day(20_000).FirstHour()
	missing := []cost.Hour{day + 30, day + 29, day + 25, day + 24, day + 23, day + 22, day + 3}
	want := []cost.Window{{Start: day + 29, End: day + 31}, {Start: day + 24, End: day + 26}, {Start: day + 22, End: day + 24}, {Start: day + 3, End: day + 4}}
	if got := stretches(missing); !slices.Equal(got, want) {
		t.Fatalf("stretches = %v, want %v", got, want)
	}
}

func TestParseRange(t *testing.T) {
	w, err := ParseRange("2026-11-01..2026-11-02")
	if err != nil || w.Hours() != 48 {
		t.Errorf("two days: %v, %v", w, err)
	}
	w, err = ParseRange("2026-11-01T05:00:00Z..2026-11-01T07:00:00Z")
	if err != nil || w.Hours() != 2 {
		t.Errorf("two hours: %v, %v", w, err)
	}
	for _, bad := range []string{"", "2026-11-01", "2026-11-02..2026-11-01", "a..b", "2026-11-01..2026-11-01T05:00:00Z"} {
		if w, err := ParseRange(bad); err == nil {
			t.Errorf("%q accepted as %v", bad, w)
		}
	}
}

func TestValidateNamesTheSetting(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "cluster-id"},
		{[]string{"--cluster-id=a/b"}, "cluster id"},
		{[]string{"--cluster-id=a", "--source=magic"}, "source"},
		{[]string{"--cluster-id=a"}, "prometheus"},
		{[]string{"--cluster-id=a", "--prometheus-url=http://x", "--push-interval=0s"}, "push-interval"},
		{[]string{"--cluster-id=a", "--prometheus-url=http://x", "--once", "--recompute=2026-11-01..2026-11-01"}, "exclude"},
		{[]string{"--cluster-id=a", "--prometheus-url=http://x", "--backfill=30m"}, "whole hours"},
		{[]string{"--cluster-id=a", "--prometheus-url=http://x", "--discount=2"}, "iscount"},
	} {
		fs := pflag.NewFlagSet("t", pflag.ContinueOnError)
		cfg := Flags(fs)
		cfg.Now = time.Now
		if err := fs.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one that names %q", c.args, err, c.want)
		}
	}
}

func TestReportCountsDefaultPrices(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	r := NewReport(func(s string) bool { return s == "default" }, func() time.Time { return now })
	h := cost.HourOf(now)
	r.priced(h-30, []cost.Asset{{PriceSource: "default", Cost: 1000}}) // replaced by newer hours below
	r.priced(h, []cost.Asset{{PriceSource: "default", Cost: 25}, {PriceSource: "csv", CPUCost: 75}})
	r.failed(roundFailed, errTest("source away"))
	var s costfile.Status
	r.fill(&s)
	if s.Prices.DefaultShare != 0.25 {
		t.Errorf("default share %v, want 0.25: hours older than a day must not count", s.Prices.DefaultShare)
	}
	if len(s.Problems) != 1 || s.Problems[0].Message != "source away" || s.Problems[0].Fix == "" {
		t.Errorf("problems %+v", s.Problems)
	}
	r.succeeded(roundFailed)
	s = costfile.Status{}
	r.fill(&s)
	if len(s.Problems) != 0 {
		t.Errorf("a problem that is over is still reported: %+v", s.Problems)
	}
}

func TestReportTellsOfRefusedStorageConfig(t *testing.T) {
	var refused error = errTest("f.yaml:3:1: no such key")
	r := NewReport(func(string) bool { return false }, time.Now)
	r.StorageRefused = func() error { return refused }
	var s costfile.Status
	r.fill(&s)
	if len(s.Problems) != 1 || s.Problems[0].Code != "storage-config-refused" || !strings.Contains(s.Problems[0].Message, "f.yaml:3:1") {
		t.Errorf("problems %+v", s.Problems)
	}
	refused, s = nil, costfile.Status{}
	r.fill(&s)
	if len(s.Problems) != 0 {
		t.Errorf("a file that is right again is still reported: %+v", s.Problems)
	}
}

type errTest string

func (e errTest) Error() string { return string(e) }
