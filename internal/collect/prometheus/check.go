package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/collect"
	"github.com/fleetcost/fleetcost/internal/cost"
)

// lookBack is how far Check looks for data.
const lookBack = 90 * 24 * time.Hour

// maxSkew is the difference of clocks above which Check warns.
const maxSkew = time.Minute

// Check implements collect.Source.
func (s *Source) Check(ctx context.Context) (collect.CheckReport, error) {
	var r collect.CheckReport
	before := s.cfg.Now()
	clock, err := s.scalar(ctx, "vector(time())", time.Time{})
	if err != nil {
		return r, fmt.Errorf("reach the prometheus source: %w", err)
	}
	r.Clock = time.UnixMilli(int64(clock * 1000)).UTC()
	r.Skew = r.Clock.Sub(before).Round(time.Millisecond)
	if r.Skew > maxSkew || r.Skew < -maxSkew {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the source's clock differs from ours by %s: synchronise both (NTP)", r.Skew.Round(time.Second)))
	}
	r.Backend = s.backend(ctx)
	if err := s.checkRange(ctx, &r); err != nil {
		return r, err
	}
	if r.Newest.IsZero() {
		m := "no kube_node_info and no container_cpu_usage_seconds_total in the last 90 days"
		if s.cfg.Matcher != "" {
			m += fmt.Sprintf(" with the matcher {%s}: is it the right one?", s.cfg.Matcher)
		} else {
			m += ": does this server scrape kube-state-metrics and the kubelets?"
		}
		r.Warnings = append(r.Warnings, m)
	}
	if err := s.checkMissing(ctx, &r); err != nil {
		return r, err
	}
	return r, s.checkQuality(ctx, &r)
}

// checkRange finds the first and the last hour with data.
func (s *Source) checkRange(ctx context.Context, r *collect.CheckReport) error {
	end := cost.HourOf(s.cfg.Now()).End()
	for _, metric := range []string{"kube_node_info", "container_cpu_usage_seconds_total"} {
		f := &family{metric: metric}
		if metric != "kube_node_info" {
			f.match = `id="/"`
		}
		q := fmt.Sprintf("count(last_over_time(%s[1h]))", s.selector(f, ""))
		var first, final time.Time
		_, err := s.client.ranged(ctx, q, end.Add(-lookBack), end, time.Hour, s.cfg.MaxSamples, func(_ labels, p []sample) error {
			if len(p) > 0 {
				first = time.UnixMilli(p[0].t).Add(-time.Hour).UTC()
				final = time.UnixMilli(last(p).t).UTC()
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("find the range of %s: %w", metric, err)
		}
		if final.IsZero() {
			continue
		}
		// The exact last instant lies in the last hour found.
		q = fmt.Sprintf("max(max_over_time(timestamp(%s)[1h:1m]))", s.selector(f, ""))
		if v, err := s.scalar(ctx, q, final); err == nil && v > 0 {
			final = time.UnixMilli(int64(v * 1000)).UTC()
		}
		if r.Oldest.IsZero() || first.Before(r.Oldest) {
			r.Oldest = first
		}
		if final.After(r.Newest) {
			r.Newest = final
		}
	}
	return nil
}

// checkMissing names the metrics that are absent where data is newest.
func (s *Source) checkMissing(ctx context.Context, r *collect.CheckReport) error {
	at := r.Newest
	if at.IsZero() {
		at = s.cfg.Now()
	}
	for i := range s.families {
		f := &s.families[i]
		if f.missing == nil {
			continue
		}
		there := false
		for _, metric := range append([]string{f.metric}, f.missing.instead...) {
			look := f
			if metric != f.metric {
				look = &family{metric: metric}
			}
			n, err := s.scalar(ctx, fmt.Sprintf("count(last_over_time(%s[1h]))", s.selector(look, "")), at)
			if err != nil {
				return fmt.Errorf("look for %s: %w", metric, err)
			}
			if there = n > 0; there {
				break
			}
		}
		if !there && !slices.ContainsFunc(r.Missing, func(m collect.Missing) bool { return m.Metric == f.metric }) {
			r.Missing = append(r.Missing, collect.Missing{Metric: f.metric, Effect: f.missing.effect, Fix: f.missing.fix})
		}
	}
	return nil
}

// checkQuality looks for what is there but cannot be used as it is.
func (s *Source) checkQuality(ctx context.Context, r *collect.CheckReport) error {
	if r.Newest.IsZero() {
		return nil
	}
	at := r.Newest
	if err := s.checkLabels(ctx, r); err != nil {
		return err
	}
	gap, err := s.scalar(ctx, fmt.Sprintf("3600 / max(count_over_time(%s[1h]))", s.selector(&family{metric: "kube_node_info"}, "")), at)
	if err != nil {
		return err
	}
	if gap > 0 && gap < 3600 {
		r.ScrapeInterval = time.Duration(gap * float64(time.Second)).Round(time.Second)
	}
	if r.ScrapeInterval > s.cfg.Step+s.cfg.Step/10 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("kube-state-metrics is scraped about every %s but the step is %s, which leaves gaps: raise the step or scrape more often", r.ScrapeInterval, s.cfg.Step))
	}
	return nil
}

// checkLabels looks into the label metrics: kube-state-metrics exports them
// without a single label of the object unless it is allowed to.
func (s *Source) checkLabels(ctx context.Context, r *collect.CheckReport) error {
	absent := map[string]bool{}
	for _, m := range r.Missing {
		absent[m.Metric] = true
	}
	var found []collect.Missing
	for i := range s.families {
		f := &s.families[i]
		kind := f.metric[strings.LastIndexByte(f.metric, '_')+1:] // labels, annotations, …
		prefix := strings.TrimSuffix(kind, "s")
		if f.missing == nil || absent[f.metric] || prefix != "label" && prefix != "annotation" {
			continue
		}
		names, err := s.labelNames(ctx, f, r.Newest)
		if err != nil {
			s.log.Debug("label names cannot be listed", "metric", f.metric, "error", err)
			continue
		}
		if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, prefix+"_") }) {
			found = append(found, collect.Missing{Metric: f.metric + "{" + prefix + "_*}", Effect: f.missing.effect, Fix: f.missing.fix})
		}
	}
	if !absent["kube_node_labels"] && len(found) == 0 || len(found) > 0 && !strings.HasPrefix(found[0].Metric, "kube_node_labels") {
		f := &family{metric: "kube_node_labels", match: `label_node_kubernetes_io_instance_type=""`}
		n, err := s.scalar(ctx, "count(last_over_time("+s.selector(f, "")+"[10m]))", r.Newest)
		if err != nil {
			return err
		}
		if n > 0 {
			found = append([]collect.Missing{{
				Metric: "kube_node_labels{label_node_kubernetes_io_instance_type}",
				Effect: fmt.Sprintf("the instance type of %.0f nodes is unknown, so they get default prices", n),
				Fix:    "allow the label with --metric-labels-allowlist=nodes=[*], or label the nodes",
			}}, found...)
		}
	}
	r.Missing = append(found, r.Missing...)
	names, err := s.labelNames(ctx, &family{metric: "kube_pod_info"}, r.Newest)
	if err == nil && slices.Contains(names, "exported_pod") {
		r.Warnings = append(r.Warnings, "kube-state-metrics is scraped without honor_labels: its labels are read as exported_*, but large families cannot be cut by pod; set honor_labels: true")
	}
	return nil
}

// labelNames lists the names of a family's labels in the hour before at.
func (s *Source) labelNames(ctx context.Context, f *family, at time.Time) ([]string, error) {
	req, err := s.client.request(ctx, http.MethodGet, "/api/v1/labels", url.Values{
		"match[]": {s.selector(f, "")}, "start": {seconds(at.Add(-time.Hour))}, "end": {seconds(at)},
	})
	if err != nil {
		return nil, err
	}
	resp, err := s.client.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, readError(resp)
	}
	var a struct{ Data []string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(&a); err != nil {
		return nil, fmt.Errorf("list the labels of %s: %w", f.metric, err)
	}
	return a.Data, nil
}

// scalar returns the value of a query's only series, 0 when there is none. A
// zero at means the server's own now.
func (s *Source) scalar(ctx context.Context, query string, at time.Time) (float64, error) {
	var v float64
	fn := func(_ labels, p []sample) error {
		if len(p) > 0 {
			v = last(p).v
		}
		return nil
	}
	var err error
	if at.IsZero() {
		_, err = s.client.ask(ctx, "query", map[string][]string{"query": {query}}, 1, fn)
	} else {
		_, err = s.client.instant(ctx, query, at, 1, fn)
	}
	return v, err
}

// backend asks for product and version; not every backend tells.
func (s *Source) backend(ctx context.Context) string {
	req, err := s.client.request(ctx, http.MethodGet, "/api/v1/status/buildinfo", nil)
	if err != nil {
		return ""
	}
	resp, err := s.client.http.Do(req)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	var b struct {
		Data struct{ Version, Application string }
	}
	if resp.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&b) != nil {
		return ""
	}
	name := b.Data.Application
	if name == "" {
		name = "Prometheus API"
	}
	return strings.TrimSpace(name + " " + b.Data.Version)
}

// Identity implements collect.Source. kube-state-metrics does not tell the UID
// of a namespace; the instant at which kube-system was created stands for it.
func (s *Source) Identity(ctx context.Context) (collect.Identity, error) {
	var id collect.Identity
	at := s.cfg.Now()
	var r collect.CheckReport
	if err := s.checkRange(ctx, &r); err != nil {
		return id, err
	}
	if !r.Newest.IsZero() {
		at = r.Newest
	}
	created := map[int64]bool{}
	f := &family{metric: "kube_namespace_created", match: `namespace="kube-system"`}
	_, err := s.client.instant(ctx, "last_over_time("+s.selector(f, "")+"[1h])", at, s.cfg.MaxSamples, func(_ labels, p []sample) error {
		created[int64(last(p).v)] = true
		return nil
	})
	if err != nil {
		return id, fmt.Errorf("read kube_namespace_created: %w", err)
	}
	if len(created) > 1 {
		return id, fmt.Errorf("the source holds %d clusters (kube-system was created at %d different times): set a matcher that selects one, such as cluster=\"…\"", len(created), len(created))
	}
	for c := range created {
		id.UID = "kube-system-created-" + strconv.FormatInt(c, 10)
		id.Proof, id.Source = "kube_namespace_created", fmt.Sprintf("kube_namespace_created{namespace=\"kube-system\"} = %d", c)
	}
	in, err := s.read(ctx, nodeFamilies(), cost.Window{Start: cost.HourOf(at), End: cost.HourOf(at) + 1}, time.Time{})
	if err != nil {
		return id, err
	}
	u := in[0].Finish()
	if len(u.Management) > 0 {
		id.Provider, id.Region = u.Management[0].Provider, u.Management[0].Region
	}
	return id, nil
}
