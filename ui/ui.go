// Package ui is the web pages, embedded: they need no network but the API they
// were loaded from, so they work air-gapped. It imports nothing of ours and
// knows the API only as a client does.
//
// dist holds what `make ui` builds of web/. Without it the stub in git is
// served, so that neither building nor testing the Go code needs Node.
package ui

import (
	"embed"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// policy allows what the pages are made of and nothing else: no inline script
// or style, no other host, no framing. The base element is the server's own.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'self'; form-action 'none'; frame-ancestors 'none'"

const (
	index = "index.html"
	stub  = "stub.html"
)

// saved is where the server writes what users saved for the pages, so that the
// first paint knows it without a call.
const saved = `<meta name="fleetcost-saved" content="{}" />`

// placeholder is what the pages are built with; the server writes the way back
// to their root there, so that they work at any depth and below any prefix
// that a proxy adds.
const placeholder = `<base href="./" />`

// Handler serves the pages below "/": files by their names, and the page itself
// at every other path, because paths are the app's own. Strip the prefix it is
// mounted at. preferences is asked at each page for a JSON object that is
// written into it.
func Handler(preferences func() string) (http.Handler, error) {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, err
	}
	return handler(files, preferences)
}

func handler(files fs.FS, preferences func() string) (http.Handler, error) {
	page, err := fs.ReadFile(files, index)
	if errors.Is(err, fs.ErrNotExist) {
		page, err = fs.ReadFile(files, stub)
	}
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	return &pages{files: files, page: string(page), preferences: preferences}, nil
}

type pages struct {
	files       fs.FS
	page        string
	preferences func() string
}

func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	name := strings.TrimPrefix(r.URL.Path, "/")
	if path.Ext(name) != "" && fs.ValidPath(name) && name != index && name != stub {
		switch info, err := fs.Stat(p.files, name); {
		case err == nil && !info.IsDir():
			p.file(w, r, name)
			return
		case strings.HasPrefix(name, "assets/"):
			// A page of an older build asks for files that are gone: it must not
			// get HTML for a script.
			h.Set("Cache-Control", "no-store")
			http.NotFound(w, r)
			return
		}
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	back := "./" + strings.Repeat("../", strings.Count(name, "/"))
	text := strings.Replace(p.page, placeholder, `<base href="`+back+`" />`, 1)
	text = strings.Replace(text, saved, `<meta name="fleetcost-saved" content="`+html.EscapeString(p.preferences())+`" />`, 1)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write([]byte(text)) // a client that is gone needs no answer
}

// file serves a file in the smallest form that the client takes. Names below
// assets/ hold a hash of the content, so these are good for ever.
func (p *pages) file(w http.ResponseWriter, r *http.Request, name string) {
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, "assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	form := name
	for _, c := range []struct{ ending, coding string }{{".br", "br"}, {".gz", "gzip"}} {
		if _, err := fs.Stat(p.files, name+c.ending); err != nil {
			continue
		}
		h.Set("Vary", "Accept-Encoding")
		if form == name && accepts(r, c.coding) {
			form = name + c.ending
			h.Set("Content-Encoding", c.coding)
		}
	}
	body, err := fs.ReadFile(p.files, form)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// accepts tells whether the client takes a content coding.
func accepts(r *http.Request, coding string) bool {
	return slices.ContainsFunc(strings.Split(r.Header.Get("Accept-Encoding"), ","), func(part string) bool {
		name, parameters, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := strings.TrimPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		return strings.EqualFold(strings.TrimSpace(name), coding) && (err != nil || weight > 0)
	})
}
