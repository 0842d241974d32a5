package bucket

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	defaultReloadEvery = 5 * time.Second
	// settleShare of the time between two looks is how long a changed file must
	// stay the same before it is read: whoever overwrites a file in place may be
	// halfway.
	settleShare  = 20
	trialTimeout = 15 * time.Second
	// trialKey is asked for and never written.
	trialKey = reservedSegment + "-trial"
)

// Source says where a configuration comes from and how it is read.
type Source struct {
	Path  string
	Parse ParseOptions
	Every time.Duration // between two looks at the file; 0 means 5 s
}

// Read parses the file.
func (s Source) Read() (Config, []Warning, error) {
	data, err := os.ReadFile(s.Path)
	if err != nil {
		return Config{}, nil, fmt.Errorf("read the storage config: %w; --storage-config names your federated-store.yaml", err)
	}
	return ParseConfig(s.Path, data, s.Parse)
}

// Reloading is the bucket of a file that may change while the bucket is in use,
// as a Kubernetes Secret does when it is rotated. It looks at the content of the
// file, and of the certificates and keys that it names, from time to time: no
// notification of the file system tells of all the ways in which they are
// replaced (symbolic links, network volumes, read-only mounts).
//
// A changed file takes effect at once. What is in flight ends with the old
// configuration. A version that cannot be used is refused and said: in the log,
// in fleetcost_bucket_config_refused and by Refused; the one before stays in
// force until the file is right again.
type Reloading struct {
	source Source
	deps   Deps
	stop   context.CancelFunc
	done   chan struct{}

	reloads *prometheus.CounterVec
	refusal prometheus.Gauge

	// Only the goroutine that watches uses these.
	files []string // that the versions last judged refer to
	seen  contents // as last judged
	retry bool     // that was refused for a reason that may pass

	mu      sync.Mutex
	current *version
	refused error
	store   time.Time // the last clock known, while a new version has none
	local   time.Time
}

// version is one configuration in use.
type version struct {
	Bucket
	cfg     Config
	refs    string // digest of the files that cfg refers to
	users   int    // guarded by Reloading.mu
	retired bool
}

var _ Bucket = (*Reloading)(nil)

// OpenFile opens the bucket of a file and follows the file until Close. The
// warnings are those of the file's first version; those of later ones are logged.
func OpenFile(ctx context.Context, source Source, deps Deps) (*Reloading, []Warning, error) {
	if source.Every <= 0 {
		source.Every = defaultReloadEvery
	}
	r := &Reloading{source: source, deps: deps, done: make(chan struct{})}
	// Digests before the reading and opening: what changes in between is seen as a
	// change.
	r.seen.config = digest(source.Path)
	cfg, warnings, err := source.Read()
	if err != nil {
		return nil, warnings, err
	}
	r.files = cfg.files()
	r.seen.refs = digest(r.files...)
	refs := r.seen.refs
	b, err := Open(ctx, cfg, deps)
	if err != nil {
		return nil, warnings, err
	}
	if err := r.register(); err != nil {
		return nil, warnings, errors.Join(err, b.Close())
	}
	r.current = &version{Bucket: b, cfg: cfg, refs: refs}
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	go r.watch(ctx)
	return r, warnings, nil
}

func (r *Reloading) register() error {
	r.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fleetcost_bucket_config_reloads_total",
		Help: "Changed versions of the storage config, by what became of them.",
	}, []string{"result"})
	r.refusal = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "fleetcost_bucket_config_refused",
		Help: "1 while the storage config on disk is refused and an earlier version is in force, else 0.",
	})
	for _, result := range []string{"applied", "refused"} {
		r.reloads.WithLabelValues(result)
	}
	if r.deps.Registerer == nil {
		return nil
	}
	if err := errors.Join(register(r.deps.Registerer, &r.reloads), register(r.deps.Registerer, &r.refusal)); err != nil {
		return fmt.Errorf("register metrics of the storage config: %w", err)
	}
	return nil
}

// Refused tells why the file as it is on disk is not in force; nil when it is.
func (r *Reloading) Refused() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// CallerARN is whose the credentials in force are, as STS said after the first
// request: "arn:aws:sts::111122223333:assumed-role/agent/session". It is empty
// until that is known, and for stores that have no such service.
func (r *Reloading) CallerARN() string {
	v := r.acquire()
	defer r.release(v)
	return callerOf(v.Bucket)
}

// watch looks at the files until ctx ends.
func (r *Reloading) watch(ctx context.Context) {
	defer close(r.done)
	for sleep(ctx, r.source.Every) == nil {
		r.look(ctx)
	}
}

// contents are digests of what is on disk.
type contents struct{ config, refs string }

func (r *Reloading) contents() contents {
	return contents{digest(r.source.Path), digest(r.files...)}
}

// digest is one of the content of files, or of why they cannot be read.
func digest(paths ...string) string {
	h := sha256.New()
	for _, path := range paths {
		data, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %d %v\n", path, len(data), err)
		_, _ = h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// look takes over what changed since the last look, if anything did.
func (r *Reloading) look(ctx context.Context) {
	found := r.contents()
	again := found == r.seen
	switch {
	case again && !r.retry:
		return
	case !again && (sleep(ctx, r.source.Every/settleShare) != nil || r.contents() != found):
		return // still being written: the next look sees what became of it
	}
	cfg, warnings, err := r.source.Read()
	r.retry = false
	if err == nil {
		// Of the files that the new version names, before they are opened.
		r.files = slices.Compact(slices.Sorted(slices.Values(append(cfg.files(), r.current.cfg.files()...))))
		found.refs = r.contents().refs
		err = r.replace(ctx, cfg)
	}
	r.seen = found
	if ctx.Err() == nil {
		r.conclude(err, again, warnings)
	}
}

// conclude makes known what became of a version.
func (r *Reloading) conclude(err error, again bool, warnings []Warning) {
	log := r.deps.Logger
	was := r.Refused()
	r.mu.Lock()
	r.refused = err
	r.mu.Unlock()
	if err != nil {
		r.refusal.Set(1)
		if again && was != nil {
			return // said before
		}
		r.reloads.WithLabelValues("refused").Inc()
		log.Error("the storage config changed and the new version is refused; the one before stays in force", "file", r.source.Path, "error", err)
		return
	}
	r.refusal.Set(0)
	r.reloads.WithLabelValues("applied").Inc()
	for _, w := range warnings {
		log.Warn("storage config", "warning", w.String())
	}
	log.Info("the storage config changed and the new version is in force", "file", r.source.Path)
}

// replace puts a configuration into force.
func (r *Reloading) replace(ctx context.Context, cfg Config) error {
	old := r.acquire()
	defer r.release(old)
	if was, is := old.cfg.location(), cfg.location(); was != is {
		return fmt.Errorf("%s: the data would live elsewhere (%s, until now %s): that takes effect with a restart only, so restart the program, or take the change back", r.source.Path, is, was)
	}
	refs := digest(cfg.files()...)
	if reflect.DeepEqual(cfg, old.cfg) && refs == old.refs {
		return nil // a comment, or the version before once more
	}
	if err := r.try(ctx, old, cfg); err != nil {
		return err
	}
	b, err := Open(ctx, cfg, r.deps)
	if err != nil {
		return err
	}
	r.swap(&version{Bucket: b, cfg: cfg, refs: refs})
	return nil
}

// try makes one request with a new version, without a word in the log. It is
// refused only where it is the version that is wrong: the store does not accept
// its credentials, or it does not accept the store's certificate, while the
// version in force still works.
func (r *Reloading) try(ctx context.Context, old Bucket, cfg Config) error {
	quiet := r.deps
	quiet.Logger, quiet.Registerer = slog.New(slog.DiscardHandler), nil
	b, err := Open(ctx, cfg, quiet)
	if err != nil {
		return err
	}
	defer b.Close()
	err = trial(ctx, b)
	if err == nil || trial(ctx, old) != nil {
		return nil
	}
	r.retry = true // a store may take a while until it knows new keys
	return fmt.Errorf("a request with the new version fails, while the version before works: %w", err)
}

// trial returns why a bucket cannot be talked to, as far as its configuration is
// the reason.
func trial(ctx context.Context, b Bucket) error {
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	body, _, err := b.Get(ctx, trialKey) // not Stat: the answer to a HEAD has no error code
	switch {
	case err == nil:
		return body.Close()
	case errors.Is(err, ErrCredentials), errors.Is(err, errHandshake):
		return err
	default:
		return nil
	}
}

func (r *Reloading) swap(next *version) {
	r.mu.Lock()
	old := r.current
	if store, local := old.Clock(); !store.IsZero() {
		r.store, r.local = store, local
	}
	r.current = next
	old.retired = true
	idle := old.users == 0
	r.mu.Unlock()
	if idle {
		r.closeVersion(old)
	}
}

func (r *Reloading) acquire() *version {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current.users++
	return r.current
}

func (r *Reloading) release(v *version) {
	r.mu.Lock()
	v.users--
	last := v.retired && v.users == 0
	r.mu.Unlock()
	if last {
		r.closeVersion(v)
	}
}

func (r *Reloading) closeVersion(v *version) {
	if err := v.Close(); err != nil {
		r.deps.Logger.Warn("close the bucket of the storage config before", "error", err)
	}
}
