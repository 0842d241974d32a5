package prometheus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
)

// client speaks the query API: one method per kind of question, retried while
// the reason is a passing one.
type client struct {
	cfg     Config
	http    *http.Client
	log     *slog.Logger
	metrics *metrics
	wait    func(ctx context.Context, d time.Duration) error
}

// apiError is what the server said instead of an answer.
type apiError struct {
	status  int
	kind    string // the API's errorType, such as bad_data or execution
	message string
	after   time.Duration
}

func (e *apiError) Error() string {
	s := fmt.Sprintf("prometheus answered %d", e.status)
	if e.kind != "" {
		s += " " + e.kind
	}
	if e.message != "" {
		s += ": " + e.message
	}
	if h := e.hint(); h != "" {
		s += " (" + h + ")"
	}
	return s
}

// hint names the operator's next step.
func (e *apiError) hint() string {
	switch {
	case e.status == http.StatusUnauthorized:
		return "check the token or password file, or the proxy's credentials"
	case e.status == http.StatusForbidden:
		return "the credentials are known but may not query; check the proxy's rules or the tenant header"
	case e.status == http.StatusNotFound:
		return "is the URL the API's base? Mimir's ends in /prometheus, VictoriaMetrics' cluster in /select/0/prometheus"
	case e.tooLarge():
		return "lower max_samples, or raise the server's query limits"
	}
	return ""
}

// tooLarge tells whether the server refuses the query for its size, so that a
// smaller one may pass.
func (e *apiError) tooLarge() bool {
	if e.status == http.StatusRequestEntityTooLarge {
		return true
	}
	m := strings.ToLower(e.message)
	for _, s := range []string{"too many samples", "exceeded maximum resolution", "max-samples", "limit exceeded", "exceeds the limit", "err-mimir-max", "-search.max"} {
		if strings.Contains(m, s) {
			return true
		}
	}
	return false
}

// passing tells whether the same query may succeed later.
func (e *apiError) passing() bool {
	if e.tooLarge() {
		return false
	}
	switch e.status {
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func newClient(cfg Config, log *slog.Logger, m *metrics) (*client, error) {
	t, err := cfg.transport()
	if err != nil {
		return nil, err
	}
	return &client{cfg: cfg, http: &http.Client{Transport: t}, log: log, metrics: m, wait: wait}, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// instant asks for query at the time at.
func (c *client) instant(ctx context.Context, query string, at time.Time, maxSamples int, fn func(labels, []sample) error) (answer, error) {
	return c.ask(ctx, "query", url.Values{"query": {query}, "time": {seconds(at)}}, maxSamples, fn)
}

// ranged asks for query at every step from start to end.
func (c *client) ranged(ctx context.Context, query string, start, end time.Time, step time.Duration, maxSamples int, fn func(labels, []sample) error) (answer, error) {
	return c.ask(ctx, "query_range", url.Values{
		"query": {query}, "start": {seconds(start)}, "end": {seconds(end)}, "step": {seconds(time.Unix(0, int64(step)))},
		"nocache": {"1"}, // VictoriaMetrics would move start and end to multiples of step
	}, maxSamples, fn)
}

// seconds formats an instant as the API reads it, to the millisecond.
func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

// ask posts one query and feeds its series to fn. When an answer breaks off it
// is asked again from its beginning, so fn may see a series twice.
func (c *client) ask(ctx context.Context, path string, form url.Values, maxSamples int, fn func(labels, []sample) error) (answer, error) {
	form.Set("partial_response", "false")  // Thanos: fail rather than leave a store out
	form.Set("deny_partial_response", "1") // VictoriaMetrics' cluster: the same
	form.Set("timeout", strconv.Itoa(int(c.cfg.Timeout/time.Second))+"s")
	return c.retry(ctx, func() (answer, error) { return c.once(ctx, path, form, maxSamples, fn) })
}

// retry calls do until it succeeds or its error is no passing one.
func (c *client) retry(ctx context.Context, do func() (answer, error)) (answer, error) {
	for try := 0; ; try++ {
		a, err := do()
		if err == nil || try >= c.cfg.Retries || !transient(ctx, err) {
			return a, err
		}
		pause := min(30*time.Second, 250*time.Millisecond<<min(try, 10))
		pause = pause/2 + rand.N(pause) //nolint:gosec // spreads retries, decides nothing
		var api *apiError
		if errors.As(err, &api) && api.after > 0 {
			pause = min(api.after, time.Minute)
		}
		c.metrics.retries.Inc()
		c.log.Warn("query failed, trying again", "error", err, "in", pause.Round(time.Millisecond), "try", try+1)
		if err := c.wait(ctx, pause); err != nil {
			return a, err
		}
	}
}

// partialError is an answer with a part of the data. What is computed from it
// would be too cheap and look whole, so it is not used.
type partialError struct{ why string }

func (e *partialError) Error() string {
	return "the source answered in part: " + e.why + "; no hour is computed from half of its samples, so it stays a gap until all stores behind the source answer"
}

// callbackError wraps an error of the caller's function, which is never retried.
type callbackError struct{ error }

func (e callbackError) Unwrap() error { return e.error }

// transient tells whether asking again may help.
func transient(ctx context.Context, err error) bool {
	var api *apiError
	var cb callbackError
	switch {
	case ctx.Err() != nil, errors.Is(err, errTooManySamples), errors.Is(err, errNoRemoteRead), errors.As(err, &cb):
		return false
	case errors.As(err, &api):
		return api.passing()
	}
	return true // the network
}

func (c *client) once(ctx context.Context, path string, form url.Values, maxSamples int, fn func(labels, []sample) error) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout+5*time.Second)
	defer cancel()
	req, err := c.request(ctx, http.MethodPost, "/api/v1/"+path, form)
	if err != nil {
		return answer{}, err
	}
	began := c.cfg.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		c.metrics.queries.WithLabelValues(path, "error").Inc()
		return answer{}, fmt.Errorf("ask prometheus at %s: %w", c.cfg.URL, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		c.metrics.queries.WithLabelValues(path, strconv.Itoa(resp.StatusCode)).Inc()
		return answer{}, readError(resp)
	}
	a, err := decode(resp.Body, maxSamples, func(l labels, p []sample) error {
		if err := fn(l, p); err != nil {
			return callbackError{err}
		}
		return nil
	})
	c.metrics.samples.Add(float64(a.samples))
	c.metrics.seconds.WithLabelValues(path).Observe(c.cfg.Now().Sub(began).Seconds())
	if err == nil && a.status != "success" {
		err = &apiError{status: resp.StatusCode, kind: a.errorType, message: a.message}
	}
	if why := a.incomplete(); err == nil && why != "" {
		err = &partialError{why}
	}
	result := "ok"
	if err != nil {
		result = "error"
	}
	c.metrics.queries.WithLabelValues(path, result).Inc()
	return a, err
}

func readError(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	e := &apiError{status: resp.StatusCode}
	if a, err := decode(strings.NewReader(string(body)), 0, func(labels, []sample) error { return nil }); err == nil {
		e.kind, e.message = a.errorType, a.message
	} else {
		e.message = strings.TrimSpace(string(body[:min(len(body), 300)]))
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.after = time.Duration(s) * time.Second
	}
	return e
}

// request makes a request with the configured credentials, which are read
// again each time because they rotate.
func (c *client) request(ctx context.Context, method, path string, form url.Values) (*http.Request, error) {
	var body io.Reader
	target := c.cfg.URL + path
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	} else if len(form) > 0 {
		target += "?" + form.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make a request to %s: %w", c.cfg.URL, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range c.cfg.Headers {
		req.Header.Set(k, v)
		if strings.EqualFold(k, "Host") {
			req.Host = v
		}
	}
	switch {
	case c.cfg.BearerTokenFile != "":
		token, err := os.ReadFile(c.cfg.BearerTokenFile)
		if err != nil {
			return nil, fmt.Errorf("read prometheus bearer_token_file: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	case c.cfg.Username != "":
		password, err := os.ReadFile(c.cfg.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("read prometheus password_file: %w", err)
		}
		req.SetBasicAuth(c.cfg.Username, strings.TrimRight(string(password), "\r\n"))
	}
	return req, nil
}

// metrics are what the source tells of its own work.
type metrics struct {
	queries *prom.CounterVec
	samples prom.Counter
	retries prom.Counter
	seconds *prom.HistogramVec
	hours   prom.Counter
}

func newMetrics(reg prom.Registerer) (*metrics, error) {
	m := &metrics{
		queries: prom.NewCounterVec(prom.CounterOpts{
			Name: "fleetcost_prometheus_queries_total",
			Help: "Queries sent to the Prometheus source, by endpoint and result.",
		}, []string{"endpoint", "result"}),
		samples: prom.NewCounter(prom.CounterOpts{
			Name: "fleetcost_prometheus_samples_total",
			Help: "Samples read from the Prometheus source.",
		}),
		retries: prom.NewCounter(prom.CounterOpts{
			Name: "fleetcost_prometheus_retries_total",
			Help: "Queries to the Prometheus source that were tried again.",
		}),
		seconds: prom.NewHistogramVec(prom.HistogramOpts{
			Name:    "fleetcost_prometheus_query_seconds",
			Help:    "Time from the sending of a query to the end of its answer.",
			Buckets: []float64{0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120},
		}, []string{"endpoint"}),
		hours: prom.NewCounter(prom.CounterOpts{
			Name: "fleetcost_prometheus_integrated_total",
			Help: "Hours of usage integrated from the Prometheus source.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prom.Collector{m.queries, m.samples, m.retries, m.seconds, m.hours} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of the prometheus source: %w", err)
		}
	}
	return m, nil
}
