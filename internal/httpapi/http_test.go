package httpapi

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/query"
)

func (s *server) do(t *testing.T, method, path string, header map[string]string, body string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	c := &http.Client{Transport: s.Client().Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, b
}

func TestErrorsBecomeStatuses(t *testing.T) {
	s := newServer(t)
	for _, tc := range []struct {
		err    error
		status int
		hidden string
	}{
		{&query.Error{Code: query.CodeInvalid, Param: "sortBy", Reason: "unknown"}, 400, ""},
		{&query.Error{Code: query.CodeUnavailable, Reason: "too many heavy questions"}, 503, ""},
		{&query.Error{Code: query.CodeInternal, Reason: "SELECT secret"}, 500, "SELECT"},
		{errors.New("disk on fire"), 500, "fire"},
	} {
		s.fake.err = tc.err
		resp, body := s.do(t, "GET", "/allocation?window=1d", nil, "")
		var env ErrorEnvelope
		if err := json.Unmarshal(body, &env); err != nil || resp.StatusCode != tc.status || env.Code != tc.status {
			t.Errorf("%v: %d %s (%v)", tc.err, resp.StatusCode, body, err)
		}
		if tc.hidden != "" && strings.Contains(string(body), tc.hidden) {
			t.Errorf("%v: internals shown: %s", tc.err, body)
		}
		if (resp.Header.Get("Retry-After") != "") != (tc.status == 503) {
			t.Errorf("%v: Retry-After %q", tc.err, resp.Header.Get("Retry-After"))
		}
	}
}

// While the bucket is loaded no part of the truth is told as the whole.
func TestLoading(t *testing.T) {
	s := newServer(t)
	s.ready = false
	resp, body := s.do(t, "GET", "/model/allocation?window=1d", nil, "")
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.Contains(string(body), "3 of 7 objects") {
		t.Errorf("while loading: %d %s", resp.StatusCode, body)
	}
	for _, path := range []string{"/api/v1/fleet", "/healthz", "/openapi.json", "/metrics", "/ui/"} {
		if resp, _ := s.do(t, "GET", path, nil, ""); resp.StatusCode != http.StatusOK {
			t.Errorf("%s while loading: %d", path, resp.StatusCode)
		}
	}
}

func TestPanicIsA500(t *testing.T) {
	s := newServer(t)
	s.fake.panics = true
	resp, body := s.do(t, "GET", "/allocation?window=1d", map[string]string{"X-Request-Id": "abc-1", "Accept-Encoding": "gzip"}, "")
	var env ErrorEnvelope
	if err := json.Unmarshal(body, &env); err != nil || resp.StatusCode != http.StatusInternalServerError || env.RequestID != "abc-1" || strings.Contains(string(body), "a bug") {
		t.Errorf("panic: %d %s (%v)", resp.StatusCode, body, err)
	}
}

func TestRevalidation(t *testing.T) {
	s := newServer(t)
	resp, _ := s.do(t, "GET", "/allocation?window=1d", nil, "")
	tag := resp.Header.Get("ETag")
	held := map[string]string{"If-None-Match": tag}
	if resp, body := s.do(t, "GET", "/allocation?window=1d", held, ""); tag == "" || resp.StatusCode != http.StatusNotModified || len(body) != 0 {
		t.Errorf("same data: %d with tag %q", resp.StatusCode, tag)
	}
	if resp, _ := s.do(t, "GET", "/model/allocation?window=1d", held, ""); resp.StatusCode != http.StatusOK {
		t.Errorf("another route: %d", resp.StatusCode)
	}
	if resp, _ := s.do(t, "POST", "/api/v1/clusters/a/retire?at=now", nil, ""); resp.StatusCode != http.StatusOK {
		t.Fatalf("retire: %d", resp.StatusCode)
	}
	resp, _ = s.do(t, "GET", "/allocation?window=1d", held, "")
	if resp.StatusCode != http.StatusOK {
		t.Errorf("after a retirement: %d", resp.StatusCode)
	}
	held["If-None-Match"] = resp.Header.Get("ETag")
	s.fake.version = "v2"
	if resp, _ := s.do(t, "GET", "/allocation?window=1d", held, ""); resp.StatusCode != http.StatusOK {
		t.Errorf("new data: %d", resp.StatusCode)
	}
}

func TestCompression(t *testing.T) {
	s := newServer(t)
	s.fake.rows = 100
	resp, body := s.do(t, "GET", "/allocation?window=1d", map[string]string{"Accept-Encoding": "gzip"}, "")
	if resp.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(resp.Header.Get("Vary"), "Accept-Encoding") {
		t.Fatalf("headers %v", resp.Header)
	}
	z, err := gzip.NewReader(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	var env struct{ Data []map[string]json.RawMessage }
	if err := json.NewDecoder(z).Decode(&env); err != nil || len(env.Data[0]) != 100 {
		t.Errorf("%v: %d rows", err, len(env.Data))
	}
}

func TestNoRoute(t *testing.T) {
	s := newServer(t)
	for _, tc := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/nowhere", 404},
		{"GET", "/model/", 404},
		{"POST", "/allocation", 405},
		{"GET", "/api/v1/clusters/a/retire", 405},
		{"DELETE", "/api/v1/fleet", 405},
	} {
		resp, body := s.do(t, tc.method, tc.path, nil, "")
		var env ErrorEnvelope
		if err := json.Unmarshal(body, &env); err != nil || resp.StatusCode != tc.status || env.Code != tc.status {
			t.Errorf("%s %s: %d %s (%v)", tc.method, tc.path, resp.StatusCode, body, err)
		}
	}
	if resp, _ := s.do(t, "GET", "/", map[string]string{"Accept": "text/html,*/*"}, ""); resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != "/ui/" {
		t.Errorf("browser at /: %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
}

func TestRetire(t *testing.T) {
	s := newServer(t)
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		path, body string
		header     map[string]string
		status     int
		want       time.Time
	}{
		{"/api/v1/clusters/a/retire?at=2026-11-01", "", nil, 200, day},
		{"/api/v1/clusters/a/retire", `{"at":"2026-11-01T02:00:00+02:00"}`, nil, 200, day},
		{"/api/v1/clusters/a/retire?at=now", "", nil, 200, testNow},
		{"/api/v1/clusters/a/retire", `{"at":"now"}`, nil, 200, testNow},
		{"/api/v1/clusters/a/retire", "", nil, 400, time.Time{}},
		{"/api/v1/clusters/a/retire?at=", "{}", nil, 400, time.Time{}},
		{"/api/v1/clusters/a/retire?at=2026-11-24", "", nil, 400, time.Time{}}, // the future
		{"/api/v1/clusters/zz/retire?at=now", "", nil, 404, time.Time{}},
		{"/api/v1/clusters/a/retire?at=soon", "", nil, 400, time.Time{}},
		{"/api/v1/clusters/a/retire", `{"when":1}`, nil, 400, time.Time{}},
		{"/api/v1/clusters/a/retire?at=now", "", map[string]string{"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, 403, time.Time{}},
	} {
		delete(s.fake.retired, "a")
		resp, body := s.do(t, "POST", tc.path, tc.header, tc.body)
		if resp.StatusCode != tc.status || !s.fake.retired["a"].Equal(tc.want) {
			t.Errorf("POST %s %s: %d %s, retired at %v", tc.path, tc.body, resp.StatusCode, body, s.fake.retired["a"])
		}
	}
	_, body := s.do(t, "POST", "/api/v1/clusters/a/retire?at=2026-11-24", nil, "")
	if !strings.Contains(string(body), "lies in the future") {
		t.Errorf("a future moment: %s", body)
	}
}

func TestUnretire(t *testing.T) {
	s := newServer(t)
	s.fake.retired["a"] = testNow
	for range 2 { // taking back what is not there is no error
		resp, body := s.do(t, "POST", "/api/v1/clusters/a/unretire", nil, "")
		if _, still := s.fake.retired["a"]; resp.StatusCode != http.StatusOK || still {
			t.Errorf("unretire: %d %s, retired %t", resp.StatusCode, body, still)
		}
	}
	if resp, _ := s.do(t, "POST", "/api/v1/clusters/zz/unretire", nil, ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("unknown cluster: %d", resp.StatusCode)
	}
}

// The row encoder writes what encoding/json would.
func TestRowEncoder(t *testing.T) {
	w := cost.Window{Start: 100, End: 124}
	for i := range 5 {
		r := fakeAllocation(i, w)
		row := allocationJSON(&r, w, true)
		sameJSON(t, newRowEncoder[Allocation](), &row)
		s := summaryJSON(&r)
		sameJSON(t, newRowEncoder[SummaryAllocation](), &s)
	}
	for _, r := range fakeAssets(w) {
		a := assetJSON(&r, w)
		sameJSON(t, newRowEncoder[Asset](), &a)
	}
}

func sameJSON[T any](t *testing.T, e *rowEncoder, row *T) {
	t.Helper()
	got, err := e.append(nil, row)
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	var g, w any
	if json.Unmarshal(got, &g) != nil || json.Unmarshal(want, &w) != nil {
		t.Fatalf("not JSON: %s", got)
	}
	gb, _ := json.Marshal(g)
	wb, _ := json.Marshal(w)
	if string(gb) != string(wb) {
		t.Errorf("encoder wrote\n%s\nencoding/json\n%s", gb, wb)
	}
}

// decimal is how an answer writes a sum.
func decimal(s *cost.Sum) string {
	a := amount(s)
	return string(a.appendJSON(nil))
}

func TestNumbers(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 1.5: "1.5", -2: "-2", 1e-9: "1e-09", 1e22: "1e+22", math.Inf(1): "null", math.NaN(): "null"} {
		if got := string(Number(f).appendJSON(nil)); got != want {
			t.Errorf("%v is written %s, want %s", f, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := big.NewInt(rapid.Int64().Draw(t, "nano"))
		n.Mul(n, big.NewInt(rapid.Int64Range(1, 1000).Draw(t, "factor")))
		half := new(big.Int).Rsh(n, 1)
		var low, high cost.Sum
		low.AddBig(half)
		high.AddBig(new(big.Int).Sub(n, half))
		parts := amount(&low, &high)
		var s cost.Sum
		s.AddBig(n)
		text := decimal(&s)
		if sum := string(parts.appendJSON(nil)); sum != text {
			t.Fatalf("%s in two parts is written %s", text, sum)
		}
		back, ok := new(big.Rat).SetString(text)
		if !ok || back.Mul(back, new(big.Rat).SetInt64(1e9)).Cmp(new(big.Rat).SetInt(n)) != 0 {
			t.Fatalf("%v nano is written %s", n, text)
		}
		if strings.Contains(text, ".") && strings.HasSuffix(text, "0") {
			t.Fatalf("trailing zero in %s", text)
		}
	})
}
