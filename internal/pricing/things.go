package pricing

import (
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// gib returns the mean size in GiB of byte-seconds over the seconds observed.
func gib(byteSeconds int64, s cost.Span) float64 {
	if s.Seconds <= 0 {
		return 0
	}
	return float64(byteSeconds) / (1 << 30) / float64(s.Seconds)
}

// orCustom is the source of a rate: the operator's override or the default.
func (l *Lookup) orCustom() string {
	if l.custom {
		return SourceCustom
	}
	return SourceDefault
}

// BootDisk returns the hourly price of a node's boot and instance-local disk.
// Compute billed by the pod includes it.
func (l *Lookup) BootDisk(n cost.NodeUsage) cost.Price {
	if isPodBilled(&n) {
		return cost.Price{Source: SourceDefault}
	}
	return cost.Price{
		Hourly: money(gib(n.BootDisk, n.Span) * l.rates.BootDiskGiBHour),
		Source: l.orCustom(),
	}
}

// Volume returns the hourly price of a volume for its capacity. What is not a
// block volume costs 0 unless the operator's price list names it: its claimed
// capacity is not what is paid for (an EFS claim may say 8 EiB).
func (l *Lookup) Volume(v cost.VolumeUsage) cost.Price {
	size := gib(v.Capacity, v.Span)
	if !l.custom {
		if rate, ok := l.csv.volume(&v); ok {
			return cost.Price{Hourly: money(size * rate), Source: SourceCSV}
		}
	}
	if v.Kind != cost.VolumeBlock && v.Kind != "" {
		return cost.Price{Source: SourceDefault}
	}
	if l.custom {
		return cost.Price{Hourly: money(size * l.rates.StorageGiBHour), Source: SourceCustom}
	}
	if p := v.PriceGiBHour; p != nil && (*p == 0 || known(*p)) && *p*size <= maxHourly {
		return cost.Price{Hourly: money(size * *p), Source: SourceMetrics}
	}
	if v.DiskType != "" {
		for _, b := range l.books.candidates(v.Provider, v.Region) {
			if month, ok := b.get("disk_month", strings.ToLower(v.DiskType)); ok {
				return cost.Price{Hourly: money(size * month / HoursPerMonth), Source: b.sourceFor(v.Region)}
			}
		}
	}
	return cost.Price{Hourly: money(size * l.rates.StorageGiBHour), Source: SourceDefault}
}

// LoadBalancer returns the hourly price of a load balancer; those on premises
// cost 0.
func (l *Lookup) LoadBalancer(b cost.LoadBalancerUsage) cost.Price {
	switch p := b.PriceHour; {
	case b.OnPremises:
		return cost.Price{Source: SourceDefault}
	case l.custom:
		return cost.Price{Hourly: money(l.rates.LoadBalancerHour), Source: SourceCustom}
	case p != nil && (*p == 0 || known(*p)):
		return cost.Price{Hourly: money(*p), Source: SourceMetrics}
	}
	return cost.Price{Hourly: money(l.rates.LoadBalancerHour), Source: SourceDefault}
}

// Management returns the hourly price of the control plane: the operator's,
// the metrics', or the managed service's list price. One that runs on the
// cluster's own nodes costs nothing beside them.
func (l *Lookup) Management(m cost.ManagementUsage) cost.Price {
	switch p := m.PriceHour; {
	case l.management != nil:
		return cost.Price{Hourly: money(*l.management), Source: SourceCustom}
	case !l.custom && p != nil && (*p == 0 || known(*p)):
		return cost.Price{Hourly: money(*p), Source: SourceMetrics}
	}
	rate := 0.0
	switch strings.ToUpper(m.Service) {
	case "EKS":
		rate = l.rates.EKSHour
	case "AKS":
		rate = l.rates.AKSHour
	case "GKE":
		rate = l.rates.GKEHour
	}
	return cost.Price{Hourly: money(rate), Source: l.orCustom()}
}
