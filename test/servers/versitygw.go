package servers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
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
	t       testing.TB
	binary  string
	dir     string
	address string

	mu   sync.Mutex
	cmd  *exec.Cmd
	done <-chan struct{}
}

// StartVersityGW starts versitygw on a free loopback port over a directory of
// the test's own and stops it at the end of the test. A missing binary or a
// server that does not come up fails the test.
func StartVersityGW(t testing.TB) *VersityGW {
	t.Helper()
	v := &VersityGW{t: t, binary: findVersityGW(t), dir: t.TempDir()}
	for _, sub := range []string{"buckets", "accounts"} {
		if err := os.Mkdir(filepath.Join(v.dir, sub), 0o700); err != nil {
			t.Fatalf("make a directory for versitygw: %v", err)
		}
	}
	t.Cleanup(v.Stop)
	var err error
	for range 3 { // another process may take a free port before the server does
		v.address = freeAddress(t)
		if err = v.start(); err == nil {
			return v
		}
	}
	t.Fatal(err)
	return nil
}

// URL is the server's base, without a final slash.
func (v *VersityGW) URL() string { return "http://" + v.address }

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

// Stop ends the server: from then on connections are refused. Stopping a
// stopped server does nothing.
func (v *VersityGW) Stop() {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.cmd == nil {
		return
	}
	_ = v.cmd.Process.Signal(os.Interrupt) // it may have ended already
	select {
	case <-v.done:
	case <-time.After(versityStop):
		_ = v.cmd.Process.Kill()
		<-v.done
	}
	v.cmd = nil
}

// Restart starts the server again over the same objects and on the same
// address, stopping it first if it runs.
func (v *VersityGW) Restart() {
	v.t.Helper()
	v.Stop()
	if err := v.start(); err != nil {
		v.t.Fatal(err)
	}
}

// start runs the server and returns when it is ready. After an error no
// process is left.
func (v *VersityGW) start() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	log := &logBuffer{}
	// Metadata stays in extended attributes: with a sidecar directory an object
	// and its ETag change one after the other, and two writers under If-Match
	// lose updates.
	cmd := exec.Command(
		v.binary,
		"--port", v.address, "--access", v.AccessKey(), "--secret", v.SecretKey(), "--region", v.Region(),
		"--iam-dir", filepath.Join(v.dir, "accounts"), "--health", versityHealth, "--quiet",
		"posix", filepath.Join(v.dir, "buckets"),
	)
	cmd.Dir = v.dir
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", v.binary, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // how it ended is in its log
	}()
	if err := waitAnswer(v.URL()+versityHealth, versityReady, done); err != nil {
		_ = cmd.Process.Kill()
		<-done
		return fmt.Errorf("start versitygw on %s: %w; its last words:\n%s", v.address, err, log)
	}
	v.cmd, v.done = cmd, done
	return nil
}

const versityHealth = "/healthz"

// waitAnswer asks url until it answers 200, the process ends or time is up.
func waitAnswer(url string, patience time.Duration, done <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return fmt.Errorf("ask for readiness: %w", err)
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-done:
			return errors.New("the process ended")
		case <-ctx.Done():
			return fmt.Errorf("not ready after %s", patience)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// findVersityGW returns the path of versitygw: from PATH, or from the tool
// cache (<cache>/fleetcost-tools/versitygw-<version>-<go>/).
func findVersityGW(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath("versitygw"); err == nil {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatalf("find the tool cache: %v", err)
	}
	path := filepath.Join(cache, "fleetcost-tools", "versitygw-"+versityVersion+"-"+runtime.Version(), "versitygw")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("versitygw is neither on PATH nor at %s: run `make test-tools`", path)
	}
	return path
}
