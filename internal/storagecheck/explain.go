package storagecheck

import (
	"errors"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// failed is a step that ended with an error: explained by the catalogue, with
// otherwise as the fix where it has no row.
func (r *runner) failed(err error, otherwise string) Check {
	c := Check{Result: Fail, Evidence: diagnose.Redact(err.Error()), Fix: otherwise}
	if d, ok := r.diagnosis(err); ok {
		c.tell(d)
	}
	return c
}

// explained is a failed step with cause and fix of the catalogue.
func (r *runner) explained(f diagnose.Facts, otherwise string) Check {
	f.With = r.names
	c := Check{Result: Fail, Fix: otherwise}
	if d, ok := diagnose.Explain(f); ok {
		c.tell(d)
	}
	return c
}

// diagnosis looks an error up in the catalogue.
func (r *runner) diagnosis(err error) (diagnose.Diagnosis, bool) {
	var op *bucket.OpError
	if !errors.As(err, &op) || op.Code == "" {
		return diagnose.ExplainError(err, r.names)
	}
	service, _, _ := strings.Cut(op.Action, ":")
	return diagnose.Explain(diagnose.Facts{
		Text: err.Error(), Code: op.Code, Status: op.Status, Action: op.Action, Service: service, With: r.names,
	})
}

// tell takes over what the catalogue says.
func (c *Check) tell(d diagnose.Diagnosis) {
	c.ID, c.Doc, c.Cause, c.Fix, c.Snippets = d.ID, d.Doc, d.Title, d.Fix, d.Snippets
	if d.Cause != "" {
		c.Cause = d.Cause
	}
	if d.First != nil {
		c.First = d.First.Text()
	}
}

// Explain finds the known failures in a text: an error, or log lines. with
// fills in names that the text lacks. The same failure is told once.
func Explain(text string, with diagnose.Names) []diagnose.Diagnosis {
	var found []diagnose.Diagnosis
	seen := func(d diagnose.Diagnosis) bool {
		return slices.ContainsFunc(found, func(x diagnose.Diagnosis) bool { return x.ID == d.ID && x.Cause == d.Cause && x.Fix == d.Fix })
	}
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if d, ok := diagnose.Explain(diagnose.Facts{Text: line, With: with}); ok && !seen(d) {
			found = append(found, d)
		}
	}
	if len(found) == 0 && strings.TrimSpace(text) != "" {
		// An error that was wrapped over lines, or an XML answer.
		if d, ok := diagnose.Explain(diagnose.Facts{Text: text, With: with}); ok {
			found = append(found, d)
		}
	}
	return found
}
