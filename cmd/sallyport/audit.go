package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Compare what is around sallyport with the policy",
		Long:  "Compare what is around sallyport with the policy. Nothing is changed.",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(auditFirewallCommand())
	return cmd
}

func auditFirewallCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "firewall",
		Short: "Say where a firewall and the policy do not let pass the same connections",
		Long: `Read the rules of a firewall, and compare for every address and source port what becomes of a new connection
with what the policy says:

  closed         the policy allows it and the firewall drops it, its answers or what follows, with the rule that does
  open           the firewall lets it pass to one of our ports and the policy does not allow it, with the rule that does
  cannot be told it depends on what nobody can know beforehand: a mark, an interface, another program
  limited        both let it pass, the firewall within a limit of its own

Without --ruleset the rules of this host are read with nft, which needs root, those that nft shows without being
able to name them with iptables-nft-save, and those that it does not show with iptables-legacy-save. --ruleset FILE reads what
"nft -j list ruleset", "iptables-save -c" or "ip6tables-save -c" printed, here or elsewhere; - is standard input. It may be
repeated, for the rules of both versions of IP, or where nft shows rules of iptables that it cannot say in its own words.

--at says where the firewall is: host, server, client or between, as in "sallyport export"; with --client it is
that on the host of one client. A port that listens on
every address is judged for the addresses of this host if its own rules were read, and otherwise for every
address that the rules tell apart.

Everything is judged for new TCP connections over a network: from no loopback, multicast or unspecified address, by no
loopback interface, from source ports 1 to 65535, as if no limit of the firewall were reached. Conditions on other
interfaces cannot be told unless --interface names the one that they come by (for connections of this
host: go by). Destinations are those after address translation. Chains of all tables count. Of what the
policy allows, the answers have to pass and what follows them: a firewall that tracks no connections needs rules for both.

The exit code is 0 if both agree, 3 if anything is closed or open, 4 if nothing is but something cannot be told, 1 if the
files have errors, and 2 if the question makes no sense.

--counters answers another question: which flows with source ports no packet has ever used. It needs rules that count: those
of "sallyport export", or others as narrow as the flows. They count since they were loaded; an export for nftables
says on which day it was made. --since FILE has an older output of "nft -j list ruleset" (or iptables-save -c), and
then only what was counted after it counts. The exit code is 0 if all are used, 3 if some are not, 4 if
nothing counts some of them.

--json prints one object. Numbers of tuples are decimal strings, because they can be large; a tuple is an address with a source port:

  verdict       "agree", "differ" or "unknown"
  at, time, rulesets, interface, config, policy_hash
  flows, tuples: allowed, passing, closed, unknown, open
  guards        one for each destination: name, direction, destination, port, and the numbers as in tuples
  findings      verdict ("closed", "open", "unknown", "limited"), guard, direction, allowed (by the policy),
                sources (addresses, ports), tuples, destinations, port, flows and rules (of the policy),
                decided_by: family, table, chain, rule (false for the chain's policy), handle, line, text; why;
                packets of which it is true: "first", "answers", "later"
  notes         what one has to know
  counters      with --counters, and then no guards and findings: since, pins, used, shared, unused, uncounted (numbers),
                and flows: id, rule, client, source, source_ports, destination, port, use`,
		Example: `  sallyport audit firewall
  sallyport audit firewall --interface eth0 --json
  nft -j list ruleset | ssh admin@proxy sallyport audit firewall --at between --ruleset -
  sallyport audit firewall --ruleset v4.rules --ruleset v6.rules
  sallyport audit firewall --counters --since ruleset-of-march.json`,
		Args: cobra.NoArgs,
	}
	var f exportFlags
	f.addView(cmd)
	var a auditor
	path := configFlag(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&a.files, "ruleset", nil, "`FILE` with the rules, - for standard input; this host's own if left out; may be repeated")
	flags.StringVar(&a.iface, "interface", "", "`NAME` of the interface that connections come by, or go by from this host")
	flags.BoolVar(&a.counters, "counters", false, "say which flows with source ports were never used, instead of comparing")
	flags.StringVar(&a.since, "since", "", "with --counters: an older reading of the rules in `FILE`")
	asJSON := flags.Bool("json", false, "print everything as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if a.since != "" && !a.counters {
			return errors.New("--since goes with --counters")
		}
		a.matrixReader = matrixReader{&f, *path, cmd.ErrOrStderr()}
		a.stdin, a.stdout, a.asJSON = cmd.InOrStdin(), cmd.OutOrStdout(), *asJSON
		return a.run(cmd.Context())
	}
	return cmd
}
