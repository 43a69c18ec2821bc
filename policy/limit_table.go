package policy

import (
	"hash/maphash"
	"math"
	"sync"
	"time"
)

// limitTable keeps the states of keys in shards, so that sessions on different cores rarely meet at a lock. The hash
// is seeded: nobody can choose addresses that crowd into one shard.
type limitTable[K comparable] struct {
	seed   maphash.Seed
	shards []limitShard[K]
}

type limitShard[K comparable] struct {
	limitLock
	states limitMap[K, limitState]
}

// limitLock guards a shard, and its time: callers read theirs before they wait for the lock, so without this buckets
// would see time go back and forth, and every step forth would fill them.
type limitLock struct {
	sync.Mutex
	clock time.Time // the latest seen
}

// latest returns now, or the latest time seen if that is later. It needs the lock.
func (l *limitLock) latest(now time.Time) time.Time {
	if now.Before(l.clock) {
		return l.clock
	}
	l.clock = now
	return now
}

// limitHold is a connection that a state counts. The zero value holds nothing.
type limitHold struct {
	lock  *limitLock  // of the shard
	state *limitState // cannot be dropped from its table while it counts connections
}

// release ends the hold; a second call does nothing.
func (h *limitHold) release() {
	if h.state == nil {
		return
	}
	h.lock.Lock()
	h.state.held--
	h.lock.Unlock()
	*h = limitHold{}
}

// newLimitTable returns a table for at most n keys.
func newLimitTable[K comparable](n int) *limitTable[K] {
	t := &limitTable[K]{seed: maphash.MakeSeed(), shards: make([]limitShard[K], limitShards(n))}
	for i := range t.shards {
		t.shards[i].states.limit = min(n/len(t.shards), math.MaxInt32)
	}
	return t
}

// limitShards returns into how many shards a table for n keys is divided: a power of two, and not so many that one
// could be full long before the others.
func limitShards(n int) int {
	shards := 1
	for shards < 256 && n/(2*shards) >= 1024 {
		shards *= 2
	}
	return shards
}

// newUnboundedLimitTable returns a table whose keys come from the policy, never from strangers, which bounds it.
func newUnboundedLimitTable[K comparable]() *limitTable[K] {
	t := newLimitTable[K](16 * 1024)
	for i := range t.shards {
		t.shards[i].states.limit = math.MaxInt32
	}
	return t
}

// take counts one connection of key. It returns room false, and counts nothing, when the table is full of states
// that have to be remembered and key is not among them.
func (t *limitTable[K]) take(now time.Time, key K, limits *Limits) (hold limitHold, outcome limitOutcome, room bool) {
	shard := &t.shards[maphash.Comparable(t.seed, key)&uint64(len(t.shards)-1)]
	shard.Lock()
	defer shard.Unlock()
	now = shard.latest(now)
	state := shard.states.find(key)
	if state == nil {
		state = shard.states.add(key, func(_ K, s *limitState) bool { return s.spent(now) })
	}
	if state == nil {
		return limitHold{}, withinLimits, false
	}
	if outcome := state.take(now, limits); outcome != withinLimits {
		return limitHold{}, outcome, true
	}
	return limitHold{lock: &shard.limitLock, state: state}, withinLimits, true
}

// sweep drops everything that is spent, one shard at a time.
func (t *limitTable[K]) sweep(now time.Time) {
	for i := range t.shards {
		shard := &t.shards[i]
		shard.Lock()
		at := shard.latest(now)
		shard.states.sweep(math.MaxInt, func(_ K, s *limitState) bool { return s.spent(at) })
		shard.Unlock()
	}
}

// tracked returns the number of states.
func (t *limitTable[K]) tracked() int {
	n := 0
	for i := range t.shards {
		shard := &t.shards[i]
		shard.Lock()
		n += len(shard.states.order)
		shard.Unlock()
	}
	return n
}
