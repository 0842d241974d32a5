package diagnose_test

import (
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// The secrets of these tests are AWS's published examples or made up.
const (
	secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	session   = "IQoJb3JpZ2luX2VjEDoaCXVzLWVhc3QtMSJHMEUCIQDq7r9Xk2mB0w3v8yT5cH1nQeZlA4sUfRjKpWoXgVtY6g"
	signature = "fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024"
	token     = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjQ5ODkifQ.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6YTpiIn0.c2lnbmF0dXJl"
)

var leaks = []struct{ text, secret string }{
	{"secret_key: " + secretKey, secretKey},
	{`secret_key: "` + secretKey + `"`, secretKey},
	{`"secret_access_key":"` + secretKey + `"`, secretKey},
	{"AWS_SECRET_ACCESS_KEY=" + secretKey, secretKey},
	{"the bare " + secretKey + " alone", secretKey},
	{"X-Amz-Security-Token=" + session, session},
	{"<SessionToken>" + session + "</SessionToken>", session},
	{"session_token: " + session, session},
	{"GET /?X-Amz-Signature=" + signature + "&x=y", signature},
	{"Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + signature, signature},
	{"Authorization: AWS AKIAIOSFODNN7EXAMPLE:bWq2s1WEIj+Ydj0vQ697zp+IXMU=", "bWq2s1WEIj+Ydj0vQ697zp+IXMU="},
	{"Authorization: Bearer ya29.a0AfH6SMBexample-token_value", "a0AfH6SMBexample"},
	{"<SignatureProvided>" + signature + "</SignatureProvided>", signature},
	{"WebIdentityToken=" + token, "eyJzdWIi"},
	{"token " + token, "c2lnbmF0dXJl"},
	{"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----", "MIIEvQIBADAN"},
	{`"private_key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC"`, "MIIEvQIBADAN"},
	{"AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;", "Eby8vdM02xNOcq"},
	{"https://x.blob.core.windows.net/c?sv=2024&sig=aGVsbG8lMjB3b3JsZA%3D%3D", "aGVsbG8lMjB3b3JsZA"},
	{"AZURE_CLIENT_SECRET=abc~DEF.123-ghi", "abc~DEF.123-ghi"},
	{"the key AKIAIOSFODNN7EXAMPLE is unknown", "AKIAIOSFODNN7EXAMPLE"},
	{"ASIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"},
	{"GOOG1EXAMPLEEXAMPLE2EXAMPLE", "GOOG1EXAMPLEEXAMPLE2EXAMPLE"},
}

func TestRedact(t *testing.T) {
	for _, c := range leaks {
		if got := diagnose.Redact(c.text); strings.Contains(got, c.secret) {
			t.Errorf("%q leaks: %q", c.text, got)
		}
	}
	if got := diagnose.Redact("access key AKIAIOSFODNN7EXAMPLE"); got != "access key AKIA…MPLE" {
		t.Errorf("got %q", got)
	}
}

// TestRedactKeeps: what an operator needs is not taken for a secret.
func TestRedactKeeps(t *testing.T) {
	for _, text := range []string{
		"s3:PutObject on fleet-costs/v1/allocation/date=2026-11-22/cluster_id=prod-eu-central-1-blue/data.parquet: access denied: AccessDenied: Access Denied (request 17A1B2C3D4E5F6)",
		"arn:aws:sts::111122223333:assumed-role/aws-prod-eks-node-group/i-05c1fa9d0eb168e35",
		"https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF",
		"open /var/run/secrets/eks.amazonaws.com/serviceaccount/token: no such file or directory",
		"SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. Check your key and signing method.",
		"AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN",
		"ExpiredToken: The security token included in the request is expired",
		"The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'",
		"github.com/aws-solutions-library-samples/cloud-intelligence-dashboards-data-collection/issues/341",
		"0459fd9b-451d-4bd0-8289-aaf90f146f37",
		"secret_key or session_token is set without access_key: set both keys",
	} {
		if got := diagnose.Redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// whole is all that a diagnosis says.
func whole(d diagnose.Diagnosis) string {
	return d.Text() + d.Brief() + d.ID + d.RequestID
}

// FuzzExplain: no text makes Explain panic or show a secret that stands before
// or after it, or among the names.
func FuzzExplain(f *testing.F) {
	n := uint(0)
	for _, row := range diagnose.Catalogue() {
		for _, text := range row.Examples {
			f.Add(text, "", "", n)
			n++
		}
	}
	for i := range leaks {
		f.Add("User: arn:aws:sts::1:assumed-role/x/i-0 on resource: \"arn:aws:s3:::", "AccessDenied", "s3:PutObject", uint(i))
	}
	f.Fuzz(func(t *testing.T, text, code, action string, n uint) {
		c := leaks[n%uint(len(leaks))]
		for _, joined := range []string{text + " " + c.text, c.text + " " + text} {
			d, ok := diagnose.Explain(diagnose.Facts{
				Text: joined, Code: code, Action: action,
				With: diagnose.Names{Bucket: c.text, Key: c.text, CallerARN: c.text},
			})
			if ok && strings.Contains(whole(d), c.secret) && !strings.Contains(text+code+action, c.secret) {
				t.Errorf("%q shows the secret of %q:\n%s", joined, c.text, whole(d))
			}
		}
	})
}
