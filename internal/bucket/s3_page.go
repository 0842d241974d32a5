package bucket

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
)

// errWebPage is an answer that no store gives.
var errWebPage = errors.New("the endpoint answers with a web page, so it is not the store's API: correct config.endpoint; a console or a proxy's login page perhaps")

// checkPage refuses a success that is a web page: the XML decoder would take
// the page for a listing without objects, and a write into a console's port for
// written. The content type alone does not tell, for some stores send text/html
// with empty bodies; the body must begin like a page too.
func checkPage(resp *http.Response) error {
	if resp.StatusCode >= 300 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		return nil
	}
	body := bufio.NewReaderSize(resp.Body, pageStart)
	resp.Body = struct {
		io.Reader
		io.Closer
	}{body, resp.Body}
	start, err := body.Peek(pageStart)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	start = bytes.ToLower(bytes.TrimSpace(start))
	if bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html")) {
		return errWebPage
	}
	return nil
}

// pageStart is how much of a body is looked at, in bytes.
const pageStart = 512
