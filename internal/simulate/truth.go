package simulate

import (
	"slices"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// NodeRates are a node's prices in units of currency.
type NodeRates struct {
	CPUCoreHour, RAMGiBHour, GPUHour float64
}

// Rates are the prices by which Truth is computed, in units of currency.
type Rates struct {
	Node             NodeRates
	Instance         map[string]NodeRates // where they differ: "c6i.2xlarge", "c6i.2xlarge/spot"
	DiskGiBHour      float64              // claimed block volumes; network file systems cost nothing
	BootDiskGiBHour  float64
	LoadBalancerHour float64
	ManagementHour   float64
}

func (r Rates) of(n *simNode) NodeRates {
	if n.spot {
		if v, ok := r.Instance[n.instanceType+"/spot"]; ok {
			return v
		}
	}
	if v, ok := r.Instance[n.instanceType]; ok {
		return v
	}
	return r.Node
}

// Cost is an amount by resource, in units of currency.
type Cost struct{ CPU, RAM, GPU, PV, LB, Overhead float64 }

// Total returns the sum of the parts.
func (c Cost) Total() float64 { return c.CPU + c.RAM + c.GPU + c.PV + c.LB + c.Overhead }

func (c Cost) plus(o Cost) Cost {
	return Cost{c.CPU + o.CPU, c.RAM + o.RAM, c.GPU + o.GPU, c.PV + o.PV, c.LB + o.LB, c.Overhead + o.Overhead}
}

// Quantity is what ran, in core-hours, byte-hours, GPU-hours and hours.
type Quantity struct {
	Hours                              float64
	CPURequest, CPUUsage, CPUAllocated float64
	RAMRequest, RAMUsage, RAMAllocated float64
	GPUAllocated                       float64
}

// ContainerKey names one container of one pod.
type ContainerKey struct{ Namespace, Pod, PodUID, Container string }

// NodeTruth is one machine: what it cost, the part nothing was allocated of,
// and its boot disk, which is overhead.
type NodeTruth struct {
	Name     string
	Cost     Cost
	Idle     Cost
	BootDisk float64
}

// SharedTruth is one volume or balancer: what it cost, and the part no pod
// held, by the namespace that answers for it.
type SharedTruth struct {
	Name      string
	Cost      float64
	Unmounted map[string]float64
}

// Truth is the right answer for a window, by the rules of docs/model.md. The
// identity holds up to the rounding of floating point:
//
//	Total = Σ Namespaces + Idle + Σ Unmounted + Overhead
type Truth struct {
	CoverageSeconds int64

	Namespaces map[string]Cost // containers only
	Containers map[ContainerKey]Cost
	Quantities map[ContainerKey]Quantity
	Nodes      map[string]NodeTruth   // by provider ID
	Volumes    map[string]SharedTruth // by volume handle
	Balancers  map[string]SharedTruth // by address

	Idle      Cost
	Unmounted map[string]Cost // by namespace, "" for the cluster
	Overhead  float64         // boot disks and control plane
	Total     float64         // of all assets
}

// Truth computes the cost of the hours of w that the scenario knows, plainly:
// it looks at every second of the definition in turn and adds up. It uses no
// other package of this project but for the type of an hour and reserved names.
func (s *Scenario) Truth(w cost.Window, r Rates) Truth {
	t := Truth{
		Namespaces: map[string]Cost{}, Containers: map[ContainerKey]Cost{}, Quantities: map[ContainerKey]Quantity{},
		Nodes: map[string]NodeTruth{}, Volumes: map[string]SharedTruth{}, Balancers: map[string]SharedTruth{},
		Unmounted: map[string]Cost{},
	}
	for h := w.Start; h < w.End; h++ {
		s.truthOfHour(h, r, &t)
	}
	for _, c := range t.Containers {
		t.Total += c.Total()
	}
	for _, u := range t.Unmounted {
		t.Total += u.Total()
	}
	t.Total += t.Idle.Total() + t.Overhead
	return t
}

// hourTruth adds up one hour.
type hourTruth struct {
	s          *Scenario
	containers map[ContainerKey]*Quantity
	on         map[ContainerKey]*simNode
	nodeHours  map[*simNode]float64
	volumes    map[string]*sharedHour
	balancers  map[string]*sharedHour
	hours      float64
}

// sharedHour is one shared thing: seconds by who held it.
type sharedHour struct {
	name      string
	hours     float64
	bytes     int64
	free      bool // costs nothing
	held      map[ContainerKey]float64
	unmounted map[string]float64
}

const second = 1.0 / 3600

func (s *Scenario) truthOfHour(h cost.Hour, r Rates, t *Truth) {
	a := &hourTruth{
		s: s, containers: map[ContainerKey]*Quantity{}, on: map[ContainerKey]*simNode{}, nodeHours: map[*simNode]float64{},
		volumes: map[string]*sharedHour{}, balancers: map[string]*sharedHour{},
	}
	base := int64(h-s.Start) * 3600
	for at := base; at < base+3600; at++ {
		if !s.seen(at) {
			continue
		}
		t.CoverageSeconds++
		a.hours += second
		for _, n := range s.nodes {
			if at >= n.from && at < n.to {
				a.nodeHours[n] += second
			}
		}
		for _, p := range s.pods {
			a.addPod(p, at)
		}
		a.addVolumes(at)
		a.addBalancers(at)
	}
	a.price(r, t)
}

func (p *simPod) key(c *simContainer) ContainerKey {
	return ContainerKey{p.namespace, p.name, p.uid, c.name}
}

func (a *hourTruth) addPod(p *simPod, at int64) {
	if (p.overhead.cores > 0 || p.overhead.bytes > 0) && p.running(at) {
		q := a.quantity(p, cost.PodContainer)
		q.Hours += second
		q.CPURequest += p.overhead.cores * second
		q.CPUAllocated += p.overhead.cores * second
		q.RAMRequest += float64(p.overhead.bytes) * second
		q.RAMAllocated += float64(p.overhead.bytes) * second
	}
	for _, c := range p.containers {
		if !c.running(at) {
			continue
		}
		q := a.quantity(p, c.name)
		request, level := c.request(at), c.level(at)
		q.Hours += second
		q.CPURequest += request.cores * second
		q.CPUUsage += level.cores * second
		q.CPUAllocated += max(request.cores, level.cores) * second
		q.RAMRequest += float64(request.bytes) * second
		q.RAMUsage += float64(level.bytes) * second
		q.RAMAllocated += float64(max(request.bytes, level.bytes)) * second
		q.GPUAllocated += float64(c.gpus) * second
	}
}

// quantity returns the sums of one container on its node.
func (a *hourTruth) quantity(p *simPod, container string) *Quantity {
	k := ContainerKey{p.namespace, p.name, p.uid, container}
	q := a.containers[k]
	if q == nil {
		q = &Quantity{}
		a.containers[k], a.on[k] = q, p.node
	}
	return q
}

// addVolumes shares one second of every volume evenly by the pods that mount
// it and run, then by their containers that run.
func (a *hourTruth) addVolumes(at int64) {
	for _, v := range a.s.volumes {
		if at < v.from || at >= v.to {
			continue
		}
		u := sharedOf(a.volumes, v.handle, v.name)
		if u.name != v.name {
			continue // one volume under a second PV: counted under the first
		}
		u.hours += second
		u.bytes, u.free = v.bytes, v.shared
		var holders []*simPod
		for _, p := range a.s.pods {
			if p.namespace == v.namespace && slices.Contains(p.claims, v.claim) && p.running(at) {
				holders = append(holders, p)
			}
		}
		u.give(holders, at, second, v.namespace)
	}
}

// addBalancers shares one second of every balancer evenly by its services and
// ingresses, then by their pods.
func (a *hourTruth) addBalancers(at int64) {
	type front struct {
		namespace, name string
		selects         func(p *simPod, t int64) bool
	}
	behind := map[string][]front{}
	for _, v := range a.s.services {
		if v.balancer && at >= v.from && at < v.to {
			behind[v.address()] = append(behind[v.address()], front{v.namespace, v.name, v.selects})
		}
	}
	for _, g := range a.s.ingresses {
		if at >= g.from && at < g.to {
			behind[g.address()] = append(behind[g.address()], front{g.namespace, g.name, g.selects})
		}
	}
	for address, fronts := range behind {
		u := sharedOf(a.balancers, address, fronts[0].namespace+"/"+fronts[0].name)
		u.hours += second
		for _, f := range fronts {
			var holders []*simPod
			for _, p := range a.s.pods {
				if f.selects(p, at) {
					holders = append(holders, p)
				}
			}
			u.give(holders, at, second/float64(len(fronts)), f.namespace)
		}
	}
}

func sharedOf(m map[string]*sharedHour, id, name string) *sharedHour {
	u := m[id]
	if u == nil {
		u = &sharedHour{name: name, held: map[ContainerKey]float64{}, unmounted: map[string]float64{}}
		m[id] = u
	}
	return u
}

func (u *sharedHour) give(holders []*simPod, at int64, hours float64, namespace string) {
	if len(holders) == 0 {
		u.unmounted[namespace] += hours
		return
	}
	for _, p := range holders {
		var running []*simContainer
		for _, c := range p.containers {
			if c.running(at) {
				running = append(running, c)
			}
		}
		for _, c := range running {
			u.held[p.key(c)] += hours / float64(len(holders)) / float64(len(running))
		}
	}
}

// price turns the hour's sums into money.
func (a *hourTruth) price(r Rates, t *Truth) {
	for _, n := range a.s.nodes {
		if a.nodeHours[n] > 0 {
			a.priceNode(n, r, t)
		}
	}
	for id, u := range a.volumes {
		perHour := r.DiskGiBHour * float64(u.bytes) / float64(gib)
		if u.free {
			perHour = 0
		}
		a.priceShared(t, t.Volumes, id, u, func(hours float64) Cost { return Cost{PV: hours * perHour} })
	}
	for id, u := range a.balancers {
		a.priceShared(t, t.Balancers, id, u, func(hours float64) Cost { return Cost{LB: hours * r.LoadBalancerHour} })
	}
	t.Overhead += a.hours * r.ManagementHour
	for k, q := range a.containers {
		sum := t.Quantities[k]
		sum.Hours += q.Hours
		sum.CPURequest, sum.CPUUsage, sum.CPUAllocated = sum.CPURequest+q.CPURequest, sum.CPUUsage+q.CPUUsage, sum.CPUAllocated+q.CPUAllocated
		sum.RAMRequest, sum.RAMUsage, sum.RAMAllocated = sum.RAMRequest+q.RAMRequest, sum.RAMUsage+q.RAMUsage, sum.RAMAllocated+q.RAMAllocated
		sum.GPUAllocated += q.GPUAllocated
		t.Quantities[k] = sum
	}
}

// priceNode charges a node's containers; what is allocated beyond its capacity
// is scaled down to it, per resource.
func (a *hourTruth) priceNode(n *simNode, r Rates, t *Truth) {
	rates, hours := r.of(n), a.nodeHours[n]
	var cpu, ram, gpu float64
	for k, q := range a.containers {
		if a.on[k] == n {
			cpu, ram, gpu = cpu+q.CPUAllocated, ram+q.RAMAllocated, gpu+q.GPUAllocated
		}
	}
	have := [3]float64{float64(n.millis) / 1000 * hours, float64(n.bytes) * hours, float64(n.gpus) * hours}
	price := [3]float64{rates.CPUCoreHour, rates.RAMGiBHour / float64(gib), rates.GPUHour}
	scale := [3]float64{1, 1, 1}
	for i, used := range [3]float64{cpu, ram, gpu} {
		if used > have[i] {
			scale[i] = have[i] / used
		}
	}
	for k, q := range a.containers {
		if a.on[k] == n {
			t.charge(k, Cost{
				CPU: q.CPUAllocated * price[0] * scale[0],
				RAM: q.RAMAllocated * price[1] * scale[1],
				GPU: q.GPUAllocated * price[2] * scale[2],
			})
		}
	}
	whole := Cost{CPU: have[0] * price[0], RAM: have[1] * price[1], GPU: have[2] * price[2]}
	idle := Cost{
		CPU: max(0, have[0]-cpu) * price[0],
		RAM: max(0, have[1]-ram) * price[1],
		GPU: max(0, have[2]-gpu) * price[2],
	}
	disk := float64(n.diskBytes) / float64(gib) * hours * r.BootDiskGiBHour
	node := t.Nodes[n.providerID]
	t.Nodes[n.providerID] = NodeTruth{
		Name: n.name, Cost: node.Cost.plus(whole), Idle: node.Idle.plus(idle), BootDisk: node.BootDisk + disk,
	}
	t.Idle = t.Idle.plus(idle)
	t.Overhead += disk
}

func (a *hourTruth) priceShared(t *Truth, to map[string]SharedTruth, id string, u *sharedHour, price func(hours float64) Cost) {
	for k, hours := range u.held {
		t.charge(k, price(hours))
	}
	sum := to[id]
	sum.Name = u.name
	sum.Cost += price(u.hours).Total()
	if sum.Unmounted == nil {
		sum.Unmounted = map[string]float64{}
	}
	for ns, hours := range u.unmounted {
		sum.Unmounted[ns] += price(hours).Total()
		t.Unmounted[ns] = t.Unmounted[ns].plus(price(hours))
	}
	to[id] = sum
}

func (t *Truth) charge(k ContainerKey, c Cost) {
	t.Containers[k] = t.Containers[k].plus(c)
	t.Namespaces[k.Namespace] = t.Namespaces[k.Namespace].plus(c)
}
