package suggest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// read returns a survey of lines.
func read(t *testing.T, known *policy.Set, lines ...string) *Survey {
	t.Helper()
	s := &Survey{Policy: known}
	if err := s.Read(strings.NewReader(strings.Join(lines, ""))); err != nil {
		t.Fatal(err)
	}
	if a := s.Account(); a.Used != len(lines) {
		t.Fatalf("not all lines are used: %+v", a)
	}
	return s
}

func draftOf(t *testing.T, lines ...string) string {
	t.Helper()
	var text strings.Builder
	if err := read(t, nil, lines...).Draft().Write(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestFile shows a whole file. What it looks like is part of what the package is for.
func TestFile(t *testing.T) {
	lines := []string{
		line("source=10.2.0.5:20001", `peer_subject="CN=t-server"`, `peer_identities="uri:spiffe://example.com/t dns:t.example.com"`),
		line("source=10.2.0.5:20002", `peer_subject="CN=t-server"`, `peer_identities="uri:spiffe://example.com/u dns:t.example.com"`),
		line("source=10.2.0.5:20003", `peer_subject="CN=t-server"`, `peer_identities=dns:t.example.com`, "port=backup"),
		line("source=10.2.0.5:40001", "port=plain", "mode=plaintext", "reason=source_port_mismatch", "nearest=monitoring", `failed_condition="source port"`),
		line("source=10.2.0.6:40002", `peer_subject="CN=a\n[[allow]] \"b\" \\ \x1b[2J\u202e"`),
		line("source=10.2.0.6:40003", "mode=plaintext"),
		line("source=[2001:db8::7]:40001", "mode="),
		line("source=unix", "port=socket", "mode=plaintext"),
	}
	for i := range crowd {
		lines = append(lines, line(fmt.Sprintf("source=10.3.0.%d:2000", i), "port=crowded"))
	}
	want, err := os.ReadFile("testdata/suggested.toml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), draftOf(t, lines...)); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
}

func TestNothing(t *testing.T) {
	for _, c := range []struct{ log, want string }{
		{"", "There is no record of a session in the log."},
		{"other\n", "There is no record of a session in the log."},
		{line("verdict=allow", "reason=allowed"), "No session in the log needs a rule."},
		{line("source=****") + line("source=x") + line("verdict=allow"), "But 2 records in the log could not be used, and may need rules."},
	} {
		var s Survey
		var text strings.Builder
		s.Read(strings.NewReader(c.log))
		if err := s.Draft().Write(&text); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("# Suggested by sallyport: nothing. "+c.want+"\n", text.String()); diff != "" {
			t.Errorf("file (-want +got):\n%s", diff)
		}
	}
}

// What expired is prolonged or given up: a rule without a last day in its place is a decision.
func TestRuleThatExpiredIsNamed(t *testing.T) {
	got := draftOf(t,
		line("reason=expired", "nearest=c", "failed_condition=period"), line("reason=expired", "nearest=a"), line("reason=not_yet_valid", "nearest=d"),
		line("reason=expired", "nearest=b", "mode="), line("reason=expired", "nearest=a", "source=10.9.9.9:1"), line("nearest=0"))
	const want = `
# CAREFUL: the days of "a", "b", "c" would have to be others: it expired, or is not valid yet. If it is still right,
# change its expires or valid_from instead of adding this rule, which has no last day.
[[allow]]
`
	if !strings.Contains(got, want) {
		t.Errorf("want %s in\n%s", want, got)
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	var lines []string
	for i := range 200 {
		lines = append(lines, line(fmt.Sprintf("source=10.2.0.%d:%d", i%7, 20000+i%80), fmt.Sprintf("port=p%d", i%3),
			fmt.Sprintf(`peer_identities="dns:a%d dns:b%d"`, i%2, i%5)))
	}
	want := draftOf(t, lines...)
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		if diff := cmp.Diff(want, draftOf(t, lines...)); diff != "" {
			t.Fatalf("file (-want +got):\n%s", diff)
		}
	}
}

func TestWhoIsBehindAnAddress(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  []string // identities of each client, and the rules that name it
	}{
		{"always the same", []string{line("peer_identities=dns:a"), line("peer_identities=dns:a", "port=b")},
			[]string{"dns:a: config-server/b required, config-server/secure required"}},
		{"the one in common", []string{line(`peer_identities="uri:x:a dns:b"`), line(`peer_identities="uri:x:c dns:b"`)},
			[]string{"dns:b: config-server/secure required"}},
		{"none in common", []string{line("peer_identities=dns:a"), line("peer_identities=dns:b")},
			[]string{"dns:a dns:b: config-server/secure required"}},
		{"as few as cover all", []string{line(`peer_identities="uri:x:a dns:b"`), line(`peer_identities="uri:x:c dns:b"`), line("peer_identities=cn:d")},
			[]string{"dns:b cn:d: config-server/secure required"}},
		{"several here and one there", []string{line("peer_identities=dns:a"), line("peer_identities=dns:b"), line("peer_identities=dns:b", "port=b")},
			[]string{"dns:a dns:b: config-server/secure required", "dns:b: config-server/b required"}},
		{"the same several on two ports", []string{line("peer_identities=dns:a"), line("peer_identities=dns:b"), line("peer_identities=dns:b", "port=b"), line("peer_identities=dns:a", "port=b")},
			[]string{"dns:a dns:b: config-server/b required, config-server/secure required"}},
		{"as many as are listed", certificatesSeen(mostCertificates),
			[]string{"dns:a0 dns:a1 dns:a2 dns:a3 dns:a4 dns:a5 dns:a6 dns:a7: config-server/secure required"}},
		{"too many", certificatesSeen(mostCertificates + 1),
			[]string{": config-server/secure required"}},
		{"once without", []string{line("peer_identities=dns:a"), line()},
			[]string{": config-server/secure required"}},
		{"the one that covers more ports, although another is better", []string{line(`peer_identities="uri:x:a dns:b"`), line("peer_identities=dns:b", "port=b")},
			[]string{"dns:b: config-server/b required, config-server/secure required"}},
		{"two certificates", []string{line("peer_identities=dns:a"), line("peer_identities=dns:b", "port=b")},
			[]string{"dns:a: config-server/secure required", "dns:b: config-server/b required"}},
		{"a certificate here and none there", []string{line("peer_identities=dns:a"), line("port=b", "mode=plaintext")},
			[]string{": config-server/b plaintext", "dns:a: config-server/secure required"}},
		{"both on one port", []string{line(), line("mode=plaintext")},
			[]string{": config-server/secure any"}},
		{"not known", []string{line(), line("mode=")},
			[]string{": config-server/secure any"}},
		{"UNIX sockets have no definition", []string{line("source=unix", "peer_identities=dns:a"), line("source=unix", "peer_identities=dns:b", "port=b")},
			nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := read(t, nil, test.lines...).Draft()
			var got []string
			for _, c := range d.Clients {
				var rules []string
				for _, r := range d.Rules {
					if r.From[0] == c.Name {
						rules = append(rules, r.To[0]+" "+r.TLS.String())
					}
				}
				got = append(got, strings.Join(draft.Texts(c.Identities, policy.Identity.String), " ")+": "+strings.Join(rules, ", "))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("clients (-want +got):\n%s", diff)
			}
		})
	}
}

// certificatesSeen are sessions of one client with so many certificates.
func certificatesSeen(n int) (lines []string) {
	for i := range n {
		lines = append(lines, line(fmt.Sprintf("peer_identities=dns:a%d", i)))
	}
	return lines
}

// A client that is not asked for its identity is one that a reviewer has to look at.
func TestMissingIdentitiesAreLoud(t *testing.T) {
	for _, c := range []struct {
		name, want string
		lines      []string
	}{
		{"too many", "# CAREFUL: it showed more than 8 different certificates.", certificatesSeen(9)},
		{"some without", "# CAREFUL: some of its connections showed a certificate and others did not.", []string{line("peer_identities=dns:a"), line()}},
		{"nothing to demand", "# CAREFUL: it showed a certificate, but the log has no identity in it", []string{line(`peer_subject="CN=x"`)}},
		{"none where one was demanded", "# CAREFUL: a rule demanded an identity of it, and it showed none.", []string{line("reason=identity_missing")}},
		{"several", "# It showed several certificates. Any of these passes;", certificatesSeen(2)},
	} {
		if got := draftOf(t, c.lines...); !strings.Contains(got, c.want) {
			t.Errorf("%s: want %q in\n%s", c.name, c.want, got)
		}
	}
	if got := draftOf(t, line(), line("peer_identities=dns:a", "source=10.2.0.9:1")); strings.Contains(got, "CAREFUL") {
		t.Errorf("loud without a cause:\n%s", got)
	}
}

func TestUnixSocket(t *testing.T) {
	d := read(t, nil, line("source=unix"), line("source=127.0.0.1:40000"), line("source=unix", "peer=127.0.0.1:1")).Draft()
	want := []policy.Rule{
		{ID: "seen-config-server-secure-tls", From: []string{"seen-127.0.0.1"}, To: []string{"config-server/secure"},
			Reason: "suggested from the log: 1 connection at 2026-11-22T14:00:00Z"},
		{ID: "seen-config-server-secure-tls-local", From: []string{"loopback"}, To: []string{"config-server/secure"},
			Reason: "suggested from the log: 2 connections at 2026-11-22T14:00:00Z"},
	}
	if diff := cmp.Diff(want, d.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestNamesAreNotTaken(t *testing.T) {
	d := read(t, inForce(t), line()).Draft()
	want := policy.Client{Name: "seen-10.2.0.5-3", Addresses: []netip.Prefix{netip.MustParsePrefix("10.2.0.5/32")}, Ports: []policy.PortRange{{First: 20001, Last: 20001}}}
	if diff := cmp.Diff([]policy.Client{want}, d.Clients, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("clients (-want +got):\n%s", diff)
	}
	if got := d.Rules[0].ID; got != "seen-config-server-secure-tls-2" {
		t.Errorf("rule %q", got)
	}
}

func TestLongNames(t *testing.T) {
	long := strings.Repeat("x", longestIdentifier)
	d := read(t, nil, line("application="+long, "port="+long), line("application="+long, "port="+long, "source=10.0.0.1:1", "mode=plaintext")).Draft()
	if d.Rules[0].ID == d.Rules[1].ID || max(len(d.Rules[0].ID), len(d.Rules[1].ID)) > draft.LongestName {
		t.Errorf("ids %q and %q", d.Rules[0].ID, d.Rules[1].ID)
	}
}

// The times in comments are UTC and cover everything; a record whose time cannot be read counts all the same.
func TestSpan(t *testing.T) {
	at := func(time string) string {
		return strings.Replace(line(), "2026-11-22T14:00:00.000Z", time, 1)
	}
	text := draftOf(t, at("2026-11-22T14:00:00.000+01:00"), at("x"), at("2026-11-21T14:00:00Z"))
	if want := "# 3 connections from 2026-11-21T14:00:00Z to 2026-11-22T13:00:00Z; no_rule (3)\n"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
}
