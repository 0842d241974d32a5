package storagecheck

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// callerInText is the caller as the text of a refusal names it.
var callerInText = regexp.MustCompile(`User: (arn:[^\s"]+) is not authorized`)

// forbidden is an action that was refused, with the statement that would allow
// it. What the store says besides (a key's policy, an organization's) is told by
// the catalogue.
func (r *runner) forbidden(action string, err error) Check {
	var op *bucket.OpError
	if r.cfg.Type != bucket.TypeS3 && errors.As(err, &op) {
		action = op.Action // in the store's own words
	}
	if m := callerInText.FindStringSubmatch(err.Error()); m != nil && r.names.CallerARN == "" {
		r.names.CallerARN = m[1] // the store knows whom there was nobody else to ask about
	}
	c := r.failed(err, "")
	if !strings.HasPrefix(c.Evidence, action) {
		c.Evidence = fmt.Sprintf("%s is denied: %s", action, c.Evidence)
	}
	if !strings.HasPrefix(action, "s3:") {
		if c.Fix == "" {
			c.Fix = "Give the credentials of the configuration this right."
		}
		return c
	}
	if r.kindOfRefusal(action, err) != missingRight {
		return c
	}
	c.Cause = fmt.Sprintf("The policy of these credentials does not allow %s there, or another policy (of the bucket, of the organization, a permissions boundary) forbids it.", action)
	c.Fix = fmt.Sprintf("Allow %s %s.", action, r.whom())
	c.Snippets = []diagnose.Snippet{r.statementSnippet(action)}
	return c
}

// kindOfRefusal tells what the catalogue sees in a refusal: a right that the
// caller's own policy lacks; another policy that stands in the way, which is a
// matter of rights too; or something else.
func (r *runner) kindOfRefusal(action string, err error) refusal {
	d, ok := r.diagnosis(err)
	if r.cfg.Type != bucket.TypeS3 {
		if ok && !slices.Contains([]string{"gcs-denied", "gcs-bucket-denied", "azure-permission-mismatch"}, d.ID) {
			return noRefusalOfRights
		}
		return missingRight
	}
	plain, _ := diagnose.Explain(diagnose.Facts{Text: "AccessDenied", Code: "AccessDenied", Action: action, Service: "s3", Status: http.StatusForbidden})
	switch {
	case !ok || d.ID == plain.ID || d.ID == "s3-denied" || d.ID == "s3-identity-policy":
		return missingRight
	case strings.HasPrefix(d.ID, "iam-") || strings.HasPrefix(d.ID, "kms-") || d.ID == "s3-bucket-policy":
		return otherPolicy
	default:
		return noRefusalOfRights
	}
}

// refusal is why a store said no.
type refusal int

const (
	missingRight refusal = iota
	otherPolicy
	noRefusalOfRights // such as a signature of a kind that the store does not take
)

func (r *runner) action(name string) string {
	if r.cfg.Type == bucket.TypeS3 {
		return "s3:" + name
	}
	return name
}
