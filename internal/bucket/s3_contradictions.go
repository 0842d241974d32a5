package bucket

import (
	"net"
	"strings"
)

// contradictions looks at keys that are right alone and not together: those
// that cannot both be honoured are refused, those that take each other's effect
// are warned about.
func (d *decoder) contradictions(c *S3Config) {
	d.encryptionContradictions(c)
	d.signatureContradictions(c)
	d.plainContradictions(c)
	d.addressContradictions(c)
	if c.DisableMultipart && d.set("config.part_size") {
		d.warn("config.part_size", "has no effect: disable_multipart sends every object in one request")
	}
}

// set tells whether the file gives a key a value.
func (d *decoder) set(path string) bool { return d.places[path] != nil }

func (d *decoder) encryptionContradictions(c *S3Config) {
	switch {
	case c.SSE.Type == "SSE-C" && c.Insecure:
		d.problem("config.insecure", "SSE-C sends the encryption key with each request and needs TLS")
	case c.SSE.Type == "SSE-KMS" && c.SignatureV2:
		// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html:
		// requests for objects with SSE-KMS must use signature version 4.
		d.problem("config.signature_version2", "SSE-KMS needs signature version 4: remove signature_version2, or choose SSE-S3")
	case c.SSE.Type == "SSE-KMS" && isGoogleHost(c.Endpoint):
		d.problem("config.sse_config", "SSE-KMS is Amazon's: Google Cloud Storage takes a default key on the bucket instead")
	}
}

func isGoogleHost(endpoint string) bool {
	host := hostName(endpoint)
	return host == "storage.googleapis.com" || strings.HasSuffix(host, ".storage.googleapis.com")
}

func (d *decoder) signatureContradictions(c *S3Config) {
	if c.SignatureV2 && c.SessionToken != "" {
		d.problem("config.session_token", "cannot be sent with signature_version2: remove signature_version2, or use keys that need no token")
	}
	if c.SignatureV2 && isAmazonHost(c.Endpoint) {
		// https://docs.aws.amazon.com/AmazonS3/latest/API/UsingAWSSDK.html#UsingAWSSDK-sig2-deprecation
		d.warn("config.signature_version2", "Amazon S3 refuses version 2 for buckets made after June 24, 2020 and in regions opened since 2014: remove it unless the bucket is older")
	}
	if c.AWSSDKAuth && !isAmazonHost(c.Endpoint) {
		d.warn("config.aws_sdk_auth", "signs with this machine's AWS identity, and %s is not Amazon's: is access_key missing?", c.Endpoint)
	}
}

// plainContradictions looks at what plain HTTP makes void. With sts_endpoint
// the TLS settings still hold for STS.
func (d *decoder) plainContradictions(c *S3Config) {
	if !c.Insecure {
		return
	}
	for _, f := range []struct{ key, value string }{
		{"ca_file", c.HTTP.TLS.CAFile},
		{"cert_file", c.HTTP.TLS.CertFile},
		{"key_file", c.HTTP.TLS.KeyFile},
		{"server_name", c.HTTP.TLS.ServerName},
	} {
		if f.value != "" && c.STSEndpoint == "" {
			d.problem("config.http_config.tls_config."+f.key, "insecure: true speaks plain HTTP, so that nothing is verified: remove one of the two")
		}
	}
	if c.HTTP.InsecureSkipVerify && c.STSEndpoint == "" {
		d.warn("config.insecure", "speaks plain HTTP: insecure_skip_verify has no effect beside it")
	}
	if isAmazonHost(c.Endpoint) {
		d.warn("config.insecure", "costs travel to Amazon S3 unencrypted: remove it")
	}
}

func (d *decoder) addressContradictions(c *S3Config) {
	host := hostName(c.Endpoint)
	switch {
	case c.Lookup == LookupVirtual && net.ParseIP(strings.Trim(host, "[]")) != nil:
		d.problem("config.bucket_lookup_type", "virtual-hosted puts the bucket's name before the host, and %s is an address: use path", host)
	case c.Lookup == LookupVirtual && !c.Insecure && strings.Contains(c.Bucket, "."):
		d.warn("config.bucket_lookup_type", "a bucket with dots in its name fits no wildcard certificate when virtual-hosted: use path or auto")
	}
	if c.DisableDualstack && !isAmazonHost(c.Endpoint) {
		d.warn("config.disable_dualstack", "has no effect: %s is not Amazon's", c.Endpoint)
	}
}
