//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

var errLocksUnsupported = errors.New("the file system has no advisory locks")

const (
	lockWaitFirst = time.Millisecond
	lockWaitMost  = 50 * time.Millisecond
)

// lockFile takes the exclusive advisory lock of path, waiting as long as ctx
// allows. It polls, because a blocked flock cannot be cancelled.
func lockFile(ctx context.Context, path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	wait := lockWaitFirst
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { _ = f.Close() }, nil // closing gives the lock back
		case errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS):
			_ = f.Close()
			return nil, fmt.Errorf("%w: %w", errLocksUnsupported, err)
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			_ = f.Close()
			return nil, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			_ = f.Close()
			return nil, ctx.Err()
		}
		wait = min(2*wait, lockWaitMost)
	}
}

func inodeOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino) //nolint:unconvert // the field's type differs between systems
	}
	return 0
}

func deviceOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Dev) //nolint:unconvert,gosec // the field's type differs between systems
	}
	return 0
}
