package ui

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestHandler(t *testing.T) {
	h, err := Handler()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.StripPrefix("/ui/", h))
	defer s.Close()
	for path, kind := range map[string]string{"/ui/": "text/html", "/ui/app.js": "text/javascript", "/ui/style.css": "text/css", "/ui/icon.svg": "image/svg+xml"} {
		resp, err := s.Client().Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), kind) || len(body) == 0 {
			t.Errorf("%s: %d %s %v", path, resp.StatusCode, resp.Header.Get("Content-Type"), err)
		}
		if !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: no policy", path)
		}
	}
}

// The policy forbids inline script and style and other hosts: a page that has
// them would break silently.
func TestPageKeepsThePolicy(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)\son\w+=|\sstyle=|<style|<script>|https?://|innerHTML|eval\(|//cdn`)
	err := fs.WalkDir(page, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(page, path)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(b), "http://www.w3.org/2000/svg", "")
		if m := forbidden.FindString(text); m != "" {
			t.Errorf("%s has %q, which the policy forbids", path, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What the script finds by id is in the page, money stands right of the name,
// and a link's period is taken also when the list does not offer it.
func TestPageAndScriptFit(t *testing.T) {
	read := func(name string) string {
		b, err := fs.ReadFile(page, "page/"+name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	html, script := read("index.html"), read("app.js")
	for _, m := range regexp.MustCompile(`\$\("([a-z]+)"\)`).FindAllStringSubmatch(script, -1) {
		if !strings.Contains(html, `id="`+m[1]+`"`) {
			t.Errorf("the script wants an element %s, which the page has not", m[1])
		}
	}
	for _, name := range []string{"Cluster", "Namespace"} {
		if !strings.Contains(html, `<th scope="col">`+name+`</th><th scope="col" class="n">Cost</th>`) {
			t.Errorf("the cost of a %s is not its first column", name)
		}
	}
	for _, want := range []string{`choose(given.get("window"))`, `history.replaceState`, `fill: "url(#hatch)"`} {
		if !strings.Contains(script, want) {
			t.Errorf("the script lacks %s", want)
		}
	}
}
