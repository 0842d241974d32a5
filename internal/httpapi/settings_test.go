package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestSettingsRoutes(t *testing.T) {
	s := newServer(t)
	resp, body := s.do(t, "GET", "/api/v1/settings", nil, "")
	if resp.StatusCode != http.StatusOK || resp.Header.Get("ETag") != `"none"` {
		t.Fatalf("GET: %d %q %s", resp.StatusCode, resp.Header.Get("ETag"), body)
	}
	put := func(version, body string) (int, ErrorEnvelope, string) {
		header := map[string]string{"Content-Type": "application/json"}
		if version != "" {
			header["If-Match"] = version
		}
		resp, text := s.do(t, "PUT", "/api/v1/settings", header, body)
		var env ErrorEnvelope
		if err := json.Unmarshal(text, &env); err != nil {
			t.Fatalf("PUT %s: %v in %s", body, err, text)
		}
		return resp.StatusCode, env, resp.Header.Get("ETag")
	}
	for _, tc := range []struct {
		version, body string
		status        int
		param, says   string
	}{
		{"", `{}`, http.StatusPreconditionRequired, "If-Match", "GET /api/v1/settings"},
		{"*", `{}`, http.StatusPreconditionRequired, "If-Match", "If-Match"},
		{`"none"`, `{"view": {}}`, http.StatusBadRequest, "view", `did you mean "views"?`},
		{`"none"`, `{"labelAliases": {"teem": ["a"]}}`, http.StatusBadRequest, "labelAliases.teem", `did you mean "team"?`},
		{`"none"`, `{"a": 1, "b": 2}`, http.StatusBadRequest, "body", "b: unknown key"},
		{`"none"`, ``, http.StatusBadRequest, "body", "is empty"},
		{`"none"`, `{"views": {"sharedNamespaces": ["` + strings.Repeat("a", 70_000) + `"]}}`, http.StatusBadRequest, "body", "too large"},
		{`"other"`, `{}`, http.StatusPreconditionFailed, "If-Match", "nothing was changed"},
	} {
		status, env, _ := put(tc.version, tc.body)
		if status != tc.status || env.Param != tc.param || !strings.Contains(env.Message, tc.says) {
			t.Errorf("PUT %.60s: %d %+v", tc.body, status, env)
		}
	}
	if status, env, tag := put(`"none"`, `{"views": {"idle": "hide"}}`); status != http.StatusOK || tag != `"none+1"` {
		t.Errorf("PUT: %d %q %+v", status, tag, env)
	}
	if status, _, _ := put(`W/"none+1"`, `{}`); status != http.StatusOK { // as a compressing proxy writes it
		t.Errorf("PUT over a weak tag: %d", status)
	}
	s.fake.refuses = &StorageError{"save the settings", &FleetProblem{Code: "bucket", Message: "access denied", ID: "s3-put-denied", Cause: "the policy lacks it", Fix: "add s3:PutObject"}}
	status, env, _ := put(`"none"`, `{}`)
	if status != http.StatusBadGateway || env.Problem == nil || env.Problem.ID != "s3-put-denied" || env.Hint != "add s3:PutObject" || !strings.Contains(env.Message, "save the settings: access denied") {
		t.Errorf("refused: %d %+v", status, env)
	}
	resp, _ = s.do(t, "DELETE", "/api/v1/settings", nil, "")
	if allow := resp.Header.Get("Allow"); resp.StatusCode != http.StatusMethodNotAllowed || allow != "GET, PUT" {
		t.Errorf("DELETE: %d, allowed %q", resp.StatusCode, allow)
	}
	resp, _ = s.do(t, "PUT", "/api/v1/settings", map[string]string{"If-Match": "none", "Sec-Fetch-Site": "cross-site"}, `{}`)
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another site may save: %d", resp.StatusCode)
	}
	var c Configs
	if s.get(t, "/getConfigs", &c); len(c.LabelAliases["team"]) != 1 {
		t.Errorf("getConfigs: %+v", c)
	}
}
