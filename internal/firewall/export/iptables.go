package export

import (
	"bytes"
	"fmt"

	"sallyport/internal/firewall"
)

// iptablesComment is how many bytes iptables takes as a comment.
const iptablesComment = 255

func writeIptables(m *firewall.Matrix, o Options) (*Artefact, error) {
	return restoring(m, o, ipVersions()[0])
}

func writeIp6tables(m *firewall.Matrix, o Options) (*Artefact, error) {
	return restoring(m, o, ipVersions()[1])
}

// restoring writes what iptables-restore or ip6tables-restore reads.
func restoring(m *firewall.Matrix, o Options, v ipVersion) (*Artefact, error) {
	w := iptablesWriter{Matrix: m, Options: o, ipVersion: v, rates: newRates(m, iptablesUnfit)}
	for _, h := range hooks() {
		w.hook(h)
	}
	w.rateChains()
	var file bytes.Buffer
	file.WriteString(comments(w.remarks()))
	file.WriteString("*filter\n")
	for _, part := range []*bytes.Buffer{&w.chains, &w.limited, &w.dispatch, &w.rules} {
		file.Write(part.Bytes())
	}
	file.WriteString("COMMIT\n")
	return &Artefact{Files: []File{{"sallyport." + v.program, file.Bytes()}}}, nil
}

// iptablesWriter writes chains of one family.
type iptablesWriter struct {
	*firewall.Matrix
	Options
	ipVersion
	*rates
	hooked []hook // that have guards
	late   bool   // a rule ends after the last moment that can be said

	chains   bytes.Buffer // declarations, which empty chains that are there
	limited  bytes.Buffer // the chains of rates
	dispatch bytes.Buffer // by destination
	rules    bytes.Buffer // the chains of guards
}

// deny is the target of a packet that may not pass.
func (w *iptablesWriter) deny() string {
	if w.Reject {
		return "REJECT --reject-with tcp-reset"
	}
	return "DROP"
}

func (w *iptablesWriter) remarks() []string {
	lines := append(head(w.Matrix), "IPv"+w.digit+" only. Load it with "+w.program+"-restore --noflush, which replaces the contents of these chains and of no others.")
	for _, h := range w.hooked {
		lines = append(lines, fmt.Sprintf("Nothing is asked until it is hooked in, once: %[1]s -C %[2]s -j %[3]s || %[1]s -I %[2]s -j %[3]s", w.program, h.builtIn, h.chain()))
	}
	if len(w.hooked) > 0 {
		lines = append(lines, "What is accepted here is not looked at by the rules behind the jump: that is the connections that the policy allows, and all that are already there.")
	}
	if w.late {
		lines = append(lines, "The day on which a rule ends is left to sallyport if it is after 2038-01-18: iptables knows no later one.")
	}
	if len(w.held) > 0 {
		lines = append(lines, "rates: a client with addresses of both families may use its rate in each.")
	}
	return append(lines, w.notes()...)
}

// hook writes the chains of one direction. That of the hook is there even if it is empty, so that nothing of an older
// export stays in force.
func (w *iptablesWriter) hook(h hook) {
	fmt.Fprintf(&w.chains, ":%s - [0:0]\n", h.chain())
	guards := guardsOf(w.Matrix, h, w.ipVersion)
	if len(guards) == 0 {
		return
	}
	w.hooked = append(w.hooked, h)
	fmt.Fprintf(&w.dispatch, "-A %s -p tcp -m tcp ! --syn -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n", h.chain()) // see nftReturn
	fmt.Fprintf(&w.dispatch, "-A %s ! -p tcp -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n", h.chain())
	for _, g := range guards {
		chain := h.chain() + "-" + tag(g.Destination.String(), fmt.Sprint(g.Port))
		fmt.Fprintf(&w.chains, ":%s - [0:0]\n", chain)
		fmt.Fprintf(&w.dispatch, "-A %s%s -p tcp -m tcp --dport %d%s -j %s\n",
			h.chain(), iptablesDestination(g.Destination), g.Port, iptablesRemark(g.Name), chain)
		w.guard(chain, g)
	}
}

func (h hook) chain() string { return "SALLYPORT-" + h.short }

// iptablesRemark is the match of a comment, of which an empty one would be no argument at all.
func iptablesRemark(text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf(" -m comment --comment \"%s\"", shortened(plain(text), iptablesComment))
}
