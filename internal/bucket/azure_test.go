package bucket_test

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/test/servers"
)

func TestAzure(t *testing.T) {
	server := servers.StartAzurite(t)
	var n atomic.Int32
	open := func(extra string) func(t *testing.T) bucket.Bucket {
		return func(t *testing.T) bucket.Bucket {
			name := fmt.Sprintf("container-%d", n.Add(1))
			server.CreateContainer(name)
			return openYAML(t, server.ConfigYAML(name)+extra)
		}
	}
	t.Run("whole container", func(t *testing.T) { buckettest.AcceptanceTest(t, open("")) })
	t.Run("prefix", func(t *testing.T) {
		buckettest.AcceptanceTest(t, open("  reader_config:\n    max_retry_requests: 2\nprefix: team/costs\n"))
	})
	t.Run("refusals", func(t *testing.T) { testAzureRefusals(t, server) })
	t.Run("snapshots", func(t *testing.T) { testAzureSnapshots(t, server) })
	t.Run("archived", func(t *testing.T) { testAzureArchived(t, server) })
	t.Run("in the way", func(t *testing.T) { testAzureInTheWay(t, server) })
}

// TestAzureOutage: a store that goes away and comes back.
func TestAzureOutage(t *testing.T) {
	server := servers.StartAzurite(t)
	server.CreateContainer("fleet")
	b := openYAML(t, server.ConfigYAML("fleet")+"  max_retries: 1\n")
	buckettest.Put(t, b, "k", []byte("before"))
	server.Stop()
	_, err := put(t.Context(), b, "k", "during", bucket.Condition{})
	wantError(t, "put in an outage", err, bucket.ErrUnavailable)
	late := openYAML(t, server.ConfigYAML("fleet"))
	server.Restart()
	if got := buckettest.Get(t, late, "k"); string(got) != "before" {
		t.Errorf("after the outage: %q", got)
	}
	store, local := late.Clock()
	if skew := store.Sub(local).Abs(); store.IsZero() || skew > time.Minute {
		t.Errorf("a server on this machine has the time %v, ours is %v", store, local)
	}
}

// testAzureRefusals: who may not do what, as Azurite enforces it.
func testAzureRefusals(t *testing.T, server *servers.Azurite) {
	server.CreateContainer("fleet")
	right := server.ConfigYAML("fleet")
	buckettest.Put(t, openYAML(t, right), "k", []byte("x"))
	readOnly, err := server.Client().ServiceClient().NewContainerClient("fleet").GetSASURL(sas.ContainerPermissions{Read: true, List: true}, time.Now().Add(time.Hour), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, signature, _ := strings.Cut(readOnly, "?")
	bySignature := fmt.Sprintf("type: AZURE\nconfig:\n  container: fleet\n  storage_connection_string: %q\n", "BlobEndpoint="+server.ServiceURL()+";SharedAccessSignature="+signature)
	for _, c := range []struct {
		name, yaml string
		put, get   error
		text, row  string
	}{
		{"connection string", "type: AZURE\nconfig:\n  container: fleet\n  storage_connection_string: " + server.ConnectionString() + "\n", nil, nil, "", ""},
		// Azurite answers AuthorizationFailure where Azure answers AuthenticationFailed
		// (TestAzureErrors has it), so that a wrong key looks like a refusal here.
		{"wrong key", strings.Replace(right, server.Key(), "d3Jvbmc=", 1), bucket.ErrDenied, bucket.ErrDenied, "AuthorizationFailure: Server failed to authenticate", "azure-authentication-failed"},
		{"no such container", strings.Replace(right, `"fleet"`, `"other"`, 1), bucket.ErrUnavailable, bucket.ErrUnavailable, "the container does not exist: create it", "azure-no-such-container"},
		{"signature for reading", bySignature, bucket.ErrDenied, nil, "azure:PutBlob on fleet/k", "azure-sas-permission"},
		{"forged signature", strings.Replace(bySignature, "sig=", "sig=Zm9yZ2Vk", 1), bucket.ErrDenied, bucket.ErrDenied, "AuthorizationFailure: Server failed to authenticate", "azure-authentication-failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := openYAML(t, c.yaml)
			_, err := put(t.Context(), b, "k", "y", bucket.Condition{})
			wantError(t, "put", err, c.put)
			if c.text != "" && !strings.Contains(fmt.Sprint(err), c.text) {
				t.Errorf("put: %v, want %s", err, c.text)
			}
			if c.row != "" {
				explained(t, c.row, err)
			}
			if strings.Contains(fmt.Sprint(err), "sig=") {
				t.Errorf("the error shows the signature: %v", err)
			}
			r, _, err := b.Get(t.Context(), "k")
			if wantError(t, "get", err, c.get); err == nil {
				_ = r.Close()
			}
			_, err = b.Stat(t.Context(), "k")
			wantError(t, "stat", err, c.get)
			err = b.List(t.Context(), "", "", func(bucket.Object) error { return nil })
			wantError(t, "list", err, c.get)
		})
	}
}

// testAzureSnapshots: an object that somebody took a snapshot of can be deleted.
func testAzureSnapshots(t *testing.T, server *servers.Azurite) {
	server.CreateContainer("snapshots")
	b := openYAML(t, server.ConfigYAML("snapshots"))
	buckettest.Put(t, b, "k", []byte("x"))
	blob := server.Client().ServiceClient().NewContainerClient("snapshots").NewBlobClient("k")
	if _, err := blob.CreateSnapshot(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	_, err := b.Stat(t.Context(), "k")
	wantError(t, "stat", err, bucket.ErrNotFound)
	explained(t, "azure-no-such-blob", err)
}

// testAzureArchived: an archived object is described as such, and reading it
// says what to do.
func testAzureArchived(t *testing.T, server *servers.Azurite) {
	server.CreateContainer("archived")
	b := openYAML(t, server.ConfigYAML("archived"))
	buckettest.Put(t, b, "k", []byte("x"))
	archived := server.Client().ServiceClient().NewContainerClient("archived").NewBlobClient("k")
	if _, err := archived.SetTier(t.Context(), blob.AccessTierArchive, nil); err != nil {
		t.Fatal(err)
	}
	o, err := b.Stat(t.Context(), "k")
	if err != nil || o.StorageClass != "ARCHIVE" {
		t.Errorf("stat: %+v, %v", o, err)
	}
	if err := b.List(t.Context(), "", "", func(o bucket.Object) error {
		if o.StorageClass != "ARCHIVE" {
			t.Errorf("list: %+v", o)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if _, _, err := b.Get(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "rehydrate it") {
		t.Errorf("get: %v", err)
	} else {
		explained(t, "azure-archived", err)
	}
}

// testAzureInTheWay: blobs that are there already, or held by somebody.
func testAzureInTheWay(t *testing.T, server *servers.Azurite) {
	server.CreateContainer("in-the-way")
	b := openYAML(t, server.ConfigYAML("in-the-way"))
	buckettest.Put(t, b, "k", []byte("x"))
	_, err := put(t.Context(), b, "k", "y", bucket.Condition{Absent: true})
	explained(t, "azure-precondition", err)
	held, err := lease.NewBlobClient(server.Client().ServiceClient().NewContainerClient("in-the-way").NewBlobClient("k"), nil)
	must(t, err)
	_, err = held.AcquireLease(t.Context(), 15, nil)
	must(t, err)
	_, err = put(t.Context(), b, "k", "y", bucket.Condition{})
	explained(t, "azure-lease", err)
	key := strings.Replace(server.ConfigYAML("in-the-way"), server.Key(), "no base64", 1)
	cfg, _, err := bucket.ParseConfig("federated-store.yaml", []byte(key), bucket.ParseOptions{})
	if err == nil {
		_, err = bucket.Open(t.Context(), cfg, bucket.Deps{Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	}
	explained(t, "azure-bad-key", err)
}

// TestAzureLogins: tokens of Entra ID by each way to log in, taken by a server
// that checks their issuer, audience and lifetime. The authority is our double.
func TestAzureLogins(t *testing.T) {
	cert, key := certificate(t)
	server := servers.StartAzuriteTLS(t, cert, key)
	server.CreateContainer("fleet")
	authority := newAuthority(t, cert, key)
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte("pod-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("type: AZURE\nconfig:\n  storage_account: %s\n  container: fleet\n  endpoint: %s\n  trace: {enable: true}\n  http_config:\n    tls_config:\n      ca_file: %s\n",
		server.Account(), server.ServiceURL(), cert)
	env := map[string]string{"AZURE_AUTHORITY_HOST": authority.URL, "AZURE_TENANT_ID": testTenant, "AZURE_CLIENT_ID": "fleet-app"}
	with := func(extra map[string]string) map[string]string {
		merged := maps.Clone(env)
		maps.Copy(merged, extra)
		return merged
	}
	for _, c := range []struct {
		name, extra string
		env         map[string]string
		says, form  string // of the log, and of the request for the token
	}{
		{"workload identity", "", with(map[string]string{"AZURE_FEDERATED_TOKEN_FILE": tokenFile}), "workload identity (application fleet-app of tenant " + testTenant + " with token file " + tokenFile, "client_assertion=pod-token"},
		{"application in the environment", "", with(map[string]string{"AZURE_CLIENT_SECRET": "s3cret"}), "AZURE_CLIENT_SECRET (application fleet-app", "client_secret=s3cret"},
		{"application in the file", "  az_tenant_id: " + testTenant + "\n  client_id: file-app\n  client_secret: s3cret\n", with(map[string]string{"AZURE_CLIENT_SECRET": "other"}), "client_secret of the file (application file-app", "client_secret=s3cret"},
		{"certificate", "", with(map[string]string{"AZURE_CLIENT_CERTIFICATE_PATH": key}), "AZURE_CLIENT_CERTIFICATE_PATH", "client_assertion="},
		{"machine", "", map[string]string{"AZURE_POD_IDENTITY_AUTHORITY_HOST": authority.plain.URL}, "the machine's managed identity (no other source", "resource=https%3A%2F%2Fstorage.azure.com"},
		{"user-assigned identity", "  user_assigned_id: \"1234\"\n", map[string]string{"AZURE_POD_IDENTITY_AUTHORITY_HOST": authority.plain.URL}, "the managed identity 1234 (user_assigned_id of the file)", "client_id=1234"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, log := openIn(t, text+c.extra, c.env)
			buckettest.Put(t, b, "k", []byte("x"))
			if got := buckettest.Get(t, b, "k"); string(got) != "x" {
				t.Errorf("got %q", got)
			}
			if !strings.Contains(log.String(), c.says) || !strings.Contains(log.String(), "request to the store") {
				t.Errorf("the log does not say %q:\n%s", c.says, log)
			}
			if got := authority.last(); !strings.Contains(got, c.form) {
				t.Errorf("the token was asked for with %q, want %q in it", got, c.form)
			}
			for _, secret := range []string{"s3cret", "pod-token", "eyJ"} {
				if strings.Contains(log.String(), secret) {
					t.Errorf("the log shows %q:\n%s", secret, log)
				}
			}
		})
	}
	t.Run("foreign audience", func(t *testing.T) {
		authority.audience.Store("https://vault.azure.net")
		b, _ := openIn(t, text, with(map[string]string{"AZURE_CLIENT_SECRET": "s3cret"}))
		_, err := put(t.Context(), b, "k", "y", bucket.Condition{})
		wantError(t, "put", err, bucket.ErrCredentials)
		explained(t, "azure-authentication-failed", err)
	})
	t.Run("refused", func(t *testing.T) {
		authority.refuse.Store(true)
		b, _ := openIn(t, text, with(map[string]string{"AZURE_FEDERATED_TOKEN_FILE": tokenFile}))
		_, err := put(t.Context(), b, "k", "y", bucket.Condition{})
		wantError(t, "put", err, bucket.ErrCredentials)
		want := "get credentials from workload identity (application fleet-app of tenant " + testTenant + " with token file " + tokenFile +
			"): invalid_client: AADSTS700213: No matching federated identity record found for presented assertion subject"
		if !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	})
}
