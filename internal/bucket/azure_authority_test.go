package bucket_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const testTenant = "11111111-2222-3333-4444-555555555555"

// certificate makes a certificate for this machine; the key's file holds both.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fleetcost test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	for path, data := range map[string][]byte{cert: certPEM, key: append(keyPEM, certPEM...)} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// authority is our double of Entra ID and of the instance metadata service: it
// hands out tokens of the shape that Azurite checks, to whoever asks. The text
// of its refusal is that of Entra ID's error AADSTS700213
// (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
type authority struct {
	*httptest.Server
	plain    *httptest.Server // metadata is served without TLS
	refuse   atomic.Bool
	audience atomic.Value

	mu    sync.Mutex
	asked string
}

func newAuthority(t *testing.T, cert, key string) *authority {
	t.Helper()
	a := &authority{}
	a.audience.Store("https://storage.azure.com")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(a.serve))
	a.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	a.StartTLS()
	t.Cleanup(a.Server.Close)
	a.plain = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.plain.Close)
	return a
}

func (a *authority) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		base := a.URL + "/" + testTenant
		fmt.Fprintf(w, `{"token_endpoint":%q,"authorization_endpoint":%q,"issuer":%q}`, base+"/oauth2/v2.0/token", base+"/oauth2/v2.0/authorize", base+"/v2.0")
		return
	case a.refuse.Load():
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"invalid_client","error_description":"AADSTS700213: No matching federated identity record found for presented assertion subject Trace ID: 0 Correlation ID: 0 Timestamp: 2026-11-23 01:00:00Z","error_codes":[700213]}`)
		return
	}
	a.mu.Lock()
	a.asked = string(body) + "&" + r.URL.RawQuery
	a.mu.Unlock()
	expires := time.Now().Add(time.Hour).Unix()
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": a.token(), "token_type": "Bearer", "expires_in": 3600, "expires_on": fmt.Sprint(expires), "resource": "https://storage.azure.com",
	})
}

// last is the form and query of the last request for a token.
func (a *authority) last() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// token is a signed JWT; Azurite does not check by whom.
func (a *authority) token() string {
	encode := func(v any) string {
		data, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(data)
	}
	now := time.Now()
	text := encode(map[string]string{"alg": "ES256", "typ": "JWT"}) + "." + encode(map[string]any{
		"aud": a.audience.Load(), "iss": "https://sts.windows.net/" + testTenant + "/",
		"iat": now.Add(-time.Minute).Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ""
	}
	signature, _ := ecdsa.SignASN1(rand.Reader, private, []byte(text)[:32])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}
