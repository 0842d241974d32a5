package bucket

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	lockStripes = 64
	staleTemp   = 24 * time.Hour // a temporary file this old has no writer any more
	putAttempts = 8              // directories may vanish between mkdir and rename
)

// Filesystem is a bucket in a directory. An object is a file; its key is the
// path. Objects are written to a temporary file, synced and renamed, so readers
// see a whole object or none. Conditions hold between processes as well: every
// write of a key happens under an advisory lock of the operating system.
//
// The directory .fleetcost below the root holds locks and temporary files and
// is never listed.
type Filesystem struct {
	root   string
	device uint64 // of the root when it was opened
	now    func() time.Time

	stripes [lockStripes]chan struct{} // one writer per stripe in this process

	prepare sync.Mutex // guards prepared
	ready   bool

	clockMu      sync.Mutex
	store, local time.Time
}

// OpenFilesystem opens the bucket in directory, which must exist. now is the
// local clock that Clock compares the file system's with.
func OpenFilesystem(directory string, now func() time.Time) (*Filesystem, error) {
	root, err := filepath.Abs(directory)
	if err != nil {
		return nil, fmt.Errorf("open directory bucket %s: %w", directory, err)
	}
	info, err := os.Stat(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &OpError{
			Action: "filesystem:Open", Bucket: root, Kind: ErrNotFound,
			Err: errors.New("the directory does not exist: create it, or correct config.directory"),
		}
	case err != nil:
		return nil, &OpError{Action: "filesystem:Open", Bucket: root, Kind: kindOf(err), Err: err}
	case !info.IsDir():
		return nil, &OpError{Action: "filesystem:Open", Bucket: root, Err: errors.New("config.directory names a file, not a directory")}
	}
	if _, err := os.ReadDir(root); err != nil {
		return nil, &OpError{Action: "filesystem:Open", Bucket: root, Kind: kindOf(err), Err: err}
	}
	b := &Filesystem{root: root, device: deviceOf(info), now: now}
	for i := range b.stripes {
		b.stripes[i] = make(chan struct{}, 1)
	}
	return b, nil
}

func (b *Filesystem) path(key string) string { return filepath.Join(b.root, filepath.FromSlash(key)) }

func (b *Filesystem) fail(action, key string, kind, err error) error {
	return &OpError{Action: "filesystem:" + action, Bucket: b.root, Key: key, Kind: kind, Err: err}
}

// begin checks what every operation on a key checks first.
func (b *Filesystem) begin(ctx context.Context, action, key string) error {
	if err := ctx.Err(); err != nil {
		return b.fail(action, key, nil, err)
	}
	if err := ValidateKey(key); err != nil {
		return b.fail(action, key, nil, err)
	}
	return nil
}

// explain classifies a file system error, adding the next step where there is one.
func (b *Filesystem) explain(action, key string, err error) error {
	if rootErr := b.checkRoot(); rootErr != nil {
		return b.fail(action, key, ErrUnavailable, rootErr)
	}
	kind := kindOf(err)
	if errors.Is(kind, ErrNotFound) && action != "Get" && action != "Stat" {
		kind = ErrUnavailable // something of ours vanished while we worked
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		err = fmt.Errorf("the disk is full: free space or enlarge it: %w", err)
	case errors.Is(err, syscall.EROFS):
		err = fmt.Errorf("the file system is mounted read-only: %w", err)
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("check owner and mode of the directory for this process's user: %w", err)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.EEXIST):
		err = fmt.Errorf("a directory bucket cannot hold an object and a folder of one name: %w", err)
	}
	return b.fail(action, key, kind, err)
}

// checkRoot notices a root that went away, or a volume that was unmounted
// beneath it: writing to the empty mount point would look like success. A root
// that this process may not look at is no such case: the operation itself is
// told that it may not.
func (b *Filesystem) checkRoot() error {
	info, err := os.Stat(b.root)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil
	case err != nil:
		return fmt.Errorf("the bucket's directory is gone: %w", err)
	case deviceOf(info) != b.device:
		return errors.New("the bucket's directory is on another file system than when it was opened: is the volume still mounted?")
	default:
		return nil
	}
}

// kindOf maps a file system error to its sentinel.
func kindOf(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotFound
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return ErrDenied
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.EEXIST), errors.Is(err, syscall.ENAMETOOLONG):
		return nil
	default:
		return ErrUnavailable
	}
}

// Get implements Bucket.
func (b *Filesystem) Get(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	if err := b.begin(ctx, "Get", key); err != nil {
		return nil, Object{}, err
	}
	f, err := os.Open(b.path(key))
	if err != nil {
		return nil, Object{}, b.missing("Get", key, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		_ = f.Close() // the first error tells more
		return nil, Object{}, b.missing("Get", key, err)
	}
	o := object(key, info)
	return &exactReader{
		ctx:  ctx,
		body: f,
		left: o.Size,
		fail: func(kind, err error) error { return b.fail("Get", key, kind, err) },
	}, o, nil
}

// missing maps the errors of looking for a file: a path through a file is as
// absent as any other.
func (b *Filesystem) missing(action, key string, err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		err = fs.ErrNotExist
	}
	return b.explain(action, key, err)
}

// Stat implements Bucket.
func (b *Filesystem) Stat(ctx context.Context, key string) (Object, error) {
	if err := b.begin(ctx, "Stat", key); err != nil {
		return Object{}, err
	}
	info, err := os.Stat(b.path(key))
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Object{}, b.missing("Stat", key, err)
	}
	return object(key, info), nil
}

// Put implements Bucket.
func (b *Filesystem) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond Condition) (Object, error) {
	if err := b.begin(ctx, "Put", key); err != nil {
		return Object{}, err
	}
	if err := checkCondition(cond); err != nil {
		return Object{}, b.fail("Put", key, nil, err)
	}
	if err := checkBody(body, size); err != nil {
		return Object{}, b.fail("Put", key, nil, err)
	}
	if err := b.prepareDirectory(); err != nil {
		return Object{}, b.explain("Put", key, err)
	}
	temp, err := b.writeTemp(ctx, body, size)
	if err != nil {
		if ctx.Err() != nil {
			return Object{}, b.fail("Put", key, nil, ctx.Err())
		}
		return Object{}, b.explain("Put", key, err)
	}
	defer func() { _ = os.Remove(temp) }() // gone already when the rename succeeded

	unlock, err := b.lock(ctx, key)
	if errors.Is(err, errLocksUnsupported) && cond == (Condition{}) {
		unlock, err = func() {}, nil // Capabilities said that there must be one writer
	}
	if err != nil {
		return Object{}, b.lockError(ctx, "Put", key, err)
	}
	defer unlock()
	return b.commit(key, temp, cond)
}

// commit moves a finished temporary file to its key. The caller holds the
// key's lock.
func (b *Filesystem) commit(key, temp string, cond Condition) (Object, error) {
	path := b.path(key)
	old, err := os.Stat(path)
	exists := err == nil && old.Mode().IsRegular()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Object{}, b.explain("Put", key, err)
	}
	var etag string
	if exists {
		etag = etagOf(old)
	}
	if err := meets(cond, exists, etag); err != nil {
		return Object{}, b.fail("Put", key, ErrPrecondition, err)
	}
	if err := stampTime(temp, old); err != nil {
		return Object{}, b.explain("Put", key, err)
	}
	info, err := os.Stat(temp)
	if err != nil {
		return Object{}, b.explain("Put", key, err)
	}
	if err := b.rename(temp, path); err != nil {
		return Object{}, b.explain("Put", key, err)
	}
	return object(key, info), nil
}

// stampTime gives a new file a modification time that no earlier version of its
// key had. The kernel's time of a file moves in steps of milliseconds and inode
// numbers are reused, so two writes in one step could otherwise share an ETag.
func stampTime(temp string, old fs.FileInfo) error {
	info, err := os.Stat(temp)
	if err != nil {
		return err
	}
	mtime := info.ModTime().Truncate(time.Millisecond).Add(time.Duration(rand.Int64N(int64(time.Millisecond))))
	if old != nil && !mtime.After(old.ModTime()) {
		mtime = old.ModTime().Add(1)
	}
	return os.Chtimes(temp, time.Time{}, mtime)
}

// rename moves temp to path and makes the move durable. A concurrent Delete may
// remove a directory just made, so it tries again a few times.
func (b *Filesystem) rename(temp, path string) error {
	dir := filepath.Dir(path)
	var err error
	for range putAttempts {
		made, mkErr := b.makeDirectories(dir)
		if mkErr != nil {
			return mkErr
		}
		if err = os.Rename(temp, path); err == nil {
			return syncDirectories(dir, made)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// makeDirectories makes dir and its parents below the root, never the root
// itself, and returns the topmost directory that gained an entry.
func (b *Filesystem) makeDirectories(dir string) (top string, err error) {
	if dir == b.root {
		return dir, nil
	}
	err = os.Mkdir(dir, 0o777) // the umask decides, as for any tool that shares a directory
	switch {
	case err == nil:
		return filepath.Dir(dir), nil
	case errors.Is(err, fs.ErrExist):
		return dir, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	if filepath.Dir(dir) == b.root {
		return "", err // the root itself is missing
	}
	if top, err = b.makeDirectories(filepath.Dir(dir)); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return top, nil
}

// syncDirectories makes new entries durable in dir and its parents up to top.
func syncDirectories(dir, top string) error {
	for {
		if err := syncDirectory(dir); err != nil {
			return err
		}
		if dir == top || len(dir) <= len(top) {
			return nil
		}
		dir = filepath.Dir(dir)
	}
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	// Some network file systems cannot sync a directory; the rename stands.
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}

// writeTemp writes the whole body to a synced temporary file.
func (b *Filesystem) writeTemp(ctx context.Context, body io.Reader, size int64) (path string, err error) {
	path = filepath.Join(b.root, reservedSegment, "tmp", strconv.FormatUint(rand.Uint64(), 36)+"-"+strconv.Itoa(os.Getpid()))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(path)
		}
	}()
	n, err := io.Copy(f, contextReader{ctx, body})
	if err != nil {
		return "", err
	}
	if n != size {
		return "", fmt.Errorf("body gave %d bytes of %d", n, size)
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	if info, statErr := f.Stat(); statErr == nil {
		b.clockMu.Lock()
		b.store, b.local = info.ModTime(), b.now()
		b.clockMu.Unlock()
	}
	return path, f.Close()
}

// contextReader ends a copy when its context does.
type contextReader struct {
	ctx context.Context //nolint:containedctx // lives for one copy
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Delete implements Bucket. It also removes directories that became empty.
func (b *Filesystem) Delete(ctx context.Context, key string) error {
	if err := b.begin(ctx, "Delete", key); err != nil {
		return err
	}
	path := b.path(key)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			if rootErr := b.checkRoot(); rootErr != nil {
				return b.fail("Delete", key, ErrUnavailable, rootErr)
			}
			return nil
		}
		return b.explain("Delete", key, err)
	}
	if err := b.prepareDirectory(); err != nil {
		return b.explain("Delete", key, err)
	}
	unlock, err := b.lock(ctx, key)
	if errors.Is(err, errLocksUnsupported) {
		unlock, err = func() {}, nil // removing one name needs no lock to be whole
	}
	if err != nil {
		return b.lockError(ctx, "Delete", key, err)
	}
	defer unlock()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return b.explain("Delete", key, err)
	}
	dir := filepath.Dir(path)
	if err := syncDirectory(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return b.explain("Delete", key, err)
	}
	for ; dir != b.root && os.Remove(dir) == nil; dir = filepath.Dir(dir) { // only empty directories go
	}
	return nil
}

// Capabilities implements Bucket. Conditions need advisory locks, which some
// network file systems lack.
func (b *Filesystem) Capabilities(ctx context.Context) (Capabilities, error) {
	if err := b.prepareDirectory(); err != nil {
		return Capabilities{}, b.explain("Capabilities", "", err)
	}
	unlock, err := b.lock(ctx, "capabilities")
	if err != nil {
		if errors.Is(err, errLocksUnsupported) {
			return Capabilities{}, nil
		}
		return Capabilities{}, b.lockError(ctx, "Capabilities", "", err)
	}
	unlock()
	return Capabilities{ConditionalPut: true}, nil
}

// Clock implements Bucket: the time that the file system gave the last file
// written.
func (b *Filesystem) Clock() (store, local time.Time) {
	b.clockMu.Lock()
	defer b.clockMu.Unlock()
	return b.store, b.local
}

// String implements Bucket.
func (b *Filesystem) String() string { return "file://" + filepath.ToSlash(b.root) }

// Close implements Bucket.
func (b *Filesystem) Close() error { return nil }

// prepareDirectory makes the directory for locks and temporary files, at the
// first write: a reader needs no right to write. It also clears what killed
// writers left.
func (b *Filesystem) prepareDirectory() error {
	if err := b.checkRoot(); err != nil {
		return err
	}
	b.prepare.Lock()
	defer b.prepare.Unlock()
	temps := filepath.Join(b.root, reservedSegment, "tmp")
	for _, dir := range []string{filepath.Dir(temps), temps, filepath.Join(b.root, reservedSegment, "locks")} {
		if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if b.ready {
		return nil
	}
	b.ready = true
	entries, err := os.ReadDir(temps)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && b.now().Sub(info.ModTime()) > staleTemp {
			_ = os.Remove(filepath.Join(temps, e.Name())) // another process may be clearing too
		}
	}
	return nil
}

// lock serializes the writers of a key, in this process and between processes.
func (b *Filesystem) lock(ctx context.Context, key string) (unlock func(), err error) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // a hash never fails
	n := h.Sum32() % lockStripes
	select {
	case b.stripes[n] <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release, err := lockFile(ctx, filepath.Join(b.root, reservedSegment, "locks", strconv.Itoa(int(n))))
	if err != nil {
		<-b.stripes[n]
		return nil, err
	}
	return func() { release(); <-b.stripes[n] }, nil
}

func (b *Filesystem) lockError(ctx context.Context, action, key string, err error) error {
	if ctx.Err() != nil {
		return b.fail(action, key, nil, ctx.Err())
	}
	return b.explain(action, key, fmt.Errorf("lock: %w", err))
}

func object(key string, info fs.FileInfo) Object {
	return Object{Key: key, Size: info.Size(), ETag: etagOf(info), LastModified: info.ModTime().UTC()}
}

func etagOf(info fs.FileInfo) string {
	return strconv.FormatUint(inodeOf(info), 36) + "-" + strconv.FormatInt(info.ModTime().UnixNano(), 36) + "-" + strconv.FormatInt(info.Size(), 36)
}
