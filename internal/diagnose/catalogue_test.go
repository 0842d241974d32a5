package diagnose_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// TestExamples: each row has an example, and each example is explained by its
// own row, so no row shadows another.
func TestExamples(t *testing.T) {
	for _, row := range diagnose.Catalogue() {
		if len(row.Examples) == 0 {
			t.Errorf("%s has no example", row.ID)
		}
		for _, text := range row.Examples {
			d, ok := diagnose.Explain(diagnose.Facts{Text: text})
			if !ok || d.ID != row.ID {
				t.Errorf("%s is explained as %q: %s", row.ID, d.ID, text)
			}
		}
	}
}

var (
	kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	slots = regexp.MustCompile(`\{\{[a-z]`)
)

// TestRows keeps the table in order: ids, grounds, and no sentence left out.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	titles := map[string]string{}
	for _, row := range diagnose.Catalogue() {
		if !kebab.MatchString(row.ID) || seen[row.ID] {
			t.Errorf("id %q is not kebab case, or twice there", row.ID)
		}
		seen[row.ID] = true
		if other := titles[row.Title]; other != "" {
			t.Errorf("%s and %s have one title", row.ID, other)
		}
		titles[row.Title] = row.ID
		if row.Title == "" || row.Cause == "" || row.Fix == "" || row.Group == "" {
			t.Errorf("%s lacks title, cause, fix or group", row.ID)
		}
		if row.Doc != "docs/operate/errors.md#"+row.ID {
			t.Errorf("%s links to %s", row.ID, row.Doc)
		}
		switch row.Basis {
		case diagnose.Proven:
			if row.ProvenBy == "" {
				t.Errorf("%s is proven by no test", row.ID)
			}
		case diagnose.Recorded:
			if row.Source == "" || row.ProvenBy != "" {
				t.Errorf("%s is recorded nowhere, or proven without saying so", row.ID)
			}
		case diagnose.Memory:
			if row.Source != "" || row.ProvenBy != "" {
				t.Errorf("%s is from memory and has a source", row.ID)
			}
		default:
			t.Errorf("%s rests on %q", row.ID, row.Basis)
		}
		all := row.Title + row.Cause + row.Fix
		for _, s := range row.Snippets {
			all += s.Text + s.Where
			if s.Text == "" || s.Kind == "" || s.Where == "" {
				t.Errorf("%s has a snippet without text, kind or place", row.ID)
			}
		}
		if slots.MatchString(all) {
			t.Errorf("%s: a {{name}} was not filled in", row.ID)
		}
	}
}

// TestSources walks through the failures that the catalogue was asked to know:
// those of reading a bill through an assumed role, in their order.
func TestSources(t *testing.T) {
	const user = "User: arn:aws:sts::111122223333:assumed-role/X/s is not authorized to perform: "
	for _, c := range []struct{ text, want string }{
		{"api error AccessDenied: " + user + "sts:AssumeRole on resource: arn:aws:iam::444455556666:role/Y", "sts-assume-role-denied"},
		{"api error AccessDenied: " + user + "sts:AssumeRole on resource: arn:aws:iam::444455556666:role/Y with an explicit deny in a service control policy", "iam-explicit-deny"},
		{"InvalidIdentityToken: No OpenIDConnect provider found in your account for https://oidc.eks.eu-west-1.amazonaws.com/id/0", "irsa-no-oidc-provider"},
		{"InvalidIdentityToken: Incorrect token audience", "irsa-wrong-audience"},
		{"InvalidIdentityToken: The ID Token provided could not be validated", "irsa-token-not-validated"},
		{"api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity", "irsa-not-authorized"},
		{"ExpiredTokenException: Token expired: current date/time 2 must be before the expiration date/time 1", "web-identity-token-expired"},
		{"api error ExpiredToken: The security token included in the request is expired", "aws-token-expired"},
		{"failed to retrieve jwt from provide source, unable to read file at /t: open /t: permission denied", "irsa-token-file-missing"},
		{"failed to load credentials, Unauthorized Exception! EKS does not have permissions to assume the associated role., fault: client", "pod-identity-trust"},
		{`Get "http://169.254.170.23/v1/credentials": dial tcp 169.254.170.23:80: connect: connection refused`, "pod-identity-agent-missing"},
		{"no EC2 IMDS role found, operation error ec2imds: GetMetadata, http response error StatusCode: 404", "imds-no-role"},
		{"api error RegionDisabledException: STS is not activated in this region for account:1", "sts-region-disabled"},
		{"api error InvalidClientTokenId: The security token included in the request is invalid", "aws-invalid-client-token"},
		{"ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", "sts-session-too-long"},
		{"api error PackedPolicyTooLarge: Packed size of session tags consumes 112% of allotted space.", "sts-packed-policy-too-large"},
		{user + "sts:TagSession on resource: arn:aws:iam::444455556666:role/Y", "sts-tag-session-denied"},
		{"AccessDeniedException: You are not authorized to perform: athena:StartQueryExecution on the resource", "athena-denied"},
		{"InvalidRequestException: No output location provided. An output location is required", "athena-no-output-location"},
		{"InvalidRequestException: outputLocation is not a valid S3 path.", "athena-output-location-invalid"},
		{"InvalidRequestException: Unable to verify/create output bucket results", "athena-output-bucket"},
		{"ManagedQueryResultsConfiguration and ResultConfiguration cannot be set together", "athena-managed-results"},
		{"EnforceWorkGroupConfiguration=true", "athena-location-overridden"},
		{"InvalidRequestException: WorkGroup is not found", "athena-workgroup"},
		{"InvalidRequestException: WorkGroup w is disabled", "athena-workgroup"},
		{"Insufficient permissions to execute the query. " + user + "glue:GetPartitions on resource: arn:aws:glue:us-east-1:1:catalog", "glue-denied"},
		{"Insufficient Lake Formation permission(s): Required Select on t", "lake-formation-denied"},
		{"TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.db.t' does not exist", "athena-table-not-found"},
		{"SCHEMA_NOT_FOUND: line 1:15: Schema 'db' does not exist", "athena-table-not-found"},
		{"COLUMN_NOT_FOUND: line 3:7: Column 'c' cannot be resolved or requester is not authorized to access requested resources", "athena-column-not-found"},
		{"information_schema has no columns of db.t", "athena-no-columns"},
		{"Permission denied on S3 path: s3://cur/x", "athena-source-denied"},
		{"Access denied when writing output to url: s3://results/x.csv", "athena-results-denied"},
		{"HIVE_BAD_DATA: Field f's type is incompatible", "athena-bad-data"},
		{"TooManyRequestsException: You have exceeded the limit for the number of queries you can run concurrently", "athena-throttled"},
		{"api error ThrottlingException: Rate exceeded", "athena-throttled"},
		{"Query exhausted resources at this scale factor", "athena-exhausted"},
		{"api error NoSuchBucket: The specified bucket does not exist", "s3-no-such-bucket"},
		{"AuthorizationHeaderMalformed: the region 'a' is wrong; expecting 'b'", "s3-wrong-region"},
		{"301 response missing Location header", "s3-permanent-redirect"},
		{"SignatureDoesNotMatch: The request signature we calculated does not match", "s3-signature-mismatch"},
		{"InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.", "s3-invalid-access-key"},
		{"RequestTimeTooSkewed: The difference between the request time and the current time is too large.", "clock-skew"},
		{user + "s3:PutObjectAcl on resource: arn:aws:s3:::b/k", "s3-put-acl-denied"},
		{"AccessControlListNotSupported: The bucket does not allow ACLs", "s3-acl-not-supported"},
		{user + "kms:GenerateDataKey on resource: arn:aws:kms:us-east-1:1:key/k because no identity-based policy allows the kms:GenerateDataKey action", "kms-denied"},
		{user + "kms:GenerateDataKey on resource: arn:aws:kms:us-east-1:1:key/k because no resource-based policy allows the kms:GenerateDataKey action", "kms-key-policy"},
		{"KMS.DisabledException: k is disabled.", "kms-disabled"},
		{"KMS.KMSInvalidStateException: k is pending deletion.", "kms-pending-deletion"},
		{"KMS.NotFoundException: Key 'k' does not exist", "kms-not-found"},
		{"operation error S3: ListObjectsV2, https response error StatusCode: 403, api error AccessDenied: Access Denied", "s3-list-denied"},
		{"SlowDown: Please reduce your request rate", "s3-throttled"},
		{"api error PreconditionFailed: At least one of the pre-conditions you specified did not hold", "s3-precondition"},
		{`operation error STS: AssumeRole, request send failed, Post "https://sts.us-east-1.amazonaws.com/": dial tcp 10.1.1.1:443: i/o timeout`, "sts-unreachable"},
	} {
		d, ok := diagnose.Explain(diagnose.Facts{Text: c.text})
		if !ok || d.ID != c.want {
			t.Errorf("%s\n got %q, want %q", c.text, d.ID, c.want)
		}
	}
}

// TestUnknown: what the catalogue does not know is said to be unknown.
func TestUnknown(t *testing.T) {
	for _, text := range []string{
		"", "hello", `level=info msg="pushed" cluster=prod hours=3`, "prometheus: query range: bad_data: parse error",
		"2026-11-22 12:00:00 INFO started", "ssh: permission denied (publickey)", "decode: unexpected EOF", "upstream answered 404 Not Found", "panic: runtime error: index out of range [3] with length 3",
	} {
		if d, ok := diagnose.Explain(diagnose.Facts{Text: text}); ok {
			t.Errorf("%q is explained as %s", text, d.ID)
		}
	}
}

func TestLookup(t *testing.T) {
	d, ok := diagnose.Lookup("s3-put-acl-denied", diagnose.Facts{With: diagnose.Names{Bucket: "fleet-costs", Region: "cn-north-1"}})
	if !ok || d.ID != "s3-put-acl-denied" {
		t.Fatalf("got %+v", d)
	}
	if !strings.Contains(d.Snippets[0].Text, `"arn:aws-cn:s3:::fleet-costs/*"`) {
		t.Errorf("policy is\n%s", d.Snippets[0].Text)
	}
	if _, ok := diagnose.Lookup("no-such-row", diagnose.Facts{}); ok {
		t.Error("an unknown id is explained")
	}
}
