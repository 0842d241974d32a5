package bucket_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
)

func openDirectory(t *testing.T, dir string) *bucket.Filesystem {
	t.Helper()
	b, err := bucket.OpenFilesystem(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFilesystem(t *testing.T) {
	buckettest.AcceptanceTest(t, func(t *testing.T) bucket.Bucket { return openDirectory(t, t.TempDir()) })
}

func TestFilesystemPrefix(t *testing.T) {
	buckettest.AcceptanceTest(t, func(t *testing.T) bucket.Bucket {
		return openYAML(t, fmt.Sprintf("type: FILESYSTEM\nprefix: team/costs\nconfig: {directory: %q}\n", t.TempDir()))
	})
}

func TestFilesystemOpen(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "missing"): "does not exist: create it, or correct config.directory",
		file:                          "names a file, not a directory",
	} {
		if _, err := bucket.OpenFilesystem(path, time.Now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open %s: %v, want it to say %q", path, err, want)
		}
	}
}

// TestFilesystemGone: a directory that disappears is an outage, not an empty
// bucket, and is not made again behind the operator's back.
func TestFilesystemGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bucket")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b := openDirectory(t, dir)
	buckettest.Put(t, b, "a/b", []byte("x"))
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	_, _, err := b.Get(ctx, "a/b")
	wantError(t, "get", err, bucket.ErrUnavailable)
	_, err = b.Stat(ctx, "a/b")
	wantError(t, "stat", err, bucket.ErrUnavailable)
	_, err = put(ctx, b, "a/c", "y", bucket.Condition{})
	wantError(t, "put", err, bucket.ErrUnavailable)
	wantError(t, "delete", b.Delete(ctx, "a/b"), bucket.ErrUnavailable)
	wantError(t, "list", b.List(ctx, "", "", nil), bucket.ErrUnavailable)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory was made again: %v", err)
	}
	if err := os.Rename(dir+"-away", dir); err != nil {
		t.Fatal(err)
	}
	if got := buckettest.Get(t, b, "a/b"); string(got) != "x" {
		t.Errorf("after the outage: %q", got)
	}
}

// TestFilesystemClashes: what a directory cannot hold is refused in words.
func TestFilesystemClashes(t *testing.T) {
	b := openDirectory(t, t.TempDir())
	buckettest.Put(t, b, "a/b", []byte("x"))
	for _, key := range []string{"a", "a/b/c"} {
		_, err := put(t.Context(), b, key, "y", bucket.Condition{})
		if err == nil || !strings.Contains(err.Error(), "an object and a folder of one name") {
			t.Errorf("put %s: %v", key, err)
		}
	}
	if got := buckettest.Keys(t, b, ""); !slices.Equal(got, []string{"a/b"}) {
		t.Errorf("keys: %v", got)
	}
}

// TestFilesystemReader: a reader writes nothing, so a read-only mount serves.
func TestFilesystemReader(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "k"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := openDirectory(t, dir)
	if got := buckettest.Get(t, b, "k"); string(got) != "x" {
		t.Errorf("got %q", got)
	}
	buckettest.Keys(t, b, "")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("reading left %v (%v)", entries, err)
	}
}

func TestFilesystemLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	b := openDirectory(t, dir)
	old := filepath.Join(dir, ".fleetcost", "tmp", "old")
	if err := os.MkdirAll(filepath.Dir(old), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, []byte("of a killed writer"), 0o600); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	buckettest.Put(t, b, "deep/er/k", []byte("x"))
	if _, err := put(t.Context(), b, "deep/er/k", "y", bucket.Condition{Absent: true}); err == nil {
		t.Error("created twice")
	}
	if err := b.Delete(t.Context(), "deep/er/k"); err != nil {
		t.Fatal(err)
	}
	temps, err := os.ReadDir(filepath.Dir(old))
	if err != nil || len(temps) != 0 {
		t.Errorf("temporary files: %v (%v)", temps, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "deep")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("empty directories stay: %v", err)
	}
}

// The environment of a child process that TestFilesystemChild is.
const (
	childDirectory = "FLEETCOST_TEST_BUCKET"
	childName      = "FLEETCOST_TEST_CHILD"
)

func startChild(t *testing.T, dir, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestFilesystemChild$")
	cmd.Env = append(os.Environ(), childDirectory+"="+dir, childName+"="+name)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

const childLines = 20

// TestFilesystemChild is what the child processes of the tests below run. By
// itself it has nothing to do.
func TestFilesystemChild(t *testing.T) {
	dir, name := os.Getenv(childDirectory), os.Getenv(childName)
	if dir == "" {
		return
	}
	b := openDirectory(t, dir)
	if name == "endless" {
		for i := byte(0); ; i++ { // until it is killed
			buckettest.Put(t, b, "whole", bytes.Repeat([]byte{i}, 1<<20))
		}
	}
	for i := range childLines {
		if err := buckettest.AppendLine(t.Context(), b, "log", fmt.Sprintf("%s.%d\n", name, i)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFilesystemProcesses: writers in several processes lose no update.
func TestFilesystemProcesses(t *testing.T) {
	dir := t.TempDir()
	b := openDirectory(t, dir)
	buckettest.Put(t, b, "log", nil)
	names := []string{"one", "two", "three"}
	var children []*exec.Cmd
	for _, name := range names {
		children = append(children, startChild(t, dir, name))
	}
	for _, c := range children {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	lines := strings.Fields(string(buckettest.Get(t, b, "log")))
	slices.Sort(lines)
	if got := len(slices.Compact(lines)); got != len(names)*childLines {
		t.Errorf("%d lines, want %d: %v", got, len(names)*childLines, lines)
	}
}

// TestFilesystemKilled: whenever a writer is killed, readers see a whole object.
func TestFilesystemKilled(t *testing.T) {
	dir := t.TempDir()
	b := openDirectory(t, dir)
	buckettest.Put(t, b, "whole", make([]byte, 1<<20))
	for range 8 {
		child := startChild(t, dir, "endless")
		time.Sleep(time.Duration(30+rand.IntN(100)) * time.Millisecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // it was killed
		data := buckettest.Get(t, b, "whole")
		if len(data) != 1<<20 || bytes.Count(data, data[:1]) != len(data) {
			t.Fatalf("a mixture of %d bytes", len(data))
		}
		if got := buckettest.Keys(t, b, ""); !slices.Equal(got, []string{"whole"}) {
			t.Fatalf("keys: %v", got)
		}
		// The lock of the dead is free.
		buckettest.Put(t, b, "whole", data)
	}
}
