package pricing_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/pricing"
)

func TestPriceList(t *testing.T) {
	l := lookup(t, pricing.Config{CSVPath: "testdata/good/kubecost.csv"})
	for name, c := range map[string]struct {
		node  cost.NodeUsage
		total float64
		gpu   float64
	}{
		"by name":                  {cost.NodeUsage{Name: "Rack-7"}, 0.75, 0},
		"by provider ID":           {cost.NodeUsage{ProviderID: "aws:///us-east-1a/i-0abc", Region: "us-east-1", InstanceType: "c5.large"}, 0.08, 0},
		"by label":                 {cost.NodeUsage{Name: "x", Labels: cost.LabelsOf(map[string]string{"example_com_contract": "leased"})}, 0.5, 0},
		"by type":                  {cost.NodeUsage{InstanceType: "c5.large", Region: "us-west-2"}, 0.07, 0},
		"by type, no region":       {cost.NodeUsage{InstanceType: "c5.large"}, 0.07, 0},
		"by type, corrected":       {cost.NodeUsage{InstanceType: "c5.large", Region: "eu-west-1"}, 0.11, 0},
		"mean of listed nodes":     {cost.NodeUsage{InstanceType: "m5.large", Region: "us-east-1", ProviderID: "aws:///us-east-1a/i-0new"}, 0.085, 0},
		"with a GPU, by its label": {cost.NodeUsage{InstanceType: "rtx.large", GPUCapacity: 2e6 * 3600, Labels: cost.LabelsOf(map[string]string{"gpu_nvidia_com_class": "Quadro_RTX_4000"})}, 1.0, 0.8},
		"with a GPU, by its model": {cost.NodeUsage{InstanceType: "rtx.large", GPUCapacity: 1e6 * 3600, GPUModel: "quadro_rtx_4000"}, 0.6, 0.4},
	} {
		t.Run(name, func(t *testing.T) {
			c.node.Span, c.node.CPUCapacity, c.node.RAMCapacity = full, 4e6*3600, 16*gibibyte*3600
			p := l.Node(c.node)
			if p.Source != "csv" || total(p) != units(c.total) || p.GPU != units(c.gpu) {
				t.Errorf("%v, GPU %v from %s; want %v, GPU %v", total(p), p.GPU, p.Source, units(c.total), units(c.gpu))
			}
		})
	}
	elsewhere := cost.NodeUsage{InstanceType: "m5.large", Region: "eu-west-1", Provider: "AWS", Span: full, CPUCapacity: 2e6 * 3600, RAMCapacity: 8 * gibibyte * 3600}
	if p := l.Node(elsewhere); p.Source != "book:other-region" {
		t.Errorf("a price of us-east-1 was used in eu-west-1: %v", p)
	}
}

func TestPriceListOfASpreadsheet(t *testing.T) {
	l := lookup(t, pricing.Config{CSVPath: "testdata/good/excel.csv"}) // byte order mark, CRLF, three columns
	n := machine("", "", "", 1, 1, 0)
	n.Name = "n1"
	if p := l.Node(n); total(p) != units(0.25) || p.Source != "csv" {
		t.Errorf("%v from %s", total(p), p.Source)
	}
}

func TestBadPriceLists(t *testing.T) {
	want := map[string]string{
		"empty":           `testdata/bad/empty.csv: the file is empty: begin it with the line EndTimestamp,InstanceID,`,
		"no_price_column": `testdata/bad/no_price_column.csv: line 1: column MarketPriceHourly is missing: the names are `,
		"unknown_column":  `testdata/bad/unknown_column.csv: line 1: column 3 is named "PricePerMonth": the names are `,
		"twice":           `testdata/bad/twice.csv: line 1: column InstanceID stands there twice: remove one`,
		"price":           `testdata/bad/price.csv: line 2: column MarketPriceHourly: "$0.10" is not a price per hour: write a number from 0 to 1000000, such as 0.096`,
		"negative":        `testdata/bad/negative.csv: line 2: column MarketPriceHourly: "-0.1" is not a price`,
		"monthly":         `testdata/bad/monthly.csv: line 2: column MarketPriceHourly: "NaN" is not a price`,
		"class":           `testdata/bad/class.csv: line 2: column AssetClass: "vm" is not a class: write node, pv or gpu`,
		"field":           `testdata/bad/field.csv: line 2: column InstanceIDField: "metadata.annotations.price" is not a field fleetcost can look at: write spec.providerID, metadata.name or metadata.labels.<key>`,
		"volume_field":    `testdata/bad/volume_field.csv: line 2: column InstanceIDField: "spec.capacity.storage" is not a field`,
		"nameless":        `testdata/bad/nameless.csv: line 2: columns InstanceID and InstanceType: both are empty`,
		"nameless_volume": `testdata/bad/nameless_volume.csv: line 2: column InstanceID: it is empty: name the pv that the price is for`,
		"fields":          `testdata/bad/fields.csv: line 2: 9 fields, but the first line names 8 columns: quote a field that holds a comma`,
		"quote":           `testdata/bad/quote.csv: parse error on line 2, column 12: extraneous or missing " in quoted-field`,
		"several":         "testdata/bad/several.csv: line 3: column MarketPriceHourly: \"x\" is not a price per hour: write a number from 0 to 1000000, such as 0.096\ntestdata/bad/several.csv: line 4: column AssetClass: \"disk\"",
	}
	files, err := filepath.Glob("testdata/bad/*.csv")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d files, %d expectations, %v", len(files), len(want), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".csv")
		t.Run(name, func(t *testing.T) {
			l, err := pricing.New(pricing.Config{CSVPath: file})
			if l != nil || err == nil || !strings.HasPrefix(err.Error(), want[name]) {
				t.Errorf("error %v\nwant  %s", err, want[name])
			}
		})
	}
	_, err = pricing.New(pricing.Config{CSVPath: "testdata/none.csv"})
	if err == nil || !strings.HasPrefix(err.Error(), "open price list: open testdata/none.csv:") || !os.IsNotExist(unwrapAll(err)) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func unwrapAll(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		err = u.Unwrap()
	}
}
