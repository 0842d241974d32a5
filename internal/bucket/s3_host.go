package bucket

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

const globalAmazonHost = "s3.amazonaws.com"

// hostName is a host or host:port without the port.
func hostName(endpoint string) string {
	if host, _, err := net.SplitHostPort(endpoint); err == nil {
		return host
	}
	return endpoint
}

// amazonEndpoint is the host of Amazon S3 in a region, by the partition that
// the region belongs to; see https://docs.aws.amazon.com/general/latest/gr/s3.html.
// The European Sovereign Cloud has a domain of its own, see
// https://docs.aws.eu/esc/latest/userguide/.
func amazonEndpoint(region string) string {
	domain := "amazonaws.com"
	switch {
	case strings.HasPrefix(region, "cn-"):
		domain = "amazonaws.com.cn"
	case strings.HasPrefix(region, "eusc-"):
		domain = "amazonaws.eu"
	case strings.HasPrefix(region, "us-iso-"):
		domain = "c2s.ic.gov"
	case strings.HasPrefix(region, "us-isob-"):
		domain = "sc2s.sgov.gov"
	}
	return "s3." + region + "." + domain
}

func isAmazonHost(endpoint string) bool {
	host := hostName(endpoint)
	return slices.ContainsFunc([]string{".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".c2s.ic.gov", ".sc2s.sgov.gov"},
		func(domain string) bool { return strings.HasSuffix(host, domain) })
}

// hostRole tells what minio-go does with an endpoint of Amazon S3: hosts of a
// region are replaced by that of config.region, private links and FIPS hosts
// are kept, and so is every host of another store.
type hostRole int

const (
	hostElsewhere hostRole = iota // another store, or an Amazon host that minio-go does not know
	hostReplaced                  // by the host of config.region
	hostKept                      // Amazon's, with the region in its name
)

func roleOf(endpoint string) (role hostRole, region string) {
	u := url.URL{Scheme: "https", Host: hostName(endpoint)}
	region = s3utils.GetRegionFromURL(u)
	switch {
	case s3utils.IsAmazonFIPSEndpoint(u) || s3utils.IsAmazonPrivateLinkEndpoint(u):
		return hostKept, region
	case s3utils.IsAmazonEndpoint(u):
		return hostReplaced, region
	default:
		return hostElsewhere, ""
	}
}

// knownRegion tells whether minio-go has a host for a region. For one that it
// does not know it would go to us-east-1 without a word. It is asked by having
// it sign a URL, which makes no request.
func knownRegion(region string) bool {
	client, err := minio.New(globalAmazonHost, &minio.Options{
		Creds: credentials.NewStaticV4("a", "b", ""), Secure: true, Region: region, BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		return false
	}
	client.SetS3EnableDualstack(false)
	signed, err := client.PresignedGetObject(context.Background(), "bucket", "key", time.Hour, nil)
	return err == nil && strings.Contains(signed.Host, "."+region+".")
}

// someRegions serve to name the region that a misspelt one resembles.
var someRegions = []string{
	"us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "ca-west-1", "mx-central-1", "sa-east-1",
	"eu-central-1", "eu-central-2", "eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1", "eu-south-1", "eu-south-2",
	"ap-south-1", "ap-south-2", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
	"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "af-south-1", "il-central-1", "me-central-1", "me-south-1",
	"us-gov-east-1", "us-gov-west-1", "cn-north-1", "cn-northwest-1",
}

// validateRegion refuses a region for which there is no host of Amazon S3.
func (d *decoder) validateRegion(c *S3Config) {
	if role, _ := roleOf(c.Endpoint); role != hostReplaced || c.Region == "" || knownRegion(c.Region) {
		return
	}
	p := d.place(d.places["config.region"], "config.region",
		"is no region of Amazon S3 that this version knows: requests would go to us-east-1")
	p.Nearest = nearest(c.Region, slices.Clone(someRegions))
	d.problems = append(d.problems, p)
}

// validateHost compares the endpoint with the bucket and the region.
func (d *decoder) validateHost(c *S3Config) {
	host := hostName(c.Endpoint)
	if _, port, err := net.SplitHostPort(c.Endpoint); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			d.problem("config.endpoint", "the port %q is none from 1 to 65535", port)
			return
		}
	}
	if c.Bucket != "" && isAmazonHost(host) && strings.HasPrefix(host, c.Bucket+".s3") {
		d.problem("config.endpoint", "begins with the bucket's name, which config.bucket gives: write %q", strings.TrimPrefix(host, c.Bucket+"."))
		return
	}
	role, region := roleOf(c.Endpoint)
	switch {
	case role == hostElsewhere:
		return
	case c.Region == "":
		c.Region = region
	case role == hostKept && region != "" && region != c.Region:
		d.warn("config.endpoint", "the endpoint is of region %s, region says %s: the endpoint wins, but requests are signed for %s, which the store will refuse; set region: %s", region, c.Region, c.Region, region)
	case region != "" && region != c.Region:
		d.warn("config.endpoint", "the endpoint is of region %s, region says %s: the region wins, requests go to %s", region, c.Region, amazonEndpoint(c.Region))
	case host == globalAmazonHost && !strings.HasSuffix(amazonEndpoint(c.Region), ".amazonaws.com"):
		d.warn("config.endpoint", "%s does not serve region %s: the region wins, requests go to %s", host, c.Region, amazonEndpoint(c.Region))
	}
	d.validateRegion(c)
}
