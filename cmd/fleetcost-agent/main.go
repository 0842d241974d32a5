// Command fleetcost-agent runs in a Kubernetes cluster and pushes what the
// cluster costs to the shared bucket.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/fleetcost/fleetcost/internal/agent"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/settings"
	"github.com/fleetcost/fleetcost/internal/storagecheck"
)

var version string // set by the linker

const help = `fleetcost-agent runs in a Kubernetes cluster and pushes what the cluster costs
to the shared bucket.

Usage:
  fleetcost-agent --cluster-id ID --storage-config federated-store.yaml \
    --source prometheus --prometheus-url URL [--backfill 15d] [--once]
  fleetcost-agent storage check|explain|policy|lifecycle   (--help tells more)

Exit codes:
  0  stopped in order, or --once or --recompute is done
  1  an error: what, and what to do, is in the log
  2  wrong usage: an unknown or malformed setting, or a storage config that
     cannot be read

Every flag can be set in the environment (--cluster-id is FLEETCOST_CLUSTER_ID)
and in a YAML file named by --config; flags win over the environment, the
environment over the file.

Flags:
%s`

// Exit codes.
const (
	exitError = 1
	exitUsage = 2
)

// gcPercent trades a little CPU, of which an agent needs little, for memory,
// which every cluster pays for. GOGC overrides it.
const gcPercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run())
}

func run() int {
	if len(os.Args) > 1 && os.Args[1] == agent.StorageCommand {
		return storage()
	}
	fs := pflag.NewFlagSet("fleetcost-agent", pflag.ContinueOnError)
	cfg := agent.Flags(fs)
	file := fs.String("config", "", "YAML file with settings; keys are the flags' names")
	showVersion := fs.Bool("version", false, "print the version and exit")
	fs.SortFlags = false
	fs.Usage = func() { fmt.Fprintf(os.Stderr, help, fs.FlagUsages()) }
	if err := fs.Parse(os.Args[1:]); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return 0
		}
		return usage(settings.Suggest(fs, err))
	}
	if fs.NArg() > 0 {
		return usage(fmt.Errorf("unexpected argument %q; values of switches are given with =, as in --once=false", fs.Arg(0)))
	}
	cfg.Build, cfg.Now, cfg.Getenv = ops.ReadBuild(version), time.Now, os.Getenv
	if *showVersion {
		fmt.Println("fleetcost-agent", cfg.Build)
		return 0
	}
	if *file == "" {
		*file = os.Getenv(settings.Env("config"))
	}
	var content []byte
	if *file != "" {
		b, err := os.ReadFile(*file)
		if err != nil {
			return usage(fmt.Errorf("read settings: %w", err))
		}
		content = b
	}
	warnings, err := settings.Load(fs, os.Environ(), *file, content)
	if err != nil {
		return usage(err)
	}
	if err := cfg.Validate(); err != nil {
		return usage(err)
	}
	storage, err := cfg.ReadStorage()
	if err != nil {
		return usage(err)
	}
	logger, err := ops.NewLogger(os.Stderr, cfg.Log)
	if err != nil {
		return usage(err)
	}
	for _, w := range warnings {
		logger.Warn("setting ignored", "reason", w)
	}
	for _, w := range storage {
		logger.Warn("storage config", "warning", w)
	}
	ctx, stop := ops.SignalContext(context.Background())
	defer stop()
	if err := agent.Run(ctx, *cfg, logger); err != nil {
		logger.Error("agent stops", cfg.ErrorAttrs(err)...)
		return exitError
	}
	return 0
}

// storage runs the doctor of the bucket.
func storage() int {
	ctx, stop := ops.SignalContext(context.Background())
	defer stop()
	terminal := term.IsTerminal(int(os.Stdout.Fd()))
	return agent.Storage(ctx, storagecheck.Surroundings{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Color: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", Wrap: terminal,
		StderrTerminal: term.IsTerminal(int(os.Stderr.Fd())), Now: time.Now, Getenv: os.Getenv,
	}, os.Environ(), os.Args[1:])
}

func usage(err error) int {
	fmt.Fprintf(os.Stderr, "fleetcost-agent: %v\nRun fleetcost-agent --help for all settings.\n", err)
	return exitUsage
}
