package storagecheck

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
)

const (
	skewNoted   = time.Minute      // agents report it from here on
	skewRefused = 15 * time.Minute // stores refuse signatures from here on
	// certificateSoon is when an ending certificate is worth a word.
	certificateSoon = 14 * 24 * time.Hour

	// A check asks a store that may be broken: it does not wait as long, nor try
	// as often, as an agent that has all night.
	checkRetries    = 1
	checkHeaderWait = 10 * time.Second
)

// parse reads the configuration and opens the bucket, which makes no request.
func (r *runner) parse(ctx context.Context) Check {
	cfg, warnings, err := bucket.ParseConfig(r.in.ConfigName, r.in.Config, bucket.ParseOptions{LenientUnknown: r.in.Lenient, Getenv: r.o.Getenv})
	if err != nil {
		var problems *bucket.ConfigError
		fix := "Correct the file."
		if errors.As(err, &problems) {
			fix = "Correct the file at the places named; docs/operate/storage.md explains every key."
		}
		return Check{Result: Fail, Evidence: diagnose.Redact(err.Error()), Cause: "The configuration cannot be used as it is.", Fix: fix}
	}
	cfg.S3.MaxRetries, cfg.GCS.MaxRetries, cfg.Azure.MaxRetries = checkRetries, checkRetries, checkRetries
	for _, h := range []*bucket.HTTPConfig{&cfg.S3.HTTP, &cfg.GCS.HTTP, &cfg.Azure.HTTP} {
		if h.ResponseHeaderTimeout <= 0 || h.ResponseHeaderTimeout > checkHeaderWait {
			h.ResponseHeaderTimeout = checkHeaderWait
		}
	}
	r.cfg = cfg
	r.learnConfig()
	deps := bucket.Deps{Logger: r.o.Logger, Getenv: r.o.Getenv, Now: r.o.Now}
	r.inspection, err = bucket.Inspect(ctx, cfg, deps)
	if errors.Is(err, bucket.ErrCredentials) && (cfg.Type == bucket.TypeS3 || cfg.Type == bucket.TypeGCS) {
		// The network can be looked at without them.
		r.openErr = err
		cfg.S3.AccessKey, cfg.S3.SecretKey, cfg.S3.SessionToken, cfg.S3.AWSSDKAuth = "none", "none", "", false
		cfg.GCS.ServiceAccount, cfg.GCS.Anonymous = "", true
		r.inspection, err = bucket.Inspect(ctx, cfg, deps)
	}
	if err != nil {
		return r.failed(err, "Correct the file: what it names cannot be used.")
	}
	r.report.Bucket = r.inspection.String()
	evidence := []string{fmt.Sprintf("%s, %s", r.in.ConfigName, cfg.Type)}
	if cfg.Type == bucket.TypeS3 {
		evidence = append(evidence, "endpoint "+cfg.S3.Endpoint)
		if cfg.S3.Region != "" {
			evidence = append(evidence, "region "+cfg.S3.Region)
		}
	}
	for _, w := range warnings {
		evidence = append(evidence, "note: "+w.String())
	}
	return okay("%s", strings.Join(evidence, "; "))
}

// learnConfig keeps the names that fixes are filled in with.
func (r *runner) learnConfig() {
	n := &r.names
	n.Prefix, n.ClusterID = r.cfg.Prefix, r.in.ClusterID
	n.Namespace, n.ServiceAccount = "fleetcost", "fleetcost"
	if r.in.Role == RoleAgent {
		n.ServiceAccount = "fleetcost-agent"
	}
	switch r.cfg.Type {
	case bucket.TypeGCS:
		n.Bucket, n.Endpoint = r.cfg.GCS.Bucket, r.cfg.GCS.Endpoint
	case bucket.TypeAzure:
		n.Bucket, n.Endpoint = r.cfg.Azure.Container, r.cfg.Azure.ServiceURL
	case bucket.TypeS3:
		c := r.cfg.S3
		n.Bucket, n.Region, n.Endpoint, n.Partition = c.Bucket, c.Region, c.Endpoint, partitionOf(c.Region)
		if strings.HasPrefix(c.SSE.KMSKeyID, "arn:") {
			n.KMSKeyARN = c.SSE.KMSKeyID
		}
	}
}

func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// noNetwork is why the network steps do not apply.
const noNetwork = "a directory has none"

func (r *runner) dns(ctx context.Context) Check {
	if !r.inspection.Remote() {
		return skip(noNetwork)
	}
	target, proxy, err := r.inspection.Target(ctx)
	if err != nil {
		return r.failed(err, "Check config.endpoint.")
	}
	host := target.Hostname()
	if proxy != nil {
		return skip("requests to %s pass the proxy %s, which finds the address", host, proxy.Host)
	}
	if net.ParseIP(host) != nil {
		return okay("%s is an address", host)
	}
	addresses, err := r.o.Resolver.LookupHost(ctx, host)
	if err == nil {
		return okay("%s is %s", host, strings.Join(addresses[:min(3, len(addresses))], ", "))
	}
	c := r.failed(fmt.Errorf("lookup %s: %w", host, err), "Check config.endpoint and the DNS of this machine or pod.")
	base, virtual := strings.CutPrefix(host, r.cfg.S3.Bucket+".")
	if virtual && r.cfg.Type == bucket.TypeS3 {
		if _, err := r.o.Resolver.LookupHost(ctx, base); err == nil {
			c.Cause = fmt.Sprintf("The store's own name %s resolves, the bucket's name in it does not: the store has no address per bucket.", base)
			c.Fix = "Address the bucket in the path."
			c.Snippets = []diagnose.Snippet{{Kind: diagnose.YAML, Where: "in " + r.in.ConfigName, Text: "config:\n  bucket_lookup_type: path\n"}}
		}
	}
	return c
}

// tls greets the store: one unsigned request, whose answer tells that the store
// can be reached, whom the certificate is from, and the store's time.
func (r *runner) tls(ctx context.Context) Check {
	if !r.inspection.Remote() {
		return skip(noNetwork)
	}
	answer, err := r.inspection.Greet(ctx)
	if err != nil {
		return r.tlsFailed(err)
	}
	r.answer = answer
	target, _, err := r.inspection.Target(ctx)
	if err != nil {
		return r.failed(err, "Check config.endpoint.")
	}
	if answer.TLS == nil {
		if loopback(target.Hostname()) {
			return okay("plain HTTP to this machine")
		}
		return warning("plain HTTP to "+target.Host, "What is written, and who may write it, can be read and changed on the way.",
			"Use the store's TLS port (S3: without insecure: true; GCS and Azure: an endpoint with https).")
	}
	what := tls.VersionName(answer.TLS.Version)
	if len(answer.TLS.PeerCertificates) > 0 {
		leaf := answer.TLS.PeerCertificates[0]
		what += fmt.Sprintf(", certificate of %s by %s until %s", subjectOf(leaf), issuerOf(leaf), leaf.NotAfter.UTC().Format(time.DateOnly))
		if left := leaf.NotAfter.Sub(r.o.Now()); left < certificateSoon {
			what += fmt.Sprintf(" (ends in %d days)", int(left.Hours()/24))
		}
	}
	switch {
	case r.inspection.HTTP().InsecureSkipVerify:
		return warning(what, "insecure_skip_verify: true: the certificate is not verified, so anybody on the way can pose as the store.",
			"Give the CA that signed the certificate, and remove insecure_skip_verify.",
			diagnose.Snippet{Kind: diagnose.YAML, Where: "in " + r.in.ConfigName, Text: "config:\n  http_config:\n    tls_config:\n      ca_file: /etc/fleetcost/ca.pem\n"})
	case r.inspection.HTTP().TLS.CAFile != "":
		what += ", trusted by " + r.inspection.HTTP().TLS.CAFile
	}
	return okay("%s", what)
}

func (r *runner) tlsFailed(err error) Check {
	c := r.failed(err, "Check config.endpoint, its port, and what lies between: firewalls, network policies, proxies, VPC endpoints.")
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0 {
		chain := unverified.UnverifiedCertificates
		c.Evidence += fmt.Sprintf(" (certificate of %s, issued by %s)", subjectOf(chain[0]), issuerOf(chain[len(chain)-1]))
	}
	return c
}

func subjectOf(c *x509.Certificate) string {
	if len(c.DNSNames) > 0 {
		return c.DNSNames[0]
	}
	if c.Subject.CommonName == "" && len(c.IPAddresses) > 0 {
		return c.IPAddresses[0].String()
	}
	return cmp.Or(c.Subject.CommonName, c.Subject.String(), "nobody")
}

func issuerOf(c *x509.Certificate) string {
	name := c.Issuer.CommonName
	if len(c.Issuer.Organization) > 0 && !slices.Contains(c.Issuer.Organization, name) {
		name = strings.TrimPrefix(name+" of "+c.Issuer.Organization[0], " of ")
	}
	name = cmp.Or(name, c.Issuer.String(), "nobody")
	if c.Subject.String() == c.Issuer.String() {
		name += " (itself)"
	}
	return name
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// clock compares the store's clock with ours, before anybody blames a secret.
func (r *runner) clock(context.Context) Check {
	if !r.inspection.Remote() {
		return skip(noNetwork)
	}
	if r.answer.Date.IsZero() {
		return skip("the store's answer carries no Date")
	}
	skew := r.answer.Date.Sub(r.answer.Local).Truncate(time.Second)
	direction := "ahead of"
	if skew > 0 {
		direction = "behind"
	}
	evidence := fmt.Sprintf("this machine's clock is %s %s the store's", skew.Abs(), direction)
	const fix = "Set this machine's clock, and keep it right with NTP (chrony, systemd-timesyncd)."
	switch {
	case skew.Abs() >= skewRefused:
		c := r.explained(diagnose.Facts{Text: "RequestTimeTooSkewed: " + evidence, Code: "RequestTimeTooSkewed", Service: "s3"}, fix)
		c.Evidence = evidence
		if c.Cause == "" {
			c.Cause = "Stores refuse requests that are signed more than 15 minutes before or after their own time."
		}
		return c
	case skew.Abs() > skewNoted:
		return warning(evidence, "Stores refuse signatures from 15 minutes on, and hours would close early or late.", fix)
	case skew.Abs() <= time.Second:
		return okay("none")
	default:
		return okay("%s", evidence)
	}
}
