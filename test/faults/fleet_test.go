package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/fleetcost/fleetcost/internal/agent"
	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/demo"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/simulate"
	"github.com/fleetcost/fleetcost/test/servers"
)

var now = time.Date(2026, 11, 22, 7, 20, 0, 0, time.UTC)

const (
	clusters = 4
	days     = 2
	// mostAttempts bounds how often an agent tries; in each something becomes
	// durable, and so the last ones have little left to do.
	mostAttempts = 200
)

func open(t *testing.T, yaml string) bucket.Bucket {
	t.Helper()
	cfg, _, err := bucket.ParseConfig("federated-store.yaml", []byte(yaml), bucket.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := bucket.Open(t.Context(), cfg, bucket.Deps{Logger: ops.Discard(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// start starts the agents of a fleet and lets them backfill and push, until all
// are done or the first has failed. Their spools are below dir.
func start(ctx context.Context, b bucket.Bucket, dir string) ([]*agent.Pipeline, error) {
	end := cost.HourOf(now)
	fleet := simulate.NewFleet(simulate.Options{Seed: 11, Clusters: clusters, Containers: 160, Start: end - days*24, End: end})
	cfg := demo.Config{Days: days, Now: func() time.Time { return now }, Logger: ops.Discard(), PushInterval: time.Minute}
	return demo.Fill(ctx, cfg, fleet, b, dir)
}

func stop(pipes []*agent.Pipeline) {
	for _, p := range pipes {
		_ = p.Pusher.Close() // only releases the spool's lock
	}
}

// finish lets each agent go on by itself, as it does round by round, until it
// has nothing left to push.
func finish(ctx context.Context, pipes []*agent.Pipeline) (attempts int64, err error) {
	var made atomic.Int64
	var g errgroup.Group
	for _, p := range pipes {
		g.Go(func() (err error) {
			for range mostAttempts {
				made.Add(1)
				if err = p.Start(ctx); err != nil {
					continue
				}
				err = errors.Join(p.Backfill(ctx, func(context.Context) error { return nil }), p.Push(ctx))
				if err == nil {
					return nil
				}
			}
			return fmt.Errorf("%s is not done after %d attempts: %w", p.Cluster, mostAttempts, err)
		})
	}
	err = g.Wait()
	return made.Load(), err
}

// contents reads every object of a bucket. Of status.json what every push
// counts anew is left out.
func contents(t *testing.T, b bucket.Bucket) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := b.List(t.Context(), "", "", func(o bucket.Object) error {
		r, _, err := b.Get(t.Context(), o.Key)
		if err != nil {
			return err
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if strings.HasSuffix(o.Key, "/status.json") {
			if data, err = lasting(data); err != nil {
				return err
			}
		}
		out[o.Key] = data
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// lasting is a status without what depends on how often it was pushed.
func lasting(data []byte) ([]byte, error) {
	var s costfile.Status
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	s.Generation, s.Backfill, s.Prices, s.Problems = 0, nil, costfile.PriceStatus{}, nil
	for day, d := range s.Days {
		d.Generation = 0
		for set, o := range d.Objects {
			o.ETag = ""
			d.Objects[set] = o
		}
		s.Days[day] = d
	}
	return json.Marshal(s)
}

// TestFleetThroughFaults: a fleet pushes through resets in the middle of
// uploads, stalls, cut and damaged answers, lost answers, narrow and slow links
// and bursts of 503. Agents die of it and are started again. In the end the
// bucket holds, byte for byte, what an undisturbed run leaves: nothing is lost
// and nothing is there twice.
func TestFleetThroughFaults(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	gateway.CreateBucket("calm")
	gateway.CreateBucket("storm")
	calm, err := start(t.Context(), open(t, gateway.ConfigYAML("calm")), t.TempDir())
	stop(calm)
	if err != nil {
		t.Fatal(err)
	}
	injector := servers.StartInjector(t, gateway.Endpoint(), plan)
	proxy := servers.StartToxiproxy(t).Proxy(injector.Endpoint())
	for _, x := range []struct {
		kind, stream string
		share        float64
		attributes   map[string]any
	}{
		{"latency", "downstream", 0.3, map[string]any{"latency": 20, "jitter": 20}},
		{"bandwidth", "upstream", 0.2, map[string]any{"rate": 500}},       // KB/s
		{"limit_data", "upstream", 0.08, map[string]any{"bytes": 6000}},   // cut in the middle of an upload
		{"limit_data", "downstream", 0.08, map[string]any{"bytes": 3000}}, // cut in the middle of an answer
		{"reset_peer", "downstream", 0.05, map[string]any{"timeout": 5}},  // RST after 5 ms
		{"timeout", "downstream", 0.02, map[string]any{"timeout": 0}},     // a stall that never ends
	} {
		proxy.Toxic(x.kind, x.stream, x.share, x.attributes)
	}
	// Connections are not kept, so that each has its chance of being bad.
	storm := open(t, strings.Replace(gateway.ConfigYAML("storm"), gateway.Endpoint(), proxy.Endpoint(), 1)+
		"  max_retries: 2\n  http_config: {idle_conn_timeout: 1ms, response_header_timeout: 1s}\n")
	dir := t.TempDir()
	killed, err := start(t.Context(), storm, dir) // what the first failure leaves of the others is in their spools
	stop(killed)
	if err == nil {
		t.Error("no agent failed: the faults are too few")
	}
	pipes, _ := start(t.Context(), storm, dir)
	defer stop(pipes)
	attempts, err := finish(t.Context(), pipes)
	t.Logf("%d attempts of %d agents; requests by fault: %v", attempts, clusters, injector.Counts())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		if injector.Counts()[f] == 0 {
			t.Errorf("no request met %q", f)
		}
	}
	same(t, contents(t, open(t, gateway.ConfigYAML("calm"))), contents(t, open(t, gateway.ConfigYAML("storm"))))
}

var faults = []servers.Fault{
	servers.FaultSlowDown, servers.FaultInternal, servers.FaultTimeout, servers.FaultLostAnswer, servers.FaultTruncated, servers.FaultDamaged,
}

// plan makes every tenth request or so fail, and now and then a row of them.
func plan(n int, r *http.Request) servers.Fault {
	switch {
	case n >= 40 && n < 80:
		return servers.FaultSlowDown // longer than any agent's retries
	case n%60 >= 20 && n%60 < 26:
		return servers.FaultSlowDown // a burst
	case n%29 == 7:
		return servers.FaultInternal
	case n%37 == 5:
		return servers.FaultTimeout
	case n%7 == 3 && r.Method == http.MethodPut:
		return servers.FaultLostAnswer
	case n%11 == 4 && r.Method == http.MethodGet:
		return servers.FaultTruncated
	case n < 1000 && n%17 == 9 && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, ".parquet"):
		return servers.FaultDamaged
	default:
		return servers.FaultNone
	}
}

func same(t *testing.T, want, got map[string][]byte) {
	t.Helper()
	if len(want) < clusters*(days*3+2) {
		t.Fatalf("the undisturbed run left only %d objects", len(want))
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("other objects (-want +got):\n%s", diff)
	}
	for key, w := range want {
		if g, ok := got[key]; ok && !bytes.Equal(w, g) {
			t.Errorf("%s differs: %d bytes, want %d%s", key, len(g), len(w), detail(key, w, g))
		}
	}
}

func detail(key string, want, got []byte) string {
	if strings.HasSuffix(key, ".json") {
		return fmt.Sprintf("\n got %s\nwant %s", got, want)
	}
	return ""
}
