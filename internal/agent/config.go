package agent

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/collect/prometheus"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/pricing"
	"github.com/fleetcost/fleetcost/internal/settings"
)

// Config is everything the agent can be told. Flags documents each field.
type Config struct {
	ClusterID            string
	ClusterUID           string
	TakeOver             bool
	StorageConfig        string
	LenientStorageConfig bool
	Storage              bucket.Config // what ReadStorage found in StorageConfig

	Source     string
	Prometheus prometheus.Config
	Pricing    pricing.Config

	Schedule  Schedule
	Once      bool
	Recompute string

	SpoolDir   string
	SpoolDays  int
	SpoolBytes int64

	Listen string
	Log    ops.LogConfig

	// Build, Now and Getenv come from main.
	Build  ops.Build
	Now    func() time.Time
	Getenv func(string) string
}

// Flags adds the agent's flags to fs, filled into the returned Config.
func Flags(fs *pflag.FlagSet) *Config {
	c := &Config{Schedule: DefaultSchedule, Pricing: pricing.Config{Rates: pricing.DefaultRates()}}
	fs.StringVar(&c.ClusterID, "cluster-id", "", "id of this cluster in the bucket; unique in the fleet (required)")
	fs.StringVar(&c.ClusterUID, "cluster-uid", "", "what identifies this cluster beyond doubt; default: read from the source")
	fs.BoolVar(&c.TakeOver, "take-over", false, "make this cluster the owner of the cluster id, once, after a rebuild of the cluster")
	fs.StringVar(&c.StorageConfig, "storage-config", "federated-store.yaml", "file that says where the bucket is and how to log in")
	fs.BoolVar(&c.LenientStorageConfig, "lenient-storage-config", false, "warn about unknown keys in the storage config instead of refusing it")
	fs.StringVar(&c.Source, "source", "prometheus", "where usage comes from: prometheus")
	c.prometheusFlags(fs)
	c.pricingFlags(fs)
	settings.DurationVar(fs, &c.Schedule.Backfill, "backfill", c.Schedule.Backfill, "how far back missing hours are filled at start")
	settings.DurationVar(fs, &c.Schedule.PushInterval, "push-interval", c.Schedule.PushInterval, "time between pushes of the live object")
	settings.DurationVar(fs, &c.Schedule.CloseDelay, "close-delay", c.Schedule.CloseDelay, "an hour closes this long after its end, to wait for late samples")
	fs.IntVar(&c.Schedule.BatchRows, "batch-rows", c.Schedule.BatchRows, "rows held in memory before they go to the spool")
	fs.BoolVar(&c.Once, "once", false, "backfill, push and exit; for a CronJob")
	fs.StringVar(&c.Recompute, "recompute", "", "compute closed hours anew and exit: FROM..TO, two days or RFC 3339 times, the second excluded for times and included for days")
	fs.StringVar(&c.SpoolDir, "spool-dir", defaultSpool(), "directory for what is not in the bucket yet; a volume that survives restarts is best")
	fs.IntVar(&c.SpoolDays, "spool-days", 30, "days the spool may hold; beyond, the oldest goes first")
	fs.Int64Var(&c.SpoolBytes, "spool-bytes", 2<<30, "bytes the spool may hold")
	fs.StringVar(&c.Listen, "listen", "127.0.0.1:9005", "address of /metrics, /healthz and /readyz; empty for none")
	fs.StringVar(&c.Log.Level, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&c.Log.Format, "log-format", "json", "json or text")
	return c
}

func defaultSpool() string { return filepath.Join(os.TempDir(), "fleetcost-spool") }

func (c *Config) prometheusFlags(fs *pflag.FlagSet) {
	p := &c.Prometheus
	fs.StringVar(&p.URL, "prometheus-url", "", "base URL of the Prometheus-compatible API, e.g. http://prometheus.monitoring:9090 (required)")
	fs.StringVar(&p.BearerTokenFile, "prometheus-bearer-token-file", "", "file with a bearer token, read again when it changes")
	fs.StringVar(&p.Username, "prometheus-username", "", "user of basic authentication")
	fs.StringVar(&p.PasswordFile, "prometheus-password-file", "", "file with the password of basic authentication")
	fs.StringVar(&p.TLS.CAFile, "prometheus-ca-file", "", "file with the CA that signed the server's certificate")
	fs.StringVar(&p.TLS.CertFile, "prometheus-cert-file", "", "client certificate")
	fs.StringVar(&p.TLS.KeyFile, "prometheus-key-file", "", "key of the client certificate")
	fs.StringVar(&p.TLS.ServerName, "prometheus-server-name", "", "name expected in the server's certificate")
	fs.BoolVar(&p.TLS.InsecureSkipVerify, "prometheus-insecure-skip-verify", false, "do not verify the server's certificate")
	fs.StringToStringVar(&p.Headers, "prometheus-header", nil, "extra headers, name=value (X-Scope-OrgID=tenant)")
	fs.StringVar(&p.Matcher, "prometheus-matcher", "", `label matcher added to every selector, for a store shared by clusters: cluster="prod"`)
	fs.IntVar(&p.MaxSamples, "prometheus-max-samples", 1_000_000, "samples that one query may touch")
	fs.IntVar(&p.Concurrency, "prometheus-concurrency", 4, "queries at a time")
	settings.DurationVar(fs, &p.Timeout, "prometheus-timeout", 2*time.Minute, "time one query may take")
	settings.DurationVar(fs, &p.Step, "step", time.Minute, "step of the integration; must divide an hour")
	fs.StringSliceVar(&p.AnnotationAllow, "annotation-allow", nil, "annotations to keep; none by default")
	fs.StringSliceVar(&p.LabelDeny, "label-deny", nil, "labels to drop, by canonical name; * at the end matches the rest")
}

func (c *Config) pricingFlags(fs *pflag.FlagSet) {
	p, r := &c.Pricing, &c.Pricing.Rates
	fs.StringVar(&p.Currency, "currency", pricing.BookCurrency, "currency of every price; one per cluster")
	fs.Float64Var(&p.USDExchangeRate, "usd-exchange-rate", 0, "units of currency per US dollar, for the embedded price books")
	fs.StringVar(&p.CSVPath, "pricing-csv", "", "CSV with prices of instances and volumes, in Kubecost's layout")
	fs.BoolVar(&p.CustomPrices, "custom-prices", false, "use the rates below for everything, whatever other sources say")
	fs.Float64Var(&p.Discount, "discount", 0, "discount on CPU and RAM, 0 to 1")
	fs.Float64Var(&p.NegotiatedDiscount, "negotiated-discount", 0, "second discount on CPU and RAM, 0 to 1; the two multiply")
	fs.Float64Var(&p.SpotRatio, "spot-ratio", 0, "price of spot over on-demand where only the latter is known; 0 means that of the rates")
	fs.Func("management-hourly", "what this cluster's control plane costs per hour; default: the provider's list price", func(s string) error {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("want a number, got %q", s)
		}
		p.ManagementHourly = &v
		return nil
	})
	for _, x := range []struct {
		name, what string
		value      *float64
	}{
		{"cpu", "a core-hour", &r.CPUCoreHour},
		{"ram", "a GiB-hour of memory", &r.RAMGiBHour},
		{"gpu", "a GPU-hour", &r.GPUHour},
		{"spot-cpu", "a core-hour of spot", &r.SpotCPUCoreHour},
		{"spot-ram", "a GiB-hour of memory of spot", &r.SpotRAMGiBHour},
		{"storage", "a GiB-hour of block storage", &r.StorageGiBHour},
		{"boot-disk", "a GiB-hour of boot disk", &r.BootDiskGiBHour},
		{"load-balancer", "a load balancer-hour", &r.LoadBalancerHour},
		{"eks", "an EKS control plane-hour", &r.EKSHour},
		{"aks", "an AKS control plane-hour", &r.AKSHour},
		{"gke", "a GKE control plane-hour", &r.GKEHour},
		{"fargate-cpu", "a core-hour on Fargate", &r.FargateCPUCoreHour},
		{"fargate-ram", "a GiB-hour on Fargate", &r.FargateRAMGiBHour},
		{"autopilot-cpu", "a core-hour on GKE Autopilot", &r.AutopilotCPUCoreHour},
		{"autopilot-ram", "a GiB-hour on GKE Autopilot", &r.AutopilotRAMGiBHour},
		{"aci-cpu", "a core-hour on Azure Container Instances", &r.ACICPUCoreHour},
		{"aci-ram", "a GiB-hour on Azure Container Instances", &r.ACIRAMGiBHour},
	} {
		fs.Float64Var(x.value, "rate-"+x.name, *x.value, "default price of "+x.what)
	}
}

// ReadStorage reads the storage config into Storage, so that what is wrong with
// it is said at once. Warnings are for the log. Run reads the file again, and
// follows it.
func (c *Config) ReadStorage() (warnings []string, err error) {
	cfg, problems, err := c.storageSource().Read()
	if err != nil {
		return nil, err
	}
	c.Storage = cfg
	for _, p := range problems {
		warnings = append(warnings, p.String())
	}
	return warnings, nil
}

// storageSource is where the storage config is and how it is read.
func (c *Config) storageSource() bucket.Source {
	return bucket.Source{
		Path:  c.StorageConfig,
		Parse: bucket.ParseOptions{LenientUnknown: c.LenientStorageConfig, Getenv: c.Getenv},
	}
}

// Validate names every setting that is wrong and what to do.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.ClusterID == "" {
		bad("cluster-id is not set: give this cluster an id that no other cluster of the fleet has (--cluster-id or FLEETCOST_CLUSTER_ID)")
	} else if err := costfile.CheckClusterID(c.ClusterID); err != nil {
		errs = append(errs, err)
	}
	s := c.Schedule
	if c.Source != "prometheus" {
		bad("source %q is unknown: use prometheus", c.Source)
	}
	if c.StorageConfig == "" {
		bad("storage-config is not set: give the path of your federated-store.yaml")
	}
	if s.PushInterval < time.Second {
		bad("push-interval %v is too short: at least 1s", s.PushInterval)
	}
	if s.CloseDelay < 0 || s.CloseDelay >= time.Hour {
		bad("close-delay %v: want 0 to just under an hour", s.CloseDelay)
	}
	if s.BatchRows < 1 {
		bad("batch-rows %d: want at least 1", s.BatchRows)
	}
	if c.SpoolDir == "" {
		bad("spool-dir is empty: give a directory that survives restarts")
	}
	if c.SpoolDays < 1 || c.SpoolBytes < 1<<20 {
		bad("spool-days %d, spool-bytes %d: want at least a day and a MiB", c.SpoolDays, c.SpoolBytes)
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil && c.Listen != "" {
		bad("listen %q: want host:port, such as 127.0.0.1:9005 or :9005, or nothing", c.Listen)
	}
	if c.Once && c.Recompute != "" {
		bad("once and recompute exclude each other")
	}
	if c.Recompute != "" {
		if _, err := ParseRange(c.Recompute); err != nil {
			errs = append(errs, err)
		}
	}
	if err := c.Pricing.Validate(); err != nil {
		errs = append(errs, err)
	}
	p := c.Prometheus
	p.Now = c.Now
	return errors.Join(append(errs, p.Validate())...)
}

// ParseRange reads FROM..TO: two days (both included) or two RFC 3339 times
// (the second excluded).
func ParseRange(s string) (cost.Window, error) {
	from, to, ok := strings.Cut(s, "..")
	if !ok {
		return cost.Window{}, fmt.Errorf("recompute %q: want FROM..TO, e.g. 2026-11-01..2026-11-03", s)
	}
	var w cost.Window
	d1, err1 := cost.ParseDay(from)
	d2, err2 := cost.ParseDay(to)
	if err1 == nil && err2 == nil {
		w = cost.Window{Start: d1.FirstHour(), End: d2.FirstHour() + 24}
	} else {
		t1, err1 := time.Parse(time.RFC3339, from)
		t2, err2 := time.Parse(time.RFC3339, to)
		if err1 != nil || err2 != nil {
			return w, fmt.Errorf("recompute %q: want two days (2026-11-01..2026-11-03) or two times (2026-11-01T00:00:00Z..2026-11-01T06:00:00Z)", s)
		}
		w = cost.NewWindow(t1, t2)
	}
	if w.Empty() {
		return w, fmt.Errorf("recompute %q: the end does not lie after the start", s)
	}
	return w, nil
}
