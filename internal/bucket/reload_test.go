package bucket_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/test/servers"
)

// reloadPatience bounds the waits for a reload; a test that needs it all failed.
const reloadPatience = 20 * time.Second

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(reloadPatience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came to be: %s", what)
		}
	}
}

// syncBuffer is a log that is written and read at once.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// secretDir is a directory as the kubelet mounts a Secret: the files are
// symbolic links through ..data, which points to a directory of one version.
type secretDir struct {
	t       *testing.T
	dir     string
	version int
}

func newSecret(t *testing.T, files map[string]string) *secretDir {
	t.Helper()
	s := &secretDir{t: t, dir: t.TempDir()}
	s.rotate(files)
	for name := range files {
		if err := os.Symlink(filepath.Join("..data", name), s.file(name)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *secretDir) file(name string) string { return filepath.Join(s.dir, name) }

// rotate puts a new version in place, as the kubelet's atomic writer does.
func (s *secretDir) rotate(files map[string]string) {
	s.t.Helper()
	s.version++
	target := fmt.Sprintf("..version_%d", s.version)
	must(s.t, os.Mkdir(s.file(target), 0o755))
	for name, text := range files {
		must(s.t, os.WriteFile(filepath.Join(s.file(target), name), []byte(text), 0o600))
	}
	must(s.t, os.Symlink(target, s.file("..data_tmp")))
	must(s.t, os.Rename(s.file("..data_tmp"), s.file("..data")))
	if s.version > 1 {
		must(s.t, os.RemoveAll(s.file(fmt.Sprintf("..version_%d", s.version-1))))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// followed is a bucket that follows a file, with its log and metrics.
type followed struct {
	*bucket.Reloading
	log *syncBuffer
	reg *prometheus.Registry
}

func follow(t *testing.T, path string) *followed {
	t.Helper()
	f := &followed{log: &syncBuffer{}, reg: prometheus.NewRegistry()}
	getenv := func(string) string { return "" }
	b, _, err := bucket.OpenFile(t.Context(), bucket.Source{Path: path, Every: 20 * time.Millisecond, Parse: bucket.ParseOptions{Getenv: getenv}},
		bucket.Deps{Logger: slog.New(slog.NewTextHandler(f.log, nil)), Getenv: getenv, Registerer: f.reg, Now: time.Now})
	must(t, err)
	f.Reloading = b
	t.Cleanup(func() { must(t, b.Close()) })
	return f
}

func (f *followed) wantMetrics(t *testing.T, applied, refused, now int) {
	t.Helper()
	want := fmt.Sprintf(`# HELP fleetcost_bucket_config_refused 1 while the storage config on disk is refused and an earlier version is in force, else 0.
# TYPE fleetcost_bucket_config_refused gauge
fleetcost_bucket_config_refused %d
# HELP fleetcost_bucket_config_reloads_total Changed versions of the storage config, by what became of them.
# TYPE fleetcost_bucket_config_reloads_total counter
fleetcost_bucket_config_reloads_total{result="applied"} %d
fleetcost_bucket_config_reloads_total{result="refused"} %d
`, now, applied, refused)
	if err := testutil.GatherAndCompare(f.reg, strings.NewReader(want), "fleetcost_bucket_config_refused", "fleetcost_bucket_config_reloads_total"); err != nil {
		t.Error(err)
	}
}

// signedBy returns the key that signs what b sends to v.
func signedBy(t *testing.T, v *wire, b bucket.Bucket) string {
	t.Helper()
	putX(t, b)
	v.mu.Lock()
	defer v.mu.Unlock()
	_, rest, _ := strings.Cut(v.requests[len(v.requests)-1].Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// TestReloadSecret: a rotated Kubernetes Secret takes effect; a bad version does
// not, is said, and is left behind by the next good one.
func TestReloadSecret(t *testing.T) {
	const name = "federated-store.yaml"
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { ok(w, "") })
	text := v.yaml("")
	secret := newSecret(t, map[string]string{name: text})
	b := follow(t, secret.file(name))
	if got := signedBy(t, v, b); got != "AKIAIOSFODNN7EXAMPLE" {
		t.Fatalf("signed by %s", got)
	}
	b.wantMetrics(t, 0, 0, 0)

	secret.rotate(map[string]string{name: strings.Replace(text, "AKIAIOSFODNN7EXAMPLE", "AKIAROTATED", 1)})
	eventually(t, "the new key signs", func() bool { return signedBy(t, v, b) == "AKIAROTATED" })
	eventually(t, "the log tells", func() bool { return strings.Contains(b.log.String(), "the new version is in force") })
	b.wantMetrics(t, 1, 0, 0)

	secret.rotate(map[string]string{name: strings.Replace(text, "secret_key", "secrt_key", 1)})
	eventually(t, "the bad version is refused", func() bool { return b.Refused() != nil })
	if got := b.Refused().Error(); !strings.Contains(got, name+":7:3: config.secrt_key: unknown key; did you mean secret_key?") {
		t.Errorf("refused: %s", got)
	}
	if got := signedBy(t, v, b); got != "AKIAROTATED" {
		t.Errorf("after a bad version: signed by %s", got)
	}
	eventually(t, "the log tells", func() bool { return strings.Contains(b.log.String(), "the one before stays in force") })
	b.wantMetrics(t, 1, 1, 1)

	secret.rotate(map[string]string{name: strings.Replace(text, "AKIAIOSFODNN7EXAMPLE", "AKIATHIRD", 1)})
	eventually(t, "the third key signs", func() bool { return signedBy(t, v, b) == "AKIATHIRD" })
	eventually(t, "nothing is refused any more", func() bool { return b.Refused() == nil })
	b.wantMetrics(t, 2, 1, 0)
	if got := strings.Count(b.log.String(), "the one before stays in force"); got != 1 {
		t.Errorf("the refusal was logged %d times", got)
	}
	if strings.Contains(b.log.String(), "secret-of-the-test") {
		t.Errorf("the log shows the secret:\n%s", b.log)
	}
}

// TestReloadPlainFile: a file that is overwritten, removed and written again.
func TestReloadPlainFile(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { ok(w, "") })
	path := filepath.Join(t.TempDir(), "f.yaml")
	must(t, os.WriteFile(path, []byte(v.yaml("")), 0o600))
	b := follow(t, path)
	must(t, os.WriteFile(path, []byte(v.yaml("  session_token: tok\n")), 0o600))
	eventually(t, "the token is sent", func() bool {
		putX(t, b)
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.requests[len(v.requests)-1].Header.Get("X-Amz-Security-Token") == "tok"
	})
	must(t, os.Remove(path))
	eventually(t, "the loss is said", func() bool { return b.Refused() != nil && errors.Is(b.Refused(), os.ErrNotExist) })
	putX(t, b)
	must(t, os.WriteFile(path, []byte(v.yaml("  session_token: tok # the same as before\n")), 0o600))
	eventually(t, "the file is accepted again", func() bool { return b.Refused() == nil })
}

// TestReloadElsewhere: data does not move to another place by itself.
func TestReloadElsewhere(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, _ *http.Request, _ int) { ok(w, "") })
	path := filepath.Join(t.TempDir(), "f.yaml")
	must(t, os.WriteFile(path, []byte(v.yaml("")), 0o600))
	b := follow(t, path)
	for name, text := range map[string]string{
		"bucket":   strings.Replace(v.yaml(""), "bucket: fleet", "bucket: other", 1),
		"endpoint": strings.Replace(v.yaml(""), "127.0.0.1", "localhost", 1),
		"prefix":   v.yaml("prefix: team\n"),
		"type":     "type: FILESYSTEM\nconfig: {directory: /tmp}\n",
	} {
		must(t, os.WriteFile(path, []byte(v.yaml("")), 0o600))
		eventually(t, "the first version is back", func() bool { return b.Refused() == nil })
		must(t, os.WriteFile(path, []byte(text), 0o600))
		// It may be seen half written first, and refused for that.
		eventually(t, "another "+name+" is refused", func() bool {
			return b.Refused() != nil && strings.Contains(b.Refused().Error(), "restart the program")
		})
		if b.String() != "s3://fleet" {
			t.Errorf("%s: the bucket is %s", name, b)
		}
	}
}

// TestReloadSamePlace: hosts of Amazon lead to one bucket, which a change of the
// host does not move.
func TestReloadSamePlace(t *testing.T) {
	for _, c := range []struct {
		from, to string
		same     bool
	}{
		{"endpoint: s3.amazonaws.com\n  region: eu-west-1", "region: eu-west-1", true},
		{"region: eu-west-1", "endpoint: bucket.vpce-1a2b3c4d-5e6f.s3.eu-west-1.vpce.amazonaws.com\n  region: eu-west-1", true},
		{"region: us-east-1", "region: eu-west-1", true}, // a region put right
		{"region: us-east-1", "region: cn-north-1", false},
		{"region: us-east-1", "endpoint: store.example.com\n  region: us-east-1", false},
	} {
		at := func(where string) bucket.Config {
			cfg, _, err := bucket.ParseConfig("f", []byte("type: S3\nconfig:\n  bucket: fleet\n  "+where+"\n"), bucket.ParseOptions{})
			must(t, err)
			return cfg
		}
		if got := bucket.LocationText(at(c.from)) == bucket.LocationText(at(c.to)); got != c.same {
			t.Errorf("from %q to %q: the same place %v, want %v", c.from, c.to, got, c.same)
		}
	}
}

// TestReloadTriesCredentials: a real store that does not know new keys keeps the
// old ones in force until it does.
func TestReloadTriesCredentials(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	gateway.CreateBucket("fleet")
	path := filepath.Join(t.TempDir(), "f.yaml")
	right := gateway.ConfigYAML("fleet")
	must(t, os.WriteFile(path, []byte(right), 0o600))
	b := follow(t, path)
	buckettest.Put(t, b, "k", []byte("before"))

	early := strings.NewReplacer(gateway.SecretKey(), "newcomers-secret", gateway.AccessKey(), "newcomer").Replace(right)
	must(t, os.WriteFile(path, []byte(early), 0o600))
	eventually(t, "unknown keys are refused", func() bool {
		err := b.Refused()
		return errors.Is(err, bucket.ErrCredentials) && strings.Contains(err.Error(), "while the version before works")
	})
	buckettest.Put(t, b, "k", []byte("meanwhile"))
	gateway.Admin("create-user", "--access", "newcomer", "--secret", "newcomers-secret", "--role", "admin")
	eventually(t, "the keys are accepted once the store knows them", func() bool { return b.Refused() == nil })
	if got := string(buckettest.Get(t, b, "k")); got != "meanwhile" {
		t.Errorf("got %q", got)
	}

	// While the store is away nothing can be tried: the file is believed.
	gateway.Stop()
	before := strings.Count(b.log.String(), "the new version is in force")
	must(t, os.WriteFile(path, []byte(right), 0o600))
	eventually(t, "the file is believed", func() bool { return strings.Count(b.log.String(), "the new version is in force") > before })
	gateway.Restart()
	buckettest.Put(t, b, "k", []byte("after"))
}

// TestReloadCertificates: a new CA in the file that the configuration names takes
// effect, though the configuration itself is the same.
func TestReloadCertificates(t *testing.T) {
	first, second := servers.NewAuthority(t), servers.NewAuthority(t)
	var current atomic.Pointer[tls.Config]
	current.Store(first.ServerTLS("127.0.0.1"))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { ok(w, "") }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return current.Load(), nil }}
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	copyFile(t, first.CAFile(), ca)
	path := filepath.Join(dir, "f.yaml")
	must(t, os.WriteFile(path, []byte(secureYAML(server, "  max_retries: 1\n  http_config: {tls_config: {ca_file: "+ca+"}}\n")), 0o600))
	b := follow(t, path)
	putX(t, b)

	// A CA that does not fit the server is refused while the one before works.
	copyFile(t, second.CAFile(), ca)
	eventually(t, "a wrong CA is refused", func() bool {
		return b.Refused() != nil && strings.Contains(b.Refused().Error(), "the store's certificate is not trusted")
	})
	putX(t, b)
	// The server changes: the new CA is tried again and fits.
	current.Store(second.ServerTLS("127.0.0.1"))
	server.CloseClientConnections()
	eventually(t, "the CA fits", func() bool { return b.Refused() == nil })
	putX(t, b)
	// A file that is no certificate.
	must(t, os.WriteFile(ca, []byte("nonsense"), 0o600))
	eventually(t, "nonsense is refused", func() bool { return b.Refused() != nil })
	putX(t, b)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, data, 0o600))
}

// TestReloadInUse: requests run all the time while versions come and go, and none
// of them fails. It is for the race detector, too.
func TestReloadInUse(t *testing.T) {
	v := newWire(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if r.URL.Query().Has("list-type") {
			ok(w, page(false, "a"))
			return
		}
		ok(w, strings.Repeat("x", 1<<16))
	})
	path := filepath.Join(t.TempDir(), "f.yaml")
	must(t, os.WriteFile(path, []byte(v.yaml("")), 0o600))
	b := follow(t, path)
	stop := make(chan struct{})
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := readAll(t, b, "k"); err != nil {
					t.Errorf("get: %v", err)
				}
				if _, err := put(t.Context(), b, "k", "x", bucket.Condition{}); err != nil {
					t.Errorf("put: %v", err)
				}
				if err := b.List(t.Context(), "", "", func(bucket.Object) error { _ = b.String(); return nil }); err != nil {
					t.Errorf("list: %v", err)
				}
				b.Clock()
				time.Sleep(time.Millisecond)
			}
		})
	}
	held, _, err := b.Get(t.Context(), "k") // read only after many versions
	must(t, err)
	for i := range 8 {
		must(t, os.WriteFile(path+".new", []byte(v.yaml(fmt.Sprintf("  session_token: t%d\n", i))), 0o600))
		must(t, os.Rename(path+".new", path))
		eventually(t, "another version is in force", func() bool {
			return strings.Count(b.log.String(), "the new version is in force") == i+1
		})
	}
	data, err := io.ReadAll(held)
	if err != nil || len(data) != 1<<16 {
		t.Errorf("a reader from before: %d bytes, %v", len(data), err)
	}
	must(t, held.Close())
	close(stop)
	work.Wait()
}

// TestOpenFileRefuses: a first version that is wrong opens nothing.
func TestOpenFileRefuses(t *testing.T) {
	deps := bucket.Deps{Logger: slog.New(slog.DiscardHandler), Now: time.Now}
	_, _, err := bucket.OpenFile(t.Context(), bucket.Source{Path: "/no/such/file"}, deps)
	if err == nil || !strings.Contains(err.Error(), "--storage-config") {
		t.Errorf("a missing file: %v", err)
	}
	path := filepath.Join(t.TempDir(), "f.yaml")
	must(t, os.WriteFile(path, []byte("type: S3\n"), 0o600))
	var problems *bucket.ConfigError
	if _, _, err := bucket.OpenFile(t.Context(), bucket.Source{Path: path}, deps); !errors.As(err, &problems) {
		t.Errorf("a file without a bucket: %v", err)
	}
}

func TestReloadingKeepsTheContract(t *testing.T) {
	buckettest.AcceptanceTest(t, func(t *testing.T) bucket.Bucket {
		path := filepath.Join(t.TempDir(), "f.yaml")
		must(t, os.WriteFile(path, []byte("type: FILESYSTEM\nconfig: {directory: "+t.TempDir()+"}\n"), 0o600))
		b, _, err := bucket.OpenFile(t.Context(), bucket.Source{Path: path}, bucket.Deps{Logger: slog.New(slog.DiscardHandler), Now: time.Now})
		must(t, err)
		return b
	})
}

// TestCallerARN: once STS has said whose the credentials are, what explains a
// failure can name the role; also below a prefix.
func TestCallerARN(t *testing.T) {
	const arn = "arn:aws:sts::111122223333:assumed-role/costs-agent/s"
	endpoint, _ := storeAndSTS(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>%s</Arn><UserId>AROA:s</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, arn)
	})
	file := filepath.Join(t.TempDir(), "federated-store.yaml")
	text := "type: S3\nprefix: team\nconfig:\n  bucket: fleet\n  region: us-east-1\n  access_key: a\n  secret_key: b\n  insecure: true\n  endpoint: " + endpoint + "\n  sts_endpoint: http://" + endpoint + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b, _, err := bucket.OpenFile(t.Context(), bucket.Source{Path: file}, bucket.Deps{Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if got := b.CallerARN(); got != "" {
		t.Errorf("known before anybody asked: %q", got)
	}
	_, _ = b.Stat(t.Context(), "k")
	eventually(t, "the identity is known", func() bool { return b.CallerARN() == arn })
}
