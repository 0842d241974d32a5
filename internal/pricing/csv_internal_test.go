package pricing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// FuzzPriceList: any file is either refused by name or prices nodes and
// volumes with a number that can be a price.
func FuzzPriceList(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.csv")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b), "i-0abc", "m5.large", "us-east-1")
	}
	f.Fuzz(func(t *testing.T, text, id, instanceType, region string) {
		list, err := readCSV("prices.csv", strings.NewReader(text))
		if err != nil {
			if list != nil || !strings.HasPrefix(err.Error(), "prices.csv: ") {
				t.Fatalf("list %v, error %v", list, err)
			}
			return
		}
		labels := cost.LabelsOf(map[string]string{"gpu_nvidia_com_class": id})
		p, ok := list.node(&cost.NodeUsage{ProviderID: "aws:///" + id, Name: id, InstanceType: instanceType, Region: region, GPUModel: id, Labels: labels})
		if valid(p.machine) && valid(p.gpu) && (ok || p == listPrice{}) {
			return
		}
		t.Fatalf("price %v", p)
	})
}

func valid(price float64) bool { return price >= 0 && price <= maxHourly }
