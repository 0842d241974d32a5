package server_test

import (
	"database/sql"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// The SQL of an explanation, run by a DuckDB of its own over the objects that
// agents pushed, gives the number explained: to the last digit, and to a
// millionth where cost is shared by day. So do the lines of its formula.
func TestExplainedSQLIsTheNumber(t *testing.T) {
	r := start(t, config(readOnly(t), t.TempDir()))
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	type envelope struct {
		Data struct {
			Rows       json.RawMessage // of explore rows, of explain their number
			Row        struct{ Total json.Number }
			Lines      []struct{ Cost json.Number }
			SQL        string
			SQLSetup   string
			SQLLeftOut []string
		}
	}
	ask := func(route string, q url.Values) (out envelope) {
		t.Helper()
		status, body := r.get("/api/v1/" + route + "?" + q.Encode())
		if status != http.StatusOK {
			t.Fatalf("%s?%s: %d %s", route, q.Encode(), status, body)
		}
		if err := json.Unmarshal(body, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	rat := func(n json.Number) *big.Rat {
		v, ok := new(big.Rat).SetString(n.String())
		if !ok {
			t.Fatalf("%q is no number", n)
		}
		return v
	}
	for _, c := range []struct {
		source, params string
		shared         bool
	}{
		{"allocation", "window=48h&aggregate=cluster", false},
		{"allocation", "window=today&aggregate=namespace", false},
		{"allocation", "window=48h&aggregate=cluster,namespace&shareIdle=true", false},
		{"allocation", `window=48h&aggregate=namespace&filter=label[app]!:"web"`, false},
		{"allocation", "window=48h&aggregate=label:team&accumulate=hour", false},
		{"allocation", `window=48h&aggregate=controller&filter=namespace!:"kube-system"&idleByNode=true`, false},
		{"allocation", "window=48h&aggregate=namespace&shareIdle=true&shareTenancyCosts=true&shareNamespaces=kube-system", true},
		{"allocation", "window=48h&aggregate=namespace&accumulate=hour&shareIdle=true&shareTenancyCosts=true&shareNamespaces=kube-system", true},
		{"allocation", "window=48h&aggregate=provider", false},
		{"assets", "window=48h&aggregate=type", false},
		{"assets", "window=48h&aggregate=nodePool,instanceType,capacityType,zone", false},
	} {
		q, err := url.ParseQuery(c.params)
		if err != nil {
			t.Fatal(err)
		}
		var rows []struct {
			Name  string
			Total json.Number
		}
		if err := json.Unmarshal(ask("explore/"+c.source, q).Data.Rows, &rows); err != nil || len(rows) == 0 {
			t.Fatalf("%s: %d rows, %v", c.params, len(rows), err)
		}
		names := []string{"*", rows[0].Name, rows[len(rows)-1].Name}
		for _, row := range rows {
			if row.Name == cost.IdleName {
				names = append(names, cost.IdleName)
			}
		}
		for _, name := range names {
			q.Set("row", name)
			x := ask("explain/"+c.source, q).Data
			want := rat(x.Row.Total)
			if i := indexOfRow(len(rows), func(i int) bool { return rows[i].Name == name }); i >= 0 && rat(rows[i].Total).Cmp(want) != 0 {
				t.Errorf("%s %s: explained %s, the row is %s", c.params, name, x.Row.Total, rows[i].Total)
			}
			lines := new(big.Rat)
			for _, l := range x.Lines {
				lines.Add(lines, rat(l.Cost))
			}
			if lines.Cmp(want) != 0 {
				t.Errorf("%s %s: the lines add up to %s, not %s", c.params, name, lines.FloatString(9), x.Row.Total)
			}
			if len(x.SQLLeftOut) > 0 || x.SQLSetup != "" {
				t.Errorf("%s: %q left out, set-up %q", c.params, x.SQLLeftOut, x.SQLSetup)
			}
			var got string
			text := "SELECT coalesce(sum(total), 0)::VARCHAR FROM (" + strings.TrimSuffix(strings.TrimSpace(x.SQL), ";") + ")"
			if err := db.QueryRowContext(t.Context(), text).Scan(&got); err != nil {
				t.Fatalf("%s %s: %v\n%s", c.params, name, err, x.SQL)
			}
			diff := new(big.Rat).Sub(rat(json.Number(got)), want)
			if diff.Sign() != 0 && (!c.shared || diff.Abs(diff).Cmp(big.NewRat(1, 1_000_000)) > 0) {
				t.Errorf("%s %s: the objects say %s, the answer %s", c.params, name, got, x.Row.Total)
			}
		}
	}
}

func indexOfRow(n int, is func(int) bool) int {
	for i := range n {
		if is(i) {
			return i
		}
	}
	return -1
}
