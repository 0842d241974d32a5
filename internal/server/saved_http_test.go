package server_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/httpapi"
	"github.com/fleetcost/fleetcost/internal/server"
)

type savedState struct {
	Version      string
	LabelAliases map[string][]string
	Problem      *struct{ ID, Message, Cause, Fix string }
}

func (r *running) settings() savedState {
	r.t.Helper()
	status, body := r.get("/api/v1/settings")
	var env struct{ Data savedState }
	if err := json.Unmarshal(body, &env); err != nil || status != http.StatusOK {
		r.t.Fatalf("settings: %d %s (%v)", status, body, err)
	}
	return env.Data
}

func (r *running) save(version, doc string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodPut, r.url+"/api/v1/settings", strings.NewReader(doc))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("If-Match", version)
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// byTeam returns how many teams have a name, and the tag of the answer.
func (r *running) byTeam() (teams int, tag string) {
	r.t.Helper()
	resp, err := r.client.Get(r.url + "/allocation?window=2d&aggregate=team&includeIdle=false&accumulate=true")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var env struct{ Data []map[string]struct{} }
	if err := json.NewDecoder(resp.Body).Decode(&env); err != nil || len(env.Data) != 1 {
		r.t.Fatalf("by team: %d sets (%v)", len(env.Data), err)
	}
	for n := range env.Data[0] {
		if !strings.HasPrefix(n, "__") {
			teams++
		}
	}
	return teams, resp.Header.Get("ETag")
}

// Aliases saved on one server act there at once, on every other one at its next
// look, and after a restart; two people do not overwrite each other.
func TestSavedSettings(t *testing.T) {
	dir := t.TempDir()
	b := fillDir(t, dir)
	cfg := func() server.Config {
		c := config(b, t.TempDir())
		c.LabelAliases = map[string]string{"owner": "owner|contact"}
		return c
	}
	one, two := start(t, cfg()), start(t, cfg())
	at := one.settings()
	if at.Version != "none" || strings.Join(at.LabelAliases["owner"], " ") != "owner contact" {
		t.Fatalf("nothing saved: %+v", at)
	}
	before, tag := one.byTeam()
	if before < 2 {
		t.Fatalf("the fleet has %d teams", before)
	}
	if status, body := one.save("none", `{"labelAliases": {"team": ["no-such-label"]}, "views": {"idle": "hide"}}`); status != http.StatusOK {
		t.Fatalf("save: %d %s", status, body)
	}
	after, newTag := one.byTeam()
	if after != 0 || newTag == tag {
		t.Errorf("right after saving: %d teams, tag %s before and %s now", after, tag, newTag)
	}
	for range 200 {
		if after, _ = two.byTeam(); after == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if after != 0 {
		t.Error("another server does not follow")
	}
	if status, body := two.save("none", `{}`); status != http.StatusPreconditionFailed || !strings.Contains(body, "nothing was changed") {
		t.Errorf("saved unseen: %d %s", status, body)
	}
	_, page := one.get("/ui/")
	if strings.Contains(string(page), "fleetcost-saved") && !strings.Contains(string(page), "hide") {
		t.Errorf("the page does not know the saved views: %s", page)
	}
	one.stop()
	again := start(t, cfg())
	if after, _ := again.byTeam(); after != 0 {
		t.Errorf("after a restart: %d teams", after)
	}
	if status, body := again.save(again.settings().Version, `{}`); status != http.StatusOK {
		t.Fatalf("save: %d %s", status, body)
	}
	if back, backTag := again.byTeam(); back != before || backTag != tag {
		t.Errorf("taken back: %d teams, tag %s, want %s", back, backTag, tag)
	}
}

// readOnlyIdentity answers a write as S3 does to an identity without
// s3:PutObject.
type readOnlyIdentity struct{ bucket.Bucket }

func (readOnlyIdentity) Put(_ context.Context, key string, _ io.ReadSeeker, _ int64, _ bucket.Condition) (bucket.Object, error) {
	return bucket.Object{}, &bucket.OpError{Action: "s3:PutObject", Bucket: "costs", Key: key, Kind: bucket.ErrDenied, Code: "AccessDenied", Status: http.StatusForbidden}
}

func TestSaveWithoutTheRightTo(t *testing.T) {
	r := start(t, config(readOnlyIdentity{readOnly(t)}, t.TempDir()))
	status, body := r.save("none", `{"labelAliases": {"team": ["app"]}}`)
	var env struct {
		Message string
		Problem *struct{ ID, Cause, Fix string }
	}
	if err := json.Unmarshal([]byte(body), &env); err != nil {
		t.Fatal(err)
	}
	if status != http.StatusBadGateway || env.Problem == nil || env.Problem.ID == "" || env.Problem.Cause == "" || env.Problem.Fix == "" || !strings.Contains(env.Message, "s3:PutObject") {
		t.Errorf("%d %s", status, body)
	}
	if at := r.settings(); at.Version != "none" || at.LabelAliases["team"][0] != "team" || at.Problem != nil {
		t.Errorf("half done: %+v", at)
	}
}

func TestAbout(t *testing.T) {
	r := start(t, config(readOnly(t), t.TempDir()))
	status, body := r.get("/api/v1/about")
	var env struct{ Data httpapi.About }
	if err := json.Unmarshal(body, &env); err != nil || status != http.StatusOK {
		t.Fatalf("about: %d %s (%v)", status, body, err)
	}
	a := env.Data
	if a.Version != "test" || !strings.HasPrefix(a.Engine, "DuckDB v") || a.Format != "1.0" || a.DataVersion == "" || a.Storage.Address == "" || len(a.Prices) == 0 {
		t.Errorf("about: %+v", a)
	}
	_, body = r.get("/api/v1/fleet")
	var fleet struct{ Data httpapi.FleetStatus }
	if err := json.Unmarshal(body, &fleet); err != nil {
		t.Fatal(err)
	}
	for _, c := range fleet.Data.Clusters {
		sum := 0.0
		for _, share := range c.PriceSources {
			sum += share
		}
		if c.SourceTarget == "" || c.SourceRead == nil || sum < 0.999 || sum > 1.001 {
			t.Errorf("%s: source %q read at %v, prices by %v", c.ID, c.SourceTarget, c.SourceRead, c.PriceSources)
		}
	}
}
