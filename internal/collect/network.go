package collect

import (
	"cmp"
	"math"
)

// iface is one interface of a pod's sandbox.
type iface struct {
	name    string
	network *Network
}

// attachNetworks gives the interfaces to their pods.
func (in *Integrator) attachNetworks(find func(k PodKey, t int64) *Pod) {
	for _, k := range sortedKeys(in.networks, func(a, b NetworkKey) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.UID, b.UID),
			cmp.Compare(a.ID, b.ID), cmp.Compare(a.Interface, b.Interface))
	}) {
		n := in.networks[k]
		parts := map[*Pod]*Network{}
		part := func(t int64) *Network {
			p := find(PodKey{k.Namespace, k.Pod, k.UID}, t)
			if parts[p] == nil {
				parts[p] = &Network{}
				p.interfaces = append(p.interfaces, iface{k.Interface, parts[p]})
			}
			return parts[p]
		}
		for _, pt := range n.Receive.points {
			part(pt.t).Receive.add(pt.t, pt.v, in.step)
		}
		for _, pt := range n.Transmit.points {
			part(pt.t).Transmit.add(pt.t, pt.v, in.step)
		}
	}
}

// networkBytes returns what went through the pod's interfaces in the hour.
func (in *Integrator) networkBytes(p *Pod) (receive, transmit int64) {
	var began int64 // latest start of a container in the window, from when a new sandbox's counters run
	for _, c := range p.containers {
		for _, pt := range c.Started.points {
			if s := int64(pt.v * 1000); s >= in.lo && (began == 0 || s < began) {
				began = s
			}
		}
	}
	var r, t float64
	for _, i := range p.interfaces {
		r += in.increase(&i.network.Receive, began)
		t += in.increase(&i.network.Transmit, began)
	}
	return int64(math.Round(r)), int64(math.Round(t))
}

// increase returns by how much a counter grew within the hour, each growth
// between two samples spread evenly between them. began is when the counter
// was zero, if it lies before the first sample and within the window.
func (in *Integrator) increase(s *Series, began int64) float64 {
	var sum float64
	add := func(a, b int64, d float64) {
		if ms := min(b, in.end) - max(a, in.start); ms > 0 {
			sum += d * float64(ms) / float64(b-a)
		}
	}
	for i, p := range s.points {
		switch {
		case i > 0:
			d := p.v - s.points[i-1].v
			if d < 0 {
				d = p.v
			}
			add(s.points[i-1].t, p.t, d)
		case began > 0 && began < p.t && p.t-began <= 2*in.step:
			add(began, p.t, p.v)
		}
	}
	return sum
}
