package servers

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
)

// Audiences of the tokens that EKS mounts into pods.
const (
	AudienceSTS         = "sts.amazonaws.com"
	AudiencePodIdentity = "pods.eks.amazonaws.com"
)

// Issuer is an OpenID Connect issuer on loopback over plain HTTP: discovery, a
// key set, and RS256 service-account tokens shaped like those that a kubelet
// mounts. The protocol is real; who asks for a token gets it.
type Issuer struct {
	t   testing.TB
	url string
	key *rsa.PrivateKey
}

// Token describes a service-account token.
type Token struct {
	Subject  string // system:serviceaccount:<namespace>:<name>
	Audience string
	Issuer   string         // another issuer's name, for a token that lies; "" for the true one
	Lifetime time.Duration  // negative for one that has expired
	Claims   map[string]any // further claims
	Forged   bool           // signed with a key that nobody publishes
}

// StartIssuer starts an issuer and stops it at the end of the test.
func StartIssuer(t testing.TB) *Issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatalf("make the issuer's key: %v", err)
	}
	i := &Issuer{t: t, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.answer(w, map[string]any{
			"issuer": i.url, "jwks_uri": i.url + "/keys",
			"authorization_endpoint": i.url + "/authorize", "token_endpoint": i.url + "/token",
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { i.answer(w, i.keys()) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

const issuerKeyID = "fleetcost-test"

func (i *Issuer) keys() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: issuerKeyID, Algorithm: string(jose.RS256), Use: "sig"}}}
}

func (i *Issuer) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that hangs up is no failure
}

// URL is the issuer's name: its base without a final slash.
func (i *Issuer) URL() string { return i.url }

// Sign makes a token.
func (i *Issuer) Sign(token Token) string {
	i.t.Helper()
	key := i.key
	if token.Forged {
		var err error
		if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			i.t.Fatalf("make a key to forge with: %v", err)
		}
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: issuerKeyID}},
		(&jose.SignerOptions{}).WithType("JWT"),
	)
	if err != nil {
		i.t.Fatalf("make a signer: %v", err)
	}
	now := time.Now()
	claims := map[string]any{
		"iss": i.url, "sub": token.Subject, "aud": []string{token.Audience},
		"iat": now.Add(-time.Minute).Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(token.Lifetime).Unix(),
	}
	if token.Issuer != "" {
		claims["iss"] = token.Issuer
	}
	maps.Copy(claims, token.Claims)
	text, err := josejwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		i.t.Fatalf("sign a token: %v", err)
	}
	return text
}

// WriteToken writes a token into a file of the test's own, as the kubelet
// does: whole and by rename. It returns the path; given a path, it replaces the
// token there.
func (i *Issuer) WriteToken(path string, token Token) string {
	i.t.Helper()
	if path == "" {
		path = filepath.Join(i.t.TempDir(), "token")
	}
	if err := os.WriteFile(path+".new", []byte(i.Sign(token)), 0o600); err != nil {
		i.t.Fatalf("write a token: %v", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		i.t.Fatalf("put the token in place: %v", err)
	}
	return path
}

// verify checks a token's form and signature against the issuer's published
// keys and returns its claims. It does not look at the claims.
func (i *Issuer) verify(text string) (claims josejwt.Claims, malformed, forged error) {
	token, err := josejwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return claims, err, nil
	}
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return claims, err, nil
	}
	return claims, nil, token.Claims(i.keys(), &josejwt.Claims{})
}
