package query_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// What only reads shares one fleet.
func TestEngine(t *testing.T) {
	f := newFleet(t, 5)
	for name, check := range map[string]func(*testing.T, *fleet){
		"AllocationsAddUpToAssets":        checkAllocationsAddUpToAssets,
		"AssetRows":                       checkAssetRows,
		"RowsOfAnAnswer":                  checkRowsOfAnAnswer,
		"OrderAndPages":                   checkOrderAndPages,
		"DroppedLabelsAreRefused":         checkDroppedLabelsAreRefused,
		"AnswersAreKeptPerVersion":        checkAnswersAreKeptPerVersion,
		"HoursAreAskedForOnlyWhereNeeded": checkHoursAreAskedForOnlyWhereNeeded,
		"Complete":                        checkComplete,
		"FiltersOfTheGrammarRun":          checkFiltersOfTheGrammarRun,
	} {
		t.Run(name, func(t *testing.T) { check(t, f) })
	}
}

// The identity: allocations, idle, unmounted and overhead add up to the assets,
// by whatever assets are grouped.
func checkAllocationsAddUpToAssets(t *testing.T, f *fleet) {
	e := f.engine(t)
	for _, filter := range []query.Filter{{}, {Root: query.Match{Property: "cluster", Op: query.OpEquals, Values: []string{"c1", "c2"}}}} {
		for _, w := range []cost.Window{f.window(), {Start: f.window().Start + 5, End: f.window().End - 7}} {
			var unmounted int64 // claimed volumes have no asset rows in this fleet
			for i := range f.rows {
				x := &f.rows[i]
				if w.Contains(x.hour) && x.matches(filter.Root) {
					unmounted += x.pv + x.net
				}
			}
			want := total(ask(t, t, e, query.AllocationQuery{Window: w, Filter: filter, All: true, Idle: query.IdleSeparate, Overhead: query.OverheadSeparate})) - unmounted
			for _, aggregate := range []string{"", "type", "category", "cluster", "provider,region", "account", "label:pool", "zone,instanceType", "all"} {
				d, all, err := query.ParseAggregate(aggregate, query.SourceAsset)
				if err != nil {
					t.Fatal(err)
				}
				for _, step := range []int64{0, 1, 24} {
					a, err := e.Assets(t.Context(), query.AssetQuery{Window: w, Filter: filter, Aggregate: d, All: all, StepHours: step})
					if err != nil {
						t.Fatalf("%s: %v", aggregate, err)
					}
					var got cost.Sum
					var used int64
					for i := range a.Sets {
						for j := range a.Sets[i].Rows {
							got.AddSum(a.Sets[i].Rows[j].Total())
							used += a.Sets[i].Rows[j].CPUUsed
						}
					}
					if got.Big().Int64() != want {
						t.Errorf("%q step %d: assets %s, allocations %d", aggregate, step, &got, want)
					}
					var wantUsed int64
					for i := range f.rows {
						if x := &f.rows[i]; w.Contains(x.hour) && x.kind == cost.KindContainer && x.matches(filter.Root) {
							wantUsed += x.cpuUsage
						}
					}
					if used != wantUsed {
						t.Errorf("%q step %d: used %d, want %d", aggregate, step, used, wantUsed)
					}
				}
			}
		}
	}
}

func checkAssetRows(t *testing.T, f *fleet) {
	a, err := f.engine(t).Assets(t.Context(), query.AssetQuery{
		Window: f.window(), SortBy: "name", Ascending: true,
		Filter: query.Filter{Root: query.And{Of: []query.Node{
			query.Match{Property: "type", Op: query.OpEquals, Values: []string{"node"}},
			query.Match{Property: "label", Key: "pool", Op: query.OpEquals, Values: []string{"p1"}},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Sets) != 1 || a.RowCount != 4 { // node-1 of three clusters, node-3 of one
		t.Fatalf("%d sets of %d rows", len(a.Sets), a.RowCount)
	}
	r := &a.Sets[0].Rows[0]
	if r.Name != "AWS/__undefined__/__undefined__/Compute/c0/Node/Kubernetes/aws:///c0/i-1/node-1" {
		t.Errorf("name %s", r.Name)
	}
	if r.Props.InstanceType != "m5.large" || r.Props.Labels["pool"] != "p1" || r.PriceSource != "default" || !r.DefaultPriced.Equal(r.Total()) ||
		r.CPUScale != 1 || r.CPUUsed == 0 || r.RunHours != 96 || !r.Start.Equal(f.first.Start()) || !r.End.Equal(f.window().End.Start()) {
		t.Errorf("row %+v", r)
	}
}

func checkRowsOfAnAnswer(t *testing.T, f *fleet) {
	e := f.engine(t)
	pod := query.Filter{Root: query.Match{Property: "controller", Op: query.OpEquals, Values: []string{"db"}}}
	a := ask(t, t, e, query.AllocationQuery{Window: f.window(), Filter: pod, Aggregate: dims(t, "cluster,pod"), IncludeAttachments: true, Idle: query.IdleShareByNode})
	for i := range a.Sets[0].Rows {
		r := &a.Sets[0].Rows[i]
		if r.Kind != cost.KindContainer {
			continue
		}
		p := &r.Props
		if p.Cluster != r.Key[0] || p.Pod != r.Key[1] || p.Namespace != "data" || p.Controller != "db" || p.ControllerKind != "statefulset" ||
			!slices.Equal(p.Services, []string{"db"}) || p.Labels["app"] != "db" || p.Labels["team"] != "blue" || p.NamespaceLabels["team"] != "blue" {
			t.Errorf("%s: properties %+v", r.Name, p)
		}
		if p.Node == "" || !strings.HasPrefix(p.ProviderID, "aws:///"+p.Cluster) {
			t.Errorf("%s: on node %q, provider ID %q", r.Name, p.Node, p.ProviderID)
		}
		var pv cost.Sum
		for j := range r.Attachments {
			pv.AddSum(&r.Attachments[j].Cost)
		}
		if !pv.Equal(&r.PV) {
			t.Errorf("%s: volumes of %s behind a cost of %s", r.Name, &pv, &r.PV)
		}
	}
	if len(a.Sets[0].Rows) < 5 {
		t.Fatalf("only %d rows", len(a.Sets[0].Rows))
	}
}

func checkOrderAndPages(t *testing.T, f *fleet) {
	small := f.engine(t, func(c *query.Config) { c.MaxRows = 20 })
	var tooMany *query.Error
	if _, err := small.Allocations(t.Context(), query.AllocationQuery{Window: f.window()}); !errors.As(err, &tooMany) || tooMany.Code != query.CodeInvalid {
		t.Errorf("more rows than allowed: %v", err)
	}
	e := f.engine(t)
	q := query.AllocationQuery{Window: f.window(), Aggregate: dims(t, "pod"), Idle: query.IdleSeparate}
	whole := ask(t, t, e, q).Sets[0].Rows
	for i := 1; i < len(whole); i++ {
		if whole[i-1].Total().Big().Cmp(whole[i].Total().Big()) < 0 {
			t.Fatal("not sorted by cost, dearest first")
		}
	}
	q.Offset, q.Limit = 3, 4
	page := ask(t, t, e, q)
	if page.RowCount != len(whole) || len(page.Sets[0].Rows) != 4 || page.Sets[0].Rows[0].Name != whole[3].Name {
		t.Errorf("page of %d rows of %d begins with %s, want %s", len(page.Sets[0].Rows), page.RowCount, page.Sets[0].Rows[0].Name, whole[3].Name)
	}
	q.Offset, q.SortBy, q.Ascending = 0, "name", true
	if r := ask(t, t, e, q).Sets[0].Rows; r[0].Name != "__idle__" {
		t.Errorf("first by name is %s", r[0].Name)
	}
	q.SortBy = "totalCosts"
	_, err := e.Allocations(t.Context(), q)
	if err == nil || !strings.Contains(err.Error(), `did you mean "totalCost"`) {
		t.Errorf("sortBy=totalCosts: %v", err)
	}
}

func TestCompleteness(t *testing.T) {
	f := newFleet(t, 7)
	end := f.window().End
	f.now = end.Start().Add(5 * time.Hour) // silent for five hours
	e := f.engine(t, func(c *query.Config) {
		c.Retired = func(cluster string) (time.Time, bool) { return end.Start().Add(-24 * time.Hour), cluster == "c1" }
	})
	w := cost.Window{Start: f.window().Start, End: end + 100}
	got := ask(t, t, e, query.AllocationQuery{Window: w, Aggregate: dims(t, "cluster")}).Completeness
	want := []query.ClusterCompleteness{
		{Cluster: "c0", HoursExpected: 100, HoursPresent: 96, SecondsCovered: 96 * 3600, SilentSince: end.Start()},
		{Cluster: "c1", HoursExpected: 72, HoursPresent: 72, SecondsCovered: 72 * 3600},
		{Cluster: "c2", HoursExpected: 76, HoursPresent: 72, SecondsCovered: 72 * 3600, SilentSince: end.Start()}, // from its first hour, a day later
	}
	if !slices.Equal(got.Clusters, want) || got.HoursExpected != 248 || got.HoursPresent != 240 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// Half the samples of three hours are missing; of a cluster's first hour,
	// what came before its first sample is not expected.
	first := f.window().Start
	scan(t, f.store, fmt.Sprintf("UPDATE coverage SET coverage_seconds = 1800 WHERE cluster = 'c0' AND hour IN (%d, %d, %d)", first, first+5, first+6),
		func(*sql.Rows) error { return nil })
	half := ask(t, t, f.engine(t), query.AllocationQuery{Window: w, Aggregate: dims(t, "cluster")}).Completeness
	if c0 := half.Clusters[0]; half.HoursPartial != 2 || c0.HoursPartial != 2 || c0.SecondsCovered != 96*3600-3*1800 {
		t.Errorf("hours covered by half: %+v", half)
	}
	only := ask(t, t, e, query.AllocationQuery{Window: w, Filter: query.Filter{Root: query.Match{Property: "cluster", Not: true, Op: query.OpEquals, Values: []string{"c0"}}}})
	if len(only.Completeness.Clusters) != 2 {
		t.Errorf("of a filter on clusters: %+v", only.Completeness)
	}
}

// A sum beyond 64 bits is exact, and another currency is left out, not added.
func TestLargeSumsAndCurrencies(t *testing.T) {
	f := newFleet(t, 8)
	exec := func(q string) { scan(t, f.store, q, func(*sql.Rows) error { return nil }) }
	exec("UPDATE alloc_day_namespace SET cpu_cost = 999999999999999999 WHERE kind = 'container'")
	exec("UPDATE cluster SET currency = 'EUR' WHERE cluster = 'c1'")
	var n int64
	scan(t, f.store, "SELECT count(*) FROM alloc_day_namespace WHERE kind = 'container' AND cluster <> 'c1'", func(r *sql.Rows) error { return r.Scan(&n) })
	a := ask(t, t, f.engine(t), query.AllocationQuery{Window: f.window(), All: true})
	var want cost.Sum
	for range n {
		want.Add(cost.MaxMoney)
	}
	if got := &a.Sets[0].Rows[0].CPU; !got.Equal(&want) || n < 10 {
		t.Errorf("%s, want %d times the largest cost, %s", got, n, &want)
	}
	if a.Currency != "USD" || len(a.Warnings) != 1 || !strings.Contains(a.Warnings[0], "c1") {
		t.Errorf("currency %s, warnings %q", a.Currency, a.Warnings)
	}
}

func checkDroppedLabelsAreRefused(t *testing.T, f *fleet) {
	e := f.engine(t)
	for _, q := range []query.AllocationQuery{
		{Aggregate: []query.Dimension{{Property: "label", Key: "pod_template_hash"}}},
		{ShareLabels: []query.LabelMatch{{Key: "controller-uid", Value: "x"}}},
		{Aggregate: []query.Dimension{{Property: "label"}}},
		{Aggregate: []query.Dimension{{Property: "storageClass"}}},
		{Offset: -1},
		{ShareSplit: "odd"},
		{StepHours: -3},
	} {
		q.Window = f.window()
		_, err := e.Allocations(t.Context(), q)
		var known *query.Error
		if !errors.As(err, &known) || known.Code != query.CodeInvalid || known.Param == "" {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// countingStore counts statements and can change its version in between.
type countingStore struct {
	query.Store
	statements atomic.Int64
	version    func() string
}

func (s *countingStore) Query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	s.statements.Add(1)
	return s.Store.Query(ctx, text, args...)
}

func (s *countingStore) DataVersion(ctx context.Context) (string, error) {
	if s.version != nil {
		return s.version(), nil
	}
	return s.Store.DataVersion(ctx)
}

func checkAnswersAreKeptPerVersion(t *testing.T, f *fleet) {
	s := &countingStore{Store: f.store}
	now := f.now
	e, err := query.New(s, nil, query.Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	q := query.AllocationQuery{Window: f.window(), Aggregate: dims(t, "namespace")}
	first := ask(t, t, e, q)
	asked := s.statements.Load()
	if again := ask(t, t, e, q); s.statements.Load() != asked || &again.Sets[0].Rows[0] != &first.Sets[0].Rows[0] {
		t.Error("the same question at the same version was computed again")
	}
	s.version = func() string { return "v2" }
	if a := ask(t, t, e, q); s.statements.Load() == asked || a.DataVersion != "v2" {
		t.Error("an old answer was given for a new version")
	}
	s.version = func() string { return "v3" }
	if err := e.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked = s.statements.Load()
	if a := ask(t, t, e, q); s.statements.Load() != asked || a.DataVersion != "v3" {
		t.Errorf("after a refresh: %d statements, answered at %s", s.statements.Load()-asked, a.DataVersion)
	}
	now = now.Add(3 * time.Minute)
	s.version = func() string { return "v4" }
	if err := e.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked = s.statements.Load()
	if ask(t, t, e, q); s.statements.Load() == asked {
		t.Error("a question nobody asked for minutes was refreshed")
	}
	n := 0
	s.version = func() string { n++; return fmt.Sprint("moving ", n) }
	var known *query.Error
	if _, err := e.Allocations(t.Context(), q); !errors.As(err, &known) || known.Code != query.CodeUnavailable {
		t.Errorf("data that never stand still: %v", err)
	}
	n = 0
	s.version = func() string { n++; return fmt.Sprint("settles ", min(n, 3)) }
	if a := ask(t, t, e, q); a.DataVersion != "settles 3" {
		t.Errorf("answered at %s", a.DataVersion)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.version = func() string { return "v5" }
	if _, err := e.Allocations(ctx, q); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

type hydrator struct {
	days []cost.Day
	err  error
}

func (h *hydrator) EnsureHours(_ context.Context, days []cost.Day) error {
	h.days = days
	return h.err
}

func checkHoursAreAskedForOnlyWhereNeeded(t *testing.T, f *fleet) {
	h := &hydrator{}
	e, err := query.New(f.store, h, query.Config{Now: func() time.Time { return f.now }, CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	day := func(n int) cost.Hour { return (f.first + cost.Day(n)).FirstHour() }
	for _, c := range []struct {
		q    query.AllocationQuery
		want []cost.Day
	}{
		{query.AllocationQuery{Window: f.window()}, nil},
		{query.AllocationQuery{Window: cost.Window{Start: day(0), End: day(2) + 12}}, []cost.Day{f.first + 2}},
		{query.AllocationQuery{Window: cost.Window{Start: day(3), End: day(9) + 12}}, nil}, // nothing there to cut
		{query.AllocationQuery{Window: cost.Window{Start: day(1), End: day(3)}, StepHours: 6}, []cost.Day{f.first + 1, f.first + 2}},
		{query.AllocationQuery{Window: cost.Window{Start: day(0) - 48, End: day(1)}, StepHours: 48}, nil},
	} {
		h.days = nil
		ask(t, t, e, c.q)
		if !slices.Equal(h.days, c.want) {
			t.Errorf("%v step %d: hours of %v, want %v", c.q.Window, c.q.StepHours, h.days, c.want)
		}
	}
	h.err = errors.New("the bucket no longer holds 2026-10-30")
	var known *query.Error
	_, err = e.Allocations(t.Context(), query.AllocationQuery{Window: cost.Window{Start: day(0) + 1, End: day(1)}})
	if !errors.As(err, &known) || known.Code != query.CodeUnavailable || !strings.Contains(err.Error(), "2026-10-30") {
		t.Errorf("hours beyond reach: %v", err)
	}
}

func checkComplete(t *testing.T, f *fleet) {
	e := f.engine(t)
	for _, c := range []struct {
		field, search string
		limit         int
		want          []string
	}{
		{"namespace", "", 0, []string{"data", "default", "kube-system", "old", "web"}},
		{"namespace", "E", 2, []string{"default", "kube-system"}},
		{"cluster", "", 0, []string{"c0", "c1", "c2"}},
		{"controller", "", 0, []string{"db", "front", "proxy"}},
		{"controllerName", "o", 0, []string{"front", "proxy"}},
		{"services", "", 0, []string{"db", "front", "front-internal"}},
		{"label", "", 0, []string{"app", "env", "owner", "team"}},
		{"label:app", "", 0, []string{"db", "front"}},
		{"team", "", 0, []string{"blue", "red"}},
		{"annotation:note", "", 0, []string{"x"}},
		{"provider", "", 0, []string{"AWS"}},
	} {
		got, err := e.Complete(t.Context(), query.CompletionQuery{Window: f.window(), Source: query.SourceAllocation, Field: c.field, Search: c.search, Limit: c.limit})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s %q: %q, %v; want %q", c.field, c.search, got, err, c.want)
		}
	}
	filtered := query.Filter{Root: query.Match{Property: "label", Key: "team", Op: query.OpEquals, Values: []string{"red"}}}
	if got, err := e.Complete(t.Context(), query.CompletionQuery{Window: f.window(), Field: "namespace", Filter: filtered}); err != nil || !slices.Equal(got, []string{"web"}) {
		t.Errorf("filtered: %q, %v", got, err)
	}
	if got, err := e.Complete(t.Context(), query.CompletionQuery{Window: f.window(), Source: query.SourceAsset, Field: "type"}); err != nil || !slices.Equal(got, []string{"ClusterManagement", "Disk", "Node"}) {
		t.Errorf("asset types: %q, %v", got, err)
	}
	if _, err := e.Complete(t.Context(), query.CompletionQuery{Window: f.window(), Field: "nonsense"}); err == nil {
		t.Error("completion of nonsense must fail")
	}
}

// No filter that parses makes the planner write SQL that the store refuses.
func checkFiltersOfTheGrammarRun(t *testing.T, f *fleet) {
	e := f.engine(t)
	for _, text := range []string{
		`label[it's]:"a'b"`, "namespace:\"a\x00b\"", "pod~:\"\xff\"", `label!:"app","x"`, `label<~:"a"`, `annotation:"note"`, `annotation[note]!:"x"`,
		`services!~:"front"`, `services:"__unallocated__"`, `provider:"AWS"+cluster!:"c0"`, `department:"x"|environment:"prod"`, `namespace:""`,
	} {
		filter, err := query.ParseFilter(text, query.SourceAllocation)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if _, err := e.Allocations(t.Context(), query.AllocationQuery{Window: f.window(), Aggregate: dims(t, "namespace"), Filter: filter}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{`name~:"node"`, `account:"__undefined__"`, `category:"Compute"+service:"Kubernetes"`, `label[pool]:"p1"`, `assetType:"disk"|providerID<~:"aws"`} {
		filter, err := query.ParseFilter(text, query.SourceAsset)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		a, err := e.Assets(t.Context(), query.AssetQuery{Window: f.window(), Filter: filter, Aggregate: []query.Dimension{{Property: "type"}}})
		if err != nil || a.RowCount == 0 {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Other labels behind an alias are other answers: at once, under another
// version, and the old ones again when the labels are.
func TestLabelAliasesChange(t *testing.T) {
	f := newFleet(t, 2)
	e := f.engine(t)
	groups := func() (names []string, version string) {
		a := ask(t, t, e, query.AllocationQuery{Window: f.window(), Aggregate: dims(t, "team")})
		for i := range a.Sets[0].Rows {
			names = append(names, a.Sets[0].Rows[i].Name)
		}
		slices.Sort(names)
		return names, a.DataVersion
	}
	before, v1 := groups()
	want := map[string]bool{}
	a := ask(t, t, e, query.AllocationQuery{Window: f.window(), Aggregate: dims(t, "label:app")})
	for i := range a.Sets[0].Rows {
		want[a.Sets[0].Rows[i].Name] = true
	}
	e.SetLabelAliases(map[string][]string{"team": {"noSuch", "app"}})
	if got := e.LabelAliases()["team"]; !slices.Equal(got, []string{"no_such", "app"}) {
		t.Errorf("team stands for %v", got)
	}
	after, v2 := groups()
	if v1 == v2 || slices.Equal(before, after) || len(after) != len(want) {
		t.Errorf("after the change: %v at %s, before %v at %s", after, v2, before, v1)
	}
	for _, n := range after {
		if !want[n] {
			t.Errorf("%s is no value of the label", n)
		}
	}
	if v, err := e.DataVersion(t.Context()); err != nil || v != v2 {
		t.Errorf("version %s (%v), the answer says %s", v, err, v2)
	}
	e.SetLabelAliases(nil)
	if back, v3 := groups(); v3 != v1 || !slices.Equal(back, before) {
		t.Errorf("back to the defaults: %v at %s, want %v at %s", back, v3, before, v1)
	}
}
