package allocate

import (
	"fmt"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Identity of the assets that have none of their own.
const (
	bootDiskSuffix = "/boot-disk"
	networkID      = "__network__"
)

// overhead writes an asset whose cost nobody caused, and the row that pays it.
func (h *hour) overhead(a cost.Asset, price cost.Price, s cost.Span, node string) error {
	m, err := forSpan(price.Hourly, s)
	if err != nil {
		return err
	}
	a.Overhead, a.Cost, a.PriceSource = true, m, price.Source
	h.assets = append(h.assets, a)
	r := h.extraRow(cost.KindOverhead, cost.OverheadName, s)
	r.Node, r.AssetID, r.PriceSource, r.OverheadCost = node, a.AssetID, price.Source, m
	h.extra = append(h.extra, r)
	return nil
}

func (h *hour) bootDisk(n *cost.NodeUsage) error {
	if n.BootDisk == 0 {
		return nil
	}
	a := h.asset(cost.AssetDisk, n.AssetID+bootDiskSuffix, n.Name, n.Span)
	a.ProviderID, a.Provider, a.Region, a.Zone = n.ProviderID, n.Provider, n.Region, n.Zone
	a.NodePool, a.Local, a.ByteHours = n.NodePool, true, hours(n.BootDisk)
	return h.overhead(a, h.prices.BootDisk(*n), n.Span, n.Name)
}

func (h *hour) management() error {
	for _, m := range h.u.Management {
		a := h.asset(cost.AssetClusterManagement, m.AssetID, m.Name, m.Span)
		a.Provider, a.Region = m.Provider, m.Region
		if err := h.overhead(a, h.prices.Management(m), m.Span, ""); err != nil {
			return fmt.Errorf("cluster management %s (%s): %w", m.Name, m.AssetID, err)
		}
	}
	return nil
}

// network records the bytes. They cost nothing while the class of the traffic
// is unknown, and say so.
func (h *hour) network() error {
	span := cost.Span{Start: 3600}
	var out, in int64
	for i := range h.u.Containers {
		c := &h.u.Containers[i]
		if c.NetworkTransferBytes == 0 && c.NetworkReceiveBytes == 0 {
			continue
		}
		out = addSaturating(out, c.NetworkTransferBytes)
		in = addSaturating(in, c.NetworkReceiveBytes)
		span.Start, span.End = min(span.Start, c.Span.Start), max(span.End, c.Span.End)
	}
	if out == 0 && in == 0 {
		return nil
	}
	span.Seconds = max(0, span.End-span.Start)
	a := h.asset(cost.AssetNetwork, networkID, networkID, span)
	a.TransferBytes, a.ReceiveBytes, a.PriceSource = out, in, cost.PriceSourceNone
	h.assets = append(h.assets, a)
	return nil
}
