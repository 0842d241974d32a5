//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemoInABrowser starts the demo as `make run` does and opens its page in a
// real browser: it shows the same total as the API. The screenshot stays in
// the system's temporary directory for whoever wants to look.
func TestDemoInABrowser(t *testing.T) {
	addr := address(t)
	demo := start(t, "fleetcost", "demo", "--listen", addr, "--data-dir", t.TempDir(), "--clusters", "12", "--days", "8", "--containers", "500")
	s := &server{process: demo, url: "http://" + addr}
	s.ready()
	const question = "/allocation?window=7d&aggregate=cluster&includeIdle=true&includeOverhead=true"
	sets := s.allocations(question)
	if len(sets) != 1 || len(sets[0]) < 13 {
		t.Fatalf("the demo shows %d sets of clusters", len(sets))
	}

	shot := filepath.Join(os.TempDir(), "fleetcost-demo.png")
	browse := func(args ...string) string {
		t.Helper()
		args = append([]string{
			"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir(), "--window-size=1400,1600", "--virtual-time-budget=10000",
		}, append(args, s.url+"/ui/")...)
		out, err := exec.Command("chromium", args...).Output()
		if err != nil {
			t.Fatalf("chromium (make e2e installs it): %v", err)
		}
		return string(out)
	}
	browse("--screenshot=" + shot)
	t.Logf("screenshot: %s", shot)
	// Live agents keep pushing, so the page may be a moment newer than an
	// answer; it must agree with one of the two around it, once.
	for attempt := 1; ; attempt++ {
		before := money(total(s.allocations(question)))
		dom := browse("--dump-dom")
		after := money(total(s.allocations(question)))
		for _, want := range []string{"prod-us-east", "__idle__", "__overhead__", "At default prices"} {
			if !strings.Contains(dom, want) {
				t.Fatalf("the page does not show %q", want)
			}
		}
		if strings.Contains(dom, before) || strings.Contains(dom, after) {
			return
		}
		if attempt == 5 {
			t.Fatalf("the page shows neither %s nor %s", before, after)
		}
	}
}

// money formats an amount as the page does: $1,234.56.
func money(v float64) string {
	text := fmt.Sprintf("%.2f", v)
	whole, cents, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return "$" + whole + "." + cents
}
