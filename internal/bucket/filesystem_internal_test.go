package bucket

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFilesystemExplains(t *testing.T) {
	b, err := OpenFilesystem(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		errno error
		kind  error
		text  string
	}{
		{syscall.ENOSPC, ErrUnavailable, "the disk is full"},
		{syscall.EDQUOT, ErrUnavailable, "the disk is full"},
		{syscall.EROFS, ErrDenied, "mounted read-only"},
		{syscall.EACCES, ErrDenied, "check owner and mode"},
		{syscall.EIO, ErrUnavailable, ""},
		{syscall.ESTALE, ErrUnavailable, ""},
		{syscall.ENOTDIR, nil, "of one name"},
	} {
		err := b.explain("Put", "k", &fs.PathError{Op: "open", Path: "x", Err: c.errno})
		var op *OpError
		if !errors.As(err, &op) || !errors.Is(op.Kind, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%v: %v, want kind %v and %q", c.errno, err, c.kind, c.text)
		}
	}
}

// TestFilesystemETags: versions written within one tick of the kernel's clock,
// on reused inodes and of one size, have ETags of their own.
func TestFilesystemETags(t *testing.T) {
	b, err := OpenFilesystem(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range 200 {
		body := strings.NewReader("same")
		o, err := b.Put(t.Context(), "k", body, 4, Condition{})
		if err != nil {
			t.Fatal(err)
		}
		if seen[o.ETag] {
			t.Fatalf("version %d has the ETag of an earlier one: %s", i, o.ETag)
		}
		seen[o.ETag] = true
		if i%10 == 0 { // a deleted object may come back
			if err := os.Remove(b.path("k")); err != nil {
				t.Fatal(err)
			}
		}
	}
}
