package export

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// Whatever a policy says, every device lets pass what the matrix does.
func TestDevicesAgreeOnRandomPolicies(t *testing.T) {
	for seed := range uint64(25) {
		r := random{rand.New(rand.NewPCG(seed, 7))}
		for _, at := range positions {
			m := r.matrix(t, at)
			for _, d := range devices {
				if d.ends && at == firewall.AtBetween {
					continue
				}
				t.Run(fmt.Sprintf("%d/%s/%s", seed, at, d.name), func(t *testing.T) {
					f, err := Lookup(d.name)
					if err != nil {
						t.Fatal(err)
					}
					a, err := f.Write(m, Options{})
					if err != nil {
						t.Fatal(err)
					}
					judge := d.read(t, a)
					for i := range m.Guards {
						if g := &m.Guards[i]; d.attached && g.Direction == firewall.Outbound {
							agreeOutbound(t, g, judge, m)
						} else {
							agree(t, g, judge, d.weaker)
						}
					}
				})
			}
		}
	}
}

type random struct{ *rand.Rand }

// prefix returns one of few prefixes, so that many overlap or touch.
func (r random) prefix() netip.Prefix {
	if r.IntN(3) == 0 {
		a := netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", r.IntN(64)))
		return netip.PrefixFrom(a, []int{128, 127, 124, 122}[r.IntN(4)]).Masked()
	}
	a := netip.AddrFrom4([4]byte{10, 2, 0, byte(r.IntN(64))})
	return netip.PrefixFrom(a, []int{32, 32, 31, 29, 26}[r.IntN(5)]).Masked()
}

func (r random) prefixes(most int) []netip.Prefix {
	var all []netip.Prefix
	for range 1 + r.IntN(most) {
		all = append(all, r.prefix())
	}
	return each(all)
}

func (r random) ports() []policy.PortRange {
	var all []policy.PortRange
	for range r.IntN(4) {
		first := uint16(20000 + r.IntN(40))
		all = append(all, policy.PortRange{First: first, Last: first + uint16(r.IntN(5))})
	}
	return policy.MergePorts(all)
}

func (r random) matrix(t *testing.T, at firewall.Position) *firewall.Matrix {
	t.Helper()
	now := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
	src := &policy.Source{Audit: policy.Audit{}}
	in := firewall.Input{At: at, Now: now}
	for i, mode := range []policy.Mode{policy.Secure, policy.AutoDetect, policy.Plaintext} {
		port := policy.Port{Application: fmt.Sprintf("app%d", i%2), ID: fmt.Sprintf("p%d", i), Mode: mode, Exposed: true}
		src.Ports = append(src.Ports, port)
		listen := netip.AddrPortFrom(netip.Addr{}, uint16(2021+i))
		s := firewall.Service{Application: port.Application, Port: port.ID, Listen: listen, ReachedAt: []netip.AddrPort{
			netip.AddrPortFrom(netip.MustParseAddr("10.1.0.4"), listen.Port()), netip.AddrPortFrom(netip.MustParseAddr("2001:db8:1::4"), listen.Port()),
		}}
		if r.IntN(5) == 0 {
			s.Balancers = r.prefixes(3)
		}
		in.Services = append(in.Services, s)
		if r.IntN(6) == 0 {
			src.Audit.Ports = append(src.Audit.Ports, port.Name())
		}
	}
	for i := range 4 {
		src.Clients = append(src.Clients, policy.Client{
			Name: fmt.Sprintf("client%d", i), Addresses: r.prefixes(3), Ports: r.ports(), RequireTLS: r.IntN(3) == 0,
		})
	}
	for i := range 5 {
		rule := policy.Rule{ID: fmt.Sprintf("rule%d", i), From: []string{fmt.Sprintf("client%d", i%4)}, To: []string{src.Ports[r.IntN(3)].Name()}, TLS: policy.TLSAny}
		if r.IntN(2) == 0 {
			rule.From = append(rule.From, r.prefix().String())
		}
		if r.IntN(2) == 0 {
			rule.Expires = now.AddDate(0, 1+i, 0)
		}
		src.Rules = append(src.Rules, rule)
	}
	for i := range r.IntN(3) {
		src.Blocks = append(src.Blocks, policy.Block{ID: fmt.Sprintf("block%d", i), Addresses: r.prefixes(3)})
	}
	in.Pins = []firewall.Pin{{
		Application: "app0", Ports: r.ports(), Addresses: []netip.Addr{r.prefix().Addr()}, Destination: netip.MustParseAddrPort("10.7.0.1:5432"),
	}}
	var faults []policy.Fault
	if in.Policy, faults = policy.Compile(src, now); in.Policy == nil {
		t.Fatal(faults)
	}
	m, err := firewall.Build(&in)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
