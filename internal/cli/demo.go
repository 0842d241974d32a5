package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetcost/fleetcost/internal/demo"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/server"
	"github.com/fleetcost/fleetcost/internal/settings"
)

func newDemo(env *Env) *cobra.Command {
	var cfg demo.Config
	var tune server.Config
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a simulated fleet with its agents, a bucket and a server",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger, err := ops.NewLogger(env.Stderr, tune.Log)
			if err != nil {
				return &usageError{err}
			}
			cfg.Logger, cfg.Now, cfg.DataDir = logger, env.Now, filepath.Join(tune.DataDir, "demo")
			if env.StderrTerminal {
				cfg.Progress = env.Stderr
			}
			cfg.Serve = func(ctx context.Context, storageConfig, dataDir string) error {
				sc := tune
				sc.StorageConfig, sc.DataDir = storageConfig, dataDir
				sc.Logger, sc.Now, sc.Build, sc.Getenv, sc.Progress = logger, env.Now, env.Build, env.getenv, cfg.Progress
				s, err := server.New(ctx, sc)
				if err != nil {
					return err
				}
				fmt.Fprintf(env.Stdout, "fleetcost demo: http://%s\n", s.Addr())
				return s.Run(ctx)
			}
			return demo.Run(cmd.Context(), cfg)
		},
	}
	fs := cmd.Flags()
	tune.TuningFlags(fs)
	fs.IntVar(&cfg.Clusters, "clusters", 12, "clusters of the fleet")
	fs.IntVar(&cfg.Containers, "containers", 2000, "containers of the whole fleet, about")
	fs.IntVar(&cfg.Days, "days", 30, "days of history")
	fs.Uint64Var(&cfg.Seed, "seed", 1, "the same seed is the same fleet")
	settings.DurationVar(fs, &cfg.PushInterval, "push-interval", time.Minute, "time between two pushes of an agent")
	return cmd
}
