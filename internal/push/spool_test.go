package push_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/push"
)

func spoolFile(cfg push.Config, day cost.Day) string {
	return filepath.Join(cfg.SpoolDir, "cluster_id="+cluster, day.String()+".spool")
}

// TestSpoolOutlivesOutage: an outage of days leaves one object per day and
// dataset to send.
func TestSpoolOutlivesOutage(t *testing.T) {
	ctx := context.Background()
	f := buckettest.WithFaults(bucket.NewMemory())
	cfg := config(t, &clock{noon})
	p := open(t, cfg, f)
	must(t, p.Start(ctx))
	f.Outage(true)
	for h := midnight - 48; h < midnight+12; h += 6 {
		must(t, p.Add(ctx, hourOf(h, 3600, 1), hourOf(h+1, 3600, 1)))
		if rep, err := p.Push(ctx, nil); !errors.Is(err, bucket.ErrUnavailable) || rep.Waiting == 0 {
			t.Fatalf("Push while the bucket is away: %+v, %v", rep, err)
		}
	}
	must(t, p.Close())
	p = open(t, cfg, f) // and a restart while it is away
	if err := p.Start(ctx); !errors.Is(err, bucket.ErrUnavailable) {
		t.Fatalf("Start while the bucket is away: %v", err)
	}
	must(t, p.Add(ctx, hourOf(midnight+12, 3600, 1)))
	f.Clear()
	rep, err := p.Push(ctx, nil)
	must(t, err)
	if rep.Days != 3 || rep.Objects != 9 || rep.Waiting != 0 {
		t.Errorf("first push after the outage: %+v; want 3 days in 9 objects", rep)
	}
	missing, err := p.Missing(ctx, cost.Window{Start: midnight - 48, End: midnight + 13}, noneLate)
	if err != nil || len(missing) != 61-21 {
		t.Errorf("%d hours missing, %v; want all but the 21 added", len(missing), err)
	}
}

// TestSpoolLimits: beyond its size the oldest goes first, is counted, and
// counts as missing; nothing newer is traded for something older.
func TestSpoolLimits(t *testing.T) {
	ctx := context.Background()
	f := buckettest.WithFaults(bucket.NewMemory())
	cfg := config(t, &clock{noon})
	cfg.SpoolDays = 2
	p := open(t, cfg, f)
	must(t, p.Start(ctx))
	f.Outage(true)
	for _, day := range []cost.Hour{-48, -24, 0} {
		must(t, p.Add(ctx, hourOf(midnight+day, 3600, 1), hourOf(midnight+day+1, 3600, 1)))
	}
	if err := p.Add(ctx, hourOf(midnight-48, 3600, 1)); !errors.Is(err, push.ErrSpoolFull) {
		t.Errorf("adding a day older than all: %v; want ErrSpoolFull", err)
	}
	must(t, p.Close())
	p = open(t, cfg, f)
	f.Clear()
	rep, err := p.Push(ctx, nil)
	if err != nil || rep.Days != 2 || rep.Dropped != 2 {
		t.Errorf("Push: %+v, %v; want 2 days, 2 hours dropped before the restart", rep, err)
	}
	missing, err := p.Missing(ctx, cost.Window{Start: midnight - 48, End: midnight - 46}, noneLate)
	if err != nil || len(missing) != 2 {
		t.Errorf("missing = %v, %v; want the dropped hours", missing, err)
	}
	// Where the source still has them, they come back.
	must(t, p.Add(ctx, hourOf(midnight-48, 3600, 2), hourOf(midnight-47, 3600, 2)))
	_, err = p.Push(ctx, nil)
	must(t, err)
	if missing, err = p.Missing(ctx, cost.Window{Start: midnight - 48, End: midnight - 46}, noneLate); err != nil || len(missing) != 0 {
		t.Errorf("missing after refill = %v, %v", missing, err)
	}
}

// TestSpoolBytes: a single day larger than the spool loses its oldest hours.
func TestSpoolBytes(t *testing.T) {
	ctx := context.Background()
	cfg := config(t, &clock{noon})
	p := open(t, cfg, bucket.NewMemory())
	must(t, p.Add(ctx, hourOf(midnight, 3600, 1)))
	info, err := os.Stat(spoolFile(cfg, midnight.Day()))
	must(t, err)
	must(t, p.Close())
	cfg.SpoolDir, cfg.SpoolBytes = tempDir(t), info.Size()+info.Size()/20
	p = open(t, cfg, bucket.NewMemory())
	for h := midnight; h < midnight+8; h++ {
		must(t, p.Add(ctx, hourOf(h, 3600, 1)))
		info, err := os.Stat(spoolFile(cfg, midnight.Day()))
		must(t, err)
		if info.Size() > cfg.SpoolBytes {
			t.Fatalf("spool has %d bytes after %v; the limit is %d", info.Size(), h, cfg.SpoolBytes)
		}
	}
	must(t, p.Start(ctx))
	missing, err := p.Missing(ctx, cost.Window{Start: midnight, End: midnight + 8}, noneLate)
	must(t, err)
	if len(missing) == 0 || len(missing) == 8 || missing[len(missing)-1] != midnight {
		t.Errorf("missing = %v; want some, the oldest", missing)
	}
	rep, err := p.Push(ctx, nil)
	if err != nil || rep.Dropped != int64(len(missing)) {
		t.Errorf("dropped %d, %v; want %d", rep.Dropped, err, len(missing))
	}
}

// TestTornSpool: whatever byte of a spool file is damaged, the file is put
// aside and its hours are missing, never wrong.
func TestTornSpool(t *testing.T) {
	ctx := context.Background()
	whole := func() (push.Config, []byte) {
		cfg := config(t, &clock{noon})
		p := open(t, cfg, bucket.NewMemory())
		must(t, p.Add(ctx, hourOf(midnight, 3600, 1)))
		must(t, p.Close())
		data, err := os.ReadFile(spoolFile(cfg, midnight.Day()))
		must(t, err)
		return cfg, data
	}
	cfg, data := whole()
	damage := map[string][]byte{"empty": {}, "half": data[:len(data)/2], "one byte short": data[:len(data)-1]}
	for _, at := range []int{0, len(data) / 3, 2 * len(data) / 3, len(data) - 20, len(data) - 1} {
		flipped := append([]byte(nil), data...)
		flipped[at] ^= 0x40
		damage[fmt.Sprintf("byte %d flipped", at)] = flipped
	}
	for name, bytes := range damage {
		t.Run(name, func(t *testing.T) {
			must(t, os.WriteFile(spoolFile(cfg, midnight.Day()), bytes, 0o600))
			b := bucket.NewMemory()
			p := open(t, cfg, b)
			defer p.Close()
			must(t, p.Start(ctx))
			missing, err := p.Missing(ctx, cost.Window{Start: midnight, End: midnight + 1}, noneLate)
			if err != nil || len(missing) != 1 {
				t.Fatalf("missing = %v, %v; want the torn hour", missing, err)
			}
			if got := problems(t, p, b); got["spool-file-damaged"].Fix == "" {
				t.Errorf("problems = %+v", got)
			}
			if _, err := os.Stat(spoolFile(cfg, midnight.Day()) + ".torn"); err != nil {
				t.Error(err)
			}
			must(t, p.Add(ctx, hourOf(midnight, 3600, 1)))
			if missing, err = p.Missing(ctx, cost.Window{Start: midnight, End: midnight + 1}, noneLate); err != nil || len(missing) != 0 {
				t.Errorf("missing after adding again = %v, %v", missing, err)
			}
		})
	}
}

// TestSpoolInUse: two processes never share a spool directory.
func TestSpoolInUse(t *testing.T) {
	cfg := config(t, &clock{noon})
	open(t, cfg, bucket.NewMemory())
	if _, err := push.New(cfg, bucket.NewMemory(), quiet, nil); !errors.Is(err, push.ErrSpoolInUse) {
		t.Errorf("second pusher on one spool: %v; want ErrSpoolInUse", err)
	}
}

func TestAddRefuses(t *testing.T) {
	ctx := context.Background()
	p := open(t, config(t, &clock{noon}), bucket.NewMemory())
	foreign := hourOf(midnight, 3600, 1)
	foreign.Allocations[1].Cluster = "other"
	shifted := hourOf(midnight, 3600, 1)
	shifted.Hour++
	long := hourOf(midnight, 3600, 1)
	long.Coverage = 3601
	for name, h := range map[string]push.Hour{"another cluster's row": foreign, "another hour's row": shifted, "coverage": long} {
		if err := p.Add(ctx, h); err == nil {
			t.Errorf("Add took an hour with %s", name)
		}
	}
}
