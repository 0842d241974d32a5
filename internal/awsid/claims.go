package awsid

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// TokenClaims is what a service-account token says of itself. Nothing of it is
// verified: it serves to compare with a role's trust policy, never to trust.
type TokenClaims struct {
	Issuer   string    // iss: the cluster's OIDC provider
	Subject  string    // sub: system:serviceaccount:<namespace>:<name>
	Audience []string  // aud: sts.amazonaws.com for IRSA, pods.eks.amazonaws.com for Pod Identity
	Expires  time.Time // exp; zero when the token has none
}

// ReadTokenClaims decodes the claims of the token in a file without verifying
// its signature. No error quotes the token.
func ReadTokenClaims(path string) (TokenClaims, error) {
	token, err := os.ReadFile(path)
	if err != nil {
		return TokenClaims{}, fmt.Errorf("read the service-account token: %w", err)
	}
	parts := strings.Split(strings.TrimSpace(string(token)), ".")
	if len(parts) != 3 {
		return TokenClaims{}, fmt.Errorf("the service-account token %s is not a JWT: it has %d parts, not 3", path, len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return TokenClaims{}, fmt.Errorf("the service-account token %s is not a JWT: its claims are not base64url", path)
	}
	var raw struct {
		Iss, Sub string
		Aud      audience
		Exp      float64
	}
	if err := json.Unmarshal(payload, &raw); err != nil {
		return TokenClaims{}, fmt.Errorf("the service-account token %s is not a JWT: its claims are not a JSON object", path)
	}
	claims := TokenClaims{Issuer: raw.Iss, Subject: raw.Sub, Audience: raw.Aud}
	if raw.Exp > 0 {
		claims.Expires = time.Unix(int64(raw.Exp), 0).UTC()
	}
	return claims, nil
}

// audience is one string or a list of them (RFC 7519, section 4.1.3).
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}
