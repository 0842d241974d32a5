package bucket

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// azureBucket is a container of Azure Blob Storage.
type azureBucket struct {
	cfg       AzureConfig
	container *container.Client
	source    string // where credentials come from, for messages
	transport *storeTransport
	retrier   retrier
}

// doer makes requests one by one: retries are ours, and redirects are not
// followed, so that a signature goes to no other host.
type doer struct{ http.RoundTripper }

// Do implements policy.Transporter.
func (d doer) Do(req *http.Request) (*http.Response, error) { return d.RoundTrip(req) }

// oneAttempt switches the SDK's own retries off.
var oneAttempt = policy.RetryOptions{MaxRetries: -1}

func openAzure(_ context.Context, cfg AzureConfig, deps Deps) (*azureBucket, error) {
	tlsConfig, err := newTLSConfig(cfg.HTTP)
	if err != nil {
		return nil, err
	}
	transport := newStoreTransport("Azure", cfg.HTTP, cfg.Trace, tlsConfig, deps)
	options := &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: doer{transport},
		Retry:     oneAttempt,
		Telemetry: policy.TelemetryOptions{ApplicationID: "fleetcost"},
	}}
	b := &azureBucket{
		cfg:       cfg,
		transport: transport,
		retrier:   retrier{retries: cfg.MaxRetries, first: cfg.RetryDelay, most: cfg.MaxRetryDelay, wait: sleep},
	}
	if b.container, b.source, err = newAzureContainer(cfg, options, deps); err != nil {
		return nil, fmt.Errorf("open %s: %w", b, err)
	}
	deps.Logger.Info("opened Azure container", "account", cfg.Account, "container", cfg.Container, "endpoint", cfg.ServiceURL, "credentials", b.source)
	return b, nil
}

// newAzureContainer makes the client with the chosen credentials, and names
// their source.
func newAzureContainer(cfg AzureConfig, options *container.ClientOptions, deps Deps) (*container.Client, string, error) {
	switch {
	case cfg.ConnectionString != "":
		client, err := container.NewClientFromConnectionString(string(cfg.ConnectionString), cfg.Container, options)
		source := "storage_connection_string of the file (account key)"
		if !strings.Contains(string(cfg.ConnectionString), "AccountKey=") {
			source = "storage_connection_string of the file (shared access signature)"
		}
		return client, source, credentialsFault(err)
	case cfg.AccountKey != "":
		key, err := container.NewSharedKeyCredential(cfg.Account, string(cfg.AccountKey))
		if err != nil {
			return nil, "", credentialsFault(err)
		}
		client, err := container.NewClientWithSharedKeyCredential(cfg.ServiceURL+"/"+cfg.Container, key, options)
		return client, "storage_account_key of the file", err
	default:
		tokens, err := newTokenClient(cfg.HTTP, deps)
		if err != nil {
			return nil, "", err
		}
		source, err := chooseAzure(cfg, tokens, deps)
		if err != nil {
			return nil, "", fmt.Errorf("choose credentials: %w: %w", ErrCredentials, err)
		}
		client, err := container.NewClient(cfg.ServiceURL+"/"+cfg.Container, source, options)
		return client, source.name, err
	}
}

func credentialsFault(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrCredentials, err)
}

// Capabilities implements Bucket: Azure enforces ETags.
func (a *azureBucket) Capabilities(context.Context) (Capabilities, error) {
	return Capabilities{ConditionalPut: true}, nil
}

// Clock implements Bucket.
func (a *azureBucket) Clock() (store, local time.Time) { return a.transport.clock() }

// String implements Bucket.
func (a *azureBucket) String() string { return "azure://" + a.name() }

// name is account/container.
func (a *azureBucket) name() string {
	if a.cfg.Account == "" { // a connection string with a signature need not name it
		return a.cfg.Container
	}
	return a.cfg.Account + "/" + a.cfg.Container
}

// Close implements Bucket.
func (a *azureBucket) Close() error {
	a.transport.CloseIdleConnections()
	return nil
}
