package prometheus

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDecode(t *testing.T) {
	in := `{"data": {"result": [
		{"values":[[1,"1"],[2.5,"-0.125"],[1767225600.123,"1e-7"]],"metric":{"x":"a\"\\é\u00e9","exported_x":"own"}},
		{"metric":{},"value":[3,"NaN"],"histogram":[1,{"count":"1","buckets":[[0,"1","2","3"]]}]}
	],"resultType":"matrix","stats":{"a":[1,null,true]}},"warnings":["w"],"status":"success","infos":null}`
	type series struct {
		L labels
		T []int64
		V []string
	}
	var got []series
	a, err := decode(strings.NewReader(in), 0, func(l labels, p []sample) error {
		s := series{L: append(labels(nil), l...)}
		for _, x := range p {
			s.T, s.V = append(s.T, x.t), append(s.V, strconv.FormatFloat(x.v, 'g', -1, 64))
		}
		got = append(got, s)
		return nil
	})
	want := []series{
		{labels{{"x", `a"\éé`}, {"exported_x", "own"}}, []int64{1000, 2500, 1767225600123}, []string{"1", "-0.125", "1e-07"}},
		{nil, []int64{3000}, []string{"NaN"}},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(label{})); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	if a.status != "success" || a.samples != 4 || a.series != 2 || len(a.warnings) != 1 {
		t.Errorf("%+v", a)
	}
	if v := got[0].L.get("x"); v != "own" {
		t.Errorf("x is %q: the exporter's own label must win", v)
	}
	if _, err := decode(strings.NewReader(in), 3, func(labels, []sample) error { return nil }); !errors.Is(err, errTooManySamples) {
		t.Errorf("%v, want too many samples", err)
	}
	for cut := range len(in) {
		if _, err := decode(strings.NewReader(in[:cut]), 0, func(labels, []sample) error { return nil }); err == nil {
			t.Fatalf("an answer cut after %d bytes passes", cut)
		}
	}
}

// TestValuesAreExact compares the short way of reading numbers with strconv's.
func TestValuesAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.OneOf(rapid.Float64(), rapid.Map(rapid.Int64Range(-1e15, 1e15), func(i int64) float64 { return float64(i) / 1e9 })).Draw(t, "v")
		text := strconv.FormatFloat(v, 'f', -1, 64)
		if got, err := parseValue([]byte(text)); err != nil || got != v {
			t.Fatalf("%s is read as %v, %v", text, got, err)
		}
		ms := rapid.Int64Range(0, 1e13).Draw(t, "ms")
		text = strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64)
		if got, err := parseMillis([]byte(text)); err != nil || got != ms {
			t.Fatalf("%s is read as %d ms, %v", text, got, err)
		}
	})
}

// FuzzDecode feeds any bytes: the decoder may refuse, never panic, and agrees
// with encoding/json on what is JSON.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(oneSeries))
	f.Add([]byte(`{"data":{"result":[{"metric":{"a":"b\\"},"values":[[1,"2"]]}]}}`))
	f.Add([]byte(`{"status":"error","error":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := decode(bytes.NewReader(b), 1000, func(labels, []sample) error { return nil })
		if err == nil && !json.Valid(b) && bytes.Count(b, []byte{'"'}) == 0 {
			var v any
			if e := json.NewDecoder(bytes.NewReader(b)).Decode(&v); e != nil {
				t.Fatalf("%q passes: %v", b, e)
			}
		}
	})
}

// FuzzDecodeXOR feeds any bytes as a chunk.
func FuzzDecodeXOR(f *testing.F) {
	f.Add([]byte{0, 1, 2, 0x40, 0x45, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if pts, err := decodeXOR(nil, b); err == nil && len(pts) != int(binary.BigEndian.Uint16(b)) {
			t.Fatalf("%d samples, want %d", len(pts), binary.BigEndian.Uint16(b))
		}
	})
}

func TestDecodeXORFirstSample(t *testing.T) {
	chunk := binary.AppendVarint([]byte{0, 1}, 1767225600123)
	chunk = binary.BigEndian.AppendUint64(chunk, math.Float64bits(42.5))
	pts, err := decodeXOR(nil, chunk)
	if err != nil || len(pts) != 1 || pts[0] != (sample{1767225600123, 42.5}) {
		t.Errorf("%v, %v", pts, err)
	}
}

// FuzzStream feeds any bytes as the body of a remote read.
func FuzzStream(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, b []byte) {
		d := &chunkDecoder{to: math.MaxInt64, max: 1000, intern: map[string]string{}, fn: func(labels, []sample) error { return nil }}
		_ = d.stream(bytes.NewReader(b))
		_ = d.one(b)
	})
}
