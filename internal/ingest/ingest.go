package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/store"
)

// Config says what to keep and how hard to work.
type Config struct {
	// CacheDir holds local copies while they are loaded, and those of live
	// objects. It is made if missing and belongs to the Ingester alone.
	CacheDir string
	// HourlyDays and DailyDays are how many days, today included, keep hourly
	// rows and daily rollups. 0 means 32 and 400.
	HourlyDays, DailyDays int
	// SweepEvery is the time between complete listings; 0 means 6 h. Between
	// them only what changed status.json files name is looked at.
	SweepEvery time.Duration
	// Downloads is how many objects are fetched at once; 0 means 8.
	Downloads int
	// BatchRows is about how many rows one transaction loads; 0 means 2,000,000.
	BatchRows int64
	// EnsuredDays bounds the days whose hours are loaded on demand; 0 means 31.
	EnsuredDays int
	// Currency is the fleet's; "" means that of most clusters.
	Currency string
	// Patience is how many Syncs a cluster-day keeps what it was while its
	// datasets differ, because a push is under way; 0 means 3, less than 0 none.
	Patience int
	// Limits bound a single object; the zero value means
	// costfile.DefaultLimits.
	Limits costfile.Limits
	// Now is the clock.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&c.HourlyDays, 32)
	set(&c.DailyDays, 400)
	set(&c.Downloads, 8)
	set(&c.EnsuredDays, 31)
	if c.Patience == 0 {
		c.Patience = 3
	}
	c.HourlyDays = min(c.HourlyDays, c.DailyDays)
	if c.SweepEvery <= 0 {
		c.SweepEvery = 6 * time.Hour
	}
	if c.BatchRows <= 0 {
		c.BatchRows = 2_000_000
	}
	if c.Limits == (costfile.Limits{}) {
		c.Limits = costfile.DefaultLimits
	}
	return c
}

// Ingester loads one bucket into one store.
type Ingester struct {
	cfg     Config
	bucket  bucket.Bucket
	store   *store.Store
	logger  *slog.Logger
	metrics *metrics

	// turn is held while a batch is loaded and the state below it changes. It
	// is a channel so that waiting for it can be cancelled.
	turn chan struct{}

	// Guarded by turn.
	loaded      map[string]*store.Object           // by key
	quarantined map[string]string                  // key → ETag refused by this process
	refused     map[string]bool                    // keys with a quarantine entry in the store
	held        map[pushGroup]map[string]candidate // by key: left out because of a refused object
	missing     map[string]int                     // key → complete sweeps without it
	statusETag  map[string]string                  // by cluster
	ownerETag   map[string]string
	lastSweep   time.Time
	hoursFrom   cost.Day           // days from here on have hourly rows
	retained    [2]cost.Day        // hoursFrom and the first day of rollups that the store was last cut to
	ensured     map[cost.Day]int64 // days before hoursFrom that have hourly rows, and their last use
	currency    string
	uneven      map[clusterDay]int // how often each was found with datasets that differ

	// view is what Fleet and Progress read.
	viewMu   sync.Mutex
	progress Progress
	clusters map[string]*clusterState
	strays   map[string]stray // by key: look like the format's, and are not
}

// clusterState is what the cluster's own documents and this process's attempts
// say of it.
type clusterState struct {
	owner  *costfile.Owner
	status *costfile.Status
	errs   map[string]string // object key → why it could not be read, last sync
	dirty  bool              // not yet in the store
	// expired says that the bucket deletes days within the retention.
	expired string
	// waiting are keys left for the next Sync, because their push was under way.
	waiting map[string]bool
	uneven  map[cost.Day]string // days loaded although their datasets differ, and how
}

// Report says what a Sync did.
type Report struct {
	Sweep       bool // a complete listing was made
	Listed      int  // objects seen
	Foreign     int  // keys that are not of the format
	Loaded      int  // objects
	Rows        int64
	Bytes       int64
	Quarantined int
	Forgotten   int
	Held        int // objects left out: another of their day is in quarantine
	Waiting     int // objects left for the next Sync: their push is under way
	Failed      int // objects that could not be fetched now; tried again next time
	Duration    time.Duration
}

// New makes an Ingester over an open store and takes up where the store's
// ledger stands. Files left in the cache directory are removed.
func New(ctx context.Context, cfg Config, b bucket.Bucket, st *store.Store, logger *slog.Logger, reg prometheus.Registerer) (*Ingester, error) {
	cfg = cfg.withDefaults()
	switch {
	case cfg.Now == nil:
		return nil, errors.New("ingest: Config.Now is not set")
	case cfg.CacheDir == "":
		return nil, errors.New("ingest: Config.CacheDir is not set")
	}
	if err := os.RemoveAll(cfg.CacheDir); err != nil {
		return nil, fmt.Errorf("empty the cache directory: %w", err)
	}
	if err := os.MkdirAll(cfg.CacheDir, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache directory: %w", err)
	}
	in := &Ingester{
		cfg: cfg, bucket: b, store: st, logger: logger, metrics: newMetrics(reg),
		turn:   make(chan struct{}, 1),
		loaded: map[string]*store.Object{}, quarantined: map[string]string{}, refused: map[string]bool{}, missing: map[string]int{},
		statusETag: map[string]string{}, ownerETag: map[string]string{}, clusters: map[string]*clusterState{},
		uneven: map[clusterDay]int{}, held: map[pushGroup]map[string]candidate{}, strays: map[string]stray{},
	}
	if err := in.resume(ctx); err != nil {
		return nil, fmt.Errorf("take up the store: %w", err)
	}
	return in, nil
}

// resume reads the ledger and the settings that outlive the process. Objects
// in quarantine are tried once more by every process: a newer build may read
// them.
func (in *Ingester) resume(ctx context.Context) error {
	settings, err := in.store.Settings(ctx)
	if err != nil {
		return err
	}
	if have := settings[settingCurrency]; in.cfg.Currency != "" && have != "" && have != in.cfg.Currency {
		in.logger.Warn("currency changed: the store is loaded anew", "from", have, "to", in.cfg.Currency)
		if err := in.store.Reset(ctx); err != nil {
			return err
		}
		settings = map[string]string{}
	}
	in.currency = settings[settingCurrency]
	if in.currency == "" {
		in.currency = in.cfg.Currency
	}
	today := cost.DayOf(in.cfg.Now())
	in.hoursFrom = today - cost.Day(in.cfg.HourlyDays) + 1
	if text := settings[settingHoursFrom]; text != "" {
		day, err := cost.ParseDay(text)
		if err != nil {
			return fmt.Errorf("setting %s: %w", settingHoursFrom, err)
		}
		in.hoursFrom = max(in.hoursFrom, day)
	}
	entries, err := in.store.Ledger(ctx)
	if err != nil {
		return err
	}
	for i := range entries {
		if entries[i].Quarantined {
			in.refused[entries[i].Key] = true
		} else {
			in.loaded[entries[i].Key] = &entries[i]
		}
	}
	in.ensured, err = in.store.EnsuredDays(ctx)
	return err
}

// The settings kept in the store.
const (
	settingCurrency  = "currency"
	settingHoursFrom = "hours_from"
)

// acquire takes the turn; the caller must release it.
func (in *Ingester) acquire(ctx context.Context) error {
	select {
	case in.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (in *Ingester) release() { <-in.turn }

// Sync brings the store up to the bucket: one discovery, and the loading of all
// that changed. It returns an error when nothing can be discovered, when the
// store fails, or when ctx ends; objects and clusters that fail by themselves
// are counted, shown by Fleet, and tried again at the next Sync. Calls must not
// overlap.
func (in *Ingester) Sync(ctx context.Context) (Report, error) {
	start := in.cfg.Now()
	r, err := in.sync(ctx, start)
	r.Duration = in.cfg.Now().Sub(start)
	in.metrics.synced(r, float64(in.cfg.Now().Unix()), err)
	if err != nil {
		return r, fmt.Errorf("sync %s: %w", in.bucket, err)
	}
	in.setProgress(func(p *Progress) { p.Ready, p.Phase = true, PhaseIdle })
	return r, nil
}

func (in *Ingester) sync(ctx context.Context, now time.Time) (Report, error) {
	var r Report
	in.setProgress(func(p *Progress) { *p = Progress{Phase: PhaseDiscovering, Ready: p.Ready, Started: now} })
	if err := in.retain(ctx, now); err != nil {
		return r, err
	}
	found, err := in.discover(ctx, now, &r)
	if err != nil {
		return r, err
	}
	if err := in.chooseCurrency(ctx); err != nil {
		return r, err
	}
	units, err := in.plan(ctx, found, &r)
	if err != nil {
		return r, err
	}
	in.setProgress(func(p *Progress) { p.Phase = PhaseLoading })
	for _, u := range units {
		in.expect(u.want)
	}
	// Before loading: which days have hourly rows must be known after a kill.
	if err := in.saveSettings(ctx); err != nil {
		return r, err
	}
	if err := in.loadAll(ctx, units, &r); err != nil {
		return r, err
	}
	if err := in.saveSettings(ctx); err != nil {
		return r, err
	}
	return r, in.saveClusters(ctx, now)
}

// chooseCurrency settles the fleet's currency once: the configured one, or that
// of most clusters' status (ties: alphabetical).
func (in *Ingester) chooseCurrency(ctx context.Context) error {
	if err := in.acquire(ctx); err != nil {
		return err
	}
	defer in.release()
	if in.currency != "" {
		return nil
	}
	votes := map[string]int{}
	in.viewMu.Lock()
	defer in.viewMu.Unlock()
	for _, c := range in.clusters {
		if c.status != nil && c.status.Currency != "" {
			votes[c.status.Currency]++
		}
	}
	in.currency = mostVotes(votes)
	return nil
}

// saveSettings keeps for the next process what it must not choose anew.
func (in *Ingester) saveSettings(ctx context.Context) error {
	if err := in.acquire(ctx); err != nil {
		return err
	}
	defer in.release()
	return in.store.SaveSettings(ctx, map[string]string{settingCurrency: in.currency, settingHoursFrom: in.hoursFrom.String()})
}

// retain moves the retention's edges with the clock.
func (in *Ingester) retain(ctx context.Context, now time.Time) error {
	if err := in.acquire(ctx); err != nil {
		return err
	}
	defer in.release()
	today := cost.DayOf(now)
	in.hoursFrom = max(in.hoursFrom, today-cost.Day(in.cfg.HourlyDays)+1)
	daysFrom := today - cost.Day(in.cfg.DailyDays) + 1
	for d := range in.ensured {
		if d < daysFrom || d >= in.hoursFrom {
			delete(in.ensured, d)
		}
	}
	if in.retained == [2]cost.Day{in.hoursFrom, daysFrom} {
		return nil
	}
	if err := in.store.Retain(ctx, in.hoursFrom, daysFrom, in.ensured); err != nil {
		return err
	}
	in.retained = [2]cost.Day{in.hoursFrom, daysFrom}
	maps.DeleteFunc(in.loaded, func(_ string, o *store.Object) bool { return !o.Live && o.Day < daysFrom })
	return nil
}

// hasHours tells whether the hourly tables hold a day.
func (in *Ingester) hasHours(d cost.Day) bool {
	_, ok := in.ensured[d]
	return ok || d >= in.hoursFrom
}
