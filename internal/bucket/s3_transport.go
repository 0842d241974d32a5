package bucket

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpproxy"
)

const (
	dialTimeout    = 30 * time.Second
	keepAlive      = 30 * time.Second
	minHeaderWait  = 30 * time.Second // where response_header_timeout is 0
	slowestPerByte = time.Second / (64 << 10)
)

// storeTransport is the HTTP transport of one bucket. It gives every request a
// deadline that grows with what it carries, remembers the store's clock, and
// logs requests when tracing is on.
type storeTransport struct {
	base   *http.Transport
	header time.Duration // how long the store may think before it answers
	trace  bool
	vendor string // for the log
	logger *slog.Logger
	now    func() time.Time

	mu           sync.Mutex
	store, local time.Time
}

func newS3Transport(cfg S3Config, tlsConfig *tls.Config, deps Deps) *storeTransport {
	return newStoreTransport("S3", cfg.HTTP, cfg.Trace, tlsConfig, deps)
}

func newStoreTransport(vendor string, cfg HTTPConfig, trace bool, tlsConfig *tls.Config, deps Deps) *storeTransport {
	header := cfg.ResponseHeaderTimeout
	if header <= 0 {
		header = minHeaderWait
	}
	base := newHTTPTransport(cfg, tlsConfig, deps.Getenv)
	base.DialTLSContext = dialTLS(base)
	return &storeTransport{
		base:   base,
		header: header,
		trace:  trace,
		vendor: vendor,
		logger: deps.Logger,
		now:    deps.Now,
	}
}

func newHTTPTransport(c HTTPConfig, tlsConfig *tls.Config, getenv func(string) string) *http.Transport {
	proxy := proxyFrom(getenv)
	return &http.Transport{
		Proxy:                 func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext,
		TLSClientConfig:       tlsConfig,
		TLSHandshakeTimeout:   c.TLSHandshakeTimeout,
		ExpectContinueTimeout: c.ExpectContinueTimeout,
		IdleConnTimeout:       c.IdleConnTimeout,
		MaxIdleConns:          c.MaxIdleConns,
		MaxIdleConnsPerHost:   c.MaxIdleConnsPerHost,
		MaxConnsPerHost:       c.MaxConnsPerHost,
		// An object stored with Content-Encoding: gzip must arrive as it is.
		DisableCompression: true,
		// A custom TLS configuration switches HTTP/2 off unless asked for; S3
		// stores speak HTTP/1.1.
		ForceAttemptHTTP2: false,
	}
}

func proxyFrom(getenv func(string) string) func(*url.URL) (*url.URL, error) {
	either := func(upper, lower string) string {
		if v := getenv(upper); v != "" {
			return v
		}
		return getenv(lower)
	}
	c := httpproxy.Config{
		HTTPProxy:  either("HTTP_PROXY", "http_proxy"),
		HTTPSProxy: either("HTTPS_PROXY", "https_proxy"),
		NoProxy:    either("NO_PROXY", "no_proxy"),
	}
	return c.ProxyFunc()
}

// newSTSClient asks STS. The bucket's TLS settings are for the bucket's own
// server: they hold for STS only where sts_endpoint points there too. For AWS's
// own STS, AWS_CA_BUNDLE says whom to trust, as in AWS's tools.
func newSTSClient(cfg S3Config, tlsConfig *tls.Config, deps Deps) (*http.Client, error) {
	if cfg.STSEndpoint == "" {
		tlsConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if bundle := deps.Getenv("AWS_CA_BUNDLE"); bundle != "" {
			var err error
			if tlsConfig.RootCAs, err = readCAs("AWS_CA_BUNDLE", bundle); err != nil {
				return nil, err
			}
		}
	}
	return &http.Client{Transport: newHTTPTransport(cfg.HTTP, tlsConfig.Clone(), deps.Getenv), Timeout: credentialsTimeout}, nil
}

// readCAs reads the certificates of the authorities in a file, which setting
// names.
func readCAs(setting, file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", setting, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s %s holds no PEM certificate", setting, file)
	}
	return pool, nil
}

func newTLSConfig(c HTTPConfig) (*tls.Config, error) {
	t := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         c.TLS.ServerName,
		InsecureSkipVerify: c.InsecureSkipVerify, //nolint:gosec // the operator's explicit choice, warned about
	}
	if c.TLS.CAFile != "" {
		var err error
		if t.RootCAs, err = readCAs("http_config.tls_config.ca_file", c.TLS.CAFile); err != nil {
			return nil, err
		}
	}
	if c.TLS.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read http_config.tls_config.cert_file and key_file: %w", err)
		}
		t.Certificates = []tls.Certificate{cert}
	}
	return t, nil
}

// timeoutError is the cause of a request that its deadline ended.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("no answer within %s (http_config.response_header_timeout, and more for larger bodies)", e.after)
}

// RoundTrip implements http.RoundTripper.
func (t *storeTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	started := t.now()
	ctx, cancel := context.WithCancelCause(req.Context())
	giveUpAfter := func(d time.Duration) *time.Timer {
		return time.AfterFunc(d, func() { cancel(&timeoutError{d}) })
	}
	timer := giveUpAfter(t.deadline(max(req.ContentLength, bodySize(req.Context()))))
	resp, err := t.base.RoundTrip(t.outgoing(ctx, req))
	timer.Stop()
	if err != nil {
		if timeout := timedOut(ctx); timeout != nil {
			err = timeout
		}
		cancel(nil)
		t.log(req, nil, started, err)
		return nil, err
	}
	t.setClock(resp)
	noteAnswer(ctx, resp)
	t.log(req, resp, started, nil)
	bodyTimer := giveUpAfter(t.deadline(resp.ContentLength))
	resp.Body = &deadlineBody{ReadCloser: resp.Body, ctx: ctx, stop: func() { bodyTimer.Stop(); cancel(nil) }}
	if err := checkPage(resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// largeBody is the size from which a body waits for the store's word (Expect:
// 100-continue), so that a refusal is not paid for with the upload. The AWS SDKs
// draw the line there too.
const largeBody = 2 << 20

// outgoing is the request as it is sent. Where expect_continue_timeout is 0 no
// body waits.
func (t *storeTransport) outgoing(ctx context.Context, req *http.Request) *http.Request {
	if req.ContentLength < largeBody || t.base.ExpectContinueTimeout <= 0 {
		return req.WithContext(ctx)
	}
	out := req.Clone(ctx)
	out.Header.Set("Expect", "100-continue")
	return out
}

// deadline is the time for one direction of a request with size bytes.
func (t *storeTransport) deadline(size int64) time.Duration {
	return t.header + time.Duration(max(size, 0))*slowestPerByte
}

func timedOut(ctx context.Context) error {
	var timeout *timeoutError
	if errors.As(context.Cause(ctx), &timeout) {
		return timeout
	}
	return nil
}

// deadlineBody ends the request's deadline when it is closed.
type deadlineBody struct {
	io.ReadCloser
	ctx  context.Context //nolint:containedctx // of the request that the body belongs to
	stop func()
}

func (b *deadlineBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		if timeout := timedOut(b.ctx); timeout != nil {
			err = timeout
		}
	}
	return n, err
}

func (b *deadlineBody) Close() error {
	err := b.ReadCloser.Close()
	b.stop()
	return err
}

func (t *storeTransport) setClock(resp *http.Response) {
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.store, t.local = date.UTC(), t.now()
}

func (t *storeTransport) clock() (store, local time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.store, t.local
}

// traced are the headers that a trace shows. Everything else is left out: a
// signature, a session token or an encryption key has no place in a log.
var traced = []string{
	"If-Match", "If-None-Match", "Content-Length", "Content-Md5", "Etag", "Retry-After",
	"X-Goog-Generation", "X-Goog-Hash", "X-Ms-Version", "X-Ms-Error-Code", "X-Ms-Range",
	"X-Amz-Acl", "X-Amz-Storage-Class", "X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Customer-Algorithm",
}

// tracedQueries are the parameters whose values a trace shows.
var tracedQueries = []string{"list-type", "prefix", "start-after", "marker", "partNumber", "startOffset", "pageToken", "ifGenerationMatch", "uploadType", "comp"}

// log writes what trace.enable asks for: one line for each request, with what
// helps and without what is secret.
func (t *storeTransport) log(req *http.Request, resp *http.Response, started time.Time, err error) {
	if !t.trace || !t.logger.Enabled(req.Context(), slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("store", t.vendor),
		slog.String("method", req.Method),
		slog.String("host", req.URL.Host),
		slog.String("key", req.URL.Path),
		slog.String("query", tracedQuery(req.URL.Query())),
		slog.Duration("duration", t.now().Sub(started)),
		slog.Any("sent", tracedHeaders(req.Header)),
	}
	if auth := req.Header.Get("Authorization"); auth != "" {
		scheme, _, _ := strings.Cut(auth, " ")
		attrs = append(attrs, slog.String("authorization", scheme+" "+redacted))
	}
	if resp != nil {
		attrs = append(attrs, slog.Int("status", resp.StatusCode), slog.String("request_id", requestID(resp.Header)),
			slog.Any("received", tracedHeaders(resp.Header)))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	t.logger.LogAttrs(req.Context(), slog.LevelDebug, "request to the store", attrs...)
}

// requestID is the name under which the store's operator finds a request.
func requestID(h http.Header) string {
	return cmp.Or(h.Get("X-Amz-Request-Id"), h.Get("X-Ms-Request-Id"), h.Get("X-Guploader-Uploadid"))
}

type bodySizeKey struct{}

// withBodySize tells the transport the size of a body that a client sends
// without announcing its length.
func withBodySize(ctx context.Context, size int64) context.Context {
	return context.WithValue(ctx, bodySizeKey{}, size)
}

func bodySize(ctx context.Context) int64 {
	size, _ := ctx.Value(bodySizeKey{}).(int64)
	return size
}

func tracedHeaders(h http.Header) map[string]string {
	out := map[string]string{}
	for _, name := range traced {
		if v := h.Get(name); v != "" {
			out[name] = v
		}
	}
	return out
}

func tracedQuery(q url.Values) string {
	out := url.Values{}
	for name := range q {
		if slices.Contains(tracedQueries, name) {
			out.Set(name, q.Get(name))
		} else if strings.HasPrefix(name, "upload") {
			out.Set(name, "") // which step of a multipart upload
		}
	}
	return out.Encode()
}

// CloseIdleConnections lets go of connections that nothing uses.
func (t *storeTransport) CloseIdleConnections() { t.base.CloseIdleConnections() }
