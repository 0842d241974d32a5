package query

import (
	"fmt"
	"slices"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// maxSets bounds the sets of one answer.
const maxSets = 10_000

// setsOf returns the windows of an answer's sets. Steps begin at the window's
// start; calendar units begin where the calendar says and are cut at the
// window's ends. No hour of the window is left out or in two sets.
func setsOf(w cost.Window, stepHours int64, acc Accumulate) ([]cost.Window, error) {
	if w.Empty() {
		return nil, invalid("window", "holds no hour", "end it later than it starts")
	}
	next := func(h cost.Hour) cost.Hour { return w.End }
	switch {
	case acc == AccumulateAll:
	case acc == AccumulateHour:
		next = func(h cost.Hour) cost.Hour { return h + 1 }
	case acc != AccumulateNone:
		next = func(h cost.Hour) cost.Hour { return nextPeriod(h, acc) }
	case stepHours < 0:
		return nil, invalid("step", "is negative", "")
	case stepHours > 0:
		next = func(h cost.Hour) cost.Hour { return h + cost.Hour(stepHours) }
	}
	var sets []cost.Window
	for h := w.Start; h < w.End; {
		end := min(next(h), w.End)
		sets = append(sets, cost.Window{Start: h, End: end})
		if len(sets) > maxSets {
			return nil, invalid("step", fmt.Sprintf("cuts the window into more than %d sets", maxSets), "use a longer step or a shorter window")
		}
		h = end
	}
	return sets, nil
}

// nextPeriod returns the first hour of the calendar period after the one that
// holds h.
func nextPeriod(h cost.Hour, acc Accumulate) cost.Hour {
	t := h.Day().Start()
	switch acc {
	case AccumulateWeek: // begins Sunday
		t = t.AddDate(0, 0, 7-int(t.Weekday()))
	case AccumulateMonth:
		t = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	case AccumulateQuarter:
		first := (t.Month()-1)/3*3 + 1
		t = time.Date(t.Year(), first+3, 1, 0, 0, 0, 0, time.UTC)
	default: // AccumulateDay
		t = t.AddDate(0, 0, 1)
	}
	return cost.HourOf(t)
}

// timePlan says from which tables a window is read, and to which set each of
// their rows belongs.
type timePlan struct {
	sets []cost.Window
	// byHour is set when sets are shorter than a day: everything is then read
	// from the hours and shared per hour.
	byHour bool
	days   []dayPart // read from rollups: whole days
	hours  []hourPart
	// step is the uniform length of sets in hours, 0 when they follow the
	// calendar.
	step  int64
	start cost.Hour
	// without is the condition that rows are not of the days left out.
	without string
}

// dayPart is a whole day that belongs to one set.
type dayPart struct {
	day cost.Day
	set int
}

// hourPart is a run of hours of one day within one set.
type hourPart struct {
	day  cost.Day
	span cost.Window
	set  int
}

// newTimePlan assigns the days of sets to tables. present tells the first and
// last hour with data of a day (ok is false for a day without any): a day cut
// by a set's end is still whole when all its hours lie on one side.
func newTimePlan(w cost.Window, stepHours int64, acc Accumulate, sets []cost.Window, present func(cost.Day) (first, last cost.Hour, ok bool)) *timePlan {
	p := &timePlan{sets: sets, start: w.Start}
	switch {
	case acc == AccumulateHour:
		p.step = 1
	case acc == AccumulateNone && stepHours > 0:
		p.step = stepHours
	}
	p.byHour = p.step > 0 && p.step < 24
	for i, s := range sets {
		for _, d := range s.Days() {
			whole := cost.Window{Start: d.FirstHour(), End: d.FirstHour() + 24}
			part := s.Intersect(whole)
			first, last, ok := present(d)
			switch {
			case !ok || last < part.Start || first >= part.End:
			case !p.byHour && (part == whole || part.Contains(first) && part.Contains(last)):
				p.days = append(p.days, dayPart{d, i})
			default:
				p.hours = append(p.hours, hourPart{d, part, i})
			}
		}
	}
	return p
}

// hourDays returns the days that must be there by the hour, ascending.
func (p *timePlan) hourDays() []cost.Day {
	var out []cost.Day
	for _, h := range p.hours {
		if n := len(out); n == 0 || out[n-1] != h.day {
			out = append(out, h.day)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
