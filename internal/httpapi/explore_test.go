package httpapi

import (
	"encoding/csv"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/query"
)

// Rows are summed over the steps, the largest have a series, and idle and
// overhead are asked for unless a parameter says otherwise.
func TestExploreAllocations(t *testing.T) {
	s := newServer(t)
	s.fake.rows = 14
	const path = "/api/v1/explore/allocation?window=2026-11-20T00:00:00Z,2026-11-23T00:00:00Z&aggregate=namespace"
	s.get(t, path, nil)
	if q := s.fake.allocation; q.Idle != query.IdleSeparate || q.Overhead != query.OverheadSeparate || q.Accumulate != query.AccumulateDay || q.Limit != 0 {
		t.Errorf("asked %+v", q)
	}
	var out struct {
		Sets []struct {
			Total                       float64
			HoursExpected, HoursPresent int
			Over                        bool
		}
		Rows []struct {
			Name, Kind string
			Total      float64
			Waste      float64 `json:"workloadIdle"`
			Series     []float64
		}
	}
	s.get(t, path, &out)
	if len(out.Sets) != 3 || len(out.Rows) != 14 || !out.Sets[0].Over || out.Sets[0].HoursExpected != 24 {
		t.Fatalf("%d sets, %d rows: %+v", len(out.Sets), len(out.Rows), out.Sets)
	}
	if r := out.Rows[0]; r.Name != "ns-n" || len(r.Series) != 3 || r.Series[0]*3-r.Total > 1e-9 || r.Waste <= 0 || r.Kind != "container" {
		t.Errorf("the largest row is %+v", r)
	}
	if out.Rows[11].Series == nil || out.Rows[12].Series != nil {
		t.Error("not the twelve largest have a series")
	}
}

// Shares are given day by day; steps of an hour give them hour by hour. A row
// has the shares of the whole window, as everywhere, and its series the steps,
// of which no more than costs are asked.
func TestExploreRowsHaveTheSharesOfTheWhole(t *testing.T) {
	s := newServer(t)
	const path = "/api/v1/explore/allocation?window=2026-11-20T00:00:00Z,2026-11-21T00:00:00Z&aggregate=namespace&accumulate="
	var out struct {
		Sets []struct{ Total float64 }
		Rows []struct{ Series []float64 }
	}
	for _, c := range []struct {
		query string
		asked []query.Accumulate
	}{
		{"hour", []query.Accumulate{query.AccumulateHour, query.AccumulateAll}},
		{"hour&shareNamespaces=ns-a", []query.Accumulate{query.AccumulateHour, query.AccumulateAll}},
		{"hour&shareTenancyCosts=true", []query.Accumulate{query.AccumulateHour, query.AccumulateAll}},
		{"day&shareNamespaces=ns-a", []query.Accumulate{query.AccumulateDay}},
	} {
		s.fake.asked = nil
		s.get(t, path+c.query, &out)
		var asked []query.Accumulate
		for i := range s.fake.asked {
			asked = append(asked, s.fake.asked[i].Accumulate)
			if want := map[query.Accumulate]query.Detail{query.AccumulateHour: query.DetailCosts}[asked[i]]; want != 0 && s.fake.asked[i].Detail != want || s.fake.asked[i].Detail == query.DetailAll {
				t.Errorf("%s: %s asked in detail %d", c.query, asked[i], s.fake.asked[i].Detail)
			}
		}
		if !slices.Equal(asked, c.asked) {
			t.Errorf("%s: asked %v, want %v", c.query, asked, c.asked)
		}
		if c.asked[0] == query.AccumulateHour && (len(out.Sets) != 24 || len(out.Rows[0].Series) != 24) {
			t.Errorf("%s: %d sets, a series of %d", c.query, len(out.Sets), len(out.Rows[0].Series))
		}
	}
}

func TestExploreCompares(t *testing.T) {
	s := newServer(t)
	var out struct {
		Changes *struct{ Pairs, Used int }
		Rows    []struct {
			Before, After, Price, Volume *float64
			State                        string
		}
	}
	s.get(t, "/api/v1/explore/allocation?window=2026-11-20T00:00:00Z,2026-11-23T00:00:00Z&aggregate=namespace&compare=previous", &out)
	if out.Changes == nil || out.Changes.Used != 3 || out.Rows[0].Before == nil || out.Rows[0].State != "same" {
		t.Fatalf("%+v", out)
	}
	last := s.fake.asked[len(s.fake.asked)-1]
	if got := last.Window.String(); got != "[2026-11-17T00Z, 2026-11-20T00Z)" {
		t.Errorf("compared with %s", got)
	}
	out.Changes = nil
	s.get(t, "/api/v1/explore/allocation?window=2d&aggregate=namespace", &out)
	if out.Changes != nil {
		t.Error("compared without being asked to")
	}
}

// A comparison of today says in words which hours it is of, in JSON and in CSV.
func TestComparedPeriodInWords(t *testing.T) {
	s := newServer(t)
	var out struct{ Changes struct{ Period string } }
	const today = "2026-11-23 until 10:00 UTC, against 2026-11-22 until 10:00 UTC"
	for path, want := range map[string]string{
		"/api/v1/explore/allocation?window=today&compare=previous":                                today,
		"/api/v1/explore/assets?window=today&compare=1d":                                          today,
		"/api/v1/explore/assets?window=today":                                                     "",
		"/api/v1/overview?window=7d&changes=month&compare=31d":                                    "2026-11-01 to 2026-11-23 until 10:00 UTC, against 2026-10-01 to 2026-10-23 until 10:00 UTC",
		"/api/v1/overview?window=7d&changes=last7d":                                               "2026-11-16 to 2026-11-22, against 2026-11-09 to 2026-11-15",
		"/api/v1/overview?window=7d&changes=2026-11-21T13:00:00Z,2026-11-22T00:00:00Z&compare=7d": "2026-11-21 from 13:00 UTC, against 2026-11-14 from 13:00 UTC",
		"/api/v1/overview?window=7d&changes=2026-12-01T00:00:00Z,2026-12-02T00:00:00Z&compare=7d": "",
	} {
		out.Changes.Period = ""
		if s.get(t, path, &out); out.Changes.Period != want {
			t.Errorf("%s: %q, want %q", path, out.Changes.Period, want)
		}
	}
	_, body := s.raw(t, "/api/v1/explore/allocation?window=today&compare=previous&format=csv")
	rows, err := csv.NewReader(strings.NewReader(string(body))).ReadAll()
	if last := len(rows[0]) - 1; err != nil || rows[0][last] != "compared" || rows[1][last] != today {
		t.Errorf("%v %q", err, body)
	}
}

// Assets are compared by the same law.
func TestExploreComparesAssets(t *testing.T) {
	s := newServer(t)
	var out struct {
		Changes *struct{ Pairs, Used int }
		Rows    []struct {
			Kind                         string
			Before, After, Price, Volume *float64
		}
	}
	s.get(t, "/api/v1/explore/assets?window=2026-11-20T00:00:00Z,2026-11-23T00:00:00Z&aggregate=type&compare=7d", &out)
	if out.Changes == nil || out.Changes.Used != 3 || len(out.Rows) == 0 || out.Rows[0].Before == nil || out.Rows[0].Kind != "asset" {
		t.Fatalf("%+v", out)
	}
}

func TestExploreRefusesAndWritesCSV(t *testing.T) {
	s := newServer(t)
	for path, param := range map[string]string{
		"/api/v1/explore/allocation?window=1d&compare=soon": "compare", "/api/v1/explore/assets?window=1d&compare=soon": "compare", "/api/v1/explore/allocation?window=1d&sortBy=name": "sortBy",
		"/api/v1/explore/assets?window=1d&sortByOrder=asc": "sortBy", "/api/v1/overview?window=1d&by=all": "by",
		"/api/v1/overview?window=1d&changes=later": "changes", "/api/v1/overview?window=1d&compare=0d": "compare", "/api/v1/overview": "window",
	} {
		if status, body := s.raw(t, path); status != http.StatusBadRequest || !strings.Contains(string(body), `"param":"`+param+`"`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	for _, path := range []string{"/api/v1/explore/allocation?window=1d&aggregate=namespace&format=csv", "/api/v1/explore/assets?window=1d&format=csv&limit=3"} {
		_, body := s.raw(t, path)
		rows, err := csv.NewReader(strings.NewReader(string(body))).ReadAll()
		if err != nil || len(rows) != 4 || rows[0][0] != "name" || rows[0][2] != "total" {
			t.Errorf("%s: %v %q", path, err, body)
		}
	}
}

// The overview is made of the planner's answers, and its parts add up.
func TestOverview(t *testing.T) {
	s := newServer(t)
	var raw struct {
		Parts                             struct{ Allocated, Total float64 }
		Buckets, Clusters, WorstWorkloads []any
		Changes                           struct{ Rows []struct{ State string } }
	}
	s.get(t, "/api/v1/overview?window=7d&changes=last7d", &raw)
	if raw.Parts.Total <= 0 || raw.Parts.Allocated != raw.Parts.Total || len(raw.Buckets) != 7 || len(raw.Changes.Rows) != 3 {
		t.Errorf("%+v", raw)
	}
}

func TestSources(t *testing.T) {
	s := newServer(t)
	var out struct {
		Objects []struct{ Key, Version, LoadedAt string }
		Rows    int64
	}
	s.get(t, "/api/v1/sources?window=1d", &out)
	if len(out.Objects) != 2 || out.Rows != 15 || out.Objects[0].Version != "e1" || out.Objects[0].LoadedAt != "2026-11-23T10:30:00Z" {
		t.Errorf("%+v", out)
	}
	if status, body := s.raw(t, "/api/v1/sources?window=1d&filter=nonsense"); status != http.StatusBadRequest {
		t.Errorf("%d %s", status, body)
	}
}
