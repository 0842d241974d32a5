package servers

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Fault is what an Injector does to one request.
type Fault string

// The faults. What an S3 store answers under load is from its documentation
// (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
const (
	FaultNone       Fault = ""
	FaultSlowDown   Fault = "503 SlowDown"
	FaultInternal   Fault = "500 InternalError"
	FaultTimeout    Fault = "400 RequestTimeout"
	FaultLostAnswer Fault = "answer lost" // the store did what was asked, and nobody hears of it
	FaultTruncated  Fault = "answer cut"  // half of the body arrives
	FaultDamaged    Fault = "byte changed"
)

// Injector is a reverse proxy of our own, no real store: it makes an HTTP server
// behind it answer as a store does that is overloaded or badly connected. The
// requests that it lets through reach the server unchanged.
type Injector struct {
	server *httptest.Server
	plan   func(n int, r *http.Request) Fault

	mu     sync.Mutex
	n      int
	counts map[Fault]int
}

// StartInjector puts an injector in front of a host:port. plan chooses the fault
// of the n-th request, counted from 1; it is called for one request at a time.
func StartInjector(t testing.TB, upstream string, plan func(n int, r *http.Request) Fault) *Injector {
	t.Helper()
	i := &Injector{plan: plan, counts: map[Fault]int{}}
	i.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { i.serve(w, r, upstream) }))
	i.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	t.Cleanup(i.server.Close)
	return i
}

// Endpoint is the injector's host and port.
func (i *Injector) Endpoint() string { return strings.TrimPrefix(i.server.URL, "http://") }

// Counts tells how many requests met each fault so far.
func (i *Injector) Counts() map[Fault]int {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := map[Fault]int{}
	for f, n := range i.counts {
		out[f] = n
	}
	return out
}

func (i *Injector) next(r *http.Request) Fault {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.n++
	f := i.plan(i.n, r)
	i.counts[f]++
	return f
}

func (i *Injector) serve(w http.ResponseWriter, r *http.Request, upstream string) {
	fault := i.next(r)
	switch fault {
	case FaultSlowDown:
		refuse(w, http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
		return
	case FaultInternal:
		refuse(w, http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
		return
	case FaultTimeout:
		refuse(w, http.StatusBadRequest, "RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period.")
		return
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = "http", upstream
			p.Out.Host = p.In.Host // which the signature covers
		},
		ModifyResponse: func(resp *http.Response) error { return spoil(resp, fault) },
		// A broken connection behind is a broken connection in front.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     i.server.Config.ErrorLog,
	}
	proxy.ServeHTTP(w, r)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>"+message+"</Message></Error>")
}

var errLost = errors.New("the answer is lost")

func spoil(resp *http.Response, fault Fault) error {
	switch fault {
	case FaultLostAnswer:
		return errLost
	case FaultTruncated:
		if size, err := strconv.ParseInt(resp.Header.Get("Content-Length"), 10, 64); err == nil && size > 0 {
			resp.Body = &cutBody{ReadCloser: resp.Body, left: size / 2}
		}
	case FaultDamaged:
		resp.Body = &flippedBody{ReadCloser: resp.Body}
	}
	return nil
}

// cutBody ends with an error before its end.
type cutBody struct {
	io.ReadCloser
	left int64
}

func (c *cutBody) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errLost
	}
	n, err := c.ReadCloser.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// flippedBody changes the first byte.
type flippedBody struct {
	io.ReadCloser
	done bool
}

func (f *flippedBody) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if n > 0 && !f.done {
		p[0] ^= 0xff
		f.done = true
	}
	return n, err
}
