package diagnose

// networkRows are failures on the way to a store or to AWS.
func networkRows() []row {
	return append(connectionRows(), tlsRows()...)
}

func connectionRows() []row {
	sts := "sts:AssumeRole|sts:AssumeRoleWithWebIdentity|sts:GetCallerIdentity"
	return []row{
		{
			ID:      "sts-unreachable",
			general: true,
			Title:   "AWS STS cannot be reached",
			Cause:   "The exchange of the token for credentials gets no connection to STS ({{host}}): a private cluster without an interface endpoint for STS, a firewall, a proxy that is not set, or the endpoint of another region than the VPC endpoint's.",
			Fix:     "Make interface endpoints for sts (and athena, glue where bills are read) and a gateway endpoint for s3 in the VPC, or open the way out; AWS_REGION has to be the region of the endpoints.",
			Snippets: []Snippet{
				command("interface endpoint for STS", "aws ec2 create-vpc-endpoint --vpc-id {{vpc}} --vpc-endpoint-type Interface --service-name com.amazonaws.{{service-region}}.sts --subnet-ids {{subnets}} --security-group-ids {{security-group}} --private-dns-enabled"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: "github.com/boto/boto3/issues/4301, github.com/aws/containers-roadmap/issues/586",
			Match: []pattern{
				{action: sts, text: "i/o timeout"},
				{action: sts, text: "dial tcp"},
				{action: sts, text: "connection refused"},
				{action: sts, text: "no such host"},
				{action: sts, text: "deadline exceeded"},
				{action: sts, text: "proxyconnect"},
				{text: "//sts.&.amazonaws.com&dial tcp"},
				{text: "lookup sts.&.amazonaws.com"},
			},
			Examples: []string{
				`operation error STS: AssumeRoleWithWebIdentity, exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , request send failed, Post "https://sts.eu-central-1.amazonaws.com/": dial tcp 10.0.0.1:443: i/o timeout`,
			},
		},
		{
			ID:      "network-dns",
			general: true,
			Title:   "The host {{host}} cannot be resolved",
			Cause:   "The name of the endpoint does not exist, or this pod's DNS does not know it. With virtual-hosted addressing the bucket is part of the name, and stores of your own often have no such name. A bucket with dots or capitals makes no valid name either.",
			Fix:     "Correct config.endpoint; for a store of your own set bucket_lookup_type: path.",
			Snippets: []Snippet{
				yaml("in federated-store.yaml", "config:\n  bucket_lookup_type: path"),
				command("from inside the cluster", "kubectl run dns --rm -it --image=busybox --restart=Never -- nslookup {{host}}"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: "Go's net package",
			Match: []pattern{
				{text: "no such host"},
				{text: "cannot be resolved"},
				{text: "server misbehaving"},
				{text: "temporary failure in name resolution"},
				{text: "name or service not known"},
			},
			Examples: []string{`s3:ListBucket on fleet-costs/: store unavailable: the host fleet-costs.minio.example.com cannot be resolved: check config.endpoint and config.bucket_lookup_type: Get "https://fleet-costs.minio.example.com/": dial tcp: lookup fleet-costs.minio.example.com on 10.96.0.10:53: no such host`},
		},
		{
			ID:    "s3-dualstack-dns",
			Title: "The dual-stack name of the bucket is not reachable from here",
			Cause: "For AWS the client uses dual-stack hosts (s3.dualstack.<region>.amazonaws.com). Private DNS of a VPC endpoint and many firewalls know only the plain ones.",
			Fix:   "Set disable_dualstack: true.",
			Snippets: []Snippet{
				yaml("in federated-store.yaml", "config:\n  disable_dualstack: true"),
			},
			Basis: Recorded, Source: "github.com/thanos-io/thanos/issues/6804, github.com/minio/minio-go/issues/1766",
			Match: []pattern{
				{text: "s3.dualstack.&no such host"}, {text: "s3.dualstack.&i/o timeout"}, {text: "s3.dualstack.&no route to host"},
			},
			Examples: []string{`Get "https://fleet-costs.s3.dualstack.eu-central-1.amazonaws.com/": dial tcp 52.219.0.1:443: i/o timeout`},
		},
		{
			ID:      "network-refused",
			general: true,
			Title:   "Nothing listens at {{host}}",
			Cause:   "The host answers, but not on this port: the store is down, the port is wrong, or a Service has no ready pod behind it.",
			Fix:     "Check that the store runs, and the host and port of config.endpoint.",
			Basis:   Proven, ProvenBy: "diagnose.TestProven", Source: "Go's net package",
			Match:    []pattern{{text: "connection refused"}, {text: "actively refused"}},
			Examples: []string{`s3:ListBucket on fleet-costs/: store unavailable: after 4 attempts: Get "http://127.0.0.1:9000/fleet-costs/": dial tcp 127.0.0.1:9000: connect: connection refused`},
		},
		{
			ID:      "network-timeout",
			general: true,
			Title:   "{{host}} cannot be reached: no answer to the connection",
			Cause:   "Packets go unanswered: a firewall, a network policy, a security group, a missing route or VPC endpoint.",
			Fix:     "Open the way out from this pod to the store: NetworkPolicy (egress), security groups, for AWS a gateway endpoint for S3; or set HTTPS_PROXY.",
			Snippets: []Snippet{
				command("which policies hold for the pod?", "kubectl -n {{namespace}} get networkpolicy"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven",
			Match: []pattern{
				{text: "i/o timeout"}, {text: "no route to host"}, {text: "network is unreachable"}, {text: "dial tcp&context deadline exceeded"}, {text: "connection timed out"},
			},
			Examples: []string{`s3:ListBucket on fleet-costs/: store unavailable: Get "https://s3.eu-central-1.amazonaws.com/fleet-costs/": dial tcp 52.219.0.1:443: i/o timeout`, `dial tcp 10.0.0.1:9000: connect: no route to host`},
		},
		{
			ID:      "network-reset",
			general: true,
			Title:   "The connection was cut",
			Cause:   "The other side, or a firewall or proxy on the way, closed the connection in the middle. A TLS port that is spoken to in plain HTTP does the same.",
			Fix:     "It is tried again. If it is so each time: remove insecure: true for a TLS port, look for a proxy or an idle timeout on the way.",
			Basis:   Proven, ProvenBy: "diagnose.TestProven", Source: "Go's net package",
			Match:    []pattern{{text: "connection reset by peer"}, {text: "broken pipe"}, {text: "use of closed network connection"}, {text: `": eof`}, {text: "unavailable: eof"}, {text: "unavailable: unexpected eof"}, {text: `"http&unexpected eof`}},
			Examples: []string{`s3:PutObject on fleet-costs/v1/x: store unavailable: after 4 attempts: Put "https://s3.eu-central-1.amazonaws.com/fleet-costs/v1/x": read tcp 10.0.0.5:41234->52.219.0.1:443: read: connection reset by peer`},
		},
		{
			ID:    "response-header-timeout",
			Title: "The store took the request and did not answer in time",
			Cause: "No answer came within http_config.response_header_timeout (with more time for larger bodies): the store is overloaded or stalls, or the uplink is slow.",
			Fix:   "Look at the store. For slow stores and links raise response_header_timeout.",
			Snippets: []Snippet{
				yaml("in federated-store.yaml", "config:\n  http_config:\n    response_header_timeout: 5m"),
			},
			Basis: Proven, ProvenBy: "bucket.TestS3ThroughBadNetwork", Source: "internal/bucket, Go's net/http",
			Match: []pattern{{text: "no answer within"}, {text: "timeout awaiting response headers"}, {text: "timeout exceeded while awaiting headers"}},
			Examples: []string{
				`s3:PutObject on fleet-costs/v1/x: store unavailable: no answer within 2m0s (http_config.response_header_timeout, and more for larger bodies)`,
			},
		},
		{
			ID:    "proxy-refused",
			Title: "The proxy does not let the request through",
			Cause: "HTTP_PROXY or HTTPS_PROXY is set, and the proxy refused the connection: it wants a user and password, does not allow the host, or is not there.",
			Fix:   "Correct the proxy's settings, or except the store: add its host to NO_PROXY (inside a cluster also .svc, .cluster.local and 169.254.0.0/16).",
			Snippets: []Snippet{
				yaml("in the pod's environment", "- name: NO_PROXY\n  value: {{host}},.svc,.cluster.local,169.254.0.0/16"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: "Go's net/http",
			Match:    []pattern{{text: "proxyconnect"}, {text: "proxy authentication required"}},
			Examples: []string{`Get "https://s3.eu-central-1.amazonaws.com/fleet-costs/": proxyconnect tcp: dial tcp 10.0.0.3:3128: connect: connection refused`, `Get "https://s3.eu-central-1.amazonaws.com/fleet-costs/": Proxy Authentication Required`},
		},
	}
}

func tlsRows() []row {
	return []row{
		{
			ID:    "tls-unknown-authority",
			Title: "The certificate of {{host}} is signed by an authority that this machine does not trust",
			Cause: "The store uses a private certificate authority, or a self-signed certificate, or a proxy that opens TLS stands in between.",
			Fix:   "Mount the authority's certificate and name it in ca_file. insecure_skip_verify is for trials only.",
			Snippets: []Snippet{
				yaml("in federated-store.yaml", "config:\n  http_config:\n    tls_config:\n      ca_file: /etc/fleetcost/ca.pem"),
				command("what does the store show?", "openssl s_client -connect {{host-port}} -showcerts </dev/null"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: "Go's crypto/x509",
			Match:    []pattern{{text: "certificate signed by unknown authority"}, {text: "certificate is not trusted"}, {text: "x509&unknown authority&certificate"}},
			Examples: []string{`s3:ListBucket on fleet-costs/: store unavailable: the store's certificate is not trusted: set http_config.tls_config.ca_file: Get "https://minio.example.com:9000/fleet-costs/": tls: failed to verify certificate: x509: certificate signed by unknown authority`},
		},
		{
			ID:    "tls-wrong-name",
			Title: "The certificate of {{host}} is for another name",
			Cause: "The name in config.endpoint is not in the store's certificate: an IP address or a short name is used, or the bucket became part of the host (virtual-hosted addressing) and no wildcard covers it. A bucket with dots in its name fits no wildcard.",
			Fix:   "Use the name that the certificate has, set server_name, or bucket_lookup_type: path.",
			Snippets: []Snippet{
				yaml("in federated-store.yaml", "config:\n  http_config:\n    tls_config:\n      server_name: {{certificate-name}}"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: "Go's crypto/x509",
			Match:    []pattern{{text: "x509: certificate is valid for"}, {text: "certificate is for another name"}, {text: "because it doesn't contain any ip sans"}, {text: "certificate relies on legacy common name"}, {text: "certificate is not valid for any names"}},
			Examples: []string{`s3:ListBucket on fleet-costs/: store unavailable: the store's certificate is for another name: correct config.endpoint, or set http_config.tls_config.server_name: Get "https://minio:9000/": tls: failed to verify certificate: x509: certificate is valid for minio.example.com, not minio`},
		},
		{
			ID:    "tls-expired",
			Title: "The certificate of {{host}} is not valid now",
			Cause: "It has expired or is not yet valid, or this machine's clock is wrong.",
			Fix:   "Renew the store's certificate; check the clock.",
			Snippets: []Snippet{
				command("until when is it valid?", "openssl s_client -connect {{host-port}} </dev/null | openssl x509 -noout -dates"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: "Go's crypto/x509",
			Match:    []pattern{{text: "certificate has expired or is not yet valid"}, {text: "certificate has expired"}},
			Examples: []string{`Get "https://minio.example.com:9000/": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-22T10:00:00Z is after 2026-11-01T00:00:00Z`},
		},
		{
			ID:    "tls-client-certificate",
			Title: "The store wants a client certificate",
			Cause: "The store asks for a certificate of the client and got none, or one that it does not accept.",
			Fix:   "Set cert_file and key_file, signed by an authority that the store trusts.",
			Snippets: []Snippet{
				yaml("in federated-store.yaml", "config:\n  http_config:\n    tls_config:\n      cert_file: /etc/fleetcost/client.pem\n      key_file: /etc/fleetcost/client-key.pem"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: "Go's crypto/tls",
			Match:    []pattern{{text: "tls: certificate required"}, {text: "remote error: tls: bad certificate"}, {text: "remote error: tls: unknown certificate"}, {text: "client didn't provide a certificate"}, {text: "does not accept our client certificate"}},
			Examples: []string{`Get "https://minio.example.com:9000/": remote error: tls: certificate required`},
		},
		{
			ID:    "tls-handshake",
			Title: "The TLS handshake with {{host}} fails",
			Cause: "The other side does not finish the handshake: it is too slow (tls_handshake_timeout), has no common version or cipher, or a firewall breaks TLS.",
			Fix:   "Look at the store's TLS settings (at least TLS 1.2) and at what stands in between.",
			Basis: Proven, ProvenBy: "diagnose.TestProven",
			Match:    []pattern{{text: "tls handshake timeout"}, {text: "tls: handshake failure"}, {text: "protocol version not supported"}, {text: "no cipher suite supported"}},
			Examples: []string{`Get "https://minio.example.com:9000/": net/http: TLS handshake timeout`, `remote error: tls: handshake failure`},
		},
		{
			ID:    "tls-to-plain-port",
			Title: "The store answers plain HTTP, and TLS was expected",
			Cause: "The port of config.endpoint speaks plain HTTP.",
			Fix:   "Use the store's TLS port, or set insecure: true where the network is trusted.",
			Snippets: []Snippet{
				yaml("in federated-store.yaml", "config:\n  insecure: true"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: "Go's net/http",
			Match:    []pattern{{text: "server gave http response to https client"}, {text: "first record does not look like a tls handshake"}, {text: "the store answers plain http"}},
			Examples: []string{`s3:ListBucket on fleet-costs/: store unavailable: the store answers plain HTTP: set insecure: true, or use its TLS port: Get "https://127.0.0.1:9000/fleet-costs/": http: server gave HTTP response to HTTPS client`},
		},
		{
			ID:    "plain-to-tls-port",
			Title: "The store wants TLS, and plain HTTP was spoken",
			Cause: "insecure: true speaks plain HTTP, and the port of config.endpoint speaks TLS.",
			Fix:   "Remove insecure: true.",
			Snippets: []Snippet{
				yaml("in federated-store.yaml", "config:\n  insecure: false"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: "Go's net/http, internal/bucket",
			Match: []pattern{
				{text: "client sent an http request to an https server"},
				{text: "malformed http response"},
				{text: "plain http request was sent to https port"},
			},
			Examples: []string{
				`s3:ListBucket on fleet-costs/: store unavailable: insecure: true speaks plain HTTP, perhaps to a TLS port: Get "http://127.0.0.1:9000/": net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x15\x03\x01\x00\x02\x02\x16"`,
				`400 Bad Request: Client sent an HTTP request to an HTTPS server.`,
			},
		},
	}
}
