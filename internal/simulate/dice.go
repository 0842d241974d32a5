package simulate

// dice is a small deterministic generator (splitmix64). The standard library's
// generators do not promise the same derived values in every release, and a
// fleet must be the same for as long as its seed is.
type dice struct{ state uint64 }

func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	return scramble(d.state)
}

// intn returns a number in [0, n); n must be positive.
func (d *dice) intn(n int) int { return int(d.next() % uint64(n)) }

// between returns a number in [lo, hi].
func (d *dice) between(lo, hi int) int { return lo + d.intn(hi-lo+1) }

// float returns a number in [lo, hi).
func (d *dice) float(lo, hi float64) float64 { return lo + (hi-lo)*unit(d.next()) }

// chance is true in percent of 100 cases.
func (d *dice) chance(percent int) bool { return d.intn(100) < percent }

// pick returns one of the words.
func (d *dice) pick(words []string) string { return words[d.intn(len(words))] }

// scramble is the finalizer of splitmix64: a bijection whose output bits all
// depend on all input bits.
func scramble(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// mix derives a new independent value from two.
func mix(a, b uint64) uint64 { return scramble(a ^ (b+1)*0x9e3779b97f4a7c15) }

// unit maps a hash to [0, 1).
func unit(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// hashOf folds a string into a seed (FNV-1a, then scrambled).
func hashOf(seed uint64, s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(seed, h)
}

// alphabet is the one Kubernetes uses for generated names: no vowels, no
// characters that look alike.
const alphabet = "bcdfghjklmnpqrstvwxz2456789"

// nameSuffix spells n characters of a generated Kubernetes name.
func nameSuffix(h uint64, n int) string {
	var b [16]byte
	for i := range n {
		b[i] = alphabet[h%uint64(len(alphabet))]
		h /= uint64(len(alphabet))
	}
	return string(b[:n])
}

const hexDigits = "0123456789abcdef"

// hexString spells n hexadecimal digits, at most 32.
func hexString(h uint64, n int) string {
	var b [32]byte
	lo := scramble(h)
	for i := range n {
		if i == 16 {
			lo = scramble(h ^ 0xa5a5a5a5a5a5a5a5)
		}
		b[i] = hexDigits[lo&15]
		lo >>= 4
	}
	return string(b[:n])
}

// uuid spells h as a version 4 UUID.
func uuid(h uint64) string {
	x := hexString(h, 32)
	b := make([]byte, 0, 36)
	b = append(b, x[0:8]...)
	b = append(b, '-')
	b = append(b, x[8:12]...)
	b = append(b, '-', '4')
	b = append(b, x[13:16]...)
	b = append(b, '-', "89ab"[h&3])
	b = append(b, x[17:20]...)
	b = append(b, '-')
	b = append(b, x[20:32]...)
	return string(b)
}
