package sourceport

import (
	"container/list"
	"fmt"
	"time"

	"sallyport/policy"
)

// state is what a port is in. A port that was never used has none.
type state uint8

const (
	free state = iota
	leased
	inherited
	cooling
)

// slot is a port that has been used.
type slot struct {
	port    uint16
	state   state
	since   uint64        // when it came into this state, by the pool's count of events
	pause   time.Duration // of its last cooling; 0: it worked since
	trouble policy.Reason // why it cooled; empty: it worked since

	place *list.Element // among the rested ports of its segment, while it is free
}

// segment is a run of ports that every request so far wanted all or none of. It knows its free ports in the order in
// which they are to be used, and so a request looks at the front of each of its segments, and not at ports.
type segment struct {
	first, last  uint16
	unused       int       // no port of the segment below this one was never used
	rested       list.List // of *slot: the free ones, with the one that has rested longest in front
	tally        tally
	asked        time.Time  // by the last request; zero: by none
	taken, inUse *complaint // the last of each kind; nil: none
}

// complaint returns the last one about a port of the segment, of the kinds that there are now; nil if all work.
func (g *segment) complaint() *complaint {
	taken, inUse := g.tally.taken > 0, g.tally.inUse > 0
	switch {
	case taken && inUse && g.inUse.event > g.taken.event:
		return g.inUse
	case taken:
		return g.taken
	case inUse:
		return g.inUse
	}
	return nil
}

// size is the number of ports.
func (g *segment) size() int { return int(g.last) - int(g.first) + 1 }

// neverUsed returns the lowest port of the segment that has no slot. Each port is passed over once.
func (g *segment) neverUsed(slots map[uint16]*slot) (port uint16, ok bool) {
	for ; g.unused <= int(g.last); g.unused++ {
		if _, used := slots[uint16(g.unused)]; !used {
			return uint16(g.unused), true
		}
	}
	return 0, false
}

// split takes the ports from at on out of the segment and returns them as one of their own. It looks at all slots,
// which is no harm: it happens when a reload changes the ranges.
func (g *segment) split(at uint16, slots map[uint16]*slot) *segment {
	right := &segment{first: at, last: g.last, unused: max(g.unused, int(at)), asked: g.asked, taken: g.taken, inUse: g.inUse}
	g.last = at - 1
	for e := g.rested.Front(); e != nil; {
		s, after := e.Value.(*slot), e.Next()
		if s.port >= at {
			g.take(s)
			right.rest(s)
		}
		e = after
	}
	for _, s := range slots {
		if right.first <= s.port && s.port <= right.last {
			g.tally.add(s, -1)
			right.tally.add(s, 1)
		}
	}
	return right
}

// tally counts ports by what they are in, and by why they cooled last.
type tally struct{ leased, inherited, cooling, taken, inUse int }

// add counts a slot n times.
func (t *tally) add(s *slot, n int) {
	switch s.state {
	case leased:
		t.leased += n
	case inherited:
		t.inherited += n
	case cooling:
		t.cooling += n
	}
	switch s.trouble {
	case policy.SourceTaken:
		t.taken += n
	case policy.SourceInUse:
		t.inUse += n
	}
}

// held is the number of ports that are not free.
func (t tally) held() int { return t.leased + t.inherited + t.cooling }

// parts says what the ports that are not free are doing.
func (t tally) parts() (parts []string) {
	for _, state := range []struct {
		n    int
		text string
	}{{t.leased, "leased"}, {t.inherited, "inherited from the process before"}, {t.cooling, "cooling"}} {
		if state.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", state.n, state.text))
		}
	}
	return parts
}

func (t tally) plus(o tally) tally {
	return tally{t.leased + o.leased, t.inherited + o.inherited, t.cooling + o.cooling, t.taken + o.taken, t.inUse + o.inUse}
}

// rest puts a port behind those that have rested longer.
func (g *segment) rest(s *slot) { s.place = g.rested.PushBack(s) }

// take takes a port from among those that rest.
func (g *segment) take(s *slot) { g.rested.Remove(s.place) }

// longestRested returns the free port that is to be used first; nil if none is free but those that were never used.
func (g *segment) longestRested() *slot {
	if e := g.rested.Front(); e != nil {
		return e.Value.(*slot)
	}
	return nil
}
