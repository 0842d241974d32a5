package prometheus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sort"
	"strings"
	"sync"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/fleetcost/fleetcost/internal/collect"
	"github.com/fleetcost/fleetcost/internal/cost"
)

// Source reads one cluster's usage from a Prometheus-compatible API.
type Source struct {
	cfg      Config
	client   *client
	log      *slog.Logger
	metrics  *metrics
	families []family

	mu           sync.Mutex
	noRemoteRead bool
	size         map[string]int // samples per hour last seen, by family
}

var _ collect.Source = (*Source)(nil)

// New returns a source; it does not touch the network.
func New(cfg Config, logger *slog.Logger, reg prom.Registerer) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	m, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	log := logger.With("component", "prometheus-source")
	c, err := newClient(cfg, log, m)
	if err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, client: c, log: log, metrics: m, size: map[string]int{}, noRemoteRead: cfg.NoRemoteRead}
	for _, f := range families() {
		if f.when == nil || f.when(cfg) {
			s.families = append(s.families, f)
		}
	}
	return s, nil
}

// Hours implements collect.Source.
func (s *Source) Hours(ctx context.Context, w cost.Window, fn func(cost.HourUsage) error) error {
	for h := w.End - 1; h >= w.Start; {
		n := cost.Hour(s.chunk(int64(h - w.Start + 1)))
		ins, err := s.read(ctx, s.families, cost.Window{Start: h - n + 1, End: h + 1}, time.Time{})
		if err != nil {
			return err
		}
		for i := len(ins) - 1; i >= 0; i-- {
			u := ins[i].Finish()
			ins[i] = nil
			s.metrics.hours.Inc()
			if err := fn(u); err != nil {
				return err
			}
		}
		h -= n
	}
	return nil
}

// Open implements collect.Source.
func (s *Source) Open(ctx context.Context, h cost.Hour, until time.Time) (cost.HourUsage, error) {
	ins, err := s.read(ctx, s.families, cost.Window{Start: h, End: h + 1}, until)
	if err != nil {
		return cost.HourUsage{}, err
	}
	return ins[0].Finish(), nil
}

// read fetches what the families tell of the hours of w, oldest first.
func (s *Source) read(ctx context.Context, of []family, w cost.Window, until time.Time) ([]*collect.Integrator, error) {
	b := &batch{w: w, until: until, step: s.cfg.Step, mu: new(sync.Mutex)}
	for h := w.Start; h < w.End; h++ {
		in, err := collect.NewIntegrator(collect.Config{
			Hour: h, Cluster: s.cfg.ClusterID, Step: s.cfg.Step, Until: until,
			AnnotationAllow: s.cfg.AnnotationAllow, LabelDeny: s.cfg.LabelDeny,
		})
		if err != nil {
			return nil, err
		}
		b.ins = append(b.ins, in)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(s.cfg.Concurrency)
	for i := range of {
		f := &of[i]
		g.Go(func() error {
			n, err := s.fetch(gctx, f, b)
			if err != nil {
				return fmt.Errorf("read %s of %s: %w", f.metric, w, err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.size[f.key()] = int(math.Ceil(float64(n) / float64(w.Hours())))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return b.ins, nil
}

func (f *family) key() string { return f.metric + "{" + f.match + "}" }

// selector returns the family's selector with the configured matcher.
func (s *Source) selector(f *family, extra string) string {
	return f.metric + "{" + s.conditions(f, extra) + "}"
}

func (s *Source) conditions(f *family, extra string) string {
	var m []string
	for _, x := range []string{f.match, extra, s.cfg.Matcher} {
		if x != "" {
			m = append(m, x)
		}
	}
	return strings.Join(m, ",")
}

// raw reads all samples of a family in [from, to): by remote read where the
// backend streams chunks, else as the value of a range selector.
func (s *Source) raw(ctx context.Context, f *family, extra string, from, to time.Time, fn func(labels, []sample) error) (answer, error) {
	s.mu.Lock()
	remote := !s.noRemoteRead
	s.mu.Unlock()
	if remote {
		m, err := parseMatchers(s.conditions(f, extra))
		if err != nil {
			return answer{}, err
		}
		a, err := s.client.read(ctx, append(m, matcher{name: "__name__", value: f.metric}), from, to, s.cfg.MaxSamples, fn)
		if !errors.Is(err, errNoRemoteRead) {
			return a, err
		}
		s.mu.Lock()
		if !s.noRemoteRead {
			s.log.Info("reading by queries, since the backend streams no chunks", "reason", err)
		}
		s.noRemoteRead = true
		s.mu.Unlock()
	}
	q := fmt.Sprintf("%s[%dms]", s.selector(f, extra), to.Sub(from).Milliseconds())
	return s.client.instant(ctx, q, to.Add(-time.Millisecond), s.cfg.MaxSamples, fn)
}

// batch is the hours that are read together.
type batch struct {
	w     cost.Window
	until time.Time
	step  time.Duration

	mu  *sync.Mutex           // guards the integrators
	ins []*collect.Integrator // by hour, oldest first
}

// bounds returns the window of hour h with its margins, not after until.
func (b *batch) bounds(h cost.Hour) (from, to time.Time) {
	from, to = collect.Window(h, b.step)
	if !b.until.IsZero() && b.until.Before(to) {
		to = b.until
	}
	return from, to
}

// addRaw gives each hour the samples within its window.
func (b *batch) addRaw(f *family, l labels, pts []sample) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, in := range b.ins {
		from, to := b.bounds(b.w.Start + cost.Hour(i))
		lo, hi := from.UnixMilli(), to.UnixMilli()
		a := sort.Search(len(pts), func(i int) bool { return pts[i].t >= lo })
		z := sort.Search(len(pts), func(i int) bool { return pts[i].t >= hi })
		if a < z {
			f.add(in, l, pts[a:z])
		}
	}
}

// addHourly gives each hour the sample taken at its end.
func (b *batch) addHourly(f *family, l labels, pts []sample) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range pts {
		for j, in := range b.ins {
			if _, to := b.bounds(b.w.Start + cost.Hour(j)); to.UnixMilli()-1 == pts[i].t {
				f.add(in, l, pts[i:i+1])
			}
		}
	}
}
