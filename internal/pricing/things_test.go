package pricing_test

import (
	"math"
	"testing"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/pricing"
)

var full = cost.Span{End: 3600, Seconds: 3600}

func ptr(f float64) *float64 { return &f }

func checkPrice(t *testing.T, got cost.Price, hourly float64, source string) {
	t.Helper()
	if got.Hourly != units(hourly) || got.Source != source {
		t.Errorf("%v from %s, want %v from %s", got.Hourly, got.Source, units(hourly), source)
	}
}

func TestVolume(t *testing.T) {
	custom := pricing.Config{CustomPrices: true}
	list := pricing.Config{CSVPath: "testdata/good/kubecost.csv"}
	block := cost.VolumeUsage{AssetID: "vol-1", Name: "pv-1", Kind: cost.VolumeBlock, Span: full, Capacity: 100 * gibibyte * 3600}
	is := func(change func(*cost.VolumeUsage)) cost.VolumeUsage { v := block; change(&v); return v }
	rate := 0.00005479452
	for name, c := range map[string]struct {
		config pricing.Config
		volume cost.VolumeUsage
		hourly float64
		source string
	}{
		"default":               {pricing.Config{}, block, 100 * rate, "default"},
		"no kind is block":      {pricing.Config{}, is(func(v *cost.VolumeUsage) { v.Kind = "" }), 100 * rate, "default"},
		"metrics":               {pricing.Config{}, is(func(v *cost.VolumeUsage) { v.PriceGiBHour = ptr(0.0001) }), 0.01, "metrics"},
		"metrics say free":      {pricing.Config{}, is(func(v *cost.VolumeUsage) { v.PriceGiBHour = ptr(0) }), 0, "metrics"},
		"metrics say NaN":       {pricing.Config{}, is(func(v *cost.VolumeUsage) { v.PriceGiBHour = ptr(math.NaN()) }), 100 * rate, "default"},
		"custom before metrics": {custom, is(func(v *cost.VolumeUsage) { v.PriceGiBHour = ptr(0.0001) }), 100 * rate, "custom"},
		"list by name":          {list, is(func(v *cost.VolumeUsage) { v.Name = "pv-7" }), 100 * 0.0002, "csv"},
		"list by storage class": {list, is(func(v *cost.VolumeUsage) { v.Kind, v.StorageClass = cost.VolumeShared, "nfs-gold" }), 0.01, "csv"},
		"NFS":                   {pricing.Config{}, is(func(v *cost.VolumeUsage) { v.Kind = cost.VolumeShared }), 0, "default"},
		"NFS, custom":           {custom, is(func(v *cost.VolumeUsage) { v.Kind = cost.VolumeShared }), 0, "default"},
		"NFS, metrics":          {pricing.Config{}, is(func(v *cost.VolumeUsage) { v.Kind, v.PriceGiBHour = cost.VolumeShared, ptr(1) }), 0, "default"},
		"host path":             {pricing.Config{}, is(func(v *cost.VolumeUsage) { v.Kind = cost.VolumeHostPath }), 0, "default"},
		"local":                 {pricing.Config{}, is(func(v *cost.VolumeUsage) { v.Kind = cost.VolumeLocal }), 0, "default"},
		"pd-ssd":                {pricing.Config{}, is(func(v *cost.VolumeUsage) { v.Provider, v.Region, v.DiskType = "GCP", "us-central1", "pd-ssd" }), 100 * 0.17 / 730, "book:gcp/us-central1"},
		"pd-ssd elsewhere":      {pricing.Config{}, is(func(v *cost.VolumeUsage) { v.Provider, v.Region, v.DiskType = "GCP", "europe-west1", "pd-ssd" }), 100 * 0.17 / 730, "book:other-region"},
		"type without a price":  {pricing.Config{}, is(func(v *cost.VolumeUsage) { v.Provider, v.DiskType = "AWS", "gp3" }), 100 * rate, "default"},
		"was there a quarter":   {pricing.Config{}, is(func(v *cost.VolumeUsage) { v.Span.Seconds, v.Capacity = 900, v.Capacity/4 }), 100 * rate, "default"},
		"was never there":       {pricing.Config{}, is(func(v *cost.VolumeUsage) { v.Span = cost.Span{} }), 0, "default"},
	} {
		t.Run(name, func(t *testing.T) { checkPrice(t, lookup(t, c.config).Volume(c.volume), c.hourly, c.source) })
	}
}

func TestLoadBalancer(t *testing.T) {
	for name, c := range map[string]struct {
		config   pricing.Config
		balancer cost.LoadBalancerUsage
		hourly   float64
		source   string
	}{
		"default":     {pricing.Config{}, cost.LoadBalancerUsage{}, 0.025, "default"},
		"metrics":     {pricing.Config{}, cost.LoadBalancerUsage{PriceHour: ptr(0.03)}, 0.03, "metrics"},
		"free":        {pricing.Config{}, cost.LoadBalancerUsage{PriceHour: ptr(0)}, 0, "metrics"},
		"NaN":         {pricing.Config{}, cost.LoadBalancerUsage{PriceHour: ptr(math.NaN())}, 0.025, "default"},
		"on premises": {pricing.Config{CustomPrices: true}, cost.LoadBalancerUsage{OnPremises: true, PriceHour: ptr(1)}, 0, "default"},
		"custom":      {pricing.Config{CustomPrices: true, Rates: pricing.Rates{LoadBalancerHour: 0.01}}, cost.LoadBalancerUsage{PriceHour: ptr(1)}, 0.01, "custom"},
	} {
		t.Run(name, func(t *testing.T) { checkPrice(t, lookup(t, c.config).LoadBalancer(c.balancer), c.hourly, c.source) })
	}
}

func TestManagement(t *testing.T) {
	for name, c := range map[string]struct {
		config  pricing.Config
		cluster cost.ManagementUsage
		hourly  float64
		source  string
	}{
		"EKS":            {pricing.Config{}, cost.ManagementUsage{Service: "EKS"}, 0.10, "default"},
		"AKS":            {pricing.Config{}, cost.ManagementUsage{Service: "aks"}, 0.10, "default"},
		"GKE":            {pricing.Config{}, cost.ManagementUsage{Service: "GKE"}, 0.10, "default"},
		"self-managed":   {pricing.Config{}, cost.ManagementUsage{}, 0, "default"},
		"metrics":        {pricing.Config{}, cost.ManagementUsage{Service: "EKS", PriceHour: ptr(0.6)}, 0.6, "metrics"},
		"the operator's": {pricing.Config{ManagementHourly: ptr(0.2)}, cost.ManagementUsage{Service: "EKS", PriceHour: ptr(0.6)}, 0.2, "custom"},
		"free of charge": {pricing.Config{ManagementHourly: ptr(0)}, cost.ManagementUsage{Service: "AKS"}, 0, "custom"},
		"custom rates":   {pricing.Config{CustomPrices: true, Rates: pricing.Rates{EKSHour: 0.3}}, cost.ManagementUsage{Service: "EKS", PriceHour: ptr(0.6)}, 0.3, "custom"},
	} {
		t.Run(name, func(t *testing.T) { checkPrice(t, lookup(t, c.config).Management(c.cluster), c.hourly, c.source) })
	}
}

func TestBootDisk(t *testing.T) {
	n := cost.NodeUsage{Span: full, BootDisk: 73 * gibibyte * 3600}
	checkPrice(t, lookup(t, pricing.Config{}).BootDisk(n), 73*0.00005479452, "default")
	checkPrice(t, lookup(t, pricing.Config{CustomPrices: true, Rates: pricing.Rates{BootDiskGiBHour: 0.001}}).BootDisk(n), 0.073, "custom")
}

func TestIsDefault(t *testing.T) {
	for source, want := range map[string]bool{
		"default": true, "default:spot": true,
		"custom": false, "csv": false, "metrics": false, "book:aws/us-east-1": false, "book:other-region": false, "none": false,
	} {
		if pricing.IsDefault(source) != want {
			t.Errorf("IsDefault(%q) = %v", source, !want)
		}
	}
}
