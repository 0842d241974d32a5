package prometheus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/collect"
)

// Config says where the samples are and how to read them.
type Config struct {
	URL       string // base address, such as http://prometheus:9090 or https://mimir/prometheus
	ClusterID string // goes into every HourUsage

	BearerTokenFile string // read again for every request, since service account tokens rotate
	Username        string
	PasswordFile    string // read again for every request
	TLS             TLS
	Headers         map[string]string // sent with every request, such as X-Scope-OrgID

	// Matcher is added to every selector, so that one database can serve many
	// clusters: `cluster="prod"`, or several joined by commas.
	Matcher string

	Step        time.Duration // of the grid; 0 means 60 s
	MaxSamples  int           // most samples of one query's answer; 0 means 1,000,000
	Concurrency int           // queries at once; 0 means 4
	Timeout     time.Duration // of one query; 0 means 2 m
	Retries     int           // of a query that failed for a passing reason; 0 means 4, negative none

	// NoRemoteRead keeps to the query API. Otherwise remote read with streamed
	// chunks is tried first, and left where a backend has none.
	NoRemoteRead bool

	AnnotationAllow []string // annotation keys to keep; none by default
	LabelDeny       []string // label keys to drop

	Now func() time.Time // the clock; required
}

// TLS says how to trust the server and how to be known to it.
type TLS struct {
	CAFile             string // PEM; the system's roots when empty
	CertFile, KeyFile  string // client certificate
	ServerName         string
	InsecureSkipVerify bool
}

const (
	defaultMaxSamples  = 1_000_000
	minSamples         = 1_000
	defaultConcurrency = 4
	defaultTimeout     = 2 * time.Minute
	defaultRetries     = 4
)

func (c Config) withDefaults() Config {
	if c.Step == 0 {
		c.Step = collect.DefaultStep
	}
	if c.MaxSamples == 0 {
		c.MaxSamples = defaultMaxSamples
	}
	if c.Concurrency == 0 {
		c.Concurrency = defaultConcurrency
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Retries == 0 {
		c.Retries = defaultRetries
	}
	c.URL = strings.TrimRight(c.URL, "/")
	c.Matcher = strings.Trim(strings.TrimSpace(c.Matcher), ",")
	if strings.HasPrefix(c.Matcher, "{") && strings.HasSuffix(c.Matcher, "}") {
		c.Matcher = c.Matcher[1 : len(c.Matcher)-1]
	}
	return c
}

// Validate reports every field that cannot work, by name.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("prometheus %s: %s", field, fmt.Sprintf(format, args...)))
	}
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		bad("url", "%q is not an http or https address", c.URL)
	} else if u.User != nil {
		bad("url", "holds credentials; use the user name and password file settings, so that they stay out of logs")
	}
	if c.BearerTokenFile != "" && c.Username != "" {
		bad("bearer_token_file", "excludes basic auth; set one of them")
	}
	if (c.Username == "") != (c.PasswordFile == "") {
		bad("basic_auth", "needs both a user name and a password file")
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		bad("tls", "needs both cert_file and key_file")
	}
	if err := collect.CheckStep(c.Step); err != nil {
		errs = append(errs, fmt.Errorf("prometheus %w", err))
	}
	if c.MaxSamples < minSamples {
		bad("max_samples", "%d is below %d", c.MaxSamples, minSamples)
	}
	if c.Concurrency < 1 || c.Concurrency > 64 {
		bad("concurrency", "%d is not between 1 and 64", c.Concurrency)
	}
	if c.Timeout < time.Second {
		bad("timeout", "%s is below 1s", c.Timeout)
	}
	if _, err := parseMatchers(c.Matcher); err != nil {
		bad("matcher", "%v", err)
	}
	for k := range c.Headers {
		if strings.EqualFold(k, "Authorization") && (c.BearerTokenFile != "" || c.Username != "") {
			bad("headers", "Authorization is set twice, by a header and by credentials")
		}
	}
	if c.Now == nil {
		bad("now", "the clock is missing")
	}
	return errors.Join(errs...)
}

// transport returns the HTTP transport that the TLS settings ask for.
func (c Config) transport() (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = c.Concurrency
	t.TLSClientConfig = &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: c.TLS.ServerName,
		InsecureSkipVerify: c.TLS.InsecureSkipVerify, //nolint:gosec // the operator's own choice
	}
	if c.TLS.CAFile != "" {
		pem, err := os.ReadFile(c.TLS.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read prometheus tls ca_file: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read prometheus tls ca_file: no certificate in %s", c.TLS.CAFile)
		}
		t.TLSClientConfig.RootCAs = pool
	}
	if c.TLS.CertFile != "" {
		// Read again at each handshake, since certificates rotate.
		if _, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile); err != nil {
			return nil, fmt.Errorf("read prometheus tls cert_file and key_file: %w", err)
		}
		t.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile)
			return &cert, err
		}
	}
	return t, nil
}
