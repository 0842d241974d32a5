package simulate

import (
	"strconv"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Small returns the scenario of the accuracy tests: four hours of a cluster of
// four nodes from 2026-03-02T08:00Z. See SmallAt.
func Small(seed uint64) *Scenario {
	return SmallAt(seed, cost.HourOf(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)), 4)
}

// SmallAt returns the scenario with another start and length (at least four
// hours; all that changes, changes in the first four). The seed moves loads
// and names, never what happens.
//
// It holds: replicas and a rollout, a statefulset's pod recreated under its
// name on another node, a bare pod recreated under its name, jobs shorter than
// a step, restarts between two samples, a crash loop, a pod that waits for its
// image, requests resized in place, init containers and native sidecars, an
// ephemeral container, pod overhead, a static pod, a block volume shared by two pods, a network file system, claims never
// mounted, a released volume, one never claimed, two volumes with one handle,
// a volume that comes and goes, a balancer shared by two services, one without
// pods, one that comes later, ingresses with balancers of the cloud, a GPU, an over-committed node, a spot node that
// comes, goes and comes back under the same name as another machine,
// host-network daemons, boot disks, and a gap in the scrape.
func SmallAt(seed uint64, start cost.Hour, hours int) *Scenario {
	hours = max(hours, 4)
	b := &small{
		s: &Scenario{
			Name: "small", Start: start, Hours: hours, Step: time.Minute, seed: seed,
			UID: uuid(mix(seed, 99)), from: -int64(Margin / time.Second), managementProvider: "EKS",
		},
	}
	s := b.s
	s.to = int64(hours)*3600 + int64(Margin/time.Second)
	b.end = s.to + 3600 // what does not end within the scenario
	s.gapFrom, s.gapTo = minutes(155), minutes(162)
	b.addNodes()
	b.addShop()
	b.addMedia()
	b.addBatch()
	b.addTools()
	b.addSystem()
	b.addVolumes()
	b.addServices()
	s.settle()
	return s
}

func minutes(m int64) int64 { return m * 60 }

// small builds the scenario.
type small struct {
	s                *Scenario
	end              int64
	a1, a2, gpu      *simNode
	spotOne, spotTwo *simNode
	ips              int
}

func (b *small) addNodes() {
	node := func(name, instance, zone string, cores, gibs, gpus, from, to int64) *simNode {
		n := &simNode{
			name: name, instanceType: instance, zone: zone, from: from, to: to,
			millis: cores * 1000, allocMillis: cores*1000 - 80,
			bytes: gibs*gib - 512*mib, allocBytes: gibs*gib - 1536*mib,
			gpus: gpus, diskBytes: 80*gib - 4*mib,
			ip: "10.0.0." + strconv.Itoa(10+len(b.s.nodes)),
		}
		h := mix(b.s.seed, uint64(len(b.s.nodes)+500))
		n.uid, n.providerID = uuid(h), "aws:///"+zone+"/i-0"+hexString(h, 16)
		b.s.nodes = append(b.s.nodes, n)
		return n
	}
	b.a1 = node("ip-10-0-0-10.ec2.internal", "m6i.xlarge", "us-east-1a", 4, 16, 0, always, b.end)
	b.a2 = node("ip-10-0-0-11.ec2.internal", "t3.large", "us-east-1b", 2, 8, 0, always, b.end)
	b.gpu = node("ip-10-0-0-12.ec2.internal", "g5.xlarge", "us-east-1a", 4, 16, 1, always, b.end)
	b.gpu.gpuModel = "NVIDIA-A10G"
	b.spotOne = node("ip-10-0-0-13.ec2.internal", "c6i.2xlarge", "us-east-1b", 8, 16, 0, minutes(47), minutes(167))
	b.spotTwo = node("ip-10-0-0-13.ec2.internal", "c6i.2xlarge", "us-east-1b", 8, 16, 0, minutes(190), b.end)
	b.spotOne.spot, b.spotTwo.spot = true, true
}

// pod declares a pod that is bound at from and deleted at to.
func (b *small) pod(ns, name string, n *simNode, from, to int64, labels ...string) *simPod {
	h := mix(hashOf(b.s.seed, ns+"/"+name), uint64(from)^0x5bd1)
	b.ips++
	p := &simPod{
		namespace: ns, name: name, uid: uuid(h), node: n, from: from, to: to, labels: labels,
		ip:      "10.42." + strconv.Itoa(b.ips/200) + "." + strconv.Itoa(b.ips%200+1),
		receive: int64(200 + h%4000), transmit: int64(100 + h>>20%9000),
	}
	b.s.pods = append(b.s.pods, p)
	return p
}

// add declares a container that asks for millis and mib, uses about cores and
// usedMiB, and runs for the whole life of its pod unless runs are given.
func (p *simPod) add(name string, millis, ramMiB int64, cores float64, usedMiB int64, runs ...simRun) *simContainer {
	if len(runs) == 0 {
		runs = []simRun{{p.from, p.to}}
	}
	c := &simContainer{
		name: name, runs: runs, baseCPU: cores, baseBytes: float64(usedMiB * mib),
		requests: []simRequest{{always, float64(millis) / 1000, ramMiB * mib}},
		limit:    simRequest{always, float64(millis) / 500, ramMiB * 2 * mib},
		key:      hashOf(0, p.uid+"/"+name),
	}
	p.containers = append(p.containers, c)
	return c
}

// ownedBy sets the pod's controller.
func (p *simPod) ownedBy(kind, name string) *simPod {
	p.ownerKind, p.ownerName = kind, name
	return p
}

func (b *small) owner(kind, ns, name, ownerKind, ownerName string) {
	b.s.owners = append(b.s.owners, simOwner{kind, ns, name, ownerKind, ownerName})
}

// random spells the generated end of a pod's name.
func (b *small) random(what string) string { return nameSuffix(hashOf(b.s.seed, what), 5) }

func (b *small) addShop() {
	b.s.namespaces = append(b.s.namespaces, simNamespace{
		name: "shop", labels: []string{"team", "checkout", "cost_center", "cc-1002"}, annotations: []string{"fleetcost_io_budget_owner", "bo"},
	})
	// A deployment of three, rolled out at minute 95 with a sidecar.
	const before, after = "web-7d4b9c8f6d", "web-5c6d8b9f7c"
	b.owner("ReplicaSet", "shop", before, "Deployment", "web")
	b.owner("ReplicaSet", "shop", after, "Deployment", "web")
	for i, n := range []*simNode{b.a1, b.a1, b.gpu} {
		k := strconv.Itoa(i)
		p := b.pod("shop", before+"-"+b.random("w"+k), n, always, minutes(96), "app", "web", "team", "checkout", "env", "prod", "pod_template_hash", before[4:]).ownedBy("ReplicaSet", before)
		p.add("web", 250, 256, 0.25, 240)

		at := minutes(95 + int64(i))
		q := b.pod("shop", after+"-"+b.random("x"+k), n, at, b.end, "app", "web", "team", "checkout", "env", "prod", "pod_template_hash", after[4:]).ownedBy("ReplicaSet", after)
		setup := q.add("setup", 100, 64, 0.05, 30, simRun{at, at + 120})
		proxy := q.add("proxy", 50, 64, 0.06, 70, simRun{at + 120, b.end})
		setup.init, proxy.init = true, true
		q.add("web", 250, 256, 0.25, 240, simRun{at + 140, b.end})
	}
	// Requests resized in place at minute 75.
	b.owner("ReplicaSet", "shop", "api-6f5d4c3b2a", "Deployment", "api")
	api := b.pod("shop", "api-6f5d4c3b2a-"+b.random("api"), b.a1, always, b.end, "app", "api", "team", "checkout", "env", "prod", "pod_template_hash", "6f5d4c3b2a").ownedBy("ReplicaSet", "api-6f5d4c3b2a")
	c := api.add("api", 300, 512, 0.45, 700)
	c.requests = append(c.requests, simRequest{minutes(75), 0.6, gib})
	api.annotations = []string{"fleetcost_io_note", "resized"}
	// Someone looks into it with an ephemeral container.
	look := api.add("debugger", 0, 0, 0.05, 60, simRun{minutes(85), minutes(92)})
	look.ephemeral = true
	// A database whose pod is recreated under its name on another node.
	for _, life := range []struct {
		n        *simNode
		from, to int64
	}{{b.a1, always, minutes(130)}, {b.gpu, minutes(133), b.end}} {
		p := b.pod("shop", "db-0", life.n, life.from, life.to, "app", "db", "statefulset_kubernetes_io_pod_name", "db-0").ownedBy("StatefulSet", "db")
		p.add("postgres", 400, 1024, 0.3, 1100)
		p.add("exporter", 20, 32, 0.01, 20)
		p.claims = []string{"data-db-0"}
	}
	// Restarts between two samples: both ends are known afterwards.
	b.owner("ReplicaSet", "shop", "flaky-8c7b6a5d4f", "Deployment", "flaky")
	flaky := b.pod("shop", "flaky-8c7b6a5d4f-"+b.random("flaky"), b.a1, always, b.end, "app", "flaky").ownedBy("ReplicaSet", "flaky-8c7b6a5d4f")
	flaky.add("flaky", 150, 128, 0.12, 150, simRun{always, minutes(25) + 37}, simRun{minutes(25) + 52, minutes(70) + 10}, simRun{minutes(70) + 30, b.end})
	// An Argo rollout.
	b.owner("ReplicaSet", "shop", "canary-9f8e7d6c5b", "Rollout", "canary")
	b.pod("shop", "canary-9f8e7d6c5b-"+b.random("canary"), b.a1, always, b.end, "app", "canary", "team", "growth").ownedBy("ReplicaSet", "canary-9f8e7d6c5b").add("canary", 100, 128, 0.08, 90)
}

func (b *small) addMedia() {
	b.s.namespaces = append(b.s.namespaces, simNamespace{name: "media", labels: []string{"team", "media"}})
	b.owner("ReplicaSet", "media", "uploader-5b4c3d2e1f", "Deployment", "uploader")
	for i, n := range []*simNode{b.a1, b.gpu} {
		p := b.pod("media", "uploader-5b4c3d2e1f-"+b.random("u"+strconv.Itoa(i)), n, always, b.end, "app", "uploader", "team", "media").ownedBy("ReplicaSet", "uploader-5b4c3d2e1f")
		p.add("uploader", 100, 256, 0.12, 200)
		p.claims = []string{"library"}
		if i == 1 {
			p.add("thumbnailer", 50, 128, 0.02, 100)
		}
	}
	// Two pods of one node share a block volume from minute 40 to 110.
	for i, life := range [][2]int64{{always, b.end}, {minutes(40), minutes(110)}} {
		p := b.pod("media", "encoder-"+strconv.Itoa(i), b.a1, life[0], life[1], "app", "encoder")
		p.add("encoder", 200, 256, 0.3, 300)
		p.claims = []string{"scratch"}
	}
	// A GPU in use from minute 20 to 150.
	b.owner("ReplicaSet", "ml", "infer-6d5c4b3a2f", "Deployment", "infer")
	b.s.namespaces = append(b.s.namespaces, simNamespace{name: "ml", labels: []string{"team", "ml", "cost_center", "cc-3002"}})
	infer := b.pod("ml", "infer-6d5c4b3a2f-"+b.random("infer"), b.gpu, minutes(20), minutes(150), "app", "infer", "team", "ml").ownedBy("ReplicaSet", "infer-6d5c4b3a2f")
	model := infer.add("model", 1000, 4096, 0.8, 4500)
	model.gpus, model.gpuLoad = 1, 0.6
}

func (b *small) addBatch() {
	b.s.namespaces = append(b.s.namespaces, simNamespace{name: "batch"})
	// A cron job every ten minutes, each run shorter than a step: some are seen
	// running by one sample, some by none. Finished pods stay for ten minutes.
	for k := int64(-1); minutes(10*k) < b.s.to; k++ {
		h := mix(b.s.seed, uint64(k+1000))
		at := minutes(10*k) + 5 + int64(h%50)
		job := "report-" + strconv.FormatInt((int64(b.s.Start)*3600+minutes(10*k))/60, 10)
		b.owner("Job", "batch", job, "CronJob", "report")
		p := b.pod("batch", job+"-"+b.random(job), b.a1, minutes(10*k), minutes(10*k+10), "app", "report", "job_name", job).ownedBy("Job", job)
		p.completed = at + 20 + int64(h>>8%35)
		p.add("report", 500, 256, 0.2, 120, simRun{at, p.completed})
	}
	// A job with edges off the grid.
	b.owner("Job", "batch", "import", "", "")
	p := b.pod("batch", "import-"+b.random("import"), b.a1, minutes(60), minutes(115), "app", "import", "job_name", "import").ownedBy("Job", "import")
	p.completed = minutes(83) + 40
	p.add("import", 400, 512, 0.5, 600, simRun{minutes(60) + 20, p.completed})
	// Workers on the spot node, as long as it lives, twice.
	b.owner("ReplicaSet", "batch", "worker-4f3e2d1c5b", "Deployment", "worker")
	for i, n := range []*simNode{b.spotOne, b.spotOne, b.spotTwo} {
		to := min(n.to, b.end) - 60
		if n == b.spotTwo {
			to = b.end
		}
		b.pod("batch", "worker-4f3e2d1c5b-"+b.random("worker"+strconv.Itoa(i)), n, n.from+60, to, "app", "worker").
			ownedBy("ReplicaSet", "worker-4f3e2d1c5b").add("worker", 1500, 2048, 1.4, 1500)
	}
	// Too much for a node of two cores and 8 GiB: what is allocated exceeds what
	// there is, though nothing uses more than there is.
	b.s.namespaces = append(b.s.namespaces, simNamespace{name: "over", labels: []string{"team", "legacy"}})
	for _, k := range []struct {
		name           string
		millis, ramMiB int64
		cores          float64
		usedMiB        int64
	}{{"hog", 1500, 5500, 0.2, 700}, {"greedy", 200, 1024, 0.9, 3500}, {"besteffort", 0, 0, 0.25, 600}} {
		b.owner("ReplicaSet", "over", k.name+"-5d5d5d5d5d", "Deployment", k.name)
		b.pod("over", k.name+"-5d5d5d5d5d-"+b.random(k.name), b.a2, always, b.end, "app", k.name).
			ownedBy("ReplicaSet", k.name+"-5d5d5d5d5d").add(k.name, k.millis, k.ramMiB, k.cores, k.usedMiB)
	}
}

func (b *small) addTools() {
	b.s.namespaces = append(b.s.namespaces, simNamespace{name: "tools"}, simNamespace{name: "legacy", labels: []string{"team", "legacy"}})
	// A bare pod, deleted and made again under its name.
	b.pod("tools", "debug", b.a1, minutes(30), minutes(35)).add("shell", 100, 64, 0.02, 30)
	b.pod("tools", "debug", b.a1, minutes(50), minutes(58)).add("shell", 100, 64, 0.02, 30)
	// Bound at 100, runs from 108: the image takes its time.
	b.pod("tools", "slow-image", b.a1, minutes(100), minutes(140)).add("slow", 200, 256, 0.1, 100, simRun{minutes(108), minutes(140)})
	// A pod in a virtual machine of its own: its runtime class has an overhead.
	kata := b.pod("tools", "kata", b.a1, minutes(15), minutes(200), "app", "kata")
	kata.add("kata", 100, 128, 0.07, 100)
	kata.overhead = simRequest{always, 0.25, 120 * mib}
	// A crash loop: two minutes up, five down.
	b.owner("ReplicaSet", "tools", "looper-7c7c7c7c7c", "Deployment", "looper")
	looper := b.pod("tools", "looper-7c7c7c7c7c-"+b.random("looper"), b.a1, always, b.end, "app", "looper").ownedBy("ReplicaSet", "looper-7c7c7c7c7c")
	var runs []simRun
	for at := int64(always); at < b.s.to; at += minutes(7) {
		runs = append(runs, simRun{at, at + minutes(2)})
	}
	looper.add("looper", 100, 64, 0.05, 40, runs...)
}

func (b *small) addSystem() {
	b.s.namespaces = append(b.s.namespaces, simNamespace{name: "kube-system"})
	for _, n := range b.s.nodes {
		p := b.pod("kube-system", "kube-proxy-"+b.random(n.providerID), n, n.from, n.to, "k8s_app", "kube-proxy").ownedBy("DaemonSet", "kube-proxy")
		p.hostNetwork, p.ip = true, n.ip
		p.add("kube-proxy", 100, 0, 0.01, 40)
	}
	static := b.pod("kube-system", "node-proxy-"+b.a1.name, b.a1, always, b.end, "component", "node-proxy").ownedBy("Node", b.a1.name)
	static.hostNetwork, static.ip, static.mirror = true, b.a1.ip, true
	static.add("node-proxy", 50, 64, 0.03, 60)
}

func (b *small) addVolumes() {
	volume := func(namespace, claim, phase string, gibs int64) *simVolume {
		h := hashOf(b.s.seed, "pv/"+namespace+"/"+claim)
		v := &simVolume{
			name: "pvc-" + uuid(h), handle: "vol-0" + hexString(h, 16), class: "gp3", driver: "ebs.csi.aws.com",
			bytes: gibs * gib, namespace: namespace, claim: claim, phase: phase, from: always, to: b.end,
		}
		b.s.volumes = append(b.s.volumes, v)
		return v
	}
	volume("shop", "data-db-0", "Bound", 50)
	volume("media", "scratch", "Bound", 100)
	efs := volume("media", "library", "Bound", 0)
	efs.class, efs.driver, efs.handle, efs.shared = "efs-sc", "efs.csi.aws.com", "fs-0123456789abcdef0::fsap-0fedcba9876543210", true
	efs.bytes = 8 << 50 // an EFS claim says what it likes
	volume("shop", "old-backup", "Bound", 200)
	volume("legacy", "data-mysql-0", "Released", 30)
	volume("", "", "Available", 20)
	tmp := volume("batch", "tmp", "Bound", 40)
	tmp.from, tmp.to = minutes(66), minutes(186)
	// One volume, two PVs.
	one := volume("media", "static", "Bound", 10)
	two := volume("", "static-again", "Available", 10)
	two.claim, two.handle = "", one.handle
}

func (b *small) addServices() {
	service := func(namespace, name, app string) *simService {
		v := &simService{
			namespace: namespace, name: name, app: app, uid: uuid(hashOf(b.s.seed, "svc/"+namespace+"/"+name)),
			from: always, to: b.end,
		}
		b.s.services = append(b.s.services, v)
		return v
	}
	service("shop", "db", "db")
	api := service("shop", "api", "api")
	for _, v := range []*simService{service("shop", "web", "web"), api} {
		v.balancer, v.hostname = true, "k8s-shop-0123456789.elb.us-east-1.amazonaws.com"
	}
	up := service("media", "uploader", "uploader")
	up.balancer, up.hostname, up.from = true, "k8s-media-9876543210.elb.us-east-1.amazonaws.com", minutes(30)
	ghost := service("legacy", "ghost", "nothing")
	ghost.balancer, ghost.ip = true, "203.0.113.7"
	// Two ingresses of one group share a balancer, the second from minute 45 on;
	// one has its own, and no pods behind it.
	ingress := func(namespace, name, group string, backends ...*simService) *simIngress {
		g := &simIngress{namespace: namespace, name: name, class: "alb", group: group, backends: backends, from: always, to: b.end}
		b.s.ingresses = append(b.s.ingresses, g)
		return g
	}
	ingress("media", "uploads", "public", up)
	ingress("shop", "store", "public", api).from = minutes(45)
	ingress("legacy", "ghost", "", ghost)
}
