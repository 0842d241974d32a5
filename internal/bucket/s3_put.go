package bucket

import (
	"context"
	"crypto/md5" //nolint:gosec // Content-MD5 is the integrity check that S3 defines
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
)

// anyETag in If-None-Match makes a write a creation.
const anyETag = "*"

// Put implements Bucket. Objects up to part_size are one request; larger ones
// are uploaded in parts of that size, one after the other, and the condition
// stands at the end, when the store puts them together.
func (s *s3Bucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond Condition) (Object, error) {
	const action = "PutObject"
	if err := ValidateKey(key); err != nil {
		return Object{}, s.invalid(action, key, err)
	}
	if err := checkCondition(cond); err != nil {
		return Object{}, s.invalid(action, key, err)
	}
	if err := checkBody(body, size); err != nil {
		return Object{}, s.invalid(action, key, err)
	}
	ctx = withNotes(ctx)
	var info minio.UploadInfo
	var err error
	switch {
	case size <= s.cfg.PartSize:
		info, err = s.putSingle(ctx, key, body, size, cond)
	case s.cfg.DisableMultipart && size > maxPartSize:
		return Object{}, s.invalid(action, key, fmt.Errorf("%d bytes are more than one request can carry: set disable_multipart: false", size))
	case s.cfg.DisableMultipart:
		info, err = s.putSingle(ctx, key, body, size, cond)
	default:
		info, err = s.putMultipart(ctx, key, body, size, cond)
	}
	if err != nil {
		return Object{}, unmet(err, cond)
	}
	stored, _ := s.Clock() // the answer carries no Last-Modified, but a Date
	return Object{Key: key, Size: size, ETag: info.ETag, LastModified: stored, StorageClass: s.storageClass()}, nil
}

// unmet maps the answers to a failed condition: an If-Match on a missing key is
// 404 at some stores.
func unmet(err error, cond Condition) error {
	var e *OpError
	if cond.ETag != "" && errors.As(err, &e) && errors.Is(e.Kind, ErrNotFound) {
		e.Kind = ErrPrecondition
		e.Err = fmt.Errorf("the object does not exist, the condition asks for ETag %s", cond.ETag)
	}
	return err
}

func (s *s3Bucket) storageClass() string {
	for name, value := range s.cfg.UserMetadata {
		if strings.EqualFold(name, "X-Amz-Storage-Class") {
			return value
		}
	}
	return ""
}

// putOptions are the headers of a new object.
func (s *s3Bucket) putOptions() minio.PutObjectOptions {
	return minio.PutObjectOptions{UserMetadata: s.cfg.UserMetadata, ServerSideEncryption: s.sse}
}

func setCondition(o *minio.PutObjectOptions, cond Condition) {
	switch {
	case cond.Absent:
		o.SetMatchETagExcept(anyETag)
	case cond.ETag != "":
		o.SetMatchETag(cond.ETag)
	}
}

func (s *s3Bucket) putSingle(ctx context.Context, key string, body io.ReadSeeker, size int64, cond Condition) (minio.UploadInfo, error) {
	sum, err := s.md5Of(body)
	if err != nil {
		return minio.UploadInfo{}, s.invalid("PutObject", key, err)
	}
	opts := s.putOptions()
	setCondition(&opts, cond)
	var info minio.UploadInfo
	err = s.do(ctx, "PutObject", key, func() error {
		// section hides Close: minio-go would close a file that we read again.
		reader, err := newSection(body, 0, size)
		if err != nil {
			return err
		}
		info, err = s.core.PutObject(ctx, s.cfg.Bucket, key, reader, size, sum, "", opts)
		return err
	})
	if err == nil && s.sse == nil {
		s.sums.learn(info.ETag, sum)
	}
	return info, err
}

// md5Of returns the Content-MD5 of what body holds, or "" when it is not sent.
func (s *s3Bucket) md5Of(body io.ReadSeeker) (string, error) {
	if !s.cfg.SendContentMD5 {
		return "", nil
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("rewind body: %w", err)
	}
	h := md5.New() //nolint:gosec // see the import
	if _, err := io.Copy(h, body); err != nil {
		return "", fmt.Errorf("read body: %w", err)
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}

func (s *s3Bucket) putMultipart(ctx context.Context, key string, body io.ReadSeeker, size int64, cond Condition) (minio.UploadInfo, error) {
	var id string
	err := s.do(ctx, "PutObject", key, func() (err error) {
		id, err = s.core.NewMultipartUpload(ctx, s.cfg.Bucket, key, s.putOptions())
		return err
	})
	if err != nil {
		return minio.UploadInfo{}, err
	}
	info, err := s.putParts(ctx, key, id, body, size, cond)
	if err != nil && !s.completed(err) {
		s.abort(ctx, key, id)
	}
	return info, err
}

// completed tells whether the store may have put the parts together although we
// saw an error: a repeated completion whose first answer was lost finds no such
// upload.
func (s *s3Bucket) completed(err error) bool {
	var e *OpError
	return errors.As(err, &e) && e.Code == "NoSuchUpload"
}

func (s *s3Bucket) putParts(ctx context.Context, key, id string, body io.ReadSeeker, size int64, cond Condition) (minio.UploadInfo, error) {
	var parts []minio.CompletePart
	for offset := int64(0); offset < size; offset += s.cfg.PartSize {
		number := len(parts) + 1
		part, err := s.putPart(ctx, key, id, number, body, offset, min(s.cfg.PartSize, size-offset))
		if err != nil {
			return minio.UploadInfo{}, err
		}
		parts = append(parts, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	}
	opts := minio.PutObjectOptions{ServerSideEncryption: s.readSSE()}
	setCondition(&opts, cond)
	var info minio.UploadInfo
	err := s.do(ctx, "PutObject", key, func() (err error) {
		info, err = s.core.CompleteMultipartUpload(ctx, s.cfg.Bucket, key, id, parts, opts)
		return err
	})
	var e *OpError
	if errors.As(err, &e) && e.Code == "NoSuchUpload" {
		// The upload was completed by an attempt whose answer was lost, or it was
		// aborted elsewhere. Either way the caller must look.
		e.Kind, e.Status = ErrUnavailable, http.StatusNotFound
		if cond != (Condition{}) {
			e.Kind = ErrPrecondition
		}
	}
	return info, err
}

func (s *s3Bucket) putPart(ctx context.Context, key, id string, number int, body io.ReadSeeker, offset, size int64) (minio.ObjectPart, error) {
	section, err := newSection(body, offset, size)
	if err != nil {
		return minio.ObjectPart{}, s.invalid("PutObject", key, err)
	}
	sum, err := s.md5Of(section)
	if err != nil {
		return minio.ObjectPart{}, s.invalid("PutObject", key, err)
	}
	var part minio.ObjectPart
	err = s.do(ctx, "PutObject", key, func() (err error) {
		if _, err := section.Seek(0, io.SeekStart); err != nil {
			return err
		}
		part, err = s.core.PutObjectPart(ctx, s.cfg.Bucket, key, id, number, section, size,
			minio.PutObjectPartOptions{Md5Base64: sum, SSE: s.readSSE()})
		return err
	})
	return part, err
}

// abort removes the parts of a failed upload, with a context of its own: the
// caller's may be what ended it.
func (s *s3Bucket) abort(ctx context.Context, key, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	err := s.do(ctx, "AbortMultipartUpload", key, func() error {
		return s.core.AbortMultipartUpload(ctx, s.cfg.Bucket, key, id)
	})
	if err != nil && !s.completed(err) {
		s.logger.Warn("parts of a failed upload stay in the bucket: a lifecycle rule that aborts incomplete uploads removes them", "key", key, "error", err)
	}
}

// section is a part of a body that can be read again and does not close it.
type section struct {
	body         io.ReadSeeker
	offset, size int64
	at           int64
}

func newSection(body io.ReadSeeker, offset, size int64) (*section, error) {
	s := &section{body: body, offset: offset, size: size}
	_, err := s.Seek(0, io.SeekStart)
	return s, err
}

// Read implements io.Reader.
func (s *section) Read(p []byte) (int, error) {
	left := s.size - s.at
	if left <= 0 {
		return 0, io.EOF
	}
	n, err := s.body.Read(p[:min(int64(len(p)), left)])
	s.at += int64(n)
	return n, err
}

// Seek implements io.Seeker.
func (s *section) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start of the section")
	}
	if _, err := s.body.Seek(s.offset+offset, io.SeekStart); err != nil {
		return 0, fmt.Errorf("seek in body: %w", err)
	}
	s.at = offset
	return offset, nil
}
