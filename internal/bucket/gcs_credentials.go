package bucket

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/compute/metadata"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"golang.org/x/sync/singleflight"
	"google.golang.org/api/storage/v1"
)

// gcsScope is what tokens are asked for: reading and writing objects.
const gcsScope = storage.DevstorageReadWriteScope

// tokenEarly is how long before its end a token is replaced.
const tokenEarly = time.Minute

// gcsSource is one chosen way to get tokens for Google Cloud Storage. Its own
// error reaches the operator: there is no chain that hides it. It is safe for
// concurrent use. A nil source is an anonymous client.
type gcsSource struct {
	name   string // for messages, without secrets
	tokens oauth2.TokenSource
	flight singleflight.Group
}

// String describes the source for a log.
func (s *gcsSource) String() string {
	if s == nil {
		return "none (anonymous is true)"
	}
	return s.name
}

// token returns a valid token, or returns early when ctx ends; the fetch then
// goes on for whoever needs it next.
func (s *gcsSource) token(ctx context.Context) (*oauth2.Token, error) {
	fetch := s.flight.DoChan("", func() (any, error) { return s.tokens.Token() })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-fetch:
		if r.Err != nil {
			return nil, &credentialsError{fmt.Errorf("get credentials from %s: %w", s.name, explainToken(r.Err))}
		}
		return r.Val.(*oauth2.Token), nil
	}
}

// explainToken shortens the answer of a token endpoint to its reason.
func explainToken(err error) error {
	var answer *oauth2.RetrieveError
	var u *url.Error
	switch {
	case errors.As(err, &answer):
		code, description := answer.ErrorCode, answer.ErrorDescription
		if code == "" { // the flow with a service account's key leaves it in the body
			var body struct {
				Error       string `json:"error"`
				Description string `json:"error_description"`
			}
			if json.Unmarshal(answer.Body, &body) != nil || body.Error == "" {
				return fmt.Errorf("the answer was %s", answer.Response.Status)
			}
			code, description = body.Error, body.Description
		}
		return fmt.Errorf("%s: %s", code, description)
	case errors.As(err, &u):
		return fmt.Errorf("ask %s: %w", u.URL, u.Err)
	default:
		return err
	}
}

// gcsWire is the last to touch a request before the transport: it adds what the
// generated client does not.
type gcsWire struct {
	base   http.RoundTripper
	source *gcsSource
}

// RoundTrip implements http.RoundTripper.
func (w *gcsWire) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	if req.URL.Query().Get("alt") == "media" {
		// Without it the store decompresses what was stored with Content-Encoding:
		// gzip (https://docs.cloud.google.com/storage/docs/transcoding).
		req.Header.Set("Accept-Encoding", "gzip")
	}
	if w.source != nil {
		token, err := w.source.token(req.Context())
		if err != nil {
			if req.Body != nil {
				_ = req.Body.Close() // as every RoundTripper must
			}
			return nil, err
		}
		token.SetAuthHeader(req)
	}
	return w.base.RoundTrip(req)
}

// chooseGCS picks the first source that is configured: the key in the file,
// GOOGLE_APPLICATION_CREDENTIALS, gcloud's application default credentials,
// the metadata server (GKE Workload Identity, or the machine's account). It
// makes no request.
func chooseGCS(ctx context.Context, cfg GCSConfig, client *http.Client, deps Deps) (*gcsSource, error) {
	if cfg.Anonymous {
		return nil, nil //nolint:nilnil // a nil source is an anonymous client
	}
	// Tokens are fetched long after ctx; the client has its own timeout.
	ctx = context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, client)
	if cfg.ServiceAccount != "" {
		return gcsFromJSON(ctx, "the service_account of the file", []byte(cfg.ServiceAccount))
	}
	if path := deps.Getenv("GOOGLE_APPLICATION_CREDENTIALS"); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read GOOGLE_APPLICATION_CREDENTIALS: %w", err)
		}
		return gcsFromJSON(ctx, "GOOGLE_APPLICATION_CREDENTIALS "+path, data)
	}
	if path := gcloudDefault(deps.Getenv); path != "" {
		data, err := os.ReadFile(path)
		if err == nil {
			return gcsFromJSON(ctx, "gcloud's application default credentials "+path, data)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read gcloud's application default credentials: %w", err)
		}
	}
	return metadataSource(deps), nil
}

// gcloudDefault is where gcloud keeps what "gcloud auth application-default
// login" made.
func gcloudDefault(getenv func(string) string) string {
	const name = "application_default_credentials.json"
	if dir := getenv("CLOUDSDK_CONFIG"); dir != "" {
		return filepath.Join(dir, name)
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "gcloud", name)
	}
	return ""
}

// gcsFromJSON makes a source of a credentials document.
func gcsFromJSON(ctx context.Context, name string, data []byte) (*gcsSource, error) {
	kind, account, err := describeGoogleKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	credentials, err := google.CredentialsFromJSONWithType(ctx, data, google.CredentialsType(kind), gcsScope)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if account != "" {
		kind += " " + account
	}
	return newGCSSource(fmt.Sprintf("%s (%s)", name, kind), credentials.TokenSource), nil
}

func newGCSSource(name string, tokens oauth2.TokenSource) *gcsSource {
	return &gcsSource{name: name, tokens: oauth2.ReuseTokenSourceWithExpiry(nil, tokens, tokenEarly)}
}

// googleKeyTypes are the kinds of credentials documents that are honoured.
var googleKeyTypes = []string{
	string(google.ServiceAccount), string(google.AuthorizedUser), string(google.ExternalAccount),
	string(google.ExternalAccountAuthorizedUser), string(google.ImpersonatedServiceAccount),
}

// describeGoogleKey returns a credentials document's type and its account, as
// far as it names one. Its errors hold nothing of the document but its type.
func describeGoogleKey(data []byte) (kind, account string, err error) {
	var key struct {
		Type        string `json:"type"`
		PrivateKey  string `json:"private_key"`
		ClientEmail string `json:"client_email"`
	}
	if err := json.Unmarshal(data, &key); err != nil {
		return "", "", errors.New("is not the JSON of a Google credentials file")
	}
	switch {
	case !slices.Contains(googleKeyTypes, key.Type):
		return "", "", fmt.Errorf("has the type %q, known are %s", key.Type, strings.Join(googleKeyTypes, ", "))
	case key.Type != string(google.ServiceAccount):
	case key.ClientEmail == "":
		return "", "", errors.New("has no client_email: take the whole JSON file of the service account's key")
	case !strings.Contains(key.PrivateKey, "-----BEGIN"):
		return "", "", errors.New("has no private_key in PEM form: take the whole JSON file of the service account's key")
	}
	return key.Type, key.ClientEmail, nil
}

// metadataTokens asks the metadata server, which answers for the pod's or the
// machine's service account.
type metadataTokens struct {
	client *metadata.Client
	now    func() time.Time
}

// Token implements oauth2.TokenSource.
func (m metadataTokens) Token() (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(context.Background(), credentialsTimeout)
	defer cancel()
	text, err := m.client.GetWithContext(ctx, "instance/service-accounts/default/token?scopes="+url.QueryEscape(gcsScope))
	var missing metadata.NotDefinedError
	switch {
	case errors.As(err, &missing):
		return nil, errors.New("it knows no service account: give the machine one, or bind the pod's by Workload Identity")
	case err != nil:
		return nil, err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.AccessToken == "" {
		return nil, errors.New("its answer holds no token: is it really the metadata server?")
	}
	return &oauth2.Token{
		AccessToken: answer.AccessToken,
		TokenType:   answer.TokenType,
		Expiry:      m.now().Add(time.Duration(answer.ExpiresIn) * time.Second),
	}, nil
}

func metadataSource(deps Deps) *gcsSource {
	where := "the metadata server (no other source is configured)"
	// It is on the machine: no proxy stands in between.
	direct := newHTTPTransport(HTTPConfig{}, &tls.Config{MinVersion: tls.VersionTLS12}, func(string) string { return "" })
	client := &http.Client{Transport: direct, Timeout: credentialsTimeout}
	if host := deps.Getenv("GCE_METADATA_HOST"); host != "" {
		where = "the metadata server " + host + " (GCE_METADATA_HOST)"
		client.Transport = &redirectedHost{base: direct, host: host}
	}
	return newGCSSource(where, metadataTokens{metadata.NewClient(client), deps.Now})
}

// redirectedHost sends requests to another host: the metadata client reads the
// environment of the process, this package the one that it was given.
type redirectedHost struct {
	base http.RoundTripper
	host string
}

// RoundTrip implements http.RoundTripper.
func (r *redirectedHost) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Host, req.Host = r.host, r.host
	return r.base.RoundTrip(req)
}
