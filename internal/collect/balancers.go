package collect

import (
	"cmp"
	"slices"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Service is what the source says of one Service.
type Service struct {
	LoadBalancer bool   // it asks for a balancer
	Present      Series // any sample of the object
	Created      Series // unix seconds
	Price        Series // currency per hour

	requested string // address that its spec asks for
	addresses map[string]struct{}
	pods      map[string]struct{} // names of selected pods
	ips       map[string]struct{} // addresses of selected pods
	selector  map[string]string
}

// Service returns the record of a Service, made at first sight.
func (in *Integrator) Service(namespace, name string) *Service {
	return record(in.services, [2]string{namespace, name})
}

// AddAddress records an address or host name of the service's balancer.
func (s *Service) AddAddress(a string) { addTo(&s.addresses, a) }

// SetRequestedAddress records the address that the service's spec asks for. It
// counts until the balancer has one of its own.
func (s *Service) SetRequestedAddress(a string) { Prefer(&s.requested, a) }

// address names the service's balancer, "" while it has none. Of several
// addresses (dual stack) one stands for all.
func (s *Service) address() string {
	if len(s.addresses) == 0 {
		return s.requested
	}
	return sortedKeys(s.addresses, cmp.Compare[string])[0]
}

// AddPod records a pod, by name, that the service selects.
func (s *Service) AddPod(name string) { addTo(&s.pods, name) }

// AddPodIP records a pod, by address, that the service selects.
func (s *Service) AddPodIP(ip string) { addTo(&s.ips, ip) }

// SetSelector records the service's selector, for sources without endpoints.
func (s *Service) SetSelector(m map[string]string) { s.selector = m }

func addTo(m *map[string]struct{}, k string) {
	if k == "" {
		return
	}
	if *m == nil {
		*m = map[string]struct{}{}
	}
	(*m)[k] = struct{}{}
}

// selectPods names the services of each pod and returns the pods of each.
func (in *Integrator) selectPods(runs []*podRun) map[[2]string][]*podRun {
	byName, byIP, byNamespace := map[[2]string][]*podRun{}, map[[2]string][]*podRun{}, map[string][]*podRun{}
	for _, r := range runs {
		byName[[2]string{r.key.Namespace, r.key.Pod}] = append(byName[[2]string{r.key.Namespace, r.key.Pod}], r)
		byNamespace[r.key.Namespace] = append(byNamespace[r.key.Namespace], r)
		if r.pod.IP != "" && !r.pod.HostNetwork {
			byIP[[2]string{r.key.Namespace, r.pod.IP}] = append(byIP[[2]string{r.key.Namespace, r.pod.IP}], r)
		}
	}
	out := map[[2]string][]*podRun{}
	for _, k := range sortedKeys(in.services, comparePairs) {
		s := in.services[k]
		chosen := map[*podRun]bool{}
		for p := range s.pods {
			for _, r := range byName[[2]string{k[0], p}] {
				chosen[r] = true
			}
		}
		for ip := range s.ips {
			for _, r := range byIP[[2]string{k[0], ip}] {
				chosen[r] = true
			}
		}
		if len(s.pods)+len(s.ips) == 0 && len(s.selector) > 0 {
			for _, r := range byNamespace[k[0]] {
				if selects(s.selector, r.pod.labels.m) {
					chosen[r] = true
				}
			}
		}
		for r := range chosen {
			r.services = append(r.services, k[1])
			out[k] = append(out[k], r)
		}
		slices.SortFunc(out[k], func(a, b *podRun) int { return comparePodKeys(a.key, b.key) })
	}
	return out
}

func selects(selector, labels map[string]string) bool {
	canonical := make(map[string]string, len(labels))
	for k, v := range labels {
		canonical[cost.SanitizeLabel(k)] = v
	}
	for k, v := range selector {
		if canonical[cost.SanitizeLabel(k)] != v {
			return false
		}
	}
	return true
}

func comparePairs(a, b [2]string) int {
	return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
}

// front is a Service or Ingress with a share in a balancer.
type front struct {
	namespace, name         string
	present, created, price *Series
	pods                    []*podRun
}

// balancers integrates the load balancers: one asset per address, shared by
// the services and ingresses that have it.
func (in *Integrator) balancers(covered spans, selected map[[2]string][]*podRun, provider, region string) []cost.LoadBalancerUsage {
	byAddress := map[string][]front{}
	for _, k := range sortedKeys(in.services, comparePairs) {
		s := in.services[k]
		if a := s.address(); s.LoadBalancer && a != "" {
			byAddress[a] = append(byAddress[a], front{k[0], k[1], &s.Present, &s.Created, &s.Price, selected[k]})
		}
	}
	for _, k := range sortedKeys(in.ingresses, comparePairs) {
		g := in.ingresses[k]
		if a := in.ingressAddress(k, g, provider); a != "" {
			byAddress[a] = append(byAddress[a], front{k[0], k[1], &g.Present, &g.Created, &Series{}, g.behind(k[0], selected)})
		}
	}
	var out []cost.LoadBalancerUsage
	for _, a := range sortedKeys(byAddress, cmp.Compare[string]) {
		if u, ok := in.balancerUsage(a, byAddress[a], covered); ok {
			u.Provider, u.Region, u.OnPremises = provider, region, provider == ""
			out = append(out, u)
		}
	}
	return out
}

func (in *Integrator) balancerUsage(address string, fronts []front, covered spans) (cost.LoadBalancerUsage, bool) {
	u := cost.LoadBalancerUsage{AssetID: address, Name: fronts[0].namespace + "/" + fronts[0].name}
	var exists spans
	each := make([]spans, len(fronts))
	var all []*podRun
	for i, f := range fronts {
		each[i] = in.existence(covered, in.sampled(f.present), in.since(f.created), unknownEdge).clip(in.start, in.end)
		exists = exists.union(each[i]...)
		all = append(all, f.pods...)
		if p, ok := f.price.mean(in.start, in.end); ok {
			u.PriceHour = &p
		}
	}
	if len(exists) == 0 {
		return u, false
	}
	u.Span = in.span(exists)
	weights, rest := map[int]int64{}, map[string]int64{}
	// Cut also where a service or ingress begins or ends.
	pieces := exists
	for _, e := range each {
		pieces = pieces.cutAt(e)
	}
	sweep(pieces, all, func(us, at int64) {
		var live []int
		for i := range fronts {
			if each[i].contains(at) {
				live = append(live, i)
			}
		}
		for j, i := range live {
			part := splitEven(us, len(live), j)
			if !sharePods(part, at, fronts[i].pods, weights) {
				rest[fronts[i].namespace] += part
			}
		}
	})
	u.Shares = shares(weights)
	for _, ns := range sortedKeys(rest, cmp.Compare[string]) {
		if rest[ns] > 0 {
			u.Unmounted = append(u.Unmounted, cost.NamespaceShare{Namespace: ns, Weight: rest[ns]})
		}
	}
	return u, true
}

// cutAt returns the set with its intervals cut at the edges of o.
func (s spans) cutAt(o spans) spans {
	for _, v := range o {
		for _, t := range []int64{v.a, v.b} {
			var out spans
			for _, x := range s {
				if x.a < t && t < x.b {
					out = append(out, interval{x.a, t}, interval{t, x.b})
				} else {
					out = append(out, x)
				}
			}
			s = out
		}
	}
	return s
}
