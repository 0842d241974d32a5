package collect

import (
	"cmp"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// podRun is a pod with what of it ran in the hour.
type podRun struct {
	key        PodKey
	pod        *Pod
	containers []containerRun // in the order of names; those that ran
	runs       spans          // their union
	services   []string
}

// containerRun is one container that ran.
type containerRun struct {
	index int // in HourUsage.Containers
	name  string
	c     *Container
}

// attach gives what the kubelets measured to the pods it belongs to.
func (in *Integrator) attach() {
	find := in.podFinder()
	for _, k := range sortedKeys(in.cgroups, func(a, b CgroupKey) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.UID, b.UID),
			cmp.Compare(a.Container, b.Container), cmp.Compare(a.ID, b.ID))
	}) {
		g := in.cgroups[k]
		parts := map[*Pod]*Cgroup{}
		part := func(t int64) *Cgroup {
			p := find(PodKey{k.Namespace, k.Pod, k.UID}, t)
			if parts[p] == nil {
				parts[p] = &Cgroup{Started: g.Started, ramMax: g.ramMax}
				c := p.container(k.Container)
				c.cgroups = append(c.cgroups, parts[p])
			}
			return parts[p]
		}
		for _, pt := range g.CPU.points {
			part(pt.t).CPU.add(pt.t, pt.v, in.step)
		}
		for _, pt := range g.RAM.points {
			part(pt.t).RAM.add(pt.t, pt.v, in.step)
		}
	}
	in.attachNetworks(find)
	for _, k := range sortedKeys(in.gpus, func(a, b GPUKey) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.UID, b.UID),
			cmp.Compare(a.Container, b.Container), cmp.Compare(a.Device, b.Device))
	}) {
		parts := map[*Pod]*Series{}
		for _, pt := range in.gpus[k].points {
			p := find(PodKey{k.Namespace, k.Pod, k.UID}, pt.t)
			if parts[p] == nil {
				parts[p] = &Series{}
				c := p.container(k.Container)
				c.gpuUsage = append(c.gpuUsage, parts[p])
			}
			parts[p].add(pt.t, pt.v, in.step)
		}
	}
}

// podFinder returns a function that finds the pod which a kubelet's sample
// belongs to: by UID; else, since mirror pods go by another UID on the node
// and some sources give none, by name, and among pods that shared a name by
// the time.
func (in *Integrator) podFinder() func(k PodKey, t int64) *Pod {
	byName := map[[2]string][]PodKey{}
	for _, k := range sortedKeys(in.pods, comparePodKeys) {
		n := [2]string{k.Namespace, k.Pod}
		byName[n] = append(byName[n], k)
	}
	return func(k PodKey, t int64) *Pod {
		if p := in.pods[k]; p != nil {
			return p
		}
		var best *Pod
		var least int64
		for _, c := range byName[[2]string{k.Namespace, k.Pod}] {
			p := in.pods[c]
			if d := p.distance(t, in.step); best == nil || d < least {
				best, least = p, d
			}
		}
		if best == nil {
			best = in.Pod(k)
		}
		return best
	}
}

// distance is how far t lies from the time in which the pod was seen, 0 within.
func (p *Pod) distance(t, step int64) int64 {
	d := int64(1) << 62
	for _, c := range p.containers {
		if n := len(c.Running.points); n > 0 {
			first, last := c.Running.points[0].t-step, c.Running.points[n-1].t+step
			d = min(d, max(0, first-t, t-last))
		}
	}
	return d
}

// run finds out what ran, in the order in which rows are written.
func (in *Integrator) run(covered spans) []*podRun {
	var out []*podRun
	n := 0
	for _, k := range sortedKeys(in.pods, comparePodKeys) {
		p := in.pods[k]
		r := &podRun{key: k, pod: p}
		for _, name := range sortedKeys(p.containers, cmp.Compare[string]) {
			c := p.containers[name]
			if c.runs = in.runsOf(p, c, covered); len(c.runs) == 0 {
				continue
			}
			r.containers = append(r.containers, containerRun{n, name, c})
			r.runs = r.runs.union(c.runs...)
			n++
		}
		if len(r.containers) == 0 {
			continue
		}
		if in.hasPodLevel(p) {
			n++ // its row follows those of its containers
		}
		out = append(out, r)
	}
	return out
}

func (in *Integrator) hasPodLevel(p *Pod) bool {
	for _, s := range []*Series{&p.OverheadCPU, &p.OverheadRAM, &p.RequestCPU, &p.RequestRAM} {
		if s.max(in.lo, in.hi) > 0 {
			return true
		}
	}
	return false
}

// containerRows integrates the containers of one pod and, last, what the pod
// holds beyond them.
func (in *Integrator) containerRows(r *podRun, base cost.ContainerUsage) []cost.ContainerUsage {
	rows := make([]cost.ContainerUsage, 0, len(r.containers)+1)
	steps := int((in.end - in.start + in.step - 1) / in.step)
	cpuHeld, ramHeld := make([]int64, steps), make([]int64, steps) // requests per step, micro-core-ms and byte-ms
	for _, cr := range r.containers {
		row := base
		row.Container = cr.name
		row.Span = in.span(cr.c.runs)
		in.integrate(cr.c, &row, cpuHeld, ramHeld)
		rows = append(rows, row)
	}
	if !in.hasPodLevel(r.pod) {
		return rows
	}
	row := base
	row.Container = cost.PodContainer
	row.Span = in.span(r.runs)
	in.eachStep(r.runs, func(k int, _, to, ms int64) {
		extra := func(overhead, request *Series, scale float64, held int64) int64 {
			o, _ := overhead.at(to)
			q, _ := request.at(to)
			return addSat(mulDiv(whole(o*scale), ms), max(0, mulDiv(whole(q*scale), ms)-held))
		}
		row.CPURequest = addSat(row.CPURequest, extra(&r.pod.OverheadCPU, &r.pod.RequestCPU, 1e6, cpuHeld[k]))
		row.RAMRequest = addSat(row.RAMRequest, extra(&r.pod.OverheadRAM, &r.pod.RequestRAM, 1, ramHeld[k]))
	})
	row.CPUAllocated, row.RAMAllocated = row.CPURequest, row.RAMRequest
	return append(rows, row)
}

// integrate fills the integrals of one container. What it requested in each
// step is added to cpuHeld and ramHeld.
func (in *Integrator) integrate(c *Container, row *cost.ContainerUsage, cpuHeld, ramHeld []int64) {
	cpu := in.cpuRates(c)
	ram := in.memoryLevels(c)
	in.eachStep(c.runs, func(k int, from, to, ms int64) {
		request, limit := level(&c.CPURequest, to, 1e6), level(&c.CPULimit, to, 1e6)
		usage := micro(cpu[k])
		row.CPURequest = addSat(row.CPURequest, mulDiv(request, ms))
		row.CPUUsage = addSat(row.CPUUsage, mulDiv(usage, ms))
		row.CPUAllocated = addSat(row.CPUAllocated, mulDiv(max(request, usage), ms))
		row.CPULimit = addSat(row.CPULimit, mulDiv(limit, ms))
		row.CPUUsageMax = max(row.CPUUsageMax, usage)
		cpuHeld[k] += mulDiv(request, ms)

		request, limit = level(&c.RAMRequest, to, 1), level(&c.RAMLimit, to, 1)
		usage = whole(ram[k])
		row.RAMRequest = addSat(row.RAMRequest, mulDiv(request, ms))
		row.RAMUsage = addSat(row.RAMUsage, mulDiv(usage, ms))
		row.RAMAllocated = addSat(row.RAMAllocated, mulDiv(max(request, usage), ms))
		row.RAMLimit = addSat(row.RAMLimit, mulDiv(limit, ms))
		row.RAMUsageMax = max(row.RAMUsageMax, usage)
		ramHeld[k] = addSat(ramHeld[k], mulDiv(request, ms))

		request, usage = in.gpuRequest(c, to), in.gpuUsage(c, from, to)
		row.GPURequest = addSat(row.GPURequest, mulDiv(request, ms))
		row.GPUUsage = addSat(row.GPUUsage, mulDiv(usage, ms))
		row.GPUAllocated = addSat(row.GPUAllocated, mulDiv(max(request, usage), ms))
	})
	for _, g := range c.cgroups {
		row.RAMUsageMax = max(row.RAMUsageMax, whole(g.ramMax))
	}
}

func level(s *Series, end int64, scale float64) int64 {
	v, _ := s.at(end)
	return whole(v * scale)
}

// cpuRates returns the mean rate of use in cores for each step of the hour.
// Each counter's increase between two samples is spread evenly between them; a
// decrease means that it began again from zero. What a cgroup used before its
// first sample is known where its start is.
func (in *Integrator) cpuRates(c *Container) []float64 {
	n := int((in.end - in.start + in.step - 1) / in.step)
	used, known := make([]float64, n), make([]float64, n)
	spread := func(a, b int64, cores float64) {
		for k := max(0, floorDiv(a-in.start, in.step)); k < int64(n); k++ {
			from := in.start + k*in.step
			if from >= b {
				break
			}
			ms := float64(min(b, from+in.step) - max(a, from))
			used[k] += cores * ms
			known[k] += ms
		}
	}
	for _, g := range c.cgroups {
		pts := g.CPU.points
		if len(pts) == 0 {
			continue
		}
		if s := in.cgroupStart(c, g); s > 0 && s < pts[0].t {
			spread(s, pts[0].t, pts[0].v*1000/float64(pts[0].t-s))
		}
		for i := 1; i < len(pts); i++ {
			d := pts[i].v - pts[i-1].v
			if d < 0 {
				d = pts[i].v
			}
			spread(pts[i-1].t, pts[i].t, d*1000/float64(pts[i].t-pts[i-1].t))
		}
	}
	return held(n, func(k int) (float64, bool) { return used[k] / max(known[k], 1), known[k] > 0 })
}

// cgroupStart returns when a cgroup began, in ms, if that lies in the window;
// else 0.
func (in *Integrator) cgroupStart(c *Container, g *Cgroup) int64 {
	first := g.CPU.points[0].t
	s := int64(g.Started * 1000)
	if s == 0 {
		// The latest start of the container before the first sample.
		for _, pt := range c.Started.points {
			if v := int64(pt.v * 1000); v < first {
				s = max(s, v)
			}
		}
	}
	if s < in.lo || s >= first {
		return 0
	}
	return s
}

// memoryLevels returns the working set in bytes for each step of the hour:
// the latest sample of any of the container's cgroups.
func (in *Integrator) memoryLevels(c *Container) []float64 {
	n := int((in.end - in.start + in.step - 1) / in.step)
	return held(n, func(k int) (float64, bool) {
		from := in.start + int64(k)*in.step
		var best point
		found := false
		for _, g := range c.cgroups {
			if pt, ok := g.RAM.in(from, from+in.step); ok && (!found || pt.t > best.t || pt.t == best.t && pt.v > best.v) {
				best, found = pt, true
			}
		}
		return best.v, found
	})
}

// held returns get for each of n steps; a step without a value takes that of
// the step before it, else of the step after. Kubelets stamp their samples
// with their own time, so a step may go without one though every scrape
// succeeded.
func held(n int, get func(k int) (float64, bool)) []float64 {
	out := make([]float64, n)
	ok := make([]bool, n)
	for k := range out {
		out[k], ok[k] = get(k)
	}
	for k := range out {
		switch {
		case ok[k]:
		case k > 0 && ok[k-1]:
			out[k] = out[k-1]
		case k+1 < n && ok[k+1]:
			out[k] = out[k+1]
		default:
			out[k] = 0
		}
	}
	return out
}

func (in *Integrator) gpuRequest(c *Container, end int64) int64 {
	var sum int64
	for r, s := range c.gpuRequest {
		v, _ := s.at(end)
		sum = addSat(sum, micro(v*GPUUnits(r)))
	}
	return sum
}

func (in *Integrator) gpuUsage(c *Container, from, to int64) int64 {
	var sum int64
	for _, s := range c.gpuUsage {
		if pt, ok := s.in(from, to); ok {
			sum = addSat(sum, micro(min(pt.v, 1)))
		}
	}
	return sum
}

func comparePodKeys(a, b PodKey) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.UID, b.UID))
}

func sortedKeys[K comparable, V any](m map[K]V, less func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, less)
	return keys
}

// controller returns the top owner of a pod, its kind in lower case.
func (in *Integrator) controller(ns string, p *Pod) (kind, name string) {
	kind, name = p.OwnerKind, p.OwnerName
	for range 4 { // ReplicaSet → Deployment or Rollout, Job → CronJob; bounded against loops
		o, ok := in.owners[OwnerKey{strings.ToLower(kind), ns, name}]
		if !ok || o.Kind == "" || o.Name == "" || o.Kind == "<none>" {
			break
		}
		kind, name = o.Kind, o.Name
	}
	if kind == "<none>" || name == "<none>" || kind == "Node" {
		return "", "" // a bare or a mirror pod
	}
	return strings.ToLower(kind), name
}
