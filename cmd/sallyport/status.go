package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sallyport/internal/admin"
)

// statusTimeout bounds how long a program that hangs can keep the command waiting.
const statusTimeout = 10 * time.Second

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how the running sallyport is",
		Long: `Ask the sallyport that runs with this configuration for its state: generation, reloads, sessions, ports, and
certificates and revocation lists that end within 30 days. The exit code is 0 if it is ready and 1 if it is
draining or not running.

With --json, all certificates in use are listed, the one that ends first in front.

The running one is found by [admin] listen in the configuration.`,
		Example: "  sallyport status --json --config /etc/sallyport/config.toml",
		Args:    cobra.NoArgs,
	}
	path := configFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print everything as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := adminClient(*path)
		if err != nil {
			return fail(err)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), statusTimeout)
		defer cancel()
		status, err := client.Status(ctx)
		if err != nil {
			return fail(err)
		}
		if *asJSON {
			err = writeJSON(cmd.OutOrStdout(), status)
		} else {
			err = printStatus(cmd.OutOrStdout(), status)
		}
		if err == nil && status.State != admin.StateReady {
			err = fmt.Errorf("it is %s", status.State)
		}
		return fail(err)
	}
	return cmd
}

func printStatus(w io.Writer, s *admin.Status) error {
	fmt.Fprintf(w, "sallyport %s, pid %d, %s for %s\n", s.Version, s.PID, s.State, ago(s.Started))
	fmt.Fprintf(w, "configuration %s, generation %d\n", s.Config, s.Generation)
	fmt.Fprintf(w, "sessions %d of %d\n", s.Sessions.Active, s.Sessions.Max)
	printPolicy(w, &s.Policy)
	printWatch(w, &s.Watch)
	printReloads(w, s)
	if err := printCertificates(w, s, time.Now()); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nPORT\tMODE\tADDRESS\tUPSTREAM")
	for _, p := range s.Ports {
		fmt.Fprintf(table, "%s/%s\t%s\t%s\t%s\n", p.Application, p.ID, p.Mode, p.Address, p.Upstream)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return printUpstreams(w, s)
}

func printWatch(w io.Writer, s *admin.Watch) {
	if !s.On {
		fmt.Fprintln(w, "files are not watched: only reload and SIGHUP read them anew")
		return
	}
	fmt.Fprintf(w, "watching %s\n", count(s.Files, "file"))
	if s.Deaf > 0 {
		fmt.Fprintf(w, "%d OF %d DIRECTORIES CANNOT BE WATCHED and are looked at periodically: %s\n", s.Deaf, s.Deaf+s.Directories, s.Error)
	}
}

func printPolicy(w io.Writer, p *admin.Policy) {
	if !p.Configured {
		fmt.Fprintln(w, "NO POLICY: every connection is denied")
		return
	}
	fmt.Fprintf(w, "policy %.12s: %s, %s; %s locked out\n", p.Hash, count(p.Rules, "rule"), count(p.Clients, "client"), count(p.LockedOut, "source"))
	switch p.Audit {
	case admin.AuditAll:
		fmt.Fprintln(w, "AUDIT MODE: nothing is denied")
	case admin.AuditPorts:
		fmt.Fprintln(w, "AUDIT MODE on some ports: nothing is denied there")
	}
}

func ago(t time.Time) time.Duration { return time.Since(t).Truncate(time.Second) }
