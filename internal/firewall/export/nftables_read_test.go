package export

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// nftTable is a table as text says it: enough of nftables to judge what opens a connection.
type nftTable struct {
	sets   map[string][]nftElement
	chains map[string][]nftRule
}

// nftRule looks a tuple up, or just the destination of it, in a set; without a set it is always met.
type nftRule struct {
	family  string
	whole   bool
	set     string
	verdict string
}

// nftElement is ranges of addresses and of ports, in turn, until a time after loading, if it has one.
type nftElement struct {
	fields  [][2]netip.AddrPort
	timeout time.Duration
}

var (
	nftBegin = regexp.MustCompile(`^\t(set|map|chain|limit) (\w+) \{$`)
	nftLine  = regexp.MustCompile(`^([0-9a-f:./ -]+?)(?: timeout (\w+))?(?: comment "[^"\\[:cntrl:]]*")?(?: : (?:"\w+"|jump \w+))?,$`)
)

// readNft fails on every line that it does not know.
func readNft(t *testing.T, text string) nftTable {
	t.Helper()
	table := nftTable{make(map[string][]nftElement), make(map[string][]nftRule)}
	_, body, found := strings.Cut(text, "\nadd table inet sallyport\ndelete table inet sallyport\ntable inet sallyport {\n")
	if !found || !strings.HasSuffix(body, "}\n") {
		t.Fatalf("not one table:\n%s", text)
	}
	kind, name := "", ""
	for line := range strings.Lines(strings.TrimSuffix(body, "}\n")) {
		line = strings.TrimSuffix(line, "\n")
		inner := strings.TrimPrefix(line, "\t\t")
		switch begin := nftBegin.FindStringSubmatch(line); {
		case begin != nil:
			kind, name = begin[1], begin[2]
			table.chains[name], table.sets[name] = nil, nil
		case line == "" || line == "\t}" || strings.HasPrefix(line, "\tcomment "):
		case kind == "chain":
			table.chains[name] = append(table.chains[name], readNftRule(t, inner)...)
		case strings.HasPrefix(inner, "\t"):
			table.sets[name] = append(table.sets[name], readNftElement(t, inner[1:]))
		case !regexp.MustCompile(`^(type|flags|size|timeout|rate|comment|counter|elements|\})\b?`).MatchString(inner):
			t.Fatalf("unknown line in %s %s: %q", kind, name, line)
		}
	}
	return table
}

func readNftElement(t *testing.T, line string) nftElement {
	t.Helper()
	match := nftLine.FindStringSubmatch(line)
	if match == nil {
		t.Fatalf("not an element: %q", line)
	}
	var e nftElement
	if rest := match[2]; rest != "" {
		if days, hours, found := strings.Cut(rest, "d"); found {
			n, err := strconv.Atoi(days)
			if err != nil {
				t.Fatal(err)
			}
			e.timeout, rest = time.Duration(n)*24*time.Hour, hours+"0s"
		}
		d, err := time.ParseDuration(rest)
		if err != nil {
			t.Fatal(err)
		}
		e.timeout += d
	}
	for field := range strings.SplitSeq(match[1], " . ") {
		e.fields = append(e.fields, readNftField(t, field))
	}
	return e
}

// readNftField reads an address, a prefix, a port, or a range, as ends.
func readNftField(t *testing.T, field string) [2]netip.AddrPort {
	t.Helper()
	if p, err := netip.ParsePrefix(field); err == nil {
		return [2]netip.AddrPort{netip.AddrPortFrom(p.Addr(), 0), netip.AddrPortFrom(policy.LastOf(p), 0)}
	}
	first, last, isRange := strings.Cut(field, "-")
	if !isRange {
		last = first
	}
	from, err := netip.ParseAddr(first)
	if err == nil {
		return [2]netip.AddrPort{netip.AddrPortFrom(from, 0), netip.AddrPortFrom(netip.MustParseAddr(last), 0)}
	}
	return [2]netip.AddrPort{portField(t, first), portField(t, last)}
}

func portField(t *testing.T, text string) netip.AddrPort {
	at, err := netip.ParseAddrPort("0.0.0.0:" + text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func (e *nftElement) holds(fields []netip.AddrPort, after time.Duration) bool {
	if e.timeout > 0 && after >= e.timeout || len(fields) != len(e.fields) {
		return false
	}
	for i, f := range fields {
		if f.Compare(e.fields[i][0]) < 0 || e.fields[i][1].Compare(f) < 0 {
			return false
		}
	}
	return true
}

// wantDisjoint checks what the kernel relies on.
func (n nftTable) wantDisjoint(t *testing.T) {
	t.Helper()
	for name, elements := range n.sets {
		for i := range elements {
			for j := range elements[:i] {
				overlap := true
				for k, f := range elements[i].fields {
					o := elements[j].fields[k]
					overlap = overlap && f[0].Compare(o[1]) <= 0 && o[0].Compare(f[1]) <= 0
				}
				if overlap {
					t.Fatalf("%s: %v overlaps %v", name, elements[i], elements[j])
				}
			}
		}
	}
}

var nftLookup = regexp.MustCompile(`^(ip6?) (saddr \. tcp sport \. ip6? )?daddr \. tcp dport @(\w+) (.*)$`)

// readNftRule leaves out what does not concern packets that open connections while all rates last.
func readNftRule(t *testing.T, line string) []nftRule {
	t.Helper()
	match := nftLookup.FindStringSubmatch(line)
	switch {
	case match != nil:
		return []nftRule{{match[1], match[2] != "", match[3], match[4]}}
	case strings.HasPrefix(line, "type filter hook "), line == nftReturn, strings.HasPrefix(line, "comment "),
		strings.HasPrefix(line, "limit name "), strings.HasPrefix(line, "update @"), strings.Contains(line, " vmap @"):
		return nil
	case strings.HasPrefix(line, "counter "):
		return []nftRule{{verdict: strings.TrimPrefix(line, "counter ")}}
	}
	t.Fatalf("unknown rule %q", line)
	return nil
}

func (n nftTable) passes(t *testing.T, p packet, after time.Duration) bool {
	hook := map[firewall.Direction]string{firewall.Inbound: "input", firewall.Outbound: "output", firewall.Transit: "forward"}[p.direction]
	verdict := n.judge(t, hook, p, after)
	return verdict == "" || verdict == "accept"
}

// judge runs a chain. The verdict is empty at its end.
func (n nftTable) judge(t *testing.T, chain string, p packet, after time.Duration) string {
	family := "ip"
	if p.source.Addr().Is6() {
		family = "ip6"
	}
	port := func(n uint16) netip.AddrPort { return netip.AddrPortFrom(netip.IPv4Unspecified(), n) }
	tuple := []netip.AddrPort{
		netip.AddrPortFrom(p.source.Addr(), 0), port(p.source.Port()),
		netip.AddrPortFrom(p.destination.Addr(), 0), port(p.destination.Port()),
	}
	for _, rule := range n.chains[chain] {
		key := tuple
		if !rule.whole {
			key = tuple[2:]
		}
		if rule.set != "" && (rule.family != family || !n.holds(rule.set, key, after)) {
			continue
		}
		next, jump := strings.CutPrefix(rule.verdict, "jump ")
		if !jump {
			return rule.verdict
		}
		if verdict := n.judge(t, next, p, after); verdict != "" {
			return verdict
		}
	}
	return ""
}

func (n nftTable) holds(set string, key []netip.AddrPort, after time.Duration) bool {
	for i := range n.sets[set] {
		if n.sets[set][i].holds(key, after) {
			return true
		}
	}
	return false
}
