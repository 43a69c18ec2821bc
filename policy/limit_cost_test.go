package policy_test

import (
	"net/netip"
	"testing"
	"time"

	"sallyport/policy"
)

func TestLimiterAllocatesNothingButTheLease(t *testing.T) {
	limiter := policy.NewLimiter(0)
	limits := policy.Defaults{
		Limits:     policy.Limits{Rate: limitPerSecond(1), Burst: 1 << 20, MaxConnections: 10},
		Handshakes: limitPerSecond(1_000_000),
	}
	match := policy.Match{Rule: "r", Source: netip.MustParsePrefix("10.0.0.1/32")}
	named := policy.Match{Rule: "r", Client: "c"}
	source := netip.MustParseAddr("10.0.0.1")
	held, _ := limiter.Admit(limitStart, source, &limits)
	for _, tt := range []struct {
		name string
		want float64
		call func()
	}{
		{"Admit and Release", 1, func() {
			lease, _ := limiter.Admit(limitStart, source, &limits)
			lease.Release()
		}},
		{"a refusal", 0, func() {
			limiter.Admit(limitStart, source, &policy.Defaults{Limits: policy.Limits{MaxConnections: 1}})
		}},
		{"Charge", 0, func() {
			held.Charge(limitStart, match, &limits.Limits)
			held.Charge(limitStart, named, &limits.Limits)
		}},
		{"Handshake", 0, func() {
			held.Handshake(limitStart)
			held.HandshakeFailed(limitStart)
		}},
	} {
		if got := testing.AllocsPerRun(100, tt.call); got != tt.want {
			t.Errorf("%s allocates %v times, want %v", tt.name, got, tt.want)
		}
	}
}

func BenchmarkLimiter(b *testing.B) {
	limits := policy.Defaults{
		Limits:     policy.Limits{Rate: limitPerSecond(1_000_000), MaxConnections: 1000},
		Handshakes: limitPerSecond(1_000_000),
	}
	match := policy.Match{Rule: "r", Client: "c"}
	session := func(l *policy.Limiter, now time.Time, source netip.Addr) {
		lease, _ := l.Admit(now, source, &limits)
		lease.Release()
	}
	b.Run("AdmitRelease/known", func(b *testing.B) {
		l, now := policy.NewLimiter(0), limitStart
		b.ReportAllocs()
		for b.Loop() {
			now = now.Add(time.Microsecond)
			session(l, now, limitAddr(1))
		}
	})
	b.Run("AdmitRelease/parallel", func(b *testing.B) {
		l := policy.NewLimiter(0)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			now := limitStart
			for i := 0; pb.Next(); i++ {
				now = now.Add(time.Microsecond)
				session(l, now, limitAddr(i%1000))
			}
		})
	})
	b.Run("AdmitRelease/new", func(b *testing.B) {
		l, now := policy.NewLimiter(0), limitStart
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			now = now.Add(time.Microsecond)
			session(l, now, limitAddr(i))
		}
	})
	b.Run("AdmitRelease/full", func(b *testing.B) {
		l, slow := policy.NewLimiter(1<<12), slowDefaults
		for i := range 1 << 14 {
			l.Admit(limitStart, limitAddr(i), &slow)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			session(l, limitStart, limitAddr(i))
		}
	})
	b.Run("ChargeHandshakeRelease", func(b *testing.B) {
		l, now := policy.NewLimiter(0), limitStart
		b.ReportAllocs()
		for b.Loop() {
			now = now.Add(time.Microsecond)
			lease, _ := l.Admit(now, limitAddr(1), &limits)
			lease.Handshake(now)
			lease.Charge(now, match, &limits.Limits)
			lease.Release()
		}
	})
}
