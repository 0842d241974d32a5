package bucket

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
)

// newTokenClient asks the services that hand out tokens (Google's, Entra ID's).
// They are not the bucket's server, so they must show a certificate that the
// system trusts, or one of ca_file: a proxy in between may have signed it. The
// other TLS settings are the bucket's alone.
func newTokenClient(cfg HTTPConfig, deps Deps) (*http.Client, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.TLS.CAFile != "" {
		pem, err := os.ReadFile(cfg.TLS.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read http_config.tls_config.ca_file: %w", err)
		}
		if t.RootCAs, err = x509.SystemCertPool(); err != nil {
			t.RootCAs = x509.NewCertPool()
		}
		t.RootCAs.AppendCertsFromPEM(pem) // newTLSConfig refuses a file without any
	}
	return &http.Client{Transport: newHTTPTransport(cfg, t, deps.Getenv), Timeout: credentialsTimeout}, nil
}
