package bucket

import (
	"context"
	"io"
	"strings"
)

// prefixed shows the part of a bucket below a prefix as a bucket of its own.
type prefixed struct {
	Bucket
	prefix string // with its closing slash
}

// WithPrefix returns b below prefix; keys lose and gain it on the way. An empty
// prefix returns b itself.
func WithPrefix(b Bucket, prefix string) (Bucket, error) {
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix == "" {
		return b, nil
	}
	if err := validatePrefix(prefix); err != nil {
		return nil, err
	}
	return &prefixed{Bucket: b, prefix: prefix + "/"}, nil
}

func (p *prefixed) strip(o Object) Object {
	o.Key = strings.TrimPrefix(o.Key, p.prefix)
	return o
}

func (p *prefixed) Get(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	if err := ValidateKey(key); err != nil {
		return nil, Object{}, err
	}
	r, o, err := p.Bucket.Get(ctx, p.prefix+key)
	return r, p.strip(o), err
}

func (p *prefixed) Stat(ctx context.Context, key string) (Object, error) {
	if err := ValidateKey(key); err != nil {
		return Object{}, err
	}
	o, err := p.Bucket.Stat(ctx, p.prefix+key)
	return p.strip(o), err
}

func (p *prefixed) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond Condition) (Object, error) {
	if err := ValidateKey(key); err != nil {
		return Object{}, err
	}
	o, err := p.Bucket.Put(ctx, p.prefix+key, body, size, cond)
	return p.strip(o), err
}

func (p *prefixed) Delete(ctx context.Context, key string) error {
	if err := ValidateKey(key); err != nil {
		return err
	}
	return p.Bucket.Delete(ctx, p.prefix+key)
}

func (p *prefixed) List(ctx context.Context, prefix, after string, fn func(Object) error) error {
	if after != "" {
		after = p.prefix + after
	}
	return p.Bucket.List(ctx, p.prefix+prefix, after, func(o Object) error { return fn(p.strip(o)) })
}

func (p *prefixed) String() string {
	return strings.TrimSuffix(p.Bucket.String(), "/") + "/" + strings.TrimSuffix(p.prefix, "/")
}
