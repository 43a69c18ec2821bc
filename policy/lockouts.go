package policy

import (
	"hash/maphash"
	"math"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// defaultLockoutsSize is how many locks are kept, and how many failures, unless told otherwise.
const defaultLockoutsSize = 1 << 20

// Lockouts counts the failures of sources and locks those out that fail too often.
//
// It outlives generations and, by [Lockouts.Snapshot], the process. Its memory is bounded whatever strangers do, and
// what has to give is chosen so that a flood of sources wins nothing:
//
//   - Failures are never forgotten before the window has passed. While there is no room for more of them, the sources of
//     a shard share one count, and while that count is up every further failure locks its source: failing sources are
//     locked too early rather than too late, sources that do not fail are not touched.
//   - Locks are never dropped before they end. While there is no room for more of them, the newest displace each other
//     on a sixteenth of the room that is kept for this; the others stay.
//
// Nobody is exempt here: ask [Set.Exempt], which knows clients and their source ports, before [Lockouts.Failed] and before
// [Lockouts.Locked]. An exempt client can share its source, as a /64, with others that are locked out.
//
// All methods are safe for concurrent use and none blocks.
type Lockouts struct {
	began  time.Time // moments are counted from here, on the monotonic clock
	size   int
	rules  atomic.Pointer[LockoutRules]
	seed   maphash.Seed
	shards []lockoutShard

	widths   lockoutWidths
	firm     atomic.Int64 // locks that nothing displaces
	firmRoom int64
	newest   lockoutRing // the others

	changes   atomic.Uint64
	crowded   atomic.Uint64
	displaced atomic.Uint64
}

// Locked is a source that is locked out. Its JSON is that of snapshots and of the admin endpoint.
type Locked struct {
	Source   netip.Prefix `json:"source"`
	Since    time.Time    `json:"since"`             // UTC
	Until    time.Time    `json:"until,omitzero"`    // UTC; zero if Forever
	Forever  bool         `json:"forever,omitempty"` // until [Lockouts.Unlock]
	Failures int          `json:"failures"`          // of the source: those that led to the lock and those since
	Reason   Reason       `json:"reason"`            // of the failure that led to the lock
}

// LockoutStats are what [Lockouts] remembers now and what it has done since it was made.
type LockoutStats struct {
	Locked    int    // sources locked out, some of which may just have come free
	Failures  int    // failures of others that are remembered
	Crowded   uint64 // times that a source was locked out early, for want of room to count its failures
	Displaced uint64 // times that a lock went early, for want of room
}

// NewLockouts returns a Lockouts that keeps at most size locks and remembers at most size failures; zero or less means
// 1<<20. Everything in it is relative to now.
func NewLockouts(now time.Time, size int, rules LockoutRules) *Lockouts {
	if size <= 0 {
		size = defaultLockoutsSize
	}
	size = min(size, math.MaxInt32)
	l := &Lockouts{began: now, size: size, seed: maphash.MakeSeed(), shards: make([]lockoutShard, limitShards(size))}
	for i := range l.shards {
		shard := &l.shards[i]
		shard.room = size / len(l.shards)
		shard.failures.limit = math.MaxInt32 // room bounds them
		shard.locks.limit = math.MaxInt32    // firmRoom and newest bound them, for all shards together
	}
	l.newest.size = max(size/16, 1)
	l.firmRoom = int64(size - l.newest.size)
	l.Configure(rules)
	return l
}

// Configure replaces the rules. Locks stay as they are; failures that are remembered count under the new rules.
func (l *Lockouts) Configure(rules LockoutRules) {
	rules.Failures = min(rules.Failures, l.shards[0].room) // more could not be remembered
	l.rules.Store(&rules)
}

// Failed counts a failure of source and reports whether it locked the source out. Failures of a source that is locked
// out already are counted with its lock but do not extend it.
func (l *Lockouts) Failed(now time.Time, source netip.Addr, reason Reason) bool {
	rules := l.rules.Load()
	key, addressed := limitSourceOf(source, rules.IPv6Prefix)
	if !addressed || rules.none() {
		return false
	}
	at := l.moment(now)
	if l.failedAgain(at, source) {
		return false
	}
	shard := l.shard(key)
	shard.Lock()
	if l.countAgain(at, shard, key) { // meanwhile
		shard.Unlock()
		return false
	}
	own, shared := shard.fail(at, key, rules)
	if own+shared < rules.Failures {
		shard.Unlock()
		return false
	}
	if own < rules.Failures {
		l.crowded.Add(1)
	}
	displaced := l.lock(at, shard, key, lockoutLock{
		since: at, until: rules.until(at), failures: int32(min(own, math.MaxInt32)), reason: reason,
	})
	shard.Unlock()
	l.displace(displaced)
	return true
}

// Active reports whether the rules lock anybody out. While they do not, the locks that there are should not count.
func (l *Lockouts) Active() bool { return !l.rules.Load().none() }

// Locked returns the lock that a source is under, the longest if there are several, and whether there is one.
func (l *Lockouts) Locked(now time.Time, source netip.Addr) (Locked, bool) {
	at := l.moment(now)
	var longest lockoutLock
	var of limitSource
	found := false
	for _, bits := range l.widths.present() {
		key, ok := lockoutKey(source, bits)
		if !ok {
			continue
		}
		shard := l.shard(key)
		shard.Lock()
		if lock := l.current(at, shard, key); lock != nil && (!found || lock.until > longest.until) {
			longest, of, found = *lock, key, true
		}
		shard.Unlock()
	}
	if !found {
		return Locked{}, false
	}
	return longest.locked(now, at, of), true
}

// List returns all sources that are locked out in the order of their addresses. The slice is the caller's.
func (l *Lockouts) List(now time.Time) []Locked {
	at := l.moment(now)
	list := make([]Locked, 0, l.Stats().Locked)
	for i := range l.shards {
		shard := &l.shards[i]
		shard.Lock()
		for _, slot := range shard.locks.order {
			if slot.value.until > at {
				list = append(list, slot.value.locked(now, at, slot.key))
			}
		}
		shard.Unlock()
	}
	slices.SortFunc(list, func(a, b Locked) int { return a.Source.Compare(b.Source) })
	return list
}

// Sweep drops locks that have ended and failures that no longer count. Traffic does the same as it comes; call this
// every minute or so, for the memory of a flood that is over.
func (l *Lockouts) Sweep(now time.Time) {
	at, rules := l.moment(now), l.rules.Load()
	for i := range l.shards {
		shard := &l.shards[i]
		shard.Lock()
		shard.locks.sweep(math.MaxInt, l.ended(at))
		shard.failures.sweep(math.MaxInt, shard.past(at, rules.Window))
		shard.shared.prune(at, rules.Window)
		shard.Unlock()
	}
}

// Changes returns a number that changes whenever a source is locked out or unlocked, but not when a lock ends by itself:
// a snapshot needs to be written again when it has changed.
func (l *Lockouts) Changes() uint64 { return l.changes.Load() }

// Stats returns the present figures. They are read one after the other, so under traffic they are not of one moment.
func (l *Lockouts) Stats() LockoutStats {
	stats := LockoutStats{Crowded: l.crowded.Load(), Displaced: l.displaced.Load()}
	for i := range l.shards {
		shard := &l.shards[i]
		shard.Lock()
		stats.Locked += len(shard.locks.order)
		stats.Failures += shard.remembered + len(shard.shared.at)
		shard.Unlock()
	}
	return stats
}
