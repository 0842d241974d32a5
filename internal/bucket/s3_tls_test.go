package bucket_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/test/servers"
)

// TestS3PrivateCA: a TLS server of a private authority, and what is said where
// something about the certificates is wrong. A failed handshake is not tried
// again: it fails until somebody changes a file.
func TestS3PrivateCA(t *testing.T) {
	ours, theirs := servers.NewAuthority(t), servers.NewAuthority(t)
	client, clientKey := ours.Issue("client", time.Now().Add(time.Hour))
	stranger, strangerKey := theirs.Issue("stranger", time.Now().Add(time.Hour))
	expired, expiredKey := ours.Issue("expired", time.Now().Add(-time.Minute), "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(expired, expiredKey)
	must(t, err)
	yes := func(*tls.Config) {}
	wantsClient := func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, ours.Pool() }
	for _, c := range []struct {
		name   string
		server func(*tls.Config)
		tls    string
		says   string // "" where it works
	}{
		{"trusted", yes, "ca_file: " + ours.CAFile(), ""},
		{"no CA", yes, "", "the store's certificate is not trusted: set http_config.tls_config.ca_file"},
		{"another CA", yes, "ca_file: " + theirs.CAFile(), "the store's certificate is not trusted"},
		{"another name", yes, "ca_file: " + ours.CAFile() + ", server_name: store.internal", "the store's certificate is for another name"},
		{"expired", func(c *tls.Config) { c.Certificates = []tls.Certificate{pair} }, "ca_file: " + ours.CAFile(), "the store's certificate is not valid: renew it"},
		{"client certificate", wantsClient, "ca_file: " + ours.CAFile() + ", cert_file: " + client + ", key_file: " + clientKey, ""},
		{"no client certificate", wantsClient, "ca_file: " + ours.CAFile(), "asks for one: set http_config.tls_config.cert_file"},
		{"a stranger's client certificate", wantsClient, "ca_file: " + ours.CAFile() + ", cert_file: " + stranger + ", key_file: " + strangerKey, "does not accept our client certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { ok(w, "") }))
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
			server.Listener = lingering{server.Listener}
			server.TLS = ours.ServerTLS("127.0.0.1")
			c.server(server.TLS)
			server.StartTLS()
			defer server.Close()
			b := openYAML(t, secureYAML(server, "  http_config: {tls_config: {"+c.tls+"}}\n"))
			waits := bucket.WithoutWaits(b)
			_, err := put(t.Context(), b, "k", "x", bucket.Condition{})
			if c.says == "" {
				must(t, err)
				return
			}
			if !errors.Is(err, bucket.ErrUnavailable) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want it to say %q", err, c.says)
			}
			if len(*waits) != 0 {
				t.Errorf("tried again %d times", len(*waits))
			}
		})
	}
}

// TestTLSHandshakeTimeout: a server that takes the connection and says nothing.
func TestTLSHandshakeTimeout(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	b := openYAML(t, fmt.Sprintf("type: S3\nconfig:\n  bucket: fleet\n  endpoint: %q\n  region: us-east-1\n  access_key: a\n  secret_key: b\n  max_retries: 1\n  http_config: {tls_handshake_timeout: 50ms}\n", ln.Addr()))
	bucket.WithoutWaits(b)
	if _, err = put(t.Context(), b, "k", "x", bucket.Condition{}); !errors.Is(err, bucket.ErrUnavailable) || !strings.Contains(err.Error(), "TLS handshake timeout") {
		t.Errorf("got %v", err)
	}
}

// lingering is a listener whose connections end as careful servers end them:
// what the client still sends is read before the close. Otherwise the kernel may
// answer it with a reset that overtakes the alert, and a reset is rightly tried
// again.
type lingering struct{ net.Listener }

func (l lingering) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return lingeringConn{c}, nil
}

type lingeringConn struct{ net.Conn }

func (c lingeringConn) Close() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && tcp.CloseWrite() == nil {
		_ = tcp.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = io.Copy(io.Discard, tcp)
	}
	return c.Conn.Close()
}
