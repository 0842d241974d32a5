package httpapi

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// docs/operate/api.md names every route and every parameter there is.
func TestAPIPageIsComplete(t *testing.T) {
	page, err := os.ReadFile("../../docs/operate/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name string }
		}
	}
	if err := json.Unmarshal(newServer(t).api.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	text := string(page)
	missing := map[string]bool{}
	for path, methods := range doc.Paths {
		if path = strings.TrimPrefix(path, "/model"); !strings.Contains(text, path+"`") && !strings.Contains(text, path+"?") {
			missing[path] = true
		}
		for _, op := range methods {
			for _, p := range op.Parameters {
				if !strings.Contains(text, "`"+p.Name+"`") && !strings.Contains(text, "`"+p.Name+"=") {
					missing[p.Name] = true
				}
			}
		}
	}
	for name := range missing {
		t.Errorf("docs/operate/api.md does not name %s", name)
	}
}
