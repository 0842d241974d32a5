package cost_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/cost"
)

func TestSplitIsExactAndFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := cost.Money(rapid.Int64Range(0, int64(cost.MaxMoney)).Draw(t, "total"))
		weights := rapid.SliceOfN(rapid.Int64Range(0, math.MaxInt64/4), 1, 40).Draw(t, "weights")
		parts, ok := cost.Split(total, weights)
		var sum cost.Money
		nonzero := false
		for i, p := range parts {
			if weights[i] == 0 && p != 0 {
				t.Fatalf("weight 0 got %v", p)
			}
			if weights[i] > 0 {
				nonzero = true
			}
			sum += p
		}
		if nonzero && (sum != total || !ok) {
			t.Fatalf("parts add to %v, want %v (ok=%v)", sum, total, ok)
		}
		if !nonzero && total > 0 && (ok || sum != 0) {
			t.Fatalf("without weights want ok=false and nothing given, got ok=%v sum=%v", ok, sum)
		}
	})
}

func TestSplitLargestRemainder(t *testing.T) {
	parts, _ := cost.Split(10, []int64{1, 1, 1})
	if parts[0] != 4 || parts[1] != 3 || parts[2] != 3 {
		t.Fatalf("Split(10, 1:1:1) = %v, want [4 3 3]", parts)
	}
	parts, _ = cost.Split(100, []int64{333, 667})
	if parts[0] != 33 || parts[1] != 67 {
		t.Fatalf("Split(100, 333:667) = %v, want [33 67]", parts)
	}
}

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		in   float64
		want string
	}{{12.5, "12.500000000"}, {-0.000000001, "-0.000000001"}, {0.1 + 0.2, "0.300000000"}} {
		m, err := cost.MoneyOf(c.in)
		if err != nil || m.String() != c.want {
			t.Errorf("MoneyOf(%v) = %v, %v; want %s", c.in, m, err, c.want)
		}
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), 1e10} {
		if m, err := cost.MoneyOf(bad); err == nil {
			t.Errorf("MoneyOf(%v) = %v, want ErrRange", bad, m)
		}
	}
	var s cost.Sum
	for range 20 {
		s.Add(cost.MaxMoney)
	}
	if got, want := s.String(), "19999999999.999999980"; got != want {
		t.Errorf("Sum = %s, want %s", got, want)
	}
	if m, err := cost.MulDiv(7*cost.Unit, 1800, 3600); err != nil || m != 3_500_000_000 {
		t.Errorf("MulDiv = %v, %v", m, err)
	}
	if _, err := cost.MulDiv(cost.MaxMoney, 2, 1); err == nil {
		t.Error("MulDiv above the range must fail")
	}
}

func TestHoursAndWindows(t *testing.T) {
	at := time.Date(2026, 11, 22, 23, 59, 59, 0, time.FixedZone("x", 3600))
	h := cost.HourOf(at)
	if h.String() != "2026-11-22T22Z" || h.Day().String() != "2026-11-22" || h.OfDay() != 22 {
		t.Fatalf("HourOf = %v day %v of day %d", h, h.Day(), h.OfDay())
	}
	if b, ok := cost.HourOfMicros(h.Micros()); !ok || b != h {
		t.Fatal("micros do not round trip")
	}
	if _, ok := cost.HourOfMicros(h.Micros() + 1); ok {
		t.Fatal("an instant inside an hour must not pass for its start")
	}
	w := cost.NewWindow(at, at.Add(time.Second*2))
	if w.Hours() != 2 || len(w.Days()) != 1 {
		t.Fatalf("window %v", w)
	}
}

func TestLabels(t *testing.T) {
	l := cost.LabelsOf(map[string]string{"b": "2", "a": "1"})
	if l != `{"a":"1","b":"2"}` || l.Map()["b"] != "2" || cost.LabelsOf(nil) != "" {
		t.Fatalf("labels %q", l)
	}
	for in, want := range map[string]string{
		"app.kubernetes.io/name": "app_kubernetes_io_name",
		"teamName":               "team_name",
		"pod-template-hash":      "pod_template_hash",
		"K8S":                    "k8_s",
	} {
		if got := cost.SanitizeLabel(in); got != want {
			t.Errorf("SanitizeLabel(%q) = %q, want %q", in, got, want)
		}
	}
}
