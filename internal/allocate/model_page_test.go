package allocate_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestModelPageQuotesScenarios: an example in docs/model.md is a scenario that
// runs, word for word. After `-update` copy the scenario into the page.
func TestModelPageQuotesScenarios(t *testing.T) {
	page, err := os.ReadFile("../../docs/model.md")
	if err != nil {
		t.Fatal(err)
	}
	quotes := regexp.MustCompile("(?ms)^```txtar (\\w+)\n(.*?)^```$").FindAllSubmatch(page, -1)
	if len(quotes) < 5 {
		t.Fatalf("%d scenarios quoted", len(quotes))
	}
	for _, q := range quotes {
		want, err := os.ReadFile("testdata/" + string(q[1]) + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(q[2])); diff != "" {
			t.Errorf("docs/model.md quotes %s as it is not (-file +page):\n%s", q[1], diff)
		}
	}
}
