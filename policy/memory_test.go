package policy_test

import (
	"runtime"
	"testing"
	"time"

	"sallyport/policy"
)

// BenchmarkMillionSources reports what is kept of each of a million sources, in bytes, and how many are told apart.
func BenchmarkMillionSources(b *testing.B) {
	const sources = 1_000_000
	bounds := policy.Defaults{Limits: policy.Limits{Rate: limitPerSecond(1), MaxConnections: 1000}}
	withHandshakes := bounds
	withHandshakes.Handshakes = limitPerSecond(1)
	limiter := func(bounds *policy.Defaults) func() (any, int) {
		return func() (any, int) {
			l := policy.NewLimiter(0)
			for i := range sources {
				lease, _ := l.Admit(limitStart, limitAddr(i), bounds)
				lease.Handshake(limitStart)
				lease.Release()
			}
			return l, l.Stats().Sources
		}
	}
	for _, bb := range []struct {
		name string
		fill func() (kept any, sources int)
	}{
		{"limits", limiter(&bounds)},
		{"limits-and-handshakes", limiter(&withHandshakes)},
		{"failures", func() (any, int) {
			l := policy.NewLockouts(limitStart, 0, lockoutRules())
			for i := range sources {
				l.Failed(limitStart, limitAddr(i), policy.NotTLS)
			}
			return l, l.Stats().Failures
		}},
		{"locks", func() (any, int) {
			rules := lockoutRules()
			rules.Failures = 1
			l := policy.NewLockouts(limitStart, 0, rules)
			for i := range sources {
				l.Failed(limitStart.Add(time.Duration(i)), limitAddr(i), policy.NotTLS)
			}
			return l, l.Stats().Locked
		}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var kept any
			var bytes, told float64
			for b.Loop() {
				kept = nil
				before := heapInUse()
				var n int
				kept, n = bb.fill()
				bytes, told = float64(heapInUse()-before), float64(n)
			}
			runtime.KeepAlive(kept)
			b.ReportMetric(bytes/told, "B/source")
			b.ReportMetric(told, "sources")
		})
	}
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
