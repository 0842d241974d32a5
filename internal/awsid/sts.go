package awsid

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
)

const defaultSTSRegion = "us-east-1"

func (o Options) region() string {
	for _, region := range []string{o.Getenv("AWS_REGION"), o.Getenv("AWS_DEFAULT_REGION"), o.Region} {
		if region != "" {
			return region
		}
	}
	return defaultSTSRegion
}

// stsEndpoint is the address that replaces AWS's own, "" without one.
func (o Options) stsEndpoint() (string, error) {
	endpoint := o.STSEndpoint
	if endpoint == "" {
		endpoint = o.Getenv("AWS_ENDPOINT_URL_STS")
	}
	if endpoint == "" {
		return "", nil
	}
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" {
		return "", fmt.Errorf("sts_endpoint %q is not a URL or a host", endpoint)
	}
	return endpoint, nil
}

// stsOptions are those of a client of the region's own STS, in whichever
// partition the region is, or of the endpoint that replaces it.
func (o Options) stsOptions() (sts.Options, error) {
	options := sts.Options{Region: o.region()}
	if o.Client != nil {
		options.HTTPClient = o.Client
	}
	endpoint, err := o.stsEndpoint()
	switch {
	case err != nil:
		return options, err
	case endpoint != "":
		options.BaseEndpoint = aws.String(endpoint)
	case o.Getenv("AWS_STS_REGIONAL_ENDPOINTS") == "legacy":
		options.EndpointResolverV2 = legacyResolver{sts.NewDefaultEndpointResolverV2()}
	}
	return options, nil
}

// legacyResolver honours AWS_STS_REGIONAL_ENDPOINTS=legacy, which this SDK no
// longer reads: the oldest regions then use the global endpoint
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-sts-regionalized-endpoints.html).
// Which regions these are is in the SDK's own rules.
type legacyResolver struct{ sts.EndpointResolverV2 }

// ResolveEndpoint implements sts.EndpointResolverV2.
func (r legacyResolver) ResolveEndpoint(ctx context.Context, p sts.EndpointParameters) (smithyendpoints.Endpoint, error) {
	p.UseGlobalEndpoint = aws.Bool(true)
	return r.EndpointResolverV2.ResolveEndpoint(ctx, p)
}

// identityService is the client that tells whose the source's credentials are,
// nil when nobody is to be asked.
func (o Options) identityService(s *Source) (*sts.Client, error) {
	options, err := o.stsOptions()
	if err != nil {
		return nil, err
	}
	if options.BaseEndpoint == nil && !isAmazon(o.StoreEndpoint) {
		return nil, nil //nolint:nilnil // nobody to ask
	}
	if s.region != "" {
		options.Region = s.region
	}
	options.Credentials = s.cache
	return sts.New(options), nil
}

// isAmazon tells the hosts of AWS, in any partition with public names.
func isAmazon(endpoint string) bool {
	if host, _, err := net.SplitHostPort(endpoint); err == nil {
		endpoint = host
	}
	return endpoint == "" || strings.HasSuffix(endpoint, ".amazonaws.com") || strings.HasSuffix(endpoint, ".amazonaws.com.cn")
}
