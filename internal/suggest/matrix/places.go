package matrix

import (
	"cmp"
	"net/netip"
	"slices"

	"sallyport/policy"
)

// places are where ports are found.
type places struct {
	ports  []Port
	byName map[string][]int // of ports and of applications
	spots  []spot           // by number
}

// spot is one place of one port.
type spot struct {
	number uint16
	addr   netip.Addr // as in [Port.At]
	port   int
}

func newPlaces(ports []Port) *places {
	p := &places{ports: ports, byName: make(map[string][]int)}
	for i := range ports {
		for _, name := range []string{ports[i].Name(), ports[i].Application} {
			p.byName[name] = append(p.byName[name], i)
		}
		for _, at := range ports[i].At {
			p.spots = append(p.spots, spot{at.Port(), at.Addr(), i})
		}
	}
	slices.SortStableFunc(p.spots, func(a, b spot) int { return cmp.Compare(a.number, b.number) })
	return p
}

// found is what is at a destination.
type found struct {
	ports     []int // ascending, each once
	unsure    []int // those of them that listen everywhere, and it is not known whether there
	ambiguous bool  // several are at one address and port
}

// find returns the ports at addresses and port numbers, of those that are wanted; nil means all.
func (p *places) find(at netip.Prefix, numbers policy.PortRange, wanted []int) found {
	var f found
	first, _ := slices.BinarySearchFunc(p.spots, numbers.First, func(s spot, n uint16) int { return cmp.Compare(s.number, n) })
	for spots := p.spots[first:]; len(spots) > 0 && spots[0].number <= numbers.Last; {
		n := 1
		for n < len(spots) && spots[n].number == spots[0].number {
			n++
		}
		f.add(at, spots[:n], wanted)
		spots = spots[n:]
	}
	slices.Sort(f.ports)
	f.ports = slices.Compact(f.ports)
	return f
}

// add adds what is at addresses with one port number.
func (f *found) add(at netip.Prefix, spots []spot, wanted []int) {
	var named, anywhere []int
	for _, s := range spots {
		switch {
		case wanted != nil && !slices.Contains(wanted, s.port):
		case s.everywhere():
			if !s.addr.IsValid() || s.addr.BitLen() == at.Addr().BitLen() {
				anywhere = append(anywhere, s.port)
			}
		case at.Contains(s.addr) && (!s.addr.IsLoopback() || at.Addr().IsLoopback() || wanted != nil):
			named = append(named, s.port) // no firewall sees who connects to loopback: only loopback itself means it, or a name
		}
	}
	if at.IsSingleIP() && len(named) > 0 {
		anywhere = nil // the system prefers it as well
	}
	if at.Bits() > 0 {
		f.unsure = append(f.unsure, anywhere...)
	}
	here := slices.Compact(slices.Sorted(slices.Values(append(named, anywhere...))))
	f.ambiguous = f.ambiguous || at.IsSingleIP() && len(here) > 1
	f.ports = append(f.ports, here...)
}

func (s *spot) everywhere() bool { return !s.addr.IsValid() || s.addr.IsUnspecified() }
