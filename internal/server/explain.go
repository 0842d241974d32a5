package server

import (
	"errors"
	"regexp"
	"strings"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
	"github.com/fleetcost/fleetcost/internal/httpapi"
)

// namesOf are the operator's own names, for what is to be pasted.
func namesOf(c *bucket.Config, getenv func(string) string) diagnose.Names {
	at := c.Location()
	n := diagnose.Names{
		Bucket: at.Bucket, Prefix: at.Prefix, Region: at.Region, Endpoint: at.Endpoint, RoleARN: getenv("AWS_ROLE_ARN"),
	}
	if strings.HasPrefix(at.KMSKey, "arn:") {
		n.KMSKeyARN = at.KMSKey
	}
	return n
}

// objectsOf is what DuckDB must know of a bucket to read its objects, but for
// its address and credentials.
func objectsOf(c *bucket.Config) httpapi.Bucket {
	at := c.Location()
	b := httpapi.Bucket{Region: at.Region, Endpoint: at.Endpoint}
	if c.Type == bucket.TypeS3 {
		b.Insecure, b.VirtualHosted = c.S3.Insecure, c.S3.Lookup == bucket.LookupVirtual
	}
	return b
}

// explain tells what a failure of the bucket, or of logging in to it, means.
// Other failures it does not know.
func (s *Server) explain(err error) (diagnose.Diagnosis, bool) {
	var op *bucket.OpError
	if !errors.As(err, &op) && !errors.Is(err, bucket.ErrCredentials) {
		return diagnose.Diagnosis{}, false
	}
	names := s.names
	if s.caller != nil {
		names.CallerARN = s.caller()
	}
	return diagnose.ExplainError(err, names)
}

// syncProblem is a failed look at the bucket, explained where it is known.
func (s *Server) syncProblem(last *lastSync) *httpapi.FleetProblem {
	p := s.storageProblem(last.err)
	p.Since = moment(last.since)
	if p.ID == "" {
		p.Fix = "see the server's log; it tries again by itself"
	}
	return p
}

// storageProblem explains a failure of the bucket, where it is known.
func (s *Server) storageProblem(err error) *httpapi.FleetProblem {
	p := &httpapi.FleetProblem{Code: "bucket", Message: diagnose.Redact(err.Error())}
	if d, ok := s.explain(err); ok {
		p.ID, p.Doc = d.ID, d.Doc
		p.Cause, p.Fix = d.Say()
	}
	return p
}

// operation is how an error of the bucket begins, when only its text is left.
var operation = regexp.MustCompile(`\b(s3|gcs|azure|filesystem):[A-Za-z.]+ on `)

// explainText fills in what the catalogue says of a problem of which only the
// text is left: what ingest kept of an object, and what agents of before the
// catalogue wrote.
func explainText(p *httpapi.FleetProblem, names diagnose.Names) {
	p.Message = diagnose.Redact(p.Message)
	if p.ID != "" || !operation.MatchString(p.Message) {
		return
	}
	d, ok := diagnose.Explain(diagnose.Facts{Text: p.Message, With: names})
	if !ok {
		return
	}
	meanwhile := p.Fix
	p.ID, p.Doc = d.ID, d.Doc
	if p.Cause, p.Fix = d.Say(); meanwhile != "" {
		p.Fix += " Meanwhile: " + meanwhile + "."
	}
}
