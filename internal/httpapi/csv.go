package httpapi

import (
	"encoding/csv"
	"io"
	"reflect"
	"strings"

	"github.com/fleetcost/fleetcost/internal/query"
)

// allocationColumns are the CSV columns after the window and the name: first
// the properties, then the fields of Allocation that are single numbers, under
// their JSON names.
var propertyColumns = [...]string{"cluster", "node", "namespace", "controllerKind", "controller", "pod", "container", "services"}

// numberColumns lists the fields of T that a CSV cell can hold, in order.
func numberColumns[T any]() (names []string, index [][]int) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Type == reflect.TypeFor[Number]() || f.Type == reflect.TypeFor[Amount]() {
			names, index = append(names, name), append(index, f.Index)
		}
	}
	return names, index
}

// allocationCSV writes an answer as one table, a line per set and row. Costs
// are exact, as in JSON.
func allocationCSV(rep *reply, ans *query.AllocationAnswer) *reply {
	rep.filename = "allocation-" + fileWindow(&ans.Answer) + ".csv"
	rep.csv = func(out io.Writer) error {
		names, index := numberColumns[Allocation]()
		w := csv.NewWriter(out)
		header := append([]string{"windowStart", "windowEnd", "name"}, propertyColumns[:]...)
		_ = w.Write(append(append(header, names...), "currency")) // w.Error tells
		for s := range ans.Sets {
			set := &ans.Sets[s]
			for i := range set.Rows {
				row := allocationJSON(&set.Rows[i], set.Window, false)
				p := &row.Properties
				record := []string{
					cell(row.Window.Start), cell(row.Window.End), text(row.Name),
					text(p.Cluster), text(p.Node), text(p.Namespace), text(p.ControllerKind), text(p.Controller),
					text(p.Pod), text(p.Container), text(strings.Join(p.Services, ",")),
				}
				record = append(record, cells(&row, index)...)
				if err := w.Write(append(record, ans.Currency)); err != nil {
					return err
				}
			}
		}
		w.Flush()
		return w.Error()
	}
	return rep
}

// assetCSV writes an asset answer as one table, a line per set and asset.
func assetCSV(rep *reply, ans *query.AssetAnswer, plan assetPlan) *reply {
	rep.filename = "assets-" + fileWindow(&ans.Answer) + ".csv"
	rep.csv = func(out io.Writer) error {
		names, index := numberColumns[Asset]()
		w := csv.NewWriter(out)
		header := []string{
			"windowStart", "windowEnd", "name", "type", "category", "cluster", "provider", "providerID", "assetName", "region", "zone",
			"nodeType", "storageClass", "claimNamespace", "claimName", "priceSource",
		}
		_ = w.Write(append(append(header, names...), "currency")) // w.Error tells
		namer := assetNamer{finest: len(plan.query.Aggregate) == 0 && !plan.query.All}
		for s := range ans.Sets {
			set := &ans.Sets[s]
			namer.seen = make(map[string]int, len(set.Rows))
			for i := range set.Rows {
				row := assetJSON(&set.Rows[i], set.Window)
				p, q := &row.Properties, &set.Rows[i].Props
				record := []string{
					cell(row.Window.Start), cell(row.Window.End), text(namer.name(&set.Rows[i])), row.Type, p.Category, text(p.Cluster), text(p.Provider),
					text(p.ProviderID), text(p.Name), text(p.Region), text(p.Zone), text(q.InstanceType), text(q.StorageClass),
					text(q.ClaimNamespace), text(q.ClaimName), text(row.PriceSource),
				}
				record = append(record, cells(&row, index)...)
				if err := w.Write(append(record, ans.Currency)); err != nil {
					return err
				}
			}
		}
		w.Flush()
		return w.Error()
	}
	return rep
}

func fileWindow(a *query.Answer) string {
	const layout = "20060102T15"
	return a.Window.Start.Start().Format(layout) + "-" + a.Window.End.Start().Format(layout)
}

// cells formats the numbers of a row; those it does not have are empty.
func cells(row any, index [][]int) []string {
	out := make([]string, len(index))
	v := reflect.ValueOf(row).Elem()
	for i, path := range index {
		f, err := v.FieldByIndexErr(path)
		if err != nil {
			continue
		}
		if a, ok := f.Addr().Interface().(appender); ok {
			out[i] = strings.TrimSuffix(string(a.appendJSON(nil)), "null")
		}
	}
	return out
}

func cell(t Time) string { return strings.Trim(string(t.appendJSON(nil)), `"`) }

// text guards a cell against being run as a formula by a spreadsheet: names
// come from clusters, which are not trusted.
func text(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
