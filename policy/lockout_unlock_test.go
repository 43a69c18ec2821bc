package policy_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

func TestUnlock(t *testing.T) {
	for _, tt := range []struct {
		name, unlock string
		want, left   []string
	}{
		{"an address", "10.0.0.1/32", []string{"10.0.0.1/32"}, []string{"10.0.0.2/32", "10.0.1.1/32", "2001:db8::/64", "2001:db8:0:1::/64", "2001:db8:1::/48"}},
		{"an IPv4-mapped address", "::ffff:10.0.0.1/128", []string{"10.0.0.1/32"}, []string{"10.0.0.2/32", "10.0.1.1/32", "2001:db8::/64", "2001:db8:0:1::/64", "2001:db8:1::/48"}},
		{"an address that is not locked out", "10.0.0.3/32", nil, []string{"10.0.0.1/32", "10.0.0.2/32", "10.0.1.1/32", "2001:db8::/64", "2001:db8:0:1::/64", "2001:db8:1::/48"}},
		{"one of a source", "2001:db8::77/128", []string{"2001:db8::/64"}, []string{"10.0.0.1/32", "10.0.0.2/32", "10.0.1.1/32", "2001:db8:0:1::/64", "2001:db8:1::/48"}},
		{"a source", "2001:db8::/64", []string{"2001:db8::/64"}, []string{"10.0.0.1/32", "10.0.0.2/32", "10.0.1.1/32", "2001:db8:0:1::/64", "2001:db8:1::/48"}},
		{"a part of a source", "2001:db8:1:2::/64", []string{"2001:db8:1::/48"}, []string{"10.0.0.1/32", "10.0.0.2/32", "10.0.1.1/32", "2001:db8::/64", "2001:db8:0:1::/64"}},
		{"a network of sources", "10.0.0.0/24", []string{"10.0.0.1/32", "10.0.0.2/32"}, []string{"10.0.1.1/32", "2001:db8::/64", "2001:db8:0:1::/64", "2001:db8:1::/48"}},
		{"an IPv4-mapped network", "::ffff:10.0.0.0/120", []string{"10.0.0.1/32", "10.0.0.2/32"}, []string{"10.0.1.1/32", "2001:db8::/64", "2001:db8:0:1::/64", "2001:db8:1::/48"}},
		{"all of IPv4", "0.0.0.0/0", []string{"10.0.0.1/32", "10.0.0.2/32", "10.0.1.1/32"}, []string{"2001:db8::/64", "2001:db8:0:1::/64", "2001:db8:1::/48"}},
		{"all of IPv6", "::/0", []string{"2001:db8::/64", "2001:db8:0:1::/64", "2001:db8:1::/48"}, []string{"10.0.0.1/32", "10.0.0.2/32", "10.0.1.1/32"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rules := lockoutRules()
			rules.Failures, rules.IPv6Prefix = 1, 48
			s := newLockoutScript(t, rules)
			s.fail("2001:db8:1::1", true)
			rules.IPv6Prefix = 64
			s.locks.Configure(rules)
			for _, source := range []string{"10.0.0.1", "10.0.0.2", "10.0.1.1", "2001:db8::1", "2001:db8:0:1::1"} {
				s.fail(source, true)
			}
			changes := s.locks.Changes()
			got := s.locks.Unlock(s.now, netip.MustParsePrefix(tt.unlock))
			if diff := cmp.Diff(tt.want, texts(got)); diff != "" {
				t.Errorf("unlocked (-want +got):\n%s", diff)
			}
			if moved := s.locks.Changes() - changes; moved != uint64(len(tt.want)) {
				t.Errorf("Changes moved by %d, want %d", moved, len(tt.want))
			}
			var left []netip.Prefix
			for _, lock := range s.locks.List(s.now) {
				left = append(left, lock.Source)
			}
			if diff := cmp.Diff(tt.left, texts(left)); diff != "" {
				t.Errorf("still locked out (-want +got):\n%s", diff)
			}
		})
	}
}

func texts(prefixes []netip.Prefix) []string {
	var list []string
	for _, p := range prefixes {
		list = append(list, p.String())
	}
	return list
}

func TestUnlockOfANetworkForgetsFailures(t *testing.T) {
	s := newLockoutScript(t, lockoutRules())
	for _, source := range []string{"10.0.0.1", "10.0.0.2", "10.0.1.1"} {
		s.fail(source, false)
		s.fail(source, false)
	}
	s.locks.Unlock(s.now, netip.MustParsePrefix("10.0.0.0/24"))
	if got := s.locks.Stats().Failures; got != 2 {
		t.Errorf("%d failures are remembered, want those of the source outside, 2", got)
	}
	s.fail("10.0.0.1", false)
	s.fail("10.0.1.1", true)
}

func TestUnlockOfANetworkLeavesEndedLocksOut(t *testing.T) {
	s := newLockoutScript(t, policy.LockoutRules{Failures: 1, Window: time.Minute, Duration: time.Minute})
	s.fail("10.0.0.1", true)
	s.wait(30 * time.Second)
	s.fail("10.0.0.2", true)
	s.wait(30 * time.Second)
	got := s.locks.Unlock(s.now, netip.MustParsePrefix("10.0.0.0/8"))
	if diff := cmp.Diff([]string{"10.0.0.2/32"}, texts(got)); diff != "" {
		t.Errorf("unlocked (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(policy.LockoutStats{}, s.locks.Stats()); diff != "" {
		t.Errorf("Stats afterwards (-want +got):\n%s", diff)
	}
}
