package settings_test

import (
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/fleetcost/fleetcost/internal/settings"
)

func TestDuration(t *testing.T) {
	fs := pflag.NewFlagSet("t", pflag.ContinueOnError)
	var d time.Duration
	settings.DurationVar(fs, &d, "backfill", 24*time.Hour, "")
	if got := fs.Lookup("backfill").DefValue; got != "1d" {
		t.Errorf("default shown as %q, want 1d", got)
	}
	for in, want := range map[string]time.Duration{"15d": 15 * 24 * time.Hour, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute, "0": 0} {
		if err := fs.Set("backfill", in); err != nil || d != want {
			t.Errorf("%s = %v, %v; want %v", in, d, err, want)
		}
	}
	for _, bad := range []string{"soon", "-1h", "15"} {
		if err := fs.Set("backfill", bad); err == nil {
			t.Errorf("%q accepted as %v", bad, d)
		}
	}
}
