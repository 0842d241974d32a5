package prometheus

import (
	"encoding/binary"
	"errors"
	"math"
)

// errChunk is a chunk that does not follow the format.
var errChunk = errors.New("malformed XOR chunk")

// bitReader reads bits, most significant first. Reading beyond the end sets
// bad and returns zeros.
type bitReader struct {
	b   []byte
	pos int // in bits
	bad bool
}

func (r *bitReader) bits(n int) uint64 {
	if r.pos+n > len(r.b)*8 {
		r.bad = true
		return 0
	}
	var v uint64
	for n > 0 {
		off := r.pos & 7
		take := min(8-off, n)
		v = v<<take | uint64(r.b[r.pos>>3])>>(8-off-take)&(1<<take-1)
		r.pos += take
		n -= take
	}
	return v
}

func (r *bitReader) uvarint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		c := r.bits(8)
		v |= (c & 0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.bad = true
	return 0
}

// deltaWidths are the widths of the classes of delta-of-deltas, by the number
// of ones that lead to them.
var deltaWidths = [...]int{0, 14, 17, 20, 64}

// decodeXOR appends the samples of a chunk to dst. The format is Gorilla's as
// Prometheus stores it (prometheus/prometheus, tsdb/docs/format/chunks.md):
// two bytes of count; the first time as a varint and value as 64 bits; then
// times as deltas of deltas and values as the XOR with the one before.
func decodeXOR(dst []sample, chunk []byte) ([]sample, error) {
	if len(chunk) < 2 {
		return dst, errChunk
	}
	count := int(binary.BigEndian.Uint16(chunk))
	r := &bitReader{b: chunk[2:]}
	var t, delta int64
	var v uint64
	var leading, trailing int
	for i := range count {
		switch i {
		case 0:
			x := r.uvarint()
			t = int64(x>>1) ^ -int64(x&1)
			v = r.bits(64)
		case 1:
			delta = int64(r.uvarint())
		default:
			ones := 0
			for ones < 4 && r.bits(1) == 1 {
				ones++
			}
			delta += signed(r, deltaWidths[ones])
		}
		if i > 0 {
			t += delta
			v ^= xorBits(r, &leading, &trailing)
		}
		if r.bad {
			return dst, errChunk
		}
		dst = append(dst, sample{t, math.Float64frombits(v)})
	}
	return dst, nil
}

func signed(r *bitReader, width int) int64 {
	x := r.bits(width)
	if width > 0 && width < 64 && x > 1<<(width-1) {
		return int64(x) - 1<<width
	}
	return int64(x)
}

// xorBits reads what a value differs by from the one before: nothing, bits
// within the last window, or a new window and its bits.
func xorBits(r *bitReader, leading, trailing *int) uint64 {
	if r.bits(1) == 0 {
		return 0
	}
	if r.bits(1) == 1 {
		*leading = int(r.bits(5))
		width := int(r.bits(6))
		if width == 0 {
			width = 64
		}
		if *trailing = 64 - *leading - width; *trailing < 0 {
			r.bad = true
			return 0
		}
	}
	return r.bits(64-*leading-*trailing) << *trailing
}
