package query

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// storeMeta is what answers need to know of the clusters, at one version of
// the data.
type storeMeta struct {
	clusters    []clusterMeta
	currency    string
	odd         []string // clusters in another currency, left out of sums
	oneProvider bool     // no cluster has assets of two providers
}

type clusterMeta struct {
	name        string
	first, last cost.Hour // last hour with data, inclusive
	currency    string
}

type metaCache struct {
	mu      sync.Mutex
	version string
	meta    *storeMeta
}

// metaAt returns the clusters as of a version; it asks the store once per
// version.
func (e *Engine) metaAt(ctx context.Context, version string) (*storeMeta, error) {
	e.meta.mu.Lock()
	if e.meta.meta != nil && e.meta.version == version {
		defer e.meta.mu.Unlock()
		return e.meta.meta, nil
	}
	e.meta.mu.Unlock()
	m := &storeMeta{}
	err := e.each(ctx, "SELECT cluster, first_hour, last_hour, coalesce(currency, '') FROM cluster ORDER BY cluster", func(v []any) error {
		m.clusters = append(m.clusters, clusterMeta{textOf(v[0]), cost.Hour(integer(v[1])), cost.Hour(integer(v[2])), textOf(v[3])})
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = e.each(ctx, "SELECT coalesce(max(n), 0) FROM (SELECT count(DISTINCT provider) AS n FROM asset_day WHERE provider <> '' GROUP BY cluster)", func(v []any) error {
		m.oneProvider = integer(v[0]) <= 1
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.chooseCurrency()
	e.meta.mu.Lock()
	e.meta.version, e.meta.meta = version, m
	e.meta.mu.Unlock()
	return m, nil
}

// chooseCurrency takes the currency of most clusters. The others are named in
// a warning and left out: amounts of different currencies are never added.
func (m *storeMeta) chooseCurrency() {
	count := map[string]int{}
	for _, c := range m.clusters {
		if c.currency != "" {
			count[c.currency]++
		}
	}
	for _, cur := range slices.Sorted(func(yield func(string) bool) {
		for k := range count {
			if !yield(k) {
				return
			}
		}
	}) {
		if m.currency == "" || count[cur] > count[m.currency] {
			m.currency = cur
		}
	}
	for _, c := range m.clusters {
		if c.currency != "" && c.currency != m.currency {
			m.odd = append(m.odd, c.name)
		}
	}
	sort.Strings(m.odd)
}

// inCurrency is the condition that leaves the odd clusters out.
func (m *storeMeta) inCurrency() string {
	if len(m.odd) == 0 {
		return "TRUE"
	}
	return "cluster NOT IN (" + literals(m.odd) + ")"
}

func (m *storeMeta) warnings() []string {
	if len(m.odd) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("left out, because their currency is not %s: %s", m.currency, strings.Join(m.odd, ", "))}
}

// hoursOfDays returns the first and last hour with data of each day that a
// window touches.
func (e *Engine) hoursOfDays(ctx context.Context, w cost.Window) (func(cost.Day) (first, last cost.Hour, ok bool), error) {
	type span struct{ first, last cost.Hour }
	days := w.Days()
	found := make(map[cost.Day]span, len(days))
	q := fmt.Sprintf("SELECT %s, min(hour), max(hour) FROM coverage WHERE %s GROUP BY 1", dayNumber, whenDays(days))
	err := e.each(ctx, q, func(v []any) error {
		found[cost.Day(integer(v[0]))] = span{cost.Hour(integer(v[1])), cost.Hour(integer(v[2]))}
		return nil
	})
	return func(d cost.Day) (cost.Hour, cost.Hour, bool) {
		s, ok := found[d]
		return s.first, s.last, ok
	}, err
}
