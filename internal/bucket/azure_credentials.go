package bucket

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// azureSource is one chosen way to get tokens of Entra ID. Its own error
// reaches the operator: there is no chain that hides it.
type azureSource struct {
	name string // for messages, without secrets
	cred azcore.TokenCredential
}

// GetToken implements azcore.TokenCredential.
func (s *azureSource) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := s.cred.GetToken(ctx, options)
	if err != nil {
		return azcore.AccessToken{}, &credentialsError{fmt.Errorf("get credentials from %s: %w", s.name, explainEntra(err))}
	}
	return token, nil
}

// explainEntra shortens the SDK's error, which quotes whole answers, to the
// service's reason.
func explainEntra(err error) error {
	var failed *azidentity.AuthenticationFailedError
	if errors.As(err, &failed) && failed.RawResponse != nil {
		var answer struct {
			Error       any    `json:"error"`
			Description string `json:"error_description"`
		}
		body, readErr := runtime.Payload(failed.RawResponse)
		if readErr == nil && json.Unmarshal(body, &answer) == nil && answer.Description != "" {
			reason, _, _ := strings.Cut(answer.Description, "\r\n") // trace ids follow
			reason, _, _ = strings.Cut(reason, " Trace ID")
			return fmt.Errorf("%v: %s", answer.Error, reason)
		}
		return fmt.Errorf("the answer was HTTP %d", failed.RawResponse.StatusCode)
	}
	var u *url.Error
	if errors.As(err, &u) {
		return fmt.Errorf("ask %s: %w", u.URL, u.Err)
	}
	reason, _, _ := strings.Cut(err.Error(), "\n")
	reason, _, _ = strings.Cut(reason, " To troubleshoot")
	return errors.New(reason)
}

// tokenRetries are the SDK's own for requests of tokens, kept short: ours come
// after them.
var tokenRetries = policy.RetryOptions{MaxRetries: 2, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: 3 * time.Second, TryTimeout: credentialsTimeout}

// chooseAzure picks the first identity that is configured: the application or
// the managed identity in the file, an application in the environment, the
// pod's workload identity, the machine's managed identity. It makes no request.
func chooseAzure(cfg AzureConfig, client *http.Client, deps Deps) (*azureSource, error) {
	choice := azureChoice{getenv: deps.Getenv, options: azcore.ClientOptions{Transport: client, Retry: tokenRetries}}
	choice.options.Cloud, choice.private = azureCloud(cfg.ServiceURL, deps.Getenv)
	switch {
	case cfg.ClientSecret != "":
		return choice.secret("client_secret of the file", cfg.TenantID, cfg.ClientID, string(cfg.ClientSecret))
	case cfg.UserAssignedID != "":
		return choice.managed(cfg.UserAssignedID, "user_assigned_id of the file")
	}
	tenant, id := deps.Getenv("AZURE_TENANT_ID"), deps.Getenv("AZURE_CLIENT_ID")
	secret, certificate := deps.Getenv("AZURE_CLIENT_SECRET"), deps.Getenv("AZURE_CLIENT_CERTIFICATE_PATH")
	token := deps.Getenv("AZURE_FEDERATED_TOKEN_FILE")
	for name, set := range map[string]bool{"AZURE_CLIENT_SECRET": secret != "", "AZURE_CLIENT_CERTIFICATE_PATH": certificate != "", "AZURE_FEDERATED_TOKEN_FILE": token != ""} {
		if set && (tenant == "" || id == "") {
			return nil, fmt.Errorf("%s is set without AZURE_TENANT_ID and AZURE_CLIENT_ID: set all three, or none to use a managed identity", name)
		}
	}
	switch {
	case secret != "":
		return choice.secret("AZURE_CLIENT_SECRET", tenant, id, secret)
	case certificate != "":
		return choice.certificate(certificate, tenant, id)
	case token != "":
		return choice.workload(token, tenant, id)
	case id != "":
		return choice.managed(id, "AZURE_CLIENT_ID")
	default:
		return choice.managed("", "no other source is configured")
	}
}

// azureCloud tells which cloud signs people in for the account, and whether it
// is none of Microsoft's public ones.
func azureCloud(serviceURL string, getenv func(string) string) (c cloud.Configuration, private bool) {
	c = cloud.AzurePublic
	if u, err := url.Parse(serviceURL); err == nil {
		switch {
		case strings.HasSuffix(u.Hostname(), ".chinacloudapi.cn"):
			c = cloud.AzureChina
		case strings.HasSuffix(u.Hostname(), ".usgovcloudapi.net"):
			c = cloud.AzureGovernment
		}
	}
	host := getenv("AZURE_AUTHORITY_HOST") // the workload identity webhook sets it
	if host == "" {
		return c, false
	}
	known := []string{cloud.AzurePublic.ActiveDirectoryAuthorityHost, cloud.AzureChina.ActiveDirectoryAuthorityHost, cloud.AzureGovernment.ActiveDirectoryAuthorityHost}
	private = !slices.Contains(known, strings.TrimSuffix(host, "/")+"/") && !slices.Contains(known, strings.TrimSuffix(host, "/"))
	return cloud.Configuration{ActiveDirectoryAuthorityHost: host, Services: map[cloud.ServiceName]cloud.ServiceConfiguration{}}, private
}

// azureChoice makes the SDK's credentials.
type azureChoice struct {
	getenv  func(string) string
	options azcore.ClientOptions
	private bool // the authority is not one that Microsoft publishes, so that nobody can vouch for it
}

func (c azureChoice) source(cred azcore.TokenCredential, err error, format string, args ...any) (*azureSource, error) {
	name := fmt.Sprintf(format, args...)
	if err != nil {
		return nil, fmt.Errorf("use %s: %w", name, explainEntra(err))
	}
	return &azureSource{name: name, cred: cred}, nil
}

func (c azureChoice) secret(from, tenant, id, secret string) (*azureSource, error) {
	cred, err := azidentity.NewClientSecretCredential(tenant, id, secret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: c.options, DisableInstanceDiscovery: c.private,
	})
	return c.source(cred, err, "%s (application %s of tenant %s)", from, id, tenant)
}

func (c azureChoice) certificate(path, tenant, id string) (*azureSource, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read AZURE_CLIENT_CERTIFICATE_PATH: %w", err)
	}
	chain, key, err := azidentity.ParseCertificates(data, []byte(c.getenv("AZURE_CLIENT_CERTIFICATE_PASSWORD")))
	if err != nil {
		return nil, fmt.Errorf("read AZURE_CLIENT_CERTIFICATE_PATH %s: %w", path, err)
	}
	cred, err := azidentity.NewClientCertificateCredential(tenant, id, chain, key, &azidentity.ClientCertificateCredentialOptions{
		ClientOptions: c.options, DisableInstanceDiscovery: c.private,
	})
	return c.source(cred, err, "AZURE_CLIENT_CERTIFICATE_PATH %s (application %s of tenant %s)", path, id, tenant)
}

func (c azureChoice) workload(file, tenant, id string) (*azureSource, error) {
	cred, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: c.options, DisableInstanceDiscovery: c.private,
		ClientID: id, TenantID: tenant, TokenFilePath: file,
	})
	return c.source(cred, err, "workload identity (application %s of tenant %s with token file %s)", id, tenant, file)
}

func (c azureChoice) managed(id, why string) (*azureSource, error) {
	options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: c.options}
	// It is on the machine: no proxy stands in between.
	direct := http.RoundTripper(newHTTPTransport(HTTPConfig{}, &tls.Config{MinVersion: tls.VersionTLS12}, func(string) string { return "" }))
	if u, err := url.Parse(c.getenv("AZURE_POD_IDENTITY_AUTHORITY_HOST")); err == nil && u.Host != "" {
		direct = &redirectedHost{base: direct, host: u.Host}
	}
	options.Transport = &http.Client{Transport: direct, Timeout: credentialsTimeout}
	name := "the machine's managed identity (" + why + ")"
	switch {
	case strings.HasPrefix(id, "/"):
		options.ID = azidentity.ResourceID(id)
	case id != "":
		options.ID = azidentity.ClientID(id)
	}
	if id != "" {
		name = fmt.Sprintf("the managed identity %s (%s)", id, why)
	}
	cred, err := azidentity.NewManagedIdentityCredential(options)
	return c.source(cred, err, "%s", name)
}
