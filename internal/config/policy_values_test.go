package config

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/policy"
)

// Every value differs from its default and from all others, so that none can
// end up in the place of another.
const everyPolicyKey = `
[[client]]
name = "c"
addresses = ["10.2.0.5", "2001:DB8::/32"]
ports = ["20001-20004", "20011"]
identities = ["dns:Tserver.example.com", "cn:cti"]
require_tls = true

[[group]]
name = "g"
members = ["c", "10.1.0.0/28"]

[[allow]]
id = "r"
from = ["g", "any"]
to = ["a/p", "b/*"]
tls = "plaintext"
max_connections = 4
rate = "600/m"
burst = 20
mode = "audit"
owner = "o"
ticket = "t"
reason = "why"
valid_from = 2026-01-02
expires = "2027-03-04"

[[block]]
id = "b"
addresses = ["203.0.113.0/24"]
reason = "abuse"

[defaults]
rate = "101/s"
burst = 201
max_connections = 1001
ipv6_prefix = 56
handshakes = "51/h"

[lockout]
failures = 5
window = "10m"
duration = "40m"
exempt = ["c", "10.9.0.0/16"]

[audit]
all = true
ports = ["a/q"]

[[test]]
from = "10.2.0.5:20001"
identity = ["dns:a", "ou:b"]
to = "a/p"
tls = true
at = 2026-06-01T12:00:00+02:00
expect = "audit-deny"
`

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// comparable values of netip hide their fields.
var equateAddresses = cmpopts.EquateComparable(netip.Prefix{}, netip.AddrPort{})

func everyPolicyValue() policy.Source {
	return policy.Source{
		Clients: []policy.Client{{
			Name:       "c",
			Addresses:  prefixes("10.2.0.5/32", "2001:db8::/32"),
			Ports:      []policy.PortRange{{First: 20001, Last: 20004}, {First: 20011, Last: 20011}},
			Identities: []policy.Identity{{Kind: policy.DNSName, Value: "tserver.example.com"}, {Kind: policy.CommonName, Value: "cti"}},
			RequireTLS: true,
		}},
		Groups: []policy.Group{{Name: "g", Members: []string{"c", "10.1.0.0/28"}}},
		Rules: []policy.Rule{{
			ID:     "r",
			From:   []string{"g", "any"},
			To:     []string{"a/p", "b/*"},
			TLS:    policy.PlaintextOnly,
			Mode:   policy.AuditRule,
			Limits: policy.Limits{MaxConnections: 4, Rate: policy.Rate{Events: 600, Per: time.Minute}, Burst: 20},
			Owner:  "o", Ticket: "t", Reason: "why",
			ValidFrom: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
			Expires:   time.Date(2027, 3, 4, 0, 0, 0, 0, time.UTC),
		}},
		Blocks: []policy.Block{{ID: "b", Addresses: prefixes("203.0.113.0/24"), Reason: "abuse"}},
		Defaults: policy.Defaults{
			Limits:     policy.Limits{MaxConnections: 1001, Rate: policy.Rate{Events: 101, Per: time.Second}, Burst: 201},
			IPv6Prefix: 56,
			Handshakes: policy.Rate{Events: 51, Per: time.Hour},
		},
		Lockout: policy.Lockout{Failures: 5, Window: 10 * time.Minute, Duration: 40 * time.Minute, Exempt: []string{"c", "10.9.0.0/16"}},
		Audit:   policy.Audit{All: true, Ports: []string{"a/q"}},
		Tests: []policy.Test{{
			From:     netip.MustParseAddrPort("10.2.0.5:20001"),
			Identity: []policy.Identity{{Kind: policy.DNSName, Value: "a"}, {Kind: policy.OrgUnit, Value: "b"}},
			To:       "a/p",
			TLS:      true,
			At:       time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC),
			Expect:   policy.AuditDeny,
		}},
	}
}

func parsePolicy(t *testing.T, texts ...string) *PolicyFiles {
	t.Helper()
	var files []NamedData
	for i, text := range texts {
		files = append(files, NamedData{string(rune('a'+i)) + ".toml", []byte(text)})
	}
	parsed, problems := ParsePolicy(files)
	if len(problems) > 0 {
		t.Fatalf("problems:\n%v", problems)
	}
	return parsed
}

func TestPolicySource(t *testing.T) {
	files := parsePolicy(t, everyPolicyKey)
	if diff := cmp.Diff(everyPolicyValue(), files.Source, equateAddresses); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a.toml"}, files.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// A table that is absent means that there is no such thing; a key that is absent
// in a table that is there means its default.
func TestPolicyDefaults(t *testing.T) {
	shown := policy.Source{
		Defaults: policy.Defaults{
			Limits:     policy.Limits{MaxConnections: 1000, Rate: policy.Rate{Events: 100, Per: time.Second}, Burst: 200},
			IPv6Prefix: 64,
			Handshakes: policy.Rate{Events: 50, Per: time.Second},
		},
		Lockout: policy.Lockout{Failures: 3, Window: 30 * time.Minute, Duration: 30 * time.Minute, Exempt: []string{"loopback"}},
	}
	off := shown
	off.Defaults.Limits, off.Defaults.Handshakes = policy.Limits{}, policy.Rate{}
	off.Lockout.Failures, off.Lockout.Duration, off.Lockout.Forever, off.Lockout.Exempt = 0, 0, true, nil
	for _, tc := range []struct {
		name, text string
		want       policy.Source
	}{
		{"no table", "# nothing\n", policy.Source{}},
		{"empty tables", "[defaults]\n[lockout]\n[audit]\n", shown},
		{"empty texts", "[defaults]\nrate = \"\"\n[lockout]\nwindow = \"\"\nduration = \"\"\n", shown},
		{"everything off", `
[defaults]
rate = "off"
max_connections = 0
handshakes = "off"
[lockout]
failures = 0
duration = "forever"
exempt = []
`, off},
		{"a rule and a test", "[[allow]]\n[[test]]\nfrom = 'unix'\nto = 'a/p'\nexpect = 'deny'\n", policy.Source{
			Rules: []policy.Rule{{TLS: policy.TLSRequired, Mode: policy.Enforce}},
			Tests: []policy.Test{{To: "a/p", Expect: policy.Deny}},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, parsePolicy(t, tc.text).Source, equateAddresses); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPolicyTestFrom(t *testing.T) {
	for text, want := range map[string]netip.AddrPort{
		"unix":                netip.AddrPort{},
		"10.2.0.5:20001":      netip.MustParseAddrPort("10.2.0.5:20001"),
		"[2001:db8::5]:20001": netip.MustParseAddrPort("[2001:db8::5]:20001"),
		"10.2.0.5":            netip.AddrPortFrom(netip.MustParseAddr("10.2.0.5"), 0),
		"2001:db8::5":         netip.AddrPortFrom(netip.MustParseAddr("2001:db8::5"), 0),
		"[2001:db8::5]":       netip.AddrPortFrom(netip.MustParseAddr("2001:db8::5"), 0),
	} {
		if got, f := ParseFrom(text); f != nil || got != want {
			t.Errorf("ParseFrom(%q) = %v, %v; want %v", text, got, f, want)
		}
	}
}

// Everything in several files is one policy, in their order.
func TestPolicyOfSeveralFiles(t *testing.T) {
	files := parsePolicy(t,
		"[[client]]\nname = 'a'\n[[allow]]\nid = '1'\n[lockout]\nfailures = 7\n",
		"# nothing but a comment\n",
		"[[allow]]\nid = '2'\n[[client]]\nname = 'b'\n[defaults]\nburst = 9\n")
	src := files.Source
	if len(src.Clients) != 2 || src.Clients[0].Name != "a" || src.Clients[1].Name != "b" {
		t.Errorf("clients = %v", src.Clients)
	}
	if len(src.Rules) != 2 || src.Rules[0].ID != "1" || src.Rules[1].ID != "2" {
		t.Errorf("rules = %v", src.Rules)
	}
	if src.Lockout.Failures != 7 || src.Defaults.Burst != 9 {
		t.Errorf("lock-out after %d failures, burst %d", src.Lockout.Failures, src.Defaults.Burst)
	}
}

func TestPolicyPorts(t *testing.T) {
	cfg, problems := Parse("config.toml", []byte(`
[host]
certificate = "h.pem"
trusted_ca = "ca.pem"
client_auth = "request"
[[application]]
name = "a"
upstream.primary = "builtin:echo"
[[application.port]]
id = "plain"
listen = "0.0.0.0:1"
mode = "plaintext"
[[application.port]]
id = "secure"
listen = "127.0.0.1:2"
mode = "secure"
[[application]]
name = "b"
upstream.primary = "builtin:echo"
[[application.port]]
id = "auto"
listen = ":3"
mode = "auto-detect"
client_auth = "none"
[[application.port]]
id = "six"
listen = "[2001:db8::1]:4"
mode = "plaintext"
[[application.port]]
id = "headed"
listen = "0.0.0.0:5"
mode = "plaintext"
proxy_protocol = "require"
proxy_trusted = ["10.0.0.1"]
[[application.port]]
id = "passed"
listen = "systemd:passed"
mode = "plaintext"
[[application.port]]
id = "socket"
listen = "unix:a.sock"
mode = "secure"
client_auth = "require"
`))
	if problems.HasErrors() {
		t.Fatalf("problems:\n%v", problems)
	}
	want := []policy.Port{
		{Application: "a", ID: "plain", Mode: policy.Plaintext, Exposed: true, Origins: policy.IPv4Origin},
		{Application: "a", ID: "secure", Mode: policy.Secure, ClientAuth: true, Origins: policy.IPv4Origin},
		{Application: "b", ID: "auto", Mode: policy.AutoDetect, Exposed: true, Origins: policy.IPOrigin},
		{Application: "b", ID: "six", Mode: policy.Plaintext, Exposed: true, Origins: policy.IPv6Origin},
		{Application: "b", ID: "headed", Mode: policy.Plaintext, Exposed: true},
		{Application: "b", ID: "passed", Mode: policy.Plaintext},
		{Application: "b", ID: "socket", Mode: policy.Secure, ClientAuth: true, DemandsCertificate: true, Origins: policy.UNIXOrigin},
	}
	if diff := cmp.Diff(want, cfg.PolicyPorts()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// One mistake is one error: a burst does not miss a rate that could not be read.
func TestBurstOfARateThatCannotBeRead(t *testing.T) {
	files, problems := ParsePolicy([]NamedData{{"policy.toml", []byte(`[[allow]]
id = "a"
from = ["any"]
to = ["a/p"]
rate = "1/d"
burst = 3
owner = "test"
[defaults]
rate = "1/d"
`)}})
	_, more := compile(t, files, []policy.Port{{Application: "a", ID: "p", Mode: policy.Secure}})
	var got []string
	for _, p := range append(problems, more...).Errors() {
		got = append(got, p.Key)
	}
	if diff := cmp.Diff([]string{"allow[0].rate", "defaults.rate"}, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}
