package httpapi

import (
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/pricing"
	"github.com/fleetcost/fleetcost/internal/query"
)

func ratOf(t interface{ Fatalf(string, ...any) }, a Amount) *big.Rat {
	r, ok := new(big.Rat).SetString(string(a.appendJSON(nil)))
	if !ok {
		t.Fatalf("%q is no number", a.appendJSON(nil))
	}
	return r
}

// The lines of a formula add up to the number, and the factors of each line, as
// they are shown, multiply to its cost up to the rounding that it states.
func TestFormulaIsTheNumber(t *testing.T) {
	start := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) cost.Sum {
			return sum(rapid.SampledFrom([]int64{0, 1, rapid.Int64Range(0, 1e6).Draw(rt, name+" small"), rapid.Int64Range(0, 1e16).Draw(rt, name)}).Draw(rt, name+" pick"))
		}
		quantity := func(name string) int64 {
			return rapid.SampledFrom([]int64{0, 1, rapid.Int64Range(0, 1e6).Draw(rt, name+" small"), rapid.Int64Range(0, 1e13).Draw(rt, name)}).Draw(rt, name+" pick")
		}
		r := query.AllocationRow{
			Kind: cost.KindContainer, Start: start, End: start.Add(time.Duration(rapid.Int64Range(0, 90*86_400).Draw(rt, "span")) * time.Second),
			CPU: draw("cpu"), RAM: draw("ram"), GPU: draw("gpu"), PV: draw("pv"), LB: draw("lb"), NetworkInternet: draw("net"), Overhead: draw("overhead"),
			IdleCPU: draw("idle cpu"), IdleRAM: draw("idle ram"), CPUAllocated: quantity("core-hours"), RAMAllocated: float64(quantity("byte-hours")) * 1e4,
			GPUAllocated: quantity("gpu-hours"), PVByteHours: float64(quantity("pv-hours")) * 1e4,
		}
		shared := draw("shared")
		r.Shared, r.SharedBreakdown = shared, map[string]cost.Sum{"kube-system": shared}
		checkLines(rt, allocationLines(&r), amount(r.Total()))
		a := query.AssetRow{Start: r.Start, End: r.End, CPU: r.CPU, RAM: r.RAM, Other: r.PV, CPUCoreHours: r.CPUAllocated, RAMByteHours: r.RAMAllocated, ByteHours: r.PVByteHours}
		checkLines(rt, assetLines(&a), amount(a.Total()))
	})
}

func checkLines(t interface{ Fatalf(string, ...any) }, lines []ExplainLine, total Amount) {
	all := new(big.Rat)
	for i := range lines {
		l := &lines[i]
		c := ratOf(t, l.Cost)
		all.Add(all, c)
		if len(l.Factors) == 0 {
			continue
		}
		product, base := big.NewRat(1, 1), big.NewRat(1, 1)
		for j, f := range l.Factors {
			product.Mul(product, ratOf(t, f.Value))
			if j < len(l.Factors)-1 {
				base.Mul(base, ratOf(t, f.Value))
			}
		}
		off := new(big.Rat).Sub(c, product)
		if d := new(big.Rat).Sub(off, ratOf(t, l.Rounding)); d.Abs(d).Cmp(big.NewRat(1, 1e9)) > 0 {
			t.Fatalf("%s: %s is off by %s, the line says %s", l.Name, c.FloatString(9), off.FloatString(12), l.Rounding.appendJSON(nil))
		}
		// A rate has nine decimals, so the product misses by half of the last at most.
		if limit := base.Mul(base, big.NewRat(1, 1_999_999_999)); off.Abs(off).Cmp(limit) > 0 {
			t.Fatalf("%s: the factors %+v give %s, not %s", l.Name, l.Factors, product.FloatString(9), c.FloatString(9))
		}
	}
	if all.Cmp(ratOf(t, total)) != 0 {
		t.Fatalf("the lines add up to %s, not %s", all.FloatString(9), total.appendJSON(nil))
	}
}

func TestExplain(t *testing.T) {
	s := newServer(t)
	const window = "window=2026-11-20T00:00:00Z,2026-11-23T00:00:00Z"
	var out struct {
		Row   struct{ Total, WorkloadIdle json.Number }
		Rows  int
		Lines []struct {
			Column string
			Cost   json.Number
		}
		Prices  []struct{ Source, AsOf string }
		Objects []struct{ Key, Version, WrittenAt string }
		SQL     string
		CLI     string
	}
	filter := url.QueryEscape(`cluster:"a"`)
	s.get(t, "/api/v1/explain/allocation?"+window+"&aggregate=namespace&shareIdle=true&row=ns-b&filter="+filter, &out)
	if out.Rows != 1 || len(out.Lines) == 0 || len(out.Objects) != 2 || out.Prices[0].Source != "book:aws/eu-west-1" || out.SQL != "SELECT '/data/bucket/k'" {
		t.Fatalf("%+v", out)
	}
	if p := out.Prices; p[0].AsOf != "" || p[1].AsOf != pricing.BookDate(p[1].Source) || p[1].AsOf == "" || p[2].AsOf != "" {
		t.Errorf("dates of prices: %+v", p)
	}
	if want := `allocation --window '2026-11-20T00:00:00Z,2026-11-23T00:00:00Z' --aggregate 'namespace' --filter 'cluster:"a"' --share-idle`; out.CLI != want {
		t.Errorf("CLI %s", out.CLI)
	}
	one := out.Row.Total
	s.get(t, "/api/v1/explain/allocation?"+window+"&aggregate=namespace&except=ns-a", &out)
	if out.Rows != s.fake.rows-1 || out.Row.Total == one {
		t.Errorf("all but one: %+v", out.Row)
	}
	s.get(t, "/api/v1/explain/assets?"+window+"&row=*", &out)
	if out.Rows != 4 || out.Lines[0].Column != "cpu" {
		t.Errorf("assets: %+v", out)
	}
	for _, path := range []string{"allocation?" + window + "&aggregate=namespace&row=nobody", "assets?" + window + "&aggregate=type&row=nobody"} {
		if status, body := s.raw(t, "/api/v1/explain/"+path); status != http.StatusOK || strings.Contains(string(body), `"lines":null`) || !strings.Contains(string(body), "no row nobody: it costs nothing") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestBucketLocations(t *testing.T) {
	for _, c := range []struct {
		b               Bucket
		location, setup string
	}{
		{Bucket{URL: "file:///data"}, "/data/k", ""},
		{Bucket{URL: "s3://b/p", Region: "eu-west-1", Endpoint: "s3.eu-west-1.amazonaws.com"}, "s3://b/p/k", "PROVIDER credential_chain, REGION 'eu-west-1');"},
		{Bucket{URL: "s3://b", Endpoint: "http://minio:9000"}, "s3://b/k", "ENDPOINT 'minio:9000', URL_STYLE 'path', USE_SSL false);"},
		{Bucket{URL: "s3://b", Endpoint: "minio:9000"}, "s3://b/k", "ENDPOINT 'minio:9000', URL_STYLE 'path');"},
		{Bucket{URL: "s3://b", Endpoint: "10.0.0.1:9000", Insecure: true}, "s3://b/k", "URL_STYLE 'path', USE_SSL false);"},
		{Bucket{URL: "s3://b", Endpoint: "oss.example.com", VirtualHosted: true}, "s3://b/k", "ENDPOINT 'oss.example.com', URL_STYLE 'vhost');"},
		{Bucket{URL: "gs://b"}, "gs://b/k", "TYPE gcs"},
		{Bucket{URL: "azure://acc/con/p"}, "az://con/p/k", "ACCOUNT_NAME 'acc'"},
	} {
		if got := c.b.location("k"); got != c.location {
			t.Errorf("%s: %s", c.b.URL, got)
		}
		if got := c.b.setup(); !strings.Contains(got, c.setup) || c.setup == "" && got != "" {
			t.Errorf("%s: %s", c.b.URL, got)
		}
	}
}
