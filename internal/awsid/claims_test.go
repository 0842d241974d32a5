package awsid_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/awsid"
)

func jwt(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256"}`)) + "." + enc([]byte(claims)) + ".c2VjcmV0\n"
}

func TestReadTokenClaims(t *testing.T) {
	want := awsid.TokenClaims{
		Issuer: "https://oidc.eks.eu-central-1.amazonaws.com/id/ABC", Subject: "system:serviceaccount:fleetcost:agent",
		Audience: []string{"sts.amazonaws.com"}, Expires: time.Unix(1800000000, 0).UTC(),
	}
	const rest = `"iss":"https://oidc.eks.eu-central-1.amazonaws.com/id/ABC","sub":"system:serviceaccount:fleetcost:agent","exp":1800000000,"kubernetes.io":{"namespace":"fleetcost"}}`
	for _, aud := range []string{`"sts.amazonaws.com"`, `["sts.amazonaws.com"]`} {
		got, err := awsid.ReadTokenClaims(write(t, "token", jwt(`{"aud":`+aud+`,`+rest)))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	}
	for name, token := range map[string]string{
		"two parts": "head.top-secret", "not base64": "head.top-secret!.x", "not JSON": jwt("top-secret"), "wrong type": jwt(`{"aud":{"a":"top-secret"}}`), "empty": "",
	} {
		_, err := awsid.ReadTokenClaims(write(t, "token", token))
		if err == nil || !strings.Contains(err.Error(), "not a JWT") || strings.Contains(err.Error(), "top-secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := awsid.ReadTokenClaims("/nowhere/token"); err == nil || !strings.Contains(err.Error(), "/nowhere/token") {
		t.Errorf("missing file: %v", err)
	}
	if got, err := awsid.ReadTokenClaims(write(t, "token", jwt(`{}`))); err != nil || !got.Expires.IsZero() {
		t.Errorf("no claims: %+v, %v", got, err)
	}
}
