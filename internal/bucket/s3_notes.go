package bucket

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// notes carries from the transport to the retries what minio-go's errors do not:
// how long the store asked to wait.
type notes struct{ retryAfter atomic.Int64 }

type notesKey struct{}

func withNotes(ctx context.Context) context.Context {
	return context.WithValue(ctx, notesKey{}, &notes{})
}

// takeRetryAfter returns what the last answer asked for, once; 0 for nothing.
func takeRetryAfter(ctx context.Context) time.Duration {
	n, ok := ctx.Value(notesKey{}).(*notes)
	if !ok {
		return 0
	}
	return time.Duration(n.retryAfter.Swap(0))
}

// noteAnswer remembers the Retry-After of an answer that refuses: seconds, or a
// date by the store's clock; see RFC 9110, section 10.2.3.
func noteAnswer(ctx context.Context, resp *http.Response) {
	n, ok := ctx.Value(notesKey{}).(*notes)
	text := resp.Header.Get("Retry-After")
	if !ok || text == "" || resp.StatusCode < http.StatusBadRequest {
		return
	}
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		n.retryAfter.Store(int64(time.Duration(seconds) * time.Second)) //nolint:gosec // of 31 bits
		return
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil && at.After(date) {
		n.retryAfter.Store(int64(at.Sub(date)))
	}
}
