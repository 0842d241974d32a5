package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/fleetcost/fleetcost/internal/query"
)

// Envelope is the form of every JSON answer.
type Envelope[T any] struct {
	Code    int    `json:"code"`
	Status  string `json:"status" doc:"success or error"`
	Meta    *Meta  `json:"meta,omitempty"`
	Warning string `json:"warning,omitempty" doc:"What was asked and not done as asked; parts joined by '; '."`
	Data    T      `json:"data"`
}

// ErrorEnvelope is the form of every error.
type ErrorEnvelope struct {
	Code      int    `json:"code"`
	Status    string `json:"status" doc:"error"`
	Message   string `json:"message" doc:"What is wrong, where, and what to do."`
	Param     string `json:"param,omitempty" doc:"The parameter at fault."`
	Reason    string `json:"reason,omitempty"`
	Hint      string `json:"hint,omitempty" doc:"What to do."`
	RequestID string `json:"requestId,omitempty"`
	// Problem is set where the bucket refused.
	Problem *FleetProblem `json:"problem,omitempty" doc:"What the storage said, with its cause and what to do."`
	Data    any           `json:"data" doc:"null"`
}

// Meta is what a cost answer says of itself.
type Meta struct {
	Window       Window       `json:"window" doc:"The window answered, on whole UTC hours."`
	DataVersion  string       `json:"dataVersion" doc:"Same data, same string; compare numbers of several calls only at one version."`
	Currency     string       `json:"currency"`
	RowCount     int          `json:"rowCount" doc:"Rows of the largest set before offset and limit."`
	TotalCost    Amount       `json:"totalCost" doc:"Sum of all rows, those included that offset and limit leave out."`
	PageCost     *Amount      `json:"pageCost,omitempty" doc:"Sum of the rows answered; only where offset or limit left some out."`
	Completeness Completeness `json:"completeness"`
}

// Completeness tells how much of what was expected is there.
type Completeness struct {
	HoursExpected int64                 `json:"hoursExpected"`
	HoursPresent  int64                 `json:"hoursPresent"`
	HoursPartial  int64                 `json:"hoursPartial" doc:"of those present: covered by samples less than 95 % of the time, so what they cost is too low"`
	CoveredRatio  Number                `json:"coveredRatio" doc:"time covered by samples over time expected; 1 where nothing is expected"`
	Ratio         Number                `json:"ratio" doc:"present over expected; 1 where nothing is expected"`
	Clusters      []ClusterCompleteness `json:"clusters"`
}

// ClusterCompleteness is one cluster's part.
type ClusterCompleteness struct {
	Cluster       string `json:"cluster"`
	HoursExpected int64  `json:"hoursExpected"`
	HoursPresent  int64  `json:"hoursPresent"`
	HoursPartial  int64  `json:"hoursPartial"`
	SilentSince   *Time  `json:"silentSince,omitempty" doc:"Set when the cluster has sent nothing for over two hours and is not retired."`
}

func metaJSON(a *query.Answer) *Meta {
	m := &Meta{
		Window: windowOf(a.Window), DataVersion: a.DataVersion, Currency: a.Currency, RowCount: a.RowCount,
		Completeness: Completeness{
			HoursExpected: a.Completeness.HoursExpected, HoursPresent: a.Completeness.HoursPresent,
			HoursPartial: a.Completeness.HoursPartial, Ratio: 1, CoveredRatio: 1,
			Clusters: make([]ClusterCompleteness, 0, len(a.Completeness.Clusters)),
		},
	}
	if m.Completeness.HoursExpected > 0 {
		m.Completeness.Ratio = Number(float64(m.Completeness.HoursPresent) / float64(m.Completeness.HoursExpected))
		m.Completeness.CoveredRatio = Number(float64(a.Completeness.SecondsCovered) / float64(3600*m.Completeness.HoursExpected))
	}
	for _, c := range a.Completeness.Clusters {
		out := ClusterCompleteness{Cluster: c.Cluster, HoursExpected: c.HoursExpected, HoursPresent: c.HoursPresent, HoursPartial: c.HoursPartial}
		if !c.SilentSince.IsZero() {
			since := Time(c.SilentSince)
			out.SilentSince = &since
		}
		m.Completeness.Clusters = append(m.Completeness.Clusters, out)
	}
	return m
}

// reply is what a handler has to say; the envelope around it is written by
// writeReply.
type reply struct {
	meta     *Meta
	warnings []string
	data     any                   // written by encoding/json, unless stream is set
	stream   func(*jsonWriter)     // writes data row by row
	csv      func(io.Writer) error // set when CSV was asked for
	filename string                // of the CSV
	etag     string                // of answers that have a version of their own
}

// jsonWriter writes JSON piece by piece and keeps the first error.
type jsonWriter struct {
	w       *bufio.Writer
	scratch []byte
	err     error
}

func (j *jsonWriter) raw(s string) {
	if j.err == nil {
		_, j.err = j.w.WriteString(s)
	}
}

func (j *jsonWriter) string(s string) {
	j.scratch = appendString(j.scratch[:0], s)
	j.flush()
}

func (j *jsonWriter) window(w Window) {
	j.scratch = w.appendJSON(j.scratch[:0])
	j.flush()
}

func (j *jsonWriter) value(v any) {
	if j.err != nil {
		return
	}
	var text []byte
	if text, j.err = json.Marshal(v); j.err == nil {
		_, j.err = j.w.Write(text)
	}
}

// row writes a pointer to a row by its encoder.
func (j *jsonWriter) row(e *rowEncoder, row any) {
	if j.err != nil {
		return
	}
	if j.scratch, j.err = e.append(j.scratch[:0], row); j.err == nil {
		j.flush()
	}
}

func (j *jsonWriter) flush() {
	if j.err == nil {
		_, j.err = j.w.Write(j.scratch)
	}
}

// writeReply writes a 200. Errors while writing mean that the client is gone.
func writeReply(w http.ResponseWriter, r *reply) error {
	h := w.Header()
	if r.etag != "" {
		h.Set("ETag", r.etag)
		h.Set("Cache-Control", "private, no-cache")
	}
	if r.meta != nil {
		h.Set("X-Fleetcost-Data-Version", r.meta.DataVersion)
		h.Set("X-Fleetcost-Completeness",
			strconv.FormatInt(r.meta.Completeness.HoursPresent, 10)+"/"+strconv.FormatInt(r.meta.Completeness.HoursExpected, 10))
	}
	if r.csv != nil {
		for _, w := range r.warnings { // JSON has them in its envelope
			h.Add("X-Fleetcost-Warning", strings.Map(func(c rune) rune {
				if c < ' ' || c > '~' {
					return '?'
				}
				return c
			}, w))
		}
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="`+r.filename+`"`)
		return r.csv(w)
	}
	h.Set("Content-Type", "application/json")
	j := &jsonWriter{w: bufio.NewWriterSize(w, 32<<10)}
	j.raw(`{"code":200,"status":"success"`)
	if r.meta != nil {
		j.raw(`,"meta":`)
		j.value(r.meta)
	}
	if len(r.warnings) > 0 {
		j.raw(`,"warning":`)
		j.string(strings.Join(r.warnings, "; "))
	}
	j.raw(`,"data":`)
	if r.stream != nil {
		r.stream(j)
	} else {
		j.value(r.data)
	}
	j.raw("}\n")
	if j.err != nil {
		return j.err
	}
	return j.w.Flush()
}

// retryAfter is what a client is told to wait, in seconds.
const retryAfter = "5"

// errorStatus maps an error to a status and what may be shown of it.
// Internals are not shown: they are in the log under the request's id.
func errorStatus(err error) (int, ErrorEnvelope) {
	env := ErrorEnvelope{Status: "error"}
	var q *query.Error
	var n *notFoundError
	var st *statusError
	var sto *StorageError
	switch {
	case errors.As(err, &st):
		env.Code, env.Message, env.Param, env.Reason, env.Hint = st.status, st.Error(), st.param, st.reason, st.hint
	case errors.As(err, &sto):
		env.Code, env.Problem = http.StatusBadGateway, sto.Problem
		env.Message, env.Reason, env.Hint = sto.Error(), sto.Error(), sto.Problem.Fix
	case errors.As(err, &n):
		env.Code, env.Message, env.Hint = http.StatusNotFound, n.Error(), n.hint
	case errors.As(err, &q) && q.Code == query.CodeInvalid:
		env.Code = http.StatusBadRequest
		env.Message, env.Param, env.Reason, env.Hint = q.Error(), q.Param, q.Reason, q.Hint
	case errors.As(err, &q) && q.Code == query.CodeUnavailable:
		env.Code = http.StatusServiceUnavailable
		env.Message, env.Param, env.Reason, env.Hint = q.Error(), q.Param, q.Reason, q.Hint
	case errors.Is(err, context.DeadlineExceeded):
		env.Code = http.StatusGatewayTimeout
		env.Message = "the question took too long (ask for a shorter window, or aggregate more)"
	case errors.Is(err, context.Canceled):
		env.Code, env.Message = statusClientClosed, "the client closed the request"
	default:
		env.Code = http.StatusInternalServerError
		env.Message = "internal error; the server's log has it under this request id"
	}
	return env.Code, env
}

// statusClientClosed is nginx's code for a client that went away; nobody reads
// it but the access log and the metrics.
const statusClientClosed = 499

func writeError(w http.ResponseWriter, env ErrorEnvelope, requestID string) {
	h := w.Header()
	h.Del("ETag")
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if env.Code == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter)
	}
	env.RequestID = requestID
	w.WriteHeader(env.Code)
	// The client may be gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(env)
}

// notFoundError says that something named does not exist.
type notFoundError struct{ what, hint string }

func (e *notFoundError) Error() string {
	if e.hint == "" {
		return e.what
	}
	return e.what + " (" + e.hint + ")"
}
