package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

func newVersion(env *Env) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which build this is",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			switch output {
			case outTable:
				fmt.Fprintln(env.Stdout, "fleetcost "+env.Build.String())
				return nil
			case outJSON, outYAML:
				body, err := json.Marshal(env.Build)
				if err != nil {
					return fmt.Errorf("write the version: %w", err)
				}
				return dump(env.Stdout, output, body)
			}
			return &usageError{fmt.Errorf("-o %s: use table, json or yaml", output)}
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", outTable, "table, json or yaml")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{outTable, outJSON, outYAML}, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
	return cmd
}
