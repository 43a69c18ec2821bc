package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sallyport/internal/admin"
)

const (
	lockoutsPage    = 50          // sources on the first page
	lockoutsTimeout = time.Minute // for a list that may be long
)

func lockoutsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lockouts",
		Short: "List the sources that are locked out",
		Long: `Ask the sallyport that runs with this configuration which sources are locked out: since and until when, after how
many failures, and by which reason code the last one was refused before the lock. A source is an IPv4 address or
an IPv6 prefix of the length that [defaults] ipv6_prefix gives. Failures go on being counted during a lock
and do not extend it. Times are UTC.

The list is in the order of addresses; of a long one only the first 50 are shown unless --all or --json asks
for the rest. The exit code is 0, also if nobody is locked out, and 1 if it is not running.

The running one is found by [admin] listen in the configuration. [lockout] in the policy says who is locked out and
for how long; sallyport unlock ends a lock.`,
		Example: "  sallyport lockouts\n  sallyport lockouts --json --config /etc/sallyport/config.toml",
		Args:    cobra.NoArgs,
	}
	path := configFlag(cmd)
	all := cmd.Flags().Bool("all", false, fmt.Sprintf("list all sources, not only the first %d", lockoutsPage))
	asJSON := cmd.Flags().Bool("json", false, "print all of them as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := adminClient(*path)
		if err != nil {
			return fail(err)
		}
		limit := lockoutsPage
		if *all || *asJSON {
			limit = -1
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), lockoutsTimeout)
		defer cancel()
		locked, err := client.Lockouts(ctx, limit)
		if err != nil {
			return fail(err)
		}
		if *asJSON {
			return fail(locked.Write(cmd.OutOrStdout()))
		}
		return fail(printLockouts(cmd.OutOrStdout(), locked))
	}
	return cmd
}

func printLockouts(w io.Writer, l *admin.Lockouts) error {
	if l.Total == 0 {
		_, err := fmt.Fprintln(w, "nobody is locked out")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SOURCE\tSINCE\tUNTIL\tFAILURES\tREASON")
	for i := range l.List {
		lock := &l.List[i]
		until := "until unlocked"
		if !lock.Forever {
			until = second(lock.Until)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n",
			sourceText(lock.Source), second(lock.Since), until, lock.Failures, lock.Reason)
	}
	err := table.Flush()
	if more := l.Total - len(l.List); err == nil && more > 0 {
		_, err = fmt.Fprintf(w, "and %s; --all lists all\n", count(more, "more source"))
	}
	return err
}

// second writes the second that is nearest.
func second(t time.Time) string { return t.UTC().Round(time.Second).Format(time.RFC3339) }

// sourceText writes a single address without its length.
func sourceText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
