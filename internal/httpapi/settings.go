package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/fleetcost/fleetcost/internal/preferences"
	"github.com/fleetcost/fleetcost/internal/query"
)

// Settings is the API's view of what users saved for everybody.
type Settings interface {
	// Settings reads what is saved now.
	Settings(ctx context.Context) (*SettingsState, error)
	// SaveSettings replaces the document of a version. Where another is saved by
	// now it is ErrSettingsConflict and changes nothing; where the bucket
	// refuses, a *StorageError.
	SaveSettings(ctx context.Context, doc *preferences.Document, over string) (*SettingsState, error)
	// LabelAliases are those in force.
	LabelAliases() map[string][]string
}

// ErrSettingsConflict says that somebody else saved in between.
var ErrSettingsConflict = errors.New("the settings were saved by somebody else in between")

// StorageError is a refusal of the bucket, with what is known of it.
type StorageError struct {
	Act     string // "save the settings"
	Problem *FleetProblem
}

func (e *StorageError) Error() string { return e.Act + ": " + e.Problem.Message }

// SettingsState is the data of /api/v1/settings.
type SettingsState struct {
	Version             string               `json:"version" doc:"of what is saved; give it as If-Match to save over it. none: nothing is saved"`
	Key                 string               `json:"key" doc:"of the object in the bucket, below its prefix"`
	Saved               preferences.Document `json:"saved" doc:"what is saved; what it leaves out is the default"`
	LabelAliases        map[string][]string  `json:"labelAliases" doc:"in force: the saved ones over those of the server"`
	DefaultLabelAliases map[string][]string  `json:"defaultLabelAliases" doc:"those of the server's --label-aliases and of the program, in force where none are saved"`
	Locales             []string             `json:"locales" nullable:"false" doc:"that currencyFormat.locale may name"`
	Problem             *FleetProblem        `json:"problem,omitempty" doc:"why what is saved is not in force, or could not be read"`
}

// SaveSettingsParams are the parameters of PUT /api/v1/settings.
type SaveSettingsParams struct {
	IfMatch string `header:"If-Match" doc:"Required: the version that is replaced, as GET answered it; \"none\" where nothing is saved."`
}

const settingsTag = "settings"

func (a *API) registerSettings() {
	register[NoParams, SettingsState](a, Dialect{}, route{
		path: "/api/v1/settings", tag: settingsTag,
		summary: "What is saved for everybody",
		description: "Label aliases, which act on every answer at once; how the pages write amounts; and what the pages ask by default, which never acts on the API. " +
			"One document in the bucket, the same for every server of the fleet. The ETag is its version.",
	}, a.settings)
	register[SaveSettingsParams, SettingsState](a, Dialect{}, route{
		method: http.MethodPut, path: "/api/v1/settings", tag: settingsTag,
		summary: "Save for everybody",
		description: "Replaces the whole document. If-Match is required: 428 without it, 412 if somebody else saved in between, and then nothing is changed. " +
			"400 names every unknown key and value; 502 says why the bucket refused.",
		body: preferences.Document{},
	}, a.saveSettings)
}

func (a *API) settings(r *request, _ *NoParams) (*reply, error) {
	s, err := a.cfg.Settings.Settings(r.Context())
	if err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	return settingsReply(s), nil
}

func settingsReply(s *SettingsState) *reply { return &reply{data: s, etag: `"` + s.Version + `"`} }

func (a *API) saveSettings(r *request, in *SaveSettingsParams) (*reply, error) {
	over := strings.Trim(strings.TrimPrefix(strings.TrimSpace(in.IfMatch), "W/"), `"`)
	if over == "" || over == "*" {
		return nil, &statusError{
			http.StatusPreconditionRequired, "If-Match", "which version is replaced is not said",
			`send the header If-Match with the version that GET /api/v1/settings answers, "none" where nothing is saved`,
		}
	}
	text, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, preferences.MaxBytes))
	if err != nil {
		return nil, &query.Error{
			Code: query.CodeInvalid, Param: paramBody, Reason: err.Error(),
			Hint: fmt.Sprintf("send one JSON document of at most %d bytes", preferences.MaxBytes),
		}
	}
	doc, err := preferences.Parse(text)
	if err != nil {
		return nil, refusedDocument(err)
	}
	s, err := a.cfg.Settings.SaveSettings(r.Context(), &doc, over)
	if errors.Is(err, ErrSettingsConflict) {
		return nil, &statusError{
			http.StatusPreconditionFailed, "If-Match", err.Error() + "; nothing was changed",
			"read /api/v1/settings again, decide between theirs and yours, and save with its version",
		}
	}
	if err != nil {
		return nil, err
	}
	return settingsReply(s), nil
}

const paramBody = "body"

// refusedDocument names the first mistake as the parameter, and all of them.
func refusedDocument(err error) error {
	var e *preferences.Error
	if !errors.As(err, &e) {
		return err
	}
	out := &query.Error{Code: query.CodeInvalid, Param: paramBody, Reason: e.Error()}
	if len(e.Problems) == 1 {
		p := e.Problems[0]
		out.Reason, out.Hint = p.Reason, p.Hint
		if p.Path != "" {
			out.Param = p.Path
		}
	}
	return out
}

// statusError is a failure of a request with a status of its own.
type statusError struct {
	status              int
	param, reason, hint string
}

func (e *statusError) Error() string { return e.param + ": " + e.reason + " (" + e.hint + ")" }
