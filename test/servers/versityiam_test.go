package servers_test

import (
	"errors"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/fleetcost/fleetcost/test/servers"
)

// TestVersityIAM: a user may do what its policy says, and nothing else.
func TestVersityIAM(t *testing.T) {
	v := servers.StartVersityIAM(t)
	v.CreateBucket("fleet")
	user := v.CreateUser("agent")
	client, err := minio.New(v.Endpoint(), &minio.Options{Creds: credentials.NewStaticV4(user.AccessKey, user.SecretKey, ""), Region: v.Region()})
	if err != nil {
		t.Fatal(err)
	}
	list := func() string {
		for o := range client.ListObjects(t.Context(), "fleet", minio.ListObjectsOptions{}) {
			var e minio.ErrorResponse
			if errors.As(o.Err, &e) {
				return e.Code
			}
		}
		return ""
	}
	if code := list(); code != "AccessDenied" {
		t.Errorf("without a policy listing gives %q", code)
	}
	v.PutUserPolicy("agent", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::fleet"}]}`)
	if code := list(); code != "" {
		t.Errorf("with a policy listing gives %q", code)
	}
}
