package policy

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// defaultLimiterSize is how many sources a Limiter tells apart unless told otherwise.
const defaultLimiterSize = 1 << 20

// Limiter counts connections and handshakes against limits: [Defaults] for every source, [Limits] for every [Match].
//
// It outlives generations: limits come with every call, so a reload resets nothing. Its memory is bounded whatever
// strangers do: what is known of a source is only forgotten when that cannot be noticed, and while there is no room
// newcomers are counted as one, under the same limits. All methods are safe for concurrent use and none blocks.
//
// Connections at once are counted wherever there is any limit, so that one on them that a reload adds takes those that
// are already there into account.
type Limiter struct {
	sources *limitTable[limitSource]
	matches *limitTable[limitMatch] // sources at rules
	known   *limitTable[limitKnown] // those whose number the policy bounds

	overflowed atomic.Uint64
	refused    [limitReasons]atomic.Uint64
}

// limitMatch is a [Match] of a source.
type limitMatch struct {
	rule   string
	source limitSource
}

// limitKnown is whom there is always room for: the [Match] of a named client, so that a flood of sources at one rule
// cannot crowd out the clients of another, and those that have to share.
type limitKnown struct {
	kind   limitKind
	rule   string
	client string // empty for clients that have neither a name nor an address, which count as one
}

type limitKind uint8

const (
	namedClient    limitKind = iota
	sharedByRule             // sources without room at one rule
	sharedBySource           // sources without room
)

// NewLimiter returns a Limiter that tells at most size sources apart, and for rules at most size matches of sources;
// zero or less means 1<<20. Matches of named clients come on top of that: the policy bounds them.
func NewLimiter(size int) *Limiter {
	if size <= 0 {
		size = defaultLimiterSize
	}
	return &Limiter{
		sources: newLimitTable[limitSource](size),
		matches: newLimitTable[limitMatch](size),
		known:   newUnboundedLimitTable[limitKnown](),
	}
}

// Admit counts a new connection of source and returns the lease that holds it, or a nil lease and the code of the limit
// that refused it; a refused connection uses up nothing. The limit on connections at once is looked at first.
//
// An invalid source, as of a UNIX socket, has a lease all the same, which only rules limit. Nil limits limit nothing.
// When their IPv6Prefix changes, IPv6 sources start afresh.
func (l *Limiter) Admit(now time.Time, source netip.Addr, limits *Defaults) (*Lease, Reason) {
	if limits.none() {
		return &Lease{limiter: l}, ""
	}
	key, addressed := limitSourceOf(source, limits.IPv6Prefix)
	if !addressed {
		return &Lease{limiter: l}, ""
	}
	hold, outcome, room := l.sources.take(now, key, &limits.Limits)
	if !room {
		l.overflowed.Add(1)
		hold, outcome, _ = l.known.take(now, limitKnown{kind: sharedBySource}, &limits.Limits)
	}
	if outcome != withinLimits {
		return nil, l.refuse(outcome, SourceConnections, SourceRate)
	}
	return &Lease{limiter: l, source: hold, handshakes: limits.handshakes()}, ""
}

// charge counts a new connection of whom a rule's limits are counted for.
func (l *Limiter) charge(now time.Time, match Match, limits *Limits) (limitHold, Reason) {
	var hold limitHold
	var outcome limitOutcome
	if source, addressed := limitSourceOfPrefix(match.Source); match.Client != "" || !addressed {
		hold, outcome, _ = l.known.take(now, limitKnown{rule: match.Rule, client: match.Client}, limits)
	} else {
		var room bool
		hold, outcome, room = l.matches.take(now, limitMatch{match.Rule, source}, limits)
		if !room {
			l.overflowed.Add(1)
			hold, outcome, _ = l.known.take(now, limitKnown{kind: sharedByRule, rule: match.Rule}, limits)
		}
	}
	if outcome != withinLimits {
		return limitHold{}, l.refuse(outcome, RuleConnections, RuleRate)
	}
	return hold, ""
}

// Sweep forgets everything that can be forgotten unnoticed. Traffic does the same as it comes; call this every minute
// or so, for the memory of a flood that is over.
func (l *Limiter) Sweep(now time.Time) {
	l.sources.sweep(now)
	l.matches.sweep(now)
	l.known.sweep(now)
}
