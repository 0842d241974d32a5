package bucket_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
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

	"github.com/fleetcost/fleetcost/internal/bucket"
)

// logText is a log that may be read while it is written.
type logText struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// storeAndSTS is a store whose every object is missing, and an STS beside it.
// answer is asked for each GetCallerIdentity.
func storeAndSTS(t *testing.T, answer http.HandlerFunc) (endpoint string, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/" {
			asked.Add(1)
			w.Header().Set("Content-Type", "text/xml")
			_, _ = io.Copy(io.Discard, r.Body) // so that the server sees a client that hangs up
			answer(w, r)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), asked
}

// TestIdentityIsLogged: once, after the first request, with the fallback to the
// node's role before anything else.
func TestIdentityIsLogged(t *testing.T) {
	const node = "arn:aws:sts::123456789012:assumed-role/aws-prod-eks-node-group/i-05c1fa9d0eb168e35"
	endpoint, asked := storeAndSTS(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>%s</Arn><UserId>AROA:i-05c1fa9d0eb168e35</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, node)
	})
	log := &logText{}
	env := map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
	b := open(t, "type: S3\nconfig:\n  bucket: fleet\n  region: us-east-1\n  access_key: a\n  secret_key: top-secret\n  insecure: true\n  endpoint: "+endpoint+"\n  sts_endpoint: http://"+endpoint+"\n", log, env)
	if asked.Load() != 0 {
		t.Error("opening the bucket asked STS")
	}
	for range 3 {
		_, _ = b.Stat(t.Context(), "k")
	}
	waitFor(t, func() bool { return strings.Contains(log.String(), "effective AWS identity") })
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	text := log.String()
	first, second := strings.Index(text, "level=WARN msg=\"the pod has fallen back to the node's role\""), strings.Index(text, "effective AWS identity")
	if first < 0 || second < first {
		t.Errorf("the node role is not called out first:\n%s", text)
	}
	for _, want := range []string{"account=123456789012", node, "session=i-05c1fa9d0eb168e35", "role=aws-prod-eks-node-group", "eks.amazonaws.com/role-arn", "configured keys"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log does not say %q:\n%s", want, text)
		}
	}
	if asked.Load() != 1 || strings.Contains(text, "top-secret") {
		t.Errorf("asked %d times:\n%s", asked.Load(), text)
	}
}

// TestIdentityNeverInTheWay: an STS that hangs, refuses or does not exist
// delays and fails nothing.
func TestIdentityNeverInTheWay(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		sts    bool
		want   string
	}{
		{"hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true, ""},
		{"refuses", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>`)
		}, true, "AWS does not know the access key"},
		{"is not there", nil, false, "the store has no identity service"},
	} {
		t.Run(c.name, func(t *testing.T) {
			endpoint, asked := storeAndSTS(t, c.answer)
			yaml := "type: S3\nconfig:\n  bucket: fleet\n  region: us-east-1\n  access_key: a\n  secret_key: b\n  insecure: true\n  endpoint: " + endpoint + "\n"
			if c.sts {
				yaml += "  sts_endpoint: http://" + endpoint + "\n"
			}
			log := &logText{}
			b := open(t, yaml, log, nil)
			_, err := b.Stat(t.Context(), "k")
			wantError(t, "stat", err, bucket.ErrNotFound)
			waitFor(t, func() bool { return strings.Contains(log.String(), c.want) && (asked.Load() == 1) == c.sts })
			if err := b.Close(); err != nil { // returns although the STS hangs
				t.Error(err)
			}
		})
	}
}

func open(t *testing.T, yaml string, log *logText, env map[string]string) bucket.Bucket {
	t.Helper()
	cfg, _, err := bucket.ParseConfig("federated-store.yaml", []byte(yaml), bucket.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := bucket.Open(t.Context(), cfg, bucket.Deps{
		Logger: slog.New(slog.NewTextHandler(log, nil)), Now: time.Now, Getenv: func(k string) string { return env[k] },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// waitFor returns when ok does.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for range 20_000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("waited in vain")
}

// TestSTSTrustsTheBundle: AWS_CA_BUNDLE says whom STS's certificate may come
// from, and a bundle that cannot be read is said at once.
func TestSTSTrustsTheBundle(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/u</Arn><UserId>A</UserId><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are meant
	t.Cleanup(server.Close)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(bundle string) error {
		env := map[string]string{"AWS_ENDPOINT_URL_STS": server.URL, "AWS_CA_BUNDLE": bundle}
		cfg := bucket.S3Config{Bucket: "fleet", Endpoint: "s3.us-east-1.amazonaws.com", Region: "us-east-1", AccessKey: "a", SecretKey: "b"}
		source, err := bucket.ChooseCredentials(t.Context(), cfg, bucket.Deps{Getenv: func(k string) string { return env[k] }})
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = source.Identity(ctx)
		return err
	}
	if err := ask(authority); err != nil {
		t.Errorf("with the authority's bundle: %v", err)
	}
	if err := ask(""); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without a bundle: %v", err)
	}
	for _, file := range []string{"/nowhere/bundle.pem", "s3_identity_test.go"} {
		if err := ask(file); err == nil || !strings.Contains(err.Error(), "AWS_CA_BUNDLE") {
			t.Errorf("bundle %s: %v", file, err)
		}
	}
}
