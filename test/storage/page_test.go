//go:build e2e

package storage_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/test/servers"
)

var update = flag.Bool("update", false, "write the table into docs/operate/storage.md")

const (
	page  = "../../docs/operate/storage.md"
	begin = "<!-- matrix:begin -->\n"
	end   = "<!-- matrix:end -->\n"
)

// TestMatrix measures the whole matrix and compares it with the page's table.
func TestMatrix(t *testing.T) {
	m := &matrix{}
	issuer := servers.StartIssuer(t)
	minio := servers.StartMinIO(t, servers.MinIOConfig{Issuer: issuer, Domain: domain})
	versityRows(t, m)
	minioRows(t, m, minio, issuer)
	encryptionRows(t, m)
	gateRows(t, m, minio, issuer)
	if t.Failed() {
		t.Fatal("the table is that of tests that pass")
	}
	if f := flag.Lookup("test.run"); strings.Contains(f.Value.String(), "/") {
		return // a part was measured
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	old, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no %s … %s", page, begin, end)
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+m.markdown()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(m.markdown(), old); diff != "" {
		t.Errorf("the table in %s is not what was measured; rewrite it with `go test -tags e2e ./test/storage -update` (-measured +page):\n%s", page, diff)
	}
}
