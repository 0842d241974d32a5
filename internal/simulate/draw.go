package simulate

import (
	"strconv"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// addSystem declares what every cluster runs besides daemons, and the ingress
// balancer of those that serve anything.
func (b *builder) addSystem() {
	sys := b.namespace("kube-system", nil, "")
	dns := &workload{
		kind: "deployment", name: "coredns", ns: sys, services: []string{"kube-dns"},
		containers: []container{{name: "coredns", reqMillis: 100, baseMillis: 14, reqBytes: 70 * mib, limBytes: 170 * mib, baseBytes: 48 * mib, rhythmic: 0.6}},
		labels:     map[string]string{"k8s_app": "kube-dns"},
	}
	b.add(dns, "system", 2, turnover{})
	if b.p.teams == 0 {
		return
	}
	mon := b.namespace("monitoring", nil, "")
	prom := &workload{
		kind: "statefulset", name: "prometheus", ns: mon, services: []string{"prometheus"},
		containers: []container{
			{name: "prometheus", reqMillis: 300, baseMillis: 340, reqBytes: 1200 * mib, baseBytes: 1400 * mib, rhythmic: 0.1},
			{name: "config-reloader", reqMillis: 10, limMillis: 10, baseMillis: 1, reqBytes: 50 * mib, limBytes: 50 * mib, baseBytes: 18 * mib},
		},
		labels: map[string]string{"app_kubernetes_io_name": "prometheus", "app_kubernetes_io_instance": "monitoring"},
	}
	b.add(prom, "system", 1, turnover{})
	b.claim(prom, 100*gib)
	ing := b.namespace("ingress-nginx", nil, "")
	nginx := &workload{
		kind: "deployment", name: "ingress-nginx-controller", ns: ing, services: []string{"ingress-nginx-controller"},
		containers: []container{{
			name: "controller", reqMillis: 200, baseMillis: 150, reqBytes: 256 * mib, limBytes: gib, baseBytes: 310 * mib,
			rhythmic: 0.9, bytesPerSecond: 90_000, answer: 260_000,
		}},
		labels:  map[string]string{"app_kubernetes_io_name": "ingress-nginx", "app_kubernetes_io_component": "controller"},
		rollout: turnover{period: 17 * daySeconds, phase: int64(b.key % (17 * daySeconds))},
	}
	b.add(nginx, "system", 2, turnover{})
	b.addBalancer("ingress-nginx/ingress-nginx-controller", nginx)
}

// addWorkloads draws the teams' workloads until about target containers run.
func (b *builder) addWorkloads(target float64) {
	for i := range b.p.gpuWorkloads {
		b.addGPUWorkload(i)
	}
	offset := int(b.key % uint64(len(teams)))
	var fronts []*workload
	first := len(b.workloads)
	for n := 0; n < 12 || b.running+float64(len(b.nodes)*len(daemons)) < target; n++ {
		t := &teams[(offset+n%b.p.teams)%len(teams)]
		app := t.apps[(n/b.p.teams)%len(t.apps)]
		b.used[t.name+app]++
		if k := b.used[t.name+app]; k > 1 {
			app += "-" + strconv.Itoa(k)
		}
		ns := b.namespace(t.name, t, b.p.env)
		roll := b.d.intn(100)
		switch {
		case n == 3 || n > 5 && roll < b.p.jobPercent:
			b.addCron(b.namespace(t.name+"-jobs", t, b.p.env), t, app)
		case n == 4 || n > 5 && roll < b.p.jobPercent+13:
			b.addDatabase(ns, t)
		case n == 5:
			b.addSharedVolume(b.addDeployment(ns, t, app, "deployment"))
		case n == 6 || n > 6 && roll >= 97:
			b.addBarePod(ns, t, app)
		case n == 7 || n > 7 && roll >= 94:
			b.addDeployment(ns, t, app, "rollout")
		default:
			w := b.addDeployment(ns, t, app, "deployment")
			if len(w.services) > 0 && len(fronts) < 3 {
				fronts = append(fronts, w)
			}
		}
	}
	if len(fronts) >= 2 {
		b.addBalancer(fronts[0].ns.name+"/"+fronts[0].services[0], fronts[0], fronts[1])
	}
	if len(fronts) >= 3 {
		// A balancer whose service selects nothing any more.
		b.addBalancer(fronts[2].ns.name + "/" + fronts[2].services[0] + "-old")
		b.balancers[len(b.balancers)-1].orphan = fronts[2].ns.name
	}
	b.crashOne(first)
}

// crashOne makes one deployment of the cluster crash-loop.
func (b *builder) crashOne(first int) {
	for _, w := range b.workloads[first:] {
		if w.kind == "deployment" && len(w.services) == 0 && w.shared == nil && w.containers[0].gpus == 0 {
			w.containers[len(w.containers)-1].crashLoop = true
			return
		}
	}
}

// appLabels are the labels of a pod template; what is missing depends on team
// and luck, as in life.
func (b *builder) appLabels(t *team, app string) map[string]string {
	if t.unlabelled {
		return map[string]string{"app": app}
	}
	m := map[string]string{
		"app": app, "app_kubernetes_io_name": app, "app_kubernetes_io_instance": app + "-" + b.p.env,
		"app_kubernetes_io_version": "", "app_kubernetes_io_managed_by": "Helm", "env": b.p.env,
	}
	if b.d.chance(85) {
		m["team"] = t.name
	}
	if t.owner != "" && b.d.chance(60) {
		m["owner"] = t.owner
	}
	if t.costCenter != "" && b.d.chance(70) {
		m["cost_center"] = t.costCenter
	}
	return m
}

// sizes of containers in millicores and MiB, small ones more often.
var sizes = [][2]int64{{50, 64}, {100, 128}, {100, 256}, {200, 256}, {250, 512}, {300, 512}, {500, 512}, {500, 1024}, {750, 1024}, {1000, 2048}, {1500, 3072}, {2000, 4096}}

// appContainer draws a main container.
func (b *builder) appContainer(name string, largest int) container {
	s := sizes[min(b.d.intn(len(sizes)), b.d.intn(largest))]
	c := container{
		name: name, reqMillis: s[0], reqBytes: s[1] * mib,
		baseMillis: int64(float64(s[0]) * b.p.load * b.d.float(0.4, 1.7)),
		baseBytes:  int64(float64(s[1]*mib) * (0.3 + 0.5*b.p.load) * b.d.float(0.6, 1.5)),
		rhythmic:   b.d.float(0.3, 1), bytesPerSecond: int64(b.d.between(200, 40_000)), answer: int64(b.d.between(300, 90_000)),
	}
	switch b.d.intn(10) {
	case 0, 1: // no limits
	case 2: // neither requests nor limits: best effort
		c.reqMillis, c.reqBytes = 0, 0
	case 3: // guaranteed
		c.limMillis, c.limBytes = c.reqMillis, c.reqBytes
	default:
		c.limMillis, c.limBytes = 2*c.reqMillis, 2*c.reqBytes
	}
	return c
}

// addDeployment draws a deployment (or an Argo rollout) and its replicas.
func (b *builder) addDeployment(ns *namespace, t *team, app, kind string) *workload {
	w := &workload{
		kind: kind, name: app, ns: ns, labels: b.appLabels(t, app),
		containers: []container{b.appContainer(app, 9)},
		rollout:    turnover{period: int64(b.d.between(2, 15))*daySeconds + int64(b.d.intn(daySeconds))},
	}
	w.rollout.phase = int64(b.d.intn(int(w.rollout.period)))
	if b.d.chance(80) || len(b.workloads) < 12 {
		w.services = []string{app}
		if b.d.chance(15) {
			w.services = append(w.services, app+"-metrics")
		}
	}
	if b.d.chance(30) || len(b.workloads) < 8 {
		// A mesh: the native sidecar and the init container before it.
		w.containers = append(
			w.containers,
			container{name: "istio-init", initSeconds: int64(b.d.between(3, 25)), reqMillis: 10, limMillis: 2000, baseMillis: 40, reqBytes: 40 * mib, limBytes: gib, baseBytes: 20 * mib},
			container{name: "istio-proxy", reqMillis: 10, limMillis: 2000, baseMillis: 12, reqBytes: 40 * mib, limBytes: gib, baseBytes: 55 * mib, rhythmic: 0.8},
		)
	}
	if b.d.chance(8) {
		w.annots = cost.LabelsOf(map[string]string{"prometheus_io_scrape": "true", "fleetcost_io_note": "tier-" + strconv.Itoa(b.d.between(1, 3))})
	}
	pool := "apps"
	if b.d.chance(b.p.spotPercent) {
		pool = "spot"
	}
	if b.p.nightsOff {
		up := (7-b.zoneHours)*3600 + b.d.between(0, 3600)
		hours := turnover{daily: true, workdays: true, up: int64(up), until: int64(up + 13*3600), jitter: 200}
		b.add(w, "burst", b.d.between(1, 3), hours)
		return w
	}
	b.add(w, pool, b.d.between(1, 4), turnover{})
	if b.d.chance(b.p.scalePercent) {
		extra := b.d.between(2, 7)
		for i := range extra {
			up := (8-b.zoneHours)*3600 + i*1700 + b.d.intn(900)
			length := (10*3600 - i*2*1500)
			b.add(w, "burst", 1, turnover{daily: true, workdays: i > 0, up: int64(up), until: int64(up + max(length, 3*3600)), jitter: 240})
		}
	}
	return w
}

// addDatabase draws a statefulset with a volume per replica.
func (b *builder) addDatabase(ns *namespace, t *team) {
	db := b.d.pick(databases)
	b.used[ns.name+db]++
	if k := b.used[ns.name+db]; k > 1 {
		db += "-" + strconv.Itoa(k)
	}
	w := &workload{
		kind: "statefulset", name: db, ns: ns, services: []string{db, db + "-headless"}, labels: b.appLabels(t, db),
		containers: []container{b.appContainer(db, 12), {name: "metrics-exporter", reqMillis: 20, baseMillis: 4, reqBytes: 32 * mib, baseBytes: 21 * mib}},
		rollout:    turnover{period: int64(b.d.between(20, 45)) * daySeconds},
	}
	w.rollout.phase = int64(b.d.intn(int(w.rollout.period)))
	b.add(w, "apps", b.d.between(1, 3), turnover{})
	b.claim(w, int64(b.d.between(2, 40))*5*gib)
}

// addBarePod draws a pod without a controller, replaced now and then under the
// same name.
func (b *builder) addBarePod(ns *namespace, t *team, app string) {
	w := &workload{
		kind: "", name: app + "-shell", ns: ns, labels: b.appLabels(t, app), containers: []container{b.appContainer("shell", 5)},
		rollout: turnover{period: int64(b.d.between(30, 70)) * 3600, down: int64(b.d.between(60, 1500))},
	}
	w.rollout.phase = int64(b.d.intn(int(w.rollout.period)))
	b.add(w, "apps", 1, turnover{})
}

// addCron draws a cron job (or, rarely, bare jobs on a schedule of their own).
func (b *builder) addCron(ns *namespace, t *team, app string) {
	b.used["cron"]++
	minutes := []int{10, 15, 30, 60, 60, 360, 1440}[b.d.intn(7)]
	shortest := []int{8, 25, 70, 300, 900}[b.d.intn(5)]
	if b.used["cron"] == 1 {
		minutes, shortest = 5, 8 // at least one that is shorter than a step
	}
	longest := min(shortest*3, minutes*50)
	w := &workload{
		kind: "job", name: app + "-sync", ns: ns, labels: b.appLabels(t, app),
		containers: []container{b.appContainer("job", 8)},
		cron: &cron{
			period: int64(minutes) * 60, phase: int64(b.d.intn(minutes)) * 60,
			minSeconds: int64(min(shortest, longest)), maxSeconds: int64(longest), owned: !b.d.chance(12),
		},
	}
	w.containers[0].rhythmic = 0
	w.jobLabels = w.podLabels(nil)
	w.key = hashOf(b.key, "job/"+ns.name+"/"+w.name)
	pool := "apps"
	if b.d.chance(b.p.spotPercent) {
		pool = "spot"
	}
	if len(b.pools[pool]) == 0 {
		b.newNode(pool)
	}
	w.cron.nodes = b.pools[pool]
	b.workloads = append(b.workloads, w)
	b.running += (3600 + float64(w.cron.minSeconds+w.cron.maxSeconds)/2) / float64(w.cron.period)
}

// addGPUWorkload draws a model server or trainer; every other one leaves a
// GPU node waiting beside it.
func (b *builder) addGPUWorkload(i int) {
	t := &teams[5] // ml
	app := t.apps[i%len(t.apps)] + "-gpu"
	w := &workload{
		kind: "deployment", name: app, ns: b.namespace("ml-serving", t, b.p.env), services: []string{app},
		labels: b.appLabels(t, app),
		containers: []container{{
			name: "model", reqMillis: 1500, baseMillis: 1100, reqBytes: 6 * gib, limBytes: 10 * gib, baseBytes: 7 * gib,
			gpus: 1, gpuLoad: b.d.float(0.2, 0.9), rhythmic: 0.7, bytesPerSecond: 20_000, answer: 55_000,
		}},
		rollout: turnover{period: 9 * daySeconds, phase: int64(b.d.intn(9 * daySeconds))},
	}
	b.add(w, "gpu", b.d.between(1, 3), turnover{})
	if i%2 == 1 {
		b.newNode("gpu")
	}
}

// add places the replicas of a workload, declaring it if it is new.
func (b *builder) add(w *workload, pool string, replicas int, t turnover) {
	if w.key == 0 {
		w.key = hashOf(b.key, w.kind+"/"+w.ns.name+"/"+w.name)
		b.workloads = append(b.workloads, w)
	}
	share := 1.0
	if t.daily {
		share = float64(t.until-t.up) / daySeconds
		if t.workdays {
			share *= 5.0 / 7
		}
	}
	for range replicas {
		s := &slot{w: w, ordinal: len(w.slots), key: mix(w.key, uint64(len(w.slots))), turnover: t}
		s.node = b.place(w, pool, t)
		w.slots = append(w.slots, s)
		for _, c := range w.containers {
			if c.initSeconds == 0 {
				b.running += share
			}
		}
	}
}
