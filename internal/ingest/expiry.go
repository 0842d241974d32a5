package ingest

import (
	"fmt"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// noteExpiry notices that a rule of the bucket deletes daily objects which the
// server would still keep: the oldest days of a cluster go, and younger ones
// stay. A cluster that was deleted as a whole is no such case.
func (in *Ingester) noteExpiry(gone []string, now time.Time) {
	youngest := map[string]cost.Day{}
	dropped := make(map[string]bool, len(gone))
	for _, key := range gone {
		dropped[key] = true
		k, err := costfile.ParseKey(key)
		if err == nil && k.Kind == costfile.KeyDaily && k.Day >= in.daysFrom(now) {
			youngest[k.Cluster] = max(youngest[k.Cluster], k.Day)
		}
	}
	if len(youngest) == 0 {
		return
	}
	older, younger := map[string]bool{}, map[string]bool{}
	for key, o := range in.loaded {
		if day, ok := youngest[o.Cluster]; ok && !o.Live && !dropped[key] {
			older[o.Cluster] = older[o.Cluster] || o.Day < day
			younger[o.Cluster] = younger[o.Cluster] || o.Day > day
		}
	}
	in.viewMu.Lock()
	defer in.viewMu.Unlock()
	for cluster, day := range youngest {
		if older[cluster] || !younger[cluster] {
			continue
		}
		in.clusterState(cluster).expired = fmt.Sprintf("the objects of %v and before are gone: the bucket expires objects after about %d days, "+
			"daily retention is %d; lengthen the bucket's lifecycle rule or shorten the retention", day, cost.DayOf(now)-day, in.cfg.DailyDays)
		in.logger.Warn("days left the bucket before their retention ended", "cluster", cluster, "youngest", day.String())
	}
}
