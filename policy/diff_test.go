package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

func changes(old, new *policy.Source) (lines []string) {
	for _, c := range policy.Diff(old, new) {
		lines = append(lines, c.String())
	}
	return lines
}

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		name          string
		change        func(*policy.Source)
		want, reverse []string
	}{
		{"nothing", func(*policy.Source) {}, nil, nil},
		{"order", func(s *policy.Source) {
			slices.Reverse(s.Rules)
			slices.Reverse(s.Clients)
			slices.Reverse(s.Rules[0].From)
		}, nil, nil},
		{"client", func(s *policy.Source) {
			s.Clients = append(s.Clients, policy.Client{Name: "a", Addresses: prefixes([]string{"10.7.0.0/16"}), Ports: []policy.PortRange{{First: 1, Last: 2}},
				Identities: identities([]string{"cn:a"}), RequireTLS: true})
		}, []string{`client "a" added: at 10.7.0.0/16; from ports 1-2; with cn:a; TLS only`},
			[]string{`client "a" removed: at 10.7.0.0/16; from ports 1-2; with cn:a; TLS only`}},
		{"one more address", func(s *policy.Source) {
			s.Clients[0].Addresses = append(s.Clients[0].Addresses, policyPrefix("10.7.0.1/32"))
		},
			[]string{`client "t-server-east" widened: addresses: "10.7.0.1" added`},
			[]string{`client "t-server-east" narrowed: addresses: "10.7.0.1" removed`}},
		{"a wider prefix", func(s *policy.Source) { s.Clients[0].Addresses = prefixes([]string{"10.2.0.0/24"}) },
			[]string{`client "t-server-east" widened: addresses: "10.2.0.0/24" added, "10.2.0.5" removed`},
			[]string{`client "t-server-east" narrowed: addresses: "10.2.0.5" added, "10.2.0.0/24" removed`}},
		{"another address", func(s *policy.Source) { s.Clients[0].Addresses = prefixes([]string{"10.2.0.6"}) },
			[]string{`client "t-server-east" changed: addresses: "10.2.0.6" added, "10.2.0.5" removed`},
			[]string{`client "t-server-east" changed: addresses: "10.2.0.5" added, "10.2.0.6" removed`}},
		{"any address", func(s *policy.Source) { s.Clients[0].Addresses = nil },
			[]string{`client "t-server-east" widened: addresses: "10.2.0.5" removed, so any will do`},
			[]string{`client "t-server-east" narrowed: addresses: "10.2.0.5" added, where any would do`}},
		{"more ports", func(s *policy.Source) {
			s.Clients[0].Ports = []policy.PortRange{{First: 20001, Last: 20002}, {First: 20003, Last: 20009}}
		},
			[]string{`client "t-server-east" widened: ports: "20001-20002", "20003-20009" added, "20001-20004" removed`},
			[]string{`client "t-server-east" narrowed: ports: "20001-20004" added, "20001-20002", "20003-20009" removed`}},
		{"the same ports otherwise written", func(s *policy.Source) {
			s.Clients[0].Ports = []policy.PortRange{{First: 20001, Last: 20002}, {First: 20003, Last: 20004}}
		},
			[]string{`client "t-server-east" changed: ports: "20001-20002", "20003-20004" added, "20001-20004" removed, which means the same`},
			[]string{`client "t-server-east" changed: ports: "20001-20004" added, "20001-20002", "20003-20004" removed, which means the same`}},
		{"one more identity", func(s *policy.Source) {
			s.Clients[0].Identities = append(s.Clients[0].Identities, identities([]string{"cn:a"})...)
		},
			[]string{`client "t-server-east" widened: identities: "cn:a" added`},
			[]string{`client "t-server-east" narrowed: identities: "cn:a" removed`}},
		{"no identity", func(s *policy.Source) { s.Clients[0].Identities = nil },
			[]string{`client "t-server-east" widened: identities: "dns:tserver.example.com" removed, so none is demanded`},
			[]string{`client "t-server-east" narrowed: identities: "dns:tserver.example.com" added, where none was demanded`}},
		{"require_tls", func(s *policy.Source) { s.Clients[0].RequireTLS = true },
			[]string{`client "t-server-east" narrowed: require_tls: false is now true`},
			[]string{`client "t-server-east" widened: require_tls: true is now false`}},
		{"group", func(s *policy.Source) { s.Groups[0].Members = []string{"10.1.0.11/32", "10.1.0.0/28", "east"} },
			[]string{`group "cluster" changed: members: "east" added, "2001:db8:1::/64" removed`},
			[]string{`group "cluster" changed: members: "2001:db8:1::/64" added, "east" removed`}},
		{"rule", func(s *policy.Source) { s.Rules = append(s.Rules, rule("new", func(*policy.Rule) {})) },
			[]string{`allow "new" added: "10.9.0.0/16" to "other/secure", tls required, mode enforce`},
			[]string{`allow "new" removed: "10.9.0.0/16" to "other/secure", tls required, mode enforce`}},
		{"a rule with everything", func(s *policy.Source) {
			s.Rules = append(s.Rules, rule("new", func(r *policy.Rule) {
				r.Limits = policy.Limits{MaxConnections: 4, Rate: policy.Rate{Events: 10, Per: time.Second}, Burst: 20}
				r.ValidFrom, r.Expires = day("2026-01-01"), day("2027-01-01")
			}))
		},
			[]string{`allow "new" added: "10.9.0.0/16" to "other/secure", tls required, mode enforce, max_connections 4, rate 10/s, burst 20, valid_from 2026-01-01, expires 2027-01-01`},
			[]string{`allow "new" removed: "10.9.0.0/16" to "other/secure", tls required, mode enforce, max_connections 4, rate 10/s, burst 20, valid_from 2026-01-01, expires 2027-01-01`}},
		{"reach", func(s *policy.Source) {
			s.Rules[0].From = append(s.Rules[0].From, "10.3.0.0/16")
			s.Rules[0].To, s.Rules[0].TLS = []string{"config-server/*"}, policy.TLSAny
		}, []string{
			`allow "tserver-to-config" widened: from: "10.3.0.0/16" added`,
			`allow "tserver-to-config" widened: to: "config-server/*" added, "config-server/secure" removed`,
			`allow "tserver-to-config" widened: tls: required is now any`,
		}, []string{
			`allow "tserver-to-config" narrowed: from: "10.3.0.0/16" removed`,
			`allow "tserver-to-config" narrowed: to: "config-server/secure" added, "config-server/*" removed`,
			`allow "tserver-to-config" narrowed: tls: any is now required`,
		}},
		{"limits", func(s *policy.Source) {
			s.Rules[0].Limits = policy.Limits{MaxConnections: 2, Rate: policy.Rate{Events: 600, Per: time.Minute}, Burst: 30}
		}, []string{
			`allow "tserver-to-config" narrowed: max_connections: 4 is now 2`,
			`allow "tserver-to-config" changed: rate: 10/s is now 600/m, which means the same`,
			`allow "tserver-to-config" widened: burst: 20 is now 30`,
		}, []string{
			`allow "tserver-to-config" widened: max_connections: 2 is now 4`,
			`allow "tserver-to-config" changed: rate: 600/m is now 10/s, which means the same`,
			`allow "tserver-to-config" narrowed: burst: 30 is now 20`,
		}},
		{"no limits", func(s *policy.Source) { s.Rules[0].Limits = policy.Limits{} }, []string{
			`allow "tserver-to-config" widened: max_connections: 4 is now none`,
			`allow "tserver-to-config" widened: rate: 10/s is now none`,
			`allow "tserver-to-config" widened: burst: 20 is now none`,
		}, []string{
			`allow "tserver-to-config" narrowed: max_connections: none is now 4`,
			`allow "tserver-to-config" narrowed: rate: none is now 10/s`,
			`allow "tserver-to-config" narrowed: burst: none is now 20`,
		}},
		{"mode and texts", func(s *policy.Source) {
			s.Rules[0].Mode, s.Rules[0].Owner, s.Rules[0].Ticket = policy.Off, "x\n", "CHG-1"
		}, []string{
			`allow "tserver-to-config" narrowed: mode: enforce is now off`,
			`allow "tserver-to-config" changed: owner: "voice team" is now "x\n"`,
			`allow "tserver-to-config" changed: ticket: "" is now "CHG-1"`,
		}, []string{
			`allow "tserver-to-config" widened: mode: off is now enforce`,
			`allow "tserver-to-config" changed: owner: "x\n" is now "voice team"`,
			`allow "tserver-to-config" changed: ticket: "CHG-1" is now ""`,
		}},
		{"period", func(s *policy.Source) { s.Rules[5].ValidFrom, s.Rules[5].Expires = day("2026-02-01"), time.Time{} }, []string{
			`allow "migration" narrowed: valid_from: 2026-01-01 is now 2026-02-01`,
			`allow "migration" widened: expires: 2026-12-31 is now none`,
		}, []string{
			`allow "migration" widened: valid_from: 2026-02-01 is now 2026-01-01`,
			`allow "migration" narrowed: expires: none is now 2026-12-31`,
		}},
		{"block", func(s *policy.Source) { s.Blocks[0].Addresses = s.Blocks[0].Addresses[:1]; s.Blocks[0].Reason = "x" }, []string{
			`block "scanner" widened: addresses: "10.1.0.13" removed`,
			`block "scanner" changed: reason: "abuse" is now "x"`,
		}, []string{
			`block "scanner" narrowed: addresses: "10.1.0.13" added`,
			`block "scanner" changed: reason: "x" is now "abuse"`,
		}},
		{"the rest", func(s *policy.Source) {
			s.Defaults = policy.Defaults{Limits: policy.Limits{MaxConnections: 9}, IPv6Prefix: 56, Handshakes: policy.Rate{Events: 5, Per: time.Second}}
			s.Lockout = policy.Lockout{Failures: 3, Window: time.Minute, Forever: true, Exempt: []string{"loopback"}}
			s.Audit = policy.Audit{All: true, Ports: []string{"config-server/plain"}}
			s.Tests = []policy.Test{{From: addrPort("10.0.0.1:1"), To: "config-server/plain", Identity: identities([]string{"cn:a"}), TLS: true, At: day("2026-01-01"), Expect: policy.Deny}, {To: "a/b"}}
		}, []string{
			`defaults narrowed: max_connections: none is now 9`,
			`defaults changed: ipv6_prefix: none is now 56`,
			`defaults narrowed: handshakes: none is now 5/s`,
			`lockout added: 3 failures within 1m lock out until unlocked, except loopback`,
			`audit widened: all: false is now true`,
			`audit changed: ports: "config-server/plain" added, which adds nothing to all = true`,
			`test added: 10.0.0.1:1 to config-server/plain, TLS as cn:a at 2026-01-01T00:00:00Z: deny`,
			`test added: a UNIX socket to a/b, plaintext: deny`,
		}, []string{
			`defaults widened: max_connections: 9 is now none`,
			`defaults changed: ipv6_prefix: 56 is now none`,
			`defaults widened: handshakes: 5/s is now none`,
			`lockout removed: 3 failures within 1m lock out until unlocked, except loopback`,
			`audit narrowed: all: true is now false`,
			`audit changed: ports: "config-server/plain" removed, which adds nothing to all = true`,
			`test removed: 10.0.0.1:1 to config-server/plain, TLS as cn:a at 2026-01-01T00:00:00Z: deny`,
			`test removed: a UNIX socket to a/b, plaintext: deny`,
		}},
	} {
		old, new := example(), example()
		c.change(new)
		if diff := cmp.Diff(c.want, changes(old, new)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(c.reverse, changes(new, old)); diff != "" {
			t.Errorf("%s, reversed (-want +got):\n%s", c.name, diff)
		}
	}
}

// A lock-out that stays one is compared key by key.
func TestDiffOfLockouts(t *testing.T) {
	old, new := example(), example()
	old.Lockout = policy.Lockout{Failures: 3, Window: time.Minute, Duration: time.Minute, Exempt: []string{"loopback"}}
	new.Lockout = policy.Lockout{Failures: 3, Window: 2 * time.Hour, Duration: 90 * time.Second}
	for want, got := range map[string][]string{
		"lockout narrowed: window: 1m is now 2h|lockout narrowed: duration: 1m is now 1m30s|lockout narrowed: exempt: \"loopback\" removed": changes(old, new),
		"lockout widened: window: 2h is now 1m|lockout widened: duration: 1m30s is now 1m|lockout widened: exempt: \"loopback\" added":      changes(new, old),
	} {
		if diff := cmp.Diff(want, strings.Join(got, "|")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestDurationText(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"30m": 30 * time.Minute, "1h": time.Hour, "1h30m": 90 * time.Minute, "1m30s": 90 * time.Second, "10s": 10 * time.Second,
		"10m": 10 * time.Minute, "20h": 20 * time.Hour, "1h0m5s": time.Hour + 5*time.Second, "0s": 0, "500ms": time.Second / 2,
	} {
		if got := policy.DurationText(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
