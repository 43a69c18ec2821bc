package policy

import (
	"sync/atomic"
	"time"
)

// Visit is one session's way past the gate, from its arrival to its departure. Every step names the
// [Gate] in force: a reload may have put another one there since the last step. Arrive,
// Handshake, Judge and Fail are for the session's own goroutine, Leave and Rejudge for
// any. The zero value is the visit of a session that has just been accepted.
type Visit struct {
	lease   atomic.Pointer[Lease]
	left    atomic.Bool
	terms   Terms
	pardons Decision // the first refusal that audit mode let through; its verdict is Deny if there was none
}

// Arrive judges a connection on what its socket knows and counts it. In this order: blocks
// and rules, because who is denied anyway should learn why; the lock-out; the bounds
// of the source, which a denied connection does not use up.
func (v *Visit) Arrive(g *Gate, f *Facts) Decision {
	d := g.decide(f)
	if !d.Verdict.Passes() {
		return d
	}
	v.terms = g.terms(f)
	if g.lockedOut(f, &v.terms) {
		d = v.refuse(d, SourceLocked)
	}
	if !d.Verdict.Passes() || g.Limiter == nil {
		return d
	}
	lease, refused := g.Limiter.Admit(f.Now, f.Source.Addr(), v.terms.Bounds)
	v.lease.Store(lease)
	if v.left.Load() { // meanwhile, and Leave may have found no lease
		lease.Release()
	}
	if refused != "" {
		d = v.refuse(d, refused)
	}
	return d
}

// refuse turns a decision to let pass, unless audit mode is on: for everything, which is only
// remembered, or for the rule that decided.
func (v *Visit) refuse(d Decision, reason Reason) Decision {
	refused := Decision{Rule: d.Rule, Reason: reason, Match: d.Match, Limits: d.Limits}
	if v.terms.Audit || d.Reason == OnlyAudit {
		refused.Verdict = AuditDeny
	}
	if v.terms.Audit && v.pardons.Verdict == Deny {
		v.pardons = refused
	}
	return refused
}

// Handshake counts a TLS handshake that is about to begin, and returns the code of the limit
// that refuses it, or nothing.
func (v *Visit) Handshake(now time.Time) Reason {
	refused := v.lease.Load().Handshake(now)
	if refused == "" || v.refuse(Decision{}, refused).Verdict.Passes() {
		return ""
	}
	return refused
}

// Judge has the last word, on everything that is known after the handshake, and counts the
// session for the rule that lets it pass. The lock-out is looked at again: who opens a hundred
// connections at once has not a hundred guesses.
func (v *Visit) Judge(g *Gate, f *Facts) Decision {
	d := g.decide(f)
	if !d.Verdict.Passes() {
		return d
	}
	v.terms = g.terms(f)
	if g.lockedOut(f, &v.terms) {
		d = v.refuse(d, SourceLocked)
	}
	if d.Verdict.Passes() {
		d = v.charge(g, f, d)
	}
	if d.Verdict == Allow && v.pardons.Verdict == AuditDeny {
		d.Verdict, d.Reason = AuditDeny, v.pardons.Reason // it got here only because nothing is denied
	}
	return d
}

// charge counts the session for a rule that lets it pass. Where that one is at its limit, any other that
// allows the session will do: a rule never takes away what another one allows.
func (v *Visit) charge(g *Gate, f *Facts, d Decision) Decision {
	lease := v.lease.Load()
	refused := lease.Charge(f.Now, d.Match, d.Limits)
	if refused == "" {
		return d
	}
	for _, other := range g.Policy.Alternatives(f) {
		if other.Rule != d.Rule && lease.Charge(f.Now, other.Match, other.Limits) == "" {
			return other
		}
	}
	return v.refuse(d, refused)
}

// Rejudge says what the policy of a newer gate decides on an established session, whose
// facts are those of its last judgement, with the present time. If a rule lets it pass, the
// session counts for that rule from now on. Limits refuse nothing: the session is there already.
func (v *Visit) Rejudge(g *Gate, f *Facts) Decision {
	d := g.decide(f)
	lease := v.lease.Load()
	if !d.Verdict.Passes() || lease.ChargedFor(d.Match, d.Limits) {
		return d
	}
	counted := d
	for _, other := range g.Policy.Alternatives(f) {
		if lease.ChargedFor(other.Match, other.Limits) {
			counted = other // it did not find room with the first
		}
	}
	lease.Move(f.Now, counted.Match, counted.Limits)
	return d
}

// Fail counts the failure of a session that did not get as far as its upstream: against the source's
// handshakes, and towards a lock-out. It reports the lock if this failure locks the source
// out. It must come before Leave.
func (v *Visit) Fail(g *Gate, f *Facts, reason Reason) (lock Locked, isLocked bool) {
	if reason.failedHandshake() {
		v.lease.Load().HandshakeFailed(f.Now)
	}
	if !reason.counts() || g == nil || g.Lockouts == nil || g.terms(f).Exempt {
		return Locked{}, false
	}
	if !g.Lockouts.Failed(f.Now, f.Source.Addr(), reason) {
		return Locked{}, false
	}
	return g.Lockouts.Locked(f.Now, f.Source.Addr())
}

// Leave gives back what the session was counted for, now and if it is still on its way. Only the
// first call has an effect.
func (v *Visit) Leave() {
	v.left.Store(true)
	v.lease.Load().Release()
}
