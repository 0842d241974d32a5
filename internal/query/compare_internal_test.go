package query

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// A part of a day whose hours are gone is left out for all; clusters without the
// same days are named together, and days that nobody has bound the window.
func TestPairedDays(t *testing.T) {
	day := func(d cost.Day) cost.Window { return cost.Window{Start: d.FirstHour(), End: (d + 1).FirstHour()} }
	days := []cost.Window{day(100), day(101), day(102), {Start: cost.Day(103).FirstHour(), End: cost.Day(103).FirstHour() + 14}}
	p := &pairedDays{days: days, clusters: []string{"a", "b", "c", "late"}, why: [][]string{
		{"incomplete", "", "", ""}, {absent, "new", "", ""}, {absent, "new", "", ""}, {"incomplete", "", "", "incomplete"},
	}}
	w, without, ok := p.used()
	want := []ClusterDays{{[]string{"b", "c"}, []cost.Day{101}}, {[]string{"late"}, []cost.Day{103}}}
	if d := cmp.Diff(want, without); !ok || w != (cost.Window{Start: days[1].Start, End: days[3].End}) || d != "" {
		t.Errorf("%v %v: %s", w, ok, d)
	}
	if !p.dropParts() || p.dropParts() {
		t.Error("the part of a day is dropped once")
	}
	c := &Comparison{}
	c.count(p)
	left := []LeftOut{{"a", 1, "incomplete"}, {"a", 1, "hours"}, {"b", 1, "new"}, {"b", 1, "hours"}, {"c", 1, "new"}, {"c", 1, "hours"}, {"late", 2, "incomplete"}}
	if d := cmp.Diff(left, c.LeftOut); c.Pairs != 14 || c.Used != 6 || d != "" {
		t.Errorf("%d of %d: %s", c.Used, c.Pairs, d)
	}
	if w, _, ok := p.used(); !ok || w.End != days[2].End {
		t.Errorf("without the part: %v", w)
	}
	if _, _, ok := (&pairedDays{days: days[:1], clusters: []string{"a"}, why: [][]string{{"new"}}}).used(); ok {
		t.Error("nothing is used, and it says so")
	}
}

// Hours that no cluster has yet do not spoil the day; hours that one lacks do.
func TestNewestHour(t *testing.T) {
	first := cost.Day(100).FirstHour()
	w := cost.Window{Start: first, End: first + 40}
	has := func(hours ...int64) []Completeness {
		c := make([]Completeness, 2)
		for _, h := range hours {
			c[1].Clusters = append(c[1].Clusters, ClusterCompleteness{HoursPresent: h})
		}
		return c
	}
	for _, c := range []struct {
		have []Completeness
		want cost.Hour
	}{{has(15, 14, 3), first + 39}, {has(16, 2), first + 40}, {has(0, 0), first + 40}, {has(), first + 40}} {
		if got := newestHour(w, c.have); got != c.want {
			t.Errorf("%v: %v, want %v", c.have[1].Clusters, got, c.want)
		}
	}
}

func TestWhyNotCompared(t *testing.T) {
	day := func(expected, present, partial int64) ClusterCompleteness {
		return ClusterCompleteness{HoursExpected: expected, HoursPresent: present, HoursPartial: partial}
	}
	for _, c := range []struct {
		name      string
		now, then ClusterCompleteness
		want      string
	}{
		{"not there before", day(24, 24, 0), day(0, 0, 0), "new"},
		{"joined within the earlier day", day(24, 24, 0), day(10, 10, 0), "new"},
		{"joined within the day", day(9, 9, 0), day(0, 0, 0), "new"},
		{"no longer there", day(0, 0, 0), day(24, 24, 0), "gone"},
		{"ended within the day", day(9, 9, 0), day(24, 24, 0), "gone"},
		{"a gap now", day(24, 20, 0), day(24, 24, 0), "incomplete"},
		{"a gap before", day(24, 24, 0), day(24, 20, 0), "incomplete"},
		{"half an hour now", day(24, 24, 1), day(24, 24, 0), "incomplete"},
		{"new, with a gap", day(24, 20, 0), day(0, 0, 0), "incomplete"},
		{"joined within the day, with a gap", day(9, 7, 0), day(0, 0, 0), "incomplete"},
	} {
		if got := whyNot(c.now, c.then); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
