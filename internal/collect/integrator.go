package collect

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// DefaultStep is the width of the step grid unless configured.
const DefaultStep = time.Minute

// Config says how an hour is integrated.
type Config struct {
	Hour    cost.Hour
	Cluster string
	Step    time.Duration // of the grid; divides an hour; 0 means DefaultStep
	// Until ends an hour that is still open; zero for a closed one. Nothing is
	// counted at or after it.
	Until time.Time

	AnnotationAllow []string // annotation keys to keep, canonical or original; none by default; "*" and globs work
	LabelDeny       []string // label keys to drop, canonical or original; globs work
	ValueCap        int      // longest label value in bytes, 0 means 256
}

// CheckStep tells whether a step fits the grid.
func CheckStep(step time.Duration) error {
	if step < time.Second || step > 30*time.Minute || step%time.Second != 0 || time.Hour%step != 0 {
		return fmt.Errorf("step %s: must be whole seconds, from 1s to 30m, and divide an hour (for example 30s, 60s, 5m)", step)
	}
	return nil
}

// Window returns the instants whose samples bear on hour h: the hour and a
// margin of at least two steps on both sides, from which edges and the rates
// across them are read.
func Window(h cost.Hour, step time.Duration) (from, to time.Time) {
	m := margin(step)
	return h.Start().Add(-m), h.End().Add(m)
}

func margin(step time.Duration) time.Duration {
	m := 2 * step
	for m < 2*time.Minute {
		m += step
	}
	return m
}

// Integrator collects what a source says of one hour and integrates it. Fill
// it in any order, any number of times with the same facts, then call Finish
// once. It is not safe for concurrent use.
type Integrator struct {
	cfg         Config
	step        int64 // ms
	start, end  int64 // the hour, ms since the epoch; end is not after Until
	lo, hi      int64 // with margins
	seen        []bool
	objectsSeen []bool // steps in which the API's objects were seen, not only the kubelets

	pods       map[PodKey]*Pod
	nodes      map[string]*Node
	volumes    map[string]*Volume
	claims     map[[2]string]*Claim
	services   map[[2]string]*Service
	ingresses  map[[2]string]*Ingress
	classes    map[string]string // of ingresses, to their controllers
	cgroups    map[CgroupKey]*Cgroup
	networks   map[NetworkKey]*Network
	gpus       map[GPUKey]*Series
	owners     map[OwnerKey]Owner
	namespaces map[string]*namespace
	management []float64
}

// NewIntegrator returns an empty integrator for one hour.
func NewIntegrator(cfg Config) (*Integrator, error) {
	if cfg.Step == 0 {
		cfg.Step = DefaultStep
	}
	if err := CheckStep(cfg.Step); err != nil {
		return nil, err
	}
	if cfg.ValueCap <= 0 {
		cfg.ValueCap = 256
	}
	for _, p := range append(append([]string{}, cfg.AnnotationAllow...), cfg.LabelDeny...) {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("label pattern %q: %w", p, err)
		}
	}
	from, to := Window(cfg.Hour, cfg.Step)
	in := &Integrator{
		cfg: cfg, step: cfg.Step.Milliseconds(),
		start: cfg.Hour.Start().UnixMilli(), end: cfg.Hour.End().UnixMilli(),
		lo: from.UnixMilli(), hi: to.UnixMilli(),
		pods: map[PodKey]*Pod{}, nodes: map[string]*Node{}, volumes: map[string]*Volume{},
		claims: map[[2]string]*Claim{}, services: map[[2]string]*Service{},
		ingresses: map[[2]string]*Ingress{}, classes: map[string]string{},
		cgroups: map[CgroupKey]*Cgroup{}, networks: map[NetworkKey]*Network{}, gpus: map[GPUKey]*Series{},
		owners: map[OwnerKey]Owner{}, namespaces: map[string]*namespace{},
	}
	if u := cfg.Until.UnixMilli(); !cfg.Until.IsZero() {
		in.end = min(in.end, max(u, in.start))
		in.hi = min(in.hi, max(u, in.start))
	}
	n := (to.UnixMilli() - in.lo) / in.step
	in.seen, in.objectsSeen = make([]bool, n), make([]bool, n)
	return in, nil
}

// Observe adds a sample to a series; t is in ms since the Unix epoch. Samples
// outside the hour and its margins, and values that are no number, are
// ignored. It also marks the step as covered.
func (in *Integrator) Observe(s *Series, t int64, v float64) {
	if t < in.lo || t >= in.hi || math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	s.add(t, v, in.step)
	in.seen[(t-in.lo)/in.step] = true
}

// Note adds a value that holds for the whole hour, such as a time of creation,
// and says nothing about when the source had data.
func (in *Integrator) Note(s *Series, v float64) {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		s.add(in.start, v, in.step)
	}
}

// ObserveObject is Observe for what an exporter of the API's objects says: that
// a container runs (Container.Running) or that a node, volume or service exists.
// It also marks the step as one in which the objects were seen, so that the
// absence of any in it means that it was not there.
func (in *Integrator) ObserveObject(s *Series, t int64, v float64) {
	if t < in.lo || t >= in.hi {
		return
	}
	in.Observe(s, t, v)
	in.objectsSeen[(t-in.lo)/in.step] = true
}

// ObserveMemory is Observe for Cgroup.RAM; it also keeps the greatest value of
// the hour, which need not be a step's latest.
func (in *Integrator) ObserveMemory(c *Cgroup, t int64, v float64) {
	in.Observe(&c.RAM, t, v)
	if t >= in.start && t < in.end && v > c.ramMax {
		c.ramMax = v
	}
}

// PodKey names a pod. A source that cannot tell the UID leaves it empty; the
// pod is then found by its name and the time.
type PodKey struct{ Namespace, Pod, UID string }

// Pod is what the source says of one pod.
type Pod struct {
	Node        string
	IP          string
	HostNetwork bool
	OwnerKind   string // the immediate controller, as Kubernetes spells it
	OwnerName   string
	Completed   float64 // unix seconds when its last container ended; 0 unknown

	OverheadCPU, OverheadRAM Series // of its runtime class: cores, bytes
	RequestCPU, RequestRAM   Series // pod-level requests: cores, bytes

	labels, annotations stamped
	claims              map[string]struct{}
	containers          map[string]*Container
	interfaces          []iface // set by Finish
}

// Container is what the source says of one container of a pod.
type Container struct {
	Init bool // runs before the others (a native sidecar also beside them)

	Running    Series // 1 while it runs, 0 while it does not
	Started    Series // unix seconds when the current or last run began
	Terminated Series // unix seconds when the run before that ended

	CPURequest, CPULimit Series // cores
	RAMRequest, RAMLimit Series // bytes

	gpuRequest map[string]*Series
	cgroups    []*Cgroup // set by Finish
	gpuUsage   []*Series // set by Finish
	runs       spans     // set by Finish
}

// CgroupKey names one cgroup of a container; a restarted container has
// several. UID and ID may be empty when the source does not say.
type CgroupKey struct{ Namespace, Pod, UID, Container, ID string }

// Cgroup is what a kubelet measured of one run of a container.
type Cgroup struct {
	CPU     Series  // core-seconds, a counter
	RAM     Series  // working set in bytes
	Started float64 // unix seconds; 0 unknown

	ramMax float64
}

// NetworkKey names one interface of a pod's sandbox.
type NetworkKey struct{ Namespace, Pod, UID, ID, Interface string }

// Network is what went through an interface: counters in bytes.
type Network struct{ Receive, Transmit Series }

// GPUKey names a device that a container uses.
type GPUKey struct{ Namespace, Pod, UID, Container, Device string }

// OwnerKey names something that may itself have a controller.
type OwnerKey struct{ Kind, Namespace, Name string }

// Owner is a controller.
type Owner struct{ Kind, Name string }

// stamped is a label set with the time at which it was last seen.
type stamped struct {
	t int64
	m map[string]string
	c cost.Labels
}

// set keeps the later set; of two at one instant the greater in canonical
// form, so that order never matters.
func (s *stamped) set(t int64, m map[string]string) {
	if c := cost.LabelsOf(m); t > s.t || t == s.t && c > s.c || s.c == "" {
		*s = stamped{t, m, c}
	}
}

// canonical returns the set with its keys in canonical spelling.
func (s *stamped) canonical() map[string]string {
	out := make(map[string]string, len(s.m))
	for k, v := range s.m {
		out[cost.SanitizeLabel(k)] = v
	}
	return out
}

type namespace struct{ labels, annotations stamped }

// Pod returns the record of a pod, made at first sight.
func (in *Integrator) Pod(k PodKey) *Pod { return record(in.pods, k) }

// Container returns the record of a container, made at first sight.
func (in *Integrator) Container(k PodKey, name string) *Container {
	return in.Pod(k).container(name)
}

func (p *Pod) container(name string) *Container {
	if p.containers == nil {
		p.containers = map[string]*Container{}
	}
	return record(p.containers, name)
}

// Cgroup returns the record of a cgroup, made at first sight.
func (in *Integrator) Cgroup(k CgroupKey) *Cgroup { return record(in.cgroups, k) }

// Network returns the record of a pod's interface, made at first sight.
func (in *Integrator) Network(k NetworkKey) *Network { return record(in.networks, k) }

// GPUUsage returns the series of a device's use by a container, as a ratio
// from 0 to 1 of one schedulable unit.
func (in *Integrator) GPUUsage(k GPUKey) *Series { return record(in.gpus, k) }

// GPURequest returns the series of a container's request of one accelerator
// resource, in the resource's own count.
func (c *Container) GPURequest(resource string) *Series {
	if c.gpuRequest == nil {
		c.gpuRequest = map[string]*Series{}
	}
	return record(c.gpuRequest, resource)
}

// Mount says that a pod mounts a claim of its namespace.
func (p *Pod) Mount(claim string) {
	if p.claims == nil {
		p.claims = map[string]struct{}{}
	}
	p.claims[claim] = struct{}{}
}

// SetLabels records the pod's labels as seen last at t (ms).
func (p *Pod) SetLabels(t int64, m map[string]string) { p.labels.set(t, m) }

// SetAnnotations records the pod's annotations as seen last at t (ms). They
// are kept only as far as Config.AnnotationAllow says.
func (p *Pod) SetAnnotations(t int64, m map[string]string) { p.annotations.set(t, m) }

// SetNamespaceLabels records a namespace's labels as seen last at t (ms).
func (in *Integrator) SetNamespaceLabels(ns string, t int64, m map[string]string) {
	record(in.namespaces, ns).labels.set(t, m)
}

// SetNamespaceAnnotations records a namespace's annotations.
func (in *Integrator) SetNamespaceAnnotations(ns string, t int64, m map[string]string) {
	record(in.namespaces, ns).annotations.set(t, m)
}

// SetOwner records who controls a ReplicaSet, Job or the like.
func (in *Integrator) SetOwner(k OwnerKey, o Owner) {
	if old, ok := in.owners[k]; !ok || cmp.Or(cmp.Compare(o.Kind, old.Kind), cmp.Compare(o.Name, old.Name)) > 0 {
		in.owners[k] = o
	}
}

// SetManagementPrice records what a price metric says the control plane costs
// per hour.
func (in *Integrator) SetManagementPrice(perHour float64) {
	in.management = append(in.management, perHour)
}

// Prefer keeps the greater of two texts, so that an empty one never hides a
// known one and order never matters.
func Prefer(dst *string, s string) {
	if s > *dst {
		*dst = s
	}
}

// record returns m[k], made at first sight.
func record[K comparable, V any](m map[K]*V, k K) *V {
	v := m[k]
	if v == nil {
		v = new(V)
		m[k] = v
	}
	return v
}

// coverage returns the part of the window in which the source had data, whole
// steps, and its seconds within the hour.
func (in *Integrator) coverage() (covered spans, seconds int32) {
	for i, ok := range in.seen {
		if ok {
			a := in.lo + int64(i)*in.step
			covered = append(covered, interval{a, a + in.step})
		}
	}
	covered = spans(nil).union(covered...)
	return covered, int32(covered.clip(in.start, in.end).length() / 1000)
}

// span describes a presence within the hour.
func (in *Integrator) span(s spans) cost.Span {
	if len(s) == 0 {
		return cost.Span{}
	}
	start := (s[0].a - in.start) / 1000
	end := (s[len(s)-1].b - in.start + 999) / 1000
	return cost.Span{Start: int32(start), End: int32(end), Seconds: int32(min(end-start, max(1, (s.length()+500)/1000)))}
}

// eachStep calls fn for every step of the hour that s touches, with the ms of
// it that s holds.
func (in *Integrator) eachStep(s spans, fn func(k int, from, to, ms int64)) {
	i := 0
	for i < len(s) {
		k := floorDiv(s[i].a-in.start, in.step)
		for {
			from := in.start + k*in.step
			to := from + in.step
			var ms int64
			for j := i; j < len(s) && s[j].a < to; j++ {
				ms += min(s[j].b, to) - max(s[j].a, from)
			}
			fn(int(k), from, to, ms)
			for i < len(s) && s[i].b <= to {
				i++
			}
			if i == len(s) || s[i].a >= to {
				break // the next interval begins in a later step
			}
			k++
		}
	}
}
