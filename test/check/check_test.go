//go:build e2e

package check_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/fleetcost/fleetcost/internal/storagecheck"
	"github.com/fleetcost/fleetcost/test/servers"
)

const (
	roleARN = "arn:aws:iam::" + servers.GateAccount + ":role/fleetcost-agent"
	subject = "system:serviceaccount:fleetcost:fleetcost-agent"
	acl     = "  put_user_metadata:\n    X-Amz-Acl: bucket-owner-full-control\n"
	name    = "fleet-costs"
)

// stack is MinIO behind the gate, with one bucket and one role that a service
// account may take on.
type stack struct {
	t      *testing.T
	minio  *servers.MinIO
	issuer *servers.Issuer
	gate   *servers.Gate
}

func newStack(t *testing.T, config servers.GateConfig) *stack {
	t.Helper()
	s := &stack{t: t, minio: servers.StartMinIO(t, servers.MinIOConfig{}), issuer: servers.StartIssuer(t)}
	s.minio.CreateBucket(name)
	config.Upstream, config.Issuer = s.minio, s.issuer
	s.gate = servers.StartGate(t, config)
	s.allow(policy(t, storagecheck.RoleAgent))
	return s
}

// allow gives the role a policy.
func (s *stack) allow(policy string) {
	s.gate.SetRole(servers.GateRole{ARN: roleARN, Policy: policy, Subjects: []string{subject}})
}

func policy(t *testing.T, role storagecheck.Role) string {
	t.Helper()
	in := storagecheck.PolicyInput{Role: role, Bucket: name}
	if role == storagecheck.RoleAgent {
		in.ClusterID = "prod-us"
	}
	text, err := storagecheck.Policy(in)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// config has no keys: the credentials come from the environment.
func (s *stack) config(extra string) string {
	return fmt.Sprintf("type: S3\nconfig:\n  bucket: %s\n  endpoint: %s\n  region: us-east-1\n  sts_endpoint: %s\n  insecure: true\n%s",
		name, s.gate.Endpoint(), s.gate.URL(), extra)
}

// irsa is the environment of a pod with a web identity token.
func (s *stack) irsa(token servers.Token) map[string]string {
	if token.Lifetime == 0 {
		token.Lifetime = time.Hour
	}
	return map[string]string{"AWS_ROLE_ARN": roleARN, "AWS_WEB_IDENTITY_TOKEN_FILE": s.issuer.WriteToken("", token), "AWS_REGION": "us-east-1"}
}

func (s *stack) run(in storagecheck.Input, env map[string]string) storagecheck.Report {
	s.t.Helper()
	in.ConfigName = "federated-store.yaml"
	env["KUBERNETES_SERVICE_HOST"] = "10.0.0.1"
	report, err := storagecheck.Run(s.t.Context(), in, storagecheck.Options{Now: time.Now, Getenv: func(n string) string { return env[n] }})
	if err != nil {
		s.t.Fatal(err)
	}
	s.clean()
	return report
}

// clean fails the test if the bucket holds anything.
func (s *stack) clean() {
	s.t.Helper()
	for o := range s.minio.Client().ListObjects(context.Background(), name, minio.ListObjectsOptions{Recursive: true}) {
		s.t.Errorf("left behind: %s %v", o.Key, o.Err)
	}
	for u := range s.minio.Client().ListIncompleteUploads(context.Background(), name, "", true) {
		s.t.Errorf("left behind: upload of %s %v", u.Key, u.Err)
	}
}

func agent(config string) storagecheck.Input {
	return storagecheck.Input{Role: storagecheck.RoleAgent, ClusterID: "prod-us", Config: []byte(config)}
}

func server(config string) storagecheck.Input {
	return storagecheck.Input{Role: storagecheck.RoleServer, Config: []byte(config)}
}

// unhealthy is a report's checks that are not ok.
func unhealthy(r storagecheck.Report) string {
	var out []string
	for _, c := range r.Checks {
		if c.Result != storagecheck.OK {
			out = append(out, c.Name+" "+string(c.Result))
		}
	}
	return strings.Join(out, ", ")
}

func find(t *testing.T, r storagecheck.Report, name string) storagecheck.Check {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no check %q: %s", name, unhealthy(r))
	return storagecheck.Check{}
}

// without is a policy without one action.
func without(policy, action string) string {
	policy = strings.Replace(policy, `"`+action+`"`, "", 1)
	fields := strings.Join(strings.Fields(policy), " ")
	return strings.NewReplacer(", ,", ",", "[ ,", "[", ", ]", "]").Replace(fields)
}

// healthy is what a per-cluster agent's report lacks of ok.
const healthy = "multipart put skip"

// TestIRSA: a pod with a role of its own, and every way in which it fails to get
// it: the cause is named, with the pod's own names, and the network's branch
// goes on.
func TestIRSA(t *testing.T) {
	s := newStack(t, servers.GateConfig{})
	r := s.run(agent(s.config(acl)), s.irsa(servers.Token{Subject: subject, Audience: servers.AudienceSTS}))
	if r.ExitCode() != 0 || unhealthy(r) != healthy {
		t.Errorf("exit code %d: %s\n%+v", r.ExitCode(), unhealthy(r), r)
	}
	if id := find(t, r, "identity"); !strings.Contains(id.Evidence, "assumed-role/fleetcost-agent/") {
		t.Errorf("identity: %+v", id)
	}
	t.Logf("a healthy check took %s", r.Duration)

	missing := s.irsa(servers.Token{Subject: subject, Audience: servers.AudienceSTS})
	missing["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/none/token"
	for _, c := range []struct {
		name string
		env  map[string]string
		id   string
		says string // in evidence, cause, fix or snippets
	}{
		{"audience", s.irsa(servers.Token{Subject: subject, Audience: "kubernetes"}), "irsa-wrong-audience", "for kubernetes (STS expects sts.amazonaws.com)"},
		{"subject", s.irsa(servers.Token{Subject: "system:serviceaccount:ops:costs", Audience: servers.AudienceSTS}), "irsa-not-authorized", "system:serviceaccount:ops:costs"},
		{"expired", s.irsa(servers.Token{Subject: subject, Audience: servers.AudienceSTS, Lifetime: -time.Hour}), "web-identity-token-expired", "expired 1h0m"},
		{"issuer", s.irsa(servers.Token{Subject: subject, Audience: servers.AudienceSTS, Issuer: "https://oidc.example.com/id/1"}), "irsa-no-oidc-provider", "https://oidc.example.com/id/1"},
		{"forged", s.irsa(servers.Token{Subject: subject, Audience: servers.AudienceSTS, Forged: true}), "irsa-token-not-validated", s.issuer.URL()},
		{"no file", missing, "irsa-token-file-missing", "/none/token"},
	} {
		r := s.run(agent(s.config(acl)), c.env)
		check := find(t, r, "credentials")
		if check.ID != c.id || check.Fix == "" || !strings.Contains(fmt.Sprint(check), c.says) {
			t.Errorf("%s: %+v", c.name, check)
		}
		const rest = "credentials fail, identity skip, list skip, put skip, get skip, conditional put skip, multipart put skip, delete skip, own keys skip, others' keys skip"
		if unhealthy(r) != rest || r.ExitCode() != 1 {
			t.Errorf("%s: exit code %d, %s", c.name, r.ExitCode(), unhealthy(r))
		}
	}
}

// TestSeedOverIRSA: the published policy as a role's, and each of its five
// actions removed in turn, the ACL's too.
func TestSeedOverIRSA(t *testing.T) {
	for _, terse := range []bool{false, true} {
		s := newStack(t, servers.GateConfig{Terse: terse})
		seed := policy(t, storagecheck.RoleSeed)
		for _, c := range []struct{ action, fails string }{
			{"", ""}, {"s3:ListBucket", "list"}, {"s3:GetObject", "get"}, {"s3:PutObject", "put"}, {"s3:PutObjectAcl", "put"}, {"s3:DeleteObject", "delete"},
		} {
			s.allow(without(seed, c.action))
			r := s.run(server(s.config(acl)), s.irsa(servers.Token{Subject: subject, Audience: servers.AudienceSTS}))
			var failed []string
			for _, x := range r.Checks {
				if x.Result == storagecheck.Fail {
					failed = append(failed, x.Name)
				}
			}
			if strings.Join(failed, " ") != c.fails {
				t.Errorf("terse %v, without %s: %s", terse, c.action, unhealthy(r))
				continue
			}
			if c.fails == "" {
				continue
			}
			check := find(t, r, c.fails)
			if !strings.HasPrefix(check.Fix, "Allow "+c.action+" on the role "+roleARN) || !strings.Contains(check.Snippets[0].Text, `"`+c.action+`"`) {
				t.Errorf("terse %v, without %s: %+v", terse, c.action, check)
			}
		}
	}
}

// TestPerCluster: a role for one cluster's keys is clean; one for all clusters'
// works, and is called out.
func TestPerCluster(t *testing.T) {
	s := newStack(t, servers.GateConfig{})
	env := s.irsa(servers.Token{Subject: subject, Audience: servers.AudienceSTS})
	if r := s.run(agent(s.config(acl)), env); r.ExitCode() != 0 || find(t, r, "others' keys").Evidence != "may not write those of another cluster" {
		t.Errorf("own policy: %d, %s", r.ExitCode(), unhealthy(r))
	}
	s.allow(policy(t, storagecheck.RoleSeed))
	r := s.run(agent(s.config(acl)), env)
	if r.ExitCode() != 3 || unhealthy(r) != "list warn, delete warn, others' keys warn" {
		t.Errorf("seed: %d, %s", r.ExitCode(), unhealthy(r))
	}
	if c := find(t, r, "others' keys"); !strings.Contains(c.Snippets[0].Where, roleARN) || !strings.Contains(c.Snippets[0].Text, "cluster_id=prod-us/*") {
		t.Errorf("%+v", c)
	}
}

// TestNodeRole: a pod that fell back to the node's role is called out first,
// before the denials that follow from it.
func TestNodeRole(t *testing.T) {
	s := newStack(t, servers.GateConfig{})
	const node = "arn:aws:iam::" + servers.GateAccount + ":role/aws-prod-eks-node-group"
	s.gate.SetRole(servers.GateRole{ARN: node, Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::another/*"]}]}`})
	env := map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": servers.StartInstanceMetadata(t, "aws-prod-eks-node-group", func() servers.Credentials {
		return s.gate.Session(node, "i-05c1fa9d0eb168e35")
	})}
	r := s.run(agent(s.config(acl)), env)
	id := find(t, r, "identity")
	if id.Result != storagecheck.Warn || !strings.Contains(id.First, "aws-prod-eks-node-group") || id.ID != "aws-node-role" {
		t.Errorf("identity: %+v", id)
	}
	if put := find(t, r, "put"); put.Result != storagecheck.Fail || put.First == "" {
		t.Errorf("put: %+v", put)
	}
}

// TestPodIdentity gives a role, or says what its trust policy lacks.
func TestPodIdentity(t *testing.T) {
	s := newStack(t, servers.GateConfig{})
	keys := func() servers.Credentials { return s.gate.Session(roleARN, "eks-prod-us-fleetcost-0") }
	env := map[string]string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI":     servers.StartPodIdentityAgent(t, s.issuer, subject, keys),
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": s.issuer.WriteToken("", servers.Token{Subject: subject, Audience: servers.AudiencePodIdentity, Lifetime: time.Hour}),
	}
	if r := s.run(agent(s.config(acl)), env); r.ExitCode() != 0 || unhealthy(r) != healthy {
		t.Errorf("%d, %s", r.ExitCode(), unhealthy(r))
	}
	env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = s.issuer.WriteToken("", servers.Token{Subject: "system:serviceaccount:a:b", Audience: servers.AudiencePodIdentity, Lifetime: time.Hour})
	if c := find(t, s.run(agent(s.config(acl)), env), "credentials"); c.ID != "pod-identity-trust" {
		t.Errorf("refused: %+v", c)
	}
}

// TestOwnership: a bucket that takes no ACLs.
func TestOwnership(t *testing.T) {
	s := newStack(t, servers.GateConfig{OwnershipEnforced: true})
	env := s.irsa(servers.Token{Subject: subject, Audience: servers.AudienceSTS})
	if r := s.run(agent(s.config(acl)), env); r.ExitCode() != 0 {
		t.Errorf("bucket-owner-full-control: %s", unhealthy(r))
	}
	r := s.run(agent(s.config("  put_user_metadata:\n    X-Amz-Acl: private\n")), env)
	if c := find(t, r, "put"); c.Result != storagecheck.Fail || c.ID != "s3-acl-not-supported" {
		t.Errorf("private: %+v", c)
	}
}

// TestMinIO: without the gate: TLS of a private CA, encryption, signature
// version 2, all with the root account's keys. (This server takes any region;
// versitygw refuses a wrong one, see internal/storagecheck.)
func TestMinIO(t *testing.T) {
	ca := servers.NewCA(t)
	m := servers.StartMinIO(t, servers.MinIOConfig{TLS: ca, KMS: true})
	m.CreateBucket(name)
	s := &stack{t: t, minio: m}
	trusted := m.ConfigYAML(name) + "  http_config:\n    tls_config:\n      ca_file: " + ca.File() + "\n"
	for _, c := range []struct {
		name, config string
		exit         int
		unhealthy    string
		id           string // of what the failed check is explained as
	}{
		{"CA", trusted, 0, "identity skip", ""},
		{"self-signed", m.ConfigYAML(name), 1, "TLS fail, clock skew skip, identity skip, list skip, put skip, get skip, conditional put skip, multipart put skip, delete skip", "tls-unknown-authority"},
		{"SSE-S3", trusted + "  sse_config:\n    type: SSE-S3\n", 0, "identity skip", ""},
		{"SSE-KMS", trusted + "  sse_config:\n    type: SSE-KMS\n    kms_key_id: " + servers.KMSKey + "\n", 0, "identity skip", ""},
		{"no such key", trusted + "  sse_config:\n    type: SSE-KMS\n    kms_key_id: another\n", 1, "identity skip, put fail, get skip, conditional put skip, multipart put skip, delete skip", "kms-not-found"},
		{"SigV2", trusted + "  signature_version2: true\n", 0, "identity skip", ""},
		{"path", trusted + "  bucket_lookup_type: path\n", 0, "identity skip", ""},
	} {
		r := s.run(server(c.config), map[string]string{})
		if r.ExitCode() != c.exit || unhealthy(r) != c.unhealthy {
			t.Errorf("%s: %d, %s\n%+v", c.name, r.ExitCode(), unhealthy(r), r.Checks)
		}
		for _, check := range r.Checks {
			if check.Result == storagecheck.Fail && (check.Fix == "" || check.ID != c.id) {
				t.Errorf("%s: no fix, or not %s: %+v", c.name, c.id, check)
			}
		}
	}
}

// TestLifecycle: a real server takes the rules, and has them afterwards.
func TestLifecycle(t *testing.T) {
	m := servers.StartMinIO(t, servers.MinIOConfig{})
	m.CreateBucket(name)
	if err := m.Client().EnableVersioning(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	text, err := storagecheck.Lifecycle(storagecheck.LifecycleInput{Prefix: "team", RetentionDays: 400, NoncurrentDays: 30, AbortDays: 2})
	if err != nil {
		t.Fatal(err)
	}
	rules := lifecycle.NewConfiguration()
	if err := json.Unmarshal([]byte(text), rules); err != nil {
		t.Fatal(err)
	}
	if err := m.Client().SetBucketLifecycle(t.Context(), name, rules); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got, err := m.Client().GetBucketLifecycle(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]lifecycle.Rule{}
	for _, r := range got.Rules {
		ids[r.ID] = r
	}
	if r := ids["fleetcost-retention-allocation"]; r.Expiration.Days != 400 || r.RuleFilter.Prefix != "team/v1/allocation/" {
		t.Errorf("%+v", r)
	}
	if r := ids["fleetcost-clean-up"]; r.NoncurrentVersionExpiration.NoncurrentDays != 30 || !r.Expiration.DeleteMarker.IsEnabled() {
		t.Errorf("%+v", r)
	}
	if len(ids) != 4 {
		t.Errorf("%d rules", len(ids))
	}
}
