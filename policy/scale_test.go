package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// Groups beyond a few thousand members are looked up in tables of their own. They are held
// against the reference like everything else.
func TestLargeGroupsAgreeWithReference(t *testing.T) {
	src := &policy.Source{Ports: []policy.Port{{Application: "a", ID: "p", Mode: policy.Secure, ClientAuth: true}, {Application: "a", ID: "q", Mode: policy.Secure}}}
	for g := range 5 {
		group := policy.Group{Name: fmt.Sprint("g", g)}
		for i := range 4100 + g {
			group.Members = append(group.Members, address(i*(g+1)).String())
		}
		for i := range 3 {
			name := fmt.Sprintf("c%d-%d", g, i)
			src.Clients = append(src.Clients, policy.Client{Name: name, Addresses: prefixes([]string{"10.0.0.0/16"}),
				Identities: identities([]string{fmt.Sprintf("cn:%d", (g+i)%4)}), Ports: []policy.PortRange{{First: 5, Last: uint16(5 + g)}}})
			group.Members = append(group.Members, name)
		}
		src.Groups = append(src.Groups, group)
		src.Rules = append(src.Rules, policy.Rule{ID: fmt.Sprint("r", g), From: []string{group.Name, "c0-0"}, To: []string{"a/*"}, Limits: policy.Limits{MaxConnections: 1 + g%3}})
	}
	set := compiled(t, src)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		names := identities([]string{fmt.Sprintf("cn:%d", r.IntN(6))})
		facts := policy.Facts{Application: "a", Port: []string{"p", "q"}[r.IntN(2)], Judged: policy.Moment(r.IntN(2)), TLS: true, Now: today,
			Source: netip.AddrPortFrom(address(r.IntN(25000)), uint16(r.IntN(12))), Identities: policy.NewIdentities(names...)}
		got := set.Decide(&facts)
		if diff := cmp.Diff(judged(src, &facts, names), got, decisions); diff != "" {
			t.Fatalf("%+v (-want +got):\n%s", facts, diff)
		}
	}
}

// hard are policies on which a simpler index would take a time or room that grows with the
// square of their size.
func hard() map[string]*policy.Source {
	const many = 20_000
	port := policy.Port{Application: "app", ID: "p0", Mode: policy.Secure, ClientAuth: true}
	policies := make(map[string]*policy.Source)

	identified := &policy.Source{Ports: []policy.Port{port}, Groups: []policy.Group{{Name: "all"}}}
	pinned := &policy.Source{Ports: []policy.Port{port}, Groups: []policy.Group{{Name: "all"}}}
	for i := range many {
		c := policy.Client{Name: fmt.Sprint("c", i), Addresses: prefixes([]string{"10.0.0.1"})}
		identified.Clients = append(identified.Clients, with(c, func(c *policy.Client) { c.Identities = identities([]string{fmt.Sprint("cn:", i)}) }))
		identified.Groups[0].Members = append(identified.Groups[0].Members, c.Name)
		pinned.Clients = append(pinned.Clients, with(c, func(c *policy.Client) {
			c.Ports = []policy.PortRange{{First: uint16(i + 1024), Last: uint16(i + 1024)}}
		}))
		pinned.Groups[0].Members = append(pinned.Groups[0].Members, c.Name)
	}
	rules := []policy.Rule{{ID: "all", From: []string{"all"}, To: []string{"app/p0"}}}
	identified.Rules, pinned.Rules = rules, rules
	policies["clients on one address told apart by identity"] = identified
	policies["clients on one address told apart by source port"] = pinned

	named := &policy.Source{Ports: []policy.Port{port}, Clients: identified.Clients}
	for i := range many {
		named.Rules = append(named.Rules, policy.Rule{ID: fmt.Sprint("r", i), From: []string{fmt.Sprint("c", i)}, To: []string{"app/p0"}})
	}
	policies["a rule for each of them"] = named

	busy := &policy.Source{Ports: []policy.Port{port}, Clients: identified.Clients[:1]}
	for i := range many / 2 {
		first := today.AddDate(0, 0, i-many/4)
		busy.Rules = append(busy.Rules, policy.Rule{ID: fmt.Sprint("r", i), From: []string{"c0"}, To: []string{"app/p0"}, ValidFrom: first, Expires: first})
	}
	policies["rules of one day each for one client"] = busy

	broad := &policy.Source{Groups: []policy.Group{identified.Groups[0]}, Clients: identified.Clients}
	for i := range 500 {
		p := with(port, func(p *policy.Port) { p.ID = fmt.Sprint("p", i) })
		broad.Ports = append(broad.Ports, p)
		broad.Rules = append(broad.Rules, policy.Rule{ID: fmt.Sprint("r", i), From: []string{"all", fmt.Sprintf("192.0.2.%d", i%256)}, To: []string{p.Name()}})
	}
	policies["a large group in rules for many ports"] = broad
	return policies
}

func TestFirstClientByNameCounts(t *testing.T) {
	src := &policy.Source{Ports: []policy.Port{{Application: "app", ID: "p0", Mode: policy.Secure}}, Groups: []policy.Group{{Name: "all"}}}
	for i := range 200 {
		c := policy.Client{Name: fmt.Sprint("c", (i*77+100)%200), Addresses: prefixes([]string{"10.0.0.1"})}
		src.Clients = append(src.Clients, c)
		src.Groups[0].Members = append(src.Groups[0].Members, c.Name)
	}
	src.Rules = []policy.Rule{{ID: "all", From: []string{"all"}, To: []string{"app/p0"}}}
	facts, _ := session(t, "10.0.0.1:1 app/p0 tls")
	if d := compiled(t, src).Decide(&facts); d.Match.Client != "c0" {
		t.Errorf("counted for %s", d.Match.Client)
	}
}

// Each level names both groups of the level below, so there are 2^60 ways to the client.
func TestGroupsWithManyWaysToAClient(t *testing.T) {
	src := sound()
	below := []string{"east"}
	for i := range 60 {
		level := []string{fmt.Sprint("a", i), fmt.Sprint("b", i)}
		for _, name := range level {
			src.Groups = append(src.Groups, policy.Group{Name: name, Members: below})
		}
		below = level
	}
	src.Rules[0].From = below
	facts, _ := session(t, "10.2.0.5:20001 app/secure tls")
	if d := compiled(t, src).Decide(&facts); d.Match.Client != "east" {
		t.Errorf("%s", sentence(d))
	}
}

func TestHardPolicies(t *testing.T) {
	for name, src := range hard() {
		set := compiled(t, src)
		facts := policy.Facts{Application: "app", Port: "p0", Judged: policy.Final, TLS: true, Now: today, Source: addrPort("10.0.0.1:1024"),
			Identities: policy.NewIdentities(identities([]string{"cn:0"})...)}
		if d := set.Decide(&facts); d.Verdict != policy.Allow || d.Match.Client != "c0" {
			t.Errorf("%s: %s", name, sentence(d))
		}
		facts.Identities, facts.Source = policy.Identities{}, addrPort("10.0.0.2:1")
		if d := set.Decide(&facts); d.Verdict != policy.Deny || d.Nearest == "" {
			t.Errorf("%s: %s", name, sentence(d))
		}
	}
}

func BenchmarkDecideHard(b *testing.B) {
	for name, src := range hard() {
		set := compiled(b, src)
		facts := policy.Facts{Application: "app", Port: "p0", Judged: policy.Final, TLS: true, Now: today, Source: addrPort("10.0.0.1:1024"),
			Identities: policy.NewIdentities(identities([]string{"cn:0"})...)}
		b.Run(strings.ReplaceAll(name, " ", "-")+"/allow", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set.Decide(&facts)
			}
		})
		denied := with(facts, func(f *policy.Facts) { f.Identities, f.Source = policy.Identities{}, addrPort("10.0.0.1:1") })
		b.Run(strings.ReplaceAll(name, " ", "-")+"/deny", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set.Decide(&denied)
			}
		})
	}
}

func TestPolicyThatIsTooLargeIsRefused(t *testing.T) {
	src := &policy.Source{Ports: []policy.Port{{Application: "a", ID: "p", Mode: policy.Secure}}, Groups: []policy.Group{{Name: "all"}}}
	for i := range 20_000 {
		c := policy.Client{Name: fmt.Sprint("c", i), Addresses: prefixes([]string{"10.0.0.1"}), Ports: []policy.PortRange{{First: uint16(i + 1), Last: uint16(i + 30_000)}}}
		src.Clients = append(src.Clients, c)
		src.Groups[0].Members = append(src.Groups[0].Members, c.Name)
	}
	src.Rules = []policy.Rule{{ID: "all", From: []string{"all"}, To: []string{"a/p"}, Owner: "x"}}
	set, faults := policy.Compile(src, today)
	faults = slices.DeleteFunc(faults, func(f policy.Fault) bool { return f.Warning })
	want := []string{"E allow[0]: the policy is too large: its groups, source ports and identities multiply to more than it can hold" +
		" | large groups that different rules name for many different ports, and source ports that overlap, take the most room"}
	if diff := cmp.Diff(want, report(faults)); diff != "" || set != nil {
		t.Errorf("set %v (-want +got):\n%s", set != nil, diff)
	}
}

func TestSetIsSafeForConcurrentUse(t *testing.T) {
	src := example()
	src.Tests = []policy.Test{{From: addrPort("10.2.0.5:1"), To: "config-server/secure", TLS: true, Expect: policy.Allow}}
	set := compiled(t, src)
	facts, _ := session(t, "10.1.0.11:1 stat-server/secure tls")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				if d := set.Decide(&facts); d.Rule != "operators" {
					t.Errorf("decision %+v", d)
				}
				set.Explain(&facts)
				set.RunTests()
			}
		})
	}
	all.Wait()
}

func TestCompileLeavesItsSourceAlone(t *testing.T) {
	src, want := example(), example()
	src.Clients[0].Ports, want.Clients[0].Ports = []policy.PortRange{{First: 9000, Last: 9001}, {First: 8000, Last: 8001}}, []policy.PortRange{{First: 9000, Last: 9001}, {First: 8000, Last: 8001}}
	compiled(t, src)
	if diff := cmp.Diff(want, src, decisions, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
