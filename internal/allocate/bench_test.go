package allocate_test

import (
	"fmt"
	"testing"

	"github.com/fleetcost/fleetcost/internal/allocate"
	"github.com/fleetcost/fleetcost/internal/cost"
)

// BenchmarkRun is one hour of a cluster of 1,000 nodes and 20,000 containers,
// one in four with a volume.
func BenchmarkRun(b *testing.B) {
	full := cost.Span{End: 3600, Seconds: 3600}
	u := cost.HourUsage{Hour: hourUnderTest, Cluster: "bench", CoverageSeconds: 3600}
	q := quoted{}
	for i := range 1000 {
		id := fmt.Sprintf("i-%04d", i)
		u.Nodes = append(u.Nodes, cost.NodeUsage{
			AssetID: id, Name: id, Span: full, CPUCapacity: 16 * 3600e6, RAMCapacity: 64 * gibibyte * 3600, BootDisk: 1,
		})
		q[id] = cost.NodePrice{CPU: 400_000_000, RAM: 200_000_000, Source: "book:aws/us-east-1"}
	}
	for i := range 20_000 {
		u.Containers = append(u.Containers, cost.ContainerUsage{
			NodeAssetID: u.Nodes[i%1000].AssetID, Node: u.Nodes[i%1000].Name, Namespace: fmt.Sprintf("team-%d", i%97),
			Pod: fmt.Sprintf("app-%d", i), PodUID: fmt.Sprintf("uid-%d", i), Container: "app", Span: full,
			CPUAllocated: 1800e6 + int64(i), RAMAllocated: 2*gibibyte*3600 + int64(i), NetworkTransferBytes: 1,
		})
		if i%4 == 0 {
			id := fmt.Sprintf("vol-%d", i)
			u.Volumes = append(u.Volumes, cost.VolumeUsage{
				AssetID: id, Name: id, Span: full, Capacity: 10 * gibibyte * 3600, Shares: []cost.Share{{Container: i, Weight: 3600e6}},
			})
			q[id] = cost.NodePrice{CPU: 1_000_000, Source: "default"}
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := allocate.Run(u, q, allocate.Policy{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(u.Containers))*float64(b.N)/b.Elapsed().Seconds(), "containers/s")
}
