package ui

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func built() fstest.MapFS {
	return fstest.MapFS{
		"index.html":            {Data: []byte(`<head><base href="./" /></head>page`)},
		"stub.html":             {Data: []byte(`stub`)},
		"icon.svg":              {Data: []byte(`<svg/>`)},
		"assets/app-1a2b.js":    {Data: []byte(`plain`)},
		"assets/app-1a2b.js.br": {Data: []byte(`brotli`)},
		"assets/app-1a2b.js.gz": {Data: []byte(`gzip`)},
	}
}

func nothingSaved() string { return "{}" }

func get(t *testing.T, h http.Handler, path, coding string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", coding)
	w := httptest.NewRecorder()
	http.StripPrefix("/ui/", h).ServeHTTP(w, r)
	resp := w.Result()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%s: no policy", path)
	}
	return resp, string(body)
}

// The page is served at every path of the app, with the way back to its root.
func TestPageAtEveryDepth(t *testing.T) {
	h, err := handler(built(), nothingSaved)
	if err != nil {
		t.Fatal(err)
	}
	for path, base := range map[string]string{
		"/ui/": "./", "/ui/explore": "./", "/ui/fleet/": "./../", "/ui/fleet/prod-eu": "./../", "/ui/fleet/a.b": "./../",
		"/ui/fleet/x/days": "./../../", "/ui/index.html": "./", "/ui/stub.html": "./", "/ui/assets": "./",
	} {
		resp, body := get(t, h, path, "")
		if resp.StatusCode != http.StatusOK || !strings.Contains(body, `<base href="`+base+`" />`) || !strings.Contains(body, "page") {
			t.Errorf("%s: %d %s, want base %s", path, resp.StatusCode, body, base)
		}
		if resp.Header.Get("Cache-Control") != "no-cache" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %v", path, resp.Header)
		}
	}
}

func TestFiles(t *testing.T) {
	h, err := handler(built(), nothingSaved)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, accept, body, coding, cache string }{
		{"/ui/assets/app-1a2b.js", "gzip, br", "brotli", "br", "immutable"},
		{"/ui/assets/app-1a2b.js", "gzip", "gzip", "gzip", "immutable"},
		{"/ui/assets/app-1a2b.js", "br;q=0, gzip;q=0.5", "gzip", "gzip", "immutable"},
		{"/ui/assets/app-1a2b.js", "", "plain", "", "immutable"},
		{"/ui/icon.svg", "br", "<svg/>", "", "no-cache"},
	} {
		resp, body := get(t, h, c.path, c.accept)
		if body != c.body || resp.Header.Get("Content-Encoding") != c.coding || !strings.Contains(resp.Header.Get("Cache-Control"), c.cache) {
			t.Errorf("%s with %q: %s %v", c.path, c.accept, body, resp.Header)
		}
	}
	resp, _ := get(t, h, "/ui/assets/app-1a2b.js", "br")
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/javascript") {
		t.Errorf("a script is served as %q", kind)
	}
	if resp, _ := get(t, h, "/ui/assets/app-old.js", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a file of an older build: %d", resp.StatusCode)
	}
	if resp, body := get(t, h, "/ui/../ui.go", ""); strings.Contains(body, "package ui") {
		t.Errorf("escaped the pages: %d", resp.StatusCode)
	}
}

// Without a build there is a page that says so.
func TestStub(t *testing.T) {
	files := built()
	delete(files, "index.html")
	h, err := handler(files, nothingSaved)
	if err != nil {
		t.Fatal(err)
	}
	if _, body := get(t, h, "/ui/", ""); body != "stub" {
		t.Errorf("got %q", body)
	}
}

// What is embedded, built or not, keeps to the policy: inline script and style
// would break silently.
func TestEmbeddedPageKeepsThePolicy(t *testing.T) {
	h, err := Handler(nothingSaved)
	if err != nil {
		t.Fatal(err)
	}
	_, body := get(t, h, "/ui/", "")
	if m := regexp.MustCompile(`(?i)\son\w+=|\sstyle=|<style|<script>|https?://`).FindString(body); m != "" {
		t.Errorf("the page has %q, which the policy forbids", m)
	}
}

// What users saved stands in the page as a browser reads an attribute, whatever
// it holds.
func TestSavedStandsInThePage(t *testing.T) {
	files := built()
	files["index.html"] = &fstest.MapFile{Data: []byte(`<base href="./" /><meta name="fleetcost-saved" content="{}" />`)}
	text := `{"views":{"idle":"share"}}`
	h, err := handler(files, func() string { return text })
	if err != nil {
		t.Fatal(err)
	}
	const want = `content="{&#34;views&#34;:{&#34;idle&#34;:&#34;share&#34;}}"`
	if _, body := get(t, h, "/ui/explore", ""); !strings.Contains(body, want) {
		t.Errorf("the page is %s, want %s in it", body, want)
	}
	text = `"/><script>`
	if _, body := get(t, h, "/ui/", ""); strings.Contains(body, "<script>") {
		t.Errorf("saved text became markup: %s", body)
	}
}
