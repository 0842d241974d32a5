package collect

import (
	"math"
	"strconv"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// How the provider bills a node.
type nodeBilling int

const (
	billedWhole     nodeBilling = iota
	billedFargate               // one pod per node; the size of the pod, rounded up
	billedVirtual               // many pods on a node that is no machine; what each requests
	billedAutopilot             // GKE Autopilot: what each pod requests, the system's own free
)

// billing reads off a node's name and labels whether pods are billed, not the
// node.
func billing(name string, labels map[string]string) nodeBilling {
	switch {
	case labels["eks_amazonaws_com_compute_type"] == capacityFargate, strings.HasPrefix(name, "fargate-ip-"):
		return billedFargate
	case labels["type"] == "virtual-kubelet", labels["kubernetes_azure_com_virtual_node"] == "true":
		return billedVirtual
	case strings.HasPrefix(name, "gk3-"):
		return billedAutopilot
	}
	return billedWhole
}

// billPods replaces what pod-billed nodes report of themselves. A Fargate node
// gets the size of its pod. Any other such node gives way to one asset per pod,
// whose size is what the pod requests while it runs; the asset of each pod is
// returned, with its ID for the pod's rows.
func (in *Integrator) billPods(machines map[string][]*machine, runs []*podRun) (assets []cost.NodeUsage, ids map[*podRun]string) {
	ids = map[*podRun]string{}
	for _, r := range runs {
		m := machineOf(machines[r.pod.Node], r.runs)
		if m == nil || !m.usage.PodBilled {
			continue
		}
		kind := billing(m.usage.Name, m.node.labels.canonical())
		if kind == billedFargate {
			cores, bytes, ok := capacityProvisioned(r.pod.annotations.m)
			if !ok {
				cores, bytes = fargateSize(in.podRequest(r))
			}
			in.resize(&m.usage, m.runs, cores, bytes)
			continue
		}
		u := m.usage
		u.AssetID = m.usage.AssetID + "/pod/" + r.key.Namespace + "/" + r.key.Pod + "/" + r.key.UID
		u.Span = in.span(r.runs)
		cores, bytes := in.podRequest(r)
		if kind == billedAutopilot && systemNamespace(r.key.Namespace) {
			cores, bytes = 0, 0
		}
		in.resize(&u, r.runs, cores, bytes)
		assets = append(assets, u)
		ids[r] = u.AssetID
	}
	return assets, ids
}

// stands tells whether a machine is an asset itself.
func (m *machine) stands() bool {
	return !m.usage.PodBilled || billing(m.usage.Name, m.node.labels.canonical()) == billedFargate
}

// resize sets a node's capacity, all of it allocatable, for as long as runs.
func (in *Integrator) resize(u *cost.NodeUsage, runs spans, cores, bytes float64) {
	u.CPUCapacity, u.RAMCapacity, u.GPUCapacity, u.BootDisk = 0, 0, 0, 0
	in.eachStep(runs, func(_ int, _, _, ms int64) {
		u.CPUCapacity = addSat(u.CPUCapacity, mulDiv(micro(cores), ms))
		u.RAMCapacity = addSat(u.RAMCapacity, mulDiv(whole(bytes), ms))
	})
	u.CPUAllocatable, u.RAMAllocatable = u.CPUCapacity, u.RAMCapacity
}

// podRequest returns what the pod's containers that are no init containers
// request together, in cores and bytes, and at least what any of those does.
func (in *Integrator) podRequest(r *podRun) (cores, bytes float64) {
	var initCores, initBytes float64
	for _, c := range r.containers {
		x, y := c.c.CPURequest.max(in.lo, in.hi), c.c.RAMRequest.max(in.lo, in.hi)
		if c.c.Init {
			initCores, initBytes = max(initCores, x), max(initBytes, y)
		} else {
			cores, bytes = cores+x, bytes+y
		}
	}
	return max(cores, initCores, r.pod.RequestCPU.max(in.lo, in.hi)), max(bytes, initBytes, r.pod.RequestRAM.max(in.lo, in.hi))
}

func systemNamespace(ns string) bool {
	return ns == "kube-system" || ns == "gmp-system" || strings.HasPrefix(ns, "gke-")
}

// fargateSizes are the sizes that AWS offers for pods (EKS user guide, "Pod CPU
// and memory"): cores, and memory in GiB from min to max by step.
var fargateSizes = []struct{ cores, min, max, step float64 }{
	{0.25, 0.5, 2, 0.5}, {0.5, 1, 4, 1}, {1, 2, 8, 1}, {2, 4, 16, 1}, {4, 8, 30, 1}, {8, 16, 60, 4}, {16, 32, 120, 8},
}

// fargateSize rounds a pod's request up to what is billed; 256 MiB are added
// for the node's own processes.
func fargateSize(cores, bytes float64) (billedCores, billedBytes float64) {
	const gib = 1 << 30
	need := bytes/gib + 0.25
	for _, s := range fargateSizes {
		if cores <= s.cores && need <= s.max {
			size := max(s.min, math.Ceil(need/s.step)*s.step)
			if s.cores == 0.25 && size == 1.5 {
				size = 2 // 0.5, 1 and 2 are the only ones
			}
			return s.cores, size * gib
		}
	}
	top := fargateSizes[len(fargateSizes)-1]
	return top.cores, top.max * gib
}

// capacityProvisioned reads Fargate's annotation CapacityProvisioned, "0.25vCPU
// 0.5GB": the size it bills, in cores and bytes.
func capacityProvisioned(annotations map[string]string) (cores, bytes float64, ok bool) {
	for k, v := range annotations {
		if cost.SanitizeLabel(k) != "capacity_provisioned" {
			continue
		}
		c, r, found := strings.Cut(strings.TrimSpace(v), " ")
		cores, err1 := strconv.ParseFloat(strings.TrimSuffix(c, "vCPU"), 64)
		gb, err2 := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(r), "GB"), 64)
		if found && err1 == nil && err2 == nil && cores > 0 && gb > 0 {
			return cores, gb * (1 << 30), true
		}
	}
	return 0, 0, false
}
