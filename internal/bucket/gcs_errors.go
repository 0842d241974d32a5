package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/api/googleapi"
)

// fail turns an error of the client into an *OpError of the action on the key.
func (g *gcsBucket) fail(ctx context.Context, action, key string, err error) *OpError {
	e := &OpError{Action: "gcs:" + action, Bucket: g.cfg.Bucket, Key: key, Err: err}
	var creds *credentialsError
	var answer *googleapi.Error
	switch {
	case ctx.Err() != nil:
		e.Err = ctx.Err() // the caller's doing, whatever it broke on the way
	case errors.As(err, &creds):
		e.Kind, e.Err = ErrCredentials, creds.err
	case errors.As(err, &answer):
		e.Status, e.Code = answer.Code, gcsReason(answer)
		e.Kind, e.Err = g.classify(action, answer, e.Code)
	default:
		e.Kind, e.Err = ErrUnavailable, explainTransport(err)
	}
	return e
}

// gcsReason is the store's own word for an error, such as "forbidden".
func gcsReason(e *googleapi.Error) string {
	if len(e.Errors) > 0 {
		return e.Errors[0].Reason
	}
	return ""
}

// classify maps the store's answer to a sentinel and an explanation.
func (g *gcsBucket) classify(action string, e *googleapi.Error, reason string) (kind, err error) {
	text := gcsText(e, reason)
	explain := func(what string) error { return fmt.Errorf("%s: %s", what, text) }
	switch reason {
	case "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded":
		return ErrThrottled, errors.New(text)
	case "conditionNotMet":
		return ErrPrecondition, errors.New(text)
	}
	switch e.Code {
	case http.StatusNotFound:
		// Not ErrNotFound for a lost bucket: nobody may take it for an empty one.
		// Only reading and deleting one object can miss the object.
		if action == gcsCreate || action == gcsList || strings.Contains(strings.ToLower(text), "bucket does not exist") {
			return ErrUnavailable, lasting{explain("the bucket does not exist: create it, or correct config.bucket")}
		}
		return ErrNotFound, nil
	case http.StatusPreconditionFailed:
		return ErrPrecondition, errors.New(text)
	case http.StatusUnauthorized:
		return ErrCredentials, explain(fmt.Sprintf("the store does not accept the %s", g.source))
	case http.StatusForbidden:
		if action == gcsCreate && strings.Contains(text, gcsDelete) {
			return ErrDenied, explain("replacing an object needs " + gcsDelete + " too: grant roles/storage.objectUser in place of roles/storage.objectCreator")
		}
		return ErrDenied, errors.New(text)
	case http.StatusTooManyRequests:
		return ErrThrottled, errors.New(text)
	case http.StatusRequestTimeout:
		return ErrUnavailable, errors.New(text)
	}
	if e.Code >= http.StatusInternalServerError && e.Code != http.StatusNotImplemented {
		return ErrUnavailable, errors.New(text)
	}
	return nil, errors.New(text)
}

// gcsText is the store's own explanation in one line.
func gcsText(e *googleapi.Error, reason string) string {
	message := e.Message
	if message == "" {
		message = e.Body // reading an object, the store answers in plain text
	}
	const enough = 500
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > enough {
		message = message[:enough] + "…"
	}
	parts := slices.DeleteFunc([]string{fmt.Sprintf("HTTP %d", e.Code), reason, message}, func(part string) bool { return part == "" })
	return strings.Join(parts, ": ")
}
