package bucket

import (
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"golang.org/x/net/http/httpguts"
)

const (
	minPartSize     = 5 << 20  // S3's least size of a part
	maxPartSize     = 5 << 30  // S3's largest single PUT and part
	defaultPartSize = 64 << 20 // as the field's tools have it
	defaultRetries  = 3
	maxRetries      = 100
	maxConnections  = 1 << 20
)

// otherTypes are the providers of the shared file format that this version does
// not have yet.
var otherTypes = []string{"SWIFT", "COS", "ALIYUNOSS", "BOS", "OCI", "OBS"}

// homes says where a key belongs, for keys that are found elsewhere.
var homes = map[string]string{
	"type": "", "config": "", "prefix": "",
	"bucket": "config", "endpoint": "config", "region": "config", "access_key": "config", "secret_key": "config",
	"session_token": "config", "aws_sdk_auth": "config", "sts_endpoint": "config", "insecure": "config",
	"signature_version2": "config", "put_user_metadata": "config", "part_size": "config", "list_objects_version": "config",
	"bucket_lookup_type": "config", "send_content_md5": "config", "disable_multipart": "config", "disable_dualstack": "config",
	"max_retries": "config", "http_config": "config", "trace": "config", "sse_config": "config", "directory": "config",
	"idle_conn_timeout": "config.http_config", "response_header_timeout": "config.http_config",
	"tls_handshake_timeout": "config.http_config", "expect_continue_timeout": "config.http_config",
	"max_idle_conns": "config.http_config", "max_idle_conns_per_host": "config.http_config", "max_conns_per_host": "config.http_config",
	"insecure_skip_verify": "config.http_config", "disable_compression": "config.http_config", "tls_config": "config.http_config",
	"ca_file": "config.http_config.tls_config", "cert_file": "config.http_config.tls_config",
	"key_file": "config.http_config.tls_config", "server_name": "config.http_config.tls_config",
	"service_account": "config", "chunk_size_bytes": "config", "use_grpc": "config", "grpc_conn_pool_size": "config",
	"anonymous":       "config",
	"storage_account": "config", "storage_account_key": "config", "storage_connection_string": "config",
	"storage_create_container": "config", "container": "config", "user_assigned_id": "config", "msi_resource": "config",
	"az_tenant_id": "config", "client_id": "config", "client_secret": "config", "azure_storage_account_type": "config",
	"pipeline_config": "config", "reader_config": "config",
	"max_tries": "config.pipeline_config", "try_timeout": "config.pipeline_config",
	"retry_delay": "config.pipeline_config", "max_retry_delay": "config.pipeline_config",
	"max_retry_requests":     "config.reader_config",
	"enable":                 "config.trace",
	"kms_key_id":             "config.sse_config",
	"kms_encryption_context": "config.sse_config", "encryption_key": "config.sse_config",
}

// cannedACLs are the values that S3 takes for X-Amz-Acl.
var cannedACLs = []string{
	"private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read",
	"bucket-owner-read", "bucket-owner-full-control", "log-delivery-write",
}

// ParseConfig reads a federated-store.yaml. name is the file's name in messages.
// A key that is unknown, set twice or of the wrong type is a problem with its
// line, column and nearest known key; all problems come back at once in a
// *ConfigError. Nothing that the file says is ignored: it is honoured, refused,
// or, where it changes nothing, warned about.
func ParseConfig(name string, data []byte, opts ParseOptions) (Config, []Warning, error) {
	d := &decoder{file: name, lenient: opts.LenientUnknown, getenv: opts.Getenv, anchors: map[string]ast.Node{}, places: map[string]*token.Position{}}
	cfg := Config{Name: name}
	root := d.parseTree(data)
	if root == nil {
		warnings, err := d.finish()
		return Config{}, warnings, err
	}
	var kind string
	var config ast.Node
	if !isMapping(root) {
		d.problemAt(root.GetToken().Position, "", "must hold the keys type and config, found %s", describe(root))
		warnings, err := d.finish()
		return Config{}, warnings, err
	}
	d.mapping(root, "", fields{
		"type":   d.str(&kind),
		"prefix": d.str(&cfg.Prefix),
		"config": func(n ast.Node, _ string) { config = n },
	})
	d.decodeConfig(&cfg, kind, config)
	if cfg.Prefix = strings.TrimSuffix(cfg.Prefix, "/"); cfg.Prefix != "" {
		if err := ValidateKey(cfg.Prefix); err != nil {
			d.problem("prefix", "%v", err)
		}
	}
	warnings, err := d.finish()
	if err != nil {
		return Config{}, warnings, err
	}
	return cfg, warnings, nil
}

func (d *decoder) decodeConfig(cfg *Config, kind string, config ast.Node) {
	cfg.Type = Type(strings.ToUpper(kind))
	switch {
	case cfg.Type == TypeS3:
		cfg.S3 = defaultS3()
		d.decodeS3(&cfg.S3, config)
		d.validateS3(&cfg.S3)
	case cfg.Type == TypeGCS:
		cfg.GCS = defaultGCS()
		d.decodeGCS(&cfg.GCS, config)
	case cfg.Type == TypeAzure:
		cfg.Azure = defaultAzure()
		d.decodeAzure(&cfg.Azure, config)
	case cfg.Type == TypeFilesystem:
		d.mapping(config, "config", fields{"directory": d.str(&cfg.Filesystem.Directory)})
		if cfg.Filesystem.Directory == "" && d.places["config.directory"] == nil {
			d.problem("config.directory", "missing: name the directory that is the bucket")
		}
	case kind == "" && d.places["type"] == nil:
		d.problem("type", "missing: S3, GCS, AZURE or FILESYSTEM")
	case kind == "":
		return // already reported
	case slices.Contains(otherTypes, strings.ToUpper(kind)):
		d.problem("type", "%s is not supported by this version, which has S3 (and stores that speak it), GCS, AZURE and FILESYSTEM", strings.ToUpper(kind))
	default:
		d.problem("type", "unknown type %q, known are S3, GCS, AZURE and FILESYSTEM", kind)
	}
}

// defaultS3 returns what holds for keys that the file does not set. It makes a
// fresh value each time, so that no two configurations share a map.
func defaultS3() S3Config {
	return S3Config{
		Lookup:         LookupAuto,
		UserMetadata:   map[string]string{},
		PartSize:       defaultPartSize,
		SendContentMD5: true,
		MaxRetries:     defaultRetries,
		SSE:            SSEConfig{KMSContext: map[string]string{}},
		HTTP:           defaultHTTP(),
	}
}

func defaultHTTP() HTTPConfig {
	return HTTPConfig{
		IdleConnTimeout:       90 * time.Second,
		ResponseHeaderTimeout: 2 * time.Minute,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   100,
	}
}

func (d *decoder) decodeS3(c *S3Config, config ast.Node) {
	var listVersion, lookup string
	d.mapping(config, "config", fields{
		"bucket":               d.str(&c.Bucket),
		"endpoint":             d.str(&c.Endpoint),
		"region":               d.str(&c.Region),
		"access_key":           d.expanded(true, func(s string) { c.AccessKey = s }),
		"secret_key":           d.secret(&c.SecretKey),
		"session_token":        d.secret(&c.SessionToken),
		"aws_sdk_auth":         d.boolean(&c.AWSSDKAuth),
		"sts_endpoint":         d.str(&c.STSEndpoint),
		"insecure":             d.boolean(&c.Insecure),
		"signature_version2":   d.boolean(&c.SignatureV2),
		"list_objects_version": d.oneOf(&listVersion, "v1", "v2"),
		"bucket_lookup_type":   d.oneOf(&lookup, string(LookupAuto), string(LookupVirtual), string(LookupPath)),
		"disable_dualstack":    d.boolean(&c.DisableDualstack),
		"put_user_metadata":    d.texts(c.UserMetadata),
		"part_size":            d.integer(minPartSize, maxPartSize, func(v int64) { c.PartSize = v }),
		"disable_multipart":    d.boolean(&c.DisableMultipart),
		"send_content_md5":     d.boolean(&c.SendContentMD5),
		"max_retries":          d.integer(0, maxRetries, func(v int64) { c.MaxRetries = int(v) }),
		"trace":                func(n ast.Node, path string) { d.mapping(n, path, fields{"enable": d.boolean(&c.Trace)}) },
		"sse_config":           func(n ast.Node, path string) { d.decodeSSE(&c.SSE, n, path) },
		"http_config":          func(n ast.Node, path string) { d.decodeHTTP(&c.HTTP, n, path) },
	})
	c.ListV1 = listVersion == "v1"
	if lookup != "" {
		c.Lookup = Lookup(lookup)
	}
	if c.MaxRetries == 0 { // as elsewhere, 0 is "the default"; 1 is the least
		c.MaxRetries = defaultRetries
	}
}

func (d *decoder) decodeSSE(c *SSEConfig, n ast.Node, path string) {
	d.mapping(n, path, fields{
		"type":                   d.oneOf(&c.Type, "SSE-S3", "SSE-KMS", "SSE-C"),
		"kms_key_id":             d.str(&c.KMSKeyID),
		"kms_encryption_context": d.texts(c.KMSContext),
		"encryption_key":         d.str(&c.EncryptionKey),
	})
	switch {
	case c.Type == "SSE-KMS" && c.KMSKeyID == "":
		d.problem(path, "SSE-KMS needs kms_key_id")
	case c.Type == "SSE-C" && c.EncryptionKey == "":
		d.problem(path, "SSE-C needs encryption_key, a file with a key of 32 bytes")
	case c.Type != "SSE-KMS" && (c.KMSKeyID != "" || len(c.KMSContext) > 0):
		d.problem(path, "kms_key_id and kms_encryption_context need type SSE-KMS")
	case c.Type != "SSE-C" && c.EncryptionKey != "":
		d.problem(path, "encryption_key needs type SSE-C")
	}
}

func (d *decoder) decodeHTTP(c *HTTPConfig, n ast.Node, path string) {
	var compressionOff, skipTLS bool
	count := func(into *int) func(ast.Node, string) {
		return d.integer(0, maxConnections, func(v int64) { *into = int(v) })
	}
	d.mapping(n, path, fields{
		"idle_conn_timeout":       d.duration(&c.IdleConnTimeout),
		"response_header_timeout": d.duration(&c.ResponseHeaderTimeout),
		"tls_handshake_timeout":   d.duration(&c.TLSHandshakeTimeout),
		"expect_continue_timeout": d.duration(&c.ExpectContinueTimeout),
		"max_idle_conns":          count(&c.MaxIdleConns),
		"max_idle_conns_per_host": count(&c.MaxIdleConnsPerHost),
		"max_conns_per_host":      count(&c.MaxConnsPerHost),
		"insecure_skip_verify":    d.boolean(&c.InsecureSkipVerify),
		"disable_compression":     d.boolean(&compressionOff),
		"tls_config": func(n ast.Node, path string) {
			d.mapping(n, path, fields{
				"ca_file":              d.str(&c.TLS.CAFile),
				"cert_file":            d.str(&c.TLS.CertFile),
				"key_file":             d.str(&c.TLS.KeyFile),
				"server_name":          d.str(&c.TLS.ServerName),
				"insecure_skip_verify": d.boolean(&skipTLS),
			})
		},
	})
	// Either key switches verification off, as whoever wrote it meant.
	c.InsecureSkipVerify = c.InsecureSkipVerify || skipTLS
	if d.places[path+".disable_compression"] != nil && !compressionOff {
		d.warn(path+".disable_compression", "has no effect: compressed transfer is always off, so that objects arrive byte for byte")
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		d.problem(path+".tls_config", "cert_file and key_file belong together")
	}
	if c.InsecureSkipVerify {
		d.warn(path, "certificates are not verified (insecure_skip_verify): prefer tls_config.ca_file")
	}
}

func (d *decoder) validateS3(c *S3Config) {
	switch {
	case c.Bucket == "" && d.places["config.bucket"] == nil:
		d.problem("config.bucket", "missing: name the bucket")
	case c.Bucket != "":
		if err := s3utils.CheckValidBucketName(c.Bucket); err != nil {
			d.problem("config.bucket", "%v", err)
		}
	}
	d.validateEndpoint(c)
	d.validateCredentials(c)
	d.validateMetadata(c)
	d.contradictions(c)
}

func (d *decoder) validateEndpoint(c *S3Config) {
	host := c.Endpoint
	switch {
	case host == "" && (d.places["config.endpoint"] != nil || c.Region == "" && d.places["config.region"] != nil) && len(d.problems) > 0:
		return // a placeholder or the like, already reported
	case host == "" && c.Region == "":
		d.problem("config.endpoint", "missing: write the store's host, or a region for Amazon S3")
		return
	case host == "":
		c.Endpoint = amazonEndpoint(c.Region)
		d.validateRegion(c)
		return
	case strings.Contains(host, "://"):
		_, bare, _ := strings.Cut(host, "://")
		bare, _, _ = strings.Cut(bare, "/")
		d.problem("config.endpoint", "must be a host without scheme: %q; use insecure: true for plain HTTP", bare)
		return
	case strings.ContainsAny(host, "/?#@ "):
		d.problem("config.endpoint", "must be a host or host:port only, without path")
		return
	}
	d.validateHost(c)
}

func (d *decoder) validateCredentials(c *S3Config) {
	if len(d.problems) > 0 && slices.ContainsFunc(d.problems, func(p Problem) bool {
		return p.Key == "config.access_key" || p.Key == "config.secret_key"
	}) {
		return // one message about the keys is enough
	}
	switch {
	case c.AWSSDKAuth && (c.AccessKey != "" || c.SecretKey != ""):
		d.problem("config.aws_sdk_auth", "cannot be true while access_key or secret_key is set: remove one of them")
	case c.AccessKey != "" && c.SecretKey == "":
		d.problem("config.access_key", "is set without secret_key: set both, or neither to use the identity of the pod or machine")
	case c.AccessKey == "" && c.SecretKey != "":
		d.problem("config.secret_key", "is set without access_key: set both, or neither to use the identity of the pod or machine")
	case c.AccessKey == "" && c.SessionToken != "":
		d.problem("config.session_token", "is set without access_key and secret_key")
	}
}

func (d *decoder) validateMetadata(c *S3Config) {
	for name, value := range c.UserMetadata {
		path := "config.put_user_metadata." + name
		lower := strings.ToLower(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			d.problem(path, "is not a valid header name")
		case !httpguts.ValidHeaderFieldValue(value):
			d.problem(path, "has a value that is not a valid header value")
		case strings.HasPrefix(lower, "x-amz-server-side-encryption"):
			d.problem(path, "encryption is set by sse_config")
		case lower == "content-encoding" || lower == "content-length" || lower == "if-match" || lower == "if-none-match":
			d.problem(path, "this header is the client's own")
		case lower == "x-amz-acl" && !slices.Contains(cannedACLs, value):
			p := d.place(d.places[path], path, "is not one of "+strings.Join(cannedACLs, ", "))
			p.Nearest = nearest(value, slices.Clone(cannedACLs))
			d.problems = append(d.problems, p)
		case lower == "x-amz-acl" && strings.HasPrefix(value, "public-"):
			d.warn(path, "everybody on the internet can read what is written")
		case lower == "x-amz-storage-class" && !immediate(value):
			d.warn(path, "objects in %s must be restored before they can be read: the server could not load them", value)
		}
	}
}

// immediate tells whether objects of a storage class can be read at once.
func immediate(class string) bool {
	return class != "GLACIER" && class != "DEEP_ARCHIVE"
}
