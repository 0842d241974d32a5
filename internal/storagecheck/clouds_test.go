package storagecheck_test

import (
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/storagecheck"
	"github.com/fleetcost/fleetcost/test/servers"
)

// TestGCS checks a bucket of fake-gcs-server, which asks nobody who they are.
func TestGCS(t *testing.T) {
	g := servers.StartFakeGCS(t)
	g.CreateBucket("fleet-costs")
	config := g.ConfigYAML("fleet-costs")
	if r := run(t, server(config)); r.ExitCode() != 0 || unhealthy(r) != "identity skip, multipart put skip" {
		t.Errorf("server: %d, %s\n%+v", r.ExitCode(), unhealthy(r), r.Checks)
	}
	if r := run(t, agent(config)); r.ExitCode() != 0 || unhealthy(r) != "identity skip, multipart put skip, own keys skip, others' keys skip" {
		t.Errorf("agent: %d, %s", r.ExitCode(), unhealthy(r))
	}
	r := run(t, server(g.ConfigYAML("another")))
	if c := find(t, r, "list"); failures(r) != "list" || c.ID != "gcs-no-such-bucket" {
		t.Errorf("no such bucket: %s, %+v", unhealthy(r), c)
	}
	r = run(t, server("type: GCS\nconfig:\n  bucket: fleet-costs\n  endpoint: http://127.0.0.1:1\n  anonymous: true\n"))
	if failures(r) != "TLS" {
		t.Errorf("nobody listens: %s", unhealthy(r))
	}
}

// TestAzure checks a container of Azurite, which verifies account keys.
func TestAzure(t *testing.T) {
	a := servers.StartAzurite(t)
	a.CreateContainer("fleet-costs")
	config := a.ConfigYAML("fleet-costs")
	if r := run(t, server(config)); r.ExitCode() != 0 || unhealthy(r) != "identity skip, multipart put skip" {
		t.Errorf("server: %d, %s\n%+v", r.ExitCode(), unhealthy(r), r.Checks)
	}
	r := run(t, agent(config+"prefix: team\n"))
	if r.ExitCode() != 0 || unhealthy(r) != "identity skip, multipart put skip, own keys skip, others' keys skip" {
		t.Errorf("agent: %d, %s", r.ExitCode(), unhealthy(r))
	}
	if c := find(t, r, "credentials"); c.Evidence != "storage_account_key of the file" {
		t.Errorf("credentials: %+v", c)
	}
	wrong := strings.Replace(config, a.Key(), "d3Jvbmcga2V5IG9mIDY0IGJ5dGVzLCB3aGljaCBpcyBvbmUgdGhhdCBub2JvZHkgaGFzIGV2ZXIgc2VlbiE=", 1)
	r = run(t, server(wrong))
	if c := find(t, r, "list"); failures(r) != "list" || c.ID != "azure-authentication-failed" {
		t.Errorf("wrong key: %s, %+v", unhealthy(r), c)
	}
	for _, c := range r.Checks {
		if strings.Contains(c.Evidence+c.Cause+c.Fix, "d3Jvbmcg") {
			t.Errorf("%s tells the key: %+v", c.Name, c)
		}
	}
	if c := find(t, run(t, server(a.ConfigYAML("another"))), "list"); c.Result != storagecheck.Fail || c.ID != "azure-no-such-container" {
		t.Errorf("no such container: %+v", c)
	}
}
