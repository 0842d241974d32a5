package pricing_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/pricing"
)

const gibibyte = 1 << 30

// machine is a node that was there all hour with the given size.
func machine(provider, region, instanceType string, cores, gib, gpus float64) cost.NodeUsage {
	return cost.NodeUsage{
		AssetID: "i-1", Name: "node-1", ProviderID: "aws:///us-east-1a/i-1",
		Provider: provider, Region: region, InstanceType: instanceType,
		Span:        cost.Span{End: 3600, Seconds: 3600},
		CPUCapacity: int64(cores * 1e6 * 3600), RAMCapacity: int64(gib * gibibyte * 3600), GPUCapacity: int64(gpus * 1e6 * 3600),
	}
}

func with(n cost.NodeUsage, change func(*cost.NodeUsage)) cost.NodeUsage {
	change(&n)
	return n
}

func lookup(t testing.TB, c pricing.Config) *pricing.Lookup {
	t.Helper()
	l, err := pricing.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func units(f float64) cost.Money { m, _ := cost.MoneyOf(f); return m }

func total(p cost.NodePrice) cost.Money { return p.CPU + p.RAM + p.GPU }

const csvOfNode1 = "InstanceID,AssetClass,MarketPriceHourly\nnode-1,node,0.5\n"

// TestOrderOfSources asks for one node with less and less known about it.
func TestOrderOfSources(t *testing.T) {
	spot := func(n *cost.NodeUsage) { n.CapacityType = "spot" }
	metrics := func(n *cost.NodeUsage) {
		n.Price = &cost.SourceNodePrice{CPUCoreHour: 0.05, RAMGiBHour: 0.01}
	}
	known := machine("AWS", "us-east-1", "m5.large", 2, 8, 0)
	elsewhere := machine("AWS", "eu-north-1", "m5.large", 2, 8, 0)
	unknown := machine("AWS", "us-east-1", "m99.large", 2, 8, 0)
	for name, c := range map[string]struct {
		config pricing.Config
		node   cost.NodeUsage
		total  float64
		source string
	}{
		"custom before all":            {pricing.Config{CustomPrices: true, CSV: strings.NewReader(csvOfNode1)}, with(known, metrics), 2*0.031611 + 8*0.004237, "custom"},
		"custom, spot":                 {pricing.Config{CustomPrices: true}, with(known, spot), 2*0.006655 + 8*0.000892, "custom"},
		"list before metrics":          {pricing.Config{CSV: strings.NewReader(csvOfNode1)}, with(known, metrics), 0.5, "csv"},
		"metrics before book":          {pricing.Config{}, with(known, metrics), 2*0.05 + 8*0.01, "metrics"},
		"book of the region":           {pricing.Config{}, known, 0.096, "book:aws/us-east-1"},
		"book of another region":       {pricing.Config{}, elsewhere, 0.096, "book:other-region"},
		"spot without a spot price":    {pricing.Config{SpotRatio: 0.25}, with(known, spot), 0.024, "default:spot"},
		"spot in another region":       {pricing.Config{SpotRatio: 0.25}, with(elsewhere, spot), 0.024, "default:spot"},
		"spot, default ratio":          {pricing.Config{}, with(known, spot), 0.096 * 0.006655 / 0.031611, "default:spot"},
		"spot with a spot price":       {pricing.Config{}, with(machine("GCP", "us-central1", "c2-standard-4", 4, 16, 0), spot), 0.0505, "book:gcp/us-central1"},
		"spot price of another region": {pricing.Config{}, with(machine("GCP", "europe-west4", "c2-standard-4", 4, 16, 0), spot), 0.0505, "book:other-region"},
		"unknown type":                 {pricing.Config{}, unknown, 2*0.031611 + 8*0.004237, "default"},
		"unknown type, spot":           {pricing.Config{}, with(unknown, spot), 2*0.006655 + 8*0.000892, "default"},
		"no type":                      {pricing.Config{}, machine("AWS", "us-east-1", "", 2, 8, 0), 2*0.031611 + 8*0.004237, "default"},
		"no provider, known type":      {pricing.Config{}, machine("", "us-east-1", "m5.large", 2, 8, 0), 0.096, "book:aws/us-east-1"},
		"on premises":                  {pricing.Config{}, machine("OnPrem", "", "m5.large", 2, 8, 0), 2*0.031611 + 8*0.004237, "default"},
		"nothing known at all":         {pricing.Config{}, cost.NodeUsage{}, 0, "default"},
	} {
		t.Run(name, func(t *testing.T) {
			p := lookup(t, c.config).Node(c.node)
			if p.Source != c.source || total(p) != units(c.total) {
				t.Errorf("%v from %s, want %v from %s", total(p), p.Source, units(c.total), c.source)
			}
		})
	}
}

// TestKnownTypes holds the embedded books against the lists they came from.
func TestKnownTypes(t *testing.T) {
	l := lookup(t, pricing.Config{})
	for _, c := range []struct {
		node   cost.NodeUsage
		total  float64
		source string
	}{
		{machine("AWS", "us-east-1", "a1.2xlarge", 8, 16, 0), 0.204, "book:aws/us-east-1"},
		{machine("aws", "us-east-1", "z1d.metal", 48, 384, 0), 4.464, "book:aws/us-east-1"},
		{machine("AWS", "us-east-1", "g4dn.xlarge", 4, 16, 1), 0.526, "book:aws/us-east-1"},
		{machine("Azure", "eastus", "Standard_B20ms", 20, 80, 0), 0.832, "book:azure/eastus"},
		{machine("Azure", "southeastasia", "Standard_PB6s", 0, 0, 0), 1.079, "book:azure/southeastasia"},
		{machine("Azure", "brazilsouth", "standard_b1ms", 1, 2, 0), 0.0207, "book:other-region"},
		{machine("GCP", "us-central1", "c2-standard-60", 60, 240, 0), 3.1321, "book:gcp/us-central1"},
		{machine("GCP", "us-central1", "a2-highgpu-1g", 12, 85, 1), 3.673385, "book:gcp/us-central1"},
		// Sizes by their family's rates: predefined, custom, custom N1, and a
		// custom size of a family that has predefined rates only.
		{machine("GCP", "us-central1", "n2-standard-999", 10, 40, 0), 10*0.031611 + 40*0.004237, "book:gcp/us-central1"},
		{machine("GCP", "us-central1", "n2-custom-6-20480", 6, 20, 0), 6*0.033174 + 20*0.004446, "book:gcp/us-central1"},
		{machine("GCP", "us-central1", "custom-6-20480", 6, 20, 0), 6*0.033174 + 20*0.004446, "book:gcp/us-central1"},
		{machine("GCP", "us-central1", "n4-custom-6-20480", 6, 20, 0), 6*0.030821 + 20*0.004131, "book:gcp/us-central1"},
	} {
		p := l.Node(c.node)
		if p.Source != c.source || total(p) != units(c.total) {
			t.Errorf("%s in %s: %v from %s, want %v from %s", c.node.InstanceType, c.node.Region, total(p), p.Source, units(c.total), c.source)
		}
	}
	n2 := with(machine("GCP", "us-central1", "n2-custom-6-20480", 6, 20, 0), func(n *cost.NodeUsage) { n.CapacityType = "spot" })
	if p, want := l.Node(n2), units((6*0.033174+20*0.004446)*0.00802/0.033174); total(p) != want || p.Source != "book:gcp/us-central1" {
		t.Errorf("custom N2 on spot: %v from %s, want %v", total(p), p.Source, want)
	}
}

// TestSplit: 0.096 over 2 cores and 8 GiB by 0.031611 : 0.004237 is
// 0.0626… : 0.0333…; the GPU takes its part of a machine that includes it.
func TestSplit(t *testing.T) {
	l := lookup(t, pricing.Config{})
	p := l.Node(machine("AWS", "us-east-1", "m5.large", 2, 8, 0))
	cpu := 0.096 * 2 * 0.031611 / (2*0.031611 + 8*0.004237)
	if p.CPU != units(cpu) || p.RAM != units(0.096-cpu) || p.GPU != 0 {
		t.Errorf("m5.large: %v CPU, %v memory, %v GPU", p.CPU, p.RAM, p.GPU)
	}
	p = l.Node(machine("AWS", "us-east-1", "g4dn.xlarge", 4, 16, 1))
	sum := 4*0.031611 + 16*0.004237 + 0.95
	if want := units(0.526 * 0.95 / sum); p.GPU != want || total(p) != units(0.526) {
		t.Errorf("g4dn.xlarge: GPU %v of %v, want %v of 0.526", p.GPU, total(p), want)
	}
	t.Run("over the reported capacity, not the catalogue's", func(t *testing.T) {
		half := l.Node(machine("AWS", "us-east-1", "m5.large", 1, 8, 0))
		if total(half) != units(0.096) || half.CPU >= p.CPU && half.CPU >= units(cpu) {
			t.Errorf("%v", half)
		}
	})
	t.Run("rates without memory", func(t *testing.T) {
		r := pricing.Rates{CPUCoreHour: 1}
		p := lookup(t, pricing.Config{Rates: r}).Node(machine("AWS", "us-east-1", "m5.large", 2, 8, 0))
		if want := units(0.096 * 20 / 28); p.CPU != want {
			t.Errorf("CPU %v, want OpenCost's 10 : 1 of it, %v", p.CPU, want)
		}
	})
	t.Run("a part of an hour", func(t *testing.T) {
		n := machine("AWS", "us-east-1", "m5.large", 2, 8, 0)
		n.Span = cost.Span{Start: 0, End: 900, Seconds: 900}
		n.CPUCapacity /= 4
		n.RAMCapacity /= 4
		if q := l.Node(n); q.CPU != units(cpu) {
			t.Errorf("%v per hour, want %v: the price does not depend on how long the node was there", q.CPU, units(cpu))
		}
	})
}

func TestAttachedGPU(t *testing.T) {
	l := lookup(t, pricing.Config{})
	n1 := 4*0.031611 + 15*0.004237
	for _, c := range []struct {
		model string
		spot  bool
		gpu   float64
	}{
		{"nvidia-tesla-t4", false, 2 * 0.35},
		{"Tesla-T4", false, 2 * 0.35},
		{"NVIDIA Tesla T4", true, 2 * 0.11},
		{"Tesla-V100-SXM2-16GB", false, 2 * 2.48},
		{"Tesla-P100-PCIE-16GB", false, 2 * 1.46},
	} {
		n := machine("GCP", "us-central1", "n1-standard-999", 4, 15, 2)
		n.GPUModel = c.model
		if c.spot {
			n.CapacityType = "spot"
		}
		p := l.Node(n)
		if p.GPU != units(c.gpu) || p.Source != "book:gcp/us-central1" {
			t.Errorf("%s: GPU %v from %s, want %v", c.model, p.GPU, p.Source, units(c.gpu))
		}
		if !c.spot && p.CPU+p.RAM != units(n1) {
			t.Errorf("%s: machine %v, want %v beside its GPUs", c.model, p.CPU+p.RAM, units(n1))
		}
	}
	// Without a known model the machine's price has to do for its GPU too.
	p := l.Node(machine("GCP", "us-central1", "n1-standard-999", 4, 15, 2))
	if total(p) != units(n1) || p.GPU == 0 {
		t.Errorf("unknown model: %v", p)
	}
}

func TestMetrics(t *testing.T) {
	l := lookup(t, pricing.Config{})
	nan := math.NaN()
	for name, c := range map[string]struct {
		price         cost.SourceNodePrice
		cpu, ram, gpu float64
		source        string
	}{
		"all three":                 {cost.SourceNodePrice{CPUCoreHour: 0.02, RAMGiBHour: 0.003, GPUHour: 0.7}, 4 * 0.02, 16 * 0.003, 0.7, "metrics"},
		"a free GPU stays free":     {cost.SourceNodePrice{CPUCoreHour: 0.02, RAMGiBHour: 0.003}, 4 * 0.02, 16 * 0.003, 0, "metrics"},
		"GPU NaN: default":          {cost.SourceNodePrice{CPUCoreHour: 0.02, RAMGiBHour: 0.003, GPUHour: nan}, 4 * 0.02, 16 * 0.003, 0.95, "metrics"},
		"CPU 0: default":            {cost.SourceNodePrice{RAMGiBHour: 0.003}, 4 * 0.031611, 16 * 0.003, 0, "metrics"},
		"memory NaN: default":       {cost.SourceNodePrice{CPUCoreHour: 0.02, RAMGiBHour: nan}, 4 * 0.02, 16 * 0.004237, 0, "metrics"},
		"infinite: default":         {cost.SourceNodePrice{CPUCoreHour: math.Inf(1), RAMGiBHour: 0.003}, 4 * 0.031611, 16 * 0.003, 0, "metrics"},
		"spot defaults for spot":    {cost.SourceNodePrice{CPUCoreHour: 0.02, Spot: true}, 4 * 0.02, 16 * 0.000892, 0, "metrics"},
		"neither: the next source":  {cost.SourceNodePrice{CPUCoreHour: nan, RAMGiBHour: 0, GPUHour: 2}, 4 * 0.031611, 16 * 0.004237, 0.95, "default"},
		"negative: the next source": {cost.SourceNodePrice{CPUCoreHour: -1, RAMGiBHour: -1}, 4 * 0.031611, 16 * 0.004237, 0.95, "default"},
		"absurd: the next source":   {cost.SourceNodePrice{CPUCoreHour: 9e5, RAMGiBHour: 1}, 4 * 0.031611, 16 * 0.004237, 0.95, "default"},
	} {
		t.Run(name, func(t *testing.T) {
			n := machine("AWS", "us-east-1", "unheard.of", 4, 16, 1)
			n.Price = &c.price
			p := l.Node(n)
			// CPU takes the rounding, so it may be a nano-unit off.
			if d := p.CPU - units(c.cpu); d < -1 || d > 1 || p.RAM != units(c.ram) || p.GPU != units(c.gpu) || p.Source != c.source {
				t.Errorf("%v %v %v from %s; want %v %v %v from %s", p.CPU, p.RAM, p.GPU, p.Source, units(c.cpu), units(c.ram), units(c.gpu), c.source)
			}
		})
	}
}

func TestPodBilled(t *testing.T) {
	l := lookup(t, pricing.Config{})
	for _, c := range []struct {
		provider, capacityType string
		podBilled              bool
		cpu, ram               float64
	}{
		{"AWS", "fargate", false, 0.5 * 0.04048, 2 * 0.004445},
		{"AWS", "", true, 0.5 * 0.04048, 2 * 0.004445},
		{"GCP", "", true, 0.5 * 0.0445, 2 * 0.0049225},
		{"Azure", "", true, 0.5 * 0.0405, 2 * 0.00445},
	} {
		n := machine(c.provider, "us-east-1", "m5.large", 0.5, 2, 0)
		n.CapacityType, n.PodBilled, n.BootDisk = c.capacityType, c.podBilled, 20*gibibyte*3600
		n.Price = &cost.SourceNodePrice{CPUCoreHour: 1, RAMGiBHour: 1} // the virtual node's, which is not what is billed
		p := l.Node(n)
		if p.CPU != units(c.cpu) || p.RAM != units(c.ram) || p.Source != "default" {
			t.Errorf("%+v: %v", c, p)
		}
		if d := l.BootDisk(n); d.Hourly != 0 {
			t.Errorf("%s: boot disk %v: it is part of the pod's price", c.provider, d.Hourly)
		}
	}
}

func TestInferredNode(t *testing.T) {
	csv := strings.NewReader(csvOfNode1)
	n := machine("AWS", "us-east-1", "m5.large", 2, 8, 1)
	if p, want := lookup(t, pricing.Config{CSV: csv}).InferredNode(n), units(2*0.031611+8*0.004237+0.95); total(p) != want || p.Source != "default" {
		t.Errorf("%v from %s, want %v at default rates: the size of the machine is unknown", total(p), p.Source, want)
	}
	if p := lookup(t, pricing.Config{CustomPrices: true}).InferredNode(n); p.Source != "custom" {
		t.Errorf("from %s", p.Source)
	}
}

func TestDiscounts(t *testing.T) {
	n := machine("AWS", "us-east-1", "g4dn.xlarge", 4, 16, 1)
	list := lookup(t, pricing.Config{}).Node(n)
	p := lookup(t, pricing.Config{Discount: 0.3, NegotiatedDiscount: 0.1}).Node(n)
	for name, c := range map[string]struct{ got, list cost.Money }{"CPU": {p.CPU, list.CPU}, "memory": {p.RAM, list.RAM}} {
		if d := c.got.Float() - c.list.Float()*0.7*0.9; math.Abs(d) > 2e-9 {
			t.Errorf("%s: %v of %v, want 63 %%", name, c.got, c.list)
		}
	}
	if p.GPU != list.GPU {
		t.Errorf("GPU %v, want %v: no discount on GPUs", p.GPU, list.GPU)
	}
	if free := lookup(t, pricing.Config{Discount: 1}).Node(n); free.CPU != 0 || free.RAM != 0 || free.GPU != list.GPU {
		t.Errorf("discount 1: %v", free)
	}
}

// TestAnyNode: whatever a source says, a price is not negative, has a source,
// and a machine's list price is charged to the last digit.
func TestAnyNode(t *testing.T) {
	l := lookup(t, pricing.Config{})
	number := rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(math.Inf(1)), rapid.Float64Range(0, 2))
	size := rapid.OneOf(rapid.Just[int64](0), rapid.Int64Range(0, 1e12), rapid.Int64Range(0, math.MaxInt64))
	rapid.Check(t, func(t *rapid.T) {
		n := cost.NodeUsage{
			Provider:     rapid.SampledFrom([]string{"", "AWS", "Azure", "GCP", "OnPrem"}).Draw(t, "provider"),
			Region:       rapid.SampledFrom([]string{"", "us-east-1", "eastus", "nowhere"}).Draw(t, "region"),
			InstanceType: rapid.SampledFrom([]string{"", "m5.large", "n1-standard-4", "custom-1-1", "-", "Standard_B1ms"}).Draw(t, "type"),
			CapacityType: rapid.SampledFrom([]string{"", "spot", "fargate"}).Draw(t, "capacity type"),
			GPUModel:     rapid.SampledFrom([]string{"", "Tesla-T4", "T4"}).Draw(t, "model"),
			CPUCapacity:  size.Draw(t, "cpu"), RAMCapacity: size.Draw(t, "ram"), GPUCapacity: size.Draw(t, "gpu"),
			BootDisk: size.Draw(t, "disk"),
			Span:     cost.Span{End: 3600, Seconds: rapid.Int32Range(0, 3600).Draw(t, "seconds")},
		}
		if rapid.Bool().Draw(t, "priced") {
			n.Price = &cost.SourceNodePrice{CPUCoreHour: number.Draw(t, "c"), RAMGiBHour: number.Draw(t, "r"), GPUHour: number.Draw(t, "g")}
		}
		p := l.Node(n)
		if min(p.CPU, p.RAM, p.GPU, l.BootDisk(n).Hourly) < 0 || max(p.CPU, p.RAM, p.GPU) > cost.MaxMoney || p.Source == "" {
			t.Fatalf("%+v costs %+v", n, p)
		}
		if p.Source == "book:aws/us-east-1" && total(p) != units(0.096) {
			t.Fatalf("m5.large costs %v", total(p))
		}
	})
}

func BenchmarkNew(b *testing.B) {
	for range b.N {
		lookup(b, pricing.Config{})
	}
}

func BenchmarkNode(b *testing.B) {
	l := lookup(b, pricing.Config{})
	n := machine("AWS", "eu-north-1", "m5.large", 2, 8, 0)
	b.ReportAllocs()
	for range b.N {
		l.Node(n)
	}
}
