package bucket_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
)

// TestS3RetryAfter: a store that says when to come back is not asked before, and
// one that says "much later" is left alone.
func TestS3RetryAfter(t *testing.T) {
	for _, c := range []struct {
		header    string
		requests  int
		least, up time.Duration
	}{
		{"7", 3, 7 * time.Second, 7*time.Second + 20*time.Second},
		{"Mon, 23 Nov 2026 01:00:09 GMT", 3, 9 * time.Second, 9*time.Second + 20*time.Second},
		{"soon", 3, 0, 20 * time.Second},
		{"3600", 1, 0, 0},
	} {
		t.Run(c.header, func(t *testing.T) {
			v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Retry-After", c.header)
				w.Header().Set("Date", "Mon, 23 Nov 2026 01:00:00 GMT")
				s3Error(w, 503, "SlowDown")
			})
			for name, call := range map[string]func(b bucket.Bucket) error{
				"put": func(b bucket.Bucket) error { _, err := put(t.Context(), b, "k", "x", bucket.Condition{}); return err },
				"get": func(b bucket.Bucket) error { _, _, err := b.Get(t.Context(), "k"); return err },
				"list": func(b bucket.Bucket) error {
					return b.List(t.Context(), "", "", func(bucket.Object) error { return nil })
				},
			} {
				before := v.count()
				b, waits := v.open(t, "  max_retries: 2\n")
				if err := call(b); !errors.Is(err, bucket.ErrThrottled) {
					t.Errorf("%s: %v", name, err)
				}
				if got := v.count() - before; got != c.requests || len(*waits) != c.requests-1 {
					t.Errorf("%s: %d requests and %d waits, want %d", name, got, len(*waits), c.requests)
				}
				if c.least > 0 && (*waits)[0] == (*waits)[1] {
					t.Errorf("%s: waits %v, want them spread", name, *waits)
				}
				for _, wait := range *waits {
					if wait < c.least || wait > c.up {
						t.Errorf("%s: waits %v, want from %v to %v", name, wait, c.least, c.up)
					}
				}
			}
		})
	}
}

// TestS3DamagedContent: content that is not what the store says of it is an
// error, with every checksum there is.
func TestS3DamagedContent(t *testing.T) {
	const stored = "the content as it was stored"
	md, sha := md5.Sum([]byte(stored)), sha256.Sum256([]byte(stored))
	etag := hex.EncodeToString(md[:])
	for _, c := range []struct {
		name    string
		headers map[string]string
		found   bool
	}{
		{"MD5 in the ETag", map[string]string{"ETag": etag}, true},
		{"CRC64NVME", map[string]string{"X-Amz-Checksum-Crc64nvme": bucket.CRC64(stored), "ETag": etag + "-2"}, true},
		{"SHA256 of a KMS object", map[string]string{"X-Amz-Checksum-Sha256": base64.StdEncoding.EncodeToString(sha[:]), "X-Amz-Server-Side-Encryption": "aws:kms"}, true},
		{"KMS", map[string]string{"ETag": etag, "X-Amz-Server-Side-Encryption": "aws:kms"}, false},
		{"own key", map[string]string{"ETag": etag, "X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256"}, false},
		{"parts", map[string]string{"ETag": etag + "-2"}, false},
		{"composite", map[string]string{"X-Amz-Checksum-Crc32c": "AAAAAA==", "X-Amz-Checksum-Type": "COMPOSITE", "ETag": etag + "-2"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			content := stored
			v := newWire(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				for name, value := range c.headers {
					w.Header().Set(name, value)
				}
				w.Header().Set("Last-Modified", "Mon, 23 Nov 2026 01:00:00 GMT")
				w.Header().Set("Content-Length", strconv.Itoa(len(content)))
				_, _ = io.WriteString(w, content)
			})
			b, _ := v.open(t, "")
			if got := string(buckettest.Get(t, b, "k")); got != stored {
				t.Fatalf("undamaged: %q", got)
			}
			if got := v.requests[0].Header.Get("X-Amz-Checksum-Mode"); got != "ENABLED" {
				t.Errorf("asked with checksum mode %q", got)
			}
			content = strings.Replace(stored, "was", "has", 1)
			_, _, err := readAll(t, b, "k")
			if (err != nil) != c.found || err != nil && (!errors.Is(err, bucket.ErrUnavailable) || !strings.Contains(err.Error(), "damaged on the way")) {
				t.Errorf("damaged: %v, want an error: %v", err, c.found)
			}
		})
	}
}

func readAll(t *testing.T, b bucket.Bucket, key string) ([]byte, bucket.Object, error) {
	t.Helper()
	r, o, err := b.Get(t.Context(), key)
	if err != nil {
		return nil, o, err
	}
	data, err := io.ReadAll(r)
	return data, o, errors.Join(err, r.Close())
}

// TestS3ContentIsJudgedEarly: a caller that reads exactly the announced bytes
// hears of damage too.
func TestS3ContentIsJudgedEarly(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("ETag", `"5d41402abc4b2a76b9719d911017c592"`) // of "hello"
		w.Header().Set("Last-Modified", "Mon, 23 Nov 2026 01:00:00 GMT")
		w.Header().Set("Content-Length", "5")
		_, _ = io.WriteString(w, "hallo")
	})
	b, _ := v.open(t, "")
	r, o, err := b.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got [5]byte
	if n, err := r.Read(got[:]); int64(n) != o.Size || err == nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if n, err := r.Read(got[:]); n != 0 || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read on: %d, %v", n, err)
	}
}

// TestS3StrangeETags: at a store whose ETags look like MD5 sums and are none,
// objects can be read, from the second look on.
func TestS3StrangeETags(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		ok(w, r.URL.Path)
		w.Header().Set("ETag", `"00000000000000000000000000000000"`)
	})
	answer := v.Config.Handler
	v.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer.ServeHTTP(etagWriter{w}, r)
	})
	b, _ := v.open(t, "")
	if _, _, err := readAll(t, b, "k"); !errors.Is(err, bucket.ErrUnavailable) {
		t.Errorf("first look: %v", err)
	}
	for _, key := range []string{"k", "k", "another"} {
		if data, _, err := readAll(t, b, key); err != nil || string(data) != "/fleet/"+key {
			t.Errorf("%s: %q, %v", key, data, err)
		}
	}
}

// etagWriter gives every answer an ETag that is no MD5 sum.
type etagWriter struct{ http.ResponseWriter }

func (w etagWriter) Write(p []byte) (int, error) {
	w.Header().Set("ETag", `"00000000000000000000000000000000"`)
	return w.ResponseWriter.Write(p)
}

// TestS3WriteTellsOfETags: a write shows what the store's ETags are, before
// anything is read.
func TestS3WriteTellsOfETags(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, r *http.Request, _ int) { ok(etagWriter{w}, "x") })
	b, _ := v.open(t, "")
	if _, err := put(t.Context(), b, "k", "x", bucket.Condition{}); err != nil {
		t.Fatal(err)
	}
	if data, _, err := readAll(t, b, "k"); err != nil || string(data) != "x" {
		t.Errorf("%q, %v", data, err)
	}
}

// TestS3ExpectContinue: a large body is not sent to a store that refuses it.
func TestS3ExpectContinue(t *testing.T) {
	const size = 3 << 20
	for _, c := range []struct {
		extra  string
		expect string
	}{
		{"", "100-continue"},
		{"  http_config: {expect_continue_timeout: 0s}\n", ""},
	} {
		var expect string
		v := newWire(t, nil)
		v.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			expect = r.Header.Get("Expect")
			s3Error(w, 403, "AccessDenied")
		})
		b, _ := v.open(t, c.extra)
		body := &countingReader{Reader: bytes.NewReader(make([]byte, size))}
		_, err := b.Put(t.Context(), "k", body, size, bucket.Condition{})
		if expect != c.expect {
			t.Errorf("%q: Expect is %q, want %q", c.extra, expect, c.expect)
		}
		if c.expect != "" && (!errors.Is(err, bucket.ErrDenied) || body.read > size) { // once, for its MD5 sum
			t.Errorf("%q: %v after reading %d bytes", c.extra, err, body.read)
		}
	}
}

type countingReader struct {
	*bytes.Reader
	read int
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.read += n
	return n, err
}

// TestS3MultipartAborts: an upload that fails halfway is aborted, whatever made
// it fail.
func TestS3MultipartAborts(t *testing.T) {
	const part = 5 << 20
	for _, c := range []struct {
		name string
		fail func(w http.ResponseWriter, r *http.Request) bool
		body io.ReadSeeker
	}{
		{"a part is denied", func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("partNumber") != "2" {
				return false
			}
			s3Error(w, 403, "AccessDenied")
			return true
		}, nil},
		{"completion fails inside an answer of status 200", func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost || r.URL.Query().Get("uploadId") == "" {
				return false
			}
			_, _ = io.WriteString(w, `<Error><Code>InternalError</Code><Message>m</Message></Error>`)
			return true
		}, nil},
		{"the body cannot be read", func(http.ResponseWriter, *http.Request) bool { return false }, &brokenBody{bytes.NewReader(make([]byte, 3*part)), 2 * part}},
	} {
		t.Run(c.name, func(t *testing.T) {
			aborted, completed := 0, 0
			v := newWire(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				q := r.URL.Query()
				switch {
				case c.fail(w, r):
				case q.Has("uploads"):
					_, _ = io.WriteString(w, `<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>`)
				case r.Method == http.MethodDelete && q.Get("uploadId") == "u1":
					aborted++
					w.WriteHeader(http.StatusNoContent)
				case r.Method == http.MethodPost:
					completed++
				default:
					ok(w, "")
				}
			})
			b, _ := v.open(t, "  part_size: 5242880\n  max_retries: 1\n  send_content_md5: false\n")
			body := c.body
			if body == nil {
				body = bytes.NewReader(make([]byte, 3*part))
			}
			if _, err := b.Put(t.Context(), "k", body, 3*part, bucket.Condition{}); err == nil {
				t.Error("no error")
			}
			if aborted != 1 || completed != 0 {
				t.Errorf("%d aborts and %d completions, want 1 and 0", aborted, completed)
			}
		})
	}
}

// brokenBody fails when it has been read so far.
type brokenBody struct {
	*bytes.Reader
	left int
}

func (b *brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, fmt.Errorf("read the scratch file: %w", io.ErrUnexpectedEOF)
	}
	return n, err
}

// TestS3GetResumes: a download goes on where its connection broke, as long as
// the object is the same.
func TestS3GetResumes(t *testing.T) {
	const content = "0123456789"
	const etag = `"781e5e245d69b566979b86e28d23f2c7"` // its MD5 sum
	send := func(w http.ResponseWriter, from, to int, etag string) {
		head := "HTTP/1.1 200 OK\r\n"
		if from > 0 {
			head = fmt.Sprintf("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %d-9/10\r\n", from)
		}
		hijack(w, fmt.Sprintf("%sContent-Length: %d\r\nETag: %s\r\nLast-Modified: Mon, 23 Nov 2026 01:00:00 GMT\r\n\r\n%s", head, len(content)-from, etag, content[from:to]))
	}
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request, n int)
		want   string // what is read; an error follows unless it is all
		tries  int
	}{
		{"twice broken", func(w http.ResponseWriter, r *http.Request, n int) {
			from, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-"))
			if n > 1 && r.Header.Get("If-Match") != etag {
				t.Errorf("resumes on the condition %q", r.Header.Get("If-Match"))
			}
			send(w, from, min(from+4, 10), etag)
		}, content, 3},
		{"refused for a while", func(w http.ResponseWriter, _ *http.Request, n int) {
			switch n {
			case 1:
				send(w, 0, 4, etag)
			case 2, 3:
				s3Error(w, 503, "SlowDown")
			default:
				send(w, 4, 10, etag)
			}
		}, content, 4},
		{"replaced meanwhile", func(w http.ResponseWriter, _ *http.Request, n int) {
			if n > 1 {
				s3Error(w, 412, "PreconditionFailed")
				return
			}
			send(w, 0, 4, etag)
		}, "0123", 2},
		{"replaced, and the store knows no conditions", func(w http.ResponseWriter, _ *http.Request, n int) {
			if n > 1 {
				send(w, 4, 10, `"another"`)
				return
			}
			send(w, 0, 4, etag)
		}, "0123", 2},
		{"the store knows no ranges", func(w http.ResponseWriter, _ *http.Request, _ int) { send(w, 0, 4, etag) }, "0123", 2},
		{"it stays broken", func(w http.ResponseWriter, _ *http.Request, n int) {
			if n == 1 {
				send(w, 0, 4, etag)
				return
			}
			hijack(w, "")
		}, "0123", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newWire(t, c.answer)
			b, _ := v.open(t, "")
			data, _, err := readAll(t, b, "k")
			if string(data) != c.want {
				t.Errorf("read %q, want %q", data, c.want)
			}
			if c.want == content && err != nil || c.want != content && !errors.Is(err, bucket.ErrUnavailable) {
				t.Errorf("got error %v", err)
			}
			if v.count() != c.tries {
				t.Errorf("%d requests, want %d", v.count(), c.tries)
			}
		})
	}
}
