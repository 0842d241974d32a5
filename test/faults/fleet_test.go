package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	// mostRounds bounds how often the agents are started again. In each round some
	// progress is durable, and so the last one has little left to do.
	mostRounds = 60
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

// push starts the agents of a fleet, lets them backfill and push, and stops
// them. Their spools are below dir.
func push(ctx context.Context, b bucket.Bucket, dir string) error {
	end := cost.HourOf(now)
	fleet := simulate.NewFleet(simulate.Options{Seed: 11, Clusters: clusters, Containers: 160, Start: end - days*24, End: end})
	cfg := demo.Config{Days: days, Now: func() time.Time { return now }, Logger: ops.Discard(), PushInterval: time.Minute}
	pipes, err := demo.Fill(ctx, cfg, fleet, b, dir)
	for _, p := range pipes {
		_ = p.Pusher.Close() // only releases the spool's lock
	}
	return err
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
	if err := push(t.Context(), open(t, gateway.ConfigYAML("calm")), filepath.Join(t.TempDir(), "calm")); err != nil {
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
		"  max_retries: 3\n  http_config: {idle_conn_timeout: 1ms, response_header_timeout: 500ms}\n")
	dir := filepath.Join(t.TempDir(), "storm")
	rounds := 0
	for err := push(t.Context(), storm, dir); err != nil; err = push(t.Context(), storm, dir) {
		if rounds++; rounds == mostRounds {
			t.Fatalf("not done after %d rounds: %v", rounds, err)
		}
	}
	t.Logf("done after %d rounds; requests by fault: %v", rounds+1, injector.Counts())
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
	case n%60 >= 20 && n%60 < 26:
		return servers.FaultSlowDown // a burst
	case n%29 == 7:
		return servers.FaultInternal
	case n%37 == 5:
		return servers.FaultTimeout
	case n%13 == 3 && r.Method == http.MethodPut:
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
