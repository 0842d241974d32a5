package pricing

import "testing"

// TestBooks looks at every embedded price: a slip of the extraction would
// otherwise be charged to somebody.
func TestBooks(t *testing.T) {
	lib, err := openLibrary(1)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for provider, books := range lib.providers {
		for _, b := range books {
			for kind, prices := range b.prices {
				for name, price := range prices {
					if !known(price) || price > 1500 {
						t.Errorf("%s %s %s costs %v per hour", b.source(), kind, name, price)
					}
				}
			}
			count[provider] += len(b.prices["instance"])
			for _, kind := range []string{"family", "custom"} {
				for name, spot := range b.prices[kind+"_spot_cpu"] {
					if cpu, ok := b.get(kind+"_cpu", name); !ok || spot > cpu {
						t.Errorf("%s %s %s: spot %v, on demand %v", b.source(), kind, name, spot, cpu)
					}
				}
			}
			for name, spot := range b.prices["spot_instance"] {
				if price, ok := b.get("instance", name); ok && spot > price {
					t.Errorf("%s %s: spot %v, on demand %v", b.source(), name, spot, price)
				}
			}
		}
	}
	for provider, want := range map[string]int{"aws": 1367, "azure": 4873, "gcp": 233} {
		if count[provider] != want {
			t.Errorf("%s: %d machine types, want %d", provider, count[provider], want)
		}
	}
	if first := lib.providers["azure"][0].region; first != "eastus" {
		t.Errorf("the reference region of Azure is %s", first)
	}
}
