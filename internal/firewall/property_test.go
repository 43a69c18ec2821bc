package firewall_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// dice makes random policies in which prefixes nest and source ports overlap.
type dice struct{ *rand.Rand }

func pick[T any](d dice, of []T) T { return of[d.IntN(len(of))] }

func few[T any](d dice, most int, of []T) []T {
	list := slices.Clone(of)
	d.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:d.IntN(most+1)]
}

var (
	nested = prefixes("10.0.0.1", "10.0.0.2", "10.0.0.0/30", "10.0.0.0/24", "10.0.0.128/25", "10.0.0.0/8", "0.0.0.0/0", "255.255.255.255", "0.0.0.0",
		"127.0.0.1", "128.0.0.0/1", "2001:db8::1", "2001:db8::/127", "2001:db8::/32", "::/0", "::1", "8000::/1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
	overlapping = ranges("1", "1-3", "3-1023", "1024-20000", "20001-20004", "20003-20010", "20011", "65535", "60000-65535", "1-65535")
)

func (d dice) source() *policy.Source {
	src := &policy.Source{Ports: []policy.Port{
		{Application: "a", ID: "plain", Mode: policy.Plaintext},
		{Application: "a", ID: "secure", Mode: policy.Secure},
		{Application: "a", ID: "auth", Mode: policy.Secure, ClientAuth: true},
		{Application: "b", ID: "auto", Mode: policy.AutoDetect, ClientAuth: true},
		{Application: "b", ID: "either", Mode: policy.AutoDetect},
	}}
	var names []string
	for i := range 6 {
		c := policy.Client{Name: fmt.Sprint("c", i), Addresses: few(d, 3, nested), Ports: few(d, 2, overlapping), RequireTLS: d.IntN(4) == 0}
		if d.IntN(3) == 0 {
			c.Identities = []policy.Identity{{Kind: policy.CommonName, Value: "x"}}
		}
		src.Clients, names = append(src.Clients, c), append(names, c.Name)
	}
	for i := range 2 {
		g := policy.Group{Name: fmt.Sprint("g", i), Members: append(few(d, 3, names), pick(d, nested).String())}
		src.Groups, names = append(src.Groups, g), append(names, g.Name)
	}
	src.Rules = []policy.Rule{{ID: "off", Mode: policy.Off, TLS: policy.TLSAny, From: names, To: []string{"a/*"}}} // so that nobody is unused
	days := []time.Time{{}, {}, {}, now.AddDate(0, 0, -1), now, now.AddDate(0, 0, 1)}
	for i := range d.IntN(6) {
		src.Rules = append(src.Rules, policy.Rule{
			ID: fmt.Sprint("r", i), TLS: policy.TLSDemand(d.IntN(3)), Mode: policy.RuleMode(d.IntN(8) / 6),
			From: append(few(d, 2, slices.Concat(names, []string{"loopback", "any"})), pick(d, append(names, pick(d, nested).String()))),
			To:   append(few(d, 2, []string{"a/secure", "b/*"}), pick(d, []string{"a/*", "a/auth", "b/auto", "b/either", "a/plain"})),

			ValidFrom: pick(d, days), Expires: pick(d, days),
		})
	}
	for i := range d.IntN(3) {
		src.Blocks = append(src.Blocks, policy.Block{ID: fmt.Sprint("b", i), Addresses: few(d, 2, nested)})
	}
	if d.IntN(8) == 0 {
		src.Audit.Ports = []string{pick(d, []string{"a/plain", "b/auto", "b/*"})}
	}
	return src
}

// compile returns a policy that compiles.
func (d dice) compile() *policy.Set {
	for {
		if set, _ := policy.Compile(d.source(), now); set != nil {
			return set
		}
	}
}

// probes are tuples at, within and beside the edges of whatever the policy names, and some others.
func (d dice) probes(n int) []netip.AddrPort {
	var all []netip.AddrPort
	for range n {
		p, r := pick(d, nested), pick(d, overlapping)
		last := policy.LastOf(p)
		addr := pick(d, []netip.Addr{p.Addr(), last, p.Addr().Prev(), last.Next(), d.within(p)})
		port := pick(d, []uint16{r.First, r.Last, r.First - 1, r.Last + 1, uint16(d.IntN(1 << 16))})
		if addr.IsValid() && port > 0 {
			all = append(all, netip.AddrPortFrom(addr, port))
		}
	}
	return all
}

// within returns an address of a prefix.
func (d dice) within(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for i := p.Bits(); i < p.Addr().BitLen(); i++ {
		bytes[i/8] |= byte(d.IntN(2)) << (7 - i%8)
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// atHost puts every port of the policy at every address, except one that has its own.
func atHost(set *policy.Set) *firewall.Input {
	in := &firewall.Input{Policy: set, At: firewall.AtHost, Now: now}
	for i, p := range set.Source().Ports {
		in.Services = append(in.Services, firewall.Service{Application: p.Application, Port: p.ID, Listen: listening(fmt.Sprint(":", 1000+i))})
	}
	in.Services[0].Listen = listening("10.1.0.4:1000")
	return in
}

// passes reads the flows of a matrix one by one, as a person would: what is denied, and then what is permitted.
func passes(m *firewall.Matrix, g *firewall.Guard, source netip.AddrPort) bool {
	for _, f := range m.Flows { // those that are denied come first
		here := f.Destination.Prefix == g.Destination && f.Destination.Ports.Contains(g.Port) && f.Direction == g.Direction
		if here && f.Source.Prefix.Contains(source.Addr()) && f.Source.Ports.Contains(source.Port()) {
			return f.Action == firewall.Permit
		}
	}
	return false
}

// What guards and flows let pass is what the policy lets pass, for 100,000 tuples in random policies (issue 7).
func TestGuardsAgreeWithThePolicy(t *testing.T) {
	const enough = 100_000
	d := dice{rand.New(rand.NewPCG(7, 7))}
	compared, passing := 0, 0
	for compared < enough {
		set := d.compile()
		m, err := firewall.Build(atHost(set))
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.Guards {
			g := &m.Guards[i]
			allowed := g.Allowed()
			application, port, _ := strings.Cut(g.Name, "/")
			for _, source := range d.probes(80) {
				if source.Addr().BitLen() != g.Destination.Addr().BitLen() {
					continue
				}
				facts := policy.Facts{Application: application, Port: port, Source: source, Peer: source, Now: now}
				want := set.Explain(&facts).Decision.Verdict.Passes()
				if byGuard, byFlows := allowed.Find(source) != nil, passes(m, g, source); byGuard != want || byFlows != want {
					t.Fatalf("%s to %s: the policy says %t, the guard %t, the flows %t\n%s", source, g.Name, want, byGuard, byFlows, strings.Join(lines(m), "\n"))
				}
				if compared++; want {
					passing++
				}
			}
		}
	}
	t.Logf("%d tuples compared, of which %d pass", compared, passing)
	if passing < compared/10 || passing > compared*9/10 {
		t.Errorf("%d of %d tuples pass: policies that say the same to everybody prove little", passing, compared)
	}
}

// Elsewhere than at the host the same passes, but what never leaves a host.
func TestPositionsAgree(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(7, 8))}
	for range 100 {
		in := atHost(d.compile())
		host, err := firewall.Build(in)
		if err != nil {
			t.Fatal(err)
		}
		for i := range in.Services {
			in.Services[i].ReachedAt = addrPorts(fmt.Sprint("10.1.0.4:", 1000+i))
			if i > 0 {
				in.Services[i].ReachedAt = append(in.Services[i].ReachedAt, addrPorts(fmt.Sprint("[2001:db8::4]:", 1000+i))...)
			}
		}
		in.At = firewall.AtBetween
		between, err := firewall.Build(in)
		if err != nil {
			t.Fatal(err)
		}
		if len(host.Guards) != len(between.Guards) {
			t.Fatalf("guards %v and %v", host.Guards, between.Guards)
		}
		for i := range host.Guards {
			at, on := guardOf(host, i), guardOf(between, i)
			for _, source := range d.probes(30) {
				inside, outside := at.Allowed().Find(source) != nil, on.Allowed().Find(source) != nil
				if inside != outside && !source.Addr().IsLoopback() {
					t.Fatalf("%s to %s: %t at the host, %t on the way", source, at.Name, inside, outside)
				}
			}
		}
	}
}

// guardOf returns the i-th guard by service and family, which are the same at every position.
func guardOf(m *firewall.Matrix, i int) *firewall.Guard {
	order := slices.Clone(m.Guards)
	slices.SortFunc(order, func(a, b firewall.Guard) int {
		if a.Name != b.Name {
			return strings.Compare(a.Name, b.Name)
		}
		return a.Destination.Addr().BitLen() - b.Destination.Addr().BitLen()
	})
	return &order[i]
}
