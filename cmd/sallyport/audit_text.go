package main

import (
	"bufio"
	"fmt"
	"io"
	"math/big"
	"net/netip"

	"sallyport/internal/firewall"
	"sallyport/internal/firewall/ruleset"
	"sallyport/policy"
)

// print writes the report for people: one line for each finding, notes, and a line that sums it up.
func (r *auditReport) print(to io.Writer) error {
	w := bufio.NewWriter(to)
	summary := ""
	if r.Counters != nil {
		r.Counters.lines(w)
		summary = r.Counters.summary()
	} else {
		for _, verdict := range []ruleset.Verdict{ruleset.Closed, ruleset.Open, ruleset.Unknown, ruleset.Limited} {
			r.lines(w, verdict)
		}
		summary = r.summary()
	}
	for _, note := range r.Notes {
		fmt.Fprintln(w, "note: "+note)
	}
	fmt.Fprintln(w, summary)
	return w.Flush()
}

// lines writes the findings of a verdict. Sources of which the same is to be said share a line.
func (r *auditReport) lines(w io.Writer, verdict ruleset.Verdict) {
	type line struct {
		before, after string
		from          []string
	}
	var lines []*line
	known := make(map[[2]string]*line)
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.finding.Verdict != verdict {
			continue
		}
		before, after := f.sentence()
		l := known[[2]string{before, after}]
		if l == nil {
			l = &line{before: before, after: after}
			known[[2]string{before, after}] = l
			lines = append(lines, l)
		}
		l.from = append(l.from, f.from()...)
	}
	for _, l := range lines {
		fmt.Fprintf(w, "%s: %s %s\n", l.before, listed(l.from), l.after)
	}
}

func (r *auditReport) summary() string {
	t := &r.Tuples
	verdict := map[string]string{auditAgrees: "agree", auditDiffers: "do not agree", auditUnsure: "may agree"}[r.Verdict]
	return fmt.Sprintf("firewall and policy %s: %s to %s; tuples allowed %s: pass %s, closed %s, cannot be told %s; open beyond them %s", verdict,
		count(r.Flows, "flow"), count(len(r.Guards), "destination"), number(&t.Allowed.n), number(&t.Passing.n), number(&t.Closed.n), number(&t.Unknown.n), number(&t.Open.n))
}

// number writes a large number with its digits in groups, and one that nobody would count as a power of ten.
func number(n *big.Int) string {
	digits := n.String()
	if len(digits) > 15 {
		return fmt.Sprintf("%c.%ce%d", digits[0], digits[1], len(digits)-1)
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// sentence says everything about a finding but the sources, which stand in between.
func (f *auditFinding) sentence() (before, after string) {
	to := fmt.Sprintf("to %s (%s)", f.destinations(), f.Guard)
	switch f.finding.Verdict {
	case ruleset.Closed:
		return "closed: " + f.rules(), to + ": " + f.packets() + "dropped by " + f.sites()
	case ruleset.Open:
		if len(f.finding.Sites) == 0 {
			return "open", to + ": no chain is in the way"
		}
		return "open", to + ": accepted by " + f.sites()
	case ruleset.Limited:
		return "limited: " + f.rules(), to + ": within the limit of " + f.sites()
	}
	switch {
	case f.Why != "":
		return "cannot be told", to + ": " + f.Why
	case f.Allowed && f.finding.Packet == ruleset.First:
		return "cannot be told: " + f.rules(), to + ": depends on " + f.sites()
	case f.Allowed:
		return "cannot be told: " + f.rules(), to + ": " + f.packets() + "up to " + f.sites()
	default:
		return "cannot be told: not allowed", to + ": depends on " + f.sites()
	}
}

// packets says of which packets it is true, if not of the one that opens the connection.
func (f *auditFinding) packets() string {
	switch f.finding.Packet {
	case ruleset.Answers:
		return "what is answered is "
	case ruleset.Later:
		return "what follows the first packet is "
	default:
		return ""
	}
}

func (f *auditFinding) rules() string {
	if len(f.Rules) == 1 {
		return "rule " + f.Rules[0]
	}
	return "rules " + listed(f.Rules)
}

func (f *auditFinding) sites() string {
	names := make([]string, len(f.finding.Sites))
	for i, s := range f.finding.Sites {
		names[i] = s.String()
	}
	return listed(names)
}

// from says where connections come from, in as few words as are true.
func (f *auditFinding) from() []string {
	area := f.finding.Area
	if !f.Allowed && f.Why == "" {
		all := ruleset.Sources(f.guard.Destination.Addr().Is6())
		if len(all.Minus(area).Minus(f.guard.Allowed())) == 0 {
			area = all
		}
	}
	texts := f.areaTexts(area)
	if len(area.Minus(f.finding.Sources)) == 0 {
		return texts
	}
	if exact := f.areaTexts(f.finding.Sources); len(exact) <= len(texts) {
		return exact
	}
	texts[len(texts)-1] += ", except what is allowed"
	return texts
}

// areaTexts writes addresses with their source ports.
func (f *auditFinding) areaTexts(area firewall.Region) []string {
	ranges := make([]ruleset.Range, len(area))
	texts := make([]string, len(area))
	same := true
	for i, slab := range area {
		ranges[i] = ruleset.Range{First: slab.First, Last: slab.Last}
		ports := sourcePortsText(slab)
		texts[i] = rangeText(slab.First, slab.Last) + " " + ports
		same = same && ports == sourcePortsText(area[0])
	}
	if same && ruleset.Anywhere(ranges) {
		return []string{f.anyAddress() + ", " + sourcePortsText(area[0])}
	}
	return texts
}

func (f *auditFinding) anyAddress() string {
	if f.guard.Destination.Addr().Is6() {
		return "any IPv6 address"
	}
	return "any IPv4 address"
}

func (f *auditFinding) destinations() string {
	if ruleset.Anywhere(f.finding.To) {
		return fmt.Sprintf("%s port %d", f.anyAddress(), f.Port)
	}
	texts := make([]string, len(f.finding.To))
	for i, to := range f.finding.To {
		if texts[i] = fmt.Sprintf("%s port %d", rangeText(to.First, to.Last), f.Port); to.First == to.Last {
			texts[i] = netip.AddrPortFrom(to.First, f.Port).String()
		}
	}
	return listed(texts)
}

// rangeText writes addresses as a prefix if they are one.
func rangeText(first, last netip.Addr) string {
	if first == last {
		return first.String()
	}
	if prefixes := policy.PrefixesOf(first, last); len(prefixes) == 1 {
		return policy.PrefixText(prefixes[0])
	}
	return first.String() + "-" + last.String()
}

// sourcePortsText writes the source ports of a slab with their noun.
func sourcePortsText(s firewall.Slab) string {
	ports := s.Ports()
	if len(ports) == 1 && firewall.IsAnyPort(ports[0]) {
		return "any port"
	}
	return portsText(ports)
}
