package agent

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// TestExplainedProblem: a failure of the bucket is told with cause, fix and
// page, in status.json and in the log, with the operator's names and without
// secrets; a failure of anything else is left as it is.
func TestExplainedProblem(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	cfg := Config{ClusterID: "prod-us", Storage: bucket.Config{
		Type: bucket.TypeS3, Prefix: "team", S3: bucket.S3Config{Bucket: "fleet-costs", Region: "cn-north-1"},
	}, Getenv: func(string) string { return "" }}
	r := NewReport(func(string) bool { return false }, func() time.Time { return now })
	r.explain = newExplainer(&cfg)

	denied := fmt.Errorf("round: %w", &bucket.OpError{
		Action: "s3:PutObject", Bucket: "fleet-costs", Key: "team/v1/x", Kind: bucket.ErrDenied, Code: "AccessDenied", Status: 403,
		Err: errors.New("AccessDenied: secret_key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
	})
	r.failed(roundFailed, denied)
	var s costfile.Status
	r.fill(&s)
	if len(s.Problems) != 1 {
		t.Fatalf("problems %+v", s.Problems)
	}
	p := s.Problems[0]
	if p.Code != "round-failed" || p.ID != "s3-put-denied" || p.Doc != "docs/operate/errors.md#s3-put-denied" || !p.Since.Equal(now) {
		t.Errorf("problem %+v", p)
	}
	if !strings.Contains(p.Cause, "arn:aws-cn:s3:::fleet-costs/team/*") || !strings.Contains(p.Cause, "cluster_id=prod-us") || !strings.Contains(p.Fix, "s3:PutObject") {
		t.Errorf("cause %q, fix %q", p.Cause, p.Fix)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Error("round failed", cfg.ErrorAttrs(denied)...)
	for _, want := range []string{"cause=", "fix=", "doc=docs/operate/errors.md#s3-put-denied", "err="} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, &log)
		}
	}
	if strings.Contains(p.Message+log.String(), "wJalrXUtnFEMI") {
		t.Errorf("a secret is shown: %s %s", p.Message, &log)
	}

	r.explain.caller = func() string { return "arn:aws-cn:sts::444455556666:assumed-role/costs-agent/s" }
	r.failed(roundFailed, denied)
	s = costfile.Status{}
	r.fill(&s)
	if p := s.Problems[0]; !strings.Contains(p.Cause+p.Fix, "costs-agent") {
		t.Errorf("whose credentials they are is known and not said: %+v", p)
	}

	r.failed(roundFailed, errors.New(`Post "http://prometheus:9090/api/v1/query": dial tcp 10.0.0.1:9090: connect: connection refused`))
	s = costfile.Status{}
	r.fill(&s)
	if p := s.Problems[0]; p.ID != "" || p.Cause != "" || p.Fix == "" {
		t.Errorf("Prometheus is taken for the bucket: %+v", p)
	}
}
