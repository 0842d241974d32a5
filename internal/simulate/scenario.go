package simulate

import (
	"slices"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Scenario is one small cluster over a few hours, defined second by second:
// which container ran when, what it asked for and what it used. Two things are
// derived from this one definition and from nothing else: the samples a
// Prometheus would hold (WriteOpenMetrics), and the cost that is right by
// definition (Truth).
//
// What no scrape can know is not in it: whatever ends without a known finish
// time ends on the step grid, load is steady over the last two steps of a run,
// and what runs for less than a step uses less than it requests.
type Scenario struct {
	// Name is the cluster's id, Start and Hours its whole hours; samples begin
	// and end Margin before and after them.
	Name  string
	UID   string // of the kube-system namespace
	Start cost.Hour
	Hours int
	Step  time.Duration

	seed               uint64
	from, to           int64 // first and last second with samples, from Start
	gapFrom, gapTo     int64 // no samples in [gapFrom, gapTo)
	nodes              []*simNode
	pods               []*simPod
	volumes            []*simVolume
	services           []*simService
	ingresses          []*simIngress
	namespaces         []simNamespace
	owners             []simOwner
	managementProvider string
}

// Margin is how long before its first and after its last whole hour a
// scenario has samples.
const Margin = 15 * time.Minute

// always lies before every scenario: what runs since then was there already.
const always = -2 * 3600

// All times below are seconds since the scenario's start; intervals are
// half-open.

type simNode struct {
	name, uid, providerID string
	instanceType          string
	spot                  bool
	zone, ip              string
	millis, allocMillis   int64
	bytes, allocBytes     int64
	gpus                  int64
	gpuModel              string
	diskBytes             int64
	from, to              int64
}

type simPod struct {
	namespace, name, uid string
	node                 *simNode
	ownerKind, ownerName string
	hostNetwork          bool
	ip                   string
	labels               []string // key, value, key, value in kube-state-metrics' spelling
	from, to             int64    // bound and deleted
	completed            int64    // when all containers had ended for good; 0 never (no pod completes at 0)
	containers           []*simContainer
	claims               []string
	receive, transmit    int64 // bytes per second
	overhead             simRequest
	mirror               bool // of a static pod: its node knows it by another UID
	annotations          []string
}

type simContainer struct {
	name      string
	init      bool // in the init family; with a run as long as the pod, a native sidecar
	ephemeral bool // known to the kubelet only: kube-state-metrics has no such family
	runs      []simRun
	requests  []simRequest // ascending by from; the first holds from the beginning
	limit     simRequest
	gpus      int64
	gpuLoad   float64
	baseCPU   float64 // cores
	baseBytes float64
	key       uint64
	levels    []simLevel // computed by settle
}

// simRun is one cgroup's life.
type simRun struct{ from, to int64 }

type simRequest struct {
	from  int64
	cores float64
	bytes int64
}

// simLevel is what a container uses from an instant on while it runs.
type simLevel struct {
	from  int64
	cores float64
	bytes int64
}

type simVolume struct {
	name, handle, class, driver string
	shared                      bool
	bytes                       int64
	namespace, claim            string // last claim; "" if never claimed
	phase                       string // Bound, Released, Available
	from, to                    int64
}

type simService struct {
	namespace, name, uid string
	balancer             bool
	hostname, ip         string // of the balancer
	app                  string // selects pods of its namespace with this label
	from, to             int64
}

// simIngress is an Ingress that the cloud has a balancer for; those of one
// class and group share it.
type simIngress struct {
	namespace, name string
	class, group    string
	backends        []*simService
	from, to        int64
}

type simNamespace struct {
	name                string
	labels, annotations []string
}

type simOwner struct{ kind, namespace, name, ownerKind, ownerName string }

func (r simRun) at(t int64) bool { return t >= r.from && t < r.to }

func (c *simContainer) running(t int64) bool {
	for _, r := range c.runs {
		if r.at(t) {
			return true
		}
	}
	return false
}

func (c *simContainer) request(t int64) simRequest {
	now := c.requests[0]
	for _, r := range c.requests[1:] {
		if t >= r.from {
			now = r
		}
	}
	return now
}

func (c *simContainer) level(t int64) simLevel {
	now := c.levels[0]
	for _, l := range c.levels[1:] {
		if t < l.from {
			break
		}
		now = l
	}
	return now
}

// used returns the core-seconds of [from, to) while running.
func (c *simContainer) used(from, to int64) float64 {
	sum := 0.0
	for i, l := range c.levels {
		a, b := max(from, l.from), to
		if i == 0 {
			a = from
		}
		if i+1 < len(c.levels) {
			b = min(to, c.levels[i+1].from)
		}
		if a < b {
			sum += l.cores * float64(b-a)
		}
	}
	return sum
}

func (p *simPod) exists(t int64) bool { return t >= p.from && t < p.to }

// started tells whether any container of the pod runs at t.
func (p *simPod) running(t int64) bool {
	for _, c := range p.containers {
		if c.running(t) {
			return true
		}
	}
	return false
}

// selects tells whether the service sends traffic to the pod at t.
func (v *simService) selects(p *simPod, t int64) bool {
	if v.app == "" || p.namespace != v.namespace || !p.running(t) {
		return false
	}
	for i := 0; i+1 < len(p.labels); i += 2 {
		if p.labels[i] == "app" && p.labels[i+1] == v.app {
			return true
		}
	}
	return false
}

// address is what tells one balancer from another.
func (v *simService) address() string {
	if v.hostname != "" {
		return v.hostname
	}
	return v.ip
}

// address is what tells one balancer from another, while the source knows no
// address.
func (g *simIngress) address() string {
	if g.group != "" {
		return "ingress/" + g.class + "/" + g.group
	}
	return "ingress/" + g.class + "/" + g.namespace + "/" + g.name
}

// selects tells whether requests reach a pod at t.
func (g *simIngress) selects(p *simPod, t int64) bool {
	return slices.ContainsFunc(g.backends, func(v *simService) bool { return v.selects(p, t) })
}

// seen tells whether the source has samples for the step that holds t.
func (s *Scenario) seen(t int64) bool {
	return t >= s.from && t < s.to && (t < s.gapFrom || t >= s.gapTo)
}

// blockSeconds is how long a container's load stays the same.
const blockSeconds = 12 * 60

// settle draws the load of every container: steady for blocks of time, and
// steady around the ends of runs and the gap, where no sample could tell.
func (s *Scenario) settle() {
	step := int64(s.Step / time.Second)
	for _, p := range s.pods {
		for _, c := range p.containers {
			ends := []int64{s.to}
			if s.gapFrom < s.gapTo {
				ends = append(ends, s.gapFrom, s.gapTo)
			}
			for _, r := range c.runs {
				ends = append(ends, r.to)
			}
			c.levels = []simLevel{c.levelOf(always)}
			for b := int64(always + blockSeconds); b < s.to; b += blockSeconds {
				steady := s.gapFrom < b && b < s.gapTo
				for _, e := range ends {
					steady = steady || e > b-2*step && e < b+3*step
				}
				if !steady {
					c.levels = append(c.levels, c.levelOf(b))
				}
			}
		}
	}
}

func (c *simContainer) levelOf(from int64) simLevel {
	h := mix(c.key, uint64(from))
	return simLevel{
		from:  from,
		cores: float64(int64(c.baseCPU*(0.4+1.2*unit(h))*1e4)) / 1e4,
		bytes: int64(c.baseBytes*(0.8+0.4*unit(mix(h, 1)))) / 4096 * 4096,
	}
}
