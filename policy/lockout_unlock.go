package policy

import (
	"math"
	"net/netip"
	"slices"
	"time"
)

// Unlock ends every lock that overlaps with a prefix, which is an address at its full length: the locks of sources
// in it, and those of sources that it is in. It forgets their failures, and returns the sources that were locked out
// in the order of their addresses.
func (l *Lockouts) Unlock(now time.Time, prefix netip.Prefix) []netip.Prefix {
	prefix = lockoutUnmapped(prefix)
	if !prefix.IsSingleIP() {
		return l.unlockNetwork(now, prefix)
	}
	at, addr := l.moment(now), prefix.Addr()
	var ended []netip.Prefix
	for _, bits := range l.widths.present() {
		key, ok := lockoutKey(addr, bits)
		if !ok {
			continue
		}
		shard := l.shard(key)
		shard.Lock()
		if lock := l.current(at, shard, key); lock != nil {
			l.drop(shard, key, lock)
			l.changes.Add(1)
			ended = append(ended, key.prefix())
		}
		shard.Unlock()
	}
	if key, ok := limitSourceOf(addr, l.rules.Load().IPv6Prefix); ok {
		shard := l.shard(key)
		shard.Lock()
		shard.forget(key)
		shard.Unlock()
	}
	slices.SortFunc(ended, netip.Prefix.Compare)
	return ended
}

// unlockNetwork looks at everything: there is no telling which sources are in a network.
func (l *Lockouts) unlockNetwork(now time.Time, network netip.Prefix) []netip.Prefix {
	at := l.moment(now)
	var ended []netip.Prefix
	for i := range l.shards {
		shard := &l.shards[i]
		shard.Lock()
		shard.locks.sweep(math.MaxInt, func(key limitSource, lock *lockoutLock) bool {
			source := key.prefix()
			switch {
			case lock.until <= at:
			case source.Overlaps(network):
				ended = append(ended, source)
				l.changes.Add(1)
			default:
				return false
			}
			l.left(key, lock)
			return true
		})
		shard.failures.sweep(math.MaxInt, func(key limitSource, f *lockoutFailures) bool {
			if !key.prefix().Overlaps(network) {
				return false
			}
			shard.remembered -= len(f.at)
			return true
		})
		shard.Unlock()
	}
	slices.SortFunc(ended, netip.Prefix.Compare)
	return ended
}

// lockoutUnmapped returns an IPv4-mapped prefix as the IPv4 prefix that it means, and others as they are.
func lockoutUnmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}
