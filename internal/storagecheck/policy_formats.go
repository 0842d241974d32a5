package storagecheck

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// hcl writes a document as the argument of Terraform's jsonencode: JSON is HCL
// but for its template marks.
func hcl(v any, indent string) (string, error) {
	text, err := indentJSON(v)
	if err != nil {
		return "", err
	}
	text = strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strings.TrimSpace(text))
	return "jsonencode(" + strings.ReplaceAll(text, "\n", "\n"+indent) + ")", nil
}

// terraformName makes a resource's name of any text.
func terraformName(s string) string {
	s = regexp.MustCompile(`[^A-Za-z0-9_]`).ReplaceAllString(s, "_")
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		s = "_" + s
	}
	return strings.ToLower(s)
}

// terraform writes the documents as resources of the AWS provider.
func (in *PolicyInput) terraform(docs []namedDocument) (string, error) {
	var b strings.Builder
	name := terraformName(in.RoleName)
	has := map[string]bool{}
	for _, d := range docs {
		has[d.name] = true
		text, err := hcl(d.doc, "  ")
		if err != nil {
			return "", err
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		switch d.name {
		case DocumentIdentity:
			fmt.Fprintf(&b, "resource \"aws_iam_policy\" %q {\n  name   = %q\n  policy = %s\n}\n", name, in.RoleName, text)
		case DocumentTrust:
			fmt.Fprintf(&b, "resource \"aws_iam_role\" %q {\n  name               = %q\n  assume_role_policy = %s\n}\n", name, in.RoleName, text)
		case DocumentBucket:
			fmt.Fprintf(&b, "# In the account of the bucket. A bucket has one policy: merge this into what it has.\n"+
				"resource \"aws_s3_bucket_policy\" %q {\n  bucket = %q\n  policy = %s\n}\n", name, in.Bucket, text)
		case DocumentKey:
			fmt.Fprintf(&b, "# In the account of the key. Add these statements to the policy that the key has:\n"+
				"# a key's policy without its administrators cannot be changed again.\n"+
				"locals {\n  %s_key_statements = %s\n}\n", name, text)
		}
	}
	if has[DocumentTrust] && has[DocumentIdentity] {
		fmt.Fprintf(&b, "\nresource \"aws_iam_role_policy_attachment\" %[1]q {\n  role       = aws_iam_role.%[1]s.name\n  policy_arn = aws_iam_policy.%[1]s.arn\n}\n", name)
	}
	return b.String(), nil
}

// cfnName makes a logical id of CloudFormation: letters and digits.
func cfnName(s string) string {
	var b strings.Builder
	up := true
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z' && up:
			b.WriteRune(r - 'a' + 'A')
			up = false
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
			b.WriteRune(r)
			up = false
		default:
			up = true
		}
	}
	return b.String()
}

// cloudFormation writes the documents as a template.
func (in *PolicyInput) cloudFormation(docs []namedDocument) (string, error) {
	name := cfnName(in.RoleName)
	var resources yaml.MapSlice
	comment := ""
	has := map[string]bool{}
	for _, d := range docs {
		has[d.name] = true
	}
	for _, d := range docs {
		doc := documentYAML(d.doc)
		switch d.name {
		case DocumentIdentity:
			resources = append(resources, cfnResource(name+"Policy", "AWS::IAM::ManagedPolicy", yaml.MapSlice{
				{Key: "ManagedPolicyName", Value: in.RoleName}, {Key: "PolicyDocument", Value: doc},
			}))
		case DocumentTrust:
			role := yaml.MapSlice{{Key: "RoleName", Value: in.RoleName}, {Key: "AssumeRolePolicyDocument", Value: doc}}
			if has[DocumentIdentity] {
				role = append(role, yaml.MapItem{Key: "ManagedPolicyArns", Value: []any{yaml.MapSlice{{Key: "Ref", Value: name + "Policy"}}}})
			}
			resources = append(resources, cfnResource(name+"Role", "AWS::IAM::Role", role))
		case DocumentBucket:
			comment += "# " + name + "BucketPolicy belongs into the account of the bucket. A bucket has one policy:\n# merge it into what it has.\n"
			resources = append(resources, cfnResource(name+"BucketPolicy", "AWS::S3::BucketPolicy", yaml.MapSlice{
				{Key: "Bucket", Value: in.Bucket}, {Key: "PolicyDocument", Value: doc},
			}))
		case DocumentKey:
			text, err := indentJSON(d.doc.Statement)
			if err != nil {
				return "", err
			}
			comment += "# In the account of the key, add to the KeyPolicy that the key has:\n"
			comment += "#   " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n#   ") + "\n"
		}
	}
	if len(resources) == 0 {
		return "", fmt.Errorf("--document %s: CloudFormation cannot add statements to a key's policy; use --format json", in.Document)
	}
	text, err := writeYAML(yaml.MapSlice{
		{Key: "AWSTemplateFormatVersion", Value: "2010-09-09"},
		{Key: "Description", Value: "Rights of " + in.RoleName + " on the bucket " + in.Bucket},
		{Key: "Resources", Value: resources},
	})
	return comment + text, err
}

func cfnResource(name, kind string, properties yaml.MapSlice) yaml.MapItem {
	return yaml.MapItem{Key: name, Value: yaml.MapSlice{{Key: "Type", Value: kind}, {Key: "Properties", Value: properties}}}
}

// documentYAML is a policy document with its keys in the usual order.
func documentYAML(doc policyDocument) yaml.MapSlice {
	statements := make([]any, len(doc.Statement))
	for i, s := range doc.Statement {
		m := yaml.MapSlice{{Key: "Sid", Value: s.Sid}, {Key: "Effect", Value: s.Effect}}
		if len(s.Principal) > 0 {
			m = append(m, yaml.MapItem{Key: "Principal", Value: s.Principal})
		}
		m = append(m, yaml.MapItem{Key: "Action", Value: s.Action})
		if len(s.Resource) > 0 {
			m = append(m, yaml.MapItem{Key: "Resource", Value: s.Resource})
		}
		if len(s.Condition) > 0 {
			m = append(m, yaml.MapItem{Key: "Condition", Value: s.Condition})
		}
		statements[i] = m
	}
	return yaml.MapSlice{{Key: "Version", Value: doc.Version}, {Key: "Statement", Value: statements}}
}

func writeYAML(v any) (string, error) {
	text, err := yaml.MarshalWithOptions(v, yaml.IndentSequence(true))
	if err != nil {
		return "", fmt.Errorf("write YAML: %w", err)
	}
	return string(text), nil
}

// eksctl writes a ClusterConfig with the service account and its rights; eksctl
// makes role and trust policy itself.
func (in *PolicyInput) eksctl(docs []namedDocument) (string, error) {
	comment := ""
	cluster, region := in.EKSCluster, in.Region
	if cluster == "" {
		if cluster = in.ClusterID; cluster == "" {
			cluster = "my-cluster"
		}
		comment += "# metadata.name is a guess: give the EKS cluster's name with --eks-cluster.\n"
	}
	if region == "" {
		region = "us-east-1"
		comment += "# metadata.region is a guess: give the EKS cluster's region with --region.\n"
	}
	i := slices.IndexFunc(docs, func(d namedDocument) bool { return d.name == DocumentIdentity })
	if i < 0 {
		return "", errors.New("--format eksctl has the identity's policy only: eksctl makes the trust policy itself, and bucket and key belong to --format json, terraform or cloudformation")
	}
	policy := documentYAML(docs[i].doc)
	iam := yaml.MapSlice{}
	if in.PodIdentity {
		iam = append(iam, yaml.MapItem{Key: "podIdentityAssociations", Value: []any{yaml.MapSlice{
			{Key: "namespace", Value: in.Namespace},
			{Key: "serviceAccountName", Value: in.ServiceAccount},
			{Key: "roleName", Value: in.RoleName},
			{Key: "permissionPolicy", Value: policy},
		}}})
	}
	if !in.PodIdentity || in.OIDCIssuer != "" {
		iam = append(iam,
			yaml.MapItem{Key: "withOIDC", Value: true},
			yaml.MapItem{Key: "serviceAccounts", Value: []any{yaml.MapSlice{
				{Key: "metadata", Value: yaml.MapSlice{{Key: "name", Value: in.ServiceAccount}, {Key: "namespace", Value: in.Namespace}}},
				{Key: "roleName", Value: in.RoleName},
				{Key: "attachPolicy", Value: policy},
			}}})
	}
	config := yaml.MapSlice{
		{Key: "apiVersion", Value: "eksctl.io/v1alpha5"},
		{Key: "kind", Value: "ClusterConfig"},
		{Key: "metadata", Value: yaml.MapSlice{{Key: "name", Value: cluster}, {Key: "region", Value: region}}},
		{Key: "iam", Value: iam},
	}
	if in.PodIdentity {
		config = append(config, yaml.MapItem{Key: "addons", Value: []any{yaml.MapSlice{{Key: "name", Value: "eks-pod-identity-agent"}}}})
	}
	if in.CrossAccountRole != "" {
		comment += "# eksctl does not write the bucket's policy: print it with --document bucket --format json.\n"
	}
	text, err := writeYAML(config)
	return comment + text, err
}
