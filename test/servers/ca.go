package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA is a private certificate authority of a test, with one certificate for
// servers on 127.0.0.1.
type CA struct {
	t    testing.TB
	file string
	pool *x509.CertPool
	cert []byte // PEM of the server's certificate
	key  []byte // PEM of its key
}

// NewCA makes an authority and a server certificate for 127.0.0.1, localhost
// and the names.
func NewCA(t testing.TB, names ...string) *CA {
	t.Helper()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fleetcost test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	authorityKey := newKey(t)
	authorityDER := certify(t, authority, authority, authorityKey, authorityKey)
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "fleetcost test server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: append([]string{"localhost"}, names...),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	serverKey := newKey(t)
	serverDER := certify(t, server, authority, serverKey, authorityKey)
	keyDER, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		t.Fatalf("encode a key: %v", err)
	}
	ca := &CA{
		t: t, file: filepath.Join(t.TempDir(), "ca.pem"), pool: x509.NewCertPool(),
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: serverDER}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityDER})
	ca.pool.AppendCertsFromPEM(text)
	if err := os.WriteFile(ca.file, text, 0o600); err != nil {
		t.Fatalf("write the authority's certificate: %v", err)
	}
	return ca
}

// File is the path of the authority's certificate, as tls_config.ca_file takes
// it.
func (ca *CA) File() string { return ca.file }

// Client is the configuration of a client that trusts the authority alone.
func (ca *CA) Client() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: ca.pool}
}

// Server is the configuration of a server with the certificate.
func (ca *CA) Server() *tls.Config {
	ca.t.Helper()
	cert, err := tls.X509KeyPair(ca.cert, ca.key)
	if err != nil {
		ca.t.Fatalf("read the server's certificate: %v", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
}

// writeFiles writes the server's certificate and key under the names that MinIO
// looks for.
func (ca *CA) writeFiles(dir string) {
	ca.t.Helper()
	for name, content := range map[string][]byte{"public.crt": ca.cert, "private.key": ca.key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			ca.t.Fatalf("write the server's certificate: %v", err)
		}
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	return key
}

func certify(t testing.TB, cert, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatalf("make a certificate: %v", err)
	}
	return der
}
