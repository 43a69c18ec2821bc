package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// sound returns a policy without any fault: a client at 10.2.0.5 and a rule for it.
func sound() *policy.Source {
	return &policy.Source{
		Ports: []policy.Port{
			{Application: "app", ID: "secure", Mode: policy.Secure, ClientAuth: true},
			{Application: "app", ID: "auto", Mode: policy.AutoDetect},
			{Application: "app", ID: "plain", Mode: policy.Plaintext},
			{Application: "other", ID: "secure", Mode: policy.Secure},
		},
		Clients: []policy.Client{{Name: "east", Addresses: prefixes([]string{"10.2.0.5"}), Ports: []policy.PortRange{{First: 20001, Last: 20004}}}},
		Rules:   []policy.Rule{{ID: "first", From: []string{"east"}, To: []string{"app/secure"}, Owner: "voice"}},
	}
}

// report writes faults as lines: place, E or W, message, hint.
func report(faults []policy.Fault) (lines []string) {
	for _, f := range faults {
		kind := "E"
		if f.Warning {
			kind = "W"
		}
		lines = append(lines, strings.TrimSuffix(fmt.Sprintf("%s %s: %s | %s", kind, f.Place(), f.Message, f.Hint), " | "))
	}
	return lines
}

// rule returns a rule without fault of its own.
func rule(id string, change func(*policy.Rule)) policy.Rule {
	r := policy.Rule{ID: id, From: []string{"10.9.0.0/16"}, To: []string{"other/secure"}, Owner: "voice"}
	change(&r)
	return r
}

func with[T any](v T, change func(*T)) T {
	change(&v)
	return v
}

type faultCase struct {
	name   string
	change func(*policy.Source)
	want   []string
}

func checkFaults(t *testing.T, cases []faultCase) {
	t.Helper()
	for _, c := range cases {
		src := sound()
		c.change(src)
		set, faults := policy.Compile(src, today)
		if diff := cmp.Diff(c.want, report(faults)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		failed := slices.ContainsFunc(faults, func(f policy.Fault) bool { return !f.Warning })
		if failed != (set == nil) {
			t.Errorf("%s: set %v, errors %t", c.name, set != nil, failed)
		}
	}
}

func TestSoundPolicyHasNoFault(t *testing.T) {
	checkFaults(t, []faultCase{
		{"sound", func(*policy.Source) {}, nil},
		{"empty", func(s *policy.Source) { *s = policy.Source{} }, nil},
		{"strict client without a rule", func(s *policy.Source) {
			s.Clients = append(s.Clients, policy.Client{Name: "strict", Addresses: prefixes([]string{"10.7.0.0/16"}), RequireTLS: true})
		}, nil},
		{"client exempt from lock-out only", func(s *policy.Source) {
			s.Clients = append(s.Clients, policy.Client{Name: "monitor", Addresses: prefixes([]string{"10.7.0.1"})})
			s.Lockout.Exempt = []string{"monitor", "loopback"}
		}, nil},
	})
}

func TestClientAndGroupFaults(t *testing.T) {
	client := func(name string) policy.Client {
		return policy.Client{Name: name, Addresses: prefixes([]string{"10.7.0.1"})}
	}
	checkFaults(t, []faultCase{
		{"no name", func(s *policy.Source) { s.Clients = append(s.Clients, client("")) }, []string{
			"E client[1].name: the name is missing"}},
		{"built-in name", func(s *policy.Source) { s.Clients = append(s.Clients, client("any")) }, []string{
			`E client[1].name: "any" is built in | choose another name`}},
		{"an address as a name", func(s *policy.Source) {
			s.Rules[0].From = append(s.Rules[0].From, "10.7.0.1")
			s.Clients = append(s.Clients, client("10.7.0.1"))
		}, []string{
			`E client[1].name: "10.7.0.1" has no letter and looks like an address or number | choose another name`}},
		{"a prefix as a name", func(s *policy.Source) {
			s.Groups = append(s.Groups, policy.Group{Name: "fe80::/10", Members: []string{"east"}})
		}, []string{
			`E group[0].name: "fe80::/10" cannot be a name | an address is written where it is meant and needs no name`}},
		{"characters", func(s *policy.Source) { s.Clients[0].Name, s.Rules[0].From = "a b\n", []string{"any"} }, []string{
			`E client[0].name: "a b\n" cannot be a name | letters, digits, '.', '_' and '-' make a name`}},
		{"length", func(s *policy.Source) { s.Rules[0].ID = strings.Repeat("x", 101) }, []string{
			"E allow[0].id: the id is longer than 100 bytes"}},
		{"taken by a client", func(s *policy.Source) {
			s.Groups = append(s.Groups, policy.Group{Name: "east", Members: []string{"10.0.0.1"}})
		}, []string{
			`E group[0].name: the name "east" is taken by client[0].name | clients and groups share their names; each is defined once`}},
		{"unused", func(s *policy.Source) {
			s.Clients = append(s.Clients, client("west"))
			s.Groups = append(s.Groups, policy.Group{Name: "all", Members: []string{"east"}})
		}, []string{
			`E client[1].name: client "west" is not used | name it in the from of an [[allow]], or remove it`,
			`E group[0].name: group "all" is not used | name it in the from of an [[allow]], or remove it`}},
		{"addresses", func(s *policy.Source) {
			p := prefixes([]string{"10.2.0.0/16", "10.2.0.0/16"})
			s.Clients[0].Addresses = append(p, policyPrefix("10.2.0.5/16"), policyPrefix("::ffff:10.2.0.0/112"))
		}, []string{
			`W client[0].addresses[1]: "10.2.0.0/16" is there already`,
			`E client[0].addresses[2]: "10.2.0.5/16" has bits beyond its length of 16 | did you mean "10.2.0.0/16", or "10.2.0.5" alone?`,
			`E client[0].addresses[3]: "::ffff:10.2.0.0/112" is an IPv4-mapped prefix | did you mean "10.2.0.0/16"?`}},
		{"ports", func(s *policy.Source) {
			s.Clients[0].Ports = []policy.PortRange{{First: 1000, Last: 1100}, {First: 40000, Last: 40001}, {First: 40001, Last: 40003}, {First: 9, Last: 8}, {}}
		}, []string{
			"W client[0].ports[0]: source ports 1000-1100 reach below 1024 | only privileged programs may use them on most systems",
			"W client[0].ports[1]: source ports 40000-40001 reach into the ephemeral range 32768-60999 | any connection of the client's host may hold such a port; choose others, or reserve them there with net.ipv4.ip_local_reserved_ports",
			"W client[0].ports[2]: source ports 40001-40003 reach into the ephemeral range 32768-60999 | any connection of the client's host may hold such a port; choose others, or reserve them there with net.ipv4.ip_local_reserved_ports",
			"W client[0].ports[2]: source ports 40001-40003 overlap with 40000-40001",
			`E client[0].ports[3]: "9-8" is a range that ends before it begins | did you mean "8-9"?`,
			`E client[0].ports[4]: "0" is not a port or range of ports | ports are 1 to 65535; write "20001" or "20001-20004"`}},
		{"another ephemeral range", func(s *policy.Source) { s.Ephemeral = policy.PortRange{First: 20004, Last: 30000} }, []string{
			"W client[0].ports[0]: source ports 20001-20004 reach into the ephemeral range 20004-30000 | any connection of the client's host may hold such a port; choose others, or reserve them there with net.ipv4.ip_local_reserved_ports"}},
		{"identities", func(s *policy.Source) {
			s.Clients[0].Identities = []policy.Identity{{}, {Kind: policy.DNSName, Value: "A.example.com"}, {Kind: policy.CommonName, Value: "*"}}
		}, []string{
			`E client[0].identities[0]: ":" has an unknown kind | identities begin with cn:, ou:, dns:, uri:, email:, ip:, sha256: or spki:`,
			`E client[0].identities[1]: "dns:A.example.com" is not in its canonical form | did you mean "dns:a.example.com"?`,
			`E client[0].identities[2]: "cn:*" has a *, which has a meaning in dns: and uri: only`}},
		{"everybody", func(s *policy.Source) { s.Clients[0] = policy.Client{Name: "east"} }, []string{
			`W client[0]: client "east" matches everybody | give it addresses, ports or identities; where everybody is meant, "any" says so`}},
		{"members", func(s *policy.Source) {
			s.Groups = []policy.Group{{Name: "g"}, {Name: "h", Members: []string{"est", "10.0.0.1", "10.0.0.1/32", "10.0.0.300", "", "loopbak"}}}
			s.Rules[0].From = []string{"g", "h", "east"}
		}, []string{
			"E group[0].members: the group has no members",
			`E group[1].members[0]: unknown client "est" | did you mean "east"? clients are defined with [[client]], groups with [[group]]`,
			`W group[1].members[2]: "10.0.0.1/32" says the same as "10.0.0.1" before it`,
			`E group[1].members[3]: "10.0.0.300" is not an address or prefix | write "10.2.0.5", "10.1.0.0/28", "2001:db8::5" or "2001:db8::/32"`,
			`E group[1].members[4]: a name or address is missing | "any" stands for everybody`,
			`E group[1].members[5]: unknown client "loopbak" | did you mean "loopback"? clients are defined with [[client]], groups with [[group]]`}},
		{"cycles", func(s *policy.Source) {
			s.Groups = []policy.Group{{Name: "a", Members: []string{"b"}}, {Name: "b", Members: []string{"east", "c"}}, {Name: "c", Members: []string{"a"}}, {Name: "d", Members: []string{"d", "east"}}}
		}, []string{
			`E group[2].members[0]: group "a" contains itself: "a" has "b" has "c" has "a"`,
			`E group[3].members[0]: group "d" contains itself: "d" has "d"`}},
	})
}

func TestRuleFaults(t *testing.T) {
	add := func(change func(*policy.Rule)) func(*policy.Source) {
		return func(s *policy.Source) { s.Rules = append(s.Rules, rule("second", change)) }
	}
	checkFaults(t, []faultCase{
		{"ids", func(s *policy.Source) {
			s.Rules = append(s.Rules, rule("first", func(*policy.Rule) {}))
			s.Blocks = []policy.Block{{ID: "first", Addresses: prefixes([]string{"192.0.2.0/24"})}, {ID: "1"}}
		}, []string{
			`E allow[1].id: the id "first" is taken by allow[0].id | ids of rules and blocks appear in logs and metrics; each is given once`,
			`E block[0].id: the id "first" is taken by allow[0].id | ids of rules and blocks appear in logs and metrics; each is given once`,
			`E block[1].id: "1" has no letter and looks like an address or number | choose another id`,
			"E block[1].addresses: the block names no address"}},
		{"nobody and nowhere", add(func(r *policy.Rule) { r.From, r.To = nil, nil }), []string{
			`E allow[1].from: the rule names nobody | list clients, groups or addresses; "any" stands for everybody`,
			`E allow[1].to: the rule names no port | list "application/port", or "application/*" for all its ports`}},
		{"unknown names", add(func(r *policy.Rule) {
			r.From = []string{"eats", "10.2.0.5:20001", "10.0.0.1-10.0.0.9", "fe80::1%eth0"}
			r.To = []string{"ap/secure", "app/secur", "app", "*/*", "app/", "entirely/different"}
		}), []string{
			`E allow[1].from[0]: unknown client "eats" | did you mean "east"? clients are defined with [[client]], groups with [[group]]`,
			`E allow[1].from[1]: "10.2.0.5:20001" is not an address or prefix | did you mean "10.2.0.5"? source ports are given by the ports of a [[client]]`,
			`E allow[1].from[2]: "10.0.0.1-10.0.0.9" is a range, not an address or prefix | write prefixes that cover it, such as "10.1.0.0/28"`,
			`E allow[1].from[3]: "fe80::1%eth0" has a zone | zones belong to one host's interfaces; leave out what follows the %`,
			`E allow[1].to[0]: unknown application "ap" | did you mean "app"? applications are defined with [[application]] in the configuration`,
			`E allow[1].to[1]: unknown port "app/secur" | did you mean "app/secure"? ports are defined with [[application.port]] in the configuration`,
			`E allow[1].to[2]: "app" is not a destination | write "application/port", or "application/*" for all its ports`,
			`E allow[1].to[3]: "*/*" names no application | only the port may be *: what every application is open to, every rule has to say`,
			`E allow[1].to[4]: "app/" is not a destination | write "application/port", or "application/*" for all its ports`,
			`E allow[1].to[5]: unknown application "entirely" | applications are defined with [[application]] in the configuration`}},
		{"twice", add(func(r *policy.Rule) {
			r.From, r.To = []string{"10.9.0.0/16", "10.9.0.0/16"}, []string{"other/*", "other/secure"}
		}), []string{
			`W allow[1].from[1]: "10.9.0.0/16" says the same as "10.9.0.0/16" before it`,
			`W allow[1].to[1]: "other/secure" is named already by what comes before it`}},
		{"an owner of spaces", add(func(r *policy.Rule) { r.Owner = " \t" }), []string{
			`W allow[1].owner: rule "second" has no owner | say who can answer whether it is still needed`}},
		{"no port fits", add(func(r *policy.Rule) { r.To = []string{"app/plain"} }), []string{
			`E allow[1].to[0]: the rule can never allow anything here: "app/plain" takes plaintext only and the rule's tls is "required" | tls is one of "required", "any" or "plaintext"; "required" is the default`}},
		{"no port of an application fits", add(func(r *policy.Rule) { r.To, r.TLS = []string{"other/*"}, policy.PlaintextOnly }), []string{
			`E allow[1].to[0]: the rule can never allow anything here: "other/secure" takes TLS only and the rule's tls is "plaintext" | tls is one of "required", "any" or "plaintext"; "required" is the default`}},
		{"some ports fit", add(func(r *policy.Rule) { r.To = []string{"app/plain", "app/auto", "app/*"} }), []string{
			`W allow[1].to[0]: the rule can never allow anything here: "app/plain" takes plaintext only and the rule's tls is "required" | tls is one of "required", "any" or "plaintext"; "required" is the default`}},
		{"numbers", add(func(r *policy.Rule) {
			r.MaxConnections, r.Burst, r.Rate = -1, 5, policy.Rate{}
			r.ValidFrom, r.Expires = day("2026-12-02"), day("2026-12-01")
		}), []string{
			"E allow[1].max_connections: -1 is no number of connections | leave it out for no bound",
			"E allow[1].burst: burst without rate | a burst is what may exceed the rate for a moment",
			"E allow[1].expires: the rule expires on 2026-12-01, before it becomes valid on 2026-12-02"}},
		{"invalid values", add(func(r *policy.Rule) {
			r.TLS, r.Mode, r.Rate, r.Burst = 9, 9, policy.Rate{Events: 5, Per: time.Minute * 2}, -1
		}), []string{
			`E allow[1].tls: unknown value | it is one of "required", "any" or "plaintext"`,
			`E allow[1].mode: unknown value | it is one of "enforce", "audit" or "off"`,
			`E allow[1].rate: not a rate | write "10/s", "600/m" or "36000/h"`,
			"E allow[1].burst: -1 is no number of connections | leave it out for one second's worth of the rate"}},
	})
}

func TestExpiryFaults(t *testing.T) {
	expiring := func(date string) func(*policy.Source) {
		return func(s *policy.Source) { s.Rules[0].Expires = day(date) }
	}
	checkFaults(t, []faultCase{
		{"long valid", expiring("2026-06-16"), nil},
		{"soon", expiring("2026-06-15"), []string{`W allow[0].expires: rule "first" expires on 2026-06-15, in 14 days | prolong it if it is still needed`}},
		{"tomorrow", expiring("2026-06-02"), []string{`W allow[0].expires: rule "first" expires on 2026-06-02, in 1 day | prolong it if it is still needed`}},
		{"today", expiring("2026-06-01"), []string{`W allow[0].expires: rule "first" expires on 2026-06-01, in less than a day | prolong it if it is still needed`}},
		{"over", expiring("2026-05-31"), []string{`W allow[0].expires: rule "first" expired on 2026-05-31 and allows nothing any more | prolong it if it is still needed, or remove it`}},
		{"over, and off", func(s *policy.Source) { expiring("2026-05-31")(s); s.Rules[0].Mode = policy.Off }, nil},
	})
	src := sound()
	expiring("2026-07-01")(src)
	for _, c := range []struct {
		hour, days int
		want       int
	}{{0, 60, 1}, {0, 30, 1}, {23, 30, 1}, {0, 29, 0}, {23, 29, 0}} {
		now, notice := day("2026-06-01").Add(time.Duration(c.hour)*time.Hour), time.Duration(c.days)*24*time.Hour
		if got := policy.Expiring(src, now, notice); len(got) != c.want {
			t.Errorf("30 days before, at %d:00, within %d days: %v", c.hour, c.days, report(got))
		}
	}
}

func TestOtherFaults(t *testing.T) {
	probe := policy.Test{From: addrPort("10.2.0.5:20001"), To: "app/secure", TLS: true, Expect: policy.Allow}
	test := func(change func(*policy.Test)) func(*policy.Source) {
		return func(s *policy.Source) { s.Tests = []policy.Test{with(probe, change)} }
	}
	checkFaults(t, []faultCase{
		{"block", func(s *policy.Source) {
			s.Blocks = []policy.Block{{ID: "b", Addresses: prefixes([]string{"0.0.0.0/0"})}}
		}, []string{
			`W client[0].addresses[0]: "10.2.0.5" is blocked by "b" | blocks come before every rule`,
			`W block[0].addresses[0]: "0.0.0.0/0" blocks every address of its family`}},
		{"defaults", func(s *policy.Source) {
			s.Defaults = policy.Defaults{Limits: policy.Limits{Burst: 1}, IPv6Prefix: 129, Handshakes: policy.Rate{Events: -1, Per: time.Second}}
		}, []string{
			"E defaults.burst: burst without rate | a burst is what may exceed the rate for a moment",
			"E defaults.ipv6_prefix: 129 is no length of an IPv6 prefix | it is 1 to 128; 64 is the default",
			`E defaults.handshakes: not a rate | write "50/s" or "600/m"`}},
		{"lock-out", func(s *policy.Source) { s.Lockout = policy.Lockout{Failures: 3, Exempt: []string{"nobody", "any"}} }, []string{
			`E lockout.exempt[0]: unknown client "nobody" | clients are defined with [[client]], groups with [[group]]`,
			`E lockout.window: a lock-out needs the time within which failures count | write "30m"`,
			`E lockout.duration: a lock-out needs a duration | write "30m", or "forever" until somebody unlocks the source`}},
		{"negative lock-out", func(s *policy.Source) { s.Lockout = policy.Lockout{Failures: -3} }, []string{
			"E lockout.failures: -3 is no number of failures | 0 means no lock-out",
			`E lockout.window: a lock-out needs the time within which failures count | write "30m"`,
			`E lockout.duration: a lock-out needs a duration | write "30m", or "forever" until somebody unlocks the source`}},
		{"exempt identity", func(s *policy.Source) {
			s.Clients[0].Identities = identities([]string{"cn:a"})
			s.Lockout = policy.Lockout{Failures: 3, Window: time.Minute, Forever: true, Exempt: []string{"east"}}
		}, []string{
			`W lockout.exempt[0]: client "east" demands an identity, which is not known when a lock-out is looked at | its addresses and ports are exempt, whoever connects from there`}},
		{"audit", func(s *policy.Source) { s.Audit = policy.Audit{All: true, Ports: []string{"app/nothing"}} }, []string{
			"W audit.all: nothing is denied while all is true | the log has a record with the verdict audit-deny for each that would be",
			"W audit.ports: ports has no effect while all is true",
			`E audit.ports[0]: unknown port "app/nothing" | ports are defined with [[application.port]] in the configuration`}},
		{"test without a source port", test(func(t *policy.Test) { t.From = addrPort("10.2.0.5:0") }), nil},
		{"test from a mapped address", test(func(t *policy.Test) { t.From = addrPort("[::ffff:10.2.0.5]:1") }), []string{
			`E test[0].from: "::ffff:10.2.0.5" has a zone or is IPv4-mapped | did you mean "10.2.0.5"?`}},
		{"test to nowhere", test(func(t *policy.Test) { t.To = "app/secret" }), []string{
			`E test[0].to: unknown port "app/secret" | did you mean "app/secure"? ports are defined with [[application.port]] in the configuration`}},
		{"test to everything", test(func(t *policy.Test) { t.To = "app/*" }), []string{
			`E test[0].to: a test names one port | write "application/port"`}},
		{"test that cannot be", test(func(t *policy.Test) { t.TLS, t.Identity, t.Expect = false, identities([]string{"cn:a"}), 9 }), []string{
			`E test[0].expect: unknown value | it is one of "allow", "deny" or "audit-deny"`,
			"E test[0].identity: a session without TLS shows no identity | set tls = true",
			`E test[0].tls: "app/secure" takes TLS only | the session cannot happen: set tls = true`}},
		{"test with TLS in plaintext", test(func(t *policy.Test) { t.To = "app/plain" }), []string{
			`E test[0].tls: "app/plain" takes plaintext only | the session cannot happen: set tls = false`}},
		{"test of a source that cannot connect", func(r *policy.Source) {
			for i, o := range []policy.Origins{policy.IPOrigin, policy.IPv4Origin, policy.IPv6Origin, policy.UNIXOrigin, policy.AnyOrigin} {
				id := string(rune('a' + i))
				r.Ports = append(r.Ports, policy.Port{Application: "sock", ID: id, Origins: o})
				for _, from := range []string{"", "10.0.0.1:5", "[2001:db8::1]:5"} {
					t := policy.Test{To: "sock/" + id}
					if from != "" {
						t.From = addrPort(from)
					}
					r.Tests = append(r.Tests, t)
				}
			}
		}, []string{
			`E test[0].from: a UNIX socket cannot connect to "sock/a", which listens on TCP, and not on a UNIX socket | the session cannot happen: write the address of a client`,
			`E test[3].from: a UNIX socket cannot connect to "sock/b", which listens on an IPv4 address | the session cannot happen: write the address of a client`,
			`E test[5].from: [2001:db8::1]:5 cannot connect to "sock/b", which listens on an IPv4 address | the session cannot happen: write the address of a client`,
			`E test[6].from: a UNIX socket cannot connect to "sock/c", which listens on an IPv6 address | the session cannot happen: write the address of a client`,
			`E test[7].from: 10.0.0.1:5 cannot connect to "sock/c", which listens on an IPv6 address | the session cannot happen: write the address of a client`,
			`E test[10].from: 10.0.0.1:5 cannot connect to "sock/d", which listens on a UNIX socket, whose clients have no address | the session cannot happen: write from = "unix"`,
			`E test[11].from: [2001:db8::1]:5 cannot connect to "sock/d", which listens on a UNIX socket, whose clients have no address | the session cannot happen: write from = "unix"`}},
		{"test with a pattern", test(func(t *policy.Test) { t.Identity = identities([]string{"cn:a", "dns:*.example.com"}) }), []string{
			`W test[0].identity[1]: "dns:*.example.com" is taken for a certificate that says just that, with the * | write a name that the pattern stands for`}},
		{"names that are nearly known", func(s *policy.Source) {
			s.Rules[0].From = []string{"EAST", "localhost", strings.Repeat("x", 300), "east"}
		}, []string{
			`E allow[0].from[0]: unknown client "EAST" | did you mean "east"? clients are defined with [[client]], groups with [[group]]`,
			`E allow[0].from[1]: unknown client "localhost" | "loopback" stands for the addresses of this host`,
			`E allow[0].from[2]: unknown client "` + strings.Repeat("x", 200) + `"... | clients are defined with [[client]], groups with [[group]]`}},
		{"an id that is none", func(s *policy.Source) { s.Rules[0].ID = "a b" }, []string{
			`E allow[0].id: "a b" cannot be an id | letters, digits, '.', '_' and '-' make an id`}},
		{"test with an unasked identity", test(func(t *policy.Test) { t.To, t.Identity = "other/secure", identities([]string{"cn:a"}) }), []string{
			`E test[0].identity: "other/secure" asks for no client certificate | set client_auth on the port, or leave identity out`}},
	})
}
