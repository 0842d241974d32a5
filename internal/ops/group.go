package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/oklog/run"
)

// Group runs named actors together: when the first of them returns, or the
// context given to Run ends, all are told to stop, and Run returns once every
// one has. The zero value is not usable; call NewGroup.
type Group struct {
	group  run.Group
	ctx    context.Context //nolint:containedctx // the root every actor's context hangs on, for as long as Run
	cancel context.CancelFunc
	logger *slog.Logger
}

// NewGroup returns an empty group whose actors end when ctx does.
func NewGroup(ctx context.Context, logger *slog.Logger) *Group {
	ctx, cancel := context.WithCancel(ctx)
	return &Group{ctx: ctx, cancel: cancel, logger: logger}
}

// Add adds an actor. execute must return soon after its context ends; what it
// returns then (usually ctx.Err()) is not an error of the group.
func (g *Group) Add(name string, execute func(context.Context) error) {
	ctx, cancel := context.WithCancel(g.ctx)
	g.group.Add(func() error {
		err := execute(ctx)
		switch {
		case ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		}
		g.logger.Debug("actor ended", "actor", name)
		return nil
	}, func(error) { cancel() })
}

// Timeouts of the HTTP servers. WriteTimeout is generous because large answers
// stream; handlers bound their own work by the request's context.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	writeTimeout      = 10 * time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 1 << 18 // filters can be long
)

// AddHTTP adds an HTTP server on ln. On stop it answers requests in flight for
// at most grace, then closes their connections.
func (g *Group) AddHTTP(name string, ln net.Listener, h http.Handler, grace time.Duration) {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(g.logger.Handler(), slog.LevelWarn),
	}
	g.group.Add(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("%s: serve %s: %w", name, ln.Addr(), err)
		}
		return nil
	}, func(error) {
		// The group's own context is over by now; the grace has its own.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(g.ctx), grace)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			g.logger.Warn("requests cut off at stop", "server", name, "error", err)
			_ = srv.Close()
		}
	})
}

// Run starts all actors and waits until all have stopped. It returns the first
// actor's error, or nil when the context ended or the first actor returned nil.
func (g *Group) Run() error {
	defer g.cancel()
	// The context's end is an actor like any other, so that it stops the group.
	g.group.Add(func() error {
		<-g.ctx.Done()
		return nil
	}, func(error) { g.cancel() })
	return g.group.Run()
}

// SignalContext returns a context that ends at SIGINT or SIGTERM. A second
// signal ends the process the usual way.
func SignalContext(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
