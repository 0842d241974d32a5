package cli_test

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cli"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/demo"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/server"
	"github.com/fleetcost/fleetcost/internal/simulate"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

// now is the servers' clock: the fleet's last push lies 20 minutes back.
var now = time.Date(2026, 11, 22, 7, 20, 0, 0, time.UTC)

// TestMain makes this test binary the program under test: the scripts run
// `fleetcost` as a process of its own, with real streams and exit codes.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fleetcost": func() {
		os.Exit(cli.Run(context.Background(), &cli.Env{
			Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ(), Now: func() time.Time { return now },
			Build: ops.Build{Version: "1.2.3", Revision: "abc", Go: "go1.26", Platform: "linux/amd64"}, HTTP: http.DefaultClient,
		}, os.Args[1:]))
	}})
}

// TestScripts runs testdata/script. $SERVER has two days of two clusters,
// complete; $LATER sees the same bucket six hours later, when both are silent;
// $EMPTY sees a bucket without anything.
func TestScripts(t *testing.T) {
	b := fill(t)
	urls := map[string]string{
		"SERVER": start(t, b, func() time.Time { return now }),
		"LATER":  start(t, b, func() time.Time { return now.Add(6 * time.Hour) }),
		"EMPTY":  start(t, bucket.NewMemory(), func() time.Time { return now }),
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			for k, v := range urls {
				env.Setenv(k, v)
			}
			env.Setenv("WINDOW", "2026-11-20T08:00:00Z,2026-11-22T06:00:00Z")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a program and checks its exit code: exits 3 fleetcost clusters.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

func fill(t *testing.T) bucket.Bucket {
	t.Helper()
	clock := func() time.Time { return now }
	b, err := bucket.OpenFilesystem(t.TempDir(), clock)
	if err != nil {
		t.Fatal(err)
	}
	end := cost.HourOf(now)
	fleet := simulate.NewFleet(simulate.Options{Seed: 5, Clusters: 2, Containers: 60, Start: end - 2*24, End: end})
	cfg := demo.Config{Days: 2, Now: clock, Logger: ops.Discard(), PushInterval: time.Minute}
	if _, err := demo.Fill(t.Context(), cfg, fleet, b, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return b
}

// start runs a server until the test ends and returns its URL.
func start(t *testing.T, b bucket.Bucket, clock func() time.Time) string {
	t.Helper()
	s, err := server.New(t.Context(), server.Config{
		Bucket: b, DataDir: t.TempDir(), Listen: "127.0.0.1:0", PollInterval: time.Minute, SweepInterval: time.Hour,
		HourlyDays: 32, DailyDays: 400, Threads: 1, MemoryLimit: "256MiB", QueryTimeout: time.Minute, CacheMiB: 8,
		StopGrace: time.Second, Now: clock, Logger: ops.Discard(), Build: ops.Build{Version: "test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("server: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
	url := "http://" + s.Addr().String()
	for range 1200 {
		resp, err := http.Get(url + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return url
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the server is not ready")
	return ""
}
