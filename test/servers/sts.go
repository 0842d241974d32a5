package servers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// serveSTS answers the three calls of STS that the gate knows.
func (g *Gate) serveSTS(w http.ResponseWriter, r *http.Request, body []byte) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		awsError{http.StatusBadRequest, "MalformedQueryString", "the body is not a form"}.writeSTS(w)
		return
	}
	switch action := form.Get("Action"); action {
	case "AssumeRoleWithWebIdentity":
		g.assumeWithWebIdentity(w, form)
	case "AssumeRole", "GetCallerIdentity":
		s, ok := g.signedBy(r, body)
		switch {
		case !ok:
			answer("sts-unknown-key").writeSTS(w)
		case action == "AssumeRole":
			g.assume(w, form, s)
		default:
			writeIdentity(w, GateAccount, s.arn, s.userID)
		}
	default:
		awsError{http.StatusBadRequest, "InvalidAction", "the gate has no " + action}.writeSTS(w)
	}
}

func (g *Gate) assumeWithWebIdentity(w http.ResponseWriter, form url.Values) {
	g.mu.Lock()
	role := g.roles[form.Get("RoleArn")] // an unknown role trusts nobody
	g.mu.Unlock()
	if refusal := g.checkToken(role, form.Get("WebIdentityToken")); refusal != nil {
		refusal.writeSTS(w)
		return
	}
	g.writeSession(w, "AssumeRoleWithWebIdentity", role.ARN, form.Get("RoleSessionName"))
}

// checkToken looks at a token as STS does: form, provider, signature, end,
// audience, and last the role's trust policy.
func (g *Gate) checkToken(role GateRole, text string) *awsError {
	refuse := func(name string, args ...any) *awsError {
		e := answer(name, args...)
		return &e
	}
	if g.config.Issuer == nil {
		return refuse("sts-denied")
	}
	claims, malformed, forged := g.config.Issuer.verify(text)
	now := time.Now()
	switch {
	case malformed != nil:
		return refuse("sts-signature")
	case claims.Issuer != g.config.Issuer.URL():
		return refuse("sts-no-provider", claims.Issuer)
	case forged != nil:
		return refuse("sts-signature")
	case claims.Expiry == nil || now.After(claims.Expiry.Time()):
		return refuse("sts-expired", now.Unix(), claims.Expiry.Time().Unix())
	case role.Audience != "" && !claims.Audience.Contains(role.Audience):
		return refuse("sts-audience")
	case !slices.Contains(role.Subjects, claims.Subject):
		return refuse("sts-denied")
	}
	return nil
}

func (g *Gate) assume(w http.ResponseWriter, form url.Values, caller gateSession) {
	g.mu.Lock()
	role := g.roles[form.Get("RoleArn")]
	g.mu.Unlock()
	if !slices.Contains(role.Callers, caller.arn) {
		awsError{
			http.StatusForbidden, "AccessDenied",
			fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", caller.arn, form.Get("RoleArn")), // as in the seed's log
		}.writeSTS(w)
		return
	}
	g.writeSession(w, "AssumeRole", role.ARN, form.Get("RoleSessionName"))
}

func (g *Gate) writeSession(w http.ResponseWriter, action, roleARN, sessionName string) {
	s, err := g.session(roleARN, sessionName)
	if err != nil {
		awsError{http.StatusInternalServerError, "InternalFailure", err.Error()}.writeSTS(w)
		return
	}
	c := s.credentials
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult>`+
		`<AssumedRoleUser><Arn>%s</Arn><AssumedRoleId>%s</AssumedRoleId></AssumedRoleUser>`+
		`<Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials>`+
		`</%[1]sResult></%[1]sResponse>`,
		action, s.arn, s.userID, escape(c.AccessKey), escape(c.SecretKey), escape(c.SessionToken), c.Expires.UTC().Format(time.RFC3339))
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}

func writeIdentity(w http.ResponseWriter, account, arn, userID string) {
	type result struct{ Arn, UserId, Account string }
	writeXML(w, http.StatusOK, struct {
		XMLName                 xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
		GetCallerIdentityResult result
	}{GetCallerIdentityResult: result{arn, userID, account}})
}

// signedBy is the session, or the root account, whose key truly signed the
// request.
func (g *Gate) signedBy(r *http.Request, body []byte) (gateSession, bool) {
	s, ok := g.caller(r)
	if !ok {
		s = gateSession{
			arn: "arn:aws:iam::" + GateAccount + ":user/" + g.config.Upstream.AccessKey(), userID: "AIDATESTTESTTESTTEST1",
			credentials: Credentials{AccessKey: g.config.Upstream.AccessKey(), SecretKey: g.config.Upstream.SecretKey()},
		}
	}
	return s, signed(r, body, s.credentials)
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([^,]+), ?Signature=[0-9a-f]{64}$`)

// signed tells whether the request carries the signature (version 4) of these
// keys, by signing what it signed once more.
func signed(r *http.Request, body []byte, c Credentials) bool {
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if m == nil || err != nil || m[1] != c.AccessKey {
		return false
	}
	again := r.Clone(r.Context())
	again.URL.Host = r.Host
	again.Header = http.Header{}
	again.ContentLength = 0
	for name := range strings.SplitSeq(m[4], ";") {
		switch name {
		case "content-length":
			again.ContentLength = r.ContentLength
		case "host":
		default:
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	sum := sha256.Sum256(body)
	keys := aws.Credentials{AccessKeyID: c.AccessKey, SecretAccessKey: c.SecretKey, SessionToken: c.SessionToken}
	err = v4.NewSigner().SignHTTP(r.Context(), keys, again, hex.EncodeToString(sum[:]), m[3], m[2], at)
	return err == nil && again.Header.Get("Authorization") == r.Header.Get("Authorization")
}

// StartSTS starts a double of ours that answers GetCallerIdentity alone, with
// the ARN that identities gives for the access key, and refuses other keys as
// AWS does. It does not check signatures: its answers serve tests of what is
// made of an identity. It returns its base URL and stops at the end of the test.
func StartSTS(t testing.TB, identities map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		key := ""
		if m := credential.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
			key = m[1]
		}
		arn, ok := identities[key]
		switch {
		case form.Get("Action") != "GetCallerIdentity":
			awsError{http.StatusBadRequest, "InvalidAction", "this double has no " + form.Get("Action")}.writeSTS(w)
		case !ok:
			answer("sts-unknown-key").writeSTS(w)
		default:
			account := ""
			if parts := strings.Split(arn, ":"); len(parts) > 4 {
				account = parts[4]
			}
			writeIdentity(w, account, arn, "AIDATESTTESTTESTTEST1")
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}
