package policy_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/policy"
)

// lockoutRules are those of the contract's example.
func lockoutRules() policy.LockoutRules {
	return policy.LockoutRules{Failures: 3, Window: 30 * time.Minute, Duration: 30 * time.Minute}
}

// single returns an address as the prefix that it is.
func single(addr netip.Addr) netip.Prefix { return netip.PrefixFrom(addr, addr.BitLen()) }

// comparePrefixes lets cmp look at addresses and times as they are meant.
var comparePrefixes = cmpopts.EquateComparable(netip.Prefix{})

// lockoutScript is a Lockouts that a test drives by a clock of its own.
type lockoutScript struct {
	t     *testing.T
	locks *policy.Lockouts
	now   time.Time
}

func newLockoutScript(t *testing.T, rules policy.LockoutRules) *lockoutScript {
	return &lockoutScript{t: t, locks: policy.NewLockouts(limitStart, 0, rules), now: limitStart}
}

func (s *lockoutScript) wait(d time.Duration) { s.now = s.now.Add(d) }

func (s *lockoutScript) fail(source string, want bool) {
	s.t.Helper()
	addr, _ := netip.ParseAddr(source)
	if got := s.locks.Failed(s.now, addr, policy.HandshakeFailed); got != want {
		s.t.Errorf("failure of %q after %v locks it: %t, want %t", source, s.now.Sub(limitStart), got, want)
	}
}

func (s *lockoutScript) locked(source string, want bool) {
	s.t.Helper()
	addr, _ := netip.ParseAddr(source)
	if lock, got := s.locks.Locked(s.now, addr); got != want {
		s.t.Errorf("%q is locked after %v: %t (%+v), want %t", source, s.now.Sub(limitStart), got, lock, want)
	}
}

func (s *lockoutScript) unlock(source string, want bool) {
	s.t.Helper()
	if got := s.locks.Unlock(s.now, single(netip.MustParseAddr(source))); (len(got) > 0) != want {
		s.t.Errorf("unlock %s: %v, want any: %t", source, got, want)
	}
}

func TestLockouts(t *testing.T) {
	contract := lockoutRules()
	change := func(f func(*policy.LockoutRules)) policy.LockoutRules {
		rules := lockoutRules()
		f(&rules)
		return rules
	}
	for _, tt := range []struct {
		name   string
		rules  policy.LockoutRules
		script func(*lockoutScript)
	}{
		{"the third failure locks", contract, func(s *lockoutScript) {
			s.fail("10.0.0.1", false)
			s.fail("10.0.0.1", false)
			s.locked("10.0.0.1", false)
			s.fail("10.0.0.1", true)
			s.locked("10.0.0.1", true)
			s.locked("::ffff:10.0.0.1", true)
			s.locked("10.0.0.2", false)
		}},
		{"for the duration", contract, func(s *lockoutScript) {
			for _, locks := range []bool{false, false, true} {
				s.fail("10.0.0.1", locks)
			}
			s.wait(30*time.Minute - 1)
			s.locked("10.0.0.1", true)
			s.wait(1)
			s.locked("10.0.0.1", false)
			for _, locks := range []bool{false, false, true} { // and begins at nothing
				s.fail("10.0.0.1", locks)
			}
		}},
		{"failures while it is locked do not extend it", contract, func(s *lockoutScript) {
			for _, locks := range []bool{false, false, true} {
				s.fail("10.0.0.1", locks)
			}
			s.wait(29 * time.Minute)
			for range 5 {
				s.fail("10.0.0.1", false)
			}
			s.wait(time.Minute)
			s.locked("10.0.0.1", false)
			s.fail("10.0.0.1", false)
			s.fail("10.0.0.1", false)
		}},
		{"a failure counts until the window has passed", contract, func(s *lockoutScript) {
			s.fail("10.0.0.1", false)
			s.wait(20 * time.Minute)
			s.fail("10.0.0.1", false)
			s.wait(10 * time.Minute)
			s.fail("10.0.0.1", false) // the first no longer counts
			s.wait(10*time.Minute - 1)
			s.fail("10.0.0.1", true)
		}},
		{"for ever", change(func(r *policy.LockoutRules) { r.Forever = true }), func(s *lockoutScript) {
			for _, locks := range []bool{false, false, true} {
				s.fail("10.0.0.1", locks)
			}
			s.wait(100 * 365 * 24 * time.Hour)
			s.locked("10.0.0.1", true)
			s.unlock("10.0.0.1", true)
			s.locked("10.0.0.1", false)
			s.unlock("10.0.0.1", false)
		}},
		{"one failure", change(func(r *policy.LockoutRules) { r.Failures = 1 }), func(s *lockoutScript) {
			s.fail("10.0.0.1", true)
			s.locked("10.0.0.1", true)
		}},
		{"no lock-out", policy.LockoutRules{}, func(s *lockoutScript) {
			for range 10 {
				s.fail("10.0.0.1", false)
			}
			s.locked("10.0.0.1", false)
		}},
		{"no duration", change(func(r *policy.LockoutRules) { r.Duration = 0 }), func(s *lockoutScript) {
			for range 10 {
				s.fail("10.0.0.1", false)
			}
		}},
		{"all of an IPv6 network", contract, func(s *lockoutScript) {
			s.fail("2001:db8:9::7", false)
			s.fail("2001:db8:9::8", false)
			s.fail("2001:db8:9::9", true)
			s.locked("2001:db8:9::7", true)
			s.locked("2001:db8:9::1234", true)
			s.locked("2001:db8:9:1::8", false)
		}},
		{"no address", contract, func(s *lockoutScript) {
			for range 10 {
				s.fail("", false)
			}
			s.locked("", false)
		}},
		{"unlocking forgets failures too", contract, func(s *lockoutScript) {
			s.fail("10.0.0.1", false)
			s.fail("10.0.0.1", false)
			s.unlock("10.0.0.1", false)
			s.fail("10.0.0.1", false)
			s.fail("10.0.0.1", false)
		}},
		{"unlocking by another address of the source", contract, func(s *lockoutScript) {
			for _, locks := range []bool{false, false, true} {
				s.fail("2001:db8::1", locks)
			}
			s.unlock("2001:db8::", true)
			s.locked("2001:db8::1", false)
		}},
		{"a lock that has ended cannot be unlocked", contract, func(s *lockoutScript) {
			for _, locks := range []bool{false, false, true} {
				s.fail("10.0.0.1", locks)
			}
			s.wait(time.Hour)
			s.unlock("10.0.0.1", false)
		}},
		{"a duration beyond the end of time is for ever", change(func(r *policy.LockoutRules) { r.Duration = 1<<63 - 1 }), func(s *lockoutScript) {
			s.wait(time.Hour)
			for _, locks := range []bool{false, false, true} {
				s.fail("10.0.0.1", locks)
			}
			s.locked("10.0.0.1", true)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.script(newLockoutScript(t, tt.rules)) })
	}
}

func TestLockoutsOverReloads(t *testing.T) {
	s := newLockoutScript(t, lockoutRules())
	lock := func(source string) {
		t.Helper()
		for _, locks := range []bool{false, false, true} {
			s.fail(source, locks)
		}
	}
	lock("2001:db8::1")
	lock("10.0.0.1")
	s.fail("10.0.0.2", false)

	rules := lockoutRules()
	rules.Failures, rules.Duration, rules.IPv6Prefix = 2, time.Hour, 48
	s.locks.Configure(rules)
	s.locked("2001:db8::1", true) // still of its /64
	s.locked("2001:db8:0:1::1", false)
	s.fail("2001:db8::1", false) // counts with the lock
	s.fail("10.0.0.2", true)     // what was remembered, under the new rules
	s.fail("2001:db8:0:1::1", false)
	s.fail("2001:db8:0:2::1", true)
	s.locked("2001:db8:0:3::1", true)
	s.wait(30 * time.Minute)
	s.locked("10.0.0.1", false)
	s.locked("10.0.0.2", true)
	s.locked("2001:db8::1", true) // by the lock of the /48

	s.locks.Configure(policy.LockoutRules{})
	s.locked("10.0.0.2", true)
	s.locked("2001:db8::1", true)
	s.unlock("2001:db8::1", true)
	s.locked("2001:db8::1", false)
}

func TestLockoutsList(t *testing.T) {
	s := newLockoutScript(t, lockoutRules())
	changes := s.locks.Changes()
	changed := func(want bool) {
		t.Helper()
		if got := s.locks.Changes(); (got != changes) != want {
			t.Errorf("Changes went from %d to %d, want a change: %t", changes, got, want)
		}
		changes = s.locks.Changes()
	}
	for _, source := range []string{"10.0.0.9", "2001:db8::5", "10.0.0.10"} {
		for _, locks := range []bool{false, false, true} {
			s.fail(source, locks)
		}
		s.wait(time.Minute)
		changed(true)
	}
	s.fail("10.0.0.9", false)
	s.fail("10.0.0.11", false)
	changed(false)
	lock := func(source string, minute, failures int) policy.Locked {
		since := limitStart.Add(time.Duration(minute) * time.Minute)
		return policy.Locked{
			Source: netip.MustParsePrefix(source), Since: since, Until: since.Add(30 * time.Minute),
			Failures: failures, Reason: policy.HandshakeFailed,
		}
	}
	want := []policy.Locked{lock("10.0.0.9/32", 0, 4), lock("10.0.0.10/32", 2, 3), lock("2001:db8::/64", 1, 3)}
	if diff := cmp.Diff(want, s.locks.List(s.now), comparePrefixes); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	if got, _ := s.locks.Locked(s.now, netip.MustParseAddr("2001:db8::77")); got != want[2] {
		t.Errorf("Locked (-want +got):\n%s", cmp.Diff(want[2], got, comparePrefixes))
	}
	if diff := cmp.Diff(policy.LockoutStats{Locked: 3, Failures: 1}, s.locks.Stats()); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
	s.unlock("10.0.0.9", true)
	changed(true)
	s.wait(28 * time.Minute) // the second ended this moment
	if diff := cmp.Diff(want[1:2], s.locks.List(s.now), comparePrefixes); diff != "" {
		t.Errorf("List later (-want +got):\n%s", diff)
	}
	s.wait(time.Hour)
	s.locks.Sweep(s.now)
	if diff := cmp.Diff(policy.LockoutStats{}, s.locks.Stats()); diff != "" {
		t.Errorf("Stats of nothing (-want +got):\n%s", diff)
	}
	changed(false)
}
