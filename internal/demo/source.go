package demo

import (
	"context"
	"time"

	"github.com/fleetcost/fleetcost/internal/collect"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/simulate"
)

// source answers for one simulated cluster as a real source would.
type source struct {
	cluster *simulate.Cluster
	now     func() time.Time
}

var _ collect.Source = (*source)(nil)

// Check implements collect.Source.
func (s *source) Check(context.Context) (collect.CheckReport, error) {
	return collect.CheckReport{Backend: "simulation", Clock: s.now()}, nil
}

// Identity implements collect.Source.
func (s *source) Identity(context.Context) (collect.Identity, error) {
	return collect.Identity{
		UID: s.cluster.UID, Proof: "namespace_uid",
		Provider: s.cluster.Provider, Region: s.cluster.Region,
	}, nil
}

// Hours implements collect.Source: newest first, gaps with coverage 0.
func (s *source) Hours(ctx context.Context, w cost.Window, fn func(cost.HourUsage) error) error {
	for h := w.End - 1; h >= w.Start; h-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(s.cluster.UsageUntil(h, s.horizon())); err != nil {
			return err
		}
	}
	return nil
}

// Open implements collect.Source.
func (s *source) Open(_ context.Context, h cost.Hour, until time.Time) (cost.HourUsage, error) {
	if horizon := s.horizon(); until.After(horizon) {
		until = horizon
	}
	return s.cluster.UsageUntil(h, until), nil
}

// horizon is the latest instant the cluster can tell of: a late cluster lags.
func (s *source) horizon() time.Time { return s.cluster.DataUntil(s.now()) }
