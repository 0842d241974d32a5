//go:build e2e

package storage_test

import (
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/test/servers"
)

const (
	agentRole    = "arn:aws:iam::" + servers.GateAccount + ":role/fleetcost-agent"
	agentSubject = "system:serviceaccount:fleetcost:agent"
)

// minioRows tests MinIO by itself: signatures, addresses, encryption, TLS, and
// its own exchange of web identity tokens.
func minioRows(t *testing.T, m *matrix, minio *servers.MinIO, issuer *servers.Issuer) {
	var ns names
	bucketName := func() string {
		name := ns.next()
		minio.CreateBucket(name)
		return name
	}
	keys := func(name string) string {
		return smallParts(seedYAML(seedKeys, name, minio.Endpoint(), minio.AccessKey(), minio.SecretKey()))
	}
	m.server, m.login = "MinIO", "static keys"
	m.check(t, "the seed's file", func(t *testing.T) string {
		works(t, open(t, seedYAML(seedKeys, bucketName(), minio.Endpoint(), minio.AccessKey(), minio.SecretKey()), nil))
		return "works"
	})
	suite := func(feature string, change func(yaml string) string) {
		m.check(t, "acceptance suite: "+feature, func(t *testing.T) string {
			buckettest.AcceptanceTest(t, func(t *testing.T) bucket.Bucket {
				return open(t, change(keys(bucketName())), nil).Bucket
			})
			return "passes"
		})
	}
	suite("conditional puts, multipart, list v2", func(yaml string) string { return yaml })
	suite("list v1, signature version 2", func(yaml string) string {
		return strings.Replace(yaml, "signature_version2: false", "signature_version2: true\n  list_objects_version: v1", 1)
	})
	m.check(t, "signature version 2, wrong secret", func(t *testing.T) string {
		yaml := strings.NewReplacer(minio.SecretKey(), "wrong", "signature_version2: false", "signature_version2: true").Replace(keys(bucketName()))
		refusedWith(t, put(t, open(t, yaml, nil), "k", 1), bucket.ErrCredentials, "SignatureDoesNotMatch")
		return "refused, with the reason"
	})
	m.check(t, "virtual-hosted addresses, through `HTTP_PROXY`", func(t *testing.T) string {
		hosts, proxy := forwardProxy(t, minio)
		name := bucketName()
		yaml := strings.Replace(keys(name), minio.Endpoint(), domain, 1) + "  bucket_lookup_type: virtual-hosted\n"
		works(t, open(t, yaml, map[string]string{"HTTP_PROXY": proxy}))
		if len(hosts()) == 0 || hosts()[0] != name+"."+domain {
			t.Errorf("asked %v", hosts())
		}
		return "works"
	})
	m.login = "static keys with `session_token`"
	m.check(t, "put, get, list", func(t *testing.T) string {
		name := bucketName()
		c := minio.Session(servers.PolicyWithout(seedPolicy(name), "s3:PutObjectAcl"))
		yaml := seedYAML(seedKeys, name, minio.Endpoint(), c.AccessKey, c.SecretKey) + "  session_token: \"" + c.SessionToken + "\"\n"
		b := open(t, yaml, nil)
		works(t, b)
		if strings.Contains(b.log.String(), c.SessionToken) || !strings.Contains(b.log.String(), "request to the store") {
			t.Errorf("with trace.enable the log holds the session token, or no request:\n%s", b.log)
		}
		return "works; not in the trace"
	})
	m.login = "`AWS_*` environment with `AWS_SESSION_TOKEN`"
	m.check(t, "put, get, list", func(t *testing.T) string {
		name := bucketName()
		c := minio.Session(servers.PolicyWithout(seedPolicy(name), "s3:PutObjectAcl"))
		works(t, open(t, seedYAML(seedRole, name, minio.Endpoint(), "", ""), map[string]string{
			"AWS_ACCESS_KEY_ID": c.AccessKey, "AWS_SECRET_ACCESS_KEY": c.SecretKey, "AWS_SESSION_TOKEN": c.SessionToken,
		}))
		return "works"
	})
	minioWebIdentityRows(t, m, minio, issuer, bucketName)
}

// minioWebIdentityRows tests IRSA against MinIO's own STS. Its keys live as long
// as the token, so that tokens of seconds test the rotation.
func minioWebIdentityRows(t *testing.T, m *matrix, minio *servers.MinIO, issuer *servers.Issuer, bucketName func() string) {
	token := func(lifetime time.Duration) servers.Token {
		return servers.Token{Subject: agentSubject, Audience: servers.AudienceSTS, Lifetime: lifetime, Claims: map[string]any{"policy": "fleet"}}
	}
	prepare := func() (yaml string) {
		name := bucketName()
		minio.CreatePolicy("fleet", servers.PolicyWithout(seedPolicy(name), "s3:PutObjectAcl"))
		return seedYAML(seedRole, name, minio.Endpoint(), "", "") + "  sts_endpoint: " + minio.URL() + "\n"
	}
	env := func(file string) map[string]string {
		return map[string]string{"AWS_ROLE_ARN": agentRole, "AWS_WEB_IDENTITY_TOKEN_FILE": file}
	}
	m.login = "IRSA"
	m.check(t, "the seed's file, and `sts_endpoint`", func(t *testing.T) string {
		works(t, open(t, prepare(), env(issuer.WriteToken("", token(time.Hour)))))
		return "works"
	})
	m.check(t, "identity", func(t *testing.T) string {
		b := open(t, prepare(), env(issuer.WriteToken("", token(time.Hour))))
		works(t, b)
		waitFor(t, "the answer", func() bool { return strings.Contains(b.log.String(), "the store has no identity service") })
		return "the server has no `GetCallerIdentity`; the log says so"
	})
	m.check(t, "the token file is rotated", func(t *testing.T) string {
		const life = 3 * time.Second
		file := issuer.WriteToken("", token(life))
		written := time.Now()
		b := open(t, prepare(), env(file))
		works(t, b)
		issuer.WriteToken(file, token(life+2*time.Second))
		time.Sleep(time.Until(written.Add(life + time.Second))) // until the first token and its keys are of no use
		works(t, b)
		time.Sleep(time.Until(written.Add(2*life + 2*time.Second))) // nobody renews the second
		err := put(t, b, "late", 1)
		refusedWith(t, err, bucket.ErrCredentials, file)
		issuer.WriteToken(file, token(time.Hour))
		works(t, b)
		return "works, also after a token was let expire"
	})
	for _, c := range []struct {
		name  string
		token servers.Token
		row   string
	}{
		{"expired", token(-time.Minute), "web-identity-token-expired"},
		{"for another audience", servers.Token{Subject: agentSubject, Audience: "other", Lifetime: time.Hour, Claims: map[string]any{"policy": "fleet"}}, "irsa-wrong-audience"},
		{"forged", servers.Token{Subject: agentSubject, Audience: servers.AudienceSTS, Lifetime: time.Hour, Forged: true, Claims: map[string]any{"policy": "fleet"}}, "irsa-token-not-validated"},
	} {
		m.check(t, "a token that is "+c.name, func(t *testing.T) string {
			file := issuer.WriteToken("", c.token)
			err := put(t, open(t, prepare(), env(file)), "k", 1)
			refusedWith(t, err, bucket.ErrCredentials, "web identity", agentRole, file)
			explained(t, c.row, err)
			return "refused; the error names role and token file"
		})
	}
}

// domain is the name below which the MinIO of the matrix has its buckets.
const domain = "s3.fleetcost.test"

// forwardProxy sends whatever it is asked to MinIO, so that names below domain
// need no DNS. It returns the hosts it was asked for, and its URL.
func forwardProxy(t *testing.T, minio *servers.MinIO) (hosts func() []string, proxyURL string) {
	t.Helper()
	target, err := url.Parse(minio.URL())
	if err != nil {
		t.Fatal(err)
	}
	seen := &logText{}
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(q *httputil.ProxyRequest) {
		fmt.Fprintln(seen, q.In.Host)
		q.SetURL(target)
		q.Out.URL.Path, q.Out.URL.RawPath = q.In.URL.Path, q.In.URL.RawPath
		q.Out.Host = q.In.Host
	}})
	t.Cleanup(server.Close)
	return func() []string { return strings.Fields(seen.String()) }, server.URL
}

// encryptionRows tests TLS with a private authority and encryption at rest,
// which needs it.
func encryptionRows(t *testing.T, m *matrix) {
	ca := servers.NewCA(t)
	store := servers.StartMinIO(t, servers.MinIOConfig{TLS: ca, KMS: true})
	store.CreateBucket("fleet")
	yaml := strings.Replace(seedYAML(seedKeys, "fleet", store.Endpoint(), store.AccessKey(), store.SecretKey()), "insecure: true", "insecure: false", 1)
	trusting := strings.Replace(yaml, "    insecure_skip_verify: false\n", "    tls_config:\n      ca_file: "+ca.File()+"\n", 1)

	m.server, m.login = "MinIO, TLS of a private CA", "static keys"
	m.check(t, "`tls_config.ca_file`", func(t *testing.T) string {
		works(t, open(t, trusting, nil))
		return "works"
	})
	m.check(t, "`insecure_skip_verify: true`", func(t *testing.T) string {
		works(t, open(t, strings.Replace(yaml, "insecure_skip_verify: false", "insecure_skip_verify: true", 1), nil))
		return "works"
	})
	m.check(t, "neither", func(t *testing.T) string {
		refusedWith(t, put(t, open(t, yaml, nil), "k", 1), bucket.ErrUnavailable, "the store's certificate is not trusted")
		return "refused: the store's certificate is not trusted"
	})
	m.check(t, "`insecure: true`", func(t *testing.T) string {
		err := put(t, open(t, strings.Replace(yaml, "insecure: false", "insecure: true", 1)+"  max_retries: 1\n", nil), "k", 1)
		if err == nil || !strings.Contains(err.Error(), "insecure: true speaks plain HTTP, perhaps to a TLS port") {
			t.Errorf("error %v", err)
		}
		return "refused: plain HTTP to a TLS port"
	})
	root := store.Client()
	for _, c := range []struct{ name, config, header, want string }{
		{"SSE-S3", "  sse_config:\n    type: SSE-S3\n", "X-Amz-Server-Side-Encryption", "AES256"},
		{"SSE-KMS", "  sse_config:\n    type: SSE-KMS\n    kms_key_id: " + servers.KMSKey + "\n    kms_encryption_context:\n      fleet: test\n", "X-Amz-Server-Side-Encryption", "aws:kms"},
	} {
		m.check(t, c.name+", also multipart", func(t *testing.T) string {
			b := open(t, smallParts(trusting)+c.config, nil)
			seed(t, b)
			for op, err := range operate(t, b, "new") {
				t.Errorf("%s: %v", op, err)
			}
			for _, key := range []string{"new", "new-large"} {
				info, err := root.StatObject(t.Context(), "fleet", key, minio.StatObjectOptions{})
				if got := info.Metadata.Get(c.header); err != nil || got != c.want {
					t.Errorf("%s is encrypted with %q, want %q (%v)", key, got, c.want, err)
				}
			}
			return "works; the store says `" + c.want + "`"
		})
	}
	t.Run("SSE-KMS with a key that is not there", func(t *testing.T) {
		err := put(t, open(t, trusting+"  sse_config:\n    type: SSE-KMS\n    kms_key_id: another\n", nil), "k", 1)
		refusedWith(t, err, bucket.ErrUnavailable, "the encryption key is not there")
		explained(t, "kms-not-found", err)
	})
	m.check(t, "SSE-C, also multipart", func(t *testing.T) string {
		key := writeFile(t, "key", strings.Repeat("k", 32))
		b := open(t, smallParts(trusting)+"  sse_config:\n    type: SSE-C\n    encryption_key: "+key+"\n", nil)
		seed(t, b)
		for op, err := range operate(t, b, "new") {
			t.Errorf("%s: %v", op, err)
		}
		other := open(t, smallParts(trusting)+"  sse_config:\n    type: SSE-C\n    encryption_key: "+writeFile(t, "key", strings.Repeat("o", 32))+"\n", nil)
		for what, b := range map[string]bucket.Bucket{"no key": open(t, trusting, nil), "another key": other} {
			_, _, err := b.Get(t.Context(), "new")
			if err == nil {
				t.Errorf("it was read with %s", what)
			}
			if what == "no key" {
				explained(t, "s3-encryption-header", err)
			}
		}
		return "works; unreadable without the key"
	})
}
