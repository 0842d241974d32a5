package pricing_test

import (
	"math"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/pricing"
)

func TestConfigRefuses(t *testing.T) {
	someRates := pricing.DefaultRates()
	someRates.CPUCoreHour = 0.03
	for name, c := range map[string]struct {
		config pricing.Config
		want   string
	}{
		"negative rate":        {pricing.Config{Rates: pricing.Rates{CPUCoreHour: -1}}, "pricing: rate-cpu is -1: give a price per hour from 0 to 1000000"},
		"rate NaN":             {pricing.Config{Rates: pricing.Rates{GPUHour: math.NaN()}}, "rate-gpu is NaN"},
		"discount in per cent": {pricing.Config{Discount: 30}, "discount is 30: give a fraction from 0 to 1, so 0.3 for 30 %"},
		"negotiated discount":  {pricing.Config{NegotiatedDiscount: -0.1}, "negotiated-discount is -0.1: give a fraction"},
		"spot ratio":           {pricing.Config{SpotRatio: 1.5}, "spot-ratio is 1.5: give a fraction"},
		"management":           {pricing.Config{ManagementHourly: ptr(-0.1)}, "management-hourly is -0.1: give a price per hour"},
		"currency":             {pricing.Config{Currency: "$"}, `currency is "$": give a code of three capital letters`},
		"rates in USD":         {pricing.Config{Currency: "EUR"}, "currency is EUR but the default rates are in USD: give all rates in EUR, or usd-exchange-rate"},
		"default rates in USD": {pricing.Config{Currency: "EUR", Rates: pricing.DefaultRates()}, "currency is EUR but the default rates are in USD"},
		"some rates in USD":    {pricing.Config{Currency: "EUR", Rates: someRates}, "rate-ram is 0.004237, the default in USD: give it in EUR too"},
		"exchange of USD":      {pricing.Config{USDExchangeRate: 0.9}, "usd-exchange-rate is 0.9 but currency is USD: remove it or name the currency"},
		"exchange rate":        {pricing.Config{Currency: "EUR", Rates: pricing.DefaultRates(), USDExchangeRate: -1}, "usd-exchange-rate is -1: give units of EUR per US dollar"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := pricing.New(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
	_, err := pricing.New(pricing.Config{Discount: 2, SpotRatio: 2})
	if err == nil || strings.Count(err.Error(), "give a fraction") != 2 {
		t.Errorf("both faults must be named: %v", err)
	}
}

func TestCurrency(t *testing.T) {
	n := machine("AWS", "us-east-1", "m5.large", 2, 8, 0)
	usd := lookup(t, pricing.Config{})
	if usd.Currency() != "USD" {
		t.Errorf("currency %s", usd.Currency())
	}
	rates := pricing.Rates{CPUCoreHour: 0.03, RAMGiBHour: 0.004, GPUHour: 1}
	eur := lookup(t, pricing.Config{Currency: "EUR", Rates: rates})
	if p := eur.Node(n); p.Source != "default" || total(p) != units(2*0.03+8*0.004) || eur.Currency() != "EUR" {
		t.Errorf("%v from %s: a price in dollars is no price in euros", total(p), p.Source)
	}
	changed := lookup(t, pricing.Config{Currency: "EUR", Rates: rates, USDExchangeRate: 0.9})
	if p := changed.Node(n); p.Source != "book:aws/us-east-1" || total(p) != units(0.096*0.9) {
		t.Errorf("%v from %s", total(p), p.Source)
	}
}

func TestExchangedDefaults(t *testing.T) {
	l := lookup(t, pricing.Config{Currency: "EUR", USDExchangeRate: 0.9, Rates: pricing.DefaultRates()})
	unknown := machine("AWS", "us-east-1", "unheard.of", 2, 8, 0)
	if p, want := l.Node(unknown), units(0.9*(2*0.031611+8*0.004237)); p.Source != "default" || total(p) != want {
		t.Errorf("%v from %s, want %v", total(p), p.Source, want)
	}
}
