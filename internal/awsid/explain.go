package awsid

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"

	"github.com/aws/smithy-go"
)

// explain puts a sentence of ours, what is wrong and what to do, before an
// error of the SDK, which stays the cause. An error that no sentence fits is
// returned as it is.
func explain(kind Kind, err error) error {
	if sentence := sentence(kind, err); sentence != "" {
		return fmt.Errorf("%s: %w", sentence, err)
	}
	return err
}

func sentence(kind Kind, err error) string {
	var api smithy.APIError
	switch {
	case errors.Is(err, fs.ErrNotExist) && kind == KindWebIdentity:
		return "the token file does not exist: annotate the service account with eks.amazonaws.com/role-arn and restart the pod"
	case kind == KindContainer && strings.Contains(err.Error(), "no such file or directory"): // the SDK keeps the text alone
		return "the token file does not exist: restart the pod, so that the token is mounted"
	case errors.Is(err, fs.ErrPermission):
		return "the token file may not be read by this process: set the pod's securityContext.fsGroup"
	case kind == KindContainer && strings.Contains(err.Error(), "EKS does not have permissions to assume the associated role"):
		return podIdentityTrust
	case errors.As(err, &api):
		return apiSentence(kind, api)
	case kind == KindEC2 && strings.Contains(err.Error(), "no EC2 IMDS role found"):
		return "no credentials of any kind: no other source is configured, and the instance metadata service gives no role; give the pod a role (IRSA or Pod Identity), or set keys"
	case kind == KindContainer && unreachable(err):
		return "the container credentials endpoint does not answer: is the eks-pod-identity-agent add-on running on this node, and does NO_PROXY hold its address?"
	case kind == KindEC2 && unreachable(err):
		return "the instance metadata service does not answer: give the pod a role of its own (IRSA or Pod Identity), or set keys"
	case untrusted(err):
		return "the certificate of STS is not trusted: set AWS_CA_BUNDLE, or, with sts_endpoint, http_config.tls_config.ca_file"
	case unreachable(err):
		return "the service cannot be reached: check egress, DNS, or a VPC endpoint for STS"
	default:
		return ""
	}
}

const podIdentityTrust = "EKS may not assume the role of the Pod Identity association: its trust policy must let pods.eks.amazonaws.com do sts:AssumeRole and sts:TagSession"

func apiSentence(kind Kind, api smithy.APIError) string {
	message := api.ErrorMessage()
	switch api.ErrorCode() {
	case "ExpiredTokenException", "ExpiredToken":
		if kind == KindWebIdentity {
			return "the service-account token has expired: is the kubelet renewing the token file, and is this machine's clock right?"
		}
		return "the credentials have expired: renew them at their source, and check this machine's clock"
	case "InvalidIdentityToken", "InvalidIdentityTokenException":
		switch {
		case strings.Contains(message, "No OpenIDConnect provider"):
			return "the role's account does not know the cluster's token issuer: create its IAM OIDC provider there"
		case strings.Contains(message, "audience"):
			return "the token is for another audience: it must be sts.amazonaws.com, and the IAM OIDC provider must list it"
		default:
			return "STS cannot verify the service-account token: its signature, issuer or form is not what the IAM OIDC provider expects"
		}
	case "AccessDenied", "AccessDeniedException":
		if kind == KindWebIdentity && strings.Contains(message, "AssumeRoleWithWebIdentity") {
			return "the role may not be assumed with this service account: compare the role's trust policy (provider, sub, aud) with the token, and check that the role exists"
		}
		if strings.Contains(message, "sts:AssumeRole") {
			return "the role may not be assumed with these credentials: allow them sts:AssumeRole, and let the role's trust policy name them; check that the role exists"
		}
		return ""
	case "InvalidClientTokenId", "InvalidAccessKeyId":
		return "AWS does not know the access key: it was deleted, or belongs to another partition (China, GovCloud) or another store"
	case "SignatureDoesNotMatch":
		return "the secret key does not belong to the access key: check it for blanks and line ends"
	case "RegionDisabledException":
		return "STS is switched off in this region for the account: activate it, or set AWS_REGION to a region where it is on"
	default:
		return ""
	}
}

// untrusted tells a certificate of an authority that this machine does not know.
func untrusted(err error) bool {
	var authority x509.UnknownAuthorityError
	return errors.As(err, &authority)
}

// unreachable tells an error of the network from an answer.
func unreachable(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	var timeout net.Error
	return errors.As(err, &op) || errors.As(err, &dns) || (errors.As(err, &timeout) && timeout.Timeout())
}
