package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
	"github.com/fleetcost/fleetcost/internal/httpapi"
	"github.com/fleetcost/fleetcost/internal/ingest"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/internal/query"
	"github.com/fleetcost/fleetcost/internal/store"
	"github.com/fleetcost/fleetcost/ui"
)

// Server is an open server. New opens it, Run runs and closes it.
type Server struct {
	cfg      Config
	logger   *slog.Logger
	bucket   bucket.Bucket
	names    diagnose.Names // of the storage config, for explanations
	storage  httpapi.AboutStorage
	objects  httpapi.Bucket // where DuckDB finds what an answer rests on
	store    *store.Store
	ingest   *ingest.Ingester
	retired  *retirements
	saved    *savedSettings
	refresh  func(ctx context.Context) error // answers anew what was asked lately
	handler  http.Handler
	listener net.Listener
	closers  []func() error
	caller   func() string // ARN of the server's identity, "" until known; nil without a file
	refused  func() error  // why the storage config on disk is not in force; nil without a file

	ready atomic.Bool // what the bucket held at start is loaded
	last  atomic.Pointer[lastSync]
}

// lastSync is how the last look at the bucket ended.
type lastSync struct {
	at    time.Time
	err   error
	since time.Time // of the first of the failed looks in a row
}

// New opens the bucket and the store and listens; nothing is loaded or
// answered until Run. On an error everything opened is closed again.
func New(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Getenv == nil {
		cfg.Getenv = func(string) string { return "" }
	}
	s := &Server{cfg: cfg, logger: cfg.Logger.With("component", "server")}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// open opens everything in the order in which data flows.
func (s *Server) open(ctx context.Context) (err error) {
	cfg := &s.cfg
	reg := ops.NewRegistry("server", cfg.Build)
	if err := s.openBucket(ctx, reg); err != nil {
		return err
	}
	if s.store, err = store.Open(ctx, store.Config{
		Path: filepath.Join(cfg.DataDir, "store.duckdb"), Threads: cfg.Threads, MemoryLimit: cfg.MemoryLimit,
		Logger: cfg.Logger.With("component", "store"),
	}); err != nil {
		return fmt.Errorf("open the store below --data-dir %s: %w", cfg.DataDir, err)
	}
	s.closers = append(s.closers, s.store.Close)
	if s.ingest, err = ingest.New(ctx, ingest.Config{
		CacheDir: filepath.Join(cfg.DataDir, "cache"), HourlyDays: cfg.HourlyDays, DailyDays: cfg.DailyDays,
		SweepEvery: cfg.SweepInterval, Currency: cfg.Currency, Now: cfg.Now,
	}, s.bucket, s.store, cfg.Logger.With("component", "ingest"), reg); err != nil {
		return fmt.Errorf("set up ingest: %w", err)
	}
	s.retired = newRetirements(s.bucket)
	if s.handler, err = s.newHandler(reg); err != nil {
		return err
	}
	if s.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen); err != nil {
		return fmt.Errorf("listen on %s: %w; is another server running? --listen chooses another address", cfg.Listen, err)
	}
	return nil
}

func (s *Server) openBucket(ctx context.Context, reg prometheus.Registerer) error {
	if s.cfg.Bucket != nil {
		s.bucket = s.cfg.Bucket
		s.storage.Address, s.objects.URL = s.bucket.String(), s.bucket.String()
		return nil
	}
	source := bucket.Source{
		Path:  s.cfg.StorageConfig,
		Parse: bucket.ParseOptions{LenientUnknown: s.cfg.LenientStorageConfig, Getenv: s.cfg.Getenv},
	}
	if bc, _, err := source.Read(); err == nil { // OpenFile says what is wrong
		s.names, s.objects = namesOf(&bc, s.cfg.Getenv), objectsOf(&bc)
		at := bc.Location()
		s.storage = httpapi.AboutStorage{
			Type: string(bc.Type), Bucket: at.Bucket, Prefix: at.Prefix, Region: at.Region, Endpoint: at.Endpoint, ConfigFile: s.cfg.StorageConfig,
		}
	}
	b, warnings, err := bucket.OpenFile(ctx, source, bucket.Deps{
		Logger: s.cfg.Logger.With("component", "bucket"), Getenv: s.cfg.Getenv, Registerer: reg, Now: s.cfg.Now,
	})
	if err != nil {
		if d, ok := s.explain(err); ok {
			cause, fix := d.Say()
			s.logger.Error("the bucket cannot be opened", "error", diagnose.Redact(err.Error()), "cause", cause, "fix", fix, "doc", d.Doc)
		}
		return err
	}
	s.bucket, s.refused, s.caller = b, b.Refused, b.CallerARN
	s.storage.Address, s.objects.URL = b.String(), b.String()
	for _, w := range warnings {
		s.logger.Warn("storage config", "warning", w.String())
	}
	s.closers = append(s.closers, s.bucket.Close)
	return nil
}

func (s *Server) newHandler(reg *prometheus.Registry) (http.Handler, error) {
	cache := int64(s.cfg.CacheMiB) << 20
	if cache == 0 {
		cache = -1
	}
	engine, err := query.New(s.store, s.ingest, query.Config{
		Now: s.cfg.Now, Retired: s.retired.at, Settle: settle, CacheBytes: cache,
		Logger: s.cfg.Logger.With("component", "query"),
	})
	if err != nil {
		return nil, fmt.Errorf("set up the query engine: %w", err)
	}
	s.refresh = engine.Refresh
	s.saved = newSavedSettings(s.bucket, s.cfg.LabelAliases, engine.SetLabelAliases)
	page, err := ui.Handler(s.saved.forPages)
	if err != nil {
		return nil, fmt.Errorf("open the web page: %w", err)
	}
	view := &fleet{s: s, version: engine.DataVersion}
	api, err := httpapi.New(httpapi.Config{
		Questions: engine, Fleet: view, Settings: view, About: view.about, Registry: reg, Logger: s.cfg.Logger.With("component", "httpapi"),
		Now: s.cfg.Now, Version: s.cfg.Build.Version, UI: page, Timeout: s.cfg.QueryTimeout,
		Bucket: s.objects,
		Ready:  func() (bool, string) { return s.ready.Load(), progressLine(s.ingest.Progress()) },
	}, func(mux *http.ServeMux) {
		ops.RegisterProbes(mux, reg, func() (bool, any) { return s.ready.Load(), s.readiness() })
	})
	if err != nil {
		return nil, fmt.Errorf("set up the API: %w", err)
	}
	return api.Handler()
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run loads the bucket, keeps following it, and answers, until ctx ends or one
// of these fails for good; then it closes everything.
func (s *Server) Run(ctx context.Context) error {
	g := ops.NewGroup(ctx, s.logger)
	g.AddHTTP("api", s.listener, s.handler, s.cfg.StopGrace)
	g.Add("ingest", s.follow)
	g.Add("progress", s.showProgress)
	s.logger.Info("listening", "address", s.Addr().String(), "bucket", s.bucket.String(), "version", s.cfg.Build.Version)
	if a, ok := s.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		s.logger.Warn("the API has no login: whoever reaches this address reads all costs, can retire clusters and change what is saved; put a proxy with authentication in front",
			"address", s.Addr().String())
	}
	err := g.Run()
	return errors.Join(err, s.close())
}

// Run opens a server and runs it until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	s, err := New(ctx, cfg)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// close closes what was opened, last first. The listener is the group's once
// Run began; closing it again is no error of ours.
func (s *Server) close() error {
	var errs []error
	if s.listener != nil {
		if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}
