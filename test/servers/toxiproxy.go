package servers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"
)

const toxiproxyVersion = "v2.12.0"

// Toxiproxy is a real proxy that breaks TCP connections on demand
// (github.com/Shopify/toxiproxy), driven by its HTTP API.
type Toxiproxy struct {
	process
	proxies int
}

// StartToxiproxy starts it on a free loopback port and stops it at the end of
// the test. A missing binary fails the test.
func StartToxiproxy(t testing.TB) *Toxiproxy {
	t.Helper()
	binary := findTool(t, "toxiproxy", toxiproxyVersion)
	x := &Toxiproxy{}
	x.process = process{
		t: t, name: "toxiproxy", health: "/version", patience: 30 * time.Second, grace: 5 * time.Second,
		command: func(address string) *exec.Cmd {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			return exec.Command(binary, "-host", host, "-port", port)
		},
	}
	x.launch()
	return x
}

// Proxy is one address that leads to another, with what makes it bad.
type Proxy struct {
	x       *Toxiproxy
	name    string
	address string
}

// Endpoint is the proxy's host and port.
func (p *Proxy) Endpoint() string { return p.address }

// Proxy opens a proxy to a host:port. Toxics are best left on until the end of a
// proxy: the server cannot always take one off that holds a connection.
func (x *Toxiproxy) Proxy(upstream string) *Proxy {
	x.t.Helper()
	x.proxies++
	p := &Proxy{x: x, name: fmt.Sprintf("proxy-%d", x.proxies)}
	for range 3 { // another process may take a free port before the server does
		p.address = freeAddress(x.t)
		status, answer := x.post("/proxies", map[string]any{"name": p.name, "listen": p.address, "upstream": upstream, "enabled": true})
		if status == http.StatusCreated {
			return p
		}
		x.t.Logf("toxiproxy: %d %s", status, answer)
	}
	x.t.Fatal("toxiproxy opens no proxy")
	return nil
}

// Toxic makes a share of the connections bad: latency, bandwidth, slow_close,
// timeout (a stall), reset_peer, slicer or limit_data, upstream (towards the
// server) or downstream. See the project's README for the attributes.
func (p *Proxy) Toxic(kind, stream string, share float64, attributes map[string]any) {
	p.x.t.Helper()
	status, answer := p.x.post("/proxies/"+p.name+"/toxics", map[string]any{
		"name": kind + "-" + stream, "type": kind, "stream": stream, "toxicity": share, "attributes": attributes,
	})
	if status != http.StatusOK {
		p.x.t.Fatalf("toxiproxy: %s of %s: %d %s", kind, p.name, status, answer)
	}
}

func (x *Toxiproxy) post(path string, body any) (status int, answer string) {
	x.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		x.t.Fatal(err)
	}
	resp, err := http.Post(x.URL()+path, "application/json", bytes.NewReader(text)) //nolint:noctx // on loopback, in a test
	if err != nil {
		x.t.Fatalf("ask toxiproxy: %v", err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(bytes.TrimSpace(data))
}
