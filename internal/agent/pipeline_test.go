package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/collect"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/pricing"
	"github.com/fleetcost/fleetcost/internal/push"
)

// scripted is a source that has of each hour what the test says, seconds of
// coverage, and remembers what it was asked for.
type scripted struct {
	has   func(h cost.Hour) int32
	open  int32
	check collect.CheckReport
	asked []cost.Hour
}

func (s *scripted) Check(context.Context) (collect.CheckReport, error) { return s.check, nil }

func (s *scripted) Identity(context.Context) (collect.Identity, error) {
	return collect.Identity{UID: "u", Proof: "kube_namespace_created"}, nil
}

func (s *scripted) Hours(_ context.Context, w cost.Window, fn func(cost.HourUsage) error) error {
	for h := w.End - 1; h >= w.Start; h-- {
		s.asked = append(s.asked, h)
		if err := fn(cost.HourUsage{Hour: h, CoverageSeconds: s.has(h)}); err != nil {
			return err
		}
	}
	return nil
}

func (s *scripted) Open(_ context.Context, h cost.Hour, _ time.Time) (cost.HourUsage, error) {
	return cost.HourUsage{Hour: h, CoverageSeconds: s.open}, nil
}

// newPipeline is a pipeline over a source into a bucket in memory, at a clock
// that the test moves.
func newPipeline(t *testing.T, source collect.Source, now *time.Time) *Pipeline {
	t.Helper()
	clock := func() time.Time { return *now }
	prices, err := pricing.New(pricing.Config{})
	if err != nil {
		t.Fatal(err)
	}
	pusher, err := push.New(push.Config{
		ClusterID: "c", Currency: "USD", Writer: "test", SpoolDir: t.TempDir(), SpoolDays: 30, SpoolBytes: 1 << 30,
		Owner: push.Owner{UID: "u", Proof: costfile.ProofNamespaceCreated}, Now: clock,
	}, bucket.NewMemory(bucket.MemoryNow(clock)), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pusher.Close() })
	p := &Pipeline{
		Source: source, Prices: prices, Pusher: pusher, Schedule: DefaultSchedule, Cluster: "c", Now: clock,
		Logger: slog.New(slog.DiscardHandler), Report: NewReport(pricing.IsDefault, clock),
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// Hours of which the source had nothing, or the last two days' of which it had
// half, are asked for again, ever more seldom: samples may come late.
func TestLateSamplesAreFetched(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 10, 0, 0, time.UTC)
	newest := cost.HourOf(now) - 1
	half, none, old := newest-5, newest-7, newest-100
	late := false
	src := &scripted{open: 600, has: func(h cost.Hour) int32 {
		switch {
		case late:
			return 3600
		case h == half || h == old:
			return 1800
		case h == none:
			return 0
		}
		return 3600
	}}
	p := newPipeline(t, src, &now)
	backfill := func() []cost.Hour {
		t.Helper()
		src.asked = nil
		if err := p.Backfill(t.Context(), p.Push); err != nil {
			t.Fatal(err)
		}
		return src.asked
	}
	if got := backfill(); len(got) != 15*24 {
		t.Fatalf("the first backfill asks for %d hours", len(got))
	}
	if b := p.Report.backfilled(); b.Empty != 1 {
		t.Errorf("%d hours empty, want 1", b.Empty)
	}
	if got := backfill(); len(got) != 0 {
		t.Errorf("asked again at once for %v", got)
	}
	now = now.Add(firstPatience + time.Minute)
	again := func() []cost.Hour {
		return slices.DeleteFunc(backfill(), func(h cost.Hour) bool { return h > newest }) // what closed meanwhile
	}
	if got := again(); !slices.Equal(got, []cost.Hour{half, none}) {
		t.Errorf("after a while asked for %v, want %v and %v", got, half, none)
	}
	now = now.Add(firstPatience + time.Minute)
	if got := again(); len(got) != 0 {
		t.Errorf("patience does not grow: %v", got)
	}
	late = true
	now = now.Add(firstPatience)
	if got := again(); !slices.Equal(got, []cost.Hour{half, none}) {
		t.Errorf("late samples of %v are not fetched: %v", half, got)
	}
	now = now.Add(20 * firstPatience)
	if got := again(); len(got) != 0 {
		t.Errorf("whole hours are asked for again: %v", got)
	}
}

// A run that finds nothing at all has not done its work.
func TestOnceWithAnEmptySource(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 10, 0, 0, time.UTC)
	src := &scripted{has: func(cost.Hour) int32 { return 0 }}
	cfg := Config{Once: true}
	err := once(t.Context(), newPipeline(t, src, &now), cfg)
	if err == nil || !strings.Contains(err.Error(), "no sample of the 360 hours") {
		t.Errorf("a source that holds nothing: %v", err)
	}
	src.open = 600 // a cluster that is minutes old
	if err := once(t.Context(), newPipeline(t, src, &now), cfg); err != nil {
		t.Errorf("a young cluster: %v", err)
	}
}

// The source is inspected while the agent follows, not at its start, where it
// just was; and a source that can be inspected does not clear the problem of a
// round that failed.
func TestInspectionClearsNoProblem(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 10, 0, 0, time.UTC)
	p := newPipeline(t, &scripted{has: func(cost.Hour) int32 { return 3600 }, open: 600}, &now)
	p.Schedule.Backfill, p.Schedule.PushInterval = 0, time.Second
	ctx, cancel := context.WithCancel(t.Context())
	rounds, inspected := 0, 0
	p.Source = &rounder{Source: p.Source, fn: func() error {
		switch rounds++; rounds {
		case 2:
			now = now.Add(inspectEvery)
			return errTest("the source broke off")
		}
		return nil
	}}
	p.Inspect = func(context.Context) error {
		inspected++
		cancel()
		return nil
	}
	if err := p.Follow(ctx); ctx.Err() == nil {
		t.Fatal(err)
	}
	if rounds != 2 || inspected != 1 {
		t.Errorf("inspected %d times in %d rounds, want once, after the second", inspected, rounds)
	}
	var s costfile.Status
	p.Report.fill(&s)
	if len(s.Problems) != 1 || s.Problems[0].Code != roundFailed {
		t.Errorf("the round's failure is not reported: %+v", s.Problems)
	}
}

// rounder calls fn once a round, when the open hour is collected.
type rounder struct {
	collect.Source
	fn func() error
}

func (r *rounder) Open(ctx context.Context, h cost.Hour, until time.Time) (cost.HourUsage, error) {
	if err := r.fn(); err != nil {
		return cost.HourUsage{}, err
	}
	return r.Source.Open(ctx, h, until)
}

// What the source lacks is asked anew now and then: what was put right is no
// longer reported, and doubts about the source reach status.json.
func TestInspectingAgain(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 10, 0, 0, time.UTC)
	r := NewReport(pricing.IsDefault, func() time.Time { return now })
	src := &scripted{check: collect.CheckReport{
		Missing:  []collect.Missing{{Metric: "kube_pod_labels", Effect: "e", Fix: "f"}},
		Warnings: []string{"scraped every 2m"},
	}}
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	look := func() (s costfile.Status) {
		t.Helper()
		if _, err := inspect(t.Context(), Config{Source: "prometheus", Now: func() time.Time { return now }}, src, r, logger); err != nil {
			t.Fatal(err)
		}
		r.fill(&s)
		return s
	}
	first := look()
	now = now.Add(time.Hour)
	second := look()
	if len(second.Source.Missing) != 1 || len(second.Problems) != 1 || second.Problems[0].Message != "scraped every 2m" || !second.Problems[0].Since.Equal(first.Problems[0].Since) {
		t.Errorf("status %+v", second)
	}
	if n := strings.Count(log.String(), "metric absent") + strings.Count(log.String(), "scraped every"); n != 2 {
		t.Errorf("said %d times:\n%s", n, &log)
	}
	src.check = collect.CheckReport{}
	if s := look(); len(s.Source.Missing) != 0 || len(s.Problems) != 0 {
		t.Errorf("what was put right is still reported: %+v", s)
	}
}

// away is a source that does not answer while it is set.
type away struct {
	collect.Source
	err error
}

func (a *away) Check(ctx context.Context) (collect.CheckReport, error) {
	if a.err != nil {
		return collect.CheckReport{}, a.err
	}
	return a.Source.Check(ctx)
}

// A restarted agent whose source is away brings what its spool holds to the
// bucket all the same, and the fleet learns that the source is away.
func TestSpoolIsPushedWithoutSource(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 10, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	dir := t.TempDir()
	file := dir + "/federated-store.yaml"
	if err := os.Mkdir(dir+"/bucket", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, fmt.Appendf(nil, "type: FILESYSTEM\nconfig:\n  directory: %q\n", dir+"/bucket"), 0o600); err != nil {
		t.Fatal(err)
	}
	source := &away{Source: &scripted{open: 600, has: func(cost.Hour) int32 { return 3600 }}}
	start := func() *unit {
		t.Helper()
		fs := pflag.NewFlagSet("agent", pflag.ContinueOnError)
		cfg := Flags(fs)
		if err := fs.Parse([]string{"--cluster-id=c", "--storage-config=" + file, "--prometheus-url=http://127.0.0.1:1", "--spool-dir=" + dir + "/spool", "--backfill=3h"}); err != nil {
			t.Fatal(err)
		}
		cfg.Now, cfg.Getenv = clock, func(string) string { return "" }
		if _, err := cfg.ReadStorage(); err != nil {
			t.Fatal(err)
		}
		u, err := build(t.Context(), *cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		u.source = source
		return u
	}
	status := func() (s costfile.Status) {
		t.Helper()
		data, err := os.ReadFile(dir + "/bucket/" + costfile.StatusKey("c"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &s); err != nil {
			t.Fatal(err)
		}
		// The bucket's clock is the machine's, not the test's.
		s.Problems = slices.DeleteFunc(s.Problems, func(p costfile.Problem) bool { return p.Code == "clock-skew" })
		return s
	}

	// Before anything was pushed nobody knows whose the spool is.
	source.err = errors.New("connection refused")
	first := start()
	_, err := first.connect(t.Context())
	if !errors.Is(err, errSource) {
		t.Fatal(err)
	}
	if err := first.pushWithoutSource(t.Context(), err); err != nil || first.pusher != nil {
		t.Errorf("an unknown cluster pushes: %v", err)
	}
	source.err = nil
	p, err := first.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := once(t.Context(), p, Config{Once: true}); err != nil {
		t.Fatal(err)
	}
	// An hour more is durable in the spool, and the process ends.
	now = now.Add(time.Hour)
	closed := cost.HourOf(now) - 1
	if err := p.compute(t.Context(), cost.Window{Start: closed, End: closed + 1}); err != nil {
		t.Fatal(err)
	}
	first.close()
	has := func(h cost.Hour) bool {
		return slices.ContainsFunc(status().Days[h.Day()].Hours, func(x costfile.HourStatus) bool { return x.Hour == h })
	}
	if has(closed) {
		t.Fatal("the hour is in the bucket already: the test proves nothing")
	}

	source.err = errors.New("connection refused")
	second := start()
	defer func() { second.close() }()
	_, err = second.connect(t.Context())
	if err := second.pushWithoutSource(t.Context(), err); err != nil {
		t.Fatal(err)
	}
	s := status()
	if !has(closed) || len(s.Problems) != 1 || s.Problems[0].Code != sourceAway || !strings.Contains(s.Problems[0].Message, "connection refused") {
		t.Errorf("the spool is not pushed, or the problem not told: %+v", s)
	}
	if s.Source.Kind != "prometheus" || s.Source.LastRead.IsZero() {
		t.Errorf("what was known of the source is gone: %+v", s.Source)
	}

	source.err = nil
	p, err = second.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Push(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := status(); len(s.Problems) != 0 {
		t.Errorf("the source is back and the problem still told: %+v", s.Problems)
	}
	second.owner.UID = "another"
	if _, err := second.connect(t.Context()); err == nil || errors.Is(err, errSource) {
		t.Errorf("the source is of another cluster: %v", err)
	}
}
