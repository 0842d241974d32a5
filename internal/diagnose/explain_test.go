package diagnose_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// TestNames: accounts, roles, resources, regions and requests are read from
// the text and stand in what is to be pasted.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		name, text string
		with       diagnose.Names
		want       []string
	}{
		{
			"a bucket of another account",
			`api error AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/agent-1 is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::fleet-costs/v1/x" because no resource-based policy allows the s3:PutObject action`,
			diagnose.Names{Prefix: "production"},
			[]string{"bucket fleet-costs", `"arn:aws:iam::111122223333:role/cost-agent"`, `"arn:aws:s3:::fleet-costs/production/*"`},
		},
		{
			"listing is granted on the bucket",
			"s3:ListBucket on fleet-costs/v1/cluster/: access denied: AccessDenied: Access Denied (request ABCDEF123456)",
			diagnose.Names{CallerARN: "arn:aws-us-gov:sts::111122223333:assumed-role/cost-server/s-1"},
			[]string{"on role cost-server in account 111122223333", `"Resource": "arn:aws-us-gov:s3:::fleet-costs"`, "Request: ABCDEF123456"},
		},
		{
			"GovCloud and China by region",
			"s3:GetObject on fleet-costs/v1/x: access denied: AccessDenied: Access Denied",
			diagnose.Names{Region: "cn-north-1"},
			[]string{`"arn:aws-cn:s3:::fleet-costs/*"`},
		},
		{
			"region from the answer",
			"AuthorizationHeaderMalformed: The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-3'",
			diagnose.Names{Region: "us-east-1"},
			[]string{"The bucket is in region eu-west-3, not in us-east-1", "region: eu-west-3"},
		},
		{
			"region from an element",
			"<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed</Message><Region>eu-west-3</Region></Error>",
			diagnose.Names{Region: "us-east-1"},
			[]string{"region: eu-west-3"},
		},
		{
			"a KMS key",
			"AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/a is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:eu-central-1:444455556666:key/0123-abcd because no resource-based policy allows the kms:GenerateDataKey action",
			diagnose.Names{},
			[]string{`"Resource": "arn:aws:kms:eu-central-1:444455556666:key/0123-abcd"`, `"arn:aws:iam::111122223333:role/cost-agent"`},
		},
		{
			"an issuer",
			"InvalidIdentityToken: No OpenIDConnect provider found in your account for https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF",
			diagnose.Names{RoleARN: "arn:aws:iam::111122223333:role/cost-agent"},
			[]string{"--url https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF", "Account 111122223333"},
		},
		{
			"a trust policy whole",
			"api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
			diagnose.Names{
				RoleARN: "arn:aws:iam::111122223333:role/cost-agent", OIDCIssuer: "https://oidc.eks.eu-central-1.amazonaws.com/id/0123",
				Namespace: "costs", ServiceAccount: "agent",
			},
			[]string{
				`"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0123"`,
				`"oidc.eks.eu-central-1.amazonaws.com/id/0123:sub": "system:serviceaccount:costs:agent"`, `:aud": "sts.amazonaws.com"`,
			},
		},
		{
			"a workgroup",
			"AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/CostReader/s is not authorized to perform: athena:StartQueryExecution on resource: arn:aws:athena:us-east-1:111122223333:workgroup/costs because no identity-based policy allows it",
			diagnose.Names{},
			[]string{`"arn:aws:athena:us-east-1:111122223333:workgroup/costs"`},
		},
		{
			"what is not known is a placeholder",
			"api error NoSuchBucket: The specified bucket does not exist",
			diagnose.Names{},
			[]string{"The bucket <bucket> does not exist", "--bucket <bucket> --region <region>"},
		},
		{
			"Google's service account and action",
			"googleapi: Error 403: cost-agent@prod-0.iam.gserviceaccount.com does not have storage.objects.delete access to the Google Cloud Storage object. Permission 'storage.objects.delete' denied on resource (or it may not exist)., forbidden",
			diagnose.Names{Bucket: "fleet-costs"},
			[]string{"lacks storage.objects.delete", "gs://fleet-costs --member=serviceAccount:cost-agent@prod-0.iam.gserviceaccount.com"},
		},
		{
			"Azure's account and container",
			"azure:ListBlobs on fleetcosts/costs/v1/: store unavailable: the container does not exist: create it, or correct config.container: ContainerNotFound: The specified container does not exist. (request 1a9db850)",
			diagnose.Names{},
			[]string{"--account-name fleetcosts --name costs", "Request: 1a9db850"},
		},
		{
			"a container without its account",
			"azure:ListBlobs on costs/v1/: store unavailable: ContainerNotFound: The specified container does not exist.",
			diagnose.Names{Bucket: "costs"},
			[]string{"--account-name <storage-account> --name costs"},
		},
		{
			"a certificate's name",
			`Get "https://minio:9000/": tls: failed to verify certificate: x509: certificate is valid for minio.example.com, not minio`,
			diagnose.Names{},
			[]string{"The certificate of minio:9000 is for another name", "server_name: minio.example.com"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, ok := diagnose.Explain(diagnose.Facts{Text: c.text, With: c.with})
			if !ok {
				t.Fatal("not explained")
			}
			flat := strings.Join(strings.Fields(d.Text()), " ")
			for _, want := range c.want {
				if !strings.Contains(flat, want) {
					t.Errorf("%q is missing in\n%s", want, d.Text())
				}
			}
		})
	}
}

// TestNodeRole: only an instance's session is a node; and it is said first for
// every failure of permissions.
func TestNodeRole(t *testing.T) {
	denied := "s3:PutObject on fleet-costs/v1/x: access denied: AccessDenied: Access Denied"
	for caller, node := range map[string]bool{
		"arn:aws:sts::111122223333:assumed-role/eks-node-group/i-05c1fa9d0eb168e35": true,
		"arn:aws-cn:sts::111122223333:assumed-role/nodes/i-1a2b3c4d":                true,
		"arn:aws:sts::111122223333:assumed-role/cost-agent/fleetcost":               false,
		"arn:aws:sts::111122223333:assumed-role/cost-agent/i-am-not-a-node":         false,
		"arn:aws:iam::111122223333:user/i-05c1fa9d0eb168e35":                        false,
		"": false,
	} {
		d, ok := diagnose.Explain(diagnose.Facts{Text: denied, With: diagnose.Names{CallerARN: caller}})
		if !ok || d.ID != "s3-put-denied" {
			t.Fatalf("got %+v", d)
		}
		if (d.First != nil) != node {
			t.Errorf("%s: first is %+v", caller, d.First)
		}
	}
	// Elsewhere the node's role is no reason.
	d, _ := diagnose.Explain(diagnose.Facts{
		Text: "api error NoSuchBucket: The specified bucket does not exist",
		With: diagnose.Names{CallerARN: "arn:aws:sts::111122223333:assumed-role/nodes/i-1a2b3c4d"},
	})
	if d.First != nil {
		t.Errorf("a missing bucket is blamed on the node's role")
	}
}

// The shapes of the AWS SDK's errors, which the tree is read through.
type operationError struct {
	service, operation string
	err                error
}

func (e *operationError) Error() string     { return e.service + " " + e.operation + ": " + e.err.Error() }
func (e *operationError) Unwrap() error     { return e.err }
func (e *operationError) Service() string   { return e.service }
func (e *operationError) Operation() string { return e.operation }

type apiError struct {
	code   string
	status int
}

func (e *apiError) Error() string       { return "refused" }
func (e *apiError) ErrorCode() string   { return e.code }
func (e *apiError) HTTPStatusCode() int { return e.status }

type actionError struct{ err error }

func (e *actionError) Error() string       { return "failed: " + e.err.Error() }
func (e *actionError) Unwrap() []error     { return []error{errors.New("kind"), e.err} }
func (e *actionError) ErrorAction() string { return "s3:GetObject" }

// TestExplainError: the innermost operation is the guilty one, and its code
// counts.
func TestExplainError(t *testing.T) {
	inner := &operationError{"STS", "AssumeRoleWithWebIdentity", &apiError{"AccessDenied", 403}}
	for _, c := range []struct {
		err  error
		want string
	}{
		{&actionError{&apiError{"AccessDenied", 403}}, "s3-get-denied"},
		{fmt.Errorf("pull: %w", &actionError{&apiError{"NoSuchBucket", 404}}), "s3-no-such-bucket"},
		{&actionError{fmt.Errorf("get credentials: %w", inner)}, "irsa-not-authorized"},
		{&operationError{"Athena", "StartQueryExecution", fmt.Errorf("get identity: %w", &operationError{"STS", "AssumeRole", &apiError{"AccessDenied", 403}})}, "sts-assume-role-denied"},
		{errors.Join(errors.New("first"), &actionError{&apiError{"SlowDown", 503}}), "s3-throttled"},
		{&actionError{errors.New("dial tcp 127.0.0.1:1: connect: connection refused")}, "network-refused"},
	} {
		d, ok := diagnose.ExplainError(c.err, diagnose.Names{})
		if !ok || d.ID != c.want {
			t.Errorf("%v is explained as %q, want %s", c.err, d.ID, c.want)
		}
	}
	if d, ok := diagnose.ExplainError(nil, diagnose.Names{}); ok {
		t.Errorf("no error is explained as %s", d.ID)
	}
	if d, ok := diagnose.ExplainError(errors.New("something else"), diagnose.Names{}); ok {
		t.Errorf("an unknown error is explained as %s", d.ID)
	}
}

// TestText: paragraphs are wrapped, snippets are not, and a harmless thing says
// so.
func TestText(t *testing.T) {
	d, _ := diagnose.Explain(diagnose.Facts{Text: "s3:PutObject on b/x: precondition failed: PreconditionFailed: At least one of the pre-conditions you specified did not hold"})
	if !d.Harmless || !strings.Contains(d.Title, "no failure") {
		t.Errorf("got %+v", d)
	}
	d, _ = diagnose.Explain(diagnose.Facts{Text: "s3:ListBucket on fleet-costs/: access denied: AccessDenied"})
	for line := range strings.Lines(d.Text()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 88 && !strings.HasPrefix(line, "    ") {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	if d.Brief() != d.Title {
		t.Errorf("in brief: %q", d.Brief())
	}
}
