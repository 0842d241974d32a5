package allocate_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/fleetcost/fleetcost/internal/allocate"
	"github.com/fleetcost/fleetcost/internal/cost"
)

var update = flag.Bool("update", false, "rewrite the expected tables of the scenarios")

// hourUnderTest is the hour of every scenario: 2026-11-22T10Z.
const hourUnderTest = cost.Hour(498706)

// TestScenarios runs testdata/*.txtar. A scenario is a story in prose, then
// tables: what the cluster had (nodes, containers, volumes, load_balancers,
// management), what it cost per hour (prices), and the rows expected of it
// (assets, allocations, attachments), with the columns that the story is
// about. testdata/README.md explains every column.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := parseScenario(t, archive)
			res, err := allocate.Run(s.usage, s.prices, allocate.Policy{})
			checkScenario(t, file, archive, res, err)
		})
	}
}

func checkScenario(t *testing.T, file string, archive *txtar.Archive, res allocate.Result, err error) {
	t.Helper()
	expected := 0
	for i := range archive.Files {
		f := &archive.Files[i]
		var got string
		switch f.Name {
		case "expect assets":
			got = render(t, f, res.Assets, assetColumns)
		case "expect allocations":
			got = render(t, f, res.Allocations, allocationColumns)
		case "expect attachments":
			got = render(t, f, res.Attachments, attachmentColumns)
		case "expect error":
			got = fmt.Sprintln(err)
			err = nil
		default:
			continue
		}
		expected++
		if diff := cmp.Diff(string(f.Data), got); diff != "" && !*update {
			t.Errorf("%s (-want +got):\n%s", f.Name, diff)
		}
		f.Data = []byte(got)
	}
	if err != nil {
		t.Error(err)
	}
	if expected == 0 {
		t.Error("the scenario expects nothing")
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// scenario is a parsed txtar.
type scenario struct {
	usage  cost.HourUsage
	prices table
}

// row is one line of a table by column; absent and "-" are "".
type row map[string]string

func rows(t *testing.T, f txtar.File) []row {
	t.Helper()
	var head []string
	var out []row
	for _, line := range strings.Split(string(f.Data), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if head == nil {
			head = fields
			continue
		}
		if len(fields) != len(head) {
			t.Fatalf("%s: %q has %d fields, the head %d; write - for nothing", f.Name, line, len(fields), len(head))
		}
		r := row{}
		for i, h := range head {
			if fields[i] != "-" {
				r[h] = fields[i]
			}
		}
		out = append(out, r)
	}
	return out
}

func (r row) num(t *testing.T, column string) float64 {
	t.Helper()
	if r[column] == "" {
		return 0
	}
	v, err := strconv.ParseFloat(r[column], 64)
	if err != nil {
		t.Fatalf("column %s: %v", column, err)
	}
	return v
}

// span reads the column minutes, "from-to" within the hour, and the column
// observed, the minutes with data; both default to all.
func (r row) span(t *testing.T) cost.Span {
	t.Helper()
	s := cost.Span{End: 3600}
	if m := r["minutes"]; m != "" {
		from, to, ok := strings.Cut(m, "-")
		a, errA := strconv.ParseFloat(from, 64)
		b, errB := strconv.ParseFloat(to, 64)
		if !ok || errA != nil || errB != nil {
			t.Fatalf("minutes %q: write from-to", m)
		}
		s.Start, s.End = int32(a*60), int32(b*60)
	}
	s.Seconds = s.End - s.Start
	if r["observed"] != "" {
		s.Seconds = int32(r.num(t, "observed") * 60)
	}
	return s
}

// integral is the column's mean value over the span, in units of scale.
func (r row) integral(t *testing.T, column string, scale float64) int64 {
	return int64(math.Round(r.num(t, column) * scale * float64(r.span(t).Seconds)))
}

func parseScenario(t *testing.T, archive *txtar.Archive) scenario {
	t.Helper()
	s := scenario{
		usage:  cost.HourUsage{Hour: hourUnderTest, Cluster: "demo", CoverageSeconds: 3600},
		prices: table{},
	}
	containers := map[string]int{} // by pod/container
	names := map[string]string{}   // of nodes, by id
	for _, f := range archive.Files {
		switch f.Name {
		case "nodes":
			for _, r := range rows(t, f) {
				names[r["id"]] = r["name"]
			}
		case "containers":
			for _, r := range rows(t, f) {
				containers[r["pod"]+"/"+r["container"]] = len(s.usage.Containers)
				s.usage.Containers = append(s.usage.Containers, r.container(t))
			}
		}
	}
	for i := range s.usage.Containers {
		c := &s.usage.Containers[i]
		c.Node = names[c.NodeAssetID]
	}
	for _, f := range archive.Files {
		for _, r := range rows(t, f) {
			switch f.Name {
			case "hour":
				s.usage.CoverageSeconds = int32(60 * r.num(t, "covered_minutes"))
			case "nodes":
				s.usage.Nodes = append(s.usage.Nodes, r.node(t))
			case "volumes":
				v := r.volume(t)
				v.Shares = shares(t, r["held_by"], containers)
				s.usage.Volumes = append(s.usage.Volumes, v)
			case "load_balancers":
				b := cost.LoadBalancerUsage{AssetID: r["address"], Name: r["service"], Span: r.span(t), Shares: shares(t, r["held_by"], containers)}
				for _, part := range list(r["unheld"]) {
					ns, minutes := minutesOf(t, part)
					b.Unmounted = append(b.Unmounted, cost.NamespaceShare{Namespace: ns, Weight: minutes})
				}
				s.usage.LoadBalancers = append(s.usage.LoadBalancers, b)
			case "management":
				s.usage.Management = append(s.usage.Management, cost.ManagementUsage{AssetID: r["id"], Name: r["name"], Service: r["service"], Span: r.span(t)})
			case "prices":
				s.prices[r["of"]] = r
			}
		}
	}
	return s
}

const gibibyte = 1 << 30

func (r row) node(t *testing.T) cost.NodeUsage {
	return cost.NodeUsage{
		AssetID: r["id"], Name: r["name"], InstanceType: r["type"], GPUModel: r["gpu_model"], Span: r.span(t),
		PodBilled:   r["pod_billed"] == "yes",
		CPUCapacity: r.integral(t, "cores", 1e6), CPUAllocatable: r.integral(t, "allocatable_cores", 1e6),
		RAMCapacity: r.integral(t, "gib", gibibyte), RAMAllocatable: r.integral(t, "allocatable_gib", gibibyte),
		GPUCapacity: r.integral(t, "gpus", 1e6), BootDisk: r.integral(t, "boot_gib", gibibyte),
	}
}

func (r row) container(t *testing.T) cost.ContainerUsage {
	return cost.ContainerUsage{
		NodeAssetID: r["node"], Namespace: r["namespace"], Pod: r["pod"], PodUID: r["uid"],
		Container: r["container"], Span: r.span(t),
		CPUAllocated: r.integral(t, "cores", 1e6), RAMAllocated: r.integral(t, "gib", gibibyte),
		GPUAllocated:         r.integral(t, "gpus", 1e6),
		NetworkTransferBytes: int64(r.num(t, "sent")), NetworkReceiveBytes: int64(r.num(t, "received")),
	}
}

func (r row) volume(t *testing.T) cost.VolumeUsage {
	namespace, claim, _ := strings.Cut(r["claim"], "/")
	kind := cost.VolumeKind(r["kind"])
	if kind == "" {
		kind = cost.VolumeBlock
	}
	return cost.VolumeUsage{
		AssetID: r["id"], Name: r["name"], Kind: kind, ClaimNamespace: namespace, ClaimName: claim,
		Span: r.span(t), Capacity: r.integral(t, "gib", gibibyte),
		Unmounted: int64(60e6 * r.num(t, "unheld")),
	}
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// minutesOf reads "name=minutes" into the name and a weight.
func minutesOf(t *testing.T, part string) (string, int64) {
	t.Helper()
	name, text, ok := strings.Cut(part, "=")
	minutes, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil {
		t.Fatalf("%q: write name=minutes", part)
	}
	return name, int64(math.Round(minutes * 60e6))
}

func shares(t *testing.T, text string, containers map[string]int) []cost.Share {
	t.Helper()
	var out []cost.Share
	for _, part := range list(text) {
		name, weight := minutesOf(t, part)
		i, ok := containers[name]
		if !ok {
			t.Fatalf("%q is no container of the scenario; write pod/container=minutes", name)
		}
		out = append(out, cost.Share{Container: i, Weight: weight})
	}
	return out
}

// table is the prices of a scenario by asset id. The row "inferred" holds
// rates per core, GiB and GPU for nodes nobody knows.
type table map[string]row

func (p table) money(of, column string, units float64) cost.Money {
	v, err := strconv.ParseFloat(p[of][column], 64)
	if err != nil {
		return 0
	}
	m, err := cost.MoneyOf(v * units)
	if err != nil {
		return cost.MaxMoney
	}
	return m
}

func (p table) price(of string) cost.Price {
	return cost.Price{Hourly: p.money(of, "hourly", 1), Source: p.source(of)}
}

func (p table) source(of string) string {
	if s := p[of]["source"]; s != "" {
		return s
	}
	return "default"
}

func (p table) Node(n cost.NodeUsage) cost.NodePrice {
	return cost.NodePrice{
		CPU: p.money(n.AssetID, "cpu", 1), RAM: p.money(n.AssetID, "ram", 1), GPU: p.money(n.AssetID, "gpu", 1),
		Source: p.source(n.AssetID),
	}
}

func (p table) InferredNode(n cost.NodeUsage) cost.NodePrice {
	s := float64(n.Span.Seconds)
	return cost.NodePrice{
		CPU:    p.money("inferred", "cpu", float64(n.CPUCapacity)/1e6/s),
		RAM:    p.money("inferred", "ram", float64(n.RAMCapacity)/gibibyte/s),
		GPU:    p.money("inferred", "gpu", float64(n.GPUCapacity)/1e6/s),
		Source: p.source("inferred"),
	}
}

func (p table) BootDisk(n cost.NodeUsage) cost.Price             { return p.price(n.AssetID + "/boot-disk") }
func (p table) Volume(v cost.VolumeUsage) cost.Price             { return p.price(v.AssetID) }
func (p table) LoadBalancer(b cost.LoadBalancerUsage) cost.Price { return p.price(b.AssetID) }
func (p table) Management(m cost.ManagementUsage) cost.Price     { return p.price(m.AssetID) }

func millionths(v int64) string { return trim(fmt.Sprintf("%d.%06d", v/1e6, v%1e6)) }
func gibHours(v int64) string {
	return trim(strconv.FormatFloat(math.Round(float64(v)/gibibyte*1e6)/1e6, 'f', 6, 64))
}
func money(m cost.Money) string { return trim(m.String()) }
func trim(s string) string      { return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") }
func number[T int32 | int64](v T) string {
	return strconv.FormatInt(int64(v), 10)
}

// column shows one field of a row.
type column[T any] func(*T) string

var allocationColumns = map[string]column[cost.Allocation]{
	"kind":      func(r *cost.Allocation) string { return string(r.Kind) },
	"namespace": func(r *cost.Allocation) string { return r.Namespace },
	"pod":       func(r *cost.Allocation) string { return r.Pod },
	"uid":       func(r *cost.Allocation) string { return r.PodUID },
	"container": func(r *cost.Allocation) string { return r.Container },
	"node":      func(r *cost.Allocation) string { return r.Node },
	"asset":     func(r *cost.Allocation) string { return r.AssetID },
	"core_h":    func(r *cost.Allocation) string { return millionths(r.CPUAllocatedCoreHours) },
	"gib_h":     func(r *cost.Allocation) string { return gibHours(r.RAMAllocatedByteHours) },
	"gpu_h":     func(r *cost.Allocation) string { return millionths(r.GPUAllocatedHours) },
	"pv_gib_h":  func(r *cost.Allocation) string { return gibHours(r.PVByteHours) },
	"cpu":       func(r *cost.Allocation) string { return money(r.CPUCost) },
	"ram":       func(r *cost.Allocation) string { return money(r.RAMCost) },
	"gpu":       func(r *cost.Allocation) string { return money(r.GPUCost) },
	"pv":        func(r *cost.Allocation) string { return money(r.PVCost) },
	"lb":        func(r *cost.Allocation) string { return money(r.LBCost) },
	"overhead":  func(r *cost.Allocation) string { return money(r.OverheadCost) },
	"total":     func(r *cost.Allocation) string { return money(r.Total()) },
	"of_it_reserved": func(r *cost.Allocation) string {
		return money(r.CPUReservedCost + r.RAMReservedCost)
	},
	"sent":     func(r *cost.Allocation) string { return number(r.NetworkTransferBytes) },
	"received": func(r *cost.Allocation) string { return number(r.NetworkReceiveBytes) },
	"run_s":    func(r *cost.Allocation) string { return number(r.RunSeconds) },
	"covered_s": func(r *cost.Allocation) string {
		return number(r.CoverageSeconds)
	},
	"source": func(r *cost.Allocation) string { return r.PriceSource },
}

var assetColumns = map[string]column[cost.Asset]{
	"type":       func(r *cost.Asset) string { return string(r.Type) },
	"asset":      func(r *cost.Asset) string { return r.AssetID },
	"name":       func(r *cost.Asset) string { return r.Name },
	"core_h":     func(r *cost.Asset) string { return millionths(r.CPUCoreHours) },
	"gib_h":      func(r *cost.Asset) string { return gibHours(r.RAMByteHours) },
	"gpu_h":      func(r *cost.Asset) string { return millionths(r.GPUHours) },
	"disk_gib_h": func(r *cost.Asset) string { return gibHours(r.ByteHours) },
	"cpu":        func(r *cost.Asset) string { return money(r.CPUCost) },
	"ram":        func(r *cost.Asset) string { return money(r.RAMCost) },
	"gpu":        func(r *cost.Asset) string { return money(r.GPUCost) },
	"other":      func(r *cost.Asset) string { return money(r.Cost) },
	"total":      func(r *cost.Asset) string { return money(r.Total()) },
	"scale":      func(r *cost.Asset) string { return millionths(r.CPUScale) + "," + millionths(r.RAMScale) },
	"overhead":   func(r *cost.Asset) string { return strconv.FormatBool(r.Overhead) },
	"inferred":   func(r *cost.Asset) string { return strconv.FormatBool(r.Inferred) },
	"run_s":      func(r *cost.Asset) string { return number(r.RunSeconds) },
	"sent":       func(r *cost.Asset) string { return number(r.TransferBytes) },
	"received":   func(r *cost.Asset) string { return number(r.ReceiveBytes) },
	"source":     func(r *cost.Asset) string { return r.PriceSource },
}

var attachmentColumns = map[string]column[cost.Attachment]{
	"type":      func(r *cost.Attachment) string { return string(r.Type) },
	"asset":     func(r *cost.Attachment) string { return r.AssetID },
	"name":      func(r *cost.Attachment) string { return r.Name },
	"pod":       func(r *cost.Attachment) string { return r.Pod },
	"container": func(r *cost.Attachment) string { return r.Container },
	"gib_h":     func(r *cost.Attachment) string { return gibHours(r.ByteHours) },
	"hours":     func(r *cost.Attachment) string { return millionths(r.Hours) },
	"cost":      func(r *cost.Attachment) string { return money(r.Cost) },
}

// render writes rows as a table with the columns of the expected one's head.
func render[T any](t *testing.T, f *txtar.File, rows []T, columns map[string]column[T]) string {
	t.Helper()
	line, _, _ := strings.Cut(string(f.Data), "\n")
	head := strings.Fields(line)
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(head, "\t"))
	for i := range rows {
		cells := make([]string, len(head))
		for k, h := range head {
			show, ok := columns[h]
			if !ok {
				t.Fatalf("%s: no column %q", f.Name, h)
			}
			if cells[k] = show(&rows[i]); cells[k] == "" {
				cells[k] = "-"
			}
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	w.Flush()
	return out.String()
}
