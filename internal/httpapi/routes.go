package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// registerDialect adds the routes that both dialects have.
func (a *API) registerDialect(d Dialect) {
	at := func(path, summary, description string) route {
		return route{path: d.Prefix + path, tag: d.Name, summary: summary, description: description, data: true}
	}
	const compute = "OpenCost's name for the same question."
	for _, path := range []string{"/allocation", "/allocation/compute"} {
		note := map[string]string{"/allocation/compute": compute}[path]
		register[AllocationParams, []map[string]Allocation](a, d, at(path, "What workloads cost", note), a.allocations)
		register[AllocationParams, SummaryData](a, d, at(path+"/summary", "What workloads cost, in fewer fields", note), a.summary)
		register[AllocationParams, AllocationTopline](a, d, at(path+"/topline", "The total of /allocation", note), a.allocationTopline)
		register[AllocationParams, SummaryTopline](a, d, at(path+"/summary/topline", "The total of /allocation/summary", note), a.summaryTopline)
	}
	if d.AssetSets {
		register[AssetParams, []map[string]Asset](a, d, at("/assets", "What things with a price cost", "An array of sets."), a.assets)
	} else {
		register[AssetParams, map[string]Asset](a, d, at("/assets", "What things with a price cost", "One object for the whole window."), a.assets)
	}
	register[AssetParams, AssetTopline](a, d, at("/assets/topline", "The total of /assets", ""), a.assetTopline)
	register[AutocompleteParams, []string](a, d, at("/allocation/autocomplete", "Values of an allocation property", ""), a.complete(sourceAllocation))
	register[AutocompleteParams, []string](a, d, at("/assets/autocomplete", "Values of an asset property", ""), a.complete(sourceAsset))
	a.registerBills(d)
	a.registerClusters(d)
}

// pageOperations documents routes that huma does not serve.
type pageOperation struct{ path, summary, contentType string }

// registerPages adds the OpenAPI document, the probes, the web page and the
// answer to every other path.
func (a *API) registerPages(probes func(*http.ServeMux)) {
	pages := []pageOperation{{"/openapi.json", "This document", "application/openapi+json"}, {"/", "Where to go from here; browsers are sent to the web page", "application/json"}}
	a.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(a.spec) // a client that is gone needs no answer
	})
	if probes != nil {
		probes(a.mux.ServeMux)
		pages = append(pages,
			pageOperation{"/healthz", "200 while the process is alive", ""},
			pageOperation{"/readyz", "200 once what the bucket held at start is loaded; the body shows progress", "application/json"},
			pageOperation{"/metrics", "Metrics in the Prometheus exposition format", "text/plain"},
		)
	}
	if a.cfg.UI != nil {
		a.mux.patterns = append(a.mux.patterns, "GET /ui/")
		a.mux.Handle("GET /ui/", http.StripPrefix("/ui/", a.cfg.UI))
		pages = append(pages, pageOperation{"/ui/", "The web page", "text/html"})
	}
	a.mux.HandleFunc("GET /{$}", a.root)
	a.mux.ServeMux.HandleFunc("/", a.noRoute)
	for _, p := range pages {
		ok := &huma.Response{Description: "OK"}
		if p.contentType != "" {
			ok.Content = map[string]*huma.MediaType{p.contentType: {}}
		}
		a.huma.OpenAPI().AddOperation(&huma.Operation{
			Method: http.MethodGet, Path: p.path, Summary: p.summary, Tags: []string{"operation"},
			OperationID: "get" + strings.ReplaceAll(strings.TrimSuffix(p.path, "/"), "/", "-"),
			Responses:   map[string]*huma.Response{"200": ok},
		})
	}
}

// root sends a browser to the page and tells everyone else where to go.
func (a *API) root(w http.ResponseWriter, r *http.Request) {
	if a.cfg.UI != nil && strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "ui/", http.StatusFound)
		return
	}
	// An error here means that the client is gone.
	_ = writeReply(w, &reply{data: map[string]string{
		"name": "fleetcost", "version": a.cfg.Version, "openapi": "/openapi.json", "ui": "/ui/",
		"allocation": "/allocation?window=7d&aggregate=namespace", "fleet": "/api/v1/fleet",
	}})
}

// noRoute answers a path that no route has, or a method that its route lacks.
func (a *API) noRoute(w http.ResponseWriter, r *http.Request) {
	env := ErrorEnvelope{Code: http.StatusNotFound, Status: "error", Hint: "/openapi.json lists all routes"}
	env.Message = "no route " + r.Method + " " + r.URL.Path + " (" + env.Hint + ")"
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
		probe := r.Clone(r.Context())
		probe.Method = m
		if _, pattern := a.mux.Handler(probe); pattern != "/" && pattern != "" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) > 0 && !slices.Contains(allowed, r.Method) {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		env.Code = http.StatusMethodNotAllowed
		env.Hint = "use " + strings.Join(allowed, " or ")
		env.Message = r.Method + " is not allowed on " + r.URL.Path + " (" + env.Hint + ")"
	}
	writeError(w, env, requestID(r.Context()))
}
