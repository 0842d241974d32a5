package bucket

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/storage/v1"
)

// The permissions that operations need, as Google names them: errors carry them
// as their action.
const (
	gcsGet    = "storage.objects.get"
	gcsCreate = "storage.objects.create"
	gcsDelete = "storage.objects.delete"
	gcsList   = "storage.objects.list"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (g *gcsBucket) do(ctx context.Context, action, key string, call func() error) error {
	return g.retrier.do(ctx, func(err error) *OpError { return g.fail(ctx, action, key, err) }, call)
}

func (g *gcsBucket) invalid(action, key string, err error) error {
	return &OpError{Action: "gcs:" + action, Bucket: g.cfg.Bucket, Key: key, Err: err}
}

// Get implements Bucket.
func (g *gcsBucket) Get(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	if err := ValidateKey(key); err != nil {
		return nil, Object{}, g.invalid(gcsGet, key, err)
	}
	// The body outlives this call, so its end is tied to the reader's.
	readCtx, cancel := context.WithCancel(ctx)
	var body io.ReadCloser
	var o Object
	err := g.do(ctx, gcsGet, key, func() error {
		resp, err := g.objects.Get(g.cfg.Bucket, key).Context(readCtx).Download()
		if err != nil {
			return err
		}
		if body, o, err = gcsContent(key, resp); err != nil {
			_ = resp.Body.Close()
		}
		return err
	})
	if err != nil {
		cancel()
		return nil, Object{}, err
	}
	return &exactReader{
		ctx:  ctx,
		body: body,
		left: o.Size,
		stop: cancel,
		fail: func(kind, err error) error {
			return &OpError{Action: "gcs:" + gcsGet, Bucket: g.cfg.Bucket, Key: key, Kind: kind, Err: err}
		},
	}, o, nil
}

// gcsContent describes a download by its headers, and guards its content by the
// checksum among them.
func gcsContent(key string, resp *http.Response) (io.ReadCloser, Object, error) {
	h := resp.Header
	size := resp.ContentLength
	if size < 0 { // sent in chunks
		var err error
		if size, err = strconv.ParseInt(h.Get("X-Goog-Stored-Content-Length"), 10, 64); err != nil {
			return nil, Object{}, errors.New("the answer tells no length of the object")
		}
	}
	generation := h.Get("X-Goog-Generation")
	if generation == "" {
		return nil, Object{}, errors.New("the answer tells no generation of the object")
	}
	o := Object{Key: key, Size: size, ETag: generation}
	if modified, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		o.LastModified = modified.UTC()
	}
	body := resp.Body
	if sum := gcsSum(h); sum != nil {
		body = &summedBody{ReadCloser: body, sum: crc32.New(castagnoli), want: sum, left: size}
	}
	return body, o, nil
}

// gcsSum returns the CRC32C in "X-Goog-Hash: crc32c=…,md5=…", or nil.
func gcsSum(h http.Header) []byte {
	for part := range strings.SplitSeq(strings.Join(h.Values("X-Goog-Hash"), ","), ",") {
		value, found := strings.CutPrefix(strings.TrimSpace(part), "crc32c=")
		if !found {
			continue
		}
		if sum, err := base64.StdEncoding.DecodeString(value); err == nil && len(sum) == crc32.Size {
			return sum
		}
	}
	return nil
}

// Stat implements Bucket.
func (g *gcsBucket) Stat(ctx context.Context, key string) (Object, error) {
	if err := ValidateKey(key); err != nil {
		return Object{}, g.invalid(gcsGet, key, err)
	}
	var o Object
	err := g.do(ctx, gcsGet, key, func() error {
		found, err := g.objects.Get(g.cfg.Bucket, key).Context(ctx).Fields(gcsObjectFields).Do()
		if err == nil {
			o = objectOfGCS(found)
		}
		return err
	})
	return o, err
}

// Put implements Bucket. Objects up to chunk_size_bytes are one request; larger
// ones are uploaded in chunks of that size, which the store puts together with
// the last one.
func (g *gcsBucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond Condition) (Object, error) {
	for _, err := range []error{ValidateKey(key), checkCondition(cond), checkBody(body, size)} {
		if err != nil {
			return Object{}, g.invalid(gcsCreate, key, err)
		}
	}
	generation := int64(0)
	if cond.ETag != "" {
		var err error
		if generation, err = strconv.ParseInt(cond.ETag, 10, 64); err != nil || generation <= 0 {
			return Object{}, &OpError{
				Action: "gcs:" + gcsCreate, Bucket: g.cfg.Bucket, Key: key, Kind: ErrPrecondition,
				Err: fmt.Errorf("no object here ever has the generation %q", cond.ETag),
			}
		}
	}
	sum, err := checksumOf(body, crc32.New(castagnoli))
	if err != nil {
		return Object{}, g.invalid(gcsCreate, key, err)
	}
	// The sum makes the store refuse what arrives damaged.
	object := &storage.Object{Name: key, ContentType: contentType, Crc32c: base64.StdEncoding.EncodeToString(sum)}
	chunk := 0 // one request
	if size > g.cfg.ChunkSize {
		chunk = int(g.cfg.ChunkSize)
	}
	var o Object
	err = g.do(ctx, gcsCreate, key, func() error {
		content, err := newAttemptBody(body, size)
		if err != nil {
			return err
		}
		defer content.end()
		call := g.objects.Insert(g.cfg.Bucket, object).Context(withBodySize(ctx, size)).Fields(gcsObjectFields).
			Media(struct{ io.Reader }{content}, googleapi.ContentType(contentType), googleapi.ChunkSize(chunk))
		if cond != (Condition{}) {
			call = call.IfGenerationMatch(generation) // 0: only if there is none
		}
		stored, err := call.Do()
		if err == nil {
			o = objectOfGCS(stored)
		}
		return err
	})
	return o, err
}

// contentType is what every object is: the format is our own affair.
const contentType = "application/octet-stream"

// Delete implements Bucket.
func (g *gcsBucket) Delete(ctx context.Context, key string) error {
	if err := ValidateKey(key); err != nil {
		return g.invalid(gcsDelete, key, err)
	}
	err := g.do(ctx, gcsDelete, key, func() error {
		return g.objects.Delete(g.cfg.Bucket, key).Context(ctx).Do()
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// List implements Bucket. A page that fails is asked for again.
func (g *gcsBucket) List(ctx context.Context, prefix, after string, fn func(Object) error) error {
	if err := validatePrefix(prefix); err != nil {
		return g.invalid(gcsList, prefix, err)
	}
	last, page := after, ""
	for {
		var objects *storage.Objects
		err := g.do(ctx, gcsList, prefix, func() (err error) {
			// The offset itself is included; it is passed over below.
			call := g.objects.List(g.cfg.Bucket).Context(ctx).Prefix(prefix).StartOffset(after).
				Fields("nextPageToken", "items("+gcsObjectFields+")")
			if page != "" {
				call = call.PageToken(page)
			}
			objects, err = call.Do()
			return err
		})
		if err != nil {
			return err
		}
		for _, item := range objects.Items {
			if item.Name == after {
				continue
			}
			if last, err = inOrder(last, objectOfGCS(item), fn); err != nil {
				if errors.Is(err, errDisorder) {
					err = g.invalid(gcsList, prefix, err)
				}
				return err
			}
		}
		if page = objects.NextPageToken; page == "" {
			return nil
		}
	}
}

var errDisorder = errors.New("the listing is not in the order of keys")

// inOrder hands an object of a listing to fn, unless no writer of ours makes
// such a name, and returns the last key seen.
func inOrder(last string, o Object, fn func(Object) error) (string, error) {
	if o.Key <= last {
		return last, fmt.Errorf("the store lists %q after %q: %w", o.Key, last, errDisorder)
	}
	if ValidateKey(o.Key) == nil {
		return o.Key, fn(o)
	}
	return o.Key, nil
}
