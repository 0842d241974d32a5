package storagecheck_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/fleetcost/fleetcost/internal/storagecheck"
)

type statement struct {
	Sid, Effect      string
	Principal        map[string]string `json:",omitempty"`
	Action, Resource []string
	Condition        map[string]map[string]string `json:",omitempty"`
}

// without is a policy without one action.
func without(t *testing.T, policy, action string) string {
	t.Helper()
	var doc struct {
		Version   string
		Statement []statement
	}
	if err := json.Unmarshal([]byte(policy), &doc); err != nil {
		t.Fatal(err)
	}
	for i := range doc.Statement {
		s := &doc.Statement[i]
		s.Action = slices.DeleteFunc(s.Action, func(a string) bool { return a == action })
	}
	doc.Statement = slices.DeleteFunc(doc.Statement, func(s statement) bool { return len(s.Action) == 0 })
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const (
	exampleIssuer = "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
	exampleKey    = "arn:aws:kms:us-east-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	exampleRole   = "arn:aws:iam::111122223333:role/fleetcost-agent-prod-us"
)

// everything asks for all documents.
func everything(format string) storagecheck.PolicyInput {
	return storagecheck.PolicyInput{
		Role: storagecheck.RoleAgent, Bucket: "fleet-costs", ClusterID: "prod-us", KMSKeyARN: exampleKey,
		Account: "111122223333", OIDCIssuer: exampleIssuer, PodIdentity: true, CrossAccountRole: exampleRole, Format: format,
	}
}

// TestSeedExact: `--role seed` is the policy of the storage page.
func TestSeedExact(t *testing.T) {
	const page = `{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Statement",
            "Effect": "Allow",
            "Action": [
                "s3:ListBucket",
                "s3:GetObject",
                "s3:DeleteObject",
                "s3:PutObject",
                "s3:PutObjectAcl"
            ],
            "Resource": [
                "arn:aws:s3:::kubecost-federated-storage-bucket/*",
                "arn:aws:s3:::kubecost-federated-storage-bucket"
            ]
        }
    ]
}`
	got := mustPolicy(t, storagecheck.PolicyInput{Role: storagecheck.RoleSeed, Bucket: "kubecost-federated-storage-bucket"})
	var want bytes.Buffer
	if err := json.Indent(&want, []byte(page), "", "  "); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.String()+"\n", got); d != "" {
		t.Error(d)
	}
}

// TestDocuments: what every document says.
func TestDocuments(t *testing.T) {
	read := func(in storagecheck.PolicyInput, document string) []statement {
		t.Helper()
		in.Document = document
		var doc struct {
			Version   string
			Statement []statement
		}
		d := json.NewDecoder(strings.NewReader(mustPolicy(t, in)))
		d.DisallowUnknownFields()
		if err := d.Decode(&doc); err != nil || doc.Version != "2012-10-17" {
			t.Fatalf("%s: version %q, %v", document, doc.Version, err)
		}
		for _, s := range doc.Statement {
			if s.Effect != "Allow" || s.Sid == "" || len(s.Action) == 0 {
				t.Errorf("%s: %+v", document, s)
			}
		}
		return doc.Statement
	}
	in := everything("")
	issuer := strings.TrimPrefix(exampleIssuer, "https://")
	own := []string{"arn:aws:s3:::fleet-costs/*/cluster_id=prod-us/*"}
	for _, c := range []struct {
		document string
		in       storagecheck.PolicyInput
		want     []statement
	}{
		{storagecheck.DocumentIdentity, in, []statement{
			{"OwnCluster", "Allow", nil, []string{"s3:GetObject", "s3:PutObject", "s3:PutObjectAcl"}, own, nil},
			{"PriceBook", "Allow", nil, []string{"s3:GetObject"}, []string{"arn:aws:s3:::fleet-costs/v1/price_book/*"}, nil},
			{"BucketKey", "Allow", nil, []string{"kms:GenerateDataKey", "kms:Decrypt"}, []string{exampleKey}, nil},
		}},
		{storagecheck.DocumentTrust, in, []statement{
			{
				"ServiceAccountToken", "Allow",
				map[string]string{"Federated": "arn:aws:iam::111122223333:oidc-provider/" + issuer},
				[]string{"sts:AssumeRoleWithWebIdentity"},
				nil,
				map[string]map[string]string{"StringEquals": {
					issuer + ":aud": "sts.amazonaws.com", issuer + ":sub": "system:serviceaccount:fleetcost:fleetcost-agent",
				}},
			},
			{"PodIdentity", "Allow", map[string]string{"Service": "pods.eks.amazonaws.com"}, []string{"sts:AssumeRole", "sts:TagSession"}, nil, nil},
		}},
		{storagecheck.DocumentBucket, in, []statement{
			{"OwnCluster", "Allow", map[string]string{"AWS": exampleRole}, []string{"s3:GetObject", "s3:PutObject", "s3:PutObjectAcl"}, own, nil},
			{"PriceBook", "Allow", map[string]string{"AWS": exampleRole}, []string{"s3:GetObject"}, []string{"arn:aws:s3:::fleet-costs/v1/price_book/*"}, nil},
		}},
		{storagecheck.DocumentKey, in, []statement{
			{"BucketKey", "Allow", map[string]string{"AWS": exampleRole}, []string{"kms:GenerateDataKey", "kms:Decrypt"}, []string{"*"}, nil},
		}},
		{storagecheck.DocumentIdentity, storagecheck.PolicyInput{
			Role: storagecheck.RoleServer, Bucket: "fleet-costs", Prefix: "team/costs", Partition: "aws-cn", NoACL: true,
		}, []statement{
			{
				"FindClusters", "Allow", nil,
				[]string{"s3:ListBucket"},
				[]string{"arn:aws-cn:s3:::fleet-costs"},
				map[string]map[string]string{"StringLike": {"s3:prefix": "team/costs/*"}},
			},
			{"ReadFleet", "Allow", nil, []string{"s3:GetObject"}, []string{"arn:aws-cn:s3:::fleet-costs/team/costs/*"}, nil},
			{"KeepState", "Allow", nil, []string{"s3:PutObject", "s3:DeleteObject"}, []string{
				"arn:aws-cn:s3:::fleet-costs/team/costs/v1/state/*", "arn:aws-cn:s3:::fleet-costs/team/costs/v1/cloud_cost/*",
				"arn:aws-cn:s3:::fleet-costs/team/costs/v1/price_book/*", "arn:aws-cn:s3:::fleet-costs/team/costs/v1/check/*",
			}, nil},
		}},
	} {
		if d := cmp.Diff(c.want, read(c.in, c.document)); d != "" {
			t.Errorf("%s of %s:\n%s", c.document, c.in.Role, d)
		}
	}
	// All together, by name.
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(mustPolicy(t, in)), &all); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, []string{"bucket", "identity", "kms-key", "trust"}) {
		t.Errorf("documents %q", got)
	}
}

// TestTerraform parses every resource, and evaluates the policies in it.
func TestTerraform(t *testing.T) {
	lifecycle, err := storagecheck.Lifecycle(storagecheck.LifecycleInput{
		Bucket: "fleet-costs", Prefix: "a/${b}", RetentionDays: 400, NoncurrentDays: 30, AbortDays: 2, Format: storagecheck.FormatTerraform,
	})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		mustPolicy(t, everything(storagecheck.FormatTerraform)):                                                                             "aws_iam_policy aws_iam_role aws_iam_role_policy_attachment aws_s3_bucket_policy locals",
		mustPolicy(t, storagecheck.PolicyInput{Role: storagecheck.RoleServer, Bucket: "fleet-costs", Format: storagecheck.FormatTerraform}): "aws_iam_policy",
		lifecycle: "aws_s3_bucket_lifecycle_configuration",
	} {
		file, diags := hclparse.NewParser().ParseHCL([]byte(text), "main.tf")
		if diags.HasErrors() {
			t.Errorf("%v in:\n%s", diags, text)
			continue
		}
		var kinds []string
		for _, b := range file.Body.(*hclsyntax.Body).Blocks {
			kinds = append(kinds, append([]string{b.Type}, b.Labels...)[min(1, len(b.Labels))])
			for name, a := range b.Body.Attributes {
				call, ok := a.Expr.(*hclsyntax.FunctionCallExpr)
				if !ok {
					continue
				}
				if v, diags := call.Args[0].Value(nil); call.Name != "jsonencode" || diags.HasErrors() || !v.Type().HasAttribute("Statement") {
					t.Errorf("%s: %v", name, diags)
				}
			}
		}
		slices.Sort(kinds)
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("resources %s, want %s, in:\n%s", got, want, text)
		}
	}
}

// TestYAMLFormats: CloudFormation and eksctl hold the same policy as JSON does.
func TestYAMLFormats(t *testing.T) {
	in := everything("")
	in.Document = storagecheck.DocumentIdentity
	var want any
	if err := json.Unmarshal([]byte(mustPolicy(t, in)), &want); err != nil {
		t.Fatal(err)
	}
	at := func(text, path string) any {
		t.Helper()
		p, err := yaml.PathString(path)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := p.Read(strings.NewReader(text), &v); err != nil {
			t.Fatalf("%s: %v in\n%s", path, err, text)
		}
		asJSON, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var out any
		if err := json.Unmarshal(asJSON, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	cfn, eksctl := mustPolicy(t, everything(storagecheck.FormatCloudFormation)), mustPolicy(t, everything(storagecheck.FormatEksctl))
	for _, c := range []struct {
		text, path string
		want       any
	}{
		{cfn, "$.AWSTemplateFormatVersion", "2010-09-09"},
		{cfn, "$.Resources.FleetcostAgentProdUsPolicy.Type", "AWS::IAM::ManagedPolicy"},
		{cfn, "$.Resources.FleetcostAgentProdUsPolicy.Properties.PolicyDocument", want},
		{cfn, "$.Resources.FleetcostAgentProdUsRole.Type", "AWS::IAM::Role"},
		{cfn, "$.Resources.FleetcostAgentProdUsRole.Properties.ManagedPolicyArns[0].Ref", "FleetcostAgentProdUsPolicy"},
		{cfn, "$.Resources.FleetcostAgentProdUsBucketPolicy.Properties.Bucket", "fleet-costs"},
		{eksctl, "$.kind", "ClusterConfig"},
		{eksctl, "$.iam.withOIDC", true},
		{eksctl, "$.iam.serviceAccounts[0].metadata.name", "fleetcost-agent"},
		{eksctl, "$.iam.serviceAccounts[0].attachPolicy", want},
		{eksctl, "$.iam.podIdentityAssociations[0].permissionPolicy", want},
		{eksctl, "$.addons[0].name", "eks-pod-identity-agent"},
	} {
		if d := cmp.Diff(c.want, at(c.text, c.path)); d != "" {
			t.Errorf("%s:\n%s", c.path, d)
		}
	}
	lifecycle, err := storagecheck.Lifecycle(storagecheck.LifecycleInput{
		Bucket: "fleet-costs", RetentionDays: 400, NoncurrentDays: 30, AbortDays: 2, Format: storagecheck.FormatCloudFormation,
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{
		"$.Resources.FleetCostsBucket.DeletionPolicy": "Retain",
		"$.Resources.FleetCostsBucket.Properties.LifecycleConfiguration.Rules[0].AbortIncompleteMultipartUpload.DaysAfterInitiation": 2.0,
		"$.Resources.FleetCostsBucket.Properties.LifecycleConfiguration.Rules[0].ExpiredObjectDeleteMarker":                          true,
		"$.Resources.FleetCostsBucket.Properties.LifecycleConfiguration.Rules[1].ExpirationInDays":                                   400.0,
	} {
		if d := cmp.Diff(want, at(lifecycle, path)); d != "" {
			t.Errorf("%s:\n%s", path, d)
		}
	}
}

// TestLifecycleJSON has the members that S3's API names, and keeps what users
// save.
func TestLifecycleJSON(t *testing.T) {
	text, err := storagecheck.Lifecycle(storagecheck.LifecycleInput{Prefix: "team", RetentionDays: 400, NoncurrentDays: 30, AbortDays: 2})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Rules []struct {
			ID, Status                     string
			Filter                         struct{ Prefix string }
			AbortIncompleteMultipartUpload struct{ DaysAfterInitiation int }
			NoncurrentVersionExpiration    struct{ NoncurrentDays int }
			Expiration                     struct {
				Days                      int
				ExpiredObjectDeleteMarker bool
			}
		}
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	var expiring []string
	for _, r := range got.Rules {
		if r.Status != "Enabled" || !strings.HasPrefix(r.Filter.Prefix, "team/") {
			t.Errorf("%+v", r)
		}
		if r.Expiration.Days == 400 {
			expiring = append(expiring, r.Filter.Prefix)
		} else if r.Expiration.Days != 0 {
			t.Errorf("%+v", r)
		}
	}
	if want := []string{"team/v1/allocation/", "team/v1/attachment/", "team/v1/asset/"}; !slices.Equal(expiring, want) {
		t.Errorf("%q expire, want %q", expiring, want)
	}
	if got.Rules[0].AbortIncompleteMultipartUpload.DaysAfterInitiation != 2 || got.Rules[0].NoncurrentVersionExpiration.NoncurrentDays != 30 || !got.Rules[0].Expiration.ExpiredObjectDeleteMarker {
		t.Errorf("%+v", got)
	}
}

// TestPolicyRefusals: what cannot be meant is said.
func TestPolicyRefusals(t *testing.T) {
	for want, change := range map[string]func(*storagecheck.PolicyInput){
		"no bucket":                  func(in *storagecheck.PolicyInput) { in.Bucket = "" },
		"--bucket":                   func(in *storagecheck.PolicyInput) { in.Bucket = "Fleet Costs" },
		"--role":                     func(in *storagecheck.PolicyInput) { in.Role = "admin" },
		"--format":                   func(in *storagecheck.PolicyInput) { in.Format = "xml" },
		"--cluster-id":               func(in *storagecheck.PolicyInput) { in.ClusterID = "*" },
		"is for --role agent":        func(in *storagecheck.PolicyInput) { in.Role = storagecheck.RoleServer },
		"--account":                  func(in *storagecheck.PolicyInput) { in.Account = "12" },
		"needs --account":            func(in *storagecheck.PolicyInput) { in.Account = "" },
		"--kms-key-arn":              func(in *storagecheck.PolicyInput) { in.KMSKeyARN = "alias/costs" },
		"--cross-account-role":       func(in *storagecheck.PolicyInput) { in.CrossAccountRole = "*" },
		"--oidc-issuer":              func(in *storagecheck.PolicyInput) { in.OIDCIssuer = "https://a b" },
		"--namespace":                func(in *storagecheck.PolicyInput) { in.Namespace = "*" },
		"--partition":                func(in *storagecheck.PolicyInput) { in.Partition = "moon" },
		"prefix":                     func(in *storagecheck.PolicyInput) { in.Prefix = "a*" },
		"needs --cross-account-role": func(in *storagecheck.PolicyInput) { in.CrossAccountRole, in.Document = "", storagecheck.DocumentBucket },
		"needs --oidc-issuer": func(in *storagecheck.PolicyInput) {
			in.OIDCIssuer, in.PodIdentity, in.Document = "", false, storagecheck.DocumentTrust
		},
	} {
		in := everything("")
		change(&in)
		if text, err := storagecheck.Policy(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error about %q, got %v\n%s", want, err, text)
		}
	}
	for want, in := range map[string]storagecheck.LifecycleInput{
		"at least 30":    {RetentionDays: 3, NoncurrentDays: 1, AbortDays: 1},
		"at least 1":     {NoncurrentDays: 0, AbortDays: 1},
		"use one of":     {NoncurrentDays: 1, AbortDays: 1, Format: storagecheck.FormatEksctl},
		"no bucket":      {NoncurrentDays: 1, AbortDays: 1, Format: storagecheck.FormatTerraform},
		`--bucket "A B"`: {NoncurrentDays: 1, AbortDays: 1, Bucket: "A B"},
	} {
		if _, err := storagecheck.Lifecycle(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error about %q, got %v", want, err)
		}
	}
}
