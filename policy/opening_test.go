package policy_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// openingTexts writes openings as "port rule client prefixes ports encryption".
func openingTexts(all []policy.Opening) []string {
	var texts []string
	for _, o := range all {
		rule, client := "audit", "-"
		if o.Rule != nil {
			rule = o.Rule.ID
		}
		if o.Client != nil {
			client = o.Client.Name
		}
		speaks := map[[2]bool]string{{true, false}: "tls", {false, true}: "plaintext", {true, true}: "either"}[[2]bool{o.TLS, o.Plaintext}]
		texts = append(texts, fmt.Sprintf("%s %s %s %v %v %s", o.Port.Name(), rule, client, o.Prefixes, o.Ports, speaks))
	}
	return texts
}

func closureTexts(all []policy.Closure) []string {
	var texts []string
	for _, c := range all {
		what := "block "
		if c.Block != nil {
			what += c.Block.ID
		} else {
			what = "client " + c.Client.Name
		}
		texts = append(texts, fmt.Sprintf("%s %v %v", what, c.Prefixes, c.Ports))
	}
	return texts
}

func TestOpenings(t *testing.T) {
	to := func(ports ...string) func(*policy.Source) {
		return func(s *policy.Source) { s.Rules[0].To = ports }
	}
	from := func(names ...string) func(*policy.Source) {
		return func(s *policy.Source) { s.Rules[0].From = append(s.Rules[0].From, names...) }
	}
	demands := func(d policy.TLSDemand, ports ...string) func(*policy.Source) {
		return func(s *policy.Source) { s.Rules[0].TLS, s.Rules[0].To = d, ports }
	}
	const east = " first east [10.2.0.5/32] [20001-20004] "
	for _, c := range []struct {
		name   string
		change func(*policy.Source)
		want   []string
	}{
		{"TLS only", func(*policy.Source) {}, []string{"app/secure" + east + "tls"}},
		{"ports in the order of the source", to("other/secure", "app/secure", "app/auto"), []string{
			"app/secure" + east + "tls", "app/auto" + east + "tls", "other/secure" + east + "tls"}},
		{"either", demands(policy.TLSAny, "app/*"), []string{
			"app/secure" + east + "tls", "app/auto" + east + "either", "app/plain" + east + "plaintext"}},
		{"plaintext only", demands(policy.PlaintextOnly, "app/auto", "app/plain"), []string{
			"app/auto" + east + "plaintext", "app/plain" + east + "plaintext"}},
		{"an identity is shown in TLS, where a certificate is asked for", func(s *policy.Source) {
			s.Clients[0].Identities = identities([]string{"cn:east"})
			s.Rules[0].TLS, s.Rules[0].To = policy.TLSAny, []string{"app/*"}
		}, []string{"app/secure" + east + "tls"}},
		{"no address is every address", func(s *policy.Source) { s.Clients[0].Addresses = nil }, []string{
			"app/secure first east [0.0.0.0/0 ::/0] [20001-20004] tls"}},
		{"source ports are merged", func(s *policy.Source) {
			s.Clients[0].Ports = []policy.PortRange{{First: 7, Last: 9}, {First: 3, Last: 5}, {First: 5, Last: 6}}
		}, []string{"app/secure first east [10.2.0.5/32] [3-9] tls"}},
		{"all source ports are any", func(s *policy.Source) {
			s.Clients[0].Ports = []policy.PortRange{{First: 1, Last: 65535}}
		}, []string{"app/secure first east [10.2.0.5/32] [] tls"}},
		{"clients, then addresses, each once", func(s *policy.Source) {
			s.Clients = append(s.Clients, policy.Client{Name: "cats", Addresses: prefixes([]string{"10.0.0.0/8"})})
			s.Groups = []policy.Group{{Name: "inner", Members: []string{"east", "192.0.2.1"}}, {Name: "outer", Members: []string{"inner", "cats", "east"}}}
			s.Rules[0].From = []string{"outer", "any", "loopback", "2001:db8::/32", "192.0.2.1"}
		}, []string{
			"app/secure first cats [10.0.0.0/8] [] tls",
			"app/secure" + east + "tls",
			"app/secure first - [0.0.0.0/0 ::/0] [] tls",
			"app/secure first - [127.0.0.0/8 ::1/128] [] tls",
			"app/secure first - [2001:db8::/32] [] tls",
			"app/secure first - [192.0.2.1/32] [] tls",
		}},
		{"rules by id", func(s *policy.Source) {
			s.Rules = append(s.Rules, rule("a", func(r *policy.Rule) { r.To = []string{"app/secure"} }))
		}, []string{"app/secure a - [10.9.0.0/16] [] tls", "app/secure" + east + "tls"}},
		{"a rule that is off", func(s *policy.Source) { s.Rules[0].Mode = policy.Off }, nil},
		{"a rule in audit", func(s *policy.Source) { s.Rules[0].Mode = policy.AuditRule }, []string{"app/secure" + east + "tls"}},
		{"a rule that begins tomorrow", func(s *policy.Source) { s.Rules[0].ValidFrom = today.AddDate(0, 0, 1) }, nil},
		{"a rule on its last day", func(s *policy.Source) { s.Rules[0].Expires = today }, []string{"app/secure" + east + "tls"}},
		{"a rule the day after", func(s *policy.Source) { s.Rules[0].Expires = today.AddDate(0, 0, -1) }, nil},
		{"audit mode", func(s *policy.Source) { s.Audit.Ports = []string{"app/auto", "app/plain"} }, []string{
			"app/secure" + east + "tls",
			"app/auto audit - [0.0.0.0/0 ::/0] [] either",
			"app/plain audit - [0.0.0.0/0 ::/0] [] plaintext",
		}},
		{"a UNIX socket of this host has no address, and loopback has", from("loopback"), []string{
			"app/secure" + east + "tls", "app/secure first - [127.0.0.0/8 ::1/128] [] tls"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := sound()
			c.change(src)
			if diff := gocmp.Diff(c.want, openingTexts(compiled(t, src).Openings(today))); diff != "" {
				t.Errorf("openings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClosures(t *testing.T) {
	src := sound()
	src.Clients = append(src.Clients,
		policy.Client{Name: "strict", RequireTLS: true, Ports: []policy.PortRange{{First: 8, Last: 9}, {First: 5, Last: 7}}},
		policy.Client{Name: "careful", RequireTLS: true, Addresses: prefixes([]string{"10.0.0.0/8", "2001:db8::/32"})})
	src.Blocks = []policy.Block{
		{ID: "worm", Addresses: prefixes([]string{"203.0.113.0/24", "2001:db8::1"})},
		{ID: "scanner", Addresses: prefixes([]string{"198.51.100.1"})},
	}
	want := []string{
		"block scanner [198.51.100.1/32] []",
		"block worm [203.0.113.0/24 2001:db8::1/128] []",
		"client careful [10.0.0.0/8 2001:db8::/32] []",
		"client strict [0.0.0.0/0 ::/0] [5-9]",
	}
	if diff := gocmp.Diff(want, closureTexts(compiled(t, src).Closures())); diff != "" {
		t.Errorf("closures (-want +got):\n%s", diff)
	}
}

func TestNoPolicyOpensNothing(t *testing.T) {
	for _, set := range []*policy.Set{nil, new(policy.Set)} {
		if o, c := set.Openings(today), set.Closures(); o != nil || c != nil {
			t.Errorf("openings %v, closures %v", o, c)
		}
	}
}

// edges are the addresses at which prefixes of the generator begin and end, and those beside them.
func edges() []netip.Addr {
	var all []netip.Addr
	for _, p := range prefixes(fuzzPrefixes) {
		last := p.Addr().AsSlice()
		for i := p.Bits(); i < p.Addr().BitLen(); i++ {
			last[i/8] |= 0x80 >> (i % 8)
		}
		end, _ := netip.AddrFromSlice(last)
		all = append(all, p.Addr(), p.Addr().Prev(), end, end.Next())
	}
	all = slices.DeleteFunc(all, func(a netip.Addr) bool { return !a.IsValid() })
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

func holds(list []netip.Prefix, ports []policy.PortRange, source netip.AddrPort) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(source.Addr()) }) &&
		(len(ports) == 0 || slices.ContainsFunc(ports, func(r policy.PortRange) bool { return r.Contains(source.Port()) }))
}

// opened reports whether an opening of a port holds a source where no closure takes it away.
func opened(openings []policy.Opening, closures []policy.Closure, port string, source netip.AddrPort) bool {
	for i := range openings {
		o := &openings[i]
		if o.Port.Name() != port || !holds(o.Prefixes, o.Ports, source) {
			continue
		}
		if !slices.ContainsFunc(closures, func(c policy.Closure) bool { return c.Closes(o) && holds(c.Prefixes, c.Ports, source) }) {
			return true
		}
	}
	return false
}

// FuzzOpenings holds openings against the early judgement, which they describe.
func FuzzOpenings(f *testing.F) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 6))
		data := make([]byte, 200)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f.Add(data)
	}
	at := edges()
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &chooser{data}
		now := one(c, fuzzTimes)
		strict := c.below(4)
		src := randomSource(c)
		for i := range min(strict, len(src.Clients)) {
			src.Clients[i].RequireTLS = true
		}
		set, _ := policy.Compile(src, today)
		if set == nil {
			return
		}
		openings, closures := set.Openings(now), set.Closures()
		checkOpenings(t, src, openings)
		mixed, _ := policy.Compile(shuffled(src, uint64(len(data))), today)
		inOrder := func(all []policy.Opening) []string { return slices.Sorted(slices.Values(openingTexts(all))) }
		if diff := gocmp.Diff(inOrder(openings), inOrder(mixed.Openings(now))); diff != "" {
			t.Fatalf("in another order (-first +second):\n%s", diff)
		}
		for _, port := range src.Ports {
			facts := policy.Facts{Application: port.Application, Port: port.ID, Now: now}
			for _, addr := range at {
				for _, number := range fuzzPorts[1:] { // port 0 is none
					facts.Source = netip.AddrPortFrom(addr, number)
					want, got := set.Decide(&facts).Verdict.Passes(), opened(openings, closures, port.Name(), facts.Source)
					if got != want {
						t.Fatalf("%s to %s: judged early %t, opened %t\n%s\n%s", facts.Source, port.Name(), want, got,
							strings.Join(openingTexts(openings), "\n"), strings.Join(closureTexts(closures), "\n"))
					}
				}
			}
		}
	})
}

// checkOpenings looks at the order of openings, and whether something can come through each.
func checkOpenings(t *testing.T, src *policy.Source, openings []policy.Opening) {
	t.Helper()
	place := func(p *policy.Port) int {
		return slices.IndexFunc(src.Ports, func(o policy.Port) bool { return o.Name() == p.Name() })
	}
	key := func(o policy.Opening) (rule, client string) {
		if client = "\xff"; o.Client != nil { // addresses come last
			client = o.Client.Name
		}
		if o.Rule != nil {
			rule = o.Rule.ID
		}
		return rule, client
	}
	if !slices.IsSortedFunc(openings, func(a, b policy.Opening) int {
		ruleA, clientA := key(a)
		ruleB, clientB := key(b)
		return cmp.Or(cmp.Compare(place(a.Port), place(b.Port)), cmp.Compare(ruleA, ruleB), cmp.Compare(clientA, clientB))
	}) {
		t.Fatalf("out of order: %s", openingTexts(openings))
	}
	for _, o := range openings {
		if !o.TLS && !o.Plaintext || o.TLS && o.Port.Mode == policy.Plaintext || o.Plaintext && o.Port.Mode == policy.Secure {
			t.Fatalf("TLS %t, plaintext %t at %s", o.TLS, o.Plaintext, o.Port.Name())
		}
	}
}
