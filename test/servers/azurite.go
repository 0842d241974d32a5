package servers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
)

const (
	azuriteVersion = "3.35.0"
	azuriteReady   = 60 * time.Second // a start of Node.js on a busy machine
	azuriteStop    = 10 * time.Second
	azuriteAccount = "devstoreaccount1"
	// azuriteKey is the account key that Azurite publishes in its documentation
	// (https://learn.microsoft.com/azure/storage/common/storage-use-azurite).
	azuriteKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// Azurite is Microsoft's emulator of Azure Blob Storage. It checks account keys,
// shared access signatures and, where it was started for it, tokens (issuer,
// audience and lifetime, not their signature). It answers on the same address
// after Restart, with its blobs.
type Azurite struct {
	process
}

// StartAzurite starts Azurite on a free loopback port over a directory of the
// test's own and stops it at the end of the test. Missing files or a server
// that does not come up fail the test.
func StartAzurite(t testing.TB) *Azurite {
	t.Helper()
	a := &Azurite{}
	a.run(t)
	return a
}

// StartAzuriteTLS starts Azurite with TLS, which it needs to take tokens. The
// PEM file cert must be trusted by whoever asks.
func StartAzuriteTLS(t testing.TB, cert, key string) *Azurite {
	t.Helper()
	pem, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	a := &Azurite{process: process{scheme: "https", client: client}}
	a.run(t, "--oauth", "basic", "--cert", cert, "--key", key)
	return a
}

// run starts the server with further arguments.
func (a *Azurite) run(t testing.TB, args ...string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("Azurite needs Node.js: %v", err)
	}
	main := cached(t, "azurite-"+azuriteVersion, "node_modules", "azurite", "dist", "src", "blob", "main.js")
	dir := t.TempDir()
	a.t, a.name, a.patience, a.grace = t, "Azurite", azuriteReady, azuriteStop
	a.health, a.ready = "/", http.StatusBadRequest // no account in the path: the server is there and says so
	a.command = func(address string) *exec.Cmd {
		host, port, _ := net.SplitHostPort(address)
		cmd := exec.Command(node, append([]string{
			main, "--blobHost", host, "--blobPort", port, "--location", filepath.Join(dir, "data"), "--silent", "--disableTelemetry",
			// The SDK speaks a newer version of the protocol than this Azurite knows.
			"--skipApiVersionCheck",
		}, args...)...)
		cmd.Dir = dir
		return cmd
	}
	a.launch()
}

// Account is the name of the only storage account.
func (a *Azurite) Account() string { return azuriteAccount }

// Key is the account's key.
func (a *Azurite) Key() string { return azuriteKey }

// ServiceURL is the address of the account, as config.endpoint takes it.
func (a *Azurite) ServiceURL() string { return a.URL() + "/" + azuriteAccount }

// ConnectionString is what storage_connection_string takes.
func (a *Azurite) ConnectionString() string {
	return fmt.Sprintf("DefaultEndpointsProtocol=%s;AccountName=%s;AccountKey=%s;BlobEndpoint=%s;", "http", azuriteAccount, azuriteKey, a.ServiceURL())
}

// Client is the vendor's own, with the account's key, for what a test prepares
// or looks at behind our back.
func (a *Azurite) Client() *azblob.Client {
	a.t.Helper()
	options := &azblob.ClientOptions{}
	if a.client != nil {
		options.Transport = a.client
	}
	cred, err := azblob.NewSharedKeyCredential(azuriteAccount, azuriteKey)
	if err != nil {
		a.t.Fatal(err)
	}
	client, err := azblob.NewClientWithSharedKeyCredential(a.ServiceURL(), cred, options)
	if err != nil {
		a.t.Fatal(err)
	}
	return client
}

// CreateContainer makes an empty container.
func (a *Azurite) CreateContainer(name string) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), azuriteReady)
	defer cancel()
	if _, err := a.Client().CreateContainer(ctx, name, nil); err != nil {
		a.t.Fatalf("Azurite: create container %s: %v", name, err)
	}
}

// ConfigYAML is the text of a federated-store.yaml for a container of this
// server.
func (a *Azurite) ConfigYAML(container string) string {
	return fmt.Sprintf("type: AZURE\nconfig:\n  container: %q\n  storage_account: %q\n  storage_account_key: %q\n  endpoint: %q\n",
		container, azuriteAccount, azuriteKey, a.ServiceURL())
}
