package policy_test

import (
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/policy"
)

// slowDefaults keep a bucket from filling within any test: every source that came once has to be remembered.
var slowDefaults = policy.Defaults{
	Limits:     policy.Limits{Rate: policy.Rate{Events: 2, Per: time.Hour}, Burst: 2, MaxConnections: 2},
	Handshakes: policy.Rate{Events: 1, Per: time.Hour},
}

// liveHeap returns the bytes that are in use.
func liveHeap() int {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

func TestLimiterOffenderStaysLimitedWhileOthersFlood(t *testing.T) {
	const size, sources = 1 << 12, floodSources
	limiter := policy.NewLimiter(size)
	offender, holder := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	limits := slowDefaults
	for range 2 {
		lease, reason := limiter.Admit(limitStart, offender, &limits)
		if reason != "" {
			t.Fatalf("the offender is refused too early: %s", reason)
		}
		lease.Release()
		if _, reason := limiter.Admit(limitStart, holder, &limits); reason != "" {
			t.Fatalf("the holder is refused too early: %s", reason)
		}
	}
	admitted := 0
	for i := range sources {
		now := limitStart.Add(time.Duration(i) * time.Microsecond)
		lease, reason := limiter.Admit(now, limitAddr(i), &limits)
		switch reason {
		case "":
			admitted++
		case policy.SourceRate, policy.SourceConnections:
		default:
			t.Fatalf("a newcomer is refused for %q", reason)
		}
		lease.Release()
		if i%1000 != 0 {
			continue
		}
		if _, reason := limiter.Admit(now, offender, &limits); reason != policy.SourceRate {
			t.Fatalf("after %d other sources the offender's answer is %q", i, reason)
		}
		if _, reason := limiter.Admit(now, holder, &limits); reason != policy.SourceConnections {
			t.Fatalf("after %d other sources the holder's answer is %q", i, reason)
		}
	}
	stats := limiter.Stats()
	if stats.Sources > size+1 { // and the one that newcomers share, which counts elsewhere
		t.Errorf("%d sources are tracked, more than %d", stats.Sources, size)
	}
	// Newcomers with a state of their own, and the burst of the one that the others share.
	if most := size + 2; admitted > most || admitted < size/2 {
		t.Errorf("%d newcomers were let in, want at most %d and most of those that there is room for", admitted, most)
	}
	if stats.Overflowed == 0 {
		t.Error("the table was never full, so this test looks at the wrong thing")
	}
}

func TestNewcomersShareTheLimits(t *testing.T) {
	limiter := policy.NewLimiter(1)
	limits := policy.Defaults{Limits: policy.Limits{MaxConnections: 2}, Handshakes: limitPerSecond(1)}
	var leases []*policy.Lease
	admit := func(n int, want policy.Reason) {
		t.Helper()
		lease, reason := limiter.Admit(limitStart, limitAddr(n), &limits)
		if reason != want {
			t.Errorf("source %d: %q, want %q", n, reason, want)
		}
		leases = append(leases, lease)
	}
	admit(0, "")
	admit(1, "") // from here on without room
	admit(2, "")
	admit(3, policy.SourceConnections)
	if reason := leases[1].Handshake(limitStart); reason != "" {
		t.Errorf("the first handshake is refused: %s", reason)
	}
	if reason := leases[2].Handshake(limitStart); reason != policy.SourceHandshakes {
		t.Errorf("the second handshake of those that share: %q", reason)
	}
	leases[2].Release()
	admit(3, "")

	leases[0].Release()
	admit(4, "") // has the room now
	admit(4, "")
	admit(4, policy.SourceConnections)

	one := &policy.Limits{MaxConnections: 1}
	charge := func(lease int, rule string, source int, want policy.Reason) {
		t.Helper()
		match := policy.Match{Rule: rule, Source: netip.PrefixFrom(limitAddr(source), 32)}
		if reason := leases[lease].Charge(limitStart, match, one); reason != want {
			t.Errorf("source %d at rule %s: %q, want %q", source, rule, reason, want)
		}
	}
	charge(1, "r", 1, "")
	charge(4, "r", 2, "") // without room
	charge(5, "r", 3, policy.RuleConnections)
	charge(5, "q", 3, "") // shares with those of its rule only
	if reason := leases[6].Charge(limitStart, policy.Match{Rule: "r", Client: "c"}, one); reason != "" {
		t.Errorf("a named client is crowded out: %s", reason)
	}
	if got := limiter.Stats(); got.Overflowed != 7 {
		t.Errorf("%d were counted with others, want 7", got.Overflowed)
	}
}

func TestLimiterForgetsWhatCannotBeTold(t *testing.T) {
	const sources, size = floodSources, 1 << 14
	limiter := policy.NewLimiter(size)
	limits := policy.Defaults{Limits: policy.Limits{Rate: limitPerSecond(100), Burst: 200, MaxConnections: 1000}, Handshakes: limitPerSecond(50)}
	most := 0
	for i := range sources {
		now := limitStart.Add(time.Duration(i) * 10 * time.Microsecond)
		lease, reason := limiter.Admit(now, limitAddr(i), &limits)
		if reason != "" {
			t.Fatalf("source %d is refused: %s", i, reason)
		}
		lease.Handshake(now)
		lease.Release()
		if i%10_000 == 0 {
			most = max(most, limiter.Stats().Sources)
		}
	}
	if stats := limiter.Stats(); stats.Overflowed != 0 || most > size/2 {
		t.Errorf("%d overflowed and %d tracked at once: sources are not forgotten as they come", stats.Overflowed, most)
	}
	limiter.Sweep(limitStart.Add(time.Hour))
	if n := limiter.Stats().Sources; n != 0 {
		t.Errorf("%d sources are left", n)
	}
}

func TestLimiterMemory(t *testing.T) {
	const sources = floodSources
	before := liveHeap()
	limiter := policy.NewLimiter(0)
	limits := slowDefaults
	for i := range sources {
		lease, _ := limiter.Admit(limitStart, limitAddr(i), &limits)
		lease.Release()
	}
	arrived := liveHeap()
	for i := range sources {
		lease, _ := limiter.Admit(limitStart, limitAddr(i), &limits)
		lease.Handshake(limitStart)
		lease.Release()
	}
	shaken := liveHeap()
	tracked := limiter.Stats().Sources
	if tracked > 1<<20 || tracked < sources*99/100 {
		t.Errorf("%d sources are tracked of %d", tracked, sources)
	}
	limiter.Sweep(limitStart.Add(1000 * time.Hour))
	after := liveHeap()
	t.Logf("%d sources tracked: %d bytes each with connections, %d with handshakes too; %d bytes in all once they are gone",
		tracked, (arrived-before)/tracked, (shaken-before)/tracked, after-before)
	if after-before > (shaken-before)/4 {
		t.Errorf("%d of %d bytes stay when all sources are gone", after-before, shaken-before)
	}
	runtime.KeepAlive(limiter)
}

// TestLimiterConcurrently is for the race detector, and holds a limit while many try to pass it.
func TestLimiterConcurrently(t *testing.T) {
	const most = 3
	limiter := policy.NewLimiter(64)
	limits := policy.Defaults{Limits: policy.Limits{MaxConnections: most}, Handshakes: limitPerSecond(1000)}
	var held [8]atomic.Int32
	var rule atomic.Int32
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 3000 {
				now := limitStart.Add(time.Duration(i) * time.Millisecond)
				n := (worker + i) % len(held)
				lease, reason := limiter.Admit(now, limitAddr(n), &limits)
				if reason != "" {
					continue
				}
				if held[n].Add(1) > most {
					t.Errorf("source %d has more than %d connections", n, most)
				}
				if lease.Charge(now, policy.Match{Rule: "r", Client: "c"}, &policy.Limits{MaxConnections: most}) == "" {
					if rule.Add(1) > most {
						t.Errorf("the rule has more than %d connections", most)
					}
					rule.Add(-1)
				}
				lease.Handshake(now)
				lease.HandshakeFailed(now)
				held[n].Add(-1)
				var both sync.WaitGroup
				both.Go(lease.Release)
				both.Go(lease.Release)
				both.Wait()
				if i%500 == 0 {
					limiter.Sweep(now)
					limiter.Stats()
				}
			}
		})
	}
	group.Wait()
	limiter.Sweep(limitStart.Add(time.Hour))
	if got := limiter.Stats(); got.Sources+got.Matches != 0 {
		t.Errorf("%d sources and %d matches are left after all was released", got.Sources, got.Matches)
	}
}
