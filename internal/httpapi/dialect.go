package httpapi

import "github.com/fleetcost/fleetcost/internal/query"

// Dialect is what two APIs of one planner differ in: defaults and the shape of
// /assets. With explicit parameters they answer alike.
type Dialect struct {
	Name   string // "opencost" or "kubecost"; tags and operation ids
	Prefix string // of its routes

	Idle            bool               // idle is shown as __idle__ rows
	Overhead        query.OverheadMode // what becomes of overhead
	DailySets       bool               // sets are UTC days unless step or accumulate says otherwise
	SharedBreakdown bool               // rows carry sharedCostBreakdown
	AssetSets       bool               // /assets is an array of maps, one per set, not one object
}

// OpenCost is the dialect at the root.
func OpenCost() Dialect { return Dialect{Name: "opencost"} }

// Kubecost is the dialect below /model.
func Kubecost() Dialect {
	return Dialect{
		Name: "kubecost", Prefix: "/model",
		Idle: true, Overhead: query.OverheadShare, DailySets: true, SharedBreakdown: true, AssetSets: true,
	}
}
