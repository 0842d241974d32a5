package preferences_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/preferences"
)

const whole = `{
  "labelAliases": {
    "owner": ["owner"],
    "team": ["app.kubernetes.io/part-of", "squad"]
  },
  "currencyFormat": {
    "display": "code",
    "decimals": 0,
    "locale": "de-DE"
  },
  "views": {
    "idle": "sharenode",
    "overhead": "hide",
    "sharedNamespaces": ["kube-system", "istio-*"]
  }
}
`

func TestRoundTrip(t *testing.T) {
	d, err := preferences.Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	text, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := preferences.Parse(text)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if diff := cmp.Diff(d, again); diff != "" {
		t.Error(diff)
	}
	if *d.CurrencyFormat.Decimals != 0 || d.Views.SharedNamespaces[1] != "istio-*" {
		t.Errorf("read %+v %+v", d.CurrencyFormat, d.Views)
	}
	if empty, err := preferences.Parse([]byte(`{}`)); err != nil || empty.Views != nil || empty.CurrencyFormat != nil || len(empty.LabelAliases) != 0 {
		t.Errorf("nothing saved reads as %+v (%v)", empty, err)
	}
}

func TestRefused(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{``, "is empty"},
		{`[]`, "is no object"},
		{`null`, "is no object"},
		{`{} {}`, "goes on after its end"},
		{`{"views":`, "is no JSON"},
		{`{"labelAlias": {}}`, `labelAlias: unknown key (did you mean "labelAliases"?`},
		{`{"labelAliases": {"teem": ["a"]}}`, `labelAliases.teem: unknown key (did you mean "team"?`},
		{`{"labelAliases": {"team": "a"}}`, "labelAliases.team: is no list of labels"},
		{`{"labelAliases": {"team": null}}`, "labelAliases.team: is no list of labels"},
		{`{"labelAliases": {"team": []}}`, "labelAliases.team: names no label"},
		{`{"labelAliases": {"team": ["a"], "team": ["b"]}}`, "labelAliases.team: stands twice"},
		{`{"labelAliases": {"team": ["a b"]}}`, `labelAliases.team[0]: "a b" is no label key`},
		{`{"labelAliases": {"team": ["--"]}}`, "is no label key"},
		{`{"labelAliases": {"team": ["teamName", "team_name"]}}`, `labelAliases.team[1]: "team_name" is "teamName" again`},
		{`{"labelAliases": {"team": ["pod-template-hash"]}}`, "differs for every pod"},
		{`{"labelAliases": {"team": ["` + strings.Repeat("a", 400) + `"]}}`, "is no label key"},
		{`{"currencyFormat": {"display": "Code"}}`, `currencyFormat.display: "Code" is not known (did you mean "code"?`},
		{`{"currencyFormat": {"decimals": 5}}`, "currencyFormat.decimals: 5 is no number of decimals"},
		{`{"currencyFormat": {"decimals": 1.5}}`, "1.5 is no number"},
		{`{"currencyFormat": {"decimals": null}}`, "null is no number"},
		{`{"currencyFormat": {"locale": "tlh"}}`, "currencyFormat.locale"},
		{`{"currencyFormat": {"rate": 1.1}}`, "currencyFormat.rate: unknown key"},
		{`{"views": {"overhead": "sharenode"}}`, "views.overhead"},
		{`{"views": {"idle": 3}}`, "views.idle: 3 is not known"},
		{`{"views": {"sharedNamespaces": ["Kube"]}}`, `views.sharedNamespaces[0]: "Kube" is no namespace`},
		{`{"views": {"sharedNamespaces": ["*"]}}`, "is no namespace"},
		{`{"views": {"sharedNamespaces": ["a", "a"]}}`, "keep one"},
	} {
		d, err := preferences.Parse([]byte(tc.text))
		var e *preferences.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %+v, %v; want %q", tc.text, d, err, tc.want)
		}
	}
	_, err := preferences.Parse([]byte(`{"view": {}, "views": {"idle": "share", "overhead": "x"}}`))
	var e *preferences.Error
	if !errors.As(err, &e) || len(e.Problems) != 2 {
		t.Errorf("want both problems: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(`{"views": {"idle": "hide"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := preferences.Parse(text)
		if err != nil {
			return
		}
		out, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := preferences.Parse(out); err != nil || !cmp.Equal(d, again) {
			t.Errorf("%s → %s: %v", text, out, err)
		}
	})
}
