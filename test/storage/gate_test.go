//go:build e2e

package storage_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/awsid"
	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/test/servers"
)

// gateTests is one gate with what its tests share.
type gateTests struct {
	m      *matrix
	minio  *servers.MinIO
	issuer *servers.Issuer
	gate   *servers.Gate
	ns     names
}

// prepare makes a bucket, lets the agent's role do there what the policy says,
// and returns the seed's second file for it, with sts_endpoint added.
func (g *gateTests) prepare(policy func(bucket string) string) (name, yaml string) {
	name = "gate-" + g.ns.next()
	g.minio.CreateBucket(name)
	g.gate.SetRole(servers.GateRole{
		ARN: agentRole, Policy: policy(name), Subjects: []string{agentSubject},
		Callers: []string{"arn:aws:iam::" + servers.GateAccount + ":user/" + g.minio.AccessKey()},
	})
	return name, seedYAML(seedRole, name, g.gate.Endpoint(), "", "") + "  sts_endpoint: " + g.gate.URL() + "\n"
}

func (g *gateTests) root(t *testing.T, name string) bucket.Bucket {
	return open(t, g.minio.ConfigYAML(name), nil).Bucket
}

// pod is the environment that EKS gives a pod with IRSA.
func (g *gateTests) pod(token servers.Token) map[string]string {
	return map[string]string{
		"KUBERNETES_SERVICE_HOST": "10.0.0.1", "AWS_ROLE_ARN": agentRole,
		"AWS_WEB_IDENTITY_TOKEN_FILE": g.issuer.WriteToken("", token),
	}
}

func goodToken() servers.Token {
	return servers.Token{Subject: agentSubject, Audience: servers.AudienceSTS, Lifetime: time.Hour}
}

// gateRows tests what AWS does and MinIO by itself does not.
func gateRows(t *testing.T, m *matrix, minio *servers.MinIO, issuer *servers.Issuer) {
	g := &gateTests{m: m, minio: minio, issuer: issuer}
	g.gate = servers.StartGate(t, servers.GateConfig{Upstream: minio, Issuer: issuer, OwnershipEnforced: true})
	m.server = "MinIO behind the gate"
	g.webIdentityRows(t)
	g.policyRows(t)
	g.podIdentityRows(t)
	g.instanceRows(t)
	g.profileRows(t)
	g.sdkRows(t)
}

func (g *gateTests) webIdentityRows(t *testing.T) {
	g.m.login = "IRSA"
	g.m.check(t, "the seed's file, and `sts_endpoint`", func(t *testing.T) string {
		_, yaml := g.prepare(seedPolicy)
		b := open(t, yaml, g.pod(goodToken()))
		works(t, b)
		waitFor(t, "the identity", func() bool { return strings.Contains(b.log.String(), "effective AWS identity") })
		wantLog(t, b, "arn:aws:sts::"+servers.GateAccount+":assumed-role/fleetcost-agent/fleetcost")
		if strings.Contains(b.log.String(), "node's role") {
			t.Errorf("a pod with a role of its own is warned:\n%s", b.log)
		}
		return "works; account, role and session logged"
	})
	g.m.check(t, "acceptance suite under the seed's policy", func(t *testing.T) string {
		env := g.pod(goodToken())
		buckettest.AcceptanceTest(t, func(t *testing.T) bucket.Bucket {
			_, yaml := g.prepare(seedPolicy)
			return open(t, smallParts(yaml), env).Bucket
		})
		return "passes"
	})
	bad := func(change func(*servers.Token)) servers.Token {
		token := goodToken()
		change(&token)
		return token
	}
	for _, c := range []struct {
		name  string
		token servers.Token
		want  string
		code  string
	}{
		{"expired", bad(func(t *servers.Token) { t.Lifetime = -time.Minute }), "the service-account token has expired", "ExpiredTokenException"},
		{"for another audience", bad(func(t *servers.Token) { t.Audience = "other" }), "the token is for another audience", "InvalidIdentityToken"},
		{"of another service account", bad(func(t *servers.Token) { t.Subject = "system:serviceaccount:other:agent" }), "the role may not be assumed with this service account", "AccessDenied"},
		{"of an issuer that the account does not know", bad(func(t *servers.Token) { t.Issuer = "https://oidc.example.com/id/OTHER" }), "the role's account does not know the cluster's token issuer", "InvalidIdentityToken"},
		{"forged", bad(func(t *servers.Token) { t.Forged = true }), "STS cannot verify the service-account token", "InvalidIdentityToken"},
	} {
		g.m.check(t, "a token that is "+c.name, func(t *testing.T) string {
			_, yaml := g.prepare(seedPolicy)
			refusedWith(t, put(t, open(t, yaml, g.pod(c.token)), "k", 1), bucket.ErrCredentials, "web identity", agentRole, c.want, c.code)
			return "refused: " + c.want
		})
	}
	g.m.check(t, "no token file", func(t *testing.T) string {
		_, yaml := g.prepare(seedPolicy)
		env := map[string]string{"AWS_ROLE_ARN": agentRole, "AWS_WEB_IDENTITY_TOKEN_FILE": t.TempDir() + "/absent"}
		refusedWith(t, put(t, open(t, yaml, env), "k", 1), bucket.ErrCredentials, "the token file does not exist", "eks.amazonaws.com/role-arn")
		return "refused: the token file does not exist"
	})
	g.m.check(t, "a role that does not exist", func(t *testing.T) string {
		_, yaml := g.prepare(seedPolicy)
		env := g.pod(goodToken())
		env["AWS_ROLE_ARN"] = agentRole + "-misspelt"
		refusedWith(t, put(t, open(t, yaml, env), "k", 1), bucket.ErrCredentials, agentRole+"-misspelt", "the role may not be assumed")
		return "refused: the role may not be assumed"
	})
}

func (g *gateTests) policyRows(t *testing.T) {
	token := goodToken()
	g.m.check(t, "the seed's policy, for all that agents and server do", func(t *testing.T) string {
		_, yaml := g.prepare(seedPolicy)
		return wholeFleet(t, open(t, yaml, g.pod(token)))
	})
	for _, c := range withoutAction() {
		g.m.check(t, "the seed's policy less `"+c.action+"`", func(t *testing.T) string {
			name, yaml := g.prepare(func(b string) string { return servers.PolicyWithout(seedPolicy(b), c.action) })
			seed(t, g.root(t, name))
			b := open(t, smallParts(yaml), g.pod(token))
			checkDenied(t, operate(t, b, "new"), c.action, c.denied)
			if c.action == "s3:ListBucket" { // then AWS does not say what is missing
				_, err := b.Stat(t.Context(), "missing")
				refusedWith(t, err, bucket.ErrDenied)
				_, _, err = b.Get(t.Context(), "missing")
				refusedWith(t, err, bucket.ErrDenied, "s3:ListBucket")
			}
			return deniedResult(c.action, c.denied)
		})
	}
	g.m.check(t, "the seed's policy less `s3:PutObjectAcl`, without an ACL in the file", func(t *testing.T) string {
		name, yaml := g.prepare(func(b string) string { return servers.PolicyWithout(seedPolicy(b), "s3:PutObjectAcl") })
		seed(t, g.root(t, name))
		yaml = strings.Replace(yaml, "  put_user_metadata:\n      \"X-Amz-Acl\": \"bucket-owner-full-control\"\n", "", 1)
		for op, err := range operate(t, open(t, smallParts(yaml), g.pod(token)), "new") {
			t.Errorf("%s: %v", op, err)
		}
		return "works"
	})
	g.m.check(t, "the policy of one cluster", func(t *testing.T) string {
		name, yaml := g.prepare(func(b string) string { return clusterPolicy(b, firstCluster()) })
		return ownClusterOnly(t, open(t, yaml, g.pod(token)), g.root(t, name))
	})
	g.m.check(t, "ACL `public-read`, ownership enforced", func(t *testing.T) string {
		_, yaml := g.prepare(seedPolicy)
		yaml = strings.Replace(yaml, "bucket-owner-full-control", "public-read", 1)
		if err := put(t, open(t, yaml, g.pod(token)), "k", 1); err == nil || !strings.Contains(err.Error(), "the bucket refuses ACLs") {
			t.Errorf("error %v", err)
		}
		return "refused: the bucket refuses ACLs"
	})
}

func (g *gateTests) podIdentityRows(t *testing.T) {
	g.m.login = "EKS Pod Identity (agent: our double)"
	podToken := servers.Token{Subject: agentSubject, Audience: servers.AudiencePodIdentity, Lifetime: time.Hour}
	agent := servers.StartPodIdentityAgent(t, g.issuer, agentSubject, func() servers.Credentials {
		c := g.gate.Session(agentRole, "eks-fleet-agent-1")
		c.Expires = time.Now().Add(10 * time.Second) // within the refresh window: asked for at each use
		return c
	})
	env := func(file string) map[string]string {
		return map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file}
	}
	g.m.check(t, "the seed's file, and `sts_endpoint`; the token file is rotated", func(t *testing.T) string {
		_, yaml := g.prepare(seedPolicy)
		file := g.issuer.WriteToken("", podToken)
		b := open(t, yaml, env(file))
		works(t, b)
		g.issuer.WriteToken(file, servers.Token{Subject: agentSubject, Audience: servers.AudiencePodIdentity, Lifetime: -time.Minute})
		refusedWith(t, put(t, b, "k", 1), bucket.ErrCredentials, "container credentials", "EKS may not assume the role of the Pod Identity association", "EKS does not have permissions to assume the associated role")
		g.issuer.WriteToken(file, podToken)
		works(t, b)
		waitFor(t, "the identity", func() bool { return strings.Contains(b.log.String(), "session=eks-fleet-agent-1") })
		return "works; identity logged"
	})
	g.m.check(t, "no agent on the node", func(t *testing.T) string {
		_, yaml := g.prepare(seedPolicy)
		e := env(g.issuer.WriteToken("", podToken))
		e["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:1/v1/credentials"
		refusedWith(t, put(t, open(t, yaml, e), "k", 1), bucket.ErrCredentials, "eks-pod-identity-agent")
		return "refused: the endpoint does not answer; names the add-on"
	})
}

func (g *gateTests) instanceRows(t *testing.T) {
	g.m.login = "EC2 instance role (metadata: our double)"
	const node = "arn:aws:iam::" + servers.GateAccount + ":role/eks-node-group"
	g.m.check(t, "the seed's file, and `sts_endpoint`, in a pod", func(t *testing.T) string {
		name, yaml := g.prepare(seedPolicy)
		g.gate.SetRole(servers.GateRole{ARN: node, Policy: seedPolicy(name)})
		metadata := servers.StartInstanceMetadata(t, "eks-node-group", func() servers.Credentials {
			return g.gate.Session(node, "i-05c1fa9d0eb168e35")
		})
		b := open(t, yaml, map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata, "KUBERNETES_SERVICE_HOST": "10.0.0.1"})
		works(t, b)
		waitFor(t, "the identity", func() bool { return strings.Contains(b.log.String(), "effective AWS identity") })
		wantLog(t, b, "the pod has fallen back to the node's role")
		wantLog(t, b, "eks.amazonaws.com/role-arn")
		return "works; the fallback to the node's role is warned about"
	})
}

func (g *gateTests) profileRows(t *testing.T) {
	g.m.login = "shared profile"
	rootKeys := fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", g.minio.AccessKey(), g.minio.SecretKey())
	g.m.check(t, "`role_arn` with `source_profile`", func(t *testing.T) string {
		_, yaml := g.prepare(seedPolicy)
		b := open(t, yaml, map[string]string{
			"AWS_PROFILE": "fleet", "AWS_SHARED_CREDENTIALS_FILE": writeFile(t, "credentials", rootKeys),
			"AWS_CONFIG_FILE": writeFile(t, "config", "[profile fleet]\nregion = us-east-1\nrole_arn = "+agentRole+"\nsource_profile = base\n"),
		})
		works(t, b)
		waitFor(t, "the identity", func() bool {
			return strings.Contains(b.log.String(), "assumed-role/fleetcost-agent/fleetcost")
		})
		return "works; identity logged"
	})
	g.m.check(t, "`role_arn` that may not be assumed", func(t *testing.T) string {
		_, yaml := g.prepare(seedPolicy)
		b := open(t, yaml, map[string]string{
			"AWS_PROFILE": "fleet", "AWS_SHARED_CREDENTIALS_FILE": writeFile(t, "credentials", rootKeys),
			"AWS_CONFIG_FILE": writeFile(t, "config", "[profile fleet]\nregion = us-east-1\nrole_arn = "+agentRole+"-other\nsource_profile = base\n"),
		})
		refusedWith(t, put(t, b, "k", 1), bucket.ErrCredentials, "profile fleet", "sts:AssumeRole", agentRole+"-other")
		return "refused; the error names caller and role"
	})
	g.m.check(t, "`credential_process`", func(t *testing.T) string {
		_, yaml := g.prepare(seedPolicy)
		c := g.gate.Session(agentRole, "process")
		text, err := json.Marshal(map[string]any{
			"Version": 1, "AccessKeyId": c.AccessKey, "SecretAccessKey": c.SecretKey, "SessionToken": c.SessionToken,
			"Expiration": c.Expires.UTC().Format(time.RFC3339),
		})
		if err != nil {
			t.Fatal(err)
		}
		works(t, open(t, yaml, map[string]string{
			"AWS_PROFILE":     "fleet",
			"AWS_CONFIG_FILE": writeFile(t, "config", "[profile fleet]\nregion = us-east-1\ncredential_process = cat "+writeFile(t, "keys.json", string(text))+"\n"),
		}))
		return "works"
	})
}

func (g *gateTests) sdkRows(t *testing.T) {
	g.m.login = "AWS SDK's default chain (`aws_sdk_auth`)"
	g.m.check(t, "web identity, and `sts_endpoint`", func(t *testing.T) string {
		_, yaml := g.prepare(seedPolicy)
		for name, value := range g.pod(goodToken()) {
			t.Setenv(name, value) // the SDK reads the environment of the process
		}
		t.Setenv("HOME", t.TempDir())
		t.Setenv("AWS_CA_BUNDLE", servers.NewCA(t).File()) // the SDK reads it, and must not mind our client
		b := open(t, yaml+"  aws_sdk_auth: true\n", nil)
		works(t, b)
		waitFor(t, "the identity", func() bool {
			return strings.Contains(b.log.String(), "assumed-role/fleetcost-agent/fleetcost")
		})
		return "works; identity logged"
	})
}

// TestIdentityAtTheGate: the whole of an identity, as others use it.
func TestIdentityAtTheGate(t *testing.T) {
	issuer := servers.StartIssuer(t)
	minio := servers.StartMinIO(t, servers.MinIOConfig{})
	gate := servers.StartGate(t, servers.GateConfig{Upstream: minio, Issuer: issuer, Roles: []servers.GateRole{
		{ARN: agentRole, Policy: seedPolicy("fleet"), Subjects: []string{agentSubject}},
	}})
	choose := func(o awsid.Options) *awsid.Source {
		o.STSEndpoint, o.StoreEndpoint = gate.URL(), gate.Endpoint()
		s, err := awsid.Choose(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	env := map[string]string{"AWS_ROLE_ARN": agentRole, "AWS_WEB_IDENTITY_TOKEN_FILE": issuer.WriteToken("", goodToken()), "AWS_ROLE_SESSION_NAME": "cluster-a"}
	got, err := choose(awsid.Options{Getenv: func(k string) string { return env[k] }}).Identity(t.Context())
	want := awsid.Identity{
		Account: servers.GateAccount, ARN: "arn:aws:sts::" + servers.GateAccount + ":assumed-role/fleetcost-agent/cluster-a",
		UserID: got.UserID, Partition: "aws", RoleName: "fleetcost-agent", SessionName: "cluster-a",
	}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	// The gate checks the signature.
	if _, err := choose(awsid.Options{AccessKey: minio.AccessKey(), SecretKey: minio.SecretKey()}).Identity(t.Context()); err != nil {
		t.Error(err)
	}
	if id, err := choose(awsid.Options{AccessKey: minio.AccessKey(), SecretKey: "wrong"}).Identity(t.Context()); err == nil {
		t.Errorf("a wrong secret is %+v", id)
	}
}

// TestTerseDenials: where the store says Access Denied alone, we say what the
// request needs.
func TestTerseDenials(t *testing.T) {
	issuer := servers.StartIssuer(t)
	minio := servers.StartMinIO(t, servers.MinIOConfig{})
	g := &gateTests{m: &matrix{}, minio: minio, issuer: issuer}
	g.gate = servers.StartGate(t, servers.GateConfig{Upstream: minio, Issuer: issuer, Terse: true})
	_, yaml := g.prepare(func(b string) string { return servers.PolicyWithout(seedPolicy(b), "s3:PutObjectAcl") })
	err := put(t, open(t, yaml, g.pod(goodToken())), "k", 1)
	refusedWith(t, err, bucket.ErrDenied, "s3:PutObject and", "s3:PutObjectAcl", "X-Amz-Acl of put_user_metadata")
}
