package storagecheck_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fleetcost/fleetcost/internal/storagecheck"
)

var update = flag.Bool("update", false, "rewrite the outputs of docs/operate/storage.md")

const docsPage = "../../docs/operate/storage.md"

// command runs `fleetcost storage` and returns what it prints.
func command(t *testing.T, now func() time.Time, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := storagecheck.Command(storagecheck.Surroundings{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Now: now, Getenv: func(string) string { return "" },
	})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// TestDocs runs the page's commands that need no bucket, and keeps its outputs
// equal to what the commands print: the policy's, and a check's against a real
// server.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile(docsPage)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	start := strings.Index(text, "\n## Check, explain, policy\n")
	end := start + 1 + strings.Index(text[start+1:], "\n## ")
	section := text[start:end]
	run := 0
	for _, m := range regexp.MustCompile(`(?m)^fleetcost storage (policy|lifecycle) (.*)$`).FindAllStringSubmatch(section, -1) {
		run++
		if out, err := command(t, time.Now, append([]string{m[1]}, strings.Fields(m[2])...)...); err != nil || out == "" {
			t.Errorf("%s: %v", m[0], err)
		}
	}
	if run < 6 {
		t.Errorf("only %d commands were found", run)
	}
	policy, err := command(t, time.Now, "policy", "--bucket", "fleet-costs", "--cluster-id", "prod-us")
	if err != nil {
		t.Fatal(err)
	}
	want := replaceFence(section, "json", policy)
	want = replaceFence(want, "text", checkForDocs(t))
	if *update {
		if err := os.WriteFile(docsPage, []byte(text[:start]+want+text[end:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, section); d != "" {
		t.Errorf("docs/operate/storage.md is out of date; run go test ./internal/storagecheck -run Docs -update (-want +got):\n%s", d)
	}
}

// replaceFence replaces the content of the first fenced block of a language.
func replaceFence(text, language, content string) string {
	open := "```" + language + "\n"
	i := strings.Index(text, open) + len(open)
	return text[:i] + content + text[i+strings.Index(text[i:], "```"):]
}

// checkForDocs checks a real bucket and hides what differs between runs.
func checkForDocs(t *testing.T) string {
	t.Helper()
	s := newStore(t)
	s.allow(without(t, mustPolicy(t, storagecheck.PolicyInput{Role: storagecheck.RoleAgent, Bucket: s.bucket}), "s3:GetObject"))
	file := filepath.Join(t.TempDir(), "federated-store.yaml")
	if err := os.WriteFile(file, []byte(s.config(withACL)), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Now() // stands still: no step takes any time
	out, _ := command(t, func() time.Time { return now }, "check", "-f", file, "--role", "agent", "--cluster-id", "prod-us")
	for _, x := range []struct{ pattern, with string }{
		{regexp.QuoteMeta(file), "federated-store.yaml"},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:9000"},
		{`\(request [A-Z0-9]+\)`, "(request 4442587FB7D0A2F9)"},
		{`access key \S{4}…\S{4}`, "access key AKIA…MPLE"},
		{`cluster_id=prod-us/[a-z0-9]{12}/`, "cluster_id=prod-us/ohb4qz7cx2ma/"},
		{`date=\d{4}-\d\d-\d\d`, "date=2026-11-22"},
	} {
		out = regexp.MustCompile(x.pattern).ReplaceAllString(out, x.with)
	}
	return out
}
