package awsid_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/awsid"
)

// exchange is an STS that notes what it is asked and gives out keys.
type exchange struct {
	mu    sync.Mutex
	asked []map[string]string
	life  time.Duration
}

func startExchange(t *testing.T, life time.Duration) (*exchange, string) {
	t.Helper()
	e := &exchange{life: life}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	return e, server.URL
}

// ServeHTTP answers any Assume… call.
func (e *exchange) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	got := map[string]string{"auth": r.Header.Get("Authorization")}
	for k := range r.Form {
		got[k] = r.Form.Get(k)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, got)
	action := got["Action"]
	fmt.Fprintf(w, `<%[1]sResponse><%[1]sResult><Credentials><AccessKeyId>ASIA%[2]d</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%[3]s</Expiration></Credentials></%[1]sResult></%[1]sResponse>`,
		action, len(e.asked), time.Now().Add(e.life).UTC().Format(time.RFC3339))
}

func (e *exchange) last() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.asked) == 0 {
		return nil
	}
	return e.asked[len(e.asked)-1]
}

// retrieve chooses and gets credentials, or fails the test.
func retrieve(t *testing.T, o awsid.Options, e map[string]string) (*awsid.Source, awsid.Credentials) {
	t.Helper()
	o.Getenv = env(e)
	s, err := awsid.Choose(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

// TestProfileWithRole: the second hop goes to our STS, signed by the first,
// under our session name unless the file has one.
func TestProfileWithRole(t *testing.T) {
	e, sts := startExchange(t, time.Hour)
	credentials := write(t, "credentials", "[base]\naws_access_key_id = AKIABASE000000000001\naws_secret_access_key = s\n")
	for name, c := range map[string]struct{ file, session string }{
		"our session name":   {"[profile fleet]\nrole_arn = arn:aws:iam::1:role/fleet\nsource_profile = base\nexternal_id = x1\n", "fleetcost"},
		"their session name": {"[profile fleet]\nrole_arn = arn:aws:iam::1:role/fleet\nsource_profile = base\nexternal_id = x1\nrole_session_name = theirs\n", "theirs"},
	} {
		t.Run(name, func(t *testing.T) {
			config := write(t, "config", c.file)
			s, keys := retrieve(t, awsid.Options{STSEndpoint: sts}, map[string]string{
				"AWS_PROFILE": "fleet", "AWS_SHARED_CREDENTIALS_FILE": credentials, "AWS_CONFIG_FILE": config,
			})
			got := e.last()
			if got["Action"] != "AssumeRole" || got["RoleArn"] != "arn:aws:iam::1:role/fleet" || got["ExternalId"] != "x1" || got["RoleSessionName"] != c.session || !strings.Contains(got["auth"], "AKIABASE000000000001") {
				t.Errorf("asked %v", got)
			}
			if !strings.HasPrefix(keys.AccessKeyID, "ASIA") || !strings.Contains(s.String(), "profile fleet of "+config+", role arn:aws:iam::1:role/fleet") {
				t.Errorf("%s gave %s", s, keys.AccessKeyID)
			}
		})
	}
}

// TestProfileWithWebIdentity: a profile may name the token file, too.
func TestProfileWithWebIdentity(t *testing.T) {
	e, sts := startExchange(t, time.Hour)
	config := write(t, "config", "[profile fleet]\nrole_arn = arn:aws:iam::1:role/fleet\nweb_identity_token_file = "+write(t, "token", "good")+"\n")
	retrieve(t, awsid.Options{STSEndpoint: sts}, map[string]string{"AWS_PROFILE": "fleet", "AWS_CONFIG_FILE": config})
	if got := e.last(); got["Action"] != "AssumeRoleWithWebIdentity" || got["WebIdentityToken"] != "good" || got["RoleSessionName"] != "fleetcost" {
		t.Errorf("asked %v", got)
	}
}

// TestProfileProcess: credential_process.
func TestProfileProcess(t *testing.T) {
	text, err := json.Marshal(map[string]any{"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": "s"})
	if err != nil {
		t.Fatal(err)
	}
	config := write(t, "config", "[default]\ncredential_process = cat "+write(t, "keys.json", string(text))+"\n")
	if _, c := retrieve(t, awsid.Options{}, map[string]string{"AWS_CONFIG_FILE": config}); c.AccessKeyID != "AKIAPROCESS" {
		t.Errorf("got %+v", c)
	}
}

// TestRotation: the token file is read for each fetch, for web identity and for
// container credentials.
func TestRotation(t *testing.T) {
	e, sts := startExchange(t, 5*time.Second) // less than the refresh window: fetched at each use
	var seen []string
	container := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		fmt.Fprintf(w, `{"AccessKeyId":"ASIAPOD","SecretAccessKey":"s","Token":"t","Expiration":%q}`, time.Now().Add(5*time.Second).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(container.Close)
	token := write(t, "token", "first")
	web, _ := retrieve(t, awsid.Options{STSEndpoint: sts}, map[string]string{"AWS_ROLE_ARN": "r", "AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_SESSION_NAME": "mine"})
	pod, _ := retrieve(t, awsid.Options{}, map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token})
	if err := os.WriteFile(token, []byte("second\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*awsid.Source{web, pod} {
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := e.last(); got["WebIdentityToken"] != "second" || got["RoleSessionName"] != "mine" {
		t.Errorf("STS was asked %v", got)
	}
	if len(seen) != 2 || seen[0] != "first" || seen[1] != "second" {
		t.Errorf("the container endpoint was shown %q", seen)
	}
	if role, file, ok := web.Web(); role != "r" || file != token || !ok {
		t.Errorf("web identity is %q, %q, %v", role, file, ok)
	}
	if _, _, ok := pod.Web(); ok {
		t.Error("container credentials say that they are web identity")
	}
}

// TestSentences: what the SDK says raw comes after what to do.
func TestSentences(t *testing.T) {
	refuse := func(status int, contentType, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	stsError := func(code, message string) string {
		return refuse(http.StatusForbidden, "text/xml", fmt.Sprintf(`<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`, code, message))
	}
	web := func(file string) map[string]string {
		return map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::1:role/fleet", "AWS_WEB_IDENTITY_TOKEN_FILE": file}
	}
	good := write(t, "token", "good")
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	noRole := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(noRole.Close)
	for _, c := range []struct {
		name string
		sts  string
		env  map[string]string
		want []string
	}{
		{"role not to be assumed", stsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"), web(good), []string{"trust policy (provider, sub, aud)", "Not authorized to perform"}},
		{"no provider", stsError("InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://oidc.example"), web(good), []string{"create its IAM OIDC provider", "https://oidc.example"}},
		{"STS off", stsError("RegionDisabledException", "STS is not activated in this region for account:1"), web(good), []string{"STS is switched off in this region", "account:1"}},
		{"no token file", "http://127.0.0.1:1", web("/nowhere/token"), []string{"the token file does not exist", "annotate the service account"}},
		{"empty token file", "http://127.0.0.1:1", web(write(t, "token", " \n")), []string{"is empty"}},
		{"unreachable STS", gone.URL, web(good), []string{"the service cannot be reached", "connection refused"}},
		{"no Pod Identity agent", "", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": gone.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": good}, []string{"eks-pod-identity-agent", "NO_PROXY", "connection refused"}},
		{"no Pod Identity token", "", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": gone.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nowhere/token"}, []string{"the token file does not exist: restart the pod"}},
		{
			"EKS not trusted", "",
			map[string]string{
				"AWS_CONTAINER_CREDENTIALS_FULL_URI":     refuse(http.StatusBadRequest, "application/json", `{"code":"AccessDeniedException","message":"Unauthorized Exception! EKS does not have permissions to assume the associated role."}`),
				"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": good,
			},
			[]string{"must let pods.eks.amazonaws.com do sts:AssumeRole and sts:TagSession", "Unauthorized Exception!"},
		},
		{"no role on the instance", "", map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": noRole.URL}, []string{"no credentials of any kind", "IRSA or Pod Identity"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // the SDK waits between its attempts
			s, err := awsid.Choose(t.Context(), awsid.Options{STSEndpoint: c.sts, Getenv: env(c.env)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Retrieve(t.Context())
			for _, want := range append(c.want, "get credentials from "+s.String()) {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v\ndoes not say %q", err, want)
				}
			}
		})
	}
}
