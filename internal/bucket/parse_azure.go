package bucket

import (
	"cmp"
	"encoding/base64"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// AzureConfig is `config` of type AZURE, with defaults applied.
type AzureConfig struct {
	Account          string // may be empty where a connection string says it
	Container        string
	AccountKey       Secret
	ConnectionString Secret
	ServiceURL       string // of the account's blob service, without a final slash

	TenantID, ClientID string // with ClientSecret: an application's identity
	ClientSecret       Secret
	UserAssignedID     string // client or resource id of a managed identity

	MaxRetries    int           // retries after the first attempt
	RetryDelay    time.Duration // the first wait; 0 for the default
	MaxRetryDelay time.Duration // the longest wait; 0 for the default
	ReadRetries   int           // how often a broken download is continued
	Trace         bool
	HTTP          HTTPConfig
}

const defaultAzureSuffix = "blob.core.windows.net"

// Azure's rules for names, see
// https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
// and https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name.
var (
	azureAccount   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	azureContainer = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])+$`)
)

func defaultAzure() AzureConfig { return AzureConfig{MaxRetries: -1, HTTP: defaultHTTP()} }

func (d *decoder) decodeAzure(c *AzureConfig, config ast.Node) {
	var create bool
	var kind, resource, endpoint string
	var retries, tries int64
	var tryTimeout time.Duration
	count := func(into *int64) func(ast.Node, string) {
		return d.integer(0, maxRetries, func(v int64) { *into = v })
	}
	d.mapping(config, "config", fields{
		"storage_account":            d.str(&c.Account),
		"storage_account_key":        d.secret(&c.AccountKey),
		"storage_connection_string":  d.secret(&c.ConnectionString),
		"storage_create_container":   d.boolean(&create),
		"azure_storage_account_type": d.oneOf(&kind, "blob", "datalake"),
		"container":                  d.str(&c.Container),
		"endpoint":                   d.str(&endpoint),
		"az_tenant_id":               d.str(&c.TenantID),
		"client_id":                  d.str(&c.ClientID),
		"client_secret":              d.secret(&c.ClientSecret),
		"user_assigned_id":           d.str(&c.UserAssignedID),
		"msi_resource":               d.str(&resource),
		"max_retries":                count(&retries),
		"pipeline_config": func(n ast.Node, path string) {
			d.mapping(n, path, fields{
				"max_tries":       count(&tries),
				"try_timeout":     d.duration(&tryTimeout),
				"retry_delay":     d.duration(&c.RetryDelay),
				"max_retry_delay": d.duration(&c.MaxRetryDelay),
			})
		},
		"reader_config": func(n ast.Node, path string) {
			d.mapping(n, path, fields{"max_retry_requests": d.integer(0, maxRetries, func(v int64) { c.ReadRetries = int(v) })})
		},
		"trace":       func(n ast.Node, path string) { d.mapping(n, path, fields{"enable": d.boolean(&c.Trace)}) },
		"http_config": func(n ast.Node, path string) { d.decodeHTTP(&c.HTTP, n, path) },
	})
	if create {
		d.warn("config.storage_create_container", "has no effect: a container is never created here, so that a misspelt name is an error and not an empty store")
	}
	if resource != "" {
		d.warn("config.msi_resource", "has no effect: tokens are always asked for https://storage.azure.com")
	}
	if kind != "" {
		d.warn("config.azure_storage_account_type", "has no effect: both types are spoken to alike")
	}
	switch { // as elsewhere, 0 is "the default"
	case tries > 0 && retries > 0 && tries != retries+1:
		d.warn("config.pipeline_config.max_tries", "wins over max_retries: %d attempts", tries)
		c.MaxRetries = int(tries) - 1
	case tries > 0:
		c.MaxRetries = int(tries) - 1
	case retries > 0:
		c.MaxRetries = int(retries)
	default:
		c.MaxRetries = defaultRetries
	}
	if tryTimeout > 0 {
		c.HTTP.ResponseHeaderTimeout = tryTimeout
	}
	d.validateAzureNames(c, endpoint)
	d.validateAzureIdentity(c)
}

// validateAzureNames checks what names the container, and works out its URL.
func (d *decoder) validateAzureNames(c *AzureConfig, endpoint string) {
	switch {
	case c.Container == "" && d.places["config.container"] == nil:
		d.problem("config.container", "missing: name the container")
	case c.Container != "" && (!azureContainer.MatchString(c.Container) || len(c.Container) < 3 || len(c.Container) > 63):
		d.problem("config.container", "%q is no name of a container: 3 to 63 of a-z, 0-9 and single '-'", c.Container)
	}
	if c.ConnectionString != "" {
		d.validateConnectionString(c, endpoint)
		return
	}
	switch {
	case c.Account == "" && (d.places["config.storage_account"] != nil || d.places["config.storage_connection_string"] != nil):
		return // already reported
	case c.Account == "":
		d.problem("config.storage_account", "missing: name the storage account, or write a storage_connection_string")
		return
	case !azureAccount.MatchString(c.Account):
		d.problem("config.storage_account", "%q is no name of a storage account: 3 to 24 of a-z and 0-9, without .%s", c.Account, defaultAzureSuffix)
		return
	}
	switch {
	case endpoint == "":
		c.ServiceURL = "https://" + c.Account + "." + defaultAzureSuffix
	case strings.Contains(endpoint, "://"):
		c.ServiceURL = d.storeURL("config.endpoint", endpoint, true)
	case strings.ContainsAny(endpoint, "/?#@ "):
		d.problem("config.endpoint", "must be a host such as %s, to which the account's name is added in front, or a whole URL", defaultAzureSuffix)
	case strings.HasPrefix(endpoint, c.Account+"."):
		d.problem("config.endpoint", "the account's name is added in front: write %s", strings.TrimPrefix(endpoint, c.Account+"."))
	default:
		c.ServiceURL = "https://" + c.Account + "." + endpoint
	}
	if strings.HasPrefix(c.ServiceURL, "http://") && c.AccountKey == "" {
		d.problem("config.endpoint", "would carry access tokens in the clear: use https")
	} else {
		d.warnPlain("config.endpoint", c.ServiceURL)
	}
}

// validateConnectionString checks the parts of a connection string without
// showing any.
func (d *decoder) validateConnectionString(c *AzureConfig, endpoint string) {
	const key = "config.storage_connection_string"
	parts := map[string]string{}
	for part := range strings.SplitSeq(strings.Trim(string(c.ConnectionString), "; "), ";") {
		name, value, found := strings.Cut(part, "=")
		if !found {
			d.problem(key, "is not a list of Name=value;… : copy it whole from the account's access keys")
			return
		}
		parts[name] = value
	}
	account, accountKey, service := parts["AccountName"], parts["AccountKey"], parts["BlobEndpoint"]
	if service == "" {
		service = cmp.Or(parts["DefaultEndpointsProtocol"], "https") + "://" + account + ".blob." + cmp.Or(parts["EndpointSuffix"], "core.windows.net")
	}
	switch {
	case account == "" && parts["BlobEndpoint"] == "":
		d.problem(key, "holds neither AccountName nor BlobEndpoint: copy it whole from the account's access keys")
		return
	case (account == "" || accountKey == "") && parts["SharedAccessSignature"] == "":
		d.problem(key, "holds neither AccountKey (with AccountName) nor SharedAccessSignature: copy it whole from the account's access keys")
		return
	case c.Account != "" && account != "" && c.Account != account:
		d.problem("config.storage_account", "%s contradicts the connection string, which names %s", c.Account, account)
		return
	case endpoint != "":
		d.warn("config.endpoint", "has no effect: the connection string says where the account is")
	}
	if _, err := base64.StdEncoding.DecodeString(accountKey); err != nil {
		d.problem(key, "has an AccountKey that is not base64: copy it whole")
	}
	if strings.HasPrefix(service, "http://") && accountKey == "" && !loopback(service) {
		d.problem(key, "would carry the shared access signature in the clear: use https")
		return
	}
	d.warnPlain(key, service)
	c.ServiceURL = strings.TrimSuffix(service, "/")
	if c.Account == "" {
		c.Account = account
	}
}

// warnPlain warns about a store that is spoken to without TLS.
func (d *decoder) warnPlain(key, service string) {
	if strings.HasPrefix(service, "http://") && !loopback(service) {
		d.warn(key, "speaks plain HTTP: everybody on the way can read what is stored")
	}
}

// loopback tells whether a URL is of this machine.
func loopback(service string) bool {
	u, err := url.Parse(service)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// validateAzureIdentity refuses two ways to log in at once, and halves of one.
func (d *decoder) validateAzureIdentity(c *AzureConfig) {
	var set []string // ways to log in, by their keys
	for _, way := range []struct {
		key string
		is  bool
	}{
		{"storage_account_key", c.AccountKey != ""},
		{"storage_connection_string", c.ConnectionString != ""},
		{"client_secret", c.ClientSecret != ""},
		{"user_assigned_id", c.UserAssignedID != ""},
	} {
		if way.is {
			set = append(set, way.key)
		}
	}
	if len(set) > 1 {
		d.problem("config."+set[1], "cannot be set together with %s: keep one way to log in", set[0])
		return
	}
	if _, err := base64.StdEncoding.DecodeString(string(c.AccountKey)); err != nil {
		d.problem("config.storage_account_key", "is not base64: copy the account's key whole")
	}
	halves := map[string]bool{"az_tenant_id": c.TenantID != "", "client_id": c.ClientID != "", "client_secret": c.ClientSecret != ""}
	for _, key := range []string{"az_tenant_id", "client_id", "client_secret"} {
		if !halves[key] && d.places["config."+key] == nil && (c.TenantID != "" || c.ClientID != "" || c.ClientSecret != "") {
			d.problem("config."+key, "missing: az_tenant_id, client_id and client_secret belong together")
		}
	}
}
