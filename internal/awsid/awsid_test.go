package awsid_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/awsid"
	"github.com/fleetcost/fleetcost/internal/diagnose"
)

func env(m map[string]string) func(string) string {
	return func(k string) string { return m[k] }
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestChoose(t *testing.T) {
	profiles := write(t, "credentials", `[default]
aws_access_key_id = AKIADEFAULT000000001
aws_secret_access_key = s
[other]
aws_access_key_id = AKIAOTHER00000000001
aws_secret_access_key = s
[half]
aws_access_key_id = AKIAHALF000000000001
`)
	settings := write(t, "config", "[default]\nregion = eu-west-1\n")
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT00001", "AWS_SECRET_ACCESS_KEY": "s"}
	irsa := map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::1:role/r", "AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}
	pod := map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/pod"}
	for _, c := range []struct {
		name    string
		options awsid.Options
		env     []map[string]string
		want    string // the source, or part of the error
	}{
		{"configured keys win", awsid.Options{AccessKey: "AKIACONFIGURED000001", SecretKey: "s"}, []map[string]string{keys, irsa}, "configured keys (access key AKIA…0001)"},
		{"half configured", awsid.Options{AccessKey: "a"}, []map[string]string{keys}, "access_key is set without secret_key"},
		{"other half", awsid.Options{SecretKey: "a"}, nil, "without access_key"},
		{"environment over profile and IRSA", awsid.Options{}, []map[string]string{keys, irsa, {"AWS_PROFILE": "other"}}, "environment keys (AWS_ACCESS_KEY_ID AKIA…0001)"},
		{"half an environment", awsid.Options{}, []map[string]string{{"AWS_ACCESS_KEY_ID": "a"}}, "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY"},
		{"named profile", awsid.Options{}, []map[string]string{{"AWS_PROFILE": "other", "AWS_SHARED_CREDENTIALS_FILE": profiles}, irsa}, "shared profile (profile other of " + profiles + ")"},
		{"default profile", awsid.Options{}, []map[string]string{{"AWS_SHARED_CREDENTIALS_FILE": profiles}}, "shared profile (profile default of " + profiles + ")"},
		{"missing profile", awsid.Options{}, []map[string]string{{"AWS_PROFILE": "none", "AWS_SHARED_CREDENTIALS_FILE": profiles}, irsa}, `read profile "none"`},
		{"profile of settings only", awsid.Options{}, []map[string]string{{"AWS_CONFIG_FILE": settings}, irsa}, "web identity (role arn:aws:iam::1:role/r with token file /token)"},
		{"IRSA over Pod Identity", awsid.Options{}, []map[string]string{irsa, pod}, "web identity"},
		{"token without role", awsid.Options{}, []map[string]string{{"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}}, "without AWS_ROLE_ARN"},
		{"Pod Identity", awsid.Options{}, []map[string]string{pod}, "container credentials (http://169.254.170.23/v1/credentials with token file /pod)"},
		{"ECS", awsid.Options{}, []map[string]string{{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"}}, "container credentials (http://169.254.170.2/v2/x)"},
		{"token to a stranger", awsid.Options{}, []map[string]string{{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"}}, "plain HTTP is allowed only"},
		{"EC2", awsid.Options{}, nil, "EC2 instance metadata (no other source is configured)"},
		{"nothing", awsid.Options{}, []map[string]string{{"AWS_EC2_METADATA_DISABLED": "true"}}, "no AWS credentials are configured"},
		{"bad STS endpoint", awsid.Options{STSEndpoint: "://"}, []map[string]string{irsa}, "sts_endpoint"},
	} {
		t.Run(c.name, func(t *testing.T) {
			merged := map[string]string{}
			for _, m := range c.env {
				for k, v := range m {
					merged[k] = v
				}
			}
			c.options.Getenv = env(merged)
			s, err := awsid.Choose(t.Context(), c.options)
			got := fmt.Sprint(s)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// sts answers AssumeRoleWithWebIdentity for one token.
func sts(t *testing.T, token string, lifetime time.Duration, calls *atomic.Int32) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		w.Header().Set("Content-Type", "text/xml")
		if err := r.ParseForm(); err != nil || r.Form.Get("WebIdentityToken") != token || r.Form.Get("RoleSessionName") != "fleetcost" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredTokenException</Code><Message>Token expired: current date/time must be before the expiration</Message></Error></ErrorResponse>`)
			return
		}
		fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>ASIA%d</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, n, time.Now().Add(lifetime).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(server.Close)
	return server
}

func TestWebIdentity(t *testing.T) {
	token := write(t, "token", "good")
	getenv := env(map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::1:role/fleet", "AWS_WEB_IDENTITY_TOKEN_FILE": token})
	var calls atomic.Int32
	server := sts(t, "good", time.Hour, &calls)
	s, err := awsid.Choose(t.Context(), awsid.Options{STSEndpoint: server.URL, Getenv: getenv})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // one fetch serves until the credentials end
		c, err := s.Retrieve(t.Context())
		if err != nil || c.AccessKeyID != "ASIA1" || c.SessionToken != "t" || c.Expires.IsZero() {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	s.Invalidate()
	if c, err := s.Retrieve(t.Context()); err != nil || c.AccessKeyID != "ASIA2" {
		t.Errorf("after invalidation: %+v, %v", c, err)
	}
}

// TestWebIdentityFailures: the service's own reason reaches the reader, with the
// role and the file.
func TestWebIdentityFailures(t *testing.T) {
	var calls atomic.Int32
	server := sts(t, "good", time.Hour, &calls)
	for _, c := range []struct{ name, file, want string }{
		{"expired", write(t, "token", "stale"), "ExpiredTokenException: Token expired"},
		{"no file", filepath.Join(t.TempDir(), "absent"), "no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := awsid.Choose(t.Context(), awsid.Options{
				STSEndpoint: server.URL,
				Getenv:      env(map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::1:role/fleet", "AWS_WEB_IDENTITY_TOKEN_FILE": c.file}),
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Retrieve(t.Context())
			for _, want := range []string{c.want, "arn:aws:iam::1:role/fleet", c.file} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
		})
	}
}

// TestShortCredentials: credentials that end within the refresh window are
// fetched each time rather than used up.
func TestShortCredentials(t *testing.T) {
	var calls atomic.Int32
	server := sts(t, "good", 5*time.Second, &calls)
	s, err := awsid.Choose(t.Context(), awsid.Options{
		STSEndpoint: server.URL,
		Getenv:      env(map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::1:role/fleet", "AWS_WEB_IDENTITY_TOKEN_FILE": write(t, "token", "good")}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if calls.Load() != 3 {
		t.Errorf("%d fetches, want 3", calls.Load())
	}
}

func TestContainer(t *testing.T) {
	token := write(t, "token", "pod-token\n")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "pod-token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"AccessKeyId":"ASIAPOD","SecretAccessKey":"s","Token":"t","Expiration":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	defer server.Close()
	s, err := awsid.Choose(t.Context(), awsid.Options{Getenv: env(map[string]string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token,
	})})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := s.Retrieve(t.Context()); err != nil || c.AccessKeyID != "ASIAPOD" {
		t.Errorf("%+v, %v", c, err)
	}
	if s.Kind() != awsid.KindContainer {
		t.Errorf("kind %s", s.Kind())
	}
}

func TestEC2(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const base = "/latest/meta-data/iam/security-credentials/"
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			fmt.Fprint(w, "imds-token")
		case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "imds-token":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == base:
			fmt.Fprint(w, "node-role")
		case r.URL.Path == base+"node-role":
			fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":"ASIANODE","SecretAccessKey":"s","Token":"t","Expiration":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	s, err := awsid.Choose(t.Context(), awsid.Options{Getenv: env(map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.URL})})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := s.Retrieve(t.Context()); err != nil || c.AccessKeyID != "ASIANODE" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestStaticNeverExpires(t *testing.T) {
	s, err := awsid.Choose(t.Context(), awsid.Options{AccessKey: "a", SecretKey: "b", SessionToken: "c"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Retrieve(t.Context())
	if err != nil || c != (awsid.Credentials{AccessKeyID: "a", SecretAccessKey: "b", SessionToken: "c"}) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestCancelledFetch(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	s, err := awsid.Choose(t.Context(), awsid.Options{
		STSEndpoint: server.URL,
		Getenv:      env(map[string]string{"AWS_ROLE_ARN": "r", "AWS_WEB_IDENTITY_TOKEN_FILE": write(t, "token", "good")}),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Retrieve(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestNotAnSTS: an endpoint that answers 200 with something else is an error,
// not the end of the process.
func TestNotAnSTS(t *testing.T) {
	for name, body := range map[string]string{
		"an empty body":   "",
		"an empty result": `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		t.Cleanup(server.Close)
		s, err := awsid.Choose(t.Context(), awsid.Options{
			STSEndpoint: server.URL,
			Getenv:      env(map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::1:role/fleet", "AWS_WEB_IDENTITY_TOKEN_FILE": write(t, "token", "good")}),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Retrieve(t.Context())
		if err == nil || !strings.Contains(err.Error(), "holds no credentials") {
			t.Errorf("%s: error %v, want one that says what the endpoint is not", name, err)
		}
		if d, ok := diagnose.ExplainError(err, diagnose.Names{}); !ok || d.ID != "sts-not-an-sts" {
			t.Errorf("%s: %v is explained as %q", name, err, d.ID)
		}
	}
}
