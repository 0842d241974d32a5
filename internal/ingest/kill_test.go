package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/ingest"
)

// loadInChild names the directory that this test binary, run as a child, shall
// load: its bucket is in bucket/, its store in data/.
const loadInChild = "FLEETCOST_TEST_LOAD"

// TestChild is the process that TestKill kills.
func TestChild(t *testing.T) {
	dir := os.Getenv(loadInChild)
	if dir == "" {
		return
	}
	s := open(t, directory(t, dir), filepath.Join(dir, "data"), small)
	fmt.Println("loading")
	s.sync(t)
	fmt.Println("loaded")
}

func directory(t testing.TB, dir string) bucket.Bucket {
	t.Helper()
	path := filepath.Join(dir, "bucket")
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := bucket.OpenFilesystem(path, noon)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// small makes many small transactions, so that there is much to interrupt.
func small(c *ingest.Config) { c.BatchRows, c.HourlyDays = 1500, 4 }

// fill makes days whose objects replace others, hot and cold.
func fill(t testing.TB, b bucket.Bucket, seed uint64) {
	t.Helper()
	for d := range cost.Day(7) {
		for _, cluster := range []string{"a", "b"} {
			putDay(t, b, seed+uint64(d), cluster, 25, today-d, span(today-d, 0, 11)...)
		}
	}
	putLive(t, b, seed, "a", 25, span(today, 10, 2)...)
}

// TestKill kills a process at random moments of its loading, first of an empty
// store, then of one whose every day is being replaced. What the next process
// finds is whole cluster-days, of the old or of the new objects; once it has
// loaded, everything is as if nobody had been killed.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	b := directory(t, dir)
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 6 {
		if round%3 == 0 {
			fill(t, b, uint64(100*round))
		}
		kill(t, dir, time.Duration(rng.Int64N(int64(900*time.Millisecond))))
		s := open(t, b, filepath.Join(dir, "data"), small)
		checkWhole(t, s)
		if err := s.st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, b, filepath.Join(dir, "data"), small)
	s.sync(t)
	undisturbed := open(t, b, t.TempDir(), small)
	undisturbed.sync(t)
	if got, want := s.dump(t), undisturbed.dump(t); got != want {
		t.Error(firstDifference(got, want))
	}
}

// kill starts a child that loads dir and kills it that long after it began.
func kill(t *testing.T, dir string, after time.Duration) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), loadInChild+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatalf("the child did not start to load: %v", err)
	}
	time.Sleep(after)
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
}

// checkWhole: a cluster-day is in the ledger, the coverage and the rollups, and
// with hours in the hourly rows, with equal sums; or in none of them.
func checkWhole(t *testing.T, s server) {
	t.Helper()
	const perDay = `WITH l AS (SELECT cluster, day FROM ledger WHERE dataset = 'allocation' AND day IS NOT NULL AND state = 'loaded'),
		v AS (SELECT cluster, day, sum(rows) AS n, sum(total) AS total FROM coverage GROUP BY ALL),
		h AS (SELECT cluster, day, count(*) AS n, sum(cpu_cost + ram_cost + gpu_cost + pv_cost + lb_cost + overhead_cost) AS total FROM alloc_hour GROUP BY ALL),
		c AS (SELECT cluster, day, sum(cpu_cost + ram_cost + gpu_cost + pv_cost + lb_cost + overhead_cost) AS total, sum(idle_ram_by_node) AS idle,
			sum(ram_cost) FILTER (kind = 'idle') AS idle_cost FROM alloc_day_container GROUP BY ALL),
		k AS (SELECT cluster, day, sum(cpu_cost + ram_cost + gpu_cost + pv_cost + lb_cost + overhead_cost) AS total FROM alloc_day_controller GROUP BY ALL),
		a AS (SELECT cluster, day FROM asset_day GROUP BY ALL)`
	if got := s.text(t, perDay+` SELECT cluster, day, v.n, h.n, v.total, h.total, c.total, k.total, c.idle, c.idle_cost
		FROM v FULL JOIN h USING (cluster, day) FULL JOIN c USING (cluster, day) FULL JOIN k USING (cluster, day)
		FULL JOIN a USING (cluster, day)
		WHERE v.total IS DISTINCT FROM c.total OR v.total IS DISTINCT FROM k.total OR c.idle IS DISTINCT FROM c.idle_cost
			OR (day > DATE '2024-09-30' AND (h.n IS DISTINCT FROM v.n OR h.total IS DISTINCT FROM v.total))`); got != "" {
		t.Errorf("cluster-days that are not whole:\n%s", got)
	}
	if got := s.text(t, perDay+` SELECT * FROM l ANTI JOIN v USING (cluster, day)`); got != "" {
		t.Errorf("in the ledger without rows:\n%s", got)
	}
}

// TestCancelledSync leaves whole cluster-days and can go on.
func TestCancelledSync(t *testing.T) {
	b := bucket.NewMemory()
	fill(t, b, 1)
	s := open(t, b, t.TempDir(), small)
	for i := range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(50+150*i)*time.Millisecond)
		_, err := s.Sync(ctx)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("cancelled: %v", err)
		}
		checkWhole(t, s)
	}
	s.sync(t)
	undisturbed := open(t, b, t.TempDir(), small)
	undisturbed.sync(t)
	if got, want := s.dump(t), undisturbed.dump(t); got != want {
		t.Error(firstDifference(got, want))
	}
}
