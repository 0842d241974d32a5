package bucket

import (
	"bytes"
	"crypto/md5" //nolint:gosec // the ETag of a plain S3 object is its MD5 sum
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"
)

// checksums are the sums that S3 stores may keep of an object, best first; see
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html.
var checksums = []minio.ChecksumType{
	minio.ChecksumCRC64NVME, minio.ChecksumCRC32C, minio.ChecksumCRC32, minio.ChecksumSHA256, minio.ChecksumSHA1,
}

// sum is what a store says that an object's content adds up to.
type sum struct {
	name string // the header that says it
	hash hash.Hash
	want []byte
}

// sumOf finds the sum of the whole object in the headers of an answer: a
// checksum of its own, or the ETag where that is an MD5 sum. nil when there is
// none.
func sumOf(header http.Header) *sum {
	for _, kind := range checksums {
		text := header.Get(kind.Key())
		if text == "" || strings.EqualFold(header.Get("X-Amz-Checksum-Type"), "COMPOSITE") {
			continue // of several parts: "sum of sums", with -n at the end
		}
		if want, err := base64.StdEncoding.DecodeString(text); err == nil && len(want) == kind.RawByteLen() {
			return &sum{name: kind.Key(), hash: kind.Hasher(), want: want}
		}
	}
	if strings.HasPrefix(header.Get("X-Amz-Server-Side-Encryption"), "aws:kms") ||
		header.Get("X-Amz-Server-Side-Encryption-Customer-Algorithm") != "" {
		return nil // the ETag of these is no MD5 sum
	}
	want, err := hex.DecodeString(strings.Trim(header.Get("ETag"), `"`))
	if err != nil || len(want) != md5.Size {
		return nil
	}
	return &sum{name: "etag", hash: md5.New(), want: want} //nolint:gosec // see the import
}

func (s *sum) isETag() bool { return s.name == "etag" }

// sums judges what was read by what the store says of it. An ETag looks like an
// MD5 sum at most stores, and at some is none, so that one mismatch is an error,
// and the very same one again is the object as it is: then nothing was lost on
// the way, and the object's own format must tell what is wrong with it.
type sums struct {
	logger *slog.Logger

	mu       sync.Mutex
	matched  bool              // an ETag was the MD5 sum of its content
	distrust bool              // ETags are something else
	strange  map[string]string // key → ETag and sum of its last mismatch
}

const mostStrange = 1000

func newSums(logger *slog.Logger) *sums { return &sums{logger: logger, strange: map[string]string{}} }

// expect returns the sum to verify an answer by, or nil.
func (s *sums) expect(header http.Header) *sum {
	x := sumOf(header)
	s.mu.Lock()
	defer s.mu.Unlock()
	if x != nil && x.isETag() && s.distrust {
		return nil
	}
	return x
}

// learn compares the ETag of a write with the MD5 sum of what was written.
func (s *sums) learn(etag, contentMD5 string) {
	want, err := base64.StdEncoding.DecodeString(contentMD5)
	if err != nil || len(want) != md5.Size {
		return // not sent
	}
	got, err := hex.DecodeString(etag)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && bytes.Equal(got, want) {
		s.matched = true
	} else if !s.matched {
		s.distrust = true
	}
}

// judge tells whether an object that was read whole is what the store says.
func (s *sums) judge(key, etag string, x *sum) error {
	got := x.hash.Sum(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	if bytes.Equal(got, x.want) {
		s.matched = s.matched || x.isETag()
		delete(s.strange, key)
		return nil
	}
	mismatch := etag + " " + hex.EncodeToString(got)
	if s.strange[key] != mismatch {
		if len(s.strange) >= mostStrange {
			clear(s.strange)
		}
		s.strange[key] = mismatch
		return fmt.Errorf("the content does not match the store's %s: it was damaged on the way", x.name)
	}
	delete(s.strange, key)
	if x.isETag() && !s.matched {
		s.distrust = true
		s.logger.Info("the store's ETags are no MD5 sums: content without another checksum is verified by its length")
		return nil
	}
	s.logger.Warn("an object does not match its own checksum in the store, twice in the same way: it is taken as it is", "key", key, "checksum", x.name)
	return nil
}
