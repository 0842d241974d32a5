package costfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Metadata keys in the Parquet footer.
const (
	versionKey = "fleetcost.version"
	metaKey    = "fleetcost.meta"
)

// Meta is what an object says of itself, stored as JSON in the Parquet
// footer under "fleetcost.meta". Rows and Total of each hour are filled by the
// Writer; a reader whose own count differs must refuse the object.
type Meta struct {
	Dataset  Dataset `json:"dataset"`
	Cluster  string  `json:"cluster"`
	Date     string  `json:"date,omitempty"` // daily objects
	Live     bool    `json:"live,omitempty"`
	Currency string  `json:"currency"`
	Writer   string  `json:"writer"` // program and version
	// LabelNames maps canonical label keys to their original spelling, where it
	// is known and differs; for display only.
	LabelNames map[string]string `json:"labelNames,omitempty"`
	Hours      []HourMeta        `json:"hours"` // ascending
}

// HourMeta describes one hour of an object.
type HourMeta struct {
	Hour       cost.Hour  `json:"hour"`       // hours since the Unix epoch
	Coverage   int32      `json:"coverage"`   // seconds of the hour the source had data for
	Generation int64      `json:"generation"` // when it was computed, µs since the epoch; orders rewrites
	Partial    bool       `json:"partial,omitempty"`
	Rows       int64      `json:"rows"`
	Total      cost.Money `json:"total"` // nano-units: Σ of the rows' totals
}

// Better tells whether h should replace o when an object is merged: higher
// coverage wins, then the newer generation.
func (h HourMeta) Better(o HourMeta) bool {
	if h.Coverage != o.Coverage {
		return h.Coverage > o.Coverage
	}
	return h.Generation > o.Generation
}

// HourMap indexes the object's hours.
func (m *Meta) HourMap() map[cost.Hour]HourMeta {
	out := make(map[cost.Hour]HourMeta, len(m.Hours))
	for _, h := range m.Hours {
		out[h.Hour] = h
	}
	return out
}

// Rows and Total add up the object's hours.
func (m *Meta) Rows() (n int64) {
	for _, h := range m.Hours {
		n += h.Rows
	}
	return n
}

// Total is the sum of the hours' totals.
func (m *Meta) Total() *cost.Sum {
	var s cost.Sum
	for _, h := range m.Hours {
		s.Add(h.Total)
	}
	return &s
}

// ErrVersion says that a file is of a format this build does not know.
var ErrVersion = errors.New("unknown format version")

// ErrCorrupt says that a file is damaged or disagrees with itself.
var ErrCorrupt = errors.New("corrupt object")

func version() string { return fmt.Sprintf("%d.%d", Major, Minor) }

func checkVersion(v string) error {
	major, _, ok := strings.Cut(v, ".")
	n, err := strconv.Atoi(major)
	if !ok || err != nil {
		return fmt.Errorf("version %q in %s: %w", v, versionKey, ErrVersion)
	}
	if n != Major {
		return fmt.Errorf("format %s, this build reads %d.x; upgrade fleetcost: %w", v, Major, ErrVersion)
	}
	return nil
}

func decodeMeta(version, text string) (Meta, error) {
	var m Meta
	if version == "" {
		return m, fmt.Errorf("no %s in the footer: not written by fleetcost: %w", versionKey, ErrVersion)
	}
	if err := checkVersion(version); err != nil {
		return m, err
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return m, fmt.Errorf("footer %s: %w: %w", metaKey, ErrCorrupt, err)
	}
	last := cost.Hour(-1 << 62)
	for _, h := range m.Hours {
		if h.Hour <= last {
			return m, fmt.Errorf("footer %s: hours are not ascending: %w", metaKey, ErrCorrupt)
		}
		if h.Rows < 0 || h.Coverage < 0 || h.Coverage > 3600 {
			return m, fmt.Errorf("footer %s: hour %v has rows %d, coverage %d: %w", metaKey, h.Hour, h.Rows, h.Coverage, ErrCorrupt)
		}
		last = h.Hour
	}
	return m, nil
}
