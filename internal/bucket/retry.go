package bucket

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// retrier tries an operation again while its error is worth it, with growing,
// random waits: thousands of agents must not come back in step.
type retrier struct {
	retries int           // after the first attempt
	first   time.Duration // the first wait; 0 for the default
	most    time.Duration // the longest wait; 0 for the default
	wait    func(ctx context.Context, d time.Duration) error
}

// cloudTries counts the attempts of one request.
type cloudTries struct {
	policy retrier
	waits  *backoff.ExponentialBackOff
	made   int
	silent int // attempts that got no answer in time
}

// mostSilent bounds the retries of requests that got no answer in time: one, on
// another connection. Each costs a whole response_header_timeout.
const mostSilent = 1

func (r retrier) tries() *cloudTries {
	waits := newBackoff()
	if r.first > 0 {
		waits.InitialInterval = r.first
	}
	if r.most > 0 {
		waits.MaxInterval = r.most
	}
	return &cloudTries{policy: r, waits: waits}
}

// again waits and returns nil when another attempt is due; otherwise it returns
// the error to give to the caller.
func (t *cloudTries) again(ctx context.Context, e *OpError) error {
	t.made++
	if ctx.Err() != nil || !worthRetry(e) {
		return e
	}
	var timeout *timeoutError
	if errors.As(e.Err, &timeout) {
		t.silent++
	}
	if t.made > t.policy.retries || t.silent > mostSilent {
		if t.made > 1 {
			e.Err = fmt.Errorf("after %d attempts: %w", t.made, e.Err)
		}
		return e
	}
	if err := t.policy.wait(ctx, t.waits.NextBackOff()); err != nil {
		return &OpError{Action: e.Action, Bucket: e.Bucket, Key: e.Key, Err: err}
	}
	return nil
}

// do runs call until it succeeds or its error is final. describe makes the
// caller's error of the client's.
func (r retrier) do(ctx context.Context, describe func(error) *OpError, call func() error) error {
	t := r.tries()
	for {
		err := ctx.Err()
		if err == nil {
			err = call()
		}
		if err == nil {
			return nil
		}
		if err := t.again(ctx, describe(err)); err != nil {
			return err
		}
	}
}

// lasting marks a failure that no repetition mends although its kind might.
type lasting struct{ error }

func (l lasting) Unwrap() error { return l.error }

// worthRetry tells whether another attempt may help soon.
func worthRetry(e *OpError) bool {
	var l lasting
	return Retryable(e) && !errors.As(e.Err, &l)
}

// explainTransport adds what the operator should look at to an error of the
// network, and drops the URL, which may carry a signature.
func explainTransport(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	switch {
	case errors.As(err, &authority):
		return lasting{fmt.Errorf("the store's certificate is not trusted: set http_config.tls_config.ca_file: %w", err)}
	case errors.As(err, &hostname):
		return lasting{fmt.Errorf("the store's certificate is for another name: correct config.endpoint, or set http_config.tls_config.server_name: %w", err)}
	case errors.As(err, &invalid):
		return lasting{fmt.Errorf("the store's certificate is not valid: renew it, or set this machine's clock right: %w", err)}
	case strings.Contains(err.Error(), remoteAlert) && strings.Contains(err.Error(), "certificate"):
		return lasting{fmt.Errorf("the store does not accept our client certificate, or asks for one: set http_config.tls_config.cert_file and key_file: %w", err)}
	case errors.As(err, &record) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return lasting{fmt.Errorf("the store answers plain HTTP where TLS is expected: correct config.endpoint: %w", err)}
	case errors.As(err, &dns):
		return fmt.Errorf("the host %s cannot be resolved: check config.endpoint and the account's name: %w", dns.Name, err)
	default:
		return err
	}
}
