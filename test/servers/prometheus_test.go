package servers_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/test/servers"
)

// TestPrometheusAnswersWhatWasWritten writes old samples, asks for them, and
// asks again after a restart.
func TestPrometheusAnswersWhatWasWritten(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)
	p := servers.StartPrometheus(t, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "# HELP apples Apples.\n# TYPE apples gauge\napples{kind=\"red\"} 3.5 %d\napples{kind=\"red\"} 4.5 %d\n# EOF\n",
			at.Unix(), at.Add(time.Minute).Unix())
		return err
	})
	for round := range 2 {
		if got := instant(t, p.URL(), `apples{kind="red"}`, at.Add(time.Minute)); got != "4.5" {
			t.Errorf("round %d: apples = %q, want 4.5", round, got)
		}
		if got := instant(t, p.URL(), `sum_over_time(apples[5m])`, at.Add(time.Minute)); got != "8" {
			t.Errorf("round %d: sum of apples = %q, want 8", round, got)
		}
		p.Restart()
	}
	p.Stop()
	p.Stop()
	if res, err := http.Get(p.URL() + "/-/ready"); err == nil { //nolint:noctx // must fail at once
		_ = res.Body.Close()
		t.Error("a stopped Prometheus still answers")
	}
}

func TestPrometheusMayBeEmpty(t *testing.T) {
	p := servers.StartPrometheus(t, nil)
	if got := instant(t, p.URL(), "count({__name__=~\".+\"})", time.Now().Add(-time.Hour)); got != "" {
		t.Errorf("an empty Prometheus has %s series", got)
	}
}

// instant returns the value of a query with at most one result, "" for none.
func instant(t *testing.T, base, query string, at time.Time) string {
	t.Helper()
	res, err := http.Get(fmt.Sprintf("%s/api/v1/query?query=%s&time=%d", base, url.QueryEscape(query), at.Unix())) //nolint:noctx // loopback, the test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var body struct {
		Status string
		Error  string
		Data   struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || body.Status != "success" {
		t.Fatalf("query %s: %v %s", query, err, body.Error)
	}
	if len(body.Data.Result) == 0 {
		return ""
	}
	return body.Data.Result[0].Value[1].(string)
}
