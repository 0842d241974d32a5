package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/fleetcost/fleetcost/internal/storagecheck"
)

// newStorage is what both programs have, see internal/storagecheck.
func newStorage(env *Env) *cobra.Command {
	stdin := env.Stdin
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	return storagecheck.Command(storagecheck.Surroundings{
		Stdin: stdin, Stdout: env.Stdout, Stderr: env.Stderr,
		Color: env.color(), Wrap: env.Terminal, StderrTerminal: env.StderrTerminal,
		Now: env.Now, Getenv: env.getenv, NoArgs: noArgs, NoCommand: noCommand,
	})
}
