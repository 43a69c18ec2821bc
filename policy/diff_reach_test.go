package policy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// What lets more pass is a question of what entries stand for, not of how many there are.
func TestDiffJudgesWhatEntriesStandFor(t *testing.T) {
	old := func() *policy.Source {
		return &policy.Source{
			Clients: []policy.Client{
				{Name: "c", Addresses: prefixes([]string{"10.0.0.0/24"}), Identities: identities([]string{"dns:a.example.com", "uri:spiffe://td/ns/a"})},
				{Name: "d", Addresses: prefixes([]string{"10.0.0.0/25", "10.0.0.128/25"}), Identities: identities([]string{"dns:a.example.com", "uri:spiffe://td/ns/a"})},
				{Name: "strict", Addresses: prefixes([]string{"10.5.0.0/16"}), Ports: []policy.PortRange{{First: 1, Last: 9}}, RequireTLS: true},
			},
			Groups: []policy.Group{{Name: "g", Members: []string{"10.1.0.11", "c"}}},
			Rules: []policy.Rule{
				{ID: "r", From: []string{"c"}, To: []string{"app/secure"}},
				{ID: "limited", From: []string{"10.0.0.5"}, To: []string{"app/*"}, Limits: policy.Limits{MaxConnections: 1}},
				{ID: "idle", From: []string{"g"}, To: []string{"app/secure"}, Mode: policy.Off},
			},
			Blocks:  []policy.Block{{ID: "b", Addresses: prefixes([]string{"10.0.0.0/8"})}},
			Lockout: policy.Lockout{Failures: 1, Exempt: []string{"c"}},
			Audit:   policy.Audit{Ports: []string{"app/*"}},
		}
	}
	from := func(rule int, from ...string) func(*policy.Source) {
		return func(s *policy.Source) { s.Rules[rule].From = from }
	}
	addresses := func(client int, texts ...string) func(*policy.Source) {
		return func(s *policy.Source) { s.Clients[client].Addresses = prefixes(texts) }
	}
	for _, c := range []struct {
		name          string
		change        func(*policy.Source)
		want, reverse string
	}{
		{"any", from(0, "any"), `allow "r" widened: from: "any" added, "c" removed`, `allow "r" narrowed: from: "c" added, "any" removed`},
		{"an address of a client that demands more", from(0, "c", "10.0.0.7"), `allow "r" widened: from: "10.0.0.7" added`, `allow "r" narrowed: from: "10.0.0.7" removed`},
		{"a client that is the same", from(0, "d"), `allow "r" changed: from: "d" added, "c" removed, which means the same`, `allow "r" changed: from: "c" added, "d" removed, which means the same`},
		{"a wider prefix", from(1, "10.0.0.0/24"), `allow "limited" widened: from: "10.0.0.0/24" added, "10.0.0.5" removed`, `allow "limited" narrowed: from: "10.0.0.5" added, "10.0.0.0/24" removed`},
		{"an address that is there", from(1, "10.0.0.0/24", "10.0.0.5"), `allow "limited" widened: from: "10.0.0.0/24" added`, `allow "limited" narrowed: from: "10.0.0.0/24" removed`},
		{"a client with limits", from(1, "10.0.0.5", "c"), `allow "limited" widened: from: "c" added`, `allow "limited" narrowed: from: "c" removed`},
		{"another address", from(1, "10.0.0.6"), `allow "limited" changed: from: "10.0.0.6" added, "10.0.0.5" removed`, `allow "limited" changed: from: "10.0.0.5" added, "10.0.0.6" removed`},
		{"an unknown name", from(1, "nobody"), `allow "limited" changed: from: "nobody" added, "10.0.0.5" removed`, `allow "limited" changed: from: "10.0.0.5" added, "nobody" removed`},
		{"a rule that is off", from(2, "any"), `allow "idle" changed: from: "any" added, "g" removed, while the rule is off`, `allow "idle" changed: from: "g" added, "any" removed, while the rule is off`},
		{"wildcard", func(s *policy.Source) { s.Rules[0].To = []string{"app/*"} }, `allow "r" widened: to: "app/*" added, "app/secure" removed`, `allow "r" narrowed: to: "app/secure" added, "app/*" removed`},
		{"port beside a wildcard", func(s *policy.Source) { s.Rules[1].To = []string{"app/*", "app/secure"} }, `allow "limited" changed: to: "app/secure" added, which means the same`, `allow "limited" changed: to: "app/secure" removed, which means the same`},
		{"wildcard of another application", func(s *policy.Source) { s.Rules[0].To = []string{"other/*"} }, `allow "r" changed: to: "other/*" added, "app/secure" removed`, `allow "r" changed: to: "app/secure" added, "other/*" removed`},
		{"halves", addresses(0, "10.0.0.0/25", "10.0.0.128/25"), `client "c" changed: addresses: "10.0.0.0/25", "10.0.0.128/25" added, "10.0.0.0/24" removed, which means the same`,
			`client "c" changed: addresses: "10.0.0.0/24" added, "10.0.0.0/25", "10.0.0.128/25" removed, which means the same`},
		{"an address that the client has", addresses(0, "10.0.0.0/24", "10.0.0.7"), `client "c" changed: addresses: "10.0.0.7" added, which means the same`, `client "c" changed: addresses: "10.0.0.7" removed, which means the same`},
		{"every address, not sockets", addresses(0, "0.0.0.0/0", "::/0"), `client "c" widened: addresses: "0.0.0.0/0", "::/0" added, "10.0.0.0/24" removed`, `client "c" narrowed: addresses: "10.0.0.0/24" added, "0.0.0.0/0", "::/0" removed`},
		{"a client with require_tls", addresses(2, "10.5.0.0/16", "10.6.0.0/16"), `client "strict" changed: addresses: "10.6.0.0/16" added, and so where require_tls refuses plaintext`,
			`client "strict" changed: addresses: "10.6.0.0/16" removed, and so where require_tls refuses plaintext`},
		{"every source port", func(s *policy.Source) { s.Clients[0].Ports = []policy.PortRange{{First: 1, Last: 65535}} }, `client "c" changed: ports: "1-65535" added, which means the same`, `client "c" changed: ports: "1-65535" removed, which means the same`},
		{"a pattern", func(s *policy.Source) {
			s.Clients[0].Identities = identities([]string{"dns:*.example.com", "uri:spiffe://td/*"})
		}, `client "c" widened: identities: "dns:*.example.com", "uri:spiffe://td/*" added, "dns:a.example.com", "uri:spiffe://td/ns/a" removed`,
			`client "c" narrowed: identities: "dns:a.example.com", "uri:spiffe://td/ns/a" added, "dns:*.example.com", "uri:spiffe://td/*" removed`},
		{"a group", func(s *policy.Source) { s.Groups[0].Members = []string{"10.1.0.0/28", "c"} }, `group "g" widened: members: "10.1.0.0/28" added, "10.1.0.11" removed`, `group "g" narrowed: members: "10.1.0.11" added, "10.1.0.0/28" removed`},
		{"a group that counts otherwise", func(s *policy.Source) { s.Groups[0].Members = []string{"10.1.0.11", "d"} }, `group "g" changed: members: "d" added, "c" removed, which matches the same`, `group "g" changed: members: "c" added, "d" removed, which matches the same`},
		{"a block within a block", func(s *policy.Source) {
			s.Blocks[0].Addresses = append(s.Blocks[0].Addresses, policyPrefix("10.1.0.0/16"))
		}, `block "b" changed: addresses: "10.1.0.0/16" added, which means the same`, `block "b" changed: addresses: "10.1.0.0/16" removed, which means the same`},
		{"halves of a block", func(s *policy.Source) { s.Blocks[0].Addresses = prefixes([]string{"10.0.0.0/9", "10.128.0.0/9"}) },
			`block "b" changed: addresses: "10.0.0.0/9", "10.128.0.0/9" added, "10.0.0.0/8" removed, which means the same`, `block "b" changed: addresses: "10.0.0.0/8" added, "10.0.0.0/9", "10.128.0.0/9" removed, which means the same`},
		{"a wider block", func(s *policy.Source) { s.Blocks[0].Addresses = prefixes([]string{"10.0.0.0/7"}) }, `block "b" narrowed: addresses: "10.0.0.0/7" added, "10.0.0.0/8" removed`, `block "b" widened: addresses: "10.0.0.0/8" added, "10.0.0.0/7" removed`},
		{"an audited port", func(s *policy.Source) { s.Audit.Ports = []string{"app/secure"} }, `audit narrowed: ports: "app/secure" added, "app/*" removed`, `audit widened: ports: "app/*" added, "app/secure" removed`},
		{"exempt whoever it is", func(s *policy.Source) { s.Lockout.Exempt = []string{"10.0.0.0/24"} }, `lockout changed: exempt: "10.0.0.0/24" added, "c" removed, which means the same`, `lockout changed: exempt: "c" added, "10.0.0.0/24" removed, which means the same`},
		{"a burst that is the default", func(s *policy.Source) {
			s.Rules[1].Limits = policy.Limits{MaxConnections: 1, Rate: policy.Rate{Events: 9}, Burst: 9}
			s.Rules[1].Rate.Per = 1e9
		}, `allow "limited" narrowed: rate: none is now 9/s|allow "limited" narrowed: burst: none is now 9`, `allow "limited" widened: rate: 9/s is now none|allow "limited" widened: burst: 9 is now none`},
		{"a text", func(s *policy.Source) { s.Rules[0].Owner = "x" }, `allow "r" changed: owner: "" is now "x"`, `allow "r" changed: owner: "x" is now ""`},
		{"the default prefix", func(s *policy.Source) { s.Defaults.IPv6Prefix = 64 }, `defaults changed: ipv6_prefix: none is now 64, which means the same`, `defaults changed: ipv6_prefix: 64 is now none, which means the same`},
	} {
		new := old()
		c.change(new)
		for _, d := range []struct{ want, got string }{{c.want, strings.Join(changes(old(), new), "|")}, {c.reverse, strings.Join(changes(new, old()), "|")}} {
			if diff := cmp.Diff(d.want, d.got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
		}
	}
}

func TestDiffOfLimitsThatCountOtherwise(t *testing.T) {
	old, new := example(), example()
	old.Clients = append(old.Clients, policy.Client{Name: "one", Addresses: prefixes([]string{"10.8.0.0/24"})})
	new.Clients = append(new.Clients, policy.Client{Name: "one", Addresses: prefixes([]string{"10.8.0.0/24"})})
	limited := rule("limited", func(r *policy.Rule) { r.From, r.MaxConnections = []string{"one"}, 1 })
	old.Rules = append(old.Rules, limited)
	limited.From = []string{"10.8.0.0/25", "10.8.0.128/25"}
	new.Rules = append(new.Rules, limited)
	want := []string{`allow "limited" changed: from: "10.8.0.0/25", "10.8.0.128/25" added, "one" removed, which matches the same; limits may be counted otherwise`}
	if diff := cmp.Diff(want, changes(old, new)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// edited changes one field at random.
func edited(c *chooser, src *policy.Source) *policy.Source {
	other := *src
	other.Clients = append([]policy.Client(nil), src.Clients...)
	other.Groups = append([]policy.Group(nil), src.Groups...)
	other.Rules = append([]policy.Rule(nil), src.Rules...)
	other.Blocks = append([]policy.Block(nil), src.Blocks...)
	client := &other.Clients[c.below(len(other.Clients))]
	r := &other.Rules[c.below(len(other.Rules))]
	switch c.below(11) {
	case 0:
		client.Addresses = prefixes(some(c, 3, append(fuzzPrefixes, "10.0.0.0/31", "10.0.0.2/31", "0.0.0.0/1", "128.0.0.0/1")))
	case 1:
		client.Ports = some(c, 3, append(fuzzRanges, policy.PortRange{First: 2, Last: 3}, policy.PortRange{First: 4, Last: 4}))
	case 2:
		client.Identities = identities(some(c, 3, fuzzPatterns))
	case 3, 4:
		i := c.below(len(other.Groups))
		entries := append(append([]string{"10.0.0.0/31", "10.0.0.2/31"}, fuzzClients...), append(fuzzPrefixes, fuzzGroups[:i]...)...)
		other.Groups[i].Members = append(some(c, 3, entries), one(c, entries))
	case 5, 6:
		r.From = append(some(c, 3, append(append(append([]string{"10.0.0.0/31", "10.0.0.2/31"}, fuzzClients...), fuzzGroups...), append(fuzzPrefixes, fuzzWords...)...)), r.From...)
		r.From = r.From[:1+c.below(len(r.From))]
	case 7:
		r.To = append(some(c, 2, fuzzTo), one(c, fuzzTo))
	case 8:
		r.TLS = policy.TLSDemand(c.below(3))
	case 9:
		r.ValidFrom = one(c, fuzzDays)
	case 10:
		if len(other.Blocks) > 0 {
			other.Blocks[0].Addresses = append(prefixes(some(c, 2, fuzzPrefixes)), policyPrefix("10.0.0.0/30"))
		}
	}
	return &other
}

// FuzzDiff holds the word for one change against what both policies say to sessions.
func FuzzDiff(f *testing.F) {
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 3))
		data := make([]byte, 600)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &chooser{data}
		old := randomSource(c)
		new := edited(c, old)
		before, _ := policy.Compile(old, today)
		after, _ := policy.Compile(new, today)
		if before == nil || after == nil {
			return
		}
		list := policy.Diff(old, new)
		if len(list) > 1 {
			t.Fatalf("one field was changed, and not %v", list)
		}
		for range 60 {
			facts, _ := randomFacts(c, old)
			if facts.Source.IsValid() && facts.Source.Port() == 0 {
				continue // there is no such connection
			}
			was, is := before.Decide(&facts).Verdict.Passes(), after.Decide(&facts).Verdict.Passes()
			if was == is {
				continue
			}
			switch {
			case len(list) == 0, strings.Contains(list[0].Text, "means the same"), strings.Contains(list[0].Text, "matches the same"), strings.Contains(list[0].Text, "while"),
				is && list[0].Kind == policy.Narrowed, was && list[0].Kind == policy.Widened:
				t.Fatalf("%v, and %+v passed: %t, passes: %t\nold %s\nnew %s", list, facts, was, is, fmt.Sprintf("%+v", old), fmt.Sprintf("%+v", new))
			}
		}
	})
}
