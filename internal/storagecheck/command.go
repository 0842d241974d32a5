package storagecheck

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// Surroundings is what a program gives to its storage command.
type Surroundings struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Color          bool // Stdout is a terminal that shows colours
	Wrap           bool // Stdout is a terminal: long lines are wrapped
	StderrTerminal bool // progress is shown
	Now            func() time.Time
	Getenv         func(string) string
	Role           Role // checked unless told otherwise; "" for RoleAgent with a cluster id, RoleServer without
	NoArgs         cobra.PositionalArgs
	NoCommand      cobra.PositionalArgs
}

// UsageError is a command line that cannot be followed.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// ExitError ends a command that has said all it has to say with an exit code.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }

// The output formats of check and explain.
const (
	outTable = "table"
	outJSON  = "json"
)

// Command is `storage`, with its subcommands.
func Command(env Surroundings) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "storage",
		Short: "Check the bucket, explain its errors, print policies and lifecycle rules",
		Args:  env.NoCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCheck(&env), newExplain(&env), newPolicy(&env), newLifecycle(&env))
	return cmd
}

const checkLong = `Try all that a server or an agent does with the bucket, and say of each step
what was seen, why it failed and what to paste to make it work:

  parse, DNS, TLS, clock skew; credentials, identity; list, put, get,
  conditional put, multipart put, delete; for agents also whether it may write
  its own cluster's keys, and whether it may write others'.

A branch ends at its first failure, the others go on. No data is touched: probe
objects lie below v1/check/, have names of their own and are removed again, also
when the check is interrupted. Credentials that may not delete write nothing:
the store is asked for writes that it refuses once it allowed them.

Exit codes:
  0  all is well
  1  a check failed
  2  wrong usage, or a file that cannot be read
  3  all works, but something is insecure or allows more than is needed`

// checkFlags are the flags of check.
type checkFlags struct {
	file, role, cluster, output string
	lenient                     bool
	timeout                     time.Duration
}

func newCheck(env *Surroundings) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Try everything that is done with the bucket, and say what is wrong and how to fix it",
		Long:  checkLong,
		Example: `  fleetcost storage check -f federated-store.yaml
  fleetcost storage check -f federated-store.yaml --role agent --cluster-id prod-us -o json`,
		Args: env.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, env) },
	}
	fs := cmd.Flags()
	fs.StringVarP(&f.file, "storage-config", "f", "federated-store.yaml", "file that says where the bucket is and how to log in; - for standard input")
	fs.StringVar(&f.role, "role", string(env.Role), "whose rights: agent or server; default: agent with a cluster id, else server")
	fs.StringVar(&f.cluster, "cluster-id", "", "cluster whose agent is meant")
	fs.StringVarP(&f.output, "output", "o", outTable, "table or json")
	fs.BoolVar(&f.lenient, "lenient-storage-config", false, "warn about unknown keys in the storage config instead of refusing it")
	fs.DurationVar(&f.timeout, "timeout", stepTimeout, "time that one step may take")
	complete(cmd, "role", string(RoleAgent), string(RoleServer))
	complete(cmd, "output", outTable, outJSON)
	return cmd
}

func complete(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
}

func (f *checkFlags) run(cmd *cobra.Command, env *Surroundings) error {
	if err := checkOutput(f.output); err != nil {
		return err
	}
	in := Input{ConfigName: f.file, Lenient: f.lenient, Role: roleFor(f.role, f.cluster), ClusterID: f.cluster}
	if in.Role != RoleAgent && in.Role != RoleServer {
		return usage("--role %q: use agent or server", f.role)
	}
	if in.Role == RoleAgent && f.cluster == "" {
		return usage("--role agent needs --cluster-id: an agent's rights are those on its own cluster's keys")
	}
	if in.Role == RoleServer {
		in.ClusterID = ""
	}
	if f.timeout <= 0 {
		return usage("--timeout %s: want more than 0", f.timeout)
	}
	var err error
	if in.Config, err = env.readFile(f.file); err != nil {
		return err
	}
	o := Options{Now: env.Now, Getenv: env.Getenv, Logger: slog.New(slog.DiscardHandler), Timeout: f.timeout}
	stop := env.progress(&o, in.Role)
	report, err := Run(cmd.Context(), in, o)
	stop()
	if err != nil && len(report.Checks) == 0 {
		return &UsageError{err}
	}
	if f.output == outJSON {
		err = errors.Join(err, writeReportJSON(env.Stdout, &report))
	} else {
		writeReport(env, &report)
	}
	if err != nil {
		return err
	}
	if code := report.ExitCode(); code != ExitOK {
		return &ExitError{code}
	}
	return nil
}

// progress shows which step runs, on a terminal; stop removes the line.
func (env *Surroundings) progress(o *Options, role Role) (stop func()) {
	if !env.StderrTerminal {
		return func() {}
	}
	n := 0
	for _, s := range steps {
		if !s.agent || role == RoleAgent {
			n++
		}
	}
	bar := progressbar.NewOptions(n, progressbar.OptionSetWriter(env.Stderr), progressbar.OptionSetDescription("checking"),
		progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish())
	o.Progress = func(name string) {
		bar.Describe("checking " + name)
		_ = bar.Add(1) // a line that cannot be shown is no failure
	}
	return func() { _ = bar.Finish() }
}

func usage(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

func checkOutput(output string) error {
	if output != outTable && output != outJSON {
		return usage("-o %s: use one of %s, %s", output, outTable, outJSON)
	}
	return nil
}

// roleFor is the role that was asked for, or the likely one.
func roleFor(role, cluster string) Role {
	switch {
	case role != "":
		return Role(role)
	case cluster != "":
		return RoleAgent
	default:
		return RoleServer
	}
}

func (env *Surroundings) readFile(name string) ([]byte, error) {
	if name == "-" {
		text, err := io.ReadAll(env.Stdin)
		if err != nil {
			return nil, &UsageError{fmt.Errorf("read standard input: %w", err)}
		}
		return text, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, &UsageError{fmt.Errorf("read the storage config: %w; -f names your federated-store.yaml", err)}
	}
	return text, nil
}
