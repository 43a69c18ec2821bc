package testpolicy

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"sallyport/policy"
)

// Tuples returns connections that could tell a right firewall from a wrong one, each once and in an order: from inside, outside and
// both edges of every range of addresses and source ports in the policy, to a port that a rule names and to any;
// then strangers and connections from the host itself, until there are at least so many. Only sources that wanted accepts
// are used.
func (w *World) Tuples(r *rand.Rand, least int, wanted func(netip.Addr) bool) []Tuple {
	m := mixer{Rand: r, world: w, wanted: wanted, taken: make(map[Tuple]bool)}
	for i := range w.Source.Clients {
		c := &w.Source.Clients[i]
		m.client(c, w.servedBy(c.Name))
	}
	for _, p := range w.written() {
		m.client(&policy.Client{Addresses: []netip.Prefix{p}}, nil)
	}
	for range 10 * least {
		if len(m.all) >= least {
			break
		}
		m.add(m.address(), m.port(), nil)
	}
	slices.SortFunc(m.all, Tuple.Compare)
	return m.all
}

// Compare puts tuples into the order of ports, then of destinations and sources.
func (t Tuple) Compare(o Tuple) int {
	return cmp.Or(strings.Compare(t.Port.Name(), o.Port.Name()), t.To.Compare(o.To), t.From.Compare(o.From))
}

// String returns the tuple for messages.
func (t Tuple) String() string { return fmt.Sprintf("%s to %s (%s)", t.From, t.Port.Name(), t.To) }

// servedBy returns the ports that rules open to a name directly.
func (w *World) servedBy(name string) []*Port {
	var all []*Port
	for i := range w.Source.Rules {
		rule := &w.Source.Rules[i]
		if !slices.Contains(rule.From, name) {
			continue
		}
		for j := range w.Ports {
			if p := &w.Ports[j]; w.names(rule.To, p) && !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// written returns the prefixes that rules, groups and blocks name themselves.
func (w *World) written() []netip.Prefix {
	var all []netip.Prefix
	note := func(names []string) {
		for _, name := range names {
			if p, err := netip.ParsePrefix(name); err == nil {
				all = append(all, p)
			} else if a, err := netip.ParseAddr(name); err == nil {
				all = append(all, netip.PrefixFrom(a, a.BitLen()))
			}
		}
	}
	for i := range w.Source.Rules {
		note(w.Source.Rules[i].From)
	}
	for i := range w.Source.Groups {
		note(w.Source.Groups[i].Members)
	}
	for i := range w.Source.Blocks {
		all = append(all, w.Source.Blocks[i].Addresses...)
	}
	return all
}

// mixer puts tuples together.
type mixer struct {
	*rand.Rand
	world  *World
	wanted func(netip.Addr) bool
	taken  map[Tuple]bool
	all    []Tuple
}

// client adds the edges of a client's ranges: each of an address with a source port from within, and the other way round.
func (m *mixer) client(c *policy.Client, served []*Port) {
	for _, p := range c.Addresses {
		for _, addr := range m.edgesOf(p) {
			m.add(addr, m.portOf(c), served)
		}
	}
	for _, ports := range c.Ports {
		for _, port := range edgesOf(ports) {
			m.add(m.addressOf(c), port, served)
			m.add(m.addressOf(c), port, served)
		}
	}
	if len(c.Addresses)+len(c.Ports) == 0 {
		m.add(m.address(), m.port(), served)
	}
}

// edgesOf returns addresses just outside of a prefix, its first and its last, and one from within.
func (m *mixer) edgesOf(p netip.Prefix) []netip.Addr {
	first, last := p.Masked().Addr(), lastOf(p)
	return []netip.Addr{first.Prev(), first, m.within(p), last, last.Next()}
}

func edgesOf(r policy.PortRange) []uint16 {
	return []uint16{r.First - 1, r.First, r.First/2 + r.Last/2, r.Last, r.Last + 1} // 0 is left out later
}

func (m *mixer) portOf(c *policy.Client) uint16 {
	if len(c.Ports) == 0 {
		return m.port()
	}
	r := c.Ports[m.IntN(len(c.Ports))]
	return r.First + uint16(m.IntN(int(r.Last)-int(r.First)+1))
}

func (m *mixer) addressOf(c *policy.Client) netip.Addr {
	if len(c.Addresses) == 0 {
		return m.address()
	}
	return m.within(c.Addresses[m.IntN(len(c.Addresses))])
}

// within returns an address of a prefix, close to its beginning if it is large.
func (m *mixer) within(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	host := len(bytes)*8 - p.Bits()
	if host == 0 {
		return p.Addr()
	}
	tail := binary.BigEndian.Uint32(bytes[len(bytes)-4:])
	binary.BigEndian.PutUint32(bytes[len(bytes)-4:], tail|m.Uint32N(1<<min(host, 31)))
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// address returns one near any prefix of the policy.
func (m *mixer) address() netip.Addr {
	all := m.world.written()
	for i := range m.world.Source.Clients {
		all = append(all, m.world.Source.Clients[i].Addresses...)
	}
	all = append(all, netip.MustParsePrefix("127.0.0.0/30"), netip.MustParsePrefix("::1/128"))
	edges := m.edgesOf(all[m.IntN(len(all))])
	return edges[m.IntN(len(edges))]
}

// port returns one near any range of the policy, or any at all.
func (m *mixer) port() uint16 {
	var all []policy.PortRange
	for i := range m.world.Source.Clients {
		all = append(all, m.world.Source.Clients[i].Ports...)
	}
	if len(all) == 0 || m.IntN(4) == 0 {
		return uint16(1 + m.IntN(65535))
	}
	edges := edgesOf(all[m.IntN(len(all))])
	return edges[m.IntN(len(edges))]
}

// add adds a tuple to one of the ports, and one to any port, as far as they can be.
func (m *mixer) add(addr netip.Addr, port uint16, served []*Port) {
	if !addr.IsValid() || port == 0 || addr.IsUnspecified() || addr.IsMulticast() || !m.wanted(addr) {
		return
	}
	targets := []*Port{&m.world.Ports[m.IntN(len(m.world.Ports))]}
	if len(served) > 0 {
		targets = append(targets, served[m.IntN(len(served))])
	}
	for _, p := range targets {
		for _, at := range m.at(p, addr) {
			t := Tuple{Port: p, From: netip.AddrPortFrom(addr, port), To: at}
			if !m.taken[t] {
				m.taken[t] = true
				m.all = append(m.all, t)
			}
		}
	}
}

// at returns where a source finds a port: at an address of its family, if there is one.
func (m *mixer) at(p *Port, from netip.Addr) []netip.AddrPort {
	for _, at := range p.At {
		switch {
		case at.Addr().BitLen() != from.BitLen():
		case p.Everywhere && from.IsLoopback() && m.IntN(2) == 0:
			return []netip.AddrPort{netip.AddrPortFrom(loopback(from), at.Port())}
		default:
			return []netip.AddrPort{at}
		}
	}
	return nil
}

func loopback(of netip.Addr) netip.Addr {
	if of.Is6() {
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	for i := range bytes {
		for bit := range 8 {
			if 8*i+bit >= p.Bits() {
				bytes[i] |= 0x80 >> bit
			}
		}
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}
