package query

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// RequestedWindow is what a window parameter means at one moment.
type RequestedWindow struct {
	Window     cost.Window // what is answered: whole UTC hours
	Start, End time.Time   // what was asked for, to the second, UTC
	// Warnings say where Window is wider than what was asked for.
	Warnings []string
}

// maxWindow bounds the n of "<n>d" to about a century, so that no
// arithmetic on windows can overflow.
const maxWindow = 100 * 366 * 24 * time.Hour

const windowForms = `today, yesterday, week, month, lastweek, lastmonth, 24h, 7d, 4w, "7d offset 1d", ` +
	`two RFC 3339 times "2026-11-01T00:00:00Z,2026-11-08T00:00:00Z", or two Unix seconds`

// ParseWindow reads a window in the grammar of OpenCost and Kubecost, in UTC:
//
//	today | yesterday | week | month | lastweek | lastmonth
//	<n>(m|h|d|w)                    ends with the unit that holds now
//	<n>(m|h|d|w) offset <n>(m|h|d|w)  ends exactly that long ago
//	last<n>(h|d|w)                  the n whole units before the current one
//	<unix>,<unix> | <unix>-<unix> | <RFC 3339>,<RFC 3339>
//
// Weeks begin on Sunday; week and month end with the hour that holds now,
// today with the next midnight. The grain is the UTC hour: a start within an
// hour is floored, an end ceiled, and the result says so. The error names the
// part that is not understood.
func ParseWindow(s string, now time.Time) (RequestedWindow, error) {
	text := strings.TrimSpace(s)
	if text == "" {
		return RequestedWindow{}, invalid("window", "is empty", "give one of: "+windowForms)
	}
	now = now.UTC()
	if w, ok := namedWindow(text, now); ok {
		return w, nil
	}
	start, end, err := windowBounds(text, now)
	if err != nil {
		return RequestedWindow{}, err
	}
	if start.Equal(end) {
		return RequestedWindow{}, invalid("window", fmt.Sprintf("%q is empty: it ends when it starts", text), "end it later than it starts")
	}
	if !start.Before(end) {
		return RequestedWindow{}, invalid("window", fmt.Sprintf("%q ends (%s) before it starts (%s)",
			text, end.Format(time.RFC3339), start.Format(time.RFC3339)), "put the earlier time first")
	}
	if end.Sub(start) > maxWindow || start.Year() < 1970 || end.Year() > 9000 {
		return RequestedWindow{}, invalid("window", fmt.Sprintf("%q reaches beyond what can be asked for", text), "ask for less than a century")
	}
	r := RequestedWindow{Window: cost.NewWindow(start, end), Start: start, End: end}
	r.warnRounding()
	return r, nil
}

func (r *RequestedWindow) warnRounding() {
	if s := r.Window.Start.Start(); s.Before(r.Start) {
		r.Warnings = append(r.Warnings, fmt.Sprintf("window starts within an hour: answered from %s, costs are kept by whole UTC hours", s.Format(time.RFC3339)))
	}
	if e := r.Window.End.Start(); e.After(r.End) {
		r.Warnings = append(r.Warnings, fmt.Sprintf("window ends within an hour: answered up to %s, costs are kept by whole UTC hours", e.Format(time.RFC3339)))
	}
}

// namedWindow reads the words. Those that end now are rounded without a
// warning: the hour that holds now is what they mean.
func namedWindow(s string, now time.Time) (RequestedWindow, bool) {
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	sunday := midnight.AddDate(0, 0, -int(midnight.Weekday()))
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	var start, end time.Time
	switch s {
	case "today":
		start, end = midnight, midnight.AddDate(0, 0, 1)
	case "yesterday":
		start, end = midnight.AddDate(0, 0, -1), midnight
	case "week":
		start, end = sunday, now
	case "month":
		start, end = first, now
	case "lastweek":
		start, end = sunday.AddDate(0, 0, -7), sunday
	case "lastmonth":
		start, end = first.AddDate(0, -1, 0), first
	default:
		return RequestedWindow{}, false
	}
	w := cost.NewWindow(start, end)
	if w.Empty() { // the first instant of a week or month
		w.End++
	}
	return RequestedWindow{Window: w, Start: start, End: end}, true
}

func windowBounds(s string, now time.Time) (start, end time.Time, err error) {
	if before, after, ok := strings.Cut(s, " offset "); ok {
		return offsetWindow(strings.TrimSpace(before), strings.TrimSpace(after), now)
	}
	if from, to, ok := strings.Cut(s, ","); ok {
		return pairWindow(s, strings.TrimSpace(from), strings.TrimSpace(to))
	}
	if from, to, ok := strings.Cut(s, "-"); ok && digits(from) && digits(to) {
		return pairWindow(s, from, to)
	}
	if rest, ok := strings.CutPrefix(s, "last"); ok {
		d, unit, err := unitDuration(rest)
		if err != nil {
			return start, end, invalid("window", fmt.Sprintf("%q is not a window", s), "use one of: "+windowForms)
		}
		end = now.Truncate(max(unit, time.Hour))
		if unit > 24*time.Hour {
			end = now.Truncate(24 * time.Hour)
		}
		return end.Add(-d), end, nil
	}
	d, unit, err := unitDuration(s)
	if err != nil {
		return start, end, err
	}
	// As in OpenCost: up to the end of the unit that holds now; weeks end with
	// the day.
	align := min(unit, 24*time.Hour)
	end = now.Truncate(align).Add(align)
	return end.Add(-d), end, nil
}

func offsetWindow(length, offset string, now time.Time) (start, end time.Time, err error) {
	d, _, err := unitDuration(length)
	if err != nil {
		return start, end, err
	}
	o, _, err := unitDuration(offset)
	if err != nil {
		return start, end, err
	}
	end = now.Add(-o)
	return end.Add(-d), end, nil
}

func pairWindow(s, from, to string) (start, end time.Time, err error) {
	if digits(from) != digits(to) {
		return start, end, invalid("window", fmt.Sprintf("%q mixes Unix seconds and RFC 3339", s), "write both ends the same way")
	}
	if start, err = instant(from, "start"); err != nil {
		return start, end, err
	}
	end, err = instant(to, "end")
	return start, end, err
}

// instant reads one end of a pair: Unix seconds or RFC 3339 with any offset
// and fraction.
func instant(s, which string) (time.Time, error) {
	if digits(s) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n > 253402300799 { // year 9999
			return time.Time{}, invalid("window", fmt.Sprintf("%s %q is no Unix time in seconds", which, s), "milliseconds are not accepted")
		}
		return time.Unix(n, 0).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil && len(s) > 6 && s[len(s)-6] == ' ' {
		// "+02:00" reaches us as " 02:00" when the client does not escape the plus.
		t, err = time.Parse(time.RFC3339Nano, s[:len(s)-6]+"+"+s[len(s)-5:])
	}
	if err != nil {
		hint := "use one of: " + windowForms
		if _, dateErr := time.Parse(time.DateOnly, s); dateErr == nil {
			hint = fmt.Sprintf("a date alone does not say which midnight; write %sT00:00:00Z", s)
		}
		return time.Time{}, invalid("window", fmt.Sprintf("%s %q is not an RFC 3339 time", which, s), hint)
	}
	return t.UTC(), nil
}

// unitDuration reads "<n>(m|h|d|w)".
func unitDuration(s string) (d, unit time.Duration, err error) {
	bad := func(why string) error {
		return invalid("window", fmt.Sprintf("%q %s", s, why), "use one of: "+windowForms)
	}
	if len(s) < 2 {
		return 0, 0, bad("is not a window")
	}
	num := s[:len(s)-1]
	if !digits(num) {
		return 0, 0, bad("is not a window")
	}
	switch s[len(s)-1] {
	case 'm':
		unit = time.Minute
	case 'h':
		unit = time.Hour
	case 'd':
		unit = 24 * time.Hour
	case 'w':
		unit = 7 * 24 * time.Hour
	default:
		return 0, 0, bad("does not end in m, h, d or w")
	}
	n, convErr := strconv.ParseInt(num, 10, 64)
	if convErr != nil || n > int64(maxWindow/unit) {
		return 0, 0, bad("is longer than a century")
	}
	if n == 0 {
		return 0, 0, bad("is empty")
	}
	return time.Duration(n) * unit, unit, nil
}

func digits(s string) bool {
	if s == "" {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// ParseStep reads the length of a set: "1d", "2w", "24h" or any Go duration of
// whole hours. "" means 0, the whole window. Less than an hour is an error,
// because costs are kept by the hour.
func ParseStep(s string) (hours int64, err error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, nil
	}
	d, _, unitErr := unitDuration(s)
	if unitErr != nil {
		var goErr error
		if d, goErr = time.ParseDuration(s); goErr != nil {
			var long model.Duration // 1d12h
			long, goErr = model.ParseDuration(s)
			d = time.Duration(long)
		}
		if goErr != nil {
			return 0, invalid("step", fmt.Sprintf("%q is not a duration", s), "write 1h, 6h, 1d or 1w")
		}
	}
	switch {
	case d < time.Hour:
		return 0, invalid("step", fmt.Sprintf("%q is under an hour", s), "costs are kept by the UTC hour; use 1h or more")
	case d%time.Hour != 0:
		return 0, invalid("step", fmt.Sprintf("%q is not a whole number of hours", s), "costs are kept by the UTC hour")
	case d > maxWindow:
		return 0, invalid("step", fmt.Sprintf("%q is longer than a century", s), "")
	}
	return int64(d / time.Hour), nil
}

// ParseAccumulate reads the accumulate parameter: a boolean, or the unit of
// time along which sets are merged. "" and false mean none, true means all.
func ParseAccumulate(s string) (Accumulate, error) {
	switch a := Accumulate(strings.ToLower(strings.TrimSpace(s))); a {
	case AccumulateNone, AccumulateAll, AccumulateHour, AccumulateDay, AccumulateWeek, AccumulateMonth, AccumulateQuarter:
		return a, nil
	case "none", "false", "f", "0":
		return AccumulateNone, nil
	case "true", "t", "1":
		return AccumulateAll, nil
	default:
		return "", invalid("accumulate", fmt.Sprintf("%q is not known", s), "use true, false, hour, day, week, month, quarter or all")
	}
}

// invalid returns the error of a question that is itself wrong.
func invalid(param, reason, hint string) *Error {
	return &Error{Code: CodeInvalid, Param: param, Reason: reason, Hint: hint}
}
