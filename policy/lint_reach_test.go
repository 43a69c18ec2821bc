package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport/policy"
)

// What is refused whatever the rules say, however the rule names it.
func TestLintFindsRulesInVain(t *testing.T) {
	block := func(texts ...string) policy.Block {
		return policy.Block{ID: "b-" + texts[0][:2], Addresses: prefixes(texts)}
	}
	from := func(s *policy.Source, entries ...string) {
		s.Rules = append(s.Rules, rule("second", func(r *policy.Rule) { r.From = entries }))
	}
	strict := func(s *policy.Source) {
		s.Clients = append(s.Clients, policy.Client{Name: "s2", Addresses: prefixes([]string{"10.0.0.0/25", "10.0.0.128/25"}), RequireTLS: true})
	}
	plain := func(s *policy.Source, entries ...string) {
		s.Rules = append(s.Rules, rule("second", func(r *policy.Rule) { r.From, r.To, r.TLS = entries, []string{"app/plain"}, policy.PlaintextOnly }))
	}
	const come = " | blocks come before every rule"
	checkFaults(t, []faultCase{
		{"a blocked address", func(s *policy.Source) {
			s.Blocks = []policy.Block{block("10.9.0.0/16")}
			from(s, "10.8.0.1", "10.9.0.5", "10.9.0.0/17", "10.0.0.0/8")
		}, []string{`W allow[1].from[1]: "10.9.0.5" is blocked by "b-10"` + come, `W allow[1].from[2]: "10.9.0.0/17" is blocked by "b-10"` + come}},
		{"a blocked member", func(s *policy.Source) {
			s.Blocks = []policy.Block{block("10.9.0.0/16")}
			s.Groups = []policy.Group{{Name: "g", Members: []string{"10.9.0.5", "10.8.0.1"}}}
			from(s, "g")
		}, []string{`W group[0].members[0]: "10.9.0.5" is blocked by "b-10"` + come}},
		{"a client in two blocks", func(s *policy.Source) {
			s.Blocks = []policy.Block{block("10.2.0.4/31", "10.3.0.0/16"), block("99.0.0.0/8")}
			s.Clients[0].Addresses = prefixes([]string{"10.2.0.4/30"})
			s.Blocks[1].Addresses[0] = policyPrefix("10.2.0.6/31")
		}, []string{`W client[0].addresses[0]: "10.2.0.4/30" is blocked by "b-10" (and 1 more)` + come}},
		{"loopback", func(s *policy.Source) {
			s.Blocks = []policy.Block{block("127.0.0.0/8", "::1/128")}
			from(s, "loopback")
		}, []string{`W allow[1].from[0]: "loopback" is blocked by "b-12", but for UNIX sockets` + come}},
		{"half of loopback", func(s *policy.Source) {
			s.Blocks = []policy.Block{block("127.0.0.0/8")}
			from(s, "loopback")
		}, nil},
		{"a rule that is off", func(s *policy.Source) {
			s.Blocks = []policy.Block{block("10.9.0.0/16")}
			s.Rules = append(s.Rules, rule("second", func(r *policy.Rule) { r.Mode = policy.Off }))
		}, nil},
		{"the address of a client with require_tls", func(s *policy.Source) {
			strict(s)
			plain(s, "10.0.0.5", "10.0.0.0/24", "10.0.0.0/23", "10.1.0.5")
		}, []string{
			`W allow[1].from[0]: client "s2" has require_tls, "10.0.0.5" is at its addresses, and the rule's tls is "plaintext" | the rule never allows it`,
			`W allow[1].from[1]: client "s2" has require_tls, "10.0.0.0/24" is at its addresses, and the rule's tls is "plaintext" | the rule never allows it`}},
		{"another client there", func(s *policy.Source) {
			strict(s)
			s.Clients[0].Addresses = prefixes([]string{"10.0.0.5"})
			plain(s, "east")
		}, []string{
			`W allow[1].from[0]: client "s2" has require_tls, "east" is at its addresses, and the rule's tls is "plaintext" | the rule never allows it`}},
		{"source ports of a client with require_tls", func(s *policy.Source) {
			strict(s)
			s.Clients[1].Ports = []policy.PortRange{{First: 2000, Last: 2001}}
			plain(s, "10.0.0.5")
		}, nil},
		{"ports that take plaintext only", func(s *policy.Source) {
			strict(s)
			plain(s, "10.0.0.5")
			s.Rules[1].TLS = policy.TLSAny
		}, []string{
			`W allow[1].from[0]: client "s2" has require_tls, "10.0.0.5" is at its addresses, and the rule's ports take plaintext only | the rule never allows it`}},
		{"tls for a client with require_tls", func(s *policy.Source) {
			strict(s)
			plain(s, "10.0.0.5")
			s.Rules[1].To, s.Rules[1].TLS = []string{"app/plain", "app/auto"}, policy.TLSAny
		}, nil},
	})
}

// Everybody is everybody, whatever it is called.
func TestLintFindsEverybody(t *testing.T) {
	halves := []string{"0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"}
	const all, every = `W allow[0].to[0]: everybody may connect to every port of "other"`, `W allow[0].to: everybody may connect to every port of "app"`
	client := func(change func(*policy.Client)) func(*policy.Source) {
		return func(s *policy.Source) {
			s.Clients = []policy.Client{{Name: "east"}}
			change(&s.Clients[0])
			s.Rules[0].From = []string{"east"}
		}
	}
	from := func(entries ...string) func(*policy.Source) {
		return func(s *policy.Source) { s.Clients, s.Rules[0].From = nil, entries }
	}
	to := func(change func(*policy.Source), ports ...string) func(*policy.Source) {
		return func(s *policy.Source) { change(s); s.Rules[0].To = ports; s.Rules[0].TLS = policy.TLSAny }
	}
	cases := []faultCase{
		{"both families", to(from("0.0.0.0/0", "::/0"), "other/*"), []string{all}},
		{"one family", to(from("0.0.0.0/0"), "other/*"), nil},
		{"halves", to(from(halves...), "other/*"), []string{all}},
		{"not quite", to(from("0.0.0.0/1", "128.0.0.0/2", "64.0.0.0/2", "::/0"), "other/*"), nil},
		{"a client there", to(client(func(c *policy.Client) { c.Addresses = prefixes(halves) }), "other/*"), []string{all}},
		{"every source port", to(client(func(c *policy.Client) {
			c.Ports = []policy.PortRange{{First: 1, Last: 30000}, {First: 30001, Last: 65535}}
		}), "other/*"), []string{all}},
		{"most source ports", to(client(func(c *policy.Client) { c.Ports = []policy.PortRange{{First: 1024, Last: 65535}} }), "other/*"), nil},
		{"whoever shows an identity", to(client(func(c *policy.Client) { c.Identities = identities([]string{"cn:x"}) }), "app/*"), nil},
		{"every port by name", to(from("any"), "app/secure", "app/auto", "app/plain"), []string{every}},
		{"every port by name, and of another by wildcard", to(from("any"), "app/secure", "app/auto", "app/plain", "other/*"), []string{
			`W allow[0].to[3]: everybody may connect to every port of "other"`, every}},
		{"the only port", to(from("any"), "other/secure"), nil},
		{"not every port", to(from("any"), "app/secure", "app/auto"), nil},
	}
	for i := range cases {
		for j := range cases[i].want {
			cases[i].want[j] += " | name the clients, or the ports"
		}
	}
	for _, c := range cases {
		src := sound()
		c.change(src)
		_, faults := policy.Compile(src, today)
		var got []string
		for _, line := range report(faults) {
			if strings.Contains(line, "everybody may") {
				got = append(got, line)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestLintFindsThatEverybodyIsExempt(t *testing.T) {
	const nobody = "everybody is exempt, so nobody is ever locked out | set failures = 0 for no lock-out"
	lockout := func(exempt ...string) func(*policy.Source) {
		return func(s *policy.Source) {
			s.Clients = append(s.Clients, policy.Client{Name: "named", Identities: identities([]string{"cn:x"})})
			s.Rules[0].From = []string{"east", "named"}
			s.Groups = []policy.Group{{Name: "g", Members: []string{"10.0.0.1", "any"}}}
			s.Rules = append(s.Rules, rule("off", func(r *policy.Rule) { r.From, r.Mode = []string{"g"}, policy.Off }))
			s.Lockout = policy.Lockout{Failures: 3, Window: time.Minute, Duration: time.Minute, Exempt: exempt}
		}
	}
	checkFaults(t, []faultCase{
		{"any", lockout("loopback", "any"), []string{"W lockout.exempt[1]: " + nobody}},
		{"a group with any", lockout("g"), []string{"W lockout.exempt[0]: " + nobody}},
		{"both families", lockout("0.0.0.0/0", "::/0"), []string{"W lockout.exempt: " + nobody}},
		{"one family", lockout("0.0.0.0/0"), nil},
		{"an identity at any address", lockout("named"), []string{
			`W lockout.exempt[0]: client "named" demands an identity, which is not known when a lock-out is looked at | its addresses and ports are exempt, whoever connects from there`,
			"W lockout.exempt[0]: " + nobody}},
	})
}

// Of two rules for the same the limits add up, and neither is redundant.
func TestLintFindsCopiesWithLimits(t *testing.T) {
	limited := func(n int, change func(*policy.Rule)) policy.Rule {
		return rule("copy", func(r *policy.Rule) { r.MaxConnections = n; change(r) })
	}
	add := func(r policy.Rule) func(*policy.Source) {
		return func(s *policy.Source) {
			s.Rules = append(s.Rules, rule("limited", func(r *policy.Rule) { r.MaxConnections = 5 }), r)
		}
	}
	warned := []string{`W allow[2]: rule "copy" allows the same as rule "limited", and the limits of both add up | where one is full the other still lets in; keep one, with the limits that are meant`}
	checkFaults(t, []faultCase{
		{"a copy", add(limited(5, func(*policy.Rule) {})), warned},
		{"written otherwise", add(limited(5, func(r *policy.Rule) { r.From, r.To = []string{"10.9.128.0/17", "10.9.0.0/17"}, []string{"other/*"} })), warned},
		{"other limits", add(limited(9, func(*policy.Rule) {})), warned},
		{"a narrower one", add(limited(5, func(r *policy.Rule) { r.From = []string{"10.9.0.5"} })), nil},
		{"a wider one", add(limited(5, func(r *policy.Rule) { r.From = []string{"10.0.0.0/8"} })), nil},
		{"in audit mode", add(limited(5, func(r *policy.Rule) { r.Mode = policy.AuditRule })), nil},
		{"for a time", add(limited(5, func(r *policy.Rule) { r.ValidFrom = day("2026-01-01") })), nil},
	})
}

func TestLintGoesByWhatPatternsCover(t *testing.T) {
	named := func(name, identity string) policy.Client {
		return policy.Client{Name: name, Addresses: prefixes([]string{"10.3.0.0/16"}), Identities: identities([]string{identity}), Ports: []policy.PortRange{{First: 2000 + uint16(len(name)), Last: 2000 + uint16(len(name))}}}
	}
	src := sound()
	src.Clients = append(src.Clients, named("a", "dns:a.example.com"), named("all", "dns:*.example.com"))
	src.Clients[1].Ports = src.Clients[2].Ports
	src.Rules = append(src.Rules,
		policy.Rule{ID: "narrow", From: []string{"a"}, To: []string{"app/secure"}, Owner: "x"},
		policy.Rule{ID: "wide", From: []string{"all"}, To: []string{"app/secure"}, Owner: "x"})
	_, faults := policy.Compile(src, today)
	want := `[W client[2].ports: client "all" has an address and a source port in common with client "a", and rules let both connect to "app/secure" | ` + twinHint +
		` W allow[1]: rule "narrow" allows nothing that rule "wide" does not allow | remove one of them; a narrower rule does not restrict a broader one]`
	if got := fmt.Sprint(report(faults)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
