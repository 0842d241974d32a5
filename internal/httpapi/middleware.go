package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fleetcost_http_requests_total",
			Help: "Requests answered, by route pattern and status code.",
		}, []string{"route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "fleetcost_http_request_duration_seconds",
			Help:    "Time to answer a request, by route pattern.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fleetcost_http_requests_in_flight",
			Help: "Requests being answered now.",
		}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.inFlight} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

type requestIDKey struct{}

// requestID returns the id of the request that ctx belongs to.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

const requestIDHeader = "X-Request-Id"

// minCompressed is the size below which compression costs more than it saves.
const minCompressed = 1024

// wrap puts around h, from the outside in: request id, recovery, access log
// and metrics, compression.
func (a *API) wrap(h http.Handler) (http.Handler, error) {
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.CompressionLevel(1))
	if err != nil {
		return nil, fmt.Errorf("set up compression: %w", err)
	}
	// A page of another site must not retire a cluster through a browser that
	// can reach this server.
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeError(w, ErrorEnvelope{
			Code: http.StatusForbidden, Status: "error",
			Message: "a page of another origin may not change anything here", Hint: "send the request from this server's own page or from a command line",
		}, requestID(r.Context()))
	}))
	h = crossOrigin.Handler(compress(h))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !plainID(id) {
			id = newID()
		}
		w.Header().Set(requestIDHeader, id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		r = r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
		rec := &statusRecorder{ResponseWriter: w}
		start := a.cfg.Now()
		a.metrics.inFlight.Inc()
		defer func() {
			a.metrics.inFlight.Dec()
			a.observe(r, rec, id, a.cfg.Now().Sub(start), recover())
		}()
		h.ServeHTTP(rec, r)
	}), nil
}

// observe ends a request: a panic becomes a 500, or cuts the connection when
// the answer has begun; then the request is counted and logged.
func (a *API) observe(r *http.Request, rec *statusRecorder, id string, took time.Duration, panicked any) {
	if panicked != nil && panicked != http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is panicked
		a.cfg.Logger.Error("handler panicked", "path", r.URL.Path, "query", r.URL.RawQuery, "request_id", id,
			"panic", fmt.Sprint(panicked), "stack", string(debug.Stack()))
		if rec.status == 0 {
			rec.Header().Del("Content-Encoding")
			_, env := errorStatus(fmt.Errorf("panic: %v", panicked))
			writeError(rec, env, id)
			panicked = nil
		}
	}
	status := rec.status
	if status == 0 {
		status = http.StatusOK
	}
	pattern := r.Pattern
	if pattern == "" {
		pattern = "none"
	}
	a.metrics.requests.WithLabelValues(pattern, strconv.Itoa(status)).Inc()
	a.metrics.duration.WithLabelValues(pattern).Observe(took.Seconds())
	a.cfg.Logger.Debug("request", "method", r.Method, "path", r.URL.Path, "query", r.URL.RawQuery, "status", status,
		"bytes", rec.bytes, "duration", took, "request_id", id, "remote", r.RemoteAddr, "user_agent", r.UserAgent())
	if panicked != nil {
		panic(http.ErrAbortHandler)
	}
}

// statusRecorder remembers the status and counts the bytes.
type statusRecorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *statusRecorder) WriteHeader(code int) {
	if r.status == 0 {
		r.status = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *statusRecorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// plainID tells whether an id that came with a request may enter the log.
func plainID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
