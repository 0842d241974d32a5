package diagnose

// googleRows are failures of Google Cloud Storage and of logging in to it.
func googleRows() []row {
	return []row{
		{
			ID:      "gcs-denied",
			general: true,
			Title:   "{{google-account}} may not do this on bucket {{bucket}}",
			Cause:   "The service account lacks {{google-action}} on the bucket. Google answers the same for a bucket that does not exist and that the caller may not see.",
			Fix:     "Grant the role Storage Object User on the bucket (it reads, lists, writes and deletes objects). Storage Object Creator is not enough: it can neither read nor overwrite.",
			Snippets: []Snippet{
				command("grant", "gcloud storage buckets add-iam-policy-binding gs://{{bucket}} --member=serviceAccount:{{google-account}} --role=roles/storage.objectUser"),
			},
			Basis: Recorded, Source: "github.com/particuleio/terraform-kubernetes-addons/pull/2190",
			Match:    []pattern{{text: "does not have storage.objects."}, {text: "permission 'storage.objects.&denied on resource"}, {code: denied, service: "gcs"}, {status: 403, service: "gcs"}},
			Examples: []string{`gcs:storage.objects.create on fleet-costs/v1/x: access denied: HTTP 403: forbidden: cost-agent@prod-0.iam.gserviceaccount.com does not have storage.objects.create access to the Google Cloud Storage object. Permission 'storage.objects.create' denied on resource (or it may not exist).`, `googleapi: Error 403: cost-agent@prod-0.iam.gserviceaccount.com does not have storage.objects.delete access to the Google Cloud Storage object. Permission 'storage.objects.delete' denied on resource (or it may not exist)., forbidden`},
		},
		{
			ID:    "gcs-bucket-denied",
			Title: "{{google-account}} may not look at bucket {{bucket}} itself",
			Cause: "The service account lacks storage.buckets.get, which roles for objects do not have; or the bucket does not exist.",
			Fix:   "Grant the role Storage Legacy Bucket Reader besides the one for objects.",
			Snippets: []Snippet{
				command("grant", "gcloud storage buckets add-iam-policy-binding gs://{{bucket}} --member=serviceAccount:{{google-account}} --role=roles/storage.legacyBucketReader"),
			},
			Basis: Recorded, Source: "github.com/grafana/tempo/issues/2206",
			Match:    []pattern{{text: "does not have storage.buckets."}},
			Examples: []string{`getting bucket attrs: googleapi: Error 403: cost-agent@prod-0.iam.gserviceaccount.com does not have storage.buckets.get access to the Google Cloud Storage bucket. Permission 'storage.buckets.get' denied on resource (or it may not exist)., forbidden`},
		},
		{
			ID:    "gcs-no-such-bucket",
			Title: "The bucket {{bucket}} does not exist at Google Cloud Storage",
			Cause: "A typing error, or a bucket that was deleted or never made.",
			Fix:   "Create the bucket, or correct config.bucket.",
			Snippets: []Snippet{
				command("create", "gcloud storage buckets create gs://{{bucket}} --location={{region}} --uniform-bucket-level-access"),
			},
			Basis: Memory,
			Match: []pattern{{text: "storage: bucket doesn't exist"}, {text: "googleapi: error 404&bucket does not exist"}, {text: "googleapi: error 404&bucket&not found"}, {text: "specified bucket does not exist", service: "gcs"}, {text: "the bucket does not exist: create it", service: "gcs"}},
			Examples: []string{
				`gcs:storage.objects.list on fleet-costs/v1/: store unavailable: the bucket does not exist: create it, or correct config.bucket: HTTP 404: notFound: The specified bucket does not exist.`, `googleapi: Error 404: The specified bucket does not exist., notFound`, `storage: bucket doesn't exist`,
			},
		},
		{
			ID:       "gcs-precondition",
			Title:    "Another writer was faster: no failure (Google Cloud Storage)",
			Cause:    "A conditional write found the object at another generation than the one read.",
			Fix:      "Nothing: the program reads the object again, merges and writes.",
			Harmless: true,
			Basis:    Memory,
			Match:    []pattern{{text: "conditionnotmet", service: "gcs"}, {text: "googleapi: error 412"}, {status: 412, service: "gcs"}},
			Examples: []string{`gcs:storage.objects.create on fleet-costs/v1/x: precondition failed: HTTP 412: conditionNotMet: At least one of the pre-conditions you specified did not hold.`},
		},
		{
			ID:    "gcs-no-credentials",
			Title: "No Google credentials are found",
			Cause: "There is no service_account in the file, GOOGLE_APPLICATION_CREDENTIALS is not set, and no metadata server gives credentials (off Google Cloud, or Workload Identity is not enabled).",
			Fix:   "In GKE bind the Kubernetes service account to a Google one (Workload Identity). Elsewhere put the key's JSON into config.service_account or mount it and set GOOGLE_APPLICATION_CREDENTIALS.",
			Snippets: []Snippet{
				command("Workload Identity", "kubectl -n {{namespace}} annotate serviceaccount {{service-account}} iam.gke.io/gcp-service-account={{google-account}}"),
			},
			Basis: Recorded, Source: "Google's Go libraries (cloud.google.com/go/auth)",
			Match:    []pattern{{text: "could not find default credentials"}, {text: "it knows no service account: give the machine one"}},
			Examples: []string{`credentials: could not find default credentials. See https://cloud.google.com/docs/authentication/external/set-up-adc for more information`},
		},
		{
			ID:    "gcs-invalid-grant",
			Title: "Google does not accept the service account's key",
			Cause: "The key was deleted or disabled, its service account no longer exists, or this machine's clock is wrong by more than a few minutes.",
			Fix:   "Make a new key and replace it in the Secret, or better use Workload Identity; check the clock.",
			Snippets: []Snippet{
				command("the keys that exist", "gcloud iam service-accounts keys list --iam-account={{google-account}}"),
			},
			Basis: Recorded, Source: "github.com/googleapis/google-cloud-python/issues/10004",
			Match:    []pattern{{text: "invalid_grant"}, {text: "invalid jwt signature"}},
			Examples: []string{`oauth2: cannot fetch token: 400 Bad Request Response: {"error":"invalid_grant","error_description":"Invalid JWT Signature."}`},
		},
		{
			ID:    "gcs-workload-identity",
			Title: "The pod may not act as {{google-account}}",
			Cause: "Workload Identity: the Kubernetes service account is not bound to the Google service account, or the annotation names another one.",
			Fix:   "Let the Kubernetes service account act as the Google one, and annotate it.",
			Snippets: []Snippet{
				command("bind", "gcloud iam service-accounts add-iam-policy-binding {{google-account}} --role=roles/iam.workloadIdentityUser --member='serviceAccount:{{project}}.svc.id.goog[{{namespace}}/{{service-account}}]'"),
				command("annotate", "kubectl -n {{namespace}} annotate serviceaccount {{service-account}} iam.gke.io/gcp-service-account={{google-account}} --overwrite"),
			},
			Basis: Memory,
			Match: []pattern{{text: "iam.serviceaccounts.getaccesstoken"}, {text: "unable to generate access token"}},
			Examples: []string{
				`compute: Received 403 Unable to generate access token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).`,
			},
		},
		{
			ID:    "gcs-unauthenticated",
			Title: "Google does not know who is asking",
			Cause: "The request carried no valid credentials: an expired or revoked token, or none at all.",
			Fix:   "Check which credentials the log names at start; make a new key, or use Workload Identity.",
			Basis: Recorded, Source: "github.com/grafana/loki/issues/932",
			Match:    []pattern{{text: "googleapi: error 401"}, {status: 401, service: "gcs"}, {text: "anonymous caller does not have storage."}, {text: "anonymous caller does not have storage.objects."}},
			Examples: []string{`googleapi: Error 401: Invalid Credentials, authError`, `googleapi: Error 401: Anonymous caller does not have storage.objects.list access to the Google Cloud Storage bucket. Permission 'storage.objects.list' denied on resource (or it may not exist)., required`},
		},
		{
			ID:    "gcs-scopes",
			Title: "The node's access scopes do not include writing to Cloud Storage",
			Cause: "The pod uses its node's service account, and the node pool was made with read-only storage scope: scopes limit what any role allows.",
			Fix:   "Use Workload Identity, which has no scopes, or make a node pool with the scope cloud-platform.",
			Snippets: []Snippet{
				command("the scopes of the pool", "gcloud container node-pools describe {{node-pool}} --cluster={{gke-cluster}} --format='value(config.oauthScopes)'"),
			},
			Basis: Recorded, Source: "github.com/cortexproject/cortex/issues/4627, github.com/prometheus-operator/prometheus-operator/issues/1668",
			Match:    []pattern{{text: "provided scope(s) are not authorized"}, {text: "insufficientpermissions"}, {text: "insufficient permission, insufficientpermissions"}},
			Examples: []string{`googleapi: Error 403: Provided scope(s) are not authorized, forbidden`, `googleapi: Error 403: Insufficient Permission, insufficientPermissions`},
		},
		{
			ID:       "gcs-billing",
			Title:    "The billing account of the bucket's project is closed",
			Cause:    "Google refuses requests to projects whose billing is disabled or overdue.",
			Fix:      "Open billing for the project again.",
			Basis:    Memory,
			Match:    []pattern{{text: "billing account for the owning project is disabled"}, {text: "accountdisabled&googleapi"}},
			Examples: []string{`googleapi: Error 403: The billing account for the owning project is disabled in state absent, accountDisabled`},
		},
		{
			ID:       "gcs-throttled",
			Title:    "Google Cloud Storage asks to slow down",
			Cause:    "One object may be written about once a second, and a bucket ramps up over minutes.",
			Fix:      "Usually nothing: the program waits and tries again. If it lasts, push less often (--push-interval).",
			Basis:    Memory,
			Match:    []pattern{{text: "ratelimitexceeded"}, {text: "googleapi: error 429"}, {status: 429, service: "gcs"}},
			Examples: []string{`googleapi: Error 429: The object fleet-costs/v1/x exceeded the rate limit for object mutation operations (create, update, and delete)., rateLimitExceeded`},
		},
		{
			ID:    "gcs-metadata",
			Title: "Google's metadata server does not answer",
			Cause: "No credentials are configured, so the metadata server was asked, and it does not answer: this is not Google Cloud, a network policy of the pod keeps it away (metadata.google.internal, 169.254.169.254), or something else answers in its place.",
			Fix:   "Off Google Cloud, put the key's JSON into config.service_account or set GOOGLE_APPLICATION_CREDENTIALS. In GKE, let the pod reach 169.254.169.254 and, with Workload Identity, 169.254.169.252.",
			Basis: Memory,
			Match: []pattern{
				{text: "metadata.google.internal"}, {text: "its answer holds no token: is it really the metadata server"}, {text: "get credentials from the metadata server"},
				{text: "169.254.169.254&timeout", service: "gcs"}, {text: "169.254.169.254&deadline exceeded", service: "gcs"},
				{text: "169.254.169.254&no route", service: "gcs"}, {text: "169.254.169.254&refused", service: "gcs"},
			},
			Examples: []string{
				`gcs:storage.objects.list on fleet-costs/v1/: credentials: get credentials from the metadata server (no other source is configured): Get "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token": dial tcp 169.254.169.254:80: i/o timeout`,
			},
		},
		{
			ID:    "gcs-bad-key",
			Title: "The service account's key is not a whole one",
			Cause: "config.service_account, or the file that GOOGLE_APPLICATION_CREDENTIALS names, is not the JSON that Google made: only its private key, a path in place of the content, or broken indentation in YAML.",
			Fix:   "Take the whole JSON file. In YAML write it as a block (service_account: |) and indent each line.",
			Basis: Memory,
			Match: []pattern{
				{text: "is not the json of a google credentials file"}, {text: "has no client_email: take the whole json"}, {text: "has no private_key in pem form"},
				{text: "private key should be a pem or plain pkcs1 or pkcs8"},
			},
			Examples: []string{
				`config.service_account: has no private_key in PEM form: take the whole JSON file of the service account's key`,
			},
		},
		{
			ID:       "gcs-internal-error",
			general:  true,
			Title:    "Google Cloud Storage has trouble of its own",
			Cause:    "The store answered with a fault of its own (500, 502, 503, 504).",
			Fix:      "The program tries again; what could not be sent stays in the spool.",
			Basis:    Memory,
			Match:    []pattern{{status: 500, service: "gcs"}, {status: 502, service: "gcs"}, {status: 503, service: "gcs"}, {status: 504, service: "gcs"}, {text: "backenderror", service: "gcs"}},
			Examples: []string{`gcs:storage.objects.create on fleet-costs/v1/x: store unavailable: after 4 attempts: HTTP 503: backendError: Backend Error`},
		},
	}
}
