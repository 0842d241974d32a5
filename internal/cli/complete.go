package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetcost/fleetcost/internal/settings"
)

// completeFlags gives the shell the words of a command's flags. Flags that
// the command does not have are left out.
func completeFlags(cmd *cobra.Command, aggregates, sorts []string) {
	for flag, words := range map[string][]string{
		"output":     outputs(),
		"window":     {"today", "yesterday", "week", "month", "lastweek", "lastmonth", "24h", "7d", "30d", "4w"},
		"accumulate": {"true", "hour", "day", "week", "month", "quarter"},
		"aggregate":  aggregates,
		"sort":       sorts,
	} {
		if cmd.Flags().Lookup(flag) != nil {
			// The only error is a flag that does not exist.
			_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
		}
	}
}

func allocationAggregates() []string {
	return []string{
		"cluster", "node", "namespace", "controller", "controllerKind", "deployment", "statefulset", "daemonset", "job", "cronjob",
		"pod", "container", "service", "provider", "label:", "annotation:", "department", "environment", "owner", "product", "team", "all",
	}
}

func assetAggregates() []string {
	return []string{
		"type", "category", "cluster", "provider", "providerID", "account", "project", "service", "name", "region", "zone",
		"instanceType", "capacityType", "nodePool", "storageClass", "label:", "department", "environment", "owner", "product", "team", "all",
	}
}

func allocationSorts() []string {
	return []string{
		"totalCost", "cpuCost", "ramCost", "gpuCost", "pvCost", "networkCost", "loadBalancerCost", "sharedCost", "idleCost",
		"cpuCoreHours", "ramByteHours", "gpuHours", "cpuEfficiency", "ramEfficiency", "totalEfficiency", "name",
	}
}

func assetSorts() []string { return []string{"totalCost", "cpuCost", "ramCost", "gpuCost", "name"} }

// completionTimeout bounds how long a shell waits for a server after Tab.
const completionTimeout = 2 * time.Second

// completeClusters offers the ids of the clusters, if a server answers.
func completeClusters(env *Env, server *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		const none = cobra.ShellCompDirectiveNoFileComp
		if len(args) > 0 || loadSettings(cmd, env) != nil {
			return nil, none
		}
		c, err := (&remote{server: *server}).client(env)
		if err != nil {
			return nil, none
		}
		parent := cmd.Context()
		if parent == nil {
			parent = context.Background()
		}
		ctx, cancel := context.WithTimeout(parent, completionTimeout)
		defer cancel()
		body, err := c.get(ctx, "/api/v1/fleet", nil)
		if err != nil {
			return nil, none
		}
		ans, err := decode[fleet](body)
		if err != nil {
			return nil, none
		}
		ids := make([]string, 0, len(ans.Data.Clusters))
		for i := range ans.Data.Clusters {
			ids = append(ids, ans.Data.Clusters[i].ID)
		}
		return ids, none
	}
}

// addCompletion adds cobra's completion command, and makes a shell that it
// does not know an error: cobra shows the help and ends well.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args = func(cmd *cobra.Command, args []string) error {
				if len(args) == 0 {
					return nil
				}
				var known []string
				for _, s := range cmd.Commands() {
					known = append(known, s.Name())
				}
				err := fmt.Errorf("no completion for %q; there is one for %q", args[0], known)
				if near := settings.Nearest(args[0], known); near != "" {
					err = fmt.Errorf("%w; did you mean %q?", err, near)
				}
				return &usageError{err}
			}
			c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// checkLimit refuses a negative --limit.
func checkLimit(limit int) error {
	if limit < 0 {
		return &usageError{fmt.Errorf("--limit %d: want 0 (all rows) or more", limit)}
	}
	return nil
}
