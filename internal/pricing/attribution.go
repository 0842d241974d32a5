package pricing

import (
	"slices"
	"strings"
)

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

// BookDate is the date of the prices of the embedded book that a source names
// ("book:aws/us-east-1"), as 2026-07-20; the oldest one where its prices are of
// several. It is "" for sources that are no embedded book, and for
// SourceOtherRegion, which does not name its book.
func BookDate(source string) string {
	id, ok := strings.CutPrefix(source, bookPrefix)
	date := ""
	for _, a := range Attributions() {
		if ok && slices.Contains(a.Books, id) && (date == "" || a.AsOf < date) {
			date = a.AsOf
		}
	}
	return date
}
