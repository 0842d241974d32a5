package awsid

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	sessionName = "fleetcost"
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

// profile takes a profile that was asked for by name, or a default profile that
// holds credentials.
func (o Options) profile(ctx context.Context) (*Source, error) {
	name := o.Getenv("AWS_PROFILE")
	named := name != ""
	if !named {
		name = "default"
	}
	credentialsFile := o.file("AWS_SHARED_CREDENTIALS_FILE", "credentials")
	configFile := o.file("AWS_CONFIG_FILE", "config")
	// Empty slices would make the SDK look in the home directory of the process.
	files := func(path string) []string {
		if path == "" {
			return []string{os.DevNull}
		}
		return []string{path}
	}
	shared, err := config.LoadSharedConfigProfile(ctx, name, func(l *config.LoadSharedConfigOptions) {
		l.CredentialsFiles = files(credentialsFile)
		l.ConfigFiles = files(configFile)
	})
	var missing config.SharedConfigProfileNotExistError
	switch {
	case errors.As(err, &missing) && !named:
		return nil, nil //nolint:nilnil // no default profile
	case err != nil:
		return nil, fmt.Errorf("read profile %q of %s and %s: %w", name, credentialsFile, configFile, err)
	case !named && !holdsCredentials(shared):
		return nil, nil //nolint:nilnil // a profile of settings only
	}
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigProfile(name),
		config.WithSharedCredentialsFiles(files(credentialsFile)),
		config.WithSharedConfigFiles(files(configFile)),
		config.WithDefaultRegion(o.region()),
	)
	if err != nil {
		return nil, fmt.Errorf("use profile %q of %s: %w", name, credentialsFile, err)
	}
	return newSource(KindProfile, fmt.Sprintf("profile %s of %s", name, credentialsFile), cfg.Credentials), nil
}

func holdsCredentials(c config.SharedConfig) bool {
	return c.Credentials.HasKeys() || c.RoleARN != "" || c.CredentialProcess != "" ||
		c.SSOAccountID != "" || c.WebIdentityTokenFile != "" || c.CredentialSource != ""
}

// file returns the path in the environment variable, or that of the named file
// in ~/.aws; "" without either.
func (o Options) file(variable, name string) string {
	if path := o.Getenv(variable); path != "" {
		return path
	}
	home := o.Getenv("HOME")
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".aws", name)
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
	p := stscreds.NewWebIdentityRoleProvider(sts.New(options), role, stscreds.IdentityTokenFile(file), func(w *stscreds.WebIdentityRoleOptions) {
		w.RoleSessionName = sessionName
		if name := o.Getenv("AWS_ROLE_SESSION_NAME"); name != "" {
			w.RoleSessionName = name
		}
	})
	s := newSource(KindWebIdentity, fmt.Sprintf("role %s with token file %s", role, file), p)
	s.role, s.tokenFile = role, file
	return s, nil
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

func (o Options) sdk(ctx context.Context) (*Source, error) {
	options := []func(*config.LoadOptions) error{config.WithDefaultRegion(o.region())}
	if o.Client != nil {
		options = append(options, config.WithHTTPClient(o.Client))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("load the AWS SDK's configuration (aws_sdk_auth): %w", err)
	}
	return newSource(KindSDK, "aws_sdk_auth is true", cfg.Credentials), nil
}

// maskKey shows enough of an access key id to recognise it in the console.
func maskKey(id string) string {
	const shown = 4
	if len(id) <= 2*shown {
		return "…"
	}
	return id[:shown] + "…" + id[len(id)-shown:]
}
