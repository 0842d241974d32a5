package diagnose

// Where the texts of rows come from, for Row.Source.
const (
	fromLocalStack = "recorded against AWS by LocalStack's snapshot tests"
	fromKubecost   = "the log in Kubecost's AWS multi-cluster storage documentation"
	fromOpenCost   = "OpenCost's and Kubecost's documentation and issue threads"
)

// onIdentity is where a policy of the caller goes.
const onIdentity = "on role {{identity}} in account {{caller-account}}"

// allow is an IAM policy of one statement. Actions and resources are JSON.
func allow(where, actions, resources string) Snippet {
	return Snippet{Kind: IAMPolicy, Where: where, Text: `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ` + actions + `,
      "Resource": ` + resources + `
    }
  ]
}`}
}

// allowBucket is a bucket policy that lets the caller's role in from another
// account.
func allowBucket() Snippet {
	return Snippet{Kind: BucketPolicy, Where: "on bucket {{bucket}}, where it belongs to another account than {{identity}}", Text: `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {"AWS": "{{identity-arn}}"},
      "Action": "{{action}}",
      "Resource": "{{resource}}"
    }
  ]
}`}
}

// trustWebIdentity is the trust policy of a role for one service account.
func trustWebIdentity() Snippet {
	return Snippet{Kind: TrustPolicy, Where: "on role {{role}} in account {{role-account}}", Text: `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {"Federated": "arn:{{partition}}:iam::{{role-account}}:oidc-provider/{{issuer-host}}"},
      "Action": "sts:AssumeRoleWithWebIdentity",
      "Condition": {
        "StringEquals": {
          "{{issuer-host}}:sub": "{{subject}}",
          "{{issuer-host}}:aud": "{{audience}}"
        }
      }
    }
  ]
}`}
}

func command(where, text string) Snippet { return Snippet{Kind: Command, Where: where, Text: text} }

func yaml(where, text string) Snippet { return Snippet{Kind: YAML, Where: where, Text: text} }

func whoAmI() Snippet {
	return command("who do these credentials belong to?", "aws sts get-caller-identity --region {{region}}")
}
