package policy

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// The states of what is known of a session's encryption; an index into a slot.
const (
	plainSession  = iota // speaks plaintext
	tlsSession           // speaks TLS
	eitherSession        // not known yet
	sessionStates
)

// admits reports whether a demand lets a session of this state pass.
func (d TLSDemand) admits(state int) bool {
	switch state {
	case plainSession:
		return d != TLSRequired
	case tlsSession:
		return d != PlaintextOnly
	default:
		return true
	}
}

// outcome is what a set of rules says to sessions of one state at one time.
type outcome struct {
	allow  int32  // the first rule in rank that allows; -1 for none
	via    int32  // through which principal of the class
	near   int32  // the rule nearest to allowing, in the order of ids
	missed misses // what near fails: encryption, period, both or nothing
}

// slot holds the outcomes of a time between two days on which anything changes.
type slot [sessionStates]outcome

// grant is a set of rules, prepared so that its size and its periods cost nothing but a
// binary search. It is shared by all that the same rules name.
type grant struct {
	first  slot
	bounds []int64 // Unix times at which the rest begin
	rest   []slot
}

// at returns what the rules say at a Unix time.
func (g *grant) at(now int64) *slot {
	i := 0
	if len(g.bounds) > 0 {
		var found bool
		if i, found = slices.BinarySearch(g.bounds, now); found {
			i++
		}
	}
	return g.slot(i)
}

// slot returns the i-th slot. The first has no place of its own in memory, because most
// rules are valid for ever and looking there would take time.
func (g *grant) slot(i int) *slot {
	if i == 0 {
		return &g.first
	}
	return &g.rest[i-1]
}

// tie is a rule and the place in a class of a principal that its from names.
type tie struct{ rule, via int32 }

// unknownTime is the Unix time of the zero [time.Time]: at it no period is fulfilled.
var unknownTime = time.Time{}.Unix()

// grants builds each set of rules once.
type grants struct {
	rules []rule
	known map[string]*grant
	key   []byte
}

func newGrants(rules []rule) grants {
	return grants{rules: rules, known: make(map[string]*grant)}
}

// of returns the grant of ties, which are sorted by rule and name each rule once.
func (g *grants) of(ties []tie) *grant {
	g.key = g.key[:0]
	for _, t := range ties {
		g.key = binary.LittleEndian.AppendUint32(g.key, uint32(t.rule))
		g.key = binary.LittleEndian.AppendUint32(g.key, uint32(t.via))
	}
	if built := g.known[string(g.key)]; built != nil {
		return built
	}
	built := g.build(ties)
	g.known[string(g.key)] = built
	return built
}

func (g *grants) build(ties []tie) *grant {
	bounds := g.bounds(ties)
	built := &grant{bounds: bounds, rest: make([]slot, len(bounds))}
	byID := slices.SortedFunc(slices.Values(ties), func(a, b tie) int {
		return cmp.Compare(g.rules[a.rule].order, g.rules[b.rule].order)
	})
	c := canvas{grants: g, grant: built}
	for state := range sessionStates {
		c.fill(state, ties, byID)
	}
	return built
}

// bounds returns the times at which any of the rules begins or ceases to be valid. If
// any does, the first slot is left to the unknown time.
func (g *grants) bounds(ties []tie) []int64 {
	var bounds []int64
	for _, t := range ties {
		if r := &g.rules[t.rule]; r.dated() {
			bounds = append(bounds, unknownTime+1)
			if r.begins != math.MinInt64 {
				bounds = append(bounds, r.begins)
			}
			if r.ends != math.MaxInt64 {
				bounds = append(bounds, r.ends)
			}
		}
	}
	slices.Sort(bounds)
	return slices.Compact(bounds)
}

// span returns the slots in which a rule is valid.
func (g *grants) span(bounds []int64, r *rule) (first, end int) {
	if !r.dated() {
		return 0, len(bounds) + 1
	}
	first, end = 1, len(bounds)+1
	if r.begins != math.MinInt64 {
		i, _ := slices.BinarySearch(bounds, r.begins)
		first = i + 1
	}
	if r.ends != math.MaxInt64 {
		i, _ := slices.BinarySearch(bounds, r.ends)
		end = i + 1
	}
	return first, end
}

// canvas paints rules over the slots of a grant: the first to reach a slot keeps it.
type canvas struct {
	grants *grants
	grant  *grant
	free   []int // for each slot the next one that is not painted, found by following
}

func (c *canvas) fill(state int, byRank, byID []tie) {
	outcome := func(i int) *outcome { return &c.grant.slot(i)[state] }
	for i := range len(c.grant.bounds) + 1 {
		outcome(i).allow, outcome(i).near = -1, -1
	}
	admits := func(t tie) bool { return c.grants.rules[t.rule].TLS.admits(state) }
	c.paint(byRank, admits, func(i int, t tie) {
		outcome(i).allow, outcome(i).via = t.rule, t.via
	})
	near := func(missed misses) func(int, tie) {
		return func(i int, t tie) { outcome(i).near, outcome(i).missed = t.rule, missed }
	}
	// In the order of distance. Where a rule that admits the state is left over, it fails its
	// period, and only that.
	left := c.paint(byID, admits, near(0))
	missed := missPeriod
	if !slices.ContainsFunc(byID, admits) {
		admits = func(t tie) bool { return true }
		left = c.paint(byID, admits, near(missEncryption))
		missed = missEncryption | missPeriod
	}
	if first := slices.IndexFunc(byID, admits); first >= 0 {
		for _, i := range left {
			near(missed)(i, byID[first])
		}
	}
}

// paint gives each slot to the first of the chosen rules that is valid in it, and returns
// the slots that no rule took.
func (c *canvas) paint(ties []tie, chosen func(tie) bool, give func(int, tie)) (left []int) {
	n := len(c.grant.bounds) + 1
	c.free = c.free[:0]
	for i := range n + 1 {
		c.free = append(c.free, i)
	}
	for _, t := range ties {
		if !chosen(t) {
			continue
		}
		first, end := c.grants.span(c.grant.bounds, &c.grants.rules[t.rule])
		for i := c.next(first); i < end; i = c.next(i) {
			give(i, t)
			c.free[i] = i + 1
		}
	}
	for i := c.next(0); i < n; i = c.next(i + 1) {
		left = append(left, i)
	}
	return left
}

// next returns the first slot from i on that is not painted.
func (c *canvas) next(i int) int {
	for c.free[i] != i {
		c.free[i] = c.free[c.free[i]]
		i = c.free[i]
	}
	return i
}
