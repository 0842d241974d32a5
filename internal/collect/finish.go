package collect

import (
	"cmp"
	"slices"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Finish integrates what was observed. Its result depends only on the set of
// facts, not on their order. The Integrator must not be used afterwards.
func (in *Integrator) Finish() cost.HourUsage {
	u := cost.HourUsage{Hour: in.cfg.Hour, Cluster: in.cfg.Cluster}
	covered, seconds := in.coverage()
	u.CoverageSeconds = seconds
	if seconds == 0 {
		return u
	}
	in.attach()
	machines := in.machines(covered)
	runs := in.run(covered)
	selected := in.selectPods(runs)
	podAssets, assetOf := in.billPods(machines, runs)
	for _, name := range sortedKeys(machines, cmp.Compare[string]) {
		for _, m := range machines[name] {
			if m.stands() {
				u.Nodes = append(u.Nodes, m.usage)
			}
		}
	}
	u.Nodes = append(u.Nodes, podAssets...)
	sets := map[string]cost.Labels{} // canonical sets by namespace and kind
	for _, r := range runs {
		facts := in.podFacts(r, machines, sets)
		if id, ok := assetOf[r]; ok {
			facts.NodeAssetID = id
		}
		rows := in.containerRows(r, facts)
		in.shareNetwork(r, rows)
		u.Containers = append(u.Containers, rows...)
	}
	provider, service, region := majority(machines)
	u.Volumes = in.disks(covered, runs)
	for i := range u.Volumes {
		u.Volumes[i].Provider, u.Volumes[i].Region = provider, region
	}
	u.LoadBalancers = in.balancers(covered, selected, provider, region)
	u.Management = []cost.ManagementUsage{in.controlPlane(covered, provider, service, region)}
	distinguish(&u)
	return u
}

// distinguish gives every asset an ID of its own: some providers give several
// nodes one ID, and a volume may be called like a balancer.
func distinguish(u *cost.HourUsage) {
	taken := map[string]bool{}
	own := func(id *string, kind, name string) {
		if taken[*id] {
			*id = kind + "/" + name + "/" + *id
		}
		for taken[*id] {
			*id += "'"
		}
		taken[*id] = true
	}
	renamed := map[[2]string]string{}
	for i := range u.Nodes {
		n := &u.Nodes[i]
		old := n.AssetID
		own(&n.AssetID, "node", n.Name)
		renamed[[2]string{n.Name, old}] = n.AssetID
	}
	for i := range u.Containers {
		c := &u.Containers[i]
		if id, ok := renamed[[2]string{c.Node, c.NodeAssetID}]; ok {
			c.NodeAssetID = id
		}
	}
	for i := range u.Volumes {
		own(&u.Volumes[i].AssetID, "disk", u.Volumes[i].Name)
	}
	for i := range u.LoadBalancers {
		own(&u.LoadBalancers[i].AssetID, "lb", u.LoadBalancers[i].Name)
	}
}

// podFacts returns what all rows of a pod have in common.
func (in *Integrator) podFacts(r *podRun, machines map[string][]*machine, sets map[string]cost.Labels) cost.ContainerUsage {
	row := cost.ContainerUsage{
		Node: r.pod.Node, Namespace: r.key.Namespace, Pod: r.key.Pod, PodUID: r.key.UID,
		Services:    slices.Sorted(slices.Values(r.services)),
		Labels:      cost.LabelsOf(in.labels(r.pod.labels.m, false)),
		Annotations: cost.LabelsOf(in.labels(r.pod.annotations.m, true)),
	}
	row.ControllerKind, row.Controller = in.controller(r.key.Namespace, r.pod)
	if m := machineOf(machines[r.pod.Node], r.runs); m != nil {
		row.NodeAssetID = m.usage.AssetID
	}
	if ns := in.namespaces[r.key.Namespace]; ns != nil {
		canonical := func(kind string, s stamped, allowOnly bool) cost.Labels {
			k := kind + r.key.Namespace
			l, ok := sets[k]
			if !ok {
				l = cost.LabelsOf(in.labels(s.m, allowOnly))
				sets[k] = l
			}
			return l
		}
		row.NamespaceLabels = canonical("l", ns.labels, false)
		row.NamespaceAnnotations = canonical("a", ns.annotations, true)
	}
	return row
}

// shareNetwork gives a pod's bytes of the hour to its containers, evenly.
func (in *Integrator) shareNetwork(r *podRun, rows []cost.ContainerUsage) {
	if r.pod.HostNetwork || len(r.pod.interfaces) == 0 {
		return
	}
	var to []int
	for i, c := range r.containers {
		if !c.c.Init {
			to = append(to, i)
		}
	}
	if len(to) == 0 {
		for i := range r.containers {
			to = append(to, i)
		}
	}
	receive, transmit := in.networkBytes(r.pod)
	for n, i := range to {
		rows[i].NetworkReceiveBytes = splitEven(receive, len(to), n)
		rows[i].NetworkTransferBytes = splitEven(transmit, len(to), n)
	}
}

// majority returns the provider, managed service and region of most nodes.
func majority(machines map[string][]*machine) (provider, service, region string) {
	type place struct{ provider, service, region string }
	count := map[place]int{}
	for _, ms := range machines {
		for _, m := range ms {
			p, s := providerOf(m.info, m.node.labels.canonical())
			count[place{p, s, m.usage.Region}]++
		}
	}
	var best place
	most := 0
	for _, p := range sortedKeys(count, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.provider, b.provider), cmp.Compare(a.service, b.service), cmp.Compare(a.region, b.region))
	}) {
		if count[p] >= most {
			best, most = p, count[p]
		}
	}
	return best.provider, best.service, best.region
}

// controlPlane is the cluster itself, for as long as the source saw it.
func (in *Integrator) controlPlane(covered spans, provider, service, region string) cost.ManagementUsage {
	name := cmp.Or(service, "control plane")
	m := cost.ManagementUsage{
		AssetID: "management/" + in.cfg.Cluster, Name: name,
		Provider: provider, Region: region, Service: service,
		Span: in.span(covered.clip(in.start, in.end)),
	}
	if len(in.management) > 0 {
		p := slices.Max(in.management)
		m.PriceHour = &p
	}
	return m
}
