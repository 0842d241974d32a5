package agent

import (
	"errors"
	"strings"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// explainer tells cause and fix of failures of the bucket and of logging in to
// it, with the operator's own names.
type explainer struct {
	names  diagnose.Names
	caller func() string // ARN of the agent's identity; nil where nobody knows it
}

func newExplainer(cfg *Config) explainer {
	at := cfg.Storage.Location()
	n := diagnose.Names{
		Bucket: at.Bucket, Prefix: at.Prefix, Region: at.Region, Endpoint: at.Endpoint, ClusterID: cfg.ClusterID,
	}
	if strings.HasPrefix(at.KMSKey, "arn:") {
		n.KMSKeyARN = at.KMSKey
	}
	if cfg.Getenv != nil {
		n.RoleARN = cfg.Getenv("AWS_ROLE_ARN")
	}
	return explainer{names: n}
}

// ErrorAttrs are the log attributes of an error that ended Run: the error
// without secrets and, where it is a known failure of the bucket or of logging
// in to it, its cause, the fix and the page about it.
func (c *Config) ErrorAttrs(err error) []any { return newExplainer(c).attrs(err) }

// explain knows only what comes from the bucket: a refused connection to
// Prometheus has nothing to do with config.endpoint.
func (e explainer) explain(err error) (diagnose.Diagnosis, bool) {
	var op *bucket.OpError
	if !errors.As(err, &op) && !errors.Is(err, bucket.ErrCredentials) {
		return diagnose.Diagnosis{}, false
	}
	names := e.names
	if e.caller != nil {
		names.CallerARN = e.caller()
	}
	return diagnose.ExplainError(err, names)
}

// problem fills in what the catalogue says. The message keeps the error itself,
// without secrets.
func (e explainer) problem(err error, p *costfile.Problem) {
	p.Message = diagnose.Redact(p.Message)
	if d, ok := e.explain(err); ok {
		p.ID, p.Doc = d.ID, d.Doc
		p.Cause, p.Fix = d.Say()
	}
}

// attrs are what a log line says beside an error.
func (e explainer) attrs(err error) []any {
	attrs := []any{"err", diagnose.Redact(err.Error())}
	if d, ok := e.explain(err); ok {
		cause, fix := d.Say()
		attrs = append(attrs, "cause", cause, "fix", fix, "doc", d.Doc)
	}
	return attrs
}
