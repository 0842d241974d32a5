package push

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// tmpfsDir names the directory on which a child process mounts its tmpfs.
const tmpfsDir = "FLEETCOST_TEST_TMPFS"

// InTmpfs runs fn with a directory that is a tmpfs of the given size, in a
// process and mount namespace of its own: the test runs itself again.
func InTmpfs(t *testing.T, size string, fn func(dir string)) {
	t.Helper()
	if dir := os.Getenv(tmpfsDir); dir != "" {
		for _, err := range []error{
			syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
			syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size),
		} {
			if err != nil {
				t.Fatalf("mount tmpfs: %v", err)
			}
		}
		fn(dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), tmpfsDir+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("in a mount namespace (needs root or user namespaces): %v\n%s", err, out)
	}
}

// FillDisk uses up whatever is left of a file system.
func FillDisk(t *testing.T, dir string) (free func()) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "fill"), os.O_CREATE|os.O_WRONLY, 0o600)
	for err == nil {
		_, err = f.Write(make([]byte, 512))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(f.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestScratch: an object comes back as written whether it fits in memory, in a
// file, in a file until the disk is full, or in memory since the disk is full.
func TestScratch(t *testing.T) {
	InTmpfs(t, "12m", func(dir string) {
		check := func(name string, pieces int, onDisk bool) {
			s := &scratch{dir: dir}
			var want bytes.Buffer
			for i := range pieces {
				piece := bytes.Repeat([]byte{byte(i), byte(i >> 3), 7}, 100_000)
				want.Write(piece)
				if n, err := s.Write(piece); n != len(piece) || err != nil {
					t.Fatalf("%s: write piece %d: %d, %v", name, i, n, err)
				}
			}
			if (s.file != nil) != onDisk {
				t.Errorf("%s: on disk %v; want %v", name, s.file != nil, onDisk)
			}
			got, err := io.ReadAll(s.body())
			if err != nil || !bytes.Equal(got, want.Bytes()) || s.size != int64(want.Len()) {
				t.Errorf("%s: read %d bytes of %d, equal %v, %v", name, len(got), want.Len(), bytes.Equal(got, want.Bytes()), err)
			}
			s.Close()
			if left, err := os.ReadDir(dir); err != nil || len(left) > 1 { // the filler may be there
				t.Errorf("%s: left %v, %v", name, left, err)
			}
		}
		check("memory", 10, false)
		check("file", 30, true)
		check("file until the disk is full", 60, false)
		free := FillDisk(t, dir)
		check("disk full from the start", 30, false)
		free()
		s := &scratch{dir: dir}
		defer s.Close()
		var err error
		for range scratchMemoryFull>>20 + 1 {
			if _, err = s.Write(make([]byte, 1<<20)); err != nil {
				break
			}
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("an object larger than disk and memory: %v; want ENOSPC", err)
		}
	})
}
