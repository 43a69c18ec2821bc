package policy_test

import (
	"net/netip"
	"testing"

	"sallyport/policy"
)

// lockedSources returns Lockouts with n sources locked.
func lockedSources(n int) *policy.Lockouts {
	rules := lockoutRules()
	rules.Failures = 1
	locks := policy.NewLockouts(limitStart, 0, rules)
	for i := range n {
		locks.Failed(limitStart, limitAddr(i), policy.NotTLS)
	}
	locks.Failed(limitStart, netip.MustParseAddr("2001:db8::1"), policy.NotTLS)
	locks.Configure(lockoutRules())
	return locks
}

func TestLockoutsAllocateNothingForWhatIsKnown(t *testing.T) {
	locks := lockedSources(100)
	for name, addr := range map[string]netip.Addr{
		"locked": limitAddr(1), "not locked": limitAddr(1000),
		"locked IPv6": netip.MustParseAddr("2001:db8::2"), "not locked IPv6": netip.MustParseAddr("2001:db9::2"),
	} {
		if n := testing.AllocsPerRun(100, func() { locks.Locked(limitStart, addr) }); n != 0 {
			t.Errorf("Locked of a source that is %s allocates %v times", name, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { locks.Failed(limitStart, limitAddr(1), policy.NotTLS) }); n != 0 {
		t.Errorf("Failed of a source that is locked allocates %v times", n)
	}
}

func BenchmarkLockouts(b *testing.B) {
	for _, bb := range []struct {
		name  string
		locks *policy.Lockouts
		call  func(*policy.Lockouts, int)
	}{
		{"Locked/none", policy.NewLockouts(limitStart, 0, lockoutRules()), func(l *policy.Lockouts, _ int) { l.Locked(limitStart, limitAddr(7)) }},
		{"Locked/miss", lockedSources(1000), func(l *policy.Lockouts, i int) { l.Locked(limitStart, limitAddr(1000+i&0xffff)) }},
		{"Locked/hit", lockedSources(1000), func(l *policy.Lockouts, _ int) { l.Locked(limitStart, limitAddr(7)) }},
		{"Failed/locked", lockedSources(1000), func(l *policy.Lockouts, _ int) { l.Failed(limitStart, limitAddr(7), policy.NotTLS) }},
		{"Failed/new", policy.NewLockouts(limitStart, 0, lockoutRules()), func(l *policy.Lockouts, i int) { l.Failed(limitStart, limitAddr(i), policy.NotTLS) }},
		{"Failed/full", policy.NewLockouts(limitStart, 1<<12, lockoutRules()), func(l *policy.Lockouts, i int) { l.Failed(limitStart, limitAddr(i), policy.NotTLS) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				bb.call(bb.locks, i)
			}
		})
	}
}
