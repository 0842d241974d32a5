package storagecheck_test

import (
	"testing"

	"github.com/fleetcost/fleetcost/internal/storagecheck"
)

func TestTry(t *testing.T) {
	s := newStore(t)
	for _, drop := range []string{"", "s3:ListBucket", "s3:GetObject", "s3:DeleteObject", "s3:PutObject", "s3:PutObjectAcl"} {
		p, err := storagecheck.Policy(storagecheck.PolicyInput{Role: storagecheck.RoleSeed, Bucket: s.bucket})
		if err != nil {
			t.Fatal(err)
		}
		s.allow(without(t, p, drop))
		for _, in := range []storagecheck.Input{{Role: storagecheck.RoleServer}, {Role: storagecheck.RoleAgent, ClusterID: "prod-us"}} {
			in.Config = []byte(s.config(withACL))
			r := run(t, in)
			t.Logf("minus %q %s: %d %v %s", drop, in.Role, r.ExitCode(), r.Duration, results(r))
			for _, c := range r.Checks {
				t.Logf("    %s: %s | %s | %s", c.Name, c.Evidence, c.Cause, c.Fix)
			}
			s.clean()
		}
	}
	for _, id := range []string{"prod-us", "other"} {
		p, _ := storagecheck.Policy(storagecheck.PolicyInput{Role: storagecheck.RoleAgent, ClusterID: id, Bucket: s.bucket})
		s.allow(p)
		r := run(t, storagecheck.Input{Role: storagecheck.RoleAgent, ClusterID: "prod-us", Config: []byte(s.config(withACL))})
		t.Logf("per cluster %s: %d %v %s", id, r.ExitCode(), r.Duration, results(r))
		for _, c := range r.Checks {
			t.Logf("    %s: %s | %s | %s", c.Name, c.Evidence, c.Cause, c.Fix)
		}
		s.clean()
	}
}
