package awsid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ErrNoIdentityService tells that nobody can be asked whose credentials these
// are: the store is not Amazon's and no sts_endpoint names its own service, or
// that service knows no GetCallerIdentity (MinIO's does not). AWS's STS would be
// a stranger to such keys, so it is not asked.
var ErrNoIdentityService = errors.New("no identity service")

// Identity is who AWS takes the credentials for.
type Identity struct {
	Account     string // twelve digits
	ARN         string // arn:aws:sts::123456789012:assumed-role/fleet/fleetcost
	UserID      string // AROA…:fleetcost
	Partition   string // aws, aws-cn, aws-us-gov, …
	RoleName    string // of an assumed role, without its path; "" for a user
	SessionName string // of an assumed role; an instance id for an EC2 instance role
	NodeRole    bool   // the role of an EC2 instance: assumed-role/<role>/i-<hex>
}

// instanceSession is the session name that EC2 gives the credentials of an
// instance, as in the ARN that seed users see in their logs.
var instanceSession = regexp.MustCompile(`^i-[0-9a-f]+$`)

// newIdentity takes the answer of GetCallerIdentity apart.
func newIdentity(account, arn, userID string) Identity {
	id := Identity{Account: account, ARN: arn, UserID: userID}
	parts := strings.SplitN(arn, ":", 6) // arn:partition:service:region:account:resource
	if len(parts) < 6 {
		return id
	}
	id.Partition = parts[1]
	resource := strings.Split(parts[5], "/")
	if len(resource) == 3 && resource[0] == "assumed-role" {
		id.RoleName, id.SessionName = resource[1], resource[2]
		id.NodeRole = instanceSession.MatchString(id.SessionName)
	}
	return id
}

// HasIdentityService tells whether there is a service that Identity would ask.
func (s *Source) HasIdentityService() bool { return s.sts != nil }

// Identity asks STS (GetCallerIdentity, which needs no permission) whose the
// credentials are. It asks anew at each call. Without a service to ask the
// error is ErrNoIdentityService; an error of getting credentials is that of
// Retrieve.
func (s *Source) Identity(ctx context.Context) (Identity, error) {
	if s.sts == nil {
		return Identity{}, fmt.Errorf("%w: the store is not Amazon's and sts_endpoint is not set", ErrNoIdentityService)
	}
	// Credentials first, so that their error is not dressed as one of signing.
	if _, err := s.Retrieve(ctx); err != nil {
		return Identity{}, err
	}
	out, err := s.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if unsupported(err) {
		return Identity{}, fmt.Errorf("%w: sts_endpoint answers, but does not know GetCallerIdentity: %w", ErrNoIdentityService, err)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("ask STS whose credentials %s gives: %w", s, explain(s.kind, err))
	}
	id := newIdentity(aws.ToString(out.Account), aws.ToString(out.Arn), aws.ToString(out.UserId))
	if id.ARN == "" {
		return Identity{}, fmt.Errorf("ask STS whose credentials %s gives: the answer holds no ARN; is sts_endpoint really an STS?", s)
	}
	return id, nil
}

// unsupported tells the answer of a service that has no GetCallerIdentity. MinIO
// says InvalidParameterValue, "Unsupported action GetCallerIdentity"; a plain S3
// server refuses the method.
func unsupported(err error) bool {
	var api smithy.APIError
	var answer *smithyhttp.ResponseError
	switch {
	case errors.As(err, &api) && (api.ErrorCode() == "InvalidAction" || strings.Contains(api.ErrorMessage(), "Unsupported action")):
		return true
	case errors.As(err, &answer):
		return answer.HTTPStatusCode() == http.StatusMethodNotAllowed || answer.HTTPStatusCode() == http.StatusNotImplemented
	default:
		return false
	}
}

// NodeRoleWarning explains a pod that runs as the node it is on, the usual sign
// that its own role is not in effect. It is "" for any other identity, and
// outside Kubernetes, where an instance role is nothing to wonder about.
func (s *Source) NodeRoleWarning(id Identity, getenv func(string) string) string {
	if !id.NodeRole || getenv == nil || getenv("KUBERNETES_SERVICE_HOST") == "" {
		return ""
	}
	return fmt.Sprintf("this pod runs with the node's role %s (instance %s), not with a role of its own, so permissions given to the pod's role have no effect. "+
		"Likely causes: the service account lacks the annotation eks.amazonaws.com/role-arn; the pod was not restarted since it was annotated; "+
		"the pod uses another service account; the EKS Pod Identity webhook is off; or, with Pod Identity, the eks-pod-identity-agent add-on or the association is missing",
		id.RoleName, id.SessionName)
}

// Web returns the role and the token file of a web identity source (IRSA).
func (s *Source) Web() (role, tokenFile string, ok bool) {
	return s.role, s.tokenFile, s.kind == KindWebIdentity
}
