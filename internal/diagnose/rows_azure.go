package diagnose

// azureRows are failures of Azure Blob Storage and of logging in to it.
func azureRows() []row {
	const contributor = "az role assignment create --assignee {{client-id}} --role 'Storage Blob Data Contributor' --scope /subscriptions/{{subscription}}/resourceGroups/{{resource-group}}/providers/Microsoft.Storage/storageAccounts/{{storage-account}}/blobServices/default/containers/{{container}}"
	return []row{
		{
			ID:    "azure-authentication-failed",
			Title: "Azure does not accept the storage account's key or token",
			Cause: "storage_account_key is not one of the account's keys (rotated, cut off, of another account), a SAS token has expired or is not for this container, or this machine's clock is wrong by more than 15 minutes.",
			Fix:   "Copy a current key of storage account {{storage-account}} into the Secret; check the clock.",
			Snippets: []Snippet{
				command("the keys", "az storage account keys list --account-name {{storage-account}}"),
			},
			Basis: Memory,
			Match: []pattern{{code: "AuthenticationFailed|InvalidAuthenticationInfo|NoAuthenticationInformation"}, {text: "server failed to authenticate the request"}},
			Examples: []string{
				"azure:Put on costs/v1/x: PUT https://fleetcosts.blob.core.windows.net/costs/v1/x\nRESPONSE 403: 403 Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.\nERROR CODE: AuthenticationFailed",
			},
		},
		{
			ID:      "azure-permission-mismatch",
			general: true,
			Title:   "The identity has no data role on container {{container}}",
			Cause:   "The identity is known, but has no role for blob data. Owner and Contributor of the account do not include it. A new assignment takes some minutes to work.",
			Fix:     "Assign Storage Blob Data Contributor on the container.",
			Snippets: []Snippet{
				command("assign", contributor),
			},
			Basis: Recorded, Source: "github.com/Azure/azure-storage-blob-go/issues/183, github.com/Azure/kusto-copy/issues/79",
			Match:    []pattern{{code: "AuthorizationPermissionMismatch|InsufficientAccountPermissions"}, {text: "not authorized to perform this operation using this permission"}, {status: 403, service: "azure"}},
			Examples: []string{"azure:Put on costs/v1/x: access denied: PUT https://fleetcosts.blob.core.windows.net/costs/v1/x\nRESPONSE 403: 403 This request is not authorized to perform this operation using this permission.\nERROR CODE: AuthorizationPermissionMismatch"},
		},
		{
			ID:    "azure-network-rules",
			Title: "The storage account's network rules refuse this address",
			Cause: "The account allows only chosen networks, and the request came from another one. The code is the same for a SAS token that does not allow the request.",
			Fix:   "Add the cluster's subnet or outgoing address to the account's firewall, or use a private endpoint.",
			Snippets: []Snippet{
				command("allow a subnet", "az storage account network-rule add --account-name {{storage-account}} --vnet-name {{vnet}} --subnet {{subnet}}"),
			},
			Basis: Memory,
			Match: []pattern{{code: "AuthorizationFailure|AuthorizationSourceIPMismatch|PublicAccessNotPermitted"}},
			Examples: []string{
				"GET https://fleetcosts.blob.core.windows.net/costs\nRESPONSE 403: 403 This request is not authorized to perform this operation.\nERROR CODE: AuthorizationFailure",
			},
		},
		{
			ID:    "azure-no-such-container",
			Title: "The container {{container}} does not exist",
			Cause: "The storage account has no container of this name, or it is just being deleted.",
			Fix:   "Create the container, or correct config.container.",
			Snippets: []Snippet{
				command("create", "az storage container create --account-name {{storage-account}} --name {{container}} --auth-mode login"),
			},
			Basis: Memory,
			Match: []pattern{{code: "ContainerNotFound|ContainerBeingDeleted"}, {text: "specified container does not exist"}},
			Examples: []string{
				"azure:List on costs/v1/: GET https://fleetcosts.blob.core.windows.net/costs\nRESPONSE 404: 404 The specified container does not exist.\nERROR CODE: ContainerNotFound",
			},
		},
		{
			ID:       "azure-precondition",
			Title:    "Another writer was faster: no failure (Azure)",
			Cause:    "A conditional write found the blob changed, or already there.",
			Fix:      "Nothing: the program reads the blob again, merges and writes.",
			Harmless: true,
			Basis:    Memory,
			Match:    []pattern{{code: "ConditionNotMet|BlobAlreadyExists|TargetConditionNotMet"}, {status: 412, service: "azure"}},
			Examples: []string{
				"azure:Put on costs/v1/x: precondition failed: PUT https://fleetcosts.blob.core.windows.net/costs/v1/x\nRESPONSE 412: 412 The condition specified using HTTP conditional header(s) is not met.\nERROR CODE: ConditionNotMet",
				"RESPONSE 409: 409 The specified blob already exists.\nERROR CODE: BlobAlreadyExists",
			},
		},
		{
			ID:      "azure-no-credentials",
			general: true,
			Title:   "No Azure credentials are found",
			Cause:   "Neither storage_account_key nor a connection string is set, and none of the ways to an identity worked: no AZURE_* variables, no workload identity, no managed identity. The message lists each one with its reason.",
			Fix:     "On AKS use workload identity: label the pod azure.workload.identity/use: \"true\" and annotate its service account. Else set storage_account_key.",
			Snippets: []Snippet{
				command("annotate", "kubectl -n {{namespace}} annotate serviceaccount {{service-account}} azure.workload.identity/client-id={{client-id}}"),
				yaml("on the pod's template", "labels:\n  azure.workload.identity/use: \"true\""),
			},
			Basis: Recorded, Source: "Azure's Go SDK, azidentity",
			Match:    []pattern{{text: "defaultazurecredential"}, {text: "missing environment variable azure_"}},
			Examples: []string{"DefaultAzureCredential: failed to acquire a token.\nAttempted credentials:\n\tEnvironmentCredential: missing environment variable AZURE_TENANT_ID\n\tWorkloadIdentityCredential: no client ID specified. Check pod configuration or set ClientID in the options\n\tManagedIdentityCredential: managed identity timed out"},
		},
		{
			ID:    "azure-federated-credential",
			Title: "Entra ID does not know this service account",
			Cause: "No federated credential of the application or managed identity fits the token's issuer, subject ({{subject}}) and audience (api://AzureADTokenExchange).",
			Fix:   "Make a federated credential with exactly this issuer and subject. A new one takes a minute or two to work.",
			Snippets: []Snippet{
				command("create", "az identity federated-credential create --identity-name {{identity-name}} --resource-group {{resource-group}} --name fleetcost --issuer {{azure-issuer}} --subject {{subject}} --audience api://AzureADTokenExchange"),
			},
			Basis: Recorded, Source: "github.com/Azure/azure-workload-identity/issues/340, /1200",
			Match: []pattern{
				{text: "no matching federated identity record"}, {text: "aadsts70021"},
			},
			Examples: []string{`failed to acquire token: {"error":"invalid_request","error_description":"AADSTS70021: No matching federated identity record found for presented assertion. Assertion Issuer: 'https://oidc.prod-aks.azure.com/XXXXXX/'. Assertion Subject: 'system:serviceaccount:default:cost-agent'. Assertion Audience: 'api://AzureADTokenExchange'."}`},
		},
		{
			ID:    "azure-client-secret",
			Title: "The application's client secret is wrong or has expired",
			Cause: "AZURE_CLIENT_SECRET is not valid for this application: expired, deleted, or the secret's id was copied in place of its value.",
			Fix:   "Make a new secret and copy its value; or use workload identity, which needs none.",
			Snippets: []Snippet{
				command("a new secret", "az ad app credential reset --id {{client-id}} --append"),
			},
			Basis: Memory,
			Match: []pattern{
				{text: "aadsts7000215"}, {text: "aadsts7000222"}, {text: "invalid client secret"},
			},
			Examples: []string{
				`ClientSecretCredential authentication failed. {"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '0000'."}`,
			},
		},
		{
			ID:    "azure-app-unknown",
			Title: "The tenant does not know the application",
			Cause: "AZURE_CLIENT_ID, or the annotation azure.workload.identity/client-id, names an application that is not in tenant {{tenant}}.",
			Fix:   "Correct the client id, or AZURE_TENANT_ID.",
			Snippets: []Snippet{
				command("whose is it?", "az ad sp show --id {{client-id}} --query '{name:displayName,tenant:appOwnerOrganizationId}'"),
			},
			Basis: Memory,
			Match: []pattern{{text: "aadsts700016"}, {text: "aadsts90002"}},
			Examples: []string{
				`POST https://login.microsoftonline.com/00000000-0000-0000-0000-000000000001/oauth2/v2.0/token: AADSTS700016: Application with identifier '0000' was not found in the directory 'Example'.`,
			},
		},
		{
			ID:    "azure-managed-identity",
			Title: "The managed identity is not there",
			Cause: "The node has no managed identity of this client id, or the instance metadata service does not answer the pod.",
			Fix:   "Use workload identity; or assign the managed identity to the node pool's scale set.",
			Basis: Memory,
			Match: []pattern{
				{text: "managedidentitycredential&identity not found"}, {text: "no default identity is assigned"}, {text: "requested identity isn't assigned"}, {text: "requested identity has not been assigned"},
				{text: "managedidentitycredential authentication failed"},
			},
			Examples: []string{
				`ManagedIdentityCredential authentication failed. The requested identity has not been assigned to this resource.`,
			},
		},
		{
			ID:    "azure-shared-key-off",
			Title: "The storage account does not take keys",
			Cause: "Shared key access is switched off for the account (a policy of many companies).",
			Fix:   "Remove storage_account_key, use workload identity and give it the role Storage Blob Data Contributor.",
			Snippets: []Snippet{
				command("assign", contributor),
			},
			Basis: Memory,
			Match: []pattern{{code: "KeyBasedAuthenticationNotPermitted"}, {text: "key based authentication is not permitted"}},
			Examples: []string{
				"RESPONSE 403: 403 Key based authentication is not permitted on this storage account.\nERROR CODE: KeyBasedAuthenticationNotPermitted",
			},
		},
		{
			ID:       "azure-bad-key",
			Title:    "storage_account_key is not a key",
			Cause:    "Keys of a storage account are base64; the value is cut off, quoted wrongly, or a placeholder.",
			Fix:      "Copy the key again, without line end.",
			Basis:    Memory,
			Match:    []pattern{{text: "decode account key"}, {text: "illegal base64 data&azure"}},
			Examples: []string{`open azure container costs: decode account key: illegal base64 data at input byte 4`},
		},
		{
			ID:    "azure-no-such-account",
			Title: "The storage account {{storage-account}} is not found",
			Cause: "The account's host does not resolve: a typing error in storage_account, another cloud (endpoint), a private endpoint whose DNS zone this network does not use, or a deleted account.",
			Fix:   "Correct config.storage_account and config.endpoint; for a private endpoint link the DNS zone privatelink.blob.core.windows.net to the network.",
			Snippets: []Snippet{
				command("from inside the cluster", "kubectl run dns --rm -it --image=busybox --restart=Never -- nslookup {{storage-account}}.blob.core.windows.net"),
			},
			Basis:    Memory,
			Match:    []pattern{{text: ".blob.core.windows.net&no such host"}},
			Examples: []string{`Get "https://fleetcost.blob.core.windows.net/costs?comp=list": dial tcp: lookup fleetcost.blob.core.windows.net on 10.0.0.10:53: no such host`},
		},
		{
			ID:       "azure-account-disabled",
			Title:    "The storage account is disabled",
			Cause:    "The account, or its subscription, is disabled (payment, policy).",
			Fix:      "Ask whoever owns the subscription.",
			Basis:    Memory,
			Match:    []pattern{{code: "AccountIsDisabled"}},
			Examples: []string{"RESPONSE 403: 403 The specified account is disabled.\nERROR CODE: AccountIsDisabled"},
		},
		{
			ID:       "azure-busy",
			Title:    "Azure Blob Storage asks to slow down",
			Cause:    "The account's or the blob's request limits are reached.",
			Fix:      "Usually nothing: the program waits and tries again. If it lasts, push less often (--push-interval).",
			Basis:    Memory,
			Match:    []pattern{{code: "ServerBusy|OperationTimedOut"}, {status: 503, service: "azure"}, {status: 429, service: "azure"}},
			Examples: []string{"RESPONSE 503: 503 The server is busy.\nERROR CODE: ServerBusy"},
		},
		{
			ID:       "azure-archived",
			Title:    "The blob is in the archive tier and cannot be read",
			Cause:    "A lifecycle rule moved blobs to the archive tier.",
			Fix:      "Rehydrate them, and change the rule: fleetcost reads its blobs again.",
			Snippets: []Snippet{command("rehydrate one blob", "az storage blob set-tier --account-name {{storage-account}} --container-name {{container}} --name {{key}} --tier Cool")},
			Basis:    Memory,
			Match:    []pattern{{code: "BlobArchived|BlobBeingRehydrated"}},
			Examples: []string{"RESPONSE 409: 409 This operation is not permitted on an archived blob.\nERROR CODE: BlobArchived"},
		},
		{
			ID:       "azure-immutable",
			Title:    "The container's immutability policy forbids overwriting",
			Cause:    "fleetcost replaces a day's objects as hours arrive; a container with a retention policy or legal hold does not allow it.",
			Fix:      "Use a container without an immutability policy, or one with versioning in its place.",
			Basis:    Memory,
			Match:    []pattern{{code: "BlobImmutableDueToPolicy|BlobImmutableDueToLegalHold"}},
			Examples: []string{"RESPONSE 409: 409 This operation is not permitted as the blob is immutable due to a policy.\nERROR CODE: BlobImmutableDueToPolicy"},
		},
	}
}
