package cli

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

func newClusters(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clusters",
		Short: "The clusters of the fleet: who pushes what, how fresh and how complete",
		Args:  noCommand,
	}
	list := newClustersList(env)
	cmd.RunE = list.RunE
	cmd.Flags().AddFlagSet(list.Flags())
	completeFlags(cmd, nil, nil)
	cmd.AddCommand(list, newClustersRetire(env), newClustersUnretire(env))
	return cmd
}

func newClustersList(env *Env) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the clusters",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return listClusters(cmd.Context(), env, &r) },
	}
	r.register(cmd.Flags())
	completeFlags(cmd, nil, nil)
	return cmd
}

// fleet is what the table shows of /api/v1/fleet.
type fleet struct {
	Currency    string         `json:"currency"`
	Ready       bool           `json:"ready"`
	Progress    string         `json:"progress"`
	SyncError   string         `json:"syncError"`
	SyncProblem *problem       `json:"syncProblem"`
	Clusters    []fleetCluster `json:"clusters"`
	Quarantine  []struct {
		Key    string `json:"key"`
		Reason string `json:"reason"`
	} `json:"quarantine"`
}

type fleetCluster struct {
	ID            string      `json:"id"`
	State         string      `json:"state"`
	Provider      string      `json:"provider"`
	Region        string      `json:"region"`
	AgentVersion  string      `json:"agentVersion"`
	OwnerUID      string      `json:"ownerUid"`
	Source        string      `json:"source"`
	Currency      string      `json:"currency"`
	LastPush      string      `json:"lastPush"`
	LastHour      string      `json:"lastHour"`
	HoursExpected int64       `json:"hoursExpected"`
	HoursPresent  int64       `json:"hoursPresent"`
	HoursPartial  int64       `json:"hoursPartial"`
	Rows          int64       `json:"rows"`
	Bytes         int64       `json:"bytes"`
	DefaultShare  json.Number `json:"defaultShare"`
	Problems      []problem   `json:"problems"`
	Missing       []problem   `json:"missing"`
}

type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Cause   string `json:"cause"`
	Fix     string `json:"fix"`
	Doc     string `json:"doc"`
}

// lines are a problem for a terminal: what was said, and below it cause, fix
// and page where they are known.
func (p *problem) lines(subject string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", subject, p.Message)
	for _, part := range []struct{ label, text string }{{"cause", p.Cause}, {"fix", p.Fix}, {"see", p.Doc}} {
		if part.text != "" {
			fmt.Fprintf(&b, "  %s: %s\n", part.label, part.text)
		}
	}
	return b.String()
}

func listClusters(ctx context.Context, env *Env, r *remote) error {
	if err := r.check(); err != nil {
		return err
	}
	c, err := r.client(env)
	if err != nil {
		return err
	}
	body, err := c.get(ctx, "/api/v1/fleet", nil)
	if err != nil {
		return err
	}
	ans, err := decode[fleet](body)
	if err != nil {
		return err
	}
	switch r.output {
	case outJSON, outYAML:
		err = dump(env.Stdout, r.output, body)
	case outCSV:
		err = clustersCSV(env, ans.Data.Clusters)
	default:
		clustersTable(env, &ans.Data, r.output == outWide)
	}
	if err != nil {
		return err
	}
	if !ans.Data.Ready {
		return errors.New(ans.Data.unready())
	}
	for i := range ans.Data.Clusters {
		if k := &ans.Data.Clusters[i]; (k.HoursPresent < k.HoursExpected || k.HoursPartial > 0) && !r.allowPartial {
			return errPartial
		}
	}
	return nil
}

// unready says why what the server knows of the fleet is not all of it.
func (f *fleet) unready() string {
	if f.SyncError != "" {
		return "the server has not read the bucket yet"
	}
	text := "the server is still loading what the bucket holds"
	if f.Progress != "" {
		text += " (" + f.Progress + ")"
	}
	return text + "; ask again when /readyz answers 200"
}

func clustersTable(env *Env, f *fleet, wide bool) {
	if len(f.Clusters) == 0 && f.Ready {
		fmt.Fprintln(env.Stdout, "no cluster has pushed yet; run fleetcost-agent in a cluster, with the storage config of this server")
	}
	header := []string{"CLUSTER", "STATE", "LAST PUSH (UTC)", "LAST HOUR", "PROBLEMS"}
	if wide {
		header = append(header, "PROVIDER", "REGION", "SOURCE", "AGENT", "OWNER")
	}
	numbers := []string{"HOURS", "COMPLETE", "ROWS", "AT DEFAULT PRICES"}
	t := newTable(env, append(header, numbers...), len(numbers))
	for i := range f.Clusters {
		k := &f.Clusters[i]
		row := table.Row{k.ID, k.State, clock(k.LastPush, 0), clock(k.LastHour, -time.Hour), dash(problems(k))}
		if wide {
			row = append(row, dash(k.Provider), dash(k.Region), dash(k.Source), dash(k.AgentVersion), dash(k.OwnerUID))
		}
		share := "-"
		if k.DefaultShare != "" {
			share = percent(k.DefaultShare)
		}
		hours := fmt.Sprintf("%d/%d", k.HoursPresent, k.HoursExpected)
		if k.HoursPartial > 0 {
			hours += fmt.Sprintf(" (%d in part)", k.HoursPartial)
		}
		t.AppendRow(append(row, hours, ratio(k.HoursPresent, k.HoursExpected),
			group(strconv.FormatInt(k.Rows, 10)), share))
	}
	if len(f.Clusters) > 0 {
		t.Render()
	}
	if wide {
		clustersProblems(env, f)
	}
	for i, q := range f.Quarantine {
		if i == 0 {
			fmt.Fprintln(env.Stdout)
		}
		fmt.Fprintf(env.Stdout, "quarantined: %s: %s\n", q.Key, q.Reason)
	}
	const unread = "warning: the server cannot read the bucket"
	switch {
	case f.SyncProblem != nil:
		fmt.Fprint(env.Stderr, f.SyncProblem.lines(unread))
	case f.SyncError != "": // a server of before syncProblem
		fmt.Fprintln(env.Stderr, unread+": "+f.SyncError)
	}
}

// clustersProblems writes each problem out, with cause and fix. Quarantined
// objects have a list of their own.
func clustersProblems(env *Env, f *fleet) {
	for i := range f.Clusters {
		k := &f.Clusters[i]
		for j := range k.Problems {
			if p := &k.Problems[j]; p.Code != "quarantined" {
				fmt.Fprint(env.Stdout, "\n"+p.lines(k.ID+": "+p.Code))
			}
		}
	}
}

// problems names each kind of problem once, with its number.
func problems(k *fleetCluster) string {
	var codes []string
	count := map[string]int{}
	add := func(code string) {
		if count[code]++; count[code] == 1 {
			codes = append(codes, code)
		}
	}
	for _, p := range k.Problems {
		add(p.Code)
	}
	for _, p := range k.Missing {
		add("no " + p.Code)
	}
	for i, code := range codes {
		if n := count[code]; n > 1 {
			codes[i] = fmt.Sprintf("%s (%d)", code, n)
		}
	}
	return strings.Join(codes, ", ")
}

// clock shows a moment of the API, moved, to the minute. The API gives hours
// by their end; people name them by their start.
func clock(moment string, move time.Duration) string {
	t, err := time.Parse(time.RFC3339, moment)
	if err != nil {
		return dash(moment)
	}
	return t.UTC().Add(move).Format("2006-01-02 15:04")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func ratio(have, of int64) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(have)/float64(of))
}

func clustersCSV(env *Env, clusters []fleetCluster) error {
	w := csv.NewWriter(env.Stdout)
	_ = w.Write([]string{ // w.Error tells
		"cluster", "state", "provider", "region", "source", "agentVersion", "ownerUid", "currency", "lastPush", "lastHour",
		"hoursExpected", "hoursPresent", "rows", "bytes", "defaultShare", "problems",
	})
	for i := range clusters {
		k := &clusters[i]
		_ = w.Write([]string{
			k.ID, k.State, k.Provider, k.Region, k.Source, k.AgentVersion, k.OwnerUID, k.Currency, k.LastPush, k.LastHour,
			strconv.FormatInt(k.HoursExpected, 10), strconv.FormatInt(k.HoursPresent, 10), strconv.FormatInt(k.Rows, 10),
			strconv.FormatInt(k.Bytes, 10), k.DefaultShare.String(), problems(k),
		})
	}
	w.Flush()
	return w.Error()
}

func newClustersRetire(env *Env) *cobra.Command {
	var server, at string
	cmd := &cobra.Command{
		Use:   "retire ID",
		Short: "Tell that a cluster ended, so that it no longer counts as silent",
		Long: `Tell that a cluster ended: nothing is expected of it after --at. What it cost
until then stays. The retirement is kept in the bucket, so every server of the
fleet knows it; it can be repeated with another moment, and taken back with
unretire.`,
		Example: `  fleetcost clusters retire staging-old --at 2026-11-01
  fleetcost clusters retire staging-old --at now`,
		Args:              oneCluster,
		ValidArgsFunction: completeClusters(env, &server),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(at) == "" {
				return &usageError{errors.New("--at is required: when the cluster ended, e.g. 2026-11-01 or now")}
			}
			c, err := (&remote{server: server}).client(env)
			if err != nil {
				return err
			}
			q := params{}
			q.set("at", at)
			body, err := c.do(cmd.Context(), http.MethodPost, "/api/v1/clusters/"+url.PathEscape(args[0])+"/retire", url.Values(q))
			if err != nil {
				return err
			}
			ans, err := decode[struct{ ID, At string }](body)
			if err != nil {
				return err
			}
			fmt.Fprintf(env.Stdout, "cluster %s is retired at %s\n", ans.Data.ID, ans.Data.At)
			return nil
		},
	}
	cmd.Flags().StringVar(&server, "server", DefaultServer, "URL of the fleetcost server")
	cmd.Flags().StringVar(&at, "at", "", "required: when it ended: 2026-11-01T00:00:00Z, 2026-11-01 or now")
	return cmd
}

// oneCluster wants one cluster id.
func oneCluster(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return &usageError{fmt.Errorf("%s takes one cluster id", cmd.CommandPath())}
	}
	return nil
}

func newClustersUnretire(env *Env) *cobra.Command {
	var server string
	cmd := &cobra.Command{
		Use:               "unretire ID",
		Short:             "Take a retirement back: the cluster is expected to push again",
		Example:           `  fleetcost clusters unretire staging-old`,
		Args:              oneCluster,
		ValidArgsFunction: completeClusters(env, &server),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := (&remote{server: server}).client(env)
			if err != nil {
				return err
			}
			if _, err := c.do(cmd.Context(), http.MethodPost, "/api/v1/clusters/"+url.PathEscape(args[0])+"/unretire", nil); err != nil {
				return err
			}
			fmt.Fprintf(env.Stdout, "cluster %s is not retired\n", args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&server, "server", DefaultServer, "URL of the fleetcost server")
	return cmd
}
