package simulate

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// builder draws one cluster. It exists only while the fleet is made.
type builder struct {
	*Cluster
	p          profile
	d          dice
	namespaces map[string]*namespace
	daemonsets []*workload
	pools      map[string][]*nodeSlot
	running    float64 // containers in a usual hour, daemons apart
	used       map[string]int
}

// newCluster draws cluster number i with about target containers.
func newCluster(o Options, i, target int) *Cluster {
	p := profileOf(o, i)
	name := p.name
	if round := i / profileCount(o); round > 0 {
		name = fmt.Sprintf("%s-%02d", p.name, round+1)
	}
	key := hashOf(o.Seed, name)
	b := &builder{
		Cluster: &Cluster{
			Name: name, Provider: p.cloud.provider, Region: p.region, Currency: "USD",
			UID: uuid(mix(key, 1)), Service: p.cloud.service, Profile: p.about,
			Habits: habitsOf(o, p), key: key, step: int64(o.Step / time.Second),
			zoneHours: p.zoneHours, fill: p.fill, poolLabel: p.cloud.poolLabel,
		},
		p: p, d: dice{state: mix(key, 2)},
		namespaces: map[string]*namespace{}, pools: map[string][]*nodeSlot{}, used: map[string]int{},
	}
	b.rhythm = weekRhythm(p.zoneHours)
	b.addDaemons()
	for range p.idleNodes {
		b.newNode("system")
	}
	b.addSystem()
	if p.teams > 0 {
		b.addWorkloads(float64(target))
		b.addOrphanVolumes()
	}
	b.size = int(b.running + 0.5 + float64(len(b.nodes)*len(daemons)))
	for i, w := range b.workloads {
		w.id = i
	}
	return b.Cluster
}

// profileOf returns the recipe of cluster i; in a uniform fleet only those
// that run workloads, and without habits.
func profileOf(o Options, i int) profile {
	if !o.Uniform {
		return profiles[i%len(profiles)]
	}
	i %= profileCount(o)
	for _, p := range profiles {
		if p.teams == 0 {
			continue
		}
		if i == 0 {
			return p
		}
		i--
	}
	return profiles[0]
}

func profileCount(o Options) int {
	if !o.Uniform {
		return len(profiles)
	}
	n := 0
	for _, p := range profiles {
		if p.teams > 0 {
			n++
		}
	}
	return n
}

func habitsOf(o Options, p profile) Habits {
	h := Habits{First: o.Start}
	hours := int64(o.End - o.Start)
	if o.Uniform {
		return h
	}
	if p.young {
		h.First = o.End - cost.Hour(hours/3)
	}
	if p.gap {
		// Eleven and a half hours about the middle of the history, not on an
		// hour at either end; shorter in a short history.
		length := time.Duration(min(11, max(1, hours/8)))*time.Hour + 30*time.Minute
		h.GapStart = (o.Start + cost.Hour(hours*3/5)).Start().Add(17 * time.Minute)
		h.GapEnd = h.GapStart.Add(length)
	}
	if p.late {
		h.Late = 7*time.Hour + 20*time.Minute
	}
	if p.silent {
		h.SilentSince = o.End - cost.Hour(min(4*24+5, hours/2))
	}
	return h
}

// weekRhythm is the load by hour since Thursday 00:00 local time (the epoch
// was a Thursday), about 1 in the mean of a working day.
func weekRhythm(zoneHours int) (r [168]float64) {
	for h := range r {
		local := ((h+zoneHours)%168 + 168) % 168
		day, hour := weekday(int64(local/24)), float64(local%24)
		bump := math.Exp(-(hour - 14) * (hour - 14) / 32)
		if day == 0 || day == 6 {
			bump *= 0.35
		}
		r[h] = 0.5 + 1.1*bump
	}
	return r
}

func (b *builder) namespace(name string, t *team, env string) *namespace {
	if ns, ok := b.namespaces[name]; ok {
		return ns
	}
	labels := map[string]string{"kubernetes_io_metadata_name": name}
	ns := &namespace{name: name, team: t}
	if t != nil {
		labels["env"] = env
		labels["team"] = t.name
		if t.costCenter != "" {
			labels["cost_center"] = t.costCenter
		}
		if t.department != "" {
			labels["department"] = t.department
			ns.annotations = cost.LabelsOf(map[string]string{"fleetcost_io_budget_owner": t.owner})
		}
	}
	ns.labels = cost.LabelsOf(labels)
	b.namespaces[name] = ns
	return ns
}

// addDaemons declares the daemonsets; each new node adds a slot to each.
func (b *builder) addDaemons() {
	for _, d := range daemons {
		w := &workload{
			key: hashOf(b.key, "ds/"+d.name), kind: "daemonset", name: d.name, hostNet: d.hostNetwork,
			ns: b.namespace(d.namespace, nil, ""),
			containers: []container{{
				name: d.name, reqMillis: d.cpuMillis, baseMillis: d.cpuUsed,
				reqBytes: d.ramMiB * mib, baseBytes: d.ramUsed * mib, rhythmic: 0.2,
			}},
			labels: map[string]string{"k8s_app": d.name},
		}
		b.daemonsets = append(b.daemonsets, w)
		b.workloads = append(b.workloads, w)
	}
}

// newNode adds a node to a pool.
func (b *builder) newNode(pool string) *nodeSlot {
	n := &nodeSlot{
		key:  hashOf(b.key, "node/"+pool+"/"+strconv.Itoa(len(b.nodes))),
		pool: pool, zone: b.p.cloud.zones[len(b.nodes)%len(b.p.cloud.zones)],
		machine: b.p.cloud.general, capacityType: "on-demand",
	}
	switch pool {
	case "apps":
		n.machine = b.p.cloud.big
		n.turnover = turnover{period: 23 * daySeconds, phase: int64(n.key % (23 * daySeconds)), down: 150}
	case "spot":
		n.machine, n.capacityType = b.p.cloud.spot, "spot"
		period := int64(20*3600 + n.key%(50*3600))
		n.turnover = turnover{period: period, phase: int64(n.key>>20) % period, down: 95}
	case "gpu":
		n.machine = b.p.cloud.gpu
	}
	if b.Provider == "" {
		n.capacityType, n.turnover = "", turnover{}
	}
	n.freeMillis = n.machine.allocatableMillis() * int64(b.fill) / 100
	n.freeBytes = n.machine.allocatableBytes() / 100 * int64(b.fill)
	n.freeGPUs = n.machine.gpus
	for _, w := range b.daemonsets {
		w.slots = append(w.slots, &slot{w: w, ordinal: len(w.slots), key: mix(w.key, n.key), node: n})
		n.freeMillis -= w.containers[0].reqMillis
		n.freeBytes -= w.containers[0].reqBytes
	}
	b.nodes = append(b.nodes, n)
	b.pools[pool] = append(b.pools[pool], n)
	return n
}

// place finds room for one pod in a pool, adding a node if there is none.
// Only the last few nodes are tried: earlier ones are full.
func (b *builder) place(w *workload, pool string, t turnover) *nodeSlot {
	var millis, bytes, gpus int64
	for _, c := range w.containers {
		if c.initSeconds == 0 {
			millis, bytes, gpus = millis+c.reqMillis, bytes+c.reqBytes, gpus+c.gpus
		}
	}
	nodes := b.pools[pool]
	var at *nodeSlot
	for i := max(0, len(nodes)-4); i < len(nodes); i++ {
		if n := nodes[i]; n.freeMillis >= millis && n.freeBytes >= bytes && n.freeGPUs >= gpus {
			at = n
			break
		}
	}
	if at == nil {
		at = b.newNode(pool)
		if pool == "burst" && b.Provider != "" {
			at.turnover = turnover{daily: true, workdays: t.workdays, up: t.up - 300, until: t.until + 600}
		}
	}
	if pool == "burst" && at.turnover.daily {
		at.turnover.up = min(at.turnover.up, t.up-300)
		at.turnover.until = max(at.turnover.until, t.until+600)
		at.turnover.workdays = at.turnover.workdays && t.workdays
	}
	at.freeMillis, at.freeBytes, at.freeGPUs = at.freeMillis-millis, at.freeBytes-bytes, at.freeGPUs-gpus
	return at
}
