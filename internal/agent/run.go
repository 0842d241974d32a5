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
// Once or Recompute, when that work is done. cfg must be valid.
func Run(ctx context.Context, cfg Config, logger *slog.Logger) error {
	reg := ops.NewRegistry("agent", cfg.Build)
	p, closeBucket, err := build(ctx, cfg, logger, reg)
	if err != nil {
		return err
	}
	defer closeBucket()
	if cfg.Once || cfg.Recompute != "" {
		return once(ctx, p, cfg)
	}
	var ready atomic.Bool
	g := ops.NewGroup(ctx, logger)
	if cfg.Listen != "" {
		ln, err := net.Listen("tcp", cfg.Listen)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", cfg.Listen, err)
		}
		mux := http.NewServeMux()
		ops.RegisterProbes(mux, reg, func() (bool, any) {
			if ready.Load() {
				return true, "pushing"
			}
			return false, "starting: reading the bucket and the source"
		})
		g.AddHTTP("probes", ln, mux, time.Second)
		logger.Info("probes and metrics", "address", ln.Addr().String())
	}
	g.Add("pipeline", func(ctx context.Context) error {
		if err := p.Start(ctx); err != nil {
			if Final(err) || ctx.Err() != nil {
				return err
			}
			p.Report.failed(err)
			logger.Error("the bucket is away; collecting into the spool until it is back", "err", err)
		}
		ready.Store(true)
		err := p.Follow(ctx)
		return errors.Join(err, farewell(ctx, p))
	})
	return g.Run()
}

// build wires the pipeline of a configuration.
func build(ctx context.Context, cfg Config, logger *slog.Logger, reg promclient.Registerer) (*Pipeline, func(), error) {
	b, err := openBucket(ctx, cfg, logger, reg)
	if err != nil {
		return nil, nil, err
	}
	fail := func(err error) (*Pipeline, func(), error) {
		return nil, nil, errors.Join(err, b.Close())
	}
	cfg.Prometheus.ClusterID, cfg.Prometheus.Now = cfg.ClusterID, cfg.Now
	source, err := prometheus.New(cfg.Prometheus, logger.With("component", "collect"), reg)
	if err != nil {
		return fail(fmt.Errorf("source: %w", err))
	}
	prices, err := pricing.New(cfg.Pricing)
	if err != nil {
		return fail(fmt.Errorf("prices: %w", err))
	}
	report := NewReport(pricing.IsDefault, cfg.Now)
	owner, err := inspect(ctx, cfg, source, report, logger)
	if err != nil {
		return fail(err)
	}
	pusher, err := push.New(push.Config{
		ClusterID: cfg.ClusterID, Currency: prices.Currency(), Writer: "fleetcost-agent " + cfg.Build.Version,
		SpoolDir: cfg.SpoolDir, SpoolDays: cfg.SpoolDays, SpoolBytes: cfg.SpoolBytes,
		Owner: owner, TakeOver: cfg.TakeOver, Now: cfg.Now,
	}, b, logger.With("component", "push"), reg)
	if err != nil {
		return fail(fmt.Errorf("pusher: %w", err))
	}
	p := &Pipeline{
		Source: source, Prices: prices, Policy: allocate.Policy{}, Pusher: pusher, Schedule: cfg.Schedule,
		Cluster: cfg.ClusterID, Now: cfg.Now, Logger: logger.With("component", "agent"), Report: report,
	}
	return p, func() {
		if err := errors.Join(pusher.Close(), b.Close()); err != nil {
			logger.Warn("close", "err", err)
		}
	}, nil
}

func openBucket(ctx context.Context, cfg Config, logger *slog.Logger, reg promclient.Registerer) (bucket.Bucket, error) {
	text, err := os.ReadFile(cfg.StorageConfig)
	if err != nil {
		return nil, fmt.Errorf("read the storage config: %w; --storage-config names your federated-store.yaml", err)
	}
	bc, warnings, err := bucket.ParseConfig(cfg.StorageConfig, text, bucket.ParseOptions{LenientUnknown: cfg.LenientStorageConfig})
	if err != nil {
		return nil, err
	}
	for _, w := range warnings {
		logger.Warn("storage config", "warning", w.String())
	}
	b, err := bucket.Open(ctx, bc, bucket.Deps{Logger: logger.With("component", "bucket"), Getenv: cfg.Getenv, Registerer: reg, Now: cfg.Now})
	if err != nil {
		return nil, fmt.Errorf("open the bucket: %w", err)
	}
	return b, nil
}

// inspect asks the source what it is and what it lacks, says so in the log and
// the report, and returns which cluster this is.
func inspect(ctx context.Context, cfg Config, source collect.Source, report *Report, logger *slog.Logger) (push.Owner, error) {
	check, err := source.Check(ctx)
	if err != nil {
		return push.Owner{}, fmt.Errorf("source: %w", err)
	}
	status := costfile.SourceStatus{Kind: cfg.Source, Target: check.Backend, LastRead: cfg.Now().UTC()}
	for _, m := range check.Missing {
		logger.Warn("metric absent", "metric", m.Metric, "effect", m.Effect, "fix", m.Fix)
		status.Missing = append(status.Missing, costfile.MissingMetric{Metric: m.Metric, Effect: m.Effect, Fix: m.Fix})
	}
	for _, w := range check.Warnings {
		logger.Warn("source", "warning", w)
	}
	id, err := source.Identity(ctx)
	if err != nil {
		return push.Owner{}, fmt.Errorf("find out which cluster this is: %w", err)
	}
	report.SetSource(status, id.Provider, id.Region)
	owner := push.Owner{UID: id.UID, Proof: proofOf(id.Proof)}
	if cfg.ClusterUID != "" {
		owner = push.Owner{UID: cfg.ClusterUID, Proof: costfile.ProofFlag}
	}
	if owner.UID == "" {
		return owner, errors.New("cannot tell which cluster this is: the source has no kube_namespace_created for kube-system; scrape kube-state-metrics, or give --cluster-uid")
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
	return p.Tick(ctx)
}
