package buckettest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/bucket"
)

// AcceptanceTest checks that a provider keeps the contract of bucket.Bucket.
// open returns a new, empty bucket. Conditional puts are tested as far as the
// store claims to have them.
func AcceptanceTest(t *testing.T, open func(t *testing.T) bucket.Bucket) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(t *testing.T, b bucket.Bucket)
	}{
		{"round trip", testRoundTrip},
		{"overwrite", testOverwrite},
		{"missing keys", testMissing},
		{"delete", testDelete},
		{"invalid keys", testInvalidKeys},
		{"wrong size", testWrongSize},
		{"list", testList},
		{"list many", testListMany},
		{"list stops at error", testListStops},
		{"cancelled context", testCancelled},
		{"large object", testLarge},
		{"get of replaced object", testReplacedWhileRead},
		{"clock", testClock},
		{"conditions", testConditions},
		{"create race", testCreateRace},
		{"no lost update", testNoLostUpdate},
		{"description", testDescription},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := open(t)
			c.run(t, b)
			if err := b.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// Put writes data or fails the test.
func Put(t testing.TB, b bucket.Bucket, key string, data []byte) bucket.Object {
	t.Helper()
	o, err := b.Put(t.Context(), key, bytes.NewReader(data), int64(len(data)), bucket.Condition{})
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	return o
}

// Get reads an object whole or fails the test.
func Get(t testing.TB, b bucket.Bucket, key string) []byte {
	t.Helper()
	data, _, err := read(t.Context(), b, key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	return data
}

// Keys lists the keys below prefix or fails the test.
func Keys(t testing.TB, b bucket.Bucket, prefix string) []string {
	t.Helper()
	return keys(t, b, prefix, "")
}

func keys(t testing.TB, b bucket.Bucket, prefix, after string) []string {
	t.Helper()
	found := []string{}
	err := b.List(t.Context(), prefix, after, func(o bucket.Object) error {
		found = append(found, o.Key)
		return nil
	})
	if err != nil {
		t.Fatalf("list %q after %q: %v", prefix, after, err)
	}
	return found
}

func read(ctx context.Context, b bucket.Bucket, key string) ([]byte, bucket.Object, error) {
	r, o, err := b.Get(ctx, key)
	if err != nil {
		return nil, o, err
	}
	data, err := io.ReadAll(r)
	return data, o, errors.Join(err, r.Close())
}

func wantIs(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: got error %v, want %v", what, err, target)
	}
}

func testRoundTrip(t *testing.T, b bucket.Bucket) {
	for key, data := range map[string]string{
		"plain": "hello",
		"empty": "",
		"v1/live/allocation/cluster_id=prod-us/data.parquet": "PAR1",
		"odd/a b+c&d=é%20~(1).json":                          "odd",
		"v1/dots/...hidden/.x":                               "dots",
	} {
		put := Put(t, b, key, []byte(data))
		got, o, err := read(t.Context(), b, key)
		if err != nil {
			t.Fatalf("get %s: %v", key, err)
		}
		if string(got) != data {
			t.Errorf("get %s: %q, want %q", key, got, data)
		}
		stat, err := b.Stat(t.Context(), key)
		if err != nil {
			t.Fatalf("stat %s: %v", key, err)
		}
		listed := bucket.Object{}
		if err := b.List(t.Context(), key, "", func(o bucket.Object) error { listed = o; return nil }); err != nil {
			t.Fatalf("list %s: %v", key, err)
		}
		for from, o := range map[string]bucket.Object{"put": put, "get": o, "stat": stat, "list": listed} {
			if o.Key != key || o.Size != int64(len(data)) || o.ETag == "" || o.ETag != put.ETag {
				t.Errorf("%s of %s describes %+v, put said %+v", from, key, o, put)
			}
		}
		if !stat.LastModified.Truncate(1e9).Equal(listed.LastModified.Truncate(1e9)) {
			t.Errorf("%s: stat says modified %v, list %v", key, stat.LastModified, listed.LastModified)
		}
	}
}

func testOverwrite(t *testing.T, b bucket.Bucket) {
	first := Put(t, b, "k", []byte("one"))
	second := Put(t, b, "k", []byte("two"))
	if first.ETag == second.ETag {
		t.Errorf("ETag %s did not change with the content", first.ETag)
	}
	if got := Get(t, b, "k"); string(got) != "two" {
		t.Errorf("got %q, want the second write", got)
	}
}

func testMissing(t *testing.T, b bucket.Bucket) {
	Put(t, b, "folder/object", []byte("x"))
	for _, key := range []string{"nothing", "folder", "folder/other", "folder/object/below"} {
		_, _, err := b.Get(t.Context(), key)
		wantIs(t, "get "+key, err, bucket.ErrNotFound)
		_, err = b.Stat(t.Context(), key)
		wantIs(t, "stat "+key, err, bucket.ErrNotFound)
		if err != nil && !strings.Contains(err.Error(), key) {
			t.Errorf("error %q does not name the key", err)
		}
		if err := b.Delete(t.Context(), key); err != nil {
			t.Errorf("delete of missing %s: %v", key, err)
		}
	}
	if got := Get(t, b, "folder/object"); string(got) != "x" {
		t.Errorf("an object changed: %q", got)
	}
}

func testDelete(t *testing.T, b bucket.Bucket) {
	Put(t, b, "a/b/c", []byte("x"))
	Put(t, b, "a/d", []byte("y"))
	if err := b.Delete(t.Context(), "a/b/c"); err != nil {
		t.Fatalf("delete: %v", err)
	}
	if got := Keys(t, b, ""); !slices.Equal(got, []string{"a/d"}) {
		t.Errorf("left: %v", got)
	}
	Put(t, b, "a/b/c", []byte("again"))
	if got := Get(t, b, "a/b/c"); string(got) != "again" {
		t.Errorf("after delete and put: %q", got)
	}
}

func testInvalidKeys(t *testing.T, b bucket.Bucket) {
	for _, key := range []string{
		"", "/a", "a/", "a//b", "a/../b", "../a", ".", "a/./b", "a\x00b", "a\nb", `a\b`, "\xff",
		strings.Repeat("a", 256), strings.Repeat("a/", 600) + "b",
	} {
		if _, err := b.Put(t.Context(), key, strings.NewReader("x"), 1, bucket.Condition{}); err == nil {
			t.Errorf("put %q was accepted", key)
		}
		if r, _, err := b.Get(t.Context(), key); err == nil {
			_ = r.Close()
			t.Errorf("get %q was accepted", key)
		}
		if _, err := b.Stat(t.Context(), key); err == nil {
			t.Errorf("stat %q was accepted", key)
		}
		if err := b.Delete(t.Context(), key); err == nil {
			t.Errorf("delete %q was accepted", key)
		}
	}
	if got := Keys(t, b, ""); len(got) != 0 {
		t.Errorf("the bucket holds %q", got)
	}
}

func testWrongSize(t *testing.T, b bucket.Bucket) {
	for _, size := range []int64{-1, 2, 4} {
		if _, err := b.Put(t.Context(), "k", strings.NewReader("abc"), size, bucket.Condition{}); err == nil {
			t.Errorf("a body of 3 bytes was accepted as %d", size)
		}
	}
	_, err := b.Stat(t.Context(), "k")
	wantIs(t, "stat after refused puts", err, bucket.ErrNotFound)
	// A body is read from its start, wherever it stands.
	body := strings.NewReader("abc")
	if _, err := body.Seek(2, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), "k", body, 3, bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
	if got := Get(t, b, "k"); string(got) != "abc" {
		t.Errorf("got %q", got)
	}
}

func testList(t *testing.T, b bucket.Bucket) {
	if got := Keys(t, b, ""); len(got) != 0 {
		t.Errorf("an empty bucket lists %v", got)
	}
	// '-' and '.' sort before '/', '0' after it.
	all := []string{"a-b", "a.b", "a/b", "a/b-c/d", "a/b/c", "a/b/d", "a/b0", "a0", "b", "z/y/x"}
	isFolder := map[string]bool{"a/b": true} // a directory cannot hold both
	var want []string
	for _, key := range all {
		if !isFolder[key] {
			want = append(want, key)
		}
	}
	for _, i := range rand.Perm(len(want)) {
		Put(t, b, want[i], []byte(want[i]))
	}
	prefixes := []string{"", "a", "a/", "a/b", "a/b/", "a/b/c", "a/b/cc", "b", "q", "q/", "z/y/", "a/b-"}
	afters := append([]string{"", "0", "a", "a/", "a/b", "a/b/", "a/bb", "zz", "a/b/c/d"}, want...)
	for _, prefix := range prefixes {
		for _, after := range afters {
			expected := []string{}
			for _, key := range want {
				if strings.HasPrefix(key, prefix) && key > after {
					expected = append(expected, key)
				}
			}
			if diff := cmp.Diff(expected, keys(t, b, prefix, after)); diff != "" {
				t.Errorf("list %q after %q (-want +got):\n%s", prefix, after, diff)
			}
		}
	}
}

// testListMany crosses the page size of a store, which is 1,000.
func testListMany(t *testing.T, b bucket.Bucket) {
	const n = 1100
	want := make([]string, n)
	for i := range want {
		want[i] = fmt.Sprintf("many/%02d/%04d", i/100, i)
	}
	var wg sync.WaitGroup
	errs := make(chan error, n)
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < n; i += 8 {
				if _, err := b.Put(t.Context(), want[i], strings.NewReader("x"), 1, bucket.Condition{}); err != nil {
					errs <- err
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, keys(t, b, "many/", "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[1050:], keys(t, b, "many/", want[1049])); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
}

func testListStops(t *testing.T, b bucket.Bucket) {
	for _, key := range []string{"a", "b", "c"} {
		Put(t, b, key, nil)
	}
	stop := errors.New("stop")
	calls := 0
	err := b.List(t.Context(), "", "", func(bucket.Object) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("got %v after %d calls, want the callback's error after 1", err, calls)
	}
}

func testCancelled(t *testing.T, b bucket.Bucket) {
	Put(t, b, "k", []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	r, _, err := b.Get(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	_, err = io.ReadAll(r)
	wantIs(t, "read", err, context.Canceled)
	if err := r.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	_, _, err = b.Get(ctx, "k")
	wantIs(t, "get", err, context.Canceled)
	_, err = b.Stat(ctx, "k")
	wantIs(t, "stat", err, context.Canceled)
	_, err = b.Put(ctx, "k", strings.NewReader("y"), 1, bucket.Condition{})
	wantIs(t, "put", err, context.Canceled)
	wantIs(t, "delete", b.Delete(ctx, "k"), context.Canceled)
	err = b.List(ctx, "", "", func(bucket.Object) error { return nil })
	wantIs(t, "list", err, context.Canceled)
	if bucket.Retryable(err) {
		t.Errorf("the caller's own cancellation counts as retryable: %v", err)
	}
	if got := Get(t, b, "k"); string(got) != "x" {
		t.Errorf("a cancelled operation changed the object to %q", got)
	}
}

// testLarge writes more than two parts of the smallest multipart size.
func testLarge(t *testing.T, b bucket.Bucket) {
	data := make([]byte, 12<<20+17)
	seed := rand.NewChaCha8([32]byte{7})
	_, _ = seed.Read(data) // never fails
	put := Put(t, b, "large", data)
	if got := Get(t, b, "large"); !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back as %d others", len(data), len(got))
	}
	if put.Size != int64(len(data)) {
		t.Errorf("put says %d bytes", put.Size)
	}
	stat, err := b.Stat(t.Context(), "large")
	if err != nil || stat.ETag != put.ETag {
		t.Errorf("stat: %+v, %v; put said %s", stat, err, put.ETag)
	}
}

// testReplacedWhileRead: a reader sees one version, whole, or an error.
func testReplacedWhileRead(t *testing.T, b bucket.Bucket) {
	one := bytes.Repeat([]byte("1"), 1<<20)
	two := bytes.Repeat([]byte("2"), 2<<20)
	Put(t, b, "k", one)
	r, o, err := b.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	Put(t, b, "k", two)
	got, err := io.ReadAll(r)
	if err == nil && (!bytes.Equal(got, one) || o.Size != int64(len(one))) {
		t.Errorf("read %d bytes, announced %d, of a mixture", len(got), o.Size)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func testClock(t *testing.T, b bucket.Bucket) {
	Put(t, b, "k", nil)
	store, local := b.Clock()
	if store.IsZero() != local.IsZero() {
		t.Errorf("clock: store %v, local %v; want both or neither", store, local)
	}
}

func testDescription(t *testing.T, b bucket.Bucket) {
	if !strings.Contains(b.String(), "://") {
		t.Errorf("description %q has no scheme", b)
	}
}
