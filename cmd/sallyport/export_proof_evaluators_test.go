package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// Rules that the evaluators understand wrongly would make their agreement worthless.
func TestExportProofEvaluators(t *testing.T) {
	loaded := proofSite.Now
	const table = `table inet x {
	set open {
		type ipv4_addr . inet_service . ipv4_addr . inet_service
		flags interval,timeout
		counter
		elements = { 10.0.0.0/30 . 5-7 . 10.1.0.4 . 9 timeout 1d2h comment "a; } b #",
			10.0.0.9-10.0.0.11 . 1-65535 . 10.1.0.4 . 9 }
	}
	map m { type ipv4_addr : verdict; elements = { 10.9.0.1 : jump inner, 10.9.0.2 : drop } }
	chain in {
		type filter hook input priority filter; policy accept;
		ct state established,related accept # and so on
		ip daddr . tcp dport { 10.1.0.4 . 9 } jump inner
		ip saddr vmap @m
		tcp dport 9 limit rate over 5/second burst 5 packets drop
		update @seen { ip saddr limit rate over 5/second } drop
		ip6 saddr != 2001:db8::/32 reject with tcp reset
	}
	chain inner {
		ip saddr . tcp sport . ip daddr . tcp dport @open return
		counter packets 0 bytes 0 drop comment "no"
	}
}`
	rules, err := parseNft(table, loaded)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := rules.overlap(); a != nil {
		t.Errorf("%+v and %+v do not overlap", a, b)
	}
	crossing, err := parseNft("table inet x { set s { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 3, 10.0.0.1 . 1-5 } } }", loaded)
	if err != nil {
		t.Fatal(err)
	}
	if a, _ := crossing.overlap(); a == nil {
		t.Error("elements that cross are taken for disjoint")
	}
	chains, err := parseIptables(`# comment
*filter
:IN - [0:0]
:JUDGE - [0:0]
-A IN -d 10.1.0.4/32 -p tcp -m tcp --dport 9 -j JUDGE
-A IN -s 10.9.0.1/32 -g JUDGE
-A IN -s 10.9.0.2/32 -j DROP
-A IN ! -s 0.0.0.0/0 -j DROP
-A JUDGE -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A JUDGE -s 10.0.0.0/30 -p tcp -m multiport --sports 5:6,7 -m time --datestop 2026-06-16T13:59:59 -m comment --comment "-j DROP \" " -j RETURN
-A JUDGE -p tcp -m iprange --src-range 10.0.0.9-10.0.0.11 -m hashlimit --hashlimit-above 5/sec --hashlimit-name x --hashlimit-mode srcip -j DROP
-A JUDGE -p tcp -m iprange --src-range 10.0.0.9-10.0.0.11 -j RETURN
-A JUDGE -p tcp -j REJECT --reject-with tcp-reset
COMMIT
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, from, to string
		after          time.Duration
		want           bool
	}{
		{"first", "10.0.0.0:5", "10.1.0.4:9", 0, true},
		{"last", "10.0.0.3:7", "10.1.0.4:9", 0, true},
		{"address beyond", "10.0.0.4:7", "10.1.0.4:9", 0, false},
		{"port before", "10.0.0.3:4", "10.1.0.4:9", 0, false},
		{"port beyond", "10.0.0.3:8", "10.1.0.4:9", 0, false},
		{"just before its end", "10.0.0.3:7", "10.1.0.4:9", 26*time.Hour - time.Second, true},
		{"at its end", "10.0.0.3:7", "10.1.0.4:9", 26 * time.Hour, false},
		{"range", "10.0.0.11:65535", "10.1.0.4:9", 26 * time.Hour, true},
		{"beyond the range", "10.0.0.12:65535", "10.1.0.4:9", 0, false},
		{"unguarded", "10.0.0.12:1", "10.1.0.5:9", 0, true},
		{"sent to a chain", "10.9.0.1:1", "10.1.0.5:9", 0, false},
		{"dropped", "10.9.0.2:1", "10.1.0.5:9", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &packet{hook: "input", from: netip.MustParseAddrPort(c.from), to: netip.MustParseAddrPort(c.to), at: loaded.Add(c.after)}
			if got := rules.passes(p); got != c.want {
				t.Errorf("nftables: passes: %t", got)
			}
			if got := chains.passes("IN", p); got != c.want {
				t.Errorf("iptables: passes: %t", got)
			}
		})
	}
	there := &packet{hook: "input", from: netip.MustParseAddrPort("10.0.0.12:1"), to: netip.MustParseAddrPort("10.1.0.4:9"), at: loaded, established: true}
	if !rules.passes(there) || !chains.passes("IN", there) {
		t.Error("a connection that is there is cut")
	}
	for name, text := range map[string]string{
		"unknown statement": "table inet x { chain c { ip saddr 10.0.0.1 fwd to eth0 } }",
		"unknown set":       "table inet x { chain c { ip saddr @nowhere drop } }",
		"long comment":      "table inet x { chain c { comment \"" + strings.Repeat("x", 129) + "\" } }",
	} {
		if _, err := parseNft(text, loaded); err == nil {
			t.Errorf("%s is understood", name)
		}
	}
}
