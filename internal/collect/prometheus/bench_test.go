package prometheus

import (
	"fmt"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// BenchmarkReads compares the ways of reading one hour of 400 cAdvisor series
// scraped every 30 s: docs/adr/0003-prometheus-reads.md.
func BenchmarkReads(b *testing.B) {
	const series = 400
	e := &exposition{}
	for i := range series {
		l := fmt.Sprintf(`container_cpu_usage_seconds_total{namespace="team-%d",pod="web-%05d",container="app",cpu="total",id="/kubepods/burstable/pod%08x-1111-2222-3333-444444444444/%064x",image="registry.example.com/web:1.%d",node="n%d",instance="10.0.0.%d:10250"}`, i%20, i, i, i, i%9, i%10, i%10)
		v := 0.0
		e.every(l, origin, origin.Add(time.Hour), 30*time.Second, func(time.Time) float64 { v += float64(i%100) / 7; return v })
	}
	url := startServer(b, e.String())
	ctx := contextFor(b)
	end := origin.Add(time.Hour)
	f := &family{metric: "container_cpu_usage_seconds_total", match: `container!=""`}
	nop := func(labels, []sample) error { return nil }
	remote, queries := newSource(b, url, nil), newSource(b, url, func(c *Config) { c.NoRemoteRead = true })
	for name, read := range map[string]func() (answer, error){
		"remote read":    func() (answer, error) { return remote.raw(ctx, f, "", origin, end, nop) },
		"range selector": func() (answer, error) { return queries.raw(ctx, f, "", origin, end, nop) },
		"last per minute": func() (answer, error) {
			return queries.client.ranged(ctx, "last_over_time("+queries.selector(f, "")+"[1m])", origin, end, time.Minute, 0, nop)
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if a, err := read(); err != nil || a.samples < series*60 {
					b.Fatalf("%d samples, %v", a.samples, err)
				}
			}
		})
	}
	b.Run("hour", func(b *testing.B) {
		h := cost.HourOf(origin)
		for b.Loop() {
			if err := remote.Hours(ctx, cost.Window{Start: h, End: h + 1}, func(cost.HourUsage) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}
