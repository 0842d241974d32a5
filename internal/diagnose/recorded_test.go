package diagnose_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// recorded is one error object as a service answered it.
type recorded struct {
	Service, Code, Message string
	HTTP                   int
	Extra                  map[string]any
}

func readRecorded(t *testing.T) []recorded {
	t.Helper()
	f, err := os.Open("testdata/recorded/aws.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []recorded
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// xml is the object as the service sends it.
func (r recorded) xml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<Error><Code>%s</Code><Message>%s</Message>", r.Code, r.Message)
	for _, k := range slices.Sorted(maps.Keys(r.Extra)) {
		fmt.Fprintf(&b, "<%s>%v</%s>", k, r.Extra[k], k)
	}
	return b.String() + "</Error>"
}

// sdk is the object as the AWS SDK for Go words it.
func (r recorded) sdk() string {
	op := map[string]string{"s3": "operation error S3: PutObject", "kms": "operation error KMS: GenerateDataKey", "sts": "operation error STS: AssumeRole"}[r.Service]
	return fmt.Sprintf("%s, https response error StatusCode: %d, RequestID: 17A1B2C3D4E5F6, HostID: x, api error %s: %s", op, r.HTTP, r.Code, r.Message)
}

// TestRecorded: what real services were recorded to answer is explained, in
// whatever words it arrives.
func TestRecorded(t *testing.T) {
	want := map[string]string{
		"s3 AccessDenied":                       "s3-denied",
		"s3 AuthorizationHeaderMalformed":       "s3-wrong-region",
		"s3 BadDigest":                          "s3-bad-digest",
		"s3 InvalidDigest":                      "s3-bad-digest",
		"s3 ConditionalRequestConflict":         "s3-precondition",
		"s3 PreconditionFailed":                 "s3-precondition",
		"s3 EntityTooSmall":                     "s3-part-too-small",
		"s3 IllegalLocationConstraintException": "s3-region-constraint",
		"s3 InvalidLocationConstraint":          "s3-region-constraint",
		"s3 InvalidEncryptionAlgorithmError":    "s3-encryption-header",
		"s3 InvalidObjectState":                 "s3-archived",
		"s3 InvalidPart":                        "s3-upload-gone",
		"s3 InvalidPartOrder":                   "s3-upload-gone",
		"s3 NoSuchUpload":                       "s3-upload-gone",
		"s3 InvalidStorageClass":                "s3-storage-class-invalid",
		"s3 KMS.DisabledException":              "kms-disabled",
		"s3 KMS.NotFoundException":              "kms-not-found",
		"kms NotFoundException":                 "kms-not-found",
		"s3 NoSuchBucket":                       "s3-no-such-bucket",
		"s3 NoSuchKey":                          "s3-no-such-key",
		"s3 NotImplemented":                     "s3-no-conditional-put",
		"s3 SignatureDoesNotMatch":              "s3-signature-mismatch",
	}
	hit := map[string]bool{}
	for _, r := range readRecorded(t) {
		id := want[r.Service+" "+r.Code]
		switch {
		case strings.Contains(r.Message, "headers present in the request which were not signed"):
			id = "s3-request-changed"
		case r.Code == "InvalidArgument" && r.Message == "":
			id = "s3-acl-invalid"
		case r.Code == "InvalidArgument":
			id = "s3-encryption-header"
		case r.Code == "ValidationError" && strings.Contains(r.Message, "roleSessionName"):
			id = "sts-session-name-invalid"
		case r.Code == "ValidationError":
			id = "sts-role-arn-invalid"
		}
		forms := map[string]diagnose.Facts{
			"structure": {Text: r.xml(), Code: r.Code, Status: r.HTTP, Service: r.Service},
			"XML":       {Text: r.xml()},
			"SDK":       {Text: r.sdk()},
			"JSON log":  {Text: fmt.Sprintf(`{"level":"ERROR","msg":"push failed","err":%q}`, r.xml())},
		}
		if r.Message == "" {
			delete(forms, "SDK") // its words lie in elements that the SDK leaves out
		}
		for form, f := range forms {
			d, ok := diagnose.Explain(f)
			expected := id
			switch {
			case id == "s3-denied" && form == "SDK":
				expected = "s3-put-denied" // there the operation is known
			case id == "s3-no-conditional-put" && form == "SDK":
				expected = "s3-not-implemented" // there the header is not told
			}
			hit[expected] = true
			if !ok || d.ID != expected {
				t.Errorf("%s of %s %s (%s) is explained as %q, want %s", form, r.Service, r.Code, r.Message, d.ID, expected)
			}
		}
	}
	for _, row := range diagnose.Catalogue() {
		if row.Source == "recorded against AWS by LocalStack's snapshot tests" && !hit[row.ID] &&
			!slices.Contains([]string{"s3-get-denied", "s3-put-denied", "s3-delete-denied"}, row.ID) {
			t.Errorf("%s claims a recording that no test reads", row.ID)
		}
	}
}

// TestAssumeRoleLog explains the two log lines that this all began with: the
// pod ran on its node's role, which is said before any policy.
func TestAssumeRoleLog(t *testing.T) {
	b, err := os.ReadFile("testdata/recorded/assume-role.log")
	if err != nil {
		t.Fatal(err)
	}
	requests := []string{"0459fd9b-451d-4bd0-8289-aaf90f146f37", "6494b54b-1a9e-47ea-941d-e316cb0bc778"}
	n := 0
	for line := range strings.Lines(string(b)) {
		d, ok := diagnose.Explain(diagnose.Facts{Text: line})
		if !ok || d.ID != "sts-assume-role-denied" || d.First == nil || d.First.ID != "aws-node-role" {
			t.Fatalf("got %+v", d)
		}
		if d.RequestID != requests[n] {
			t.Errorf("request is %q", d.RequestID)
		}
		n++
		if d.First.Title != "The pod uses its node's role aws-prod-eks-node-group, not a role of its service account" {
			t.Errorf("first says %q", d.First.Title)
		}
		if !strings.Contains(d.First.Cause, "arn:aws:sts::YOUR_ACCOUNT_ID:assumed-role/aws-prod-eks-node-group/i-05c1fa9d0eb168e35") {
			t.Errorf("the cause does not name the caller: %s", d.First.Cause)
		}
		if d.Title != "aws-prod-eks-node-group may not assume KubecostRole-YOUR_ACCOUNT_ID" {
			t.Errorf("title is %q", d.Title)
		}
		policy, trust := d.Snippets[0], d.Snippets[1]
		if policy.Kind != diagnose.IAMPolicy || policy.Where != "on role <role-of-the-pod> in account YOUR_ACCOUNT_ID" ||
			!strings.Contains(policy.Text, `"Resource": "arn:aws:iam::YOUR_PRIMARY_ACCOUNT_ID:role/KubecostRole-YOUR_ACCOUNT_ID"`) {
			t.Errorf("policy is %+v", policy)
		}
		if trust.Kind != diagnose.TrustPolicy || trust.Where != "on role KubecostRole-YOUR_ACCOUNT_ID in account YOUR_PRIMARY_ACCOUNT_ID" ||
			!strings.Contains(trust.Text, `{"AWS": "arn:aws:iam::YOUR_ACCOUNT_ID:role/<role-of-the-pod>"}`) {
			t.Errorf("trust policy is %+v", trust)
		}
		text := d.Text()
		if first, then := strings.Index(text, "[aws-node-role]"), strings.Index(text, "[sts-assume-role-denied]"); first < 0 || then < first {
			t.Errorf("the order is wrong:\n%s", text)
		}

		// An operator who says what the pod's role is gets it filled in.
		d, _ = diagnose.Explain(diagnose.Facts{Text: line, With: diagnose.Names{
			RoleARN: "arn:aws:iam::111122223333:role/cost-agent", Namespace: "fleetcost", ServiceAccount: "agent",
		}})
		if !strings.Contains(d.Snippets[1].Text, `"arn:aws:iam::111122223333:role/cost-agent"`) {
			t.Errorf("trust policy is\n%s", d.Snippets[1].Text)
		}
		if !strings.Contains(d.First.Snippets[0].Text, "kubectl -n fleetcost annotate serviceaccount agent eks.amazonaws.com/role-arn=arn:aws:iam::111122223333:role/cost-agent") {
			t.Errorf("command is\n%s", d.First.Snippets[0].Text)
		}
	}
	if n != 2 {
		t.Errorf("%d lines", n)
	}
}
