package bucket

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/fleetcost/fleetcost/internal/awsid"
)

const (
	identityTimeout = 15 * time.Second
	identityAgain   = 5 * time.Minute // between attempts to learn the identity
)

// introduction logs whose credentials a bucket uses, once, after its first
// request: opening a bucket stays without a request, and neither a start nor a
// request ever waits for it or fails with it. Until it has succeeded it is
// tried again, now and then, with later requests.
type introduction struct {
	source *awsid.Source
	deps   Deps
	ctx    context.Context //nolint:containedctx // the bucket's life
	cancel context.CancelFunc
	asking sync.WaitGroup

	mu   sync.Mutex
	arn  string // of the caller, once known
	done bool
	next time.Time
}

func newIntroduction(source *awsid.Source, deps Deps) *introduction {
	i := &introduction{source: source, deps: deps}
	i.ctx, i.cancel = context.WithCancel(context.Background())
	if !source.HasIdentityService() { // known without a request
		i.done = i.log(source.Identity(i.ctx))
	}
	return i
}

// say starts asking, unless that was done or is not due. It does not block.
func (i *introduction) say() {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.deps.Now()
	if i.done || now.Before(i.next) || i.ctx.Err() != nil {
		return
	}
	i.next = now.Add(identityAgain)
	i.asking.Go(i.ask)
}

// stop ends asking and returns when nothing of it runs.
func (i *introduction) stop() {
	i.mu.Lock()
	i.cancel()
	i.mu.Unlock()
	i.asking.Wait()
}

func (i *introduction) ask() {
	ctx, cancel := context.WithTimeout(i.ctx, identityTimeout)
	defer cancel()
	id, err := i.source.Identity(ctx)
	if i.ctx.Err() != nil {
		return
	}
	known := i.log(id, err)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.done = known
	if err == nil {
		i.arn = id.ARN
	}
}

// callerOf is whose credentials a bucket uses, "" where nobody knows.
func callerOf(b Bucket) string {
	switch b := b.(type) {
	case *s3Bucket:
		return b.who.caller()
	case *prefixed:
		return callerOf(b.Bucket)
	}
	return ""
}

// caller is whose the credentials are, "" until it is known.
func (i *introduction) caller() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.arn
}

// log tells what was learnt, and whether that was all there is to learn.
func (i *introduction) log(id awsid.Identity, err error) bool {
	logger := i.deps.Logger.With("credentials", i.source.String())
	switch {
	case errors.Is(err, awsid.ErrNoIdentityService):
		logger.Info("the store has no identity service: whose the credentials are is not known", "reason", err)
		return true
	case err != nil:
		logger.Warn("cannot learn whose the credentials are", "error", err)
		return false
	}
	if warning := i.source.NodeRoleWarning(id, i.deps.Getenv); warning != "" {
		logger.Warn("the pod has fallen back to the node's role", "arn", id.ARN, "cause", warning)
	}
	logger.LogAttrs(i.ctx, slog.LevelInfo, "effective AWS identity", slog.String("account", id.Account), slog.String("arn", id.ARN),
		slog.String("role", id.RoleName), slog.String("session", id.SessionName), slog.String("partition", id.Partition))
	return true
}
