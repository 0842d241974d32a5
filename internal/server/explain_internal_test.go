package server

import (
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/diagnose"
	"github.com/fleetcost/fleetcost/internal/httpapi"
)

// TestExplainText: problems of which only the text is left are explained when
// the bucket made them, and only then.
func TestExplainText(t *testing.T) {
	names := diagnose.Names{Bucket: "fleet-costs", CallerARN: "arn:aws:sts::111122223333:assumed-role/nodes/i-0123456789abcdef0"}
	for _, c := range []struct {
		in         httpapi.FleetProblem
		id         string
		cause, fix string
	}{
		{
			httpapi.FleetProblem{Code: "unreadable", Message: "v1/x: fetch: s3:GetObject on fleet-costs/v1/x: access denied: AccessDenied: Access Denied"},
			"s3-get-denied", "The pod uses its node's role nodes", "Give the service account a role",
		},
		{
			httpapi.FleetProblem{Code: "push-failed", Message: "push 2026-11-22: s3:PutObject on fleet-costs/v1/x: throttled: SlowDown: Please reduce your request rate.", Fix: "the hours wait"},
			"s3-throttled", "The store asks to slow down", "Meanwhile: the hours wait.",
		},
		{httpapi.FleetProblem{Code: "unreadable", Message: "status.json: unexpected EOF", Fix: "push again"}, "", "", "push again"},
		{httpapi.FleetProblem{Code: "round-failed", Message: "prometheus: connection refused", Fix: "see the log"}, "", "", "see the log"},
		{httpapi.FleetProblem{Code: "push-failed", Message: "s3:PutObject on b/x: access denied", ID: "kms-denied", Cause: "told by the agent", Fix: "f"}, "kms-denied", "told by the agent", "f"},
	} {
		p := c.in
		explainText(&p, names)
		if p.ID != c.id || !strings.HasPrefix(p.Cause, c.cause) || !strings.Contains(p.Fix, c.fix) || (p.Doc == "") != (c.in.Doc == "" && c.id == c.in.ID) {
			t.Errorf("%s became %+v", c.in.Message, p)
		}
	}
}
