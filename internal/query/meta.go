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
	version     string
	clusters    []clusterMeta
	currency    string
	odd         []string // clusters in another currency, left out of sums
	oneProvider bool     // no cluster has assets of two providers
	days        map[cost.Day]hourSpan
	zero        zeroColumns
}

// hourSpan is the first and last hour with data of a day.
type hourSpan struct{ first, last cost.Hour }

// zeroColumns are the measures of a source that are 0 in every row of the
// store: on most fleets a third of them. They are not read.
type zeroColumns map[string]map[string]bool // by source and column

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
	m := &storeMeta{version: version}
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
	if err := e.readDays(ctx, m); err != nil {
		return nil, err
	}
	if err := e.readZero(ctx, m); err != nil {
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

// readDays reads the first and last hour with data of each day.
func (e *Engine) readDays(ctx context.Context, m *storeMeta) error {
	m.days = map[cost.Day]hourSpan{}
	q := "SELECT " + dayNumber + ", min(hour), max(hour) FROM coverage GROUP BY 1"
	return e.each(ctx, q, func(v []any) error {
		m.days[cost.Day(integer(v[0]))] = hourSpan{cost.Hour(integer(v[1])), cost.Hour(integer(v[2]))}
		return nil
	})
}

// readZero asks for the bounds of the measures that the store keeps anyway.
func (e *Engine) readZero(ctx context.Context, m *storeMeta) error {
	m.zero = zeroColumns{SourceAllocation: {}, SourceAsset: {}}
	var alloc, asset []string
	for _, of := range [][]allocMeasure{quantityMeasures(), costMeasures(), idleShareMeasures(true), idleShareMeasures(false), reservedMeasures()} {
		alloc = append(alloc, measureColumns(of)...)
	}
	for _, am := range assetMeasures() {
		asset = append(asset, am.column)
	}
	for _, t := range []struct {
		source  string
		columns []string
		tables  []string
	}{
		{SourceAllocation, alloc, []string{"alloc_hour", "alloc_day_container", "alloc_day_controller", "alloc_day_namespace"}},
		{SourceAsset, asset, []string{"asset_hour", "asset_day"}},
	} {
		zero := m.zero[t.source]
		for _, c := range t.columns {
			zero[c] = true
		}
		for _, table := range t.tables {
			err := e.each(ctx, boundsSQL(table, t.columns), func(v []any) error {
				for i, c := range t.columns {
					zero[c] = zero[c] && boundsAreZero(textOf(v[i]))
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// nonZero leaves out the measures that are 0 everywhere.
func (m *storeMeta) nonZero(ms []allocMeasure) []allocMeasure {
	return slices.DeleteFunc(slices.Clone(ms), func(x allocMeasure) bool { return m.zero[SourceAllocation][x.column] })
}

// ownCost is the expression for the sum of a row's own costs, its overhead
// included, and the columns in it.
func (m *storeMeta) ownCost() (expr string, columns []string) {
	columns = measureColumns(m.nonZero(costMeasures()))
	if len(columns) == 0 {
		return "0", nil
	}
	return strings.Join(columns, " + "), columns
}
