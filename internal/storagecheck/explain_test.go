package storagecheck_test

import (
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/diagnose"
	"github.com/fleetcost/fleetcost/internal/storagecheck"
)

// seedLog holds the two lines of the storage page's troubleshooting section,
// as they are.
const seedLog = `(2024-04-08T00:00:00+0000): GetCloudCost: error getting Athena columns: QueryAthenaPaginated: start query error: operation error Athena: StartQueryExecution, get identity: get credentials: failed to refresh cached credentials, operation error STS: AssumeRole, https response error StatusCode: 403, RequestID: 0459fd9b-451d-4bd0-8289-aaf90f146f37, api error AccessDenied: User: arn:aws:sts::YOUR_ACCOUNT_ID:assumed-role/aws-prod-eks-node-group/i-05c1fa9d0eb168e35 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::YOUR_PRIMARY_ACCOUNT_ID:role/KubecostRole-YOUR_ACCOUNT_ID
(2024-04-04T00:00:00+0000): GetCloudCost: error getting Athena columns: QueryAthenaPaginated: start query error: operation error Athena: StartQueryExecution, get identity: get credentials: failed to refresh cached credentials, operation error STS: AssumeRole, https response error StatusCode: 403, RequestID: 6494b54b-1a9e-47ea-941d-e316cb0bc778, api error AccessDenied: User: arn:aws:sts::YOUR_ACCOUNT_ID:assumed-role/aws-prod-eks-node-group/i-05c1fa9d0eb168e35 is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::YOUR_PRIMARY_ACCOUNT_ID:role/KubecostRole-YOUR_ACCOUNT_ID
`

// TestExplainSeed: the two lines are one failure, and the node's role is what
// to look at first.
func TestExplainSeed(t *testing.T) {
	found := storagecheck.Explain(seedLog, diagnose.Names{})
	if len(found) != 1 {
		t.Fatalf("%d failures: %+v", len(found), found)
	}
	d := found[0]
	if d.First == nil || !strings.Contains(d.First.Title, "aws-prod-eks-node-group") || !strings.Contains(d.Text(), "KubecostRole-YOUR_ACCOUNT_ID") {
		t.Errorf("%+v", d)
	}
}

// TestExplainSeveral: a log with lines of no interest and two failures, one of
// them twice.
func TestExplainSeveral(t *testing.T) {
	const missing = `level=ERROR msg="push failed" err="s3:PutObject on fleet-costs/v1/x: store unavailable: NoSuchBucket: The specified bucket does not exist"`
	text := "level=INFO msg=started\n\n" + missing + "\n" + seedLog + missing + "\n"
	found := storagecheck.Explain(text, diagnose.Names{Bucket: "fleet-costs"})
	var ids []string
	for _, d := range found {
		ids = append(ids, d.ID)
	}
	if got := strings.Join(ids, " "); got != "s3-no-such-bucket sts-assume-role-denied" {
		t.Errorf("found %s", got)
	}
	// An answer in XML, over several lines.
	if found := storagecheck.Explain("<Error>\n<Code>NoSuchBucket</Code>\n<Message>The specified\nbucket does not exist</Message>\n</Error>", diagnose.Names{}); len(found) != 1 {
		t.Errorf("XML: %+v", found)
	}
	for _, text := range []string{"", "all is well\n"} {
		if found := storagecheck.Explain(text, diagnose.Names{}); len(found) != 0 {
			t.Errorf("%q: %+v", text, found)
		}
	}
}
