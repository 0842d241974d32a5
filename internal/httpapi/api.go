package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fleetcost/fleetcost/internal/query"
)

// Config is what the API stands on.
type Config struct {
	Questions query.Questions
	Fleet     Fleet
	Settings  Settings
	About     func(ctx context.Context) (*About, error)
	// Ready tells whether what the bucket held at start is loaded; until then
	// cost routes answer 503 with the progress, never a part of the truth.
	Ready    func() (ready bool, progress string)
	Registry prometheus.Registerer
	Logger   *slog.Logger
	Now      func() time.Time
	Version  string       // of the build
	UI       http.Handler // serves /ui/; nil for none
	Bucket   Bucket       // where the objects lie
	// Timeout bounds one question; default one minute.
	Timeout time.Duration
}

// API is the HTTP face. Mux is where other routes (probes) are added.
type API struct {
	cfg     Config
	mux     *recordingMux
	huma    huma.API
	metrics *metrics
	spec    []byte

	allocationRow, summaryRow, assetRow *rowEncoder
	// retirements counts changes that no data version shows.
	retirements atomic.Int64
}

// recordingMux remembers which patterns were registered, so that a test can
// tell whether one is missing from the OpenAPI document.
type recordingMux struct {
	*http.ServeMux
	patterns []string
}

func (m *recordingMux) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.patterns = append(m.patterns, pattern)
	m.ServeMux.HandleFunc(pattern, h)
}

// New returns the API as one handler. probes, if not nil, adds the routes of
// package ops to the same mux.
func New(cfg Config, probes func(*http.ServeMux)) (*API, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute
	}
	a := &API{
		cfg:           cfg,
		mux:           &recordingMux{ServeMux: http.NewServeMux()},
		allocationRow: newRowEncoder[Allocation](),
		summaryRow:    newRowEncoder[SummaryAllocation](),
		assetRow:      newRowEncoder[Asset](),
	}
	var err error
	if a.metrics, err = newMetrics(cfg.Registry); err != nil {
		return nil, fmt.Errorf("register the API's metrics: %w", err)
	}
	a.huma = humago.New(a.mux, humaConfig(cfg.Version))
	for _, d := range []Dialect{OpenCost(), Kubecost()} {
		a.registerDialect(d)
	}
	a.registerFleet()
	a.registerOverview()
	a.registerExplore()
	a.registerSources()
	a.registerSettings()
	a.registerAbout()
	a.registerExplain()
	a.registerPages(probes)
	// huma registers its own error form, which no route of ours answers.
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} {
		delete(a.huma.OpenAPI().Components.Schemas.Map(), unused)
	}
	if a.spec, err = json.MarshalIndent(a.huma.OpenAPI(), "", "  "); err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return a, nil
}

// Handler returns the API with everything around it: request ids, access log,
// metrics, recovery from panics and compression.
func (a *API) Handler() (http.Handler, error) { return a.wrap(a.mux) }

// OpenAPI returns the OpenAPI 3.1 document as JSON.
func (a *API) OpenAPI() []byte { return slices.Clone(a.spec) }

func humaConfig(version string) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "fleetcost",
				Version: version,
				Description: "What every cluster of the fleet costs. The same questions in two dialects: OpenCost's at the root, " +
					"Kubecost's below /model; with the same explicit parameters both give the same totals. " +
					"A malformed value is a 400 that names the parameter; an unknown parameter is a 200 with a warning; an empty parameter is absent.",
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	}
}

// request is one request as handlers see it.
type request struct {
	*http.Request
	dialect Dialect
	values  url.Values
	now     time.Time
}

// route describes one route.
type route struct {
	method, path string
	tag          string
	summary      string
	description  string
	data         bool // answers come from the store: gated by Ready, with an ETag
	body         any  // a value of the type of the request's body; nil for none
}

// register adds a route whose parameters are the fields of P and whose data is
// of type T, to the mux and to the OpenAPI document.
func register[P, T any](a *API, d Dialect, rt route, handle func(*request, *P) (*reply, error)) {
	if rt.method == "" {
		rt.method = http.MethodGet
	}
	known := parameterNames[P]()
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Envelope[T]](), true, "")
	failure := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[ErrorEnvelope](), true, "")
	content := map[string]*huma.MediaType{"application/json": {Schema: schema}}
	if slices.Contains(known, "format") {
		content["text/csv"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	op := huma.Operation{
		OperationID: operationID(rt), Method: rt.method, Path: rt.path, Tags: []string{rt.tag},
		Summary: rt.summary, Description: rt.description,
		SkipValidateParams: true, SkipValidateBody: true,
		Responses: map[string]*huma.Response{
			"200": {Description: "OK", Content: content},
			"default": {
				Description: "400: a malformed value; 502: the bucket refused; 503: still loading, or detail beyond retention; 500: our fault",
				Content:     map[string]*huma.MediaType{"application/json": {Schema: failure}},
			},
		},
	}
	huma.Register(a.huma, op, func(_ context.Context, in *P) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			a.serve(w, r, d, rt, known, func(req *request) (*reply, error) { return handle(req, in) })
		}}, nil
	})
	if rt.body != nil { // documented only: huma would read it and answer in an error form of its own
		body := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(rt.body), true, "")
		a.huma.OpenAPI().Paths[rt.path].Put.RequestBody = &huma.RequestBody{
			Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: body}},
		}
	}
}

func operationID(rt route) string {
	path := strings.NewReplacer("/", "-", "{", "", "}", "").Replace(rt.path)
	return strings.ToLower(rt.method) + path
}

// serve answers one request: decode, gate, revalidate, ask, write.
func (a *API) serve(w http.ResponseWriter, r *http.Request, d Dialect, rt route, known []string, handle func(*request) (*reply, error)) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		a.fail(w, r, &query.Error{
			Code: query.CodeInvalid, Param: "query string", Reason: err.Error(), Hint: "escape '%' as %25, ';' as %3B",
		})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.cfg.Timeout)
	defer cancel()
	req := &request{Request: r.WithContext(ctx), dialect: d, values: values, now: a.cfg.Now().UTC()}
	if rt.data {
		if ready, progress := a.cfg.Ready(); !ready {
			a.fail(w, r, &query.Error{
				Code: query.CodeUnavailable, Reason: "still loading what the bucket holds: " + progress,
				Hint: "try again; /readyz shows the progress",
			})
			return
		}
		if a.unchanged(w, req) {
			return
		}
	}
	rep, err := handle(req)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	rep.warnings = append(rep.warnings, unknownParameters(values, known)...)
	if rt.data && rep.meta != nil {
		w.Header().Set("ETag", a.etag(req, rep.meta.DataVersion))
		w.Header().Set("Cache-Control", "private, no-cache")
	}
	if err := writeReply(w, rep); err != nil {
		a.cfg.Logger.Debug("answer cut off", "path", r.URL.Path, "request_id", requestID(r.Context()), "error", err)
	}
}

func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, env := errorStatus(err)
	id := requestID(r.Context())
	if status == http.StatusInternalServerError {
		a.cfg.Logger.Error("request failed", "path", r.URL.Path, "query", r.URL.RawQuery, "request_id", id, "error", err)
	}
	writeError(w, env, id)
}

// unchanged answers 304 when the client holds the answer of the data there is.
func (a *API) unchanged(w http.ResponseWriter, r *request) bool {
	held := r.Header.Get("If-None-Match")
	if held == "" {
		return false
	}
	version, err := a.cfg.Questions.DataVersion(r.Context())
	if err != nil {
		return false // the question itself will say what is wrong
	}
	tag := a.etag(r, version)
	for part := range strings.SplitSeq(held, ",") {
		if strings.TrimSpace(part) == tag {
			w.Header().Set("ETag", tag)
			w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

// etag identifies an answer: the data, the request, what the request's window
// means now, and the quarter of the hour, as an hour is due a quarter after its
// end. It is weak because the body may be compressed.
func (a *API) etag(r *request, version string) string {
	window, _ := query.ParseWindow(r.values.Get("window"), r.now)
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d\n%d\n%s\n%s\n%s",
		a.cfg.Version, version, a.retirements.Load(), r.now.Unix()/900, window.Window, r.URL.Path, r.URL.RawQuery))
	return `W/"` + hex.EncodeToString(sum[:12]) + `"`
}

// parameterNames lists the query parameters of a parameter struct.
func parameterNames[P any]() []string {
	var out []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[P]()) {
		if name := f.Tag.Get("query"); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// unknownParameters returns a warning for each parameter the route does not
// know, and for each that is given more than once.
func unknownParameters(values url.Values, known []string) []string {
	var out []string
	for name, v := range values {
		switch {
		case !slices.Contains(known, name):
			out = append(out, fmt.Sprintf("parameter %q is not known here and was ignored", name))
		case len(v) > 1:
			out = append(out, fmt.Sprintf("parameter %q is given %d times; the first counts", name, len(v)))
		}
	}
	slices.Sort(out)
	return out
}
