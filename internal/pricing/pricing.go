package pricing

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// The sources of a price, as they stand in the column price_source. The source
// of an embedded book is "book:<provider>/<region>".
const (
	SourceCustom      = "custom"
	SourceCSV         = "csv"
	SourceMetrics     = "metrics"
	SourceOtherRegion = "book:other-region"
	SourceDefaultSpot = "default:spot"
	SourceDefault     = "default"
)

// IsDefault tells whether a price of this source is an assumption of fleetcost
// rather than a price somebody stated for the thing. The share of cost at
// default rates is what an operator reduces by configuring prices.
func IsDefault(source string) bool {
	return source == SourceDefault || source == SourceDefaultSpot
}

// BookCurrency is the currency of the embedded books and of DefaultRates.
const BookCurrency = "USD"

// maxHourly bounds every price and rate per hour: ten times what the largest
// machine of any provider costs in a year. Beyond it a price is a mistake.
const maxHourly = 1e6

// Config is what an operator may say about prices. Errors call its fields by
// the agent's settings: spot-ratio, rate-cpu and so on.
type Config struct {
	// Currency is the ISO 4217 code of every price given here and in the
	// source's price metrics; "" is USD. The embedded books and DefaultRates are
	// in USD: with another currency, Rates or USDExchangeRate must be given, and
	// the books are used only with the latter.
	Currency string
	// USDExchangeRate is units of Currency per US dollar. It applies to the
	// embedded books and to DefaultRates, never to Rates that were given.
	USDExchangeRate float64
	// Rates are used where nothing else has a price. The zero value means
	// DefaultRates; otherwise every field is taken as it is.
	Rates Rates
	// CustomPrices makes Rates override every other price.
	CustomPrices bool
	// Discount and NegotiatedDiscount, 0 to 1, lower the price of CPU and
	// memory, whatever its source, to (1-Discount) × (1-NegotiatedDiscount).
	Discount           float64
	NegotiatedDiscount float64
	// ManagementHourly is what this cluster's control plane costs per hour;
	// nil leaves it to price metrics and Rates.
	ManagementHourly *float64
	// SpotRatio is the price of a spot machine over its on-demand price, used
	// where only the latter is known. Zero means Rates.SpotCPUCoreHour over
	// Rates.CPUCoreHour.
	SpotRatio float64
	// CSVPath names a price list in Kubecost's format; see docs/model.md. CSV, if not
	// nil, is read in its place, and CSVPath is then only its name in errors.
	CSVPath string
	CSV     io.Reader
}

// Rates are prices per unit and hour, in units of currency.
type Rates struct {
	CPUCoreHour     float64
	RAMGiBHour      float64
	GPUHour         float64
	SpotCPUCoreHour float64
	SpotRAMGiBHour  float64

	StorageGiBHour   float64
	BootDiskGiBHour  float64
	LoadBalancerHour float64

	EKSHour float64 // control planes
	AKSHour float64
	GKEHour float64

	// Compute billed by the pod: EKS on Fargate, GKE Autopilot, and Azure
	// Container Instances behind virtual nodes.
	FargateCPUCoreHour   float64
	FargateRAMGiBHour    float64
	AutopilotCPUCoreHour float64
	AutopilotRAMGiBHour  float64
	ACICPUCoreHour       float64
	ACIRAMGiBHour        float64
}

// HoursPerMonth turns monthly prices into hourly ones, as the providers do.
const HoursPerMonth = 730

// DefaultRates are the rates used without configuration, in US dollars. CPU,
// memory, GPU, spot and storage are those of OpenCost's default.json (Google's
// N1 in us-central1), so that both tools agree where nothing is known; the
// rest are list prices of the providers' cheapest common region.
func DefaultRates() Rates {
	return Rates{
		CPUCoreHour: 0.031611, RAMGiBHour: 0.004237, GPUHour: 0.95,
		SpotCPUCoreHour: 0.006655, SpotRAMGiBHour: 0.000892,
		// 0.04 per GiB and month; boot disks on the size of their file system.
		StorageGiBHour: 0.00005479452, BootDiskGiBHour: 0.00005479452,
		LoadBalancerHour: 0.025, // OpenCost; AWS Classic ELB, GCP forwarding rule
		// Amazon EKS standard support, AKS Standard tier, GKE management fee.
		EKSHour: 0.10, AKSHour: 0.10, GKEHour: 0.10,
		// AWS Fargate, us-east-1, Linux on x86.
		FargateCPUCoreHour: 0.04048, FargateRAMGiBHour: 0.004445,
		// GKE Autopilot general-purpose pods, us-central1.
		AutopilotCPUCoreHour: 0.0445, AutopilotRAMGiBHour: 0.0049225,
		// Azure Container Instances, eastus, Linux.
		ACICPUCoreHour: 0.0405, ACIRAMGiBHour: 0.00445,
	}
}

type namedRate struct {
	name  string
	value *float64
}

// leftInUSD finds rates that still are the default ones although others were
// given in another currency. Those with few digits may be the same by chance.
func (r Rates) leftInUSD(currency string) []error {
	var errs []error
	for _, name := range []string{"rate-cpu", "rate-ram", "rate-spot-cpu", "rate-spot-ram", "rate-storage"} {
		if v := r.byName(name); v == DefaultRates().byName(name) {
			errs = append(errs, fmt.Errorf("%s is %v, the default in USD: give it in %s too", name, v, currency))
		}
	}
	return errs
}

func (r Rates) byName(name string) float64 {
	for _, x := range r.named() {
		if x.name == name {
			return *x.value
		}
	}
	return 0
}

// times returns the rates in another currency.
func (r Rates) times(exchange float64) Rates {
	for _, x := range r.named() {
		*x.value *= exchange
	}
	return r
}

// named lists the rates by the names of their settings.
func (r *Rates) named() []namedRate {
	return []namedRate{
		{"rate-cpu", &r.CPUCoreHour},
		{"rate-ram", &r.RAMGiBHour},
		{"rate-gpu", &r.GPUHour},
		{"rate-spot-cpu", &r.SpotCPUCoreHour},
		{"rate-spot-ram", &r.SpotRAMGiBHour},
		{"rate-storage", &r.StorageGiBHour},
		{"rate-boot-disk", &r.BootDiskGiBHour},
		{"rate-load-balancer", &r.LoadBalancerHour},
		{"rate-eks", &r.EKSHour},
		{"rate-aks", &r.AKSHour},
		{"rate-gke", &r.GKEHour},
		{"rate-fargate-cpu", &r.FargateCPUCoreHour},
		{"rate-fargate-ram", &r.FargateRAMGiBHour},
		{"rate-autopilot-cpu", &r.AutopilotCPUCoreHour},
		{"rate-autopilot-ram", &r.AutopilotRAMGiBHour},
		{"rate-aci-cpu", &r.ACICPUCoreHour},
		{"rate-aci-ram", &r.ACIRAMGiBHour},
	}
}

// Validate returns every fault of the configuration, each with the field's
// name, its value and what to write instead. It does not read the CSV.
func (c Config) Validate() error {
	var errs []error
	for _, r := range c.Rates.named() {
		if !(*r.value >= 0 && *r.value <= maxHourly) {
			errs = append(errs, fmt.Errorf("%s is %v: give a price per hour from 0 to %d", r.name, *r.value, int(maxHourly)))
		}
	}
	for _, f := range []struct {
		name  string
		value float64
	}{{"discount", c.Discount}, {"negotiated-discount", c.NegotiatedDiscount}, {"spot-ratio", c.SpotRatio}} {
		if !(f.value >= 0 && f.value <= 1) {
			errs = append(errs, fmt.Errorf("%s is %v: give a fraction from 0 to 1, so 0.3 for 30 %%", f.name, f.value))
		}
	}
	if m := c.ManagementHourly; m != nil && !(*m >= 0 && *m <= maxHourly) {
		errs = append(errs, fmt.Errorf("management-hourly is %v: give a price per hour from 0 to %d", *m, int(maxHourly)))
	}
	if x := c.USDExchangeRate; !(x >= 0 && x <= maxHourly) {
		errs = append(errs, fmt.Errorf("usd-exchange-rate is %v: give units of %s per US dollar", x, c.Currency))
	}
	switch currency := c.currency(); {
	case !isCurrencyCode(currency):
		errs = append(errs, fmt.Errorf("currency is %q: give a code of three capital letters, such as USD or EUR", c.Currency))
	case currency == BookCurrency && c.USDExchangeRate != 0 && c.USDExchangeRate != 1:
		errs = append(errs, fmt.Errorf("usd-exchange-rate is %v but currency is USD: remove it or name the currency", c.USDExchangeRate))
	case currency != BookCurrency && c.defaultRates() && c.USDExchangeRate == 0:
		errs = append(errs, fmt.Errorf("currency is %s but the default rates are in USD: give all rates in %s, or usd-exchange-rate", currency, currency))
	case currency != BookCurrency && !c.defaultRates():
		errs = append(errs, c.Rates.leftInUSD(currency)...)
	}
	return errors.Join(errs...)
}

// defaultRates tells whether the operator gave no rates.
func (c Config) defaultRates() bool { return c.Rates == Rates{} || c.Rates == DefaultRates() }

func (c Config) currency() string {
	if c.Currency == "" {
		return BookCurrency
	}
	return c.Currency
}

func isCurrencyCode(s string) bool {
	if len(s) != 3 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' }) < 0
}

// Lookup answers what assets cost. It is safe for concurrent use.
type Lookup struct {
	currency   string
	rates      Rates
	custom     bool
	keep       float64 // what the discounts leave of the price of CPU and memory
	management *float64
	spotRatio  float64
	books      *library
	csv        *priceList
}

// New returns a Lookup for the configuration. It fails on a configuration that
// Validate refuses and on a price list that ReadCSV refuses.
func New(c Config) (*Lookup, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("pricing: %w", err)
	}
	l := &Lookup{
		currency: c.currency(), rates: c.Rates, custom: c.CustomPrices,
		keep:       (1 - c.Discount) * (1 - c.NegotiatedDiscount),
		management: c.ManagementHourly, spotRatio: c.SpotRatio,
	}
	exchange := c.USDExchangeRate
	if l.currency == BookCurrency {
		exchange = 1
	}
	if c.defaultRates() {
		l.rates = DefaultRates().times(exchange)
	}
	if l.spotRatio == 0 && l.rates.CPUCoreHour > 0 {
		l.spotRatio = min(1, l.rates.SpotCPUCoreHour/l.rates.CPUCoreHour)
	}
	var err error
	if l.books, err = openLibrary(exchange); err != nil {
		return nil, err
	}
	if l.csv, err = openCSV(c); err != nil {
		return nil, err
	}
	return l, nil
}

// Currency is the currency of every price the Lookup gives.
func (l *Lookup) Currency() string { return l.currency }

// money rounds a price to nano-units; a product of a valid rate and an absurd
// capacity is kept at the limit of a row, which allocate refuses by name.
func money(units float64) cost.Money {
	m, err := cost.MoneyOf(units)
	switch {
	case err == nil:
		return m
	case math.IsNaN(units):
		return 0
	}
	return cost.MaxMoney
}

// known tells whether a price can be taken at its word: a positive number that
// something could cost.
func known(price float64) bool { return price > 0 && price <= maxHourly }
