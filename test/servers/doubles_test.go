package servers_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/fleetcost/fleetcost/test/servers"
)

func get(t *testing.T, url string, header http.Header) (status int, body []byte) {
	t.Helper()
	return do(t, http.MethodGet, url, header)
}

func do(t *testing.T, method, url string, header http.Header) (status int, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

// TestIssuer: a stranger who knows the issuer's name alone can verify its
// tokens, and only its own.
func TestIssuer(t *testing.T) {
	issuer := servers.StartIssuer(t)
	var discovery struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	_, text := get(t, issuer.URL()+"/.well-known/openid-configuration", nil)
	if err := json.Unmarshal(text, &discovery); err != nil || discovery.Issuer != issuer.URL() {
		t.Fatalf("%v: %s", err, text)
	}
	var keys jose.JSONWebKeySet
	_, text = get(t, discovery.Keys, nil)
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	want := servers.Token{Subject: "system:serviceaccount:a:b", Audience: servers.AudienceSTS, Lifetime: time.Minute}
	verify := func(text string) (jwt.Claims, error) {
		token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		var claims jwt.Claims
		err = token.Claims(keys, &claims)
		return claims, err
	}
	claims, err := verify(issuer.Sign(want))
	expected := jwt.Expected{Issuer: issuer.URL(), Subject: want.Subject, AnyAudience: jwt.Audience{want.Audience}}
	if err == nil {
		err = claims.Validate(expected)
	}
	if err != nil {
		t.Error(err)
	}
	want.Forged = true
	if _, err := verify(issuer.Sign(want)); err == nil {
		t.Error("a forged token was verified")
	}
}

// TestPolicyWithout removes one action and leaves the rest.
func TestPolicyWithout(t *testing.T) {
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::b/*"},{"Effect":"Allow","Action":"s3:ListBucket","Resource":["arn:aws:s3:::b"]}]}`
	for action, want := range map[string]string{
		"s3:PutObject":  `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::b/*"]},{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::b"]}]}`,
		"s3:ListBucket": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":["arn:aws:s3:::b/*"]}]}`,
	} {
		if got := servers.PolicyWithout(policy, action); got != want {
			t.Errorf("without %s:\n%s\nwant\n%s", action, got, want)
		}
	}
}

// TestInstanceMetadata: version 2 alone.
func TestInstanceMetadata(t *testing.T) {
	base := servers.StartInstanceMetadata(t, "node", func() servers.Credentials { return servers.Credentials{AccessKey: "ASIANODE"} })
	path := base + "/latest/meta-data/iam/security-credentials/"
	if status, _ := get(t, path, nil); status != http.StatusUnauthorized {
		t.Errorf("version 1 gets %d", status)
	}
	_, token := do(t, http.MethodPut, base+"/latest/api/token", http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"60"}})
	header := http.Header{"X-Aws-Ec2-Metadata-Token": {string(token)}}
	if _, role := get(t, path, header); string(role) != "node" {
		t.Errorf("role %q", role)
	}
	if _, keys := get(t, path+"node", header); !strings.Contains(string(keys), "ASIANODE") {
		t.Errorf("keys %s", keys)
	}
}

// TestPodIdentityAgent: the issuer's tokens for the right subject and audience
// alone.
func TestPodIdentityAgent(t *testing.T) {
	issuer, other := servers.StartIssuer(t), servers.StartIssuer(t)
	url := servers.StartPodIdentityAgent(t, issuer, "sub", func() servers.Credentials { return servers.Credentials{AccessKey: "ASIAPOD"} })
	good := servers.Token{Subject: "sub", Audience: servers.AudiencePodIdentity, Lifetime: time.Minute}
	wrong := good
	wrong.Audience = servers.AudienceSTS
	for name, c := range map[string]struct {
		token  string
		status int
		text   string
	}{
		"good":           {issuer.Sign(good), http.StatusOK, "ASIAPOD"},
		"wrong audience": {issuer.Sign(wrong), http.StatusBadRequest, "EKS does not have permissions"},
		"other issuer":   {other.Sign(good), http.StatusBadRequest, "EKS does not have permissions"},
		"none":           {"", http.StatusBadRequest, "EKS does not have permissions"},
	} {
		status, body := get(t, url, http.Header{"Authorization": {c.token}})
		if status != c.status || !strings.Contains(string(body), c.text) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// TestAnswersHaveAnOrigin: each text of a double says how far it can be trusted.
func TestAnswersHaveAnOrigin(t *testing.T) {
	text, err := os.ReadFile("testdata/aws_answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var answers map[string]struct{ Code, Message, Origin string }
	if err := json.Unmarshal(text, &answers); err != nil {
		t.Fatal(err)
	}
	if len(answers) == 0 {
		t.Error("no answers")
	}
	origin := regexp.MustCompile(`^(recorded: .+|quoted: .+|code only)$`)
	for name, a := range answers {
		if a.Code == "" || a.Message == "" || !origin.MatchString(a.Origin) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}
