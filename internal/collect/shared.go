package collect

import (
	"cmp"
	"slices"
	"sort"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Volume is what the source says of one persistent volume.
type Volume struct {
	Handle       string // the provider's name of the disk; two volumes with one handle are one asset
	ProviderID   string
	StorageClass string
	DiskType     string
	Kind         cost.VolumeKind
	Capacity     Series // bytes; its samples are the evidence that it exists
	Created      Series // unix seconds
	Price        Series // currency per GiB-hour

	claimNamespace, claimName string
	labels                    stamped
}

// Volume returns the record of a persistent volume, made at first sight.
func (in *Integrator) Volume(name string) *Volume { return record(in.volumes, name) }

// SetClaim records the claim that holds the volume, or held it last.
func (v *Volume) SetClaim(namespace, name string) {
	if name != "" && cmp.Or(cmp.Compare(namespace, v.claimNamespace), cmp.Compare(name, v.claimName)) > 0 {
		v.claimNamespace, v.claimName = namespace, name
	}
}

// SetLabels records the volume's labels as seen last at t (ms).
func (v *Volume) SetLabels(t int64, m map[string]string) { v.labels.set(t, m) }

// Claim is what the source says of one claim.
type Claim struct{ Volume, StorageClass string }

// Claim returns the record of a claim, made at first sight.
func (in *Integrator) Claim(namespace, name string) *Claim {
	return record(in.claims, [2]string{namespace, name})
}

// disk is one asset made of the volumes with one handle.
type disk struct {
	names   []string
	volumes []*Volume
}

// disks integrates the volumes and shares each among the pods that mount it.
func (in *Integrator) disks(covered spans, runs []*podRun) []cost.VolumeUsage {
	for k, c := range in.claims {
		if v := in.volumes[c.Volume]; v != nil && v.claimName == "" {
			v.SetClaim(k[0], k[1])
		}
	}
	assets := map[string]*disk{}
	for _, name := range sortedKeys(in.volumes, cmp.Compare[string]) {
		v := in.volumes[name]
		if v.Capacity.Empty() {
			continue
		}
		id := cmp.Or(v.Handle, name)
		d := record(assets, id)
		d.names, d.volumes = append(d.names, name), append(d.volumes, v)
	}
	byClaim := map[[2]string][]*podRun{}
	for _, r := range runs {
		for c := range r.pod.claims {
			k := [2]string{r.key.Namespace, c}
			byClaim[k] = append(byClaim[k], r)
		}
	}
	var out []cost.VolumeUsage
	for _, id := range sortedKeys(assets, cmp.Compare[string]) {
		if u, ok := in.diskUsage(id, assets[id], covered, byClaim); ok {
			out = append(out, u)
		}
	}
	return out
}

func (in *Integrator) diskUsage(id string, d *disk, covered spans, byClaim map[[2]string][]*podRun) (cost.VolumeUsage, bool) {
	var exists spans
	holders := map[*podRun]bool{}
	u := cost.VolumeUsage{AssetID: id, Name: d.names[0]}
	for i, v := range d.volumes {
		exists = exists.union(in.existence(covered, in.sampled(&v.Capacity), in.since(&v.Created), unknownEdge)...)
		for _, r := range byClaim[[2]string{v.claimNamespace, v.claimName}] {
			holders[r] = true
		}
		if i == 0 || u.ClaimName == "" {
			u.ClaimNamespace, u.ClaimName = v.claimNamespace, v.claimName
		}
		Prefer(&u.ProviderID, v.ProviderID)
		Prefer(&u.StorageClass, v.StorageClass)
		Prefer(&u.DiskType, v.DiskType)
		u.Kind = cmp.Or(u.Kind, v.Kind)
		u.Labels = cmp.Or(u.Labels, cost.LabelsOf(in.labels(v.labels.m, false)))
		if p, ok := v.Price.mean(in.start, in.end); ok {
			u.PriceGiBHour = &p
		}
	}
	u.Kind = cmp.Or(u.Kind, cost.VolumeBlock)
	if exists = exists.clip(in.start, in.end); len(exists) == 0 {
		return u, false
	}
	u.Span = in.span(exists)
	in.eachStep(exists, func(_ int, _, to, ms int64) {
		var size int64
		for _, v := range d.volumes {
			size = max(size, level(&v.Capacity, to, 1))
		}
		u.Capacity = addSat(u.Capacity, mulDiv(size, ms))
	})
	pods := make([]*podRun, 0, len(holders))
	for r := range holders {
		pods = append(pods, r)
	}
	slices.SortFunc(pods, func(a, b *podRun) int { return comparePodKeys(a.key, b.key) })
	weights := map[int]int64{}
	sweep(exists, pods, func(us, at int64) {
		if !sharePods(us, at, pods, weights) {
			u.Unmounted += us
		}
	})
	u.Shares = shares(weights)
	return u, true
}

// sweep cuts exists wherever a container of the pods begins or ends and calls
// fn for each piece with its length in µs and its first ms.
func sweep(exists spans, pods []*podRun, fn func(us, at int64)) {
	var cuts []int64
	for _, r := range pods {
		for _, c := range r.containers {
			for _, v := range c.c.runs {
				cuts = append(cuts, v.a, v.b)
			}
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	for _, v := range exists {
		a := v.a
		for i := sort.Search(len(cuts), func(i int) bool { return cuts[i] > a }); a < v.b; i++ {
			b := v.b
			if i < len(cuts) {
				b = min(b, cuts[i])
			}
			fn((b-a)*1000, a)
			a = b
		}
	}
}

// sharePods splits us evenly among the pods that run at the instant, then
// among the containers of each. false when none runs.
func sharePods(us, at int64, pods []*podRun, weights map[int]int64) bool {
	running := make([]*podRun, 0, len(pods))
	for _, r := range pods {
		if r.runs.contains(at) {
			running = append(running, r)
		}
	}
	for i, r := range running {
		part := splitEven(us, len(running), i)
		var cs []int
		for _, c := range r.containers {
			if c.c.runs.contains(at) {
				cs = append(cs, c.index)
			}
		}
		for j, idx := range cs {
			weights[idx] += splitEven(part, len(cs), j)
		}
	}
	return len(running) > 0
}

func (s spans) contains(t int64) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].b > t })
	return i < len(s) && s[i].a <= t
}

func shares(weights map[int]int64) []cost.Share {
	var out []cost.Share
	for _, i := range sortedKeys(weights, cmp.Compare[int]) {
		if weights[i] > 0 {
			out = append(out, cost.Share{Container: i, Weight: weights[i]})
		}
	}
	return out
}
