package query_test

import (
	"context"
	"database/sql"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

// The statement over the objects gives every row of the answer, in a DuckDB
// that knows nothing of the server: exactly where nothing is shared, else to a
// millionth.
func checkObjectsSQL(t *testing.T, f *fleet) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	e := f.engine(t)
	rapid.Check(t, func(rt *rapid.T) {
		q := drawQuery(rt, t, f)
		if rapid.Bool().Draw(rt, "shares") {
			drawShares(rt, &q)
		}
		q.Limit, q.Offset = 0, 0
		compareWithObjects(rt, t, f, db, e, q)
	})
}

func compareWithObjects(rt interface{ Fatalf(string, ...any) }, t *testing.T, f *fleet, db *sql.DB, e *query.Engine, q query.AllocationQuery) {
	want := ask(rt, t, e, q)
	o, err := e.ObjectsSQL(t.Context(), q, query.RowChoice{}, func(key string) string { return f.paths[key] })
	if err != nil {
		rt.Fatalf("%v", err)
	}
	if len(o.LeftOut) > 0 {
		return
	}
	exact := len(q.ShareNamespaces)+len(q.ShareLabels) == 0 && q.Overhead != query.OverheadShare
	got := objectRows(rt, t.Context(), db, o.SQL)
	for name, w := range totalsByName(want) {
		g := got[name]
		if g == nil {
			g = new(big.Rat)
		}
		diff := new(big.Rat).Sub(g, new(big.Rat).SetFrac(w, big.NewInt(1e9)))
		if limit := big.NewRat(1, 1_000_000); exact && diff.Sign() != 0 || diff.Abs(diff).Cmp(limit) > 0 {
			rt.Fatalf("%s: objects say %s, the answer %s\n%+v\n%s", name, g.FloatString(12), w, q, o.SQL)
		}
		delete(got, name)
	}
	for name, g := range got {
		if g.Cmp(big.NewRat(1, 1_000_000)) > 0 {
			rt.Fatalf("%s: objects say %s, the answer has no such row\n%+v\n%s", name, g.FloatString(12), q, o.SQL)
		}
	}
}

// totalsByName adds up the rows of each name over the sets, in nano-units.
func totalsByName(a *query.AllocationAnswer) map[string]*big.Int {
	out := map[string]*big.Int{}
	for s := range a.Sets {
		for i := range a.Sets[s].Rows {
			r := &a.Sets[s].Rows[i]
			if out[r.Name] == nil {
				out[r.Name] = new(big.Int)
			}
			out[r.Name].Add(out[r.Name], r.Total().Big())
		}
	}
	return out
}

// objectRows runs a statement and reads the total of each name.
func objectRows(t interface{ Fatalf(string, ...any) }, ctx context.Context, db *sql.DB, text string) map[string]*big.Rat {
	rows, err := db.QueryContext(ctx, "SELECT name, total::VARCHAR FROM ("+strings.TrimSuffix(strings.TrimSpace(text), ";")+")")
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	defer rows.Close()
	out := map[string]*big.Rat{}
	for rows.Next() {
		var name, total string
		if err := rows.Scan(&name, &total); err != nil {
			t.Fatalf("%v", err)
		}
		v, ok := new(big.Rat).SetString(total)
		if !ok {
			t.Fatalf("%s: total %q", name, total)
		}
		out[name] = v
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%v", err)
	}
	return out
}

// A window without objects costs nothing, in SQL too.
func checkObjectsSQLOfNothing(t *testing.T, f *fleet) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	at := (f.first - 100).FirstHour()
	o, err := f.engine(t).ObjectsSQL(t.Context(), query.AllocationQuery{Window: cost.Window{Start: at, End: at + 24}, All: true}, query.RowChoice{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := objectRows(t, t.Context(), db, o.SQL); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// One row alone, and what cannot be computed is said.
func checkObjectsSQLOfARow(t *testing.T, f *fleet) {
	e := f.engine(t)
	q := query.AllocationQuery{
		Window: f.window(), Aggregate: []query.Dimension{{Property: "namespace"}}, Idle: query.IdleSeparate, Overhead: query.OverheadShare,
		ShareCostMonthly: cost.Money(1e9),
	}
	o, err := e.ObjectsSQL(t.Context(), q, query.RowChoice{Name: "it's"}, func(key string) string { return "s3://bucket/" + key })
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(o.SQL, "name = 'it''s'") || !strings.Contains(o.SQL, "'s3://bucket/") || !strings.Contains(o.SQL, "-- Not in it: shareCost") {
		t.Error(o.SQL)
	}
	if len(o.LeftOut) != 1 || len(o.Sources) == 0 {
		t.Errorf("left out %q, %d sources", o.LeftOut, len(o.Sources))
	}
}

// The same for assets, exactly.
func checkAssetObjectsSQL(t *testing.T, f *fleet) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	e := f.engine(t)
	for _, aggregate := range []string{"cluster", "type,cluster", "label:team", "nodePool,instanceType,capacityType", "category", "all"} {
		for _, filter := range []string{"", `cluster:"c0"`, `assetType:"node"+label[team]:"core"`, `category!:"Compute"`} {
			dims, all, err := query.ParseAggregate(aggregate, query.SourceAsset)
			if err != nil {
				t.Fatal(err)
			}
			q := query.AssetQuery{Window: f.window(), Aggregate: dims, All: all, Accumulate: query.AccumulateAll}
			if q.Filter, err = query.ParseFilter(filter, query.SourceAsset); err != nil {
				t.Fatal(err)
			}
			want, err := e.Assets(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			o, err := e.AssetObjectsSQL(t.Context(), q, query.RowChoice{}, func(key string) string { return f.paths[key] })
			if err != nil {
				t.Fatal(err)
			}
			got := objectRows(t, t.Context(), db, o.SQL)
			if len(got) != len(want.Sets[0].Rows) {
				t.Errorf("%s %s: %d rows, %d wanted", aggregate, filter, len(got), len(want.Sets[0].Rows))
			}
			for i := range want.Sets[0].Rows {
				r := &want.Sets[0].Rows[i]
				w := new(big.Rat).SetFrac(r.Total().Big(), big.NewInt(1e9))
				if g := got[r.Name]; g == nil || g.Cmp(w) != 0 {
					t.Errorf("%s %s %s: %v, %s wanted", aggregate, filter, r.Name, g, w)
				}
			}
		}
	}
}

// Price sources part the cost of what is picked.
func checkPriceSources(t *testing.T, f *fleet) {
	e := f.engine(t)
	q := query.AllocationQuery{Window: f.window(), Aggregate: []query.Dimension{{Property: "namespace"}}, Idle: query.IdleSeparate, Overhead: query.OverheadSeparate, Accumulate: query.AccumulateAll}
	want := ask(t, t, e, q)
	for _, rows := range []query.RowChoice{{}, {Name: want.Sets[0].Rows[0].Name}, {Name: cost.IdleName}, {Except: []string{cost.IdleName, cost.OverheadName}}} {
		got, err := e.PriceSources(t.Context(), q, rows)
		if err != nil {
			t.Fatal(err)
		}
		var g, w cost.Sum
		for i := range got {
			g.AddSum(&got[i].Cost)
		}
		for i := range want.Sets[0].Rows {
			if r := &want.Sets[0].Rows[i]; rows.Has(r.Name) {
				w.AddSum(r.Total())
			}
		}
		if g.Big().Cmp(w.Big()) != 0 {
			t.Errorf("%s: prices of %s, cost %s", rows, &g, &w)
		}
	}
}
