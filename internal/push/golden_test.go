package push_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestStatusGolden freezes status.json. The objects' sizes are left out: they
// change with the Parquet library.
func TestStatusGolden(t *testing.T) {
	ctx := context.Background()
	b := bucket.NewMemory()
	c := &clock{noon}
	p := open(t, config(t, c), b)
	must(t, p.Start(ctx))
	must(t, p.Add(ctx, hourOf(midnight-1, 3000, 1), hourOf(midnight, 3600, 2), hourOf(midnight+1, 3600, 3)))
	p.SetLive(hourOf(midnight+12, 60, 4))
	c.t = noon.Add(time.Minute)
	_, err := p.Push(ctx, func(s *costfile.Status) {
		s.Provider, s.Region = "AWS", "us-east-1"
		s.Source = costfile.SourceStatus{Kind: "prometheus", Target: "http://prometheus:9090", LastRead: c.t}
		s.Prices = costfile.PriceStatus{DefaultShare: 0.25}
		s.Problems = append(s.Problems, costfile.Problem{Code: "zz", Message: "the agent's own", Since: noon})
	})
	must(t, err)
	data, err := raw(b, costfile.StatusKey(cluster))
	must(t, err)
	var got bytes.Buffer
	must(t, json.Indent(&got, data, "", "  "))
	got.WriteByte('\n')
	text := regexp.MustCompile(`"bytes": [1-9][0-9]*`).ReplaceAllString(got.String(), `"bytes": 1`)
	name := filepath.Join("testdata", "status.golden.json")
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(name, []byte(text), 0o600))
	}
	want, err := os.ReadFile(name)
	must(t, err)
	if d := cmp.Diff(string(want), text); d != "" {
		t.Errorf("status.json differs from %s (-want +got); -update rewrites it:\n%s", name, d)
	}
}
