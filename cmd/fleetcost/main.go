// Command fleetcost is the server, the demo and the command line of fleetcost;
// see internal/cli.
package main

import (
	"context"
	"net/http"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/fleetcost/fleetcost/internal/cli"
	"github.com/fleetcost/fleetcost/internal/ops"
)

// version is set by the linker.
var version string

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := ops.SignalContext(context.Background())
	defer stop()
	return cli.Run(ctx, &cli.Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ(),
		Terminal:       term.IsTerminal(int(os.Stdout.Fd())),
		StderrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		Now:            time.Now, Build: ops.ReadBuild(version), HTTP: http.DefaultClient,
	}, os.Args[1:])
}
