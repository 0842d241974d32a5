package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
)

// client asks one server.
type client struct {
	base *url.URL
	http *http.Client
}

// remote are the flags of every command that asks a server.
type remote struct {
	server       string
	output       string
	allowPartial bool
}

func (r *remote) register(fs *pflag.FlagSet) {
	fs.StringVar(&r.server, "server", DefaultServer, "URL of the fleetcost server")
	fs.StringVarP(&r.output, "output", "o", "table", "table, wide, json, yaml or csv")
	fs.BoolVar(&r.allowPartial, "allow-partial", false, "exit 0 also when hours are missing")
}

func (r *remote) client(env *Env) (*client, error) {
	base, err := url.Parse(r.server)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, &usageError{fmt.Errorf("--server %q is no URL; write e.g. %s", r.server, DefaultServer)}
	}
	return &client{base: base, http: env.HTTP}, nil
}

// apiError is an error the server answered.
type apiError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Param   string `json:"param"`
}

func (e *apiError) Error() string { return e.Message }

// get asks path and returns the body of a 200.
func (c *client) get(ctx context.Context, path string, q url.Values) ([]byte, error) {
	return c.do(ctx, http.MethodGet, path, q)
}

func (c *client) do(ctx context.Context, method, path string, q url.Values) ([]byte, error) {
	u := c.base.JoinPath(path)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.base, err)
	}
	req.Header.Set("User-Agent", "fleetcost-cli")
	resp, err := c.http.Do(req)
	if err != nil {
		if errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("no server answers at %s; start one with `fleetcost server`, or name another with --server", c.base)
		}
		return nil, fmt.Errorf("ask %s: %w; check --server", c.base, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", c.base, err)
	}
	if resp.StatusCode == http.StatusOK {
		return body, nil
	}
	var e apiError
	if json.Unmarshal(body, &e) != nil || e.Message == "" {
		return nil, fmt.Errorf("%s answered %s to %s; is it a fleetcost server?", c.base, resp.Status, path)
	}
	if e.Code == http.StatusBadRequest {
		return nil, &usageError{&e}
	}
	return nil, &e
}

// envelope is the form of the server's answers.
type envelope[T any] struct {
	Meta    meta   `json:"meta"`
	Warning string `json:"warning"`
	Data    T      `json:"data"`
}

type meta struct {
	Window       window      `json:"window"`
	DataVersion  string      `json:"dataVersion"`
	Currency     string      `json:"currency"`
	RowCount     int         `json:"rowCount"`
	TotalCost    json.Number `json:"totalCost"`
	Completeness struct {
		HoursExpected int64 `json:"hoursExpected"`
		HoursPresent  int64 `json:"hoursPresent"`
		HoursPartial  int64 `json:"hoursPartial"`
		Clusters      []struct {
			Cluster       string `json:"cluster"`
			HoursExpected int64  `json:"hoursExpected"`
			HoursPresent  int64  `json:"hoursPresent"`
			HoursPartial  int64  `json:"hoursPartial"`
			SilentSince   string `json:"silentSince"`
		} `json:"clusters"`
	} `json:"completeness"`
}

type window struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

// partial tells whether hours are missing, or there in part.
func (m *meta) partial() bool {
	return m.Completeness.HoursPresent < m.Completeness.HoursExpected || m.Completeness.HoursPartial > 0
}

// decode reads an envelope, numbers as written.
func decode[T any](body []byte) (envelope[T], error) {
	var env envelope[T]
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&env); err != nil {
		return env, fmt.Errorf("read the server's answer: %w", err)
	}
	return env, nil
}

// params collects query parameters; empty values are left out.
type params url.Values

func (p params) set(name, value string) {
	if strings.TrimSpace(value) != "" {
		url.Values(p).Set(name, value)
	}
}
