package allocate

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// ErrIdentity says that assets and allocations do not add up. It is a defect
// of this package, never of the input.
var ErrIdentity = errors.New("the sum of assets is not the sum of allocations")

// CheckIdentity returns ErrIdentity with the difference unless the rows' costs
// add up: Σ assets = Σ allocations of all kinds, exactly. It also refuses a
// row whose cost is negative or above the range of a row.
func CheckIdentity(r Result) error {
	var assets, allocations cost.Sum
	for i := range r.Assets {
		a := &r.Assets[i]
		m := a.Total()
		if m < 0 || m > cost.MaxMoney {
			return fmt.Errorf("%s %s (%s) costs %s: %w", a.Type, a.Name, a.AssetID, m, cost.ErrRange)
		}
		assets.Add(m)
	}
	for i := range r.Allocations {
		a := &r.Allocations[i]
		m := a.Total()
		if m < 0 || m > cost.MaxMoney {
			return fmt.Errorf("%s %s/%s/%s costs %s: %w", a.Kind, a.Namespace, a.Pod, a.Container, m, cost.ErrRange)
		}
		allocations.Add(m)
	}
	if !assets.Equal(&allocations) {
		diff := new(big.Int).Sub(assets.Big(), allocations.Big())
		return fmt.Errorf("%w: assets %s, allocations %s, difference %s nano-units; please report this",
			ErrIdentity, &assets, &allocations, diff)
	}
	return nil
}

// quantity is one number of the input that must not be negative.
type quantity struct {
	name  string
	value int64
}

func nonNegative(qs ...quantity) error {
	for _, q := range qs {
		if q.value < 0 {
			return fmt.Errorf("%s is %d: a quantity is never negative", q.name, q.value)
		}
	}
	return nil
}

func checkSpan(s cost.Span) error {
	if s.Start < 0 || s.End > 3600 || s.Start > s.End || s.Seconds < 0 || s.Seconds > s.End-s.Start {
		return fmt.Errorf("span start=%d end=%d seconds=%d does not lie within an hour", s.Start, s.End, s.Seconds)
	}
	return nil
}

// validate refuses what would make a division meaningless or panic.
func validate(u *cost.HourUsage) error {
	if u.CoverageSeconds > 3600 {
		return fmt.Errorf("coverage of %d seconds exceeds an hour", u.CoverageSeconds)
	}
	ids := make(map[string]string, len(u.Nodes)+len(u.Volumes))
	unique := func(kind, id string) error {
		if id == "" {
			return fmt.Errorf("a %s has no asset id", kind)
		}
		if other, taken := ids[id]; taken {
			return fmt.Errorf("asset id %q stands for a %s and for a %s", id, other, kind)
		}
		ids[id] = kind
		return nil
	}
	for i := range u.Nodes {
		n := &u.Nodes[i]
		if err := errors.Join(unique("node", n.AssetID), checkSpan(n.Span), nonNegative(
			quantity{"CPU capacity", n.CPUCapacity}, quantity{"allocatable CPU", n.CPUAllocatable},
			quantity{"memory capacity", n.RAMCapacity}, quantity{"allocatable memory", n.RAMAllocatable},
			quantity{"GPU capacity", n.GPUCapacity}, quantity{"boot disk", n.BootDisk})); err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
	}
	for i := range u.Containers {
		if err := validateContainer(&u.Containers[i]); err != nil {
			c := &u.Containers[i]
			return fmt.Errorf("container %s/%s/%s: %w", c.Namespace, c.Pod, c.Container, err)
		}
	}
	for i := range u.Volumes {
		v := &u.Volumes[i]
		if err := errors.Join(unique("volume", v.AssetID), checkSpan(v.Span), checkShares(u, v.Shares), nonNegative(
			quantity{"capacity", v.Capacity}, quantity{"unmounted weight", v.Unmounted})); err != nil {
			return fmt.Errorf("volume %s: %w", v.Name, err)
		}
	}
	for i := range u.LoadBalancers {
		b := &u.LoadBalancers[i]
		err := errors.Join(unique("load balancer", b.AssetID), checkSpan(b.Span), checkShares(u, b.Shares))
		for _, n := range b.Unmounted {
			err = errors.Join(err, nonNegative(quantity{"unmounted weight of " + n.Namespace, n.Weight}))
		}
		if err != nil {
			return fmt.Errorf("load balancer %s: %w", b.Name, err)
		}
	}
	for _, m := range u.Management {
		if err := errors.Join(unique("cluster management", m.AssetID), checkSpan(m.Span)); err != nil {
			return fmt.Errorf("cluster management %s: %w", m.Name, err)
		}
	}
	return nil
}

func validateContainer(c *cost.ContainerUsage) error {
	if err := checkSpan(c.Span); err != nil {
		return err
	}
	return nonNegative(
		quantity{"CPU request", c.CPURequest}, quantity{"CPU usage", c.CPUUsage},
		quantity{"allocated CPU", c.CPUAllocated}, quantity{"CPU limit", c.CPULimit},
		quantity{"maximum CPU usage", c.CPUUsageMax},
		quantity{"memory request", c.RAMRequest}, quantity{"memory usage", c.RAMUsage},
		quantity{"allocated memory", c.RAMAllocated}, quantity{"memory limit", c.RAMLimit},
		quantity{"maximum memory usage", c.RAMUsageMax},
		quantity{"GPU request", c.GPURequest}, quantity{"GPU usage", c.GPUUsage},
		quantity{"allocated GPU", c.GPUAllocated},
		quantity{"transferred bytes", c.NetworkTransferBytes}, quantity{"received bytes", c.NetworkReceiveBytes})
}

func checkShares(u *cost.HourUsage, shares []cost.Share) error {
	for _, s := range shares {
		if s.Container < 0 || s.Container >= len(u.Containers) {
			return fmt.Errorf("share of container %d, but there are %d", s.Container, len(u.Containers))
		}
		if s.Weight < 0 {
			return fmt.Errorf("share of container %d weighs %d: a quantity is never negative", s.Container, s.Weight)
		}
	}
	return nil
}
