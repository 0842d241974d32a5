package prometheus

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// sample is one value at a time in ms since the Unix epoch.
type sample struct {
	t int64
	v float64
}

// labels are a series' labels, in the order of the answer.
type labels []label

type label struct{ name, value string }

// get returns a label's value. Where the scraper renamed a clash
// (honor_labels off), the exporter's own value is under exported_<name>.
func (l labels) get(name string) string {
	var plain string
	for _, x := range l {
		if x.name == name {
			plain = x.value
		} else if len(x.name) == len(name)+len(exportedPrefix) && x.name[:len(exportedPrefix)] == exportedPrefix && x.name[len(exportedPrefix):] == name {
			return x.value
		}
	}
	return plain
}

const exportedPrefix = "exported_"

// errTooManySamples ends the reading of an answer that is larger than allowed.
var errTooManySamples = errors.New("answer holds more samples than max_samples")

// decoder reads an answer of the query API as a stream: one series at a time,
// whatever the size of the whole. Names and values of labels are interned,
// since every series of an answer repeats them.
type decoder struct {
	r      *bufio.Reader
	buf    []byte
	intern map[string]string
	ls     labels
	pts    []sample
	max    int // samples allowed, 0 for any number
	read   int
}

// answer is what an answer says besides its series.
type answer struct {
	status, errorType, message string
	samples, series            int
	warnings                   []string
	partial                    bool // VictoriaMetrics says so beside the data
}

// incomplete returns why an answer of status success is not all of it, "" when
// it is. Queriers of several stores (Thanos, Mimir, VictoriaMetrics' cluster)
// answer with what they have when a store is away. Remarks on the query itself
// are no reason.
func (a *answer) incomplete() string {
	for _, w := range a.warnings {
		if !strings.HasPrefix(w, "PromQL ") {
			return w
		}
	}
	if a.partial {
		return "isPartial is true"
	}
	return ""
}

// decode reads an answer and calls fn for every series. The arguments of fn
// are only valid during the call; the strings in them stay valid.
func decode(r io.Reader, maxSamples int, fn func(labels, []sample) error) (answer, error) {
	d := &decoder{r: bufio.NewReaderSize(r, 64<<10), intern: map[string]string{}, max: maxSamples}
	var a answer
	err := d.object(func(key string) (err error) {
		switch key {
		case "status":
			a.status, err = d.text()
		case "errorType":
			a.errorType, err = d.text()
		case "error":
			a.message, err = d.text()
		case "data":
			err = d.data(&a, fn)
		case "warnings":
			a.warnings, err = d.texts()
		case "isPartial":
			if err = d.number(); err == nil {
				a.partial = string(d.buf) == "true"
			}
		default:
			err = d.skip()
		}
		return err
	})
	a.samples = d.read
	if err != nil && !errors.Is(err, errTooManySamples) {
		err = fmt.Errorf("decode answer: %w", err)
	}
	return a, err
}

func (d *decoder) data(a *answer, fn func(labels, []sample) error) error {
	b, err := d.peek()
	if err != nil || b != '{' {
		return errors.Join(err, d.skip())
	}
	return d.object(func(key string) error {
		if key != "result" {
			return d.skip()
		}
		return d.array(func() error {
			if b, err := d.peek(); err != nil || b != '{' {
				return errors.Join(err, d.skip()) // a scalar
			}
			a.series++
			if err := d.series(); err != nil {
				return err
			}
			return fn(d.ls, d.pts)
		})
	})
}

// series reads one element of a vector or matrix into d.ls and d.pts.
func (d *decoder) series() error {
	d.ls, d.pts = d.ls[:0], d.pts[:0]
	return d.object(func(key string) error {
		switch key {
		case "metric":
			return d.object(func(name string) error {
				if err := d.string(); err != nil {
					return err
				}
				d.ls = append(d.ls, label{name, d.interned()})
				return nil
			})
		case "value":
			return d.sample()
		case "values":
			return d.array(d.sample)
		}
		return d.skip()
	})
}

// sample reads [seconds, "value"].
func (d *decoder) sample() error {
	if d.read++; d.max > 0 && d.read > d.max {
		return errTooManySamples
	}
	if err := d.expect('['); err != nil {
		return err
	}
	if err := d.number(); err != nil {
		return err
	}
	t, err := parseMillis(d.buf)
	if err != nil {
		return err
	}
	if err := d.expect(','); err != nil {
		return err
	}
	if err := d.string(); err != nil {
		return err
	}
	v, err := parseValue(d.buf)
	if err != nil {
		return err
	}
	d.pts = append(d.pts, sample{t, v})
	return d.expect(']')
}

// object reads an object and calls fn at each value.
func (d *decoder) object(fn func(key string) error) error {
	if err := d.expect('{'); err != nil {
		return err
	}
	if b, err := d.peek(); err != nil {
		return err
	} else if b == '}' {
		return d.expect('}')
	}
	for {
		if err := d.string(); err != nil {
			return err
		}
		key := d.interned()
		if err := d.expect(':'); err != nil {
			return err
		}
		if err := fn(key); err != nil {
			return err
		}
		if more, err := d.more('}'); err != nil || !more {
			return err
		}
	}
}

// array reads an array and calls fn at each element.
func (d *decoder) array(fn func() error) error {
	if b, err := d.peek(); err != nil {
		return err
	} else if b == 'n' {
		return d.skip() // null
	}
	if err := d.expect('['); err != nil {
		return err
	}
	if b, err := d.peek(); err != nil {
		return err
	} else if b == ']' {
		return d.expect(']')
	}
	for {
		if err := fn(); err != nil {
			return err
		}
		if more, err := d.more(']'); err != nil || !more {
			return err
		}
	}
}

// more reads a comma or the closing byte.
func (d *decoder) more(closing byte) (bool, error) {
	b, err := d.peek()
	if err != nil {
		return false, err
	}
	if b == ',' {
		return true, d.expect(',')
	}
	return false, d.expect(closing)
}

// peek returns the next byte that is no white space without consuming it.
func (d *decoder) peek() (byte, error) {
	for {
		b, err := d.r.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		switch b {
		case ' ', '\n', '\t', '\r':
		default:
			return b, d.r.UnreadByte()
		}
	}
}

func (d *decoder) expect(want byte) error {
	b, err := d.peek()
	if err != nil {
		return err
	}
	if b != want {
		return fmt.Errorf("found %q where %q was expected", b, want)
	}
	_, err = d.r.Discard(1)
	return err
}

// string reads a JSON string into d.buf.
func (d *decoder) string() error {
	if err := d.expect('"'); err != nil {
		return err
	}
	d.buf = d.buf[:0]
	for {
		chunk, err := d.r.ReadSlice('"')
		if errors.Is(err, bufio.ErrBufferFull) {
			d.buf = append(d.buf, chunk...)
			continue
		}
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		d.buf = append(d.buf, chunk...)
		if !endsEscaped(d.buf[:len(d.buf)-1]) {
			d.buf = d.buf[:len(d.buf)-1]
			return d.unescape()
		}
	}
}

// endsEscaped tells whether the quote after b belongs to the string.
func endsEscaped(b []byte) bool {
	n := 0
	for n < len(b) && b[len(b)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// unescape resolves the escapes in d.buf, if there are any.
func (d *decoder) unescape() error {
	if bytes.IndexByte(d.buf, '\\') < 0 {
		return nil
	}
	var s string
	quoted := append(append([]byte{'"'}, d.buf...), '"')
	if err := json.Unmarshal(quoted, &s); err != nil {
		return fmt.Errorf("string %s: %w", quoted, err)
	}
	d.buf = append(d.buf[:0], s...)
	return nil
}

// interned returns d.buf as a string.
func (d *decoder) interned() string { return internBytes(d.intern, d.buf) }

// internBytes returns b as a string, the same one for the same bytes. The
// table is bounded: identifiers of containers never repeat.
func internBytes(table map[string]string, b []byte) string {
	if s, ok := table[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(table) < 1<<16 {
		table[s] = s
	}
	return s
}

func (d *decoder) text() (string, error) {
	if b, err := d.peek(); err != nil || b != '"' {
		return "", errors.Join(err, d.skip())
	}
	err := d.string()
	return string(d.buf), err
}

// texts reads a list of strings; anything else counts as none.
func (d *decoder) texts() (out []string, err error) {
	if b, err := d.peek(); err != nil || b != '[' {
		return nil, errors.Join(err, d.skip())
	}
	err = d.array(func() error {
		t, err := d.text()
		out = append(out, t)
		return err
	})
	return out, err
}

// number reads a number, or the words true, false and null, into d.buf.
func (d *decoder) number() error {
	if _, err := d.peek(); err != nil {
		return err
	}
	d.buf = d.buf[:0]
	for {
		b, err := d.r.ReadByte()
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		switch b {
		case ',', ']', '}', ' ', '\n', '\t', '\r':
			return d.r.UnreadByte()
		}
		if d.buf = append(d.buf, b); len(d.buf) > 64 {
			return errors.New("number of more than 64 characters")
		}
	}
}

// skip reads one value of any kind.
func (d *decoder) skip() error {
	b, err := d.peek()
	if err != nil {
		return err
	}
	switch b {
	case '{':
		return d.object(func(string) error { return d.skip() })
	case '[':
		return d.array(d.skip)
	case '"':
		return d.string()
	}
	return d.number()
}

// parseMillis reads seconds with up to three decimals as ms.
func parseMillis(b []byte) (int64, error) {
	var ms int64
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9' && i < 15; i++ {
		ms = ms*10 + int64(b[i]-'0')
	}
	if i > 0 && i == len(b) {
		return ms * 1000, nil
	}
	if i > 0 && b[i] == '.' && len(b)-i <= 4 {
		scale := int64(100)
		ms *= 1000
		for i++; i < len(b); i++ {
			if b[i] < '0' || b[i] > '9' {
				return 0, fmt.Errorf("time %q is no number", b)
			}
			ms += int64(b[i]-'0') * scale
			scale /= 10
		}
		return ms, nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return 0, fmt.Errorf("time %q is no number", b)
	}
	return int64(f*1000 + 0.5), nil
}

var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// parseValue reads a float. Short decimals, nearly all there are, take a way
// that is exact because both the digits and the power of ten are.
func parseValue(b []byte) (float64, error) {
	var mant int64
	digits, decimals := 0, -1
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9' && digits < 15:
			mant = mant*10 + int64(c-'0')
			digits++
			if decimals >= 0 {
				decimals++
			}
		case c == '.' && decimals < 0:
			decimals = 0
		default:
			v, err := strconv.ParseFloat(string(b), 64)
			if err != nil && !errors.Is(err, strconv.ErrRange) {
				return 0, fmt.Errorf("value %q is no number", b)
			}
			return v, nil
		}
	}
	if digits == 0 {
		return 0, fmt.Errorf("value %q is no number", b)
	}
	return float64(mant) / pow10[max(0, decimals)], nil
}
