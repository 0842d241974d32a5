package push_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/push"
	"github.com/fleetcost/fleetcost/test/servers"
)

// providers are the buckets on which several pushers meet.
var providers = map[string]func(*testing.T) bucket.Bucket{
	"memory": func(*testing.T) bucket.Bucket { return bucket.NewMemory() },
	"FILESYSTEM": func(t *testing.T) bucket.Bucket {
		b, err := bucket.OpenFilesystem(tempDir(t), time.Now)
		must(t, err)
		return b
	},
	"S3": openS3,
}

// openS3 returns a bucket of a real S3 server.
func openS3(t *testing.T) bucket.Bucket {
	b, _ := startS3(t)
	return b
}

func startS3(t *testing.T) (bucket.Bucket, *servers.VersityGW) {
	gateway := servers.StartVersityGW(t)
	gateway.CreateBucket("fleet")
	cfg, _, err := bucket.ParseConfig("federated-store.yaml", []byte(gateway.ConfigYAML("fleet")+"  max_retries: 1\n"), bucket.ParseOptions{})
	must(t, err)
	b, err := bucket.Open(context.Background(), cfg, bucket.Deps{Logger: quiet, Now: time.Now})
	must(t, err)
	t.Cleanup(func() { must(t, b.Close()) })
	return b, gateway
}

// TestS3Away: a real server goes away and comes back; the agent restarts in
// between.
func TestS3Away(t *testing.T) {
	ctx := context.Background()
	b, gateway := startS3(t)
	cfg := config(t, &clock{time.Now()})
	p := open(t, cfg, b)
	today := cost.DayOf(time.Now()).FirstHour()
	must(t, p.Add(ctx, hourOf(today-24, 3600, 1), hourOf(today-23, 1800, 1)))
	_, err := p.Push(ctx, nil)
	must(t, err)

	gateway.Stop()
	must(t, p.Add(ctx, hourOf(today-23, 3600, 2)))
	if _, err := p.Push(ctx, nil); !errors.Is(err, bucket.ErrUnavailable) {
		t.Fatalf("push while the server is away: %v; want ErrUnavailable", err)
	}
	must(t, p.Close())
	p = open(t, cfg, b)
	must(t, p.Add(ctx, hourOf(today-48, 3600, 3)))
	gateway.Restart()
	rep, err := p.Push(ctx, nil)
	if err != nil || rep.Days != 2 || rep.Objects != 6 {
		t.Errorf("push after the outage: %+v, %v; want 2 days in 6 objects", rep, err)
	}
	missing, err := p.Missing(ctx, cost.Window{Start: today - 48, End: today - 22}, noneLate)
	if err != nil || len(missing) != 23 {
		t.Errorf("%d hours missing, %v; want 23 of 26", len(missing), err)
	}
}

// TestTogether: pushers of one cluster that write the same days at the same
// time (rolling update, --once beside a Deployment, backfill beside live) end
// with the union of their hours, each in its best version.
func TestTogether(t *testing.T) {
	for name, open := range providers {
		t.Run(name, func(t *testing.T) { together(t, open(t)) })
	}
}

func together(t *testing.T, b bucket.Bucket) {
	const pushers, perPusher = 4, 6
	ctx := context.Background()
	first := midnight - 24
	want := map[cost.Hour]push.Hour{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	for i := range pushers {
		cfg := config(t, &clock{noon})
		p := open(t, cfg, b)
		g.Go(func() error {
			for k := range perPusher {
				// Neighbours share half of their hours, in versions of their own.
				h := hourOf(first+cost.Hour((i*perPusher/2+k)%36), int32(1800+600*((i+k)%4)), int64(100*k+i))
				mu.Lock()
				if old, ok := want[h.Hour]; !ok || h.Better(old.HourMeta) {
					want[h.Hour] = h
				}
				mu.Unlock()
				if err := p.Add(ctx, h); err != nil {
					return err
				}
				p.SetLive(hourOf(midnight+20, int32(60*k), int64(100*k+i)))
				if k%2 == 0 {
					continue
				}
				if _, err := p.Push(ctx, nil); err != nil {
					return fmt.Errorf("pusher %d: %w", i, err)
				}
			}
			return nil
		})
	}
	must(t, g.Wait())

	for _, day := range []cost.Day{first.Day(), midnight.Day()} {
		rows, meta := object[cost.Allocation](t, b, costfile.DailyKey(costfile.AllocationData, day, cluster))
		_, assets := object[cost.Asset](t, b, costfile.DailyKey(costfile.AssetData, day, cluster))
		_, attachments := object[cost.Attachment](t, b, costfile.DailyKey(costfile.AttachmentData, day, cluster))
		seen := map[cost.Hour]int{}
		for i := range rows {
			h, _ := cost.HourOfMicros(rows[i].WindowStart)
			seen[h]++
			if rows[i].CoverageSeconds != want[h].Coverage {
				t.Errorf("hour %v has a row with coverage %d; want %d", h, rows[i].CoverageSeconds, want[h].Coverage)
			}
		}
		for h, x := range want {
			if h.Day() != day {
				continue
			}
			for name, m := range map[string]costfile.Meta{"allocation": meta, "asset": assets, "attachment": attachments} {
				if got := m.HourMap()[h]; got.Coverage != x.Coverage || got.Generation != x.Generation {
					t.Errorf("%s object has %v with coverage %d, generation %d; want %d, %d", name, h, got.Coverage, got.Generation, x.Coverage, x.Generation)
				}
			}
			if seen[h] != len(x.Allocations) {
				t.Errorf("hour %v has %d rows; want %d", h, seen[h], len(x.Allocations))
			}
		}
	}
	live, _ := object[cost.Allocation](t, b, costfile.LiveKey(costfile.AllocationData, cluster))
	if len(live) != 3 || live[0].CoverageSeconds != 60*(perPusher-1) {
		t.Errorf("live object has %d rows; want the open hour's 3, in its best version", len(live))
	}
}
