package httpapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/openapi.json")

// Every route the mux knows is in the document, and the reverse.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	s := newServer(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(s.api.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %q, want 3.1", doc.OpenAPI)
	}
	patterns := append(s.api.mux.patterns, "GET /healthz", "GET /readyz", "GET /metrics")
	for _, p := range patterns {
		method, path, _ := strings.Cut(strings.Replace(p, "{$}", "", 1), " ")
		if _, ok := doc.Paths[path][strings.ToLower(method)]; !ok {
			t.Errorf("route %s is not in the document", p)
		}
		delete(doc.Paths[path], strings.ToLower(method))
	}
	for path, methods := range doc.Paths {
		for method := range methods {
			t.Errorf("the document has %s %s, which no route serves", method, path)
		}
	}
}

// The routes the product promises, so that none is lost unseen.
func TestPromisedRoutes(t *testing.T) {
	s := newServer(t)
	both := []string{
		"/allocation?window=1d", "/allocation/compute?window=1d", "/allocation/summary?window=1d", "/allocation/compute/summary?window=1d",
		"/allocation/topline?window=1d", "/allocation/compute/topline?window=1d", "/allocation/summary/topline?window=1d",
		"/allocation/compute/summary/topline?window=1d", "/assets?window=1d", "/assets/topline?window=1d",
		"/allocation/autocomplete?window=1d&field=namespace", "/assets/autocomplete?window=1d&field=cluster",
		"/cloudCost/autocomplete?window=1d&field=service", "/clusterInfo", "/clusterInfoMap", "/getConfigs",
		"/cloudCost?window=1d", "/cloudCost/view/graph?window=1d", "/cloudCost/view/totals?window=1d", "/cloudCost/view/table?window=1d",
		"/cloudCost/status", "/customCost/total?window=1d", "/customCost/timeseries?window=1d", "/customCost/status",
	}
	for _, path := range both {
		s.get(t, path, nil)
		s.get(t, "/model"+path, nil)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json", "/api/v1/fleet", "/", "/ui/"} {
		if status, body := s.raw(t, path); status != 200 {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
}

func TestOpenAPIGolden(t *testing.T) {
	const golden = "testdata/openapi.json"
	got := newServer(t).api.OpenAPI()
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(want)) {
		t.Errorf("the OpenAPI document changed: read the difference, then `go test ./internal/httpapi -update`")
	}
}
