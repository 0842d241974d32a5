package push

import (
	"fmt"
	"slices"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// Hour is all rows of one cluster and UTC hour. Rows and Total of the meta are
// ignored and counted anew. Whoever gives an Hour to a Pusher gives its slices
// away: they are sorted in place and kept.
type Hour struct {
	costfile.HourMeta
	Allocations []cost.Allocation
	Assets      []cost.Asset
	Attachments []cost.Attachment
	// LabelNames maps canonical label keys to their original spelling, where it
	// is known and differs.
	LabelNames map[string]string
}

// prepare checks the hour and sorts its rows.
func (h *Hour) prepare(clusterID string) error {
	if h.Coverage < 0 || h.Coverage > 3600 {
		return fmt.Errorf("hour %v: coverage of %d seconds", h.Hour, h.Coverage)
	}
	us := h.Hour.Micros()
	bad := func(cluster string, start int64) error {
		if cluster == clusterID && start == us {
			return nil
		}
		return fmt.Errorf("hour %v of %q holds a row of cluster %q at %d µs", h.Hour, clusterID, cluster, start)
	}
	for i := range h.Allocations {
		if err := bad(h.Allocations[i].Cluster, h.Allocations[i].WindowStart); err != nil {
			return err
		}
	}
	for i := range h.Assets {
		if err := bad(h.Assets[i].Cluster, h.Assets[i].WindowStart); err != nil {
			return err
		}
	}
	for i := range h.Attachments {
		if err := bad(h.Attachments[i].Cluster, h.Attachments[i].WindowStart); err != nil {
			return err
		}
	}
	h.Rows, h.Total = 0, 0
	costfile.Sort(h.Allocations)
	costfile.Sort(h.Assets)
	costfile.Sort(h.Attachments)
	return nil
}

// rowsOf returns the hour's rows of one dataset.
func rowsOf[T costfile.Row](h *Hour) []T {
	var zero T
	switch any(zero).(type) {
	case cost.Allocation:
		return any(h.Allocations).([]T)
	case cost.Asset:
		return any(h.Assets).([]T)
	default:
		return any(h.Attachments).([]T)
	}
}

// sortHours orders metas by hour, ascending, as objects list them.
func sortHours(hours []costfile.HourMeta) {
	slices.SortFunc(hours, func(a, b costfile.HourMeta) int { return int(a.Hour - b.Hour) })
}

func hourMap(hours []costfile.HourMeta) map[cost.Hour]costfile.HourMeta {
	m := costfile.Meta{Hours: hours}
	return m.HourMap()
}
