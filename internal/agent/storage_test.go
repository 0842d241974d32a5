package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/fleetcost/fleetcost/internal/agent"
	"github.com/fleetcost/fleetcost/internal/ops"
)

// TestStorageConfigIsFollowed: an agent whose storage config becomes wrong says
// so on /readyz, and stops saying so when it is right again.
func TestStorageConfigIsFollowed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "federated-store.yaml")
	text := fmt.Sprintf("type: FILESYSTEM\nconfig:\n  directory: %q\n", dir)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	_ = ln.Close()
	fs := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	cfg := agent.Flags(fs)
	// The source is away: what becomes of the storage config does not depend on it.
	if err := fs.Parse([]string{"--cluster-id=a", "--storage-config=" + file, "--prometheus-url=http://127.0.0.1:1", "--listen=" + address, "--spool-dir=" + filepath.Join(dir, "spool")}); err != nil {
		t.Fatal(err)
	}
	cfg.Now, cfg.Getenv = time.Now, func(string) string { return "" }
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx, *cfg, ops.Discard()) }()
	readyz := func() string {
		resp, err := http.Get("http://" + address + "/readyz")
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return string(body)
	}
	wait := func(what string, ok func(body string) bool) {
		t.Helper()
		for range 600 {
			if ok(readyz()) {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("never: %s; /readyz says %s", what, readyz())
	}
	wait("the agent waits for its source", func(body string) bool { return strings.Contains(body, "prometheus-url") })
	write(text + "prefx: a\n")
	wait("the refusal is told", func(body string) bool {
		return strings.Contains(body, "is refused and the one before stays in force") && strings.Contains(body, "did you mean prefix?")
	})
	write(text)
	wait("it is told no more", func(body string) bool {
		return !strings.Contains(body, "refused and") && strings.Contains(body, "prometheus-url")
	})
	cancel()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestLenientStorageConfig: a stray key stops the agent, or is a warning.
func TestLenientStorageConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "federated-store.yaml")
	if err := os.WriteFile(file, []byte("type: FILESYSTEM\nconfig: {directory: /tmp}\nflavour: sweet\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, lenient := range []bool{false, true} {
		fs := pflag.NewFlagSet("agent", pflag.ContinueOnError)
		cfg := agent.Flags(fs)
		if err := fs.Parse([]string{"--storage-config=" + file, fmt.Sprintf("--lenient-storage-config=%v", lenient)}); err != nil {
			t.Fatal(err)
		}
		warnings, err := cfg.ReadStorage()
		if (err == nil) != lenient || err != nil && !strings.Contains(err.Error(), "flavour: unknown key") {
			t.Errorf("lenient %v: %v", lenient, err)
		}
		if lenient && (len(warnings) != 1 || !strings.Contains(warnings[0], "flavour: unknown key, ignored")) {
			t.Errorf("warnings %q", warnings)
		}
	}
}
