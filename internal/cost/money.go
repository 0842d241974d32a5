package cost

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"sort"
	"strings"
)

// Money is an amount in nano-units (1e-9) of one currency. The currency itself
// is a property of the object that holds the amount, never of the amount:
// amounts of different currencies are never added.
type Money int64

// Unit is one whole unit of currency (one dollar, one euro) in Money.
const Unit Money = 1_000_000_000

// ErrRange says that an amount does not fit in DECIMAL(18,9): it is larger
// than 999,999,999.999999999 units, which for one container or asset and one
// hour is always an error in the input.
var ErrRange = errors.New("amount out of range of DECIMAL(18,9)")

// MaxMoney is the largest amount one row can hold, DECIMAL(18,9).
const MaxMoney Money = 999_999_999_999_999_999

// MoneyOf converts units of currency to Money, rounding half away from zero.
// It returns ErrRange for NaN, infinities and amounts above MaxMoney.
func MoneyOf(units float64) (Money, error) {
	v := units * float64(Unit)
	if math.IsNaN(v) || math.Abs(v) > float64(MaxMoney) {
		return 0, fmt.Errorf("%v units: %w", units, ErrRange)
	}
	return Money(math.Round(v)), nil
}

// Float returns the amount in units of currency, for display and JSON only.
func (m Money) Float() float64 { return float64(m) / float64(Unit) }

// String formats the amount with all nine decimals, e.g. "12.500000000".
func (m Money) String() string {
	neg, v := "", uint64(m)
	if m < 0 {
		neg, v = "-", uint64(-m)
	}
	return fmt.Sprintf("%s%d.%09d", neg, v/uint64(Unit), v%uint64(Unit))
}

// MulDiv returns m × num ÷ den rounded half up, computed in 128 bits.
// den must be positive and num must not be negative.
// It returns ErrRange when the result exceeds MaxMoney.
func MulDiv(m Money, num, den int64) (Money, error) {
	if den <= 0 || num < 0 {
		return 0, fmt.Errorf("MulDiv(%d, %d, %d): factor must be non-negative over positive", m, num, den)
	}
	neg := m < 0
	a := uint64(m)
	if neg {
		a = uint64(-m)
	}
	hi, lo := bits.Mul64(a, uint64(num))
	lo, carry := bits.Add64(lo, uint64(den)/2, 0)
	hi += carry
	if hi >= uint64(den) {
		return 0, ErrRange
	}
	q, _ := bits.Div64(hi, lo, uint64(den))
	if q > uint64(MaxMoney) {
		return 0, ErrRange
	}
	if neg {
		return -Money(q), nil
	}
	return Money(q), nil
}

// Split divides total over weights in proportion, exactly: the parts add to
// total, each part is within one nano-unit of its exact share, and the
// remainder goes to the largest fractional parts (ties to the lower index).
// Zero weights get nothing. If all weights are zero every part is zero and
// the caller still holds total; Split reports that with ok=false (unless total
// is zero). Negative weights or a negative total panic: they are programming
// errors, not input.
func Split(total Money, weights []int64) (parts []Money, ok bool) {
	parts = make([]Money, len(weights))
	if total == 0 {
		return parts, true
	}
	if total < 0 {
		panic("cost.Split: negative total")
	}
	sum := new128(0)
	for _, w := range weights {
		if w < 0 {
			panic("cost.Split: negative weight")
		}
		sum = sum.add(uint64(w))
	}
	if sum.zero() {
		return parts, false
	}
	// Bring the divisor into 64 bits; int64 weights summed over n rows need at
	// most 64+log2(n) bits, so a shift of all weights loses nothing that a
	// nano-unit could show. It happens only beyond 2^64 unit-seconds.
	shift := 0
	for sum.hi != 0 {
		shift++
		sum = new128(0)
		for _, w := range weights {
			sum = sum.add(uint64(w) >> shift)
		}
	}
	den := sum.lo
	type frac struct {
		rem uint64
		i   int
	}
	rest := uint64(total)
	fracs := make([]frac, 0, len(weights))
	for i, w := range weights {
		if w == 0 {
			continue
		}
		hi, lo := bits.Mul64(uint64(total), uint64(w)>>shift)
		q, r := bits.Div64(hi, lo, den) // hi < den because w <= den
		parts[i] = Money(q)
		rest -= q
		if r > 0 {
			fracs = append(fracs, frac{r, i})
		}
	}
	sort.Slice(fracs, func(a, b int) bool {
		if fracs[a].rem != fracs[b].rem {
			return fracs[a].rem > fracs[b].rem
		}
		return fracs[a].i < fracs[b].i
	})
	for k := uint64(0); k < rest; k++ {
		parts[fracs[k].i]++
	}
	return parts, true
}

type u128 struct{ hi, lo uint64 }

func new128(v uint64) u128 { return u128{0, v} }
func (a u128) add(v uint64) u128 {
	lo, c := bits.Add64(a.lo, v, 0)
	return u128{a.hi + c, lo}
}
func (a u128) zero() bool { return a.hi == 0 && a.lo == 0 }

// Sum is a checked 128-bit total of Money. The zero value is ready to use.
// A fleet's total may exceed the range of Money; a row never does.
type Sum struct{ v big.Int }

// Add adds m to the total.
func (s *Sum) Add(m Money) { s.v.Add(&s.v, big.NewInt(int64(m))) }

// AddSum adds another total.
func (s *Sum) AddSum(o *Sum) { s.v.Add(&s.v, &o.v) }

// AddBig adds an amount in nano-units that may exceed Money, as a database's
// 128-bit sum does.
func (s *Sum) AddBig(v *big.Int) { s.v.Add(&s.v, v) }

// Big returns the total in nano-units. The caller must not change it.
func (s *Sum) Big() *big.Int { return &s.v }

// Equal tells whether both totals are the same to the last nano-unit.
func (s *Sum) Equal(o *Sum) bool { return s.v.Cmp(&o.v) == 0 }

// Float returns the total in units of currency, for display and JSON only.
func (s *Sum) Float() float64 {
	f, _ := new(big.Rat).SetFrac(&s.v, big.NewInt(int64(Unit))).Float64()
	return f
}

// String formats the total with all nine decimals.
func (s *Sum) String() string {
	q, r := new(big.Int).QuoRem(new(big.Int).Abs(&s.v), big.NewInt(int64(Unit)), new(big.Int))
	sign := ""
	if s.v.Sign() < 0 {
		sign = "-"
	}
	frac := r.String()
	return sign + q.String() + "." + strings.Repeat("0", 9-len(frac)) + frac
}
