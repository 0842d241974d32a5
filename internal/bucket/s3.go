package bucket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/fleetcost/fleetcost/internal/awsid"
)

// s3Bucket is a bucket of Amazon S3 or of a store that speaks its language.
type s3Bucket struct {
	cfg       S3Config
	core      minio.Core
	source    *awsid.Source
	transport *storeTransport
	sse       encrypt.ServerSide // nil without sse_config
	sums      *sums
	logger    *slog.Logger
	wait      func(ctx context.Context, d time.Duration) error
	who       *introduction

	capsMu sync.Mutex
	caps   *Capabilities // nil until known
}

func openS3(ctx context.Context, cfg S3Config, deps Deps) (*s3Bucket, error) {
	tlsConfig, err := newTLSConfig(cfg.HTTP)
	if err != nil {
		return nil, err
	}
	transport := newS3Transport(cfg, tlsConfig, deps)
	source, err := ChooseCredentials(ctx, cfg, deps)
	if err != nil {
		return nil, err
	}
	sse, err := newSSE(cfg.SSE)
	if err != nil {
		return nil, err
	}
	signature := credentials.SignatureV4
	if cfg.SignatureV2 {
		signature = credentials.SignatureV2
	}
	client, err := newCore(cfg, credentials.New(&provider{source: source, signature: signature}), transport)
	if err != nil {
		return nil, err
	}
	if cfg.Trace && !deps.Logger.Enabled(ctx, slog.LevelDebug) {
		deps.Logger.Info("trace.enable is set: requests are logged at debug level, which is off; --log-level debug shows them")
	}
	deps.Logger.Info("opened S3 bucket", "bucket", cfg.Bucket, "endpoint", cfg.Endpoint, "region", cfg.Region, "credentials", source.String())
	return &s3Bucket{
		cfg:       cfg,
		core:      *client,
		source:    source,
		transport: transport,
		sse:       sse,
		sums:      newSums(deps.Logger),
		logger:    deps.Logger,
		wait:      sleep,
		who:       newIntroduction(source, deps),
	}, nil
}

// newCore returns a client whose requests go where cfg says.
func newCore(cfg S3Config, creds *credentials.Credentials, transport http.RoundTripper) (*minio.Core, error) {
	client, err := minio.NewCore(cfg.Endpoint, &minio.Options{
		Creds:        creds,
		Secure:       !cfg.Insecure,
		Transport:    transport,
		Region:       cfg.Region,
		BucketLookup: lookups[cfg.Lookup],
		MaxRetries:   1, // retries are ours: with jitter, by kind of error, within the caller's time
	})
	if err != nil {
		return nil, fmt.Errorf("open s3://%s at %s: %w", cfg.Bucket, cfg.Endpoint, err)
	}
	client.SetAppInfo("fleetcost", "1")
	client.SetS3EnableDualstack(!cfg.DisableDualstack)
	return client, nil
}

// ChooseCredentials picks the source of credentials that a bucket of cfg uses.
// It makes no request. Its error wraps ErrCredentials.
func ChooseCredentials(ctx context.Context, cfg S3Config, deps Deps) (*awsid.Source, error) {
	if deps.Getenv == nil {
		deps.Getenv = func(string) string { return "" }
	}
	tlsConfig, err := newTLSConfig(cfg.HTTP)
	if err != nil {
		return nil, err
	}
	client, err := newSTSClient(cfg, tlsConfig, deps)
	if err != nil {
		return nil, err
	}
	source, err := awsid.Choose(ctx, awsid.Options{
		AccessKey:     cfg.AccessKey,
		SecretKey:     string(cfg.SecretKey),
		SessionToken:  string(cfg.SessionToken),
		Region:        cfg.Region,
		STSEndpoint:   cfg.STSEndpoint,
		StoreEndpoint: cfg.Endpoint,
		UseSDK:        cfg.AWSSDKAuth,
		Getenv:        deps.Getenv,
		Client:        client,
	})
	if err != nil {
		return nil, fmt.Errorf("choose credentials for s3://%s: %w: %w", cfg.Bucket, ErrCredentials, err)
	}
	return source, nil
}

var lookups = map[Lookup]minio.BucketLookupType{
	LookupAuto:    minio.BucketLookupAuto,
	LookupVirtual: minio.BucketLookupDNS,
	LookupPath:    minio.BucketLookupPath,
}

func newSSE(c SSEConfig) (encrypt.ServerSide, error) {
	switch c.Type {
	case "SSE-S3":
		return encrypt.NewSSE(), nil
	case "SSE-KMS":
		var kmsContext any
		if len(c.KMSContext) > 0 {
			kmsContext = c.KMSContext
		}
		sse, err := encrypt.NewSSEKMS(c.KMSKeyID, kmsContext)
		if err != nil {
			return nil, fmt.Errorf("set up SSE-KMS: %w", err)
		}
		return sse, nil
	case "SSE-C":
		key, err := os.ReadFile(c.EncryptionKey)
		if err != nil {
			return nil, fmt.Errorf("read sse_config.encryption_key: %w", err)
		}
		sse, err := encrypt.NewSSEC(key)
		if err != nil {
			return nil, fmt.Errorf("use sse_config.encryption_key %s (%d bytes): %w", c.EncryptionKey, len(key), err)
		}
		return sse, nil
	default:
		return nil, nil //nolint:nilnil // no encryption asked for
	}
}

// provider hands the chosen source's credentials to minio-go.
type provider struct {
	source    *awsid.Source
	signature credentials.SignatureType
}

// credentialsError marks an error as one of getting credentials on its way
// through minio-go.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

// Retrieve implements credentials.Provider.
func (p *provider) Retrieve() (credentials.Value, error) { return p.RetrieveWithCredContext(nil) }

// RetrieveWithCredContext implements credentials.Provider.
func (p *provider) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	ctx := context.Background()
	if cc != nil && cc.Context != nil {
		ctx = cc.Context
	}
	// minio-go detaches the fetch from the caller; it must still end.
	ctx, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	c, err := p.source.Retrieve(ctx)
	if err != nil {
		return credentials.Value{}, &credentialsError{err}
	}
	if p.signature == credentials.SignatureV2 && c.SessionToken != "" {
		return credentials.Value{}, &credentialsError{fmt.Errorf("%s gives temporary keys with a session token, which signature_version2 cannot carry: remove signature_version2", p.source)}
	}
	return credentials.Value{
		AccessKeyID:     c.AccessKeyID,
		SecretAccessKey: c.SecretAccessKey,
		SessionToken:    c.SessionToken,
		Expiration:      c.Expires,
		SignerType:      p.signature,
	}, nil
}

// IsExpired implements credentials.Provider: the source keeps its own cache.
func (p *provider) IsExpired() bool { return true }

const credentialsTimeout = 30 * time.Second

// Capabilities implements Bucket. Amazon S3 enforces both conditions since
// November 2024 (https://aws.amazon.com/about-aws/whats-new/2024/11/, "Amazon S3
// adds new functionality for conditional writes"); other stores are asked once
// with a tiny object.
func (s *s3Bucket) Capabilities(ctx context.Context) (Capabilities, error) {
	s.capsMu.Lock()
	defer s.capsMu.Unlock()
	if s.caps != nil {
		return *s.caps, nil
	}
	if isAmazonHost(s.cfg.Endpoint) {
		s.caps = &Capabilities{ConditionalPut: true}
		return *s.caps, nil
	}
	conditional, err := s.probe(ctx)
	if err != nil {
		return Capabilities{}, err
	}
	s.caps = &Capabilities{ConditionalPut: conditional}
	return *s.caps, nil
}

// probe writes one object three times: created, created again, and updated from
// an ETag it never had. A store with conditional puts refuses the last two.
func (s *s3Bucket) probe(ctx context.Context) (bool, error) {
	key := reservedSegment + "-probe-" + randomName()
	body := strings.NewReader("conditional put probe")
	_, err := s.Put(ctx, key, body, body.Size(), Condition{Absent: true})
	switch {
	case errors.Is(err, ErrDenied):
		s.logger.Warn("cannot ask the store for conditional puts: writing a probe object is denied; assuming that it has them", "error", err)
		return true, nil
	case notImplemented(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("probe conditional puts: %w", err)
	}
	defer s.removeProbe(ctx, key)
	for _, cond := range []Condition{{Absent: true}, {ETag: "00000000000000000000000000000000"}} {
		_, err := s.Put(ctx, key, body, body.Size(), cond)
		switch {
		case errors.Is(err, ErrPrecondition):
			continue
		case err == nil || notImplemented(err):
			return false, nil
		default:
			return false, fmt.Errorf("probe conditional puts: %w", err)
		}
	}
	return true, nil
}

func (s *s3Bucket) removeProbe(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := s.Delete(ctx, key); err != nil {
		s.logger.Warn("the probe object stays in the bucket: remove it", "key", key, "error", err)
	}
}

func notImplemented(err error) bool {
	var op *OpError
	return errors.As(err, &op) && op.Status == http.StatusNotImplemented
}

// Clock implements Bucket.
func (s *s3Bucket) Clock() (store, local time.Time) { return s.transport.clock() }

// String implements Bucket.
func (s *s3Bucket) String() string { return "s3://" + s.cfg.Bucket }

// Close implements Bucket.
func (s *s3Bucket) Close() error {
	s.who.stop()
	s.transport.CloseIdleConnections()
	return nil
}
