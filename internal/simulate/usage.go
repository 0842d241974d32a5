package simulate

import (
	"math"
	"slices"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Usage returns what the cluster ran in hour h: a pure function of the fleet's
// options, the cluster and the hour. For an hour without any data (see Has) it
// has CoverageSeconds 0 and nothing in it.
func (c *Cluster) Usage(h cost.Hour) cost.HourUsage { return c.usage(h, 3600) }

// UsageUntil returns the part of hour h that has passed at t, as a live agent
// would see it: coverage and every span end there.
func (c *Cluster) UsageUntil(h cost.Hour, t time.Time) cost.HourUsage {
	return c.usage(h, int64(t.Sub(h.Start())/time.Second))
}

// mount is one pod holding something shared for [from, to).
type mount struct {
	from, to     int64
	first, count int // its containers in HourUsage.Containers
}

// hourBuilder carries one call of usage.
type hourBuilder struct {
	c      *Cluster
	o      observed
	out    cost.HourUsage
	hour   int64   // since the epoch
	rhythm float64 // the cluster's load now
	mounts map[*workload][]mount
	own    map[*volume][]mount
}

func (c *Cluster) usage(h cost.Hour, until int64) cost.HourUsage {
	b := hourBuilder{c: c, o: c.observe(h, until), hour: int64(h)}
	b.out = cost.HourUsage{Hour: h, Cluster: c.Name}
	if !c.Has(h) || b.o.total() <= 0 {
		return b.out
	}
	b.out.CoverageSeconds = b.o.total()
	b.rhythm = c.rhythm[(int64(h)%168+168)%168]
	b.mounts = make(map[*workload][]mount, 8)
	b.own = make(map[*volume][]mount, len(c.volumes))
	b.out.Nodes = make([]cost.NodeUsage, 0, len(c.nodes)+4)
	b.out.Containers = make([]cost.ContainerUsage, 0, c.size*3/2+32)
	b.addNodes()
	for _, w := range c.workloads {
		b.addPods(w)
	}
	b.addVolumes()
	b.addBalancers()
	b.out.Management = []cost.ManagementUsage{{
		AssetID: "control-plane/" + c.UID, Name: c.Name, Provider: c.Provider, Region: c.Region, Service: c.Service,
		Span: b.o.span(b.o.base, b.o.base+3600),
	}}
	return b.out
}

func (b *hourBuilder) addNodes() {
	var buf [4]life
	for _, n := range b.c.nodes {
		for _, l := range n.turnover.within(n.key, b.o.lo, b.o.hi, buf[:0]) {
			span := b.o.span(l.from, l.to)
			if span.Seconds == 0 {
				continue
			}
			id, s := b.c.nodeIdentity(n, l), int64(span.Seconds)
			b.out.Nodes = append(b.out.Nodes, cost.NodeUsage{
				AssetID: id.assetID, Name: id.name, ProviderID: id.providerID,
				Provider: b.c.Provider, Region: b.c.Region, Zone: n.zone,
				InstanceType: n.machine.name, CapacityType: n.capacityType, NodePool: n.pool,
				GPUModel: n.machine.gpuModel, Labels: id.labels, Span: span,
				CPUCapacity: n.machine.capacityMillis() * 1000 * s, CPUAllocatable: n.machine.allocatableMillis() * 1000 * s,
				RAMCapacity: n.machine.capacityBytes() * s, RAMAllocatable: n.machine.allocatableBytes() * s,
				GPUCapacity: n.machine.gpus * 1_000_000 * s, BootDisk: n.machine.diskGiB * gib * s,
			})
		}
	}
}

// addPods adds the pods of one workload that were seen in the hour.
func (b *hourBuilder) addPods(w *workload) {
	if w.cron != nil {
		var buf [16]run
		for _, r := range w.runs(b.o.lo, b.o.hi, buf[:0]) {
			p, kind, controller := w.jobPod(r)
			var host [3]life
			nl := r.node.turnover.within(r.node.key, r.from, r.from+1, host[:0])
			b.addPod(w, p, r.life, b.c.nodeIdentity(r.node, nl[0]), kind, controller)
		}
		return
	}
	var buf, host [6]life
	for _, s := range w.slots {
		for _, l := range s.lives(b.o.lo, b.o.hi, buf[:0]) {
			at := max(l.from, b.o.lo)
			nl := s.node.turnover.within(s.node.key, at, at+1, host[:0])
			first := len(b.out.Containers)
			b.addPod(w, s.identity(l), l, b.c.nodeIdentity(s.node, nl[0]), w.kind, w.controller())
			if n := len(b.out.Containers) - first; n > 0 && s.volume != nil {
				b.own[s.volume] = append(b.own[s.volume], mount{l.from, l.to, first, n})
			}
		}
	}
}

// controller is the name shown for pods that are not jobs.
func (w *workload) controller() string {
	if w.kind == "" {
		return ""
	}
	return w.name
}

// addPod adds the containers of one pod. Init containers come last, so that
// those that live as long as the pod are consecutive.
func (b *hourBuilder) addPod(w *workload, p *pod, l life, n *nodeIdentity, kind, controller string) {
	first := len(b.out.Containers)
	span := b.o.span(l.from, l.to)
	if span.Seconds > 0 {
		for i := range w.containers {
			if w.containers[i].initSeconds == 0 {
				b.addContainer(w, i, p, span, n, kind, controller)
			}
		}
		if w.record {
			b.mounts[w] = append(b.mounts[w], mount{l.from, l.to, first, len(b.out.Containers) - first})
		}
	}
	for i := range w.containers {
		if t := w.containers[i].initSeconds; t > 0 && l.from+t > b.o.lo {
			// It ran before the others; the pod's life begins with them.
			if s := b.o.span(l.from-t, l.from); s.Seconds > 0 {
				b.addContainer(w, i, p, s, n, kind, controller)
			}
		}
	}
}

// addContainer adds one container. Its use has two levels within the hour, so
// that the integral of max(request, usage) is exact and differs from the
// maximum of the integrals.
func (b *hourBuilder) addContainer(w *workload, i int, p *pod, span cost.Span, n *nodeIdentity, kind, controller string) {
	c := &w.containers[i]
	h := mix(mix(p.key, uint64(b.hour)), uint64(i))
	if c.crashLoop {
		span.Seconds = max(1, span.Seconds*15/100)
	}
	s := int64(span.Seconds)
	high := s / b.c.step * int64(h%40+8) / 100 * b.c.step // seconds at the upper level
	level := (1 + c.rhythmic*(b.rhythm-1)) * (0.8 + 0.4*unit(h))

	b.out.Containers = append(b.out.Containers, cost.ContainerUsage{
		NodeAssetID: n.assetID, Node: n.name, Namespace: w.ns.name, ControllerKind: kind, Controller: controller,
		Pod: p.name, PodUID: p.uid, Container: c.name, Services: w.services,
		Labels: p.labels, NamespaceLabels: w.ns.labels, Annotations: w.annots, NamespaceAnnotations: w.ns.annotations,
		Span:       span,
		CPURequest: c.reqMillis * 1000 * s, CPULimit: c.limMillis * 1000 * s,
		RAMRequest: c.reqBytes * s, RAMLimit: c.limBytes * s,
	})
	u := &b.out.Containers[len(b.out.Containers)-1]
	cpu := float64(c.baseMillis) * 1000 * level
	u.CPUUsage, u.CPUAllocated, u.CPUUsageMax = integrate(c.reqMillis*1000, int64(cpu*0.75), int64(cpu*1.5), s, high)
	ram := float64(c.baseBytes) * (0.7 + 0.3*math.Sqrt(level))
	u.RAMUsage, u.RAMAllocated, u.RAMUsageMax = integrate(c.reqBytes, int64(ram*0.96), int64(ram*1.1), s, high)
	if c.gpus > 0 {
		used := float64(c.gpus) * 1e6 * min(1, c.gpuLoad*level)
		u.GPURequest = c.gpus * 1_000_000 * s
		u.GPUUsage, u.GPUAllocated, _ = integrate(c.gpus*1_000_000, int64(used), int64(used), s, 0)
	}
	if !w.hostNet && c.bytesPerSecond > 0 {
		u.NetworkReceiveBytes = int64(float64(c.bytesPerSecond*s) * level)
		u.NetworkTransferBytes = int64(float64(c.answer*s) * level)
	}
}

// integrate returns ∫ usage, ∫ max(request, usage) and the maximum of usage
// over seconds, of which `high` are at the upper level and the rest at the
// lower.
func integrate(request, lower, upper, seconds, high int64) (usage, allocated, most int64) {
	rest := seconds - high
	usage = upper*high + lower*rest
	allocated = max(request, upper)*high + max(request, lower)*rest
	if high > 0 {
		return usage, allocated, upper
	}
	return usage, allocated, lower
}

func (b *hourBuilder) addVolumes() {
	span := b.o.span(b.o.base, b.o.base+3600)
	b.out.Volumes = make([]cost.VolumeUsage, 0, len(b.c.volumes))
	for _, v := range b.c.volumes {
		u := cost.VolumeUsage{
			AssetID: v.assetID, Name: v.name, ProviderID: v.providerID,
			Provider: b.c.Provider, Region: b.c.Region, Zone: v.zone,
			StorageClass: v.class, DiskType: v.diskType, Kind: v.kind,
			ClaimNamespace: v.claimNamespace, ClaimName: v.claim, Labels: v.labels,
			Span: span, Capacity: v.bytes * int64(span.Seconds),
		}
		mounts := b.own[v]
		if v.heldBy != nil {
			mounts = b.mounts[v.heldBy]
		}
		u.Shares, u.Unmounted = b.share(mounts, 1, 0)
		b.out.Volumes = append(b.out.Volumes, u)
	}
}

func (b *hourBuilder) addBalancers() {
	span := b.o.span(b.o.base, b.o.base+3600)
	for _, lb := range b.c.balancers {
		u := cost.LoadBalancerUsage{
			AssetID: lb.assetID, Name: lb.name, ProviderID: lb.providerID,
			Provider: b.c.Provider, Region: b.c.Region, OnPremises: b.c.Provider == "", Span: span,
		}
		for i, w := range lb.services {
			shares, rest := b.share(b.mounts[w], int64(len(lb.services)), int64(i))
			u.Shares = append(u.Shares, shares...)
			if rest > 0 {
				u.Unmounted = append(u.Unmounted, cost.NamespaceShare{Namespace: w.ns.name, Weight: rest})
			}
		}
		if lb.orphan != "" {
			u.Unmounted = []cost.NamespaceShare{{Namespace: lb.orphan, Weight: int64(span.Seconds) * 1_000_000}}
		}
		b.out.LoadBalancers = append(b.out.LoadBalancers, u)
	}
}

// share divides part i of n of the observed microseconds among the mounts:
// each moment evenly by pod, a pod's part evenly by container. What no pod
// held is returned as rest, so that the weights always add up to the whole.
func (b *hourBuilder) share(mounts []mount, n, i int64) (shares []cost.Share, rest int64) {
	cuts := make([]int64, 0, 8)
	cuts = append(cuts, b.o.lo, b.o.hi)
	for _, m := range mounts {
		cuts = append(cuts, min(max(m.from, b.o.lo), b.o.hi), min(max(m.to, b.o.lo), b.o.hi))
	}
	slices.Sort(cuts)
	weights := map[int]int64{}
	for k := 1; k < len(cuts); k++ {
		seconds := int64(b.o.span(cuts[k-1], cuts[k]).Seconds)
		if seconds == 0 {
			continue
		}
		micros := part(seconds*1_000_000, n, i)
		pods := int64(0)
		for _, m := range mounts {
			if m.from < cuts[k] && m.to > cuts[k-1] {
				pods++
			}
		}
		if pods == 0 {
			rest += micros
			continue
		}
		at := int64(0)
		for _, m := range mounts {
			if m.from >= cuts[k] || m.to <= cuts[k-1] {
				continue
			}
			pod := part(micros, pods, at)
			at++
			for j := range m.count {
				weights[m.first+j] += part(pod, int64(m.count), int64(j))
			}
		}
	}
	for index, w := range weights {
		shares = append(shares, cost.Share{Container: index, Weight: w})
	}
	slices.SortFunc(shares, func(a, b cost.Share) int { return a.Container - b.Container })
	return shares, rest
}

// part returns piece i of total divided into n: the pieces add up to total.
func part(total, n, i int64) int64 { return total*(i+1)/n - total*i/n }
