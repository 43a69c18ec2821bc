package export

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// hook is where netfilter has the packets of a direction.
type hook struct {
	direction firewall.Direction
	name      string // as nft writes it
	builtIn   string // of the built-in chain, as iptables writes it
	short     string // in the names of our chains of iptables
}

func hooks() []hook {
	return []hook{
		{firewall.Inbound, "input", "INPUT", "IN"},
		{firewall.Outbound, "output", "OUTPUT", "OUT"},
		{firewall.Transit, "forward", "FORWARD", "FWD"},
	}
}

// ipVersion is a version of IP, as netfilter's tools tell them apart.
type ipVersion struct {
	bits    int
	digit   string // in names
	keyword string // of nft, before saddr and daddr
	address string // type of nft
	program string // of iptables
}

func ipVersions() [2]ipVersion {
	return [2]ipVersion{
		{32, "4", "ip", "ipv4_addr", "iptables"},
		{128, "6", "ip6", "ipv6_addr", "ip6tables"},
	}
}

// guardsOf returns the guards of one direction and version of IP, in their order.
func guardsOf(m *firewall.Matrix, h hook, v ipVersion) []*firewall.Guard {
	var all []*firewall.Guard
	for i := range m.Guards {
		if g := &m.Guards[i]; g.Direction == h.direction && g.Destination.Addr().BitLen() == v.bits {
			all = append(all, g)
		}
	}
	return all
}

// prefixOf returns the prefix that a range of addresses is, if it is one.
func prefixOf(first, last netip.Addr) (netip.Prefix, bool) {
	bits := first.BitLen()
	from, to := first.AsSlice(), last.AsSlice()
	for i := range from {
		if differing := from[i] ^ to[i]; differing != 0 {
			bits = 8 * i
			for differing&0x80 == 0 {
				differing <<= 1
				bits++
			}
			break
		}
	}
	p := netip.PrefixFrom(first, bits)
	return p, p.Masked().Addr() == first && policy.LastOf(p) == last
}

// lastEnd returns when the last of some flows ceases to be valid, the zero time if one of them does not.
func lastEnd(flows []firewall.Flow, labels []int32) time.Time {
	var latest time.Time
	for _, l := range labels {
		at := flows[l].ExpiresAt()
		if at.IsZero() {
			return at
		}
		if at.After(latest) {
			latest = at
		}
	}
	return latest
}

// authors names the rules that flows come from, and their clients, in no more than limit bytes. It says how many it does not name.
func authors(flows []firewall.Flow, labels []int32, limit int) string {
	var names []string
	for i, l := range labels {
		f := &flows[l]
		if i > 0 && sameAuthor(&flows[labels[i-1]], f) { // flows are in the order of rule and client
			continue
		}
		names = append(names, author(f))
	}
	fitting, size := 0, 0
	for fitting < len(names) && size+len(names[fitting]) <= limit {
		size += len(names[fitting]) + len(", ")
		fitting++
	}
	text := strings.Join(names[:fitting], ", ")
	for n := max(fitting, 1); fitting < len(names) && n > 0; n-- {
		text = strings.Join(names[:n], ", ")
		if more := len(names) - n; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		if len(text) <= limit {
			break
		}
	}
	return shortened(text, limit)
}

func sameAuthor(a, b *firewall.Flow) bool { return a.Rule == b.Rule && a.Source.Name == b.Source.Name }

func author(f *firewall.Flow) string {
	text := f.Rule
	if f.Origin == firewall.FromBlock {
		text = "block " + text
	}
	if f.Source.Name != "" {
		text += " (" + f.Source.Name + ")"
	}
	return plain(text)
}

// plain returns text that stands for itself in comments and between double quotes, of nft, which knows no escape there, as of iptables, which
// does.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r == '\\':
			return '/'
		case !unicode.IsPrint(r): // line breaks, and what turns the direction of writing
			return ' '
		default:
			return r
		}
	}, text)
}

// shortened cuts text to a number of bytes, and shows that it did.
func shortened(text string, limit int) string {
	const mark = "..."
	if len(text) <= limit {
		return text
	}
	n := limit - len(mark)
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + mark
}

// comments returns lines behind the marks of comments. They are folded, because iptables-restore takes what is beyond its buffer for a line of its own.
func comments(lines []string) string {
	const width = 160
	var b strings.Builder
	for _, line := range lines {
		indent := "# "
		for rest := plain(line); rest != ""; indent = "#   " {
			n := len(rest)
			if n > width {
				n = strings.LastIndexByte(rest[:width], ' ') + 1
			}
			if n == 0 { // no blank to fold at
				for n = width; !utf8.RuneStart(rest[n]); n-- {
				}
			}
			b.WriteString(strings.TrimRight(indent+rest[:n], " ") + "\n")
			rest = rest[n:]
		}
	}
	return b.String()
}

// tag returns digits that stand for texts, for names that stay what they are when others come and go.
func tag(texts ...string) string {
	return fingerprint(fmt.Sprintf("%q", texts))[:12]
}

// restricted reports whether anything at all is guarded in a direction.
func restricted(m *firewall.Matrix, h hook) bool {
	return slices.ContainsFunc(m.Guards, func(g firewall.Guard) bool { return g.Direction == h.direction })
}
