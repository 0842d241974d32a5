package collect

import (
	"path"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Providers, in the spelling of the OpenCost API.
const (
	providerAWS   = "AWS"
	providerAzure = "Azure"
	providerGCP   = "GCP"
)

const (
	capacityOnDemand = "on-demand"
	capacitySpot     = "spot"
	capacityFargate  = "fargate"
)

// Well-known node labels in canonical spelling, first match first.
var (
	regionLabels       = []string{"topology_kubernetes_io_region", "failure_domain_beta_kubernetes_io_region"}
	zoneLabels         = []string{"topology_kubernetes_io_zone", "failure_domain_beta_kubernetes_io_zone"}
	instanceTypeLabels = []string{"node_kubernetes_io_instance_type", "beta_kubernetes_io_instance_type"}
	nodePoolLabels     = []string{
		"karpenter_sh_nodepool", "karpenter_sh_provisioner_name", "eks_amazonaws_com_nodegroup",
		"alpha_eksctl_io_nodegroup_name", "cloud_google_com_gke_nodepool", "kubernetes_azure_com_agentpool", "agentpool",
	}
	gpuModelLabels = []string{"nvidia_com_gpu_product", "cloud_google_com_gke_accelerator", "karpenter_k8s_aws_instance_gpu_name", "amd_com_gpu_product_name"}
)

func firstLabel(m map[string]string, keys ...string) string {
	for _, k := range keys {
		if v := m[k]; v != "" {
			return v
		}
	}
	return ""
}

// describeNode reads what kind of machine a node is off its labels (canonical
// keys), its provider ID and its kubelet's version.
func describeNode(u *cost.NodeUsage, labels map[string]string, info NodeInfo) {
	u.Region, u.Zone = firstLabel(labels, regionLabels...), firstLabel(labels, zoneLabels...)
	u.InstanceType = firstLabel(labels, instanceTypeLabels...)
	u.NodePool = firstLabel(labels, nodePoolLabels...)
	u.Provider, _ = providerOf(info, labels)
	u.CapacityType = capacityType(labels)
	if u.Zone == "" {
		u.Zone = zoneOfProviderID(info.ProviderID)
	}
	if u.Region == "" {
		u.Region = regionOfZone(u.Provider, u.Zone)
	}
	switch billing(u.Name, labels) {
	case billedFargate:
		u.CapacityType, u.PodBilled = capacityFargate, true
	case billedVirtual, billedAutopilot:
		u.PodBilled = true
	}
}

// providerOf returns the cloud and its managed Kubernetes service, each "" when
// unknown.
func providerOf(info NodeInfo, labels map[string]string) (provider, service string) {
	scheme, _, _ := strings.Cut(info.ProviderID, "://")
	has := func(prefix string) bool {
		for k := range labels {
			if strings.HasPrefix(k, prefix) {
				return true
			}
		}
		return false
	}
	switch {
	case scheme == "aws", has("eks_amazonaws_com_"):
		provider = providerAWS
		if has("eks_amazonaws_com_") || has("alpha_eksctl_io_") || strings.Contains(info.KubeletVersion, "-eks-") {
			service = "EKS"
		}
	case scheme == "azure", has("kubernetes_azure_com_"):
		provider = providerAzure
		// AKS keeps its machines in a resource group of its own, MC_….
		if has("kubernetes_azure_com_") || strings.Contains(strings.ToLower(info.ProviderID), "/resourcegroups/mc_") {
			service = "AKS"
		}
	case scheme == "gce", has("cloud_google_com_gke_"):
		provider = providerGCP
		if has("cloud_google_com_gke_") || strings.Contains(info.KubeletVersion, "-gke.") {
			service = "GKE"
		}
	}
	return provider, service
}

// capacityType reads spot or on-demand off the labels of the node pools'
// makers; "" when none says.
func capacityType(l map[string]string) string {
	for _, k := range []string{"karpenter_sh_capacity_type", "eks_amazonaws_com_capacity_type", "kubernetes_azure_com_scalesetpriority", "node_lifecycle"} {
		switch v := strings.ToLower(strings.ReplaceAll(l[k], "_", "-")); v {
		case "":
		case "spot", "ec2spot", "low":
			return capacitySpot
		default: // on-demand, reserved, capacity-block, regular
			return capacityOnDemand
		}
	}
	if l["cloud_google_com_gke_spot"] == "true" || l["cloud_google_com_gke_preemptible"] == "true" {
		return capacitySpot
	}
	if l["cloud_google_com_gke_nodepool"] != "" || l["kubernetes_azure_com_agentpool"] != "" {
		return capacityOnDemand // both label their spot nodes
	}
	return ""
}

// zoneOfProviderID reads the zone off "aws:///us-east-1a/i-0…" and
// "gce://project/europe-west1-b/name".
func zoneOfProviderID(id string) string {
	scheme, rest, _ := strings.Cut(id, "://")
	parts := strings.Split(rest, "/")
	if (scheme == "aws" || scheme == "gce") && len(parts) == 3 {
		return parts[1]
	}
	return ""
}

func regionOfZone(provider, zone string) string {
	switch provider {
	case providerAWS: // us-east-1a
		if n := len(zone); n > 1 && zone[n-1] >= 'a' && zone[n-1] <= 'z' {
			return zone[:n-1]
		}
	case providerGCP: // europe-west1-b
		if i := strings.LastIndexByte(zone, '-'); i > 0 {
			return zone[:i]
		}
	}
	return ""
}

// labels returns a label set in canonical spelling, without denied keys and
// those that name a single pod (cost.PerPodLabel), and with values capped.
// allowOnly keeps only what Config.AnnotationAllow names.
func (in *Integrator) labels(m map[string]string, allowOnly bool) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		key := cost.SanitizeLabel(k)
		if allowOnly && !matchesAny(in.cfg.AnnotationAllow, k, key) || matchesAny(in.cfg.LabelDeny, k, key) || cost.PerPodLabel(key) {
			continue
		}
		if len(v) > in.cfg.ValueCap {
			v = strings.ToValidUTF8(v[:in.cfg.ValueCap], "")
		}
		if old, ok := out[key]; !ok || v > old {
			out[key] = v
		}
	}
	return out
}

// matchesAny tells whether a pattern, as it is or canonical, names the key.
func matchesAny(patterns []string, raw, key string) bool {
	for _, p := range patterns {
		if p == raw || p == key || cost.SanitizeLabel(p) == key {
			return true
		}
		if ok, err := path.Match(p, raw); err == nil && ok {
			return true
		}
		if ok, err := path.Match(p, key); err == nil && ok {
			return true
		}
	}
	return false
}
