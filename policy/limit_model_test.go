package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"sallyport/policy"
)

// modelToken is a token. All rates of these tests are per second or per 64 seconds and all times whole sixty-fourths of
// a second, so that neither the model nor floating point ever rounds.
const modelToken = 64 * 64

// modelBucket is a token bucket.
type modelBucket struct {
	made        bool
	rate, burst int // tokens in 64 seconds, tokens
	tokens      int // by modelToken
	at          int // 64ths of a second
}

// take takes a token, if there is one, or in any case.
func (b *modelBucket) take(at int, r policy.Rate, burst int, anyway bool) bool {
	if r.Events == 0 {
		return true
	}
	if burst == 0 && r.Per == time.Second {
		burst = r.Events
	}
	burst = max(burst, 1)
	b.tokens = min(b.tokens+(at-b.at)*b.rate, b.burst*modelToken)
	b.at = at
	if !b.made || b.tokens == b.burst*modelToken {
		b.made, b.tokens = true, burst*modelToken
	}
	b.rate, b.burst = r.Events*int(64*time.Second/r.Per), burst
	b.tokens = min(b.tokens, burst*modelToken)
	if b.tokens < modelToken && !anyway {
		return false
	}
	b.tokens -= modelToken
	return true
}

// modelLimiter remembers everything for ever.
type modelLimiter struct {
	at         int
	held       map[string]int
	arrivals   map[string]*modelBucket
	handshakes map[string]*modelBucket
}

func (m *modelLimiter) take(key string, l policy.Limits, many, fast policy.Reason) policy.Reason {
	if l.MaxConnections > 0 && m.held[key] >= l.MaxConnections {
		return many
	}
	if m.arrivals[key] == nil {
		m.arrivals[key] = new(modelBucket)
	}
	if !m.arrivals[key].take(m.at, l.Rate, l.Burst, false) {
		return fast
	}
	m.held[key]++
	return ""
}

// modelSession is a lease in both worlds.
type modelSession struct {
	lease       *policy.Lease
	source      string // empty: not counted
	match       string // likewise
	handshakes  policy.Rate
	handshaking bool
}

// modelRun plays random operations on a Limiter and the model, and stops at the first difference.
type modelRun struct {
	t        *testing.T
	random   *rand.Rand
	limiter  *policy.Limiter
	model    modelLimiter
	defaults policy.Defaults
	rules    []policy.Limits
	sessions []*modelSession
}

func (r *modelRun) now() time.Time {
	return limitStart.Add(time.Duration(r.model.at) * time.Second / 64)
}

func (r *modelRun) limits() policy.Limits {
	pick := func(n ...int) int { return n[r.random.IntN(len(n))] }
	per := time.Duration(pick(1, 64)) * time.Second
	return policy.Limits{MaxConnections: pick(0, 1, 2, 5), Rate: policy.Rate{Events: pick(0, 1, 2, 8), Per: per}, Burst: pick(0, 1, 3)}
}

func (r *modelRun) reload() {
	r.defaults = policy.Defaults{Limits: r.limits(), Handshakes: r.limits().Rate}
	for i := range r.rules {
		r.rules[i] = r.limits()
	}
}

func (r *modelRun) admit() (string, policy.Reason, policy.Reason) {
	addr := limitAddr(r.random.IntN(8))
	lease, got := r.limiter.Admit(r.now(), addr, &r.defaults)
	s := &modelSession{lease: lease, handshakes: r.defaults.Handshakes}
	want := policy.Reason("")
	if r.defaults.MaxConnections > 0 || r.defaults.Rate.Events > 0 || r.defaults.Handshakes.Events > 0 {
		s.source = addr.String()
		want = r.model.take(s.source, r.defaults.Limits, policy.SourceConnections, policy.SourceRate)
	}
	if got == "" && want == "" {
		r.sessions = append(r.sessions, s)
	}
	return "admit " + addr.String(), got, want
}

func (r *modelRun) charge(s *modelSession) (string, policy.Reason, policy.Reason) {
	i := r.random.IntN(len(r.rules))
	match := policy.Match{Rule: fmt.Sprint("rule", i)}
	switch n := r.random.IntN(4); n {
	case 0:
	case 1:
		match.Client = "client"
	default:
		match.Source = netip.PrefixFrom(limitAddr(n), 32)
	}
	key := fmt.Sprint(match)
	got, want := s.lease.Charge(r.now(), match, &r.rules[i]), policy.Reason("")
	limited := r.rules[i].MaxConnections > 0 || r.rules[i].Rate.Events > 0
	if s.match != key && limited {
		want = r.model.take(key, r.rules[i], policy.RuleConnections, policy.RuleRate)
	}
	if s.match != key && want == "" {
		r.model.held[s.match]--
		s.match = ""
		if limited {
			s.match = key
		}
	}
	return "charge " + key, got, want
}

func (r *modelRun) handshake(s *modelSession) (string, policy.Reason, policy.Reason) {
	got, want := s.lease.Handshake(r.now()), policy.Reason("")
	if s.source != "" && s.handshakes.Events > 0 {
		if r.model.handshakes[s.source] == nil {
			r.model.handshakes[s.source] = new(modelBucket)
		}
		if r.model.handshakes[s.source].take(r.model.at, s.handshakes, 0, false) {
			s.handshaking = true
		} else {
			want = policy.SourceHandshakes
		}
	}
	return "handshake of " + s.source, got, want
}

func (r *modelRun) fail(s *modelSession) {
	s.lease.HandshakeFailed(r.now())
	if s.handshaking {
		r.model.handshakes[s.source].take(r.model.at, s.handshakes, 0, true)
		s.handshaking = false
	}
}

func (r *modelRun) release(i int) {
	s := r.sessions[i]
	s.lease.Release()
	r.model.held[s.source]--
	r.model.held[s.match]--
	r.sessions = append(r.sessions[:i], r.sessions[i+1:]...)
}

func (r *modelRun) step() (what string, got, want policy.Reason) {
	switch n := r.random.IntN(100); {
	case n < 40:
		return r.admit()
	case n < 55:
		r.model.at += r.random.IntN(32)
	case n < 56:
		r.model.at += r.random.IntN(64 * 60)
	case n < 57:
		r.reload()
	case n < 62:
		r.limiter.Sweep(r.now())
	case len(r.sessions) == 0:
	default:
		i := r.random.IntN(len(r.sessions))
		switch s := r.sessions[i]; {
		case n < 72:
			return r.charge(s)
		case n < 82:
			return r.handshake(s)
		case n < 87:
			r.fail(s)
		default:
			r.release(i)
		}
	}
	return "", "", ""
}

// TestLimiterAgreesWithTheModel is the property that carries everything: what is forgotten cannot be told from what is
// remembered, whatever happens in whatever order, reloads included.
func TestLimiterAgreesWithTheModel(t *testing.T) {
	refused := make(map[policy.Reason]int)
	for seed := range uint64(60) {
		r := &modelRun{t: t, random: rand.New(rand.NewPCG(seed, 3)), limiter: policy.NewLimiter(1000), rules: make([]policy.Limits, 3)}
		r.model = modelLimiter{
			held: make(map[string]int), arrivals: make(map[string]*modelBucket), handshakes: make(map[string]*modelBucket),
		}
		r.reload()
		for i := range 3000 {
			what, got, want := r.step()
			if got != want {
				t.Fatalf("seed %d, step %d: %s at %d/64 s = %q, want %q", seed, i, what, r.model.at, got, want)
			}
			refused[got]++
		}
		if stats := r.limiter.Stats(); stats.Overflowed != 0 {
			t.Fatalf("seed %d: the table was full, so this test compares the wrong things", seed)
		}
	}
	for _, reason := range []policy.Reason{policy.SourceRate, policy.SourceConnections, policy.SourceHandshakes, policy.RuleRate, policy.RuleConnections} {
		if refused[reason] < 100 {
			t.Errorf("only %d operations were refused for %s, so this test looks at the wrong things", refused[reason], reason)
		}
	}
}
