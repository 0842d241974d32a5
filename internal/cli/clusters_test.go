package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestClustersTable(t *testing.T) {
	var out, stderr bytes.Buffer
	f := fleet{Ready: true, Clusters: []fleetCluster{{
		ID: "a", State: "fresh", LastPush: "2026-11-23T03:15:13.481967476Z", LastHour: "2026-11-23T04:00:00Z",
		Problems: []problem{{Code: "quarantined"}, {Code: "clock-skew"}, {Code: "quarantined"}}, Missing: []problem{{Code: "x"}},
	}, {ID: "b", State: "empty"}}}
	for _, key := range []string{"k1", "k2"} {
		f.Quarantine = append(f.Quarantine, struct {
			Key    string `json:"key"`
			Reason string `json:"reason"`
		}{key, "bad"})
	}
	clustersTable(&Env{Stdout: &out, Stderr: &stderr}, &f, false)
	text := out.String()
	for _, want := range []string{
		"a         fresh   2026-11-23 03:15   2026-11-23 03:00   quarantined (2), clock-skew, no x", "\nb         empty   -                  -                  -",
		"\n\nquarantined: k1: bad\nquarantined: k2: bad\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "b ") && !strings.HasSuffix(line, "-\n") {
			t.Errorf("an unknown share is shown as known: %q", line)
		}
	}
}

// TestClustersProblems: the wide table writes problems out, and a server that
// cannot read the bucket says why and what to do.
func TestClustersProblems(t *testing.T) {
	var out, stderr bytes.Buffer
	f := fleet{
		Clusters: []fleetCluster{{ID: "a", State: "fresh", Problems: []problem{
			{Code: "quarantined", Message: "not twice"},
			{Code: "push-failed", Message: "s3:PutObject on b/x: access denied", Cause: "Writing is not allowed.", Fix: "Grant s3:PutObject.", Doc: "docs/operate/errors.md#s3-put-denied"},
			{Code: "uneven", Message: "days differ"},
		}}},
		SyncError:   "raw",
		SyncProblem: &problem{Message: "s3:ListBucket on b/: access denied", Cause: "Listing is not allowed.", Fix: "Grant s3:ListBucket."},
	}
	clustersTable(&Env{Stdout: &out, Stderr: &stderr}, &f, true)
	const problems = `
a: push-failed: s3:PutObject on b/x: access denied
  cause: Writing is not allowed.
  fix: Grant s3:PutObject.
  see: docs/operate/errors.md#s3-put-denied

a: uneven: days differ
`
	if !strings.HasSuffix(out.String(), problems) || strings.Contains(out.String(), "not twice") {
		t.Errorf("got\n%s", &out)
	}
	const warning = `warning: the server cannot read the bucket: s3:ListBucket on b/: access denied
  cause: Listing is not allowed.
  fix: Grant s3:ListBucket.
`
	if stderr.String() != warning {
		t.Errorf("got\n%s", &stderr)
	}
	out.Reset()
	stderr.Reset()
	f.SyncProblem = nil
	clustersTable(&Env{Stdout: &out, Stderr: &stderr}, &f, false)
	if stderr.String() != "warning: the server cannot read the bucket: raw\n" || strings.Contains(out.String(), "cause") {
		t.Errorf("got\n%s%s", &out, &stderr)
	}
}

func TestClock(t *testing.T) {
	for in, want := range map[string]string{"": "-", "2026-11-23T00:00:00Z": "2026-11-22 23:00", "soon": "soon"} {
		if got := clock(in, -time.Hour); got != want {
			t.Errorf("%q is shown %q, want %q", in, got, want)
		}
	}
}
