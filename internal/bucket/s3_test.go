package bucket_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/test/servers"
)

// openYAML opens the bucket of a federated-store.yaml.
func openYAML(t *testing.T, text string) bucket.Bucket {
	t.Helper()
	cfg, _, err := bucket.ParseConfig("federated-store.yaml", []byte(text), bucket.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return openConfig(t, cfg, nil, slog.DiscardHandler)
}

// openEnv opens it in an environment, with a log.
func openEnv(t *testing.T, text string, env map[string]string, log slog.Handler) bucket.Bucket {
	t.Helper()
	getenv := func(name string) string { return env[name] }
	cfg, _, err := bucket.ParseConfig("federated-store.yaml", []byte(text), bucket.ParseOptions{Getenv: getenv})
	if err != nil {
		t.Fatal(err)
	}
	return openConfig(t, cfg, getenv, log)
}

func openConfig(t *testing.T, cfg bucket.Config, getenv func(string) string, log slog.Handler) bucket.Bucket {
	t.Helper()
	b, err := bucket.Open(t.Context(), cfg, bucket.Deps{Logger: slog.New(log), Now: time.Now, Getenv: getenv})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// secureYAML is a federated-store.yaml for a TLS server of the test's own.
func secureYAML(server *httptest.Server, extra string) string {
	return fmt.Sprintf("type: S3\nconfig:\n  bucket: fleet\n  endpoint: %q\n  region: us-east-1\n  access_key: a\n  secret_key: b\n%s",
		strings.TrimPrefix(server.URL, "https://"), extra)
}

func TestS3(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	var n atomic.Int32
	open := func(extra string) func(t *testing.T) bucket.Bucket {
		return func(t *testing.T) bucket.Bucket {
			name := fmt.Sprintf("bucket-%d", n.Add(1))
			gateway.CreateBucket(name)
			return openYAML(t, gateway.ConfigYAML(name)+extra)
		}
	}
	t.Run("multipart", func(t *testing.T) {
		buckettest.AcceptanceTest(t, open("  part_size: 5242880\n"))
	})
	t.Run("prefix, single put, v1 listing", func(t *testing.T) {
		buckettest.AcceptanceTest(t, open("  list_objects_version: v1\n  disable_multipart: true\n  send_content_md5: false\nprefix: team/costs\n"))
	})
}

// TestS3PlainToTLS: a TLS port may answer plain HTTP with a text of status 400
// before the connection breaks. Which of the two a client sees is a race.
func TestS3PlainToTLS(t *testing.T) {
	for name, text := range map[string]string{
		"Go":    "Client sent an HTTP request to an HTTPS server.\n",
		"nginx": "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, text)
			}))
			defer server.Close()
			b := openYAML(t, fmt.Sprintf("type: S3\nconfig:\n  bucket: fleet\n  endpoint: %q\n  region: us-east-1\n  access_key: a\n  secret_key: b\n  insecure: true\n  max_retries: 1\n",
				strings.TrimPrefix(server.URL, "http://")))
			_, err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.Condition{})
			if !errors.Is(err, bucket.ErrUnavailable) || !strings.Contains(err.Error(), "insecure: true speaks plain HTTP, perhaps to a TLS port") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestS3Outage: a store that goes away and comes back.
func TestS3Outage(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	gateway.CreateBucket("fleet")
	b := openYAML(t, gateway.ConfigYAML("fleet")+"  max_retries: 1\n")
	buckettest.Put(t, b, "k", []byte("before"))
	gateway.Stop()
	_, err := put(t.Context(), b, "k", "during", bucket.Condition{})
	if !errors.Is(err, bucket.ErrUnavailable) {
		t.Errorf("put in an outage: %v", err)
	}
	// A program may start while the store is away.
	late := openYAML(t, gateway.ConfigYAML("fleet"))
	gateway.Restart()
	if got := buckettest.Get(t, late, "k"); string(got) != "before" {
		t.Errorf("after the outage: %q", got)
	}
	store, local := late.Clock()
	if skew := store.Sub(local).Abs(); store.IsZero() || skew > time.Minute {
		t.Errorf("a server on this machine has the time %v, ours is %v", store, local)
	}
}

func TestS3Refusals(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	gateway.CreateBucket("fleet")
	gateway.Admin("create-user", "--access", "stranger", "--secret", "strange", "--role", "user")
	right := gateway.ConfigYAML("fleet")
	for _, c := range []struct {
		name, yaml string
		want       error
	}{
		{"wrong secret", strings.Replace(right, gateway.SecretKey(), "wrong", 1), bucket.ErrCredentials},
		{"unknown key", strings.Replace(right, `access_key: "`+gateway.AccessKey(), `access_key: "nobody`, 1), bucket.ErrCredentials},
		{"no permission", strings.NewReplacer(gateway.SecretKey(), "strange", gateway.AccessKey(), "stranger").Replace(right), bucket.ErrDenied},
		{"no such bucket", strings.Replace(right, `"fleet"`, `"other"`, 1), bucket.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := openYAML(t, c.yaml)
			_, err := put(t.Context(), b, "k", "x", bucket.Condition{})
			wantError(t, "put", err, c.want)
			err = b.List(t.Context(), "", "", func(bucket.Object) error { return nil })
			wantError(t, "list", err, c.want)
			_, _, err = b.Get(t.Context(), "k")
			wantError(t, "get", err, c.want)
		})
	}
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}
