package storage_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/test/servers"
)

// TestVersityGW is the part of the matrix that needs no MinIO.
func TestVersityGW(t *testing.T) {
	versityRows(t, &matrix{})
}

// versityRows tests versitygw: users and policies like AWS's.
func versityRows(t *testing.T, m *matrix) {
	v := servers.StartVersityIAM(t)
	user := v.CreateUser("fleet")
	var ns names
	// make a bucket, and the policy what the user may do there.
	prepare := func(policy func(bucket string) string) string {
		name := ns.next()
		v.CreateBucket(name)
		v.PutUserPolicy("fleet", policy(name))
		return name
	}
	keys := func(name string) string {
		return smallParts(seedYAML(seedKeys, name, v.Endpoint(), user.AccessKey, user.SecretKey))
	}
	root := func(t *testing.T, name string) bucket.Bucket { return open(t, v.ConfigYAML(name), nil).Bucket }

	m.server, m.login = "versitygw", "static keys"
	m.check(t, "the seed's file", func(t *testing.T) string {
		works(t, open(t, seedYAML(seedKeys, prepare(seedPolicy), v.Endpoint(), user.AccessKey, user.SecretKey), nil))
		return "works"
	})
	m.check(t, "acceptance suite under the seed's policy: conditional puts, multipart, list v2", func(t *testing.T) string {
		buckettest.AcceptanceTest(t, func(t *testing.T) bucket.Bucket { return open(t, keys(prepare(seedPolicy)), nil).Bucket })
		return "passes"
	})
	m.check(t, "acceptance suite: list v1, prefix, no multipart, no Content-MD5", func(t *testing.T) string {
		buckettest.AcceptanceTest(t, func(t *testing.T) bucket.Bucket {
			yaml := keys(prepare(seedPolicy)) + "  list_objects_version: v1\n  disable_multipart: true\n  send_content_md5: false\nprefix: team/costs\n"
			return open(t, yaml, nil).Bucket
		})
		return "passes"
	})
	m.check(t, "wrong secret", func(t *testing.T) string {
		yaml := strings.Replace(keys(prepare(seedPolicy)), user.SecretKey, "wrong", 1)
		refusedWith(t, put(t, open(t, yaml, nil), "k", 1), bucket.ErrCredentials, "the store does not accept", "SignatureDoesNotMatch")
		return "refused, with the reason"
	})
	m.check(t, "signature version 2", func(t *testing.T) string {
		yaml := strings.Replace(keys(prepare(seedPolicy)), "signature_version2: false", "signature_version2: true", 1)
		if err := put(t, open(t, yaml, nil), "k", 1); err == nil {
			t.Error("versitygw now takes signature version 2: say so in the table")
		}
		return "the server has none"
	})
	m.check(t, "the seed's policy, for all that agents and server do", func(t *testing.T) string {
		return wholeFleet(t, open(t, keys(prepare(seedPolicy)), nil))
	})
	for _, c := range withoutAction() {
		m.check(t, "the seed's policy less `"+c.action+"`", func(t *testing.T) string {
			name := prepare(func(b string) string { return servers.PolicyWithout(seedPolicy(b), c.action) })
			seed(t, root(t, name))
			failed := operate(t, open(t, keys(name), nil), "new")
			if c.action == "s3:PutObjectAcl" {
				checkDenied(t, failed, c.action, nil)
				return "allowed: the server does not ask for it"
			}
			checkDenied(t, failed, c.action, c.denied)
			return deniedResult(c.action, c.denied)
		})
	}
	m.check(t, "the policy of one cluster", func(t *testing.T) string {
		name := prepare(func(b string) string { return clusterPolicy(b, firstCluster()) })
		return ownClusterOnly(t, open(t, keys(name), nil), root(t, name))
	})

	m.login = "`AWS_*` environment"
	m.check(t, "put, get, list", func(t *testing.T) string {
		b := open(t, seedYAML(seedRole, prepare(seedPolicy), v.Endpoint(), "", ""), map[string]string{
			"AWS_ACCESS_KEY_ID": user.AccessKey, "AWS_SECRET_ACCESS_KEY": user.SecretKey,
		})
		works(t, b)
		wantLog(t, b, "environment keys")
		return "works"
	})
	m.login = "shared profile"
	m.check(t, "put, get, list", func(t *testing.T) string {
		file := writeFile(t, "credentials", fmt.Sprintf("[fleet]\naws_access_key_id = %s\naws_secret_access_key = %s\n", user.AccessKey, user.SecretKey))
		b := open(t, seedYAML(seedRole, prepare(seedPolicy), v.Endpoint(), "", ""), map[string]string{
			"AWS_PROFILE": "fleet", "AWS_SHARED_CREDENTIALS_FILE": file,
		})
		works(t, b)
		wantLog(t, b, "shared profile (profile fleet of "+file)
		return "works"
	})
}

// seed writes what operate reads and deletes.
func seed(t *testing.T, root bucket.Bucket) {
	t.Helper()
	for _, key := range []string{"seeded", "victim"} {
		if err := put(t, root, key, 10); err != nil {
			t.Fatal(err)
		}
	}
}

func deniedResult(action string, denied []string) string {
	return strings.Join(denied, ", ") + " denied; the error names `" + action + "`"
}

func wantLog(t *testing.T, b opened, text string) {
	t.Helper()
	if !strings.Contains(b.log.String(), text) {
		t.Errorf("the log does not say %q:\n%s", text, b.log)
	}
}
