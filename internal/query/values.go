package query

import (
	"math/big"
	"time"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Values as the driver gives them: int64 and its smaller kin, *big.Int for
// HUGEINT, float64, string, nil.

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

func integer(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case int32:
		return int64(v)
	case int16:
		return int64(v)
	case int8:
		return int64(v)
	case uint64:
		return int64(v) //nolint:gosec // the store holds no number this large
	case uint32:
		return int64(v)
	case *big.Int:
		return v.Int64()
	case float64:
		return int64(v)
	}
	return 0
}

func float(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		return f
	}
	return float64(integer(v))
}

// addMoney adds a sum of nano-units as it came from the store.
func addMoney(to *cost.Sum, v any) {
	switch v := v.(type) {
	case int64:
		if v != 0 {
			to.Add(cost.Money(v))
		}
	case *big.Int:
		to.AddBig(v)
	default:
		to.Add(cost.Money(integer(v)))
	}
}

func micros(us int64) time.Time { return time.UnixMicro(us).UTC() }
