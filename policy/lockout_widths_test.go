package policy

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// Lookups cost one shard for each width, so widths that nobody needs any more have to go.
func TestLockoutsForgetWidthsWithTheirLocks(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rules := LockoutRules{Failures: 1, Window: time.Minute, Duration: time.Minute}
	locks := NewLockouts(start, 0, rules)
	want := func(bits ...uint8) {
		t.Helper()
		got := slices.Sorted(slices.Values(locks.widths.present()))
		if !slices.Equal(got, bits) {
			t.Errorf("widths %v, want %v", got, bits)
		}
	}
	want()
	for _, addr := range []string{"10.0.0.1", "2001:db8::1", "2001:db8:0:1::1"} {
		locks.Failed(start, netip.MustParseAddr(addr), NotTLS)
	}
	want(64, 128)
	rules.IPv6Prefix = 56
	locks.Configure(rules)
	locks.Failed(start, netip.MustParseAddr("2001:db8:1::1"), NotTLS)
	want(56, 64, 128)
	locks.Unlock(start, netip.MustParsePrefix("2001:db8::1/128"))
	want(56, 64, 128)
	locks.Unlock(start, netip.MustParsePrefix("2001:db8:0:1::1/128"))
	want(56, 128)
	locks.Sweep(start.Add(time.Hour))
	want()
}
