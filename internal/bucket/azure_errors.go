package bucket

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// fail turns an error of the SDK into an *OpError of the action on the key.
func (a *azureBucket) fail(ctx context.Context, action, key string, err error) *OpError {
	e := &OpError{Action: "azure:" + action, Bucket: a.name(), Key: key, Err: err}
	var creds *credentialsError
	var answer *azcore.ResponseError
	switch {
	case ctx.Err() != nil:
		e.Err = ctx.Err() // the caller's doing, whatever it broke on the way
	case errors.As(err, &creds):
		e.Kind, e.Err = ErrCredentials, creds.err
	case errors.As(err, &answer):
		e.Status, e.Code = answer.StatusCode, answer.ErrorCode
		e.Kind, e.Err = a.classify(answer)
	default:
		e.Kind, e.Err = ErrUnavailable, explainTransport(err)
	}
	return e
}

// classify maps the store's answer to a sentinel and an explanation. The codes
// are listed at https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
// and .../common-rest-api-error-codes.
func (a *azureBucket) classify(r *azcore.ResponseError) (kind, err error) {
	text, detail := azureText(r)
	explain := func(what string) error { return fmt.Errorf("%s: %s", what, text) }
	switch r.ErrorCode {
	case "BlobNotFound":
		return ErrNotFound, nil
	case "ContainerNotFound":
		// Not ErrNotFound: nobody may take a lost container for an empty one.
		return ErrUnavailable, lasting{explain("the container does not exist: create it, or correct config.container")}
	case "ContainerBeingDeleted", "ContainerDisabled":
		return ErrUnavailable, errors.New(text)
	case "ConditionNotMet", "TargetConditionNotMet", "BlobAlreadyExists":
		return ErrPrecondition, errors.New(text)
	case "LeaseIdMissing", "LeaseIdMismatchWithBlobOperation":
		return ErrDenied, explain("somebody holds a lease on the blob: end it")
	case "BlobArchived", "BlobBeingRehydrated":
		return nil, explain("the blob is in the archive tier: rehydrate it, and exclude this container from rules that archive")
	case "AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation":
		if strings.Contains(detail, "Request date header") {
			return ErrCredentials, explain("this machine's clock differs from the store's: set it right")
		}
		return ErrCredentials, explain("the store does not accept the " + a.source)
	case "KeyBasedAuthenticationNotPermitted":
		return ErrCredentials, explain("the account forbids its keys: use an identity of Entra ID, or allow shared keys on the account")
	case "AuthorizationPermissionMismatch":
		if a.cfg.ConnectionString != "" {
			return ErrDenied, explain("the shared access signature lacks a permission: it needs read, create, write, delete and list")
		}
		return ErrDenied, explain("the identity lacks a role: grant Storage Blob Data Contributor (or Reader) on the container")
	case "AuthorizationFailure":
		return ErrDenied, explain("the account's firewall, or the permissions of a signature, do not let this request in")
	case "ServerBusy", "OperationTimedOut":
		return ErrThrottled, errors.New(text)
	}
	switch {
	case r.StatusCode == http.StatusForbidden || r.StatusCode == http.StatusUnauthorized:
		return ErrDenied, errors.New(text)
	case r.StatusCode == http.StatusNotFound:
		return ErrNotFound, errors.New(text)
	case r.StatusCode == http.StatusPreconditionFailed:
		return ErrPrecondition, errors.New(text)
	case r.StatusCode == http.StatusTooManyRequests:
		return ErrThrottled, errors.New(text)
	case r.StatusCode == http.StatusRequestTimeout, r.StatusCode >= 500 && r.StatusCode != http.StatusNotImplemented:
		return ErrUnavailable, errors.New(text)
	default:
		return nil, errors.New(text)
	}
}

// azureText is the store's own explanation in one line, and the detail that it
// gives to failed log-ins. The detail quotes what was signed, so it is searched
// but never shown.
func azureText(r *azcore.ResponseError) (text, detail string) {
	var answer struct {
		Message string `xml:"Message"`
		Detail  string `xml:"AuthenticationErrorDetail"`
	}
	id := ""
	if r.RawResponse != nil {
		id = r.RawResponse.Header.Get("X-Ms-Request-Id")
		if body, err := runtime.Payload(r.RawResponse); err == nil {
			_ = xml.Unmarshal(body, &answer) // an answer without a body has only its code
		}
	}
	text = r.ErrorCode
	if text == "" {
		text = fmt.Sprintf("HTTP %d", r.StatusCode)
	}
	// The message goes on with the request's id and time on lines of their own.
	message, _, _ := strings.Cut(answer.Message, "\n")
	if message != "" {
		text += ": " + message
	}
	if id != "" {
		text += " (request " + id + ")"
	}
	return text, answer.Detail
}
