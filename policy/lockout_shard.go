package policy

import (
	"slices"
	"sync"
	"time"
)

// lockoutShard is what is known of the sources that hash to it. Moments are durations since the beginning of Lockouts.
type lockoutShard struct {
	sync.Mutex
	locks    limitMap[limitSource, lockoutLock]
	failures limitMap[limitSource, lockoutFailures]

	remembered int             // failures in failures
	room       int             // for them
	shared     lockoutFailures // of all sources, for want of room
}

// lockoutLock is a lock. It is in force while until is ahead.
type lockoutLock struct {
	since, until time.Duration
	failures     int32
	place        int32 // in the ring of the newest, from 1; zero for a lock that nothing displaces
	reason       Reason
}

// locked describes the lock by the wall clock as it is now: it may have been set since the lock was made.
func (l *lockoutLock) locked(now time.Time, at time.Duration, of limitSource) Locked {
	d := Locked{Source: of.prefix(), Since: now.Add(l.since - at).Round(0).UTC(), Failures: int(l.failures), Reason: l.reason}
	if l.until == lockoutForever {
		d.Forever = true
	} else {
		d.Until = now.Add(l.until - at).Round(0).UTC()
	}
	return d
}

// lockoutFailures are the moments of failures that count, in no order.
type lockoutFailures struct{ at []time.Duration }

// prune drops those that are too old and returns how many went.
func (f *lockoutFailures) prune(now, window time.Duration) int {
	before := len(f.at)
	f.at = slices.DeleteFunc(f.at, func(at time.Duration) bool { return now-at >= window })
	return before - len(f.at)
}

// fail remembers a failure of key. It returns how many failures of the source are known, this one included, and how many
// more may be its own, because they were counted for all sources together. When they are enough for a lock, those
// of the source are forgotten: the lock stands for them.
func (s *lockoutShard) fail(at time.Duration, key limitSource, rules *LockoutRules) (own, shared int) {
	if record := s.failures.find(key); record != nil {
		s.remembered -= record.prune(at, rules.Window)
		own = len(record.at)
	}
	s.shared.prune(at, rules.Window)
	own, shared = own+1, len(s.shared.at)
	if own+shared < rules.Failures {
		s.remember(at, key, rules)
	} else {
		s.forget(key)
	}
	return own, shared
}

// remember keeps a failure of key, for want of room with those of all sources.
func (s *lockoutShard) remember(at time.Duration, key limitSource, rules *LockoutRules) {
	past := s.past(at, rules.Window)
	if s.remembered >= s.room {
		s.failures.sweep(limitSweepFull, past)
	}
	if s.remembered >= s.room {
		s.shared.at = append(s.shared.at, at)
		return
	}
	record := s.failures.find(key)
	if record == nil {
		record = s.failures.add(key, past)
	}
	record.at = append(record.at, at)
	s.remembered++
}

// past returns a function for sweeps of failures. It must not outlive the lock.
func (s *lockoutShard) past(now, window time.Duration) func(limitSource, *lockoutFailures) bool {
	return func(_ limitSource, f *lockoutFailures) bool {
		s.remembered -= f.prune(now, window)
		return len(f.at) == 0
	}
}

// forget drops the failures of key.
func (s *lockoutShard) forget(key limitSource) {
	if record := s.failures.find(key); record != nil {
		s.remembered -= len(record.at)
		s.failures.remove(key)
	}
}
