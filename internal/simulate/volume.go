package simulate

import (
	"strconv"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// volume is one persistent volume; it exists as long as the cluster.
type volume struct {
	assetID, name, providerID string
	zone, class, diskType     string
	kind                      cost.VolumeKind
	claimNamespace, claim     string
	bytes                     int64
	labels                    cost.Labels
	heldBy                    *workload // all pods of it mount the volume; nil for a slot's own or nobody's
}

// balancer is one load balancer and the workloads behind its services.
type balancer struct {
	assetID, name, providerID string
	services                  []*workload
	orphan                    string // namespace of a service that selects nothing
}

// newVolume draws a block volume.
func (b *builder) newVolume(namespace, claim string, bytes int64) *volume {
	h := hashOf(b.key, "pv/"+namespace+"/"+claim+"/"+strconv.Itoa(len(b.volumes)))
	v := &volume{
		name: "pvc-" + uuid(h), zone: b.p.cloud.zones[h%uint64(len(b.p.cloud.zones))],
		class: b.p.cloud.storageClass, diskType: b.p.cloud.diskType, kind: cost.VolumeBlock,
		claimNamespace: namespace, claim: claim, bytes: bytes,
	}
	switch b.Provider {
	case "AWS":
		v.providerID = "vol-0" + hexString(h, 16)
	case "Azure":
		v.providerID = "/subscriptions/" + uuid(b.key) + "/resourceGroups/mc_" + b.Name + "/providers/Microsoft.Compute/disks/" + v.name
	case "GCP":
		v.providerID = "projects/" + b.Name + "-project/zones/" + v.zone + "/disks/" + v.name
	}
	v.assetID = v.providerID
	if v.assetID == "" {
		v.assetID = v.name
	}
	b.volumes = append(b.volumes, v)
	return v
}

// claim gives each replica of a statefulset a volume of its own.
func (b *builder) claim(w *workload, bytes int64) {
	for _, s := range w.slots {
		s.volume = b.newVolume(w.ns.name, "data-"+w.name+"-"+strconv.Itoa(s.ordinal), bytes)
	}
}

// addSharedVolume lets all pods of a workload mount one network file system.
func (b *builder) addSharedVolume(w *workload) {
	v := b.newVolume(w.ns.name, w.name+"-shared", 200*gib)
	v.class, v.diskType, v.kind, v.heldBy = b.p.cloud.sharedClass, "", cost.VolumeShared, w
	w.shared, w.record = v, true
	// And a block volume that several pods of one node may share.
	rwx := b.newVolume(w.ns.name, w.name+"-cache", 50*gib)
	rwx.heldBy = w
}

// addOrphanVolumes declares what bills contain and nobody mounts: a claim no
// pod uses, volumes released by a deleted claim, and one never claimed.
func (b *builder) addOrphanVolumes() {
	ns := b.workloads[len(b.workloads)-1].ns.name
	b.newVolume(ns, "backup-2025", 250*gib)
	b.newVolume(ns, "data-mysql-0", 100*gib)
	b.newVolume("", "", 20*gib)
}

// addBalancer declares a balancer for the services of the given workloads.
func (b *builder) addBalancer(name string, behind ...*workload) {
	h := hashOf(b.key, "lb/"+name)
	lb := &balancer{name: name, services: behind}
	switch b.Provider {
	case "AWS":
		lb.assetID = "a" + hexString(h, 31) + "." + "elb." + b.Region + ".amazonaws.com"
	default:
		lb.assetID = "203.0." + strconv.Itoa(int(h%255)) + "." + strconv.Itoa(int(h>>8%254)+1)
	}
	for _, w := range behind {
		w.record = true
	}
	b.balancers = append(b.balancers, lb)
}
