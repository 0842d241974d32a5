package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/settings"
	"github.com/fleetcost/fleetcost/internal/storagecheck"
)

// The exit codes.
const (
	ExitOK      = 0
	ExitError   = 1
	ExitUsage   = 2
	ExitPartial = 3
)

// DefaultServer is where commands look for a server.
const DefaultServer = "http://127.0.0.1:9003"

// Env is what the program is given by its surroundings.
type Env struct {
	Stdin          io.Reader // nil for an empty one
	Stdout, Stderr io.Writer
	Environ        []string // as os.Environ
	Terminal       bool     // Stdout is one
	StderrTerminal bool
	Now            func() time.Time
	Build          ops.Build
	HTTP           *http.Client
}

func (e *Env) getenv(name string) string {
	for i := len(e.Environ) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(e.Environ[i], "="); ok && k == name {
			return v
		}
	}
	return ""
}

// color tells whether output may be coloured: a terminal, and no NO_COLOR.
func (e *Env) color() bool {
	return e.Terminal && e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb"
}

// usageError is a command line that cannot be understood.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// errPartial ends a command whose answer was printed but rests on partial data.
var errPartial = errors.New("the answer rests on partial data")

const rootLong = `fleetcost reads the bucket that every cluster's agent pushes to and shows what
the whole fleet costs.

Exit codes:
  0  all is well
  1  an error: what, and what to do, is on standard error
  2  wrong usage: an unknown command or flag, or a malformed value
  3  the answer was printed, but rests on partial data (hours are missing);
     --allow-partial makes it 0. For storage check: all works, but something is
     insecure or allows more than is needed

Every flag can be set in the environment (--server is FLEETCOST_SERVER) and in
a YAML file named by --config; flags win over the environment, the environment
over the file. NO_COLOR switches colours off.`

// New returns the command tree.
func New(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:               "fleetcost",
		Short:             "What every Kubernetes cluster of the fleet costs",
		Long:              rootLong,
		SilenceUsage:      true,
		SilenceErrors:     true,
		Args:              noCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return loadSettings(cmd, env) },
	}
	root.PersistentFlags().String("config", "", "YAML file with settings; the keys are the flags' names")
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{settings.Suggest(cmd.Flags(), err)} })
	root.AddCommand(
		newServer(env), newDemo(env), newAllocation(env), newAssets(env), newClusters(env), newStorage(env), newVersion(env),
	)
	addCompletion(root)
	return root
}

// noCommand refuses a word that is no command, with the nearest that is.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, c := range cmd.Commands() {
		known = append(known, c.Name())
	}
	err := fmt.Errorf("unknown command %q", args[0])
	if near := settings.Nearest(args[0], known); near != "" {
		err = fmt.Errorf("%w; did you mean %q?", err, near)
	}
	return &usageError{fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())}
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("%s takes no argument, found %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

// loadSettings fills the flags that the command line did not set.
func loadSettings(cmd *cobra.Command, env *Env) error {
	if cmd.Name() == cobra.ShellCompRequestCmd || cmd.Name() == cobra.ShellCompNoDescRequestCmd || (cmd.HasParent() && cmd.Parent().Name() == "completion") {
		return nil
	}
	name, err := cmd.Flags().GetString("config")
	if err != nil {
		return err
	}
	if name == "" {
		name = env.getenv(settings.Env("config"))
	}
	var content []byte
	if name != "" {
		if content, err = os.ReadFile(name); err != nil {
			return &usageError{fmt.Errorf("read --config: %w", err)}
		}
	}
	warnings, err := settings.Load(cmd.Flags(), env.Environ, name, content, allFlags(cmd.Root())...)
	if err != nil {
		return &usageError{err}
	}
	for _, w := range warnings {
		fmt.Fprintln(env.Stderr, "warning: "+w)
	}
	return nil
}

// allFlags are the flags of a command and of all below it.
func allFlags(cmd *cobra.Command) []*pflag.FlagSet {
	sets := []*pflag.FlagSet{cmd.Flags()}
	for _, c := range cmd.Commands() {
		sets = append(sets, allFlags(c)...)
	}
	return sets
}

// Run runs the program and returns its exit code.
func Run(ctx context.Context, env *Env, args []string) int {
	root := New(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage *usageError
	var storageUsage *storagecheck.UsageError
	var exit *storagecheck.ExitError
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errPartial):
		return ExitPartial
	case errors.As(err, &exit):
		return exit.Code
	case errors.As(err, &usage) || errors.As(err, &storageUsage):
		fmt.Fprintln(env.Stderr, "fleetcost: "+err.Error())
		return ExitUsage
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(env.Stderr, "fleetcost: interrupted")
		return ExitError
	}
	fmt.Fprintln(env.Stderr, "fleetcost: "+err.Error())
	return ExitError
}
