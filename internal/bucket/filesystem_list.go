package bucket

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// List implements Bucket. Memory is bounded by the largest directory.
func (b *Filesystem) List(ctx context.Context, prefix, after string, fn func(Object) error) error {
	if err := validatePrefix(prefix); err != nil {
		return b.fail("List", prefix, nil, err)
	}
	if err := b.checkRoot(); err != nil {
		return b.fail("List", prefix, ErrUnavailable, err)
	}
	// Everything wanted lies below the last directory that the prefix names.
	dir := prefix[:strings.LastIndexByte(prefix, '/')+1]
	return b.walk(ctx, &listing{prefix: prefix, after: after, fn: fn}, dir)
}

type listing struct {
	prefix, after string
	fn            func(Object) error
}

// wants tells whether the directory dir (ending in a slash) may hold a key.
func (l *listing) wants(dir string) bool {
	if !strings.HasPrefix(dir, l.prefix) && !strings.HasPrefix(l.prefix, dir) {
		return false
	}
	return dir > l.after || strings.HasPrefix(l.after, dir)
}

// walk lists one directory; dir is a key prefix that ends in a slash, or "".
func (b *Filesystem) walk(ctx context.Context, l *listing, dir string) error {
	if err := ctx.Err(); err != nil {
		return b.fail("List", l.prefix, nil, err)
	}
	entries, err := os.ReadDir(filepath.Join(b.root, filepath.FromSlash(dir)))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil // removed meanwhile, or never there
	}
	if err != nil {
		return b.explain("List", dir, err)
	}
	// A directory sorts as its keys do: with the slash.
	name := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(x, y fs.DirEntry) int { return cmp.Compare(name(x), name(y)) })
	for _, e := range entries {
		key := dir + name(e)
		switch {
		case e.IsDir():
			if key == reservedSegment+"/" || !l.wants(key) {
				continue
			}
			if err := b.walk(ctx, l, key); err != nil {
				return err
			}
		case !strings.HasPrefix(key, l.prefix) || key <= l.after || ValidateKey(key) != nil:
			continue // a name no writer of ours could have made is not an object
		default:
			if err := b.visit(ctx, l, key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *Filesystem) visit(ctx context.Context, l *listing, key string) error {
	if err := ctx.Err(); err != nil {
		return b.fail("List", l.prefix, nil, err)
	}
	info, err := os.Stat(b.path(key))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // deleted while listing
	case err != nil:
		return b.explain("List", key, err)
	case !info.Mode().IsRegular():
		return nil
	}
	return l.fn(object(key, info))
}
