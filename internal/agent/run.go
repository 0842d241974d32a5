package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	promclient "github.com/prometheus/client_golang/prometheus"

	"github.com/fleetcost/fleetcost/internal/allocate"
	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/collect"
	"github.com/fleetcost/fleetcost/internal/collect/prometheus"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/pricing"
	"github.com/fleetcost/fleetcost/internal/push"
)

// stopGrace is how long the agent may take to push what it has when told to
// stop; Kubernetes kills it after 30 s.
const stopGrace = 20 * time.Second

// Run is the agent: it returns when ctx ends and what it had is pushed, or, with
// Once or Recompute, when that work is done. cfg must be valid and its storage
// config read.
func Run(ctx context.Context, cfg Config, logger *slog.Logger) error {
	reg := ops.NewRegistry("agent", cfg.Build)
	a, err := build(ctx, cfg, logger, reg)
	if err != nil {
		return err
	}
	defer a.close()
	if cfg.Once || cfg.Recompute != "" {
		p, err := a.connect(ctx)
		if errors.Is(err, errSource) {
			return errors.Join(err, a.pushWithoutSource(ctx, err))
		}
		if err != nil {
			return err
		}
		return once(ctx, p, cfg)
	}
	var state atomic.Value
	state.Store("starting: asking the source")
	g := ops.NewGroup(ctx, logger)
	if cfg.Listen != "" {
		ln, err := net.Listen("tcp", cfg.Listen)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", cfg.Listen, err)
		}
		mux := http.NewServeMux()
		ops.RegisterProbes(mux, reg, func() (bool, any) { return state.Load() == ready, a.readiness(state.Load()) })
		g.AddHTTP("probes", ln, mux, time.Second)
		logger.Info("probes and metrics", "address", ln.Addr().String())
	}
	g.Add("pipeline", func(ctx context.Context) error {
		p, err := a.connectPatiently(ctx, func(err error) { state.Store(err.Error()) })
		if err != nil {
			return err
		}
		if err := p.Start(ctx); err != nil {
			if Final(err) || ctx.Err() != nil {
				return err
			}
			p.Report.failed(roundFailed, err)
			logger.Error("the bucket is away; collecting into the spool until it is back", p.Report.explain.attrs(err)...)
		}
		state.Store(ready)
		err = p.Follow(ctx)
		return errors.Join(err, farewell(ctx, p))
	})
	return g.Run()
}

// readiness is the detail of /readyz: the state, and a storage config that is
// refused. The agent works on with the one before, so that it stays ready.
func (a *unit) readiness(state any) any {
	if err := a.bucket.Refused(); err != nil {
		return fmt.Sprintf("%v; the storage config on disk is refused and the one before stays in force: %v", state, err)
	}
	return state
}

// ready is what /readyz says once the agent collects and pushes.
const ready = "collecting and pushing"

// unit holds what a configuration makes before the source has been asked.
type unit struct {
	cfg    Config
	logger *slog.Logger
	reg    promclient.Registerer
	bucket *bucket.Reloading
	source collect.Source
	prices *pricing.Lookup
	report *Report
	pusher *push.Pusher // nil until it is known which cluster this is
	owner  push.Owner   // of the pusher
}

// build makes everything that needs neither the source nor the store, so that
// what is wrong with the configuration is said at once.
func build(ctx context.Context, cfg Config, logger *slog.Logger, reg promclient.Registerer) (*unit, error) {
	if err := os.MkdirAll(cfg.SpoolDir, 0o750); err != nil {
		return nil, fmt.Errorf("make the spool directory: %w; give a writable one with --spool-dir", err)
	}
	prices, err := pricing.New(cfg.Pricing)
	if err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	cfg.Prometheus.ClusterID, cfg.Prometheus.Now = cfg.ClusterID, cfg.Now
	source, err := prometheus.New(cfg.Prometheus, logger, reg)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	// Warnings about the file were logged when it was read first.
	b, _, err := bucket.OpenFile(ctx, cfg.storageSource(), bucket.Deps{Logger: logger.With("component", "bucket"), Getenv: cfg.Getenv, Registerer: reg, Now: cfg.Now})
	if err != nil {
		return nil, fmt.Errorf("open the bucket: %w", err)
	}
	report := NewReport(pricing.IsDefault, cfg.Now)
	report.explain = newExplainer(&cfg)
	report.explain.caller = b.CallerARN
	report.StorageRefused = b.Refused
	return &unit{cfg: cfg, logger: logger, reg: reg, bucket: b, source: source, prices: prices, report: report}, nil
}

func (a *unit) close() {
	var err error
	if a.pusher != nil {
		err = a.pusher.Close()
	}
	if err = errors.Join(err, a.bucket.Close()); err != nil {
		a.logger.Warn("close", "err", err)
	}
}

// connect asks the source which cluster this is and what it lacks, and makes
// the pipeline.
func (a *unit) connect(ctx context.Context) (*Pipeline, error) {
	owner, err := inspect(ctx, a.cfg, a.source, a.report, a.logger)
	if err != nil {
		return nil, err
	}
	a.report.succeeded(sourceAway)
	if err := a.pushAs(owner); err != nil {
		return nil, err
	}
	return &Pipeline{
		Source: a.source, Prices: a.prices, Policy: allocate.Policy{}, Pusher: a.pusher, Schedule: a.cfg.Schedule,
		Cluster: a.cfg.ClusterID, Now: a.cfg.Now, Logger: a.logger.With("component", "agent"), Report: a.report,
		Inspect: func(ctx context.Context) error {
			_, err := inspect(ctx, a.cfg, a.source, a.report, a.logger)
			return err
		},
	}, nil
}

// pushAs makes the pusher of a cluster, once.
func (a *unit) pushAs(owner push.Owner) error {
	if a.pusher != nil {
		if a.owner != owner {
			return fmt.Errorf("the spool was pushed as that of cluster %s (%s), and the source says that this is %s (%s); the next start begins with the latter",
				a.owner.UID, a.owner.Proof, owner.UID, owner.Proof)
		}
		return nil
	}
	p, err := push.New(push.Config{
		ClusterID: a.cfg.ClusterID, Currency: a.prices.Currency(), Writer: "fleetcost-agent " + a.cfg.Build.Version,
		SpoolDir: a.cfg.SpoolDir, SpoolDays: a.cfg.SpoolDays, SpoolBytes: a.cfg.SpoolBytes,
		Owner: owner, TakeOver: a.cfg.TakeOver, Now: a.cfg.Now, Explain: a.report.explain.problem,
	}, a.bucket, a.logger.With("component", "push"), a.reg)
	if err != nil {
		return fmt.Errorf("pusher: %w", err)
	}
	a.pusher, a.owner = p, owner
	return nil
}

// pushWithoutSource brings what waits in the spool to the bucket although the
// source does not say which cluster this is, and tells the fleet that it does
// not. It needs an owner that is known from before, and does nothing without.
func (a *unit) pushWithoutSource(ctx context.Context, cause error) error {
	owner := push.LastOwner(a.cfg.SpoolDir, a.cfg.ClusterID)
	if a.cfg.ClusterUID != "" {
		owner = push.Owner{UID: a.cfg.ClusterUID, Proof: costfile.ProofFlag}
	}
	if a.pusher == nil && owner.UID == "" {
		return nil
	}
	if a.pusher == nil {
		if err := a.pushAs(owner); err != nil {
			return err
		}
	}
	a.report.failed(sourceAway, cause)
	if _, err := a.pusher.Push(ctx, a.report.fill); err != nil {
		return fmt.Errorf("push what is in the spool: %w", err)
	}
	return nil
}

// connectPatiently connects again and again while the source is away, as it is
// when a whole cluster starts: an agent that ended would only be restarted.
func (a *unit) connectPatiently(ctx context.Context, failed func(error)) (*Pipeline, error) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = time.Second, time.Minute
	var pushed time.Time
	for {
		p, err := a.connect(ctx)
		if err == nil || ctx.Err() != nil || !errors.Is(err, errSource) {
			return p, err
		}
		failed(err)
		if now := a.cfg.Now(); now.Sub(pushed) >= a.cfg.Schedule.PushInterval {
			pushed = now
			switch err := a.pushWithoutSource(ctx, err); {
			case errors.Is(err, push.ErrNotOwner), errors.Is(err, push.ErrSpoolInUse):
				return nil, err
			case err != nil && ctx.Err() == nil:
				a.logger.Error("the spool waits", a.report.explain.attrs(err)...)
			}
		}
		next := wait.NextBackOff()
		a.logger.Error("the source cannot be read yet; trying again", "err", err, "in", next.Round(time.Second).String())
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(next):
		}
	}
}

// errSource marks what may pass by itself: a source that is away or does not
// know the cluster yet.
var errSource = errors.New("source")

// inspect asks the source what it is and what it lacks, says so in the log and
// the report, and returns which cluster this is.
func inspect(ctx context.Context, cfg Config, source collect.Source, report *Report, logger *slog.Logger) (push.Owner, error) {
	check, err := source.Check(ctx)
	if err != nil {
		return push.Owner{}, fmt.Errorf("%w: %w; check --prometheus-url, and that it answers from here", errSource, err)
	}
	status := costfile.SourceStatus{Kind: cfg.Source, Target: check.Backend, LastRead: cfg.Now().UTC()}
	for _, m := range check.Missing {
		if !report.known(m.Metric) { // say it once
			logger.Warn("metric absent", "metric", m.Metric, "effect", m.Effect, "fix", m.Fix)
		}
		status.Missing = append(status.Missing, costfile.MissingMetric{Metric: m.Metric, Effect: m.Effect, Fix: m.Fix})
	}
	for _, w := range check.Warnings {
		if !report.doubted(w) {
			logger.Warn("source", "warning", w)
		}
	}
	id, err := source.Identity(ctx)
	if err != nil {
		return push.Owner{}, fmt.Errorf("%w: find out which cluster this is: %w", errSource, err)
	}
	report.SetSource(status, id.Provider, id.Region, check.Warnings...)
	owner := push.Owner{UID: id.UID, Proof: proofOf(id.Proof)}
	if cfg.ClusterUID != "" {
		owner = push.Owner{UID: cfg.ClusterUID, Proof: costfile.ProofFlag}
	}
	if owner.UID == "" {
		return owner, fmt.Errorf("%w: cannot tell which cluster this is: there is no kube_namespace_created of kube-system; scrape kube-state-metrics, or give --cluster-uid", errSource)
	}
	logger.Info("source", "backend", check.Backend, "oldest", check.Oldest, "newest", check.Newest, "provider", id.Provider, "region", id.Region, "uid", owner.UID)
	return owner, nil
}

func proofOf(s string) costfile.Proof {
	if s == "namespace_uid" {
		return costfile.ProofNamespaceUID
	}
	return costfile.ProofNamespaceCreated
}

// farewell pushes what is there when the agent is told to stop.
func farewell(ctx context.Context, p *Pipeline) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	if err := p.Tick(ctx); err != nil {
		return fmt.Errorf("last push before stopping: %w; what is in the spool is pushed at the next start", err)
	}
	p.Logger.Info("stopped; everything is pushed")
	return nil
}

// once does one piece of work and ends: the way of a CronJob.
func once(ctx context.Context, p *Pipeline, cfg Config) error {
	if err := p.Start(ctx); err != nil {
		return err
	}
	if cfg.Recompute != "" {
		w, err := ParseRange(cfg.Recompute)
		if err != nil {
			return err
		}
		if err := p.Recompute(ctx, w); err != nil {
			return errors.Join(err, p.Push(ctx))
		}
		return p.Push(ctx)
	}
	// A push now and then keeps a long backfill's progress in the bucket.
	last := p.Now()
	err := p.Backfill(ctx, func(ctx context.Context) error {
		if p.Now().Sub(last) < time.Minute {
			return nil
		}
		last = p.Now()
		return p.Push(ctx)
	})
	if err != nil {
		return errors.Join(err, p.Push(ctx))
	}
	if err := p.Tick(ctx); err != nil {
		return err
	}
	if b := p.Report.backfilled(); b != nil && b.Empty == b.Hours && p.open == 0 {
		return fmt.Errorf("the source has no sample of the %d hours asked for, and none of now, so nothing was pushed; check --prometheus-url and the matcher, and that it scrapes kube-state-metrics and the kubelets", b.Hours)
	}
	return nil
}
