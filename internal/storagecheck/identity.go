package storagecheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/awsid"
	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// credentials says which source was chosen, and fetches from it.
func (r *runner) credentials(ctx context.Context) Check {
	if !r.inspection.Remote() {
		return skip(noNetwork)
	}
	if r.openErr != nil {
		return r.failed(r.openErr, "Set the two halves of the credentials, or neither.")
	}
	if r.cfg.Type != bucket.TypeS3 {
		name, err := r.inspection.Login(ctx)
		if err != nil {
			return r.failed(err, "Give the program credentials: in the file, or an identity of the pod.")
		}
		return okay("%s", name)
	}
	source := r.inspection.Credentials()
	evidence := source.String()
	_, tokenFile, web := source.Web()
	if web {
		evidence += r.learnToken(source, tokenFile)
	}
	c, err := source.Retrieve(ctx)
	if err != nil {
		f := r.failed(err, "Give the program credentials: keys in the file, or a role for the pod (IRSA or EKS Pod Identity).")
		f.Evidence += strings.TrimPrefix(evidence, source.String()) // the error names the source
		return f
	}
	if c.AccessKeyID == "" {
		return Check{
			Result: Fail, Evidence: evidence + " gave no access key", Cause: "The source answered, and without keys: requests would go out unsigned.",
			Fix: "See why the source has no credentials for this program, or use another.",
		}
	}
	if !c.Expires.IsZero() {
		evidence += ", valid until " + c.Expires.UTC().Format(time.RFC3339)
	}
	switch {
	case source.Kind() == awsid.KindStatic && r.isAmazon():
		evidence += "; note: keys in a file last until somebody changes them, a role's are renewed by themselves"
	case source.Kind() == awsid.KindEC2 && r.inPod():
		evidence += "; note: of the node, not of this pod"
	}
	return okay("%s", evidence)
}

func (r *runner) isAmazon() bool { return strings.Contains(r.cfg.S3.Endpoint, ".amazonaws.com") }

func (r *runner) inPod() bool { return r.o.Getenv("KUBERNETES_SERVICE_HOST") != "" }

// learnToken keeps what the service account's token says of itself, which a
// trust policy must agree with, and describes it.
func (r *runner) learnToken(source *awsid.Source, file string) string {
	role, _, _ := source.Web()
	n := &r.names
	n.RoleARN = role
	claims, err := awsid.ReadTokenClaims(file)
	if err != nil {
		return "" // getting credentials will say it
	}
	n.OIDCIssuer, n.Subject = claims.Issuer, claims.Subject
	if len(claims.Audience) > 0 {
		n.Audience = claims.Audience[0]
	}
	if rest, ok := strings.CutPrefix(claims.Subject, "system:serviceaccount:"); ok {
		if namespace, account, ok := strings.Cut(rest, ":"); ok {
			n.Namespace, n.ServiceAccount = namespace, account
		}
	}
	text := fmt.Sprintf("; the token is of %s, issued by %s for %s", claims.Subject, claims.Issuer, strings.Join(claims.Audience, ", "))
	if !slices.Contains(claims.Audience, "sts.amazonaws.com") {
		text += " (STS expects sts.amazonaws.com)"
	}
	switch left := claims.Expires.Sub(r.o.Now()); {
	case claims.Expires.IsZero():
	case left < 0:
		text += fmt.Sprintf(", expired %s ago by this machine's clock", (-left).Truncate(time.Second))
	default:
		text += fmt.Sprintf(", for another %s", left.Truncate(time.Second))
	}
	return text
}

// identity asks AWS whose the credentials are.
func (r *runner) identity(ctx context.Context) Check {
	if !r.inspection.Remote() {
		return skip(noNetwork)
	}
	if r.cfg.Type != bucket.TypeS3 {
		return skip("the credentials' source says it, or nobody has to be asked")
	}
	source := r.inspection.Credentials()
	id, err := source.Identity(ctx)
	if errors.Is(err, awsid.ErrNoIdentityService) {
		why, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), awsid.ErrNoIdentityService.Error()+": "), ": operation error")
		return skip("nobody to ask: %s", why)
	}
	if err != nil {
		return r.failed(err, "Let this machine reach STS (egress, or a VPC endpoint for sts), or set sts_endpoint.")
	}
	r.learnIdentity(id)
	evidence := fmt.Sprintf("%s in account %s", id.ARN, id.Account)
	switch {
	case id.NodeRole && r.inPod():
		c := Check{
			Result: Warn, Evidence: evidence,
			Cause: source.NodeRoleWarning(id, r.o.Getenv),
			Fix:   "Give the service account a role of its own and restart the pod.",
		}
		if d, ok := diagnose.Explain(diagnose.Facts{Text: evidence, With: r.names}); ok {
			c.tell(d)
			c.First = d.Text()
		}
		return c
	case strings.HasSuffix(id.ARN, ":root"):
		return warning(evidence, "These are the keys of the account itself, which may do everything.",
			"Make a role or a user with the rights below, and delete the account's access keys.", r.policySnippet())
	}
	return okay("%s", evidence)
}

// learnIdentity keeps whom permissions have to be given to.
func (r *runner) learnIdentity(id awsid.Identity) {
	n := &r.names
	n.Account, n.CallerARN = id.Account, id.ARN
	if id.Partition != "" {
		n.Partition = id.Partition
	}
	// The role's path is not in a session's ARN: a role that is known by its
	// whole name stays.
	if id.RoleName != "" && !strings.HasSuffix(n.RoleARN, "/"+id.RoleName) && !id.NodeRole {
		n.RoleARN = "arn:" + n.Partition + ":iam::" + id.Account + ":role/" + id.RoleName
	}
}

// whom names the identity that a policy belongs on.
func (r *runner) whom() string {
	switch n := r.names; {
	case n.RoleARN != "":
		return "on the role " + n.RoleARN
	case n.CallerARN != "":
		return "on " + n.CallerARN
	case r.inspection.Credentials() != nil:
		return "on the owner of the " + r.inspection.Credentials().String()
	default:
		return "on the owner of these credentials"
	}
}

// policyInput is what the configuration tells of the policy it needs.
func (r *runner) policyInput() PolicyInput {
	in := PolicyInput{
		Role: r.in.Role, Bucket: r.names.Bucket, Prefix: r.names.Prefix, Partition: r.names.Partition,
		KMSKeyARN: r.names.KMSKeyARN, NoACL: r.acl() == "",
	}
	if r.in.Role == RoleAgent {
		in.ClusterID = r.in.ClusterID
	}
	return in
}

// policySnippet is the whole policy of the role.
func (r *runner) policySnippet() diagnose.Snippet {
	text, err := Policy(r.policyInput())
	if err != nil {
		text = "" // a bucket that is no name of S3 has no policy
	}
	return diagnose.Snippet{Kind: diagnose.IAMPolicy, Where: r.whom(), Text: text}
}

// statementSnippet is a policy that allows one action, on what the role needs it
// for.
func (r *runner) statementSnippet(action string) diagnose.Snippet {
	in := r.policyInput()
	if err := in.defaults(); err != nil {
		return r.policySnippet()
	}
	doc := policyDocument{Version: policyVersion}
	for _, s := range in.bucketStatements() {
		if slices.Contains(s.Action, action) {
			s.Action = []string{action}
			doc.Statement = append(doc.Statement, s)
		}
	}
	text, err := indentJSON(doc)
	if err != nil || len(doc.Statement) == 0 {
		return r.policySnippet()
	}
	return diagnose.Snippet{Kind: diagnose.IAMPolicy, Where: r.whom(), Text: text}
}

// acl is the X-Amz-Acl that writes carry, or "".
func (r *runner) acl() string {
	for name, value := range r.cfg.S3.UserMetadata {
		if strings.EqualFold(name, "X-Amz-Acl") {
			return value
		}
	}
	return ""
}
