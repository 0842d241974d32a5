package pricing

import (
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// perHour is a node's price per hour by resource, in units of currency and
// before discounts.
type perHour struct{ cpu, ram, gpu float64 }

func (p perHour) total() float64 { return p.cpu + p.ram + p.gpu }

// capacity is what a node reports, as means over the time it was there.
type capacity struct{ cores, gib, gpus float64 }

func capacityOf(n *cost.NodeUsage) capacity {
	if n.Span.Seconds <= 0 {
		return capacity{}
	}
	s := float64(n.Span.Seconds)
	return capacity{
		cores: float64(n.CPUCapacity) / 1e6 / s,
		gib:   float64(n.RAMCapacity) / (1 << 30) / s,
		gpus:  float64(n.GPUCapacity) / 1e6 / s,
	}
}

// Node returns the hourly price of a node for its whole reported capacity,
// discounted, from the first source that knows it.
func (l *Lookup) Node(n cost.NodeUsage) cost.NodePrice {
	size := capacityOf(&n)
	if l.custom {
		return l.discounted(l.byRates(size, isSpot(&n)), SourceCustom)
	}
	if p, ok := l.csv.node(&n); ok {
		return l.discounted(l.split(p.machine, p.gpu*size.gpus, size), SourceCSV)
	}
	if isPodBilled(&n) {
		return l.discounted(l.podBilled(&n, size), SourceDefault)
	}
	if p, ok := l.byMetrics(&n, size); ok {
		return l.discounted(p, SourceMetrics)
	}
	q := query{
		provider: n.Provider, region: n.Region, instanceType: n.InstanceType, gpuModel: n.GPUModel,
		cores: size.cores, gib: size.gib,
	}
	if m, ok := l.books.machine(q, isSpot(&n)); ok {
		return l.discounted(l.split(m.price, m.gpu*size.gpus, size), m.source)
	}
	if isSpot(&n) {
		if m, ok := l.books.machine(q, false); ok {
			r := l.spotRatio
			return l.discounted(l.split(m.price*r, m.gpu*r*size.gpus, size), SourceDefaultSpot)
		}
	}
	return l.discounted(l.byRates(size, isSpot(&n)), SourceDefault)
}

// InferredNode returns the price, at plain rates, of what containers allocated
// on a node that nothing else is known of. A price of a whole machine would
// not fit: how large it was is unknown.
func (l *Lookup) InferredNode(n cost.NodeUsage) cost.NodePrice {
	source := SourceDefault
	if l.custom {
		source = SourceCustom
	}
	return l.discounted(l.byRates(capacityOf(&n), isSpot(&n)), source)
}

func isSpot(n *cost.NodeUsage) bool {
	return strings.EqualFold(n.CapacityType, "spot") || (n.CapacityType == "" && n.Price != nil && n.Price.Spot)
}

func isPodBilled(n *cost.NodeUsage) bool {
	return n.PodBilled || strings.EqualFold(n.CapacityType, "fargate")
}

// byRates prices a capacity at the rates per core, GiB and GPU.
func (l *Lookup) byRates(size capacity, spot bool) perHour {
	cpu, ram := l.rates.CPUCoreHour, l.rates.RAMGiBHour
	if spot {
		cpu, ram = l.rates.SpotCPUCoreHour, l.rates.SpotRAMGiBHour
	}
	return perHour{size.cores * cpu, size.gib * ram, size.gpus * l.rates.GPUHour}
}

// podBilled prices a capacity that the provider bills by the pod.
func (l *Lookup) podBilled(n *cost.NodeUsage, size capacity) perHour {
	cpu, ram := l.rates.FargateCPUCoreHour, l.rates.FargateRAMGiBHour
	switch providerKey(n.Provider) {
	case "gcp":
		cpu, ram = l.rates.AutopilotCPUCoreHour, l.rates.AutopilotRAMGiBHour
	case "azure":
		cpu, ram = l.rates.ACICPUCoreHour, l.rates.ACIRAMGiBHour
	}
	return perHour{size.cores * cpu, size.gib * ram, size.gpus * l.rates.GPUHour}
}

// byMetrics prices a node by the source's own price metrics. As in OpenCost, a
// price of 0 or NaN for CPU or memory is no price and the default rate takes
// its place; a GPU may cost 0. Without a price for either, the metrics know
// nothing and the next source is asked.
func (l *Lookup) byMetrics(n *cost.NodeUsage, size capacity) (perHour, bool) {
	if n.Price == nil || !(known(n.Price.CPUCoreHour) || known(n.Price.RAMGiBHour)) {
		return perHour{}, false
	}
	p := l.byRates(size, isSpot(n))
	if known(n.Price.CPUCoreHour) {
		p.cpu = size.cores * n.Price.CPUCoreHour
	}
	if known(n.Price.RAMGiBHour) {
		p.ram = size.gib * n.Price.RAMGiBHour
	}
	if g := n.Price.GPUHour; g == 0 || known(g) {
		p.gpu = size.gpus * g
	}
	return p, p.total() <= maxHourly
}

// split divides a machine's price over its resources by the ratio of the
// default rates over the reported capacity. gpus is the price of attached
// GPUs: where it is known, it comes on top and only the machine is divided, over
// CPU and memory.
func (l *Lookup) split(price, gpus float64, size capacity) perHour {
	cpu, ram, gpu := l.rates.CPUCoreHour, l.rates.RAMGiBHour, l.rates.GPUHour
	if ram <= 0 {
		// OpenCost's ratios where the rates give none.
		cpu, ram, gpu = 10, 1, 100
	}
	w := perHour{size.cores * cpu, size.gib * ram, size.gpus * gpu}
	if gpus > 0 {
		w.gpu = 0
	}
	total := w.total()
	if total <= 0 {
		// A price without a capacity: it is shown as CPU rather than lost.
		return perHour{cpu: price, gpu: gpus}
	}
	return perHour{
		cpu: price * w.cpu / total,
		ram: price * w.ram / total,
		gpu: price*w.gpu/total + gpus,
	}
}

// discounted applies the discounts, which are on CPU and memory, and rounds so
// that the parts add to the whole.
func (l *Lookup) discounted(p perHour, source string) cost.NodePrice {
	p.cpu, p.ram = p.cpu*l.keep, p.ram*l.keep
	out := cost.NodePrice{RAM: money(p.ram), GPU: money(p.gpu), Source: source}
	if p.cpu > 0 {
		// CPU takes the rounding, so that a list price of 0.096 is charged as
		// 0.096 to the last digit.
		out.CPU = max(0, money(p.total())-out.RAM-out.GPU)
	}
	return out
}
