package query_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/query"
)

// A Wednesday, inside an hour and a minute.
var now = time.Date(2026, 11, 18, 14, 37, 25, 500, time.UTC)

func TestParseWindow(t *testing.T) {
	for _, c := range []struct {
		in, start, end string // the answered window
		warnings       int
	}{
		{"today", "2026-11-18T00", "2026-11-19T00", 0},
		{"yesterday", "2026-11-17T00", "2026-11-18T00", 0},
		{"week", "2026-11-15T00", "2026-11-18T15", 0},
		{"month", "2026-11-01T00", "2026-11-18T15", 0},
		{"lastweek", "2026-11-08T00", "2026-11-15T00", 0},
		{"lastmonth", "2026-10-01T00", "2026-11-01T00", 0},
		{"15m", "2026-11-18T14", "2026-11-18T15", 2},
		{"60m", "2026-11-18T13", "2026-11-18T15", 2},
		{"1h", "2026-11-18T14", "2026-11-18T15", 0},
		{"24h", "2026-11-17T15", "2026-11-18T15", 0},
		{"1d", "2026-11-18T00", "2026-11-19T00", 0},
		{"7d", "2026-11-12T00", "2026-11-19T00", 0},
		{"2w", "2026-11-05T00", "2026-11-19T00", 0},
		{"7d offset 1d", "2026-11-10T14", "2026-11-17T15", 2},
		{"1h offset 30m", "2026-11-18T13", "2026-11-18T15", 2},
		{"last7d", "2026-11-11T00", "2026-11-18T00", 0},
		{"last24h", "2026-11-17T14", "2026-11-18T14", 0},
		{"1794960000,1795046400", "2026-11-18T00", "2026-11-19T00", 0},
		{"1794960000-1795046400", "2026-11-18T00", "2026-11-19T00", 0},
		{"1794960001-1795046399", "2026-11-18T00", "2026-11-19T00", 2},
		{"2026-11-01T00:00:00Z,2026-11-08T00:00:00Z", "2026-11-01T00", "2026-11-08T00", 0},
		{" 2026-11-01T02:00:00+02:00 , 2026-11-01T05:30:00.25+02:00", "2026-11-01T00", "2026-11-01T04", 1},
		{"2026-11-01T02:00:00 02:00,2026-11-01T05:00:00 02:00", "2026-11-01T00", "2026-11-01T03", 0},
		{"2026-11-20T00:00:00Z,2026-12-24T00:00:00Z", "2026-11-20T00", "2026-12-24T00", 0},
	} {
		got, err := query.ParseWindow(c.in, now)
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		const hour = "2006-01-02T15"
		if s, e := got.Window.Start.Start().Format(hour), got.Window.End.Start().Format(hour); s != c.start || e != c.end {
			t.Errorf("%q = %s..%s, want %s..%s", c.in, s, e, c.start, c.end)
		}
		if len(got.Warnings) != c.warnings {
			t.Errorf("%q warns %q, want %d", c.in, got.Warnings, c.warnings)
		}
	}
}

func TestParseWindowErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "window: is empty",
		"bogus":                           `"bogus" is not a window`,
		"7x":                              "does not end in m, h, d or w",
		"0d":                              `"0d" is empty`,
		"-3d":                             `"-3d" is not a window`,
		"7d offset":                       `"7d offset" is not a window`,
		"7d offset x":                     `"x" is not a window`,
		"99999999999999999999d":           "longer than a century",
		"2000,1000":                       "ends (1970-01-01T00:16:40Z) before it starts",
		"1000,1000":                       "is empty",
		"1700000000000,1800000000000":     "no Unix time in seconds",
		"2026-11-01,2026-11-02":           "write 2026-11-01T00:00:00Z",
		"2026-11-01T00:00:00Z,nonsense":   `end "nonsense" is not an RFC 3339 time`,
		"2026-11-01T00:00:00Z":            "not a window",
		"2026-11-01T00:00:00Z,1800000000": "mixes",
		"2026-11-01T00:00:00Z,2026-13-01T00:00:00Z": "not an RFC 3339 time",
	} {
		_, err := query.ParseWindow(in, now)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", in, err, want)
		}
	}
}

func TestParseWindowNeverPanicsAndCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(1e9, 4e9).Draw(t, "now"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		s := rapid.OneOf(
			rapid.SampledFrom([]string{"today", "yesterday", "week", "month", "lastweek", "lastmonth"}),
			rapid.StringMatching(`[0-9]{1,5}[mhdw]( offset [0-9]{1,5}[mhdw])?`),
			rapid.StringMatching(`[0-9]{9,10}[,-][0-9]{9,10}`),
			rapid.String(),
		).Draw(t, "window")
		w, err := query.ParseWindow(s, at)
		if err != nil {
			return
		}
		if w.Window.Empty() || w.Window.Start.Start().After(w.Start) || w.Window.End.Start().Before(w.End) {
			t.Fatalf("%q at %v: %v does not cover [%v, %v)", s, at, w.Window, w.Start, w.End)
		}
	})
}

func TestParseStepAndAccumulate(t *testing.T) {
	for in, want := range map[string]int64{"": 0, "1h": 1, "24h": 24, "1d": 24, "1d12h": 36, "1w": 168, "60m": 1, "1h60m": 2, "90m": -1, "15m": -1, "0h": -1, "-1d": -1, "x": -1} {
		got, err := query.ParseStep(in)
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("ParseStep(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for in, want := range map[string]query.Accumulate{"": "", "false": "", "true": "all", "TRUE": "all", "all": "all", "hour": "hour", "day": "day", "week": "week", "month": "month", "quarter": "quarter"} {
		got, err := query.ParseAccumulate(in)
		if err != nil || got != want {
			t.Errorf("ParseAccumulate(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	if _, err := query.ParseAccumulate("fortnight"); err == nil {
		t.Error("accumulate=fortnight must fail")
	}
}

func TestParseAggregate(t *testing.T) {
	for in, want := range map[string]string{
		"namespace":                    "namespace//",
		"cluster,Namespace":            "cluster// namespace//",
		"controllerkind":               "controllerKind//",
		"label:app.kubernetes.io/name": "label/app_kubernetes_io_name/",
		"label[app]":                   "label/app/",
		"annotation:teamName":          "annotation/team_name/",
		"deployment":                   "controller//deployment",
		"services,team":                "service// team//",
		"":                             "",
		"all":                          "ALL",
		"foo":                          `!"foo" (known: all, annotation:x`,
		"nampace":                      `!did you mean "namespace"?`,
		"label":                        "!names no key",
		"label:":                       "!names no label",
		"namespace,,pod":               "!empty part",
		"all,pod":                      "!cannot be combined",
		"label:pod-template-hash":      "!differs for every pod",
	} {
		dims, all, err := query.ParseAggregate(in, query.SourceAllocation)
		var parts []string
		for _, d := range dims {
			parts = append(parts, d.Property+"/"+d.Key+"/"+d.Kind)
		}
		got := strings.Join(parts, " ")
		if all {
			got = "ALL"
		}
		if msg, bad := strings.CutPrefix(want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), msg) {
				t.Errorf("%q: error %v, want %q", in, err, msg)
			}
		} else if err != nil || got != want {
			t.Errorf("%q = %q, %v; want %q", in, got, err, want)
		}
	}
	if dims, _, err := query.ParseAggregate("providerid,type", query.SourceAsset); err != nil || len(dims) != 2 || dims[0].Property != "providerID" {
		t.Errorf("assets: %v, %v", dims, err)
	}
}

func dims(t testing.TB, s string) []query.Dimension {
	t.Helper()
	d, _, err := query.ParseAggregate(s, query.SourceAllocation)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
