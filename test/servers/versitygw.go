package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const (
	versityVersion = "v1.8.0"
	versityReady   = 30 * time.Second
	versityStop    = 10 * time.Second
)

// VersityGW is a real S3 server (versitygw over a directory) with one root
// account. It answers on the same address after Restart, with its objects.
type VersityGW struct {
	process
	binary string
	iam    *process // the standalone IAM service; nil without one
}

// StartVersityGW starts versitygw on a free loopback port over a directory of
// the test's own and stops it at the end of the test. A missing binary or a
// server that does not come up fails the test.
func StartVersityGW(t testing.TB) *VersityGW {
	t.Helper()
	v := &VersityGW{binary: findTool(t, "versitygw", versityVersion), process: process{t: t}}
	dir := t.TempDir()
	v.launchOver(dir, "--iam-dir", filepath.Join(dir, "accounts"))
	return v
}

// launchOver starts the gateway over a directory, with the accounts of an IAM
// service.
func (v *VersityGW) launchOver(dir string, accounts ...string) {
	t := v.t
	t.Helper()
	for _, sub := range []string{"buckets", "accounts"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatalf("make a directory for versitygw: %v", err)
		}
	}
	v.process = process{
		t: t, name: "versitygw", health: "/healthz", patience: versityReady, grace: versityStop,
		command: func(address string) *exec.Cmd {
			// Metadata stays in extended attributes: with a sidecar directory an
			// object and its ETag change one after the other, and two writers under
			// If-Match lose updates.
			args := append([]string{
				"--port", address, "--access", v.AccessKey(), "--secret", v.SecretKey(), "--region", v.Region(),
				"--health", "/healthz", "--quiet",
			}, accounts...)
			cmd := exec.Command(v.binary, append(args, "posix", filepath.Join(dir, "buckets"))...)
			cmd.Dir = dir
			return cmd
		},
	}
	v.launch()
}

// Endpoint is the server's host and port, as config.endpoint takes it.
func (v *VersityGW) Endpoint() string { return v.address }

// AccessKey is the root account's access key.
func (v *VersityGW) AccessKey() string { return "fleetcost-test" }

// SecretKey is the root account's secret key.
func (v *VersityGW) SecretKey() string { return "fleetcost-test-secret" }

// Region is the region that the server expects in signatures.
func (v *VersityGW) Region() string { return "us-east-1" }

// CreateBucket makes an empty bucket.
func (v *VersityGW) CreateBucket(name string) {
	v.t.Helper()
	v.Admin("create-bucket", "--owner", v.AccessKey(), "--bucket", name)
}

// Admin runs a subcommand of versitygw's admin tool, such as
// create-user --access A --secret S --role user, and returns what it prints.
func (v *VersityGW) Admin(args ...string) string {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), versityReady)
	defer cancel()
	args = append([]string{
		"admin", "--access", v.AccessKey(), "--secret", v.SecretKey(),
		"--endpoint-url", v.URL(), "--region", v.Region(),
	}, args...)
	out, err := exec.CommandContext(ctx, v.binary, args...).CombinedOutput()
	if err != nil {
		v.t.Fatalf("versitygw %s: %v\n%s", args[9], err, last(out, 2000))
	}
	return string(out)
}

// ConfigYAML is the text of a federated-store.yaml for a bucket of this server.
func (v *VersityGW) ConfigYAML(bucket string) string {
	return fmt.Sprintf(`type: S3
config:
  bucket: %q
  endpoint: %q
  region: %q
  access_key: %q
  secret_key: %q
  insecure: true
`, bucket, v.Endpoint(), v.Region(), v.AccessKey(), v.SecretKey())
}
