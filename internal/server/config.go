package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/preferences"
	"github.com/fleetcost/fleetcost/internal/settings"
)

// Config is what a server can be told.
type Config struct {
	StorageConfig        string // path of federated-store.yaml
	LenientStorageConfig bool   // unknown keys in it are warnings
	DataDir              string // holds the store; disposable
	Listen               string // address of the API

	PollInterval  time.Duration // between looks at the bucket
	SweepInterval time.Duration // between complete listings
	HourlyDays    int           // days that keep hourly detail
	DailyDays     int           // days that keep daily detail
	Currency      string        // of the fleet; "" is that of most clusters
	LabelAliases  map[string]string

	Threads      int    // of the store; 0: one per core
	MemoryLimit  string // of the store
	QueryTimeout time.Duration
	CacheMiB     int
	StopGrace    time.Duration

	Log ops.LogConfig

	// What a program or a test hands in.
	Bucket   bucket.Bucket // instead of StorageConfig; not closed by the server
	Build    ops.Build
	Now      func() time.Time
	Getenv   func(string) string
	Logger   *slog.Logger
	Progress io.Writer // a terminal, for a bar while the bucket is loaded; nil: log lines
}

// Settle is how long after its end an hour is expected to be in the bucket: an
// agent's close delay and push interval.
const settle = 15 * time.Minute

// Flags adds the settings to fs.
func (c *Config) Flags(fs *pflag.FlagSet) {
	fs.StringVar(&c.StorageConfig, "storage-config", "", "path of federated-store.yaml, which says where the bucket is (required)")
	fs.BoolVar(&c.LenientStorageConfig, "lenient-storage-config", false, "take unknown keys in the storage config as warnings")
	c.TuningFlags(fs)
}

// TuningFlags adds the settings that do not say which bucket.
func (c *Config) TuningFlags(fs *pflag.FlagSet) {
	fs.StringVar(&c.DataDir, "data-dir", "./fleetcost-data", "directory of the store; it may be deleted while the server is stopped, the bucket has everything")
	fs.StringVar(&c.Listen, "listen", "127.0.0.1:9003", "address of the API and the web page")
	settings.DurationVar(fs, &c.PollInterval, "poll-interval", time.Minute, "time between two looks at the bucket")
	settings.DurationVar(fs, &c.SweepInterval, "sweep-interval", 6*time.Hour, "time between two complete listings of the bucket")
	fs.IntVar(&c.HourlyDays, "hourly-retention-days", 32, "days that keep hourly detail; older hours are read from the bucket when asked for")
	fs.IntVar(&c.DailyDays, "daily-retention-days", 400, "days that keep daily detail")
	fs.StringVar(&c.Currency, "currency", "", "currency of the fleet; objects in another are refused; default: that of most clusters")
	fs.StringToStringVar(&c.LabelAliases, "label-aliases", nil, "labels behind department, environment, owner, product and team, the first present wins: team=team|squad; those saved on the page Settings go before them")
	fs.IntVar(&c.Threads, "store-threads", 0, "threads of the store; 0: one per core")
	fs.StringVar(&c.MemoryLimit, "store-memory", "1GiB", "memory of the store; the process needs some 300 MiB more")
	settings.DurationVar(fs, &c.QueryTimeout, "query-timeout", time.Minute, "longest time for one question")
	fs.IntVar(&c.CacheMiB, "cache-mib", 64, "memory for kept answers, in MiB; 0: none")
	settings.DurationVar(fs, &c.StopGrace, "stop-grace", 10*time.Second, "time that requests in flight get when the server stops")
	fs.StringVar(&c.Log.Level, "log-level", "info", strings.Join(ops.LogLevels[:], ", "))
	fs.StringVar(&c.Log.Format, "log-format", "json", strings.Join(ops.LogFormats[:], " or "))
}

// Validate names everything that is wrong, by setting, and what to do.
func (c *Config) Validate() error {
	var errs []error
	bad := func(setting, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s: %s", setting, fmt.Sprintf(format, args...)))
	}
	if c.StorageConfig == "" && c.Bucket == nil {
		bad("storage-config", "is required; it names a federated-store.yaml, e.g. with `type: FILESYSTEM` and `config: {directory: ./bucket}`")
	}
	if c.DataDir == "" {
		bad("data-dir", "is empty")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad("listen", "%q is not host:port, e.g. 127.0.0.1:9003 or :9003", c.Listen)
	}
	for _, d := range []struct {
		name       string
		value, min time.Duration
	}{
		{"poll-interval", c.PollInterval, time.Second},
		{"sweep-interval", c.SweepInterval, c.PollInterval},
		{"query-timeout", c.QueryTimeout, time.Second},
		{"stop-grace", c.StopGrace, 0},
	} {
		if d.value < d.min {
			bad(d.name, "%v is shorter than %v", d.value, d.min)
		}
	}
	if c.HourlyDays < 1 {
		bad("hourly-retention-days", "%d is less than a day", c.HourlyDays)
	}
	if c.DailyDays < c.HourlyDays {
		bad("daily-retention-days", "%d is less than --hourly-retention-days %d", c.DailyDays, c.HourlyDays)
	}
	if c.Threads < 0 {
		bad("store-threads", "%d is negative", c.Threads)
	}
	if c.CacheMiB < 0 {
		bad("cache-mib", "%d is negative", c.CacheMiB)
	}
	for name := range c.LabelAliases {
		if known := preferences.Aliases(); !slices.Contains(known, name) {
			bad("label-aliases", "%q is no alias; there are %s", name, strings.Join(known, ", "))
		}
	}
	return errors.Join(errs...)
}
