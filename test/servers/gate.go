package servers

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Gate is a double of ours in front of a real MinIO. MinIO checks every
// signature, enforces the role's policy and keeps the objects; the gate adds
// what AWS does and no server that runs here has:
//
//   - STS: AssumeRoleWithWebIdentity that checks the role's trust policy
//     (provider, audience, subject) and the token's signature and end;
//     AssumeRole; GetCallerIdentity.
//   - s3:PutObjectAcl is needed for a write that carries X-Amz-Acl, and a bucket
//     whose ownership is enforced takes bucket-owner-full-control alone.
//   - a missing key is a 403 for who may not list the bucket.
//   - some denials name the action, as AWS's do; MinIO's say Access Denied.
//
// It proves how our client meets these rules, not that AWS has them. Its texts
// come from testdata. It understands path-style addresses, signature version 4
// and Allow statements only.
type Gate struct {
	t      testing.TB
	config GateConfig
	server *httptest.Server
	proxy  *httputil.ReverseProxy

	mu       sync.Mutex
	roles    map[string]GateRole // by ARN
	sessions map[string]gateSession
	assumed  int
}

// GateConfig is what stands behind a gate and whom it lets in.
type GateConfig struct {
	Upstream *MinIO  // over plain HTTP
	Issuer   *Issuer // the identity provider that the account knows; may be nil
	Roles    []GateRole
	// OwnershipEnforced makes the bucket refuse all ACLs but one.
	OwnershipEnforced bool
	// Terse makes all denials say Access Denied alone, as AWS does across
	// accounts.
	Terse bool
}

// GateRole is an IAM role.
type GateRole struct {
	ARN      string
	Policy   string   // its identity policy, as for AWS
	Audience string   // that the trust policy asks of a token; "" is sts.amazonaws.com
	Subjects []string // service accounts that the trust policy names
	Callers  []string // ARNs that may AssumeRole
}

// gateSession is a set of temporary keys that the gate gave out.
type gateSession struct {
	arn, userID string
	policy      policy
	credentials Credentials
}

// GateAccount is the account of everything at a gate.
const GateAccount = "123456789012"

// StartGate starts a gate and stops it at the end of the test.
func StartGate(t testing.TB, config GateConfig) *Gate {
	t.Helper()
	upstream, err := url.Parse(config.Upstream.URL())
	if err != nil {
		t.Fatalf("start the gate: %v", err)
	}
	g := &Gate{t: t, config: config, roles: map[string]GateRole{}, sessions: map[string]gateSession{}}
	for _, role := range config.Roles {
		g.SetRole(role)
	}
	transport := &http.Transport{DisableCompression: true}
	g.proxy = &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(q *httputil.ProxyRequest) {
			q.SetURL(upstream)
			q.Out.Host = q.In.Host // the signature covers it
		},
		ModifyResponse: g.hideAbsence,
	}
	g.server = httptest.NewServer(g)
	t.Cleanup(func() {
		g.server.Close()
		transport.CloseIdleConnections()
	})
	return g
}

// URL is the base of both S3 and STS, without a final slash.
func (g *Gate) URL() string { return g.server.URL }

// Endpoint is the gate's host and port, as config.endpoint takes it.
func (g *Gate) Endpoint() string { return strings.TrimPrefix(g.server.URL, "http://") }

// SetRole adds a role or replaces the one of its ARN. Keys given out before
// keep the policy of their time.
func (g *Gate) SetRole(role GateRole) {
	g.t.Helper()
	if _, err := parsePolicy(role.Policy); err != nil {
		g.t.Fatalf("role %s: %v", role.ARN, err)
	}
	if role.Audience == "" {
		role.Audience = AudienceSTS
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.roles[role.ARN] = role
}

// Assumed is how many sets of temporary keys the gate has given out.
func (g *Gate) Assumed() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.assumed
}

// Session gives out temporary keys of a role, as the services of AWS do that
// hand a role to a machine or a pod.
func (g *Gate) Session(roleARN, sessionName string) Credentials {
	s, err := g.session(roleARN, sessionName)
	if err != nil {
		g.t.Errorf("give out keys of %s: %v", roleARN, err)
	}
	return s.credentials
}

func (g *Gate) session(roleARN, sessionName string) (gateSession, error) {
	g.mu.Lock()
	role, ok := g.roles[roleARN]
	g.mu.Unlock()
	if !ok {
		return gateSession{}, fmt.Errorf("the gate has no role %s", roleARN)
	}
	p, err := parsePolicy(role.Policy)
	if err != nil {
		return gateSession{}, err
	}
	// MinIO's policies do not know the action; the gate looks after it.
	keys, err := g.config.Upstream.session(p.without(aclAction))
	if err != nil {
		return gateSession{}, err
	}
	name := roleARN[strings.LastIndexByte(roleARN, '/')+1:]
	s := gateSession{
		arn:    "arn:aws:sts::" + GateAccount + ":assumed-role/" + name + "/" + sessionName,
		userID: "AROATESTTESTTESTTEST1:" + sessionName,
		policy: p, credentials: keys,
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sessions[keys.AccessKey] = s
	g.assumed++
	return s, nil
}

const (
	aclAction  = "s3:PutObjectAcl"
	listAction = "s3:ListBucket"
	// The one ACL that a bucket with enforced ownership takes.
	ownerACL = "bucket-owner-full-control"
)

// ServeHTTP implements http.Handler.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && r.URL.Path == "/" {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		g.serveSTS(w, r, body)
		return
	}
	if acl := r.Header.Get("X-Amz-Acl"); acl != "" && (r.Method == http.MethodPut || r.Method == http.MethodPost) {
		if refusal := g.checkACL(r, acl); refusal != nil {
			_, _ = io.Copy(io.Discard, r.Body)
			refusal.writeS3(w)
			return
		}
	}
	g.proxy.ServeHTTP(w, r)
}

// checkACL returns the refusal of a write with an ACL, nil where it may go on.
func (g *Gate) checkACL(r *http.Request, acl string) *awsError {
	bucket, key := splitPath(r.URL.Path)
	resource := "arn:aws:s3:::" + bucket + "/" + key
	s, ok := g.caller(r)
	if ok && !s.policy.allows(aclAction, resource) {
		e := g.denial(s.arn, aclAction, resource)
		return &e
	}
	if g.config.OwnershipEnforced && acl != ownerACL {
		e := answer("s3-acl")
		return &e
	}
	return nil
}

// hideAbsence turns the 404 of a missing key into a 403 for who may not list.
func (g *Gate) hideAbsence(res *http.Response) error {
	r := res.Request
	if res.StatusCode != http.StatusNotFound || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		return nil
	}
	bucket, key := splitPath(r.URL.Path)
	s, ok := g.caller(r)
	resource := "arn:aws:s3:::" + bucket
	if !ok || key == "" || s.policy.allows(listAction, resource) {
		return nil
	}
	e := g.denial(s.arn, listAction, resource)
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	body := []byte(e.s3Body())
	if r.Method == http.MethodHead {
		body = nil
	}
	res.StatusCode, res.Status = e.Status, ""
	res.Header = http.Header{"Content-Type": {"application/xml"}, "Date": res.Header["Date"], "X-Amz-Request-Id": {gateRequest}}
	res.Header.Set("Content-Length", strconv.Itoa(len(body)))
	res.ContentLength = int64(len(body))
	res.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

func (g *Gate) denial(arn, action, resource string) awsError {
	if g.config.Terse {
		return answer("s3-denied")
	}
	return answer("s3-denied-action", arn, action, resource, action)
}

func splitPath(p string) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(p, "/"), "/")
	return bucket, key
}

var credential = regexp.MustCompile(`Credential=([^/,]+)/`)

// caller is the session whose key signed the request; not ok for the root
// account and for keys that MinIO will refuse.
func (g *Gate) caller(r *http.Request) (gateSession, bool) {
	m := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return gateSession{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.sessions[m[1]]
	return s, ok
}
