package bucket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// dialTLS connects as t would, and keeps why a server ended a connection. From
// TLS 1.3 on a server refuses a client's certificate after the handshake, by an
// alert that the transport reads while it is still writing the request. It then
// closes the connection, and its writing fails with net.ErrClosed: which of the
// two errors a request gets is a race that the alert must not lose.
func dialTLS(t *http.Transport) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, fmt.Errorf("read address %q: %w", addr, err)
		}
		raw, err := t.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		cfg := t.TLSClientConfig.Clone()
		if cfg.ServerName == "" {
			cfg.ServerName = host
		}
		conn := tls.Client(raw, cfg)
		if t.TLSHandshakeTimeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, t.TLSHandshakeTimeout, handshakeTimeoutError{})
			defer cancel()
		}
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			if cause := context.Cause(ctx); errors.Is(cause, handshakeTimeoutError{}) {
				return nil, cause
			}
			return nil, err
		}
		return &alertConn{Conn: conn}, nil
	}
}

// handshakeTimeoutError is what net/http says of a handshake that takes too long.
type handshakeTimeoutError struct{}

func (handshakeTimeoutError) Error() string   { return "net/http: TLS handshake timeout" }
func (handshakeTimeoutError) Timeout() bool   { return true }
func (handshakeTimeoutError) Temporary() bool { return true }

// alertConn is a TLS connection that answers with the server's alert once there
// was one.
type alertConn struct {
	*tls.Conn
	alert atomic.Pointer[error]
}

func (c *alertConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil && strings.Contains(err.Error(), remoteAlert) {
		c.alert.CompareAndSwap(nil, &err)
	}
	return n, err
}

func (c *alertConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if alert := c.alert.Load(); err != nil && alert != nil {
		err = *alert
	}
	return n, err
}

// remoteAlert is how crypto/tls begins to tell an alert of the other side; it
// has no type for it.
const remoteAlert = "remote error: tls:"
