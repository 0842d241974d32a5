package awsid

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

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
	options, err := o.loadOptions()
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, append(
		options,
		config.WithSharedConfigProfile(name),
		config.WithSharedCredentialsFiles(files(credentialsFile)),
		config.WithSharedConfigFiles(files(configFile)),
	)...)
	if err != nil {
		return nil, fmt.Errorf("use profile %q of %s and %s: %w", name, credentialsFile, configFile, err)
	}
	s := newSource(KindProfile, describe(name, shared, credentialsFile, configFile), cfg.Credentials)
	if o.Getenv("AWS_REGION") == "" && o.Getenv("AWS_DEFAULT_REGION") == "" {
		s.region = cfg.Region
	}
	return s, nil
}

// describe names the profile, the file that its kind of credentials stands in,
// and the role if there is one.
func describe(name string, c config.SharedConfig, credentialsFile, configFile string) string {
	if c.Credentials.HasKeys() && c.RoleARN == "" {
		return fmt.Sprintf("profile %s of %s", name, credentialsFile)
	}
	text := fmt.Sprintf("profile %s of %s", name, configFile)
	if c.RoleARN != "" {
		text += ", role " + c.RoleARN
	}
	return text
}

func holdsCredentials(c config.SharedConfig) bool {
	return c.Credentials.HasKeys() || c.RoleARN != "" || c.CredentialProcess != "" || c.SSOSession != nil ||
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

// sdk leaves everything to the SDK, its HTTP client included: with one of ours
// it refuses AWS_CA_BUNDLE.
func (o Options) sdk(ctx context.Context) (*Source, error) {
	options, err := o.loadOptions()
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("load the AWS SDK's configuration (aws_sdk_auth): %w", err)
	}
	s := newSource(KindSDK, "aws_sdk_auth is true", cfg.Credentials)
	s.region = cfg.Region
	return s, nil
}

// loadOptions makes the SDK's own providers ask our STS, under our session
// name, where its files name no other.
func (o Options) loadOptions() ([]func(*config.LoadOptions) error, error) {
	ours, err := o.stsOptions()
	if err != nil {
		return nil, err
	}
	return []func(*config.LoadOptions) error{
		config.WithDefaultRegion(o.region()),
		config.WithAssumeRoleCredentialOptions(func(a *stscreds.AssumeRoleOptions) {
			if a.RoleSessionName == "" {
				a.RoleSessionName = o.sessionName()
			}
			if a.Client != nil { // the SDK first tries the options without one
				a.Client = redirected{a.Client, ours}
			}
		}),
		config.WithWebIdentityRoleCredentialOptions(func(w *stscreds.WebIdentityRoleOptions) {
			if w.RoleSessionName == "" {
				w.RoleSessionName = o.sessionName()
			}
			if ours.BaseEndpoint != nil {
				w.Client = sts.New(ours)
			}
		}),
	}, nil
}

// redirected sends the calls of a client that the SDK made to where ours go.
type redirected struct {
	stscreds.AssumeRoleAPIClient
	ours sts.Options
}

// AssumeRole implements stscreds.AssumeRoleAPIClient.
func (r redirected) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, optFns ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	return r.AssumeRoleAPIClient.AssumeRole(ctx, in, append(optFns, func(o *sts.Options) {
		if r.ours.BaseEndpoint != nil {
			o.BaseEndpoint = r.ours.BaseEndpoint
		}
		if r.ours.EndpointResolverV2 != nil {
			o.EndpointResolverV2 = r.ours.EndpointResolverV2
		}
		if r.ours.HTTPClient != nil {
			o.HTTPClient = r.ours.HTTPClient
		}
	})...)
}
