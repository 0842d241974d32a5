package simulate

// This file writes the families of the kubelets' cAdvisor, of DCGM where a
// node has GPUs, and of OpenCost's price exporter.

// pause is what the sandbox of a pod uses; nobody pays for it by itself.
const (
	pauseCores = 0.0001
	pauseBytes = 200 << 10
)

// sandbox is the cgroup path of a pod. A static pod goes by the hash of its
// manifest on its node, and by the UID of its mirror in the API.
func (p *simPod) sandbox() string {
	if p.mirror {
		return "/kubepods/burstable/pod" + hexString(hashOf(1, p.uid), 32)
	}
	return "/kubepods/burstable/pod" + p.uid
}

// cgroup returns the labels of one cgroup of a pod; name "" is the pod itself,
// "POD" the pause container, which the kubelet reports without a name.
func (p *simPod) cgroup(name string, run int) []string {
	if name == "" {
		return []string{"container", "", "id", p.sandbox(), "image", "", "name", "", "namespace", p.namespace, "pod", p.name}
	}
	id, image, container := hexString(hashOf(uint64(run), p.uid+"/"+name), 32), "registry.example.com/"+name+":1.0", name
	if name == "POD" {
		image, container = "registry.k8s.io/pause:3.10", ""
	}
	return []string{"container", container, "id", p.sandbox() + "/" + id, "image", image, "name", id, "namespace", p.namespace, "pod", p.name}
}

// measured is one cgroup: when it lives, and its use.
type measured struct {
	labels   []string
	from, to int64
	cpu      func(t int64) float64 // core-seconds since from
	ram      func(t int64) float64
}

// cgroups lists what the kubelet of n measures.
func (s *Scenario) cgroups(n *simNode) []measured {
	var out []measured
	for _, p := range s.pods {
		if p.node != n {
			continue
		}
		first, last := p.sandboxLife()
		out = append(out, measured{
			labels: p.cgroup("POD", 0), from: first, to: last,
			cpu: func(t int64) float64 { return pauseCores * float64(t-first) },
			ram: func(int64) float64 { return pauseBytes },
		})
		for _, c := range p.containers {
			for i, r := range c.runs {
				out = append(out, measured{
					labels: p.cgroup(c.name, i), from: r.from, to: r.to,
					cpu: func(t int64) float64 { return c.used(r.from, t) },
					ram: func(t int64) float64 { return float64(c.level(t).bytes) },
				})
			}
		}
		// The pod's own cgroup: the sum of the others.
		out = append(out, measured{
			labels: p.cgroup("", 0), from: first, to: last,
			cpu: func(t int64) float64 {
				sum := pauseCores * float64(t-first)
				for _, c := range p.containers {
					for _, r := range c.runs {
						if r.from < t {
							sum += c.used(r.from, min(t, r.to))
						}
					}
				}
				return sum
			},
			ram: func(t int64) float64 {
				sum := float64(pauseBytes)
				for _, c := range p.containers {
					if c.running(t) {
						sum += float64(c.level(t).bytes)
					}
				}
				return sum
			},
		})
	}
	return append(out, s.rootCgroup(n))
}

// rootCgroup is the machine: more than its pods use.
func (s *Scenario) rootCgroup(n *simNode) measured {
	return measured{
		labels: []string{"container", "", "id", "/", "image", "", "name", "", "namespace", "", "pod", ""},
		from:   n.from, to: n.to,
		cpu: func(t int64) float64 { return float64(n.millis) / 2000 * float64(t-n.from) },
		ram: func(int64) float64 { return float64(n.bytes) / 2 },
	}
}

// sandboxLife is from the first container's start to the last one's end.
func (p *simPod) sandboxLife() (from, to int64) {
	from, to = p.to, p.from
	for _, c := range p.containers {
		from = min(from, c.runs[0].from)
		to = max(to, c.runs[len(c.runs)-1].to)
	}
	return from, min(to, p.to)
}

func (s *Scenario) writeCadvisor(e *exposition) {
	all := map[*simNode][]measured{}
	for _, n := range s.nodes {
		all[n] = s.cgroups(n)
	}
	each := func(fn func(m measured)) {
		for _, n := range s.nodes {
			e.fromKubelet(n)
			for _, m := range all[n] {
				fn(m)
			}
		}
	}
	e.family("counter", "container_cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds.")
	each(func(m measured) {
		e.series(join(m.labels, []string{"cpu", "total"}), func(t int64) (float64, bool) { return m.cpu(t), t >= m.from && t < m.to })
	})
	e.family("gauge", "container_memory_working_set_bytes", "Current working set in bytes.")
	each(func(m measured) {
		e.series(m.labels, func(t int64) (float64, bool) { return m.ram(t), t >= m.from && t < m.to })
	})
	e.family("gauge", "container_start_time_seconds", "Start time of the container since unix epoch in seconds.")
	each(func(m measured) {
		e.series(m.labels, while(m.from, m.to, s.epoch(m.from)))
	})
	s.writeNetwork(e)
	s.writeMachines(e)
	s.writeGPUs(e)
}

// writeNetwork writes the bytes of each pod's sandbox; a host-network pod's
// sandbox reports the node's interfaces.
func (s *Scenario) writeNetwork(e *exposition) {
	for _, f := range []struct {
		name, help string
		rate       func(*simPod) int64
	}{
		{"container_network_receive_bytes_total", "Cumulative count of bytes received", func(p *simPod) int64 { return p.receive }},
		{"container_network_transmit_bytes_total", "Cumulative count of bytes transmitted", func(p *simPod) int64 { return p.transmit }},
	} {
		e.family("counter", f.name, f.help)
		for _, p := range s.pods {
			e.fromKubelet(p.node)
			from, to := p.sandboxLife()
			rate := float64(f.rate(p))
			if p.hostNetwork {
				rate = 1e6
			}
			e.series(join(p.cgroup("POD", 0), []string{"interface", "eth0"}), func(t int64) (float64, bool) { return rate * float64(t-from), t >= from && t < to })
		}
		for _, n := range s.nodes {
			e.fromKubelet(n)
			root := s.rootCgroup(n)
			e.series(join(root.labels, []string{"interface", "eth0"}), func(t int64) (float64, bool) { return 1e6 * float64(t-n.from), t >= n.from && t < n.to })
		}
	}
}

func (s *Scenario) writeMachines(e *exposition) {
	perNode := func(fn func(n *simNode)) {
		for _, n := range s.nodes {
			e.fromKubelet(n)
			fn(n)
		}
	}
	for _, f := range []struct {
		name, help string
		share      float64
	}{
		{"container_fs_limit_bytes", "Number of bytes that can be consumed by the container on this filesystem.", 1},
		{"container_fs_usage_bytes", "Number of bytes that are consumed by the container on this filesystem.", 0.4},
	} {
		e.family("gauge", f.name, f.help)
		perNode(func(n *simNode) {
			root := []string{"container", "", "id", "/", "image", "", "name", "", "namespace", "", "pod", ""}
			for _, d := range []struct {
				device string
				bytes  int64
			}{{"/dev/nvme0n1p1", n.diskBytes}, {"/dev/shm", n.bytes / 2}, {"/run", n.bytes / 5}} {
				e.series(join(root, []string{"device", d.device}), while(n.from, n.to, float64(d.bytes)*f.share))
			}
		})
	}
	e.family("gauge", "machine_cpu_cores", "Number of logical CPU cores.")
	perNode(func(n *simNode) {
		e.series([]string{"boot_id", n.uid, "machine_id", n.uid, "system_uuid", n.uid}, while(n.from, n.to, float64(n.millis)/1000))
	})
	e.family("gauge", "machine_memory_bytes", "Amount of memory installed on the machine.")
	perNode(func(n *simNode) {
		e.series([]string{"boot_id", n.uid, "machine_id", n.uid, "system_uuid", n.uid}, while(n.from, n.to, float64(n.bytes)))
	})
}

// writeGPUs writes what NVIDIA's DCGM exporter says of the GPUs in use.
func (s *Scenario) writeGPUs(e *exposition) {
	e.family("gauge", "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "Ratio of time the graphics engine is active.")
	for _, p := range s.pods {
		for _, c := range p.containers {
			if c.gpus == 0 {
				continue
			}
			e.lag = 0
			e.targets = [][]string{{"instance", p.node.ip + ":9400", "job", "dcgm-exporter"}}
			e.series([]string{
				"gpu", "0", "UUID", "GPU-" + p.node.uid, "device", "nvidia0", "modelName", "NVIDIA A10G", "Hostname", p.node.name,
				"container", c.name, "namespace", p.namespace, "pod", p.name,
			}, func(t int64) (float64, bool) { return c.gpuLoad, c.running(t) })
		}
	}
}

// writePrices writes OpenCost's own price metrics.
func (s *Scenario) writePrices(e *exposition, r Rates) {
	e.lag = 0
	e.targets = [][]string{{"instance", "10.42.9.30:9003", "job", "opencost"}}
	for _, f := range []struct {
		name, help string
		value      func(n *simNode) float64
	}{
		{"node_cpu_hourly_cost", "hourly cost for each cpu on this node", func(n *simNode) float64 { return r.of(n).CPUCoreHour }},
		{"node_ram_hourly_cost", "hourly cost for each gb of ram on this node", func(n *simNode) float64 { return r.of(n).RAMGiBHour }},
		{"node_gpu_hourly_cost", "hourly cost for each gpu on this node", func(n *simNode) float64 { return r.of(n).GPUHour }},
		{"kubecost_node_is_spot", "Cloud provider info about node preemptibility", func(n *simNode) float64 { return isTrue(n.spot) }},
	} {
		e.family("gauge", f.name, f.help)
		for _, n := range s.nodes {
			e.series([]string{"arch", "amd64", "instance_type", n.instanceType, "node", n.name, "provider_id", n.providerID, "region", "us-east-1"}, while(n.from, n.to, f.value(n)))
		}
	}
	e.family("gauge", "pv_hourly_cost", "Cost per GB per hour on a persistent disk")
	for _, v := range s.volumes {
		perGiB := r.DiskGiBHour
		if v.shared {
			perGiB = 0
		}
		e.series([]string{"persistentvolume", v.name, "provider_id", v.handle, "volumename", v.name}, while(v.from, v.to, perGiB))
	}
	e.family("gauge", "kubecost_load_balancer_cost", "Hourly cost of load balancer")
	for _, v := range s.services {
		if v.balancer {
			e.series([]string{"ingress_ip", v.address(), "namespace", v.namespace, "service_name", v.name}, while(v.from, v.to, r.LoadBalancerHour))
		}
	}
	e.family("gauge", "kubecost_cluster_management_cost", "Hourly cost paid as a cluster management fee.")
	e.series([]string{"provisioner_name", s.managementProvider}, while(s.from, s.to, r.ManagementHour))
}
