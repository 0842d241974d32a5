package bucket_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fleetcost/fleetcost/internal/bucket"
)

var update = flag.Bool("update", false, "rewrite the golden files from what the code says now")

// golden compares got with the file beside the input.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func inputs(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in testdata/%s: %v", dir, err)
	}
	return paths
}

func parse(t *testing.T, path string, opts bucket.ParseOptions) (bucket.Config, []bucket.Warning, error) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bucket.ParseConfig(filepath.Base(path), data, opts)
}

// show writes what a configuration became, warnings first.
func show(t *testing.T, cfg bucket.Config, warnings []bucket.Warning) string {
	t.Helper()
	var b strings.Builder
	for _, w := range warnings {
		fmt.Fprintln(&b, "warning:", w)
	}
	data, err := json.MarshalIndent(cfg, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b.Write(data)
	return b.String() + "\n"
}

func TestParseGood(t *testing.T) {
	for _, path := range inputs(t, "good") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			cfg, warnings, err := parse(t, path, bucket.ParseOptions{})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".json", show(t, cfg, warnings))
		})
	}
}

func TestParseBad(t *testing.T) {
	for _, path := range inputs(t, "bad") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, warnings, err := parse(t, path, bucket.ParseOptions{})
			var problems *bucket.ConfigError
			if !errors.As(err, &problems) || len(problems.Problems) == 0 {
				t.Fatalf("got %v, want a *ConfigError", err)
			}
			var b strings.Builder
			for _, w := range warnings {
				fmt.Fprintln(&b, "warning:", w)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", b.String()+err.Error()+"\n")
		})
	}
}

func TestParseLenient(t *testing.T) {
	for _, path := range inputs(t, "lenient") {
		if _, _, err := parse(t, path, bucket.ParseOptions{}); err == nil {
			t.Errorf("%s is good even when parsed strictly", path)
		}
		cfg, warnings, err := parse(t, path, bucket.ParseOptions{LenientUnknown: true})
		if err != nil {
			t.Fatal(err)
		}
		golden(t, strings.TrimSuffix(path, ".yaml")+".json", show(t, cfg, warnings))
	}
}

// TestSeedOpens opens the published files twice in one process and one
// registry; opening asks no store.
func TestSeedOpens(t *testing.T) {
	reg := prometheus.NewRegistry()
	var log bytes.Buffer
	env := map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/fleet", "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token"}
	for range 2 {
		for _, name := range []string{"seed-access-keys", "seed-iam-role"} {
			cfg, warnings, err := parse(t, filepath.Join("testdata", "good", name+".yaml"), bucket.ParseOptions{})
			if err != nil || len(warnings) > 0 {
				t.Fatalf("%s: %v, %v", name, warnings, err)
			}
			b, err := bucket.Open(t.Context(), cfg, bucket.Deps{
				Logger: slog.New(slog.NewTextHandler(&log, nil)), Getenv: func(k string) string { return env[k] }, Registerer: reg, Now: time.Now,
			})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := b.String(); got != "s3://kubecost-federated-storage-bucket" {
				t.Errorf("%s is %s", name, got)
			}
		}
	}
	for _, want := range []string{"configured keys (access key AKIA…MPLE)", "web identity (role arn:aws:iam::123456789012:role/fleet with token file /var/run/token)"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not name the source %q:\n%s", want, &log)
		}
	}
}

func TestSecretsStayHidden(t *testing.T) {
	cfg, _, err := parse(t, "testdata/good/seed-access-keys.yaml", bucket.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%v %+v %#v %s", cfg, cfg, cfg, cfg.S3.SecretKey)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "config", cfg, "key", cfg.S3.SecretKey)
	if strings.Contains(b.String(), "wJalr") {
		t.Errorf("the secret key shows: %s", &b)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, dir := range []string{"good", "bad", "lenient"} {
		paths, _ := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, _, err := bucket.ParseConfig("f.yaml", data, bucket.ParseOptions{})
		var problems *bucket.ConfigError
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("error of another type: %v", err)
		}
		known := []bucket.Type{bucket.TypeS3, bucket.TypeGCS, bucket.TypeAzure, bucket.TypeFilesystem}
		if err == nil && !slices.Contains(known, cfg.Type) {
			t.Fatalf("accepted without a type: %+v", cfg)
		}
	})
}

// TestEveryKeyIsParsed keeps the list of known places and the parser together:
// the good files use every key there is.
func TestEveryKeyIsParsed(t *testing.T) {
	used := ""
	for _, path := range inputs(t, "good") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		used += string(data)
	}
	for _, key := range bucket.KnownKeys() {
		if !strings.Contains(used, key+":") {
			t.Errorf("no good file sets %s", key)
		}
	}
}

// TestPlaceholders: values that an example left behind are named, not tried.
func TestPlaceholders(t *testing.T) {
	for _, v := range []string{"<your-access-key>", "YOUR_ACCESS_KEY", "your-access-key", "CHANGEME", "change-me", "xxxxxx", "AKIA...", "${AWS_KEY}", "{{ .key }}"} {
		text := fmt.Sprintf("type: S3\nconfig:\n  bucket: b-ucket\n  region: eu-west-1\n  access_key: %q\n  secret_key: real\n", v)
		_, _, err := bucket.ParseConfig("f.yaml", []byte(text), bucket.ParseOptions{})
		if err == nil || !strings.Contains(err.Error(), "f.yaml:5") || !strings.Contains(err.Error(), "config.access_key") {
			t.Errorf("%s: %v, want an error at line 5 that names config.access_key", v, err)
		}
	}
	// The seed's own example of a bucket name is a real one.
	if _, _, err := bucket.ParseConfig("f.yaml", []byte("type: S3\nconfig:\n  bucket: kubecost-federated-storage-bucket\n  region: us-east-1\n"), bucket.ParseOptions{}); err != nil {
		t.Error(err)
	}
}

// TestMisspeltIsNotAlsoMissing: one fault, one line.
func TestMisspeltIsNotAlsoMissing(t *testing.T) {
	_, _, err := bucket.ParseConfig("f.yaml", []byte("type: S3\nconfig:\n  bukcet: b\n  regoin: us-east-1\n"), bucket.ParseOptions{})
	if err == nil || strings.Contains(err.Error(), "missing") || strings.Count(err.Error(), "unknown key") != 2 {
		t.Errorf("%v", err)
	}
}
