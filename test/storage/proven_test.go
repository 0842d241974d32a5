//go:build e2e

package storage_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/fleetcost/fleetcost/test/servers"
)

// ask sends a signed request of the root account that our own client never
// makes. A status of 300 and more is an error with the answer in it.
func ask(t *testing.T, m *servers.MinIO, method, path, body string, header ...string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, m.URL()+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(signer.SignV4(*req, m.AccessKey(), m.SecretKey(), "", m.Region()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s", answer)
	}
	return err
}

// TestProven gets failures from MinIO for the catalogue of errors that no test
// of the matrix provokes.
func TestProven(t *testing.T) {
	m := servers.StartMinIO(t, servers.MinIOConfig{})
	m.CreateBucket("fleet")
	yaml := m.ConfigYAML("fleet")

	explained(t, "s3-not-implemented", ask(t, m, http.MethodPut, "/fleet?acl=", "", "X-Amz-Acl", "public-read"))
	explained(t, "s3-storage-class-invalid", put(t, open(t, yaml+"  put_user_metadata:\n    X-Amz-Storage-Class: COLDEST\n", nil), "k", 1))
	explained(t, "s3-storage-class-invalid", ask(t, m, http.MethodPut, "/fleet/k", "x", "X-Amz-Storage-Class", "COLDEST"))
	session := m.Session(servers.PolicyWithout(seedPolicy("fleet"), "s3:PutObjectAcl"))
	cut := strings.NewReplacer(m.AccessKey(), session.AccessKey, m.SecretKey(), session.SecretKey).Replace(yaml)
	explained(t, "aws-invalid-client-token", put(t, open(t, cut+"  session_token: "+session.SessionToken[:20]+"\n", nil), "k", 1))
	explained(t, "aws-invalid-client-token", put(t, open(t, cut, nil), "k", 1))

	if err := ask(t, m, http.MethodPut, "/minio/admin/v3/set-bucket-quota?bucket=fleet", `{"quota":1000,"quotatype":"hard"}`); err != nil {
		t.Fatal(err)
	}
	explained(t, "s3-quota", put(t, open(t, yaml, nil), "k", 2000))
}
