package diagnose

// nodeRole is the row that is said before any other about identity.
const nodeRole = "aws-node-role"

// identityRows are failures to become somebody on AWS.
func identityRows() []row {
	return []row{
		{
			ID:      nodeRole,
			general: true,
			Title:   "The pod uses its node's role {{caller-role}}, not a role of its service account",
			Cause:   "The caller is {{caller-arn}}: a session named after an EC2 instance is the node's own role. So neither IRSA nor EKS Pod Identity is in effect for this pod, and the AWS SDK fell back to the instance metadata of the node without a word. Usual reasons: the service account has neither the annotation eks.amazonaws.com/role-arn nor a Pod Identity association; the pod was not restarted after it got one; the pod runs under another service account; the webhook that injects the token did not run (it fails open).",
			Fix:     "Give the service account a role and restart the pod. Do not grant the node's role more: every pod on the node would have it. Afterwards the caller's session is no longer named i-….",
			Snippets: []Snippet{
				command("with IRSA", "kubectl -n {{namespace}} annotate serviceaccount {{service-account}} eks.amazonaws.com/role-arn={{pod-role-arn}} --overwrite\nkubectl -n {{namespace}} rollout restart deployment"),
				command("or with EKS Pod Identity", "aws eks create-pod-identity-association --cluster-name {{eks-cluster}} --namespace {{namespace}} --service-account {{service-account}} --role-arn {{pod-role-arn}}\nkubectl -n {{namespace}} rollout restart deployment"),
				command("what the pod got: one of these must be set", "kubectl -n {{namespace}} exec {{pod}} -- env | grep -E 'AWS_WEB_IDENTITY_TOKEN_FILE|AWS_CONTAINER_CREDENTIALS_FULL_URI'"),
			},
			Basis: Recorded, Source: fromKubecost,
			Match:    []pattern{{node: true}},
			Examples: []string{`msg="AWS identity" arn=arn:aws:sts::111122223333:assumed-role/aws-prod-eks-node-group/i-05c1fa9d0eb168e35`},
		},
		{
			ID:       "sts-assume-role-denied",
			general:  true,
			Title:    "{{who}} may not assume {{role}}",
			Cause:    "AWS STS refused sts:AssumeRole on {{role-arn}} to {{caller-arn}}. STS gives this one answer for: the caller lacks the permission; the role's trust policy does not name the caller; the role does not exist; the trust policy asks for an external id that was not sent; a service control policy forbids it.",
			Fix:      "Both sides have to agree. In account {{caller-account}}, allow {{identity}} to assume the role; in account {{role-account}}, let the role trust {{identity-arn}}. Where the trust policy shows an id that begins with AROA in place of a role, the trusted role was deleted and made again: save the policy anew. A role with a path has the path in its ARN; the caller's session does not show it.",
			identity: true,
			Snippets: []Snippet{
				allow(onIdentity, `"sts:AssumeRole"`, `"{{role-arn}}"`),
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
				command("in account {{role-account}}: does the role exist, and whom does it trust?", "aws iam get-role --role-name {{role}}"),
			},
			Basis: Recorded, Source: fromKubecost,
			Match: []pattern{{code: denied, action: "sts:AssumeRole"}},
			Examples: []string{
				`operation error STS: AssumeRole, https response error StatusCode: 403, RequestID: 0459fd9b-451d-4bd0-8289-aaf90f146f37, api error AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/agent-1 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::444455556666:role/CostReader`,
				`An error occurred (AccessDenied) when calling the AssumeRole operation: Not authorized to perform sts:AssumeRole`,
			},
		},
		{
			ID:       "sts-assume-role-no-permission",
			Title:    "{{who}} has no permission to assume {{role}}",
			Cause:    "The answer names the layer: no identity-based policy of the caller allows sts:AssumeRole on {{role-arn}}. The role's trust policy was not the reason.",
			Fix:      "Allow sts:AssumeRole on that role to {{identity}}, in account {{caller-account}}.",
			identity: true,
			Snippets: []Snippet{allow(onIdentity, `"sts:AssumeRole"`, `"{{role-arn}}"`)},
			Basis:    Memory,
			Match:    []pattern{{action: "sts:AssumeRole", text: "because no identity-based policy allows"}},
			Examples: []string{`api error AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/agent-1 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::444455556666:role/CostReader because no identity-based policy allows the sts:AssumeRole action`},
		},
		{
			ID:       "sts-assume-role-no-trust",
			Title:    "{{role}} does not trust {{who}}",
			Cause:    "The answer names the layer: no resource-based policy, which for a role is its trust policy, allows the caller to assume {{role-arn}}. Or the trust policy has a condition (an external id, a source) that the request does not meet.",
			Fix:      "Name {{identity-arn}} in the trust policy of the role, in account {{role-account}}.",
			identity: true,
			Snippets: []Snippet{{Kind: TrustPolicy, Where: "on role {{role}} in account {{role-account}}", Text: `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {"AWS": "{{identity-arn}}"},
      "Action": "sts:AssumeRole"
    }
  ]
}`}},
			Basis:    Memory,
			Match:    []pattern{{action: "sts:AssumeRole", text: "because no resource-based policy allows"}},
			Examples: []string{`api error AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/agent-1 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::444455556666:role/CostReader because no resource-based policy allows the sts:AssumeRole action`},
		},
		{
			ID:       "iam-explicit-deny",
			Title:    "A policy forbids {{action}}",
			Cause:    "Some policy denies {{action}} expressly, and a deny wins over every allow. The end of the message names the kind: a service control policy or resource control policy of the organisation, a permissions boundary, a session policy, a bucket or key policy, a VPC endpoint policy, or a policy of the caller itself.",
			Fix:      "Change or narrow that policy; no further allow will help. A service control policy is changed in the organisation's management account.",
			identity: true,
			Basis:    Memory,
			Match: []pattern{
				{text: "with an explicit deny in a"},
				{text: "with an explicit deny", code: denied},
			},
			Examples: []string{
				`api error AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/agent-1 is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::fleet-costs/v1/x" with an explicit deny in a service control policy`,
				`api error AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/agent-1 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::444455556666:role/CostReader with an explicit deny in a resource-based policy`,
			},
		},
		{
			ID:       "iam-session-policy",
			Title:    "The session's own policy or a permissions boundary does not allow {{action}}",
			Cause:    "The role may do it, but the session was made with a narrower policy, or a permissions boundary limits the role. What neither names is not allowed.",
			Fix:      "Add {{action}} to the session policy (whoever calls AssumeRole passes it) or to the permissions boundary.",
			identity: true,
			Snippets: []Snippet{allow("in the session policy or the permissions boundary of {{identity}}", `"{{action}}"`, `"{{resource}}"`)},
			Basis:    Memory,
			Match: []pattern{
				{text: "because no session policy allows"}, {text: "because no permissions boundary allows"},
			},
			Examples: []string{
				`AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/agent-1 is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::fleet-costs/v1/x" because no session policy allows the s3:GetObject action`,
				`AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/agent-1 is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::fleet-costs/v1/x" because no permissions boundary allows the s3:GetObject action`,
			},
		},
		{
			ID:       "iam-vpc-endpoint-policy",
			Title:    "The policy of the VPC endpoint does not allow {{action}}",
			Cause:    "Requests reach AWS through a VPC endpoint, and its policy names neither this action nor this resource.",
			Fix:      "Add {{action}} on {{resource}} to the endpoint's policy.",
			Snippets: []Snippet{command("the endpoints of the network and their policies", "aws ec2 describe-vpc-endpoints --region {{region}} --query 'VpcEndpoints[].[VpcEndpointId,ServiceName,PolicyDocument]'")},
			Basis:    Memory,
			Match:    []pattern{{text: "because no vpc endpoint policy allows"}},
			Examples: []string{`AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/agent-1 is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::fleet-costs/v1/x" because no VPC endpoint policy allows the s3:PutObject action`},
		},
		{
			ID:       "sts-region-disabled",
			Title:    "STS is switched off in region {{service-region}}",
			Cause:    "The account has not activated the regional endpoint of STS that was asked. The AWS SDK for Go always asks the region's own endpoint.",
			Fix:      "Activate it in the IAM console under Account settings, or let STS be asked in a region that is active, with config.sts_endpoint or AWS_REGION.",
			Snippets: []Snippet{yaml("in federated-store.yaml", "config:\n  sts_endpoint: sts.us-east-1.amazonaws.com")},
			Basis:    Recorded, Source: fromOpenCost,
			Match:    []pattern{{code: "RegionDisabledException"}, {text: "sts is not activated in this region"}},
			Examples: []string{`operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 403, RequestID: 11111111-2222, RegionDisabledException: STS is not activated in this region for account:111122223333. Your account administrator can activate STS in this region using the IAM Console.`},
		},
		{
			ID:       "aws-invalid-client-token",
			Title:    "AWS does not know the access key, here",
			Cause:    "The access key was deleted or deactivated; or it belongs to another partition (China, GovCloud) than the endpoint; or the region is one that must be opted into and the session token came from the global endpoint of STS.",
			Fix:      "Use a key that exists, against an endpoint of its own partition; in opt-in regions, ask the regional endpoint of STS.",
			Snippets: []Snippet{whoAmI()},
			Basis:    Proven, ProvenBy: "storage.TestProven", Source: fromOpenCost,
			Match:    []pattern{{code: "InvalidClientTokenId|UnrecognizedClientException"}, {text: "security token included in the request is invalid"}},
			Examples: []string{`operation error STS: GetCallerIdentity, https response error StatusCode: 403, RequestID: 11111111-2222, api error InvalidClientTokenId: The security token included in the request is invalid.`},
		},
		{
			ID:       "sts-session-too-long",
			Title:    "The session asked for is longer than the role allows",
			Cause:    "The duration exceeds the role's maximum session duration, or 1 hour where a role is assumed from another role's session.",
			Fix:      "Ask for at most 3600 seconds (in a shared profile: duration_seconds), or raise the role's maximum where no role is chained.",
			Snippets: []Snippet{command("in account {{role-account}}", "aws iam update-role --role-name {{role}} --max-session-duration 3600")},
			Basis:    Recorded, Source: fromOpenCost,
			Match:    []pattern{{text: "durationseconds exceeds"}, {text: "role chaining&1 hour"}},
			Examples: []string{`operation error STS: AssumeRole, https response error StatusCode: 400, RequestID: 11111111-2222, api error ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role.`},
		},
		{
			ID:       "sts-session-name-invalid",
			Title:    "The role session name has characters that AWS does not take",
			Cause:    "A session name has 2 to 64 letters, digits and =,.@_- only.",
			Fix:      "Correct AWS_ROLE_SESSION_NAME (or role_session_name of the shared profile).",
			Basis:    Recorded,
			Source:   fromLocalStack,
			Match:    []pattern{{text: "at 'rolesessionname' failed"}},
			Examples: []string{`api error ValidationError: 1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		},
		{
			ID:       "sts-role-arn-invalid",
			Title:    "The role's ARN is not one",
			Cause:    "STS cannot read the ARN of the role: a typing error, a placeholder that was left in, or the role's bare name.",
			Fix:      "Write it whole: arn:{{partition}}:iam::<account>:role/<name>. It comes from AWS_ROLE_ARN, which the annotation eks.amazonaws.com/role-arn sets, or from the shared profile.",
			Basis:    Recorded,
			Source:   fromLocalStack,
			Match:    []pattern{{code: "ValidationError", text: "arn:& is invalid"}, {text: "at 'rolearn' failed"}},
			Examples: []string{`operation error STS: AssumeRole, https response error StatusCode: 400, api error ValidationError: arn:a:a::aaaaaaaaaa: is invalid`},
		},
		{
			ID:       "sts-packed-policy-too-large",
			Title:    "The session's policies and tags are too large together",
			Cause:    "AWS packs session policies and session tags into a fixed space. A session of EKS Pod Identity uses most of it for its own tags.",
			Fix:      "Pass fewer or shorter tags on the next hop, or switch off the association's session tags.",
			Snippets: []Snippet{command("without the tags of Pod Identity", "aws eks update-pod-identity-association --cluster-name {{eks-cluster}} --association-id {{association}} --disable-session-tags")},
			Basis:    Recorded, Source: "github.com/aws-actions/configure-aws-credentials/issues/1898, github.com/aws/containers-roadmap/issues/2413",
			Match:    []pattern{{code: "PackedPolicyTooLarge|PackedPolicyTooLargeException"}, {text: "packed size of session tags"}},
			Examples: []string{`An error occurred (PackedPolicyTooLarge) when calling the AssumeRole operation: Packed size of session tags consumes 112% of allotted space.`},
		},
		{
			ID:       "sts-tag-session-denied",
			Title:    "The role does not let {{who}} pass session tags",
			Cause:    "The request carries session tags (EKS Pod Identity always does, and passes them on), and the trust policy of {{role}} allows sts:AssumeRole but not sts:TagSession.",
			Fix:      "Allow both actions in the trust policy, or send no tags.",
			identity: true,
			Snippets: []Snippet{{Kind: TrustPolicy, Where: "on role {{role}} in account {{role-account}}", Text: `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {"AWS": "{{identity-arn}}"},
      "Action": ["sts:AssumeRole", "sts:TagSession"]
    }
  ]
}`}},
			Basis:    Memory,
			Match:    []pattern{{code: denied, action: "sts:TagSession"}, {action: "sts:TagSession"}},
			Examples: []string{`api error AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/eks-prod-agent-1 is not authorized to perform: sts:TagSession on resource: arn:aws:iam::444455556666:role/CostReader`},
		},
		{
			ID:    "sts-throttled",
			Title: "AWS STS asks to slow down",
			Cause: "Too many calls to STS from this account and region at once: many pods that start together, or somebody else's.",
			Fix:   "Usually nothing: the program tries again, and keeps a session until shortly before its end.",
			Basis: Memory,
			Match: []pattern{{code: "Throttling|ThrottlingException|RequestLimitExceeded", action: "sts:*"}, {text: "rate exceeded", action: "sts:*"}},
			Examples: []string{
				`operation error STS: AssumeRoleWithWebIdentity, exceeded maximum number of attempts, 3, https response error StatusCode: 400, RequestID: 11111111-2222, api error Throttling: Rate exceeded`,
			},
		},
		{
			ID:       "imds-no-role",
			general:  true,
			Title:    "The pod has no AWS credentials, and the machine has no role",
			Cause:    "No keys in the file, no AWS_* keys, no shared profile, no web identity and no Pod Identity are configured, so the instance metadata service was asked, and it has no role or did not answer. Off AWS there is none.",
			Fix:      "In a pod, use IRSA or EKS Pod Identity. Elsewhere set access_key and secret_key in federated-store.yaml, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
			Snippets: []Snippet{command("with IRSA", "kubectl -n {{namespace}} annotate serviceaccount {{service-account}} eks.amazonaws.com/role-arn={{pod-role-arn}} --overwrite")},
			Basis:    Proven, ProvenBy: "diagnose.TestProven",
			Source:   "the AWS SDK for Go, ec2rolecreds",
			Match:    []pattern{{text: "no ec2 imds role found"}},
			Examples: []string{`s3:ListBucket on fleet-costs/v1/: credentials: get credentials from EC2 instance metadata (no other source is configured): no EC2 IMDS role found, operation error ec2imds: GetMetadata, failed to get API token, http response error StatusCode: 404`},
		},
		{
			ID:       "imds-unreachable",
			Title:    "The instance metadata service does not answer the pod",
			Cause:    "No other credentials are configured, and 169.254.169.254 does not answer. On EC2 the usual reason is the hop limit of 1, which keeps pods from the node's role on purpose; off EC2 there is no such service.",
			Fix:      "Give the pod a role of its own with IRSA or EKS Pod Identity. Do not raise the hop limit: every pod would get the node's role.",
			Snippets: []Snippet{command("with IRSA", "kubectl -n {{namespace}} annotate serviceaccount {{service-account}} eks.amazonaws.com/role-arn={{pod-role-arn}} --overwrite")},
			Basis:    Proven, ProvenBy: "diagnose.TestProven",
			Match: []pattern{
				{text: "169.254.169.254&timeout"},
				{text: "169.254.169.254&deadline exceeded"},
				{text: "169.254.169.254&no route"},
				{text: "169.254.169.254&refused"},
				{text: "ec2imds&deadline exceeded"},
				{text: "no ec2 imds role found&deadline exceeded"},
				{text: "ec2imds&dial tcp"},
				{text: "ec2 instance metadata&deadline exceeded"},
			},
			Examples: []string{
				`no EC2 IMDS role found, operation error ec2imds: GetMetadata, request canceled, context deadline exceeded`,
				`no EC2 IMDS role found, operation error ec2imds: GetMetadata, exceeded maximum number of attempts, 3, request send failed, Get "http://169.254.169.254/latest/meta-data/iam/security-credentials/": dial tcp 169.254.169.254:80: connect: connection refused`,
				`Put "http://169.254.169.254/latest/api/token": dial tcp 169.254.169.254:80: i/o timeout`,
			},
		},
		{
			ID:       "aws-no-credentials",
			Title:    "No AWS credentials are configured",
			Cause:    "No keys in the file, no AWS_* keys, no shared profile, no web identity and no container credentials, and the instance metadata service is switched off by AWS_EC2_METADATA_DISABLED.",
			Fix:      "Use IRSA or EKS Pod Identity in a pod, else keys. See docs/operate/storage.md, Credentials.",
			Basis:    Proven,
			ProvenBy: "diagnose.TestProven",
			Source:   "internal/awsid",
			Match:    []pattern{{text: "no aws credentials are configured"}, {text: "unable to locate credentials"}},
			Examples: []string{`choose credentials for s3://fleet-costs: credentials: no AWS credentials are configured (no keys in the file, no AWS_* keys, no shared profile, no web identity, no container credentials) and AWS_EC2_METADATA_DISABLED is true`},
		},
		{
			ID:       "aws-credentials-by-halves",
			Title:    "AWS credentials are set by halves",
			Cause:    "One of two settings that belong together is missing: access_key and secret_key; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN. The message names the one that is there.",
			Fix:      "Set both, or neither to use the pod's own identity. An empty value in a Secret counts as missing.",
			Basis:    Proven,
			ProvenBy: "diagnose.TestProven",
			Source:   "internal/awsid",
			Match: []pattern{
				{text: "access_key is set without secret_key"},
				{text: "is set without access_key"},
				{text: "aws_access_key_id is set without"},
				{text: "aws_secret_access_key is set without"},
				{text: "aws_web_identity_token_file is set without"},
			},
			Examples: []string{
				`choose credentials for s3://fleet-costs: credentials: access_key is set without secret_key: set both, or neither to use the environment's identity`,
				`credentials: AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN: annotate the service account with eks.amazonaws.com/role-arn`,
			},
		},
		{
			ID:       "aws-profile-missing",
			Title:    "The shared profile cannot be used",
			Cause:    "AWS_PROFILE names a profile that neither ~/.aws/config nor ~/.aws/credentials has, or one that points to a profile that is missing. In a container the home directory is rarely the one you think.",
			Fix:      "Correct AWS_PROFILE, mount the files, or point AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE to them.",
			Basis:    Proven,
			ProvenBy: "diagnose.TestProven",
			Source:   "the AWS SDK for Go, config",
			Match:    []pattern{{text: "failed to get shared config profile"}},
			Examples: []string{`credentials: read profile "fleet" of /home/u/.aws/credentials and /home/u/.aws/config: failed to get shared config profile, fleet`},
		},
		{
			ID:       "aws-missing-region",
			Title:    "The AWS SDK does not know which region to ask",
			Cause:    "No region is configured, so the service's address cannot be made. \"not found, ResolveEndpointV2\" comes from modules of the AWS SDK of different age in one program.",
			Fix:      "Set config.region in federated-store.yaml, or AWS_REGION.",
			Snippets: []Snippet{yaml("in federated-store.yaml", "config:\n  region: {{region}}")},
			Basis:    Proven, ProvenBy: "diagnose.TestProven", Source: "github.com/opencost/opencost/issues/2697",
			Match:    []pattern{{text: "missing region"}, {text: "resolveendpointv2"}, {text: "an aws region is required"}},
			Examples: []string{`operation error STS: AssumeRole, failed to resolve service endpoint, endpoint rule error, Invalid Configuration: Missing Region`},
		},
		{
			ID:       "sts-not-an-sts",
			Title:    "The address of STS is not one of STS",
			Cause:    "What answers there does not speak the protocol of STS: config.sts_endpoint or AWS_ENDPOINT_URL_STS points to S3, to a proxy's page or to another service.",
			Fix:      "Remove the setting to use the region's own STS, or correct it.",
			Snippets: []Snippet{yaml("in federated-store.yaml", "config:\n  sts_endpoint: sts.{{region}}.amazonaws.com")},
			Basis:    Proven, ProvenBy: "awsid.TestNotAnSTS", Source: "internal/awsid",
			Match: []pattern{
				{text: "is the endpoint really the service's"},
				{code: "MethodNotAllowed", action: "sts:AssumeRoleWithWebIdentity|sts:AssumeRole|sts:GetCallerIdentity"},
				{status: 405, action: "sts:AssumeRoleWithWebIdentity|sts:AssumeRole|sts:GetCallerIdentity"},
			},
			Examples: []string{
				`get credentials from web identity (role arn:aws:iam::111122223333:role/x with token file /t): the answer holds no credentials; is the endpoint really the service's? (nil pointer)`,
				`operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 405, RequestID: ABCDEF123456, api error MethodNotAllowed: The specified method is not allowed against this resource.`,
			},
		},
	}
}

// podIdentityRows are failures of the two ways in which a pod gets a role.
func podIdentityRows() []row {
	return []row{
		{
			ID:    "irsa-no-oidc-provider",
			Title: "Account {{role-account}} does not know the cluster's OIDC issuer",
			Cause: "IAM has no OpenID Connect provider for {{oidc-issuer}} in the account of the role. It is needed once per cluster and account, and it is not the cluster's account that counts but the role's.",
			Fix:   "Create the provider in the account of role {{role}}.",
			Snippets: []Snippet{
				command("in the account of the role", "aws iam create-open-id-connect-provider --url {{oidc-issuer}} --client-id-list sts.amazonaws.com"),
				command("or, with eksctl, in the cluster's own account", "eksctl utils associate-iam-oidc-provider --cluster {{eks-cluster}} --region {{region}} --approve"),
			},
			Basis: Recorded, Source: fromOpenCost,
			Match:    []pattern{{text: "no openidconnect provider found"}},
			Examples: []string{`operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 400, RequestID: 11111111-2222, InvalidIdentityToken: No OpenIDConnect provider found in your account for https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF`},
		},
		{
			ID:    "irsa-wrong-audience",
			Title: "The token is not made for AWS STS",
			Cause: "The audience of the service account's token is not one of the client ids of the IAM OIDC provider. IRSA needs sts.amazonaws.com (also in China and GovCloud).",
			Fix:   "Add the client id to the provider, or project the token with the audience {{audience}}.",
			Snippets: []Snippet{
				command("in account {{role-account}}", "aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn arn:{{partition}}:iam::{{role-account}}:oidc-provider/{{issuer-host}} --client-id {{audience}}"),
				yaml("where the pod projects the token itself", "volumes:\n  - name: aws-token\n    projected:\n      sources:\n        - serviceAccountToken: {audience: {{audience}}, expirationSeconds: 86400, path: token}"),
			},
			Basis: Proven, ProvenBy: "storage.TestMatrix", Source: "github.com/awslabs/amazon-eks-irsa-cfn/pull/18",
			Match: []pattern{
				{text: "incorrect token audience"},
				{text: "`azp` must match configured openid client id"}, // MinIO
				{text: "missing a required claim: aud"},
			},
			Examples: []string{`An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: Incorrect token audience`},
		},
		{
			ID:      "irsa-token-not-validated",
			general: true,
			Title:   "AWS cannot check the service account's token",
			Cause:   "STS could not validate the token against the issuer's keys: the issuer of the token is another one than the provider names, its keys cannot be fetched from the internet (a private issuer), they were rotated, or the token was changed.",
			Fix:     "Compare the issuer in the token with the cluster's issuer and with the provider in IAM; the issuer's /.well-known/openid-configuration must be public.",
			Snippets: []Snippet{
				command("the cluster's issuer", "aws eks describe-cluster --name {{eks-cluster}} --region {{region}} --query cluster.identity.oidc.issuer"),
				command("what IAM knows", "aws iam list-open-id-connect-providers"),
			},
			Basis: Proven, ProvenBy: "storage.TestMatrix", Source: fromOpenCost,
			Match: []pattern{
				{code: "InvalidIdentityToken|InvalidIdentityTokenException|IDPCommunicationError"},
				{text: "provided token could not be validated"},
				{text: "crypto/rsa: verification error", action: "sts:AssumeRoleWithWebIdentity"}, // MinIO
				{text: "retrieve verification key from your identity provider"},
			},
			Examples: []string{`operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 400, RequestID: 11111111-2222, InvalidIdentityToken: The ID Token provided could not be validated.`},
		},
		{
			ID:       "irsa-not-authorized",
			general:  true,
			Title:    "Role {{role}} does not trust this service account",
			Cause:    "The token is good, but the role's trust policy does not let it in: another namespace or service account in the sub condition, another audience in the aud condition, the provider of another cluster, or no statement for sts:AssumeRoleWithWebIdentity at all. STS answers the same when the role does not exist.",
			Fix:      "The trust policy has to name the provider of this cluster and exactly the subject {{subject}}.",
			Snippets: []Snippet{trustWebIdentity(), command("what the role trusts now", "aws iam get-role --role-name {{role}} --query Role.AssumeRolePolicyDocument")},
			Basis:    Recorded, Source: fromOpenCost,
			Match: []pattern{{code: denied, action: "sts:AssumeRoleWithWebIdentity"}, {text: "not authorized to perform sts:assumerolewithwebidentity"}},
			Examples: []string{
				`operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 403, RequestID: 11111111-2222, api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity`,
			},
		},
		{
			ID:    "web-identity-token-expired",
			Title: "The service account's token has expired",
			Cause: "The token file holds a token whose time is over: the program read it once and kept it, the kubelet could not renew it, the file is a copy that nobody renews, or the clock of this machine is wrong.",
			Fix:   "fleetcost reads the file at each refresh, so look at the file: it must be the projected volume itself, not a copy or a subPath mount. Restart the pod; check the node's clock and the kubelet.",
			Snippets: []Snippet{
				command("how old is the token?", "kubectl -n {{namespace}} exec {{pod}} -- ls -lL /var/run/secrets/eks.amazonaws.com/serviceaccount/token"),
			},
			Basis: Proven, ProvenBy: "storage.TestMatrix", Source: "github.com/awslabs/aws-orbit-workbench/issues/771",
			Match: []pattern{
				{code: "ExpiredTokenException", action: "sts:AssumeRoleWithWebIdentity"},
				{text: "token expired: current date/time"},
				{code: "ExpiredTokenException", text: "token expired"},
				{text: "token is expired", action: "sts:AssumeRoleWithWebIdentity"},
			},
			Examples: []string{`An error occurred (ExpiredTokenException) when calling the AssumeRoleWithWebIdentity operation: Token expired: current date/time 1626271164 must be before the expiration date/time1626191469`},
		},
		{
			ID:    "irsa-token-file-missing",
			Title: "The service account's token is not where AWS_WEB_IDENTITY_TOKEN_FILE says",
			Cause: "{{file}} cannot be read: the token was not projected into the pod (the pod is older than the annotation, or the webhook did not run), or the file's owner does not let this user read it.",
			Fix:   "Restart the pod after annotating the service account. Where the file is there but not readable, set securityContext.fsGroup so that the program's user may read it.",
			Snippets: []Snippet{
				command("annotate and restart", "kubectl -n {{namespace}} annotate serviceaccount {{service-account}} eks.amazonaws.com/role-arn={{pod-role-arn}} --overwrite\nkubectl -n {{namespace}} rollout restart deployment"),
				yaml("in the pod's spec, if the file is not readable", "securityContext:\n  fsGroup: 65534"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: "the AWS SDK for Go, stscreds",
			Match: []pattern{
				{text: "failed to retrieve jwt from provide source"}, {text: "unable to read file at&no such file"},
			},
			Examples: []string{`get credentials from web identity (role arn:aws:iam::111122223333:role/cost-agent with token file /var/run/secrets/eks.amazonaws.com/serviceaccount/token): failed to retrieve jwt from provide source, unable to read file at /var/run/secrets/eks.amazonaws.com/serviceaccount/token: open /var/run/secrets/eks.amazonaws.com/serviceaccount/token: no such file or directory`},
		},
		{
			ID:    "pod-identity-trust",
			Title: "The role of the Pod Identity association does not trust EKS",
			Cause: "EKS may not assume the role: its trust policy does not name pods.eks.amazonaws.com with sts:AssumeRole and sts:TagSession. The same answer is seen for pods with hostNetwork: true.",
			Fix:   "Let the role trust EKS Pod Identity; do not run the pod on the host's network.",
			Snippets: []Snippet{{Kind: TrustPolicy, Where: "on the role of the association", Text: `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {"Service": "pods.eks.amazonaws.com"},
      "Action": ["sts:AssumeRole", "sts:TagSession"]
    }
  ]
}`}},
			Basis: Recorded, Source: "github.com/aws/eks-pod-identity-agent/issues/139",
			Match:    []pattern{{text: "eks does not have permissions to assume the associated role"}},
			Examples: []string{`failed to refresh cached credentials, failed to load credentials, Unauthorized Exception! EKS does not have permissions to assume the associated role., fault: client`},
		},
		{
			ID:    "pod-identity-agent-missing",
			Title: "The EKS Pod Identity agent does not answer on this node",
			Cause: "The pod was given an association, but nothing answers at 169.254.170.23 (fd00:ec2::23): the add-on eks-pod-identity-agent is not installed or not running on this node, a firewall rule of the node drops the address, or a proxy gets in between.",
			Fix:   "Install the add-on, check its pod on this node, and put the addresses into NO_PROXY.",
			Snippets: []Snippet{
				command("install", "aws eks create-addon --cluster-name {{eks-cluster}} --addon-name eks-pod-identity-agent"),
				command("is it running on the node?", "kubectl -n kube-system get pods -l app.kubernetes.io/name=eks-pod-identity-agent -o wide"),
				yaml("in the pod's environment, behind a proxy", "- name: NO_PROXY\n  value: 169.254.170.23,[fd00:ec2::23]"),
			},
			Basis: Recorded, Source: "github.com/aws/secrets-store-csi-driver-provider-aws/issues/465, github.com/aws-samples/containers-blog-maelstrom/issues/123",
			Match: []pattern{
				{text: "169.254.170.23&refused"},
				{text: "169.254.170.23&timeout"},
				{text: "169.254.170.23&deadline exceeded"},
				{text: "169.254.170.23&no route"},
				{text: "169.254.170.23&unreachable"},
				{text: "fd00:ec2::23&refused"},
				{text: "fd00:ec2::23&timeout"},
				{text: "fd00:ec2::23&unreachable"},
			},
			Examples: []string{
				`get credentials from container credentials (http://169.254.170.23/v1/credentials with token file /var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token): failed to load credentials, exceeded maximum number of attempts, 3, request send failed, Get "http://169.254.170.23/v1/credentials": dial tcp 169.254.170.23:80: connect: connection refused`,
				`HTTP request to pod identity agent failed: Get "http://169.254.170.23/v1/credentials": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
			},
		},
		{
			ID:    "pod-identity-token-missing",
			Title: "The token for EKS Pod Identity cannot be read",
			Cause: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names {{file}}, which is missing or not readable: the pod is older than the association, or the file's owner does not let this user read it.",
			Fix:   "Restart the pod. Where the file is there but not readable, set securityContext.fsGroup.",
			Basis: Proven, ProvenBy: "diagnose.TestProven",
			Match: []pattern{
				{text: "eks-pod-identity-token&no such file"},
				{text: "eks-pod-identity-token&permission denied"},
				{text: "service account token cannot be empty"},
				{text: "failed to get authorization token"},
				{text: "container credentials&resolve auth token: open "},
			},
			Examples: []string{`failed to load credentials, failed to get authorization token: open /var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token: no such file or directory`},
		},
		{
			ID:       "container-credentials-refused",
			Title:    "The address for container credentials is not one that AWS reserves",
			Cause:    "AWS_CONTAINER_CREDENTIALS_FULL_URI points over plain HTTP to a host that is neither loopback nor an address of ECS or EKS. The token would go to a stranger in the clear.",
			Fix:      "Leave the variable to EKS (http://169.254.170.23/v1/credentials), or use https.",
			Basis:    Proven,
			ProvenBy: "diagnose.TestProven",
			Source:   "internal/awsid",
			Match:    []pattern{{text: "aws_container_credentials_full_uri&plain http is allowed only to"}, {text: "aws_container_credentials_full_uri&is not a url"}},
			Examples: []string{`AWS_CONTAINER_CREDENTIALS_FULL_URI "http://example.com/creds": plain HTTP is allowed only to loopback and the ECS and EKS addresses`},
		},
	}
}
