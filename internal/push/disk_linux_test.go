package push_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/push"
)

// TestFullDisk: when the disk is full nothing that was durable is lost, the
// error says so, live goes on, the spool empties into the bucket although there
// is no room for temporary files, and then Add works again.
func TestFullDisk(t *testing.T) {
	push.InTmpfs(t, "96k", func(dir string) { fullDisk(t, dir) })
}

func fullDisk(t *testing.T, dir string) {
	ctx := context.Background()
	store := bucket.NewMemory()
	f := buckettest.WithFaults(store)
	cfg := config(t, &clock{noon})
	cfg.SpoolDir = dir
	p := open(t, cfg, f)
	must(t, p.Start(ctx))
	f.Outage(true)

	var added []cost.Hour
	var full push.Hour
	for h := midnight - 72; ; h++ {
		x := hourOf(h, 3600, 1)
		for i := range 50 { // some bytes per hour
			row := x.Allocations[0]
			row.Pod, row.CPUUsageCoreHours = fmt.Sprintf("pod-%d-%d", i, h*7919%1009), int64(i)*7_919_317%1_000_003
			x.Allocations = append(x.Allocations, row)
		}
		err := p.Add(ctx, x)
		if errors.Is(err, push.ErrSpoolFull) && errors.Is(err, syscall.ENOSPC) {
			full = x
			break
		}
		must(t, err)
		added = append(added, h)
	}
	if len(added) < 4 {
		t.Fatalf("the disk was full after %d hours", len(added))
	}
	free := push.FillDisk(t, dir) // the last bytes go, too

	// A crash at this very point loses nothing.
	must(t, p.Close())
	p = open(t, cfg, f)
	f.Clear()
	p.SetLive(hourOf(midnight+12, 600, 2))
	if _, err := p.Push(ctx, nil); err != nil {
		t.Fatalf("push with a full disk: %v", err)
	}
	missing, err := p.Missing(ctx, cost.Window{Start: added[0], End: full.Hour}, noneLate)
	if err != nil || len(missing) != 0 {
		t.Errorf("missing after the push: %v, %v; want none of the %d hours", missing, err, len(added))
	}
	if live, _ := object[cost.Allocation](t, store, liveKey); len(live) != 3 {
		t.Errorf("live object has %d rows; want 3", len(live))
	}
	free()
	must(t, p.Add(ctx, full))
	_, err = p.Push(ctx, nil)
	must(t, err)
	if missing, err = p.Missing(ctx, cost.Window{Start: added[0], End: full.Hour + 1}, noneLate); err != nil || len(missing) != 0 {
		t.Errorf("missing in the end: %v, %v", missing, err)
	}
}
