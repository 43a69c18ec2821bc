package policy_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sallyport/policy"
)

// example is the policy that the documentation uses, with a few more rules.
func example() *policy.Source {
	return &policy.Source{
		Ports: []policy.Port{
			{Application: "config-server", ID: "secure", Mode: policy.Secure, ClientAuth: true, Exposed: true},
			{Application: "config-server", ID: "upgrade", Mode: policy.AutoDetect, ClientAuth: true},
			{Application: "config-server", ID: "plain", Mode: policy.Plaintext},
			{Application: "stat-server", ID: "secure", Mode: policy.Secure},
		},
		Clients: []policy.Client{
			{Name: "t-server-east", Addresses: prefixes([]string{"10.2.0.5"}), Ports: []policy.PortRange{{First: 20001, Last: 20004}},
				Identities: identities([]string{"dns:tserver.example.com"})},
			{Name: "voice-lan", Addresses: prefixes([]string{"10.3.0.0/16", "2001:db8:3::/48"}), RequireTLS: true},
			{Name: "workload", Identities: identities([]string{"uri:spiffe://example.com/voice/*", "cn:backup job"})},
			{Name: "monitor", Addresses: prefixes([]string{"10.1.0.77"})},
		},
		Groups: []policy.Group{
			{Name: "cluster", Members: []string{"10.1.0.11", "10.1.0.0/28", "2001:db8:1::/64"}},
			{Name: "operators", Members: []string{"cluster", "monitor"}},
		},
		Rules: []policy.Rule{
			{ID: "tserver-to-config", From: []string{"t-server-east"}, To: []string{"config-server/secure"},
				Limits: policy.Limits{MaxConnections: 4, Rate: policy.Rate{Events: 10, Per: time.Second}, Burst: 20}, Owner: "voice team"},
			{ID: "voice", From: []string{"voice-lan"}, To: []string{"config-server/upgrade", "config-server/plain"}, TLS: policy.TLSAny, Owner: "voice team"},
			{ID: "upgrade-from-anywhere", From: []string{"10.0.0.0/8"}, To: []string{"config-server/upgrade"}, TLS: policy.PlaintextOnly, Owner: "voice team"},
			{ID: "workloads", From: []string{"workload"}, To: []string{"config-server/*"}, Owner: "platform"},
			{ID: "operators", From: []string{"operators", "loopback"}, To: []string{"stat-server/*"}, Owner: "operations",
				Limits: policy.Limits{MaxConnections: 2}},
			{ID: "migration", From: []string{"10.4.0.0/24"}, To: []string{"stat-server/secure"}, ValidFrom: day("2026-01-01"), Expires: day("2026-12-31"), Owner: "operations"},
			{ID: "trial", From: []string{"10.5.0.0/24"}, To: []string{"stat-server/secure"}, Mode: policy.AuditRule, Owner: "operations"},
			{ID: "retired", From: []string{"any"}, To: []string{"config-server/plain"}, TLS: policy.PlaintextOnly, Mode: policy.Off, Owner: "operations"},
		},
		Blocks: []policy.Block{{ID: "scanner", Addresses: prefixes([]string{"203.0.113.0/24", "10.1.0.13"}), Reason: "abuse"}},
	}
}

// session reads "10.2.0.5:20001 config-server/secure tls dns:a.example.com"; the source may
// be "unix", and the words early and at=2026-01-01 are understood too.
func session(t *testing.T, text string) (f policy.Facts, names []policy.Identity) {
	t.Helper()
	words := strings.Fields(text)
	f = policy.Facts{Judged: policy.Final, Now: today}
	if words[0] != "unix" {
		f.Source = netip.MustParseAddrPort(words[0])
		f.Peer = f.Source
	}
	f.Application, f.Port, _ = strings.Cut(words[1], "/")
	for _, word := range words[2:] {
		switch {
		case word == "tls":
			f.TLS = true
		case word == "plaintext":
		case word == "early":
			f.Judged = policy.Early
		case strings.HasPrefix(word, "at="):
			f.Now = day(strings.TrimPrefix(word, "at="))
		case strings.HasPrefix(word, "behind="):
			f.Peer = netip.MustParseAddrPort(strings.TrimPrefix(word, "behind="))
		default:
			names = append(names, identities([]string{strings.ReplaceAll(word, "_", " ")})...)
		}
	}
	f.Identities = policy.NewIdentities(names...)
	return f, names
}

func sentence(d policy.Decision) string {
	text := d.Verdict.String()
	if d.Rule != "" {
		text += " by " + d.Rule
	}
	if d.Match.Client != "" {
		text += " as " + d.Match.Client
	}
	if d.Match.Source.IsValid() {
		text += " as " + d.Match.Source.String()
	}
	if d.Reason != policy.Allowed {
		text += ": " + string(d.Reason)
	}
	if d.Nearest != "" {
		text += fmt.Sprintf(" (%s: %s)", d.Nearest, d.Failed)
	}
	return text
}

func TestVerdicts(t *testing.T) {
	const tserver = "dns:tserver.example.com"
	src := example()
	set := compiled(t, src)
	for _, c := range []struct{ session, want string }{
		// A client-side port definition: address, source port and identity together.
		{"10.2.0.5:20001 config-server/secure tls " + tserver, "allow by tserver-to-config as t-server-east"},
		{"10.2.0.5:20004 config-server/secure tls " + tserver, "allow by tserver-to-config as t-server-east"},
		{"10.2.0.5:20000 config-server/secure tls " + tserver, "deny: source_port_mismatch (tserver-to-config: source port)"},
		{"10.2.0.5:20005 config-server/secure tls " + tserver, "deny: source_port_mismatch (tserver-to-config: source port)"},
		{"10.2.0.6:20001 config-server/secure tls " + tserver, "deny: no_rule (tserver-to-config: address)"},
		{"10.2.0.5:20001 config-server/secure tls", "deny: identity_missing (tserver-to-config: identity)"},
		{"10.2.0.5:20001 config-server/secure tls dns:other.example.com", "deny: identity_mismatch (tserver-to-config: identity)"},
		{"10.2.0.5:20001 config-server/secure tls cn:tserver.example.com", "deny: identity_mismatch (tserver-to-config: identity)"},
		{"10.2.0.5:20001 stat-server/secure tls " + tserver, "deny: no_rule (migration: address)"},
		{"[::ffff:10.2.0.5]:20001 config-server/secure tls " + tserver, "allow by tserver-to-config as t-server-east"},

		// What the early moment knows is enough to deny, and never to allow by name.
		{"10.2.0.5:20001 config-server/secure early", "allow"},
		{"10.2.0.5:40001 config-server/secure early", "allow"}, // it may turn out to be a workload
		{"10.2.0.5:20001 config-server/upgrade early", "allow"},
		{"192.0.2.1:1 config-server/plain early", "deny: no_rule (voice: address)"},
		{"192.0.2.1:1 stat-server/secure early", "deny: no_rule (migration: address)"},

		// Identities without addresses, any of several.
		{"192.0.2.1:1 config-server/secure tls uri:spiffe://example.com/voice/a/b", "allow by workloads as workload"},
		{"192.0.2.1:1 config-server/upgrade tls cn:backup_job", "allow by workloads as workload"},
		{"192.0.2.1:1 config-server/secure tls uri:spiffe://example.com/voice", "deny: identity_mismatch (workloads: identity)"},
		{"192.0.2.1:1 config-server/secure tls uri:spiffe://example.com/voice/../admin", "deny: identity_mismatch (workloads: identity)"},
		{"unix config-server/secure tls cn:backup_job", "allow by workloads as workload"},

		// require_tls holds against every rule.
		{"10.3.1.1:1 config-server/upgrade tls", "allow by voice as voice-lan"},
		{"10.3.1.1:1 config-server/upgrade plaintext", "deny as voice-lan: require_tls"},
		{"10.3.1.1:1 config-server/plain plaintext", "deny as voice-lan: require_tls"},
		{"10.3.1.1:1 config-server/plain early", "deny as voice-lan: require_tls"},
		{"10.4.1.1:1 config-server/upgrade plaintext", "allow by upgrade-from-anywhere as 10.4.1.1/32"},
		{"10.4.1.1:1 config-server/upgrade tls", "deny: plaintext_required (upgrade-from-anywhere: tls)"},
		{"[2001:db8:3::1]:1 config-server/upgrade plaintext", "deny as voice-lan: require_tls"},

		// Groups nest; whom a session is counted for.
		{"10.1.0.11:1 stat-server/secure tls", "allow by operators as 10.1.0.11/32"},
		{"10.1.0.77:1 stat-server/secure tls", "allow by operators as monitor"},
		{"[2001:db8:1::5]:1 stat-server/secure tls", "allow by operators as 2001:db8:1::/64"},
		{"127.0.0.1:1 stat-server/secure tls", "allow by operators as 127.0.0.1/32"},
		{"[::1]:1 stat-server/secure tls", "allow by operators as ::/64"},
		{"unix stat-server/secure tls", "allow by operators"},
		{"unix stat-server/secure tls behind=10.0.0.9:1", "deny: no_rule (migration: address)"},

		// Blocks come first.
		{"203.0.113.9:1 config-server/secure tls cn:backup_job", "deny by scanner: blocked"},
		{"10.1.0.13:1 stat-server/secure tls", "deny by scanner: blocked"},
		{"203.0.113.9:1 nowhere/secure early", "deny by scanner: blocked"},

		// Days are days of UTC, the last one included.
		{"10.4.0.1:1 stat-server/secure tls at=2025-12-31", "deny: not_yet_valid (migration: period)"},
		{"10.4.0.1:1 stat-server/secure tls at=2026-01-01", "allow by migration as 10.4.0.1/32"},
		{"10.4.0.1:1 stat-server/secure tls at=2026-12-31", "allow by migration as 10.4.0.1/32"},
		{"10.4.0.1:1 stat-server/secure tls at=2027-01-01", "deny: expired (migration: period)"},
		{"10.4.0.1:1 stat-server/secure early at=2027-01-01", "deny: expired (migration: period)"},
		{"10.4.0.1:1 stat-server/secure tls at=0001-01-01", "deny: not_yet_valid (migration: period)"},

		// Rules in audit mode, and rules that are off.
		{"10.5.0.1:1 stat-server/secure tls", "audit-deny by trial as 10.5.0.1/32: audit_rule"},
		{"10.5.0.1:1 stat-server/secure early", "allow"},
		{"192.0.2.1:1 config-server/plain plaintext", "deny: no_rule (voice: address)"},

		// Ports that nobody defined.
		{"10.2.0.5:20001 config-server/unknown tls", "deny: no_rule"},
	} {
		facts, names := session(t, c.session)
		got := set.Decide(&facts)
		if sentence(got) != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.session, sentence(got), c.want)
		}
		if want := judged(src, &facts, names); sentence(want) != sentence(got) {
			t.Errorf("%s\n got %s\nthe reference says %s", c.session, sentence(got), sentence(want))
		}
	}
}

func TestNilAndZeroSetsDeny(t *testing.T) {
	facts, _ := session(t, "127.0.0.1:1 a/b tls")
	for name, set := range map[string]*policy.Set{"nil": nil, "zero": {}} {
		if d := set.Decide(&facts); d.Verdict != policy.Deny || d.Reason != policy.NoRule && d.Reason != policy.NoPolicy {
			t.Errorf("%s: %+v", name, d)
		}
		if trace := set.Explain(&facts); trace.Port != nil || trace.Decision.Verdict.Passes() {
			t.Errorf("%s: %+v", name, trace)
		}
		if set.Exempt(facts.Source, true) {
			t.Errorf("%s exempts from lock-out", name)
		}
	}
}

func TestAuditLetsPassWhatWouldBeDenied(t *testing.T) {
	for _, c := range []struct {
		name, session, want string
		audit               policy.Audit
	}{
		{"all", "10.9.0.1:1 stat-server/secure tls", "audit-deny: no_rule (migration: address)", policy.Audit{All: true}},
		{"all, blocked", "203.0.113.9:1 stat-server/secure early", "audit-deny by scanner: blocked", policy.Audit{All: true}},
		{"all, unknown port", "10.9.0.1:1 nowhere/x tls", "audit-deny: no_rule", policy.Audit{All: true}},
		{"all, allowed", "10.1.0.77:1 stat-server/secure tls", "allow by operators as monitor", policy.Audit{All: true}},
		{"port", "10.3.0.1:1 config-server/plain plaintext", "audit-deny as voice-lan: require_tls", policy.Audit{Ports: []string{"config-server/plain"}}},
		{"ports of an application", "10.9.0.1:1 stat-server/secure tls", "audit-deny: no_rule (migration: address)", policy.Audit{Ports: []string{"stat-server/*"}}},
		{"another port", "10.9.0.1:1 stat-server/secure tls", "deny: no_rule (migration: address)", policy.Audit{Ports: []string{"config-server/*"}}},
	} {
		src := example()
		src.Audit = c.audit
		facts, _ := session(t, c.session)
		if got := sentence(compiled(t, src).Decide(&facts)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestMostGenerousRuleCounts(t *testing.T) {
	second := func(n int) policy.Rate { return policy.Rate{Events: n, Per: time.Second} }
	for _, c := range []struct {
		name  string
		rules []policy.Rule
		want  string
	}{
		{"no limit before a limit", []policy.Rule{{ID: "a", Limits: policy.Limits{MaxConnections: 9}}, {ID: "b"}}, "b"},
		{"more connections", []policy.Rule{{ID: "a", Limits: policy.Limits{MaxConnections: 1}}, {ID: "b", Limits: policy.Limits{MaxConnections: 2}}}, "b"},
		{"a higher rate", []policy.Rule{{ID: "a", Limits: policy.Limits{Rate: second(1)}}, {ID: "b", Limits: policy.Limits{Rate: policy.Rate{Events: 61, Per: time.Minute}}}}, "b"},
		{"a larger burst", []policy.Rule{{ID: "a", Limits: policy.Limits{Rate: second(1)}}, {ID: "b", Limits: policy.Limits{Rate: second(1), Burst: 2}}}, "b"},
		{"equal ones by id", []policy.Rule{{ID: "b"}, {ID: "a"}}, "a"},
		{"an enforced one before one in audit mode", []policy.Rule{{ID: "a", Mode: policy.AuditRule}, {ID: "b", Limits: policy.Limits{MaxConnections: 1}}}, "b"},
		{"one that is valid", []policy.Rule{{ID: "a", Expires: day("2026-01-01")}, {ID: "b", Limits: policy.Limits{MaxConnections: 1}}}, "b"},
	} {
		src := &policy.Source{Ports: []policy.Port{{Application: "a", ID: "p", Mode: policy.Secure}}, Rules: c.rules}
		for i := range src.Rules {
			src.Rules[i].From, src.Rules[i].To = []string{"any"}, []string{"a/p"}
		}
		facts, _ := session(t, "10.0.0.1:1 a/p tls")
		d := compiled(t, src).Decide(&facts)
		if d.Rule != c.want {
			t.Errorf("%s: rule %s, want %s", c.name, d.Rule, c.want)
		}
		for _, r := range c.rules {
			if r.ID == d.Rule && (d.Limits == nil) != (r.Limits == policy.Limits{}) {
				t.Errorf("%s: limits %+v of rule %+v", c.name, d.Limits, r)
			}
		}
	}
}

func TestExempt(t *testing.T) {
	src := example()
	src.Lockout.Exempt = []string{"loopback", "operators", "t-server-east", "192.0.2.0/24"}
	set := compiled(t, src)
	for source, want := range map[string]bool{
		"127.0.0.1:1": true, "[::1]:1": true, "10.1.0.77:9": true, "10.1.0.1:9": true, "192.0.2.200:1": true, "[::ffff:192.0.2.1]:1": true,
		"10.2.0.5:20001": true, "10.2.0.5:30001": false, "10.9.9.9:1": false,
	} {
		if got := set.Exempt(netip.MustParseAddrPort(source), false); got != want {
			t.Errorf("%s is exempt: %t", source, got)
		}
	}
	if !set.Exempt(netip.AddrPort{}, true) || set.Exempt(netip.AddrPort{}, false) {
		t.Error("UNIX sockets of this host are exempt as loopback, others are not")
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	src := example()
	src.Lockout.Exempt = []string{"loopback"}
	set := compiled(t, src)
	for _, text := range []string{
		"10.2.0.5:20001 config-server/secure tls dns:tserver.example.com cn:x ou:y uri:spiffe://example.com/a/b",
		"10.2.0.5:20001 config-server/secure early",
		"10.2.0.5:40001 config-server/secure tls dns:tserver.example.com",
		"10.4.0.1:1 stat-server/secure tls at=2027-01-01",
		"[2001:db8:1::5]:1 stat-server/secure tls",
		"[fe80::1%eth0]:1 stat-server/secure tls",
		"192.0.2.1:1 config-server/plain early",
		"203.0.113.9:1 config-server/secure early",
		"unix stat-server/secure tls",
		"10.2.0.5:20001 nowhere/secure tls",
	} {
		facts, _ := session(t, text)
		if n := testing.AllocsPerRun(100, func() {
			set.Decide(&facts)
			set.Exempt(facts.Source, true)
		}); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}
