package query

import (
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// allocationOrder returns what rows are sorted by: nil for their name.
func allocationOrder(by string) (func(*AllocationRow) *cost.Sum, error) {
	sum := func(parts ...func(*AllocationRow) *cost.Sum) func(*AllocationRow) *cost.Sum {
		return func(r *AllocationRow) *cost.Sum {
			var t cost.Sum
			for _, p := range parts {
				t.AddSum(p(r))
			}
			return &t
		}
	}
	count := func(f func(*AllocationRow) int64) func(*AllocationRow) *cost.Sum {
		return func(r *AllocationRow) *cost.Sum {
			var t cost.Sum
			t.Add(cost.Money(f(r)))
			return &t
		}
	}
	orders := map[string]func(*AllocationRow) *cost.Sum{
		"":                 (*AllocationRow).Total,
		"cost":             (*AllocationRow).Total,
		"totalCost":        (*AllocationRow).Total,
		"cpuCost":          sum(func(r *AllocationRow) *cost.Sum { return &r.CPU }, func(r *AllocationRow) *cost.Sum { return &r.IdleCPU }),
		"ramCost":          sum(func(r *AllocationRow) *cost.Sum { return &r.RAM }, func(r *AllocationRow) *cost.Sum { return &r.IdleRAM }),
		"gpuCost":          sum(func(r *AllocationRow) *cost.Sum { return &r.GPU }, func(r *AllocationRow) *cost.Sum { return &r.IdleGPU }),
		"pvCost":           func(r *AllocationRow) *cost.Sum { return &r.PV },
		"loadBalancerCost": func(r *AllocationRow) *cost.Sum { return &r.LB },
		"networkCost": sum(func(r *AllocationRow) *cost.Sum { return &r.NetworkCrossZone },
			func(r *AllocationRow) *cost.Sum { return &r.NetworkCrossRegion }, func(r *AllocationRow) *cost.Sum { return &r.NetworkInternet }),
		"sharedCost": func(r *AllocationRow) *cost.Sum { return &r.Shared },
		"idleCost": sum(func(r *AllocationRow) *cost.Sum { return &r.IdleCPU }, func(r *AllocationRow) *cost.Sum { return &r.IdleRAM },
			func(r *AllocationRow) *cost.Sum { return &r.IdleGPU }),
		"cpuCoreHours": count(func(r *AllocationRow) int64 { return r.CPUAllocated }),
		"ramByteHours": count(func(r *AllocationRow) int64 { return int64(r.RAMAllocated) }),
		"gpuHours":     count(func(r *AllocationRow) int64 { return r.GPUAllocated }),
		"name":         nil,
	}
	return orderNamed(by, orders)
}

func orderNamed[R any](by string, orders map[string]func(*R) *cost.Sum) (func(*R) *cost.Sum, error) {
	f, ok := orders[by]
	if !ok {
		names := make([]string, 0, len(orders))
		for n := range orders {
			if n != "" {
				names = append(names, n)
			}
		}
		e := unknownKey("sortBy", "", by, names)
		return nil, e
	}
	return f, nil
}

// arrange sorts rows by a sum (nil: by name), ties by name, and returns the
// page that offset and limit name.
func arrange[R any](rows []*R, by func(*R) *cost.Sum, name func(*R) string, ascending bool, offset, limit int) []*R {
	type keyed struct {
		row  *R
		sum  *cost.Sum
		name string
	}
	keys := make([]keyed, len(rows))
	for i, r := range rows {
		keys[i] = keyed{row: r, name: name(r)}
		if by != nil {
			keys[i].sum = by(r)
		}
	}
	sign := -1
	if ascending {
		sign = 1
	}
	slices.SortFunc(keys, func(a, b keyed) int {
		if by == nil {
			return sign * strings.Compare(a.name, b.name)
		}
		if c := a.sum.Big().Cmp(b.sum.Big()); c != 0 {
			return sign * c
		}
		return strings.Compare(a.name, b.name)
	})
	for i, k := range keys {
		rows[i] = k.row
	}
	rows = rows[min(offset, len(rows)):]
	if limit > 0 {
		rows = rows[:min(limit, len(rows))]
	}
	return rows
}
