package push_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/push"
)

// machineWindow is three days, of which the machine uses every third hour.
var machineWindow = cost.Window{Start: midnight - 48, End: midnight + 24}

// machine is one cluster with two pushers at once, a bucket in which
// everything may go wrong, and what must come of it.
type machine struct {
	t      *testing.T
	clock  *clock
	store  *bucket.Memory
	faults [2]*buckettest.Faults
	cfgs   [2]push.Config
	pusher [2]*push.Pusher
	// added is the best version of every hour that an Add confirmed.
	added map[cost.Hour]push.Hour
}

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, clock: &clock{noon}, store: bucket.NewMemory(), added: map[cost.Hour]push.Hour{}}
	for i := range m.pusher {
		m.faults[i] = buckettest.WithFaults(m.store)
		m.cfgs[i] = config(t, m.clock)
		m.pusher[i] = open(t, m.cfgs[i], m.faults[i])
	}
	return m
}

func (m *machine) tick() { m.clock.t = m.clock.t.Add(time.Second) }

func (m *machine) add(i int, hours ...push.Hour) error {
	m.tick()
	for _, h := range hours {
		if old, ok := m.added[h.Hour]; !ok || h.Better(old.HourMeta) {
			m.added[h.Hour] = h
		}
	}
	return m.pusher[i].Add(context.Background(), hours...)
}

func (m *machine) push(i int) error {
	m.tick()
	_, err := m.pusher[i].Push(context.Background(), nil)
	return err
}

// crash drops a pusher where it stands. Close only does what the kernel does
// for a process that died: it frees the directory.
func (m *machine) crash(i int, litter bool) error {
	if err := m.pusher[i].Close(); err != nil {
		return err
	}
	if litter { // a write that did not get to its rename
		name := filepath.Join(m.cfgs[i].SpoolDir, "cluster_id="+cluster, midnight.Day().String()+".spool.tmp")
		if err := os.WriteFile(name, []byte("half a file"), 0o600); err != nil {
			return err
		}
	}
	p, err := push.New(m.cfgs[i], m.faults[i], quiet, nil)
	m.pusher[i] = p
	return err
}

// settle heals everything and pushes until nothing waits.
func (m *machine) settle() error {
	for round := range 3 {
		for i := range m.pusher {
			m.faults[i].Clear()
			m.tick()
			rep, err := m.pusher[i].Push(context.Background(), nil)
			if err != nil {
				return fmt.Errorf("push %d of pusher %d: %w", round, i, err)
			}
			if rep.Waiting != 0 {
				return fmt.Errorf("%d days still wait after a push without faults", rep.Waiting)
			}
		}
	}
	return nil
}

// undisturbed is the bucket of one pusher to which nothing happened.
func (m *machine) undisturbed() (bucket.Bucket, error) {
	b := bucket.NewMemory()
	cfg := m.cfgs[0]
	cfg.SpoolDir = tempDir(m.t)
	p, err := push.New(cfg, b, quiet, nil)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := p.Add(context.Background(), slices.Collect(maps.Values(m.added))...); err != nil {
		return nil, err
	}
	_, err = p.Push(context.Background(), nil)
	return b, err
}

// compare holds the bucket against an undisturbed one.
func (m *machine) compare() error {
	want, err := m.undisturbed()
	if err != nil {
		return err
	}
	for _, day := range machineWindow.Days() {
		for _, err := range []error{
			sameObject[cost.Allocation](want, m.store, costfile.DailyKey(costfile.AllocationData, day, cluster)),
			sameObject[cost.Asset](want, m.store, costfile.DailyKey(costfile.AssetData, day, cluster)),
			sameObject[cost.Attachment](want, m.store, costfile.DailyKey(costfile.AttachmentData, day, cluster)),
		} {
			if err != nil {
				return err
			}
		}
	}
	return m.checkStatus()
}

// checkStatus: status.json names the objects that the bucket has.
func (m *machine) checkStatus() error {
	data, err := raw(m.store, costfile.StatusKey(cluster))
	if err != nil {
		return err
	}
	var st costfile.Status
	if err := json.Unmarshal(data, &st); err != nil {
		return err
	}
	days := 0
	for _, day := range machineWindow.Days() {
		for _, ds := range costfile.Datasets {
			obj, err := m.store.Stat(context.Background(), costfile.DailyKey(ds, day, cluster))
			if errors.Is(err, bucket.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			days++
			if got := st.Days[day].Objects[ds]; got.ETag != obj.ETag || got.Bytes != obj.Size {
				return fmt.Errorf("status names %+v for %s of %v, the bucket has ETag %s with %d bytes", got, ds, day, obj.ETag, obj.Size)
			}
		}
	}
	if days != 3*len(st.Days) || st.Spool.Days != 0 {
		return fmt.Errorf("status names %d days, the bucket has %d objects; %d days in the spool", len(st.Days), days, st.Spool.Days)
	}
	return nil
}

// outage tells whether an error is one that the machine's faults explain.
func outage(err error) bool {
	return errors.Is(err, bucket.ErrUnavailable) || errors.Is(err, bucket.ErrPrecondition)
}

func raw(b bucket.Bucket, key string) ([]byte, error) {
	body, _, err := b.Get(context.Background(), key)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// sameObject compares two buckets' rows, and their hours' versions.
func sameObject[T costfile.Row](want, got bucket.Bucket, key string) error {
	read := func(b bucket.Bucket) ([]T, costfile.Meta, error) {
		data, err := raw(b, key)
		if errors.Is(err, bucket.ErrNotFound) {
			return nil, costfile.Meta{}, nil
		}
		if err != nil {
			return nil, costfile.Meta{}, err
		}
		return costfile.ReadAll[T](bytes.NewReader(data), int64(len(data)), costfile.DefaultLimits)
	}
	wantRows, wantMeta, err := read(want)
	if err != nil {
		return err
	}
	gotRows, gotMeta, err := read(got)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if d := cmp.Diff(wantRows, gotRows) + cmp.Diff(wantMeta.Hours, gotMeta.Hours); d != "" {
		return fmt.Errorf("%s differs from the undisturbed run (-want +got):\n%s", key, d)
	}
	return nil
}

// TestWhateverHappens: outages, lost answers, half reads, crashes and a second
// pusher change nothing about what the bucket holds in the end.
func TestWhateverHappens(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		must(t, f.Value.Set("10")) // each is a life of two pushers; -rapid.checks asks for more
	}
	rapid.Check(t, func(r *rapid.T) {
		m := newMachine(t)
		check := func(err error) {
			if err != nil {
				r.Fatal(err)
			}
		}
		who := func() int { return rapid.IntRange(0, 1).Draw(r, "pusher") }
		hour := func(generation int64) push.Hour {
			h := machineWindow.Start + 3*cost.Hour(rapid.IntRange(0, 23).Draw(r, "hour"))
			return hourOf(h, rapid.SampledFrom([]int32{1200, 3600}).Draw(r, "coverage"), generation)
		}
		generation := int64(0)
		next := func() int64 { generation++; return generation }
		r.Repeat(map[string]func(*rapid.T){
			"add": func(*rapid.T) {
				var hours []push.Hour
				for range rapid.IntRange(1, 4).Draw(r, "hours") {
					hours = append(hours, hour(next()))
				}
				check(m.add(who(), hours...))
			},
			"live": func(*rapid.T) {
				h := hour(0)
				h.Hour = machineWindow.End + h.Hour%3
				m.pusher[who()].SetLive(hourOf(h.Hour, 60, next()))
			},
			"push": func(*rapid.T) {
				if err := m.push(who()); err != nil && !outage(err) {
					check(err)
				}
			},
			"crash": func(*rapid.T) {
				i := who()
				check(m.crash(i, rapid.Bool().Draw(r, "litter")))
			},
			"crash in the middle of a push": func(*rapid.T) {
				i := who()
				m.faults[i].Inject(buckettest.Fault{Skip: rapid.IntRange(0, 25).Draw(r, "calls")})
				if err := m.push(i); err != nil && !outage(err) {
					check(err)
				}
				check(m.crash(i, false))
				m.faults[i].Clear()
			},
			"away": func(*rapid.T) { m.faults[who()].Outage(true) },
			"back": func(*rapid.T) { m.faults[who()].Clear() },
			"lose answers": func(*rapid.T) {
				// The error of a lost answer; or, where a retry beneath repeats
				// the put, that of the second.
				m.faults[who()].Inject(buckettest.Fault{
					Op: buckettest.OpPut, LostResponse: true, Skip: rapid.IntRange(0, 7).Draw(r, "skip"), Times: 1,
					Err: rapid.SampledFrom([]error{bucket.ErrUnavailable, bucket.ErrPrecondition}).Draw(r, "error"),
				})
			},
			"read half": func(*rapid.T) {
				m.faults[who()].Inject(buckettest.Fault{
					Op: buckettest.OpGet, Half: true, Skip: rapid.IntRange(0, 5).Draw(r, "skip"), Times: 1,
				})
			},
			"missing": func(*rapid.T) {
				if _, err := m.pusher[who()].Missing(context.Background(), machineWindow, noneLate); err != nil && !outage(err) {
					check(err)
				}
			},
		})
		check(m.settle())
		check(m.compare())
		for i := range m.pusher {
			missing, err := m.pusher[i].Missing(context.Background(), machineWindow, noneLate)
			check(err)
			if want := int(machineWindow.Hours()) - len(m.added); len(missing) != want {
				r.Fatalf("pusher %d misses %d hours; want %d", i, len(missing), want)
			}
		}
		for i := range m.pusher {
			check(m.pusher[i].Close())
		}
	})
}
