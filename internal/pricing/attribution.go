package pricing

// Attribution says where embedded prices come from, as their licences ask.
type Attribution struct {
	Books   []string // ids of price books, "aws/us-east-1"
	What    string
	Origin  string // address of the project that collected them
	AsOf    string // date of the prices
	Licence string // SPDX
	Holder  string // of the copyright
}

// Attributions are those of the embedded price books; books/ATTRIBUTION.md has
// the changes made to the originals.
func Attributions() []Attribution {
	const apache = "Apache-2.0"
	return []Attribution{
		{
			Books: []string{"aws/us-east-1"}, What: "EC2 instance types, on demand",
			Origin: "https://github.com/aws/karpenter-provider-aws", AsOf: "2026-07-20", Licence: apache, Holder: "Amazon.com, Inc. or its affiliates",
		},
		{
			Books: []string{"azure/eastus", "azure/westeurope", "azure/southeastasia"}, What: "VM sizes, on demand",
			Origin: "https://github.com/Azure/karpenter-provider-azure", AsOf: "2026-06-18", Licence: apache, Holder: "Microsoft Corporation",
		},
		{
			Books: []string{"gcp/us-central1", "azure/eastus", "azure/westeurope", "azure/southeastasia"}, What: "machine types, families, GPUs and disks",
			Origin: "https://github.com/kubernetes/autoscaler", AsOf: "2026-06-18", Licence: apache, Holder: "The Kubernetes Authors",
		},
	}
}
