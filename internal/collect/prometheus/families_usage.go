package prometheus

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/fleetcost/fleetcost/internal/collect"
	"github.com/fleetcost/fleetcost/internal/cost"
)

var podUID = regexp.MustCompile(`pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})`)

// cgroupPod reads the pod's UID off a cgroup path, of either cgroup driver:
// /kubepods/burstable/pod<uid>/… or …/kubepods-burstable-pod<uid with _>.slice/….
func cgroupPod(id string) string {
	m := podUID.FindStringSubmatch(id)
	if m == nil {
		return ""
	}
	return strings.ReplaceAll(m[1], "_", "-")
}

func usageFamilies() []family {
	// Without container="" (the pods' own cgroups) and POD, the pause container.
	const containers = `container!="",container!="POD"`
	cgroup := func(in *collect.Integrator, l labels) *collect.Cgroup {
		id := cmp.Or(l.get("id"), l.get("name"))
		return in.Cgroup(collect.CgroupKey{
			Namespace: l.get("namespace"), Pod: l.get("pod"),
			UID: cgroupPod(l.get("id")), Container: l.get("container"), ID: id,
		})
	}
	network := func(receive bool) func(*collect.Integrator, labels, []sample) {
		return func(in *collect.Integrator, l labels, pts []sample) {
			n := in.Network(collect.NetworkKey{
				Namespace: l.get("namespace"), Pod: l.get("pod"),
				UID: cgroupPod(l.get("id")), ID: l.get("id"), Interface: l.get("interface"),
			})
			if receive {
				observe(in, &n.Receive, pts)
			} else {
				observe(in, &n.Transmit, pts)
			}
		}
	}
	const sandboxes = `pod!="",interface!="lo"`
	return []family{
		{
			metric: "container_cpu_usage_seconds_total", match: containers + `,cpu=~"total|"`, mode: raw, shard: "pod",
			missing: &absence{"use of CPU is unknown: containers cost what they request", cadvisorFix},
			add:     func(in *collect.Integrator, l labels, pts []sample) { observe(in, &cgroup(in, l).CPU, pts) },
		},
		{
			metric: "container_memory_working_set_bytes", match: containers, mode: raw, shard: "pod",
			missing: &absence{"use of memory is unknown: containers cost what they request", cadvisorFix},
			add: func(in *collect.Integrator, l labels, pts []sample) {
				g := cgroup(in, l)
				g.RAM.Grow(len(pts))
				for _, p := range pts {
					in.ObserveMemory(g, p.t, p.v)
				}
			},
		},
		{
			metric: "container_network_receive_bytes_total", match: sandboxes, mode: raw, shard: "pod",
			missing: &absence{"network bytes will be 0", cadvisorFix}, add: network(true),
		},
		{
			metric: "container_network_transmit_bytes_total", match: sandboxes, mode: raw, shard: "pod",
			missing: &absence{"network bytes will be 0", cadvisorFix}, add: network(false),
		},
		{metric: "DCGM_FI_PROF_GR_ENGINE_ACTIVE", mode: raw, shard: "pod", add: gpuUse(1)},
		{metric: "DCGM_FI_DEV_GPU_UTIL", mode: raw, shard: "pod", add: gpuUse(0.01)},
	}
}

// gpuUse feeds DCGM's use of a device. Both of its metrics go to one series
// per device, where the profiled one, being finer, usually is the only one.
func gpuUse(scale float64) func(*collect.Integrator, labels, []sample) {
	return func(in *collect.Integrator, l labels, pts []sample) {
		if node := cmp.Or(l.get("Hostname"), kubeletNode(l)); node != "" {
			collect.Prefer(&in.Node(node).GPUModel, l.get("modelName"))
		}
		if l.get("pod") == "" || l.get("container") == "" {
			return
		}
		s := in.GPUUsage(collect.GPUKey{
			Namespace: l.get("namespace"), Pod: l.get("pod"), Container: l.get("container"),
			Device: cmp.Or(l.get("UUID"), l.get("gpu")) + "/" + l.get("GPU_I_ID"),
		})
		for _, p := range pts {
			in.Observe(s, p.t, p.v*scale)
		}
	}
}

func volumeFamilies() []family {
	return []family{
		{
			metric: "kube_persistentvolume_capacity_bytes", mode: raw, shard: "persistentvolume",
			missing: &absence{"volumes and their cost are unknown", ksmFix},
			add: func(in *collect.Integrator, l labels, pts []sample) {
				observeObject(in, &in.Volume(l.get("persistentvolume")).Capacity, pts)
			},
		},
		{
			metric: "kube_persistentvolume_created", mode: hourly, shard: "persistentvolume",
			add: func(in *collect.Integrator, l labels, pts []sample) {
				in.Note(&in.Volume(l.get("persistentvolume")).Created, last(pts).v)
			},
		},
		{
			metric: "kube_persistentvolume_info", mode: hourly, shard: "persistentvolume",
			missing: &absence{"volumes that share a disk, and shared or local volumes, are not recognised", ksmFix}, add: volumeInfo,
		},
		{
			metric: "kube_persistentvolume_labels", mode: hourly, shard: "persistentvolume",
			add: func(in *collect.Integrator, l labels, pts []sample) {
				in.Volume(l.get("persistentvolume")).SetLabels(last(pts).t, kubeLabels(l, "label_"))
			},
		},
		{
			metric: "kube_persistentvolume_claim_ref", mode: hourly, shard: "persistentvolume",
			add: func(in *collect.Integrator, l labels, _ []sample) {
				in.Volume(l.get("persistentvolume")).SetClaim(cmp.Or(l.get("claim_namespace"), l.get("namespace")), l.get("name"))
			},
		},
		{
			metric: "kube_persistentvolumeclaim_info", mode: hourly, shard: "persistentvolumeclaim",
			missing: &absence{"volumes cannot be matched to claims", ksmFix},
			add: func(in *collect.Integrator, l labels, _ []sample) {
				c := in.Claim(l.get("namespace"), l.get("persistentvolumeclaim"))
				collect.Prefer(&c.Volume, l.get("volumename"))
				collect.Prefer(&c.StorageClass, l.get("storageclass"))
			},
		},
		{
			metric: "kube_pod_spec_volumes_persistentvolumeclaims_info", mode: hourly, shard: "pod",
			missing: &absence{"volumes cannot be charged to pods and stay unmounted", ksmFix},
			add: func(in *collect.Integrator, l labels, _ []sample) {
				in.Pod(pod(l)).Mount(l.get("persistentvolumeclaim"))
			},
		},
	}
}

// sharedDrivers are CSI drivers of file systems that are billed by use, not by
// what a claim says.
var sharedDrivers = map[string]bool{
	"efs.csi.aws.com": true, "fsx.csi.aws.com": true, "file.csi.azure.com": true,
	"filestore.csi.storage.gke.io": true, "nfs.csi.k8s.io": true, "smb.csi.k8s.io": true,
	"s3.csi.aws.com": true, "gcsfuse.csi.storage.gke.io": true, "blob.csi.azure.com": true, "cephfs.csi.ceph.com": true,
}

// diskTypes are the provider's disks behind the storage classes that managed
// clusters come with, or that are commonly named after the disk.
var diskTypes = map[string]string{
	"gp2": "gp2", "gp3": "gp3", "io1": "io1", "io2": "io2", "st1": "st1", "sc1": "sc1",
	"ebs-gp2": "gp2", "ebs-gp3": "gp3", "auto-ebs-sc": "gp3",
	"managed-csi": "StandardSSD_LRS", "managed": "StandardSSD_LRS",
	"managed-csi-premium": "Premium_LRS", "managed-premium": "Premium_LRS",
	"standard-rwo": "pd-balanced", "premium-rwo": "pd-ssd", "pd-ssd": "pd-ssd", "pd-balanced": "pd-balanced", "pd-standard": "pd-standard",
}

// volumeInfo reads what kind of volume it is and which disk is behind it.
func volumeInfo(in *collect.Integrator, l labels, _ []sample) {
	v := in.Volume(l.get("persistentvolume"))
	collect.Prefer(&v.StorageClass, l.get("storageclass"))
	switch driver := l.get("csi_driver"); {
	case l.get("nfs_server") != "" || sharedDrivers[driver] || strings.Contains(driver, "nfs"):
		v.Kind = cost.VolumeShared
	case l.get("host_path") != "" || strings.Contains(driver, "hostpath"):
		v.Kind = cost.VolumeHostPath
	case l.get("local_path") != "" || strings.Contains(driver, "local"):
		v.Kind = cost.VolumeLocal
	default:
		v.Kind = cost.VolumeBlock
	}
	handle := cmp.Or(l.get("csi_volume_handle"), l.get("ebs_volume_id"), l.get("gce_persistent_disk_name"), l.get("azure_disk_name"))
	if server := l.get("nfs_server"); handle == "" && server != "" {
		handle = server + ":" + l.get("nfs_path")
	}
	collect.Prefer(&v.DiskType, diskTypes[l.get("storageclass")])
	collect.Prefer(&v.Handle, handle)
	collect.Prefer(&v.ProviderID, handle)
}

func serviceFamilies() []family {
	service := func(in *collect.Integrator, l labels) *collect.Service {
		return in.Service(l.get("namespace"), l.get("service"))
	}
	return []family{
		{
			metric: "kube_service_spec_type", match: `type="LoadBalancer"`, mode: raw, shard: "service",
			add: func(in *collect.Integrator, l labels, pts []sample) {
				s := service(in, l)
				s.LoadBalancer = true
				observeObject(in, &s.Present, pts)
			},
		},
		{
			metric: "kube_service_created", mode: hourly, shard: "service",
			add: func(in *collect.Integrator, l labels, pts []sample) {
				in.Note(&service(in, l).Created, last(pts).v)
			},
		},
		{
			metric: "kube_service_status_load_balancer_ingress", mode: hourly, shard: "service",
			add: func(in *collect.Integrator, l labels, _ []sample) {
				service(in, l).AddAddress(cmp.Or(l.get("hostname"), l.get("ip")))
			},
		},
		{
			metric: "kube_service_info", mode: hourly, shard: "service",
			missing: &absence{"services and load balancers are unknown", ksmFix},
			add: func(in *collect.Integrator, l labels, _ []sample) {
				service(in, l).SetRequestedAddress(l.get("load_balancer_ip"))
			},
		},
		{
			metric: "kube_endpoint_address", mode: hourly, shard: "endpoint",
			add: func(in *collect.Integrator, l labels, _ []sample) {
				in.Service(l.get("namespace"), l.get("endpoint")).AddPodIP(l.get("ip"))
			},
		},
		{
			metric: "kube_endpointslice_endpoints", match: `targetref_kind="Pod"`, mode: hourly, shard: "endpointslice",
			add: func(in *collect.Integrator, l labels, _ []sample) {
				// A slice is named after its service and five random characters.
				name := l.get("endpointslice")
				if i := strings.LastIndexByte(name, '-'); i > 0 {
					name = name[:i]
				}
				in.Service(l.get("namespace"), name).AddPod(l.get("targetref_name"))
			},
		},
		{
			metric: "service_selector_labels", mode: hourly, shard: "service",
			add: func(in *collect.Integrator, l labels, _ []sample) {
				service(in, l).SetSelector(kubeLabels(l, "label_"))
			},
		},
	}
}

// ingressFamilies tell which ingresses have a balancer of the cloud.
// kube-state-metrics knows neither their addresses nor, unless it is told to
// export the annotation, the group by which some share one.
func ingressFamilies() []family {
	ingress := func(in *collect.Integrator, l labels) *collect.Ingress {
		return in.Ingress(l.get("namespace"), l.get("ingress"))
	}
	return []family{
		{
			metric: "kube_ingress_info", mode: raw, shard: "ingress",
			add: func(in *collect.Integrator, l labels, pts []sample) {
				g := ingress(in, l)
				if class := l.get("ingressclass"); class != "_default" { // how kube-state-metrics spells none
					g.SetClass(class)
				}
				observeObject(in, &g.Present, pts)
			},
		},
		{
			metric: "kube_ingress_created", mode: hourly, shard: "ingress",
			add: func(in *collect.Integrator, l labels, pts []sample) {
				in.Note(&ingress(in, l).Created, last(pts).v)
			},
		},
		{
			metric: "kube_ingress_path", mode: hourly, shard: "ingress",
			add: func(in *collect.Integrator, l labels, _ []sample) {
				ingress(in, l).AddBackend(l.get("service_name"))
			},
		},
		{
			metric: "kube_ingress_annotations", match: `annotation_alb_ingress_kubernetes_io_group_name!=""`, mode: hourly, shard: "ingress",
			add: func(in *collect.Integrator, l labels, _ []sample) {
				ingress(in, l).SetGroup(l.get("annotation_alb_ingress_kubernetes_io_group_name"))
			},
		},
		{
			metric: "kube_ingressclass_info", mode: hourly, shard: "ingressclass",
			add: func(in *collect.Integrator, l labels, _ []sample) {
				in.SetIngressClass(l.get("ingressclass"), l.get("controller"))
			},
		},
	}
}

// priceFamilies are the prices that OpenCost publishes.
func priceFamilies() []family {
	node := func(pick func(*collect.Node) *collect.Series) func(*collect.Integrator, labels, []sample) {
		return func(in *collect.Integrator, l labels, pts []sample) {
			if name := cmp.Or(l.get("node"), l.get("instance")); name != "" {
				observe(in, pick(in.Node(name)), pts)
			}
		}
	}
	return []family{
		{metric: "node_cpu_hourly_cost", mode: raw, add: node(func(n *collect.Node) *collect.Series { return &n.PriceCPU })},
		{metric: "node_ram_hourly_cost", mode: raw, add: node(func(n *collect.Node) *collect.Series { return &n.PriceRAM })},
		{metric: "node_gpu_hourly_cost", mode: raw, add: node(func(n *collect.Node) *collect.Series { return &n.PriceGPU })},
		{metric: "kubecost_node_is_spot", mode: raw, add: node(func(n *collect.Node) *collect.Series { return &n.Spot })},
		{
			metric: "pv_hourly_cost", mode: hourly,
			add: func(in *collect.Integrator, l labels, pts []sample) {
				if name := cmp.Or(l.get("persistentvolume"), l.get("volumename")); name != "" {
					in.Note(&in.Volume(name).Price, last(pts).v)
				}
			},
		},
		{
			metric: "kubecost_load_balancer_cost", mode: raw,
			add: func(in *collect.Integrator, l labels, pts []sample) {
				s := in.Service(l.get("namespace"), l.get("service_name"))
				s.LoadBalancer = true
				s.AddAddress(l.get("ingress_ip"))
				observe(in, &s.Price, pts)
				observe(in, &s.Present, pts)
			},
		},
		{
			metric: "kubecost_cluster_management_cost", mode: hourly,
			add: func(in *collect.Integrator, _ labels, pts []sample) { in.SetManagementPrice(last(pts).v) },
		},
	}
}
