package storage_test

import (
	"testing"

	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// explained fails the test unless the catalogue of errors explains err by the
// row with the id. Rows of internal/diagnose rest on the tests that call it for
// what a real server said; what our gate or a double says proves no row.
func explained(t *testing.T, id string, err error) {
	t.Helper()
	if d, ok := diagnose.ExplainError(err, diagnose.Names{}); !ok || d.ID != id {
		t.Errorf("%v\nis explained as %q, want %s", err, d.ID, id)
	}
}
