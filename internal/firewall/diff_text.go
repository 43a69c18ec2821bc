package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"sallyport/policy"
)

// causes says what the flows of labels come from.
func (s *side) causes(labels []int32) string {
	var texts []string
	for _, l := range labels {
		f := &s.flows[l]
		client := ""
		if f.Origin == FromRule {
			client = f.Source.Name
		}
		texts = append(texts, cause(f.Origin, f.Rule, client))
	}
	slices.Sort(texts)
	return enumerated(slices.Compact(texts))
}

func cause(origin Origin, rule, client string) string {
	text := plainWord(rule)
	switch origin {
	case FromRule, FromBlock:
		text = string(origin) + " " + text
	case FromAudit:
		text = "audit mode"
	}
	if client != "" {
		text += " (client " + plainWord(client) + ")"
	}
	return text
}

// enumerated joins texts, of many only the first.
func enumerated(texts []string) string {
	const most = 5
	if more := len(texts) - most; more > 1 {
		return strings.Join(texts[:most], ", ") + fmt.Sprintf(" and %d more", more)
	}
	if n := len(texts); n > 1 {
		return strings.Join(texts[:n-1], ", ") + " and " + texts[n-1]
	}
	return strings.Join(texts, "")
}

// plainWord returns text as it is if it cannot be taken for something else, and in quotes otherwise: an older export comes from
// anywhere, and what is said goes to terminals.
func plainWord(text string) string {
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-/:*", r)
	}
	if text == "" || strings.ContainsFunc(text, odd) {
		return strconv.Quote(text)
	}
	return text
}

// names returns the destinations as sentences name them, and their directions where there are several.
func (d *differ) names() []string {
	known := make(map[GuardKey]string)
	for _, s := range []*side{d.newer, d.older} {
		for i := range s.flows {
			at, name := s.flows[i].GuardKey(), s.flows[i].Destination.Name
			if known[at] == "" {
				known[at] = name
			}
		}
	}
	several := slices.ContainsFunc(d.keys, func(k GuardKey) bool { return k.Direction != d.keys[0].Direction })
	names := make([]string, len(d.keys))
	for i, at := range d.keys {
		names[i] = at.String()
		if known[at] != "" {
			names[i] = plainWord(known[at]) + " (" + names[i] + ")"
		}
		if several {
			names[i] += " " + string(at.Direction)
		}
	}
	return names
}

// String returns the address and port.
func (k GuardKey) String() string {
	if k.Destination.IsSingleIP() {
		return netip.AddrPortFrom(k.Destination.Addr(), k.Port).String()
	}
	return prefixText(k.Destination) + " port " + strconv.Itoa(int(k.Port))
}

func prefixText(p netip.Prefix) string {
	switch {
	case p.Bits() > 0:
		return policy.PrefixText(p)
	case p.Addr().Is4():
		return "any IPv4 address"
	default:
		return "any IPv6 address"
	}
}

// String returns the addresses and their source ports for people: "10.2.0.5 ports 20001-20004, 20011".
func (s Slab) String() string {
	addresses := s.First.String() + "-" + s.Last.String()
	if prefixes := policy.PrefixesOf(s.First, s.Last); len(prefixes) == 1 {
		addresses = prefixText(prefixes[0])
	}
	ranges := s.Ports()
	if len(ranges) == 1 && IsAnyPort(ranges[0]) {
		return addresses + " any port"
	}
	word := " port "
	if len(ranges) > 1 || ranges[0].First != ranges[0].Last {
		word = " ports "
	}
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		texts[i] = r.String()
	}
	return addresses + word + strings.Join(texts, ", ")
}

// Plain returns the same sources without labels, so that what touches is one.
func (r Region) Plain() Region {
	patches := r.Patches()
	for i := range patches {
		patches[i].Label = 0
	}
	return RegionOf(patches)
}
