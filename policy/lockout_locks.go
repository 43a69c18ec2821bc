package policy

import (
	"hash/maphash"
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// moment returns now as all of Lockouts counts time.
func (l *Lockouts) moment(now time.Time) time.Duration { return now.Sub(l.began) }

func (l *Lockouts) shard(key limitSource) *lockoutShard {
	return &l.shards[maphash.Comparable(l.seed, key)&uint64(len(l.shards)-1)]
}

// current returns the lock of key that is in force, nil without one. The shard is locked.
func (l *Lockouts) current(at time.Duration, shard *lockoutShard, key limitSource) *lockoutLock {
	lock := shard.locks.find(key)
	if lock != nil && lock.until <= at {
		l.drop(shard, key, lock)
		return nil
	}
	return lock
}

// failedAgain counts a failure with the lock that source is under, and reports whether it is under one.
func (l *Lockouts) failedAgain(at time.Duration, source netip.Addr) bool {
	for _, bits := range l.widths.present() {
		key, ok := lockoutKey(source, bits)
		if !ok {
			continue
		}
		shard := l.shard(key)
		shard.Lock()
		again := l.countAgain(at, shard, key)
		shard.Unlock()
		if again {
			return true
		}
	}
	return false
}

// countAgain does so for one key. The shard is locked.
func (l *Lockouts) countAgain(at time.Duration, shard *lockoutShard, key limitSource) bool {
	lock := l.current(at, shard, key)
	if lock == nil {
		return false
	}
	if lock.failures < math.MaxInt32 {
		lock.failures++
	}
	return true
}

// lock adds a lock for key, which has none. The shard is locked; the caller hands what is returned to displace once it
// no longer is.
func (l *Lockouts) lock(at time.Duration, shard *lockoutShard, key limitSource, lock lockoutLock) lockoutPlace {
	var displaced lockoutPlace
	if l.firm.Add(1) > l.firmRoom {
		l.firm.Add(-1)
		lock.place, displaced = l.newest.push(key)
	}
	*shard.locks.add(key, l.ended(at)) = lock
	l.widths.add(key.bits)
	l.changes.Add(1)
	return displaced
}

// displace drops the lock that had to make room, unless it went by itself.
func (l *Lockouts) displace(p lockoutPlace) {
	if p.place == 0 {
		return
	}
	shard := l.shard(p.key)
	shard.Lock()
	defer shard.Unlock()
	if lock := shard.locks.find(p.key); lock != nil && lock.place == p.place {
		l.drop(shard, p.key, lock)
		l.changes.Add(1)
		l.displaced.Add(1)
	}
}

// drop removes a lock. The shard is locked.
func (l *Lockouts) drop(shard *lockoutShard, key limitSource, lock *lockoutLock) {
	l.left(key, lock)
	shard.locks.remove(key)
}

// left keeps the books about a lock that goes.
func (l *Lockouts) left(key limitSource, lock *lockoutLock) {
	if lock.place == 0 {
		l.firm.Add(-1)
	}
	l.widths.remove(key.bits)
}

// ended returns a function for sweeps of locks.
func (l *Lockouts) ended(at time.Duration) func(limitSource, *lockoutLock) bool {
	return func(key limitSource, lock *lockoutLock) bool {
		if lock.until > at {
			return false
		}
		l.left(key, lock)
		return true
	}
}

// lockoutPlace is a place in the ring of the newest locks, from 1, and the source in it. The zero value is none.
type lockoutPlace struct {
	key   limitSource
	place int32
}

// lockoutRing holds the sources of the newest locks while there is no room for more.
type lockoutRing struct {
	size int

	mu   sync.Mutex
	keys []limitSource
	next int
}

// push gives key a place and returns it, with the source that had the place before.
func (r *lockoutRing) push(key limitSource) (int32, lockoutPlace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	place := int32(r.next + 1)
	if r.next == len(r.keys) {
		r.keys = append(r.keys, key)
		r.next = (r.next + 1) % r.size
		return place, lockoutPlace{}
	}
	displaced := lockoutPlace{key: r.keys[r.next], place: place}
	r.keys[r.next] = key
	r.next = (r.next + 1) % r.size
	if displaced.key == key { // its lock had ended, or it would not need another
		return place, lockoutPlace{}
	}
	return place, displaced
}

// lockoutWidths are the lengths of the prefixes that are locked out. There is one, or two after ipv6_prefix was changed
// by a reload.
type lockoutWidths struct {
	list atomic.Pointer[[]uint8]

	mu    sync.Mutex
	locks [129]int
}

// present returns the lengths. The slice must not be changed.
func (w *lockoutWidths) present() []uint8 {
	if list := w.list.Load(); list != nil {
		return *list
	}
	return nil
}

func (w *lockoutWidths) add(bits uint8) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.locks[bits]++; w.locks[bits] == 1 {
		list := append(slices.Clone(w.present()), bits)
		w.list.Store(&list)
	}
}

func (w *lockoutWidths) remove(bits uint8) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.locks[bits]--; w.locks[bits] == 0 {
		list := slices.DeleteFunc(slices.Clone(w.present()), func(b uint8) bool { return b == bits })
		w.list.Store(&list)
	}
}

// lockoutKey returns the source of that length that an address belongs to. It reports false if there can be none.
func lockoutKey(addr netip.Addr, bits uint8) (limitSource, bool) {
	addr = addr.Unmap()
	if addr.Is4() && bits != 128 {
		return limitSource{}, false
	}
	return limitSourceOf(addr, int(bits))
}
