package bucket

import (
	"cmp"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Type names a provider.
type Type string

// The providers of this version.
const (
	TypeS3         Type = "S3"
	TypeGCS        Type = "GCS"
	TypeAzure      Type = "AZURE"
	TypeFilesystem Type = "FILESYSTEM"
)

// Config is a parsed and validated federated-store.yaml.
type Config struct {
	Name       string // the file's name, for messages
	Type       Type
	Prefix     string // below which all keys lie; "" for the whole bucket
	S3         S3Config
	GCS        GCSConfig   `json:",omitzero"`
	Azure      AzureConfig `json:",omitzero"`
	Filesystem FilesystemConfig
}

// Location is where a configuration's objects lie, for messages.
type Location struct {
	Bucket, Prefix, Region, Endpoint string
	KMSKey                           string // id or ARN of the key that writes encrypt with, or ""
}

// Location tells where the objects lie.
func (c *Config) Location() Location {
	l := Location{Prefix: c.Prefix}
	switch c.Type {
	case TypeS3:
		l.Bucket, l.Region, l.Endpoint, l.KMSKey = c.S3.Bucket, c.S3.Region, c.S3.Endpoint, c.S3.SSE.KMSKeyID
	case TypeGCS:
		l.Bucket, l.Endpoint = c.GCS.Bucket, c.GCS.Endpoint
	case TypeAzure:
		l.Bucket, l.Endpoint = c.Azure.Container, c.Azure.ServiceURL
	case TypeFilesystem:
		l.Bucket = c.Filesystem.Directory
	}
	return l
}

// FilesystemConfig is `config` of type FILESYSTEM.
type FilesystemConfig struct {
	Directory string
}

// S3Config is `config` of type S3, with defaults applied.
type S3Config struct {
	Bucket   string
	Endpoint string // host or host:port; derived from the region when the file has none
	Region   string // "" asks the store

	AccessKey    string
	SecretKey    Secret
	SessionToken Secret
	AWSSDKAuth   bool   // leave credentials to the AWS SDK's default chain
	STSEndpoint  string // replaces the address of STS

	Insecure         bool // plain HTTP
	SignatureV2      bool
	ListV1           bool
	Lookup           Lookup
	DisableDualstack bool

	UserMetadata     map[string]string // sent with every write; X-Amz-* as real headers
	PartSize         int64             // bytes; objects up to this size are one PUT
	DisableMultipart bool
	SendContentMD5   bool
	MaxRetries       int // retries after the first attempt
	Trace            bool
	SSE              SSEConfig
	HTTP             HTTPConfig
}

// Lookup is how the bucket's name enters the URL.
type Lookup string

// The values of bucket_lookup_type.
const (
	LookupAuto    Lookup = "auto"
	LookupVirtual Lookup = "virtual-hosted"
	LookupPath    Lookup = "path"
)

// SSEConfig is server-side encryption.
type SSEConfig struct {
	Type          string // "", "SSE-S3", "SSE-KMS" or "SSE-C"
	KMSKeyID      string
	KMSContext    map[string]string
	EncryptionKey string // file with the 32 bytes of an SSE-C key
}

// HTTPConfig is the transport.
type HTTPConfig struct {
	IdleConnTimeout       time.Duration
	ResponseHeaderTimeout time.Duration
	TLSHandshakeTimeout   time.Duration
	ExpectContinueTimeout time.Duration
	MaxIdleConns          int
	MaxIdleConnsPerHost   int
	MaxConnsPerHost       int
	InsecureSkipVerify    bool
	TLS                   TLSConfig
}

// TLSConfig names files with certificates.
type TLSConfig struct {
	CAFile, CertFile, KeyFile, ServerName string
}

// location tells where the data lives, in one line without secrets. Two
// configurations with one location speak of the same objects.
func (c *Config) location() string {
	where := string(c.Type)
	switch c.Type {
	case TypeS3:
		host := c.S3.Endpoint
		if isAmazonHost(host) { // any host of Amazon's leads to the bucket
			host = "Amazon S3"
			if domain := amazonEndpoint(c.S3.Region); !strings.HasSuffix(domain, ".amazonaws.com") {
				host += " (" + domain + ")"
			}
		}
		where += " bucket " + c.S3.Bucket + " at " + host
	case TypeGCS:
		where += " bucket " + c.GCS.Bucket + " at " + cmp.Or(c.GCS.Endpoint, gcsEndpoint)
	case TypeAzure:
		where += " container " + c.Azure.Container + " at " + cmp.Or(c.Azure.ServiceURL, "the account "+c.Azure.Account)
	case TypeFilesystem:
		where += " directory " + c.Filesystem.Directory
	default: // everything but secrets, until somebody says which keys matter
		where += fmt.Sprintf(" %+v", *c)
	}
	if c.Prefix != "" {
		where += " below " + c.Prefix
	}
	return where
}

// files are the files that the configuration refers to: certificates and keys.
func (c *Config) files() []string {
	var out []string
	paths := []string{c.S3.SSE.EncryptionKey}
	for _, tls := range []TLSConfig{c.S3.HTTP.TLS, c.GCS.HTTP.TLS, c.Azure.HTTP.TLS} {
		paths = append(paths, tls.CAFile, tls.CertFile, tls.KeyFile)
	}
	for _, path := range paths {
		if path != "" {
			out = append(out, path)
		}
	}
	return out
}

// Secret is text that no format verb, log or encoder shows.
type Secret string

const redacted = "<redacted>"

// String hides the secret.
func (s Secret) String() string { return redacted }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return redacted }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Problem is one thing wrong, or doubtful, in a configuration file.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0 when it concerns the file as a whole
	Key          string // dotted path such as config.http_config.idle_conn_timeout
	Message      string
	Nearest      string // the known key that an unknown one resembles, or ""
}

// String reads "file:line:column: key: message; did you mean nearest?".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key)
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	if p.Nearest != "" {
		fmt.Fprintf(&b, "; did you mean %s?", p.Nearest)
	}
	return b.String()
}

// Warning is a problem that the file may be used in spite of.
type Warning = Problem

// ConfigError holds every problem of a file, in the file's order.
type ConfigError struct {
	Problems []Problem
}

// Error lists the problems, one a line.
func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// ParseOptions change how strict ParseConfig is.
type ParseOptions struct {
	// LenientUnknown turns unknown keys into warnings, for files taken over
	// from products that ignore them.
	LenientUnknown bool

	// Getenv looks up what ${NAME} in a secret refers to. Without it every
	// reference is an error.
	Getenv func(string) string
}
