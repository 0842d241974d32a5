package ingest_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/ingest"
)

// BenchmarkSync loads 20 clusters of 500 containers and two days into an empty
// store: hot, with hourly rows, and cold, as rollups only. rows/cpu-s is the
// figure to compare: allocation rows per second of one core.
func BenchmarkSync(b *testing.B) {
	const clusters, containers, days = 20, 500, 2
	bk := bucket.NewMemory()
	for d := range days {
		for c := range clusters {
			day := today - 2 - cost.Day(d)
			putDay(b, bk, uint64(c), fmt.Sprintf("cluster-%03d", c), containers, day, span(day, 0, 24)...)
		}
	}
	rows := float64(clusters * days * 24 * (containers + containers/20 + 2))
	for name, hourly := range map[string]int{"hot": 30, "cold": 1} {
		b.Run(name, func(b *testing.B) {
			var used time.Duration
			for b.Loop() {
				s := open(b, bk, b.TempDir(), func(c *ingest.Config) { c.HourlyDays = hourly })
				before := cpuTime(b)
				if r := s.sync(b); r.Loaded != clusters*days*3 {
					b.Fatalf("report %+v", r)
				}
				used += cpuTime(b) - before
				if err := s.st.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(rows*float64(b.N)/used.Seconds(), "rows/cpu-s")
		})
	}
}

// cpuTime is the processor time of this process so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
