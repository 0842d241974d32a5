package allocate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// holders are the parties of something shared: containers by canonical rank,
// each once, then namespaces by name.
type holders struct {
	shares     []cost.Share
	namespaces []cost.NamespaceShare
}

func (h *hour) holders(shares []cost.Share, unmounted []cost.NamespaceShare) holders {
	s := slices.Clone(shares)
	slices.SortFunc(s, func(a, b cost.Share) int {
		return cmp.Compare(h.rank[a.Container], h.rank[b.Container])
	})
	var out holders
	for _, x := range s {
		if k := len(out.shares) - 1; k >= 0 && out.shares[k].Container == x.Container {
			out.shares[k].Weight = addSaturating(out.shares[k].Weight, x.Weight)
			continue
		}
		out.shares = append(out.shares, x)
	}
	n := slices.Clone(unmounted)
	slices.SortFunc(n, func(a, b cost.NamespaceShare) int { return strings.Compare(a.Namespace, b.Namespace) })
	for _, x := range n {
		if k := len(out.namespaces) - 1; k >= 0 && out.namespaces[k].Namespace == x.Namespace {
			out.namespaces[k].Weight = addSaturating(out.namespaces[k].Weight, x.Weight)
			continue
		}
		out.namespaces = append(out.namespaces, x)
	}
	return out
}

// weights lists the parties' weights, containers first. If nobody has one, the
// first namespace answers for all of it; fallback is used when there is none.
func (p *holders) weights(fallback string) []int64 {
	out := make([]int64, 0, len(p.shares)+len(p.namespaces)+1)
	held := false
	for _, s := range p.shares {
		out, held = append(out, s.Weight), held || s.Weight > 0
	}
	for _, n := range p.namespaces {
		out, held = append(out, n.Weight), held || n.Weight > 0
	}
	if !held {
		if len(p.namespaces) == 0 {
			p.namespaces = []cost.NamespaceShare{{Namespace: fallback}}
			out = append(out, 0)
		}
		p.namespaces[0].Weight, out[len(p.shares)] = 1, 1
	}
	return out
}

// shared is a volume or balancer whose cost its holders divide.
type shared struct {
	asset     cost.Asset
	cost      cost.Money
	byteHours int64
	fallback  string // namespace that answers when nobody holds it
	field     func(*cost.Allocation) *cost.Money
}

// divide writes the rows of one shared thing: its asset, its part of each
// container's row, an attachment for each, and unmounted rows for the rest.
func (h *hour) divide(s shared, p holders) error {
	h.assets = append(h.assets, s.asset)
	weights := p.weights(s.fallback)
	parts, _ := cost.Split(s.cost, weights)
	bytes, _ := cost.Split(cost.Money(s.byteHours), weights)
	for k, share := range p.shares {
		if share.Weight == 0 {
			continue
		}
		c, r := &h.u.Containers[share.Container], &h.rows[share.Container]
		if err := addTo(s.field(r), parts[k]); err != nil {
			return err
		}
		r.PVByteHours = addSaturating(r.PVByteHours, int64(bytes[k]))
		h.attachments = append(h.attachments, cost.Attachment{
			WindowStart: h.micros, Cluster: h.u.Cluster, Type: s.asset.Type,
			AssetID: s.asset.AssetID, Name: s.asset.Name, ProviderID: s.asset.ProviderID,
			Node: c.Node, Namespace: c.Namespace, Controller: c.Controller,
			Pod: c.Pod, PodUID: c.PodUID, Container: c.Container,
			ByteHours: int64(bytes[k]), Hours: hours(share.Weight), Cost: parts[k],
		})
	}
	for k, n := range p.namespaces {
		if n.Weight == 0 {
			continue
		}
		r := h.extraRow(cost.KindUnmounted, cost.UnmountedName, cost.Span{
			Start: s.asset.StartSeconds, End: s.asset.EndSeconds, Seconds: s.asset.RunSeconds,
		})
		if n.Namespace != "" {
			r.Namespace = n.Namespace
		}
		r.AssetID, r.PriceSource = s.asset.AssetID, s.asset.PriceSource
		r.PVByteHours = int64(bytes[len(p.shares)+k])
		*s.field(&r) = parts[len(p.shares)+k]
		h.extra = append(h.extra, r)
	}
	return nil
}

func (h *hour) volumes() error {
	for i := range h.u.Volumes {
		v := &h.u.Volumes[i]
		price := h.prices.Volume(*v)
		m, err := forSpan(price.Hourly, v.Span)
		if err == nil {
			a := h.asset(cost.AssetDisk, v.AssetID, v.Name, v.Span)
			a.ProviderID, a.Provider, a.Region, a.Zone = v.ProviderID, v.Provider, v.Region, v.Zone
			a.StorageClass, a.ClaimNamespace, a.ClaimName = v.StorageClass, v.ClaimNamespace, v.ClaimName
			a.VolumeName, a.Labels = v.Name, v.Labels
			a.Local = v.Kind == cost.VolumeLocal || v.Kind == cost.VolumeHostPath
			a.ByteHours, a.Cost, a.PriceSource = hours(v.Capacity), m, price.Source
			err = h.divide(shared{
				asset: a, cost: m, byteHours: a.ByteHours, fallback: v.ClaimNamespace,
				field: func(r *cost.Allocation) *cost.Money { return &r.PVCost },
			}, h.holders(v.Shares, []cost.NamespaceShare{{Namespace: v.ClaimNamespace, Weight: v.Unmounted}}))
		}
		if err != nil {
			return fmt.Errorf("volume %s (%s): %w", v.Name, v.AssetID, err)
		}
	}
	return nil
}

func (h *hour) loadBalancers() error {
	for i := range h.u.LoadBalancers {
		b := &h.u.LoadBalancers[i]
		price := h.prices.LoadBalancer(*b)
		m, err := forSpan(price.Hourly, b.Span)
		if err == nil {
			a := h.asset(cost.AssetLoadBalancer, b.AssetID, b.Name, b.Span)
			a.ProviderID, a.Provider, a.Region = b.ProviderID, b.Provider, b.Region
			a.Cost, a.PriceSource = m, price.Source
			namespace, _, ok := strings.Cut(b.Name, "/")
			if !ok {
				namespace = ""
			}
			err = h.divide(shared{
				asset: a, cost: m, fallback: namespace,
				field: func(r *cost.Allocation) *cost.Money { return &r.LBCost },
			}, h.holders(b.Shares, b.Unmounted))
		}
		if err != nil {
			return fmt.Errorf("load balancer %s (%s): %w", b.Name, b.AssetID, err)
		}
	}
	return nil
}
