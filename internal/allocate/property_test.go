package allocate_test

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/allocate"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/pricing"
)

var _ allocate.Prices = (*pricing.Lookup)(nil)

// quoted is prices drawn at random, by asset id.
type quoted map[string]cost.NodePrice

func (q quoted) Node(n cost.NodeUsage) cost.NodePrice         { return q[n.AssetID] }
func (q quoted) InferredNode(n cost.NodeUsage) cost.NodePrice { return q[n.AssetID] }
func (q quoted) BootDisk(n cost.NodeUsage) cost.Price         { return q.price(n.AssetID + "/disk") }
func (q quoted) Volume(v cost.VolumeUsage) cost.Price         { return q.price(v.AssetID) }
func (q quoted) LoadBalancer(b cost.LoadBalancerUsage) cost.Price {
	return q.price(b.AssetID)
}
func (q quoted) Management(m cost.ManagementUsage) cost.Price { return q.price(m.AssetID) }
func (q quoted) price(id string) cost.Price {
	return cost.Price{Hourly: q[id].CPU, Source: "drawn"}
}

var (
	drawMoney = rapid.OneOf(rapid.Just[int64](0), rapid.Int64Range(0, 10), rapid.Int64Range(0, int64(50*cost.Unit)))
	// Integrals: nothing, a few, usual ones, and what only a broken counter gives.
	drawIntegral = rapid.OneOf(rapid.Just[int64](0), rapid.Int64Range(0, 5), rapid.Int64Range(0, 1e15), rapid.Int64Range(1e18, 9e18))
	drawWeight   = rapid.OneOf(rapid.Just[int64](0), rapid.Int64Range(0, 3600e6))
)

func drawSpan(t *rapid.T) cost.Span {
	a, b := rapid.Int32Range(0, 3600).Draw(t, "start"), rapid.Int32Range(0, 3600).Draw(t, "end")
	s := cost.Span{Start: min(a, b), End: max(a, b)}
	s.Seconds = rapid.Int32Range(0, s.End-s.Start).Draw(t, "seconds")
	return s
}

// drawHour draws a cluster-hour with all kinds of asset, some unused, some
// over-committed, some free, some unknown.
func drawHour(t *rapid.T) (cost.HourUsage, quoted) {
	u := cost.HourUsage{Hour: hourUnderTest, Cluster: "drawn", CoverageSeconds: rapid.Int32Range(1, 3600).Draw(t, "coverage")}
	q := quoted{}
	price := func(id string) {
		q[id] = cost.NodePrice{
			CPU: cost.Money(drawMoney.Draw(t, "cpu")), RAM: cost.Money(drawMoney.Draw(t, "ram")),
			GPU: cost.Money(drawMoney.Draw(t, "gpu")), Source: "drawn",
		}
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "nodes") {
		n := cost.NodeUsage{
			AssetID: fmt.Sprintf("node-%d", i), Name: "name", Span: drawSpan(t),
			CPUCapacity: drawIntegral.Draw(t, "cpu"), CPUAllocatable: drawIntegral.Draw(t, "cpu allocatable"),
			RAMCapacity: drawIntegral.Draw(t, "ram"), RAMAllocatable: drawIntegral.Draw(t, "ram allocatable"),
			GPUCapacity: drawIntegral.Draw(t, "gpu"), BootDisk: drawIntegral.Draw(t, "boot"),
		}
		u.Nodes = append(u.Nodes, n)
		price(n.AssetID)
		price(n.AssetID + "/disk")
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "containers") {
		c := cost.ContainerUsage{
			NodeAssetID: fmt.Sprintf("node-%d", rapid.IntRange(0, 5).Draw(t, "on")), // some on no node
			Namespace:   rapid.SampledFrom([]string{"a", "b"}).Draw(t, "ns"), Pod: "p", PodUID: fmt.Sprint(i), Container: "c",
			Span:         drawSpan(t),
			CPUAllocated: drawIntegral.Draw(t, "cpu"), RAMAllocated: drawIntegral.Draw(t, "ram"), GPUAllocated: drawIntegral.Draw(t, "gpu"),
			NetworkTransferBytes: drawIntegral.Draw(t, "sent"),
		}
		u.Containers = append(u.Containers, c)
		if _, ok := q[c.NodeAssetID]; !ok {
			price(c.NodeAssetID)
		}
	}
	shares := func() []cost.Share {
		if len(u.Containers) == 0 {
			return nil
		}
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) cost.Share {
			return cost.Share{Container: rapid.IntRange(0, len(u.Containers)-1).Draw(t, "container"), Weight: drawWeight.Draw(t, "weight")}
		}), 0, 5).Draw(t, "shares")
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "volumes") {
		v := cost.VolumeUsage{
			AssetID: fmt.Sprintf("vol-%d", i), Name: "pv", ClaimNamespace: rapid.SampledFrom([]string{"", "a"}).Draw(t, "claim"),
			Span: drawSpan(t), Capacity: drawIntegral.Draw(t, "capacity"), Shares: shares(), Unmounted: drawWeight.Draw(t, "unmounted"),
		}
		u.Volumes = append(u.Volumes, v)
		price(v.AssetID)
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "balancers") {
		b := cost.LoadBalancerUsage{AssetID: fmt.Sprintf("lb-%d", i), Name: "a/web", Span: drawSpan(t), Shares: shares()}
		for range rapid.IntRange(0, 3).Draw(t, "unmounted") {
			b.Unmounted = append(b.Unmounted, cost.NamespaceShare{
				Namespace: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "ns"), Weight: drawWeight.Draw(t, "weight"),
			})
		}
		u.LoadBalancers = append(u.LoadBalancers, b)
		price(b.AssetID)
	}
	if rapid.Bool().Draw(t, "managed") {
		u.Management = []cost.ManagementUsage{{AssetID: "mgmt", Name: "EKS", Span: drawSpan(t)}}
		price("mgmt")
	}
	return u, q
}

// TestIdentity adds both sides up on its own: assets pay for everything and
// nothing else is paid.
func TestIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, q := drawHour(t)
		res, err := allocate.Run(u, q, allocate.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		assets, rows, attached, pvlb := new(big.Int), new(big.Int), new(big.Int), new(big.Int)
		perNode := map[string]cost.Money{}
		for _, a := range res.Assets {
			assets.Add(assets, big.NewInt(int64(a.CPUCost+a.RAMCost+a.GPUCost+a.Cost)))
			if a.Type == cost.AssetNode {
				perNode[a.AssetID] += a.Total()
			}
		}
		for _, r := range res.Allocations {
			rows.Add(rows, big.NewInt(int64(r.CPUCost+r.RAMCost+r.GPUCost+r.PVCost+r.LBCost+r.OverheadCost)))
			perNode[r.AssetID] -= r.CPUCost + r.RAMCost + r.GPUCost
			if r.Kind == cost.KindContainer {
				pvlb.Add(pvlb, big.NewInt(int64(r.PVCost+r.LBCost)))
			}
		}
		for _, a := range res.Attachments {
			attached.Add(attached, big.NewInt(int64(a.Cost)))
		}
		if assets.Cmp(rows) != 0 {
			t.Fatalf("assets cost %s nano-units, allocations %s", assets, rows)
		}
		if attached.Cmp(pvlb) != 0 {
			t.Fatalf("attachments cost %s nano-units, containers' volumes and balancers %s", attached, pvlb)
		}
		for id, rest := range perNode {
			if rest != 0 {
				t.Fatalf("%s: %d nano-units not allocated", id, rest)
			}
		}
	})
}

// TestOrderDoesNotMatter shuffles everything a source may list in any order.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, q := drawHour(t)
		want, err := allocate.Run(u, q, allocate.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed")))
		got, err := allocate.Run(shuffled(u, r), q, allocate.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("another order gave other rows (-want +got):\n%s", diff)
		}
	})
}

func shuffled(u cost.HourUsage, r *rand.Rand) cost.HourUsage {
	place := r.Perm(len(u.Containers)) // old index → new
	containers := make([]cost.ContainerUsage, len(u.Containers))
	for i, c := range u.Containers {
		containers[place[i]] = c
	}
	move := func(in []cost.Share) []cost.Share {
		out := make([]cost.Share, len(in))
		for k, p := range r.Perm(len(in)) {
			out[p] = cost.Share{Container: place[in[k].Container], Weight: in[k].Weight}
		}
		return out
	}
	u.Containers = containers
	u.Nodes = permuted(u.Nodes, r)
	u.Volumes = permuted(u.Volumes, r)
	for i := range u.Volumes {
		u.Volumes[i].Shares = move(u.Volumes[i].Shares)
	}
	u.LoadBalancers = permuted(u.LoadBalancers, r)
	for i := range u.LoadBalancers {
		u.LoadBalancers[i].Shares = move(u.LoadBalancers[i].Shares)
		u.LoadBalancers[i].Unmounted = permuted(u.LoadBalancers[i].Unmounted, r)
	}
	return u
}

func permuted[T any](in []T, r *rand.Rand) []T {
	out := make([]T, len(in))
	for i, p := range r.Perm(len(in)) {
		out[p] = in[i]
	}
	return out
}

// TestNothingIsNegative looks at every number of every row.
func TestNothingIsNegative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, q := drawHour(t)
		before := fmt.Sprintf("%+v", u)
		res, err := allocate.Run(u, q, allocate.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		if after := fmt.Sprintf("%+v", u); after != before {
			t.Fatal("Run changed its input")
		}
		check := func(v reflect.Value) {
			for i := range v.NumField() {
				if f := v.Field(i); f.CanInt() && f.Int() < 0 {
					t.Fatalf("%s is %d in %+v", v.Type().Field(i).Name, f.Int(), v.Interface())
				}
			}
		}
		for _, r := range res.Allocations {
			check(reflect.ValueOf(r))
			if r.CPUReservedCost > r.CPUCost || r.RAMReservedCost > r.RAMCost {
				t.Fatalf("reserved exceeds idle: %+v", r)
			}
			if r.Kind != cost.KindIdle && (r.CPUReservedCost != 0 || r.RAMReservedCost != 0) {
				t.Fatalf("only idle has a reserved part: %+v", r)
			}
		}
		for _, r := range res.Assets {
			check(reflect.ValueOf(r))
			if max(r.CPUScale, r.RAMScale, r.GPUScale) > 1_000_000 {
				t.Fatalf("a scale above 1: %+v", r)
			}
		}
		for _, r := range res.Attachments {
			check(reflect.ValueOf(r))
		}
	})
}

// TestParts splits an hour at any second: both parts together cost what the
// hour costs, for every row, but for rounding.
func TestParts(t *testing.T) {
	const nanos = 3 // two roundings of the node's cost and two of its division
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.Int32Range(1, 3599).Draw(t, "at")
		cores := rapid.Int64Range(1, 64).Draw(t, "cores") * 1e6
		q := quoted{"n": {CPU: cost.Money(drawMoney.Draw(t, "price")), Source: "drawn"}}
		k := rapid.IntRange(1, 6).Draw(t, "containers")
		part := func(s cost.Span, used []int64) cost.HourUsage {
			u := cost.HourUsage{Hour: hourUnderTest, CoverageSeconds: s.Seconds, Nodes: []cost.NodeUsage{{
				AssetID: "n", Name: "n", Span: s, CPUCapacity: cores * int64(s.Seconds),
			}}}
			for i, v := range used {
				u.Containers = append(u.Containers, cost.ContainerUsage{NodeAssetID: "n", Pod: fmt.Sprint(i), Span: s, CPUAllocated: v})
			}
			return u
		}
		spans := []cost.Span{{Start: 0, End: at, Seconds: at}, {Start: at, End: 3600, Seconds: 3600 - at}}
		whole, got := make([]int64, k), map[string]cost.Money{}
		for _, s := range spans {
			used := make([]int64, k)
			for i := range used {
				used[i] = rapid.Int64Range(0, cores*int64(s.Seconds)/int64(k)).Draw(t, "used")
				whole[i] += used[i]
			}
			addCosts(t, got, part(s, used), q, 1)
		}
		addCosts(t, got, part(cost.Span{End: 3600, Seconds: 3600}, whole), q, -1)
		for what, diff := range got {
			if diff < -nanos || diff > nanos {
				t.Fatalf("%s: the parts differ from the whole by %d nano-units", what, diff)
			}
		}
	})
}

func addCosts(t *rapid.T, into map[string]cost.Money, u cost.HourUsage, q quoted, sign cost.Money) {
	res, err := allocate.Run(u, q, allocate.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res.Allocations {
		into[string(r.Kind)+" "+r.Pod] += sign * r.Total()
	}
	for _, a := range res.Assets {
		into["asset "+a.AssetID] += sign * a.Total()
	}
}

// TestOrderIsTheFormats: rows come in the order that the bucket format wants.
func TestOrderIsTheFormats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, q := drawHour(t)
		res, err := allocate.Run(u, q, allocate.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		sorted(t, res.Allocations)
		sorted(t, res.Assets)
		sorted(t, res.Attachments)
	})
}

func sorted[T costfile.Row](t *rapid.T, rows []T) {
	for i := 1; i < len(rows); i++ {
		if costfile.Compare(&rows[i-1], &rows[i]) > 0 {
			t.Fatalf("row %d comes after\n%+v\n%+v", i, rows[i-1], rows[i])
		}
	}
}

func TestRunRefuses(t *testing.T) {
	full := cost.Span{End: 3600, Seconds: 3600}
	node := cost.NodeUsage{AssetID: "n", Name: "n", Span: full, CPUCapacity: 3600e6}
	for name, c := range map[string]struct {
		usage cost.HourUsage
		price cost.Money
		want  string
	}{
		"a price above a row's range": {
			usage: cost.HourUsage{Nodes: []cost.NodeUsage{node}},
			price: cost.MaxMoney, want: "out of range",
		},
		"a negative price": {
			usage: cost.HourUsage{Nodes: []cost.NodeUsage{node}},
			price: -1, want: "node n (n): CPU: hourly price -0.000000001 is negative",
		},
		"two assets of one id": {
			usage: cost.HourUsage{Nodes: []cost.NodeUsage{node}, Volumes: []cost.VolumeUsage{{AssetID: "n", Name: "pv"}}},
			want:  `volume pv: asset id "n" stands for a node and for a volume`,
		},
		"an asset without id": {
			usage: cost.HourUsage{LoadBalancers: []cost.LoadBalancerUsage{{Name: "a/web"}}},
			want:  "load balancer a/web: a load balancer has no asset id",
		},
		"a share of nobody": {
			usage: cost.HourUsage{Volumes: []cost.VolumeUsage{{AssetID: "v", Name: "pv", Shares: []cost.Share{{Container: 0, Weight: 1}}}}},
			want:  "volume pv: share of container 0, but there are 0",
		},
		"a negative share": {
			usage: cost.HourUsage{LoadBalancers: []cost.LoadBalancerUsage{{AssetID: "b", Name: "b", Unmounted: []cost.NamespaceShare{{Namespace: "a", Weight: -1}}}}},
			want:  "load balancer b: unmounted weight of a is -1",
		},
		"a span outside the hour": {
			usage: cost.HourUsage{Management: []cost.ManagementUsage{{AssetID: "m", Name: "EKS", Span: cost.Span{End: 3601}}}},
			want:  "cluster management EKS: span start=0 end=3601 seconds=0 does not lie within an hour",
		},
		"more coverage than an hour": {usage: cost.HourUsage{CoverageSeconds: 3601}, want: "coverage of 3601 seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			u := c.usage
			u.Hour, u.Cluster, u.CoverageSeconds = hourUnderTest, "demo", max(u.CoverageSeconds, 60)
			q := quoted{"n": {CPU: c.price, RAM: max(0, c.price), Source: "drawn"}}
			_, err := allocate.Run(u, q, allocate.Policy{})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "allocate cluster demo hour 2026-11-22T10Z: ") {
				t.Fatalf("error %v, want cluster, hour and %q", err, c.want)
			}
		})
	}
}

func TestCheckIdentityNamesTheDifference(t *testing.T) {
	err := allocate.CheckIdentity(allocate.Result{
		Assets:      []cost.Asset{{CPUCost: 10}},
		Allocations: []cost.Allocation{{CPUCost: 7}},
	})
	if !errors.Is(err, allocate.ErrIdentity) || !strings.Contains(err.Error(), "difference 3 nano-units") {
		t.Fatalf("error %v", err)
	}
}

func TestPolicyMinCoverage(t *testing.T) {
	u := cost.HourUsage{Hour: hourUnderTest, CoverageSeconds: 299, Management: []cost.ManagementUsage{{AssetID: "m"}}}
	for _, c := range []struct {
		least int32
		rows  int
	}{{0, 1}, {299, 1}, {300, 0}} {
		res, err := allocate.Run(u, quoted{}, allocate.Policy{MinCoverageSeconds: c.least})
		if err != nil || len(res.Allocations) != c.rows {
			t.Errorf("at least %d s: %d rows, %v; want %d", c.least, len(res.Allocations), err, c.rows)
		}
	}
}
