package storagecheck_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7"

	"github.com/fleetcost/fleetcost/internal/storagecheck"
)

func agent(config string) storagecheck.Input {
	return storagecheck.Input{Role: storagecheck.RoleAgent, ClusterID: "prod-us", Config: []byte(config)}
}

func server(config string) storagecheck.Input {
	return storagecheck.Input{Role: storagecheck.RoleServer, Config: []byte(config)}
}

func mustPolicy(t *testing.T, in storagecheck.PolicyInput) string {
	t.Helper()
	text, err := storagecheck.Policy(in)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestSeedPolicy: with the published policy all works; with one of its actions
// less, the check names that action and the statement to add, and nothing else
// fails. (s3:PutObjectAcl is TestACLRefused: this server does not know it.)
func TestSeedPolicy(t *testing.T) {
	s := newStore(t)
	seed := mustPolicy(t, storagecheck.PolicyInput{Role: storagecheck.RoleSeed, Bucket: s.bucket})
	for _, c := range []struct {
		minus     string
		in        storagecheck.Input
		exit      int
		unhealthy string
		fails     string
	}{
		{"", server(s.config(withACL)), 0, "identity skip", ""},
		{"", agent(s.config(withACL)), 3, "identity skip, list warn, delete warn, others' keys warn", ""},
		{"s3:ListBucket", server(s.config(withACL)), 1, "identity skip, list fail", "list"},
		{"s3:ListBucket", agent(s.config(withACL)), 3, "identity skip, delete warn, others' keys warn", ""},
		{"s3:GetObject", server(s.config(withACL)), 1, "identity skip, get fail", "get"},
		{"s3:GetObject", agent(s.config(withACL)), 1, "identity skip, list warn, get fail, delete warn, others' keys warn", "get"},
		{"s3:DeleteObject", server(s.config(withACL)), 1, "identity skip, multipart put skip, delete fail", "delete"},
		{"s3:DeleteObject", agent(s.config(withACL)), 3, "identity skip, list warn, multipart put skip, others' keys warn", ""},
		{
			"s3:PutObject", server(s.config(withACL)), 1,
			"identity skip, put fail, get skip, conditional put skip, multipart put skip, delete skip", "put",
		},
	} {
		t.Run(strings.TrimPrefix(c.minus, "s3:")+" "+string(c.in.Role), func(t *testing.T) {
			s.allow(without(t, seed, c.minus))
			r := run(t, c.in)
			if got := unhealthy(r); got != c.unhealthy || r.ExitCode() != c.exit {
				t.Errorf("exit code %d, %s; want %d, %s", r.ExitCode(), got, c.exit, c.unhealthy)
			}
			s.clean()
			if c.fails == "" {
				return
			}
			check := find(t, r, c.fails)
			if !strings.Contains(check.Evidence, c.minus+" ") || !strings.Contains(check.Fix, "Allow "+c.minus+" ") {
				t.Errorf("%s is not named: %q, %q", c.minus, check.Evidence, check.Fix)
			}
			if len(check.Snippets) != 1 || !slices.Equal(slices.Compact(actions(t, check.Snippets[0].Text)), []string{c.minus}) || !strings.Contains(check.Snippets[0].Text, "arn:aws:s3:::"+s.bucket) {
				t.Errorf("the statement to paste is not %s on the bucket: %+v", c.minus, check.Snippets)
			}
		})
	}
}

// actions lists the actions that a policy allows, ascending.
func actions(t *testing.T, policy string) []string {
	t.Helper()
	var doc struct{ Statement []struct{ Action []string } }
	if err := json.Unmarshal([]byte(policy), &doc); err != nil {
		t.Fatalf("%v in %s", err, policy)
	}
	var out []string
	for _, s := range doc.Statement {
		out = append(out, s.Action...)
	}
	slices.Sort(out)
	return out
}

// TestLeastPolicies: what `storage policy` prints for a role is enough for it,
// nothing of it can be left out, and it keeps clusters apart.
func TestLeastPolicies(t *testing.T) {
	s := newStore(t)
	for _, prefix := range []string{"", "team/costs"} {
		config := s.config(withACL)
		if prefix != "" {
			config += "prefix: " + prefix + "\n"
		}
		t.Run("agent "+prefix, func(t *testing.T) {
			own := mustPolicy(t, storagecheck.PolicyInput{Role: storagecheck.RoleAgent, Bucket: s.bucket, Prefix: prefix, ClusterID: "prod-us"})
			s.allow(own)
			r := run(t, agent(config))
			if r.ExitCode() != 0 || unhealthy(r) != "identity skip, multipart put skip" {
				t.Errorf("exit code %d: %s", r.ExitCode(), unhealthy(r))
			}
			s.allow(without(t, own, "s3:PutObject"))
			if r := run(t, agent(config)); !strings.HasPrefix(find(t, r, "put").Fix, "Allow s3:PutObject ") {
				t.Errorf("without s3:PutObject: %s", unhealthy(r))
			}
			s.allow(without(t, own, "s3:GetObject"))
			if r := run(t, agent(config)); !strings.HasPrefix(find(t, r, "get").Fix, "Allow s3:GetObject ") {
				t.Errorf("without s3:GetObject: %s", unhealthy(r))
			}
			s.allow(mustPolicy(t, storagecheck.PolicyInput{Role: storagecheck.RoleAgent, Bucket: s.bucket, Prefix: prefix, ClusterID: "prod-eu"}))
			if r := run(t, agent(config)); find(t, r, "put").Result != storagecheck.Fail {
				t.Errorf("with the policy of prod-eu, prod-us has: %s", unhealthy(r))
			}
			s.allow(mustPolicy(t, storagecheck.PolicyInput{Role: storagecheck.RoleAgent, Bucket: s.bucket, Prefix: prefix}))
			if r := run(t, agent(config)); r.ExitCode() != 3 || unhealthy(r) != "identity skip, multipart put skip, others' keys warn" {
				t.Errorf("with the policy of any cluster: %d, %s", r.ExitCode(), unhealthy(r))
			}
			s.clean()
		})
		t.Run("server "+prefix, func(t *testing.T) {
			least := mustPolicy(t, storagecheck.PolicyInput{Role: storagecheck.RoleServer, Bucket: s.bucket, Prefix: prefix})
			for action, fails := range map[string]string{"": "", "s3:ListBucket": "list", "s3:GetObject": "get", "s3:PutObject": "put", "s3:DeleteObject": "delete"} {
				s.allow(without(t, least, action))
				r := run(t, server(config))
				if got := failures(r); got != fails {
					t.Errorf("without %q: %q fail, want %q", action, got, fails)
				}
			}
			s.clean()
		})
	}
}

func failures(r storagecheck.Report) string {
	var out []string
	for _, c := range r.Checks {
		if c.Result == storagecheck.Fail {
			out = append(out, c.Name)
		}
	}
	return strings.Join(out, ", ")
}

// TestACLRefused: a write that is denied for its ACL alone is told from one
// that is denied. No server at hand has the rule, so a thin gate adds it.
func TestACLRefused(t *testing.T) {
	s := newStore(t)
	s.allow(mustPolicy(t, storagecheck.PolicyInput{Role: storagecheck.RoleSeed, Bucket: s.bucket}))
	gate := s.behind(denyACL)
	r := run(t, server(s.configAt(gate, withACL)))
	put := find(t, r, "put")
	if failures(r) != "put" || !strings.Contains(put.Evidence, "s3:PutObjectAcl is missing") || !slices.Equal(actions(t, put.Snippets[0].Text), []string{"s3:PutObjectAcl"}) {
		t.Errorf("%s: %+v", unhealthy(r), put)
	}
	s.clean()
	if r := run(t, server(s.configAt(gate, ""))); r.ExitCode() != 0 {
		t.Errorf("without the ACL: %s", unhealthy(r))
	}
	// The same where nothing may be written.
	s.allow(mustPolicy(t, storagecheck.PolicyInput{Role: storagecheck.RoleAgent, Bucket: s.bucket, ClusterID: "prod-us"}))
	if put := find(t, run(t, agent(s.configAt(gate, withACL))), "put"); !strings.Contains(put.Evidence, "s3:PutObjectAcl is missing") {
		t.Errorf("rehearsed: %+v", put)
	}
	s.clean()
}

// TestInterrupted: whenever a check is interrupted, nothing stays behind.
func TestInterrupted(t *testing.T) {
	s := newStore(t)
	s.allow(mustPolicy(t, storagecheck.PolicyInput{Role: storagecheck.RoleSeed, Bucket: s.bucket}))
	in := agent(s.config(withACL))
	for _, c := range run(t, in).Checks {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := storagecheck.Run(ctx, in, storagecheck.Options{Now: time.Now, Progress: func(name string) {
			if name == c.Name {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted before %s: %v", c.Name, err)
		}
		if last := r.Checks[len(r.Checks)-1]; last.Name != c.Name || last.Result == storagecheck.Fail || len(r.Leftover) > 0 {
			t.Errorf("interrupted before %s: %s, %q", c.Name, results(r), r.Leftover)
		}
		cancel()
		s.clean()
	}
	// In the middle of a request: the gate ends the context once the object is
	// stored, and its answer never arrives.
	for _, part := range []string{"/put", "/conditional", "/multipart", "partNumber=1"} {
		ctx, cancel := context.WithCancel(t.Context())
		gate := s.behind(endOn(part, cancel))
		in.Config = []byte(s.configAt(gate, withACL))
		if _, err := storagecheck.Run(ctx, in, storagecheck.Options{Now: time.Now}); !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted during %s: %v", part, err)
		}
		s.clean()
		cancel()
	}
}

// TestWrongInput is an error, not a report.
func TestWrongInput(t *testing.T) {
	for _, in := range []storagecheck.Input{
		{Role: "admin"}, {Role: storagecheck.RoleSeed}, {Role: storagecheck.RoleAgent}, {Role: storagecheck.RoleAgent, ClusterID: "a/b"},
	} {
		if r, err := storagecheck.Run(t.Context(), in, storagecheck.Options{Now: time.Now}); err == nil {
			t.Errorf("%+v: %s", in, results(r))
		}
	}
}

// TestKeyRefused: what is denied for its KMS key alone is told from what is
// denied. The gate has the rule, and the key: the gateway behind it has none.
func TestKeyRefused(t *testing.T) {
	s := newStore(t)
	s.full()
	const key = "arn:aws:kms:us-east-1:444455556666:key/1234"
	encrypted := func(r *http.Request) bool { return r.Header.Get("X-Amz-Server-Side-Encryption") == "aws:kms" }
	for _, c := range []struct {
		check, says string
		denies      func(r *http.Request) bool
	}{
		{"put", "kms:GenerateDataKey is missing", encrypted},
		{"get", "kms:Decrypt is missing", func(r *http.Request) bool { return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/put") }},
	} {
		gate := s.behind(rule{before: func(w http.ResponseWriter, r *http.Request) bool {
			return c.denies(r) && deny(w, r)
		}})
		r := run(t, server(s.configAt(gate, withACL+"  sse_config:\n    type: SSE-KMS\n    kms_key_id: "+key+"\n")))
		check := find(t, r, c.check)
		if failures(r) != c.check || !strings.Contains(check.Evidence, c.says) || !strings.Contains(check.Snippets[0].Text, key) {
			t.Errorf("%s: %+v", unhealthy(r), check)
		}
		s.clean()
	}
}

// TestDataUntouched: whatever the rights, what clusters have in the bucket is
// the same afterwards.
func TestDataUntouched(t *testing.T) {
	s := newStore(t)
	data := []string{
		"v1/cluster/cluster_id=prod-us/owner.json", "v1/cluster/cluster_id=prod-us/status.json", "v1/cluster/cluster_id=prod-eu/owner.json",
		"v1/live/allocation/cluster_id=prod-us/data.parquet", "v1/allocation/date=2026-11-22/cluster_id=prod-us/data.parquet",
		"v1/allocation/date=2026-11-22/cluster_id=prod-eu/data.parquet", "v1/state/retired/cluster_id=old.json",
	}
	for _, key := range data {
		if _, err := s.root.PutObject(t.Context(), s.bucket, key, strings.NewReader("data of "+key), int64(len("data of "+key)), minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	snapshot := func() (out []minio.ObjectInfo) {
		for o := range s.root.ListObjects(t.Context(), s.bucket, minio.ListObjectsOptions{Recursive: true}) {
			out = append(out, minio.ObjectInfo{Key: o.Key, ETag: o.ETag, LastModified: o.LastModified, Err: o.Err})
		}
		return out
	}
	before := snapshot()
	for _, in := range []storagecheck.PolicyInput{
		{Role: storagecheck.RoleSeed}, {Role: storagecheck.RoleServer}, {Role: storagecheck.RoleAgent}, {Role: storagecheck.RoleAgent, ClusterID: "prod-us"},
	} {
		in.Bucket = s.bucket
		s.allow(mustPolicy(t, in))
		run(t, server(s.config(withACL)))
		r := run(t, agent(s.config(withACL)))
		if get := find(t, r, "get"); in.Role == storagecheck.RoleAgent && get.Evidence != "read v1/cluster/cluster_id=prod-us/owner.json" {
			t.Errorf("%+v", get)
		}
		if d := cmp.Diff(before, snapshot()); d != "" {
			t.Errorf("with the policy of %s %s:\n%s", in.Role, in.ClusterID, d)
		}
	}
}

// TestSecretOfEnvironment: keys that the file takes from the environment are
// taken from the program's.
func TestSecretOfEnvironment(t *testing.T) {
	s := newStore(t)
	s.full()
	in := server(strings.Replace(s.config(withACL), s.user.SecretKey, "${FLEET_SECRET}", 1))
	for _, c := range []struct {
		secret string
		exit   int
	}{{s.user.SecretKey, 0}, {"", 1}} {
		r, err := storagecheck.Run(t.Context(), in, storagecheck.Options{Now: time.Now, Getenv: func(name string) string {
			return map[string]string{"FLEET_SECRET": c.secret}[name]
		}})
		if err != nil || r.ExitCode() != c.exit {
			t.Errorf("secret of %d letters: exit code %d, %s, %v", len(c.secret), r.ExitCode(), unhealthy(r), err)
		}
	}
}
