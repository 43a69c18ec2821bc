package firewall_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

var values = cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})

func TestBuildByPolicy(t *testing.T) {
	const (
		east   = "permit east-cs: east 10.2.0.5:20001-20004 > cs/secure 10.1.0.4:443 inbound required"
		secure = "guard cs/secure 10.1.0.4:443 inbound"
		auto   = "guard cs/auto 10.1.0.4:2020 inbound"
	)
	block := func(texts ...string) func(*inputs) {
		return func(in *inputs) {
			one(in)
			in.src.Blocks = []policy.Block{{ID: "worm", Addresses: prefixes(texts...), Reason: "abuse"}}
		}
	}
	source := func(change func(*policy.Source)) func(*inputs) {
		return func(in *inputs) {
			one(in)
			change(in.src)
		}
	}
	first := func(change func(*policy.Rule)) func(*inputs) {
		return source(func(s *policy.Source) { change(&s.Rules[0]) })
	}
	checkBuild(t, []buildCase{
		{"no policy", func(in *inputs) { in.src = nil; one(in) }, []string{secure + ", closed"}},
		{"groups, addresses and built-in names", first(func(r *policy.Rule) { r.From = []string{"east", "192.0.2.0/24", "any", "loopback"} }), []string{
			"permit east-cs: 0.0.0.0/0:any > cs/secure 10.1.0.4:443 inbound required",
			"permit east-cs: 127.0.0.0/8:any > cs/secure 10.1.0.4:443 inbound required",
			"permit east-cs: 192.0.2.0/24:any > cs/secure 10.1.0.4:443 inbound required",
			east, secure}},
		{"loopback stays on its host", func(in *inputs) {
			first(func(r *policy.Rule) { r.From = []string{"east", "loopback", "127.0.0.1"} })(in)
			in.At = firewall.AtBetween
		}, []string{strings.Replace(east, "inbound", "transit", 1), "guard cs/secure 10.1.0.4:443 transit"}},
		{"loopback at the server", func(in *inputs) {
			first(func(r *policy.Rule) { r.From = []string{"east", "127.0.0.1"} })(in)
			in.At = firewall.AtServer
		}, []string{"permit east-cs: 127.0.0.1:any > cs/secure 10.1.0.4:443 inbound required", east, secure}},
		{"a block of loopback on the way", func(in *inputs) {
			block("127.0.0.0/8")(in)
			in.At = firewall.AtBetween
		}, []string{strings.Replace(east, "inbound", "transit", 1), "guard cs/secure 10.1.0.4:443 transit"}},
		{"a block, even of what nobody is allowed", block("10.2.0.0/24", "203.0.113.9", "2001:db8::/32"), []string{
			"deny worm: 10.2.0.0/24:any > cs/secure 10.1.0.4:443 inbound",
			"deny worm: 203.0.113.9:any > cs/secure 10.1.0.4:443 inbound",
			east, secure}},
		{"a block where nothing is open", func(in *inputs) {
			block("10.2.0.0/24")(in)
			in.src.Rules[0].Mode = policy.Off
		}, []string{secure + ", closed", "Rule east-cs is off and is left out."}},
		{"audit mode lets blocks pass", func(in *inputs) {
			block("10.2.0.0/24")(in)
			in.src.Audit.All = true
		}, []string{
			"permit audit/cs/secure: 0.0.0.0/0:any > cs/secure 10.1.0.4:443 inbound required", secure,
			"Audit mode lets everything pass at all ports, and so does this export."}},
		{"audit mode at one port", func(in *inputs) {
			in.src.Audit.Ports = []string{"cs/auto"}
		}, []string{
			"permit audit/cs/auto: 0.0.0.0/0:any > cs/auto 10.1.0.4:2020 inbound any", east, secure, auto,
			"Audit mode lets everything pass at cs/auto, and so does this export."}},
		{"a rule in audit", first(func(r *policy.Rule) { r.Mode = policy.AuditRule }), []string{east, secure}},
		{"a rule that is not valid yet", first(func(r *policy.Rule) { r.ValidFrom = now.AddDate(0, 0, 1) }), []string{
			secure + ", closed", "Rule east-cs is valid from 2026-06-02 on and is left out."}},
		{"a rule on its first day", first(func(r *policy.Rule) { r.ValidFrom = now }), []string{east, secure}},
		{"a rule on its last day", first(func(r *policy.Rule) { r.Expires = now }), []string{east, secure}},
		{"a rule that has expired", first(func(r *policy.Rule) { r.Expires = now.AddDate(0, 0, -1) }), []string{
			secure + ", closed", "Rule east-cs was valid until 2026-05-31 and is left out."}},
		{"require_tls changes nothing where TLS is spoken", source(func(s *policy.Source) {
			s.Clients = append(s.Clients, policy.Client{Name: "strict", Addresses: prefixes("10.0.0.0/8"), RequireTLS: true})
		}), []string{east, secure}},
	})
}

// Addresses of clients with require_tls are taken out of what only plaintext comes through.
func TestBuildWithoutPlaintext(t *testing.T) {
	plain := func(strict ...policy.Client) func(*inputs) {
		return func(in *inputs) {
			in.Services = in.Services[1:]
			in.src.Clients[1].Addresses = prefixes("10.3.0.0/24")
			in.src.Rules[1].TLS = policy.PlaintextOnly
			for _, c := range strict {
				c.RequireTLS = true
				in.src.Clients = append(in.src.Clients, c)
			}
		}
	}
	const guard = "guard cs/auto 10.1.0.4:2020 inbound"
	flow := func(source string) string {
		return "permit lan-cs: lan " + source + " > cs/auto 10.1.0.4:2020 inbound plaintext"
	}
	checkBuild(t, []buildCase{
		{"none", plain(), []string{flow("10.3.0.0/24:any"), guard}},
		{"an address of several", plain(policy.Client{Name: "strict", Addresses: prefixes("10.3.0.128/25", "10.3.0.1")}), []string{
			flow("10.3.0.0:any"), flow("10.3.0.2/31:any"), flow("10.3.0.4/30:any"), flow("10.3.0.8/29:any"), flow("10.3.0.16/28:any"),
			flow("10.3.0.32/27:any"), flow("10.3.0.64/26:any"), guard}},
		{"source ports", plain(policy.Client{Name: "strict", Ports: ranges("1-1023", "2000")}), []string{
			flow("10.3.0.0/24:1024-1999"), flow("10.3.0.0/24:2001-65535"), guard}},
		{"two of them", plain(policy.Client{Name: "s1", Addresses: prefixes("10.3.0.0/25")}, policy.Client{Name: "s2", Addresses: prefixes("10.3.0.0/24")}), []string{
			guard + ", closed"}},
		{"any speaks TLS", func(in *inputs) {
			plain(policy.Client{Name: "strict", Addresses: prefixes("10.3.0.1")})(in)
			in.src.Rules[1].TLS = policy.TLSAny
		}, []string{strings.Replace(flow("10.3.0.0/24:any"), "plaintext", "any", 1), guard}},
	})
}

func TestBuildForOneClient(t *testing.T) {
	const (
		east  = "permit east-cs: east 10.2.0.5:20001-20004 > cs/secure 10.1.0.4:443 outbound required"
		guard = "guard cs/secure 10.1.0.4:443 outbound"
		auto  = "guard cs/auto 10.1.0.4:2020 outbound"
	)
	client := func(change func(*inputs)) func(*inputs) {
		return func(in *inputs) {
			in.At, in.Client = firewall.AtClient, "east"
			change(in)
		}
	}
	checkBuild(t, []buildCase{
		{"other clients", client(func(*inputs) {}), []string{east, guard, auto + ", closed"}},
		{"addresses in the same rule", client(func(in *inputs) { in.src.Rules[0].From = []string{"east", "any"} }), []string{east, guard, auto + ", closed"}},
		{"pins of this host", client(func(in *inputs) {
			in.Pins = []firewall.Pin{{Application: "out", Destination: addrPorts("192.0.2.9:2020")[0], Ports: ranges("20001")}}
		}), []string{east, guard, auto + ", closed"}},
		{"an application alone", client(func(in *inputs) { in.Application = "other" }), nil},
		{"blocks that concern it", client(func(in *inputs) {
			in.src.Blocks = []policy.Block{{ID: "worm", Addresses: prefixes("10.2.0.0/24", "203.0.113.9")}}
		}), []string{
			"deny worm: 10.2.0.0/24:any > cs/secure 10.1.0.4:443 outbound", east, guard, auto + ", closed"}},
		{"audit mode", client(func(in *inputs) { in.src.Audit.Ports = []string{"cs/auto"} }), []string{
			"permit audit/cs/auto: 0.0.0.0/0:any > cs/auto 10.1.0.4:2020 outbound any", east, guard, auto,
			"Audit mode lets everything pass at cs/auto, and so does this export."}},
	})
}

func TestFlowsSayWhatRulesSay(t *testing.T) {
	limits := policy.Limits{MaxConnections: 4, Rate: policy.Rate{Events: 10, Per: time.Second}, Burst: 20}
	from, to := now.AddDate(0, -1, 0), now.AddDate(0, 1, 0)
	m, err := build(t, func(in *inputs) {
		one(in)
		in.src.Clients[0].Addresses = prefixes("10.2.0.5")
		in.src.Clients[0].Identities = []policy.Identity{{Kind: policy.DNSName, Value: "east.example.com"}}
		in.src.Rules[0] = policy.Rule{ID: "east-cs", From: []string{"east", "192.0.2.1"}, To: []string{"cs/secure"}, Limits: limits,
			Owner: "voice team", Ticket: "CHG-1", Reason: "registration", ValidFrom: from, Expires: to}
		in.src.Blocks = []policy.Block{{ID: "worm", Addresses: prefixes("10.2.0.0/24"), Reason: "abuse"}}
	})
	if err != nil {
		t.Fatal(err)
	}
	destination := firewall.End{Name: "cs/secure", Prefix: prefix("10.1.0.4"), Ports: ranges("443")[0]}
	rule := firewall.Flow{Action: firewall.Permit, Origin: firewall.FromRule, Rule: "east-cs", Destination: destination, Direction: firewall.Inbound, TLS: "required",
		Limits: limits, Owner: "voice team", Ticket: "CHG-1", Reason: "registration", ValidFrom: from, Expires: to}
	named := rule
	named.Source = firewall.End{Name: "east", Prefix: prefix("10.2.0.5"), Ports: ranges("20001-20004")[0]}
	named.PerClient, named.Identities = true, []policy.Identity{{Kind: policy.DNSName, Value: "east.example.com"}}
	rule.Source = firewall.End{Prefix: prefix("192.0.2.1"), Ports: firewall.AnyPort()}
	want := []firewall.Flow{
		{Action: firewall.Deny, Origin: firewall.FromBlock, Rule: "worm", Reason: "abuse", Destination: destination, Direction: firewall.Inbound,
			Source: firewall.End{Prefix: prefix("10.2.0.0/24"), Ports: firewall.AnyPort()}},
		rule, named,
	}
	if diff := cmp.Diff(want, m.Flows, values, cmpopts.IgnoreFields(firewall.Flow{}, "ID")); diff != "" {
		t.Errorf("flows (-want +got):\n%s", diff)
	}
	if at := m.Flows[1].ExpiresAt(); !at.Equal(time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC)) || !m.Flows[0].ExpiresAt().IsZero() {
		t.Errorf("expires at %s", at)
	}
	g := m.Guards[0]
	for text, label := range map[string]int32{"10.2.0.5:20001": 2, "192.0.2.1:1": 1} {
		if got := g.Open.Find(netip.MustParseAddrPort(text)); !slices.Equal(got, []int32{label}) {
			t.Errorf("%s is let in by flows %v, want %d", text, got, label)
		}
	}
	if got := g.Closed.Find(netip.MustParseAddrPort("10.2.0.5:20001")); !slices.Equal(got, []int32{0}) {
		t.Errorf("closed by %v", got)
	}
	if got := g.Closed.Find(netip.MustParseAddrPort("10.2.0.6:20001")); got != nil {
		t.Errorf("what is not open is closed by %v", got)
	}
}

func TestHeaderIsKept(t *testing.T) {
	var given []string
	m, err := build(t, func(in *inputs) {
		in.Header = firewall.Header{Host: "cti-1", PolicyHash: "sha256:1", Generation: 7, Made: now, Notes: make([]string, 1, 9)}
		in.Header.Notes[0] = "first"
		given = in.Header.Notes
	})
	if err != nil {
		t.Fatal(err)
	}
	want := firewall.Header{Host: "cti-1", PolicyHash: "sha256:1", Generation: 7, Made: now, Notes: []string{"first",
		"Return traffic relies on connection tracking: what belongs to a connection that was let pass, passes in both directions.",
		"What the firewall cannot know (TLS, identities, connections at once) is up to sallyport."}}
	if diff := cmp.Diff(want, m.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if hidden := given[:2]; hidden[1] != "" {
		t.Errorf("wrote %q into the notes of the input", hidden[1])
	}
}

// ids returns the ids of flows by what they say.
func ids(t *testing.T, m *firewall.Matrix) map[string]string {
	t.Helper()
	byText, texts := make(map[string]string), lines(m)
	seen := make(map[string]bool)
	for i, f := range m.Flows {
		if seen[f.ID] {
			t.Errorf("two flows have the id %s", f.ID)
		}
		seen[f.ID] = true
		if !strings.HasPrefix(f.ID, f.Rule+".") {
			t.Errorf("the id %s does not begin with the rule", f.ID)
		}
		byText[texts[i]] = f.ID
	}
	return byText
}

func TestIDsStayWhenOthersComeAndGo(t *testing.T) {
	few, err := build(t, func(*inputs) {})
	if err != nil {
		t.Fatal(err)
	}
	many, err := build(t, func(in *inputs) {
		in.src.Clients = append(in.src.Clients,
			policy.Client{Name: "twin", Addresses: in.src.Clients[0].Addresses, Ports: in.src.Clients[0].Ports},
			policy.Client{Name: "aa", Addresses: prefixes("10.0.0.0/24")})
		in.src.Rules[0].From = []string{"twin", "aa", "east"}
		in.src.Rules = append(in.src.Rules, policy.Rule{ID: "a", From: []string{"any"}, To: []string{"cs/*"}})
		in.src.Blocks = []policy.Block{{ID: "worm", Addresses: prefixes("10.2.0.0/24")}}
	})
	if err != nil {
		t.Fatal(err)
	}
	all := ids(t, many)
	for text, id := range ids(t, few) {
		if all[text] != id {
			t.Errorf("%s had the id %s and has %s", text, id, all[text])
		}
	}
}

// The first digits of these two are the same.
func TestIDsOfTuplesThatCollide(t *testing.T) {
	m, err := build(t, func(in *inputs) {
		one(in)
		in.src.Rules[0].From = []string{"10.1.200.100", "10.3.24.106", "192.0.2.1"}
		in.src.Rules[1].From = []string{"east", "lan"}
	})
	if err != nil {
		t.Fatal(err)
	}
	const shared = "east-cs.5b55673c"
	ids(t, m)
	for i, f := range m.Flows {
		if short := len(f.ID) == len(shared); short != (i == 2) || !short && !strings.HasPrefix(f.ID, shared) {
			t.Errorf("%s has the id %s", f.Source.Prefix, f.ID)
		}
	}
}

// The order in which policies and configurations are written does not matter.
func TestMatrixIsTheSameInAnyOrder(t *testing.T) {
	matrix := func(r *rand.Rand) *firewall.Matrix {
		m, err := build(t, func(in *inputs) {
			for i := range 20 {
				name := fmt.Sprint("c", i)
				in.src.Clients = append(in.src.Clients, policy.Client{Name: name, Addresses: prefixes(fmt.Sprintf("10.%d.0.%d", i%3, i), fmt.Sprintf("10.%d.0.0/24", i%3))})
				in.src.Rules = append(in.src.Rules, policy.Rule{ID: fmt.Sprint("r", i%7, "-", i), From: []string{name, "192.0.2.1", "any", "east"}, To: []string{"cs/*"}})
			}
			in.src.Blocks = []policy.Block{{ID: "b", Addresses: prefixes("10.0.0.1", "10.0.0.2")}, {ID: "a", Addresses: prefixes("10.0.0.1")}}
			in.Pins = []firewall.Pin{
				{Application: "out", Destination: addrPorts("192.0.2.9:1")[0], Ports: ranges("20001", "20003")},
				{Application: "in", Destination: addrPorts("192.0.2.9:1")[0], Ports: ranges("20001")},
			}
			r.Shuffle(len(in.src.Clients), func(i, j int) { s := in.src.Clients; s[i], s[j] = s[j], s[i] })
			r.Shuffle(len(in.src.Rules), func(i, j int) { s := in.src.Rules; s[i], s[j] = s[j], s[i] })
			r.Shuffle(len(in.src.Blocks), func(i, j int) { s := in.src.Blocks; s[i], s[j] = s[j], s[i] })
			r.Shuffle(len(in.Services), func(i, j int) { s := in.Services; s[i], s[j] = s[j], s[i] })
			for k := range in.src.Rules {
				from := in.src.Rules[k].From
				r.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	want := matrix(rand.New(rand.NewPCG(1, 9)))
	ids(t, want)
	for seed := range uint64(5) {
		if diff := cmp.Diff(want, matrix(rand.New(rand.NewPCG(seed, 10))), values); diff != "" {
			t.Fatalf("(-one order +another):\n%s", diff)
		}
	}
}
