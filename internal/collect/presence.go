package collect

// existence returns when something existed: the whole steps for which there is
// evidence, with the first edge of each stretch moved to its start where known.
//
// evidence tells of each step, numbered from the window's start, whether it
// was seen; startOf and endOf give known edges in ms (0 unknown) for a stretch
// that begins, or ends, with that step. An edge may move a stretch by at most
// one step beyond what was seen, and only into steps the source covers: before
// that lies a gap.
func (in *Integrator) existence(covered spans, evidence func(i int) bool, startOf, endOf func(i int) int64) spans {
	var out spans
	n := len(in.seen)
	for i := 0; i < n; i++ {
		if !evidence(i) {
			continue
		}
		first := i
		for i+1 < n && evidence(i+1) {
			i++
		}
		a, b := in.lo+int64(first)*in.step, in.lo+int64(i+1)*in.step
		if s := startOf(first); s >= a-in.step && s < b {
			a = s
		}
		if e := endOf(i); e > a && e >= b-in.step && e < b+in.step {
			b = e
		}
		out = append(out, interval{a, b})
	}
	return spans(nil).union(out...).intersect(covered)
}

func unknownEdge(int) int64 { return 0 }

// sampled returns the evidence that an object exists: a step with a sample, and
// those between two such in which no object at all was seen. The exporter was
// away then, or its scrape fell just beyond the step; if the kubelets were heard
// the step is covered, and what they measured ran on something.
func (in *Integrator) sampled(s *Series) func(int) bool {
	seen := make([]bool, len(in.seen))
	previous := -1
	for _, p := range s.points {
		i := int((p.t - in.lo) / in.step)
		seen[i] = true
		for j := previous + 1; previous >= 0 && j < i; j++ {
			seen[j] = !in.objectsSeen[j]
		}
		previous = i
	}
	return func(i int) bool { return seen[i] }
}

// since returns startOf for a series of unix seconds.
func (in *Integrator) since(s *Series) func(int) int64 {
	return func(i int) int64 {
		v, ok := s.at(in.lo + int64(i+1)*in.step)
		if !ok {
			return 0
		}
		return int64(v * 1000)
	}
}

// runsOf returns when a container ran within the window.
func (in *Integrator) runsOf(p *Pod, c *Container, covered spans) spans {
	n := len(in.seen)
	state := make([]int8, n) // 1 ran, -1 did not, 0 unknown
	for _, pt := range c.Running.points {
		i := (pt.t - in.lo) / in.step
		state[i] = -1
		if pt.v != 0 {
			state[i] = 1
		}
	}
	// The kubelet's word counts where the API's objects were not seen, where they
	// never held this container (an ephemeral one), and between two sightings of
	// it (one of several exporters was away).
	first, last := n, -1
	if pts := c.Running.points; len(pts) > 0 {
		first, last = int((pts[0].t-in.lo)/in.step), int((pts[len(pts)-1].t-in.lo)/in.step)
	}
	for _, g := range c.cgroups {
		for _, s := range []*Series{&g.CPU, &g.RAM} {
			for _, pt := range s.points {
				i := int((pt.t - in.lo) / in.step)
				if state[i] == 0 && (last < 0 || !in.objectsSeen[i] || first < i && i < last) {
					state[i] = 1
				}
			}
		}
	}
	end := func(i int) int64 {
		// The run that ends after step i was last seen at or after its start.
		from := in.lo + int64(i)*in.step
		if pt, ok := c.Running.in(from, from+in.step); ok {
			from = pt.t
		}
		if e := int64(p.Completed * 1000); e >= from && e < in.lo+int64(i+2)*in.step {
			return e
		}
		for _, pt := range c.Terminated.points {
			if e := int64(pt.v * 1000); e >= from && e < in.lo+int64(i+2)*in.step {
				return e
			}
		}
		return 0
	}
	out := in.existence(covered, func(i int) bool { return state[i] == 1 }, in.since(&c.Started), end)
	out = in.unseenRun(p, c, covered, out)
	return in.withoutPauses(c, out).clip(in.start, in.end)
}

// unseenRun adds a run that began and ended between two samples: its times are
// known afterwards though no sample saw it run.
func (in *Integrator) unseenRun(p *Pod, c *Container, covered, out spans) spans {
	add := func(start, end, before int64) {
		if start > 0 && end > start && end <= before && end-start < 2*in.step {
			out = out.union(interval{start, end}).intersect(covered)
		}
	}
	for _, pt := range c.Started.points {
		start := int64(pt.v * 1000)
		if r, ok := c.Running.in(floorDiv(pt.t, in.step)*in.step, pt.t+1); ok && r.v == 0 {
			add(start, int64(p.Completed*1000), pt.t)
		}
	}
	return out
}

// withoutPauses removes the time between the end of one run and the start of
// the next, where both are known: a restart that the samples stepped over.
func (in *Integrator) withoutPauses(c *Container, out spans) spans {
	for _, pt := range c.Terminated.points {
		stop := int64(pt.v * 1000)
		next := stop + 2*in.step
		for _, s := range c.Started.points {
			if start := int64(s.v * 1000); start > stop && start < next {
				next = start
			}
		}
		if next < stop+2*in.step {
			out = out.minus(stop, next)
		}
	}
	return out
}
