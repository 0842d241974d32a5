package query

import "testing"

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
