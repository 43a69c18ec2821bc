package main

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/internal/testpolicy"
)

// A rule set in which a single element is wrong is found out. A few elements are so small that no tuple of the policy's hits
// them by chance, and only they may go unnoticed when they are missing.
func TestExportProofFindsMutants(t *testing.T) {
	pki := proofFiles(t)
	made, found := make(map[string]int), make(map[string]int)
	for seed := range uint64(4) {
		p := newProof(t, pki, seed)
		m := mutation{proof: p, wanted: make(map[testpolicy.Tuple]bool), tuples: p.tuples("client", 400)}
		m.rules, _ = p.nftables("client")
		if m.noticed() {
			t.Fatalf("seed %d: explain and the export as it is disagree", seed)
		}
		for _, s := range m.rules.sets {
			for i := range s.elements {
				for _, mutant := range mutantsOf(&s.elements[i]) {
					if m.changes(s, i, mutant) {
						made[mutant.name]++
						if m.with(s, i, mutant, m.noticed) {
							found[mutant.name]++
						}
					}
				}
			}
		}
	}
	t.Logf("mutants that open or close something: %v; found: %v", made, found)
	for name, n := range made {
		if n < 10 || found[name] < n*9/10 {
			t.Errorf("%s: %d of %d are found", name, found[name], n)
		}
	}
	for _, name := range []string{"ports widened", "addresses widened"} {
		if found[name] < made[name] {
			t.Errorf("%s: something that is open beyond the policy goes unnoticed", name)
		}
	}
}

// mutant is an element that has become wrong, and where that shows.
type mutant struct {
	name    string
	element nftElement
	shows   netip.Addr
	source  uint16
}

// mutantsOf returns what can go wrong with an element of tuples.
func mutantsOf(e *nftElement) []mutant {
	if len(e.key) != 4 || e.verdict != "" {
		return nil
	}
	last, ports := e.key[0].last, e.key[1]
	changed := func(name string, shows netip.Addr, source uint16, change func(addresses, ports *interval)) mutant {
		key := slices.Clone(e.key)
		change(&key[0], &key[1])
		return mutant{name, nftElement{key: key, ends: e.ends}, shows, source}
	}
	all := []mutant{{"removed", nftElement{}, last, ports.high}}
	if ports.high < 65535 {
		all = append(all, changed("ports widened", last, ports.high+1, func(_, p *interval) { p.high++ }))
	}
	if ports.low < ports.high {
		all = append(all, changed("ports narrowed", last, ports.high, func(_, p *interval) { p.high-- }))
	}
	if next := last.Next(); next.IsValid() {
		all = append(all, changed("addresses widened", next, ports.high, func(a, _ *interval) { a.last = next }))
	}
	return all
}

// mutation is a world whose export is changed element by element.
type mutation struct {
	*proof
	rules  *nftRules
	tuples []testpolicy.Tuple
	wanted map[testpolicy.Tuple]bool // what explain said already
}

// with does something while an element is another.
func (m *mutation) with(s *nftSet, i int, by mutant, do func() bool) bool {
	original := s.elements[i]
	s.elements[i] = by.element
	defer func() { s.elements[i] = original }()
	return do()
}

// changes reports whether a mutant opens or closes what it is about: another element may hold that, too.
func (m *mutation) changes(s *nftSet, i int, by mutant) bool {
	t := m.tupleOf(&s.elements[i], by.shows, int(by.source))
	if t == nil {
		return false
	}
	passes := func() bool { return m.rules.passes(packetOf(*t, "client", m.Now)) }
	return passes() != m.with(s, i, by, passes)
}

// noticed reports whether any tuple shows that explain and the rules disagree.
func (m *mutation) noticed() bool {
	for _, t := range slices.Concat(m.tuples, m.corners(m.rules)) {
		want, known := m.wanted[t]
		if !known {
			want = m.explained(t, m.Now)
			m.wanted[t] = want
		}
		if m.rules.passes(packetOf(t, "client", m.Now)) != want {
			return true
		}
	}
	return false
}

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
			p := &packet{hook: "input", from: netip.MustParseAddrPort(c.from), to: netip.MustParseAddrPort(c.to), at: loaded.Add(c.after), syn: true}
			if got := rules.passes(p); got != c.want {
				t.Errorf("nftables: passes: %t", got)
			}
			if got := chains.passes("IN", p); got != c.want {
				t.Errorf("iptables: passes: %t", got)
			}
		})
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
