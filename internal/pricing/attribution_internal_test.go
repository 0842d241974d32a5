package pricing

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"time"
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

// A source names its book's date; other sources have none.
func TestBookDate(t *testing.T) {
	for source, dated := range map[string]bool{
		"book:aws/us-east-1": true, "book:azure/eastus": true, "book:gcp/us-central1": true,
		SourceOtherRegion: false, SourceDefault: false, SourceCustom: false, "several": false, "": false, "aws/us-east-1": false, "book:aws/nowhere": false,
	} {
		date := BookDate(source)
		if _, err := time.Parse(time.DateOnly, date); (err == nil) != dated {
			t.Errorf("%q: %q", source, date)
		}
	}
}
