package diagnose

// nodeRole is the row that is said before any other about identity.
const nodeRole = "aws-node-role"

// identityRows are failures to become somebody on AWS.
func identityRows() []row {
	return []row{
		{
			ID:    nodeRole,
			Title: "The pod uses its node's role {{caller-role}}, not a role of its own",
			Cause: "The caller is {{caller-arn}}: a session named after an EC2 instance is the node's own role. So neither IRSA nor EKS Pod Identity is in effect for this pod, and the AWS SDK silently fell back to the instance metadata of the node. Usual reasons: the service account has no eks.amazonaws.com/role-arn annotation and no Pod Identity association; the pod was not restarted after it got one; the pod runs under another service account; the webhook that injects the token did not run (it fails open).",
			Fix:   "Give the service account a role and restart the pod. Do not grant the node's role more: every pod on the node would have it. Afterwards the caller's session is no longer named i-….",
			Snippets: []Snippet{
				{Kind: Command, Where: "with IRSA", Text: "kubectl -n {{namespace}} annotate serviceaccount {{service-account}} eks.amazonaws.com/role-arn={{pod-role-arn}} --overwrite\nkubectl -n {{namespace}} rollout restart deployment,statefulset"},
				{Kind: Command, Where: "or with EKS Pod Identity", Text: "aws eks create-pod-identity-association --cluster-name <cluster> --namespace {{namespace}} --service-account {{service-account}} --role-arn {{pod-role-arn}}"},
				{Kind: Command, Where: "to see what the pod got", Text: "kubectl -n {{namespace}} exec <pod> -- env | grep -E 'AWS_ROLE_ARN|AWS_WEB_IDENTITY_TOKEN_FILE|AWS_CONTAINER_CREDENTIALS_FULL_URI'"},
			},
			Basis: Recorded, Source: "the troubleshooting section of the AWS page of Kubecost's multi-cluster storage documentation",
			Match:    []pattern{{node: true}},
			Examples: []string{`msg="AWS identity" arn=arn:aws:sts::111122223333:assumed-role/aws-prod-eks-node-group/i-05c1fa9d0eb168e35`},
		},
		{
			ID:       "sts-assume-role-denied",
			Title:    "{{identity}} may not assume {{role}}",
			Cause:    "AWS STS refused sts:AssumeRole on {{role-arn}}. STS answers the same for: the caller lacks the permission; the role's trust policy does not name the caller; the role does not exist; the trust policy asks for an external id that was not sent; a service control policy forbids it.",
			Fix:      "Both sides have to agree. In account {{caller-account}} allow {{identity}} to assume the role; in account {{role-account}} let the role trust {{identity-arn}}. If the trust policy shows an id that begins with AROA in place of a role, the trusted role was deleted and made again: save the policy anew.",
			identity: true,
			Snippets: []Snippet{
				{Kind: IAMPolicy, Where: "on role {{identity}} in account {{caller-account}}", Text: `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "sts:AssumeRole",
      "Resource": "{{role-arn}}"
    }
  ]
}`},
				{Kind: TrustPolicy, Where: "on role {{role}} in account {{role-account}}", Text: `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {"AWS": "{{identity-arn}}"},
      "Action": "sts:AssumeRole"
    }
  ]
}`},
				{Kind: Command, Where: "in account {{role-account}}: does the role exist, and whom does it trust?", Text: "aws iam get-role --role-name {{role}}"},
			},
			Basis: Recorded, Source: "the troubleshooting section of the AWS page of Kubecost's multi-cluster storage documentation",
			Match: []pattern{
				{code: "AccessDenied", action: "sts:AssumeRole"},
				{code: "AccessDenied", action: "sts:AssumeRole", text: "is not authorized to perform: sts:assumerole on resource"},
			},
			Examples: []string{`operation error STS: AssumeRole, https response error StatusCode: 403, RequestID: 0459fd9b-451d-4bd0-8289-aaf90f146f37, api error AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/botocore-session-1 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::444455556666:role/CostReader`},
		},
	}
}
