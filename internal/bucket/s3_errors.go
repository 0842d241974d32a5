package bucket

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/minio/minio-go/v7"
)

// fail turns an error of minio-go into an *OpError of the action on the key.
func (s *s3Bucket) fail(ctx context.Context, action, key string, err error) *OpError {
	e := &OpError{Action: "s3:" + action, Bucket: s.cfg.Bucket, Key: key, Err: err}
	var creds *credentialsError
	var resp minio.ErrorResponse
	switch {
	case ctx.Err() != nil:
		e.Err = ctx.Err() // the caller's doing, whatever it broke on the way
	case errors.As(err, &creds):
		e.Kind = ErrCredentials
	case errors.As(err, &resp):
		e.Code, e.Status = resp.Code, resp.StatusCode
		e.Kind, e.Err = s.classify(resp)
		if errors.Is(e.Kind, ErrDenied) {
			s.namePermission(e, resp.Message)
		}
	default:
		e.Kind = ErrUnavailable
		e.Err = explainNetwork(err, s.cfg)
	}
	return e
}

// nameless400 is minio-go's code for status 400 in answer to a HEAD, which has no
// body that could say more. RequestTimeout and ExpiredToken come that way.
const nameless400 = "400 Bad Request"

// deniedAction is the part of AWS's denials that names the missing permission.
var deniedAction = regexp.MustCompile(`not authorized to perform: (s3:[A-Za-z]+)`)

// namePermission makes the action of a denial the permission that is missing,
// as far as it can be told: the store's own word, or what the request needs.
func (s *s3Bucket) namePermission(e *OpError, message string) {
	m := deniedAction.FindStringSubmatch(message)
	switch {
	case m != nil:
		e.Action = m[1]
	case e.Action == "s3:HeadObject":
		e.Action = "s3:GetObject" // there is no permission of the other name
	case e.Action == "s3:PutObject" && s.sendsACL():
		e.Err = fmt.Errorf("allow s3:PutObject and, for the X-Amz-Acl of put_user_metadata, s3:PutObjectAcl: %w", e.Err)
	}
}

func (s *s3Bucket) sendsACL() bool {
	for name := range s.cfg.UserMetadata {
		if strings.EqualFold(name, "X-Amz-Acl") {
			return true
		}
	}
	return false
}

// kmsKeyNotFound is MinIO's code for a missing key of encryption.
const kmsKeyNotFound = "kms:KeyNotFound"

// plainToTLS is said of a store that seems to want TLS.
const plainToTLS = "insecure: true speaks plain HTTP, perhaps to a TLS port"

// classify maps the store's answer to a sentinel and an explanation.
func (s *s3Bucket) classify(r minio.ErrorResponse) (kind, err error) {
	explain := func(format string, args ...any) error {
		text := r.Code
		if r.Message != "" && r.Message != r.Code {
			text += ": " + r.Message
		}
		if r.RequestID != "" {
			text += " (request " + r.RequestID + ")"
		}
		if format == "" {
			return errors.New(text)
		}
		return fmt.Errorf(format+": %s", append(args, text)...)
	}
	if text := strings.ToLower(r.Message); r.StatusCode == http.StatusBadRequest &&
		(strings.Contains(text, "http request to an https server") || strings.Contains(text, "plain http request was sent to https port")) {
		// Go's servers and nginx say so in plain text; whether that text or the
		// broken connection arrives first is a race.
		return ErrUnavailable, explain(plainToTLS)
	}
	switch r.Code {
	case minio.NoSuchKey:
		return ErrNotFound, nil
	case nameless400:
		return ErrUnavailable, explain("the store gives no reason, an expired token or a slow connection perhaps")
	case minio.NoSuchBucket:
		// Not ErrNotFound: nobody may take a lost bucket for an empty one.
		return ErrUnavailable, explain("the bucket does not exist: create it, or correct config.bucket")
	case minio.PreconditionFailed, "ConditionalRequestConflict":
		return ErrPrecondition, explain("")
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired":
		return ErrCredentials, explain("the store does not accept the %s", s.source)
	case "RequestTimeTooSkewed":
		return ErrCredentials, explain("this machine's clock differs from the store's: set it right")
	case "SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestThrottled", "TooManyRequests":
		return ErrThrottled, explain("")
	case "InvalidObjectState":
		return nil, explain("the object is in an archive storage class: restore it, or write with another class")
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "InvalidRegion", "IllegalLocationConstraintException":
		if r.Region != "" {
			return nil, explain("the bucket is in region %s, config.region says %q", r.Region, s.cfg.Region)
		}
		return nil, explain("check config.region and config.endpoint")
	case "AccessControlListNotSupported":
		return nil, explain("the bucket refuses ACLs (object ownership is enforced): remove X-Amz-Acl from put_user_metadata")
	}
	switch {
	case r.Code == kmsKeyNotFound: // status 404, and yet the object is there
		return ErrUnavailable, explain("the encryption key is not there")
	case r.StatusCode == http.StatusForbidden || r.StatusCode == http.StatusUnauthorized:
		return ErrDenied, explain("")
	case r.StatusCode == http.StatusNotFound:
		return ErrNotFound, explain("")
	case r.StatusCode == http.StatusPreconditionFailed:
		return ErrPrecondition, explain("")
	case r.StatusCode == http.StatusTooManyRequests:
		return ErrThrottled, explain("")
	case r.StatusCode == http.StatusRequestTimeout, r.StatusCode >= 500 && r.StatusCode != http.StatusNotImplemented:
		return ErrUnavailable, explain("")
	case r.Code == "InternalError" || r.Code == "RequestTimeout" || r.Code == "ServiceUnavailable":
		return ErrUnavailable, explain("") // these may come inside an answer of status 200
	default:
		return nil, explain("")
	}
}

// retryable tells whether another attempt may help soon.
func (e *OpError) retryable() bool {
	switch e.Code {
	case minio.NoSuchBucket, kmsKeyNotFound:
		return false
	case "ConditionalRequestConflict", "ExpiredToken", "ExpiredTokenException":
		return true
	}
	if !Retryable(e) {
		return false
	}
	return !errors.Is(e.Err, errHandshake)
}

// errHandshake marks a TLS connection that will fail again until somebody
// changes a file.
var errHandshake = errors.New("TLS")

// explainNetwork adds what the operator should look at.
func explainNetwork(err error, cfg S3Config) error {
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	text := err.Error()
	switch {
	case errors.As(err, &authority):
		return fmt.Errorf("the store's certificate is not trusted: set http_config.tls_config.ca_file: %w: %w", errHandshake, err)
	case errors.As(err, &hostname):
		return fmt.Errorf("the store's certificate is for another name: correct config.endpoint, or set http_config.tls_config.server_name: %w: %w", errHandshake, err)
	case errors.As(err, &invalid):
		return fmt.Errorf("the store's certificate is not valid: renew it, or set this machine's clock right: %w: %w", errHandshake, err)
	case strings.Contains(text, remoteAlert) && strings.Contains(text, "certificate"):
		return fmt.Errorf("the store does not accept our client certificate, or asks for one: set http_config.tls_config.cert_file and key_file: %w: %w", errHandshake, err)
	case errors.As(err, &record) || strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("the store answers plain HTTP: set insecure: true, or use its TLS port: %w: %w", errHandshake, err)
	case errors.As(err, &dns):
		return fmt.Errorf("the host %s cannot be resolved: check config.endpoint and config.bucket_lookup_type: %w", dns.Name, err)
	case cfg.Insecure && (strings.Contains(text, "connection reset") || strings.Contains(text, "malformed HTTP response")):
		return fmt.Errorf(plainToTLS+": %w", err)
	default:
		return err
	}
}
