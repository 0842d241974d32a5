package diagnose

// What ExplainError understands of an error, besides its text. The interfaces
// are those that the AWS SDK's errors have; internal/bucket's have them too.
type (
	coder       interface{ ErrorCode() string }
	statusCoder interface{ HTTPStatusCode() int }
	actioner    interface{ ErrorAction() string }
	operation   interface {
		Service() string
		Operation() string
	}
)

// ExplainError explains an error: its text, and the code, status and operation
// that the errors of its tree tell. The innermost operation is the guilty one:
// StartQueryExecution that could not assume a role failed at AssumeRole. It
// returns false for nil and for what is not in the catalogue.
func ExplainError(err error, with Names) (Diagnosis, bool) {
	if err == nil {
		return Diagnosis{}, false
	}
	f := Facts{Text: err.Error(), With: with}
	f.learn(err)
	return Explain(f)
}

// learn goes down the tree; what is deeper replaces what is above.
func (f *Facts) learn(err error) {
	if err == nil {
		return
	}
	if e, ok := err.(operation); ok {
		if action := actionOf(e.Service(), e.Operation()); action != "" {
			// A code that was seen above belongs to the outer operation.
			f.Action, f.Code, f.Status = action, "", 0
		}
	}
	if e, ok := err.(actioner); ok && e.ErrorAction() != "" {
		f.Action = e.ErrorAction()
	}
	if e, ok := err.(coder); ok && e.ErrorCode() != "" {
		f.Code = e.ErrorCode()
	}
	if e, ok := err.(statusCoder); ok && e.HTTPStatusCode() != 0 {
		f.Status = e.HTTPStatusCode()
	}
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case interface{ Unwrap() error }:
		f.learn(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			f.learn(inner)
		}
	}
}
