package policy_test

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/policy"
)

func TestLockoutsHoldWhileOthersFlood(t *testing.T) {
	const size = 1 << 12
	rules := lockoutRules()
	rules.Window, rules.Forever = 24*time.Hour, true
	locks := policy.NewLockouts(limitStart, size, rules)
	locked, trying, quiet := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")
	for range 3 {
		locks.Failed(limitStart, locked, policy.NotTLS)
	}
	for range 2 {
		locks.Failed(limitStart, trying, policy.NotTLS)
	}
	now := limitStart
	for i := range floodSources {
		now = now.Add(time.Millisecond)
		for range 1 + i%3 {
			locks.Failed(now, limitAddr(i), policy.NotTLS)
		}
		if i%1000 != 0 {
			continue
		}
		if lock, ok := locks.Locked(now, locked); !ok || lock.Since != limitStart {
			t.Fatalf("after %d other sources the offender is no longer locked", i)
		}
		if _, ok := locks.Locked(now, quiet); ok {
			t.Fatalf("after %d other sources one that never failed is locked", i)
		}
		if stats := locks.Stats(); stats.Locked > size || stats.Failures > size+size/1024*rules.Failures {
			t.Fatalf("after %d other sources more is kept than there is room for: %+v", i, stats)
		}
	}
	if !locks.Failed(now, trying, policy.NotTLS) {
		t.Error("the two failures before the flood are forgotten")
	}
	if _, ok := locks.Locked(now, trying); !ok {
		t.Error("the newest lock does not hold")
	}
	if stats := locks.Stats(); stats.Crowded == 0 || stats.Displaced == 0 {
		t.Errorf("there was always room, so this test looks at the wrong thing: %+v", stats)
	}
	if now = now.Add(rules.Window); locks.Failed(now, quiet, policy.NotTLS) {
		t.Error("the flood is over, and a first failure locks")
	}
}

// TestLockoutsErrTowardsLocking is the property under pressure: whoever has failed often enough is locked, whatever there
// is room for; who is locked sooner is so because there was none.
func TestLockoutsErrTowardsLocking(t *testing.T) {
	const size, sources = 16, 200
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 7))
		rules := policy.LockoutRules{Failures: 2 + r.IntN(3), Window: time.Minute, Duration: time.Minute}
		locks := policy.NewLockouts(limitStart, size, rules)
		now, failures := limitStart, make(map[netip.Addr][]time.Time)
		crowded := uint64(0)
		for i := range 3000 {
			now = now.Add(time.Duration(r.IntN(1000)) * time.Millisecond)
			addr := limitAddr(r.IntN(sources))
			if _, ok := locks.Locked(now, addr); ok {
				if locks.Failed(now, addr, policy.NotTLS) {
					t.Fatalf("seed %d, step %d: %s was locked and is locked again", seed, i, addr)
				}
				continue
			}
			count := 1
			for _, at := range failures[addr] {
				if now.Sub(at) < rules.Window {
					count++
				}
			}
			got, stats := locks.Failed(now, addr, policy.NotTLS), locks.Stats()
			switch {
			case !got && count >= rules.Failures:
				t.Fatalf("seed %d, step %d: %s has failed %d times and is not locked", seed, i, addr, count)
			case got && count < rules.Failures && stats.Crowded == crowded:
				t.Fatalf("seed %d, step %d: %s has failed %d times only and is locked", seed, i, addr, count)
			}
			crowded = stats.Crowded
			failures[addr] = append(failures[addr], now)
			if got {
				delete(failures, addr)
			}
			if stats.Locked > size || stats.Failures >= size+rules.Failures {
				t.Fatalf("seed %d, step %d: more than there is room for: %+v", seed, i, stats)
			}
		}
		if crowded == 0 {
			t.Errorf("seed %d: there was always room", seed)
		}
	}
}

// fullLockouts returns Lockouts with room for so many, of which the sources from 0 on have taken all: fifteen sixteenths
// for good, the others until newer ones come.
func fullLockouts(size int) *policy.Lockouts {
	locks := policy.NewLockouts(limitStart, size, policy.LockoutRules{Failures: 1, Window: time.Hour, Duration: time.Hour})
	for n := range size {
		locks.Failed(limitStart, limitAddr(n), policy.NotTLS)
	}
	return locks
}

func TestNewestLocksDisplaceEachOther(t *testing.T) {
	for _, tt := range []struct {
		name     string
		script   func(fail, unlock func(int), locks *policy.Lockouts)
		locked   []int
		unlocked []int
	}{
		{"nothing", func(fail, _ func(int), _ *policy.Lockouts) {}, []int{0, 29, 30, 31}, []int{32}},
		{"one more", func(fail, _ func(int), _ *policy.Lockouts) { fail(32) }, []int{0, 29, 31, 32}, []int{30}},
		{"many more", func(fail, _ func(int), _ *policy.Lockouts) {
			for n := range 101 {
				fail(100 + n)
			}
		}, []int{0, 29, 199, 200}, []int{30, 31, 100, 198}},
		{"one whose place came free", func(fail, unlock func(int), _ *policy.Lockouts) {
			unlock(30)
			fail(32)
		}, []int{0, 29, 31, 32}, []int{30}},
		{"one in its own place", func(fail, unlock func(int), _ *policy.Lockouts) {
			unlock(30)
			fail(30)
		}, []int{0, 29, 30, 31}, nil},
		{"firm room that came free", func(fail, unlock func(int), _ *policy.Lockouts) {
			unlock(5)
			fail(32)
		}, []int{0, 29, 30, 31, 32}, []int{5}},
		{"one that has firm room by now", func(fail, unlock func(int), _ *policy.Lockouts) {
			unlock(5)
			unlock(30)
			fail(30)
			fail(32)
			fail(33)
		}, []int{0, 29, 30, 32, 33}, []int{5, 31}},
		{"one that was prolonged", func(fail, unlock func(int), locks *policy.Lockouts) {
			const data = `{"version":1,"locks":[{"source":"11.0.0.30/32","since":"2026-03-01T12:00:00Z","forever":true,"failures":1,"reason":"not_tls"}]}`
			if err := locks.Restore(limitStart, []byte(data)); err != nil {
				t.Error(err)
			}
			fail(32)
		}, []int{0, 29, 31, 32}, []int{30}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			locks := fullLockouts(32) // two of them for the newest
			tt.script(
				func(n int) { locks.Failed(limitStart, limitAddr(n), policy.NotTLS) },
				func(n int) { locks.Unlock(limitStart, single(limitAddr(n))) }, locks)
			check := func(n int, want bool) {
				if _, got := locks.Locked(limitStart, limitAddr(n)); got != want {
					t.Errorf("source %d is locked: %t, want %t", n, got, want)
				}
			}
			for _, n := range tt.locked {
				check(n, true)
			}
			for _, n := range tt.unlocked {
				check(n, false)
			}
			if got := len(locks.List(limitStart)); got > 32 {
				t.Errorf("%d locks are more than there is room for", got)
			}
		})
	}
}

func TestFailuresBeyondTheRoomAreNotWaitedFor(t *testing.T) {
	locks := policy.NewLockouts(limitStart, 10, policy.LockoutRules{Failures: 1000, Window: time.Hour, Forever: true})
	for i := range 10 {
		if got := locks.Failed(limitStart, limitAddr(1), policy.NotTLS); got != (i == 9) {
			t.Errorf("failure %d locks: %t", i+1, got)
		}
	}
}

func TestLockoutsMemory(t *testing.T) {
	before := liveHeap()
	rules := lockoutRules()
	locks := policy.NewLockouts(limitStart, 0, rules)
	failAll := func() {
		for i := range floodSources {
			locks.Failed(limitStart, limitAddr(i), policy.NotTLS)
		}
	}
	failAll()
	failing, counted := liveHeap()-before, locks.Stats().Failures
	for range 3 {
		failAll()
	}
	locking, stats := liveHeap()-before, locks.Stats()
	if counted > 1<<20+256*rules.Failures || stats.Locked > 1<<20 {
		t.Errorf("%d failures were counted and %d locks made", counted, stats.Locked)
	}
	locks.Sweep(limitStart.Add(time.Hour))
	after := liveHeap() - before
	t.Logf("%d failures counted: %d bytes each; %d sources locked: %d bytes each (%d displaced); %d bytes in all once they are gone",
		counted, failing/counted, stats.Locked, locking/stats.Locked, stats.Displaced, after)
	if after > locking/4 {
		t.Errorf("%d of %d bytes stay when all locks have ended", after, locking)
	}
	runtime.KeepAlive(locks)
}

// TestLockoutsConcurrently is for the race detector, and counts that a source is locked once at a time.
func TestLockoutsConcurrently(t *testing.T) {
	rules := lockoutRules()
	rules.Forever = true
	locks := policy.NewLockouts(limitStart, 64, rules)
	var made, ended atomic.Int64
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 2000 {
				now, addr := limitStart.Add(time.Duration(i)*time.Second), limitAddr((worker+i)%7)
				if locks.Failed(now, addr, policy.NotTLS) {
					made.Add(1)
				}
				locks.Locked(now, addr)
				switch {
				case i%20 == worker && len(locks.Unlock(now, single(addr))) > 0:
					ended.Add(1)
				case i%500 == 0:
					locks.Sweep(now)
					locks.Configure(rules)
					if err := policy.NewLockouts(now, 64, rules).Restore(now, snapshot(locks, now)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	if got, want := int64(len(locks.List(limitStart.Add(time.Hour)))), made.Load()-ended.Load(); got != want {
		t.Errorf("%d sources are locked, want %d: %d locks were made and %d ended", got, want, made.Load(), ended.Load())
	}
}
