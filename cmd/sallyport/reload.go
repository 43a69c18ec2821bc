package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"sallyport/internal/admin"
	"sallyport/internal/config"
)

func reloadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Make the running sallyport read everything anew",
		Long: `Make the sallyport that runs with this configuration read everything anew. Established sessions
go on, and so does every listening socket that stays. If anything is wrong, nothing changes.

With --wait, say what came of it: the exit code is 0 if the new state is in force, with what is
different in it, and 1 if it is not, with everything that is wrong printed as check prints it. Without it, the command
returns once the request has been taken.

The running one is found by [admin] listen in the configuration.`,
		Example: "  sallyport reload --wait --config /etc/sallyport/config.toml",
		Args:    cobra.NoArgs,
	}
	path := configFlag(cmd)
	wait := cmd.Flags().Bool("wait", false, "wait for the outcome and report it")
	timeout := cmd.Flags().Duration("timeout", time.Minute, "how long to wait")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := adminClient(*path)
		if err != nil {
			return fail(err)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), *timeout)
		defer cancel()
		if !*wait {
			if err := client.RequestReload(ctx); err != nil {
				return fail(err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "reload requested; sallyport status says what came of it")
			return nil
		}
		result, err := client.Reload(ctx)
		if err != nil {
			return fail(err)
		}
		for _, line := range slices.Concat(result.Problems, result.Warnings, result.Ending) {
			fmt.Fprintln(cmd.ErrOrStderr(), line)
		}
		if !result.OK {
			return fail(fmt.Errorf("nothing changed: %s; generation %d stays in force", count(len(result.Problems), "problem"), result.Generation))
		}
		return fail(printReload(cmd.OutOrStdout(), result))
	}
	return cmd
}

// printReload says what a reload has made different.
func printReload(w io.Writer, r *admin.Reload) error {
	fmt.Fprintf(w, "reloaded: generation %d is in force\n", r.Generation)
	changes := r.All()
	for _, change := range changes {
		fmt.Fprintf(w, "  %s\n", change)
	}
	if len(changes) > 0 {
		return nil
	}
	_, err := fmt.Fprintln(w, "  nothing is different")
	return err
}

// adminClient finds the endpoint of the sallyport that runs with a configuration. That may be wrong by now, or gone, as
// long as somebody answers where the endpoint would be.
func adminClient(path string) (*admin.Client, error) {
	cfg, problems := config.Load(path)
	broken := cfg == nil
	if broken {
		cfg = config.Salvage(path)
	}
	listen := cfg.Admin.Listen.Value
	client := &admin.Client{Network: "tcp", Address: listen.Address, StateDir: cfg.Host.StateDir}
	if listen.Network == "unix" {
		client.Network = "unix"
	}
	switch {
	case broken && !client.Answers(), listen.Network == "" && !cfg.Admin.Off:
		return nil, problems
	case cfg.Admin.Off:
		return nil, fmt.Errorf("%s: [admin] listen is off; send the process SIGHUP to reload it", path)
	}
	return client, nil
}
