package simulate

import (
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// namespace is one namespace of one cluster.
type namespace struct {
	name        string
	labels      cost.Labels
	annotations cost.Labels
	team        *team // nil for system namespaces
}

// container is the specification of one container of a workload: what it asks
// for and about what it uses.
type container struct {
	name                   string
	initSeconds            int64 // > 0: an init container that runs so long at the pod's start
	reqMillis, limMillis   int64
	reqBytes, limBytes     int64
	gpus                   int64
	baseMillis, baseBytes  int64   // mean usage at rhythm 1
	rhythmic               float64 // 0: steady, 1: follows the cluster's day
	gpuLoad                float64
	crashLoop              bool  // runs a small part of the time, then waits
	bytesPerSecond, answer int64 // network, received and sent
}

// workload is a controller and its pods.
type workload struct {
	key        uint64
	kind, name string // controller kind in lower case; "" for a bare pod
	ns         *namespace
	containers []container
	services   []string
	labels     map[string]string // the pod template's, canonical keys
	annots     cost.Labels
	hostNet    bool
	rollout    turnover // replaces every pod, one after the other
	slots      []*slot
	cron       *cron
	jobLabels  cost.Labels // of the pods of every run
	shared     *volume     // a volume that all its pods mount
	record     bool        // its pods are needed for a balancer or a shared volume
	id         int         // index in the cluster

	template atomic.Pointer[template]
}

// template is what the pods of one rollout generation have in common.
type template struct {
	gen    int64
	hash   string // pod-template-hash
	labels cost.Labels
}

// slot is one replica: at each moment at most one pod.
type slot struct {
	w        *workload
	ordinal  int
	key      uint64
	node     *nodeSlot
	turnover turnover
	volume   *volume // its own claim, for statefulsets

	pod atomic.Pointer[pod]
}

// pod is the identity of one life of a slot.
type pod struct {
	key       uint64
	name, uid string
	labels    cost.Labels
}

// cron starts a job at a fixed period.
type cron struct {
	period, phase          int64 // seconds
	minSeconds, maxSeconds int64
	nodes                  []*nodeSlot
	owned                  bool // owned by a CronJob; otherwise each run is a Job of its own
}

// stagger is how long a rollout waits between two replicas.
const stagger = 20

// lives appends the pods' lives of a slot that overlap [from, to): the slot's
// own, cut at rollouts and by the lives of its node.
func (s *slot) lives(from, to int64, out []life) []life {
	var own, roll, host [3]life
	nodes := s.node.turnover.within(s.node.key, from, to, host[:0])
	if s.turnover.period == 0 && !s.turnover.daily && s.w.rollout.period == 0 {
		for _, n := range nodes {
			out = append(out, life{from: n.from + 40, to: n.to, key: mix(s.key, n.key)})
		}
		return out
	}
	rollout := s.w.rollout
	rollout.phase += int64(s.ordinal) * stagger
	rolls := rollout.within(s.w.key, from, to, roll[:0])
	for _, o := range s.turnover.within(s.key, from, to, own[:0]) {
		for _, r := range rolls {
			for _, n := range nodes {
				l := life{
					from: max(o.from, r.from, n.from+40), to: min(o.to, r.to, n.to),
					key: mix(mix(o.key, r.key), n.key), gen: r.gen,
				}
				if l.from < l.to && l.from < to && l.to > from {
					out = append(out, l)
				}
			}
		}
	}
	return out
}

// identity returns the pod that lives the life l.
func (s *slot) identity(l life) *pod {
	if p := s.pod.Load(); p != nil && p.key == l.key {
		return p
	}
	h := mix(s.key, l.key)
	p := &pod{key: l.key, uid: uuid(h)}
	switch s.w.kind {
	case "statefulset":
		p.name = s.w.name + "-" + strconv.Itoa(s.ordinal)
		p.labels = s.w.templateOf(0).labels
	case "deployment", "rollout", "replicaset":
		t := s.w.templateOf(l.gen)
		p.name = s.w.name + "-" + t.hash + "-" + nameSuffix(h, 5)
		p.labels = t.labels
	case "daemonset":
		p.name = s.w.name + "-" + nameSuffix(h, 5)
		p.labels = s.w.templateOf(l.gen).labels
	default:
		p.name = s.w.name
		p.labels = s.w.templateOf(0).labels
	}
	s.pod.Store(p)
	return p
}

// templateOf returns the pod template of one rollout generation. Both a
// template and a pod are pure functions of what they are asked for; the
// pointers only save making their strings again.
func (w *workload) templateOf(gen int64) *template {
	if t := w.template.Load(); t != nil && t.gen == gen {
		return t
	}
	h := mix(w.key, uint64(gen)+77)
	t := &template{gen: gen, hash: nameSuffix(h, 10)}
	extra := map[string]string{}
	if _, ok := w.labels["app_kubernetes_io_version"]; ok {
		extra["app_kubernetes_io_version"] = "v1." + strconv.FormatInt((gen%40+40)%40, 10) + ".0"
	}
	t.labels = w.podLabels(extra)
	w.template.Store(t)
	return t
}

// podLabels joins the workload's labels and a template's own. Labels that name
// a single pod or rollout are not among them: sources drop them
// (cost.PerPodLabel).
func (w *workload) podLabels(extra map[string]string) cost.Labels {
	m := make(map[string]string, len(w.labels)+len(extra))
	for k, v := range w.labels {
		m[k] = v
	}
	for k, v := range extra {
		m[k] = v
	}
	return cost.LabelsOf(m)
}

// run is one job of a cron.
type run struct {
	life
	scheduled int64
	node      *nodeSlot
}

// runs appends the jobs that overlap [from, to).
func (w *workload) runs(from, to int64, out []run) []run {
	c := w.cron
	for k := floorDiv(from-c.phase-c.maxSeconds, c.period); c.phase+k*c.period < to; k++ {
		h := mix(w.key, uint64(k))
		at := c.phase + k*c.period
		l := life{from: at + int64(h%7) + 1, key: h}
		l.to = l.from + c.minSeconds + int64((h>>8)%uint64(c.maxSeconds-c.minSeconds+1))
		if l.from >= to || l.to <= from {
			continue
		}
		n := c.nodes[(h>>40)%uint64(len(c.nodes))]
		var host [3]life
		for _, nl := range n.turnover.within(n.key, from, to, host[:0]) {
			if nl.from <= l.from && nl.to > l.from {
				l.to = min(l.to, nl.to)
				out = append(out, run{life: l, scheduled: at, node: n})
			}
		}
	}
	return out
}

// jobPod returns the pod of one run, and the controller it belongs to.
func (w *workload) jobPod(r run) (p *pod, controllerKind, controller string) {
	job := w.name + "-" + strconv.FormatInt(r.scheduled/60, 10)
	h := mix(w.key, r.key)
	p = &pod{key: r.key, uid: uuid(h), name: job + "-" + nameSuffix(h, 5)}
	p.labels = w.jobLabels
	if w.cron.owned {
		return p, "cronjob", w.name
	}
	return p, "job", job
}

// nodeSlot is a place for a node: at each moment at most one machine.
type nodeSlot struct {
	key          uint64
	machine      machine
	pool, zone   string
	capacityType string
	turnover     turnover

	freeMillis, freeBytes, freeGPUs int64 // while the fleet is drawn

	ident atomic.Pointer[nodeIdentity]
}

// nodeIdentity is one machine.
type nodeIdentity struct {
	key                       uint64
	name, providerID, assetID string
	labels                    cost.Labels
}

// nodeIdentity returns the machine that lives the life l.
func (c *Cluster) nodeIdentity(n *nodeSlot, l life) *nodeIdentity {
	if id := n.ident.Load(); id != nil && id.key == l.key {
		return id
	}
	h := mix(n.key, l.key)
	id := &nodeIdentity{key: l.key}
	switch c.Provider {
	case "AWS":
		id.name = "ip-10-" + strconv.Itoa(int(h%200)) + "-" + strconv.Itoa(int(h>>8&255)) + "-" + strconv.Itoa(int(h>>16&255)) + ".ec2.internal"
		id.providerID = "aws:///" + n.zone + "/i-0" + hexString(h, 16)
	case "Azure":
		vm := strconv.FormatUint(h%90000000+10000000, 10)
		id.name = "aks-" + strings.ReplaceAll(n.pool, "-", "") + "-" + vm + "-vmss" + nameSuffix(h, 6)
		id.providerID = "azure:///subscriptions/" + uuid(c.key) + "/resourceGroups/mc_" + c.Name + "/providers/Microsoft.Compute/virtualMachineScaleSets/aks-" + n.pool + "-vmss/virtualMachines/" + hexString(h, 8)
	case "GCP":
		id.name = "gke-" + c.Name + "-" + n.pool + "-" + hexString(h, 8) + "-" + nameSuffix(h, 4)
		id.providerID = "gce://" + c.Name + "-project/" + n.zone + "/" + id.name
	default:
		id.name = c.Name + "-" + n.pool + "-" + nameSuffix(h, 4)
	}
	id.assetID = id.providerID
	if id.assetID == "" {
		id.assetID = id.name + "/" + uuid(h)
	}
	id.labels = cost.LabelsOf(c.nodeLabels(n, id.name))
	n.ident.Store(id)
	return id
}

func (c *Cluster) nodeLabels(n *nodeSlot, name string) map[string]string {
	m := map[string]string{
		"kubernetes_io_hostname":        name,
		"kubernetes_io_os":              "linux",
		"kubernetes_io_arch":            "amd64",
		"topology_kubernetes_io_region": c.Region,
		"topology_kubernetes_io_zone":   n.zone,
		c.poolLabel:                     n.pool,
	}
	if n.machine.name != "" {
		m["node_kubernetes_io_instance_type"] = n.machine.name
	}
	if n.machine.gpus > 0 {
		m["nvidia_com_gpu_product"] = n.machine.gpuModel
	}
	if n.capacityType == "spot" {
		switch c.Provider {
		case "AWS":
			m["karpenter_sh_capacity_type"] = "spot"
		case "Azure":
			m["kubernetes_azure_com_scalesetpriority"] = "spot"
		case "GCP":
			m["cloud_google_com_gke_spot"] = "true"
		}
	}
	return m
}
