package suggest

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// From this many clients of one network on, a rule for the network is proposed.
const crowd = 8

// Empty reports whether there is nothing to allow.
func (d *Draft) Empty() bool { return len(d.Rules) == 0 }

// Write writes the draft as a policy file, which is valid by itself and beside the policy that the survey
// knows. It is not empty even if the draft is.
func (d *Draft) Write(w io.Writer) error {
	out := &writer{draft.NewWriter(w)}
	out.head(d)
	for i := range d.Clients {
		out.client(&d.Clients[i], &d.clients[i])
	}
	for i := range d.Rules {
		out.rule(&d.Rules[i], &d.rules[i])
	}
	return out.Flush()
}

// writer writes what a draft consists of.
type writer struct{ *draft.Writer }

func (w *writer) head(d *Draft) {
	if d.Empty() {
		w.Comment("Suggested by sallyport: nothing. %s", d.nothing())
		return
	}
	w.Comment("Suggested by sallyport from its log: %s.", d.span())
	w.Comment("")
	w.Comment("These rules allow what was seen: each source address on each port that it used, and nothing else. What was seen is")
	w.Comment("not what is right. Delete what must not be, name the clients as you call them, and say who owns each rule.")
	w.Comment("Then add the file to the files of [policy] and run sallyport check.")
	if d.incomplete {
		w.Comment("")
		w.Comment("INCOMPLETE: there were more clients in the log than there was room for, and some are missing here.")
	}
	if d.unusable > 0 {
		w.Comment("")
		w.Comment("%s in the log could not be used, and may need rules, too.", draft.Counted(d.unusable, "record"))
	}
}

// nothing says why there is nothing to suggest.
func (d *Draft) nothing() string {
	switch {
	case d.unusable > 0:
		return fmt.Sprintf("But %s in the log could not be used, and may need rules.", draft.Counted(d.unusable, "record"))
	case d.records == 0:
		return "There is no record of a session in the log."
	default:
		return "No session in the log needs a rule."
	}
}

func (w *writer) client(c *policy.Client, note *clientNote) {
	fmt.Fprintln(w)
	w.Comment("%s; %s", note.span(), note.reasonText())
	if note.nearest != "" {
		failed := ""
		if note.condition != "" {
			failed = ", which fails on its " + draft.Quoted(note.condition, shortText)
		}
		w.Comment("The nearest rule was %s%s.", draft.Quoted(note.nearest, longText), failed)
	}
	if note.strayed() {
		w.Comment("The address belongs to a client of the policy and the source port does not: is there address translation on the way?")
	}
	if note.subject != "" {
		w.Comment("Certificate: %s", draft.Quoted(note.subject, longText))
	}
	fmt.Fprintln(w, "[[client]]")
	w.Text("name", c.Name)
	w.List("addresses", draft.Texts(c.Addresses, policy.PrefixText))
	if len(c.Ports) > 0 {
		w.List("ports", draft.Texts(c.Ports, policy.PortRange.String))
	} else {
		w.Comment("ports: any. What was seen (%s) looks chosen by its system. To pin the client,", &note.sourcePorts)
		w.Comment(`bind it to a few ports below the ephemeral range and name them, as in ports = ["20001-20004"].`)
	}
	if len(c.Identities) > 1 {
		w.Comment("It showed several certificates. Any of these passes; leave in those that are right.")
	}
	if len(c.Identities) > 0 {
		w.List("identities", draft.Texts(c.Identities, policy.Identity.String))
		return
	}
	w.unidentified(note)
}

// unidentified says why a client is not asked for an identity, where that could be expected.
func (w *writer) unidentified(note *clientNote) {
	var why string
	switch {
	case note.tooMany:
		why = fmt.Sprintf("it showed more than %d different certificates", mostCertificates)
	case note.someShown:
		why = "some of its connections showed a certificate and others did not"
	case note.subject != "":
		why = "it showed a certificate, but the log has no identity in it that a rule can demand"
	case note.unnamed():
		why = "a rule demanded an identity of it, and it showed none"
	default:
		return
	}
	w.Comment("CAREFUL: %s.", why)
	w.Comment("Without identities here, whoever connects from this address passes, with any certificate or none.")
}

// unnamed reports whether a client failed to show an identity that was demanded.
func (c *counts) unnamed() bool {
	return c.reasons[slices.Index(helped[:], policy.IdentityMissing)]+c.reasons[slices.Index(helped[:], policy.IdentityMismatch)] > 0
}

// strayed reports whether a pinned client came from another source port.
func (c *counts) strayed() bool {
	return c.reasons[slices.Index(helped[:], policy.SourcePortMismatch)] > 0
}

func (w *writer) rule(r *policy.Rule, note *ruleNote) {
	fmt.Fprintln(w)
	w.Comment("%s: %s", r.To[0], note.reasonText())
	if note.local {
		w.Comment("These came through UNIX sockets. To allow them is to allow the loopback addresses of this host, too.")
	}
	if note.unknown > 0 {
		w.Comment("Denied before it was known whether they speak TLS: %s. If all of these clients do, set", draft.Counted(note.unknown, "connection"))
		w.Comment(`tls = "required".`)
	}
	if len(note.rules) > 0 {
		w.Comment("CAREFUL: the days of %s would have to be others: it expired, or is not valid yet. If it is still right,", draft.QuotedList(note.rules))
		w.Comment("change its expires or valid_from instead of adding this rule, which has no last day.")
	}
	for _, network := range note.crowded() {
		w.Comment("%d of these clients are in %s. If all of it is meant, write one client with addresses = [%s].",
			note.crowds[network], network, draft.Whole(network.String()))
	}
	fmt.Fprintln(w, "[[allow]]")
	w.Text("id", r.ID)
	w.List("from", r.From)
	w.List("to", r.To)
	w.Text("tls", r.TLS.String())
	w.Comment("owner: who can answer whether it is needed?")
	w.Text("reason", r.Reason)
}

// crowded returns the networks with many clients, the fullest first.
func (n *ruleNote) crowded() []netip.Prefix {
	networks := slices.DeleteFunc(slices.Collect(maps.Keys(n.crowds)), func(p netip.Prefix) bool { return n.crowds[p] < crowd })
	slices.SortFunc(networks, func(a, b netip.Prefix) int {
		return cmp.Or(cmp.Compare(n.crowds[b], n.crowds[a]), a.Compare(b))
	})
	const most = 10
	return networks[:min(len(networks), most)]
}
