package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/server"
)

func newServer(env *Env) *cobra.Command {
	var cfg server.Config
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Read the bucket and serve API and web page",
		Long: `Read the bucket and serve the API and the web page.

The directory --data-dir is a cache of the bucket: deleting it and starting
again gives the same answers. /readyz answers 200 once what the bucket held at
start is loaded; cost questions are answered from then on.`,
		Example: `  fleetcost server --storage-config federated-store.yaml --listen 127.0.0.1:9003`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger, err := ops.NewLogger(env.Stderr, cfg.Log)
			if err != nil {
				return &usageError{err}
			}
			cfg.Logger, cfg.Now, cfg.Build, cfg.Getenv = logger, env.Now, env.Build, env.getenv
			if env.StderrTerminal {
				cfg.Progress = env.Stderr
			}
			if err := cfg.Validate(); err != nil {
				return &usageError{fmt.Errorf("server: %w", err)}
			}
			return server.Run(cmd.Context(), cfg)
		},
	}
	cfg.Flags(cmd.Flags())
	return cmd
}
