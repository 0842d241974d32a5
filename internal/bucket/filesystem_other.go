//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package bucket

import (
	"context"
	"errors"
	"io/fs"
)

var errLocksUnsupported = errors.New("directory buckets have no locks on this operating system")

func lockFile(context.Context, string) (release func(), err error) {
	return nil, errLocksUnsupported
}

func inodeOf(fs.FileInfo) uint64  { return 0 }
func deviceOf(fs.FileInfo) uint64 { return 0 }
