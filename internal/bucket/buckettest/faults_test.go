package buckettest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
)

func TestFaultsWithoutFault(t *testing.T) {
	buckettest.AcceptanceTest(t, func(*testing.T) bucket.Bucket { return buckettest.WithFaults(bucket.NewMemory()) })
}

func TestFaults(t *testing.T) {
	memory := bucket.NewMemory()
	b := buckettest.WithFaults(memory)
	ctx := t.Context()
	put := func(key string) error {
		_, err := b.Put(ctx, key, bytes.NewReader([]byte("12345678")), 8, bucket.Condition{})
		return err
	}
	buckettest.Put(t, b, "a", []byte("12345678"))
	buckettest.Put(t, b, "b", nil)

	b.Inject(buckettest.Fault{Op: buckettest.OpPut, Key: "x", Skip: 1, Times: 1, Err: bucket.ErrDenied})
	for i, want := range []error{nil, bucket.ErrDenied, nil} {
		if err := put("x"); !errors.Is(err, want) {
			t.Errorf("put %d: %v, want %v", i, err, want)
		}
	}

	b.Inject(buckettest.Fault{Op: buckettest.OpPut, LostResponse: true, Times: 1})
	if err := put("lost"); !errors.Is(err, bucket.ErrUnavailable) {
		t.Errorf("lost response: %v", err)
	}
	if got := buckettest.Get(t, memory, "lost"); string(got) != "12345678" {
		t.Errorf("the put whose response was lost left %q", got)
	}

	b.Inject(buckettest.Fault{Op: buckettest.OpGet, Half: true, Times: 1})
	r, o, err := b.Get(ctx, "a")
	if err != nil || o.Size != 8 {
		t.Fatalf("half get: %+v, %v", o, err)
	}
	if data, err := io.ReadAll(r); string(data) != "1234" || !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, bucket.ErrUnavailable) {
		t.Errorf("half read: %q, %v", data, err)
	}

	b.Inject(buckettest.Fault{Op: buckettest.OpList, Half: true, Times: 1})
	n := 0
	if err := b.List(ctx, "", "", func(bucket.Object) error { n++; return nil }); !bucket.Retryable(err) || n != 2 {
		t.Errorf("half list: %d objects, %v", n, err)
	}

	b.Throttle(2)
	for i, want := range []error{bucket.ErrThrottled, bucket.ErrThrottled, nil} {
		if _, err := b.Stat(ctx, "a"); !errors.Is(err, want) {
			t.Errorf("stat %d under throttling: %v, want %v", i, err, want)
		}
	}

	b.Outage(true)
	if err := b.Delete(ctx, "a"); !errors.Is(err, bucket.ErrUnavailable) {
		t.Errorf("delete in an outage: %v", err)
	}
	b.Outage(false)
	if got := len(buckettest.Get(t, b, "a")); got != 8 {
		t.Errorf("after the outage: %d bytes", got)
	}
}

func TestFaultDelay(t *testing.T) {
	b := buckettest.WithFaults(bucket.NewMemory())
	b.Inject(buckettest.Fault{Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	struck := false
	b.Inject(buckettest.Fault{Do: func() { struck = true }})
	cancel()
	if _, err := b.Stat(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("a delayed call whose context ended: %v", err)
	}
	if struck {
		t.Error("a second fault struck the same call")
	}
	b.Clear()
	if _, err := b.Stat(t.Context(), "a"); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("after clear: %v", err)
	}
	if got := len(b.Calls(buckettest.OpStat, "a")); got != 2 {
		t.Errorf("%d stats recorded, want 2", got)
	}
}
