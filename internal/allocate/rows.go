package allocate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// hours turns an integral per second into one per hour, rounded half up:
// micro-core-seconds into millionths of core-hours, byte-seconds into
// byte-hours. v is never negative.
func hours(v int64) int64 { return v/3600 + (v%3600+1800)/3600 }

// addSaturating adds two non-negative integrals without wrapping. What reaches
// the limit exceeds every real capacity, which is all that callers ask.
func addSaturating(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// forSpan is what something of the given hourly price costs while it was there.
func forSpan(hourly cost.Money, s cost.Span) (cost.Money, error) {
	if hourly < 0 {
		return 0, fmt.Errorf("hourly price %s is negative: correct the rate or price list it comes from", hourly)
	}
	return cost.MulDiv(hourly, int64(s.Seconds), 3600)
}

// addTo adds m to a row's amount, within the range of a row.
func addTo(amount *cost.Money, m cost.Money) error {
	if *amount > cost.MaxMoney-m {
		return cost.ErrRange
	}
	*amount += m
	return nil
}

func containerRow(u *cost.HourUsage, c *cost.ContainerUsage) cost.Allocation {
	return cost.Allocation{
		WindowStart: u.Hour.Micros(), Cluster: u.Cluster, Kind: cost.KindContainer,
		Node: c.Node, AssetID: nodeAssetID(c), Namespace: c.Namespace,
		ControllerKind: c.ControllerKind, Controller: c.Controller,
		Pod: c.Pod, PodUID: c.PodUID, Container: c.Container, Services: joinServices(c.Services),
		Labels: c.Labels, NamespaceLabels: c.NamespaceLabels,
		Annotations: c.Annotations, NamespaceAnnotations: c.NamespaceAnnotations,
		StartSeconds: c.Span.Start, EndSeconds: c.Span.End, RunSeconds: c.Span.Seconds,
		CoverageSeconds: u.CoverageSeconds,

		CPURequestCoreHours: hours(c.CPURequest), CPUUsageCoreHours: hours(c.CPUUsage),
		CPUAllocatedCoreHours: hours(c.CPUAllocated), CPULimitCoreHours: hours(c.CPULimit),
		CPUUsageMaxCores:    c.CPUUsageMax,
		RAMRequestByteHours: hours(c.RAMRequest), RAMUsageByteHours: hours(c.RAMUsage),
		RAMAllocatedByteHours: hours(c.RAMAllocated), RAMLimitByteHours: hours(c.RAMLimit),
		RAMUsageMaxBytes: c.RAMUsageMax,
		GPURequestHours:  hours(c.GPURequest), GPUUsageHours: hours(c.GPUUsage),
		GPUAllocatedHours:    hours(c.GPUAllocated),
		NetworkTransferBytes: c.NetworkTransferBytes, NetworkReceiveBytes: c.NetworkReceiveBytes,
	}
}

func joinServices(s []string) string {
	if len(s) < 2 || slices.IsSorted(s) {
		return strings.Join(s, ",")
	}
	s = slices.Clone(s)
	slices.Sort(s)
	return strings.Join(s, ",")
}

// extraRow is the common part of a row that no container owns.
func (h *hour) extraRow(k cost.Kind, name string, s cost.Span) cost.Allocation {
	return cost.Allocation{
		WindowStart: h.micros, Cluster: h.u.Cluster, Kind: k,
		Namespace: name, Pod: name, Container: name,
		StartSeconds: s.Start, EndSeconds: s.End, RunSeconds: s.Seconds,
		CoverageSeconds: h.u.CoverageSeconds,
	}
}

// asset is the common part of an asset row.
func (h *hour) asset(t cost.AssetType, id, name string, s cost.Span) cost.Asset {
	return cost.Asset{
		WindowStart: h.micros, Cluster: h.u.Cluster, Type: t, AssetID: id, Name: name,
		StartSeconds: s.Start, EndSeconds: s.End, RunSeconds: s.Seconds,
		CoverageSeconds: h.u.CoverageSeconds,
		CPUScale:        unscaled, RAMScale: unscaled, GPUScale: unscaled,
	}
}
