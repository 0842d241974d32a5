package bucket_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/bucket"
)

// TestFilesystemModel runs random operations on a directory bucket and on a
// plain map, which must agree after each.
func TestFilesystemModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "bucket-model-")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		b, err := bucket.OpenFilesystem(dir, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, b)
	})
}

func TestMemoryModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { compare(t, bucket.NewMemory()) })
}

// version is one object of the model.
type version struct {
	data string
	etag string
}

func compare(t *rapid.T, b bucket.Bucket) {
	// None is a folder of another, which a directory could not hold.
	key := rapid.SampledFrom([]string{"a/b", "a/c", "a-b", "a.b", "b/a/a", "b/a0", "c"})
	model := map[string]version{}
	etags := map[string]bool{"stale": true}
	t.Repeat(map[string]func(*rapid.T){
		"put": func(t *rapid.T) {
			k, data := key.Draw(t, "key"), rapid.StringN(0, 8, -1).Draw(t, "data")
			cond := rapid.SampledFrom([]bucket.Condition{{}, {Absent: true}, {ETag: "stale"}, {ETag: model[k].etag}}).Draw(t, "condition")
			old, exists := model[k]
			unmet := cond.Absent && exists || cond.ETag != "" && cond.ETag != old.etag
			o, err := put(t.Context(), b, k, data, cond)
			if errors.Is(err, bucket.ErrPrecondition) != unmet || (err != nil) != unmet {
				t.Fatalf("put %s under %+v over %+v: %v", k, cond, old, err)
			}
			if err != nil {
				return
			}
			if etags[o.ETag] {
				t.Fatalf("ETag %s served before", o.ETag)
			}
			etags[o.ETag] = true
			model[k] = version{data, o.ETag}
		},
		"delete": func(t *rapid.T) {
			k := key.Draw(t, "key")
			if err := b.Delete(t.Context(), k); err != nil {
				t.Fatal(err)
			}
			delete(model, k)
		},
		"get": func(t *rapid.T) {
			k := key.Draw(t, "key")
			want, exists := model[k]
			r, o, err := b.Get(t.Context(), k)
			if !exists {
				if !errors.Is(err, bucket.ErrNotFound) {
					t.Fatalf("get %s: %v", k, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(data, []byte(want.data)) || o.ETag != want.etag || r.Close() != nil {
				t.Fatalf("get %s: %q %+v %v, want %+v", k, data, o, err, want)
			}
		},
		"list": func(t *rapid.T) {
			prefix := rapid.SampledFrom([]string{"", "a", "a/", "b/a", "b/a/", "x"}).Draw(t, "prefix")
			after := rapid.SampledFrom([]string{"", "a", "a/b", "b/a/", "zz"}).Draw(t, "after")
			var want, got []string
			for _, k := range slices.Sorted(maps.Keys(model)) {
				if strings.HasPrefix(k, prefix) && k > after {
					want = append(want, k+" "+model[k].etag)
				}
			}
			err := b.List(t.Context(), prefix, after, func(o bucket.Object) error {
				got = append(got, o.Key+" "+o.ETag)
				return nil
			})
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("list %q after %q: %v %v, want %v", prefix, after, got, err, want)
			}
		},
	})
}
