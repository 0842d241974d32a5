package servers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/signer"
)

const (
	minioVersion = "v0.0.0-20260212201848-7aac2a2c5b7c"
	minioReady   = 60 * time.Second
	minioStop    = 10 * time.Second
)

// MinIO is a real S3 server with one root account. It has STS (AssumeRole, and
// AssumeRoleWithWebIdentity where it has an issuer), SigV2, virtual-hosted
// addresses, conditional writes and server-side encryption. It differs from AWS
// in ways that matter here: its policies refuse the action s3:PutObjectAcl, it
// answers 404 for a missing key without ListBucket, it has no GetCallerIdentity,
// and it checks neither iss nor sub of a token. The Gate adds these.
//
// MinIO is licensed under the AGPL: it runs as a process and is never linked.
type MinIO struct {
	process
	config MinIOConfig
}

// MinIOConfig is what a MinIO of a test has beyond the minimum.
type MinIOConfig struct {
	TLS    *CA     // serve TLS with a certificate of this authority; nil for plain HTTP
	Issuer *Issuer // accept this issuer's tokens; their claim "policy" names a policy of the server
	Domain string  // host below which buckets are hosts of their own: bucket.<Domain>
	KMS    bool    // keep a key of the server's own for SSE-S3 and SSE-KMS, named KMSKey
}

// KMSKey is the name of the key of a MinIO with MinIOConfig.KMS.
const KMSKey = "fleetcost-test-key"

// StartMinIO starts MinIO on a free loopback port over a directory of the
// test's own and stops it at the end of the test. A missing binary or a server
// that does not come up fails the test.
func StartMinIO(t testing.TB, config MinIOConfig) *MinIO {
	t.Helper()
	m := &MinIO{config: config}
	binary := findTool(t, "minio", minioVersion)
	data, certs := t.TempDir(), t.TempDir()
	if config.TLS != nil {
		config.TLS.writeFiles(certs)
	}
	m.process = process{
		t: t, name: "MinIO", health: "/minio/health/ready", patience: minioReady, grace: minioStop,
		command: func(address string) *exec.Cmd {
			cmd := exec.Command(binary, "server", "--quiet", "--address", address, "--certs-dir", certs, data)
			// Only what it needs: a variable of the developer's shell may change
			// what is tested.
			cmd.Env = append([]string{"HOME=" + data, "PATH=" + os.Getenv("PATH")}, m.environment()...)
			return cmd
		},
	}
	if config.TLS != nil {
		m.scheme = "https"
		m.client = &http.Client{Transport: &http.Transport{TLSClientConfig: config.TLS.Client()}}
		t.Cleanup(m.client.CloseIdleConnections)
	}
	m.launch()
	return m
}

func (m *MinIO) environment() []string {
	env := []string{
		"MINIO_ROOT_USER=" + m.AccessKey(), "MINIO_ROOT_PASSWORD=" + m.SecretKey(),
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off",
		"MINIO_CI_CD=1", // a data directory on the machine's own disk is meant
	}
	if m.config.Issuer != nil {
		env = append(
			env,
			"MINIO_IDENTITY_OPENID_CONFIG_URL="+m.config.Issuer.URL()+"/.well-known/openid-configuration",
			"MINIO_IDENTITY_OPENID_CLIENT_ID="+AudienceSTS,
			"MINIO_IDENTITY_OPENID_CLAIM_NAME=policy",
		)
	}
	if m.config.Domain != "" {
		env = append(env, "MINIO_DOMAIN="+m.config.Domain)
	}
	if m.config.KMS {
		key := sha256.Sum256([]byte(KMSKey))
		env = append(env, "MINIO_KMS_SECRET_KEY="+KMSKey+":"+base64.StdEncoding.EncodeToString(key[:]))
	}
	return env
}

// Endpoint is the server's host and port, as config.endpoint takes it.
func (m *MinIO) Endpoint() string { return m.address }

// AccessKey is the root account's access key.
func (m *MinIO) AccessKey() string { return "fleetcost-test" }

// SecretKey is the root account's secret key.
func (m *MinIO) SecretKey() string { return "fleetcost-test-secret" }

// Region is the region that the server expects in signatures.
func (m *MinIO) Region() string { return "us-east-1" }

// Client is a client of the root account, for what a test prepares and
// inspects.
func (m *MinIO) Client() *minio.Client {
	m.t.Helper()
	options := &minio.Options{
		Creds: credentials.NewStaticV4(m.AccessKey(), m.SecretKey(), ""), Region: m.Region(), Secure: m.config.TLS != nil,
		BucketLookup: minio.BucketLookupPath,
	}
	if m.config.TLS != nil {
		options.Transport = &http.Transport{TLSClientConfig: m.config.TLS.Client()}
	}
	c, err := minio.New(m.address, options)
	if err != nil {
		m.t.Fatalf("make a client of MinIO: %v", err)
	}
	return c
}

// CreateBucket makes an empty bucket.
func (m *MinIO) CreateBucket(name string) {
	m.t.Helper()
	if err := m.Client().MakeBucket(context.Background(), name, minio.MakeBucketOptions{Region: m.Region()}); err != nil {
		m.t.Fatalf("make bucket %s: %v", name, err)
	}
}

// CreatePolicy stores an identity policy under a name that a token's claim
// "policy" may give.
func (m *MinIO) CreatePolicy(name, document string) {
	m.t.Helper()
	url := m.URL() + "/minio/admin/v3/add-canned-policy?name=" + name
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, url, bytes.NewReader([]byte(document)))
	if err != nil {
		m.t.Fatalf("create policy %s: %v", name, err)
	}
	sum := sha256.Sum256([]byte(document))
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	req = signer.SignV4(*req, m.AccessKey(), m.SecretKey(), "", m.Region())
	res, err := m.httpClient().Do(req)
	if err != nil {
		m.t.Fatalf("create policy %s: %v", name, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 2000))
		m.t.Fatalf("create policy %s: %s: %s", name, res.Status, text)
	}
}

// Session returns temporary keys of the root account that may do no more than
// the policy allows, from the server's own AssumeRole. They last 15 minutes,
// the shortest that STS knows.
func (m *MinIO) Session(policy string) Credentials {
	m.t.Helper()
	c, err := m.session(policy)
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

func (m *MinIO) session(policy string) (Credentials, error) {
	c, err := credentials.NewSTSAssumeRole(m.URL(), credentials.STSAssumeRoleOptions{
		AccessKey: m.AccessKey(), SecretKey: m.SecretKey(), Policy: policy, DurationSeconds: 900,
	})
	if err != nil {
		return Credentials{}, fmt.Errorf("assume a role of MinIO: %w", err)
	}
	v, err := c.GetWithContext(&credentials.CredContext{Client: m.httpClient()})
	if err != nil {
		return Credentials{}, fmt.Errorf("assume a role of MinIO with the policy %s: %w", policy, err)
	}
	return Credentials{AccessKey: v.AccessKeyID, SecretKey: v.SecretAccessKey, SessionToken: v.SessionToken, Expires: v.Expiration}, nil
}

// Credentials is a set of keys, temporary ones with token and end.
type Credentials struct {
	AccessKey, SecretKey, SessionToken string
	Expires                            time.Time
}

// ConfigYAML is the text of a federated-store.yaml for a bucket of this server,
// with the root account's keys.
func (m *MinIO) ConfigYAML(bucket string) string {
	return fmt.Sprintf(`type: S3
config:
  bucket: %q
  endpoint: %q
  region: %q
  access_key: %q
  secret_key: %q
  insecure: %v
`, bucket, m.Endpoint(), m.Region(), m.AccessKey(), m.SecretKey(), m.config.TLS == nil)
}
