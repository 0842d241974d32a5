package bucket

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// GCSConfig is `config` of type GCS, with defaults applied.
type GCSConfig struct {
	Bucket         string
	ServiceAccount Secret // the JSON of a credentials file; "" for the environment's identity
	Endpoint       string // scheme and host; "" for Google's own. Ours, not Thanos'
	Anonymous      bool   // send no credentials: for emulators. Ours
	ChunkSize      int64  // bytes; larger objects are uploaded in chunks of this size
	MaxRetries     int    // retries after the first attempt
	Trace          bool
	HTTP           HTTPConfig
}

const (
	gcsChunkUnit    = 256 << 10 // chunks are multiples of this
	defaultGCSChunk = 16 << 20
	maxGCSChunk     = 1 << 30 // a chunk is held in memory
)

func defaultGCS() GCSConfig {
	return GCSConfig{ChunkSize: defaultGCSChunk, MaxRetries: defaultRetries, HTTP: defaultHTTP()}
}

// gcsBucketName is a coarse form of Google's rules, see
// https://docs.cloud.google.com/storage/docs/buckets#naming.
var gcsBucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`)

func (d *decoder) decodeGCS(c *GCSConfig, config ast.Node) {
	var grpc bool
	var pool int64
	d.mapping(config, "config", fields{
		"bucket":              d.str(&c.Bucket),
		"service_account":     d.googleKey(&c.ServiceAccount),
		"endpoint":            d.str(&c.Endpoint),
		"anonymous":           d.boolean(&c.Anonymous),
		"use_grpc":            d.boolean(&grpc),
		"grpc_conn_pool_size": d.integer(0, maxConnections, func(v int64) { pool = v }),
		"chunk_size_bytes":    d.integer(0, maxGCSChunk, func(v int64) { c.ChunkSize = v }),
		"max_retries":         d.integer(0, maxRetries, func(v int64) { c.MaxRetries = int(v) }),
		"trace":               func(n ast.Node, path string) { d.mapping(n, path, fields{"enable": d.boolean(&c.Trace)}) },
		"http_config":         func(n ast.Node, path string) { d.decodeHTTP(&c.HTTP, n, path) },
	})
	if c.MaxRetries == 0 { // as elsewhere, 0 is "the default"; 1 is the least
		c.MaxRetries = defaultRetries
	}
	if grpc {
		d.problem("config.use_grpc", "gRPC is not supported: set it to false, the JSON API over HTTPS does the same")
	}
	if pool > 0 {
		d.warn("config.grpc_conn_pool_size", "has no effect: gRPC is not used")
	}
	switch {
	case c.ChunkSize == 0:
		c.ChunkSize = defaultGCSChunk
	case c.ChunkSize%gcsChunkUnit != 0:
		d.warn("config.chunk_size_bytes", "is rounded up to a multiple of %d, as the store asks for", gcsChunkUnit)
		c.ChunkSize += gcsChunkUnit - c.ChunkSize%gcsChunkUnit
	}
	d.validateGCS(c)
}

func (d *decoder) validateGCS(c *GCSConfig) {
	switch {
	case c.Bucket == "" && d.places["config.bucket"] == nil:
		d.problem("config.bucket", "missing: name the bucket")
	case c.Bucket != "" && !gcsBucketName.MatchString(c.Bucket):
		d.problem("config.bucket", "%q is no name of a bucket: 3 to 222 of a-z, 0-9, '-', '_' and '.', without gs:// and path", c.Bucket)
	}
	if c.Endpoint != "" {
		c.Endpoint = d.storeURL("config.endpoint", c.Endpoint, false)
	}
	switch {
	case c.Anonymous && c.ServiceAccount != "":
		d.problem("config.anonymous", "cannot be true while service_account is set: remove one of them")
	case c.Anonymous && c.Endpoint == "" && d.places["config.endpoint"] == nil:
		d.problem("config.anonymous", "needs endpoint: only an emulator takes writes from nobody")
	case strings.HasPrefix(c.Endpoint, "http://") && !c.Anonymous:
		d.problem("config.endpoint", "would carry access tokens in the clear: use https, or anonymous: true for an emulator")
	}
}

// storeURL reads the address of a store: scheme and host, or a host alone for
// https. path tells whether a path may follow.
func (d *decoder) storeURL(key, text string, path bool) string {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		d.problem(key, "must be a URL such as https://host:port")
	case u.Scheme != "https" && u.Scheme != "http":
		d.problem(key, "must begin with https:// (or http:// for an emulator)")
	case !path && strings.Trim(u.Path, "/") != "":
		d.problem(key, "must be scheme and host only, without path")
	default:
		return strings.TrimSuffix(text, "/")
	}
	return ""
}

// googleKey reads the JSON of a Google credentials file. No message shows any
// of it but the type.
func (d *decoder) googleKey(into *Secret) func(ast.Node, string) {
	return func(n ast.Node, path string) {
		if isMapping(n) {
			d.problemAt(n.GetToken().Position, path, "must be text: put the JSON in a block, service_account: |-")
			return
		}
		var s Secret
		if text, ok := literal(n); ok && strings.HasPrefix(strings.TrimSpace(text), "{") {
			s = Secret(text) // of several lines, which other values may not have
		} else {
			d.secret(&s)(n, path)
		}
		if s == "" {
			return
		}
		if place := placeholderIn([]byte(s)); place != "" {
			d.problemAt(n.GetToken().Position, path, "still holds a placeholder in its %s: put the whole JSON file of the key there, or remove service_account to use the identity of the pod or machine", place)
			return
		}
		if _, _, err := describeGoogleKey([]byte(s)); err != nil {
			d.problemAt(n.GetToken().Position, path, "%v", err)
			return
		}
		*into = s
	}
}

// literal returns the text of a node that is text.
func literal(n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	default:
		return "", false
	}
}

// placeholderIn names the field of a JSON document that an example left
// behind, or "".
func placeholderIn(document []byte) string {
	var values map[string]any
	if json.Unmarshal(document, &values) != nil {
		return ""
	}
	for _, name := range []string{"type", "project_id", "private_key_id", "private_key", "client_email", "client_id"} {
		if text, ok := values[name].(string); ok && placeholder.MatchString(text) {
			return name
		}
	}
	return ""
}
