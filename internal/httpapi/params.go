package httpapi

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// The parameter structs are strings only: huma documents them, this package
// reads them, so that an empty one is an absent one and every error is ours.

// WindowParam is the parameter every cost route needs.
type WindowParam struct {
	Window string `query:"window" doc:"Required. today, yesterday, week, month, lastweek, lastmonth, 24h, 7d, 4w, '7d offset 1d' (ends exactly a day ago, so it is not aligned to days), 'last7d', or two times 'start,end' as RFC 3339 or Unix seconds. UTC; n-unit windows end with the unit that holds now. Rounded outwards to whole hours, with a warning." example:"7d"`
}

// SetParams say how an answer is cut along time.
type SetParams struct {
	Step         string `query:"step" doc:"Length of a set: 1h, 6h, 1d, 1w. At least 1h. Default: the whole window at the root, UTC days under /model."`
	Accumulate   string `query:"accumulate" doc:"true or all: one set; hour, day, week (from Sunday), month, quarter: sets by the calendar, UTC; false: the sets of step."`
	AccumulateBy string `query:"accumulateBy" doc:"As accumulate; accumulate wins."`
}

// ListParams sort and page.
type ListParams struct {
	SortBy      string `query:"sortBy" doc:"totalCost (default), cpuCost, ramCost, gpuCost, pvCost, …, name; for allocations also cpuEfficiency, ramEfficiency, totalEfficiency" example:"totalCost"`
	SortByOrder string `query:"sortByOrder" doc:"desc (default) or asc"`
	Offset      string `query:"offset" doc:"Rows of each set to leave out."`
	Limit       string `query:"limit" doc:"Rows of each set to answer; 0 or absent: all."`
	Format      string `query:"format" doc:"json (default) or csv"`
}

// AllocationFilterParams select allocations.
type AllocationFilterParams struct {
	Filter                string `query:"filter" doc:"Filter v2: key op value, joined by + (and) or | (or), with parentheses. Keys: cluster, node, namespace, controllerName, controllerKind, pod, container, provider, services, label[x], annotation[x], department, environment, owner, product, team. Operators: : !: ~: !~: <~: !<~: ~>: !~>:" example:"namespace:\"kube-system\"+cluster:\"prod\""`
	FilterClusters        string `query:"filterClusters" doc:"Filter v1, as the other filterX: comma-separated values, trailing * is a prefix. Read only where filter is absent."`
	FilterNodes           string `query:"filterNodes"`
	FilterNamespaces      string `query:"filterNamespaces"`
	FilterControllerKinds string `query:"filterControllerKinds"`
	FilterControllers     string `query:"filterControllers" doc:"name or kind:name"`
	FilterPods            string `query:"filterPods"`
	FilterContainers      string `query:"filterContainers"`
	FilterServices        string `query:"filterServices"`
	FilterProviders       string `query:"filterProviders"`
	FilterLabels          string `query:"filterLabels" doc:"key:value"`
	FilterAnnotations     string `query:"filterAnnotations" doc:"key:value"`
	FilterDepartments     string `query:"filterDepartments"`
	FilterEnvironments    string `query:"filterEnvironments"`
	FilterOwners          string `query:"filterOwners"`
	FilterProducts        string `query:"filterProducts"`
	FilterTeams           string `query:"filterTeams"`
}

// AllocationParams are the parameters of the allocation routes.
type AllocationParams struct {
	WindowParam
	Aggregate string `query:"aggregate" doc:"Comma-separated: cluster, node, namespace, controller, controllerKind, deployment, statefulset, daemonset, job, cronjob, pod, container, service, provider, label:x, annotation:x, department, environment, owner, product, team; or all. Absent: container by container." example:"cluster,namespace"`
	SetParams
	AllocationFilterParams

	Idle        string `query:"idle" doc:"Show idle as __idle__ rows. Default: false at the root, true under /model."`
	IncludeIdle string `query:"includeIdle" doc:"As idle, which wins."`
	IdleByNode  string `query:"idleByNode" doc:"Idle rows, and shares of idle, per node instead of per cluster."`
	SplitIdle   string `query:"splitIdle" doc:"Keep __idle__ apart per cluster (or node, with idleByNode)."`
	ShareIdle   string `query:"shareIdle" doc:"Spread idle over what ran, per resource and hour, in proportion to cost; also with idle=false. true or weighted; false or separate."`

	IncludeOverhead   string `query:"includeOverhead" doc:"Ours. Show overhead (boot disks, control planes) as __overhead__ rows. Default: false at the root; under /model shareTenancyCosts decides."`
	ShareTenancyCosts string `query:"shareTenancyCosts" doc:"Share overhead over what ran, in proportion to cost, within the cluster. Default: false at the root, true under /model."`
	ShareNamespaces   string `query:"shareNamespaces" doc:"Comma-separated namespaces whose cost is shared by all others; kube-* stands for all that begin so."`
	ShareLabels       string `query:"shareLabels" doc:"Comma-separated key:value labels whose workloads' cost is shared by all others."`
	ShareCost         string `query:"shareCost" doc:"A monthly amount, charged by the hour (÷ 730) once for the fleet and shared by all; stands outside the sum of assets."`
	ShareSplit        string `query:"shareSplit" doc:"weighted (default) by cost, or even"`
	ShareScope        string `query:"shareScope" doc:"Ours. With whom shareNamespaces and shareLabels share: cluster (default), each cluster's with its own workloads; or fleet, all with all, as Kubecost does"`

	IncludeSharedCostBreakdown string `query:"includeSharedCostBreakdown" doc:"Rows carry sharedCostBreakdown. Default: false at the root, true under /model."`
	ListParams

	// Known, without effect here; accepted so that clients see no warning.
	Reconcile    string `query:"reconcile" doc:"Accepted, without effect: no cloud bills are read yet."`
	Metadata     string `query:"includeAggregatedMetadata" doc:"Accepted, without effect: rows always carry the labels that all their workloads share."`
	Proportional string `query:"includeProportionalAssetResourceCosts" doc:"Accepted, without effect: the field is null."`
	ShareLB      string `query:"sharelb" doc:"Accepted, without effect: load balancers are always split over their pods."`
}

// AssetParams are the parameters of the asset routes.
type AssetParams struct {
	WindowParam
	Aggregate string `query:"aggregate" doc:"Comma-separated: type, category, cluster, provider, providerID, account, project, service, name, region, zone, instanceType, capacityType, nodePool, storageClass, label:x, department, …; or all. Absent: asset by asset." example:"cluster,type"`
	SetParams
	Filter             string `query:"filter" doc:"Filter v2 over name, assetType, category, cluster, project, provider, providerID, account, service, label[x], region, zone, instanceType, capacityType, nodePool, storageClass" example:"assetType:\"node\""`
	FilterTypes        string `query:"filterTypes" doc:"Filter v1, as the other filterX. Read only where filter is absent."`
	FilterClusters     string `query:"filterClusters"`
	FilterCategories   string `query:"filterCategories"`
	FilterProjects     string `query:"filterProjects"`
	FilterProviders    string `query:"filterProviders"`
	FilterProviderIDs  string `query:"filterProviderIDs"`
	FilterAccounts     string `query:"filterAccounts"`
	FilterServices     string `query:"filterServices"`
	FilterNames        string `query:"filterNames"`
	FilterLabels       string `query:"filterLabels"`
	FilterDepartments  string `query:"filterDepartments"`
	FilterEnvironments string `query:"filterEnvironments"`
	FilterOwners       string `query:"filterOwners"`
	FilterProducts     string `query:"filterProducts"`
	FilterTeams        string `query:"filterTeams"`
	ListParams

	IncludeIdle        string `query:"includeIdle" doc:"Accepted, without effect: assets carry their whole cost, idle included."`
	DisableAdjustments string `query:"disableAdjustments" doc:"Accepted, without effect: no cloud bills are read yet."`
	Reconcile          string `query:"reconcile" doc:"Accepted, without effect: no cloud bills are read yet."`
}

// AutocompleteParams are the parameters of the autocomplete routes.
type AutocompleteParams struct {
	WindowParam
	Field  string `query:"field" doc:"Required. A property; label for the label keys, label:x for the values of one." example:"namespace"`
	Search string `query:"search" doc:"Part of the value, in any case."`
	Filter string `query:"filter" doc:"Filter v2."`
	Limit  string `query:"limit" doc:"At most this many; default 25." example:"25"`
}

// reader reads parameters one by one, keeps the first error, and collects
// warnings.
type reader struct {
	warnings []string
	err      error
}

func (p *reader) fail(param, reason, hint string) {
	if p.err == nil {
		p.err = &query.Error{Code: query.CodeInvalid, Param: param, Reason: reason, Hint: hint}
	}
}

func (p *reader) check(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *reader) warn(format string, args ...any) {
	p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
}

// boolean reads a switch. given is false when the parameter is absent.
func (p *reader) boolean(param, text string) (value, given bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return false, false
	}
	value, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		p.fail(param, fmt.Sprintf("%q is neither true nor false", text), "write true or false")
	}
	return value, true
}

func (p *reader) booleanOr(param, text string, absent bool) bool {
	if v, given := p.boolean(param, text); given {
		return v
	}
	return absent
}

// count reads a number of rows.
func (p *reader) count(param, text string, absent int) int {
	text = strings.TrimSpace(text)
	if text == "" {
		return absent
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		p.fail(param, fmt.Sprintf("%q is not a number of rows", text), "write 0 or more")
	}
	return int(n)
}

// money reads an amount in units of currency.
func (p *reader) money(param, text string) cost.Money {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || f < 0 {
		p.fail(param, fmt.Sprintf("%q is not an amount", text), "write a monthly amount such as 1200 or 99.5")
		return 0
	}
	m, err := cost.MoneyOf(f)
	if err != nil {
		p.fail(param, fmt.Sprintf("%q is too large", text), "amounts end at 999,999,999")
	}
	return m
}

// choice reads one of a few words.
func (p *reader) choice(param, text, absent string, words ...string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return absent
	}
	for _, w := range words {
		if text == w {
			return w
		}
	}
	p.fail(param, fmt.Sprintf("%q is not known", text), "use "+strings.Join(words, " or "))
	return absent
}

// list reads a comma-separated list; empty parts are dropped.
func list(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
