// Package ui is the web page, embedded: it needs no network but the API it was
// loaded from, so it works air-gapped. It imports nothing of ours and knows
// the API only as a client does.
package ui

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed page
var page embed.FS

// policy allows what the page is made of and nothing else: no inline script or
// style, no other host, no framing.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the page's files below "/"; index.html is the root. Strip the
// prefix it is mounted at.
func Handler() (http.Handler, error) {
	files, err := fs.Sub(page, "page")
	if err != nil {
		return nil, err
	}
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		server.ServeHTTP(w, r)
	}), nil
}
