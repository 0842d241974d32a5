package agent

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fleetcost/fleetcost/internal/settings"
	"github.com/fleetcost/fleetcost/internal/storagecheck"
)

// StorageCommand is the name of the command that Storage runs.
const StorageCommand = "storage"

// Storage runs `fleetcost-agent storage …`: in a cluster, the agent's image is
// where the bucket can be checked with the agent's own credentials. args are
// those of the program; environ is as os.Environ gives it. It returns the exit
// code.
func Storage(ctx context.Context, env storagecheck.Surroundings, environ, args []string) int {
	env.Role = storagecheck.RoleAgent
	env.NoArgs = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return &storagecheck.UsageError{Err: fmt.Errorf("%s takes no argument, found %q", cmd.CommandPath(), args[0])}
		}
		return nil
	}
	env.NoCommand = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return &storagecheck.UsageError{Err: fmt.Errorf("unknown command %q (see %s --help)", args[0], cmd.CommandPath())}
		}
		return nil
	}
	root := &cobra.Command{
		Use: "fleetcost-agent", SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return loadStorageSettings(cmd, env, environ) },
	}
	root.PersistentFlags().String("config", "", "YAML file with the agent's settings: storage-config and cluster-id are read")
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &storagecheck.UsageError{Err: settings.Suggest(cmd.Flags(), err)}
	})
	root.AddCommand(storagecheck.Command(env))
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var exit *storagecheck.ExitError
	var usage *storagecheck.UsageError
	switch {
	case err == nil:
		return storagecheck.ExitOK
	case errors.As(err, &exit):
		return exit.Code
	case errors.As(err, &usage):
		fmt.Fprintln(env.Stderr, "fleetcost-agent: "+err.Error())
		return storagecheck.ExitUsage
	}
	fmt.Fprintln(env.Stderr, "fleetcost-agent: "+err.Error())
	return storagecheck.ExitFail
}

// loadStorageSettings takes from the agent's own settings what the command has
// a flag for, so that in the agent's pod no flag is needed.
func loadStorageSettings(cmd *cobra.Command, env storagecheck.Surroundings, environ []string) error {
	all := pflag.NewFlagSet("fleetcost-agent", pflag.ContinueOnError)
	Flags(all)
	all.String("config", "", "")
	name, err := cmd.Flags().GetString("config")
	if err != nil {
		return err
	}
	if name == "" {
		name = env.Getenv(settings.Env("config"))
	}
	var content []byte
	if name != "" {
		if content, err = os.ReadFile(name); err != nil {
			return &storagecheck.UsageError{Err: fmt.Errorf("read settings: %w", err)}
		}
	}
	warnings, err := settings.Load(all, environ, name, content, cmd.Flags())
	if err != nil {
		return &storagecheck.UsageError{Err: err}
	}
	for _, w := range warnings {
		fmt.Fprintln(env.Stderr, "warning: "+w)
	}
	for _, flag := range []string{"storage-config", "cluster-id", "lenient-storage-config"} {
		from, to := all.Lookup(flag), cmd.Flags().Lookup(flag)
		if from == nil || to == nil || to.Changed || !from.Changed {
			continue
		}
		if err := cmd.Flags().Set(flag, from.Value.String()); err != nil {
			return &storagecheck.UsageError{Err: err}
		}
	}
	return nil
}
