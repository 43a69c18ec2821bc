package sourceport

import (
	"container/list"
	"iter"
	"math"
	"slices"
	"sort"
	"time"

	"sallyport/policy"
)

// book is what is known of the ports of one route. The pool's lock guards it.
type book struct {
	route    route
	slots    map[uint16]*slot
	segments []*segment // of all ports, in ascending order, without gaps
	held     int        // ports that are not free
	waiting  queue

	idle  *list.Element // in the pool's list of idle books; nil: something is held or waited for
	quiet time.Time     // since when it is idle
}

func newBook(r route) *book {
	return &book{
		route:    r,
		slots:    make(map[uint16]*slot),
		segments: []*segment{{last: math.MaxUint16}},
	}
}

// ask makes canonical ranges consist of whole segments and notes when they were asked for.
func (b *book) ask(ranges []policy.PortRange, now time.Time) {
	for _, r := range ranges {
		b.cut(r.First)
		if r.Last < math.MaxUint16 {
			b.cut(r.Last + 1)
		}
	}
	for g := range b.within(ranges) {
		g.asked = now
	}
}

// cut makes a segment begin at a port.
func (b *book) cut(at uint16) {
	i := b.index(at)
	if g := b.segments[i]; g.first < at {
		b.segments = slices.Insert(b.segments, i+1, g.split(at, b.slots))
	}
}

// index returns which segment a port is in.
func (b *book) index(port uint16) int {
	return sort.Search(len(b.segments), func(i int) bool { return b.segments[i].last >= port })
}

// within yields the segments of ranges that were asked for.
func (b *book) within(ranges []policy.PortRange) iter.Seq[*segment] {
	return func(yield func(*segment) bool) {
		for _, r := range ranges {
			for i := b.index(r.First); i < len(b.segments) && b.segments[i].first <= r.Last; i++ {
				if !yield(b.segments[i]) {
					return
				}
			}
		}
	}
}

// choose returns the free port of ranges that has rested longest, of those that have rested since before an event.
func (b *book) choose(ranges []policy.PortRange, before uint64) (port uint16, ok bool) {
	var best *slot
	for g := range b.within(ranges) {
		if port, ok := g.neverUsed(b.slots); ok {
			return port, true
		}
		s := g.longestRested()
		if s != nil && s.since < before && (best == nil || s.since < best.since) {
			best = s
		}
	}
	if best == nil {
		return 0, false
	}
	return best.port, true
}

// slot returns the slot of a port, which has been used from now on.
func (b *book) slot(port uint16) *slot {
	s := b.slots[port]
	if s == nil {
		s = &slot{port: port}
		b.slots[port] = s
		b.segments[b.index(port)].rest(s) // where a free port is
	}
	return s
}

// put brings a port into a state, at an event.
func (b *book) put(s *slot, to state, event uint64) {
	g := b.segments[b.index(s.port)]
	g.tally.add(s, -1)
	if s.state == free {
		g.take(s)
		b.held++
	}
	s.state, s.since = to, event
	if to == free {
		g.rest(s)
		b.held--
	}
	g.tally.add(s, 1)
}

// blame notes that a port does not work, and for how long it is left alone.
func (b *book) blame(s *slot, c *complaint) (pause time.Duration) {
	g := b.segments[b.index(s.port)]
	g.tally.add(s, -1)
	s.trouble, s.pause = c.reason, min(max(2*s.pause, shortestPause), longestPause)
	g.tally.add(s, 1)
	if c.reason == policy.SourceTaken {
		g.taken = c
	} else {
		g.inUse = c
	}
	return s.pause
}

// absolve notes that a port works.
func (b *book) absolve(s *slot) {
	g := b.segments[b.index(s.port)]
	g.tally.add(s, -1)
	s.trouble, s.pause = "", 0
	g.tally.add(s, 1)
}

// count counts the ports of ranges that were asked for, and returns the last complaint about one that does not work.
func (b *book) count(ranges []policy.PortRange) (t tally, last *complaint) {
	for g := range b.within(ranges) {
		t = t.plus(g.tally)
		if c := g.complaint(); c != nil && (last == nil || last.event < c.event) {
			last = c
		}
	}
	return t, last
}
