package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sallyport/policy"
)

func explainCommand() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain --from ADDRESS[:PORT] --to APPLICATION/PORT",
		Short: "Say whether a connection passes, and which rule or setting decides",
		Long: `Read the configuration and its policy as check does, and judge a connection that a client could make:
the verdict with its rule and reason; the rule that came nearest and what it lacked; every other rule
that names the port; the limits and lock-out rules that would count; and what the port is set to,
from which level and line. Nothing is opened or connected to, and the running sallyport is not asked:
who is at a limit or locked out at the moment, it knows ("sallyport lockouts").

  --from   who connects: 10.2.0.5:20001, [2001:db8::5]:20001, an address alone, or "unix" for a client of
           a UNIX socket. An address alone has a source port that no client's ports hold. On a port with
           proxy_protocol it is the address in the PROXY header.
  --to     the port, as rules name it.

A connection is judged twice, on its address and source port alone and again on everything, and the
answer says at which of the two it ends, or that the TLS handshake refuses it in between, as it does
where client_auth is "require" and no --identity is given.

On a secure port the client speaks TLS and on a plaintext port it does not. On an auto-detect port
--tls or --plaintext says which; with neither, both are explained, and both have to pass. --identity
and --server-name imply --tls.

The exit code is 0 if the connection passes, 3 if it is denied, 1 if the files have errors, and 2 if
the question makes no sense. What audit mode lets pass is AUDIT-DENY and passes. Tests of the policy
that fail are printed and do not keep a connection from being explained.

--json prints one object. Its names are those of the log and of policy files; places are
file:line:column; what does not apply is "", null or [], and 0 is no bound:

  verdict       of the worst session: "allow", "audit-deny" or "deny"
  source, application, port, sni, identities, time
  sessions      one for each way to speak that is explained:
                mode ("tls", "plaintext"), verdict, reason, meaning, moment ("early", "handshake", "final"),
                rule, nearest, failed_condition, detail, position (of that rule or block),
                rule_limits: max_connections, rate, rate_per_second, burst, counted_client, counted_source;
                rules, which name the port: id, position, matches, client, failed_condition, detail, and
                what is written in them
  source_limits of [defaults]: as rule_limits, and handshakes, handshakes_per_second
  lockout       failures, window_s, duration_s, forever, exempt (whether the source is)
  audit         scope ("none", "port", "all"), position
  settings      listen, mode, proxy_protocol, certificate, trusted_ca, tls_profile, client_auth, each with
                value, level ("host", "application", "port", "sni", "default") and position
  config, policy_files, policy_hash`,
		Example: `  sallyport explain --from 10.2.0.5:20001 --to config-server/secure --identity dns:tserver.example.com
  sallyport explain --from 10.2.0.5 --to config-server/upgrade --plaintext
  sallyport explain --from 10.2.0.5:20001 --to config-server/secure --at 2027-01-01 --json`,
		Args: cobra.NoArgs,
	}
	f.add(cmd)
	path := configFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print everything as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		q, err := f.question()
		if err != nil {
			return err
		}
		p := drawUp(*path, newSources())
		if p.plan == nil || p.plan.policy == nil {
			printProblems(cmd.ErrOrStderr(), p.problems)
			return fail(fmt.Errorf("%s: %s", *path, tally(p.problems)))
		}
		e, err := explain(p, q)
		if err != nil {
			return err
		}
		if failing := p.problems.Errors(); len(failing) > 0 {
			printProblems(cmd.ErrOrStderr(), failing)
			fmt.Fprintf(cmd.ErrOrStderr(), "sallyport: %s: %s: it would not start like this\n", *path, tally(failing))
		}
		if err := e.write(cmd.OutOrStdout(), *asJSON); err != nil {
			return fail(err)
		}
		if e.Verdict == policy.Deny.String() {
			return answerNo()
		}
		return nil
	}
	return cmd
}

func (e *explanation) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(w, e)
	}
	return e.print(w)
}
