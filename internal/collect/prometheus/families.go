package prometheus

import (
	"strings"

	"github.com/fleetcost/fleetcost/internal/collect"
)

// mode is how a family is read.
type mode int

const (
	// raw reads every sample, where the time within the hour matters.
	raw mode = iota
	// hourly reads the last value of each series in the hour.
	hourly
)

// family is one metric that is read: how, and what its series mean.
type family struct {
	metric string
	match  string // extra matchers
	mode   mode
	shard  string // label whose last letter cuts a family that is too large
	// add gives a series' samples within the integrator's window to it.
	add func(in *collect.Integrator, l labels, pts []sample)

	when    func(Config) bool // nil: always
	missing *absence          // what its absence means; nil: nothing
}

// absence is the text of a collect.Missing.
type absence struct{ effect, fix string }

const accelerators = `nvidia_com_.+|amd_com_gpu|gpu_intel_com_.+|habana_ai_gaudi|aws_amazon_com_neuron|google_com_tpu`

// families lists all that is read, the most needed first.
func families() []family {
	var out []family
	for _, group := range [][]family{
		nodeFamilies(), podFamilies(), containerFamilies(), usageFamilies(),
		volumeFamilies(), serviceFamilies(), ingressFamilies(), priceFamilies(),
	} {
		out = append(out, group...)
	}
	return out
}

const (
	ksmFix      = "scrape kube-state-metrics v2 (with honor_labels: true)"
	cadvisorFix = "scrape the kubelets' /metrics/cadvisor"
)

func pod(l labels) collect.PodKey {
	return collect.PodKey{Namespace: l.get("namespace"), Pod: l.get("pod"), UID: l.get("uid")}
}

// observe feeds all samples to a series.
func observe(in *collect.Integrator, s *collect.Series, pts []sample) {
	s.Grow(len(pts))
	for _, p := range pts {
		in.Observe(s, p.t, p.v)
	}
}

// observeObject is observe for what tells that an object exists or runs.
func observeObject(in *collect.Integrator, s *collect.Series, pts []sample) {
	s.Grow(len(pts))
	for _, p := range pts {
		in.ObserveObject(s, p.t, p.v)
	}
}

// observeLevel feeds what holds from one sample to the next, such as a
// request: of equal values in a row the first and the last say all.
func observeLevel(in *collect.Integrator, s *collect.Series, pts []sample) {
	for i, p := range pts {
		if i == 0 || i == len(pts)-1 || p.v != pts[i-1].v || p.v != pts[i+1].v {
			in.Observe(s, p.t, p.v)
		}
	}
}

// last returns the value and the time of the latest sample.
func last(pts []sample) sample { return pts[len(pts)-1] }

// kubeLabels returns the labels that an exporter made of an object's own, with
// the prefix cut off.
func kubeLabels(l labels, prefix string) map[string]string {
	m := make(map[string]string, len(l))
	for _, x := range l {
		if k, ok := strings.CutPrefix(x.name, prefix); ok {
			m[k] = x.value
		}
	}
	return m
}

func nodeFamilies() []family {
	return []family{
		{
			metric: "kube_node_labels", mode: hourly, shard: "node",
			missing: &absence{"instance type, region, zone and spot are unknown, so nodes get default prices", "add --metric-labels-allowlist=nodes=[*] to kube-state-metrics"},
			add: func(in *collect.Integrator, l labels, pts []sample) {
				in.Node(l.get("node")).SetLabels(last(pts).t, kubeLabels(l, "label_"))
			},
		},
		{
			metric: "kube_node_info", mode: raw, shard: "node", missing: &absence{"nodes, and so all cost of CPU, RAM and GPU, will be unknown", ksmFix},
			add: func(in *collect.Integrator, l labels, pts []sample) {
				n := in.Node(l.get("node"))
				observeObject(in, &n.Present, pts)
				observe(in, n.Info(collect.NodeInfo{
					ProviderID: l.get("provider_id"), SystemUUID: l.get("system_uuid"),
					KubeletVersion: l.get("kubelet_version"), InternalIP: l.get("internal_ip"),
				}), pts)
			},
		},
		{
			metric: "kube_node_created", mode: raw, shard: "node", missing: &absence{"nodes that reuse a name cannot be told apart, and start at their first sample", ksmFix},
			add: func(in *collect.Integrator, l labels, pts []sample) {
				observeLevel(in, &in.Node(l.get("node")).Created, pts)
			},
		},
		{
			metric: "kube_node_status_capacity", match: `resource=~"cpu|memory|` + accelerators + `"`, mode: raw, shard: "node",
			missing: &absence{"nodes have no size, so no cost", ksmFix},
			add: func(in *collect.Integrator, l labels, pts []sample) {
				n := in.Node(l.get("node"))
				switch r := l.get("resource"); r {
				case "cpu":
					observeLevel(in, &n.CPUCapacity, pts)
				case "memory":
					observeLevel(in, &n.RAMCapacity, pts)
				default:
					if collect.GPUUnits(r) > 0 {
						observeLevel(in, n.GPUCapacity(r), pts)
					}
				}
			},
		},
		{
			metric: "kube_node_status_allocatable", match: `resource=~"cpu|memory"`, mode: raw, shard: "node",
			missing: &absence{"the part of a node that the system reserves is not shown apart", ksmFix},
			add: func(in *collect.Integrator, l labels, pts []sample) {
				n := in.Node(l.get("node"))
				if l.get("resource") == "cpu" {
					observeLevel(in, &n.CPUAllocatable, pts)
				} else {
					observeLevel(in, &n.RAMAllocatable, pts)
				}
			},
		},
		{
			metric: "container_fs_limit_bytes", match: `id="/",device=~"/dev/.+",device!~"/dev/(shm|mapper/loop|loop).*"`, mode: hourly,
			missing: &absence{"boot disks have no size, so no cost", cadvisorFix},
			add: func(in *collect.Integrator, l labels, pts []sample) {
				if name := kubeletNode(l); name != "" {
					in.Note(in.Node(name).Disk(l.get("device")), last(pts).v)
				}
			},
		},
	}
}

// kubeletNode returns the node whose kubelet gave a sample, as scrape
// configurations name it.
func kubeletNode(l labels) string {
	for _, k := range []string{"node", "kubernetes_io_hostname", "kubernetes_node", "nodename"} {
		if v := l.get(k); v != "" {
			return v
		}
	}
	host, _, _ := strings.Cut(l.get("instance"), ":")
	return host
}

func podFamilies() []family {
	owner := func(kind, label string) func(*collect.Integrator, labels, []sample) {
		return func(in *collect.Integrator, l labels, _ []sample) {
			if l.get("owner_is_controller") != "false" && l.get("owner_name") != "" {
				in.SetOwner(collect.OwnerKey{Kind: kind, Namespace: l.get("namespace"), Name: l.get(label)},
					collect.Owner{Kind: l.get("owner_kind"), Name: l.get("owner_name")})
			}
		}
	}
	return []family{
		{
			metric: "kube_pod_info", mode: hourly, shard: "pod", missing: &absence{"pods cannot be placed on nodes, so their cost is unknown", ksmFix},
			add: func(in *collect.Integrator, l labels, _ []sample) {
				p := in.Pod(pod(l))
				collect.Prefer(&p.Node, l.get("node"))
				collect.Prefer(&p.IP, l.get("pod_ip"))
				p.HostNetwork = p.HostNetwork || l.get("host_network") == "true"
				if p.OwnerName == "" {
					p.OwnerKind, p.OwnerName = l.get("created_by_kind"), l.get("created_by_name")
				}
			},
		},
		{
			metric: "kube_pod_owner", match: `owner_is_controller="true"`, mode: hourly, shard: "pod", missing: &absence{"controllers come from kube_pod_info only", ksmFix},
			add: func(in *collect.Integrator, l labels, _ []sample) {
				p := in.Pod(pod(l))
				p.OwnerKind, p.OwnerName = l.get("owner_kind"), l.get("owner_name")
			},
		},
		{metric: "kube_replicaset_owner", mode: hourly, shard: "replicaset", missing: &absence{"pods of a Deployment are shown under their ReplicaSet", ksmFix}, add: owner("replicaset", "replicaset")},
		{metric: "kube_job_owner", mode: hourly, shard: "job_name", add: owner("job", "job_name")},
		{
			metric: "kube_pod_labels", mode: hourly, shard: "pod",
			missing: &absence{"labels will be empty", "add --metric-labels-allowlist=pods=[*] to kube-state-metrics"},
			add: func(in *collect.Integrator, l labels, pts []sample) {
				in.Pod(pod(l)).SetLabels(last(pts).t, kubeLabels(l, "label_"))
			},
		},
		{
			metric: "kube_namespace_labels", mode: hourly, shard: "namespace",
			missing: &absence{"labels of namespaces will be empty", "add --metric-labels-allowlist=namespaces=[*] to kube-state-metrics"},
			add: func(in *collect.Integrator, l labels, pts []sample) {
				in.SetNamespaceLabels(l.get("namespace"), last(pts).t, kubeLabels(l, "label_"))
			},
		},
		{
			metric: "kube_pod_annotations", mode: hourly, shard: "pod", when: wantsAnnotations,
			missing: &absence{"annotations will be empty", "add --metric-annotations-allowlist=pods=[…] to kube-state-metrics"}, add: podAnnotations,
		},
		{
			metric: "kube_pod_annotations", match: `annotation_capacity_provisioned!=""`, mode: hourly, shard: "pod",
			when: func(c Config) bool { return !wantsAnnotations(c) }, add: podAnnotations,
		},
		{
			metric: "kube_namespace_annotations", mode: hourly, shard: "namespace", when: wantsAnnotations,
			missing: &absence{"annotations of namespaces will be empty", "add --metric-annotations-allowlist=namespaces=[…] to kube-state-metrics"},
			add: func(in *collect.Integrator, l labels, pts []sample) {
				in.SetNamespaceAnnotations(l.get("namespace"), last(pts).t, kubeLabels(l, "annotation_"))
			},
		},
		{
			metric: "kube_pod_completion_time", mode: hourly, shard: "pod",
			add: func(in *collect.Integrator, l labels, pts []sample) {
				p := in.Pod(pod(l))
				p.Completed = max(p.Completed, last(pts).v)
			},
		},
		{
			metric: "kube_pod_overhead_cpu_cores", mode: hourly, shard: "pod",
			add: func(in *collect.Integrator, l labels, pts []sample) {
				in.Note(&in.Pod(pod(l)).OverheadCPU, last(pts).v)
			},
		},
		{
			metric: "kube_pod_overhead_memory_bytes", mode: hourly, shard: "pod",
			add: func(in *collect.Integrator, l labels, pts []sample) {
				in.Note(&in.Pod(pod(l)).OverheadRAM, last(pts).v)
			},
		},
	}
}

func wantsAnnotations(c Config) bool { return len(c.AnnotationAllow) > 0 }

func podAnnotations(in *collect.Integrator, l labels, pts []sample) {
	in.Pod(pod(l)).SetAnnotations(last(pts).t, kubeLabels(l, "annotation_"))
}

func containerFamilies() []family {
	running := func(init bool) func(*collect.Integrator, labels, []sample) {
		return func(in *collect.Integrator, l labels, pts []sample) {
			c := in.Container(pod(l), l.get("container"))
			c.Init = c.Init || init
			observeObject(in, &c.Running, pts)
		}
	}
	resources := func(limit bool) func(*collect.Integrator, labels, []sample) {
		return func(in *collect.Integrator, l labels, pts []sample) {
			c := in.Container(pod(l), l.get("container"))
			switch r := l.get("resource"); {
			case r == "cpu" && limit:
				observeLevel(in, &c.CPULimit, pts)
			case r == "cpu":
				observeLevel(in, &c.CPURequest, pts)
			case r == "memory" && limit:
				observeLevel(in, &c.RAMLimit, pts)
			case r == "memory":
				observeLevel(in, &c.RAMRequest, pts)
			case !limit && collect.GPUUnits(r) > 0:
				observeLevel(in, c.GPURequest(r), pts)
			}
			collect.Prefer(&in.Pod(pod(l)).Node, l.get("node"))
		}
	}
	const requested = `resource=~"cpu|memory|` + accelerators + `"`
	const limited = `resource=~"cpu|memory"`
	return []family{
		{
			metric: "kube_pod_container_status_running", mode: raw, shard: "pod",
			missing: &absence{"containers count as running where the kubelets measured them", ksmFix}, add: running(false),
		},
		{metric: "kube_pod_init_container_status_running", mode: raw, shard: "pod", add: running(true)},
		{
			metric: "kube_pod_container_state_started", mode: raw, shard: "pod",
			missing: &absence{"containers begin and end at whole steps", ksmFix},
			add: func(in *collect.Integrator, l labels, pts []sample) {
				observeLevel(in, &in.Container(pod(l), l.get("container")).Started, pts)
			},
		},
		{
			metric: "kube_pod_container_status_last_terminated_timestamp", mode: raw, shard: "pod",
			add: func(in *collect.Integrator, l labels, pts []sample) {
				observeLevel(in, &in.Container(pod(l), l.get("container")).Terminated, pts)
			},
		},
		{
			metric: "kube_pod_container_resource_requests", match: requested, mode: raw, shard: "pod",
			missing: &absence{"requests are unknown: containers cost only what they use", ksmFix}, add: resources(false),
		},
		{metric: "kube_pod_container_resource_limits", match: limited, mode: raw, shard: "pod", add: resources(true)},
		{metric: "kube_pod_init_container_resource_requests", match: requested, mode: raw, shard: "pod", add: resources(false)},
		{metric: "kube_pod_init_container_resource_limits", match: limited, mode: raw, shard: "pod", add: resources(true)},
	}
}
