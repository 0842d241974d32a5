package push_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/push"
)

// strange is a store that answers in its own way.
type strange struct {
	bucket.Bucket
	unlisted      bool // a missing key is denied, as S3 does without ListBucket
	unconditional bool
	unreadable    func(key string) bool
	class         string
	skew          time.Duration
}

func (s *strange) answer(key string, err error) error {
	if s.unlisted && errors.Is(err, bucket.ErrNotFound) || s.unreadable != nil && s.unreadable(key) {
		return fmt.Errorf("get %s: %w", key, bucket.ErrDenied)
	}
	return err
}

func (s *strange) Get(ctx context.Context, key string) (io.ReadCloser, bucket.Object, error) {
	body, obj, err := s.Bucket.Get(ctx, key)
	if err = s.answer(key, err); err != nil && body != nil {
		_ = body.Close()
	}
	return body, obj, err
}

func (s *strange) Stat(ctx context.Context, key string) (bucket.Object, error) {
	obj, err := s.Bucket.Stat(ctx, key)
	obj.StorageClass = s.class
	if s.class != "" {
		return obj, err // HEAD works on archived objects, GET does not
	}
	return obj, s.answer(key, err)
}

func (s *strange) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond bucket.Condition) (bucket.Object, error) {
	if s.unconditional && cond != (bucket.Condition{}) {
		return bucket.Object{}, errors.New("not implemented")
	}
	obj, err := s.Bucket.Put(ctx, key, body, size, cond)
	obj.StorageClass = s.class
	return obj, err
}

func (s *strange) Capabilities(context.Context) (bucket.Capabilities, error) {
	return bucket.Capabilities{ConditionalPut: !s.unconditional}, nil
}

func (s *strange) Clock() (store, local time.Time) { return noon, noon.Add(s.skew) }

// TestWithoutList: where a missing key is answered with "denied", absence is
// learnt from the conditional create.
func TestWithoutList(t *testing.T) {
	ctx := context.Background()
	b := &strange{Bucket: bucket.NewMemory(), unlisted: true}
	c := &clock{noon}
	for i := range 2 { // the second finds what the first wrote
		p := open(t, config(t, c), b)
		must(t, p.Start(ctx))
		missing, err := p.Missing(ctx, cost.Window{Start: midnight - 24, End: midnight + 12}, noneLate)
		if err != nil || len(missing) != 36-i {
			t.Errorf("run %d: %d hours missing, %v", i, len(missing), err)
		}
		must(t, p.Add(ctx, hourOf(midnight+cost.Hour(i), 3600, 1)))
		_, err = p.Push(ctx, nil)
		must(t, err)
	}
	if got := hoursOf(t, b, dailyKey); len(got) != 2 {
		t.Errorf("daily hours = %+v; want both runs'", got)
	}
}

// TestUnreadable: an object that exists and may not be read is never
// overwritten, and the error says why.
func TestUnreadable(t *testing.T) {
	ctx := context.Background()
	for class, want := range map[string]string{"": "needs Get on its own keys", "DEEP_ARCHIVE": "storage class DEEP_ARCHIVE"} {
		store := bucket.NewMemory()
		b := &strange{Bucket: store, class: class}
		p := open(t, config(t, &clock{noon}), b)
		must(t, p.Add(ctx, hourOf(midnight, 3600, 1)))
		_, err := p.Push(ctx, nil)
		must(t, err)
		b.unreadable = func(key string) bool { return strings.Contains(key, "/date=") }
		must(t, p.Add(ctx, hourOf(midnight+1, 3600, 1)))
		if _, err := p.Push(ctx, nil); !errors.Is(err, bucket.ErrDenied) || !strings.Contains(err.Error(), want) {
			t.Errorf("class %q: %v; want ErrDenied with %q", class, err, want)
		}
		if got := hoursOf(t, store, dailyKey); len(got) != 1 {
			t.Errorf("class %q: daily hours = %v", class, got)
		}
		if class != "" {
			if got := problems(t, p, store)["archive-storage-class"]; !strings.Contains(got.Message, class) {
				t.Errorf("problem = %+v; want one that names the class", got)
			}
		}
	}
}

func TestWithoutConditions(t *testing.T) {
	ctx := context.Background()
	b := &strange{Bucket: bucket.NewMemory(), unconditional: true}
	p := open(t, config(t, &clock{noon}), b)
	must(t, p.Start(ctx))
	must(t, p.Add(ctx, hourOf(midnight, 3600, 1)))
	if got := problems(t, p, b)["no-conditional-put"]; !strings.Contains(got.Fix, "Recreate") {
		t.Errorf("problem = %+v; want one that demands a single writer", got)
	}
	must(t, p.Add(ctx, hourOf(midnight+1, 3600, 1)))
	_, err := p.Push(ctx, nil)
	must(t, err)
	if got := hoursOf(t, b, dailyKey); len(got) != 2 {
		t.Errorf("daily hours = %v; want both", got)
	}
	b.unlisted = true // now nobody can tell whether tomorrow's object exists
	must(t, p.Add(ctx, hourOf(midnight+24, 3600, 1)))
	if _, err := p.Push(ctx, nil); !errors.Is(err, bucket.ErrDenied) {
		t.Errorf("push of an object that may exist: %v; want ErrDenied", err)
	}
}

func TestClockSkew(t *testing.T) {
	ctx := context.Background()
	for skew, want := range map[time.Duration]string{61 * time.Second: "1m1s ahead", -time.Hour: "1h0m0s behind", time.Minute: ""} {
		b := &strange{Bucket: bucket.NewMemory(), skew: skew}
		p := open(t, config(t, &clock{noon}), b)
		must(t, p.Start(ctx))
		got, ok := problems(t, p, b)["clock-skew"]
		if ok != (want != "") || !strings.Contains(got.Message, want) {
			t.Errorf("skew %v: problem %+v; want %q", skew, got, want)
		}
	}
}

// TestCurrency: hours of different currencies never share an object; a day that
// is rebuilt whole may change.
func TestCurrency(t *testing.T) {
	ctx := context.Background()
	b := bucket.NewMemory()
	cfg := config(t, &clock{noon})
	p := open(t, cfg, b)
	must(t, p.Add(ctx, hourOf(midnight, 3600, 1), hourOf(midnight+1, 3600, 1)))
	p.SetLive(hourOf(midnight+12, 60, 1))
	_, err := p.Push(ctx, nil)
	must(t, err)
	must(t, p.Close())
	cfg.Currency = "EUR"
	p = open(t, cfg, b)
	must(t, p.Start(ctx))
	must(t, p.Add(ctx, hourOf(midnight, 3600, 2)))
	p.SetLive(hourOf(midnight+12, 120, 2))
	if _, err := p.Push(ctx, nil); !errors.Is(err, push.ErrCurrency) {
		t.Errorf("half a day in another currency: %v; want ErrCurrency", err)
	}
	if _, meta := object[cost.Allocation](t, b, liveKey); meta.Currency != "EUR" || len(meta.Hours) != 1 {
		t.Errorf("live object is in %s with %d hours", meta.Currency, len(meta.Hours))
	}
	must(t, p.Add(ctx, hourOf(midnight+1, 3600, 2)))
	_, err = p.Push(ctx, nil)
	must(t, err)
	if _, meta := object[cost.Allocation](t, b, dailyKey); meta.Currency != "EUR" || len(meta.Hours) != 2 {
		t.Errorf("daily object is in %s with %d hours; want EUR, 2", meta.Currency, len(meta.Hours))
	}
}

// TestDamagedObject: what nobody can read is replaced and reported.
func TestDamagedObject(t *testing.T) {
	ctx := context.Background()
	b := bucket.NewMemory()
	garbage := []byte("PAR1 this is not a Parquet file PAR1")
	_, err := b.Put(ctx, dailyKey, bytes.NewReader(garbage), int64(len(garbage)), bucket.Condition{})
	must(t, err)
	p := open(t, config(t, &clock{noon}), b)
	must(t, p.Start(ctx))
	must(t, p.Add(ctx, hourOf(midnight, 3600, 1)))
	if got := problems(t, p, b)["object-damaged"]; !strings.Contains(got.Message, dailyKey) {
		t.Errorf("problem = %+v; want one that names the object", got)
	}
	if got := hoursOf(t, b, dailyKey); len(got) != 1 {
		t.Errorf("daily hours = %v", got)
	}
}

// TestNewerFormat: what a newer program wrote is never overwritten.
func TestNewerFormat(t *testing.T) {
	ctx := context.Background()
	b := bucket.NewMemory()
	cfg := config(t, &clock{noon})
	p := open(t, cfg, b)
	must(t, p.Add(ctx, hourOf(midnight, 3600, 1)))
	_, err := p.Push(ctx, nil)
	must(t, err)
	must(t, p.Close())

	rewrite := func(key string, change func([]byte) []byte) (before, after []byte) {
		before, err := raw(b, key)
		must(t, err)
		after = change(bytes.Clone(before))
		_, err = b.Put(ctx, key, bytes.NewReader(after), int64(len(after)), bucket.Condition{})
		must(t, err)
		return before, after
	}
	_, newer := rewrite(dailyKey, func(data []byte) []byte {
		at := bytes.Index(data, []byte("fleetcost.version"))
		data[at+bytes.Index(data[at:], []byte("1.0"))] = '2'
		return data
	})
	p = open(t, cfg, b)
	must(t, p.Add(ctx, hourOf(midnight+1, 3600, 1)))
	if _, err := p.Push(ctx, nil); !errors.Is(err, costfile.ErrVersion) {
		t.Errorf("push over an object of format 2.0: %v; want ErrVersion", err)
	}
	if got, err := raw(b, dailyKey); err != nil || !bytes.Equal(got, newer) {
		t.Errorf("the newer object was changed, or %v", err)
	}
	must(t, p.Close())

	rewrite(costfile.StatusKey(cluster), func(data []byte) []byte {
		return bytes.Replace(data, []byte(`"version":"1.0"`), []byte(`"version":"2.0"`), 1)
	})
	if err := open(t, cfg, b).Start(ctx); !errors.Is(err, costfile.ErrVersion) {
		t.Errorf("start on a status of format 2.0: %v; want ErrVersion", err)
	}
}

// TestReplacedHour: never with less coverage; and each replacement is logged
// with its difference.
func TestReplacedHour(t *testing.T) {
	ctx := context.Background()
	var log bytes.Buffer
	b := bucket.NewMemory()
	p, err := push.New(config(t, &clock{noon}), b, slog.New(slog.NewTextHandler(&log, nil)), nil)
	must(t, err)
	defer p.Close()
	must(t, p.Add(ctx, hourOf(midnight, 3000, 1)))
	_, err = p.Push(ctx, nil)
	must(t, err)

	must(t, p.Add(ctx, hourOf(midnight, 2999, 2)))
	rep, err := p.Push(ctx, nil)
	if err != nil || rep.Objects != 0 || !strings.Contains(log.String(), "covers less") {
		t.Errorf("less coverage: %+v, %v, log %q", rep, err, log.String())
	}
	must(t, p.Add(ctx, hourOf(midnight, 3000, 3))) // late samples
	_, err = p.Push(ctx, nil)
	must(t, err)
	if got := hoursOf(t, b, dailyKey)[midnight]; got.Generation != 3 {
		t.Errorf("hour = %+v; want generation 3", got)
	}
	if !strings.Contains(log.String(), "difference=0.000600000") { // 3 rows, 2 generations
		t.Errorf("log %q has no difference of totals", log.String())
	}
}

// TestLargeDay: a day of many row groups, larger than a scratch's memory, comes
// back row by row.
func TestLargeDay(t *testing.T) {
	ctx := context.Background()
	b := bucket.NewMemory()
	p := open(t, config(t, &clock{noon}), b)
	rng := rand.New(rand.NewPCG(1, 2))
	var want []cost.Allocation
	for h := midnight; h < midnight+2; h++ {
		x := hourOf(h, 3600, 1)
		for i := range 45_000 {
			row := x.Allocations[0]
			row.Pod, row.CPUUsageCoreHours, row.RAMUsageByteHours = fmt.Sprintf("pod-%05d", i), rng.Int64N(1e9), rng.Int64N(1e15)
			row.NetworkReceiveBytes, row.NetworkTransferBytes, row.RAMUsageMaxBytes = rng.Int64N(1e15), rng.Int64N(1e15), rng.Int64N(1e12)
			row.PodUID = fmt.Sprintf("%x-%x-%x-%x", rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64())
			x.Allocations = append(x.Allocations, row)
		}
		want = append(want, x.Allocations...)
		must(t, p.Add(ctx, x))
		_, err := p.Push(ctx, nil)
		must(t, err)
	}
	if obj, err := b.Stat(ctx, dailyKey); err != nil || obj.Size < 5<<20 {
		t.Fatalf("the object has %d bytes, %v; a scratch takes 4 MiB in memory", obj.Size, err)
	}
	costfile.Sort(want)
	got, _ := object[cost.Allocation](t, b, dailyKey)
	if len(got) != len(want) {
		t.Fatalf("%d rows; want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("row %d differs (-want +got):\n%s", i, cmp.Diff(want[i], got[i]))
		}
	}
}
