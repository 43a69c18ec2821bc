package policy

import (
	"sync/atomic"
	"time"
)

// Judge is what a [Gate] asks. It must be safe for concurrent use; [*Set] is one.
type Judge interface {
	// Decide judges a session.
	Decide(*Facts) Decision
	// Alternatives returns the decisions of all rules that let a session pass, in rank.
	Alternatives(*Facts) []Decision
	// Terms returns what holds at the port of the facts, whatever the rules.
	Terms(*Facts) Terms
}

// Terms are what holds for a source at a port, whatever the rules.
type Terms struct {
	Bounds *Defaults // nil for none
	Audit  bool      // nothing is denied
	Exempt bool      // the source is never locked out
}

// Gate lets sessions pass: a policy, and what is counted for it. Every generation has its
// own, because the policy is; limiter and lock-outs are those of all generations.
//
// Immutable, and safe for concurrent use. The zero value and a nil *Gate deny everything.
type Gate struct {
	Policy   Judge     // nil denies everything
	Limiter  *Limiter  // nil bounds nothing
	Lockouts *Lockouts // nil locks nobody out
}

// Visit returns the visit of a session that has just been accepted.
func (g *Gate) Visit() *Visit {
	if g == nil {
		g = new(Gate)
	}
	return &Visit{gate: g}
}

// decide asks the policy, if there is one.
func (g *Gate) decide(f *Facts) Decision {
	if g == nil || g.Policy == nil {
		return Decision{Reason: NoPolicy, Failed: Destination}
	}
	return g.Policy.Decide(f)
}

// Visit is one session at a [Gate], from its arrival to its departure. Arrive, Handshake,
// Judge and Fail are for the session's own goroutine; Leave and Rejudge for any.
type Visit struct {
	gate    *Gate
	lease   atomic.Pointer[Lease]
	terms   Terms
	pardons Decision // the first refusal that audit mode let through; its verdict is Deny if there was none
}

// Arrive judges a connection on what its socket knows and counts it. In this order: blocks
// and rules, because who is denied anyway should learn why; the lock-out; the bounds
// of the source, which a denied connection does not use up.
func (v *Visit) Arrive(f *Facts) Decision {
	d := v.gate.decide(f)
	if !d.Verdict.Passes() {
		return d
	}
	v.terms = v.gate.Policy.Terms(f)
	if v.locked(f) {
		d = v.refuse(d, SourceLocked)
	}
	if !d.Verdict.Passes() || v.gate.Limiter == nil {
		return d
	}
	lease, refused := v.gate.Limiter.Admit(f.Now, f.Source.Addr(), v.terms.Bounds)
	v.lease.Store(lease)
	if refused != "" {
		d = v.refuse(d, refused)
	}
	return d
}

func (v *Visit) locked(f *Facts) bool {
	if v.gate.Lockouts == nil || v.terms.Exempt {
		return false
	}
	_, locked := v.gate.Lockouts.Locked(f.Now, f.Source.Addr())
	return locked
}

// refuse turns a decision to let pass, unless audit mode is on, which only remembers it.
func (v *Visit) refuse(d Decision, reason Reason) Decision {
	d = Decision{Rule: d.Rule, Reason: reason, Match: d.Match, Limits: d.Limits}
	if v.terms.Audit {
		d.Verdict = AuditDeny
		if v.pardons.Verdict == Deny {
			v.pardons = d
		}
	}
	return d
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
// session for the rule that lets it pass.
func (v *Visit) Judge(f *Facts) Decision {
	d := v.gate.decide(f)
	if !d.Verdict.Passes() {
		return d
	}
	d = v.charge(f, d)
	if d.Verdict == Allow && v.pardons.Verdict == AuditDeny {
		d.Verdict, d.Reason = AuditDeny, v.pardons.Reason // it got here only because nothing is denied
	}
	return d
}

// charge counts the session for a rule that lets it pass. Where that one is at its limit, any other that
// allows the session will do: a rule never takes away what another one allows.
func (v *Visit) charge(f *Facts, d Decision) Decision {
	lease := v.lease.Load()
	refused := lease.Charge(f.Now, d.Match, d.Limits)
	if refused == "" {
		return d
	}
	for _, other := range v.gate.Policy.Alternatives(f) {
		if other.Rule != d.Rule && lease.Charge(f.Now, other.Match, other.Limits) == "" {
			return other
		}
	}
	return v.refuse(d, refused)
}

// Rejudge says what the policy of a newer gate decides on an established session, whose
// facts are those of its last judgement, with the present time. Limits are no matter: the
// session is there already, and stays counted as it was.
func (v *Visit) Rejudge(newer *Gate, f *Facts) Decision { return newer.decide(f) }

// Fail counts the failure of a session that did not get as far as its upstream: against the source's
// handshakes, and towards a lock-out. It reports until when that locks the source
// out, if this failure does; Forever has no end. It must come before Leave.
func (v *Visit) Fail(f *Facts, reason Reason) (locked Locked, isLocked bool) {
	if reason.failedHandshake() {
		v.lease.Load().HandshakeFailed(f.Now)
	}
	if !reason.counts() || v.gate.Lockouts == nil || v.gate.Policy == nil || v.gate.Policy.Terms(f).Exempt {
		return Locked{}, false
	}
	if !v.gate.Lockouts.Failed(f.Now, f.Source.Addr(), reason) {
		return Locked{}, false
	}
	return v.gate.Lockouts.Locked(f.Now, f.Source.Addr())
}

// Leave gives back what the session was counted for. Only the first call has an effect.
func (v *Visit) Leave() { v.lease.Load().Release() }
