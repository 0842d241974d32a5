package awsid

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	defaultSessionName = "fleetcost"
	// ecsHost serves the credentials of ECS tasks, see
	// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html.
	ecsHost = "http://169.254.170.2"
)

// Choose picks the first source that is configured. It makes no request. An
// error tells what is configured by halves.
func Choose(ctx context.Context, o Options) (*Source, error) {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	s, err := o.choose(ctx)
	if err != nil {
		return nil, err
	}
	if s.sts, err = o.identityService(s); err != nil {
		return nil, err
	}
	return s, nil
}

func (o Options) choose(ctx context.Context) (*Source, error) {
	if o.UseSDK {
		return o.sdk(ctx)
	}
	for _, try := range []func(context.Context) (*Source, error){
		o.static, o.environment, o.profile, o.webIdentity, o.container,
	} {
		if s, err := try(ctx); s != nil || err != nil {
			return s, err
		}
	}
	return o.ec2()
}

func (o Options) static(context.Context) (*Source, error) {
	switch {
	case o.AccessKey == "" && o.SecretKey == "" && o.SessionToken == "":
		return nil, nil //nolint:nilnil // not configured is not a failure
	case o.AccessKey == "":
		return nil, errors.New("secret_key or session_token is set without access_key: set both keys, or neither to use the environment's identity")
	case o.SecretKey == "":
		return nil, errors.New("access_key is set without secret_key: set both, or neither to use the environment's identity")
	}
	p := credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, o.SessionToken)
	return newSource(KindStatic, "access key "+maskKey(o.AccessKey), p), nil
}

func (o Options) environment(context.Context) (*Source, error) {
	id, secret := o.Getenv("AWS_ACCESS_KEY_ID"), o.Getenv("AWS_SECRET_ACCESS_KEY")
	switch {
	case id == "" && secret == "":
		return nil, nil //nolint:nilnil // not configured is not a failure
	case id == "":
		return nil, errors.New("AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID")
	case secret == "":
		return nil, errors.New("AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY")
	}
	p := credentials.NewStaticCredentialsProvider(id, secret, o.Getenv("AWS_SESSION_TOKEN"))
	return newSource(KindEnvironment, "AWS_ACCESS_KEY_ID "+maskKey(id), p), nil
}

func (o Options) webIdentity(context.Context) (*Source, error) {
	file, role := o.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"), o.Getenv("AWS_ROLE_ARN")
	switch {
	case file == "":
		return nil, nil //nolint:nilnil // not configured is not a failure
	case role == "":
		return nil, errors.New("AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN: annotate the service account with eks.amazonaws.com/role-arn")
	}
	options, err := o.stsOptions()
	if err != nil {
		return nil, err
	}
	p := stscreds.NewWebIdentityRoleProvider(sts.New(options), role, identityToken(file), func(w *stscreds.WebIdentityRoleOptions) {
		w.RoleSessionName = o.sessionName()
	})
	s := newSource(KindWebIdentity, fmt.Sprintf("role %s with token file %s", role, file), p)
	s.role, s.tokenFile = role, file
	return s, nil
}

// sessionName is the name of our sessions, as CloudTrail shows it.
func (o Options) sessionName() string {
	if name := o.Getenv("AWS_ROLE_SESSION_NAME"); name != "" {
		return name
	}
	return defaultSessionName
}

// identityToken is a token file that is read for each exchange, because the
// kubelet rotates it.
type identityToken string

// GetIdentityToken implements stscreds.IdentityTokenRetriever.
func (f identityToken) GetIdentityToken() ([]byte, error) {
	token, err := os.ReadFile(string(f))
	if err != nil {
		return nil, err
	}
	if token = bytes.TrimSpace(token); len(token) == 0 {
		return nil, fmt.Errorf("the token file %s is empty", string(f))
	}
	return token, nil
}

// container serves EKS Pod Identity (full URI and token file) and ECS tasks.
func (o Options) container(context.Context) (*Source, error) {
	endpoint := o.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if relative := o.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); relative != "" {
		endpoint = ecsHost + relative
	}
	if endpoint == "" {
		return nil, nil //nolint:nilnil // not configured is not a failure
	}
	if err := checkContainerEndpoint(endpoint); err != nil {
		return nil, err
	}
	tokenFile := o.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
	p := endpointcreds.New(endpoint, func(e *endpointcreds.Options) {
		e.AuthorizationToken = o.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		if tokenFile != "" {
			e.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
				token, err := os.ReadFile(tokenFile) // read each time: the kubelet rotates it
				return strings.TrimSpace(string(token)), err
			})
		}
	})
	detail := endpoint
	if tokenFile != "" {
		detail += " with token file " + tokenFile
	}
	return newSource(KindContainer, detail, p), nil
}

// checkContainerEndpoint keeps the token from going to a stranger in the clear:
// plain HTTP is for loopback and the addresses that AWS reserves.
func checkContainerEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return fmt.Errorf("AWS_CONTAINER_CREDENTIALS_FULL_URI %q is not a URL", endpoint)
	}
	if u.Scheme == "https" {
		return nil
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	if host == "localhost" || (ip != nil && (ip.IsLoopback() || ip.Equal(net.IPv4(169, 254, 170, 2)) ||
		ip.Equal(net.IPv4(169, 254, 170, 23)) || ip.Equal(net.ParseIP("fd00:ec2::23")))) {
		return nil
	}
	return fmt.Errorf("AWS_CONTAINER_CREDENTIALS_FULL_URI %q: plain HTTP is allowed only to loopback and the ECS and EKS addresses", endpoint)
}

func (o Options) ec2() (*Source, error) {
	if strings.EqualFold(o.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		return nil, errors.New("no AWS credentials are configured (no keys in the file, no AWS_* keys, no shared profile, no web identity, no container credentials) and AWS_EC2_METADATA_DISABLED is true")
	}
	options := imds.Options{Endpoint: o.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"), ClientEnableState: imds.ClientEnabled}
	client := imds.New(options)
	p := ec2rolecreds.New(func(e *ec2rolecreds.Options) { e.Client = client })
	return newSource(KindEC2, "no other source is configured", p), nil
}

// maskKey shows enough of an access key id to recognise it in the console.
func maskKey(id string) string {
	const shown = 4
	if len(id) <= 2*shown {
		return "…"
	}
	return id[:shown] + "…" + id[len(id)-shown:]
}
