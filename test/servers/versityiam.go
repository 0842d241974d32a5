package servers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// StartVersityIAM starts versitygw with its own IAM service: real users with
// access keys and identity policies, shaped and enforced as AWS's, so that a
// policy written for AWS is taken exactly as it is. (It accepts s3:PutObjectAcl
// but does not ask for it; see Gate.)
func StartVersityIAM(t testing.TB) *VersityGW {
	t.Helper()
	v := &VersityGW{binary: findTool(t, "versitygw", versityVersion), process: process{t: t}}
	// A path of its own: that of a unix socket must be short.
	short, err := os.MkdirTemp("", "vgw")
	if err != nil {
		t.Fatalf("make a directory for versitygw: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(short) })
	socket := filepath.Join(short, "iam.sock")
	accounts := t.TempDir()
	v.iam = &process{
		t: t, name: "versitygw iam", health: "/healthz", patience: versityReady, grace: versityStop,
		command: func(address string) *exec.Cmd {
			return exec.Command(
				v.binary,
				"--port", address, "--access", v.AccessKey(), "--secret", v.SecretKey(), "--region", v.Region(),
				"--health", "/healthz", "--quiet",
				"iam", "--dir", accounts, "--private-ports", socket,
			)
		},
	}
	v.iam.launch()
	v.launchOver(t.TempDir(), "--iam-standalone-endpoint", socket)
	return v
}

// CreateUser makes an IAM user without permissions and returns its keys. The
// server must be of StartVersityIAM.
func (v *VersityGW) CreateUser(name string) Credentials {
	v.t.Helper()
	v.iamCall(url.Values{"Action": {"CreateUser"}, "UserName": {name}})
	var made struct {
		Key struct{ AccessKeyId, SecretAccessKey string } `xml:"CreateAccessKeyResult>AccessKey"`
	}
	text := v.iamCall(url.Values{"Action": {"CreateAccessKey"}, "UserName": {name}})
	if err := xml.Unmarshal(text, &made); err != nil || made.Key.AccessKeyId == "" {
		v.t.Fatalf("versitygw iam made no key (%v): %s", err, text)
	}
	return Credentials{AccessKey: made.Key.AccessKeyId, SecretKey: made.Key.SecretAccessKey}
}

// PutUserPolicy makes a document the one policy of a user.
func (v *VersityGW) PutUserPolicy(user, document string) {
	v.t.Helper()
	v.iamCall(url.Values{"Action": {"PutUserPolicy"}, "UserName": {user}, "PolicyName": {"test"}, "PolicyDocument": {document}})
}

// iamCall makes one call of the IAM query API as the root account.
func (v *VersityGW) iamCall(form url.Values) []byte {
	v.t.Helper()
	form.Set("Version", "2010-05-08")
	body := form.Encode()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, v.iam.URL()+"/", strings.NewReader(body))
	if err != nil {
		v.t.Fatalf("ask versitygw iam: %v", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(body))
	keys := aws.Credentials{AccessKeyID: v.AccessKey(), SecretAccessKey: v.SecretKey()}
	if err := v4.NewSigner().SignHTTP(context.Background(), keys, req, hex.EncodeToString(sum[:]), "iam", v.Region(), time.Now()); err != nil {
		v.t.Fatalf("sign for versitygw iam: %v", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatalf("ask versitygw iam: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		v.t.Fatalf("versitygw iam: %s to %s: %s (%v)", res.Status, form.Get("Action"), text, err)
	}
	return text
}
