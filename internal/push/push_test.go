package push_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/push"
)

const cluster = "prod-us"

// noon of some day, and the first hour of that day.
var (
	noon     = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	midnight = cost.DayOf(noon).FirstHour()
)

var liveKey = costfile.LiveKey(costfile.AllocationData, cluster)

// problems pushes and returns those that status.json then tells of.
// noneLate asks Missing for no hour that is there in part.
const noneLate = cost.Hour(1 << 40)

func problems(t testing.TB, p *push.Pusher, b bucket.Bucket) map[string]costfile.Problem {
	t.Helper()
	if _, err := p.Push(context.Background(), nil); err != nil {
		t.Logf("push: %v", err)
	}
	out := map[string]costfile.Problem{}
	for _, x := range status(t, b).Problems {
		out[x.Code] = x
	}
	return out
}

func status(t testing.TB, b bucket.Bucket) costfile.Status {
	t.Helper()
	data, err := raw(b, costfile.StatusKey(cluster))
	must(t, err)
	var st costfile.Status
	must(t, json.Unmarshal(data, &st))
	return st
}

// clock is a clock that the test moves.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// hourOf makes the rows of an hour: two containers and their idle, the node, a
// volume's attachment. The same arguments give the same rows.
func hourOf(h cost.Hour, coverage int32, generation int64) push.Hour {
	x := push.Hour{HourMeta: costfile.HourMeta{Hour: h, Coverage: coverage, Generation: generation}}
	us := h.Micros()
	for c := range 3 {
		m := cost.Money(1_000_000_000*int64(c+1) + generation*100_000 + int64(coverage))
		x.Allocations = append(x.Allocations, cost.Allocation{
			WindowStart: us, Cluster: cluster, Kind: cost.KindContainer, Node: "n1", AssetID: "i-1",
			Namespace: fmt.Sprintf("ns-%d", 2-c), Pod: fmt.Sprintf("pod-%d-%v", c, h), Container: "app",
			EndSeconds: coverage, RunSeconds: coverage, CoverageSeconds: coverage,
			Labels: cost.LabelsOf(map[string]string{"app": fmt.Sprint(c)}), CPUCost: m,
		})
	}
	x.Assets = []cost.Asset{{WindowStart: us, Cluster: cluster, Type: cost.AssetNode, AssetID: "i-1", Name: "n1", CPUCost: 7_000_000 + cost.Money(coverage)}}
	x.Attachments = []cost.Attachment{{WindowStart: us, Cluster: cluster, Type: cost.AssetDisk, AssetID: "vol-1", Pod: "pod-0", Cost: 5}}
	return x
}

// tempDir is a directory in memory where there is one: a state machine syncs
// thousands of files.
func tempDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "fleetcost-push-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func config(t testing.TB, c *clock) push.Config {
	return push.Config{
		ClusterID: cluster, Currency: "USD", Writer: "fleetcost-agent test", SpoolDir: tempDir(t),
		Owner: push.Owner{UID: "uid-1", Proof: costfile.ProofNamespaceUID}, Now: c.now,
	}
}

var quiet = slog.New(slog.DiscardHandler)

func open(t testing.TB, cfg push.Config, b bucket.Bucket) *push.Pusher {
	t.Helper()
	p, err := push.New(cfg, b, quiet, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// object decodes one object of the bucket; nothing when it is absent.
func object[T costfile.Row](t testing.TB, b bucket.Bucket, key string) ([]T, costfile.Meta) {
	t.Helper()
	body, _, err := b.Get(context.Background(), key)
	if errors.Is(err, bucket.ErrNotFound) {
		return nil, costfile.Meta{}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	rows, meta, err := costfile.ReadAll[T](bytes.NewReader(data), int64(len(data)), costfile.DefaultLimits)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return rows, meta
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPushOneDay(t *testing.T) {
	ctx := context.Background()
	c := &clock{noon}
	b := bucket.NewMemory()
	p := open(t, config(t, c), b)
	must(t, p.Start(ctx))

	window := cost.Window{Start: midnight, End: midnight + 12}
	missing, err := p.Missing(ctx, window, noneLate)
	must(t, err)
	if len(missing) != 12 || missing[0] != midnight+11 {
		t.Fatalf("missing = %v; want 12 hours, newest first", missing)
	}
	var want []cost.Allocation
	for h := window.Start; h < window.End; h++ {
		x := hourOf(h, 3600, 1)
		want = append(want, x.Allocations...)
		must(t, p.Add(ctx, x))
	}
	costfile.Sort(want)
	p.SetLive(hourOf(midnight+12, 60, 2))
	rep, err := p.Push(ctx, func(s *costfile.Status) { s.Provider = "AWS" })
	must(t, err)
	if rep.Objects != 6 || rep.Waiting != 0 || rep.Days != 1 {
		t.Errorf("report = %+v; want 6 objects, 1 day, nothing waiting", rep)
	}
	got, meta := object[cost.Allocation](t, b, costfile.DailyKey(costfile.AllocationData, midnight.Day(), cluster))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("daily rows differ (-want +got):\n%s", d)
	}
	if len(meta.Hours) != 12 || meta.Date != "2026-11-22" {
		t.Errorf("meta = %+v", meta)
	}
	live, _ := object[cost.Allocation](t, b, costfile.LiveKey(costfile.AllocationData, cluster))
	if len(live) != 3 {
		t.Errorf("live object has %d rows; want the open hour's 3", len(live))
	}
	if missing, err = p.Missing(ctx, window, noneLate); err != nil || len(missing) != 0 {
		t.Errorf("missing after the push = %v, %v", missing, err)
	}
	// Nothing new: only status.json is written.
	if rep, err = p.Push(ctx, nil); err != nil || rep.Objects != 0 {
		t.Errorf("second push wrote %d objects, %v; want none", rep.Objects, err)
	}
	// The open hour closes.
	must(t, p.Add(ctx, hourOf(midnight+12, 3600, 3)))
	_, err = p.Push(ctx, nil)
	must(t, err)
	if live, meta = object[cost.Allocation](t, b, costfile.LiveKey(costfile.AllocationData, cluster)); len(live)+len(meta.Hours) != 0 {
		t.Errorf("live object still has %d rows after its hour closed", len(live))
	}
}
