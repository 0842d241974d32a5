package httpapi

import (
	"encoding/csv"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

func TestSortByEfficiency(t *testing.T) {
	w := cost.Window{Start: 100, End: 124}
	row := func(name string, usage int64) query.AllocationRow {
		return query.AllocationRow{Name: name, CPURequest: 100, CPUUsage: usage, CPU: sum(1), Start: w.Start.Start(), End: w.End.Start()}
	}
	ans := &query.AllocationAnswer{Sets: []query.AllocationSet{{Window: w, Rows: []query.AllocationRow{
		row("half", 50), row("over", 150), row("a-half", 50), row("none", 0),
	}}}}
	for _, tc := range []struct {
		ascending     bool
		offset, limit int
		want          []string
	}{
		{false, 0, 0, []string{"over", "a-half", "half", "none"}},
		{true, 0, 0, []string{"none", "a-half", "half", "over"}},
		{false, 1, 2, []string{"a-half", "half"}},
		{false, 9, 2, nil},
	} {
		var got []string
		for _, r := range byEfficiency(ans, efficiencyOrder("totalEfficiency"), tc.ascending, tc.offset, tc.limit).Sets[0].Rows {
			got = append(got, r.Name)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("ascending %t, %d+%d: %v, want %v", tc.ascending, tc.offset, tc.limit, got, tc.want)
		}
	}
	if ans.Sets[0].Rows[0].Name != "half" {
		t.Error("the engine's answer was changed")
	}
}

// An order nobody knows is refused with all that are known, ours too.
func TestUnknownOrderNamesAll(t *testing.T) {
	s := newServer(t)
	s.fake.err = &query.Error{Code: query.CodeInvalid, Param: "sortBy", Reason: "unknown", Hint: "known: cost, name"}
	status, body := s.raw(t, "/allocation?window=1d&sortBy=x")
	if status != http.StatusBadRequest || !strings.Contains(string(body), "cost, name, cpuEfficiency, ramEfficiency, totalEfficiency") {
		t.Errorf("%d %s", status, body)
	}
}

// A topline is one line in CSV too.
func TestToplineCSV(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/assets/topline", "/model/assets/topline", "/allocation/topline", "/allocation/summary/topline"} {
		_, body := s.raw(t, path+"?window=1d&aggregate=cluster&format=csv")
		records, err := csv.NewReader(strings.NewReader(string(body))).ReadAll()
		if err != nil || len(records) != 2 || records[1][2] != "total" {
			t.Errorf("%s: %v %q", path, err, records)
		}
		if strings.Contains(path, "assets") && !s.fake.asset.All {
			t.Errorf("%s asks for %+v, want one row", path, s.fake.asset)
		}
	}
}
