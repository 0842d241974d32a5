package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"

	"github.com/fleetcost/fleetcost/internal/agent"
	"github.com/fleetcost/fleetcost/internal/allocate"
	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/pricing"
	"github.com/fleetcost/fleetcost/internal/push"
	"github.com/fleetcost/fleetcost/internal/simulate"
)

// Config is what a demo can be told.
type Config struct {
	DataDir    string // bucket, spools and the server's store live below it
	Clusters   int
	Containers int // in the whole fleet, about
	Days       int
	Seed       uint64
	// PushInterval is how often the live agents push; a minute by default, so
	// that a visitor sees them at work.
	PushInterval time.Duration
	Progress     io.Writer // for the bar; nil for none
	Now          func() time.Time
	Logger       *slog.Logger
	// Serve runs the server over the bucket until ctx ends. It is given by the
	// caller so that agent side and server side are wired in one place.
	Serve func(ctx context.Context, storageConfig, dataDir string) error
}

// fleetFile remembers which fleet a data directory holds, so that the same
// demo started tomorrow goes on with the same past.
type fleetFile struct {
	Seed       uint64    `json:"seed"`
	Clusters   int       `json:"clusters"`
	Containers int       `json:"containers"`
	Start      cost.Hour `json:"start"`
	End        cost.Hour `json:"end"`
}

// Run builds the fleet, fills the bucket with its past (what is there already
// is not built again), then keeps the agents pushing beside the server until
// ctx ends.
func Run(ctx context.Context, cfg Config) error {
	dir := filepath.Join(cfg.DataDir, fmt.Sprintf("demo-%d-%d-%d-%d", cfg.Seed, cfg.Clusters, cfg.Containers, cfg.Days))
	bucketDir := filepath.Join(dir, "bucket")
	if err := os.MkdirAll(bucketDir, 0o755); err != nil {
		return fmt.Errorf("make the demo's directory: %w", err)
	}
	fleet, err := openFleet(filepath.Join(dir, "fleet.json"), cfg)
	if err != nil {
		return err
	}
	storage := filepath.Join(dir, "federated-store.yaml")
	text := fmt.Sprintf("type: FILESYSTEM\nconfig:\n  directory: %q\n", bucketDir)
	if err := os.WriteFile(storage, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the demo's storage config: %w", err)
	}
	b, err := bucket.OpenFilesystem(bucketDir, cfg.Now)
	if err != nil {
		return fmt.Errorf("open the demo's bucket: %w", err)
	}
	defer b.Close()

	pipes, err := Fill(ctx, cfg, fleet, b, filepath.Join(dir, "spool"))
	defer func() {
		for _, p := range pipes {
			_ = p.Pusher.Close() // only releases the spool's lock
		}
	}()
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range pipes {
		g.Go(func() error { return p.Follow(ctx) })
	}
	g.Go(func() error { return cfg.Serve(ctx, storage, filepath.Join(dir, "server")) })
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func openFleet(path string, cfg Config) (*simulate.Fleet, error) {
	end := cost.HourOf(cfg.Now())
	f := fleetFile{Seed: cfg.Seed, Clusters: cfg.Clusters, Containers: cfg.Containers, Start: end - cost.Hour(cfg.Days*24), End: end}
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(b, &f); err != nil {
			return nil, fmt.Errorf("read %s: %w; delete the demo's directory to begin anew", path, err)
		}
	case errors.Is(err, os.ErrNotExist):
		b, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("remember the fleet: %w", err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return nil, fmt.Errorf("remember the fleet: %w", err)
		}
	default:
		return nil, fmt.Errorf("read the fleet: %w", err)
	}
	return simulate.NewFleet(simulate.Options{
		Seed: f.Seed, Clusters: f.Clusters, Containers: f.Containers, Start: f.Start, End: f.End,
	}), nil
}

func pipelines(cfg Config, fleet *simulate.Fleet, b bucket.Bucket, spool string) ([]*agent.Pipeline, error) {
	var out []*agent.Pipeline
	for _, c := range fleet.Clusters() {
		prices, err := pricing.New(pricing.Config{Currency: c.Currency})
		if err != nil {
			return nil, fmt.Errorf("prices of %s: %w", c.Name, err)
		}
		log := cfg.Logger.With("cluster", c.Name)
		pusher, err := push.New(push.Config{
			ClusterID: c.Name, Currency: c.Currency, Writer: "fleetcost demo",
			SpoolDir: filepath.Join(spool, c.Name), SpoolDays: int(fleet.Window().Hours()/24) + 2, SpoolBytes: 8 << 30,
			Owner: push.Owner{UID: c.UID, Proof: costfile.ProofNamespaceUID}, Now: cfg.Now,
		}, b, log, prometheus.NewRegistry())
		if err != nil {
			return nil, fmt.Errorf("agent of %s: %w", c.Name, err)
		}
		sched := agent.DefaultSchedule
		sched.PushInterval = cfg.PushInterval
		sched.Backfill = cfg.Now().Sub(fleet.Window().Start.Start())
		report := agent.NewReport(pricing.IsDefault, cfg.Now)
		report.SetSource(costfile.SourceStatus{Kind: "simulated", Target: c.Profile, LastRead: cfg.Now().UTC()}, c.Provider, c.Region)
		out = append(out, &agent.Pipeline{
			Source: &source{cluster: c, now: cfg.Now}, Prices: prices, Policy: allocate.Policy{}, Pusher: pusher,
			Schedule: sched, Cluster: c.Name, Now: cfg.Now, Logger: log, Report: report,
		})
	}
	return out, nil
}

// Fill lets the agent of every cluster backfill and push its past into b, a few
// at a time, and returns the agents, ready to follow.
func Fill(ctx context.Context, cfg Config, fleet *simulate.Fleet, b bucket.Bucket, spool string) ([]*agent.Pipeline, error) {
	pipes, err := pipelines(cfg, fleet, b, spool)
	if err != nil {
		return nil, err
	}
	var bar *progressbar.ProgressBar
	if cfg.Progress != nil {
		bar = progressbar.NewOptions(int(fleet.Window().Hours())/24*len(pipes),
			progressbar.OptionSetWriter(cfg.Progress), progressbar.OptionSetDescription("filling the bucket (cluster-days)"),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
		defer func() { _ = bar.Finish() }()
	}
	g, ctx := errgroup.WithContext(ctx)
	// More than one per core: an agent waits for the disk (fsync) half the time.
	g.SetLimit(4 * runtime.GOMAXPROCS(0))
	for _, p := range pipes {
		g.Go(func() error {
			if err := p.Start(ctx); err != nil {
				return fmt.Errorf("%s: %w", p.Cluster, err)
			}
			err := p.Backfill(ctx, func(context.Context) error {
				if bar != nil {
					_ = bar.Add(1) // a bar that cannot be drawn must not stop the demo
				}
				return nil
			})
			if err == nil {
				err = p.Push(ctx)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", p.Cluster, err)
			}
			return nil
		})
	}
	return pipes, g.Wait()
}
