package simulate

import "strconv"

// This file writes the families of kube-state-metrics v2.

func (s *Scenario) writeState(e *exposition) {
	e.fromKubeStateMetrics()
	s.writeNamespaces(e)
	s.writeNodes(e)
	s.writePods(e)
	for _, init := range []bool{false, true} {
		s.writeContainers(e, init)
	}
	s.writeOwners(e)
	s.writeVolumes(e)
	s.writeServices(e)
	s.writeIngresses(e)
}

func (s *Scenario) writeNamespaces(e *exposition) {
	e.family("gauge", "kube_namespace_created", "[STABLE] Unix creation timestamp")
	age := int64(30*daySeconds) + int64(mix(s.seed, 98)%daySeconds) // tells clusters apart
	for _, n := range s.namespaces {
		e.series([]string{"namespace", n.name}, while(s.from, s.to, s.epoch(-age)))
	}
	e.family("gauge", "kube_namespace_labels", "[STABLE] Kubernetes labels converted to Prometheus labels.")
	for _, n := range s.namespaces {
		e.series(join([]string{"namespace", n.name}, prefixed("label_", n.labels), []string{"label_kubernetes_io_metadata_name", n.name}), while(s.from, s.to, 1))
	}
	e.family("gauge", "kube_namespace_annotations", "Kubernetes annotations converted to Prometheus labels.")
	for _, n := range s.namespaces {
		e.series(join([]string{"namespace", n.name}, prefixed("annotation_", n.annotations)), while(s.from, s.to, 1))
	}
}

// prefixed returns labels or annotations as kube-state-metrics exports them.
func prefixed(prefix string, labels []string) []string {
	out := make([]string, len(labels))
	for i, l := range labels {
		if i%2 == 0 {
			l = prefix + l
		}
		out[i] = l
	}
	return out
}

func (s *Scenario) writeNodes(e *exposition) {
	e.family("gauge", "kube_node_created", "[STABLE] Unix creation timestamp")
	for _, n := range s.nodes {
		e.series([]string{"node", n.name}, while(n.from, n.to, s.epoch(n.from)))
	}
	e.family("gauge", "kube_node_info", "[STABLE] Information about a cluster node.")
	for _, n := range s.nodes {
		e.series([]string{
			"node", n.name, "kernel_version", "6.1.134-152.225.amzn2023.x86_64", "os_image", "Amazon Linux 2023.7",
			"container_runtime_version", "containerd://1.7.27", "kubelet_version", "v1.33.0-eks-802817d", "kubeproxy_version", "deprecated",
			"provider_id", n.providerID, "pod_cidr", "", "system_uuid", n.uid, "internal_ip", n.ip,
		}, while(n.from, n.to, 1))
	}
	e.family("gauge", "kube_node_labels", "[STABLE] Kubernetes labels converted to Prometheus labels.")
	for _, n := range s.nodes {
		capacity := "on-demand"
		if n.spot {
			capacity = "spot"
		}
		labels := []string{
			"node", n.name, "label_kubernetes_io_arch", "amd64", "label_kubernetes_io_hostname", n.name, "label_kubernetes_io_os", "linux",
			"label_node_kubernetes_io_instance_type", n.instanceType, "label_topology_kubernetes_io_region", "us-east-1",
			"label_topology_kubernetes_io_zone", n.zone, "label_karpenter_sh_capacity_type", capacity, "label_karpenter_sh_nodepool", "default",
		}
		if n.gpuModel != "" {
			labels = append(labels, "label_nvidia_com_gpu_product", n.gpuModel)
		}
		e.series(labels, while(n.from, n.to, 1))
	}
	for _, f := range []struct {
		name, help string
		millis     func(*simNode) int64
		bytes      func(*simNode) int64
	}{
		{
			"kube_node_status_capacity", "[STABLE] The total amount of resources available for a node.",
			func(n *simNode) int64 { return n.millis }, func(n *simNode) int64 { return n.bytes },
		},
		{
			"kube_node_status_allocatable", "[STABLE] The amount of resources allocatable for pods (after reserving some for system daemons).",
			func(n *simNode) int64 { return n.allocMillis }, func(n *simNode) int64 { return n.allocBytes },
		},
	} {
		e.family("gauge", f.name, f.help)
		for _, n := range s.nodes {
			row := func(resource, unit string, v float64) {
				e.series([]string{"node", n.name, "resource", resource, "unit", unit}, while(n.from, n.to, v))
			}
			row("cpu", "core", float64(f.millis(n))/1000)
			row("memory", "byte", float64(f.bytes(n)))
			row("pods", "integer", 58)
			row("ephemeral_storage", "byte", float64(n.diskBytes))
			if n.gpus > 0 {
				row("nvidia_com_gpu", "integer", float64(n.gpus))
			}
		}
	}
	e.family("gauge", "kube_node_status_condition", "[STABLE] The condition of a cluster node.")
	for _, n := range s.nodes {
		for _, status := range []string{"true", "false", "unknown"} {
			v := 0.0
			if status == "true" {
				v = 1
			}
			e.series([]string{"node", n.name, "condition", "Ready", "status", status}, while(n.from, n.to, v))
		}
	}
}

func (p *simPod) id() []string {
	return []string{"namespace", p.namespace, "pod", p.name, "uid", p.uid}
}

func (s *Scenario) writePods(e *exposition) {
	e.family("gauge", "kube_pod_info", "[STABLE] Information about pod.")
	for _, p := range s.pods {
		e.series(join(p.id(), []string{
			"host_ip", p.node.ip, "pod_ip", p.ip, "node", p.node.name, "created_by_kind", p.ownerKind, "created_by_name", p.ownerName,
			"priority_class", "", "host_network", strconv.FormatBool(p.hostNetwork),
		}), while(p.from, p.to, 1))
	}
	e.family("gauge", "kube_pod_created", "[STABLE] Unix creation timestamp")
	for _, p := range s.pods {
		e.series(p.id(), while(p.from, p.to, s.epoch(p.from)))
	}
	e.family("gauge", "kube_pod_labels", "[STABLE] Kubernetes labels converted to Prometheus labels.")
	for _, p := range s.pods {
		e.series(join(p.id(), prefixed("label_", p.labels)), while(p.from, p.to, 1))
	}
	e.family("gauge", "kube_pod_annotations", "Kubernetes annotations converted to Prometheus labels.")
	for _, p := range s.pods {
		e.series(join(p.id(), prefixed("annotation_", p.annotations)), while(p.from, p.to, 1))
	}
	for _, f := range []struct {
		name, help string
		value      func(*simPod) float64
	}{
		{"kube_pod_overhead_cpu_cores", "The pod overhead in regards to cpu cores associated with running a pod.", func(p *simPod) float64 { return p.overhead.cores }},
		{"kube_pod_overhead_memory_bytes", "The pod overhead in regards to memory associated with running a pod.", func(p *simPod) float64 { return float64(p.overhead.bytes) }},
	} {
		e.family("gauge", f.name, f.help)
		for _, p := range s.pods {
			if v := f.value(p); v > 0 {
				e.series(p.id(), while(p.from, p.to, v))
			}
		}
	}
	e.family("gauge", "kube_pod_owner", "[STABLE] Information about the Pod's owner.")
	for _, p := range s.pods {
		controlled := "true"
		if p.ownerKind == "" {
			controlled = ""
		}
		e.series(join(p.id(), []string{"owner_kind", p.ownerKind, "owner_name", p.ownerName, "owner_is_controller", controlled}), while(p.from, p.to, 1))
	}
	e.family("gauge", "kube_pod_completion_time", "[STABLE] Completion time in unix timestamp for a pod.")
	for _, p := range s.pods {
		if p.completed != 0 {
			e.series(p.id(), while(p.completed, p.to, s.epoch(p.completed)))
		}
	}
	e.family("gauge", "kube_pod_status_phase", "[STABLE] The pods current phase.")
	for _, p := range s.pods {
		for _, phase := range []string{"Pending", "Running", "Succeeded", "Failed", "Unknown"} {
			e.series(join(p.id(), []string{"phase", phase}), func(t int64) (float64, bool) {
				return isTrue(p.phase(t) == phase), p.exists(t)
			})
		}
	}
	e.family("gauge", "kube_pod_spec_volumes_persistentvolumeclaims_info", "[STABLE] Information about persistentvolumeclaim volumes in a pod.")
	for _, p := range s.pods {
		for _, claim := range p.claims {
			e.series(join(p.id(), []string{"volume", "data", "persistentvolumeclaim", claim}), while(p.from, p.to, 1))
		}
	}
}

func (p *simPod) phase(t int64) string {
	begun := false
	for _, c := range p.containers {
		begun = begun || c.runs[0].from <= t
	}
	switch {
	case p.completed != 0 && t >= p.completed:
		return "Succeeded"
	case begun:
		return "Running"
	}
	return "Pending"
}

func isTrue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// containerState is what the API says of a container at an instant.
type containerState struct {
	running, waiting, terminated bool
	started                      int64 // of the current run, or of the one that ended for good
	lastEnd                      int64 // of the run before
	hasLast                      bool
	restarts                     int
}

func (p *simPod) state(c *simContainer, t int64) containerState {
	var st containerState
	at := -1
	for i, r := range c.runs {
		if r.from <= t {
			at = i
		}
	}
	if at < 0 {
		st.waiting = true
		return st
	}
	r := c.runs[at]
	st.restarts = at
	switch {
	case r.at(t):
		st.running, st.started = true, r.from
	case at == len(c.runs)-1:
		st.terminated, st.started = true, r.from // for good
	default:
		st.waiting = true // to be started again
	}
	if st.waiting {
		st.lastEnd, st.hasLast = r.to, true
	} else if at > 0 {
		st.lastEnd, st.hasLast = c.runs[at-1].to, true
	}
	return st
}

// writeContainers writes kube_pod_container_* or kube_pod_init_container_*.
func (s *Scenario) writeContainers(e *exposition, init bool) {
	prefix, of := "kube_pod_container_", "container"
	if init {
		prefix, of = "kube_pod_init_container_", "init container"
	}
	each := func(fn func(p *simPod, c *simContainer, id []string)) {
		for _, p := range s.pods {
			for _, c := range p.containers {
				if c.init == init && !c.ephemeral {
					fn(p, c, join(p.id(), []string{"container", c.name}))
				}
			}
		}
	}
	e.family("gauge", prefix+"info", "[STABLE] Information about an "+of+" in a pod.")
	each(func(p *simPod, c *simContainer, id []string) {
		image := "registry.example.com/" + c.name + ":1.0"
		e.series(join(id, []string{"image_spec", image, "image", image, "image_id", image + "@sha256:" + hexString(c.key, 32), "container_id", ""}), while(p.from, p.to, 1))
	})
	e.family("gauge", prefix+"resource_requests", "[STABLE] The number of requested request resource by an "+of+".")
	each(func(p *simPod, c *simContainer, id []string) {
		s.writeResources(e, p, c, id, c.request)
	})
	e.family("gauge", prefix+"resource_limits", "[STABLE] The number of requested limit resource by an "+of+".")
	each(func(p *simPod, c *simContainer, id []string) {
		s.writeResources(e, p, c, id, func(int64) simRequest { return c.limit })
	})
	gauge := func(name, help string, value func(st containerState) (float64, bool)) {
		e.family("gauge", prefix+name, help)
		each(func(p *simPod, c *simContainer, id []string) {
			e.series(id, func(t int64) (float64, bool) {
				if !p.exists(t) {
					return 0, false
				}
				return value(p.state(c, t))
			})
		})
	}
	gauge("state_started", "[STABLE] Start time in unix timestamp for a pod "+of+".", func(st containerState) (float64, bool) { return s.epoch(st.started), st.running || st.terminated })
	gauge("status_last_terminated_timestamp", "Last terminated time for a pod "+of+" in unix timestamp.", func(st containerState) (float64, bool) { return s.epoch(st.lastEnd), st.hasLast })
	gauge("status_running", "[STABLE] Describes whether the "+of+" is currently in running state.", func(st containerState) (float64, bool) { return isTrue(st.running), true })
	gauge("status_terminated", "[STABLE] Describes whether the "+of+" is currently in terminated state.", func(st containerState) (float64, bool) { return isTrue(st.terminated), true })
	gauge("status_waiting", "[STABLE] Describes whether the "+of+" is currently in waiting state.", func(st containerState) (float64, bool) { return isTrue(st.waiting), true })
	e.family("counter", prefix+"status_restarts_total", "[STABLE] The number of restarts for the "+of+".")
	each(func(p *simPod, c *simContainer, id []string) {
		e.series(id, func(t int64) (float64, bool) { return float64(p.state(c, t).restarts), p.exists(t) })
	})
}

func (s *Scenario) writeResources(e *exposition, p *simPod, c *simContainer, id []string, of func(int64) simRequest) {
	row := func(resource, unit string, value func(t int64) float64) {
		if value(always) == 0 {
			return // not set: no series
		}
		e.series(join(id, []string{"node", p.node.name, "resource", resource, "unit", unit}), func(t int64) (float64, bool) { return value(t), p.exists(t) })
	}
	row("cpu", "core", func(t int64) float64 { return of(t).cores })
	row("memory", "byte", func(t int64) float64 { return float64(of(t).bytes) })
	row("nvidia_com_gpu", "integer", func(int64) float64 { return float64(c.gpus) })
}

func (s *Scenario) writeOwners(e *exposition) {
	for _, f := range []struct{ kind, metric, label string }{
		{"ReplicaSet", "kube_replicaset_owner", "replicaset"}, {"Job", "kube_job_owner", "job_name"},
	} {
		e.family("gauge", f.metric, "Information about the "+f.kind+"'s owner.")
		for _, o := range s.owners {
			if o.kind != f.kind {
				continue
			}
			controlled := "true"
			if o.ownerKind == "" {
				controlled = ""
			}
			e.series([]string{"namespace", o.namespace, f.label, o.name, "owner_kind", o.ownerKind, "owner_name", o.ownerName, "owner_is_controller", controlled}, while(s.from, s.to, 1))
		}
	}
}

func (s *Scenario) writeVolumes(e *exposition) {
	e.family("gauge", "kube_persistentvolume_info", "[STABLE] Information about persistentvolume.")
	for _, v := range s.volumes {
		labels := []string{"persistentvolume", v.name, "storageclass", v.class}
		for _, k := range []string{
			"gce_persistent_disk_name", "ebs_volume_id", "azure_disk_name", "fc_wwids", "fc_lun", "fc_target_wwns", "iscsi_target_portal",
			"iscsi_iqn", "iscsi_lun", "iscsi_initiator_name", "nfs_server", "nfs_path",
		} {
			labels = append(labels, k, "")
		}
		labels = append(labels, "csi_driver", v.driver, "csi_volume_handle", v.handle, "local_path", "", "local_fs", "", "host_path", "", "host_path_type", "", "reclaim_policy", "Retain")
		e.series(labels, while(v.from, v.to, 1))
	}
	e.family("gauge", "kube_persistentvolume_capacity_bytes", "[STABLE] Persistentvolume capacity in bytes.")
	for _, v := range s.volumes {
		e.series([]string{"persistentvolume", v.name}, while(v.from, v.to, float64(v.bytes)))
	}
	e.family("gauge", "kube_persistentvolume_claim_ref", "[STABLE] Information about the Persistent Volume Claim Reference.")
	for _, v := range s.volumes {
		if v.claim != "" {
			e.series([]string{"persistentvolume", v.name, "name", v.claim, "claim_namespace", v.namespace}, while(v.from, v.to, 1))
		}
	}
	e.family("gauge", "kube_persistentvolume_status_phase", "[STABLE] The phase indicates if a volume is available, bound to a claim, or released by a claim.")
	for _, v := range s.volumes {
		for _, phase := range []string{"Pending", "Available", "Bound", "Released", "Failed"} {
			e.series([]string{"persistentvolume", v.name, "phase", phase}, while(v.from, v.to, isTrue(phase == v.phase)))
		}
	}
	e.family("gauge", "kube_persistentvolumeclaim_info", "[STABLE] Information about persistent volume claim.")
	for _, v := range s.volumes {
		if v.phase == "Bound" {
			e.series([]string{"namespace", v.namespace, "persistentvolumeclaim", v.claim, "storageclass", v.class, "volumename", v.name, "volumemode", "Filesystem"}, while(v.from, v.to, 1))
		}
	}
	e.family("gauge", "kube_persistentvolumeclaim_resource_requests_storage_bytes", "[STABLE] The capacity of storage requested by the persistent volume claim.")
	for _, v := range s.volumes {
		if v.phase == "Bound" {
			e.series([]string{"namespace", v.namespace, "persistentvolumeclaim", v.claim}, while(v.from, v.to, float64(v.bytes)))
		}
	}
}

func (s *Scenario) writeServices(e *exposition) {
	id := func(v *simService) []string {
		return []string{"namespace", v.namespace, "service", v.name, "uid", v.uid}
	}
	e.family("gauge", "kube_service_info", "[STABLE] Information about service.")
	for i, v := range s.services {
		e.series(join(id(v), []string{"cluster_ip", "10.96.0." + strconv.Itoa(i+10), "external_name", "", "load_balancer_ip", "", "external_traffic_policy", ""}), while(v.from, v.to, 1))
	}
	e.family("gauge", "kube_service_spec_type", "[STABLE] Type about service.")
	for _, v := range s.services {
		kind := "ClusterIP"
		if v.balancer {
			kind = "LoadBalancer"
		}
		e.series(join(id(v), []string{"type", kind}), while(v.from, v.to, 1))
	}
	e.family("gauge", "kube_service_status_load_balancer_ingress", "[STABLE] Service load balancer ingress status")
	for _, v := range s.services {
		if v.balancer {
			e.series(join(id(v), []string{"ip", v.ip, "hostname", v.hostname}), while(v.from, v.to, 1))
		}
	}
	// The endpoints, in the form that kube-state-metrics exports by default (one
	// row per port) and as slices.
	e.family("gauge", "kube_endpoint_address", "[STABLE] Information about Endpoint available and non available addresses.")
	s.eachEndpoint(func(v *simService, p *simPod, held func(int64) (float64, bool)) {
		for _, port := range [][2]string{{"8080", "http"}, {"9090", "metrics"}} {
			e.series([]string{"namespace", v.namespace, "endpoint", v.name, "port_protocol", "TCP", "port_number", port[0], "port_name", port[1], "ip", p.ip, "ready", "true"}, held)
		}
	})
	e.family("gauge", "kube_endpointslice_labels", "Kubernetes labels converted to Prometheus labels.")
	for _, v := range s.services {
		e.series([]string{"endpointslice", v.slice(), "namespace", v.namespace, "label_kubernetes_io_service_name", v.name}, while(v.from, v.to, 1))
	}
	e.family("gauge", "kube_endpointslice_endpoints", "Endpoints attached to the endpointslice.")
	s.eachEndpoint(func(v *simService, p *simPod, held func(int64) (float64, bool)) {
		e.series([]string{
			"endpointslice", v.slice(), "namespace", v.namespace, "ready", "true", "serving", "true", "hostname", "", "terminating", "false",
			"targetref_kind", "Pod", "targetref_name", p.name, "targetref_namespace", p.namespace, "endpoint_nodename", p.node.name, "endpoint_zone", p.node.zone, "address", p.ip,
		}, held)
	})
}

func (s *Scenario) writeIngresses(e *exposition) {
	e.family("gauge", "kube_ingressclass_info", "Information about ingressclass.")
	e.series([]string{"ingressclass", "alb", "controller", "ingress.k8s.aws/alb"}, while(s.from, s.to, 1))
	e.series([]string{"ingressclass", "nginx", "controller", "k8s.io/ingress-nginx"}, while(s.from, s.to, 1))
	e.family("gauge", "kube_ingress_info", "[STABLE] Information about ingress.")
	for _, g := range s.ingresses {
		e.series([]string{"namespace", g.namespace, "ingress", g.name, "ingressclass", g.class}, while(g.from, g.to, 1))
	}
	// One that pods behind a Service serve: no balancer of its own.
	e.series([]string{"namespace", "shop", "ingress", "inner", "ingressclass", "nginx"}, while(s.from, s.to, 1))
	e.family("gauge", "kube_ingress_path", "[STABLE] Ingress host, paths and backend service information.")
	for _, g := range s.ingresses {
		for _, v := range g.backends {
			e.series([]string{
				"namespace", g.namespace, "ingress", g.name, "host", "www.example.com", "path", "/" + v.name, "path_type", "Prefix",
				"service_name", v.name, "service_port", "80",
			}, while(g.from, g.to, 1))
		}
	}
	e.family("gauge", "kube_ingress_annotations", "Kubernetes annotations converted to Prometheus labels.")
	for _, g := range s.ingresses {
		if g.group != "" {
			e.series([]string{"namespace", g.namespace, "ingress", g.name, "annotation_alb_ingress_kubernetes_io_group_name", g.group}, while(g.from, g.to, 1))
		}
	}
}

func (v *simService) slice() string { return v.name + "-" + nameSuffix(hashOf(7, v.uid), 5) }

func (s *Scenario) eachEndpoint(fn func(v *simService, p *simPod, held func(int64) (float64, bool))) {
	for _, v := range s.services {
		for _, p := range s.pods {
			ever := false
			for _, c := range p.containers {
				for _, r := range c.runs {
					ever = ever || v.selects(p, r.from)
				}
			}
			if ever {
				fn(v, p, func(t int64) (float64, bool) { return 1, t >= v.from && t < v.to && v.selects(p, t) })
			}
		}
	}
}
