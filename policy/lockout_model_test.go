package policy_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// modelLockouts remembers everything, and looks at all of it every time.
type modelLockouts struct {
	rules    policy.LockoutRules
	locks    []policy.Locked
	failures map[netip.Prefix][]time.Time
}

// source says what a source is in its own words.
func (m *modelLockouts) source(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr = addr.Unmap(); addr.Is6() {
		if bits = m.rules.IPv6Prefix; bits == 0 {
			bits = 64
		}
	}
	p, _ := addr.Prefix(bits)
	return p
}

// covering returns the locks in force that an address is under, the longest first.
func (m *modelLockouts) covering(now time.Time, addr netip.Addr) []*policy.Locked {
	var found []*policy.Locked
	for i := range m.locks {
		if l := &m.locks[i]; (l.Forever || l.Until.After(now)) && l.Source.Contains(addr.Unmap()) {
			found = append(found, l)
		}
	}
	slices.SortFunc(found, func(a, b *policy.Locked) int {
		switch {
		case a.Forever != b.Forever && a.Forever:
			return -1
		case a.Forever != b.Forever:
			return 1
		}
		return b.Until.Compare(a.Until)
	})
	return found
}

func (m *modelLockouts) failed(now time.Time, addr netip.Addr, reason policy.Reason) bool {
	if m.rules.Failures == 0 || len(m.covering(now, addr)) > 0 {
		return false
	}
	source := m.source(addr)
	m.failures[source] = append(m.failures[source], now)
	count := 0
	for _, at := range m.failures[source] {
		if now.Sub(at) < m.rules.Window {
			count++
		}
	}
	if count < m.rules.Failures {
		return false
	}
	delete(m.failures, source)
	l := policy.Locked{Source: source, Since: now, Forever: m.rules.Forever, Failures: count, Reason: reason}
	if !l.Forever {
		l.Until = now.Add(m.rules.Duration)
	}
	m.locks = append(m.locks, l)
	return true
}

func (m *modelLockouts) unlock(now time.Time, prefix netip.Prefix) []netip.Prefix {
	var sources []netip.Prefix
	m.locks = slices.DeleteFunc(m.locks, func(l policy.Locked) bool {
		gone := l.Source.Overlaps(prefix)
		if gone && (l.Forever || l.Until.After(now)) {
			sources = append(sources, l.Source)
		}
		return gone
	})
	for source := range m.failures {
		// Of an address, only the failures of the source that it is now are forgotten.
		if source.Overlaps(prefix) && (!prefix.IsSingleIP() || source == m.source(prefix.Addr())) {
			delete(m.failures, source)
		}
	}
	slices.SortFunc(sources, netip.Prefix.Compare)
	return sources
}

func (m *modelLockouts) list(now time.Time) []policy.Locked {
	list := []policy.Locked{}
	for _, l := range m.locks {
		if l.Forever || l.Until.After(now) {
			l.Failures = 0 // see strip
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b policy.Locked) int { return a.Source.Compare(b.Source) })
	return list
}

// strip takes out what the model does not count: failures under a lock.
func strip(list []policy.Locked) []policy.Locked {
	for i := range list {
		list[i].Failures = 0
	}
	return list
}

func randomLockoutRules(r *rand.Rand) policy.LockoutRules {
	return policy.LockoutRules{
		Failures:   r.IntN(5),
		Window:     time.Duration(1+r.IntN(100)) * time.Second,
		Duration:   time.Duration(1+r.IntN(100)) * time.Second,
		Forever:    r.IntN(6) == 0,
		IPv6Prefix: []int{0, 48, 64, 128}[r.IntN(4)],
	}
}

func randomLockoutSource(r *rand.Rand) netip.Addr {
	if r.IntN(2) == 0 {
		return limitAddr(r.IntN(10))
	}
	return netip.AddrFrom16([16]byte{0x20, 0x01, 5: byte(r.IntN(2)), 7: byte(r.IntN(2)), 15: byte(r.IntN(2))})
}

func TestLockoutsAgreeWithTheModel(t *testing.T) {
	locked, reloads := 0, 0
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 5))
		rules := randomLockoutRules(r)
		now := limitStart
		locks := policy.NewLockouts(now, 1000, rules)
		model := modelLockouts{rules: rules, failures: make(map[netip.Prefix][]time.Time)}
		for i := range 2000 {
			now = now.Add(time.Duration(r.IntN(4000)) * time.Millisecond)
			addr := randomLockoutSource(r)
			switch n := r.IntN(100); {
			case n < 60:
				got, want := locks.Failed(now, addr, policy.NotTLS), model.failed(now, addr, policy.NotTLS)
				if got != want {
					t.Fatalf("seed %d, step %d: failure of %s locks it: %t, want %t", seed, i, addr, got, want)
				}
				if got {
					locked++
				}
			case n < 90:
				got, is := locks.Locked(now, addr)
				covering := model.covering(now, addr)
				if want := len(covering) > 0; is != want {
					t.Fatalf("seed %d, step %d: %s is locked: %t, want %t", seed, i, addr, is, want)
				}
				if is && (got.Forever != covering[0].Forever || !got.Until.Equal(covering[0].Until)) {
					t.Fatalf("seed %d, step %d: %s is locked until %v, want %v", seed, i, addr, got.Until, covering[0].Until)
				}
			case n < 93:
				prefix, _ := addr.Prefix(addr.BitLen() - []int{0, 0, 1, 8, 64, 80}[r.IntN(6)]%addr.BitLen())
				if diff := cmp.Diff(model.unlock(now, prefix), locks.Unlock(now, prefix), comparePrefixes); diff != "" {
					t.Fatalf("seed %d, step %d: unlock %s (-want +got):\n%s", seed, i, prefix, diff)
				}
			case n < 95:
				// Not the window: when a longer one comes, what the shorter had done with may be forgotten or not.
				model.rules = randomLockoutRules(r)
				model.rules.Window = rules.Window
				locks.Configure(model.rules)
				reloads++
			case n < 97:
				locks.Sweep(now)
			default:
				if diff := cmp.Diff(model.list(now), strip(locks.List(now)), comparePrefixes); diff != "" {
					t.Fatalf("seed %d, step %d: list (-want +got):\n%s", seed, i, diff)
				}
			}
		}
		if stats := locks.Stats(); stats.Crowded+stats.Displaced != 0 {
			t.Fatalf("seed %d: there was no room, so this test compares the wrong things: %+v", seed, stats)
		}
	}
	if locked < 1000 || reloads < 100 {
		t.Errorf("%d locks and %d reloads: this test looks at the wrong things", locked, reloads)
	}
}
