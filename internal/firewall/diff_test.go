package firewall

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// diffFlow reads "east 10.2.0.5:20001-20004", of which the name may be missing, as the source of a flow of a rule.
func diffFlow(rule, source string) Flow {
	name, from, named := strings.Cut(source, " ")
	if !named {
		name, from = "", source
	}
	address, ports := from, ""
	if i := strings.LastIndex(from, "@"); i >= 0 {
		address, ports = from[:i], from[i+1:]
	}
	prefix, err := policy.ParsePrefix(address)
	if err != nil {
		panic(err)
	}
	f := Flow{
		ID: rule + "." + source, Action: Permit, Origin: FromRule, Rule: rule, Direction: Inbound, TLS: "required",
		Source:      End{name, prefix, AnyPort()},
		Destination: End{"config/secure", netip.MustParsePrefix("10.1.0.4/32"), policy.PortRange{First: 2021, Last: 2021}},
	}
	if ports != "" {
		if f.Source.Ports, err = policy.ParsePortRange(ports); err != nil {
			panic(err)
		}
	}
	return f
}

func diffBlock(id, source string) Flow {
	f := diffFlow(id, source)
	f.Action, f.Origin, f.TLS = Deny, FromBlock, ""
	return f
}

// changedFlow is a flow that something was done to.
func changedFlow(f Flow, change func(*Flow)) Flow {
	change(&f)
	return f
}

func TestDiff(t *testing.T) {
	east := diffFlow("a", "east 10.2.0.5@20001-20004")
	to := func(prefix string, port uint16) func(*Flow) {
		return func(f *Flow) {
			f.Destination = End{"", netip.MustParsePrefix(prefix), policy.PortRange{First: port, Last: port}}
		}
	}
	for _, c := range []struct {
		name         string
		older, newer []Flow
		want         []string
	}{
		{"nothing", nil, nil, nil},
		{"the same", []Flow{east}, []Flow{east}, nil},
		{"another order and id", []Flow{east, diffFlow("b", "10.3.0.0/16")},
			[]Flow{diffFlow("b", "10.3.0.0/16"), changedFlow(east, func(f *Flow) { f.ID = "x" })}, nil},
		{"two spellings of any port", []Flow{diffFlow("a", "10.2.0.5")}, []Flow{diffFlow("a", "10.2.0.5@1-65535")}, nil},
		{"a range that is split", []Flow{east}, []Flow{diffFlow("a", "east 10.2.0.5@20001-20002"), diffFlow("a", "east 10.2.0.5@20003-20004")}, nil},
		{"prefixes that are joined", []Flow{diffFlow("a", "10.2.0.0/25"), diffFlow("a", "10.2.0.128/25")}, []Flow{diffFlow("a", "10.2.0.0/24")}, nil},
		{"a flow that is there twice", []Flow{east}, []Flow{east, east}, nil},
		{"opened", nil, []Flow{east}, []string{"opened: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021), by rule a (client east)"}},
		{"closed", []Flow{east}, nil, []string{"closed: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021), which rule a (client east) let pass"}},
		{"wider", []Flow{east}, []Flow{diffFlow("a", "east 10.2.0.5@20001-20006")},
			[]string{"opened: 10.2.0.5 ports 20005-20006 to config/secure (10.1.0.4:2021), by rule a (client east)"}},
		{"narrower at both edges", []Flow{east}, []Flow{diffFlow("a", "east 10.2.0.5@20002-20003")},
			[]string{"closed: 10.2.0.5 ports 20001, 20004 to config/secure (10.1.0.4:2021), which rule a (client east) let pass"}},
		{"moved", []Flow{east}, []Flow{diffFlow("a", "east 10.2.0.5@20003-20006")}, []string{
			"opened: 10.2.0.5 ports 20005-20006 to config/secure (10.1.0.4:2021), by rule a (client east)",
			"closed: 10.2.0.5 ports 20001-20002 to config/secure (10.1.0.4:2021), which rule a (client east) let pass",
		}},
		{"neighbours are one sentence", nil, []Flow{diffFlow("a", "10.2.0.4@5"), diffFlow("a", "10.2.0.5@5"), diffFlow("a", "10.2.0.6@5"), diffFlow("a", "10.2.0.5@6")},
			[]string{
				"opened: 10.2.0.4 port 5 to config/secure (10.1.0.4:2021), by rule a",
				"opened: 10.2.0.5 ports 5-6 to config/secure (10.1.0.4:2021), by rule a",
				"opened: 10.2.0.6 port 5 to config/secure (10.1.0.4:2021), by rule a",
			}},
		{"addresses that are no prefix", nil, []Flow{diffFlow("a", "10.2.0.5@5"), diffFlow("a", "10.2.0.6@5")},
			[]string{"opened: 10.2.0.5-10.2.0.6 port 5 to config/secure (10.1.0.4:2021), by rule a"}},
		{"by several rules", nil, []Flow{diffFlow("b", "10.2.0.5"), diffFlow("a", "10.2.0.0/24")}, []string{
			"opened: 10.2.0.0-10.2.0.4 any port to config/secure (10.1.0.4:2021), by rule a",
			"opened: 10.2.0.5 any port to config/secure (10.1.0.4:2021), by rule a and rule b",
			"opened: 10.2.0.6-10.2.0.255 any port to config/secure (10.1.0.4:2021), by rule a",
		}},
		{"everybody", nil, []Flow{diffFlow("a", "0.0.0.0/0"), changedFlow(diffFlow("a", "::/0"), to("::/0", 443))}, []string{
			"opened: any IPv4 address any port to config/secure (10.1.0.4:2021), by rule a",
			"opened: any IPv6 address any port to any IPv6 address port 443, by rule a",
		}},
		{"another destination", []Flow{east}, []Flow{changedFlow(east, to("2001:db8::4/128", 2021))}, []string{
			"opened: 10.2.0.5 ports 20001-20004 to [2001:db8::4]:2021, by rule a (client east)",
			"closed: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021), which rule a (client east) let pass",
		}},
		{"another direction", []Flow{east}, []Flow{changedFlow(east, func(f *Flow) { f.Direction = Transit })}, []string{
			"opened: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021) transit, by rule a (client east)",
			"closed: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021) inbound, which rule a (client east) let pass",
		}},
		{"a block closes", []Flow{east}, []Flow{east, diffBlock("scanner", "10.2.0.0/24")}, []string{
			"closed: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021), by block scanner",
			"blocked: 10.2.0.0-10.2.0.4 any port to config/secure (10.1.0.4:2021), by block scanner, where nothing passed before",
			"blocked: 10.2.0.5 ports 1-20000, 20005-65535 to config/secure (10.1.0.4:2021), by block scanner, where nothing passed before",
			"blocked: 10.2.0.6-10.2.0.255 any port to config/secure (10.1.0.4:2021), by block scanner, where nothing passed before",
		}},
		{"a block that goes opens", []Flow{east, diffBlock("scanner", "10.2.0.5")}, []Flow{east}, []string{
			"opened: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021), by rule a (client east)",
			"no longer blocked: 10.2.0.5 ports 1-20000, 20005-65535 to config/secure (10.1.0.4:2021), by block scanner, and nothing passes all the same",
		}},
		{"a rule for who is blocked", []Flow{diffBlock("scanner", "10.2.0.5")}, []Flow{east, diffBlock("scanner", "10.2.0.5")},
			[]string{"changed: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021): rule a (client east) would let it pass, and it is blocked"}},
		{"no rule any more for who is blocked", []Flow{east, diffBlock("scanner", "10.2.0.5")}, []Flow{diffBlock("scanner", "10.2.0.5")},
			[]string{"changed: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021): rule a (client east) would let it pass no longer, and it was blocked"}},
		{"a rule that is renamed", []Flow{east}, []Flow{diffFlow("b", "east 10.2.0.5@20001-20004")},
			[]string{`changed: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021), rule a (client east): id "a" is now "b"`}},
		{"renamed, split and widened", []Flow{east}, []Flow{diffFlow("b", "east 10.2.0.5@20001-20002"), diffFlow("b", "east 10.2.0.5@20003-20005")}, []string{
			"opened: 10.2.0.5 port 20005 to config/secure (10.1.0.4:2021), by rule b (client east)",
			`changed: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021), rule a (client east): id "a" is now "b"`,
		}},
		{"everything that is said of a flow", []Flow{east}, []Flow{changedFlow(east, func(f *Flow) {
			f.Source.Name, f.Destination.Name, f.TLS, f.PerClient = "west", "config/other", "any", true
			f.Identities = []policy.Identity{{Kind: policy.DNSName, Value: "b"}, {Kind: policy.CommonName, Value: "a"}}
			f.Limits = policy.Limits{MaxConnections: 4, Rate: policy.Rate{Events: 10, Per: time.Second}, Burst: 20}
			f.Owner, f.Ticket, f.Reason = "voice  <team>", "CHG-1", "x\n\x1b[2J"
			f.ValidFrom, f.Expires = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
		})}, []string{`changed: 10.2.0.5 ports 20001-20004 to config/other (10.1.0.4:2021), rule a (client east): client "east" is now "west", ` +
			`destination "config/secure" is now "config/other", tls "required" is now "any", identities none is now "cn:a or dns:b", ` +
			`max_connections none is now "4", rate none is now "10/s", burst none is now "20", counted by none is now "client", ` +
			`owner none is now "voice <team>", ticket none is now "CHG-1", reason none is now "x \x1b[2J", period none is now "2026-01-01 to 2027-01-01"`}},
		{"days", []Flow{changedFlow(east, func(f *Flow) { f.Expires = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) })},
			[]Flow{changedFlow(east, func(f *Flow) { f.ValidFrom = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) })},
			[]string{`changed: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021), rule a (client east): period "until 2027-01-01" is now "from 2027-01-01"`}},
		{"white space, and the order of identities",
			[]Flow{changedFlow(east, func(f *Flow) {
				f.Reason = "a\r\nb "
				f.Identities = []policy.Identity{{Kind: policy.CommonName, Value: "a"}, {Kind: policy.CommonName, Value: "b"}}
			})},
			[]Flow{changedFlow(east, func(f *Flow) {
				f.Reason = "a b"
				f.Identities = []policy.Identity{{Kind: policy.CommonName, Value: "b"}, {Kind: policy.CommonName, Value: "a"}}
			})}, nil},
		{"another rule for the same", []Flow{east}, []Flow{east, diffFlow("b", "10.2.0.0/24@20001-20004")}, []string{
			"opened: 10.2.0.0-10.2.0.4 ports 20001-20004 to config/secure (10.1.0.4:2021), by rule b",
			"opened: 10.2.0.6-10.2.0.255 ports 20001-20004 to config/secure (10.1.0.4:2021), by rule b",
			"changed: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021), also by rule b",
		}},
		{"one rule less for the same", []Flow{east, diffFlow("b", "10.2.0.5")}, []Flow{diffFlow("b", "10.2.0.5")},
			[]string{"changed: 10.2.0.5 ports 20001-20004 to config/secure (10.1.0.4:2021), no longer by rule a (client east)"}},
		{"a block with another reason", []Flow{diffBlock("scanner", "10.2.0.5")},
			[]Flow{changedFlow(diffBlock("scanner", "10.2.0.5"), func(f *Flow) { f.Reason = "abuse" })},
			[]string{`changed: 10.2.0.5 any port to config/secure (10.1.0.4:2021), block scanner: reason none is now "abuse"`}},
		{"other origins", nil, []Flow{
			changedFlow(diffFlow("audit", "10.2.0.5"), func(f *Flow) { f.Origin = FromAudit }),
			changedFlow(diffFlow("balancer/config/secure", "10.2.0.6"), func(f *Flow) { f.Origin = FromBalancer }),
			changedFlow(diffFlow("upstream/out", "host 10.2.0.7@7"), func(f *Flow) { f.Origin = FromPin }),
		}, []string{
			"opened: 10.2.0.5 any port to config/secure (10.1.0.4:2021), by audit mode",
			"opened: 10.2.0.6 any port to config/secure (10.1.0.4:2021), by balancer/config/secure",
			"opened: 10.2.0.7 port 7 to config/secure (10.1.0.4:2021), by upstream/out",
		}},
		{"names that mean harm", []Flow{changedFlow(diffFlow("a\nopened: 0.0.0.0/0", "10.2.0.5@5"), func(f *Flow) { f.Source.Name = "x)\x1b[2J"; f.Destination.Name = "a b" })}, nil,
			[]string{`closed: 10.2.0.5 port 5 to "a b" (10.1.0.4:2021), which rule "a\nopened: 0.0.0.0/0" (client "x)\x1b[2J") let pass`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Diff(c.older, c.newer)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestDiffOfManyRules names only some of them.
func TestDiffOfManyRules(t *testing.T) {
	var flows []Flow
	for i := range 9 {
		flows = append(flows, diffFlow("r"+strconv.Itoa(i), "10.2.0.5"))
	}
	want := []string{"opened: 10.2.0.5 any port to config/secure (10.1.0.4:2021), by rule r0, rule r1, rule r2, rule r3, rule r4 and 4 more"}
	if diff := cmp.Diff(want, Diff(nil, flows)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestDiffSaysWhatPasses compares what random flows open and close with each tuple of a small world, one by one. Whatever the order of
// the flows, the sentences are the same.
func TestDiffSaysWhatPasses(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		older, newer := randomFlows(random), randomFlows(random)
		sentences := Diff(older, newer)
		said := saidOf(t, sentences)
		for address := range 8 {
			for port := range uint16(8) {
				source := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, 0, byte(address)}), port+1)
				before, after := passes(older, source), passes(newer, source)
				want := ""
				switch {
				case !before && after:
					want = "opened"
				case before && !after:
					want = "closed"
				}
				if got := said[source]; got != want {
					t.Fatalf("seed %d: %s passed before: %t, and passes: %t, but is said to be %q in\n%s", seed, source, before, after, got, strings.Join(sentences, "\n"))
				}
			}
		}
		random.Shuffle(len(older), func(i, j int) { older[i], older[j] = older[j], older[i] })
		random.Shuffle(len(newer), func(i, j int) { newer[i], newer[j] = newer[j], newer[i] })
		if diff := cmp.Diff(sentences, Diff(older, newer)); diff != "" {
			t.Fatalf("seed %d: in another order (-was +is)\n%s", seed, diff)
		}
	}
}

func randomFlows(random *rand.Rand) []Flow {
	var flows []Flow
	for range random.IntN(8) {
		bits := 29 + random.IntN(4)
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 2, 0, byte(random.IntN(8))}), bits).Masked()
		first := 1 + random.IntN(8)
		f := diffFlow(string(rune('a'+random.IntN(3))), fmt.Sprintf("%s@%d-%d", prefix, first, first+random.IntN(9-first)))
		if random.IntN(4) == 0 {
			f.Action, f.Origin = Deny, FromBlock
		}
		flows = append(flows, f)
	}
	return flows
}

// passes evaluates flows one by one.
func passes(flows []Flow, source netip.AddrPort) bool {
	holds := func(action Action) bool {
		return slices.ContainsFunc(flows, func(f Flow) bool {
			return f.Action == action && f.Source.Prefix.Contains(source.Addr()) && f.Source.Ports.Contains(source.Port())
		})
	}
	return holds(Permit) && !holds(Deny)
}

// saidOf reads what sentences open and close.
func saidOf(t *testing.T, sentences []string) map[netip.AddrPort]string {
	t.Helper()
	said := make(map[netip.AddrPort]string)
	for _, s := range sentences {
		kind, rest, _ := strings.Cut(s, ": ")
		if kind != "opened" && kind != "closed" {
			continue
		}
		sources, _, _ := strings.Cut(rest, " to ")
		addresses, ports, _ := strings.Cut(sources, " port")
		first, last := addressesOf(t, addresses)
		for _, text := range strings.Split(strings.TrimSpace(strings.TrimPrefix(ports, "s")), ", ") {
			r, err := policy.ParsePortRange(text)
			if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			for a := first; !last.Less(a); a = a.Next() {
				for port := r.First; port <= r.Last; port++ {
					source := netip.AddrPortFrom(a, port)
					if said[source] != "" {
						t.Fatalf("%s is said twice in\n%s", source, strings.Join(sentences, "\n"))
					}
					said[source] = kind
				}
			}
		}
	}
	return said
}

func addressesOf(t *testing.T, text string) (first, last netip.Addr) {
	t.Helper()
	if one, other, isRange := strings.Cut(text, "-"); isRange {
		return netip.MustParseAddr(one), netip.MustParseAddr(other)
	}
	prefix, err := policy.ParsePrefix(text)
	if err != nil {
		t.Fatal(err)
	}
	return prefix.Addr(), policy.LastOf(prefix)
}

func BenchmarkDiff(b *testing.B) {
	older := make([]Flow, 100_000)
	address := netip.MustParseAddr("10.16.0.0")
	for i := range older {
		older[i] = diffFlow("rule-"+strconv.Itoa(i/10), "x 10.2.0.5@20001-20004")
		older[i].Source.Name = "client-" + strconv.Itoa(i)
		older[i].Source.Prefix = netip.PrefixFrom(address, 32)
		address = address.Next().Next()
	}
	newer := slices.Clone(older)
	for i := range newer {
		if i%10 == 0 {
			newer[i].Source.Ports.Last++
			newer[i].Owner = "somebody"
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if n := len(Diff(older, newer)); n != 20_000 {
			b.Fatalf("%d differences", n)
		}
	}
}
