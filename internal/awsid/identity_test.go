package awsid_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/awsid"
)

// identities answers GetCallerIdentity with one ARN, or with an error.
func identities(t *testing.T, status int, body string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Form.Get("Action") != "GetCallerIdentity" || !strings.Contains(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256") {
			status, body = http.StatusTeapot, "asked for something else"
		}
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server
}

func caller(account, arn, user string) string {
	return fmt.Sprintf(`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>%s</Arn><UserId>%s</UserId><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, arn, user, account)
}

func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		name string
		want awsid.Identity
	}{
		{"assumed role", awsid.Identity{
			Account: "123456789012", ARN: "arn:aws:sts::123456789012:assumed-role/fleet-agent/fleetcost", UserID: "AROA1:fleetcost",
			Partition: "aws", RoleName: "fleet-agent", SessionName: "fleetcost",
		}},
		{"node role", awsid.Identity{ // the shape of the seed's log
			Account: "123456789012", ARN: "arn:aws:sts::123456789012:assumed-role/aws-prod-eks-node-group/i-05c1fa9d0eb168e35", UserID: "AROA1:i-05c1fa9d0eb168e35",
			Partition: "aws", RoleName: "aws-prod-eks-node-group", SessionName: "i-05c1fa9d0eb168e35", NodeRole: true,
		}},
		{"a session that only begins like an instance", awsid.Identity{
			Account: "1", ARN: "arn:aws-us-gov:sts::1:assumed-role/r/i-am-not-hex", Partition: "aws-us-gov", RoleName: "r", SessionName: "i-am-not-hex",
		}},
		{"user of China", awsid.Identity{Account: "1", ARN: "arn:aws-cn:iam::1:user/path/name", UserID: "AIDA", Partition: "aws-cn"}},
		{"not an ARN", awsid.Identity{Account: "1", ARN: "minio-root"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := identities(t, http.StatusOK, caller(c.want.Account, c.want.ARN, c.want.UserID))
			s, err := awsid.Choose(t.Context(), awsid.Options{AccessKey: "AKIACONFIGURED000001", SecretKey: "s", STSEndpoint: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Identity(t.Context())
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// TestIdentityFailures: our sentence first, then the service's own words.
func TestIdentityFailures(t *testing.T) {
	refused := `<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>`
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   []string
	}{
		{"unknown key", http.StatusForbidden, refused, []string{"configured keys (access key AKIA…0001)", "AWS does not know the access key", "InvalidClientTokenId"}},
		{"a page that is no STS", http.StatusOK, "<html></html>", []string{"ask STS whose credentials"}},
		{"an empty answer", http.StatusOK, caller("", "", ""), []string{"the answer holds no ARN"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := identities(t, c.status, c.body)
			s, err := awsid.Choose(t.Context(), awsid.Options{AccessKey: "AKIACONFIGURED000001", SecretKey: "s", STSEndpoint: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Identity(t.Context())
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
		})
	}
}

// TestIdentityUnsupported: a store's own STS without GetCallerIdentity is no
// failure. The first answer is MinIO's, the second versitygw's.
func TestIdentityUnsupported(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
	}{
		{http.StatusBadRequest, `<?xml version="1.0" encoding="UTF-8"?><ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type></Type><Code>InvalidParameterValue</Code><Message>Unsupported action GetCallerIdentity</Message></Error><RequestId>18EAFBBD12B7C428</RequestId></ErrorResponse>`},
		{http.StatusMethodNotAllowed, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>MethodNotAllowed</Code><Message>The specified method is not allowed against this resource.</Message></Error>`},
	} {
		server := identities(t, c.status, c.body)
		s, err := awsid.Choose(t.Context(), awsid.Options{AccessKey: "AKIACONFIGURED000001", SecretKey: "s", STSEndpoint: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Identity(t.Context()); !errors.Is(err, awsid.ErrNoIdentityService) {
			t.Errorf("%d: %v", c.status, err)
		}
	}
}

// recorder notes the hosts it is asked for and answers with a refusal, which
// nobody asks twice for.
type recorder struct{ hosts []string }

func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	r.hosts = append(r.hosts, q.URL.Host)
	return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody, Request: q}, nil
}

// TestWhichSTS: the region's own STS in its partition, the endpoint that
// replaces it, or nobody.
func TestWhichSTS(t *testing.T) {
	for _, c := range []struct {
		name   string
		o      awsid.Options
		env    map[string]string
		want   string
		nobody bool
	}{
		{name: "region of the file", o: awsid.Options{Region: "eu-central-1"}, want: "sts.eu-central-1.amazonaws.com"},
		{name: "AWS_REGION wins", o: awsid.Options{Region: "eu-central-1"}, env: map[string]string{"AWS_REGION": "eu-west-3"}, want: "sts.eu-west-3.amazonaws.com"},
		{name: "China", o: awsid.Options{Region: "cn-north-1", StoreEndpoint: "s3.cn-north-1.amazonaws.com.cn"}, want: "sts.cn-north-1.amazonaws.com.cn"},
		{name: "GovCloud", o: awsid.Options{Region: "us-gov-west-1", StoreEndpoint: "s3.us-gov-west-1.amazonaws.com:443"}, want: "sts.us-gov-west-1.amazonaws.com"},
		{name: "no region", want: "sts.us-east-1.amazonaws.com"},
		{name: "legacy", o: awsid.Options{Region: "us-west-2"}, env: map[string]string{"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}, want: "sts.amazonaws.com"},
		{name: "legacy, younger region", o: awsid.Options{Region: "eu-south-2"}, env: map[string]string{"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}, want: "sts.eu-south-2.amazonaws.com"},
		{name: "sts_endpoint", o: awsid.Options{STSEndpoint: "sts.example.com", StoreEndpoint: "minio.example.com"}, want: "sts.example.com"},
		{name: "AWS_ENDPOINT_URL_STS", o: awsid.Options{StoreEndpoint: "minio.example.com"}, env: map[string]string{"AWS_ENDPOINT_URL_STS": "https://sts.example.org"}, want: "sts.example.org"},
		{name: "another store", o: awsid.Options{StoreEndpoint: "minio.example.com:9000"}, nobody: true},
		{name: "a name that only begins like Amazon's", o: awsid.Options{StoreEndpoint: "s3.amazonaws.com.example.com"}, nobody: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := &recorder{}
			c.o.AccessKey, c.o.SecretKey, c.o.Getenv, c.o.Client = "AKIACONFIGURED000001", "s", env(c.env), &http.Client{Transport: seen}
			s, err := awsid.Choose(t.Context(), c.o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Identity(t.Context())
			if errors.Is(err, awsid.ErrNoIdentityService) != c.nobody {
				t.Errorf("error %v", err)
			}
			if c.nobody && len(seen.hosts) > 0 || !c.nobody && (len(seen.hosts) == 0 || seen.hosts[0] != c.want) {
				t.Errorf("asked %v, want %s", seen.hosts, c.want)
			}
		})
	}
}

func TestNodeRoleWarning(t *testing.T) {
	s, err := awsid.Choose(t.Context(), awsid.Options{})
	if err != nil {
		t.Fatal(err)
	}
	node := awsid.Identity{RoleName: "nodes", SessionName: "i-05c1fa9d0eb168e35", NodeRole: true}
	pod := env(map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
	got := s.NodeRoleWarning(node, pod)
	for _, want := range []string{"node's role nodes", "i-05c1fa9d0eb168e35", "eks.amazonaws.com/role-arn", "not restarted", "webhook", "eks-pod-identity-agent"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
	if w := s.NodeRoleWarning(node, env(nil)); w != "" {
		t.Errorf("outside Kubernetes: %s", w)
	}
	if w := s.NodeRoleWarning(awsid.Identity{RoleName: "own", SessionName: "fleetcost"}, pod); w != "" {
		t.Errorf("with a role of its own: %s", w)
	}
}
