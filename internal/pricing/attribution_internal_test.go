package pricing

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

// Every embedded book says where it comes from, and so does the page beside it.
func TestEveryBookIsAttributed(t *testing.T) {
	page, err := os.ReadFile("books/ATTRIBUTION.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, a := range Attributions() {
		for _, b := range a.Books {
			said[b] = true
		}
		for _, text := range []string{a.Origin, a.Licence, a.Holder} {
			if !strings.Contains(string(page), text) {
				t.Errorf("books/ATTRIBUTION.md does not have %q", text)
			}
		}
	}
	names, err := fs.Glob(embedded, "books/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		id := strings.Replace(strings.TrimSuffix(path.Base(n), ".csv"), "_", "/", 1)
		if !said[id] {
			t.Errorf("%s has no attribution", id)
		}
		delete(said, id)
	}
	for id := range said {
		t.Errorf("%s is attributed and not embedded", id)
	}
}
