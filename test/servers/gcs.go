package servers

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const (
	fakeGCSVersion = "v1.56.1"
	fakeGCSReady   = 30 * time.Second
	fakeGCSStop    = 10 * time.Second
)

// FakeGCS is fake-gcs-server, which speaks the JSON API of Google Cloud Storage
// to anybody: it checks no credentials. It keeps objects in memory (over a
// directory, a listing of a thousand takes it seconds), so that after Restart
// it answers on the same address and is empty.
type FakeGCS struct {
	process
}

// StartFakeGCS starts fake-gcs-server on a free loopback port and stops
// it at the end of the test. A missing binary or a
// server that does not come up fails the test.
func StartFakeGCS(t testing.TB) *FakeGCS {
	t.Helper()
	binary := findTool(t, "fake-gcs-server", fakeGCSVersion)
	g := &FakeGCS{}
	g.process = process{
		t: t, name: "fake-gcs-server", health: "/_internal/healthcheck", patience: fakeGCSReady, grace: fakeGCSStop,
		command: func(address string) *exec.Cmd {
			host, port, _ := net.SplitHostPort(address)
			return exec.Command(
				binary,
				"-scheme", "http", "-host", host, "-port", port, "-external-url", "http://"+address, "-public-host", address,
				"-backend", "memory", "-log-level", "error",
			)
		},
	}
	g.launch()
	return g
}

// CreateBucket makes an empty bucket.
func (g *FakeGCS) CreateBucket(name string) {
	g.t.Helper()
	g.call(http.MethodPost, "/storage/v1/b?project=fleet", "application/json", fmt.Sprintf(`{"name":%q}`, name))
}

// Upload writes an object as another client would, with a Content-Encoding.
func (g *FakeGCS) Upload(bucket, key, encoding, content string) {
	g.t.Helper()
	g.call(http.MethodPost, "/upload/storage/v1/b/"+bucket+"/o?uploadType=media&name="+key+"&contentEncoding="+encoding, "application/octet-stream", content)
}

func (g *FakeGCS) call(method, path, contentType, body string) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.URL()+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		g.t.Fatalf("fake-gcs-server %s %s: %s %s", method, path, res.Status, text)
	}
}

// ConfigYAML is the text of a federated-store.yaml for a bucket of this server.
func (g *FakeGCS) ConfigYAML(bucket string) string {
	return fmt.Sprintf("type: GCS\nconfig:\n  bucket: %q\n  endpoint: %q\n  anonymous: true\n", bucket, g.URL())
}
