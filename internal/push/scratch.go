package push

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// How much of an object a scratch holds in memory: up to scratchMemory as long
// as the disk takes the rest, up to scratchMemoryFull when the disk is full. A
// full disk must not keep the pusher from emptying its spool into the bucket.
const (
	scratchMemory     = 4 << 20
	scratchMemoryFull = 64 << 20
)

// scratch is where an object is put together before it is sent, and where one
// that was fetched is read from: in memory while small, then in a temporary
// file that a crash does not leave behind.
type scratch struct {
	dir  string
	mem  []byte
	file *os.File
	size int64
	full bool // the disk was; stay in memory
}

// Write implements io.Writer.
func (s *scratch) Write(b []byte) (int, error) {
	if s.file == nil && !s.full && len(s.mem)+len(b) > scratchMemory {
		if err := s.spill(); err != nil && !isDiskFull(err) {
			return 0, err
		} else if err != nil {
			s.full = true
		}
	}
	if s.file != nil {
		_, err := s.file.WriteAt(b, s.size)
		if err == nil {
			s.size += int64(len(b))
			return len(b), nil
		}
		if !isDiskFull(err) {
			return 0, fmt.Errorf("write temporary file: %w", err)
		}
		if err := s.unspill(); err != nil {
			return 0, err
		}
	}
	if len(s.mem)+len(b) > scratchMemoryFull {
		return 0, fmt.Errorf("the disk of %s is full and the object is larger than %d MiB of memory: %w", s.dir, scratchMemoryFull>>20, syscall.ENOSPC)
	}
	s.mem = append(s.mem, b...)
	s.size += int64(len(b))
	return len(b), nil
}

// spill moves what is in memory to a file.
func (s *scratch) spill() error {
	f, err := os.CreateTemp(s.dir, "scratch-*"+tempSuffix)
	if err != nil {
		return fmt.Errorf("create temporary file: %w", err)
	}
	s.file = f
	// Gone at once where the system allows it; else Close removes it, and
	// whatever a crash leaves is removed at the next start.
	_ = os.Remove(f.Name())
	if _, err := f.WriteAt(s.mem, 0); err != nil {
		s.closeFile()
		return fmt.Errorf("write temporary file: %w", err)
	}
	s.mem = nil
	return nil
}

// unspill takes the file back into memory, when the disk is full.
func (s *scratch) unspill() error {
	s.full = true
	if s.size > scratchMemoryFull {
		return fmt.Errorf("the disk of %s is full: %w", s.dir, syscall.ENOSPC)
	}
	s.mem = make([]byte, s.size)
	if _, err := s.file.ReadAt(s.mem, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read temporary file: %w", err)
	}
	s.closeFile()
	return nil
}

// ReadAt implements io.ReaderAt.
func (s *scratch) ReadAt(b []byte, off int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(b, off)
	}
	if off >= int64(len(s.mem)) {
		return 0, io.EOF
	}
	n := copy(b, s.mem[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// body reads the scratch from its beginning.
func (s *scratch) body() io.ReadSeeker { return io.NewSectionReader(s, 0, s.size) }

func (s *scratch) section() *section { return &section{ReaderAt: s, size: s.size} }

func (s *scratch) closeFile() {
	if s.file != nil {
		_ = s.file.Close() // nothing in it is needed any more
		_ = os.Remove(s.file.Name())
		s.file = nil
	}
}

// Close releases memory and file.
func (s *scratch) Close() {
	s.closeFile()
	s.mem = nil
}

func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
