package simulate

// machine is an instance type as it reports itself: capacity is a little less
// than the catalogue's, allocatable less again. Sizes are of the providers'
// price lists (see internal/pricing/books for their origin).
type machine struct {
	name     string
	vcpu     int64 // cores
	ramMiB   int64 // catalogue
	gpus     int64
	gpuModel string
	diskGiB  int64 // boot disk
}

const (
	mib = int64(1) << 20
	gib = int64(1) << 30
)

// capacityBytes is what the kernel reports: firmware and kernel take 2 % to
// 4 % of the catalogue's memory.
func (m machine) capacityBytes() int64 { return m.ramMiB * mib / 100 * 97 / 4096 * 4096 }

// allocatableBytes leaves out what kubelet reserves and its eviction threshold.
func (m machine) allocatableBytes() int64 {
	return m.capacityBytes() - 100*mib - min(m.ramMiB*mib/100*6, 2*gib)
}

func (m machine) capacityMillis() int64    { return m.vcpu * 1000 }
func (m machine) allocatableMillis() int64 { return m.vcpu*1000 - 60 - 10*min(m.vcpu, 8) }

// cloud is where a cluster runs: the machines of its pools, in its provider's
// own names.
type cloud struct {
	provider, service string
	general, big      machine
	spot, gpu         machine
	storageClass      string
	diskType          string
	provisioner       string
	sharedClass       string
	poolLabel         string // canonical spelling of the provider's node pool label
	zones             []string
}

func awsCloud(zones ...string) cloud {
	return cloud{
		provider: "AWS", service: "EKS",
		general:      machine{name: "m6i.xlarge", vcpu: 4, ramMiB: 16384, diskGiB: 80},
		big:          machine{name: "m6i.2xlarge", vcpu: 8, ramMiB: 32768, diskGiB: 100},
		spot:         machine{name: "c6i.2xlarge", vcpu: 8, ramMiB: 16384, diskGiB: 80},
		gpu:          machine{name: "g5.xlarge", vcpu: 4, ramMiB: 16384, gpus: 1, gpuModel: "NVIDIA-A10G", diskGiB: 200},
		storageClass: "gp3", diskType: "gp3", provisioner: "ebs.csi.aws.com", sharedClass: "efs-sc",
		poolLabel: "eks_amazonaws_com_nodegroup", zones: zones,
	}
}

func azureCloud(zones ...string) cloud {
	return cloud{
		provider: "Azure", service: "AKS",
		general:      machine{name: "Standard_D4s_v5", vcpu: 4, ramMiB: 16384, diskGiB: 128},
		big:          machine{name: "Standard_D8s_v5", vcpu: 8, ramMiB: 32768, diskGiB: 128},
		spot:         machine{name: "Standard_F8s_v2", vcpu: 8, ramMiB: 16384, diskGiB: 128},
		gpu:          machine{name: "Standard_NC4as_T4_v3", vcpu: 4, ramMiB: 28672, gpus: 1, gpuModel: "Tesla-T4", diskGiB: 128},
		storageClass: "managed-csi-premium", diskType: "Premium_LRS", provisioner: "disk.csi.azure.com", sharedClass: "azurefile-csi",
		poolLabel: "kubernetes_azure_com_agentpool", zones: zones,
	}
}

func gcpCloud(zones ...string) cloud {
	return cloud{
		provider: "GCP", service: "GKE",
		general:      machine{name: "e2-standard-4", vcpu: 4, ramMiB: 16384, diskGiB: 100},
		big:          machine{name: "n2-standard-8", vcpu: 8, ramMiB: 32768, diskGiB: 100},
		spot:         machine{name: "e2-standard-8", vcpu: 8, ramMiB: 32768, diskGiB: 100},
		gpu:          machine{name: "a2-highgpu-1g", vcpu: 12, ramMiB: 87040, gpus: 1, gpuModel: "NVIDIA-A100-SXM4-40GB", diskGiB: 200},
		storageClass: "premium-rwo", diskType: "pd-ssd", provisioner: "pd.csi.storage.gke.io", sharedClass: "filestore-rwx",
		poolLabel: "cloud_google_com_gke_nodepool", zones: zones,
	}
}

func onPremCloud(zones ...string) cloud {
	metal := machine{vcpu: 16, ramMiB: 65536, diskGiB: 480}
	return cloud{
		general: metal, big: metal, spot: metal, gpu: metal,
		storageClass: "ceph-rbd", diskType: "", provisioner: "rbd.csi.ceph.com", sharedClass: "nfs-client",
		poolLabel: "node_role", zones: zones,
	}
}

// team owns namespaces and applications.
type team struct {
	name, owner, costCenter, department string
	apps                                []string
	unlabelled                          bool // a team that sets no labels on its pods
}

// teams is a list that never changes.
var teams = []team{
	{name: "payments", owner: "ana", costCenter: "cc-1001", department: "commerce", apps: []string{"ledger", "payment-api", "fraud-score", "refund-worker", "card-vault"}},
	{name: "checkout", owner: "bo", costCenter: "cc-1002", department: "commerce", apps: []string{"cart", "checkout-web", "tax", "shipping-quote", "coupon"}},
	{name: "search", owner: "chen", costCenter: "cc-2001", department: "discovery", apps: []string{"query-api", "indexer", "suggest", "ranker", "crawler"}},
	{name: "catalog", owner: "dara", costCenter: "cc-2002", department: "discovery", apps: []string{"catalog-api", "image-resize", "price-feed", "stock"}},
	{name: "data", owner: "eli", costCenter: "cc-3001", department: "data", apps: []string{"spark-driver", "airflow-web", "trino-worker", "lineage", "events-sink"}},
	{name: "ml", owner: "fumi", costCenter: "cc-3002", department: "data", apps: []string{"model-server", "feature-store", "embedder", "notebook"}},
	{name: "identity", owner: "gus", costCenter: "cc-4001", department: "platform", apps: []string{"login", "token", "directory", "audit"}},
	{name: "growth", owner: "hana", costCenter: "", department: "marketing", apps: []string{"mailer", "campaign", "ab-test", "landing"}},
	{name: "legacy", owner: "", costCenter: "", department: "", apps: []string{"monolith", "soap-bridge", "report-gen"}, unlabelled: true},
	{name: "support", owner: "ivo", costCenter: "cc-5001", department: "operations", apps: []string{"tickets", "chat", "kb"}},
}

// databases are what statefulsets run.
var databases = []string{"postgres", "redis", "kafka", "elasticsearch", "mongodb", "clickhouse"}

// daemon is what runs on every node.
type daemon struct {
	namespace, name    string
	hostNetwork        bool
	cpuMillis, cpuUsed int64
	ramMiB, ramUsed    int64
}

var daemons = []daemon{
	{namespace: "kube-system", name: "kube-proxy", hostNetwork: true, cpuMillis: 100, cpuUsed: 6, ramMiB: 0, ramUsed: 38},
	{namespace: "kube-system", name: "node-agent", hostNetwork: true, cpuMillis: 50, cpuUsed: 12, ramMiB: 60, ramUsed: 74},
	{namespace: "monitoring", name: "node-exporter", hostNetwork: true, cpuMillis: 20, cpuUsed: 9, ramMiB: 30, ramUsed: 22},
}
