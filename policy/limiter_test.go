package policy_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// limitStart is when the clocks of these tests begin.
var limitStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func limitPerSecond(n int) policy.Rate { return policy.Rate{Events: n, Per: time.Second} }

// limitAddr returns the n-th of many IPv4 addresses.
func limitAddr(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(11 + n>>24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// limitScript is a Limiter that a test drives by a clock of its own. Leases are named.
type limitScript struct {
	t       *testing.T
	limiter *policy.Limiter
	now     time.Time
	limits  policy.Defaults
	leases  map[string]*policy.Lease
}

func newLimitScript(t *testing.T, limits policy.Defaults) *limitScript {
	return &limitScript{
		t: t, limiter: policy.NewLimiter(0), now: limitStart, limits: limits, leases: make(map[string]*policy.Lease),
	}
}

func (s *limitScript) wait(d time.Duration) { s.now = s.now.Add(d) }

func (s *limitScript) admit(lease, source string, want policy.Reason) {
	s.t.Helper()
	addr, _ := netip.ParseAddr(source)
	got, reason := s.limiter.Admit(s.now, addr, &s.limits)
	if reason != want || (got == nil) != (want != "") {
		s.t.Errorf("admit %s from %q at %v: lease %t, reason %q, want %q", lease, source, s.now.Sub(limitStart), got != nil, reason, want)
	}
	s.leases[lease] = got
}

func (s *limitScript) charge(lease string, match policy.Match, limits policy.Limits, want policy.Reason) {
	s.t.Helper()
	if reason := s.leases[lease].Charge(s.now, match, &limits); reason != want {
		s.t.Errorf("charge %s for %v at %v = %q, want %q", lease, match, s.now.Sub(limitStart), reason, want)
	}
}

func (s *limitScript) handshake(lease string, want policy.Reason) {
	s.t.Helper()
	if reason := s.leases[lease].Handshake(s.now); reason != want {
		s.t.Errorf("handshake of %s at %v = %q, want %q", lease, s.now.Sub(limitStart), reason, want)
	}
}

func (s *limitScript) fail(lease string)    { s.leases[lease].HandshakeFailed(s.now) }
func (s *limitScript) release(lease string) { s.leases[lease].Release() }

func TestLimiterAdmit(t *testing.T) {
	rate := policy.Defaults{Limits: policy.Limits{Rate: limitPerSecond(2), Burst: 3}}
	atOnce := policy.Defaults{Limits: policy.Limits{MaxConnections: 2}}
	for _, tt := range []struct {
		name   string
		limits policy.Defaults
		script func(*limitScript)
	}{
		{"nothing is limited", policy.Defaults{}, func(s *limitScript) {
			for range 1000 {
				s.admit("a", "10.0.0.1", "")
			}
		}},
		{"the burst, and then the rate", rate, func(s *limitScript) {
			for range 3 {
				s.admit("a", "10.0.0.1", "")
			}
			s.admit("b", "10.0.0.1", policy.SourceRate)
			s.wait(499 * time.Millisecond)
			s.admit("b", "10.0.0.1", policy.SourceRate)
			s.wait(time.Millisecond)
			s.admit("b", "10.0.0.1", "")
			s.admit("b", "10.0.0.1", policy.SourceRate)
		}},
		{"sources do not share", rate, func(s *limitScript) {
			for range 3 {
				s.admit("a", "10.0.0.1", "")
				s.admit("b", "10.0.0.2", "")
			}
			s.admit("b", "10.0.0.2", policy.SourceRate)
			s.admit("c", "10.0.0.3", "")
		}},
		{"a mapped address is its IPv4 address", rate, func(s *limitScript) {
			for range 3 {
				s.admit("a", "::ffff:10.0.0.1", "")
			}
			s.admit("a", "10.0.0.1", policy.SourceRate)
		}},
		{"an IPv6 source is its /64, with or without a zone", rate, func(s *limitScript) {
			s.admit("a", "2001:db8::1", "")
			s.admit("a", "2001:db8::2%eth0", "")
			s.admit("a", "2001:db8:0:0:ffff::3", "")
			s.admit("a", "2001:db8::4", policy.SourceRate)
			s.admit("b", "2001:db8:0:1::1", "")
		}},
		{"or what is said", policy.Defaults{Limits: rate.Limits, IPv6Prefix: 48}, func(s *limitScript) {
			s.admit("a", "2001:db8:0:1::1", "")
			s.admit("a", "2001:db8:0:2::1", "")
			s.admit("a", "2001:db8:0:3::1", "")
			s.admit("a", "2001:db8:0:4::1", policy.SourceRate)
		}},
		{"at once", atOnce, func(s *limitScript) {
			s.admit("a", "10.0.0.1", "")
			s.admit("b", "10.0.0.1", "")
			s.admit("c", "10.0.0.1", policy.SourceConnections)
			s.release("a")
			s.release("a") // counts once
			s.admit("a", "10.0.0.1", "")
			s.admit("c", "10.0.0.1", policy.SourceConnections)
		}},
		{"no address, no source", policy.Defaults{Limits: policy.Limits{MaxConnections: 1}}, func(s *limitScript) {
			s.admit("a", "", "")
			s.admit("b", "", "")
		}},
		{"no burst is one second's worth", policy.Defaults{Limits: policy.Limits{Rate: limitPerSecond(4)}}, func(s *limitScript) {
			for range 4 {
				s.admit("a", "10.0.0.1", "")
			}
			s.admit("a", "10.0.0.1", policy.SourceRate)
		}},
		{"and at least one", policy.Defaults{Limits: policy.Limits{Rate: policy.Rate{Events: 6, Per: time.Hour}}}, func(s *limitScript) {
			s.admit("a", "10.0.0.1", "")
			s.wait(9 * time.Minute)
			s.admit("a", "10.0.0.1", policy.SourceRate)
			s.wait(time.Minute + time.Microsecond)
			s.admit("a", "10.0.0.1", "")
		}},
		{"a clock that goes back fills nothing", rate, func(s *limitScript) {
			for range 3 {
				s.admit("a", "10.0.0.1", "")
			}
			for range 10 {
				s.wait(-time.Hour)
				s.admit("a", "10.0.0.1", policy.SourceRate)
				s.wait(time.Hour)
				s.admit("a", "10.0.0.1", policy.SourceRate)
			}
			for _, back := range []time.Duration{-time.Hour, time.Hour, -time.Hour} {
				s.admit("a", "10.0.0.2", "")
				s.wait(back)
			}
			s.admit("a", "10.0.0.2", policy.SourceRate)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.script(newLimitScript(t, tt.limits)) })
	}
}

func TestLimiterHandshakes(t *testing.T) {
	limits := policy.Defaults{Handshakes: limitPerSecond(4)}
	for _, tt := range []struct {
		name   string
		script func(*limitScript)
	}{
		{"good ones count once", func(s *limitScript) {
			for range 4 {
				s.handshake("a", "")
			}
			s.handshake("a", policy.SourceHandshakes)
		}},
		{"failed ones twice", func(s *limitScript) {
			s.handshake("a", "")
			s.fail("a")
			s.handshake("a", "")
			s.fail("a")
			s.fail("a") // of the same handshake
			s.handshake("a", policy.SourceHandshakes)
			s.fail("a") // of none
			s.wait(250 * time.Millisecond)
			s.handshake("a", "")
		}},
		{"even when there is nothing left to take", func(s *limitScript) {
			for _, lease := range []string{"a", "b", "c", "d"} {
				s.admit(lease, "10.0.0.1", "")
				s.handshake(lease, "")
			}
			for _, lease := range []string{"a", "b", "c", "d"} {
				s.fail(lease)
			}
			s.wait(time.Second)
			s.handshake("a", policy.SourceHandshakes)
			s.wait(250 * time.Millisecond)
			s.handshake("a", "")
		}},
		{"all connections of the source together", func(s *limitScript) {
			s.admit("b", "10.0.0.1", "")
			s.admit("c", "10.0.0.2", "")
			for range 2 {
				s.handshake("a", "")
				s.handshake("b", "")
			}
			s.handshake("b", policy.SourceHandshakes)
			s.handshake("c", "")
		}},
		{"not after the end", func(s *limitScript) {
			s.handshake("a", "")
			s.release("a")
			s.fail("a")
			s.admit("b", "10.0.0.1", "")
			for range 3 {
				s.handshake("b", "")
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newLimitScript(t, limits)
			s.admit("a", "10.0.0.1", "")
			tt.script(s)
		})
	}
}

func TestLeaseCharge(t *testing.T) {
	named := policy.Match{Rule: "r", Client: "c"}
	at := func(prefix string) policy.Match {
		return policy.Match{Rule: "any", Source: netip.MustParsePrefix(prefix)}
	}
	one := policy.Limits{MaxConnections: 1}
	slow := policy.Limits{Rate: limitPerSecond(1), Burst: 1}
	for _, tt := range []struct {
		name   string
		script func(*limitScript)
	}{
		{"a named client is one, wherever it comes from", func(s *limitScript) {
			s.charge("a", named, one, "")
			s.charge("b", named, one, policy.RuleConnections)
			s.release("a")
			s.charge("b", named, one, "")
		}},
		{"even where a source is named too", func(s *limitScript) {
			both := named
			both.Source = netip.MustParsePrefix("10.0.0.1/32")
			s.charge("a", both, one, "")
			s.charge("b", named, one, policy.RuleConnections)
		}},
		{"others are one by one", func(s *limitScript) {
			s.charge("a", at("10.0.0.1/32"), slow, "")
			s.charge("b", at("10.0.0.2/32"), slow, "")
			s.charge("c", at("10.0.0.1/32"), slow, policy.RuleRate)
			s.wait(time.Second)
			s.charge("c", at("10.0.0.1/32"), slow, "")
		}},
		{"rules are apart", func(s *limitScript) {
			s.charge("a", named, one, "")
			s.charge("b", policy.Match{Rule: "other", Client: "c"}, one, "")
			s.charge("c", policy.Match{Rule: "c", Client: "r"}, one, "")
		}},
		{"clients without address or name are one", func(s *limitScript) {
			s.charge("a", policy.Match{Rule: "r"}, one, "")
			s.charge("b", policy.Match{Rule: "r"}, one, policy.RuleConnections)
		}},
		{"again is nothing", func(s *limitScript) {
			s.charge("a", named, one, "")
			s.charge("a", named, one, "")
			s.release("a")
			s.charge("b", named, one, "")
		}},
		{"another rule, when there is room", func(s *limitScript) {
			other := policy.Match{Rule: "other", Client: "c"}
			s.charge("a", named, one, "")
			s.charge("b", other, one, "")
			s.charge("a", other, one, policy.RuleConnections)
			s.charge("c", named, one, policy.RuleConnections) // a is still there
			s.release("b")
			s.charge("a", other, one, "")
			s.charge("c", named, one, "")
		}},
		{"a rule without limits leaves the other", func(s *limitScript) {
			s.charge("a", named, one, "")
			s.charge("a", policy.Match{Rule: "free", Client: "c"}, policy.Limits{}, "")
			s.charge("b", named, one, "")
		}},
		{"nothing is held after the end", func(s *limitScript) {
			s.release("a")
			s.charge("a", named, one, "")
			s.charge("b", named, one, "")
		}},
		{"a source without limits of its own", func(s *limitScript) {
			s.limits = policy.Defaults{}
			s.admit("a", "", "")
			s.charge("a", named, one, "")
			s.charge("b", named, one, policy.RuleConnections)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newLimitScript(t, policy.Defaults{Limits: policy.Limits{MaxConnections: 10}})
			for i, lease := range []string{"a", "b", "c"} {
				s.admit(lease, fmt.Sprintf("10.0.0.%d", i), "")
			}
			tt.script(s)
		})
	}
}

func TestZeroLeaseIsHarmless(t *testing.T) {
	for name, lease := range map[string]*policy.Lease{"nil": nil, "zero": new(policy.Lease)} {
		one := &policy.Limits{MaxConnections: 1}
		if r := lease.Charge(limitStart, policy.Match{Rule: "r"}, one); r != "" {
			t.Errorf("%s lease: Charge = %q", name, r)
		}
		if r := lease.Handshake(limitStart); r != "" {
			t.Errorf("%s lease: Handshake = %q", name, r)
		}
		lease.HandshakeFailed(limitStart)
		lease.Release()
		lease.Release()
	}
}

func TestLimiterKeepsItsStateOverReloads(t *testing.T) {
	limits := func(rate, burst int) policy.Defaults {
		return policy.Defaults{Limits: policy.Limits{Rate: limitPerSecond(rate), Burst: burst}}
	}
	s := newLimitScript(t, limits(1, 2))
	s.admit("a", "10.0.0.1", "")
	s.admit("a", "10.0.0.1", "")
	s.limits = limits(1, 2) // the same again
	s.admit("a", "10.0.0.1", policy.SourceRate)
	s.limits = limits(4, 100) // is not filled, but fills faster
	s.admit("a", "10.0.0.1", policy.SourceRate)
	s.admit("b", "10.0.0.2", "")
	s.wait(500 * time.Millisecond)
	s.admit("a", "10.0.0.1", "")
	s.admit("a", "10.0.0.1", "")
	s.admit("a", "10.0.0.1", policy.SourceRate)
	s.wait(10 * time.Second)
	s.limits = limits(4, 1) // is cut
	s.admit("a", "10.0.0.1", "")
	s.admit("a", "10.0.0.1", policy.SourceRate)

	s.limits = policy.Defaults{} // no limit for a while resets none
	s.admit("a", "10.0.0.1", "")
	s.limits = limits(4, 1)
	s.admit("a", "10.0.0.1", policy.SourceRate)
}

func TestLimiterStats(t *testing.T) {
	s := newLimitScript(t, policy.Defaults{
		Limits: policy.Limits{Rate: limitPerSecond(1), Burst: 2, MaxConnections: 2}, Handshakes: limitPerSecond(1),
	})
	one, slow := policy.Limits{MaxConnections: 1}, policy.Limits{Rate: limitPerSecond(1)}
	s.admit("a", "10.0.0.1", "")
	s.admit("b", "10.0.0.1", "")
	s.admit("x", "10.0.0.1", policy.SourceConnections)
	s.release("b")
	s.admit("x", "10.0.0.1", policy.SourceRate)
	s.admit("c", "10.0.0.2", "")
	s.handshake("a", "")
	s.handshake("a", policy.SourceHandshakes)
	s.charge("a", policy.Match{Rule: "r", Client: "n"}, one, "")
	s.charge("c", policy.Match{Rule: "r", Client: "n"}, one, policy.RuleConnections)
	s.charge("c", policy.Match{Rule: "q", Source: netip.MustParsePrefix("10.0.0.2/32")}, slow, "")
	s.admit("d", "10.0.0.2", "")
	s.charge("d", policy.Match{Rule: "q", Source: netip.MustParsePrefix("10.0.0.2/32")}, slow, policy.RuleRate)
	want := policy.LimiterStats{Sources: 2, Matches: 2, Refused: map[policy.Reason]uint64{
		policy.SourceRate: 1, policy.SourceConnections: 1, policy.SourceHandshakes: 1,
		policy.RuleRate: 1, policy.RuleConnections: 1,
	}}
	if diff := cmp.Diff(want, s.limiter.Stats()); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}

	for _, lease := range s.leases {
		lease.Release()
	}
	s.limiter.Sweep(s.now)
	if got := s.limiter.Stats(); got.Sources != 2 || got.Matches != 1 {
		t.Errorf("%d sources and %d matches after all was released, want 2 and 1 whose buckets are not full", got.Sources, got.Matches)
	}
	s.wait(2 * time.Second)
	s.limiter.Sweep(s.now)
	if got := s.limiter.Stats(); got.Sources != 0 || got.Matches != 0 {
		t.Errorf("%d sources and %d matches are left, want none", got.Sources, got.Matches)
	}
}
