package httpapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// What a dialect asks where the client says nothing.
func TestDialectDefaults(t *testing.T) {
	s := newServer(t)
	for _, tc := range []struct {
		path string
		want query.AllocationQuery
	}{
		{"/allocation?window=7d", query.AllocationQuery{Idle: query.IdleHide, Overhead: query.OverheadHide}},
		{"/model/allocation?window=7d", query.AllocationQuery{
			Idle: query.IdleSeparate, Overhead: query.OverheadShare, Accumulate: query.AccumulateDay,
		}},
		{"/model/allocation?window=7d&accumulate=true", query.AllocationQuery{
			Idle: query.IdleSeparate, Overhead: query.OverheadShare, Accumulate: query.AccumulateAll,
		}},
	} {
		s.get(t, tc.path, nil)
		got := s.fake.allocation
		tc.want.Window = got.Window
		tc.want.ShareSplit, tc.want.ShareScope, tc.want.IncludeAttachments = query.SplitWeighted, query.ShareWithinCluster, true
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s asks (-want +got):\n%s", tc.path, diff)
		}
		// 7d is today and the six days before it, to the end of today.
		if got.Window.End.Start().Format("2006-01-02T15") != "2026-11-24T00" || got.Window.Hours() != 7*24 {
			t.Errorf("%s: window %v", tc.path, got.Window)
		}
	}
}

// With the same explicit parameters both dialects ask the same question.
func TestExplicitParametersMeanTheSame(t *testing.T) {
	s := newServer(t)
	const base = "window=2d&aggregate=namespace"
	for _, params := range []string{
		"accumulate=true&idle=true&includeOverhead=true",
		"accumulate=true&idle=false&includeOverhead=false",
		"accumulate=day&includeIdle=true&shareTenancyCosts=false",
		"step=6h&shareIdle=true&shareTenancyCosts=true",
		"step=1d&idle=true&shareIdle=weighted&idleByNode=true&shareTenancyCosts=false&includeOverhead=true",
		"accumulate=true&idle=true&splitIdle=true&includeOverhead=true&shareNamespaces=kube-*,monitoring&shareLabels=app:x&shareCost=730&shareSplit=even&shareScope=fleet",
		`accumulate=true&idle=true&includeOverhead=false&filter=namespace:"a"&sortBy=cpuCost&sortByOrder=asc&offset=1&limit=2`,
	} {
		var asked []query.AllocationQuery
		for _, path := range []string{"/allocation", "/allocation/compute", "/model/allocation", "/model/allocation/compute"} {
			s.fake.asked = nil
			s.get(t, path+"?"+base+"&"+strings.ReplaceAll(params, `"`, "%22"), nil)
			asked = append(asked, s.fake.asked[0])
		}
		for _, q := range asked[1:] {
			if diff := cmp.Diff(asked[0], q); diff != "" {
				t.Errorf("%s (-root +other):\n%s", params, diff)
			}
		}
	}
}

func TestParameters(t *testing.T) {
	s := newServer(t)
	for _, tc := range []struct {
		params string
		check  func(q query.AllocationQuery) bool
	}{
		{"idle=&includeIdle=&shareIdle=&limit=&step=&filter=&accumulate=&shareCost=", func(q query.AllocationQuery) bool { return q.Idle == query.IdleHide && q.Limit == 0 }},
		{"idle=1", func(q query.AllocationQuery) bool { return q.Idle == query.IdleSeparate }},
		{"includeIdle=TRUE", func(q query.AllocationQuery) bool { return q.Idle == query.IdleSeparate }},
		{"idle=true&includeIdle=false", func(q query.AllocationQuery) bool { return q.Idle == query.IdleSeparate }},
		{"shareIdle=true", func(q query.AllocationQuery) bool { return q.Idle == query.IdleShareByCluster }},
		{"idle=true&shareIdle=true&idleByNode=true", func(q query.AllocationQuery) bool { return q.Idle == query.IdleShareByNode && q.IdleByNode }},
		{"shareIdle=separate&idle=true", func(q query.AllocationQuery) bool { return q.Idle == query.IdleSeparate }},
		{"shareTenancyCosts=true&includeOverhead=true", func(q query.AllocationQuery) bool { return q.Overhead == query.OverheadShare }},
		{"includeOverhead=true", func(q query.AllocationQuery) bool { return q.Overhead == query.OverheadSeparate }},
		{"aggregate=all", func(q query.AllocationQuery) bool { return q.All && q.Aggregate == nil }},
		{"aggregate=cluster,label:app.kubernetes.io/name", func(q query.AllocationQuery) bool {
			return len(q.Aggregate) == 2 && q.Aggregate[1] == query.Dimension{Property: "label", Key: "app_kubernetes_io_name"}
		}},
		{"step=1d", func(q query.AllocationQuery) bool { return q.StepHours == 24 && q.Accumulate == query.AccumulateNone }},
		{"accumulateBy=week", func(q query.AllocationQuery) bool { return q.Accumulate == query.AccumulateWeek }},
		{"accumulate=weeknow", func(q query.AllocationQuery) bool { return q.Accumulate == query.AccumulateWeek }},
		{"shareCost=99.5", func(q query.AllocationQuery) bool { return q.ShareCostMonthly == 99_500_000_000 }},
		{"shareLabels=appName:x", func(q query.AllocationQuery) bool {
			return q.ShareLabels[0] == query.LabelMatch{Key: "app_name", Value: "x"}
		}},
		{"filterNamespaces=a,b*", func(q query.AllocationQuery) bool { return q.Filter.Root != nil }},
		{`filter=namespace:"a"+cluster:"b"`, func(q query.AllocationQuery) bool {
			and, ok := q.Filter.Root.(query.And) // an unescaped plus reaches us as a space
			return ok && len(and.Of) == 2
		}},
		{"sortByOrder=ASC&offset=3&limit=4", func(q query.AllocationQuery) bool { return q.Ascending && q.Offset == 3 && q.Limit == 4 }},
	} {
		s.fake.asked = nil
		s.get(t, "/allocation?window=1d&"+strings.ReplaceAll(tc.params, `"`, "%22"), nil)
		if !tc.check(s.fake.asked[0]) {
			t.Errorf("%s asks %+v", tc.params, s.fake.asked[0])
		}
	}
}

// A start inside an hour is floored, an end ceiled, and the answer says so.
func TestWindowIsRoundedWithAWarning(t *testing.T) {
	s := newServer(t)
	_, warning := s.get(t, "/allocation?window=2026-11-20T10:15:00Z,2026-11-20T12:30:00Z", nil)
	if w := s.fake.allocation.Window; w.Hours() != 3 || w.Start.OfDay() != 10 {
		t.Errorf("window %v, want [10h, 13h)", w)
	}
	if !strings.Contains(warning, "within an hour") || !strings.Contains(warning, "from the engine") {
		t.Errorf("warning %q", warning)
	}
}

func TestUnknownParameterWarns(t *testing.T) {
	s := newServer(t)
	for _, name := range []string{"resolution", "metrics", "costMetric", "external", "aggregat"} {
		_, warning := s.get(t, "/model/allocation?window=1d&"+name+"=x", nil)
		if !strings.Contains(warning, `"`+name+`"`) {
			t.Errorf("%s: warning %q", name, warning)
		}
	}
	_, warning := s.get(t, "/model/allocation?window=1d&reconcile=true&sharelb=true", nil)
	if strings.Contains(warning, "not known") {
		t.Errorf("known parameters without effect: warning %q", warning)
	}
}

// A malformed value is a 400 that says which parameter.
func TestMalformed(t *testing.T) {
	s := newServer(t)
	for _, tc := range []struct{ path, param, message string }{
		{"/allocation", "window", "empty"},
		{"/allocation?window=", "window", "empty"},
		{"/allocation?window=fortnight", "window", "fortnight"},
		{"/allocation?window=2026-11-20,2026-11-21", "window", "RFC 3339"},
		{"/allocation?window=1d&aggregate=namespaze", "aggregate", "namespace"},
		{"/allocation?window=1d&step=30m", "step", "hour"},
		{"/allocation?window=1d&step=90m", "step", "hours"},
		{"/allocation?window=7d&step=2d&accumulate=day", "step", "day"},
		{"/allocation?window=1d&accumulate=fortnight", "accumulate", "fortnight"},
		{"/allocation?window=1d&idle=maybe", "idle", "maybe"},
		{"/allocation?window=1d&shareIdle=evenly", "shareIdle", "evenly"},
		{"/allocation?window=1d&shareSplit=odd", "shareSplit", "weighted"},
		{"/allocation?window=1d&shareScope=region", "shareScope", "fleet"},
		{"/allocation?window=1d&shareCost=-1", "shareCost", "amount"},
		{"/allocation?window=1d&shareCost=NaN", "shareCost", "amount"},
		{"/allocation?window=1d&shareLabels=app", "shareLabels", "key:value"},
		{"/allocation?window=1d&limit=-1", "limit", "rows"},
		{"/allocation?window=1d&offset=x", "offset", "rows"},
		{"/allocation?window=1d&sortByOrder=up", "sortByOrder", "desc"},
		{"/allocation?window=1d&format=pdf", "format", "csv"},
		{"/allocation?window=1d&reconcile=perhaps", "reconcile", "perhaps"},
		{"/allocation?window=1d&filter=" + url.QueryEscape(`namespace:"a`), "filter", "position"},
		{"/allocation?window=1d&filter=" + url.QueryEscape(`namspace:"a"`), "filter", "namespace"},
		{"/allocation?window=1d&filterLabels=app", "filterLabels", "key:value"},
		{"/model/assets?window=1d&aggregate=pod", "aggregate", "pod"},
		{"/assets/autocomplete?window=1d", "field", "missing"},
		{"/cloudCost?window=soon", "window", "soon"},
		{"/cloudCost?window=1d&filter=x", "filter", ""},
		{"/customCost/total", "window", "empty"},
		{"/allocation?window=%zz", "query string", "%zz"},
	} {
		status, body := s.raw(t, tc.path)
		var env ErrorEnvelope
		if err := json.Unmarshal(body, &env); err != nil || status != http.StatusBadRequest {
			t.Errorf("%s: %d %s (%v)", tc.path, status, body, err)
			continue
		}
		if env.Code != 400 || env.Status != "error" || env.Param != tc.param || !strings.Contains(env.Message, tc.message) || env.RequestID == "" {
			t.Errorf("%s: %s; want param %q and %q in the message", tc.path, body, tc.param, tc.message)
		}
	}
}

func TestRootAssetsAreOneSet(t *testing.T) {
	s := newServer(t)
	var set map[string]json.RawMessage
	_, warning := s.get(t, "/assets?window=3d&step=1d&accumulate=false", &set)
	if s.fake.asset.Accumulate != query.AccumulateAll || !strings.Contains(warning, "/model/assets") || len(set) != 4 {
		t.Errorf("asked %+v, warning %q, %d entries", s.fake.asset, warning, len(set))
	}
	var sets []map[string]json.RawMessage
	s.get(t, "/model/assets?window=3d", &sets)
	if len(sets) != 3 {
		t.Errorf("/model/assets over 3d: %d sets, want daily ones", len(sets))
	}
}

func TestTopline(t *testing.T) {
	s := newServer(t)
	var top struct {
		NumResults int
		Combined   struct {
			Allocations map[string]struct{ TotalCost json.Number }
			Window      struct{ Start, End string }
		}
	}
	s.get(t, "/model/allocation/summary/topline?window=1d&aggregate=namespace&limit=1&offset=1", &top)
	var want cost.Sum
	for i := range 3 {
		r := fakeAllocation(i, s.fake.allocation.Window)
		want.AddSum(r.Total())
	}
	if got := top.Combined.Allocations["total"].TotalCost.String(); !strings.HasPrefix(want.String(), got) || top.NumResults != 3 {
		t.Errorf("topline %s of %d, want %s of 3", got, top.NumResults, want.String())
	}
	if q := s.fake.allocation; q.Limit != 0 || q.Offset != 0 || q.Accumulate != query.AccumulateAll {
		t.Errorf("topline asks %+v", q)
	}
}
