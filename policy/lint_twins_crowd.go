package policy

import (
	"cmp"
	"slices"
	"sort"
)

// crowd is the clients at one prefix, indexed when somebody is compared with them.
type crowd struct {
	*linter
	members []int32
	seated  bool
	all     *bench
	open    *bench              // who demand no identity
	demand  map[Identity]*bench // who demand exactly this one
	within  map[Identity]*bench // who demand one that this pattern covers, or the pattern
}

// alike returns benches with everybody whom an identity does not tell apart from a client.
func (c *crowd) alike(id int32) []*bench {
	c.seat()
	identities := c.clientOf(id).Identities
	if len(identities) == 0 {
		return []*bench{c.all}
	}
	list := []*bench{c.open}
	for _, i := range identities {
		if b := c.demand[i]; b != nil {
			list = append(list, b)
		}
		for _, wider := range coverOf(i) {
			if b := c.demand[wider]; b != nil && wider != i {
				list = append(list, b)
			}
		}
		if b := c.within[i]; b != nil {
			list = append(list, b)
		}
	}
	return list
}

// seat makes the index.
func (c *crowd) seat() {
	if c.seated {
		return
	}
	c.seated, c.all, c.open = true, new(bench), new(bench)
	c.demand, c.within = make(map[Identity]*bench), make(map[Identity]*bench)
	at := func(benches map[Identity]*bench, i Identity) *bench {
		if benches[i] == nil {
			benches[i] = new(bench)
		}
		return benches[i]
	}
	for _, id := range c.members {
		on := []*bench{c.all}
		identities := c.clientOf(id).Identities
		if len(identities) == 0 {
			on = append(on, c.open)
		}
		for _, i := range identities {
			on = append(on, at(c.demand, i))
			for _, wider := range coverOf(i) {
				if wider != i {
					on = append(on, at(c.within, wider))
				}
			}
		}
		for _, b := range on {
			for _, r := range c.pinnedTo(id) {
				b.seats = append(b.seats, seat{r, id})
			}
		}
	}
	for _, b := range []*bench{c.all, c.open} {
		b.sort(c.clients)
	}
	for _, benches := range []map[Identity]*bench{c.demand, c.within} {
		for _, b := range benches {
			b.sort(c.clients)
		}
	}
}

// bench is clients in the order of their source ports.
type bench struct {
	seats []seat
	last  []uint16 // for each seat the greatest port up to it
}

// seat is source ports of a client.
type seat struct {
	ports PortRange
	id    int32
}

func (b *bench) sort(written []int) {
	slices.SortFunc(b.seats, func(x, y seat) int {
		return cmp.Or(cmp.Compare(x.ports.First, y.ports.First), cmp.Compare(written[x.id], written[y.id]))
	})
	b.last = make([]uint16, len(b.seats))
	for i, s := range b.seats {
		b.last[i] = s.ports.Last
		if i > 0 {
			b.last[i] = max(b.last[i], b.last[i-1])
		}
	}
}

// from returns the first seat that may have a port from first on.
func (b *bench) from(first uint16) int {
	return sort.Search(len(b.last), func(i int) bool { return b.last[i] >= first })
}
