package firewall_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// crowd is a policy of n clients, each with an address of its own and four source ports, in rules of ten for fifty ports.
func crowd(n int) *policy.Source {
	src := &policy.Source{}
	for i := range 50 {
		src.Ports = append(src.Ports, policy.Port{Application: "app", ID: fmt.Sprint("p", i), Mode: policy.Secure})
	}
	for i := range n {
		name := fmt.Sprint("c", i)
		src.Clients = append(src.Clients, policy.Client{Name: name, Addresses: []netip.Prefix{netip.PrefixFrom(host(i), 32)}, Ports: ranges("20001-20004")})
		if i%10 == 0 {
			src.Rules = append(src.Rules, policy.Rule{ID: fmt.Sprint("r", i/10), To: []string{fmt.Sprint("app/p", i/10%50)}, Owner: "voice"})
		}
		rule := &src.Rules[i/10]
		rule.From = append(rule.From, name)
	}
	return src
}

// host returns the i-th address of many.
func host(i int) netip.Addr {
	var bytes [4]byte
	binary.BigEndian.PutUint32(bytes[:], uint32(10<<24+i))
	return netip.AddrFrom4(bytes)
}

func atPorts(set *policy.Set) *firewall.Input {
	in := &firewall.Input{Policy: set, At: firewall.AtHost, Now: now}
	for i, p := range set.Source().Ports {
		in.Services = append(in.Services, firewall.Service{Application: p.Application, Port: p.ID, Listen: listening(fmt.Sprint(":", 1024+i))})
	}
	return in
}

func BenchmarkBuild(b *testing.B) {
	const many = 100_000
	oneByOne := crowd(many)
	strict := crowd(many)
	for i := range strict.Clients {
		strict.Clients[i].RequireTLS = i%2 == 0
	}
	for i := range strict.Ports {
		strict.Ports[i].Mode = policy.AutoDetect
	}
	for i := range strict.Rules {
		strict.Rules[i].TLS = policy.PlaintextOnly
	}
	shared := &policy.Source{Ports: oneByOne.Ports[:1], Groups: []policy.Group{{Name: "all"}}}
	for i, c := range oneByOne.Clients[:many/2] {
		c.Addresses = []netip.Prefix{netip.PrefixFrom(host(i/1000), 32)}
		c.Ports = []policy.PortRange{{First: uint16(1024 + i%1000), Last: uint16(1024 + i%1000)}}
		shared.Clients = append(shared.Clients, c)
		shared.Groups[0].Members = append(shared.Groups[0].Members, c.Name)
	}
	shared.Rules = []policy.Rule{{ID: "all", From: []string{"all"}, To: []string{"app/p0"}}}
	ported := &policy.Source{Rules: []policy.Rule{{ID: "all", From: []string{"10.0.0.0/8"}, To: []string{"app/*"}}}}
	for i := range 2000 {
		ported.Ports = append(ported.Ports, policy.Port{Application: "app", ID: fmt.Sprint("p", i), Mode: policy.Secure})
	}
	for _, c := range []struct {
		name string
		src  *policy.Source
	}{
		{"100000-clients", oneByOne},
		{"100000-clients-half-of-them-strict", strict},
		{"50000-clients-on-50-addresses", shared},
		{"2000-ports", ported},
	} {
		set := compile(b, c.src)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := firewall.Build(atPorts(set)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Thousands that are told apart by their identities alone share their addresses.
func BenchmarkRegionOf(b *testing.B) {
	const many = 50_000
	var patches []firewall.Patch
	everywhere := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	for i := range many {
		own := []netip.Prefix{netip.PrefixFrom(host(2*i), 32)}
		patches = append(patches, firewall.PatchesOf(own, ranges("20001-20004"), int32(i))...)
		if i%100 == 0 {
			patches = append(patches, firewall.PatchesOf([]netip.Prefix{everywhere}, nil, int32(many+i))...)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		firewall.RegionOf(patches)
	}
}
