package simulate

import (
	"fmt"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Options describe a fleet. The zero value of each field means its default.
type Options struct {
	// Seed makes one fleet differ from another.
	Seed uint64
	// Clusters is how many clusters there are; 12 by default, which is every
	// profile once. More repeat the profiles with a number behind the name.
	Clusters int
	// Containers is about how many containers a usual hour of the whole fleet
	// sees; 2,000 by default. The fleet's smallest useful size is about 25 per
	// cluster.
	Containers int
	// Start and End bound the fleet's history: habits (gaps, the young cluster,
	// the silent one) are placed in it. Hours outside can still be asked for, so
	// live agents can go on after End. Default: the 30 days from 2026-10-01.
	Start, End cost.Hour
	// Step is the grid on which load changes; 60 s by default. It must divide an
	// hour.
	Step time.Duration
	// Uniform makes all clusters the same size and gives none a habit, for
	// benchmarks whose result should not depend on which cluster is asked.
	Uniform bool
}

const (
	defaultClusters   = 12
	defaultContainers = 2000
	defaultDays       = 30
)

func (o Options) withDefaults() Options {
	if o.Clusters <= 0 {
		o.Clusters = defaultClusters
	}
	if o.Containers <= 0 {
		o.Containers = defaultContainers
	}
	if o.Start == 0 && o.End == 0 {
		o.Start = cost.HourOf(time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC))
	}
	if o.Start == 0 {
		o.Start = o.End - defaultDays*24
	}
	if o.End <= o.Start {
		o.End = o.Start + defaultDays*24
	}
	if o.Step < time.Second || time.Hour%o.Step != 0 {
		o.Step = time.Minute
	}
	return o
}

// Fleet is a set of simulated clusters. It does not change after NewFleet and
// may be used from several goroutines.
type Fleet struct {
	options  Options
	clusters []*Cluster
}

// NewFleet draws the fleet that o describes: the same options, the same fleet.
func NewFleet(o Options) *Fleet {
	o = o.withDefaults()
	f := &Fleet{options: o}
	totalShare := 0
	for i := range o.Clusters {
		totalShare += profileShare(o, i)
	}
	for i := range o.Clusters {
		target := o.Containers * profileShare(o, i) / totalShare
		f.clusters = append(f.clusters, newCluster(o, i, target))
	}
	return f
}

// profileShare is the weight of cluster i's size among the others.
func profileShare(o Options, i int) int {
	if o.Uniform {
		return 1
	}
	return profiles[i%len(profiles)].share
}

// Clusters returns the clusters in a fixed order. The caller must not change
// the slice.
func (f *Fleet) Clusters() []*Cluster { return f.clusters }

// Window returns the fleet's history, [Start, End).
func (f *Fleet) Window() cost.Window {
	return cost.Window{Start: f.options.Start, End: f.options.End}
}

// Habits are what makes a cluster's data imperfect.
type Habits struct {
	// First is the first hour the cluster existed.
	First cost.Hour
	// GapStart and GapEnd bound a time for which the source has nothing; both
	// zero without a gap. They need not lie on an hour: the hours at the edges
	// are then covered in part.
	GapStart, GapEnd time.Time
	// Late is how far behind the clock the cluster's agent runs.
	Late time.Duration
	// SilentSince is when the cluster was last heard of; zero for a cluster that
	// still speaks.
	SilentSince cost.Hour
}

// Cluster is one simulated cluster. Its exported fields may be read freely and
// must not be changed.
type Cluster struct {
	Name     string // a valid cluster_id
	Provider string // AWS, Azure, GCP, or "" on premises
	Region   string
	Currency string
	UID      string // of the kube-system namespace
	Service  string // EKS, AKS, GKE or "", the managed control plane
	Profile  string // one line for people: what is special here
	Habits   Habits

	key       uint64
	step      int64 // seconds
	zoneHours int   // local time minus UTC, for the daily rhythm
	fill      int   // percent of a node that the scheduler fills
	nodes     []*nodeSlot
	workloads []*workload
	volumes   []*volume
	balancers []*balancer
	poolLabel string
	rhythm    [168]float64 // load by local hour of week, mean about 1
	size      int
}

// Size returns about how many containers a usual hour sees.
func (c *Cluster) Size() int { return c.size }

// Has tells whether the cluster has any data for hour h: it existed, was not
// silent, and the hour is not wholly in the gap.
func (c *Cluster) Has(h cost.Hour) bool {
	if h < c.Habits.First || c.Habits.SilentSince != 0 && h >= c.Habits.SilentSince {
		return false
	}
	return c.observe(h, 3600).total() > 0
}

// DataUntil returns the instant up to which the cluster's agent has data when
// the clock shows now.
func (c *Cluster) DataUntil(now time.Time) time.Time {
	t := now.Add(-c.Habits.Late)
	if s := c.Habits.SilentSince; s != 0 && s.Start().Before(t) {
		return s.Start()
	}
	return t
}

// ClosedHours returns the hours in w that the cluster's agent would have
// pushed when the clock shows now, ascending: hours that have data and had
// ended settle before now.
func (c *Cluster) ClosedHours(w cost.Window, now time.Time, settle time.Duration) []cost.Hour {
	until := c.DataUntil(now.Add(-settle))
	var out []cost.Hour
	for h := max(w.Start, c.Habits.First); h < w.End; h++ {
		if h.End().After(until) {
			break
		}
		if c.Has(h) {
			out = append(out, h)
		}
	}
	return out
}

func (c *Cluster) String() string {
	return fmt.Sprintf("%s (%s, about %d containers)", c.Name, c.Profile, c.size)
}
