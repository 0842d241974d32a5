package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Names of the operations in metrics.
const (
	opGet    = "get"
	opStat   = "stat"
	opPut    = "put"
	opDelete = "delete"
	opList   = "list"
)

// metrics counts what is done with a bucket.
type metrics struct {
	duration *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
	errors   *prometheus.CounterVec
	skew     prometheus.Gauge
}

// newMetrics registers the metrics, or takes those that another bucket of the
// same program registered.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "fleetcost_bucket_operation_duration_seconds",
			Help:    "Time of a bucket operation, retries included; a get counts until its body is closed.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10), // 1 ms to 262 s
		}, []string{"operation"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fleetcost_bucket_bytes_total",
			Help: "Bytes of objects read (get) and written (put).",
		}, []string{"operation"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fleetcost_bucket_operation_errors_total",
			Help: "Bucket operations that ended with an error, by kind; not_found and precondition are part of normal work.",
		}, []string{"operation", "kind"}),
		skew: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fleetcost_bucket_clock_skew_seconds",
			Help: "The store's clock minus ours, as of its last answer; 0 until it told its time.",
		}),
	}
	if err := errors.Join(
		register(reg, &m.duration), register(reg, &m.bytes), register(reg, &m.errors), register(reg, &m.skew),
	); err != nil {
		return nil, fmt.Errorf("register bucket metrics: %w", err)
	}
	for _, op := range []string{opGet, opStat, opPut, opDelete, opList} {
		m.duration.WithLabelValues(op)
	}
	m.bytes.WithLabelValues(opGet)
	m.bytes.WithLabelValues(opPut)
	return m, nil
}

func register[C prometheus.Collector](reg prometheus.Registerer, c *C) error {
	err := reg.Register(*c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if existing, ok := already.ExistingCollector.(C); ok {
			*c = existing
			return nil
		}
	}
	return err
}

// kindName is the label for an error.
func kindName(err error) string {
	for _, k := range []struct {
		err  error
		name string
	}{
		{ErrNotFound, "not_found"},
		{ErrPrecondition, "precondition"},
		{ErrDenied, "denied"},
		{ErrCredentials, "credentials"},
		{ErrThrottled, "throttled"},
		{ErrUnavailable, "unavailable"},
		{context.Canceled, "cancelled"},
		{context.DeadlineExceeded, "deadline"},
	} {
		if errors.Is(err, k.err) {
			return k.name
		}
	}
	return "other"
}

// measured counts the operations of a bucket.
type measured struct {
	Bucket
	m   *metrics
	now func() time.Time
}

// WithMetrics returns b with its operations counted in reg: duration, bytes and
// errors by operation, and the skew of the store's clock. Buckets with one
// registry are counted together.
func WithMetrics(b Bucket, reg prometheus.Registerer, now func() time.Time) (Bucket, error) {
	m, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	return &measured{Bucket: b, m: m, now: now}, nil
}

func (b *measured) done(op string, started time.Time, err error) {
	b.m.duration.WithLabelValues(op).Observe(b.now().Sub(started).Seconds())
	if err != nil {
		b.m.errors.WithLabelValues(op, kindName(err)).Inc()
	}
	if store, local := b.Clock(); !store.IsZero() && !local.IsZero() {
		b.m.skew.Set(store.Sub(local).Seconds())
	}
}

func (b *measured) Get(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	started := b.now()
	r, o, err := b.Bucket.Get(ctx, key)
	if err != nil {
		b.done(opGet, started, err)
		return nil, o, err
	}
	return &measuredReader{ReadCloser: r, bucket: b, started: started}, o, nil
}

// measuredReader counts the bytes read and the read's end.
type measuredReader struct {
	io.ReadCloser
	bucket  *measured
	started time.Time
	err     error
	closed  bool
}

func (r *measuredReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.bucket.m.bytes.WithLabelValues(opGet).Add(float64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

func (r *measuredReader) Close() error {
	if !r.closed {
		r.closed = true
		r.bucket.done(opGet, r.started, r.err)
	}
	return r.ReadCloser.Close()
}

func (b *measured) Stat(ctx context.Context, key string) (Object, error) {
	started := b.now()
	o, err := b.Bucket.Stat(ctx, key)
	b.done(opStat, started, err)
	return o, err
}

func (b *measured) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond Condition) (Object, error) {
	started := b.now()
	o, err := b.Bucket.Put(ctx, key, body, size, cond)
	b.done(opPut, started, err)
	if err == nil {
		b.m.bytes.WithLabelValues(opPut).Add(float64(size))
	}
	return o, err
}

func (b *measured) Delete(ctx context.Context, key string) error {
	started := b.now()
	err := b.Bucket.Delete(ctx, key)
	b.done(opDelete, started, err)
	return err
}

func (b *measured) List(ctx context.Context, prefix, after string, fn func(Object) error) error {
	started := b.now()
	err := b.Bucket.List(ctx, prefix, after, fn)
	b.done(opList, started, err)
	return err
}
