package storagecheck_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/fleetcost/fleetcost/internal/storagecheck"
)

// plainStore is our double of an old store that no server at hand is: it knows
// neither conditions nor Content-MD5, nor who asks. It may refuse deletes.
type plainStore struct {
	mu       sync.Mutex
	objects  map[string]string
	deletes  int
	mayTimes int // deletes that are allowed; negative for all
}

// ServeHTTP implements http.Handler.
func (p *plainStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/fleet-costs/")
	body, _ := io.ReadAll(r.Body)
	deny := func(code string, status int) {
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
	}
	object, found := p.objects[key]
	switch {
	case r.URL.Query().Has("list-type"):
		fmt.Fprint(w, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
	case r.URL.Query().Has("uploads") || r.URL.Query().Has("uploadId"):
		deny("NotImplemented", http.StatusNotImplemented)
	case r.Method == http.MethodPut:
		p.objects[key] = string(body)
		w.Header().Set("ETag", `"1"`)
	case r.Method == http.MethodDelete:
		if p.deletes++; p.mayTimes >= 0 && p.deletes > p.mayTimes {
			deny("AccessDenied", http.StatusForbidden)
			return
		}
		delete(p.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case !found:
		deny("NoSuchKey", http.StatusNotFound)
	default:
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		w.Header().Set("Content-Length", fmt.Sprint(len(object)))
		fmt.Fprint(w, object)
	}
}

func startPlain(t *testing.T, mayTimes int) (*plainStore, string) {
	t.Helper()
	p := &plainStore{objects: map[string]string{}, mayTimes: mayTimes}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	// Signature version 2 leaves the body as it is.
	return p, fmt.Sprintf("type: S3\nconfig:\n  bucket: fleet-costs\n  endpoint: %s\n  region: r\n  access_key: a\n  secret_key: b\n"+
		"  insecure: true\n  signature_version2: true\n  disable_multipart: true\n", s.Listener.Addr())
}

// TestPlainStore works, with one writer per cluster, and is left empty.
func TestPlainStore(t *testing.T) {
	p, config := startPlain(t, -1)
	r := run(t, agent(config))
	if got := unhealthy(r); got != "identity skip, list warn, conditional put warn, multipart put skip, delete warn, own keys skip, others' keys skip" || r.ExitCode() != 3 {
		t.Errorf("%d, %s", r.ExitCode(), got)
	}
	if len(p.objects) > 0 || len(r.Leftover) > 0 {
		t.Errorf("left behind: %q, told: %q", p.objects, r.Leftover)
	}
	if r := run(t, server(strings.Replace(config, "  disable_multipart: true\n", "", 1))); failures(r) != "multipart put" || len(p.objects) > 0 {
		t.Errorf("%s; left behind: %q", unhealthy(r), p.objects)
	}
}

// TestLeftover: what could not be removed is named, to the key.
func TestLeftover(t *testing.T) {
	p, config := startPlain(t, 1) // the question whether deleting is allowed, and no more
	r := run(t, server(config+"prefix: team\n"))
	if failures(r) != "delete" || len(r.Leftover) != 2 || len(p.objects) != 2 {
		t.Fatalf("%s; told: %q, left: %q", unhealthy(r), r.Leftover, p.objects)
	}
	for _, key := range r.Leftover {
		if _, ok := p.objects[key]; !ok || !strings.HasPrefix(key, "team/v1/check/") {
			t.Errorf("told %q, left %q", key, p.objects)
		}
	}
}

// TestRehearsalThatWrites: a store that writes what it should refuse, to
// somebody who may not delete. The check stops there and names the object.
func TestRehearsalThatWrites(t *testing.T) {
	p, config := startPlain(t, 0)
	r := run(t, agent(config))
	for key := range p.objects {
		if !strings.HasPrefix(key, "v1/check/cluster_id=prod-us/") {
			t.Errorf("wrote %s, where readers look", key)
		}
	}
	if len(r.Leftover) != len(p.objects) || r.ExitCode() != storagecheck.ExitWarn {
		t.Errorf("%d, %s; told: %q, left: %q", r.ExitCode(), unhealthy(r), r.Leftover, p.objects)
	}
	if own := find(t, r, "own keys"); own.Result != storagecheck.Skip || !strings.Contains(own.Evidence, "does not check a body against its Content-MD5") {
		t.Errorf("own keys: %+v", own)
	}
}
