package diagnose

// s3AccessRows are permissions on a bucket and its objects.
func s3AccessRows() []row {
	const policy = " `fleetcost storage policy --bucket {{bucket}}` prints the whole policy that agent and server need."
	identityPolicy := []pattern{}
	bucketPolicy := []pattern{}
	for _, action := range []string{"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:PutObjectAcl", "s3:GetBucketLocation", "s3:AbortMultipartUpload"} {
		identityPolicy = append(identityPolicy, pattern{action: action, text: "because no identity-based policy allows"})
		bucketPolicy = append(bucketPolicy, pattern{action: action, text: "because no resource-based policy allows"})
	}
	return []row{
		{
			ID:       "s3-identity-policy",
			Title:    "No policy of {{who}} allows {{action}}",
			Cause:    "The answer names the layer: none of the caller's own policies allows {{action}} on {{resource}}.",
			Fix:      "Allow it to {{identity}}." + policy,
			identity: true,
			Snippets: []Snippet{allow(onIdentity, `"{{action}}"`, `"{{resource}}"`)},
			Basis:    Recorded, Source: "github.com/aws-ia/terraform-aws-bedrock/issues/41, github.com/schubergphilis/terraform-aws-mcaf-securityhub-findings-manager/pull/64",
			Match:    identityPolicy,
			Examples: []string{`operation error S3: ListObjectsV2, https response error StatusCode: 403, RequestID: ABCDEF123456, HostID: x, api error AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/agent-1 is not authorized to perform: s3:ListBucket on resource: "arn:aws:s3:::fleet-costs" because no identity-based policy allows the s3:ListBucket action`},
		},
		{
			ID:       "s3-bucket-policy",
			Title:    "The policy of bucket {{bucket}} does not let {{who}} in",
			Cause:    "The answer names the layer: no resource-based policy allows {{action}}. The bucket belongs to another account than the caller, and then both must allow it: the caller's own policy and the bucket's.",
			Fix:      "Add a statement to the bucket's policy, in the account that owns the bucket.",
			identity: true,
			Snippets: []Snippet{allowBucket()},
			Basis:    Memory,
			Match:    bucketPolicy,
			Examples: []string{`api error AccessDenied: User: arn:aws:sts::111122223333:assumed-role/cost-agent/agent-1 is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::fleet-costs/v1/allocation/date=2026-11-22/cluster_id=prod/data.parquet" because no resource-based policy allows the s3:PutObject action`},
		},
		{
			ID:       "s3-list-denied",
			general:  true,
			Title:    "Listing bucket {{bucket}} is not allowed",
			Cause:    "{{who}} lacks s3:ListBucket, or it was granted on the objects ({{bucket-arn}}/*) in place of the bucket itself. This is the usual reason where reading single objects works. Agents can do without; the server cannot. Without it AWS also answers 403 in place of 404 for an object that is not there.",
			Fix:      "Grant s3:ListBucket on the bucket's own ARN, without /*." + policy,
			identity: true,
			Snippets: []Snippet{allow(onIdentity, `"s3:ListBucket"`, `"{{bucket-arn}}"`)},
			Basis:    Proven, ProvenBy: "diagnose.TestProven", Source: "github.com/remotely-save/remotely-save/issues/564",
			Match: []pattern{{code: denied, action: "s3:ListBucket"}, {status: 403, action: "s3:ListBucket"}},
			Examples: []string{
				`s3:ListBucket on fleet-costs/v1/cluster/: access denied: AccessDenied: Access Denied. (request 17A1B2C3D4E5F6)`,
				`An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied`,
			},
		},
		{
			ID:       "s3-get-denied",
			general:  true,
			Title:    "Reading objects of bucket {{bucket}} is not allowed",
			Cause:    "{{who}} lacks s3:GetObject on {{objects-arn}}. Or the object is not there: without s3:ListBucket, AWS answers 403 for a missing object. Or the object was written by another account that kept it to itself (no bucket-owner-full-control). Or the object is encrypted with a KMS key that the caller may not use.",
			Fix:      "Grant s3:GetObject on the objects, and s3:ListBucket on the bucket so that missing objects are told apart." + policy,
			identity: true,
			Snippets: []Snippet{allow(onIdentity, `"s3:GetObject"`, `"{{objects-arn}}"`), allowBucket()},
			Basis:    Proven, ProvenBy: "diagnose.TestProven", Source: fromLocalStack,
			Match:    []pattern{{code: denied, action: "s3:GetObject"}, {status: 403, action: "s3:GetObject"}},
			Examples: []string{`s3:GetObject on fleet-costs/v1/cluster/cluster_id=prod/status.json: access denied: AccessDenied: Access Denied (request 17A1B2C3D4E5F6)`},
		},
		{
			ID:       "s3-put-denied",
			general:  true,
			Title:    "Writing to bucket {{bucket}} is not allowed",
			Cause:    "{{who}} lacks s3:PutObject on {{objects-arn}}; an agent may be limited to its own */cluster_id={{cluster-id}}/* keys, and then it cannot write under another cluster's id. Other reasons that AWS gives no better words for: the request carries an ACL (put_user_metadata: X-Amz-Acl) and s3:PutObjectAcl is missing, or the bucket is encrypted with a KMS key that the caller may not use, or the bucket's policy asks for an encryption header.",
			Fix:      "Grant s3:PutObject and, where an ACL is sent, s3:PutObjectAcl." + policy + " `fleetcost storage check` tells the two apart.",
			identity: true,
			Snippets: []Snippet{allow(onIdentity, `["s3:PutObject", "s3:PutObjectAcl"]`, `"{{objects-arn}}"`), {Kind: BucketPolicy, Where: "on bucket {{bucket}}, where it belongs to another account than {{identity}}", Text: `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {"AWS": "{{identity-arn}}"},
      "Action": ["s3:PutObject", "s3:PutObjectAcl"],
      "Resource": "{{objects-arn}}"
    }
  ]
}`}},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: fromLocalStack,
			Match:    []pattern{{code: denied, action: "s3:PutObject"}, {status: 403, action: "s3:PutObject"}},
			Examples: []string{`s3:PutObject on fleet-costs/v1/allocation/date=2026-11-22/cluster_id=prod/data.parquet: access denied: AccessDenied: Access Denied (request 17A1B2C3D4E5F6)`},
		},
		{
			ID:       "s3-put-acl-denied",
			Title:    "Setting an ACL on objects of bucket {{bucket}} is not allowed",
			Cause:    "The write carries an ACL (put_user_metadata: X-Amz-Acl), and the caller lacks s3:PutObjectAcl; or the ACL is a public one and the bucket blocks public access. The same write without the ACL is allowed.",
			Fix:      "Grant s3:PutObjectAcl, or remove X-Amz-Acl from put_user_metadata. It is needed only where the bucket belongs to another account and does not enforce bucket ownership.",
			identity: true,
			Snippets: []Snippet{
				allow(onIdentity, `"s3:PutObjectAcl"`, `"{{objects-arn}}"`),
				yaml("or, in federated-store.yaml, remove", "config:\n  put_user_metadata:\n    X-Amz-Acl: bucket-owner-full-control"),
			},
			Basis: Recorded, Source: "github.com/aws/aws-cli/issues/813, github.com/apostrophecms/uploadfs/issues/52",
			Match:    []pattern{{code: denied, action: "s3:PutObjectAcl"}, {action: "s3:PutObjectAcl"}},
			Examples: []string{`An error occurred (AccessDenied) when calling the PutObjectAcl operation: Access Denied`},
		},
		{
			ID:       "s3-delete-denied",
			general:  true,
			Title:    "Deleting objects of bucket {{bucket}} is not allowed",
			Cause:    "{{who}} lacks s3:DeleteObject on {{objects-arn}}, or an object lock or a bucket policy keeps the objects. Only retention, retirements and the removal of probe objects need it; nothing is lost without it.",
			Fix:      "Grant s3:DeleteObject." + policy,
			identity: true,
			Snippets: []Snippet{allow(onIdentity, `"s3:DeleteObject"`, `"{{objects-arn}}"`)},
			Basis:    Proven, ProvenBy: "diagnose.TestProven", Source: fromLocalStack,
			Match:    []pattern{{code: denied, action: "s3:DeleteObject"}, {status: 403, action: "s3:DeleteObject"}},
			Examples: []string{`s3:DeleteObject on fleet-costs/probe: access denied: AccessDenied: Access Denied (request 17A1B2C3D4E5F6)`},
		},
		{
			ID:       "s3-location-denied",
			general:  true,
			Title:    "Asking for the region of bucket {{bucket}} is not allowed",
			Cause:    "config.region is not set, so the store was asked for it, and s3:GetBucketLocation is missing.",
			Fix:      "Set config.region; then the permission is not needed.",
			identity: true,
			Snippets: []Snippet{yaml("in federated-store.yaml", "config:\n  region: {{region}}"), allow("or "+onIdentity, `"s3:GetBucketLocation"`, `"{{bucket-arn}}"`)},
			Basis:    Memory,
			Match:    []pattern{{code: denied, action: "s3:GetBucketLocation"}, {status: 403, action: "s3:GetBucketLocation"}},
			Examples: []string{`operation error S3: GetBucketLocation, https response error StatusCode: 403, RequestID: ABCDEF123456, api error AccessDenied: Access Denied`},
		},
		{
			ID:       "s3-abort-denied",
			general:  true,
			Title:    "Aborting a multipart upload in bucket {{bucket}} is not allowed",
			Cause:    "A failed upload could not be cleaned up. On AWS whoever began an upload may abort it unless a policy denies it; other stores want s3:AbortMultipartUpload. The parts stay and cost money until they expire.",
			Fix:      "Grant s3:AbortMultipartUpload, and add a lifecycle rule that aborts incomplete uploads (`fleetcost storage lifecycle` prints one).",
			identity: true,
			Snippets: []Snippet{allow(onIdentity, `"s3:AbortMultipartUpload"`, `"{{objects-arn}}"`)},
			Basis:    Memory,
			Match:    []pattern{{code: denied, action: "s3:AbortMultipartUpload"}, {status: 403, action: "s3:AbortMultipartUpload"}},
			Examples: []string{`s3:AbortMultipartUpload on fleet-costs/v1/x: access denied: AccessDenied: Access Denied (request 17A1B2C3D4E5F6)`},
		},
		{
			ID:       "s3-denied",
			general:  true,
			Title:    "The store says no, without a reason",
			Cause:    "Access was denied, and the message does not tell which action. Most likely a missing permission of {{identity}} on bucket {{bucket}}, then a bucket or key policy of another account, then a service control policy.",
			Fix:      "Run `fleetcost storage check -f federated-store.yaml`: it tries each action alone and names the missing one." + policy,
			identity: true,
			Snippets: []Snippet{whoAmI()},
			Basis:    Proven, ProvenBy: "diagnose.TestProven", Source: fromLocalStack,
			Match:    []pattern{{code: denied}, {status: 403, service: "s3"}},
			Examples: []string{`<Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>E5EA2109F158B3BE</RequestId></Error>`},
		},
		{
			ID:    "s3-request-changed",
			Title: "Something between here and the store changes requests",
			Cause: "The store got x-amz-* headers that were not signed: a proxy or gateway on the way added them.",
			Fix:   "Bypass the proxy for the store (NO_PROXY), or stop it from adding headers.",
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: fromLocalStack,
			Match:    []pattern{{text: "headers present in the request which were not signed"}},
			Examples: []string{`AccessDenied: There were headers present in the request which were not signed (request 17A1B2C3D4E5F6)`},
		},
		{
			ID:    "s3-account-disabled",
			Title: "The store has closed this account or bucket",
			Cause: "All access is disabled: the account is suspended (payment, abuse) or the bucket was locked by its provider.",
			Fix:   "Ask whoever owns the account at the provider.",
			Basis: Memory,
			Match: []pattern{{code: "AllAccessDisabled|AccountProblem|NotSignedUp|UserSuspended"}},
			Examples: []string{
				`AllAccessDisabled: All access to this object has been disabled (request 17A1B2C3D4E5F6)`,
			},
		},
	}
}

// s3KeyRows are keys, tokens, signatures and clocks.
func s3KeyRows() []row {
	return []row{
		{
			ID:    "s3-invalid-access-key",
			Title: "The store does not know the access key",
			Cause: "The key was deleted or deactivated, has a typing error, or belongs to another store: keys of MinIO sent to AWS or the reverse, or keys of another AWS partition.",
			Fix:   "Correct access_key, or config.endpoint. Where the keys come from the environment, look for AWS_ACCESS_KEY_ID left over from something else.",
			Snippets: []Snippet{
				whoAmI(),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: "github.com/elementor/wp2static/issues/537, github.com/aws/aws-sdk-java-v2/issues/1477",
			Match: []pattern{{code: "InvalidAccessKeyId|XAdminUserNotFound"}, {text: "access key id you provided does not exist"}},
			Examples: []string{
				`s3:ListBucket on fleet-costs/: credentials: the store does not accept the configured keys (access key AKIA…MPLE): InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records. (request 17A1B2C3D4E5F6)`,
				`s3:ListBucket on fleet-costs/: not found: XAdminUserNotFound: No user exists with the provided access key ID. (request 17A1B2C3D4E5F6)`,
			},
		},
		{
			ID:    "s3-signature-mismatch",
			Title: "The signature does not match: the secret key is wrong, or the request was changed on the way",
			Cause: "Most often the secret is not the one of this access key, or white space or a line end slipped into it (echo adds one). Else a proxy rewrites the Host header, the path or other headers. Else signature_version2 is set for a store that wants version 4.",
			Fix:   "Write the Secret again without a line end; bypass proxies; leave signature_version2 false unless the store is old.",
			Snippets: []Snippet{
				command("write a secret without a line end", "printf %s \"$SECRET_KEY\" | kubectl -n {{namespace}} create secret generic {{secret}} --from-file=secret_key=/dev/stdin"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: fromLocalStack,
			Match:    []pattern{{code: "SignatureDoesNotMatch"}, {text: "request signature we calculated does not match"}},
			Examples: []string{`s3:PutObject on fleet-costs/v1/x: credentials: the store does not accept the configured keys (access key AKIA…MPLE): SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. Check your key and signing method. (request 17A1B2C3D4E5F6)`},
		},
		{
			ID:    "clock-skew",
			Title: "This machine's clock differs too much from the store's",
			Cause: "Signed requests carry the time, and the store refuses those that are more than 15 minutes off.",
			Fix:   "Set the clock: run an NTP client on the node. `fleetcost storage check` shows the difference.",
			Snippets: []Snippet{
				command("on the node", "timedatectl status\nchronyc tracking"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: "github.com/aws/aws-sdk-php/issues/612, github.com/minio/minio-py/issues/285",
			Match: []pattern{
				{code: "RequestTimeTooSkewed|RequestExpired"},
				{text: "difference between the request time and the"},
				{text: "this machine's clock differs"},
				{text: "signature not yet current"},
				{text: "signature expired"},
			},
			Examples: []string{
				`s3:PutObject on fleet-costs/v1/x: credentials: this machine's clock differs from the store's: set it right: RequestTimeTooSkewed: The difference between the request time and the current time is too large. (request 17A1B2C3D4E5F6)`,
				`api error SignatureDoesNotMatch: Signature expired: 20261122T100000Z is now earlier than 20261122T104500Z (20261122T110000Z - 15 min.)`,
			},
		},
		{
			ID:      "aws-token-expired",
			general: true,
			Title:   "The session token has expired",
			Cause:   "Temporary credentials are over and were not renewed: session_token was written into the file or into AWS_SESSION_TOKEN, where nobody renews it; or the machine's clock is wrong.",
			Fix:     "Do not copy temporary keys into a file or a Secret. Use IRSA or EKS Pod Identity, which renew by themselves, or keys of a user without a session token.",
			Basis:   Memory,
			Match: []pattern{
				{code: "ExpiredToken|ExpiredTokenException|TokenRefreshRequired"}, {text: "security token included in the request is expired"}, {text: "provided token has expired"},
			},
			Examples: []string{
				`s3:GetObject on fleet-costs/v1/x: credentials: the store does not accept the environment keys (AWS_ACCESS_KEY_ID ASIA…WXYZ): ExpiredToken: The provided token has expired. (request 17A1B2C3D4E5F6)`,
				`operation error Athena: StartQueryExecution, https response error StatusCode: 400, api error ExpiredTokenException: The security token included in the request is expired`,
			},
		},
		{
			ID:    "s3-invalid-token",
			Title: "The session token is broken",
			Cause: "The session token does not belong to these keys, was cut off (a line break, a length limit), or the region must be opted into and the token came from the global endpoint of STS.",
			Fix:   "Copy all three values together, or better use IRSA or EKS Pod Identity. In opt-in regions ask the regional STS.",
			Basis: Memory,
			Match: []pattern{{code: "InvalidToken"}, {text: "provided token is malformed or otherwise invalid"}},
			Examples: []string{
				`s3:ListBucket on fleet-costs/: credentials: the store does not accept the configured keys (access key ASIA…WXYZ): InvalidToken: The provided token is malformed or otherwise invalid. (request 17A1B2C3D4E5F6)`,
			},
		},
		{
			ID:    "s3-sigv2-refused",
			Title: "The store wants signature version 4",
			Cause: "signature_version2: true is set, and the store does not take version 2. Amazon S3 refuses it for all regions and buckets of the last years.",
			Fix:   "Remove signature_version2.",
			Snippets: []Snippet{
				yaml("in federated-store.yaml", "config:\n  signature_version2: false"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven",
			Match: []pattern{
				{text: "authorization mechanism you have provided is not supported"},
				{text: "unsupported signature version"},
				{text: "authentication requires a valid date or x-amz-date header"},
				{text: "only signature version 4"},
				{text: "please use aws4-hmac-sha256"},
				{code: "UnsupportedSignature|AuthorizationTypeInvalid"},
			},
			Examples: []string{`InvalidRequest: The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256. (request 17A1B2C3D4E5F6)`},
		},
	}
}
