package httpapi

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// appender is a value that writes itself as JSON without allocating.
type appender interface {
	appendJSON(b []byte) []byte
}

// Number is a float in an answer. NaN and infinities are null.
type Number float64

func (n Number) appendJSON(b []byte) []byte {
	f := float64(n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	// As encoding/json: plain notation in the range people read.
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, f, format, -1, 64)
}

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) { return n.appendJSON(nil), nil }

// Schema implements huma.SchemaProvider.
func (Number) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Format: "double", Nullable: true}
}

// Amount is a cost in an answer: a JSON number with as many decimals as the
// exact sum has, at most nine.
type Amount struct {
	nano int64
	wide *cost.Sum // instead of nano, where that is too small
}

// amount adds sums. Nearly all fit 64 bits, which is many times cheaper.
func amount(parts ...*cost.Sum) Amount {
	const most = math.MaxInt64 / 2
	var a Amount
	for _, p := range parts {
		v := p.Big()
		if n := v.Int64(); v.IsInt64() && n < most && n > -most && a.nano < most && a.nano > -most {
			a.nano += n
			continue
		}
		a.wide = &cost.Sum{}
		for _, p := range parts {
			a.wide.AddSum(p)
		}
		return a
	}
	return a
}

func (a *Amount) appendJSON(b []byte) []byte {
	if a.wide != nil {
		return append(b, strings.TrimSuffix(strings.TrimRight(a.wide.String(), "0"), ".")...)
	}
	return appendNano(b, a.nano)
}

// MarshalJSON implements json.Marshaler.
func (a Amount) MarshalJSON() ([]byte, error) { return a.appendJSON(nil), nil }

// Schema implements huma.SchemaProvider.
func (Amount) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Description: "units of currency, exact, at most nine decimals"}
}

// appendNano writes nano-units as a decimal number of units, without trailing
// zeros.
func appendNano(b []byte, v int64) []byte {
	if v == 0 {
		return append(b, '0')
	}
	if v < 0 {
		b, v = append(b, '-'), -v
	}
	whole, frac := v/int64(cost.Unit), v%int64(cost.Unit)
	b = strconv.AppendInt(b, whole, 10)
	if frac == 0 {
		return b
	}
	var digits [9]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + frac%10)
		frac /= 10
	}
	n := len(digits)
	for digits[n-1] == '0' {
		n--
	}
	return append(append(b, '.'), digits[:n]...)
}

// Time is a moment in an answer: RFC 3339, UTC, whole seconds; null when zero.
type Time time.Time

func (t Time) appendJSON(b []byte) []byte {
	if time.Time(t).IsZero() {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = time.Time(t).UTC().AppendFormat(b, time.RFC3339)
	return append(b, '"')
}

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) { return t.appendJSON(nil), nil }

// Schema implements huma.SchemaProvider.
func (Time) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Nullable: true}
}

// Window is a window in an answer.
type Window struct {
	Start Time `json:"start"`
	End   Time `json:"end"`
}

func windowOf(w cost.Window) Window { return Window{Time(w.Start.Start()), Time(w.End.Start())} }

func (w Window) appendJSON(b []byte) []byte {
	b = append(b, `{"start":`...)
	b = w.Start.appendJSON(b)
	b = append(b, `,"end":`...)
	b = w.End.appendJSON(b)
	return append(b, '}')
}

// rowEncoder writes structs of one type as JSON objects, field by field, much
// faster than encoding/json because the fields of our rows know how to append
// themselves. A nil embedded pointer's fields are left out.
type rowEncoder struct{ fields []rowField }

type rowField struct {
	key       []byte // `"name":`
	index     []int
	omitEmpty bool
	is        fieldType
}

// fieldType singles out the most common types, so that their values need no
// look-up of methods.
type fieldType int

const (
	anyField fieldType = iota
	numberField
	amountField
)

func fieldTypeOf(t reflect.Type) fieldType {
	switch t {
	case reflect.TypeFor[Number]():
		return numberField
	case reflect.TypeFor[Amount]():
		return amountField
	}
	return anyField
}

// newRowEncoder prepares the encoding of struct type T by its json tags.
func newRowEncoder[T any]() *rowEncoder {
	e := &rowEncoder{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" || name == "-" {
			continue
		}
		e.fields = append(e.fields, rowField{[]byte(`"` + name + `":`), f.Index, strings.Contains(opts, "omitempty"), fieldTypeOf(f.Type)})
	}
	return e
}

// append writes *row, which must be a pointer to the encoder's struct type.
func (e *rowEncoder) append(b []byte, row any) ([]byte, error) {
	v := reflect.ValueOf(row).Elem()
	b = append(b, '{')
	start := len(b)
	for i := range e.fields {
		f := &e.fields[i]
		field, err := v.FieldByIndexErr(f.index)
		if err != nil || (f.omitEmpty && field.IsZero()) {
			continue
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = append(b, f.key...)
		switch f.is {
		case numberField:
			b = Number(field.Float()).appendJSON(b)
			continue
		case amountField:
			b = field.Addr().Interface().(*Amount).appendJSON(b)
			continue
		}
		if a, ok := field.Addr().Interface().(appender); ok {
			b = a.appendJSON(b)
			continue
		}
		if field.Kind() == reflect.String {
			b = appendString(b, field.String())
			continue
		}
		switch field.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice:
			if field.IsNil() {
				b = append(b, "null"...)
				continue
			}
		}
		text, err := json.Marshal(field.Interface())
		if err != nil {
			return b, err
		}
		b = append(b, text...)
	}
	return append(b, '}'), nil
}

// appendString writes a JSON string; plain ASCII without escapes is copied.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...) // unreachable: strings always marshal
			}
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// object helps a value append itself as a JSON object.
type object struct {
	b     []byte
	start int
}

func beginObject(b []byte) object { return object{append(b, '{'), len(b) + 1} }

func (o *object) key(name string) {
	if len(o.b) > o.start {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, name...) // our own names need no escape
	o.b = append(o.b, '"', ':')
}

// text adds a string that is not empty.
func (o *object) text(name, value string) {
	if value != "" {
		o.key(name)
		o.b = appendString(o.b, value)
	}
}

// list adds strings, if there are any.
func (o *object) list(name string, values []string) {
	if len(values) == 0 {
		return
	}
	o.key(name)
	for i, v := range values {
		o.b = append(o.b, "[,"[min(i, 1)])
		o.b = appendString(o.b, v)
	}
	o.b = append(o.b, ']')
}

// labels adds a map, if it holds anything, keys ascending.
func (o *object) labels(name string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	o.key(name)
	keys := make([]string, 0, len(values))
	for k := range values {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for i, k := range keys {
		o.b = append(o.b, "{,"[min(i, 1)])
		o.b = appendString(o.b, k)
		o.b = append(o.b, ':')
		o.b = appendString(o.b, values[k])
	}
	o.b = append(o.b, '}')
}

func (o *object) end() []byte { return append(o.b, '}') }

// units is a sum in units of currency. It is for ratios only.
func units(s *cost.Sum) float64 {
	if v := s.Big(); v.IsInt64() {
		return float64(v.Int64()) / float64(cost.Unit)
	}
	return s.Float()
}
