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

// csvColumns are the columns of a price list, in Kubecost's format. As there,
// EndTimestamp and Version are accepted and unused.
const csvColumns = "EndTimestamp,InstanceID,Region,AssetClass,InstanceIDField,InstanceType,MarketPriceHourly,Version"

const (
	maxCSVRows   = 1_000_000 // what a price list may hold
	maxCSVFaults = 20        // how many faults of one file are worth reading at once
)

// The fields of an object in which an InstanceID is looked up, apart from
// labels, which are fieldLabel followed by the canonical key.
const (
	fieldAny          = ""
	fieldProviderID   = "spec.providerID"
	fieldName         = "metadata.name"
	fieldStorageClass = "spec.storageClassName"
	fieldLabel        = "metadata.labels."
)

// listed is one row of a price list.
type listed struct {
	region string
	price  float64
}

// index finds rows by the field an InstanceID is looked up in, then by the
// InstanceID in lower case.
type index map[string]map[string][]listed

func (x index) add(field, id string, row listed) {
	if x[field] == nil {
		x[field] = map[string][]listed{}
	}
	id = strings.ToLower(id)
	x[field][id] = append(x[field][id], row)
}

func (x index) find(field, id, region string) (float64, bool) {
	if id == "" {
		return 0, false
	}
	return best(x[field][strings.ToLower(id)], region)
}

// labels finds rows by the labels that the list names, in the order of keys.
func (x index) labels(have cost.Labels, region string) (float64, bool) {
	var keys []string
	for field := range x {
		if key, ok := strings.CutPrefix(field, fieldLabel); ok {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return 0, false
	}
	slices.Sort(keys)
	values := have.Map()
	for _, k := range keys {
		if price, ok := x.find(fieldLabel+k, values[k], region); ok {
			return price, true
		}
	}
	return 0, false
}

// best picks the row that applies to a region: one that names it before one
// that names none, and the last of equals, so that a correction may be
// appended.
func best(rows []listed, region string) (price float64, found bool) {
	exact := false
	for _, r := range rows {
		switch {
		case r.region == "" && exact, r.region != "" && !strings.EqualFold(r.region, region):
			continue
		}
		price, found, exact = r.price, true, r.region != ""
	}
	return price, found
}

// priceList is an operator's price list. A nil list knows nothing.
type priceList struct {
	nodes, volumes, gpus index
	types                map[string][]listed // nodes without an InstanceID, by machine type
	typesOfNodes         map[string][]listed // nodes with an InstanceID, by machine type
}

// openCSV reads the price list that the configuration names, if any.
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

// readCSV reads a price list: a first line with the names of csvColumns in any
// order, then one price a line; lines that begin with # are comments. It
// reports the first maxCSVFaults faults, each with file, line, column, value
// and the fix.
func readCSV(name string, in io.Reader) (*priceList, error) {
	r := csv.NewReader(skipBOM(in))
	r.Comment, r.TrimLeadingSpace, r.ReuseRecord, r.FieldsPerRecord = '#', true, true, -1
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: the file is empty: begin it with the line %s", name, csvColumns)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	columns, err := csvHeader(header)
	if err != nil {
		line, _ := r.FieldPos(0)
		return nil, fmt.Errorf("%s: line %d: %w", name, line, err)
	}
	list := &priceList{
		nodes: index{}, volumes: index{}, gpus: index{},
		types: map[string][]listed{}, typesOfNodes: map[string][]listed{},
	}
	var faults []error
	for rows := 0; ; rows++ {
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
			return nil, fmt.Errorf("%s: line %d: more than %d prices; give each cluster a list of its own", name, line, maxCSVRows)
		}
		if err := list.add(record, columns); err != nil {
			faults = append(faults, fmt.Errorf("%s: line %d: %w", name, line, err))
			if len(faults) == maxCSVFaults {
				break
			}
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return list, nil
}

func skipBOM(in io.Reader) io.Reader {
	b := bufio.NewReader(in)
	if r, _, err := b.ReadRune(); err == nil && r != '\ufeff' {
		_ = b.UnreadRune() // cannot fail right after ReadRune
	}
	return b
}

// csvHeader maps column names to their places. Case does not matter, since
// Kubecost's own examples differ in it.
func csvHeader(header []string) (map[string]int, error) {
	names := strings.Split(csvColumns, ",")
	columns := make(map[string]int, len(header))
	for i, h := range header {
		k := slices.IndexFunc(names, func(c string) bool { return strings.EqualFold(c, strings.TrimSpace(h)) })
		if k < 0 {
			return nil, fmt.Errorf("column %d is named %q: the names are %s", i+1, h, csvColumns)
		}
		if _, twice := columns[names[k]]; twice {
			return nil, fmt.Errorf("column %s stands there twice: remove one", names[k])
		}
		columns[names[k]] = i
	}
	for _, c := range []string{"InstanceID", "AssetClass", "MarketPriceHourly"} {
		if _, ok := columns[c]; !ok {
			return nil, fmt.Errorf("column %s is missing: the names are %s", c, csvColumns)
		}
	}
	return columns, nil
}

// add takes one row in. The error names the column, the value and the fix.
func (p *priceList) add(record []string, columns map[string]int) error {
	if len(record) != len(columns) {
		return fmt.Errorf("%d fields, but the first line names %d columns: quote a field that holds a comma", len(record), len(columns))
	}
	get := func(column string) string {
		if i, ok := columns[column]; ok {
			return strings.Clone(strings.TrimSpace(record[i]))
		}
		return ""
	}
	text := get("MarketPriceHourly")
	price, err := strconv.ParseFloat(text, 64)
	if err != nil || !(price >= 0 && price <= maxHourly) {
		return fmt.Errorf("column MarketPriceHourly: %q is not a price per hour: write a number from 0 to %d, such as 0.096", text, int(maxHourly))
	}
	row := listed{region: get("Region"), price: price}
	id, field, class := get("InstanceID"), get("InstanceIDField"), get("AssetClass")
	switch strings.ToLower(class) {
	case "node":
		return p.addNode(id, field, strings.ToLower(get("InstanceType")), row)
	case "pv":
		field, ok := canonicalField(field, fieldName, fieldStorageClass)
		if !ok {
			return fieldError(get("InstanceIDField"), fieldName, fieldStorageClass)
		}
		p.volumes.add(field, id, row)
	case "gpu":
		// Kubecost gives the label's key as it is.
		if field != "" && !strings.HasPrefix(field, fieldLabel) {
			field = fieldLabel + field
		}
		field, _ = canonicalField(field)
		p.gpus.add(field, id, row)
	default:
		return fmt.Errorf("column AssetClass: %q is not a class: write node, pv or gpu", class)
	}
	if id == "" {
		return fmt.Errorf("column InstanceID: it is empty: name the %s that the price is for", class)
	}
	return nil
}

func (p *priceList) addNode(id, field, instanceType string, row listed) error {
	switch {
	case id == "" && instanceType == "":
		return errors.New("columns InstanceID and InstanceType: both are empty: name the node or the machine type that the price is for")
	case id == "":
		p.types[instanceType] = append(p.types[instanceType], row)
		return nil
	}
	canonical, ok := canonicalField(field, fieldProviderID, fieldName)
	if !ok {
		return fieldError(field, fieldProviderID, fieldName)
	}
	p.nodes.add(canonical, id, row)
	if instanceType != "" {
		p.typesOfNodes[instanceType] = append(p.typesOfNodes[instanceType], row)
	}
	return nil
}

// canonicalField returns the spelling under which a field is indexed; ok is
// false for one that is neither a label, nor empty, nor allowed.
func canonicalField(field string, allowed ...string) (string, bool) {
	if len(field) > len(fieldLabel) && strings.EqualFold(field[:len(fieldLabel)], fieldLabel) {
		return fieldLabel + cost.SanitizeLabel(field[len(fieldLabel):]), true
	}
	for _, a := range allowed {
		if strings.EqualFold(field, a) {
			return a, true
		}
	}
	return fieldAny, field == ""
}

func fieldError(field string, allowed ...string) error {
	return fmt.Errorf("column InstanceIDField: %q is not a field fleetcost can look at: write %s or %s<key>",
		field, strings.Join(allowed, ", "), fieldLabel)
}

// listPrice is a listed machine and each of its GPUs, per hour.
type listPrice struct{ machine, gpu float64 }

// node looks a node up: by identity, by machine type, and at last by the mean
// of the listed nodes of its type, as Kubecost does. A GPU has a price of its
// own only beside its node's.
func (p *priceList) node(n *cost.NodeUsage) (listPrice, bool) {
	if p == nil {
		return listPrice{}, false
	}
	price, ok := p.nodeByIdentity(n)
	if !ok && n.InstanceType != "" {
		t := strings.ToLower(n.InstanceType)
		if price, ok = best(p.types[t], n.Region); !ok {
			price, ok = mean(p.typesOfNodes[t], n.Region)
		}
	}
	if !ok {
		return listPrice{}, false
	}
	gpu, found := p.gpus.find(fieldAny, n.GPUModel, n.Region)
	if !found {
		gpu, found = p.gpus.labels(n.Labels, n.Region)
	}
	if !found {
		for field := range p.gpus {
			// The label itself may not reach us; the model it holds does.
			if g, ok := p.gpus.find(field, n.GPUModel, n.Region); ok {
				gpu = max(gpu, g)
			}
		}
	}
	return listPrice{machine: price, gpu: gpu}, true
}

func (p *priceList) nodeByIdentity(n *cost.NodeUsage) (float64, bool) {
	ids := []string{n.ProviderID, strings.TrimPrefix(n.ProviderID, "azure://")}
	if i := strings.LastIndexByte(n.ProviderID, '/'); i >= 0 {
		// A list holds "i-0abc" where the node says "aws:///us-east-1a/i-0abc".
		ids = append(ids, n.ProviderID[i+1:])
	}
	for _, field := range []string{fieldProviderID, fieldAny} {
		for _, id := range ids {
			if price, ok := p.nodes.find(field, id, n.Region); ok {
				return price, true
			}
		}
	}
	for _, field := range []string{fieldName, fieldAny} {
		if price, ok := p.nodes.find(field, n.Name, n.Region); ok {
			return price, true
		}
	}
	return p.nodes.labels(n.Labels, n.Region)
}

// mean is the mean price of the rows of a region.
func mean(rows []listed, region string) (float64, bool) {
	sum, n := 0.0, 0
	for _, r := range rows {
		if r.region == "" || strings.EqualFold(r.region, region) {
			sum, n = sum+r.price, n+1
		}
	}
	if n == 0 {
		return 0, false
	}
	return sum / float64(n), true
}

// volume returns the price of a volume per GiB and hour.
func (p *priceList) volume(v *cost.VolumeUsage) (float64, bool) {
	if p == nil {
		return 0, false
	}
	for _, id := range []string{v.Name, v.AssetID, v.ProviderID} {
		for _, field := range []string{fieldName, fieldAny} {
			if price, ok := p.volumes.find(field, id, v.Region); ok {
				return price, true
			}
		}
	}
	if price, ok := p.volumes.find(fieldStorageClass, v.StorageClass, v.Region); ok {
		return price, true
	}
	return p.volumes.labels(v.Labels, v.Region)
}
