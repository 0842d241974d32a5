package bucket

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// answerNotes carries from the transport to the retries what minio-go's errors
// do not: how long the store asked to wait. Requests of one attempt may overlap.
type answerNotes struct{ wait atomic.Int64 }

type notesKey struct{}

func withNotes(ctx context.Context, n *answerNotes) context.Context {
	return context.WithValue(ctx, notesKey{}, n)
}

func (n *answerNotes) retryAfter() time.Duration { return time.Duration(n.wait.Load()) }

// noteAnswer remembers the Retry-After of an answer that refuses: seconds, or a
// date by the store's clock; see RFC 9110, section 10.2.3.
func noteAnswer(ctx context.Context, resp *http.Response) {
	n, ok := ctx.Value(notesKey{}).(*answerNotes)
	text := resp.Header.Get("Retry-After")
	if !ok || text == "" || resp.StatusCode < http.StatusBadRequest {
		return
	}
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		n.wait.Store(int64(time.Duration(seconds) * time.Second)) //nolint:gosec // of 31 bits
		return
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil && at.After(date) {
		n.wait.Store(int64(at.Sub(date)))
	}
}
