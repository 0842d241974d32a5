package cost

import (
	"fmt"
	"time"
)

// WholeHour is the seconds of an hour that must be covered by samples for it
// to count as whole: 95 %, since a scrape that came late is no gap.
const WholeHour = 3420

// Hour is one UTC hour: the number of hours since the Unix epoch. It is the
// grain of every stored row.
type Hour int64

// HourOf returns the hour that contains t.
func HourOf(t time.Time) Hour {
	s := t.Unix()
	h := s / 3600
	if s%3600 < 0 {
		h--
	}
	return Hour(h)
}

// Start returns the first instant of the hour, in UTC.
func (h Hour) Start() time.Time { return time.Unix(int64(h)*3600, 0).UTC() }

// End returns the first instant after the hour, in UTC.
func (h Hour) End() time.Time { return (h + 1).Start() }

// Micros returns the hour's start in microseconds since the Unix epoch, the
// unit of the column window_start.
func (h Hour) Micros() int64 { return int64(h) * 3_600_000_000 }

// HourOfMicros is the inverse of Micros. ok is false when us is not the start
// of an hour.
func HourOfMicros(us int64) (h Hour, ok bool) {
	h = Hour(us / 3_600_000_000)
	return h, h.Micros() == us
}

// Day returns the UTC day that contains the hour.
func (h Hour) Day() Day {
	d := int64(h) / 24
	if int64(h)%24 < 0 {
		d--
	}
	return Day(d)
}

// OfDay returns the hour's number within its day, 0 to 23.
func (h Hour) OfDay() int { return int(int64(h) - int64(h.Day())*24) }

// String formats the hour as "2006-01-02T15Z".
func (h Hour) String() string { return h.Start().Format("2006-01-02T15Z") }

// Day is one UTC day: the number of days since the Unix epoch. It is the grain
// of a daily object.
type Day int64

// DayOf returns the UTC day that contains t.
func DayOf(t time.Time) Day { return HourOf(t).Day() }

// ParseDay reads "2006-01-02".
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("day %q is not of the form YYYY-MM-DD", s)
	}
	return DayOf(t), nil
}

// FirstHour returns the day's first hour; the day is
// [FirstHour, FirstHour+24).
func (d Day) FirstHour() Hour { return Hour(int64(d) * 24) }

// Start returns the day's first instant, in UTC.
func (d Day) Start() time.Time { return d.FirstHour().Start() }

// String formats the day as "2006-01-02".
func (d Day) String() string { return d.Start().Format(time.DateOnly) }

// MarshalText implements encoding.TextMarshaler as "2006-01-02".
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Day) UnmarshalText(b []byte) error {
	v, err := ParseDay(string(b))
	if err == nil {
		*d = v
	}
	return err
}

// Window is the half-open interval [Start, End) of whole UTC hours.
type Window struct{ Start, End Hour }

// NewWindow returns the smallest window of whole hours that covers
// [start, end): the start is floored, the end ceiled.
func NewWindow(start, end time.Time) Window {
	w := Window{Start: HourOf(start), End: HourOf(end)}
	if w.End.Start().Before(end) {
		w.End++
	}
	return w
}

// Hours returns the number of hours in the window, never negative.
func (w Window) Hours() int64 { return max(0, int64(w.End-w.Start)) }

// Minutes returns the length of the window in minutes.
func (w Window) Minutes() float64 { return float64(w.Hours()) * 60 }

// Empty tells whether the window holds no hour.
func (w Window) Empty() bool { return w.End <= w.Start }

// Contains tells whether h lies in the window.
func (w Window) Contains(h Hour) bool { return h >= w.Start && h < w.End }

// Intersect returns the hours that both windows hold; it may be empty.
func (w Window) Intersect(o Window) Window {
	r := Window{max(w.Start, o.Start), min(w.End, o.End)}
	if r.Empty() {
		return Window{}
	}
	return r
}

// Days returns the UTC days that the window touches, ascending.
func (w Window) Days() []Day {
	if w.Empty() {
		return nil
	}
	var out []Day
	for d := w.Start.Day(); d <= (w.End - 1).Day(); d++ {
		out = append(out, d)
	}
	return out
}

// String formats the window as "[start, end)".
func (w Window) String() string { return fmt.Sprintf("[%s, %s)", w.Start, w.End) }
