package preferences_test

import (
	"os"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/preferences"
)

// The page names every key and value.
func TestPageIsComplete(t *testing.T) {
	text, err := os.ReadFile("../../docs/operate/saved-settings.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	words := append(preferences.Locales(), "currencyFormat.display", "symbol", "code", "none", "currencyFormat.decimals", "currencyFormat.locale",
		"views.idle", "separate", "share", "sharenode", "hide", "views.overhead", "views.sharedNamespaces")
	for _, w := range words {
		if !strings.Contains(page, "`"+w+"`") {
			t.Errorf("docs/operate/saved-settings.md does not have `%s`", w)
		}
	}
	for _, a := range preferences.Aliases() {
		if !strings.Contains(page, "."+a+"`") {
			t.Errorf("docs/operate/saved-settings.md does not have the alias %s", a)
		}
	}
	_, example, _ := strings.Cut(page, "```json\n")
	example, _, _ = strings.Cut(example, "```")
	if _, err := preferences.Parse([]byte(example)); err != nil {
		t.Errorf("its example is refused: %v", err)
	}
}
