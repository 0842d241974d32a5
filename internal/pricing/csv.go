package pricing

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// The columns of a price list. EndTimestamp and Version are accepted and, as
// in Kubecost, unused.
var (
	csvColumns  = []string{"EndTimestamp", "InstanceID", "Region", "AssetClass", "InstanceIDField", "InstanceType", "MarketPriceHourly", "Version"}
	csvRequired = []string{"InstanceID", "AssetClass", "MarketPriceHourly"}
)

// maxCSVRows bounds what a price list may hold.
const maxCSVRows = 1_000_000

// listed is one row of a price list.
type listed struct {
	field        string // where InstanceID is found; "" for any identity
	region       string
	instanceType string
	price        float64
}

// priceList is an operator's price list, indexed by what identifies an asset.
type priceList struct {
	nodes, volumes map[string][]listed // by InstanceID
	types          map[string][]listed // nodes without InstanceID, by InstanceType
	gpus           map[string][]listed // by InstanceID, the model
	labels         bool                // whether any row looks at a label
}

// nodePrice is a listed machine and each of its GPUs, per hour.
type nodePrice struct{ price, gpu float64 }

func openCSV(c Config) (*priceList, error) {
	name := c.CSVPath
	switch {
	case c.CSV != nil:
		if name == "" {
			name = "price list"
		}
		return readCSV(name, c.CSV)
	case name == "":
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open price list: %w", err)
	}
	defer f.Close()
	return readCSV(name, f)
}

// readCSV reads a price list with the columns of csvColumns in any order. Every
// fault of the first maxCSVFaults is reported with file, line, column, value
// and the fix.
func readCSV(name string, in io.Reader) (*priceList, error) {
	r := csv.NewReader(skipBOM(in))
	r.TrimLeadingSpace, r.ReuseRecord, r.FieldsPerRecord = true, true, -1
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: the file is empty: its first line must be %s", name, strings.Join(csvColumns, ","))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	columns, err := csvHeader(name, header)
	if err != nil {
		return nil, err
	}
	list := &priceList{
		nodes: map[string][]listed{}, volumes: map[string][]listed{},
		types: map[string][]listed{}, gpus: map[string][]listed{},
	}
	var faults []error
	for rows := 0; len(faults) < maxCSVFaults; rows++ {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
			break
		}
		line, _ := r.FieldPos(0)
		if rows >= maxCSVRows {
			return nil, fmt.Errorf("%s: line %d: more than %d rows; split the list by cluster", name, line, maxCSVRows)
		}
		if err := list.add(record, columns); err != nil {
			faults = append(faults, fmt.Errorf("%s: line %d: %w", name, line, err))
		}
	}
	return list, errors.Join(faults...)
}

// maxCSVFaults is how many faults of one file are worth reading at once.
const maxCSVFaults = 20

func skipBOM(in io.Reader) io.Reader {
	b := bufio.NewReader(in)
	if r, _, err := b.ReadRune(); err == nil && r != '\ufeff' {
		_ = b.UnreadRune() // cannot fail right after ReadRune
	}
	return b
}

// csvHeader maps column names to their places. Names are matched without
// regard to case, since Kubecost's own examples differ in it.
func csvHeader(name string, header []string) (map[string]int, error) {
	columns := make(map[string]int, len(header))
	for i, h := range header {
		k := slices.IndexFunc(csvColumns, func(c string) bool { return strings.EqualFold(c, strings.TrimSpace(h)) })
		if k < 0 {
			return nil, fmt.Errorf("%s: line 1: column %d is %q: the columns are %s", name, i+1, h, strings.Join(csvColumns, ","))
		}
		if _, twice := columns[csvColumns[k]]; twice {
			return nil, fmt.Errorf("%s: line 1: column %s stands there twice: remove one", name, csvColumns[k])
		}
		columns[csvColumns[k]] = i
	}
	for _, c := range csvRequired {
		if _, ok := columns[c]; !ok {
			return nil, fmt.Errorf("%s: line 1: column %s is missing: the columns are %s", name, c, strings.Join(csvColumns, ","))
		}
	}
	return columns, nil
}

// add takes one row in. The error names the column and the value.
func (p *priceList) add(record []string, columns map[string]int) error {
	get := func(column string) string {
		if i, ok := columns[column]; ok && i < len(record) {
			return strings.TrimSpace(record[i])
		}
		return ""
	}
	if len(record) != len(columns) {
		return fmt.Errorf("%d fields, but the first line names %d columns: quote a field that holds a comma", len(record), len(columns))
	}
	text := get("MarketPriceHourly")
	price, err := strconv.ParseFloat(text, 64)
	if err != nil || !(price >= 0 && price <= maxHourly) {
		return fmt.Errorf("column MarketPriceHourly: %q is not a price per hour: write a number from 0 to %d, such as 0.096", text, int(maxHourly))
	}
	id := get("InstanceID")
	row := listed{field: get("InstanceIDField"), region: get("Region"), instanceType: get("InstanceType"), price: price}
	var into map[string][]listed
	switch class := strings.ToLower(get("AssetClass")); class {
	case "node":
		into = p.nodes
		if id == "" {
			if row.instanceType == "" {
				return errors.New("column InstanceID: a node needs an InstanceID or an InstanceType, and both are empty")
			}
			p.types[row.instanceType] = append(p.types[row.instanceType], row)
			return nil
		}
	case "pv":
		into = p.volumes
	case "gpu":
		into = p.gpus
	default:
		return fmt.Errorf("column AssetClass: %q is not a class: write node, pv or gpu", get("AssetClass"))
	}
	if id == "" {
		return fmt.Errorf("column InstanceID: empty: name the %s it prices", get("AssetClass"))
	}
	if _, isLabel := labelOf(row.field); isLabel {
		p.labels = true
	}
	into[id] = append(into[id], row)
	return nil
}

// labelOf returns the canonical key of a field such as
// "metadata.labels.node.kubernetes.io/instance-type".
func labelOf(field string) (string, bool) {
	key, ok := strings.CutPrefix(field, "metadata.labels.")
	return cost.SanitizeLabel(key), ok
}

// inRegion tells whether the row applies to a region; a row without one applies
// to all.
func (r *listed) inRegion(region string) bool {
	return r.region == "" || strings.EqualFold(r.region, region)
}

// node looks a node up: by identity first, then by machine type. GPUs have a
// price of their own only beside a node's.
func (p *priceList) node(n *cost.NodeUsage, size capacity) (nodePrice, bool) {
	if p == nil {
		return nodePrice{}, false
	}
	row, ok := p.byIdentity(n)
	if !ok {
		row, ok = best(p.types[n.InstanceType], n.Region, func(*listed) bool { return true })
	}
	if !ok {
		return nodePrice{}, false
	}
	out := nodePrice{price: row.price}
	if size.gpus > 0 && n.GPUModel != "" {
		gpu, _ := best(p.gpus[n.GPUModel], n.Region, func(*listed) bool { return true })
		out.gpu = gpu.price
	}
	return out, true
}

func (p *priceList) byIdentity(n *cost.NodeUsage) (listed, bool) {
	is := func(field string) func(*listed) bool {
		return func(r *listed) bool { return r.field == "" || strings.EqualFold(r.field, field) }
	}
	ids := []string{n.ProviderID}
	if i := strings.LastIndexByte(n.ProviderID, '/'); i >= 0 {
		// A list may hold "i-0abc" where the node says "aws:///us-east-1a/i-0abc".
		ids = append(ids, n.ProviderID[i+1:])
	}
	for _, id := range ids {
		if row, ok := best(p.nodes[id], n.Region, is("spec.providerID")); ok && id != "" {
			return row, true
		}
	}
	if row, ok := best(p.nodes[n.Name], n.Region, is("metadata.name")); ok {
		return row, true
	}
	if !p.labels {
		return listed{}, false
	}
	labels := n.Labels.Map()
	keys := make([]string, 0, len(labels))
	for k := range labels {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		row, ok := best(p.nodes[labels[k]], n.Region, func(r *listed) bool {
			key, isLabel := labelOf(r.field)
			return isLabel && key == k
		})
		if ok {
			return row, true
		}
	}
	return listed{}, false
}

// volume returns the price of a volume per GiB and hour.
func (p *priceList) volume(v *cost.VolumeUsage) (float64, bool) {
	if p == nil {
		return 0, false
	}
	for _, id := range []string{v.Name, v.AssetID, v.ProviderID} {
		if id == "" {
			continue
		}
		if row, ok := best(p.volumes[id], v.Region, func(*listed) bool { return true }); ok {
			return row.price, true
		}
	}
	return 0, false
}

// best picks the row that applies: one that names the region before one that
// does not, and the last of equals, so that a correction may be appended.
func best(rows []listed, region string, applies func(*listed) bool) (listed, bool) {
	var out listed
	found := false
	for i := range rows {
		r := &rows[i]
		if !r.inRegion(region) || !applies(r) || (found && out.region != "" && r.region == "") {
			continue
		}
		out, found = *r, true
	}
	return out, found
}
