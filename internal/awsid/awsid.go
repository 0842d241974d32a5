package awsid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Kind names a way to get credentials.
type Kind string

// The kinds, in the order in which Choose prefers them.
const (
	KindStatic      Kind = "configured keys"
	KindEnvironment Kind = "environment keys"
	KindProfile     Kind = "shared profile"
	KindWebIdentity Kind = "web identity"
	KindContainer   Kind = "container credentials"
	KindEC2         Kind = "EC2 instance metadata"
	KindSDK         Kind = "AWS SDK default chain"
)

// Options is what the choice depends on.
type Options struct {
	// Keys written into the configuration; both or neither of the first two.
	AccessKey, SecretKey, SessionToken string

	// Region is where STS is asked, unless AWS_REGION says otherwise; without
	// either the global endpoint is.
	Region string

	// STSEndpoint replaces the address of STS: a URL, or a host for https.
	STSEndpoint string

	// StoreEndpoint is the host that the credentials are for, "" for AWS. AWS's
	// STS is not asked whose the keys of another store are.
	StoreEndpoint string

	// UseSDK leaves the choice to the AWS SDK, which reads the environment of
	// the process itself.
	UseSDK bool

	// Getenv looks up an environment variable; nil means an empty environment.
	Getenv func(string) string

	// Client makes the requests to STS; nil means the SDK's own. The container
	// and instance metadata services are always asked directly.
	Client *http.Client
}

// Credentials is what signs a request.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expires         time.Time // zero for keys that do not expire
}

// Source is one chosen way to get credentials. It is safe for concurrent use
// and fetches again shortly before credentials expire.
type Source struct {
	kind   Kind
	detail string
	cache  *aws.CredentialsCache

	role, tokenFile string      // of web identity
	region          string      // of the profile; "" where Options.region holds
	sts             *sts.Client // to ask for the identity; nil when nobody is to be asked
}

// refreshBefore is how long before their end credentials are replaced.
const refreshBefore = 30 * time.Second

func newSource(kind Kind, detail string, provider aws.CredentialsProvider) *Source {
	return &Source{
		kind:   kind,
		detail: detail,
		cache: aws.NewCredentialsCache(guarded{provider}, func(o *aws.CredentialsCacheOptions) {
			o.ExpiryWindow = refreshBefore
			o.ExpiryWindowJitterFrac = 0.5
		}),
	}
}

// guarded turns a panic of a provider into an error. The SDK takes an answer of
// status 200 with an empty body for a success without content, and its web
// identity provider dereferences what is not there. So an endpoint that is no
// STS (a proxy, a server on its way down) would end the process; and because
// the cache fetches in a goroutine of its own that outlives the caller, it would
// do so even where the caller has given up.
type guarded struct{ aws.CredentialsProvider }

// Retrieve implements aws.CredentialsProvider.
func (g guarded) Retrieve(ctx context.Context) (c aws.Credentials, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the answer holds no credentials; is the endpoint really the service's? (%v)", p)
		}
	}()
	return g.CredentialsProvider.Retrieve(ctx)
}

// Kind tells which way was chosen.
func (s *Source) Kind() Kind { return s.kind }

// String describes the source for a log, without secrets: "web identity (role
// arn:aws:iam::…:role/x with token file /var/run/…)".
func (s *Source) String() string { return fmt.Sprintf("%s (%s)", s.kind, s.detail) }

// Retrieve returns valid credentials, fetching them if need be. Its error names
// the source and carries the source's own reason.
func (s *Source) Retrieve(ctx context.Context) (Credentials, error) {
	v, err := s.cache.Retrieve(ctx)
	if err != nil {
		// The cache gives up on a cancelled wait with an error of its own.
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return Credentials{}, fmt.Errorf("get credentials from %s: %w", s, explain(s.kind, err))
	}
	c := Credentials{AccessKeyID: v.AccessKeyID, SecretAccessKey: v.SecretAccessKey, SessionToken: v.SessionToken}
	if v.CanExpire {
		c.Expires = v.Expires
	}
	return c, nil
}

// Invalidate makes the next Retrieve fetch again, after a service refused the
// credentials as expired.
func (s *Source) Invalidate() { s.cache.Invalidate() }

// Provider is the source as the AWS SDK's clients take it.
func (s *Source) Provider() aws.CredentialsProvider { return s.cache }
