package ruleset

import (
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/firewall"
)

var inbound = Connection{firewall.Inbound, netip.MustParseAddr("10.1.0.4"), 2021}

// what becomes of a source.
const (
	passes  = "passes"
	denied  = "denied"
	unknown = "unknown"
)

func read(t testing.TB, text string) *Ruleset {
	t.Helper()
	r, err := Read("rules", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func judged1(t testing.TB, j *Judge, c Connection, source string) string {
	t.Helper()
	a, err := j.Judge(c)
	if err != nil {
		t.Fatal(err)
	}
	return a.of(netip.MustParseAddrPort(source))
}

// of says what becomes of a source, and by which labels.
func (a *Answer) of(source netip.AddrPort) string {
	var all []string
	for _, r := range []struct {
		name   string
		region firewall.Region
	}{{passes, a.Passes}, {denied, a.Denied}, {unknown, a.Unknown}} {
		if r.region.Find(source) != nil {
			all = append(all, r.name)
		}
	}
	return strings.Join(all, " and ")
}

// filterTable makes a table of nft JSON of rules in the chain input, after any objects.
func filterTable(policy string, objects string, rules ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "inet", "name": "t", "handle": 1}}`)
	if objects != "" {
		b.WriteString(", " + objects)
	}
	fmt.Fprintf(&b, `, {"chain": {"family": "inet", "table": "t", "name": "input", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": %q}}`, policy)
	for i, rule := range rules {
		fmt.Fprintf(&b, `, {"rule": {"family": "inet", "table": "t", "chain": "input", "handle": %d, "expr": [%s]}}`, i+10, rule)
	}
	b.WriteString("]}")
	return b.String()
}

func eq(left, right string) string {
	return fmt.Sprintf(`{"match": {"op": "==", "left": %s, "right": %s}}`, left, right)
}

func payload(protocol, name string) string {
	return fmt.Sprintf(`{"payload": {"protocol": %q, "field": %q}}`, protocol, name)
}

const (
	acceptIt = `{"accept": null}`
	dropIt   = `{"drop": null}`
)

func TestNft(t *testing.T) {
	dport := eq(payload("tcp", "dport"), "2021")
	saddr := payload("ip", "saddr")
	tests := []struct {
		name string
		text string
		want string // of 10.2.0.5:20001
	}{
		{"no rules", `{"nftables": []}`, passes},
		{"policy", filterTable("drop", ""), denied},
		{"accepted", filterTable("drop", "", dport+","+acceptIt), passes},
		{"another port", filterTable("drop", "", eq(payload("tcp", "dport"), "2022")+","+acceptIt), denied},
		{"another protocol", filterTable("drop", "", eq(payload("udp", "dport"), "2021")+","+acceptIt), denied},
		{"not another protocol", filterTable("drop", "", `{"match": {"op": "!=", "left": `+payload("udp", "dport")+`, "right": 5}},`+acceptIt), denied},
		{"any protocol", filterTable("drop", "", eq(payload("th", "dport"), "2021")+","+acceptIt), passes},
		{"first decides", filterTable("accept", "", dport+","+dropIt, dport+","+acceptIt), denied},
		{"log goes on", filterTable("accept", "", dport+`,{"log": {"prefix": "x"}},{"counter": {"packets": 1, "bytes": 2}}`), passes},
		{"reject", filterTable("accept", "", dport+`,{"reject": {"type": "tcp reset"}}`), denied},
		{"established", filterTable("drop", "", `{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}},`+acceptIt), denied},
		{"new", filterTable("drop", "", `{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "new"}},`+acceptIt), passes},
		{"state in a set", filterTable("drop", "", eq(`{"ct": {"key": "state"}}`, `{"set": ["new", "untracked"]}`)+","+acceptIt), passes},
		{"state of what is not tracked", filterTable("drop", "", `{"notrack": null}`, `{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "new"}},`+acceptIt), unknown},
		{"flags", filterTable("accept", "", `{"match": {"op": "!=", "left": {"&": [`+payload("tcp", "flags")+`, ["fin", "syn", "rst", "ack"]]}, "right": "syn"}},`+dropIt), passes},
		{"one flag", filterTable("accept", "", `{"match": {"op": "in", "left": `+payload("tcp", "flags")+`, "right": ["syn", "rst"]}},`+dropIt), denied},
		{"prefix", filterTable("drop", "", eq(saddr, `{"prefix": {"addr": "10.2.0.0", "len": 16}}`)+","+acceptIt), passes},
		{"not in a set with something unknown", filterTable("drop", "", `{"match": {"op": "!=", "left": `+saddr+`, "right": {"set": ["10.2.0.6", "a name"]}}},`+acceptIt), unknown},
		{"not in a set, although something in it is unknown", filterTable("drop", "", `{"match": {"op": "!=", "left": `+saddr+`, "right": {"set": ["10.2.0.5", "a name"]}}},`+acceptIt), denied},
		{"not in a set", filterTable("drop", "", `{"match": {"op": "!=", "left": `+saddr+`, "right": {"set": ["10.2.0.5", {"range": ["10.3.0.1", "10.3.0.9"]}]}}},`+acceptIt), denied},
		{"not of the other family", filterTable("drop", "", `{"match": {"op": "!=", "left": `+payload("ip6", "saddr")+`, "right": "2001:db8::1"}},`+acceptIt), denied},
		{"named set", filterTable("drop", `{"set": {"family": "inet", "name": "s", "table": "t", "type": "ipv4_addr", "elem": ["10.2.0.5"]}}`,
			eq(saddr, `"@s"`)+","+acceptIt), passes},
		{"empty set", filterTable("drop", `{"set": {"family": "inet", "name": "s", "table": "t", "type": "ipv4_addr"}}`,
			eq(saddr, `"@s"`)+","+acceptIt), denied},
		{"concatenation", filterTable("drop", "", eq(`{"concat": [`+saddr+`, `+payload("tcp", "sport")+`, `+payload("ip", "daddr")+`, `+payload("tcp", "dport")+`]}`,
			`{"set": [{"concat": ["10.2.0.5", {"range": [20001, 20004]}, "10.1.0.4", 2021]}]}`)+","+acceptIt), passes},
		{"loopback", filterTable("drop", "", eq(`{"meta": {"key": "iifname"}}`, `"lo"`)+","+acceptIt), denied},
		{"not the loopback", filterTable("accept", "", `{"match": {"op": "!=", "left": {"meta": {"key": "iif"}}, "right": "lo"}},`+dropIt), denied},
		{"an interface", filterTable("drop", "", eq(`{"meta": {"key": "iifname"}}`, `"eth0"`)+","+acceptIt), unknown},
		{"the other interface", filterTable("accept", "", `{"match": {"op": "!=", "left": {"meta": {"key": "oifname"}}, "right": "eth0"}},`+dropIt), passes},
		{"mark", filterTable("drop", "", eq(`{"meta": {"key": "mark"}}`, `16`)+","+acceptIt), unknown},
		{"mark either way", filterTable("accept", "", eq(`{"meta": {"key": "mark"}}`, `16`)+","+acceptIt), passes},
		{"within a rate", filterTable("drop", "", dport+`,{"limit": {"rate": 10, "per": "second"}},`+acceptIt), passes},
		{"over a rate", filterTable("accept", "", dport+`,{"limit": {"rate": 10, "per": "second", "inv": true}},`+dropIt), passes},
		{"over a shared rate", filterTable("accept", `{"limit": {"family": "inet", "name": "l", "table": "t", "rate": 10, "per": "second", "inv": true}}`, dport+`,{"limit": "l"},`+dropIt), passes},
		{"over a rate of each source", filterTable("accept", `{"set": {"family": "inet", "name": "s", "table": "t", "type": "ipv4_addr"}}`,
			`{"set": {"op": "update", "elem": `+saddr+`, "set": "@s", "stmt": [{"limit": {"rate": 1, "per": "second", "inv": true}}]}},`+dropIt), passes},
		{"quota", filterTable("accept", "", `{"quota": {"val": 10, "val_unit": "mbytes", "inv": true}},`+dropIt), unknown},
		{"queue", filterTable("accept", "", `{"queue": null}`), unknown},
		{"not known", filterTable("accept", "", `{"brand new": null}`), unknown},
		{"not known, either way", filterTable("drop", "", `{"brand new": null},`+dropIt), denied},
		{"verdict map", filterTable("drop", "", `{"vmap": {"key": `+payload("tcp", "dport")+`, "data": {"set": [[22, {"drop": null}], [{"range": [2000, 2100]}, {"accept": null}]]}}}`), passes},
		{"verdict map, the rest", filterTable("accept", "", `{"vmap": {"key": `+payload("tcp", "dport")+`, "data": {"set": [[22, {"accept": null}], ["*", {"drop": null}]]}}}`), denied},
		{"not yet", filterTable("drop", "", `{"match": {"op": ">", "left": {"meta": {"key": "time"}}, "right": "2027-01-01 00:00:00"}},`+acceptIt), denied},
		{"until then", filterTable("drop", "", `{"match": {"op": "<", "left": {"meta": {"key": "time"}}, "right": 1798848000}},`+acceptIt), passes},
		{"today, somewhere", filterTable("drop", "", `{"match": {"op": "<", "left": {"meta": {"key": "time"}}, "right": "2026-06-01 20:00:00"}},`+acceptIt), unknown},
		{"local destination", filterTable("drop", "", eq(`{"fib": {"result": "type", "flags": ["daddr"]}}`, `"local"`)+","+acceptIt), passes},
		{"reverse path", filterTable("accept", "", eq(`{"fib": {"result": "oif", "flags": ["saddr", "iif"]}}`, `false`)+","+dropIt), passes},
		{"target of iptables", filterTable("accept", "", `{"xt": {"type": "match", "name": "comment"}},{"xt": {"type": "target", "name": "REJECT"}}`), denied},
		{"passive target of iptables", filterTable("accept", "", `{"xt": {"type": "target", "name": "LOG"}}`), passes},
		{"opaque extension", filterTable("drop", "", `{"xt": {"type": "match", "name": "string"}},`+acceptIt), unknown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			j := &Judge{Ruleset: read(t, test.text), Now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}
			if got := judged1(t, j, inbound, "10.2.0.5:20001"); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// Chains and hooks are the same for both programs, and easier to read as those of iptables.
func TestChains(t *testing.T) {
	const head = "# Generated by iptables-save v1.8.9\n"
	filter := func(rules string) string {
		return head + "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:one - [0:0]\n:two - [0:0]\n" + rules + "COMMIT\n"
	}
	tests := []struct {
		name, text, want string
	}{
		{"jump", filter("-A INPUT -j one\n-A one -j ACCEPT\n"), passes},
		{"jump and back", filter("-A INPUT -j one\n-A INPUT -j ACCEPT\n-A one -p udp -j DROP\n"), passes},
		{"return", filter("-A INPUT -j one\n-A INPUT -j ACCEPT\n-A one -j RETURN\n-A one -j DROP\n"), passes},
		{"goto does not come back", filter("-A INPUT -g one\n-A INPUT -j ACCEPT\n"), denied},
		{"goto comes back where it was jumped from", filter("-A INPUT -j one\n-A INPUT -j ACCEPT\n-A one -g two\n-A one -j DROP\n"), passes},
		{"return to the policy", filter("-A INPUT -j RETURN\n-A INPUT -j ACCEPT\n"), denied},
		{"another table drops", head + "*raw\n:PREROUTING DROP [0:0]\nCOMMIT\n" + filter("-A INPUT -j ACCEPT\n"), denied},
		{"forward does not count", head + "*mangle\n:FORWARD DROP [0:0]\nCOMMIT\n" + filter("-A INPUT -j ACCEPT\n"), passes},
		{"translated elsewhere", head + "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 2021 -j DNAT --to-destination 10.0.0.1:80\nCOMMIT\n" + filter("-A INPUT -j ACCEPT\n"), unknown},
		{"another port is translated", head + "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 2021\nCOMMIT\n" + filter("-A INPUT -j ACCEPT\n"), passes},
		{"address", filter("-A INPUT -s 10.2.0.0/16 -j ACCEPT\n"), passes},
		{"mask", filter("-A INPUT -s 10.2.0.0/255.255.0.0 -j ACCEPT\n"), passes},
		{"strange mask", filter("-A INPUT -s 10.0.0.5/255.0.0.255 -j ACCEPT\n"), unknown},
		{"not the address", filter("-A INPUT ! -s 10.2.0.5/32 -j ACCEPT\n"), denied},
		{"not the address, as written long ago", filter("-A INPUT -s ! 10.2.0.6/32 -j ACCEPT\n"), passes},
		{"ports", filter("-A INPUT -p tcp -m tcp --sport 20001:20004 --dport 2021 -j ACCEPT\n"), passes},
		{"open range", filter("-A INPUT -p tcp -m tcp --sport 20002: -j ACCEPT\n"), denied},
		{"multiport", filter("-A INPUT -p tcp -m multiport --sports 5,20001:20004 -m multiport --dports 80,2021 -j ACCEPT\n"), passes},
		{"range of addresses", filter("-A INPUT -m iprange --src-range 10.2.0.1-10.2.0.5 ! --dst-range 10.1.0.5-10.1.0.9 -j ACCEPT\n"), passes},
		{"state", filter("-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n"), denied},
		{"new", filter("-A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 2021 -j ACCEPT\n"), passes},
		{"not new", filter("-A INPUT -p tcp -m conntrack ! --ctstate NEW -j ACCEPT\n"), denied},
		{"syn", filter("-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT\n"), passes},
		{"not syn", filter("-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT\n"), denied},
		{"loopback", filter("-A INPUT -i lo -j ACCEPT\n"), denied},
		{"interface", filter("-A INPUT -i eth+ -j ACCEPT\n"), unknown},
		{"a set of others", filter("-A INPUT -m set --match-set friends src -j ACCEPT\n"), unknown},
		{"a set of others on another port", filter("-A INPUT -p tcp -m set ! --match-set friends src,dst -m tcp --dport 9 -j ACCEPT\n-A INPUT -j DROP\n"), denied},
		{"log", filter("-A INPUT -j LOG --log-prefix \"-j DROP\" --log-level 6\n-A INPUT -j ACCEPT\n"), passes},
		{"no target", filter("-A INPUT -p tcp\n-A INPUT -j ACCEPT\n"), passes},
		{"within a rate", filter("-A INPUT -m limit --limit 10/sec --limit-burst 20 -j ACCEPT\n"), passes},
		{"above a rate", filter("-A INPUT -m hashlimit --hashlimit-above 10/sec --hashlimit-mode srcip --hashlimit-name x -j DROP\n-A INPUT -j ACCEPT\n"), passes},
		{"too many at once", filter("-A INPUT -p tcp -m connlimit --connlimit-above 4 --connlimit-mask 32 --connlimit-saddr -j REJECT --reject-with tcp-reset\n-A INPUT -j ACCEPT\n"), passes},
		{"until then", filter("-A INPUT -m time --datestop 2026-06-01T12:00:00 -j ACCEPT\n"), passes},
		{"expired", filter("-A INPUT -m time --datestop 2026-06-01T11:59:59 -j ACCEPT\n"), denied},
		{"by the hour", filter("-A INPUT -m time --timestart 10:00:00 --timestop 11:00:00 -j ACCEPT\n"), unknown},
		{"comment that looks like a target", filter("-A INPUT -m comment --comment -j -p udp -j ACCEPT\n"), denied},
		{"comment that looks like a negation", filter("-A INPUT -m comment --comment \"!\" -p tcp -j ACCEPT\n"), passes},
		{"quotes", filter("-A INPUT -m comment --comment \"a \\\" -j DROP\" -p tcp -j ACCEPT\n"), passes},
		{"counters", filter("[12:720] -A INPUT -p tcp -j ACCEPT\n"), passes},
		{"reverse path", filter("-A INPUT -m rpfilter --loose --invert -j DROP\n-A INPUT -j ACCEPT\n"), passes},
		{"local", filter("-A INPUT -m addrtype ! --dst-type LOCAL -j DROP\n-A INPUT -j ACCEPT\n"), passes},
		{"not a fragment", filter("-A INPUT -f -j DROP\n-A INPUT ! -f -j ACCEPT\n"), passes},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			j := &Judge{Ruleset: read(t, test.text), Now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}
			if got := judged1(t, j, inbound, "10.2.0.5:20001"); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// TestDirections judges the same rules for a host that is connected to, for one that connects, and for a router between.
func TestDirections(t *testing.T) {
	rules := "# Generated by iptables-save v1.8.9 (nf_tables)\n*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" +
		"-A FORWARD -i eth0 -o eth1 -j DROP\n-A OUTPUT -o eth0 -p tcp -m tcp ! --sport 20001:20004 -j REJECT\nCOMMIT\n" +
		"*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o eth1 -j MASQUERADE\nCOMMIT\n"
	tests := []struct {
		direction    firewall.Direction
		iface        string
		inside, edge string // of 10.2.0.5:20004 and 20005
		translated   bool
	}{
		{firewall.Inbound, "eth0", denied, denied, false},
		{firewall.Outbound, "eth0", passes, denied, false},
		{firewall.Outbound, "eth1", passes, passes, true},
		{firewall.Outbound, "", passes, unknown, true},
		{firewall.Transit, "eth1", passes, passes, true},
		{firewall.Transit, "eth0", unknown, unknown, true}, // where it goes out, nobody said
	}
	for _, test := range tests {
		j := &Judge{Ruleset: read(t, rules), Interface: test.iface}
		a, err := j.Judge(Connection{test.direction, inbound.Destination, 2021})
		if err != nil {
			t.Fatal(err)
		}
		inside, edge := a.of(netip.MustParseAddrPort("10.2.0.5:20004")), a.of(netip.MustParseAddrPort("10.2.0.5:20005"))
		if inside != test.inside || edge != test.edge || len(a.Translated) > 0 != test.translated {
			t.Errorf("%s by %q: %s, %s, translated: %t", test.direction, test.iface, inside, edge, len(a.Translated) > 0)
		}
	}
}

func TestFilled(t *testing.T) {
	set := `{"set": {"family": "inet", "name": "s", "table": "t", "type": "ipv4_addr", "elem": ["10.2.0.5"]}}`
	update := `{"set": {"op": "add", "elem": ` + payload("ip", "saddr") + `, "set": "@s"}}`
	if got := read(t, filterTable("drop", set, update)).Filled(); len(got) > 0 {
		t.Errorf("nobody looks into it: %q", got)
	}
	look := eq(payload("ip", "saddr"), `"@s"`) + "," + acceptIt
	if got := read(t, filterTable("drop", set, update, look)).Filled(); len(got) != 1 || got[0] != "s" {
		t.Errorf("%q", got)
	}
}

func TestInterface(t *testing.T) {
	text := filterTable("drop", "", eq(`{"meta": {"key": "iifname"}}`, `{"set": ["eth*", "lo"]}`)+","+acceptIt)
	for name, want := range map[string]string{"eth7": passes, "wan": denied, "": unknown} {
		j := &Judge{Ruleset: read(t, text), Interface: name}
		if got := judged1(t, j, inbound, "10.2.0.5:20001"); got != want {
			t.Errorf("by %q: %s, want %s", name, got, want)
		}
	}
}

// TestFixtures reads real rulesets that have nearly everything in them.
func TestFixtures(t *testing.T) {
	for _, name := range []string{"coverage-1.json", "coverage-2.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		j := &Judge{Ruleset: read(t, string(data))}
		for _, c := range []Connection{inbound, {firewall.Transit, netip.MustParseAddr("2001:db8::4"), 12020}} {
			a, err := j.Judge(c)
			if err != nil {
				t.Fatal(err)
			}
			all := new(big.Int).Add(size(a.Passes), size(a.Denied))
			if all.Add(all, size(a.Unknown)).Cmp(size(Sources(c.Destination.Is6()))) != 0 {
				t.Errorf("%s: %v: there is not one answer for each source", name, c)
			}
		}
	}
}

func TestSites(t *testing.T) {
	nft := &Judge{Ruleset: read(t, filterTable("drop", "", eq(payload("tcp", "dport"), "2021")+`,{"log": {"prefix": "a\nb"}},`+acceptIt))}
	a, err := nft.Judge(inbound)
	if err != nil {
		t.Fatal(err)
	}
	source := netip.MustParseAddrPort("10.2.0.5:20001")
	var got []string
	for _, l := range a.Passes.Find(source) {
		if l >= 0 {
			got = append(got, nft.Site(l).String())
		}
	}
	want := []string{`table inet t chain input rule handle 10 ` + "`" + `tcp dport 2021 log prefix a\nb accept` + "`"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
