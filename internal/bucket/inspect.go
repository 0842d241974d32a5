package bucket

import (
	"context"
	"crypto/md5" //nolint:gosec // Content-MD5 is the integrity check that S3 defines
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/fleetcost/fleetcost/internal/awsid"
)

// Inspection is a bucket with what a check of it asks besides: where its
// requests go, who makes them, and writes of unusual kinds. What a type of
// store does not have is errors.ErrUnsupported.
type Inspection struct {
	Bucket // below its prefix, as Open returns it

	cfg    Config
	deps   Deps
	s3     *s3Bucket   // nil for other types
	store  remoteStore // a store of another type over the network, or nil
	prefix string      // with its closing slash, or ""
}

// remoteStore is a provider other than S3 that can be looked at from outside.
type remoteStore interface {
	// address is a URL that requests about the bucket may go to, without
	// secrets.
	address() string
	// settings are those of its transport.
	settings() HTTPConfig
	// login names where credentials come from, and fetches those that are
	// fetched.
	login(ctx context.Context) (source string, err error)
}

// Inspect opens a bucket like Open, without metrics.
func Inspect(ctx context.Context, cfg Config, deps Deps) (*Inspection, error) {
	if deps.Getenv == nil {
		deps.Getenv = func(string) string { return "" }
	}
	b, err := openProvider(ctx, cfg, deps)
	if err != nil {
		return nil, fmt.Errorf("open the bucket of %s: %w", cfg.Name, err)
	}
	i := &Inspection{cfg: cfg, deps: deps}
	i.s3, _ = b.(*s3Bucket)
	i.store, _ = b.(remoteStore)
	if cfg.Prefix != "" {
		i.prefix = strings.TrimSuffix(cfg.Prefix, "/") + "/"
	}
	if i.Bucket, err = WithPrefix(b, cfg.Prefix); err != nil {
		return nil, fmt.Errorf("open the bucket of %s: %w", cfg.Name, err)
	}
	return i, nil
}

// Credentials is the source that signs the requests; nil where AWS credentials
// have no part.
func (i *Inspection) Credentials() *awsid.Source {
	if i.s3 == nil {
		return nil
	}
	return i.s3.source
}

// Login names where the credentials of a store other than S3 come from, and
// fetches them.
func (i *Inspection) Login(ctx context.Context) (source string, err error) {
	if i.store == nil {
		return "", errors.ErrUnsupported
	}
	return i.store.login(ctx)
}

// Remote tells whether the bucket is reached over the network.
func (i *Inspection) Remote() bool { return i.s3 != nil || i.store != nil }

// HTTP is the transport's configuration; empty for a directory.
func (i *Inspection) HTTP() HTTPConfig {
	switch {
	case i.s3 != nil:
		return i.cfg.S3.HTTP
	case i.store != nil:
		return i.store.settings()
	default:
		return HTTPConfig{}
	}
}

// Answer is what the store said to one unsigned request.
type Answer struct {
	Status int
	Date   time.Time            // by the store's clock; zero when it did not tell
	Local  time.Time            // by ours, when the answer came
	Region string               // of the bucket, where the store tells it
	Server string               // what the store calls itself
	TLS    *tls.ConnectionState // nil over plain HTTP
}

// Target is the URL that requests about the bucket go to, and the proxy that
// they pass, or nil. It makes no request.
func (i *Inspection) Target(ctx context.Context) (target, proxy *url.URL, err error) {
	if !i.Remote() {
		return nil, nil, errors.ErrUnsupported
	}
	t := &onlyRecord{}
	if err := i.knock(ctx, t); t.url == nil {
		return nil, nil, fmt.Errorf("find the address of %s: %w", i, err)
	}
	proxy, err = proxyFrom(i.deps.Getenv)(t.url)
	if err != nil {
		return nil, nil, fmt.Errorf("read the proxy of the environment: %w", err)
	}
	return t.url, proxy, nil
}

// Greet sends one unsigned request about the bucket. Any answer, a refusal too,
// is no error.
func (i *Inspection) Greet(ctx context.Context) (Answer, error) {
	if !i.Remote() {
		return Answer{}, errors.ErrUnsupported
	}
	tlsConfig, err := newTLSConfig(i.HTTP())
	if err != nil {
		return Answer{}, err
	}
	base := newHTTPTransport(i.HTTP(), tlsConfig, i.deps.Getenv)
	defer base.CloseIdleConnections()
	t := &firstAnswer{base: base, now: i.deps.Now}
	err = i.knock(ctx, t)
	if t.answer.Status != 0 {
		return t.answer, nil
	}
	switch {
	case t.err != nil && i.s3 != nil:
		err = explainNetwork(t.err, i.cfg.S3)
	case t.err != nil:
		err = explainTransport(t.err)
	}
	return Answer{}, fmt.Errorf("greet %s: %w", i, err)
}

// knock asks for the bucket without credentials, over transport.
func (i *Inspection) knock(ctx context.Context, transport http.RoundTripper) error {
	if i.store != nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodHead, i.store.address(), http.NoBody)
		if err != nil {
			return err
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	core, err := newCore(i.cfg.S3, credentials.NewStaticV4("", "", ""), transport)
	if err != nil {
		return err
	}
	_, err = core.BucketExists(ctx, i.cfg.S3.Bucket)
	return err
}

// onlyRecord remembers where the first request was to go, and sends nothing.
type onlyRecord struct{ url *url.URL }

var errRecorded = errors.New("not sent")

// RoundTrip implements http.RoundTripper.
func (t *onlyRecord) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.url == nil {
		t.url = &url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host}
	}
	return nil, errRecorded
}

// firstAnswer remembers the first answer, or the first error.
type firstAnswer struct {
	base   http.RoundTripper
	now    func() time.Time
	answer Answer
	err    error
}

// RoundTrip implements http.RoundTripper.
func (t *firstAnswer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(req)
	switch {
	case t.answer.Status != 0 || t.err != nil:
	case err != nil:
		t.err = err
	default:
		date, _ := http.ParseTime(resp.Header.Get("Date")) // zero where the store does not tell
		t.answer = Answer{
			Status: resp.StatusCode, Date: date, Local: t.now(), Region: resp.Header.Get("X-Amz-Bucket-Region"),
			Server: resp.Header.Get("Server"), TLS: resp.TLS,
		}
	}
	return resp, err
}

// Variant leaves out something that the configuration sends with every write.
// The zero value leaves out nothing.
type Variant struct {
	NoACL        bool // X-Amz-Acl
	NoEncryption bool // sse_config
}

// PutVariant writes an object with some of its headers left out.
func (i *Inspection) PutVariant(ctx context.Context, key, body string, v Variant) error {
	s, done, err := i.without(ctx, v)
	if err != nil {
		return err
	}
	defer done()
	_, err = s.Put(ctx, i.prefix+key, strings.NewReader(body), int64(len(body)), Condition{})
	return err
}

// PutMultipart writes an object as a multipart upload of one part, which as the
// last one may be small.
func (i *Inspection) PutMultipart(ctx context.Context, key, body string) error {
	if i.s3 == nil || i.cfg.S3.DisableMultipart {
		return errors.ErrUnsupported
	}
	if err := ValidateKey(i.prefix + key); err != nil {
		return i.s3.invalid("PutObject", key, err)
	}
	_, err := i.s3.putMultipart(ctx, i.prefix+key, strings.NewReader(body), int64(len(body)), Condition{})
	return err
}

// Rehearsal is what a write that cannot succeed told.
type Rehearsal struct {
	Unmet bool // the store looked at the condition, and it does not hold
	Wrote bool // the store wrote the object after all: the caller removes it
}

// Rehearse asks the store for a write that it must refuse once it allowed it:
// the body does not match its Content-MD5. No error means that the write is
// allowed, and nothing was written unless Wrote says so.
func (i *Inspection) Rehearse(ctx context.Context, key string, cond Condition, v Variant) (Rehearsal, error) {
	s, done, err := i.without(ctx, v)
	if err != nil {
		return Rehearsal{}, err
	}
	defer done()
	full := i.prefix + key
	if err := ValidateKey(full); err != nil {
		return Rehearsal{}, s.invalid("PutObject", full, err)
	}
	opts := s.putOptions()
	setCondition(&opts, cond)
	const body = "rehearsal: this object is not to be written"
	other := md5.Sum([]byte("another body")) //nolint:gosec // see the import
	err = s.do(ctx, "PutObject", full, func() error {
		_, err := s.core.PutObject(ctx, s.cfg.Bucket, full, strings.NewReader(body), int64(len(body)),
			base64.StdEncoding.EncodeToString(other[:]), "", opts)
		return err
	})
	var e *OpError
	switch {
	case err == nil:
		return Rehearsal{Wrote: true}, nil
	case !errors.As(err, &e):
		return Rehearsal{}, err
	case e.Code == "BadDigest" || e.Code == minio.InvalidDigest:
		return Rehearsal{}, nil
	case errors.Is(e, ErrPrecondition), cond.ETag != "" && errors.Is(e, ErrNotFound):
		return Rehearsal{Unmet: true}, nil
	default:
		return Rehearsal{}, err
	}
}

const aclHeader = "X-Amz-Acl"

// without returns a bucket that leaves something out of its writes, and what to
// call when done with it.
func (i *Inspection) without(ctx context.Context, v Variant) (s *s3Bucket, done func(), err error) {
	if i.s3 == nil {
		return nil, nil, errors.ErrUnsupported
	}
	if v == (Variant{}) {
		return i.s3, func() {}, nil
	}
	cfg := i.cfg.S3
	if v.NoACL {
		cfg.UserMetadata = maps.Clone(cfg.UserMetadata)
		maps.DeleteFunc(cfg.UserMetadata, func(name, _ string) bool { return strings.EqualFold(name, aclHeader) })
	}
	if v.NoEncryption {
		cfg.SSE = SSEConfig{}
	}
	if s, err = openS3(ctx, cfg, i.deps); err != nil {
		return nil, nil, err
	}
	return s, func() { _ = s.Close() }, nil // nothing was buffered
}

var _ io.Closer = (*Inspection)(nil)
