package pricing

import (
	"embed"
	"encoding/csv"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed books/*.csv
var embedded embed.FS

// book is the prices of one provider in one region, per hour and in the
// Lookup's currency.
type book struct {
	provider, region string
	// prices by kind ("instance", "spot_instance", "family_cpu", …), then by
	// name in lower case.
	prices map[string]map[string]float64
}

// bookPrefix begins the sources of embedded books.
const bookPrefix = "book:"

func (b *book) source() string { return bookPrefix + b.provider + "/" + b.region }

func (b *book) get(kind, name string) (float64, bool) {
	p, ok := b.prices[kind][name]
	return p, ok && known(p)
}

// library is all books, by provider. The first of a provider is the reference
// for regions without a book.
type library struct {
	providers map[string][]*book
}

// referenceOrder puts the provider's most used region first; regions not
// listed follow by name.
var referenceOrder = map[string]int{"us-east-1": -2, "us-central1": -2, "eastus": -2, "westeurope": -1}

// openLibrary reads the embedded books, times the exchange rate. Without one
// (0) there are no books in the operator's currency, and so none at all.
func openLibrary(exchange float64) (*library, error) {
	lib := &library{providers: map[string][]*book{}}
	if exchange == 0 {
		return lib, nil
	}
	names, err := fs.Glob(embedded, "books/*.csv")
	if err != nil {
		return nil, fmt.Errorf("list price books: %w", err)
	}
	for _, name := range names {
		b, err := readBook(name, exchange)
		if err != nil {
			return nil, fmt.Errorf("read price book %s: %w", name, err)
		}
		lib.providers[b.provider] = append(lib.providers[b.provider], b)
	}
	for _, books := range lib.providers {
		slices.SortStableFunc(books, func(a, b *book) int {
			return referenceOrder[a.region] - referenceOrder[b.region]
		})
	}
	return lib, nil
}

func readBook(name string, exchange float64) (*book, error) {
	f, err := embedded.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	provider, region, _ := strings.Cut(strings.TrimSuffix(path.Base(name), ".csv"), "_")
	b := &book{provider: provider, region: region, prices: map[string]map[string]float64{}}
	r := csv.NewReader(f)
	r.Comment, r.FieldsPerRecord = '#', 3
	records, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	for _, rec := range records[1:] {
		price, err := strconv.ParseFloat(rec[2], 64)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", rec[0], rec[1], err)
		}
		if b.prices[rec[0]] == nil {
			b.prices[rec[0]] = map[string]float64{}
		}
		b.prices[rec[0]][strings.ToLower(rec[1])] = price * exchange
	}
	return b, nil
}

// providerKey is how books spell a provider, "" for one they do not know.
func providerKey(provider string) string {
	switch p := strings.ToLower(provider); p {
	case "aws", "azure", "gcp":
		return p
	case "amazon", "ec2":
		return "aws"
	case "google", "gce", "gke":
		return "gcp"
	case "microsoft":
		return "azure"
	}
	return ""
}

// candidates lists the books that may know the type, the region's own first.
// Where the provider is unknown, the names of machine types tell: no two
// providers share one.
func (l *library) candidates(provider, region string) []*book {
	key := providerKey(provider)
	var out []*book
	for _, p := range []string{"aws", "azure", "gcp"} {
		if p == key || (key == "" && provider == "") {
			out = append(out, l.providers[p]...)
		}
	}
	slices.SortStableFunc(out, func(a, b *book) int {
		return own(b, region) - own(a, region)
	})
	return out
}

func own(b *book, region string) int {
	if strings.EqualFold(b.region, region) {
		return 1
	}
	return 0
}

// sourceFor is the book's name in price_source for a thing in a region.
func (b *book) sourceFor(region string) string {
	if own(b, region) == 1 {
		return b.source()
	}
	return SourceOtherRegion
}

// machine is what a book says about a node.
type machine struct {
	price  float64 // the whole machine per hour, without attached GPUs
	gpu    float64 // each attached GPU per hour; 0 when part of price or unknown
	source string
}

// query is what a book needs to know of a node.
type query struct {
	provider, region, instanceType, gpuModel string
	cores, gib                               float64
}

// machine looks a node up in the books, at its spot price or on demand.
func (l *library) machine(q query, spot bool) (machine, bool) {
	t := strings.ToLower(q.instanceType)
	if t == "" {
		return machine{}, false
	}
	for _, b := range l.candidates(q.provider, q.region) {
		price, ok := b.get(onSpot("instance", spot), t)
		if !ok {
			price, ok = b.family(t, q, spot)
		}
		if !ok {
			continue
		}
		m := machine{price: price, source: b.sourceFor(q.region)}
		// Only N1 takes GPUs beside the machine type; elsewhere they are part
		// of it.
		if strings.HasPrefix(t, "n1-") || strings.HasPrefix(t, "custom-") {
			m.gpu, _ = b.get(onSpot("gpu", spot), gpuKey(q.gpuModel))
		}
		return m, true
	}
	return machine{}, false
}

func onSpot(kind string, spot bool) string {
	if spot {
		return "spot_" + kind
	}
	return kind
}

// family prices a machine type that the book does not list by the rates of its
// family per vCPU and GiB: custom sizes and new sizes of known families.
func (b *book) family(t string, q query, spot bool) (float64, bool) {
	name, rest, ok := strings.Cut(t, "-")
	if !ok {
		return 0, false
	}
	kind := "family"
	switch {
	case name == "custom":
		name, kind = "n1", "custom"
	case strings.HasPrefix(rest, "custom-"):
		kind = "custom"
	}
	cpu, okCPU := b.get(kind+"_cpu", name)
	ram, okRAM := b.get(kind+"_ram", name)
	if kind == "custom" && (!okCPU || !okRAM) {
		kind = "family"
		cpu, okCPU = b.get("family_cpu", name)
		ram, okRAM = b.get("family_ram", name)
	}
	if !okCPU || !okRAM || q.cores <= 0 {
		return 0, false
	}
	price := q.cores*cpu + q.gib*ram
	if spot {
		// The book knows the spot price of the family's vCPU; its memory is
		// lowered by the same ratio, as the provider's price list does.
		spotCPU, ok := b.get(kind+"_spot_cpu", name)
		if !ok {
			return 0, false
		}
		price *= spotCPU / cpu
	}
	return price, known(price)
}

// gpuKey turns the spellings of a GPU model ("Tesla-T4", "NVIDIA Tesla T4",
// "nvidia-tesla-t4") into the books'.
func gpuKey(model string) string {
	k := strings.ToLower(strings.NewReplacer(" ", "-", "_", "-").Replace(model))
	k, _, _ = strings.Cut(strings.TrimPrefix(k, "nvidia-"), "-pcie")
	k, _, _ = strings.Cut(k, "-sxm")
	if k != "" && !strings.HasPrefix(k, "tesla-") && len(k) <= 4 {
		k = "tesla-" + k // DCGM says "P100", Google "tesla-p100"
	}
	return "nvidia-" + k
}
