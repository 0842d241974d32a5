package collect

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Node is what the source says of all nodes that bore one name. Names are
// reused: Created and the provider IDs tell the machines apart.
type Node struct {
	Present Series // any sample of the node object
	Created Series // unix seconds

	CPUCapacity, CPUAllocatable Series // cores
	RAMCapacity, RAMAllocatable Series // bytes

	PriceCPU, PriceRAM, PriceGPU Series // currency per core-hour, GiB-hour, GPU-hour
	Spot                         Series // 1 for a spot node

	GPUModel string

	labels      stamped
	infos       map[NodeInfo]*Series
	gpuCapacity map[string]*Series
	disks       map[string]*Series
}

// NodeInfo is what identifies a machine.
type NodeInfo struct{ ProviderID, SystemUUID, KubeletVersion, InternalIP string }

// Node returns the record of the nodes of a name, made at first sight.
func (in *Integrator) Node(name string) *Node { return record(in.nodes, name) }

// Info returns the series of a machine under the node's name.
func (n *Node) Info(i NodeInfo) *Series {
	if n.infos == nil {
		n.infos = map[NodeInfo]*Series{}
	}
	return record(n.infos, i)
}

// GPUCapacity returns the series of an accelerator resource's count.
func (n *Node) GPUCapacity(resource string) *Series {
	if n.gpuCapacity == nil {
		n.gpuCapacity = map[string]*Series{}
	}
	return record(n.gpuCapacity, resource)
}

// Disk returns the series of a local device's size in bytes. The largest
// device counts as the boot disk.
func (n *Node) Disk(device string) *Series {
	if n.disks == nil {
		n.disks = map[string]*Series{}
	}
	return record(n.disks, device)
}

// SetLabels records the node's labels as seen last at t (ms).
func (n *Node) SetLabels(t int64, m map[string]string) { n.labels.set(t, m) }

// machine is one node of a name: what lives and dies as one asset.
type machine struct {
	node    *Node
	info    NodeInfo
	created int64 // unix seconds, 0 unknown
	runs    spans
	usage   cost.NodeUsage
}

// machines finds the nodes of the hour, by name.
func (in *Integrator) machines(covered spans) map[string][]*machine {
	out := map[string][]*machine{}
	in.joinAddresses()
	for name, n := range in.nodes {
		if name == "" || n.Present.Empty() {
			continue
		}
		out[name] = in.machinesOf(name, n, covered)
	}
	return out
}

// joinAddresses gives what was said of an address to the node that has it:
// some scrape configurations name a kubelet by its address only.
func (in *Integrator) joinAddresses() {
	byIP := map[string]*Node{}
	for _, name := range sortedKeys(in.nodes, cmp.Compare[string]) {
		for i := range in.nodes[name].infos {
			if i.InternalIP != "" {
				byIP[i.InternalIP] = in.nodes[name]
			}
		}
	}
	for _, name := range sortedKeys(in.nodes, cmp.Compare[string]) {
		from, to := in.nodes[name], byIP[name]
		if to == nil || from == to || !from.Present.Empty() {
			continue
		}
		for d, s := range from.disks {
			to.Disk(d).merge(s, in.step)
		}
		Prefer(&to.GPUModel, from.GPUModel)
		to.PriceCPU.merge(&from.PriceCPU, in.step)
		to.PriceRAM.merge(&from.PriceRAM, in.step)
		to.PriceGPU.merge(&from.PriceGPU, in.step)
		to.Spot.merge(&from.Spot, in.step)
	}
}

// machinesOf tells apart the machines of one name and finds out when each
// existed. A machine is known by its provider ID, or, where it has none, by
// when its node was created; the ID may come some time after the node.
func (in *Integrator) machinesOf(name string, n *Node, covered spans) []*machine {
	type step struct {
		created  int64
		provider string
	}
	evidence := in.sampled(&n.Present)
	sampled := make([]bool, len(in.seen))
	for _, p := range n.Present.points {
		sampled[(p.t-in.lo)/in.step] = true
	}
	steps := make([]step, len(in.seen))
	providers := map[int64]string{}
	for i := range steps {
		if !sampled[i] {
			continue
		}
		from := in.lo + int64(i)*in.step
		if v, ok := n.Created.at(from + in.step); ok {
			steps[i].created = int64(v)
		}
		steps[i].provider = n.infoAt(from, from+in.step).ProviderID
		if p := providers[steps[i].created]; steps[i].provider > p {
			providers[steps[i].created] = steps[i].provider
		}
	}
	var order []string
	ids := make([]string, len(steps))
	created := map[string]int64{}
	previous := -1
	for i, st := range steps {
		if !sampled[i] {
			continue
		}
		id := cmp.Or(st.provider, providers[st.created], strconv.FormatInt(st.created, 10))
		for j := previous + 1; previous >= 0 && j < i && ids[previous] == id; j++ {
			if evidence(j) {
				ids[j] = id // presumed between two sightings of one machine
			}
		}
		if ids[i] = id; !slices.Contains(order, id) {
			order = append(order, id)
			created[id] = st.created
		}
		previous = i
	}
	var out []*machine
	for _, id := range order {
		runs := in.existence(covered, func(i int) bool { return ids[i] == id },
			func(i int) int64 { return steps[i].created * 1000 }, unknownEdge).clip(in.start, in.end)
		if len(runs) == 0 {
			continue
		}
		m := &machine{node: n, created: created[id], runs: runs}
		m.info = n.infoAt(floorDiv(runs[0].a, in.step)*in.step, runs[len(runs)-1].b)
		m.usage = in.nodeUsage(name, m)
		out = append(out, m)
	}
	return out
}

// infoAt returns what was last said of the machine within [from, to), a known
// provider ID before an empty one.
func (n *Node) infoAt(from, to int64) NodeInfo {
	var best NodeInfo
	last := int64(-1)
	for _, i := range sortedKeys(n.infos, func(a, b NodeInfo) int {
		return cmp.Or(cmp.Compare(a.ProviderID, b.ProviderID), cmp.Compare(a.SystemUUID, b.SystemUUID),
			cmp.Compare(a.KubeletVersion, b.KubeletVersion), cmp.Compare(a.InternalIP, b.InternalIP))
	}) {
		p, ok := n.infos[i].in(from, to)
		if !ok {
			continue
		}
		if better := i.ProviderID != "" && best.ProviderID == ""; better || p.t > last && (i.ProviderID != "" || best.ProviderID == "") {
			best, last = i, p.t
		}
	}
	return best
}

// nodeUsage integrates a machine.
func (in *Integrator) nodeUsage(name string, m *machine) cost.NodeUsage {
	n := m.node
	labels := in.labels(n.labels.m, false)
	u := cost.NodeUsage{
		AssetID: m.info.ProviderID, Name: name, ProviderID: m.info.ProviderID,
		Labels: cost.LabelsOf(labels), Span: in.span(m.runs), GPUModel: cmp.Or(n.GPUModel, firstLabel(labels, gpuModelLabels...)),
	}
	if u.AssetID == "" {
		id := m.info.SystemUUID
		if m.created != 0 {
			id = strconv.FormatInt(m.created, 10)
		}
		u.AssetID = "node/" + name + "/" + id
	}
	describeNode(&u, labels, m.info)
	if u.CapacityType == "" && n.Spot.max(in.start, in.end) > 0 {
		u.CapacityType = capacitySpot
	}
	var boot *Series
	for _, d := range sortedKeys(n.disks, cmp.Compare[string]) {
		if s := n.disks[d]; boot == nil || s.max(in.lo, in.hi) > boot.max(in.lo, in.hi) {
			boot = s
		}
	}
	in.eachStep(m.runs, func(_ int, _, to, ms int64) {
		u.CPUCapacity = addSat(u.CPUCapacity, mulDiv(level(&n.CPUCapacity, to, 1e6), ms))
		u.CPUAllocatable = addSat(u.CPUAllocatable, mulDiv(level(&n.CPUAllocatable, to, 1e6), ms))
		u.RAMCapacity = addSat(u.RAMCapacity, mulDiv(level(&n.RAMCapacity, to, 1), ms))
		u.RAMAllocatable = addSat(u.RAMAllocatable, mulDiv(level(&n.RAMAllocatable, to, 1), ms))
		for r, s := range n.gpuCapacity {
			v, _ := s.at(to)
			u.GPUCapacity = addSat(u.GPUCapacity, mulDiv(micro(v*GPUUnits(r)), ms))
		}
		u.BootDisk = addSat(u.BootDisk, mulDiv(level(boot, to, 1), ms))
	})
	u.Price = in.nodePrice(n)
	return u
}

// nodePrice returns the mean of the hour's price samples, nil without any.
func (in *Integrator) nodePrice(n *Node) *cost.SourceNodePrice {
	cpu, ok1 := n.PriceCPU.mean(in.start, in.end)
	ram, ok2 := n.PriceRAM.mean(in.start, in.end)
	if !ok1 || !ok2 {
		return nil
	}
	gpu, _ := n.PriceGPU.mean(in.start, in.end)
	return &cost.SourceNodePrice{CPUCoreHour: cpu, RAMGiBHour: ram, GPUHour: gpu, Spot: n.Spot.max(in.start, in.end) > 0}
}

// mean returns the mean of the points within [from, to).
func (s *Series) mean(from, to int64) (float64, bool) {
	var sum float64
	n := 0
	for _, p := range s.points {
		if p.t >= from && p.t < to {
			sum += p.v
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return sum / float64(n), true
}

// machineOf returns the machine of a name that a pod ran on: the one that
// existed with most of it; nil when the node is unknown.
func machineOf(ms []*machine, runs spans) *machine {
	var best *machine
	most := int64(-1)
	for _, m := range ms {
		if n := m.runs.intersect(runs).length(); n > most {
			best, most = m, n
		}
	}
	return best
}

var migSlice = regexp.MustCompile(`mig_(\d)g_(\d+)gb`)

// gpuResources are the accelerator resources that count as units of a node's
// GPU cost, as kube-state-metrics spells them. Aliases of one device
// (aws_amazon_com_neuroncore beside aws_amazon_com_neuron) are left out.
var gpuResources = map[string]bool{
	"nvidia_com_gpu": true, "nvidia_com_gpu_shared": true, "amd_com_gpu": true,
	"gpu_intel_com_i915": true, "gpu_intel_com_xe": true, "habana_ai_gaudi": true,
	"aws_amazon_com_neuron": true, "google_com_tpu": true,
}

// GPUUnits returns how many schedulable units of a node's GPU cost one of the
// resource is: 1 for whole devices and time-sliced shares, the fraction of the
// device for a MIG slice, 0 for what is no accelerator. The name may be
// Kubernetes' own ("nvidia.com/gpu") or kube-state-metrics' ("nvidia_com_gpu").
func GPUUnits(resource string) float64 {
	r := cost.SanitizeLabel(resource)
	if gpuResources[strings.ReplaceAll(r, ".", "_")] {
		return 1
	}
	if m := migSlice.FindStringSubmatch(r); m != nil && strings.HasPrefix(r, "nvidia_com_mig_") {
		g, _ := strconv.Atoi(m[1])
		if gb := m[2]; gb == "6" || gb == "12" || gb == "24" && g == 4 {
			return float64(g) / 4 // A30: four slices
		}
		return float64(g) / 7
	}
	return 0
}
