package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"sallyport/internal/admin"
)

func failoverCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "failover APPLICATION",
		Short: "Move an application to its backup server",
		Long: `Tell the sallyport that runs with this configuration to move a redundant application from its primary to its
backup. New sessions go there at once; those at the primary are closed, unless on_failover is "keep".

The choice holds until sallyport failback, or until the backup fails: failback = "auto" does not undo it.

The exit code is 0 if the backup is in use now, and 1 if it cannot be (it is known to be down, the application has no
backup) or if it was in use already, or if no sallyport is running.`,
		Example: "  sallyport failover to-config-server",
	}
	return switchCommand(cmd, (*admin.Client).Failover)
}

func failbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "failback APPLICATION",
		Short: "Move an application back to its primary server",
		Long: `Tell the sallyport that runs with this configuration to move a redundant application back to its primary. New
sessions go there at once; those at the backup stay there until they end.

With failback = "manual" this is the only way back while the backup works.

The exit code is 0 if the primary is in use now, and 1 if it cannot be (checks say that it is down, the application has no
backup) or if no sallyport is running.`,
		Example: "  sallyport failback to-config-server",
	}
	return switchCommand(cmd, (*admin.Client).Failback)
}

// switchCommand completes a command that changes which server of an application is in use.
func switchCommand(cmd *cobra.Command, change func(*admin.Client, context.Context, string) error) *cobra.Command {
	path := configFlag(cmd)
	cmd.Args = cobra.ExactArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := adminClient(*path)
		if err != nil {
			return fail(err)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), statusTimeout)
		defer cancel()
		if err := change(client, ctx, args[0]); err != nil {
			return fail(err)
		}
		return fail(sayActive(ctx, cmd, client, args[0]))
	}
	return cmd
}

// sayActive says which server is in use now.
func sayActive(ctx context.Context, cmd *cobra.Command, client *admin.Client, name string) error {
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	for _, u := range status.Upstreams {
		if u.Name == name {
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s is in use\n", name, u.Active)
		}
	}
	return err
}
