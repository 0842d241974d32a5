package collect

import (
	"cmp"
	"slices"
	"strings"
)

// Ingress is what the source says of one Ingress. Most are served by pods
// behind the Service of an ingress controller, whose balancer is that
// Service's. Some controllers make a balancer of the cloud for the Ingress
// itself: that is an asset of its own.
type Ingress struct {
	Present Series // any sample of the object
	Created Series // unix seconds

	class, group string
	addresses    map[string]struct{}
	services     map[string]struct{} // names of its backends, in its namespace
}

// Ingress returns the record of an Ingress, made at first sight.
func (in *Integrator) Ingress(namespace, name string) *Ingress {
	return record(in.ingresses, [2]string{namespace, name})
}

// SetClass records the name of the class of the Ingress, "" for none.
func (g *Ingress) SetClass(class string) { Prefer(&g.class, class) }

// SetGroup records the name under which ingresses share one balancer.
func (g *Ingress) SetGroup(group string) { Prefer(&g.group, group) }

// AddAddress records an address or host name of its balancer.
func (g *Ingress) AddAddress(a string) { addTo(&g.addresses, a) }

// AddBackend records a Service that it sends requests to.
func (g *Ingress) AddBackend(service string) { addTo(&g.services, service) }

// SetIngressClass records which controller serves a class.
func (in *Integrator) SetIngressClass(class, controller string) {
	old := in.classes[class]
	Prefer(&old, controller)
	in.classes[class] = old
}

// sharing is which ingresses of a controller share a balancer.
type sharing int

const (
	noBalancer sharing = iota // the controller is behind a Service of its own
	perIngress                // one each
	perGroup                  // one for all that name the same group, else one each
	perCluster                // one for all
)

// balancerControllers are the controllers that make balancers of the cloud, by
// the name in spec.controller of an IngressClass:
//   - AWS Load Balancer Controller, and that of EKS Auto Mode: an Application
//     Load Balancer per Ingress or IngressGroup
//     (kubernetes-sigs.github.io/aws-load-balancer-controller, "IngressGroup");
//   - GKE: an Application Load Balancer per Ingress; its classes are
//     annotations without an IngressClass, and no class at all means it
//     (cloud.google.com/kubernetes-engine/docs/concepts/ingress);
//   - Azure: one Application Gateway for the cluster
//     (azure.github.io/application-gateway-kubernetes-ingress).
var balancerControllers = map[string]sharing{
	"ingress.k8s.aws/alb":       perGroup,
	"eks.amazonaws.com/alb":     perGroup,
	"azure/application-gateway": perCluster,
	"gce":                       perIngress,
	"gce-internal":              perIngress,
}

// usualClasses are the classes that those controllers come with, for sources
// that do not tell the controller.
var usualClasses = map[string]string{
	"alb":                       "ingress.k8s.aws/alb",
	"azure-application-gateway": "azure/application-gateway",
	"azure/application-gateway": "azure/application-gateway",
	"gce":                       "gce",
	"gce-internal":              "gce-internal",
}

// ingressAddress names the balancer of an Ingress, "" where it has none of its
// own. The address is the best name; where the source has none, it is made of
// what the balancer belongs to.
func (in *Integrator) ingressAddress(k [2]string, g *Ingress, provider string) string {
	class := g.class
	if class == "" && provider == "GCP" {
		class = "gce"
	}
	controller := cmp.Or(in.classes[class], usualClasses[class])
	how := balancerControllers[controller]
	switch {
	case how == noBalancer:
		return ""
	case len(g.addresses) > 0:
		return sortedKeys(g.addresses, cmp.Compare[string])[0]
	case how == perCluster:
		return "ingress/" + class
	case how == perGroup && g.group != "":
		return "ingress/" + class + "/" + g.group
	}
	return "ingress/" + class + "/" + strings.Join(k[:], "/")
}

// behind returns the pods that the backends select, each once.
func (g *Ingress) behind(namespace string, selected map[[2]string][]*podRun) []*podRun {
	var pods []*podRun
	for _, s := range sortedKeys(g.services, cmp.Compare[string]) {
		for _, r := range selected[[2]string{namespace, s}] {
			if !slices.Contains(pods, r) {
				pods = append(pods, r)
			}
		}
	}
	slices.SortFunc(pods, func(a, b *podRun) int { return comparePodKeys(a.key, b.key) })
	return pods
}
