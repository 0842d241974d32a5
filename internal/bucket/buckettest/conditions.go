package buckettest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
)

// conditional tells whether the store claims conditional puts.
func conditional(t *testing.T, b bucket.Bucket) bool {
	t.Helper()
	c, err := b.Capabilities(t.Context())
	if err != nil {
		t.Fatalf("capabilities: %v", err)
	}
	if got := Keys(t, b, ""); len(got) != 0 {
		t.Errorf("asking for capabilities left %v", got)
	}
	return c.ConditionalPut
}

func putIf(ctx context.Context, b bucket.Bucket, key, data string, c bucket.Condition) (bucket.Object, error) {
	return b.Put(ctx, key, strings.NewReader(data), int64(len(data)), c)
}

func testConditions(t *testing.T, b bucket.Bucket) {
	ctx := t.Context()
	if _, err := putIf(ctx, b, "both", "x", bucket.Condition{Absent: true, ETag: "y"}); err == nil {
		t.Error("a contradictory condition was accepted")
	}
	if !conditional(t, b) {
		t.Logf("%s claims no conditional puts", b)
		return
	}
	_, err := putIf(ctx, b, "k", "none", bucket.Condition{ETag: "0123456789abcdef0123456789abcdef"})
	wantIs(t, "If-Match on a missing key", err, bucket.ErrPrecondition)

	first, err := putIf(ctx, b, "k", "first", bucket.Condition{Absent: true})
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	_, err = putIf(ctx, b, "k", "again", bucket.Condition{Absent: true})
	wantIs(t, "second create", err, bucket.ErrPrecondition)
	if bucket.Retryable(err) {
		t.Errorf("an unmet condition counts as retryable: %v", err)
	}
	second, err := putIf(ctx, b, "k", "second", bucket.Condition{ETag: first.ETag})
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	_, err = putIf(ctx, b, "k", "stale", bucket.Condition{ETag: first.ETag})
	wantIs(t, "update from a stale ETag", err, bucket.ErrPrecondition)
	if got := Get(t, b, "k"); string(got) != "second" {
		t.Errorf("the object is %q", got)
	}
	// The ETag of every way of looking serves as a condition.
	listed := ""
	if err := b.List(ctx, "k", "", func(o bucket.Object) error { listed = o.ETag; return nil }); err != nil || listed != second.ETag {
		t.Errorf("list says ETag %q (%v), put said %q", listed, err, second.ETag)
	}
	if err := b.Delete(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	_, err = putIf(ctx, b, "k", "gone", bucket.Condition{ETag: second.ETag})
	wantIs(t, "update of a deleted object", err, bucket.ErrPrecondition)
	if _, err := putIf(ctx, b, "k", "back", bucket.Condition{Absent: true}); err != nil {
		t.Errorf("create after delete: %v", err)
	}
	testLargeConditions(t, b)
}

// testLargeConditions: the condition of a multipart upload stands at its end.
func testLargeConditions(t *testing.T, b bucket.Bucket) {
	ctx := t.Context()
	data := bytes.Repeat([]byte("0123456789abcdef"), 12<<20/16)
	put := func(c bucket.Condition) (bucket.Object, error) {
		return b.Put(ctx, "large", bytes.NewReader(data), int64(len(data)), c)
	}
	first, err := put(bucket.Condition{Absent: true})
	if err != nil {
		t.Fatalf("create large: %v", err)
	}
	_, err = put(bucket.Condition{Absent: true})
	wantIs(t, "second create of a large object", err, bucket.ErrPrecondition)
	data[0] = 'x'
	if _, err = put(bucket.Condition{ETag: first.ETag}); err != nil {
		t.Fatalf("update large: %v", err)
	}
	_, err = put(bucket.Condition{ETag: first.ETag})
	wantIs(t, "stale update of a large object", err, bucket.ErrPrecondition)
}

// testCreateRace: of 32 writers that create one key, one wins and the object is
// its.
func testCreateRace(t *testing.T, b bucket.Bucket) {
	if !conditional(t, b) {
		return
	}
	const writers = 32
	var winners, refused atomic.Int32
	var winner atomic.Value
	var wg sync.WaitGroup
	start := make(chan struct{})
	for w := range writers {
		wg.Go(func() {
			<-start
			data := fmt.Sprintf("writer %d", w)
			_, err := putIf(t.Context(), b, "race", data, bucket.Condition{Absent: true})
			switch {
			case err == nil:
				winners.Add(1)
				winner.Store(data)
			case errors.Is(err, bucket.ErrPrecondition):
				refused.Add(1)
			default:
				t.Errorf("%s: %v", data, err)
			}
		})
	}
	close(start)
	wg.Wait()
	if winners.Load() != 1 || refused.Load() != writers-1 {
		t.Fatalf("%d won, %d were refused, of %d", winners.Load(), refused.Load(), writers)
	}
	if got := Get(t, b, "race"); string(got) != winner.Load() {
		t.Errorf("the object is %q, the winner wrote %q", got, winner.Load())
	}
}

// testNoLostUpdate: writers that read, add a line and put under the ETag they
// read end with every line.
func testNoLostUpdate(t *testing.T, b bucket.Bucket) {
	if !conditional(t, b) {
		return
	}
	const writers, lines = 6, 5
	Put(t, b, "log", nil)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for l := range lines {
				if err := AppendLine(t.Context(), b, "log", fmt.Sprintf("%d.%d\n", w, l)); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
			}
		})
	}
	wg.Wait()
	got := strings.Fields(string(Get(t, b, "log")))
	slices.Sort(got)
	var want []string
	for w := range writers {
		for l := range lines {
			want = append(want, fmt.Sprintf("%d.%d", w, l))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("lines: %v, want %v", got, want)
	}
}

// AppendLine adds a line to an object as a well-behaved writer does: it reads,
// adds, and puts under the ETag it read, again while somebody else was faster.
func AppendLine(ctx context.Context, b bucket.Bucket, key, line string) error {
	for range 1000 {
		r, o, err := b.Get(ctx, key)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		_ = r.Close()
		if errors.Is(err, bucket.ErrUnavailable) {
			continue // replaced while read
		}
		if err != nil {
			return err
		}
		_, err = putIf(ctx, b, key, string(data)+line, bucket.Condition{ETag: o.ETag})
		if !errors.Is(err, bucket.ErrPrecondition) {
			return err
		}
	}
	return errors.New("no luck in 1000 attempts")
}
