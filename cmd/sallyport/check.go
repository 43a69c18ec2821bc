package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sallyport/internal/config"
)

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [SERVER-NAME]",
		Short: "Find what is wrong with the configuration, without opening anything",
		Long: `Read everything that run would read, the certificates and keys included, and print all that is wrong
at once, each problem as

  file:line:column: key: message
    hint: what to do about it

Nothing is opened, written or connected to. The exit code is 0 if run would start, 1 if it would not,
and with --strict also 1 if there are warnings. Rules that expire within 14 days are warned of;
--fail-on-expiring takes those within its time, and those that have expired already, for errors.

With --pair, compare with the configuration of the redundant partner, which clients turn to when this
half fails: applications by name, ports by id, upstreams, source ports and policies. Each line that is
printed names the places in both files. Errors, for which the exit code is 1, are

  an application or port that only one of them has
  another mode, client_auth, tls_profile, alpn, proxy_protocol or silent_client
  a policy that lets other sessions pass
  the same source address and port toward the same server: pins that were copied from one to the other
  with --same-host, if both run on one host: addresses on which both listen

and another port number, other upstreams, and source ports without an address are warnings. That primary
and backup of an upstream are exchanged is fine. Of the partner, only the configuration and the policy
are read; certificates, addresses and what else is on its host have to be checked there.

With --explain-certificate, it also says which certificate a port serves, to clients that ask for
SERVER-NAME or for none, and from which level of the configuration it comes.`,
		Example: `  sallyport check --config /etc/sallyport/config.toml
  sallyport check --strict
  sallyport check --fail-on-expiring 30d
  sallyport check --pair /etc/sallyport/partner.toml
  sallyport check --explain-certificate config-server/secure cs.example.com`,
		Args: cobra.MaximumNArgs(1),
	}
	path := configFlag(cmd)
	strict := cmd.Flags().Bool("strict", false, "take warnings for errors")
	var notice expiryNotice
	cmd.Flags().Var(&notice, "fail-on-expiring", "fail if a rule expires within `TIME`, such as 14d or 336h")
	var pair pairFlags
	pair.add(cmd)
	explain := cmd.Flags().String("explain-certificate", "", "say which certificate `APPLICATION/PORT` serves, and why")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 && *explain == "" {
			if strings.HasSuffix(args[0], ".toml") || strings.ContainsRune(args[0], filepath.Separator) {
				return fmt.Errorf("%q: the configuration is named with --config", args[0])
			}
			return fmt.Errorf("%q: a server name goes with --explain-certificate", args[0])
		}
		switch {
		case pair.sameHost && pair.other == "":
			return errors.New("--same-host goes with --pair")
		case pair.other != "" && *explain != "":
			return errors.New("--pair and --explain-certificate do not go together")
		}
		p := drawUp(*path, newSources())
		p.socketDirs()
		plan, problems := p.plan, notice.apply(p, time.Now())
		printProblems(cmd.ErrOrStderr(), problems)
		if problems.HasErrors() || *strict && len(problems) > 0 {
			return fail(fmt.Errorf("%s: %s", *path, tally(problems)))
		}
		if pair.other != "" {
			return fail(pair.compare(cmd, p, *strict))
		}
		if *explain == "" {
			summarise(cmd.OutOrStdout(), plan, problems)
			return nil
		}
		name := ""
		if len(args) > 0 {
			name = args[0]
		}
		return fail(explainCertificate(cmd.OutOrStdout(), plan, *explain, name))
	}
	return cmd
}

// tally counts problems in words.
func tally(problems config.Problems) string {
	errors, warnings := len(problems.Errors()), len(problems.Warnings())
	switch {
	case errors == 0:
		return count(warnings, "warning")
	case warnings == 0:
		return count(errors, "error")
	default:
		return count(errors, "error") + ", " + count(warnings, "warning")
	}
}

func summarise(w io.Writer, p *plan, problems config.Problems) {
	fmt.Fprintf(w, "%s: ok, %s, %s", p.config.Path, count(len(p.config.Applications), "application"), count(len(p.ports), "port"))
	if len(problems) > 0 {
		fmt.Fprintf(w, ", %s", tally(problems))
	}
	fmt.Fprintln(w)
	if !p.config.Policy.Set {
		return // which was warned of
	}
	fmt.Fprintf(w, "policy %s\n", p.policyLine())
}
