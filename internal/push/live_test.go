package push_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

func hoursOf(t testing.TB, b bucket.Bucket, key string) map[cost.Hour]costfile.HourMeta {
	t.Helper()
	_, meta := object[cost.Allocation](t, b, key)
	return meta.HourMap()
}

var dailyKey = costfile.DailyKey(costfile.AllocationData, midnight.Day(), cluster)

// TestLiveWaitsForDaily: the live object leaves out an hour only after the
// daily object that holds it is confirmed.
func TestLiveWaitsForDaily(t *testing.T) {
	ctx := context.Background()
	store := bucket.NewMemory()
	f := buckettest.WithFaults(store)
	p := open(t, config(t, &clock{noon}), f)
	must(t, p.Start(ctx))
	p.SetLive(hourOf(midnight+11, 3000, 1))
	_, err := p.Push(ctx, nil)
	must(t, err)

	f.Inject(buckettest.Fault{Op: buckettest.OpPut, Key: "/date=", Err: bucket.ErrDenied})
	must(t, p.Add(ctx, hourOf(midnight+11, 3600, 2)))
	p.SetLive(hourOf(midnight+12, 60, 3))
	if _, err := p.Push(ctx, nil); err == nil {
		t.Fatal("a push whose day was denied succeeded")
	}
	live := hoursOf(t, store, liveKey)
	if live[midnight+11].Coverage != 3600 || live[midnight+12].Coverage != 60 {
		t.Errorf("live hours = %+v; want the closed hour, whole, and the open one", live)
	}
	st := status(t, store)
	if len(st.Live.Hours) != 2 || st.Spool.Days != 1 || len(st.Problems) != 1 || st.Problems[0].Code != "push-failed" {
		t.Errorf("status: live %+v, spool %+v, problems %+v", st.Live.Hours, st.Spool, st.Problems)
	}
	f.Clear()
	_, err = p.Push(ctx, nil)
	must(t, err)
	if live = hoursOf(t, store, liveKey); len(live) != 1 || live[midnight+12].Coverage != 60 {
		t.Errorf("live hours = %+v; want the open one", live)
	}
	if st = status(t, store); len(st.Problems) != 0 || st.Spool.Days != 0 {
		t.Errorf("status after the repair: spool %+v, problems %+v", st.Spool, st.Problems)
	}
}

// TestProblemIsExplained: what the caller knows of an error stands in
// status.json, beside what the pusher does meanwhile.
func TestProblemIsExplained(t *testing.T) {
	store := bucket.NewMemory()
	f := buckettest.WithFaults(store)
	cfg := config(t, &clock{noon})
	cfg.Explain = func(err error, p *costfile.Problem) {
		if errors.Is(err, bucket.ErrDenied) {
			p.ID, p.Cause, p.Fix, p.Doc = "put-denied", "Writing is not allowed.", "Allow it.", "page#put-denied"
		}
	}
	p := open(t, cfg, f)
	must(t, p.Start(context.Background()))
	must(t, p.Add(context.Background(), hourOf(midnight+11, 3600, 2)))
	f.Inject(buckettest.Fault{Op: buckettest.OpPut, Key: "/date=", Err: bucket.ErrDenied})
	got := problems(t, p, store)["push-failed"]
	if got.ID != "put-denied" || got.Cause != "Writing is not allowed." || got.Doc != "page#put-denied" ||
		!strings.HasPrefix(got.Fix, "Allow it. Meanwhile the hours wait") || !got.Since.Equal(noon) {
		t.Errorf("problem %+v", got)
	}
	f.Clear()
	f.Inject(buckettest.Fault{Op: buckettest.OpPut, Key: "/date=", Err: errors.New("something else")})
	got = problems(t, p, store)["push-failed"]
	if got.ID != "" || got.Cause != "" || !strings.HasPrefix(got.Fix, "the hours wait") {
		t.Errorf("an error that nobody knows: %+v", got)
	}
}

// TestFoldLive: what an agent that lost its disk left in the live objects goes
// into its day, as partial, until it is computed again.
func TestFoldLive(t *testing.T) {
	ctx := context.Background()
	store := bucket.NewMemory()
	c := &clock{noon}
	p := open(t, config(t, c), store)
	must(t, p.Start(ctx))
	p.SetLive(hourOf(midnight+10, 3600, 1), hourOf(midnight+11, 2400, 2), hourOf(midnight+12, 600, 3))
	_, err := p.Push(ctx, nil)
	must(t, err)
	must(t, p.Close())

	c.t = noon.Add(30 * time.Minute)
	p = open(t, config(t, c), store)
	must(t, p.Start(ctx))
	window := cost.Window{Start: midnight + 10, End: midnight + 12}
	missing, err := p.Missing(ctx, window)
	if err != nil || len(missing) != 1 || missing[0] != midnight+11 {
		t.Errorf("missing = %v, %v; want the hour that was not whole", missing, err)
	}
	_, err = p.Push(ctx, nil)
	must(t, err)
	daily, live := hoursOf(t, store, dailyKey), hoursOf(t, store, liveKey)
	if len(daily) != 2 || !daily[midnight+11].Partial || daily[midnight+10].Partial {
		t.Errorf("daily hours = %+v; want both that are over, the second partial", daily)
	}
	if len(live) != 1 || live[midnight+12].Coverage != 600 {
		t.Errorf("live hours = %+v; want the open one as found", live)
	}
	must(t, p.Add(ctx, hourOf(midnight+11, 3600, 9)))
	_, err = p.Push(ctx, nil)
	must(t, err)
	if got := hoursOf(t, store, dailyKey)[midnight+11]; got.Partial || got.Coverage != 3600 {
		t.Errorf("hour computed again = %+v", got)
	}
	if missing, err = p.Missing(ctx, window); err != nil || len(missing) != 0 {
		t.Errorf("missing = %v, %v", missing, err)
	}
}

// TestOnceBesideDeployment: a pusher without live hours leaves another's alone.
func TestOnceBesideDeployment(t *testing.T) {
	ctx := context.Background()
	store := bucket.NewMemory()
	c := &clock{noon}
	agent := open(t, config(t, c), store)
	must(t, agent.Start(ctx))
	agent.SetLive(hourOf(midnight+12, 600, 3))
	_, err := agent.Push(ctx, nil)
	must(t, err)
	once := open(t, config(t, c), store)
	must(t, once.Start(ctx))
	must(t, once.Add(ctx, hourOf(midnight, 3600, 1)))
	_, err = once.Push(ctx, nil)
	must(t, err)
	if live := hoursOf(t, store, liveKey); len(live) != 1 {
		t.Errorf("live hours = %+v; want the other pusher's", live)
	}
}
