package bucket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Deps is what a bucket needs from its program.
type Deps struct {
	Logger     *slog.Logger
	Getenv     func(string) string   // environment: AWS_*, GOOGLE_*, AZURE_*, proxies
	Registerer prometheus.Registerer // nil for no metrics
	Now        func() time.Time      // the local clock
}

// Open returns the bucket that cfg describes, below its prefix and counted in
// metrics. It makes no request to a remote store, so that a program can start
// while the store is away; a missing directory is an error.
func Open(ctx context.Context, cfg Config, deps Deps) (Bucket, error) {
	if deps.Logger == nil || deps.Now == nil {
		return nil, errors.New("open bucket: a logger and a clock are needed")
	}
	if deps.Getenv == nil {
		deps.Getenv = func(string) string { return "" }
	}
	b, err := openProvider(ctx, cfg, deps)
	if err != nil {
		return nil, fmt.Errorf("open the bucket of %s: %w", cfg.Name, err)
	}
	if b, err = WithPrefix(b, cfg.Prefix); err != nil {
		return nil, fmt.Errorf("open the bucket of %s: %w", cfg.Name, err)
	}
	if deps.Registerer != nil {
		if b, err = WithMetrics(b, deps.Registerer, deps.Now); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func openProvider(ctx context.Context, cfg Config, deps Deps) (Bucket, error) {
	switch cfg.Type {
	case TypeS3:
		return openS3(ctx, cfg.S3, deps)
	case TypeGCS:
		return openGCS(ctx, cfg.GCS, deps)
	case TypeAzure:
		return openAzure(ctx, cfg.Azure, deps)
	case TypeFilesystem:
		return OpenFilesystem(cfg.Filesystem.Directory, deps.Now)
	default:
		return nil, fmt.Errorf("unknown type %q", cfg.Type)
	}
}
