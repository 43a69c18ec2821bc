package policy_test

import (
	"net/netip"
	"testing"
	"time"

	"sallyport/policy"
)

func policyPrefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }
func addrPort(text string) netip.AddrPort   { return netip.MustParseAddrPort(text) }

func TestLint(t *testing.T) {
	add := func(rules ...policy.Rule) func(*policy.Source) {
		return func(s *policy.Source) { s.Rules = append(s.Rules, rules...) }
	}
	identified := func(s *policy.Source) { s.Clients[0].Identities = identities([]string{"cn:east"}) }
	checkFaults(t, []faultCase{
		{"no owner", func(s *policy.Source) { s.Rules[0].Owner = "" }, []string{
			`W allow[0].owner: rule "first" has no owner | say who can answer whether it is still needed`}},
		{"any to any", add(rule("second", func(r *policy.Rule) { r.From, r.To = []string{"any"}, []string{"other/*"} })), []string{
			`W allow[1].to[0]: everybody may connect to every port of "other" | name the clients, or the ports`}},
		{"any to any by a group", func(s *policy.Source) {
			s.Groups = []policy.Group{{Name: "all", Members: []string{"any"}}}
			add(rule("second", func(r *policy.Rule) { r.From, r.To = []string{"all"}, []string{"other/*"} }))(s)
		}, []string{
			`W allow[1].to[0]: everybody may connect to every port of "other" | name the clients, or the ports`}},
		{"any to every port", func(s *policy.Source) {
			s.Ports = s.Ports[:2]
			s.Rules[0].From, s.Rules[0].To, s.Clients = []string{"any"}, []string{"app/secure", "app/auto"}, nil
		}, []string{
			`W allow[0].to: everybody may connect to every port there is | name the clients, or the ports`}},
		{"plaintext on an exposed port, for this host alone", func(s *policy.Source) {
			s.Ports[1].Exposed, s.Ports[2].Exposed = true, true
			s.Clients = append(s.Clients, policy.Client{Name: "here", Addresses: prefixes([]string{"127.0.0.7/32", "::1/128"})})
			add(rule("second", func(r *policy.Rule) {
				r.From, r.To, r.TLS = []string{"loopback", "here"}, []string{"app/*"}, policy.TLSAny
			}))(s)
		}, nil},
		{"plaintext on an exposed port", func(s *policy.Source) {
			s.Ports[1].Exposed, s.Ports[2].Exposed = true, true
			add(rule("second", func(r *policy.Rule) { r.To, r.TLS = []string{"app/plain", "app/*"}, policy.TLSAny }),
				rule("third", func(r *policy.Rule) { r.To = []string{"app/auto"} }))(s)
		}, []string{
			`W allow[1].to[0]: plaintext is allowed on "app/plain", which listens beyond loopback | everybody on the way can read and change it; where TLS is possible, say tls = "required"`,
			`W allow[1].to[1]: plaintext is allowed on "app/auto" (and 1 more), which listens beyond loopback | everybody on the way can read and change it; where TLS is possible, say tls = "required"`,
			`W allow[2]: rule "third" allows nothing that rule "second" does not allow | remove one of them; a narrower rule does not restrict a broader one`}},
		{"identity on a port that does not ask", func(s *policy.Source) {
			identified(s)
			s.Rules[0].To = []string{"app/secure", "other/secure"}
		}, []string{
			`W allow[0].to[1]: client "east" must show an identity, and "other/secure" asks for no client certificate | the rule never allows it there; set client_auth on the port`}},
		{"identity in plaintext", func(s *policy.Source) {
			identified(s)
			s.Rules[0].To, s.Rules[0].TLS = []string{"app/plain"}, policy.PlaintextOnly
		}, []string{
			`W allow[0].from[0]: client "east" must show an identity, which takes TLS, and the rule's tls is "plaintext" | the rule never allows it`,
			`W allow[0].to[0]: client "east" must show an identity, and "app/plain" asks for no client certificate | the rule never allows it there; set client_auth on the port`}},
		{"require_tls in plaintext", func(s *policy.Source) {
			s.Clients[0].RequireTLS = true
			s.Rules[0].To, s.Rules[0].TLS = []string{"app/plain"}, policy.PlaintextOnly
		}, []string{
			`W allow[0].from[0]: client "east" has require_tls and the rule's tls is "plaintext" | the rule never allows it`}},
		{"more connections than ports", func(s *policy.Source) { s.Rules[0].MaxConnections = 5 }, []string{
			`W allow[0].max_connections: 5 connections at once are more than the 4 that the source ports of client "east" allow | there is one for each source address, source port and port of the rule`}},
		{"as many connections as ports", func(s *policy.Source) { s.Rules[0].MaxConnections = 4 }, nil},
		{"two addresses", func(s *policy.Source) {
			s.Rules[0].MaxConnections, s.Clients[0].Addresses = 8, prefixes([]string{"10.2.0.5", "10.2.0.6"})
		}, nil},
		{"twins by port", func(s *policy.Source) {
			s.Clients = append(s.Clients, policy.Client{Name: "aest", Addresses: prefixes([]string{"10.2.0.5"}), Ports: []policy.PortRange{{First: 20004, Last: 20005}}})
			add(rule("second", func(r *policy.Rule) { r.From, r.To = []string{"aest"}, []string{"app/*"} }))(s)
		}, []string{
			`W client[1].ports: client "aest" has an address and a source port in common with client "east", and rules let both connect to "app/secure" | such a session counts for one of them only; give them source ports or identities that differ`}},
		{"twins toward different ports", func(s *policy.Source) {
			s.Clients = append(s.Clients, policy.Client{Name: "west", Addresses: prefixes([]string{"10.2.0.5"}), Ports: []policy.PortRange{{First: 20004, Last: 20005}}})
			add(rule("second", func(r *policy.Rule) { r.From = []string{"west"} }))(s)
		}, nil},
		{"neighbours", func(s *policy.Source) {
			s.Clients = append(s.Clients, policy.Client{Name: "west", Addresses: prefixes([]string{"10.2.0.5"}), Ports: []policy.PortRange{{First: 20005, Last: 20008}}})
			s.Rules[0].From = []string{"east", "west"}
		}, nil},
		{"neighbours in the other order", func(s *policy.Source) {
			s.Clients = append(s.Clients, policy.Client{Name: "aest", Addresses: prefixes([]string{"10.2.0.5"}), Ports: []policy.PortRange{{First: 20005, Last: 20008}}})
			s.Rules[0].From = []string{"east", "aest"}
		}, nil},
		{"equal rules", add(rule("second", func(*policy.Rule) {}), rule("third", func(*policy.Rule) {}), rule("a-fourth", func(*policy.Rule) {})), []string{
			`W allow[2]: rule "third" allows nothing that rule "second" does not allow | remove one of them; a narrower rule does not restrict a broader one`,
			`W allow[3]: rule "a-fourth" allows nothing that rule "second" does not allow | remove one of them; a narrower rule does not restrict a broader one`}},
		{"twins by address", func(s *policy.Source) {
			s.Clients[0].Ports = nil
			s.Clients = append(s.Clients, policy.Client{Name: "west", Addresses: prefixes([]string{"10.2.0.5"})})
			s.Rules[0].From = []string{"east", "west"}
		}, []string{
			`W client[1].addresses: client "west" has an address in common with client "east", and rules let both connect to "app/secure" | such a session counts for one of them only; give them source ports or identities that differ`}},
		{"told apart by identity", func(s *policy.Source) {
			identified(s)
			s.Clients[0].Ports = nil
			s.Clients = append(s.Clients, policy.Client{Name: "west", Addresses: prefixes([]string{"10.2.0.5"}), Identities: identities([]string{"cn:west"})})
			s.Rules[0].From = []string{"east", "west"}
		}, nil},
	})
}

func TestLintFindsRedundantRules(t *testing.T) {
	const remove = " | remove one of them; a narrower rule does not restrict a broader one"
	wide := rule("wide", func(r *policy.Rule) { r.From, r.To = []string{"10.0.0.0/8"}, []string{"other/secure", "app/secure"} })
	second := policy.Rate{Events: 1, Per: time.Second}
	for _, c := range []struct {
		name          string
		wide, narrow  func(*policy.Rule)
		isRedundant   bool
		withoutLimits bool
	}{
		{"an address of a prefix", nil, func(r *policy.Rule) { r.From = []string{"10.9.9.9"} }, true, false},
		{"a client in a prefix", nil, func(r *policy.Rule) { r.From = []string{"east"} }, true, false},
		{"a group in a prefix", nil, func(r *policy.Rule) { r.From = []string{"g"} }, true, false},
		{"an address outside", nil, func(r *policy.Rule) { r.From = []string{"10.9.9.9", "11.0.0.1"} }, false, false},
		{"a prefix in any", func(r *policy.Rule) { r.From = []string{"any"} }, nil, true, false},
		{"loopback in any", func(r *policy.Rule) { r.From = []string{"any"} }, func(r *policy.Rule) { r.From = []string{"loopback"} }, true, false},
		{"loopback in its prefixes", func(r *policy.Rule) { r.From = []string{"127.0.0.0/8", "::1"} }, func(r *policy.Rule) { r.From = []string{"loopback"} }, false, false},
		{"a member of a group", func(r *policy.Rule) { r.From = []string{"g"} }, func(r *policy.Rule) { r.From = []string{"east"} }, true, false},
		{"a client that is pinned", func(r *policy.Rule) { r.From = []string{"east"} }, func(r *policy.Rule) { r.From = []string{"10.2.0.5"} }, false, false},
		{"another port", nil, func(r *policy.Rule) { r.To = []string{"other/secure", "app/auto"} }, false, false},
		{"a part of the ports", func(r *policy.Rule) { r.To = []string{"app/*", "other/*"} }, nil, true, false},
		{"tls in any", func(r *policy.Rule) { r.TLS = policy.TLSAny }, nil, true, false},
		{"any in tls, where there is only TLS", nil, func(r *policy.Rule) { r.TLS = policy.TLSAny }, true, false},
		{"any in tls, where there is both", func(r *policy.Rule) { r.To = []string{"app/auto"} }, func(r *policy.Rule) { r.To, r.TLS = []string{"app/auto"}, policy.TLSAny }, false, false},
		{"a limit under none", nil, func(r *policy.Rule) { r.MaxConnections = 1 }, true, true},
		{"none under a limit", func(r *policy.Rule) { r.MaxConnections = 1 }, nil, false, false},
		{"a smaller limit", func(r *policy.Rule) { r.Rate = second; r.Burst = 5 }, func(r *policy.Rule) { r.Rate = second }, false, false},
		{"a period in none", nil, func(r *policy.Rule) { r.Expires = day("2026-12-01") }, true, false},
		{"no period in one", func(r *policy.Rule) { r.Expires = day("2026-12-01") }, nil, false, false},
		{"one in audit mode", nil, func(r *policy.Rule) { r.Mode = policy.AuditRule }, true, false},
		{"under one in audit mode", func(r *policy.Rule) { r.Mode = policy.AuditRule }, nil, false, false},
		{"under one that is off", func(r *policy.Rule) { r.Mode = policy.Off }, nil, false, false},
		{"one that is off", nil, func(r *policy.Rule) { r.Mode = policy.Off }, false, false},
	} {
		change := func(r policy.Rule, change func(*policy.Rule)) policy.Rule {
			if change != nil {
				change(&r)
			}
			return r
		}
		narrow := change(rule("narrow", func(*policy.Rule) {}), c.narrow)
		var want []string
		if c.isRedundant {
			message := `W allow[1]: rule "narrow" allows nothing that rule "wide" does not allow`
			if c.withoutLimits {
				message += ", so its limits never apply"
			}
			want = []string{message + remove}
		}
		checkFaults(t, []faultCase{{c.name, func(s *policy.Source) {
			s.Groups = []policy.Group{{Name: "g", Members: []string{"east"}}}
			s.Rules = []policy.Rule{rule("use", func(r *policy.Rule) { r.From, r.Mode = []string{"g"}, policy.Off }), narrow, change(wide, c.wide)}
			s.Ports[0].ClientAuth = false
		}, want}})
	}
}
