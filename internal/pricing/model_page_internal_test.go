package pricing

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestModelPageListsRates: docs/model.md gives every default rate as it is.
func TestModelPageListsRates(t *testing.T) {
	page, err := os.ReadFile("../../docs/model.md")
	if err != nil {
		t.Fatal(err)
	}
	rates := DefaultRates()
	for _, r := range rates.named() {
		line := fmt.Sprintf("| `%s` | %s | ", r.name, strconv.FormatFloat(*r.value, 'f', -1, 64))
		if !strings.Contains(string(page), line) {
			t.Errorf("docs/model.md lacks %q", line)
		}
	}
	for _, source := range []string{SourceCustom, SourceCSV, SourceMetrics, "book:aws/us-east-1", SourceOtherRegion, SourceDefaultSpot, SourceDefault, "none"} {
		if !strings.Contains(string(page), "| `"+source+"` | ") {
			t.Errorf("docs/model.md does not explain the source %q", source)
		}
	}
}
