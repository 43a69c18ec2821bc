package policy_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"sallyport/policy"
)

// gateSource is a policy of one port, app/p, for 192.0.2.0/24 and a blocked address in it.
func gateSource() *policy.Source {
	return &policy.Source{
		Ports:  []policy.Port{{Application: "app", ID: "p", Mode: policy.Secure}},
		Rules:  []policy.Rule{{ID: "rule", From: []string{"192.0.2.0/24"}, To: []string{"app/p"}, Owner: "o"}},
		Blocks: []policy.Block{{ID: "block", Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.66/32")}}},
	}
}

// newGate compiles a source and joins it with a fresh limiter and fresh lock-outs, after one failure.
func newGate(t *testing.T, src *policy.Source) *policy.Gate {
	t.Helper()
	set, faults := policy.Compile(src, limitStart)
	if set == nil {
		t.Fatal(faults)
	}
	rules := lockoutRules()
	rules.Failures = 1
	return &policy.Gate{Policy: set, Limiter: policy.NewLimiter(16), Lockouts: policy.NewLockouts(limitStart, 16, rules)}
}

func factsFrom(source string) *policy.Facts {
	ap := netip.MustParseAddrPort(source)
	return &policy.Facts{Application: "app", Port: "p", Source: ap, Peer: ap, TLS: true, Now: limitStart}
}

// pass takes a session through both judgements and returns the last decision.
func pass(g *policy.Gate, v *policy.Visit, f *policy.Facts) policy.Decision {
	f.Judged = policy.Early
	if d := v.Arrive(g, f); !d.Verdict.Passes() {
		return d
	}
	if refused := v.Handshake(f.Now); refused != "" {
		return policy.Decision{Reason: refused}
	}
	f.Judged = policy.Final
	return v.Judge(g, f)
}

func wantDecision(t *testing.T, d policy.Decision, verdict policy.Verdict, reason policy.Reason, rule string) {
	t.Helper()
	if d.Verdict != verdict || d.Reason != reason || d.Rule != rule {
		t.Errorf("got %s, %s by %q; want %s, %s by %q", d.Verdict, d.Reason, d.Rule, verdict, reason, rule)
	}
}

func TestGateWithoutPolicyDenies(t *testing.T) {
	for name, gate := range map[string]*policy.Gate{"nil": nil, "zero": {}, "nil set": {Policy: (*policy.Set)(nil)}} {
		t.Run(name, func(t *testing.T) {
			v, f := new(policy.Visit), factsFrom("192.0.2.1:1")
			wantDecision(t, pass(gate, v, f), policy.Deny, policy.NoPolicy, "")
			v.Fail(gate, f, policy.NoPolicy)
			v.Leave()
		})
	}
}

// TestGateOrder: who is denied for several reasons hears of the one that comes first.
func TestGateOrder(t *testing.T) {
	src := gateSource()
	src.Defaults.MaxConnections = 1
	gate := newGate(t, src)
	visits := map[string]*policy.Visit{}
	for _, source := range []string{"192.0.2.66:1", "192.0.2.1:1", "198.51.100.1:1"} {
		v := new(policy.Visit)
		pass(gate, v, factsFrom(source))
		visits[source] = v
	}
	again := func(source string) policy.Decision { return pass(gate, new(policy.Visit), factsFrom(source)) }
	wantDecision(t, again("192.0.2.1:2"), policy.Deny, policy.SourceConnections, "")
	for source, v := range visits {
		v.Fail(gate, factsFrom(source), policy.HandshakeFailed) // locks it out
	}
	wantDecision(t, again("192.0.2.66:2"), policy.Deny, policy.Blocked, "block")
	wantDecision(t, again("198.51.100.1:2"), policy.Deny, policy.NoRule, "")
	wantDecision(t, again("192.0.2.1:2"), policy.Deny, policy.SourceLocked, "")
	if stats := gate.Limiter.Stats(); stats.Sources != 1 {
		t.Errorf("%d sources are counted; those that are denied anyway need no memory", stats.Sources)
	}
}

func TestGateCountsForTheRule(t *testing.T) {
	src := gateSource()
	src.Rules[0].MaxConnections = 1
	gate := newGate(t, src)
	first, second := new(policy.Visit), new(policy.Visit)
	wantDecision(t, pass(gate, first, factsFrom("192.0.2.1:1")), policy.Allow, policy.Allowed, "rule")
	wantDecision(t, pass(gate, second, factsFrom("192.0.2.1:2")), policy.Deny, policy.RuleConnections, "rule")
	second.Leave()
	first.Leave()
	first.Leave()
	third := new(policy.Visit)
	wantDecision(t, pass(gate, third, factsFrom("192.0.2.1:3")), policy.Allow, policy.Allowed, "rule")
	wantDecision(t, pass(gate, new(policy.Visit), factsFrom("192.0.2.1:4")), policy.Deny, policy.RuleConnections, "rule")
}

// TestGateAudit: nothing is denied, and everything that would be is told by what it would have been denied for.
func TestGateAudit(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(*policy.Source)
		before  func(*policy.Gate)
		source  string
		reason  policy.Reason
		rule    string
	}{
		{"no rule", nil, nil, "198.51.100.1:1", policy.NoRule, ""},
		{"block", nil, nil, "192.0.2.66:1", policy.Blocked, "block"},
		{"lock-out", nil, func(g *policy.Gate) { new(policy.Visit).Fail(g, factsFrom("192.0.2.1:9"), policy.NoRule) }, "192.0.2.1:1", policy.SourceLocked, "rule"},
		{"source", func(s *policy.Source) { s.Defaults.MaxConnections = 1 }, func(g *policy.Gate) { pass(g, new(policy.Visit), factsFrom("192.0.2.1:9")) }, "192.0.2.1:1", policy.SourceConnections, "rule"},
		{"rule", func(s *policy.Source) { s.Rules[0].MaxConnections = 1 }, func(g *policy.Gate) { pass(g, new(policy.Visit), factsFrom("192.0.2.1:9")) }, "192.0.2.1:1", policy.RuleConnections, "rule"},
		{"handshakes", func(s *policy.Source) { s.Defaults.Handshakes, _ = policy.ParseRate("1/m") }, func(g *policy.Gate) { pass(g, new(policy.Visit), factsFrom("192.0.2.1:9")) }, "192.0.2.1:1", policy.SourceHandshakes, "rule"},
	} {
		for _, audit := range []policy.Audit{{All: true}, {Ports: []string{"app/*"}}} {
			t.Run(c.name, func(t *testing.T) {
				src := gateSource()
				src.Audit = audit
				if c.prepare != nil {
					c.prepare(src)
				}
				gate := newGate(t, src)
				if c.before != nil {
					c.before(gate)
				}
				wantDecision(t, pass(gate, new(policy.Visit), factsFrom(c.source)), policy.AuditDeny, c.reason, c.rule)
			})
		}
	}
}

func TestGateLocksOut(t *testing.T) {
	src := gateSource()
	src.Lockout = policy.Lockout{Failures: 1, Window: time.Minute, Duration: time.Minute, Exempt: []string{"192.0.2.9"}}
	gate := newGate(t, src)
	f := factsFrom("192.0.2.1:1")
	if _, locked := new(policy.Visit).Fail(gate, f, policy.UpstreamRefused); locked {
		t.Error("what an upstream does locks a client out")
	}
	locked, is := new(policy.Visit).Fail(gate, f, policy.NotTLS)
	if !is || locked.Source != netip.MustParsePrefix("192.0.2.1/32") || !locked.Until.After(limitStart) {
		t.Errorf("a failure that locks out is reported as %+v, %v", locked, is)
	}
	if _, again := new(policy.Visit).Fail(gate, f, policy.NotTLS); again {
		t.Error("a failure of a source that is locked out locks it out again")
	}
	exempt := factsFrom("192.0.2.9:1")
	if _, is := new(policy.Visit).Fail(gate, exempt, policy.NotTLS); is {
		t.Error("an exempt source is locked out")
	}
	gate.Lockouts.Failed(limitStart, exempt.Source.Addr(), policy.NotTLS) // by an older policy
	wantDecision(t, pass(gate, new(policy.Visit), exempt), policy.Allow, policy.Allowed, "rule")
}

// TestLocksWithoutLockout: a policy that locks nobody out any more does not keep out whom an older one locked.
func TestLocksWithoutLockout(t *testing.T) {
	gate := newGate(t, gateSource())
	new(policy.Visit).Fail(gate, factsFrom("192.0.2.1:1"), policy.NotTLS)
	wantDecision(t, pass(gate, new(policy.Visit), factsFrom("192.0.2.1:1")), policy.Deny, policy.SourceLocked, "")
	gate.Lockouts.Configure(policy.LockoutRules{})
	wantDecision(t, pass(gate, new(policy.Visit), factsFrom("192.0.2.1:1")), policy.Allow, policy.Allowed, "rule")
}

// TestLeftBeforeItsLease: a session that is told to leave while it arrives keeps no place.
func TestLeftBeforeItsLease(t *testing.T) {
	src := gateSource()
	src.Rules[0].MaxConnections, src.Defaults.MaxConnections = 1, 1
	gate := newGate(t, src)
	v := new(policy.Visit)
	v.Leave()
	pass(gate, v, factsFrom("192.0.2.1:1"))
	wantDecision(t, pass(gate, new(policy.Visit), factsFrom("192.0.2.1:2")), policy.Allow, policy.Allowed, "rule")
}

// TestRejudgeCounts: a session counts for the rule that lets it pass now, even if there is no room, but one that was
// let in by another rule for want of room stays where it is.
func TestRejudgeCounts(t *testing.T) {
	src := gateSource()
	gate := newGate(t, src)
	first, second := new(policy.Visit), new(policy.Visit)
	pass(gate, first, factsFrom("192.0.2.1:1"))
	pass(gate, second, factsFrom("192.0.2.1:2"))
	bounded := gateSource()
	bounded.Rules[0].ID, bounded.Rules[0].MaxConnections = "renamed", 1
	newer := newGate(t, bounded)
	newer.Limiter = gate.Limiter
	judged := func(source string) *policy.Facts {
		f := factsFrom(source)
		f.Judged = policy.Final
		return f
	}
	for _, v := range []*policy.Visit{first, second} {
		wantDecision(t, v.Rejudge(newer, judged("192.0.2.1:1")), policy.Allow, policy.Allowed, "renamed")
	}
	first.Leave()
	wantDecision(t, pass(newer, new(policy.Visit), factsFrom("192.0.2.1:3")), policy.Deny, policy.RuleConnections, "renamed")
	second.Leave()
	third, fourth := new(policy.Visit), new(policy.Visit)
	bounded.Rules = append(bounded.Rules, bounded.Rules[0])
	bounded.Rules[1].ID = "second"
	both := newGate(t, bounded)
	both.Limiter = gate.Limiter
	wantDecision(t, pass(both, third, factsFrom("192.0.2.1:4")), policy.Allow, policy.Allowed, "renamed")
	wantDecision(t, pass(both, fourth, factsFrom("192.0.2.1:5")), policy.Allow, policy.Allowed, "second")
	fourth.Rejudge(both, judged("192.0.2.1:5"))
	third.Leave()
	wantDecision(t, pass(both, new(policy.Visit), factsFrom("192.0.2.1:6")), policy.Allow, policy.Allowed, "renamed")
	wantDecision(t, pass(both, new(policy.Visit), factsFrom("192.0.2.1:7")), policy.Deny, policy.RuleConnections, "renamed")
}

// TestFailedHandshakesCountDouble: of three handshakes at once, one that fails takes the place of another.
func TestFailedHandshakesCountDouble(t *testing.T) {
	src := gateSource()
	src.Defaults.Handshakes, _ = policy.ParseRate("3/s")
	gate := newGate(t, src)
	gate.Lockouts = nil
	v, f := new(policy.Visit), factsFrom("192.0.2.1:1")
	pass(gate, v, f)
	v.Fail(gate, f, policy.ClientCertUnknown)
	v.Leave()
	wantDecision(t, pass(gate, new(policy.Visit), f), policy.Allow, policy.Allowed, "rule")
	wantDecision(t, pass(gate, new(policy.Visit), f), policy.Deny, policy.SourceHandshakes, "")
}

// TestRejudge: a newer policy is asked, limits are not.
func TestRejudge(t *testing.T) {
	src := gateSource()
	gate := newGate(t, src)
	v, f := new(policy.Visit), factsFrom("192.0.2.1:1")
	pass(gate, v, f)
	narrow := gateSource()
	narrow.Rules[0].From = []string{"192.0.2.2"}
	wantDecision(t, v.Rejudge(newGate(t, narrow), f), policy.Deny, policy.NoRule, "")
	bounded := gateSource()
	bounded.Rules[0].ID, bounded.Rules[0].Rate = "other", mustRate("1/h")
	newer := newGate(t, bounded)
	for range 3 {
		wantDecision(t, v.Rejudge(newer, f), policy.Allow, policy.Allowed, "other")
	}
}

func mustRate(text string) policy.Rate {
	rate, err := policy.ParseRate(text)
	if err != nil {
		panic(err)
	}
	return rate
}

// TestWhatCountsTowardsLockout goes through all codes, so that a new one has to be thought about.
func TestWhatCountsTowardsLockout(t *testing.T) {
	counting := []policy.Reason{
		policy.NoRule, policy.ClientNeedsTLS, policy.SourcePortMismatch, policy.NeedsTLS, policy.NeedsPlaintext,
		policy.IdentityMissing, policy.IdentityMismatch, policy.NotYetValid, policy.Expired, policy.HeaderUntrusted,
		policy.DetectBroken, policy.DetectSSLv2, policy.SilentClient, policy.NotTLS,
		policy.HandshakeTimeout, policy.HandshakeFailed, policy.VersionMismatch, policy.CipherMismatch, policy.ALPNMismatch,
		policy.ClientCertMissing, policy.ClientCertInvalid, policy.ClientCertExpired, policy.ClientCertRevoked, policy.ClientCertUnknown,
	}
	for _, e := range policy.Reasons() {
		_, locked := new(policy.Visit).Fail(newGate(t, gateSource()), factsFrom("192.0.2.1:1"), e.Reason)
		if want := slices.Contains(counting, e.Reason); locked != want {
			t.Errorf("%s counts: %v, want %v", e.Reason, locked, want)
		}
	}
}

func TestNextExpiry(t *testing.T) {
	src := gateSource()
	day := func(d int) time.Time { return time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC) }
	rule := func(id string, expires time.Time, mode policy.RuleMode) policy.Rule {
		r := src.Rules[0]
		r.ID, r.Expires, r.Mode = id, expires, mode
		return r
	}
	src.Rules = []policy.Rule{
		src.Rules[0], rule("c", day(7), policy.Enforce), rule("b", day(5), policy.Enforce), rule("a", day(5), policy.AuditRule), rule("off", day(3), policy.Off),
	}
	set, faults := policy.Compile(src, day(1))
	if set == nil {
		t.Fatal(faults)
	}
	for _, c := range []struct {
		after, at time.Time
		rules     []string
	}{
		{day(1), day(6), []string{"a", "b"}}, // to the end of its last day
		{day(6), day(8), []string{"c"}},
		{day(8), time.Time{}, nil},
	} {
		if at, rules := set.NextExpiry(c.after); !at.Equal(c.at) || !slices.Equal(rules, c.rules) {
			t.Errorf("after %s: %s %v, want %s %v", c.after, at, rules, c.at, c.rules)
		}
	}
}
