package bucket

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"
)

// gcsEndpoint is where Google Cloud Storage answers.
const gcsEndpoint = "https://storage.googleapis.com"

// gcsBucket is a bucket of Google Cloud Storage, spoken to in its JSON API. An
// object's ETag here is its generation: what the store's conditions compare.
type gcsBucket struct {
	cfg       GCSConfig
	objects   *storage.ObjectsService
	source    *gcsSource // nil for an anonymous client
	transport *storeTransport
	retrier   retrier
}

func openGCS(ctx context.Context, cfg GCSConfig, deps Deps) (*gcsBucket, error) {
	tlsConfig, err := newTLSConfig(cfg.HTTP)
	if err != nil {
		return nil, err
	}
	tokens, err := newTokenClient(cfg.HTTP, deps)
	if err != nil {
		return nil, err
	}
	source, err := chooseGCS(ctx, cfg, tokens, deps)
	if err != nil {
		return nil, fmt.Errorf("choose credentials for gs://%s: %w: %w", cfg.Bucket, ErrCredentials, err)
	}
	transport := newStoreTransport("GCS", cfg.HTTP, cfg.Trace, tlsConfig, deps)
	client := &http.Client{
		Transport:     &gcsWire{base: transport, source: source},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a token goes to no other host
	}
	endpoint := gcsEndpoint
	if cfg.Endpoint != "" {
		endpoint = cfg.Endpoint
	}
	service, err := storage.NewService(
		ctx,
		option.WithHTTPClient(client),
		option.WithEndpoint(endpoint+"/storage/v1/"),
		option.WithLogger(slog.New(slog.DiscardHandler)), // else an environment variable makes it write requests to stderr
	)
	if err != nil {
		return nil, fmt.Errorf("open gs://%s at %s: %w", cfg.Bucket, endpoint, err)
	}
	service.UserAgent = "fleetcost/1"
	deps.Logger.Info("opened GCS bucket", "bucket", cfg.Bucket, "endpoint", endpoint, "credentials", source.String())
	return &gcsBucket{
		cfg:       cfg,
		objects:   service.Objects,
		source:    source,
		transport: transport,
		retrier:   retrier{retries: cfg.MaxRetries, wait: sleep},
	}, nil
}

// Capabilities implements Bucket: GCS enforces generations, and so do private
// endpoints of it.
func (g *gcsBucket) Capabilities(context.Context) (Capabilities, error) {
	return Capabilities{ConditionalPut: true}, nil
}

// Clock implements Bucket.
func (g *gcsBucket) Clock() (store, local time.Time) { return g.transport.clock() }

// String implements Bucket.
func (g *gcsBucket) String() string { return "gs://" + g.cfg.Bucket }

// Close implements Bucket.
func (g *gcsBucket) Close() error {
	g.transport.CloseIdleConnections()
	return nil
}

// gcsObjectFields are the parts of a stored object's description that are asked
// for.
const gcsObjectFields = "name,size,generation,updated"

// objectOfGCS describes an object as the store's own documents do. Its storage
// class does not matter: all of Google's, ARCHIVE too, are read at once
// (https://docs.cloud.google.com/storage/docs/storage-classes).
func objectOfGCS(o *storage.Object) Object {
	updated, _ := time.Parse(time.RFC3339, o.Updated) // zero when it is missing
	return Object{
		Key:          o.Name,
		Size:         int64(o.Size), //nolint:gosec // no object has 2^63 bytes
		ETag:         strconv.FormatInt(o.Generation, 10),
		LastModified: updated.UTC(),
	}
}
